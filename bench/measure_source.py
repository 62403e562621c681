"""What reading costs the source: sessions, locks, snapshots and bytes, during a baseline, a validation at each depth, and a delta;
and the same of a source of 5,000 tables with three indexes each.

The source is a real PostgreSQL with a real physical copy as its clone. A staff session looks at the source every few
milliseconds, so a peak that is shorter may be missed.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path

import psycopg
from psycopg import sql

from bench.rounds import Figures, Row
from daybreak.delta.delta import DeltaQuestion, delta
from daybreak.delta.tables import Listing
from daybreak.lab.gates.tls import Authority
from daybreak.lab.servers.binaries import installs
from daybreak.lab.servers.masters import Master
from daybreak.lab.volumes.serving import Listen
from daybreak.lab.volumes.volume import Volume
from daybreak.model.actions import Validate
from daybreak.model.birth import Birth
from daybreak.model.delta import Delta
from daybreak.model.inventory import Inventory
from daybreak.model.moment import At
from daybreak.model.targets import Objectives, Target
from daybreak.model.thoroughness import Depth, Thoroughness
from daybreak.model.trust import Trust
from daybreak.model.world import Cluster, Identity
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits, open_session
from daybreak.validate.probes import ask_birth, take_inventory
from daybreak.validate.recording import Sitting, record
from daybreak.validate.run import Subject, validate

TABLES, ROWS = 40, 200_000 if os.environ.get("DAYBREAK_BENCH") != "quick" else 20_000
MANY = 5_000 if os.environ.get("DAYBREAK_BENCH") != "quick" else 500
OWNER, DATABASE = Master("embi_admin", "a password of the bench"), "embi"
WATCHER = Login("watcher", "another password of the bench")
MOST_SESSIONS = 3
LONGEST = timedelta(minutes=10)
SOON = timedelta(seconds=20)
"""How long a validation at quick depth may take on two quiet cores, whatever the number of tables."""
EACH = 0.005

_LOOK = sql.SQL("""
WITH ours AS (SELECT pid, xact_start FROM pg_stat_activity WHERE usename = 'embi_admin' AND application_name = 'daybreak')
SELECT (SELECT count(*) FROM ours),
       (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 FROM ours),
       (SELECT count(*) FROM pg_locks JOIN ours USING (pid) WHERE NOT fastpath)
""")
"""A session of others has no name yet while it begins, so it is not told by the lack of one."""
_BYTES = sql.SQL("SELECT (blks_read + blks_hit) * 8192 FROM pg_stat_database WHERE datname = 'embi'")
_LOCK_TABLE = sql.SQL("""
SELECT current_setting('max_locks_per_transaction')::int
       * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)
""")
_SIZE = sql.SQL("SELECT pg_database_size('embi')")


@dataclass
class Cost:
    """The peaks that were seen at the source, and the bytes that it read."""

    sessions: int = 0
    snapshot: float = 0.0
    locks: int = 0
    read: int = 0
    took: float = 0.0


@dataclass
class Pair:
    """A source, its clone, and what the clone had spent at its birth."""

    source: Volume
    clone: Volume
    moment: datetime
    birth: Birth
    size: int = field(default=0)


def figures() -> Figures:
    """Each kind of reading, one after the other."""
    with _pair(_tables()) as pair:
        ways: dict[str, Callable[[], None]] = {
            "baseline with fingerprints": partial(_record, pair),
            "validation, `--depth standard`": partial(_validate, pair, "standard"),
            "validation, `--depth full`": partial(_validate, pair, "full"),
            "delta of all tables": partial(_delta, pair),
        }
        costs = [_row(what, _measure(pair, way), _most_locks(pair)) for what, way in ways.items()]
        size = pair.size
    return Figures(
        "What reading costs the source",
        (*costs, *rows_among_neighbors()),
        (
            f"{TABLES} tables of {ROWS:,} rows, {size / 1e6:,.0f} MB with indexes; a tenth of them was written to after the moment. Then {MANY:,} small tables with three indexes each.",
            "Beside the readers of the many tables other people work at the source: one asks a question that takes most of the lock table, one writes, one alters tables, one comes and goes. None of their statements may fail.",
            f"The source is looked at every {EACH * 1000:.0f} ms. Locks are entries of the lock table, so without those of the fast path. Bytes are those that its buffers were asked for, whether or not they came from disk.",
        ),
    )


def rows_among_neighbors(quick_within: timedelta | None = SOON) -> tuple[Row, ...]:
    """What reading a source of many tables costs it, with other people at work there, whose statements may not fail.

    ``quick_within`` is how long a validation at quick depth may take when nobody is beside it; without it that is not asked.
    """
    with _pair(_many_tables()) as pair:
        many, most, rows = f"{MANY:,} tables", _most_locks(pair), list[Row]()
        ways: dict[str, Callable[[], None]] = {
            "capture": partial(_capture, pair),
            "baseline": partial(_record, pair),
            "validation, `--depth quick`": partial(_validate, pair, "quick"),
            "validation, `--depth standard`": partial(_validate, pair, "standard"),
        }
        for what, way in ways.items():
            people = _Neighbors(pair.source)
            with people.at_work():
                cost = _measure(pair, way)
            rows.append(_row(f"{many}, others at work: {what}", cost, most, people))
        if quick_within is not None:
            cost = _measure(pair, partial(_validate, pair, "quick"))
            rows.append(_row(f"{many}: validation, `--depth quick`", cost, most, soon=quick_within))
    return tuple(rows)


def _row(what: str, cost: Cost, most: int, people: _Neighbors | None = None, soon: timedelta | None = None) -> Row:
    goal = f"at most {MOST_SESSIONS} sessions, {most} locks, no snapshot over {LONGEST.total_seconds() / 60:.0f} min"
    goal += f", {soon.total_seconds():.0f} s" if soon else ""
    is_reached = cost.sessions <= MOST_SESSIONS and cost.locks <= most and cost.snapshot <= LONGEST.total_seconds()
    is_reached &= soon is None or cost.took <= soon.total_seconds()
    took = f"{cost.took:.1f} s"
    if people is None:
        took += f", {cost.read / 1e6:,.0f} MB"
    else:
        took += f"; {people.answered:,} statements of others, {len(people.troubles)} failed"
        goal += ", no statement of others fails"
        is_reached &= people.answered > 0 and not people.troubles
    ratio = f"{cost.sessions} sessions, {cost.locks} locks, snapshot {cost.snapshot:.1f} s"
    return Row(what, took, ratio, 1, goal, is_reached)


@dataclass
class _Neighbors:
    """Other people's applications at the source, each in a session of its own."""

    source: Volume
    answered: int = 0
    troubles: list[str] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let them work for the length of a ``with`` block."""
        is_over = threading.Event()
        whole = " UNION ALL ".join(f"SELECT 1 FROM t{number}" for number in range(MANY * 6 // 25))
        kinds: dict[str, list[tuple[str, ...]]] = {
            "question": [(f"SELECT count(*) FROM ({whole}) every_row",)],
            "write": [
                (f"INSERT INTO t{n} (note) VALUES ('w')", f"DELETE FROM t{n} WHERE note = 'w'")
                for n in range(7, MANY, 400)
            ],
            "migration": [
                (f"ALTER TABLE t{n} ADD COLUMN x int", f"ALTER TABLE t{n} DROP COLUMN x") for n in range(3, MANY, 400)
            ],
            "visit": [("SELECT 1",)],
        }
        threads = [
            threading.Thread(target=self._go, args=(kind, statements, is_over), name=f"neighbor-{kind}")
            for kind, statements in kinds.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            for thread in threads:
                thread.join()

    def _go(self, kind: str, statements: Sequence[tuple[str, ...]], is_over: threading.Event) -> None:
        """Carry the statements out in turn until it is over; nothing but a failure ends one early."""
        session = None
        for group in cycle(statements):
            if is_over.is_set():
                break
            try:
                session = session or _connect(self.source, lock_timeout="10s")
                for statement in group:
                    session.execute(statement.encode())
                    self.answered += 1
                if kind == "visit":
                    session.close()
                    session = None
            except psycopg.Error as trouble:
                self.troubles.append(f"{kind}: {trouble}")
            is_over.wait(EACH)
        if session is not None:
            session.close()


def _most_locks(pair: Pair) -> int:
    with open_session(_reach(pair.source).address, WATCHER, Limits()) as session:
        return int(session.ask(_LOCK_TABLE)[0][0]) // 10


def _capture(pair: Pair) -> None:
    found = take_inventory(_reach(pair.source), timedelta(seconds=60))
    if not isinstance(found, Inventory) or found.unlisted:
        raise RuntimeError(str(found)[:300])


def _measure(pair: Pair, way: Callable[[], None]) -> Cost:
    cost, is_over = Cost(), threading.Event()
    before = _read_bytes(pair.source)

    def look() -> None:
        with open_session(_reach(pair.source).address, WATCHER, Limits(whole=timedelta(hours=1))) as session:
            while not is_over.is_set():
                [[sessions, snapshot, locks]] = session.ask(_LOOK)
                cost.sessions, cost.locks = max(cost.sessions, sessions), max(cost.locks, locks)
                cost.snapshot = max(cost.snapshot, snapshot)
                time.sleep(EACH)

    watcher = threading.Thread(target=look)
    watcher.start()
    began = time.perf_counter()
    try:
        way()
    finally:
        cost.took = time.perf_counter() - began
        is_over.set()
        watcher.join()
    # A session reports what it read when it ends.
    time.sleep(1)
    cost.read = _read_bytes(pair.source) - before
    return cost


@contextmanager
def _pair(statements: Sequence[str]) -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-", dir="/var/tmp"))
    folder.chmod(0o711)
    made: list[Volume] = []
    try:
        authority = Authority(folder / "tls")
        source = Volume.create(folder / "source", installs(folder / "cache")[-1], owner=OWNER, database=DATABASE)
        made.append(source)
        source.start(_listen(authority), {"fsync": "off", "max_wal_size": "8GB"})
        _run(source, f"CREATE ROLE watcher LOGIN PASSWORD '{WATCHER.password}' IN ROLE pg_monitor")
        _run(source, *statements)
        moment = source.tick()
        clone = source.restore(folder / "clone", moment)
        made.append(clone)
        clone.start(_listen(authority), {"fsync": "off", "track_commit_timestamp": "on"})
        birth = ask_birth(_reach(clone), timedelta(seconds=30))
        assert isinstance(birth, Birth)
        _run(source, *(f"UPDATE t{number} SET note = 'later' WHERE id % 3 = 0" for number in range(0, TABLES, 10)))
        with open_session(_reach(source).address, WATCHER, Limits()) as session:
            size = int(session.ask(_SIZE)[0][0])
        yield Pair(source, clone, moment, birth, size)
    finally:
        for volume in made:
            volume.stop(abruptly=True)
        shutil.rmtree(folder, ignore_errors=True)


def _tables() -> tuple[str, ...]:
    return tuple(each for number in range(TABLES) for each in _table(number))


def _many_tables() -> tuple[str, ...]:
    """So many small tables that one transaction cannot make them all, nor lock them."""
    return tuple(
        statement
        for number in range(MANY)
        for statement in (
            f"CREATE TABLE t{number} (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, note text, updated_at timestamptz DEFAULT now())",
            f"CREATE INDEX ON t{number} (updated_at)",
            f"CREATE INDEX ON t{number} (note)",
            f"INSERT INTO t{number} (note) VALUES ('x'), ('y'), ('z')",
        )
    )


def _table(number: int) -> tuple[str, str]:
    columns = "n AS id, md5(n::text) AS note, n * 1.25::numeric AS amount, now() AS updated_at"
    return (
        f"CREATE TABLE t{number} AS SELECT {columns} FROM generate_series(1, {ROWS}) n",
        f"ALTER TABLE t{number} ADD PRIMARY KEY (id)",
    )


def _listen(authority: Authority) -> Listen:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Listen("127.0.0.1", int(probe.getsockname()[1]), authority)


def _reach(volume: Volume) -> Reach:
    listen = volume.listen
    assert listen is not None
    trust = Trust(tls="verify-full", tls_ca=str(listen.authority.certificate))
    return Reach(Address(listen.host, listen.port, DATABASE, trust), Login(OWNER.username, OWNER.password))


def _run(volume: Volume, *statements: str) -> None:
    with _connect(volume) as session:
        for statement in statements:
            session.execute(statement.encode())


def _connect(volume: Volume, **settings: str) -> psycopg.Connection[tuple[object, ...]]:
    listen = volume.listen
    assert listen is not None
    return psycopg.connect(
        host=listen.host,
        port=listen.port,
        user=OWNER.username,
        password=OWNER.password,
        dbname=DATABASE,
        sslmode="verify-full",
        sslrootcert=str(listen.authority.certificate),
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        application_name="neighbor",
        autocommit=True,
    )


def _read_bytes(volume: Volume) -> int:
    with open_session(_reach(volume).address, WATCHER, Limits()) as session:
        return int(session.ask(_BYTES)[0][0])


def _record(pair: Pair) -> None:
    hour = timedelta(hours=1)
    target = Target(
        name="embi", cluster="embi", region="us-east-1", objectives=Objectives(rpo=hour, rto=hour, retention=hour)
    )
    identity = Identity(account="123456789012", caller="arn:aws:iam::123456789012:user/bench", region="us-east-1")
    record(
        _reach(pair.source),
        Sitting(target, _cluster(pair), identity, datetime.now(UTC), is_fingerprinted=True),
        lambda _step: None,
    )


def _cluster(pair: Pair) -> Cluster:
    listen = pair.clone.listen
    assert listen is not None
    return Cluster(
        identifier="embi",
        resource_id="cluster-bench",
        arn="arn:aws:rds:us-east-1:123456789012:cluster:embi",
        status="available",
        engine="aurora-postgresql",
        engine_version=pair.source.install.version,
        endpoint=listen.host,
        port=listen.port,
        parameter_group="default",
        created=pair.moment,
        tags={"daybreak:run": "bench"},
    )


def _validate(pair: Pair, depth: Depth) -> None:
    clone, reach = _cluster(pair), _reach(pair.clone)
    action = Validate(
        clone=clone.identifier,
        source="source",
        source_seen=None,
        instances_seen=(),
        moment=At(instant=pair.moment),
        database=DATABASE,
        login=None,
        quarantine={},
        tables={},
        checks=(),
        thoroughness=Thoroughness(depth=depth),
    )
    subject = Subject(
        action=action,
        clone=clone,
        instances=(),
        moment=pair.moment,
        login=reach.login,
        trust=reach.address.trust,
        source=_reach(pair.source),
        birth=pair.birth,
    )
    measured = validate(subject, report=lambda _finding: None, progress=lambda _step: None).measured
    for found in measured.deltas.values():
        if not isinstance(found, Delta) or found.unread:
            raise RuntimeError(str(found)[:300])


def _delta(pair: Pair) -> None:
    found = delta(_reach(pair.source), _reach(pair.clone), DeltaQuestion(pair.birth, listing=Listing(most=1_000)))
    if not isinstance(found, Delta) or not found.is_complete:
        raise RuntimeError(str(found)[:300])

"""Random histories of many tables, on real copies: no loss is reported that is none, and none of a testifying row is missed.

The truth is read straight from both servers: a row that the test took out of the clone is lost where the source still holds
it unchanged, under the same key and of the same transaction, whatever became of the table's file.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psycopg
import pytest

from daybreak.lab.servers.binaries import account, give
from daybreak.lab.servers.node import Node
from daybreak.lab.servers.template import ALONE
from daybreak.lab.volumes.volume import Volume
from daybreak.model.answers import Testimonies
from tests.lab.volumes.fix_volumes import Yard, login, newest_yard, pg_installs
from tests.validate.test_witnessing import PREPARED, birth_of, hear, lost

pytestmark = pytest.mark.sweep(held_by=("tests/validate/test_witnessing.py",))

__all__ = ["newest_yard", "pg_installs"]

ROWS = 60
SEGMENT = 8192 * 4 * 32
"""How many transactions one file of their states holds."""

WORK = (
    "UPDATE {t} SET v = v + 1 WHERE id % {n} = 0",
    "DELETE FROM {t} WHERE id % {n} = 1",
    "INSERT INTO {t} SELECT 1000000 + {r} * 100 + g, {n} FROM generate_series(1, {n}) g ON CONFLICT DO NOTHING",
    "UPDATE {t} SET id = id + 5000000 WHERE id = {n}",
    (
        "BEGIN; INSERT INTO {t} VALUES (2000000 + {r}, 1); SAVEPOINT a; UPDATE {t} SET v = 0 WHERE id % 9 = 2; "
        "ROLLBACK TO SAVEPOINT a; UPDATE {t} SET v = 1 WHERE id % 11 = 3; COMMIT"
    ),
    "BEGIN; DELETE FROM {t} WHERE id % 4 = 0; ROLLBACK",
    "VACUUM FREEZE {t}",
    "VACUUM {t}",
)
"""What people and their servers do to rows, before the moment and after it."""

REWRITES = (
    "VACUUM FULL {t}",
    "CLUSTER {t} USING {t}_pkey",
    "ALTER TABLE {t} ALTER v TYPE numeric",
    "TRUNCATE {t}",
    (
        "BEGIN; CREATE TABLE {t}_new (LIKE {t} INCLUDING ALL); INSERT INTO {t}_new SELECT * FROM {t}; DROP TABLE {t}; "
        "ALTER TABLE {t}_new RENAME TO {t}; ALTER INDEX {t}_new_pkey RENAME TO {t}_pkey; COMMIT"
    ),
    "ALTER TABLE {t} ADD COLUMN c{r} int DEFAULT 7",
)
"""What gives a table another file, or another object's name."""


@dataclass
class Company:
    """A source with many small tables, and chance."""

    source: Volume
    chance: random.Random
    tables: int
    turn: int = 0

    def fill(self) -> None:
        """Make the tables."""
        with login(self.source) as session:
            for number in range(self.tables):
                key = "PRIMARY KEY (k, id)" if number % 2 else "PRIMARY KEY (id)"
                columns = "id bigint, v numeric, k text DEFAULT '{\"a, b', " + key
                session.execute(f"CREATE TABLE t{number} ({columns})".encode())
                session.execute(f"INSERT INTO t{number} SELECT g, g FROM generate_series(1, {ROWS}) g".encode())

    def work(self, session: psycopg.Connection[object]) -> None:
        """Something for each table; now and then a rewrite, and two tables that take each other's names."""
        for number in range(self.tables):
            kind = self.chance.choice(REWRITES if self.chance.random() < 0.06 else WORK)
            self.turn += 1
            words = {"t": f"t{number}", "n": str(self.chance.randint(2, 13)), "r": str(self.turn)}
            text = kind
            for name, value in words.items():
                text = text.replace("{" + name + "}", value)
            for statement in text.split("; "):
                # A table that somebody swaps or holds is left alone this time.
                with suppress(psycopg.errors.LockNotAvailable):
                    session.execute(statement.encode())
        one, other = self.chance.sample(range(self.tables), 2)
        for before, after in ((f"t{one}", "swap"), (f"t{other}", f"t{one}"), ("swap", f"t{other}")):
            session.execute(f"ALTER TABLE {before} RENAME TO {after}".encode())
            with suppress(psycopg.errors.UndefinedObject, psycopg.errors.UndefinedTable):
                session.execute(f"ALTER INDEX {before}_pkey RENAME TO {after}_pkey".encode())

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Transactions that are open at the moment, in savepoints too, and one that is prepared; all are committed later."""
        with ExitStack() as stack:
            sessions = []
            for number in self.chance.sample(range(self.tables), min(6, self.tables)):
                session = stack.enter_context(login(self.source))
                self.turn += 1
                session.execute("BEGIN")
                session.execute(f"INSERT INTO t{number} VALUES (3000000 + {self.turn}, 3)".encode())
                session.execute("SAVEPOINT a")
                session.execute(f"UPDATE t{number} SET v = 4 WHERE id % 7 = {self.turn % 7}".encode())
                if self.turn % 2:
                    session.execute("RELEASE SAVEPOINT a")
                sessions.append((session, self.turn))
            prepared = f"half {self.turn}"
            sessions[0][0].execute(f"PREPARE TRANSACTION '{prepared}'".encode())
            yield
            sessions[0][0].execute(f"COMMIT PREPARED '{prepared}'".encode())
            for session, turn in sessions[1:]:
                session.execute(b"ROLLBACK" if turn % 5 == 0 else b"COMMIT")


def _near_the_wrap(yard: Yard, volume: Volume) -> Volume:
    """The same volume two hundred transactions before their numbers come again."""
    volume.stop()
    alone = Node(yard.install, yard.place("source"))
    alone.start(ALONE)
    for database in ("template1", "postgres", "rdsadmin", "embi"):
        with alone.connect(database) as session:
            session.execute("VACUUM FREEZE")
    alone.stop()
    goal = 2**32 - 200
    data = yard.place("source") / "data"
    who = {"user": account().uid, "group": account().gid} if account().lent else {}
    command = [str(yard.install.bin / "pg_resetwal"), "-D", str(data), "-f", "-x", str(goal)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **who)  # type: ignore[call-overload]
    states = data / "pg_xact" / f"{goal // SEGMENT:04X}"
    states.write_bytes(bytes(SEGMENT // 4))
    states.chmod(0o600)
    give(states)
    yard.started(volume, **PREPARED)
    volume.back_up()  # at work, because what a reset leaves behind at rest says that nothing was logged for a copy
    return volume


def _rows(volume: Volume, table: str) -> set[str]:
    """Key and transaction of each row."""
    with login(volume) as session:
        rows = session.execute(f"SELECT id::text || ' ' || xmin::text FROM ONLY {table}".encode())
        return {str(pair) for (pair,) in rows.fetchall()}


def _names(volume: Volume) -> dict[int, str]:
    with login(volume) as session:
        rows = session.execute(
            "SELECT oid::bigint, relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return {int(str(oid)): str(name) for oid, name in rows.fetchall()}


def _damage(company: Company, clone: Volume, heard: Testimonies) -> dict[str, int]:
    """Take rows out of some tables of the clone; how many of each the source still holds unchanged."""
    here, there = _names(clone), _names(company.source)
    by_key = [each.table for each in heard.heard if each.by == "key"]
    expected: dict[str, int] = {}
    for oid in {*by_key, *company.chance.sample(sorted(here), min(12, len(here)))}:
        name = here[oid]
        victims: set[str] = set()
        share = company.chance.randint(0, 2)
        # Rows of a transaction that is prepared in the clone are locked there for ever.
        with login(clone) as session, suppress(psycopg.errors.LockNotAvailable):
            session.execute("SET lock_timeout = '200ms'")
            statement = f"DELETE FROM {name} WHERE id % 3 = {share} RETURNING id::text || ' ' || xmin::text"
            victims = {str(row[0]) for row in session.execute(statement.encode()).fetchall()}
        if oid not in there:
            continue
        count = len(victims & _rows(company.source, there[oid]))
        if count:
            expected[f"public.{name}"] = count
    return expected


def _play(yard: Yard, seed: int, *, tables: int, copies: int, is_near_the_wrap: bool) -> None:
    chance = random.Random(seed)
    source = yard.started(yard.create("source"), **PREPARED)
    if is_near_the_wrap:
        source = _near_the_wrap(yard, source)
    company = Company(source, chance, tables)
    company.fill()
    missed_by_key = 0
    with login(source) as session:
        session.execute("SET lock_timeout = '200ms'")
        for number in range(copies):
            company.work(session)
            with company.in_flight():
                moment = source.tick()
            for _ in range(chance.randint(0, 2)):
                company.work(session)
            times = chance.choice(("on", "off"))
            clone = yard.restored(source, f"clone-{number}", moment, **PREPARED, track_commit_timestamp=times)
            birth = birth_of(clone)
            heard = hear(source, clone, birth, moment)
            assert lost(heard) == {}, (seed, number)
            assert heard.unheard == (), (seed, number)
            assert {each.unclear for each in heard.heard} == {0}
            expected = _damage(company, clone, heard)
            missed_by_key += sum(expected.get(each.name, 0) for each in heard.heard if each.by == "key")
            assert lost(hear(source, clone, birth, moment)) == expected, (seed, number)
            clone.retire(keep_backups=False)
            yard.made.remove(clone)
        assert missed_by_key, "no table that was written anew had a row to lose"
        if is_near_the_wrap:
            row = session.execute(
                "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric >= 4294967296"
            ).fetchone()
            assert row == (True,), "the numbers did not come again"


@pytest.mark.parametrize("is_near_the_wrap", [False, True], ids=["", "near the wrap"])
def test_random_histories(newest_yard: Yard, *, is_near_the_wrap: bool) -> None:
    """Whatever was under way at the moment, and whatever came after it."""
    _play(newest_yard, 7, tables=40, copies=2, is_near_the_wrap=is_near_the_wrap)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_histories(newest_yard: Yard, seed: int) -> None:
    """A hundred copies of a hundred tables."""
    _play(newest_yard, seed, tables=100, copies=int(os.environ.get("COPIES", "10")), is_near_the_wrap=seed % 3 == 2)

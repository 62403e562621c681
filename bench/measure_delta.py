"""A delta's speed: 10,000 scattered differences between two tables, against one hashed scan of the same two tables.

The scan hashes each row as the delta does, once, and adds the hashes up. A second scan hashes with PostgreSQL's own hash of a
record, which takes ``1.50`` and ``1.5`` for one value and so on. Every way reads both sides at the same time, on one server with a
session each. ``reladiff`` is measured too where it is installed.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from statistics import median

from bench.rounds import Figures, Rounds, Row, in_turn
from bench.warehouse import Warehouse, warehouse
from daybreak.delta.delta import DeltaQuestion, delta
from daybreak.delta.tables import Listing
from daybreak.model.answers import Silence
from daybreak.model.delta import Delta
from daybreak.postgres import catalog
from daybreak.postgres.address import Address
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.fingerprints import columns_to_hash
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits, open_session

ROWS = 1_000_000 if os.environ.get("DAYBREAK_BENCH") == "quick" else 5_000_000
"""Rows on a side; ``DAYBREAK_BENCH=quick`` makes it a million."""
DIFFERENT = 10_000
ROUNDS = 3
GOAL = 1.4
SIDES = ("base", "now")

_TABLE = """
CREATE TABLE public.t AS
SELECT n AS id, (n::bigint * 7919) % 100000 AS customer, (n % 997) * 1.25::numeric(12, 2) AS amount, n * 0.5::float8 AS weight,
       (ARRAY['new', 'paid', 'sent', 'done'])[1 + n % 4] AS status, md5(n::text) AS note, n % 3 = 0 AS is_paid,
       date '2024-01-15' - n % 900 AS day, timestamptz '2024-01-15 14:30Z' - n * interval '1 second' AS updated_at,
       (n % 90) * interval '1 day' AS due, jsonb_build_object('n', n % 100) AS detail
FROM generate_series(1, {rows}) AS n
"""
_CHANGES = (
    "UPDATE public.t SET note = 'changed' WHERE id % {step} = 7 AND id % (3 * {step}) <> 7",
    "DELETE FROM public.t WHERE id % (3 * {step}) = 7",
)
_COLUMNS = "id, customer, amount, weight, status, note, is_paid, day, updated_at, due, detail"
_SCAN = "SELECT count(*), sum(hashint8extended(hash_record_extended(ROW({columns}), 7), 11)) FROM ONLY public.t"
_ALONE = "SET max_parallel_workers_per_gather = 0; SET jit = off; SET enable_indexonlyscan = off"


@dataclass(frozen=True)
class Timed:
    """The cost of one way: wall seconds, and the server's processor seconds."""

    wall: float
    cpu: float


def figures(rows: int = ROWS) -> Figures:
    """The plain scan, a delta of equal tables, and one of tables that differ, in turn."""
    taken = Rounds()
    with warehouse(1_000) as built:
        _fill(built, rows)
        ways: dict[str, Callable[[], None]] = {
            "scan": partial(_scan, built, _hashed(built)),
            "delta": partial(_delta, built, rows),
            "record": partial(_scan, built, _COLUMNS),
        }
        ways["scan"]()
        rounds = taken.of(in_turn([partial(_time, built, way) for way in ways.values()]), ROUNDS)
        found = _ask(built)
    table = found.tables[0]
    scans, deltas, records = ([each[place] for each in rounds] for place in range(3))
    ratio = median(one.wall / other.wall for one, other in zip(deltas, scans, strict=True))
    cpu = median(one.cpu / other.cpu for one, other in zip(deltas, scans, strict=True))
    notes = (
        f"{rows:,} rows a side of eleven mixed columns, {table.read / 2e6:.0f} MB a side, all in the server's buffers.",
        f"The delta finds {table.only_base:,} rows only in base, {table.only_now:,} only in now, {table.differing:,} that differ; {table.received / 1e6:.1f} MB of answers from both.",
        *([] if shutil.which("reladiff") else ["reladiff is not installed here, so it is not measured."]),
        taken.note(),
    )
    return Figures(
        "Delta of two tables",
        (
            Row("hashed scan of both tables at once", _words(scans), "1.00 × the scan", ROUNDS),
            Row(
                f"delta with {DIFFERENT:,} scattered differences",
                _words(deltas),
                f"{ratio:.2f} × the scan ({cpu:.2f} × CPU)",
                ROUNDS,
                f"at most {GOAL} × the scan",
                ratio <= GOAL,
            ),
            Row(
                "scan with PostgreSQL's own hash of a record",
                _words(records),
                f"{median(one.wall / other.wall for one, other in zip(records, scans, strict=True)):.2f} × the scan",
                ROUNDS,
            ),
        ),
        notes,
    )


def _words(costs: list[Timed]) -> str:
    return f"{median(each.wall for each in costs):.2f} s ({median(each.cpu for each in costs):.2f} s CPU)"


def _fill(built: Warehouse, rows: int) -> None:
    step = rows // DIFFERENT
    for name in SIDES:
        with built.node.connect() as session:
            session.execute(f"CREATE DATABASE {name} OWNER owner".encode())
        with built.node.connect(name) as session:
            session.execute(_TABLE.format(rows=rows).encode())
            session.execute(b"ALTER TABLE public.t ADD PRIMARY KEY (id)")
            session.execute(b"ALTER TABLE public.t OWNER TO owner")
            for change in _CHANGES if name == "now" else ():
                session.execute(change.format(step=step).encode())
            session.execute(b"VACUUM (FREEZE, ANALYZE) public.t")


def _time(built: Warehouse, way: Callable[[], None]) -> Timed:
    before, began = built.cpu(), time.perf_counter()
    way()
    wall = time.perf_counter() - began
    # The time of an ended session counts for its parent.
    time.sleep(0.2)
    return Timed(wall, built.cpu() - before)


def _hashed(built: Warehouse) -> str:
    """What the delta hashes a row by, as SQL."""
    with open_session(_reach(built, "base").address, built.login, Limits()) as session:
        table = next(each for each in catalog.tables(session).tables if each.name == "t")
        return columns_to_hash(session, [table], is_of_copies=False)[table.oid].as_string()


def _scan(built: Warehouse, columns: str) -> None:
    def scan(name: str) -> None:
        with built.node.connect(name) as session:
            session.execute(_ALONE.encode())
            session.execute(_SCAN.format(columns=columns).encode())

    threads = [threading.Thread(target=scan, args=(name,)) for name in SIDES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _reach(built: Warehouse, name: str) -> Reach:
    return Reach(Address("127.0.0.1", built.port, name, built.address.trust), built.login)


def _ask(built: Warehouse) -> Delta:
    base, now = (_reach(built, name) for name in SIDES)
    question = DeltaQuestion(listing=Listing(most=1_000), budget=ServerBounds(whole=timedelta(hours=1)))
    found = delta(base, now, question)
    if isinstance(found, Silence):
        raise RuntimeError(found.why)  # noqa: TRY004 - a silence is an answer, not a type
    return found


def _delta(built: Warehouse, rows: int) -> None:
    found = _ask(built)
    if not found.is_complete or found.tables[0].different != rows // (rows // DIFFERENT):
        raise RuntimeError(str(found)[:300])

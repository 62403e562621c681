"""Validation's speed: each depth against one plain scan of all tables, a count table by table, and pgcopydb's way to compare.

pgcopydb's ``compare data`` is not in every distribution's release, so psql runs its published formula (``count(1)`` and
``sum(hashtext(row::text)::bigint)``) in as many sessions as there are cores, the largest table first.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import get_args

from bench.rounds import Figures, Rounds, Row, in_turn
from bench.warehouse import CORES, DOMINANT, TABLES, Warehouse, sizes, warehouse
from daybreak.judge.rows.tables import clock_of
from daybreak.model.actions import Validate
from daybreak.model.answers import Counts, Silence
from daybreak.model.findings import Finding, Standing
from daybreak.model.moment import At
from daybreak.model.thoroughness import Depth, Thoroughness
from daybreak.model.world import Cluster
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Scan
from daybreak.validate.counting import count_rows
from daybreak.validate.probes import list_tables
from daybreak.validate.run import Subject, validate

ROWS = 20_000_000
ROUNDS = 3
MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
PARALLEL, DEALT, NAIVE, COPYDB = "parallel", "dealt", "naive", "pgcopydb"
COUNT, ADDED_UP = "count", "fingerprint"
FASTER = 1.7
"""How much faster than pgcopydb's formula a fingerprint must be, though it sees what that one does not: a swapped value."""

_COUNT = "SELECT count(*) FROM t{number:02};"
_COPYDB = "SELECT count(1), sum(hashtext(t::text)::bigint) FROM ONLY t{number:02} AS t;"
_ALL_CORES = f"""
SET max_parallel_workers_per_gather = {max(CORES - 1, 1)}; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SET jit = off;
"""
_ALONE = "SET max_parallel_workers_per_gather = 0; SET enable_indexonlyscan = off; SET jit = off;"


@dataclass(frozen=True)
class Took:
    """The cost of one way: wall seconds, and the server's processor seconds."""

    wall: float
    cpu: float


def figures(rows: int = ROWS) -> Figures:
    """Every way, side by side."""
    taken = Rounds()
    began = time.perf_counter()
    with warehouse(rows) as built:
        took = time.perf_counter() - began
        [[size]] = built.ask("SELECT pg_database_size(current_database())")
        ways = _ways(built, rows)
        # All ways find the same warm buffers.
        ways[PARALLEL]()
        rounds = taken.of(in_turn([_time(built, way) for way in ways.values()]), ROUNDS)
    costs = {
        name: Took(median(each[place].wall for each in rounds), median(each[place].cpu for each in rounds))
        for place, name in enumerate(ways)
    }
    notes = (
        f"{TABLES} tables, {sum(sizes(rows)):,} rows, {int(str(size)) / 1e9:.1f} GB with indexes, one table {DOMINANT:.0%} of the rows; built in {took:.0f} s, all in the server's buffers; the clock is an early column in every other one, else the last.",
        "The scan that others are held to is the faster of the two. CPU is the server's. pgcopydb's formula is run through psql, because the packaged pgcopydb cannot compare data.",
        "The depths are whole validations: connecting, catalog, rows, foreign keys, indexes, judging.",
        taken.note(),
    )
    return Figures("Validation", tuple(_rows(costs)), notes)


def _ways(built: Warehouse, rows: int) -> dict[str, Callable[[], None]]:
    scans = _scans(built)
    ways: dict[str, Callable[[], None]] = {
        PARALLEL: lambda: _psql(built, [_ALL_CORES + "".join(_COUNT.format(number=n) for n in range(TABLES))]),
        DEALT: lambda: _share_out(built, rows, _COUNT),
        NAIVE: lambda: _psql(built, [_ALONE + "".join(_COUNT.format(number=n) for n in range(TABLES))]),
        COUNT: lambda: _count(built, scans),
        ADDED_UP: lambda: _count(
            built, [Scan(scan.table, scan.clock, MOMENT, is_fingerprinted=True) for scan in scans]
        ),
        COPYDB: lambda: _share_out(built, rows, _COPYDB),
    }
    for depth in get_args(Depth):
        ways[depth] = lambda depth=depth: _validate(built, depth)  # type: ignore[misc]
    return ways


def _rows(costs: dict[str, Took]) -> list[Row]:
    copydb = costs[COPYDB]
    plain = min(costs[PARALLEL], costs[DEALT], key=lambda cost: cost.wall)
    words = {
        PARALLEL: "one scan of all tables, psql with parallel query",
        DEALT: "one scan of all tables, a psql for each core",
        NAIVE: "`count(*)` table by table, one core",
        COUNT: "Daybreak: count and freshness",
        ADDED_UP: "Daybreak: count, freshness and fingerprint",
        COPYDB: "pgcopydb's formula, all cores",
        "quick": "whole validation, `--depth quick`",
        "standard": "whole validation, `--depth standard`",
        "full": "whole validation, `--depth full`",
    }
    goals: dict[str, tuple[str, bool]] = {
        COUNT: ("within 1.1 × the scan", costs[COUNT].wall <= 1.1 * plain.wall),
        ADDED_UP: (f"{FASTER} × faster than pgcopydb's", FASTER * costs[ADDED_UP].wall <= copydb.wall),
        "standard": ("under 5 × the scan", costs["standard"].wall < 5 * plain.wall),
    }
    found = []
    for name, cost in costs.items():
        goal, is_reached = goals.get(name, ("", None))
        ratio = f"{cost.wall / plain.wall:.2f} × the scan"
        if name == ADDED_UP:
            ratio += f", {copydb.wall / cost.wall:.1f} × faster than pgcopydb's"
        found.append(Row(words[name], f"{cost.wall:.2f} s ({cost.cpu:.2f} s CPU)", ratio, ROUNDS, goal, is_reached))
    return found


def _time(built: Warehouse, way: Callable[[], None]) -> Callable[[], Took]:
    def run() -> Took:
        before, began = built.cpu(), time.perf_counter()
        way()
        wall = time.perf_counter() - began
        # The time of an ended session counts for its parent.
        time.sleep(0.2)
        return Took(wall, built.cpu() - before)

    return run


def _psql(built: Warehouse, scripts: list[str]) -> None:
    running = [
        subprocess.Popen(
            [built.psql, "-XAtq", "-v", "ON_ERROR_STOP=1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=built.environment,
            text=True,
        )
        for _ in scripts
    ]
    for process, script in zip(running, scripts, strict=True):
        assert process.stdin is not None
        process.stdin.write(script)
        process.stdin.close()
    if codes := [code for process in running if (code := process.wait())]:
        raise RuntimeError(f"psql ended with exit code {codes[0]}")


def _share_out(built: Warehouse, rows: int, statement: str) -> None:
    """Run a psql for each core; deal out the tables by their rows, the largest first."""
    hands: list[list[int]] = [[] for _ in range(CORES)]
    loads = [0] * CORES
    for number, size in enumerate(sizes(rows)):
        lightest = loads.index(min(loads))
        hands[lightest].append(number)
        loads[lightest] += size
    _psql(built, [_ALONE + "".join(statement.format(number=number) for number in hand) for hand in hands])


def _scans(built: Warehouse) -> list[Scan]:
    tables = list_tables(Reach(built.address, built.login), timedelta(seconds=30))
    if isinstance(tables, Silence):
        raise RuntimeError(tables.why)  # noqa: TRY004 - a silence is an answer, not a type
    return [Scan(table, clock_of(table, None), MOMENT) for table in tables.tables]


def _count(built: Warehouse, scans: list[Scan]) -> None:
    answer = count_rows(Reach(built.address, built.login), scans, ServerBounds(), lambda _step: None)
    if not isinstance(answer, Counts) or answer.unread:
        raise RuntimeError(str(answer)[:200])


def _validate(built: Warehouse, depth: Depth) -> None:
    clone = Cluster(
        identifier="warehouse",
        resource_id="cluster-warehouse",
        arn="arn:aws:rds:us-east-1:123456789012:cluster:warehouse",
        status="available",
        engine="aurora-postgresql",
        engine_version=built.node.install.version,
        endpoint=built.address.host,
        port=built.port,
        parameter_group="default",
        tags={"daybreak:run": "bench"},
    )
    action = Validate(
        clone=clone.identifier,
        source="gone",
        source_seen=None,
        instances_seen=(),
        moment=At(instant=MOMENT),
        database=built.address.database,
        login=None,
        quarantine={},
        tables={},
        checks=(),
        thoroughness=Thoroughness(depth=depth),
    )
    told: list[Finding] = []
    subject = Subject(
        action=action, clone=clone, instances=(), moment=MOMENT, login=built.login, trust=built.address.trust
    )
    validate(subject, report=told.append, progress=lambda _step: None)
    read = {finding.check: finding.standing for finding in told}
    if depth != "quick" and {read["data.rows"], read["data.orphans"], read["data.index-contents"]} != {Standing.FIT}:
        raise RuntimeError(f"the warehouse is not fit: {read}")

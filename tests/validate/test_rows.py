"""The chapter of rows on real databases: each depth reads what it says, and a baseline finds what nobody else can."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daybreak.model.actions import Validate
from daybreak.model.baseline import Baseline
from daybreak.model.findings import Finding, Standing
from daybreak.model.moment import At
from daybreak.model.targets import Expectation, Objectives, Target
from daybreak.model.thoroughness import Thoroughness
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.inventory import numbers
from daybreak.postgres.reach import Reach
from daybreak.validate import objects, rows
from daybreak.validate.recording import Sitting, record
from daybreak.validate.visit import ProbeLimits, Subject, Visit
from tests.fix_lab import eventually
from tests.fix_postgres import HERE, Server
from tests.fix_worlds import cluster, identity

FIT, UNFIT, UNKNOWN, LEFT_OUT = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN, Standing.LEFT_OUT
_MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
_CALM = ProbeLimits(counting=ServerBounds(lock=timedelta(seconds=0.5), connections=2))
_STATIC = {"countries": Expectation(is_static=True)}

_COMPANY = (
    "CREATE TABLE countries (code int PRIMARY KEY, name text)",
    "INSERT INTO countries SELECT n, 'country ' || n FROM generate_series(1, 200) n",
    "CREATE TABLE orders (id int PRIMARY KEY, country int REFERENCES countries, updated_at timestamptz)",
    "INSERT INTO orders SELECT n, 1 + n % 200, timestamptz '2024-01-15 14:29:59Z' - n * interval '1 s' FROM generate_series(0, 999) n",
    "CREATE INDEX ON orders (updated_at)",
    "ANALYZE",
)


@pytest.fixture
def company(server: Server, database: str) -> str:
    """A database with two tables, a foreign key, three indexes."""
    server.run(database, *_COMPANY)
    return database


def _baseline(server: Server, database: str, **changes: Any) -> Baseline:
    target = Target(
        name="embi",
        only=(database,),
        cluster="embi",
        region="us-east-1",
        objectives=Objectives(rpo=timedelta(1), rto=timedelta(1), retention=timedelta(1)),
    )
    sitting = Sitting(target, cluster(), identity(), datetime.now(UTC), bounds=_CALM.counting)
    return record(Reach(server.address(database), server.master), replace(sitting, **changes), lambda step: None)


def _found(server: Server, database: str, **changes: Any) -> dict[str, Finding]:
    clone = cluster(endpoint=server.host, port=server.port, tags={"daybreak:run": "r"})
    action = Validate(
        clone=clone.identifier,
        source="s",
        source_seen=None,
        instances_seen=(),
        moment=At(instant=_MOMENT),
        database=database,
        only=(database,),
        login=None,
        quarantine={},
        tables=changes.pop("tables", {}),
        checks=(),
        thoroughness=Thoroughness.model_validate(changes.pop("how", {})),
    )
    subject = Subject(
        action=action, clone=clone, instances=(), moment=_MOMENT, login=server.master, trust=HERE, patience=_CALM
    )
    is_whole = changes.pop("is_whole", False)
    visit = Visit(replace(subject, **changes), lambda step: None)
    before = tuple(objects.findings(visit)) if is_whole else ()
    return {finding.check: finding for finding in (*before, *rows.findings(visit))}


def _standings(found: dict[str, Finding]) -> dict[str, Standing]:
    return {check.removeprefix("data."): finding.standing for check, finding in found.items()}


@pytest.mark.sweep
@pytest.mark.parametrize(("depth", "standing"), [("quick", FIT), ("standard", UNFIT), ("full", UNFIT)])
def test_a_sequence_behind_a_large_partition_is_found_by_the_count(
    server: Server, company: str, monkeypatch: pytest.MonkeyPatch, depth: str, standing: Standing
) -> None:
    """The usual key of a partitioned table begins with its day, so no index answers; quick depth names what it left out."""
    monkeypatch.setattr(numbers, "SMALL", 0)
    server.run(
        company,
        "CREATE TABLE events (id bigserial, at date, PRIMARY KEY (at, id)) PARTITION BY RANGE (at)",
        "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "CREATE TABLE events_rest PARTITION OF events DEFAULT",
        "INSERT INTO events (at) VALUES ('2024-03-03'), ('2025-03-03')",
    )
    ahead = _found(server, company, how={"depth": depth}, is_whole=True)["data.sequences"]
    assert ahead.standing is FIT
    left = [each.standing for each in ahead.details if "events" in each.name]
    assert left == ([LEFT_OUT] if depth == "quick" else [])
    server.run(company, "INSERT INTO events VALUES (77, '2024-04-04')")
    assert _found(server, company, how={"depth": depth}, is_whole=True)["data.sequences"].standing is standing


@pytest.mark.parametrize(
    ("depth", "standings"),
    [
        (
            "quick",
            {
                "rows": LEFT_OUT,
                "source-rows": LEFT_OUT,
                "recent": FIT,
                "content": LEFT_OUT,
                "orphans": LEFT_OUT,
                "index-contents": LEFT_OUT,
            },
        ),
        (
            "standard",
            {
                "rows": FIT,
                "source-rows": LEFT_OUT,
                "recent": FIT,
                "content": LEFT_OUT,
                "orphans": FIT,
                "index-contents": FIT,
            },
        ),
        (
            "full",
            {
                "rows": FIT,
                "source-rows": LEFT_OUT,
                "recent": FIT,
                "content": FIT,
                "orphans": FIT,
                "index-contents": FIT,
            },
        ),
    ],
)
def test_each_depth_reads_what_it_says_and_waives_the_rest(
    server: Server, company: str, depth: str, standings: dict[str, Standing]
) -> None:
    """A faithful clone is fit at each, and no box is ticked that was not opened."""
    was = _baseline(server, company, is_fingerprinted=True)
    found = _found(server, company, how={"depth": depth}, baseline=was, tables=_STATIC)
    assert _standings(found) == {"tables": FIT, **standings}
    waived = {check: finding.why for check, finding in found.items() if finding.standing is LEFT_OUT}
    assert all(
        "--depth" in why or (check == "data.source-rows" and "no source" in why) for check, why in waived.items()
    )


def test_a_glance_scans_no_table(server: Server, company: str) -> None:
    """On a terabyte, quick must be quick."""
    scans = "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables"
    with server.connection(company) as admin:
        # A session tells what it scanned when it ends, and whoever filled the tables may just be leaving.
        others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        eventually(lambda: not admin.execute(others).fetchall())
        admin.execute("SELECT pg_stat_force_next_flush()")
        before = admin.execute(scans.encode()).fetchall()
        _found(server, company, how={"depth": "quick"})
        admin.execute("SELECT pg_stat_clear_snapshot()")
        assert admin.execute(scans.encode()).fetchall() == before


@pytest.mark.sample(
    "rows-DELETE FROM orders WHERE id < 100-standard", "orphans-DELETE FROM countries WHERE code = 7-standard"
)
@pytest.mark.parametrize(
    ("check", "harm", "how"),
    [
        ("rows", "DELETE FROM orders WHERE id < 100", "standard"),
        ("rows", "DELETE FROM countries WHERE code = (SELECT max(code) FROM countries)", "standard"),
        ("rows", "TRUNCATE orders", "standard"),
        ("rows", "TRUNCATE orders", "quick"),
        ("content", "UPDATE countries SET name = 'elsewhere' WHERE code = 7", "full"),
        ("orphans", "DELETE FROM countries WHERE code = 7", "standard"),
        ("tables", "DROP TABLE orders", "standard"),
    ],
)
def test_what_the_baseline_knows_is_found_without_the_source(
    server: Server, company: str, check: str, harm: str, how: str
) -> None:
    """The source burnt down; what was there an hour ago is written in the baseline."""
    was = _baseline(server, company, is_fingerprinted=True)
    with server.connection(company) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(harm.encode())
    found = _found(server, company, how={"depth": how}, baseline=was, tables=_STATIC)
    assert found[f"data.{check}"].standing is UNFIT


def test_work_after_the_baseline_is_no_alarm(server: Server, company: str) -> None:
    """People go on working between the baseline and the moment."""
    was = _baseline(server, company, is_fingerprinted=True)
    server.run(
        company,
        "INSERT INTO orders SELECT n, 1, '2024-01-15 14:29:00Z' FROM generate_series(2000, 2100) n",
        "DELETE FROM orders WHERE id < 10",
        "UPDATE orders SET country = 2 WHERE id = 500",
    )
    found = _found(server, company, how={"depth": "full"}, baseline=was, tables=_STATIC)
    assert {check for check, standing in _standings(found).items() if standing is not FIT} == {"source-rows"}
    assert "written to since: public.orders" in found["data.content"].found


def test_what_a_validation_borrows_does_not_look_like_somebodys_work(server: Server, company: str) -> None:
    """Creating the checker takes a transaction's number, and that number must not blind the comparison beside it."""
    was = _baseline(server, company)
    assert was.databases[0].next_xid is not None
    found = _found(server, company, baseline=was)
    expected = {line.name: line.expected for line in found["data.rows"].details}
    assert expected == {"public.countries": "200", "public.orders": "1,000"}, (
        "nothing was written, so all must be there"
    )


def test_a_baseline_notes_what_each_table_was_and_when(server: Server, company: str) -> None:
    """A clone is held to each table as of its own instant; the baseline stands for the last of them."""
    was = _baseline(server, company, is_fingerprinted=True)
    with server.connection(company) as admin:
        known = {
            str(name): (oid, file)
            for name, oid, file in admin.execute(
                "SELECT 'public.' || relname, oid::bigint, relfilenode::bigint FROM pg_class WHERE relkind = 'r'"
            ).fetchall()
        }
    assert was.format == 3
    [kept] = was.databases
    assert (kept.database, kept.fingerprint_version, kept.following) == (company, 2, kept.next_xid)
    for each in kept.tables:
        assert (each.oid, each.file) == known[each.name]
        assert (each.taken, each.next_xid, each.is_exact, each.note) == (was.stands_for, kept.next_xid, True, "")
        assert each.fingerprint
        assert each.fingerprint.startswith(f"2:{each.rows}:")
    assert Baseline.model_validate_json(was.canonical()) == was


@pytest.mark.sweep
def test_a_table_of_several_instants_is_no_witness_of_its_number(server: Server, company: str) -> None:
    """Rows that moved while it was read may be counted twice or not at all."""
    server.run(
        company,
        "CREATE UNLOGGED TABLE huge AS SELECT n, md5(n::text) AS m, n / 7.0 AS part FROM generate_series(1, 900000) n",
    )
    was = _baseline(server, company, is_fingerprinted=True, bounds=ServerBounds(snapshot=timedelta(seconds=0.15)))
    tables = {table.name: table for table in was.databases[0].tables}
    huge = tables["public.huge"]
    assert (huge.rows, huge.is_exact, huge.fingerprint, huge.next_xid) == (900_000, False, None, None)
    assert "read at " in huge.note
    assert huge.taken is not None
    assert huge.taken <= was.stands_for == was.instants[1]
    assert was.databases[0].next_xid is None


def test_a_locked_table_is_left_out_of_a_baseline(server: Server, company: str) -> None:
    """It is no witness for that table, and says so."""
    with server.connection(company) as other, other.transaction():
        other.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        was = _baseline(server, company)
    [kept] = was.databases
    assert [table.name for table in kept.tables] == ["public.countries"]
    assert "lock" in kept.left_out["public.orders"]
    assert not was.is_whole


_TOKYO = {"visits": Expectation(freshness="updated_at", zone="Asia/Tokyo")}
"""The moment of these tests is half past eleven in the evening in Tokyo."""


@pytest.mark.sweep
@pytest.mark.parametrize(
    "wish", [_TOKYO, {"visits": Expectation(freshness="updated_at")}], ids=["configured", "by the baseline"]
)
def test_local_times_without_a_zone_are_no_alarm(server: Server, company: str, wish: dict[str, Expectation]) -> None:
    """Nine hours ahead of UTC, as the whole table always was."""
    server.run(
        company,
        "CREATE TABLE visits (id int PRIMARY KEY, updated_at timestamp)",
        "INSERT INTO visits SELECT n, timestamp '2024-01-15 23:29:58' - n * interval '1 s' FROM generate_series(0, 9) n",
    )
    was = None if wish is _TOKYO else _baseline(server, company)
    was = was and was.model_copy(update={"stands_for": _MOMENT - timedelta(minutes=1)})
    found = _found(server, company, tables=wish, baseline=was, rpo=timedelta(minutes=5))["data.recent"]
    assert found.standing is FIT, found
    if wish is _TOKYO:
        assert "2 seconds before the moment" in found.found
        late = "INSERT INTO visits VALUES (99, timestamp '2024-01-15 23:30:01')"
        server.run(company, late)
        assert _found(server, company, tables=wish)["data.recent"].standing is UNFIT


def test_dated_and_quiet_rows_are_no_alarm_where_the_baseline_has_them(server: Server, company: str) -> None:
    """A contract without an end, and prices that nobody changed for years."""
    server.run(
        company,
        "CREATE TABLE contracts (id int PRIMARY KEY, updated_at timestamptz)",
        "INSERT INTO contracts VALUES (1, 'infinity'), (2, '2031-01-01Z'), (3, '-infinity')",
        "CREATE TABLE prices (id int PRIMARY KEY, updated_at timestamptz)",
        "INSERT INTO prices VALUES (1, '2019-03-01Z')",
        "CREATE TABLE queue (id int PRIMARY KEY, updated_at timestamptz)",
    )
    wish = {name: Expectation(freshness="updated_at") for name in ("contracts", "prices", "queue")}
    was = _baseline(server, company)
    finding = _found(server, company, tables=wish, baseline=was, rpo=timedelta(minutes=5))["data.recent"]
    assert finding.standing is FIT, finding
    assert "quiet since 2019-03-01T00:00:00Z, in the baseline too" in finding.found
    server.run(company, "DELETE FROM contracts WHERE id = 1")
    alone = _found(server, company, tables=wish, rpo=timedelta(minutes=5))["data.recent"]
    assert alone.standing is not FIT, "without a witness nobody knows whether they were there"

"""A sample of a real server: it shows what a finder needs, waits for nobody, and leaves no trace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from psycopg import sql

from daybreak.errors import Unreachable
from daybreak.lab.servers.aurora import REFUSING
from daybreak.model.samples import DatabaseSample, Sample, SequenceRow, TableRow
from daybreak.model.targets import Objectives, Target
from daybreak.postgres.address import Address
from daybreak.postgres.bounds import OF_A_SAMPLE, ServerBounds
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.sampling import read_database, read_server
from daybreak.validate.sampler import SampleSitting
from daybreak.validate.sampler import sample as take
from tests.fix_capsules import NOON
from tests.fix_folders import new_folder
from tests.fix_postgres import HERE, MASTER, PASSWORD, Server, _run, started, stopped
from tests.fix_worlds import cluster, identity

OBJECTIVES = Objectives(rpo=timedelta(minutes=5), rto=timedelta(hours=4), retention=timedelta(days=30))
SEVERAL = timedelta(seconds=2)
"""How long a sample may take at most when somebody holds locks: two waits of a tenth of a second, on a busy machine."""


def seen(server: Server, database: str, login: Login | None = None, **wishes: object) -> Sample:
    """One sample of one database alone, unless other wishes say more."""
    target = Target.model_validate(
        {"name": "embi", "cluster": "embi", "region": "us-east-1", "objectives": OBJECTIVES, "only": (database,)}
        | wishes
    )
    place = Reach(server.address(database), login or server.master, Meter(OF_A_SAMPLE))
    return take(place, SampleSitting(target, cluster(), identity(), NOON))


def first(found: Sample) -> DatabaseSample:
    """The database that was entered first."""
    return found.databases[0]


def row(found: Sample, name: str) -> TableRow | None:
    """A table of the first database."""
    return next((each for each in first(found).tables if each.name == name), None)


@contextmanager
def open_transaction(
    server: Server, database: str, *statements: str
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody who has begun and not ended."""
    with server.connection(database) as other, other.transaction(force_rollback=True):
        for statement in statements:
            other.execute(statement.encode())
        yield other


def test_a_sample_counts_what_was_written(server: Server, database: str) -> None:
    """Inserts, updates and deletes of each table, its size, and how far each sequence is."""
    server.run(  # counters are shown when the session ends
        database,
        "CREATE TABLE staff (id bigserial PRIMARY KEY, name text)",
        "CREATE SEQUENCE unused",
        "INSERT INTO staff (name) SELECT 'n' || g FROM generate_series(1, 1000) g",
        "UPDATE staff SET name = 'x' WHERE id <= 10",
        "DELETE FROM staff WHERE id > 995",
    )
    found = seen(server, database)
    assert found.is_whole, found.gaps
    staff = row(found, "staff")
    assert staff is not None
    assert (staff.schema, staff.inserted, staff.updated, staff.deleted) == ("public", 1000, 10, 5)
    assert staff.size
    assert {each.name: each.last for each in first(found).sequences} == {"staff_id_seq": 1000, "unused": None}
    assert isinstance(first(found).sequences[0], SequenceRow)
    assert found.server.lsn


@pytest.mark.parametrize(
    ("ddl", "shows"),
    [
        ("TRUNCATE gone", "file"),
        ("ALTER TABLE gone ADD COLUMN z int", "changed"),
        ("ALTER TABLE gone RENAME TO went", "absent"),
        ("DROP TABLE gone", "absent"),
        ("ALTER TABLE gone DROP COLUMN x", "pg_attribute"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'", "pg_proc"),
        ("CREATE INDEX i ON gone (x)", "pg_index"),
        ("ALTER TABLE gone ALTER COLUMN x TYPE bigint", "file"),
    ],
)
def test_ddl_shows_in_the_next_sample(server: Server, database: str, ddl: str, shows: str) -> None:
    """Each kind in what belongs to it: the file, the row in pg_class, or a catalog's counters."""
    server.run(database, "CREATE TABLE gone (x int)", "CREATE TABLE other (x int)")
    before = seen(server, database)
    server.run(database, ddl)
    after = seen(server, database)
    then, now = row(before, "gone"), row(after, "gone")
    assert then is not None
    if shows == "absent":
        assert now is None
    elif shows in ("file", "changed"):
        assert now is not None
        assert getattr(now, shows) != getattr(then, shows)
    assert row(after, "other") == row(before, "other")
    changed = {each.name for each in set(first(after).catalogs) - set(first(before).catalogs)}
    assert (shows if shows.startswith("pg_") else "pg_class") in changed


def test_analyze_and_vacuum_are_no_ddl(server: Server, database: str) -> None:
    """They run by themselves, and would hide what a person did."""
    server.run(database, "CREATE TABLE kept (x int)", "INSERT INTO kept SELECT generate_series(1, 100)", "ANALYZE kept")
    before = seen(server, database)
    server.run(database, "ANALYZE kept", "VACUUM kept", "VACUUM FREEZE kept")
    after = seen(server, database)
    assert (row(after, "kept") or ())[3:5] == (row(before, "kept") or ())[3:5]
    assert set(first(after).catalogs) == set(first(before).catalogs)


def test_no_number_of_a_transaction_is_spent(server: Server, database: str) -> None:
    """A sampler that ran for years would use them up."""
    server.run(database, "CREATE TABLE t (id serial)", "SELECT nextval('t_id_seq')")

    def following() -> object:
        with server.connection(database) as one:
            [[number]] = one.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchall()
            return number

    before = following()
    for _ in range(3):
        assert seen(server, database).is_whole
    assert following() == before
    place = Reach(server.address(database), server.master, Meter(OF_A_SAMPLE))
    with place.session(OF_A_SAMPLE.limits()) as session:
        read_database(session, read_server(session))
        assert session.ask(sql.SQL("SELECT pg_current_xact_id_if_assigned()::text")) == [(None,)]


def test_transactions_in_flight_are_named(own_server: Server) -> None:
    """A later delta must know which rows were written and not committed at that moment."""
    own = own_server
    own.run("postgres", "CREATE TABLE t (id int)", "ALTER SYSTEM SET max_prepared_transactions = 5")
    own.restart()
    with own.connection("postgres") as one:
        one.execute("BEGIN")
        one.execute("INSERT INTO t VALUES (1)")
        one.execute("PREPARE TRANSACTION 'later'")
    with open_transaction(own, "postgres", "INSERT INTO t VALUES (2)") as other:
        [[running, began]] = other.execute("SELECT pg_current_xact_id()::text::bigint, now()").fetchall()
        found = seen(own, "postgres")
        own.run("postgres", "INSERT INTO t VALUES (3)")
        later = seen(own, "postgres")
    assert found.server.in_flight is not None
    prepared, flying = found.server.in_flight
    assert (prepared.is_prepared, flying.is_prepared) == (True, False)
    assert prepared.xid == found.server.xmin < flying.xid == running
    assert flying.since == began
    assert later.server.in_flight == found.server.in_flight
    # What ended in between lies between the two, and what is in flight has its number still.
    assert later.server.xmax == running + 2
    assert found.server.asked <= found.server.taken <= first(found).taken


@pytest.mark.parametrize(
    ("lock", "unseen"),
    [
        ("LOCK TABLE held IN ACCESS EXCLUSIVE MODE", {"sizes"}),
        ("ALTER SEQUENCE turn INCREMENT 2", {"sequences"}),
    ],
)
def test_locks_of_others_are_not_waited_for(server: Server, database: str, lock: str, unseen: set[str]) -> None:
    """What they cover is named, and everything else is seen."""
    server.run(
        database,
        "CREATE TABLE held (x int)",
        "CREATE TABLE free (x int)",
        "INSERT INTO free VALUES (1)",
        "CREATE SEQUENCE turn",
    )
    with open_transaction(server, database, lock):
        began = monotonic()
        found = seen(server, database)
    assert monotonic() - began < SEVERAL.total_seconds()
    assert set(first(found).left_out) == unseen, first(found).left_out
    assert found.is_whole == (not unseen)
    held, free = row(found, "held"), row(found, "free")
    assert held is not None
    assert free is not None
    assert free.size == 8192
    assert (held.size is None) == ("sizes" in unseen)
    if "sizes" in unseen:
        assert "public.held" in first(found).left_out["sizes"]


@pytest.mark.sweep
def test_a_locked_catalog_is_a_gap_within_the_limit(server: Server, database: str) -> None:
    """VACUUM FULL of a catalog holds everybody up; a sample says so, and has the other databases."""
    server.run(database, "CREATE TABLE t (x int)", "ANALYZE pg_class")
    wanted = ("postgres", database)
    with open_transaction(server, database, "LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE"):
        began = monotonic()
        found = seen(server, "postgres", only=wanted)
    assert monotonic() - began < 2 * OF_A_SAMPLE.whole.total_seconds()
    assert [each.database for each in found.databases] == ["postgres"]
    assert set(found.left_out) == {database}
    assert not found.is_whole


def test_a_migration_goes_on_beside_it(server: Server, database: str) -> None:
    """No lock is kept after its statement, so nobody queues behind a sampler that is idle between two questions."""
    server.run(database, "CREATE TABLE t (id serial)", "SELECT nextval('t_id_seq')")
    place = Reach(server.address(database), server.master, Meter(OF_A_SAMPLE))
    with place.session(OF_A_SAMPLE.limits()) as session:
        read_database(session, read_server(session))
        [[held]] = session.ask(
            sql.SQL("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation >= 16384")
        )
        assert held == 0
        with server.connection(database) as other:
            other.execute("SET lock_timeout = '50ms'")
            other.execute("ALTER TABLE t ADD COLUMN z int")
            other.execute("ALTER SEQUENCE t_id_seq INCREMENT 2")


def test_counters_that_were_reset_say_so(server: Server, database: str) -> None:
    """Whoever subtracts across a reset gets a number that nobody counted."""
    server.run(database, "CREATE TABLE t (x int)", "INSERT INTO t VALUES (1)")
    before = first(seen(server, database))
    server.run(database, "SELECT pg_stat_reset()")
    after = first(seen(server, database))
    assert after.stats_reset != before.stats_reset
    assert isinstance(after.stats_reset, datetime)


def test_an_ordinary_login_sees_counters_and_names_what_it_may_not(server: Server, database: str) -> None:
    """The sampler's login needs no more than CONNECT; what it cannot have is named."""
    server.run(
        database,
        f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'",
        "CREATE SCHEMA closed",
        "CREATE TABLE closed.t (id serial)",
        "INSERT INTO closed.t DEFAULT VALUES",
    )
    try:
        found = seen(server, database, Login("plain", PASSWORD))
    finally:
        server.run(database, "DROP ROLE plain")
    t = row(found, "t")
    assert t is not None
    assert t.inserted == 1
    assert "may not read 1" in first(found).left_out["sequences"]
    assert first(found).sequences[0].last is None


def test_every_database_is_seen_or_named(server: Server, database: str) -> None:
    """One that takes nobody in is a gap; one that the owner leaves out is none."""
    closed = f"{database}_closed"
    server.run("postgres", f"CREATE DATABASE {closed}", f"ALTER DATABASE {closed} ALLOW_CONNECTIONS false")
    try:
        found = seen(server, "postgres", only=(), databases={database: {"is_left_out": True}})
    finally:
        server.run("postgres", f"DROP DATABASE {closed}")
    assert next(each.database for each in found.databases) == "postgres"
    assert closed in found.left_out
    assert database in found.by_choice
    assert database not in {each.database for each in found.databases}


def test_a_reader_says_what_it_can(own_server: Server) -> None:
    """Transactions, files and sizes, and never a counter: it counts only what itself did."""
    own = own_server
    own.run("postgres", "CREATE TABLE t (id serial)", "INSERT INTO t DEFAULT VALUES")
    before = seen(own, "postgres")
    own.restart()
    place = new_folder("dbpg-")
    reader = _reader(own, place)
    try:
        found = seen(reader, "postgres")
    finally:
        stopped(reader)
    assert found.server.is_reader
    assert found.server.in_flight is None
    assert found.server.lsn
    assert {"in flight"} == set(found.server.beyond)
    there, here = row(before, "t"), row(found, "t")
    assert there is not None
    assert here is not None
    assert (here.file, here.changed, here.size) == (there.file, there.changed, there.size)
    assert here.inserted is here.updated is here.deleted is None
    assert "counters" in first(found).beyond
    assert first(found).sequences[0].last == 1
    assert found.is_whole


def _reader(writer: Server, place: Path) -> Server:
    """A copy of a server's files that replays and waits for more."""
    running = started(place, "hot_standby=on")
    _stop(running)
    shutil.rmtree(place / "data")
    _stop(writer)
    shutil.copytree(writer.place / "data", place / "data", symlinks=True)
    (place / "data" / "standby.signal").touch()
    for each in ((place / "data"), *(place / "data").rglob("*")):
        shutil.chown(each, "nobody", "nogroup")
    _start(running)
    _start(writer)
    return running


def _stop(server: Server) -> None:
    _run(server.programs / "pg_ctl", "-D", server.place / "data", "-w", "stop")


def _start(server: Server) -> None:
    options = (
        f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={server.place} -c hot_standby=on"
    )
    _run(
        server.programs / "pg_ctl",
        "-D",
        server.place / "data",
        "-w",
        "-l",
        server.place / "log",
        "-o",
        options,
        "start",
    )


@pytest.mark.sweep
@pytest.mark.parametrize("level", ["replica", "logical"])
def test_where_aurora_keeps_its_log_to_itself_that_is_no_gap(level: str) -> None:
    """It refuses unless wal_level is logical; the sample names it, and the scheduler hears of nothing (FACTS 4.16)."""
    place = new_folder("dbpg-")
    aurora = started(place, f"wal_level={level}", "allow_system_table_mods=on")
    try:
        aurora.run("postgres", *REFUSING)
        found = seen(aurora, "postgres")
        assert found.is_whole, found.gaps
        assert (found.server.lsn is None) == ("lsn" in found.server.beyond) == (level == "replica")
        marker = "CREATE FUNCTION pg_catalog.aurora_version() RETURNS text LANGUAGE sql AS $$ SELECT '15.4' $$"
        aurora.run("postgres", marker)
        log = place / "log"
        said = log.read_text(errors="replace").count("ERROR")
        again = seen(aurora, "postgres")
        assert set(again.server.beyond) == set(found.server.beyond)
        assert log.read_text(errors="replace").count("ERROR") == said, "where it is Aurora, nothing is asked in vain"
    finally:
        stopped(aurora)


def test_a_server_that_is_silent_is_unreachable_in_time(black_hole: int) -> None:
    """A sampler is asked again in half a minute; it must have ended by then."""
    bounds = ServerBounds(whole=timedelta(seconds=1), connect=timedelta(seconds=1))
    place = Reach(Address("127.0.0.1", black_hole, "postgres", HERE), MASTER, Meter(bounds))
    target = Target(name="embi", cluster="embi", region="us-east-1", objectives=OBJECTIVES)
    began = monotonic()
    with pytest.raises(Unreachable):
        take(place, SampleSitting(target, cluster(), identity(), NOON, bounds))
    assert monotonic() - began < 10

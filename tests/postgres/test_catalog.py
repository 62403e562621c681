"""The catalog lists every table whatever it is called, waits for no lock, and shows what other sessions would get."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic

from psycopg import sql

from daybreak.model.answers import Tables
from daybreak.postgres import catalog
from daybreak.postgres.session import Limits, open_session
from tests.fix_postgres import Server


def _tables(server: Server, database: str) -> Tables:
    with open_session(server.address(database), server.master, Limits()) as session:
        return catalog.tables(session)


def test_every_kind_of_table_is_listed_with_its_parent(server: Server, database: str) -> None:
    """A partition that is missing is a table that is missing; rows live in it."""
    server.run(
        database,
        "CREATE SCHEMA hr",
        "CREATE TABLE hr.events (at timestamptz, n int) PARTITION BY RANGE (at)",
        "CREATE TABLE hr.events_2024 PARTITION OF hr.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "CREATE TABLE plain (updated_at timestamp, day date, at_text text)",
        "CREATE TABLE heir () INHERITS (plain)",
        "CREATE UNLOGGED TABLE scratch (n int)",
        "CREATE MATERIALIZED VIEW summary AS SELECT 1 AS n",
        "CREATE VIEW looked AS SELECT 1 AS n",
        "CREATE TEMP TABLE gone (n int)",
    )
    found = {table.full: table for table in _tables(server, database).tables}
    assert {name: table.kind for name, table in found.items()} == {
        "hr.events": "partitioned table",
        "hr.events_2024": "partition",
        "public.plain": "table",
        "public.heir": "table",
        "public.scratch": "table",
        "public.summary": "materialized view",
    }
    assert found["hr.events_2024"].parent == found["hr.events"].oid
    assert found["public.heir"].parent == found["public.plain"].oid
    assert found["public.plain"].clocks == ("updated_at", "day")
    assert found["public.scratch"].is_unlogged


def test_a_table_locked_by_somebody_is_listed_without_waiting(server: Server, database: str) -> None:
    """Measuring a table takes a lock; one long migration must not make the whole list unknown."""
    server.run(
        database, "CREATE TABLE locked (n int)", "INSERT INTO locked SELECT generate_series(1, 1000)", "VACUUM locked"
    )
    with server.connection(database) as other, other.transaction():
        other.execute("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
        [table] = _tables(server, database).tables
    assert table.size > 0


def test_object_ids_tell_what_came_later(server: Server, database: str) -> None:
    """The list of the source is as of now; without this a table made after the moment would count as lost."""
    server.run(database, "CREATE TABLE early (n int)")
    before = _tables(server, database)
    server.run(database, "CREATE TABLE late (n int)")
    late = next(table for table in _tables(server, database).tables if table.name == "late")
    assert late.oid > before.newest_oid


def test_settings_are_those_of_any_other_session(server: Server, database: str) -> None:
    """Our own sessions are read-only with short limits; quarantine is about everybody else's."""
    with open_session(server.address(database), server.master, Limits()) as session:
        names = (
            "default_transaction_read_only",
            "statement_timeout",
            "max_logical_replication_workers",
            "cron.nothing",
        )
        found = {setting.name: setting.value for setting in catalog.settings(session, names)}
    assert found == {
        "default_transaction_read_only": "off",
        "statement_timeout": "0",
        "max_logical_replication_workers": "0",
    }


def test_a_setting_of_the_database_is_seen(server: Server, database: str) -> None:
    """What ALTER DATABASE sets overrules the parameter group for every new session."""
    with server.connection("postgres") as admin:
        admin.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(sql.Identifier(database))
        )
    with open_session(server.address(database), server.master, Limits()) as session:
        [setting] = catalog.settings(session, ["default_transaction_read_only"])
    assert (setting.value, setting.kind) == ("on", "bool")


def test_a_placeholder_of_an_extension_that_is_not_loaded_is_seen(own_server: Server) -> None:
    """A parameter group may hold settings of an extension that only some databases load."""
    with (own_server.place / "data" / "postgresql.auto.conf").open("a") as file:
        file.write("cron.launch_active_jobs = 'off'\n")
    own_server.run("postgres", "SELECT pg_reload_conf()")
    with open_session(own_server.address(), own_server.master, Limits()) as session:
        assert [setting.value for setting in catalog.settings(session, ["cron.launch_active_jobs"])] == ["off"]


def test_a_change_that_waits_for_a_restart_is_told(own_server: Server) -> None:
    """A parameter group that was set but never reached the server is no quarantine."""
    own_server.run("postgres", "ALTER SYSTEM SET max_connections = 77", "SELECT pg_reload_conf()")
    deadline = monotonic() + timedelta(seconds=5).total_seconds()
    while monotonic() < deadline:
        with open_session(own_server.address(), own_server.master, Limits()) as session:
            [setting] = catalog.settings(session, ["max_connections"])
        if setting.waits_for_restart:
            break
    assert setting.waits_for_restart

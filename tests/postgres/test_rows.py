"""Counting one table: exact, whatever its name, with its newest time in the same scan."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.answers import Count
from daybreak.model.birth import TURN
from daybreak.postgres import catalog
from daybreak.postgres.login import Login
from daybreak.postgres.rows import (
    FIRST,
    LAST,
    Chunk,
    Scan,
    YoungIds,
    count,
    next_xid,
    read,
    see_every_row,
    snapshot_end,
)
from daybreak.postgres.session import Limits, open_session
from tests.fix_postgres import PASSWORD, Server

_MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)

_HOSTILE = [
    'we"ird; drop table x.t; --',
    "new\nline",
    "\u202egnirts",
    "%s",
    "%(name)s",
    "{table}",
    "x" * 63,
    "é" * 31,
    "'",
    '"',
    "\\",
    "a.b",
    "SELECT",
    "\x01\x1b[31m",
    " ",
    "\U0001f418" * 15,
]

_names = st.one_of(
    st.sampled_from(_HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=63),
).filter(lambda name: 0 < len(name.encode()) <= 63)


def _count(server: Server, database: str, name: str, clock: str = "", login: Login | None = None) -> Count:
    with open_session(server.address(database), login or server.master, Limits()) as session:
        see_every_row(session)
        table = next(table for table in catalog.tables(session).tables if table.name == name)
        return count(session, Scan(table, clock, _MOMENT))


def _proves_harmless(server: Server, database: str, name: str, clock: str) -> None:
    with server.connection(database) as prepared:
        table, column = sql.Identifier("public", name), sql.Identifier(clock)
        prepared.execute(sql.SQL("CREATE TABLE {} ({} timestamptz)").format(table, column))
        prepared.execute(sql.SQL("INSERT INTO {} VALUES ('2024-01-15 14:29:59Z'), (NULL)").format(table))
        try:
            found = _count(server, database, name, clock)
        finally:
            prepared.execute(sql.SQL("DROP TABLE {}").format(table))
    assert (found.rows, found.newest) == (2, datetime(2024, 1, 15, 14, 29, 59, tzinfo=UTC))
    assert found.name.isprintable()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=_names, clock=_names)
def test_a_table_and_a_column_of_any_name_are_counted_and_nothing_else_happens(
    server: Server, database: str, name: str, clock: str
) -> None:
    """Names come from other people's databases; one of them may be an attack, or just an apostrophe."""
    _proves_harmless(server, database, name, clock)


@pytest.mark.sweep
@pytest.mark.timeout(1200)
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=_names, clock=_names)
def test_ten_thousand_names_are_harmless(server: Server, database: str, name: str, clock: str) -> None:
    """The same, as often as the promise says."""
    _proves_harmless(server, database, name, clock)


_SAME = datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "newest", "until"),
    [
        ("timestamptz '2024-01-15 15:29:59.5+01'", datetime(2024, 1, 15, 14, 29, 59, 500000, UTC), _SAME),
        ("timestamp '2024-01-15 14:29:59'", datetime(2024, 1, 15, 14, 29, 59, 0, UTC), _SAME),
        ("date '2024-01-15'", datetime(2024, 1, 15, tzinfo=UTC), _SAME),
        ("timestamptz 'infinity'", LAST, None),
        ("timestamptz '294276-12-31'", LAST, None),
        ("timestamptz '-infinity'", None, None),
        ("timestamptz '4713-01-01 BC'", FIRST, _SAME),
    ],
)
def test_the_newest_time_is_read_whatever_type_and_age_it_has(
    database: str, server: Server, value: str, newest: datetime | None, until: datetime | None
) -> None:
    """PostgreSQL's calendar is wider than Python's, and somebody's sentinel is always at its end."""
    server.run(database, f"CREATE TABLE t AS SELECT {value} AS at")
    found = _count(server, database, "t", "at")
    assert found.newest == newest
    assert found.newest_until == (newest if until is _SAME else until)


def test_a_row_from_the_future_does_not_hide_the_newest_of_the_past(server: Server, database: str) -> None:
    """A row dated 9999 would otherwise make every loss of data look like none."""
    server.run(
        database, "CREATE TABLE t (at timestamptz)", "INSERT INTO t VALUES ('9999-12-31'), ('2024-01-15 14:00Z')"
    )
    found = _count(server, database, "t", "at")
    assert found.newest is not None
    assert found.newest > _MOMENT
    assert found.newest_until == datetime(2024, 1, 15, 14, tzinfo=UTC)


def test_an_heir_is_counted_by_itself(server: Server, database: str) -> None:
    """Rows of a child that are counted with its parent too are counted twice."""
    server.run(database, "CREATE TABLE p (n int)", "CREATE TABLE c () INHERITS (p)", "INSERT INTO c VALUES (1), (2)")
    assert _count(server, database, "p").rows == 0
    assert _count(server, database, "c").rows == 2


def test_rows_from_before_a_reading_are_told_from_later_ones(server: Server, database: str) -> None:
    """An update makes a row a later one, whatever it holds."""
    server.run(database, "CREATE TABLE orders (n int)", "INSERT INTO orders SELECT generate_series(1, 500)")
    with open_session(server.address(database), server.master, Limits()) as session:
        mark = next_xid(session)
        assert mark is not None
        server.run(database, "UPDATE orders SET n = n WHERE n <= 20", "INSERT INTO orders VALUES (501)")
        see_every_row(session)
        [table] = [table for table in catalog.tables(session).tables if table.name == "orders"]
        scan = Scan(table, "", _MOMENT, since=mark)
        later = YoungIds(mark % TURN, snapshot_end(session))
        assert (read(session, Chunk(scan, 1, later=later)).kept, count(session, scan).kept) == (480, None)


def test_a_row_level_policy_is_an_error_and_not_a_smaller_count(server: Server, database: str) -> None:
    """A count that leaves rows out without a word is worse than none."""
    server.run(
        database,
        "CREATE TABLE secretive (n int)",
        "INSERT INTO secretive VALUES (1), (2)",
        "ALTER TABLE secretive ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY few ON secretive USING (n = 1)",
        f"DROP ROLE IF EXISTS plain_{database}",
        f"CREATE ROLE plain_{database} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT SELECT ON secretive TO plain_{database}",
    )
    with pytest.raises(Failed, match="row-level security"):
        _count(server, database, "secretive", login=Login(f"plain_{database}", PASSWORD))
    server.run(database, f"DROP OWNED BY plain_{database}", f"DROP ROLE plain_{database}")

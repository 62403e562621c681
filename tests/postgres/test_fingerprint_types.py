"""Every type that the server has: two values that are not the same in every bit are never one in a fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection, Error, sql

from daybreak.model.trust import Trust
from daybreak.postgres import catalog
from daybreak.postgres.address import Address
from daybreak.postgres.fingerprints import columns_to_hash
from daybreak.postgres.login import Login
from daybreak.postgres.rows import FIRST, Chunk, Scan, as_count, read, see_every_row, sum_of
from daybreak.postgres.session import Limits, Session, open_session
from tests.fix_postgres import PASSWORD, Server
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, each_yard, login, pg_installs

__all__ = ["each_yard", "pg_installs"]

_LITERALS = (
    """
0|-0|1|-1|2|1.5|1.50|4294967295|4294967296|NaN|Infinity|0.0|||a|a  |A|ab|t|f|x |1 2|1 3
2024-01-15|2000-01-01|2024-01-15 14:30+00|2024-01-15 14:30:00.000001+00|infinity|12:00+02|10:00+00|00:00+00|23:00+01
1 mon|30 days|1 day|24:00:00|-1 mon|{"a": 1.5}|{"a": 1.50}|{"a": 1.5 }|null|{}|[]|""|<a/>|<a></a>
(1,2)|(1,3)|((0,0),(1,1))|((0,0),(1,2))|<(1,2),3>|<(1,2),4>|{1,2,3}|{1,2,4}|[(0,0),(1,1)]|(1,1),(0,0)
10.0.0.1|10.0.0.1/32|10.0.0.0/8|10.0.0.0/9|::1|08:00:2b:01:02:03|08:00:2b:01:02:04|08:00:2b:01:02:03:04:05
00000000-0000-0000-0000-000000000000|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|0/0|16/B374D848|(0,1)|(0,2)|1:1:|1:2:
[1,5)|[1.50,5)|[1.5,5)|empty|[2024-01-01,2024-01-02)|[2024-01-01,2024-01-03)|{[1,5)}|{[1.50,5)}|{[2024-01-01,2024-01-02)}
a:1|a:1A|a & b|$.a|$.b|=r/embi_admin|=w/embi_admin|a.b|a.c|*.a|*.b|a=>1|a=>2|a=>NULL|1&2|1|2
978-0-393-04002-9|978-0-201-53082-7|0-393-04002-X|0-201-53082-1|M-2306-7118-7|M-060-11561-5|979-0-060-11561-5
979-0-2306-7118-7|1436-4522|0317-8471|977-1436-452-00-8|977-0317-847-00-?|036000291452|012345678905
""".strip()
    .replace("\n", "|")
    .split("|")
)
"""Text that one type or another takes for a value."""

_TOOLS = (
    """CREATE FUNCTION form(v anyelement) RETURNS bytea LANGUAGE plpgsql AS $$
    BEGIN
        RETURN record_send(ROW(v));
    EXCEPTION WHEN undefined_function THEN
        RETURN textsend(textin(record_out(ROW(v))));
    END $$""",
    """CREATE FUNCTION take(place text, literal text) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format('INSERT INTO %I (v) VALUES (%L)', place, literal);
        RETURN '';
    EXCEPTION WHEN OTHERS THEN
        RETURN SQLSTATE;
    END $$""",
)
_KINDS = """
SELECT format_type(t.oid, NULL) FROM pg_type t
WHERE t.typisdefined AND t.typtype IN ('b', 'r', 'm', 'e') AND t.typsend <> 'array_send'::regproc
  AND t.typnamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace)
ORDER BY 1
"""
_NOT_TO_BE_TYPED = {"0A000", "XX000"}
"""The server's words for a type whose input takes no text at all."""

_RELATIVES = {
    "pairs": ("CREATE TYPE pair_{n} AS (a int, v {kind})", "SELECT ROW(1, v)::pair_{n} AS v FROM plain_{n}"),
    "realms": ("CREATE DOMAIN realm_{n} AS {kind}", "SELECT v::realm_{n} AS v FROM plain_{n}"),
    "lists": (
        "SELECT 1",
        "SELECT ARRAY[v] AS v FROM plain_{n} UNION ALL SELECT ('[5:5]=' || ARRAY[v]::text)::{kind}[] FROM plain_{n}",
    ),
    "bounds": (
        "CREATE TYPE span_{n} AS RANGE (subtype = {kind}, multirange_type_name = spans_{n})",
        "SELECT span_{n}(v, NULL) AS v FROM plain_{n}",
    ),
    "many": ("SELECT 1", "SELECT spans_{n}(span_{n}(v, NULL)) AS v FROM plain_{n}"),
}
"""What is made of a type: what has to be made first, and the values."""


@pytest.fixture(scope="module")
def zoo(server: Server) -> Iterator[tuple[str, dict[str, str]]]:
    """A database with a table for each kind of value, and what the kinds are called by table."""
    with server.connection("postgres") as admin:
        admin.execute("CREATE DATABASE all_types")
        with server.connection("all_types") as keeper:
            yield "all_types", _populate(keeper)
        admin.execute("DROP DATABASE all_types WITH (FORCE)")


def _populate(keeper: Connection[Any]) -> dict[str, str]:
    for (name,) in keeper.execute("SELECT name FROM pg_available_extensions").fetchall():
        with suppress(Error):
            keeper.execute(sql.SQL("CREATE EXTENSION {} CASCADE").format(sql.Identifier(name)))
    keeper.execute("CREATE TYPE mood AS ENUM ('a', 'A', 'ab')")
    for tool in _TOOLS:
        keeper.execute(tool)
    kinds: dict[str, str] = {}
    for n, (kind,) in enumerate(keeper.execute(_KINDS).fetchall()):
        table = f"plain_{n}"
        keeper.execute(f"CREATE TABLE {table} (v {kind})".encode())
        said = keeper.execute("SELECT take(%s, w) FROM unnest(%s::text[]) AS w", (table, _LITERALS)).fetchall()
        keeper.execute(
            f"DELETE FROM {table} a USING {table} b WHERE b.ctid < a.ctid AND form(a.v) = form(b.v)".encode()
        )
        [[number]] = keeper.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
        if {code for (code,) in said} <= _NOT_TO_BE_TYPED:
            keeper.execute(f"DROP TABLE {table}".encode())
            continue
        assert number > 1, f"this test knows no two values of {kind}: {set(said)}"
        kinds[table] = kind
        for what, (before, values) in _RELATIVES.items():
            relative = f"{what}_{n}"
            try:
                keeper.execute(before.format(n=n, kind=kind).encode())
                keeper.execute(f"CREATE TABLE {relative} AS {values.format(n=n, kind=kind)}".encode())
            except Error:
                continue
            kinds[relative] = f"{what} of {kind}"
    return kinds


_EVERY_TWO = """
WITH seen AS (SELECT v, row_number() OVER () AS n FROM (SELECT v FROM {table} UNION ALL SELECT NULL) AS one)
SELECT one, other, {digest}
FROM (
    SELECT a.n AS one, b.n AS other, two.id, two.v
    FROM seen AS a CROSS JOIN seen AS b CROSS JOIN LATERAL (VALUES (1, a.v), (2, b.v)) AS two (id, v)
) AS tables
GROUP BY one, other
"""


def test_no_two_values_of_any_type_are_alike(server: Server, zoo: tuple[str, dict[str, str]]) -> None:
    """Two rows have another digest for every two values and for NULL, in every order: values swapped, changed, emptied."""
    database, kinds = zoo
    alike = []
    with open_session(server.address(database), server.master, Limits()) as session:
        see_every_row(session)
        tables = [table for table in catalog.tables(session).tables if table.name in kinds]
        columns = columns_to_hash(session, tables)
        for table in tables:
            digest = sum_of(sql.SQL("id, ") + columns[table.oid], session.major)
            rows = session.ask(sql.SQL(_EVERY_TWO).format(table=sql.Identifier("public", table.name), digest=digest))
            if len({each for *_, each in rows}) != len(rows):
                alike.append(kinds[table.name])
    assert len(tables) == len(kinds) > 300
    assert not alike


def test_a_type_s_own_hash_is_used_only_where_equal_values_are_the_same(
    server: Server, zoo: tuple[str, dict[str, str]]
) -> None:
    """And it is used for the plain types that most columns have, or a fingerprint would take twice the time."""
    database, kinds = zoo
    with open_session(server.address(database), server.master, Limits()) as session:
        tables = [table for table in catalog.tables(session).tables if table.name in kinds]
        columns = columns_to_hash(session, tables)
        own = {
            kinds[table.name]: table
            for table in tables
            if columns[table.oid].as_string() == '"v"' and table.name.startswith("plain_")
        }
        assert own.keys() >= {
            "smallint", "integer", "boolean", "oid", "uuid", "date", "timestamp without time zone", "text",
            "timestamp with time zone", "time without time zone", "bytea", '"char"', "name", "character varying",
        }  # fmt: skip
        assert not own.keys() & {"numeric", "real", "double precision", "interval", "jsonb", "citext", "character"}
        for table in own.values():
            [[equal]] = session.ask(
                sql.SQL(
                    "SELECT count(*) FROM {0} a, {0} b WHERE a.ctid < b.ctid AND a.v OPERATOR(pg_catalog.=) b.v"
                ).format(sql.Identifier("public", table.name))
            )
            assert equal == 0, kinds[table.name]


def _digests(session: Session) -> dict[str, str | None]:
    see_every_row(session)
    tables = [table for table in catalog.tables(session).tables if table.is_counted]
    columns = columns_to_hash(session, tables)
    scans = [Scan(table, "", FIRST, is_fingerprinted=True) for table in tables]
    parts = [(scan, read(session, Chunk(scan, 0, columns=columns[scan.table.oid]))) for scan in scans]
    return {scan.table.name: as_count(scan, part, timedelta(0)).fingerprint for scan, part in parts}


@pytest.mark.sweep
def test_where_a_row_lies_is_no_content(server: Server, zoo: tuple[str, dict[str, str]]) -> None:
    """Rows in another order, a table written anew by VACUUM FULL, and one that was loaded from itself have one digest."""
    database, kinds = zoo
    with open_session(server.address(database), server.master, Limits()) as session:
        before = _digests(session)
        with server.connection(database) as keeper:
            for table in kinds:
                keeper.execute(f"CREATE TEMP TABLE aside AS SELECT * FROM {table} ORDER BY ctid DESC".encode())
                keeper.execute(f"DELETE FROM {table}".encode())
                keeper.execute(f"INSERT INTO {table} SELECT * FROM aside".encode())
                keeper.execute(b"DROP TABLE aside")
        assert _digests(session) == before
        with server.connection(database) as keeper:
            keeper.execute(b"VACUUM FULL")
        assert _digests(session) == before
        assert len(before) == len(kinds)


@pytest.mark.sample("newest")
def test_a_physical_copy_has_its_source_s_digests(each_yard: Yard) -> None:
    """On the oldest and the newest server alike, with types of the owner's own, whose object ids go in."""
    source = each_yard.started(each_yard.create("source"))
    with login(source) as owner:
        owner.execute("CREATE TYPE pair AS (a int, v numeric)")
        owner.execute("CREATE DOMAIN realm AS interval")
        owner.execute("CREATE TYPE mood AS ENUM ('a', 'A')")
        owner.execute(
            "CREATE TABLE t AS SELECT n AS id, n * 4294967296 AS big, n / 7.0 AS part, -0.0::float8 AS f, 'a  '::bpchar AS b,"
            " make_interval(days => n)::realm AS r, ROW(n, 1.50)::pair AS p, ARRAY['a', 'A']::mood[] AS m, '12:00+02'::timetz AS z,"
            " numrange(1.50, n + 2) AS s, jsonb_build_object('n', 1.50) AS j FROM generate_series(1, 500) AS n"
        )
    copy = each_yard.restored(source, "copy", source.tick())
    found = []
    for volume in (source, copy):
        assert volume.listen is not None
        trust = Trust(tls="verify-full", tls_ca=str(volume.listen.authority.certificate))
        address = Address(volume.listen.host, volume.listen.port, DATABASE, trust)
        with open_session(address, Login(OWNER.username, OWNER.password), Limits()) as session:
            found.append(_digests(session))
    assert found[0] == found[1]
    assert found[0]["t"]


@pytest.fixture
def plain(server: Server) -> Iterator[Login]:
    """A role without any right."""
    with server.connection("postgres") as admin:
        admin.execute(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'".encode())
        yield Login("plain", PASSWORD)
        admin.execute(b"DROP ROLE plain")


def test_a_column_needs_no_right_to_its_type_and_runs_nothing_of_the_owner_s(
    server: Server, database: str, plain: Login
) -> None:
    """An extension in a schema that is shut, a cast that was written in the database."""
    server.run(
        database,
        "CREATE SCHEMA shut",
        "CREATE EXTENSION citext SCHEMA shut",
        "CREATE TYPE pair AS (a int, v aclitem)",
        "CREATE FUNCTION run(pair) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'it was run'; END $$",
        "CREATE CAST (pair AS text) WITH FUNCTION run(pair)",
        "CREATE TABLE t (v shut.citext, p pair, r refcursor, a aclitem, l aclitem[])",
        "INSERT INTO t VALUES ('Ab', ROW(1, '=r/embi_admin'), 'c', '=r/embi_admin', '{=r/embi_admin}')",
        "GRANT SELECT ON t TO plain",
    )
    seen = []
    with open_session(server.address(database), plain, Limits()) as session:
        for change in ("v = 'ab'", "p = ROW(1, '=w/embi_admin')", "r = 'C'", "a = NULL", "l = '{}'"):
            seen.append(_digests(session)["t"])
            server.run(database, f"UPDATE t SET {change}")
        seen.append(_digests(session)["t"])
    server.run(database, "DROP TABLE t")
    assert len(set(seen)) == len(seen) == 6

"""Which column takes which values exactly, asked of a real server: what is said to be exact is, type by type."""

from __future__ import annotations

from itertools import product

import pytest

from daybreak.model.column_shapes import ColumnShape, shape_of
from daybreak.plan.exactness import takes
from daybreak.postgres.column_shapes import read_shapes
from daybreak.postgres.session import open_session
from tests.fix_postgres import Server
from tests.postgres.test_receiver import LIMITS

VALUES: dict[str, str] = {
    "int2": "32767", "int4": "-2147483648", "int8": "9223372036854775807",
    "numeric": "123.4567890", "numeric(10,4)": "1234.5670", "numeric(10,2)": "12345678.90", "numeric(20,10)": "1.0000000001",
    "numeric(4,-2)": "123400", "float4": "0.1", "float8": "1e300", "boolean": "t", "text": "a  ", "varchar": "b  ",
    "varchar(4)": "c   ", "varchar(20)": "twenty characters...", "char(4)": "d", "char(20)": "e", "uuid": "6b1c1d2e-0000-4000-8000-000000000001",
    "timestamp": "2024-01-15 14:30:00.123456", "timestamp(3)": "2024-01-15 14:30:00.123", "timestamptz": "2024-01-15 14:30:00.123456+02",
    "date": "2024-01-15", "time": "14:30:00.123456", "time(0)": "14:30:00", "interval": "1 day 02:03:04.5", "interval(0)": "1 day",
    "json": '{"a":1,"a":2}', "jsonb": '{"b": 1}', "bytea": "\\\\x00ff", "bit(4)": "1010", "varbit": "1", "varbit(8)": "11", "money": "$1.23",
    "mood": "glad", "other_mood": "glad", "pair": "(1,x)", "wide_pair": "(1,x)", "short": "ab", "long": "ab", "int4[]": "{1,2}", "int8[]": "{1,2}",
    "numeric(10,4)[]": "{1.2345}", "numeric(10,2)[]": "{1.23}", "varchar(4)[]": "{ab}", "varchar(20)[]": "{abcdefgh}", "inet": "10.0.0.1", "oid": "7",
}  # fmt: skip
"""A value of each type, such as another type would change."""

WITHOUT_LOSS = {
    ("int2", "int8"), ("int4", "numeric"), ("int8", "text"), ("numeric(10,4)", "numeric(20,10)"), ("numeric(10,4)", "numeric"),
    ("varchar(4)", "varchar(20)"), ("varchar(20)", "text"), ("varchar", "text"), ("text", "varchar"), ("char(4)", "char(20)"),
    ("timestamp(3)", "timestamp"), ("time(0)", "time"), ("uuid", "text"), ("short", "long"), ("short", "varchar(4)"), ("varchar(4)", "long"),
    ("numeric(10,2)[]", "numeric(10,2)[]"), ("varchar(4)[]", "varchar(20)[]"), ("varbit(8)", "varbit"), ("interval(0)", "interval"),
}  # fmt: skip
"""Pairs that people widen a column by; were they refused, nobody could restore after that."""


@pytest.fixture(scope="module")
def places(server: Server) -> str:
    """A database with a table of each type."""
    name = "column_shapes"
    server.run("postgres", f"CREATE DATABASE {name}")
    server.run(
        name,
        "CREATE TYPE mood AS ENUM ('glad')", "CREATE TYPE other_mood AS ENUM ('glad')",
        "CREATE TYPE pair AS (a int, b text)", "CREATE TYPE wide_pair AS (a bigint, b text)",
        "CREATE DOMAIN short AS varchar(4)", "CREATE DOMAIN inner_long AS varchar(20)", "CREATE DOMAIN long AS inner_long CHECK (value <> '')",
    )  # fmt: skip
    for number, kind in enumerate(VALUES):
        server.run(name, f"CREATE TABLE t{number} (v {kind}, computed int GENERATED ALWAYS AS (1) STORED)")
    return name


@pytest.fixture(scope="module")
def shapes(server: Server, places: str) -> dict[str, ColumnShape]:
    """What each type is said to be."""
    with open_session(server.address(places), server.master, LIMITS) as session:
        found = {kind: read_shapes(session, ("public", f"t{number}")) for number, kind in enumerate(VALUES)}
    assert {len(each) for each in found.values()} == {1}  # what is computed takes no value
    return {kind: each[0] for kind, each in found.items()}


def test_what_is_said_to_be_exact_is(server: Server, places: str, shapes: dict[str, ColumnShape]) -> None:
    """Written as text and read by the other type, the value is what the server's cast makes of it, and comes back as it was."""
    exact = [(a, b) for a, b in product(VALUES, VALUES) if takes(shapes[b], shapes[a])]
    assert WITHOUT_LOSS | {(each, each) for each in VALUES} <= set(exact)
    with server.connection(places) as connection:
        for source, taker in exact:
            with connection.transaction(force_rollback=True), connection.cursor() as cursor:
                cursor.execute(f"CREATE TEMP TABLE a (v {source}); CREATE TEMP TABLE b (v {taker})".encode())
                with cursor.copy("COPY a FROM STDIN") as copy:
                    copy.write(f"{VALUES[source]}\n")
                with cursor.copy("COPY a TO STDOUT") as copy:
                    rows = b"".join(bytes(each) for each in copy)
                with cursor.copy("COPY b FROM STDIN") as copy:
                    copy.write(rows)
                cursor.execute(
                    f"SELECT a.v::text = b.v::{source}::text, a.v::{taker}::text = b.v::text FROM a, b".encode()
                )
                assert cursor.fetchone() == (True, True), (source, taker)


@pytest.mark.parametrize(
    ("source", "taker"),
    [
        ("numeric(10,4)", "numeric(10,2)"), ("numeric", "numeric(20,10)"), ("numeric(20,10)", "numeric(10,4)"), ("timestamptz", "timestamp"),
        ("timestamp", "date"), ("timestamp", "timestamp(3)"), ("float8", "float4"), ("float4", "float8"), ("int4", "boolean"), ("int8", "int4"),
        ("json", "jsonb"), ("varchar(20)", "varchar(4)"), ("text", "varchar(20)"), ("char(4)", "text"), ("boolean", "text"), ("mood", "other_mood"),
        ("pair", "wide_pair"), ("numeric(10,4)[]", "numeric(10,2)[]"), ("int4[]", "int8[]"), ("long", "short"), ("bytea", "text"), ("money", "numeric"),
        ("interval", "interval(0)"), ("time", "time(0)"),
    ],
)  # fmt: skip
def test_what_may_lose_is_not_exact(shapes: dict[str, ColumnShape], source: str, taker: str) -> None:
    """Each of these casts is made without a word, or is another text than the cast's."""
    assert not takes(shapes[taker], shapes[source])


def test_what_a_definition_says_is_what_the_catalogs_say(shapes: dict[str, ColumnShape]) -> None:
    """As far as the words alone say it; then it is the same, with its modifier."""
    read = {kind: shape_of("v", shape.words) for kind, shape in shapes.items()}
    for kind, found in read.items():
        assert found is None or found == shapes[kind], kind
    assert {kind for kind, found in read.items() if found is None} == {
        "interval", "interval(0)", "bit(4)", "varbit", "varbit(8)", "mood", "other_mood", "pair", "wide_pair", "short", "long", "oid",
    }  # fmt: skip

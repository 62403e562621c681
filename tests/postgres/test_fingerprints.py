"""Fingerprints: the same rows give the same sum in any order and any cut; one changed value gives another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daybreak.model.answers import Counts
from daybreak.postgres import catalog
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.fingerprints import columns_to_hash
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import Chunk, Part, Scan, chunks, read, see_every_row
from daybreak.postgres.session import Limits, Session, open_session
from daybreak.validate.counting import count_rows
from tests.fix_postgres import Server

_MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)

_EVERY_TYPE = """
CREATE TABLE {name} (a int, b text, c numeric, d timestamptz, e jsonb, f json, g xml, h point, i int[], j json[], k uuid,
    l bytea, m money, n mood, o mood[], p tsvector, q bit(3), r inet, s int4range, t circle, u pair, "we""ird %s" varchar(9),
    v text COLLATE lenient, w double precision, x interval, y bool, z macaddr, gen int GENERATED ALWAYS AS (a * 2) STORED)
"""
_ROW = """
INSERT INTO {name} VALUES ({a}, 'b', 1.50, '2024-01-15 14:30Z', '{{"k": [1, 2]}}', '{{"k": 1}}', '<a/>', '(1,2)', '{{1,2}}',
    ARRAY['{{"q": 2}}'::json], 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x00ff', 12.5, 'glad', '{{glad,sad}}', 'a b', B'101',
    '10.0.0.1', '[1,5)', '<(1,2),3>', ROW(1, '{{}}'), 'w', 'V', 0.1, '1 day', true, '08:00:2b:01:02:03')
"""


def _scan(session: Session, name: str) -> Scan:
    return Scan(
        next(table for table in catalog.tables(session).tables if table.name == name),
        "",
        _MOMENT,
        is_fingerprinted=True,
    )


def _digest(session: Session, name: str) -> int:
    see_every_row(session)
    scan = _scan(session, name)
    columns = columns_to_hash(session, [scan.table])[scan.table.oid]
    digest = read(session, Chunk(scan, scan.table.size, columns=columns)).digest
    assert digest is not None
    return digest


@pytest.fixture
def types(server: Server, database: str) -> str:
    """A database with types of its own."""
    lenient = "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
    with server.connection(database) as admin:
        has_icu = bool(admin.execute("SELECT FROM pg_collation WHERE collprovider = 'i'").fetchall())
    plain = 'FROM pg_catalog."C"'
    server.run(
        database,
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TYPE pair AS (n int, j json)",
        f"CREATE COLLATION lenient {lenient if has_icu else plain}",
    )
    return database


def test_every_type_goes_in_and_the_order_of_rows_does_not(server: Server, types: str) -> None:
    """Also those that PostgreSQL has no hash for; two copies of a table rarely have their rows in one order."""
    for name, order in (("one", (1, 2, 3)), ("other", (3, 1, 2)), ("twice", (1, 2, 2))):
        server.run(types, _EVERY_TYPE.format(name=name), *(_ROW.format(name=name, a=a) for a in order))
    with open_session(server.address(types), server.master, Limits()) as session:
        assert _digest(session, "one") == _digest(session, "other")
        assert _digest(session, "twice") != _digest(session, "one")


@pytest.mark.parametrize(
    "change",
    [
        "f = '{\"k\": 2}'",
        "g = '<b/>'",
        "h = '(1,3)'",
        "e = '{}'",
        "b = NULL",
        "b = 'B'",
        "v = 'v'",
        "n = 'sad'",
        "u = ROW(2, '{}')",
        "j = NULL",
        '"we""ird %s" = \'x\'',
        "m = 12.51",
    ],
)
def test_one_changed_value_is_another_content(server: Server, types: str, change: str) -> None:
    """Whatever its type: what a fingerprint does not notice, nobody will."""
    server.run(types, _EVERY_TYPE.format(name="t"), _ROW.format(name="t", a=1), _ROW.format(name="t", a=2))
    with open_session(server.address(types), server.master, Limits()) as session:
        before = _digest(session, "t")
        server.run(types, f"UPDATE t SET {change} WHERE a = 2")
        assert _digest(session, "t") != before


@pytest.mark.parametrize("column", ["mood", "mood[]"])
def test_a_label_that_was_renamed_is_no_other_content(server: Server, types: str, column: str) -> None:
    """No row is written when an enum's label gets another name, so no row differs; another label does."""
    glad, sad = ("glad", "sad") if column == "mood" else ("{glad}", "{sad}")
    server.run(
        types,
        f"CREATE TABLE t (m {column})",
        f"CREATE TABLE other (m {column})",
        f"INSERT INTO t VALUES ('{glad}')",
        f"INSERT INTO other VALUES ('{sad}')",
    )
    with open_session(server.address(types), server.master, Limits()) as session:
        was, other = _digest(session, "t"), _digest(session, "other")
    server.run(types, "ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'")
    with open_session(server.address(types), server.master, Limits()) as session:
        assert _digest(session, "t") == was != other
    if column == "mood[]":
        server.run(types, "UPDATE t SET m = '[2:2]={happy}'")
        with open_session(server.address(types), server.master, Limits()) as session:
            assert _digest(session, "t") != was


def test_a_pair_of_equal_rows_is_not_lost(server: Server, database: str) -> None:
    """Which is what xor would do to them."""
    server.run(database, "CREATE TABLE pair AS SELECT 7 AS n FROM generate_series(1, 2)", "CREATE TABLE none (n int)")
    with open_session(server.address(database), server.master, Limits()) as session:
        assert _digest(session, "pair") != _digest(session, "none") == 0


def test_the_parts_of_a_table_add_up_to_the_whole(server: Server, database: str) -> None:
    """No row is counted twice, none is left out, wherever it is cut; pages that came later belong to the last part."""
    server.run(
        database,
        "CREATE TABLE t AS SELECT n, md5(n::text) AS m, timestamptz '2024-01-15 14:30Z' - n * interval '1 s' AS at FROM generate_series(1, 9000) n",
        "DELETE FROM t WHERE n % 5 = 0",
    )
    with open_session(server.address(database), server.master, Limits()) as session:
        see_every_row(session)
        scan = Scan(_scan(session, "t").table, "at", _MOMENT, is_fingerprinted=True)
        columns = columns_to_hash(session, [scan.table])[scan.table.oid]
        [whole] = (read(session, chunk) for chunk in chunks(scan, columns, 1 << 40))
        for most in (8192, 30_000, 100_000):
            joined = None
            for chunk in chunks(scan, columns, most):
                part: Part = read(session, chunk)
                joined = part if joined is None else joined.union(part)
            assert joined == whole
        assert whole.rows == 7200
        server.run(
            database, "INSERT INTO t SELECT n, 'later', now() - interval '9 years' FROM generate_series(1, 5000) n"
        )
        stale = [read(session, chunk) for chunk in chunks(scan, None, 100_000)]
        assert sum(part.rows for part in stale) == 12_200


def test_a_large_table_is_read_by_ranges_of_pages(server: Server, database: str) -> None:
    """Otherwise each part would read the whole table, and parts would make it slower."""
    server.run(database, "CREATE TABLE t AS SELECT n FROM generate_series(1, 9000) n")
    with server.connection(database) as admin:
        plan = admin.execute("EXPLAIN SELECT count(*) FROM ONLY t WHERE ctid >= '(3,0)'::tid AND ctid < '(9,0)'::tid")
        assert any("Tid Range Scan" in str(line) for line in plan)


def test_fingerprints_are_counted_with_the_rows(server: Server, database: str) -> None:
    """One scan tells all; what is not asked for is not computed."""
    server.run(database, "CREATE TABLE t AS SELECT n FROM generate_series(1, 10) n", "CREATE TABLE u (n int)")
    with open_session(server.address(database), server.master, Limits()) as session:
        tables = catalog.tables(session).tables
    scans = [Scan(table, "", _MOMENT, table.name == "t") for table in tables]
    place = Reach(server.address(database), server.master)
    answer = count_rows(place, scans, ServerBounds(lock=timedelta(seconds=1)), lambda step: None)
    assert isinstance(answer, Counts)
    assert {count.name: bool(count.fingerprint) for count in answer.counted} == {"public.t": True, "public.u": False}
    assert answer.taken is not None
    assert answer.encoding == "UTF8"

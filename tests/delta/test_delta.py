"""A delta is what a full join of both sides finds, row by row, whatever was done to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from time import monotonic, sleep

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daybreak.delta.comparing import Comparison, Sides
from daybreak.delta.delta import DeltaQuestion, delta
from daybreak.delta.pairs import Pair
from daybreak.delta.tables import Listing, make_comparable
from daybreak.errors import Refused
from daybreak.model.answers import Silence
from daybreak.model.delta import Delta, TableDelta
from daybreak.postgres import catalog
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import see_every_row
from daybreak.postgres.session import Limits, open_session
from tests.fix_postgres import Server

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def both(server: Server) -> Iterator[tuple[str, str]]:
    """The names of two databases: base and now."""
    names = ("delta_base", "delta_now")
    with server.connection("postgres") as admin:
        for name in names:
            admin.execute(f"CREATE DATABASE {name}")
        yield names
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def on_both(server: Server, both: tuple[str, str], *statements: str) -> None:
    """Do the same on both sides, from empty schemas."""
    for name in both:
        server.run(name, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", *statements)


def compare(server: Server, both: tuple[str, str], question: DeltaQuestion | None = None) -> Delta:
    """The delta of both."""
    base, now = (Reach(server.address(name), server.master) for name in both)
    found = delta(base, now, question)
    assert isinstance(found, Delta), found
    return found


def one(found: Delta, name: str = "public.t") -> TableDelta:
    """One table's."""
    assert found.is_complete, found
    return next(table for table in found.tables if table.name == name)


def counts(table: TableDelta) -> tuple[int, int, int]:
    """Only in base, only in now, differing."""
    return table.only_base, table.only_now, table.differing


def rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    """Every row of a constant query."""
    return connection.execute(query.encode()).fetchall()


KEYED = {
    "int": "id int PRIMARY KEY",
    "big": "id bigint PRIMARY KEY",
    "small": "id smallint PRIMARY KEY",
    "text": "id text PRIMARY KEY",
    "numeric": "id numeric PRIMARY KEY",
    "pair": "id int, at text, PRIMARY KEY (at, id)",
    "bits": "id bit varying PRIMARY KEY",
}
VALUE = {"text": "'k' || {}", "numeric": "{}::numeric / 4", "bits": "{}::bit(20)::varbit"}

Edit = tuple[str, str, int, int]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["base", "now"]),
        st.sampled_from(["insert", "delete", "update", "null", "key", "scale"]),
        st.integers(1, 260),
        st.integers(0, 3),
    ),
    max_size=14,
)


def _statement(kind: str, edit: Edit) -> str:
    _, what, number, other = edit
    key = VALUE.get(kind, "{}").format(number)
    fresh = VALUE.get(kind, "{}").format(300 + number * 5 + other)
    more = ", 'at'" if kind == "pair" else ""
    names = "id, at, n, note" if kind == "pair" else "id, n, note"
    return {
        "insert": f"INSERT INTO t ({names}) VALUES ({fresh}{more}, {other}, 'new') ON CONFLICT DO NOTHING",
        "delete": f"DELETE FROM t WHERE id = {key}",
        "update": f"UPDATE t SET n = n + {other} WHERE id = {key}",
        "null": f"UPDATE t SET note = NULL WHERE id = {key}",
        "key": f"UPDATE t SET id = {fresh} WHERE id = {key} AND NOT EXISTS (SELECT FROM t WHERE id = {fresh})",
        "scale": f"UPDATE t SET note = note || ' ' WHERE id = {key}",
    }[what]


def _naive(server: Server, both: tuple[str, str], key: str) -> tuple[int, int, int]:
    """What a full join by the key says, in a third place that both sides' rows are carried to."""
    with server.connection(both[0]) as base, server.connection(both[1]) as now:
        query = f"SELECT ARRAY[{key}]::text[]::text, t::text FROM t"
        ours, theirs = ({str(one): str(whole) for one, whole in rows(each, query)} for each in (base, now))
    return (
        len(ours.keys() - theirs.keys()),
        len(theirs.keys() - ours.keys()),
        sum(ours[each] != theirs[each] for each in ours.keys() & theirs.keys()),
    )


@pytest.mark.sample("pair")
@pytest.mark.parametrize("kind", KEYED)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_it_is_what_a_full_join_finds(server: Server, both: tuple[str, str], kind: str, edits: list[Edit]) -> None:
    """Whatever the key's type, and whatever was inserted, deleted, changed or moved to another key on either side."""
    key = VALUE.get(kind, "{}").format("n")
    more = ", 'at'" if kind == "pair" else ""
    on_both(
        server,
        both,
        f"CREATE TABLE t (gone int, {KEYED[kind]}, n int, note text)",
        "ALTER TABLE t DROP COLUMN gone",
        f"INSERT INTO t SELECT {key}{more}, n, repeat('n', n % 7) FROM generate_series(1, 250) n",
    )
    for number, name in enumerate(both):
        server.run(name, *(_statement(kind, edit) for edit in edits if edit[0] == ("base", "now")[number]))
    table = one(compare(server, both))
    assert counts(table) == _naive(server, both, "at, id::text" if kind == "pair" else "id::text")
    assert len(table.listed) == table.different
    assert len({(row.kind, row.key) for row in table.listed}) == table.different


ROWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None]), st.integers(1, 400)), max_size=12)


@pytest.mark.sweep
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=ROWS, now=ROWS)
def test_without_a_key_rows_are_a_multiset(
    server: Server,
    both: tuple[str, str],
    base: list[tuple[int, str | None, int]],
    now: list[tuple[int, str | None, int]],
) -> None:
    """Each row counts as often as it is there."""
    on_both(server, both, "CREATE TABLE t (n int, note text)", "CREATE TABLE empty ()")
    wanted = []
    for name, given_rows in zip(both, (base, now), strict=True):
        tally: dict[tuple[int, str | None], int] = {}
        with server.connection(name) as session:
            for n, note, times in given_rows:
                session.execute("INSERT INTO t SELECT %s, %s FROM generate_series(1, %s)", (n, note, times))
                tally[n, note] = tally.get((n, note), 0) + times
        wanted.append(tally)
    ours, theirs = wanted
    more = {row: ours.get(row, 0) - theirs.get(row, 0) for row in ours.keys() | theirs.keys()}
    found = compare(server, both)
    table = one(found)
    assert counts(table) == (sum(n for n in more.values() if n > 0), -sum(n for n in more.values() if n < 0), 0)
    assert sorted(row.times for row in table.listed) == sorted(abs(n) for n in more.values() if n)
    assert counts(one(found, "public.empty")) == (0, 0, 0)


@pytest.mark.parametrize(
    ("keys", "spot"),
    [
        ("n", 31_000),
        ("n * 7 - 100000", 31_000),
        ("CASE WHEN n = 1 THEN -9223372036854775808 WHEN n = 2 THEN 9223372036854775807 ELSE n END", 31_000),
        ("CASE WHEN n % 2 = 0 THEN n ELSE 4000000000000000000 + n END", 31_000),
        ("n::bigint * n * n", 31_000),
    ],
)
@pytest.mark.parametrize("has_statistics", [False, True])
def test_crowded_keys_are_cut_where_they_are(
    server: Server, both: tuple[str, str], keys: str, spot: int, *, has_statistics: bool
) -> None:
    """One stray key at either end of all numbers, or two crowds far apart: what differs is found, and little is sent."""
    on_both(
        server,
        both,
        "CREATE TABLE t (id bigint PRIMARY KEY, n int)",
        f"INSERT INTO t SELECT {keys}, n FROM generate_series(1, 40000) n",
        *(["ANALYZE t"] if has_statistics else []),
    )
    server.run(both[1], f"UPDATE t SET n = -1 WHERE n IN ({spot}, {spot + 1}, 1, 2)")
    server.run(both[0], "DELETE FROM t WHERE n = 20000")
    table = one(compare(server, both))
    assert counts(table) == (0, 1, 4)
    assert (table.rows_base, table.rows_now) == (39_999, 40_000)
    assert table.received < 300_000


def test_values_that_two_rows_swapped_are_seen(server: Server, both: tuple[str, str]) -> None:
    """A sum of what is linear in the columns would not see most of them."""
    on_both(
        server,
        both,
        "CREATE TABLE t (id int PRIMARY KEY, a int, b text)",
        "INSERT INTO t SELECT n, n % 10, 'b' || n FROM generate_series(1, 3000) n",
    )
    server.run(both[1], "UPDATE t SET a = CASE id % 100 WHEN 11 THEN 2 ELSE 1 END WHERE id % 100 IN (11, 12)")
    table = one(compare(server, both))
    assert counts(table) == (0, 0, 60)
    assert [row.key for row in table.listed][:3] == [("11",), ("12",), ("111",)]


def test_columns_that_one_side_lacks_are_left_out_and_named(server: Server, both: tuple[str, str]) -> None:
    """So are those that are of another type; all others are compared."""
    on_both(
        server,
        both,
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TABLE t (id int PRIMARY KEY, a int, old text, c int, m mood DEFAULT 'sad')",
        "INSERT INTO t SELECT n, n, 'old' || n, n FROM generate_series(1, 300) n",
    )
    server.run(both[0], "CREATE TYPE hue AS ENUM ('red')", "ALTER TABLE t ADD fresh hue DEFAULT 'red'")
    server.run(both[1], "ALTER TABLE t DROP old", "ALTER TABLE t ADD young int", "ALTER TABLE t ALTER c TYPE bigint")
    server.run(both[1], "UPDATE t SET a = 0 WHERE id = 7", "UPDATE t SET m = 'glad' WHERE id = 9")
    table = one(compare(server, both, DeltaQuestion(listing=Listing(has_values=True))))
    assert counts(table) == (0, 0, 2)
    assert [row.values for row in table.listed] == [{"a": "'0'"}, {"m": "'glad'"}]
    assert table.left_out == {
        "c": "it is integer in base and bigint in now",
        "fresh": "now lacks it",
        "old": "now lacks it",
        "young": "base lacks it",
    }


def test_the_list_is_cut_and_the_counts_are_not(server: Server, both: tuple[str, str]) -> None:
    """A table that was emptied is counted to its last row, and some rows are named, in the key's order."""
    on_both(
        server,
        both,
        "CREATE TABLE t (id int PRIMARY KEY)",
        "CREATE TABLE u (id text PRIMARY KEY)",
        "INSERT INTO t SELECT generate_series(1, 30000)",
        "INSERT INTO u SELECT generate_series(1, 3000)::text",
        "CREATE TABLE rest (id int PRIMARY KEY)",
    )
    server.run(both[0], "TRUNCATE t, u")
    found = compare(server, both, DeltaQuestion(listing=Listing(most=5)))
    assert counts(one(found)) == (0, 30_000, 0)
    assert [row.key for row in one(found).listed] == [(str(n),) for n in range(1, 6)]
    assert counts(one(found, "public.u")) == (0, 3_000, 0)
    keys = [row.key for row in one(found, "public.u").listed]
    assert len(keys) == 5
    assert keys == sorted(keys)


def test_what_an_index_does_not_lead_to_is_a_row(server: Server, both: tuple[str, str]) -> None:
    """A damaged index hides rows from whoever reads through it; the scan that counted them is believed."""
    on_both(
        server,
        both,
        "CREATE TABLE t (id int PRIMARY KEY, n int)",
        "INSERT INTO t SELECT n, 1 FROM generate_series(1, 5000) n",
    )
    server.run(
        both[1],
        # Rows that come while the index is not kept up are in the table and not in the index.
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 't_pkey'::regclass",
        "INSERT INTO t VALUES (77, 2), (9000, 2)",
        "UPDATE pg_index SET indisready = true WHERE indexrelid = 't_pkey'::regclass",
    )
    table = one(compare(server, both))
    assert (table.rows_base, table.rows_now) == (5_000, 5_002)
    assert counts(table) == (0, 2, 0)


def test_tables_that_one_side_lacks_are_named(server: Server, both: tuple[str, str]) -> None:
    """So is one whose rows no copy has; a table that nobody has is refused, and all others can be left out."""
    on_both(server, both, "CREATE TABLE t (id int PRIMARY KEY)", "CREATE UNLOGGED TABLE fleeting (id int)")
    server.run(both[0], "CREATE TABLE ours (id int)")
    server.run(both[1], "CREATE TABLE theirs (id int) PARTITION BY RANGE (id)")
    server.run(both[1], "CREATE TABLE part PARTITION OF theirs FOR VALUES FROM (1) TO (9)")
    found = compare(server, both)
    assert (found.only_base, found.only_now) == (("public.ours",), ("public.part",))
    assert [each.name for each in found.unread] == ["public.fleeting"]
    assert [each.name for each in found.tables] == ["public.t"]
    assert compare(server, both, DeltaQuestion(tables=("theirs",))).only_now == ("public.part",)
    assert [each.name for each in compare(server, both, DeltaQuestion(tables=("public.t",))).tables] == ["public.t"]
    with pytest.raises(Refused, match='neither side has a table "nothing"'):
        compare(server, both, DeltaQuestion(tables=("t", "nothing")))


def test_a_locked_table_spoils_no_other(server: Server, both: tuple[str, str]) -> None:
    """It is named with the reason; so is what the budget left no time for."""
    on_both(server, both, "CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE u (id int PRIMARY KEY)")
    with server.connection(both[0]) as neighbour:
        neighbour.execute("BEGIN")
        neighbour.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        found = compare(server, both, DeltaQuestion(budget=ServerBounds(lock=timedelta(seconds=0.3))))
        assert [each.name for each in found.tables] == ["public.u"]
        assert [each.name for each in found.unread] == ["public.t"]
        assert "lock timeout" in found.unread[0].why
        neighbour.execute("LOCK TABLE u IN ACCESS EXCLUSIVE MODE")
        began = monotonic()
        budget = ServerBounds(whole=timedelta(seconds=1), lock=timedelta(seconds=30))
        found = compare(server, both, DeltaQuestion(budget=budget))
        assert monotonic() - began < 6
    assert found.tables == ()
    assert not found.is_complete
    assert {each.why for each in found.unread} == {"the time for the comparison was up (source_budget 1 second)"}


def test_a_side_that_does_not_answer_is_a_silence(server: Server, both: tuple[str, str]) -> None:
    """Nothing was compared, so nothing is equal."""
    base, now = (Reach(server.address(name), server.master) for name in (both[0], "nowhere"))
    found = delta(base, now)
    assert isinstance(found, Silence)
    assert "nowhere" in found.why


class _Enough(Exception):
    """Somebody pressed Ctrl-C."""


def test_whoever_gives_up_leaves_no_session_at_work(server: Server, both: tuple[str, str]) -> None:
    """Sessions that wait for a lock end at once on both sides, not after their limit."""
    on_both(server, both, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE t (id int PRIMARY KEY)")
    server.run(both[1], "INSERT INTO t SELECT generate_series(1, 1000)")
    base, now = (Reach(server.address(name), server.master) for name in both)
    reached = threading.Event()

    def give_up(_step: object) -> None:
        deadline = monotonic() + 10
        while monotonic() < deadline and not _waiting(server):
            sleep(0.02)
        reached.set()
        raise _Enough

    with server.connection(both[0]) as neighbour:
        neighbour.execute("BEGIN")
        neighbour.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        budget = ServerBounds(lock=timedelta(seconds=60), connections=1)
        with pytest.raises(_Enough):
            delta(base, now, DeltaQuestion(budget=budget), give_up)
        assert reached.is_set()
        deadline = monotonic() + 5
        while server.backends() and monotonic() < deadline:
            sleep(0.05)
        assert server.backends() == []


def _waiting(server: Server) -> bool:
    with server.connection("postgres") as admin:
        query = "SELECT FROM pg_stat_activity WHERE application_name = 'daybreak' AND wait_event_type = 'Lock'"
        return bool(rows(admin, query))


def test_the_source_has_three_sessions_at_most(server: Server, both: tuple[str, str]) -> None:
    """Whatever the budget says: one of the sides may serve its own people."""
    on_both(server, both, *(f"CREATE TABLE t{n} AS SELECT g FROM generate_series(1, 3000) g" for n in range(12)))
    most = 0

    def look(_step: object) -> None:
        nonlocal most
        with server.connection("postgres") as admin:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'daybreak' GROUP BY datname"
            most = max([most, *(int(str(row[0])) for row in rows(admin, query))])

    base, now = (Reach(server.address(name), server.master) for name in both)
    found = delta(base, now, DeltaQuestion(budget=ServerBounds(connections=9)), look)
    assert isinstance(found, Delta)
    assert len(found.tables) == 12
    assert 1 <= most <= 3


def test_a_table_that_is_scanned_in_pieces_is_the_same_table(server: Server, both: tuple[str, str]) -> None:
    """A bucket's rows lie in several pieces, and in others on the other side."""
    on_both(server, both, "CREATE TABLE t (id int PRIMARY KEY, n int)")
    server.run(both[0], "INSERT INTO t SELECT n, n FROM generate_series(1, 9000) n")
    server.run(both[1], "INSERT INTO t SELECT n, n FROM generate_series(9000, 2, -1) n ORDER BY n % 7, n")
    server.run(both[1], "UPDATE t SET n = 0 WHERE id = 4000")
    with ExitStack() as stack:
        base, now = (stack.enter_context(open_session(server.address(name), server.master, Limits())) for name in both)
        for session in (base, now):
            see_every_row(session)
        ours, theirs = (
            next(each for each in catalog.tables(session).tables if each.name == "t") for session in (base, now)
        )
        sides = Sides(base, now)
        lenses = make_comparable(sides, Pair(ours, theirs)).lenses
        comparison = Comparison(sides, lenses, None, monotonic() + 60, at_once=5 * 8192)
        found = [(row.kind, row.identity) for row in comparison.rows()]
    assert ours.size > 3 * 5 * 8192
    assert found == [("only_base", 1), ("differing", 4000)]
    assert (comparison.rows_base, comparison.rows_now) == (9_000, 8_999)
    assert comparison.received < 100_000

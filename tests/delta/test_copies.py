"""A copy against its source that moved on: what each side wrote since is told apart from what nobody wrote."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daybreak.delta.delta import DeltaQuestion, delta
from daybreak.delta.pairs import names_of, pair_tables
from daybreak.delta.tables import Listing
from daybreak.model.answers import Table
from daybreak.model.birth import Birth
from daybreak.model.delta import Delta, TableDelta, Written
from daybreak.report.sql import delta_script
from tests.lab.volumes.fix_volumes import Yard, answer, each_yard, login, newest_yard, pg_installs, run
from tests.validate.test_witnessing import birth_of, reach

__all__ = ["each_yard", "newest_yard", "pg_installs"]


def _table(found: object, name: str) -> TableDelta:
    assert isinstance(found, Delta), found
    assert found.unread == ()
    return next(table for table in found.tables if table.name == name)


@pytest.mark.sweep
def test_what_each_side_wrote_since_is_told_apart(each_yard: Yard) -> None:
    """The source's later work and the clone's own are named; what is left was lost, or removed by somebody."""
    source = each_yard.started(each_yard.create("source"))
    run(
        source,
        "CREATE TABLE orders (id int PRIMARY KEY, note text)",
        "INSERT INTO orders SELECT n, 'old' FROM generate_series(1, 5000) n",
        "CREATE TABLE log (at timestamptz, what text)",
        "INSERT INTO log SELECT timestamptz '2024-01-15 14:30Z', 'line ' || n FROM generate_series(1, 2000) n",
        "CREATE TABLE again (id text PRIMARY KEY)",
        "INSERT INTO again VALUES ('a'), ('b')",
    )
    clone = each_yard.restored(source, "clone", source.tick())
    birth = birth_of(clone)
    run(
        source,
        "INSERT INTO orders SELECT n, 'later' FROM generate_series(6001, 6030) n",
        "UPDATE orders SET note = 'later' WHERE id BETWEEN 1 AND 7",
        "DELETE FROM orders WHERE id BETWEEN 100 AND 119",
        "INSERT INTO log VALUES (now(), 'later')",
        "VACUUM FULL orders",
        "DROP TABLE again",
        "CREATE TABLE again (id text PRIMARY KEY)",
        "INSERT INTO again VALUES ('b'), ('c')",
    )
    run(
        clone,
        "INSERT INTO orders SELECT n, 'own' FROM generate_series(7001, 7003) n",
        "UPDATE orders SET note = 'own' WHERE id IN (5, 200)",
        "DELETE FROM orders WHERE id = 300",
    )
    found = delta(reach(source), reach(clone), DeltaQuestion(birth))
    orders = _table(found, "public.orders")
    assert (orders.only_base, orders.only_now, orders.differing) == (31, 23, 8)
    assert orders.written == {
        "only_base": Written(base=30, unexplained=1),
        "only_now": Written(now=3, unexplained=20),
        "differing": Written(base=6, now=1, both=1),
    }
    log = _table(found, "public.log")
    assert (log.only_base, log.only_now, log.key) == (1, 0, ())
    assert log.written["only_base"] == Written(base=1)
    again = _table(found, "public.again")
    assert again.matched == "name"
    assert [(row.kind, row.key) for row in again.listed] == [("only_now", ("a",)), ("only_base", ("c",))]


def test_a_clean_copy_differs_in_nothing(newest_yard: Yard) -> None:
    """Also after it was renamed in the source; what little is sent does not grow with the table."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE big (id bigint PRIMARY KEY, note text)",
        "INSERT INTO big SELECT n, md5(n::text) FROM generate_series(1, 60000) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    run(source, "ALTER TABLE big RENAME TO bigger")
    question = DeltaQuestion(birth_of(clone), tables=("bigger",), listing=Listing(most=3))
    big = _table(delta(reach(source), reach(clone), question), "public.big")
    assert (big.rows_base, big.different, big.base_name) == (60_000, 0, "public.bigger")
    assert big.received < 200_000


@pytest.mark.sweep
def test_work_in_flight_at_the_moment_is_the_sources_later_work(each_yard: Yard) -> None:
    """Its number is from before the copy's birth; only the copy knows that it had not committed by then."""
    source = each_yard.started(each_yard.create("source"))
    run(
        source,
        "CREATE TABLE orders (id int PRIMARY KEY, note text)",
        "INSERT INTO orders SELECT n, 'old' FROM generate_series(1, 500) n",
    )
    with login(source) as slow:
        slow.execute("BEGIN")
        slow.execute("INSERT INTO orders VALUES (900, 'slow')")
        slow.execute("UPDATE orders SET note = 'slow' WHERE id = 3")
        run(source, "UPDATE orders SET note = 'quick' WHERE id = 4")
        clone = each_yard.restored(source, "clone", source.tick())
        birth = birth_of(clone)
        slow.execute("COMMIT")
    run(clone, "UPDATE orders SET note = 'own' WHERE id = 5")
    orders = _table(delta(reach(source), reach(clone), DeltaQuestion(birth)), "public.orders")
    assert orders.written["differing"] == Written(base=1, now=1)
    assert orders.written["only_base"] == Written(base=1)
    assert {row.key: row.written for row in orders.listed} == {("3",): "base", ("5",): "now", ("900",): "base"}


def test_rows_that_are_alike_are_told_apart_by_their_transactions(newest_yard: Yard) -> None:
    """Those that were on their way at the moment are the source's later work, though thousands like them are older."""
    source = newest_yard.started(newest_yard.create("source"))
    run(source, "CREATE TABLE log (what text)", "INSERT INTO log SELECT 'same' FROM generate_series(1, 2000)")
    with login(source) as slow:
        slow.execute("BEGIN")
        slow.execute("INSERT INTO log SELECT 'same' FROM generate_series(1, 5)")
        run(source, "INSERT INTO log VALUES ('other')")
        clone = newest_yard.restored(source, "clone", source.tick())
        birth = birth_of(clone)
        slow.execute("COMMIT")
    run(source, "INSERT INTO log VALUES ('same')")
    log = _table(delta(reach(source), reach(clone), DeltaQuestion(birth)), "public.log")
    assert log.written["only_base"] == Written(base=6)
    run(clone, "DELETE FROM log WHERE ctid IN (SELECT ctid FROM log WHERE what = 'same' LIMIT 3)")
    log = _table(delta(reach(source), reach(clone), DeltaQuestion(birth)), "public.log")
    assert (log.only_base, log.written["only_base"].unexplained) == (9, 3)


@pytest.mark.sweep
@pytest.mark.parametrize("key", ["id bigint PRIMARY KEY", "id text PRIMARY KEY", "id int"])
def test_rows_that_nobody_wants_named_are_counted_without_being_sent(newest_yard: Yard, key: str) -> None:
    """A table that was emptied is told in a few bytes, and who wrote its rows too."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        f"CREATE TABLE big ({key}, note text)",
        "INSERT INTO big SELECT n, md5(n::text) FROM generate_series(1, 40000) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    birth = birth_of(clone)
    run(source, "DELETE FROM big", "INSERT INTO big SELECT n, 'later' FROM generate_series(50001, 50004) n")
    run(clone, "INSERT INTO big SELECT n, 'own' FROM generate_series(60001, 60003) n")
    none = DeltaQuestion(birth, listing=Listing(most=0))
    big = _table(delta(reach(source), reach(clone), none), "public.big")
    assert (big.only_now, big.only_base, big.differing) == (40_003, 4, 0)
    assert big.written["only_now"] == Written(now=3, unexplained=40_000)
    assert big.written["only_base"] == Written(base=4)
    assert big.received < 200_000
    some = _table(delta(reach(source), reach(clone), DeltaQuestion(birth)), "public.big")
    assert (some.written, len(some.listed)) == (big.written, 1_000)


def test_keys_alone_show_which_rows_are_gone_and_no_row_that_changed(newest_yard: Yard) -> None:
    """It costs less; without a key the rows are only counted, and the delta says so."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE a (id int PRIMARY KEY, note text)",
        "CREATE TABLE b (id text, part int, note text, PRIMARY KEY (part, id))",
        "CREATE TABLE c (note text)",
        "INSERT INTO a SELECT n, 'old' FROM generate_series(1, 3000) n",
        "INSERT INTO b SELECT 'k' || n, n % 3, 'old' FROM generate_series(1, 3000) n",
        "INSERT INTO c SELECT 'old' FROM generate_series(1, 3000) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    run(source, "DELETE FROM a WHERE id % 100 = 0", "UPDATE a SET note = 'later' WHERE id < 50")
    run(source, "DELETE FROM b WHERE part = 1 AND id < 'k2'", "DELETE FROM c", "INSERT INTO c VALUES ('later')")
    question = DeltaQuestion(birth_of(clone), whole=frozenset(), listing=Listing(most=0))
    found = delta(reach(source), reach(clone), question)
    gone = answer(clone, "SELECT count(*) FROM b WHERE part = 1 AND id < 'k2'")
    a, b, c = (_table(found, f"public.{name}") for name in "abc")
    assert (a.by, a.only_now, a.only_base, a.differing, a.is_complete) == ("keys", 30, 0, 0, True)
    assert (b.by, b.only_now, b.only_base, b.differing, b.is_complete) == ("keys", gone, 0, 0, True)
    assert (c.by, c.only_now, c.only_base, c.rows_base, c.is_complete) == ("counts", 2_999, 0, 1, False)


def _a_table(oid: int, name: str, **more: object) -> Table:
    return Table.model_validate({"oid": oid, "namespace": "s", "name": name, "kind": "table", **more})


def test_an_object_id_counts_only_with_its_name_where_no_birth_is_known() -> None:
    """From the birth on both sides give out the same ids for different things."""
    base, now = [_a_table(7, "a"), _a_table(8, "b")], [_a_table(7, "a"), _a_table(8, "c")]
    pairing = pair_tables(base, now, None)
    assert [(pair.base.name, pair.now.name) for pair in pairing.pairs] == [("a", "a")]
    assert (pairing.only_base, pairing.only_now) == (("s.b",), ("s.c",))


def test_a_table_that_took_anothers_name_is_told_from_its_namesake() -> None:
    """After a swap in base, what is new there has the name of a table that both have under its number."""
    birth = Birth(next_xid=800, next_oid=100, is_exact=True, taken=datetime(2024, 1, 15, tzinfo=UTC))
    base, now = [_a_table(7, "old"), _a_table(120, "t")], [_a_table(7, "t"), _a_table(9, "gone")]
    pairing = pair_tables(base, now, birth)
    assert [(pair.base.name, pair.now.name) for pair in pairing.pairs] == [("old", "t")]
    assert (pairing.only_base, pairing.only_now, pairing.namesakes) == (("s.t",), ("s.gone",), ("s.t",))


def test_a_partitioned_table_means_its_partitions() -> None:
    """It holds no row itself."""
    tables = [
        _a_table(1, "t", kind="partitioned table"),
        _a_table(2, "p", kind="partitioned table", parent=1),
        _a_table(3, "q", kind="partition", parent=2),
        _a_table(4, "other"),
    ]
    assert names_of("t", tables) == names_of("s.t", tables) == {"s.q"}
    assert names_of("T", tables) == frozenset()


@pytest.mark.sweep
def test_a_base_that_lags_behind_the_moment_is_not_compared(newest_yard: Yard) -> None:
    """A reader far behind still has rows that were gone by the moment; a right copy would seem to have lost them."""
    source = newest_yard.started(newest_yard.create("source"))
    run(source, "CREATE TABLE orders (id int PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
    clone = newest_yard.restored(source, "clone", source.tick())
    birth = birth_of(clone)
    ahead = birth.model_copy(update={"next_xid": birth.next_xid + 100_000})
    found = delta(reach(source), reach(clone), DeltaQuestion(ahead))
    assert isinstance(found, Delta)
    assert not found.has_answer
    assert {each.why for each in found.unread} == {"it lags behind the moment, so it shows rows that were gone by then"}
    mark = ahead.model_copy(update={"is_exact": False})
    assert _table(delta(reach(source), reach(clone), DeltaQuestion(mark)), "public.orders").different == 0


def test_a_renamed_label_in_a_key_is_the_same_key(newest_yard: Yard) -> None:
    """No row is written for it; and an enum that was made again under its name is compared by its labels."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TYPE hue AS ENUM ('red', 'blue')",
        "CREATE TABLE a (m mood, id int, PRIMARY KEY (m, id))",
        "CREATE TABLE b (h hue, id int, PRIMARY KEY (id, h))",
        "INSERT INTO a SELECT CASE n % 2 WHEN 1 THEN 'sad' ELSE 'glad' END::mood, n FROM generate_series(1, 3000) n",
        "INSERT INTO b SELECT 'red', n FROM generate_series(1, 300) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    question = DeltaQuestion(birth_of(clone))
    run(
        source,
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
        "DELETE FROM a WHERE id = 7",
        "ALTER TYPE hue RENAME TO hue_before",
        "CREATE TYPE hue AS ENUM ('red', 'blue')",
        "ALTER TABLE b ALTER h TYPE hue USING h::text::hue",
    )
    found = delta(reach(source), reach(clone), question)
    a, b = _table(found, "public.a"), _table(found, "public.b")
    assert [(row.kind, row.key) for row in a.listed] == [("only_now", ("sad", "7"))]
    assert (b.only_base, b.only_now, b.left_out) == (0, 0, {})


@pytest.mark.sample("newest-id int")
@pytest.mark.parametrize("key", ["id int PRIMARY KEY", "id text PRIMARY KEY", "id int"])
def test_a_renamed_column_is_the_same_column(newest_yard: Yard, key: str) -> None:
    """Nor is a row written where two columns swap their names, or where a type is renamed; SQL has the source's names."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TYPE mood AS ENUM ('sad')",
        f"CREATE TABLE t ({key}, a text, b text, m mood DEFAULT 'sad', n bigint)",
        "INSERT INTO t SELECT n, 'a' || n, 'b' || n, 'sad', n FROM generate_series(1, 3000) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    question = DeltaQuestion(birth_of(clone), listing=Listing(has_values=True))
    run(
        source,
        "ALTER TABLE t RENAME a TO c",
        "ALTER TABLE t RENAME b TO a",
        "ALTER TABLE t RENAME c TO b",
        "ALTER TABLE t RENAME id TO number",
        'ALTER TABLE t RENAME n TO "the n"',
        "ALTER TYPE mood RENAME TO feeling",
    )
    t = _table(delta(reach(source), reach(clone), question), "public.t")
    assert (t.rows_base, t.rows_now, t.different, t.left_out) == (3_000, 3_000, 0, {})
    run(source, "DELETE FROM t WHERE number::int = 8", "UPDATE t SET a = 'new' WHERE number::int = 9")
    t = _table(delta(reach(source), reach(clone), question), "public.t")
    gone = {"number": "'8'", "b": "'a8'", "a": "'b8'", "m": "'sad'", '"the n"': "'8'"}
    rows = {row.kind: row.values for row in t.listed if row.written == "unexplained"}
    if "PRIMARY KEY" in key:
        assert t.key == ("number",)
        assert rows == {"only_now": gone}
        assert [row.values for row in t.listed if row.kind == "differing"] == [{"a": "'b9'"}]
    else:
        assert rows["only_now"] in (gone, {**gone, "number": "'9'", "b": "'a9'", "a": "'b9'", '"the n"': "'9'"})


@pytest.mark.sweep
def test_a_column_that_was_dropped_and_added_again_is_another(newest_yard: Yard) -> None:
    """It has its name and none of its values; a column may also have got the name of one that was dropped."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE t (id int PRIMARY KEY, c text, d text, e text)",
        "INSERT INTO t SELECT n, 'c', 'd', 'e' FROM generate_series(1, 3000) n",
        "CREATE TABLE k (id int PRIMARY KEY, n int)",
        "INSERT INTO k SELECT n, n FROM generate_series(1, 300) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    question = DeltaQuestion(birth_of(clone))
    run(
        source,
        "ALTER TABLE t DROP c, DROP d",
        "ALTER TABLE t ADD c text",
        "ALTER TABLE t RENAME e TO d",
        "ALTER TABLE t ADD f int",
        "ALTER TABLE k DROP id",
        "ALTER TABLE k ADD id serial PRIMARY KEY",
    )
    found = delta(reach(source), reach(clone), question)
    t, k = _table(found, "public.t"), _table(found, "public.k")
    assert (t.different, t.key) == (0, ("id",))
    assert t.left_out == {
        "c": "base and now each have a column of this name that the other lacks",
        "d": "base lacks it: what base calls so is e in now",
        "f": "now lacks it",
    }
    assert (k.different, k.key, list(k.left_out)) == (0, (), ["id"])


@pytest.mark.sweep
def test_columns_that_each_side_added_since_have_only_a_number_in_common(newest_yard: Yard) -> None:
    """They are one column where they have one name, whatever came first."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE t (id int PRIMARY KEY, a text)",
        "INSERT INTO t SELECT n, 'a' || n FROM generate_series(1, 3000) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    question = DeltaQuestion(birth_of(clone))
    add = "ALTER TABLE t ADD {} text DEFAULT '{}'"
    run(source, *(add.format(name, name) for name in "xyz"), "ALTER TABLE t RENAME a TO b")
    run(clone, *(add.format(name, name) for name in "wyx"), "UPDATE t SET y = 'own' WHERE id = 5")
    t = _table(delta(reach(source), reach(clone), question), "public.t")
    assert [(row.kind, row.key, row.written) for row in t.listed] == [("differing", ("5",), "now")]
    assert t.left_out == {"w": "base lacks it", "z": "now lacks it"}


@pytest.mark.sweep
def test_a_table_that_was_made_again_is_compared_by_its_columns_names(newest_yard: Yard) -> None:
    """Its columns may have come in another order, and their numbers say nothing."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TABLE t (id int PRIMARY KEY, a text, b text)",
        "INSERT INTO t SELECT n, 'a' || n, 'b' || n FROM generate_series(1, 3000) n",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    question = DeltaQuestion(birth_of(clone))
    run(
        source,
        "CREATE TABLE fresh AS SELECT b, a, id FROM t",
        "DROP TABLE t",
        "ALTER TABLE fresh RENAME TO t",
        "ALTER TABLE t ADD PRIMARY KEY (id)",
    )
    t = _table(delta(reach(source), reach(clone), question), "public.t")
    assert (t.matched, t.rows_base, t.different, t.left_out) == ("name", 3_000, 0, {})
    run(source, "DELETE FROM t WHERE id = 4")
    found = delta(reach(source), reach(clone), DeltaQuestion(question.birth, listing=Listing(has_values=True)))
    assert isinstance(found, Delta)
    head, _, rest = delta_script(found, "my-run").partition("-- it was made again since: ")
    assert "INSERT" not in head
    assert "INSERT INTO public.t (b, a, id) VALUES ('b4', 'a4', '4');" in rest


@pytest.mark.sweep
def test_a_type_that_changed_inside_makes_no_row_another(newest_yard: Yard) -> None:
    """No row is written when a label or an attribute inside of a type changes; the column is named, and the others compared."""
    source = newest_yard.started(newest_yard.create("source"))
    run(
        source,
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TYPE pair AS (x int, m mood)",
        "CREATE TYPE wide AS (x int)",
        "CREATE TYPE span AS RANGE (subtype = mood)",
        "CREATE DOMAIN felt AS mood",
        "CREATE TABLE inner_t (a int, b text)",
        "CREATE TABLE one (id int PRIMARY KEY, p pair, w wide, s span, f felt[], r inner_t, note text)",
        """INSERT INTO one SELECT n, ROW(n, 'ok'::mood)::pair, ROW(n)::wide, '[sad,ok]', '{ok}', ROW(n, 'b'::text)::inner_t, 'note'
           FROM generate_series(1, 50) n""",
    )
    clone = newest_yard.restored(source, "clone", source.tick())
    birth = birth_of(clone)
    run(source, "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", "ALTER TYPE wide ADD ATTRIBUTE z int")
    run(source, "ALTER TABLE inner_t DROP COLUMN b", "UPDATE one SET note = 'later' WHERE id = 7")
    one = _table(delta(reach(source), reach(clone), DeltaQuestion(birth)), "public.one")
    assert (one.only_base, one.only_now, one.differing) == (0, 0, 1)
    assert one.written["differing"] == Written(base=1)
    assert set(one.left_out) == {"p", "w", "s", "f", "r"}

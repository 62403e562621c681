"""A table whose file was written anew still testifies, by key: on real copies of a real source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest

from daybreak.lab.volumes.volume import Volume
from daybreak.model.answers import Count, Table
from daybreak.model.birth import Birth
from daybreak.postgres.catalog import tables
from daybreak.postgres.session import Limits, open_session
from daybreak.validate.likeness import ByKey, HearingSides, NotComparable, TablePair, why_not_comparable
from tests.lab.volumes.fix_volumes import DATABASE, Yard, each_yard, login, newest_yard, pg_installs, run
from tests.validate.test_witnessing import PREPARED, birth_of, hear, lost, of_table, reach

__all__ = ["each_yard", "newest_yard", "pg_installs"]

KEYS = {"numbered": ("id",), "worded": ("word",), "paired": ("at", "code", "n")}
TABLES = (
    "CREATE DOMAIN some_text AS text CHECK (VALUE <> '')",
    "CREATE TABLE numbered (id int PRIMARY KEY, note text)",
    "INSERT INTO numbered SELECT n, repeat('n', 400) FROM generate_series(1, 30000) n",
    "CREATE TABLE worded (note text, word some_text PRIMARY KEY)",
    """INSERT INTO worded SELECT 'w', (ARRAY['NULL', '{"', 'it''s \\,', ' two ', E'\\x1b[31m', 'é🐘'])[1 + n % 6] || n
       FROM generate_series(1, 3000) n""",
    'CREATE TABLE paired (n numeric, at timestamptz, note text, code char(5) COLLATE "C", PRIMARY KEY (at, code, n))',
    """INSERT INTO paired SELECT n / 7.0, '2024-01-15 14:30:00.123456+02'::timestamptz + n * interval '1 day', 'p', 'c' || n % 9
       FROM generate_series(1, 3000) n""",
    "INSERT INTO paired VALUES ('NaN', 'infinity', 'p', ''), (1.50, '-infinity', 'p', 'x')",
)
ROUGHLY = "('x' || substr(md5({key}::text), 1, 4))::bit(16)::int % 10 = {digit}"
"""One of ten rows, whatever the key is."""


def _some(table: str, digit: int) -> str:
    return ROUGHLY.format(key=f"({', '.join(KEYS[table])})" if len(KEYS[table]) > 1 else KEYS[table][0], digit=digit)


def _change(volume: Volume, digit: int) -> None:
    for table in KEYS:
        run(volume, f"DELETE FROM {table} WHERE {_some(table, digit)}")
        run(volume, f"UPDATE {table} SET note = 'u' WHERE {_some(table, digit + 1)}")
    run(volume, f"INSERT INTO numbered SELECT {digit} * 100000 + n, 'new' FROM generate_series(1, 300) n")


def _pairs(volume: Volume, table: str) -> set[tuple[str, ...]]:
    """The key and the transaction of each row."""
    columns = ", ".join(f"{column}::text" for column in (*KEYS[table], "xmin"))
    with login(volume) as session:
        return set(session.execute(f"SELECT {columns} FROM {table}".encode()).fetchall())


def _untouched(source: Volume, clone: Volume, table: str) -> list[tuple[str, ...]]:
    """The keys of the rows that both have as they were, in order."""
    return sorted(key[:-1] for key in _pairs(source, table) & _pairs(clone, table))


def _story(yard: Yard) -> tuple[Volume, datetime]:
    """A source with a transaction in flight at the moment and with work after it."""
    source = yard.started(yard.create("source"), **PREPARED)
    run(source, *TABLES)
    _change(source, 1)
    with login(source) as flying:
        flying.execute("BEGIN")
        flying.execute("INSERT INTO numbered SELECT 200000 + n, 'flying' FROM generate_series(1, 50) n")
        flying.execute("UPDATE worded SET note = 'flying' WHERE word LIKE 'NULL9%'")
        moment = source.tick()
        flying.execute("COMMIT")
    _change(source, 5)
    return source, moment


def _rewrite(volume: Volume, way: str) -> None:
    for table in KEYS:
        run(volume, f"VACUUM FULL {table}" if way == "full" else f"CLUSTER {table} USING {table}_pkey")


def _damage(source: Volume, clone: Volume) -> dict[str, int]:
    """Delete and change rows of the clone; how many of them the source still holds as they were."""
    expected = {}
    for table in KEYS:
        before = _pairs(clone, table)
        run(clone, f"DELETE FROM {table} WHERE {_some(table, 3)}")
        run(clone, f"UPDATE {table} SET note = 'x' WHERE {_some(table, 4)}")
        expected[f"public.{table}"] = len((before - _pairs(clone, table)) & _pairs(source, table))
    return expected


@pytest.mark.sample("newest-full")
@pytest.mark.parametrize("way", ["full", "cluster"])
def test_what_was_lost_is_found_by_key_and_nothing_else(each_yard: Yard, way: str) -> None:
    """Whatever the key is made of; rows that came, went or changed since, or were in flight, are nobody's loss."""
    source, moment = _story(each_yard)
    clone = each_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    _rewrite(source, way)
    heard = hear(source, clone, birth, moment)
    assert (lost(heard), heard.unheard) == ({}, ())
    assert {each.by for each in heard.heard} == {"key"}
    assert all(0.7 < each.old / each.here < 0.95 for each in heard.heard)
    assert all(each.rows == len(_pairs(source, each.name.removeprefix("public."))) for each in heard.heard)
    run(source, "VACUUM FREEZE numbered", "VACUUM FULL worded")
    expected = _damage(source, clone)
    assert min(expected.values()) > 100
    assert lost(hear(source, clone, birth, moment)) == expected


@pytest.mark.sweep
def test_a_lost_row_is_named_by_its_key(newest_yard: Yard) -> None:
    """By the clone's names of the columns, and safe to print."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    _rewrite(source, "full")
    first, second, *_ = sorted(int(key) for (key,) in _untouched(source, clone, "numbered"))
    [word, *_] = [word for (word,) in _untouched(source, clone, "worded") if "\x1b" in word]
    run(source, "ALTER TABLE numbered RENAME id TO number")
    run(clone, f"DELETE FROM numbered WHERE id IN ({first}, {second})", f"DELETE FROM worded WHERE word = '{word}'")
    at, code, number = _untouched(source, clone, "paired")[0]
    run(clone, f"DELETE FROM paired WHERE (at, code, n) = ('{at}', '{code}', {number})")
    heard = hear(source, clone, birth, moment)
    assert of_table(heard, "public.numbered").named == (f"(id)=({first})", f"(id)=({second})")
    assert of_table(heard, "public.worded").named == ("(word)=({})".format(word.replace("\x1b", r"\x1b")),)
    assert of_table(heard, "public.paired").named == (f"(at, code, n)=({at}, {code}, {number})",)


@pytest.mark.sweep
def test_rows_that_got_new_numbers_do_not_testify(newest_yard: Yard) -> None:
    """A rewriting ALTER, a reload: nothing is lost, and the share says that nobody was asked."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    run(source, "ALTER TABLE numbered ALTER note TYPE varchar(500)", "ALTER TABLE numbered ALTER note TYPE char(500)")
    run(source, "CREATE TABLE kept AS TABLE worded", "TRUNCATE worded", "INSERT INTO worded TABLE kept")
    run(clone, "DELETE FROM numbered", "DELETE FROM worded")
    heard = hear(source, clone, birth, moment)
    assert lost(heard) == {}
    assert [(each.old, each.is_sufficient) for each in heard.heard if each.name != "public.paired"] == [(0, False)] * 2


@pytest.mark.sweep
def test_another_key_is_no_way_to_find_a_row(newest_yard: Yard) -> None:
    """Then the rows of each transaction are counted; a column that took the key's name holds other values."""
    source, moment = _story(newest_yard)
    run(source, "CREATE TYPE mood AS ENUM ('sad', 'happy')", "CREATE TABLE felt (m mood PRIMARY KEY)")
    run(
        source, "INSERT INTO felt VALUES ('sad'), ('happy')", "CREATE TABLE bare (n int)", "INSERT INTO bare VALUES (1)"
    )
    run(source, "CREATE TABLE swapped (id int PRIMARY KEY, other int NOT NULL UNIQUE)")
    run(source, "INSERT INTO swapped SELECT n, 1000 - n FROM generate_series(1, 300) n")
    moment = source.tick()
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    run(source, "ALTER TYPE mood RENAME VALUE 'sad' TO 'x'", "ALTER TYPE mood RENAME VALUE 'happy' TO 'sad'")
    run(source, "ALTER TABLE numbered DROP CONSTRAINT numbered_pkey")
    run(source, "ALTER TABLE worded DROP CONSTRAINT worded_pkey, ADD PRIMARY KEY (word, note)")
    run(source, "ALTER TABLE swapped DROP CONSTRAINT swapped_pkey", "ALTER TABLE swapped RENAME id TO x")
    run(source, "ALTER TABLE swapped RENAME other TO id", "ALTER TABLE swapped ADD PRIMARY KEY (id)")
    for table in ("numbered", "worded", "swapped", "felt", "bare"):
        run(source, f"VACUUM FULL {table}")
    heard = hear(source, clone, birth, moment)
    assert lost(heard) == {}
    ways = {each.name.removeprefix("public."): each.by for each in heard.heard}
    others = dict.fromkeys(("bare", "felt", "numbered", "swapped", "worded"), "transaction")
    assert others.items() <= ways.items()
    with _sides(source, clone) as sides:
        there, here = ({t.name: t for t in tables(each).tables} for each in (sides.source, sides.clone))
        why = {}
        for name in others:
            pair = TablePair(here[name], there[name], Count(table=here[name].oid, name=name, rows=1))
            with pytest.raises(NotComparable) as refused:
                ByKey(pair, sides, "rewritten").look()
            why[name] = str(refused.value).removeprefix("rewritten, and ")
    assert why == {
        "bare": "it has no primary key",
        "felt": "its primary key has a column of type public.mood",
        "numbered": "it has no primary key in the source",
        "swapped": "its primary key is another one in the source",
        "worded": "its primary key is another one in the source",
    }


@pytest.mark.sweep
def test_a_value_of_each_type_is_the_same_on_both_sides(each_yard: Yard) -> None:
    """At the ends of what the type holds too."""
    source = each_yard.started(each_yard.create("source"))
    run(
        source,
        "CREATE TABLE odd (a date, b uuid, c bool, e bytea, f timestamp, g oid, h numeric, i int2, j varchar(9),"
        " PRIMARY KEY (a, b, c, e, f, g, h, i, j))",
        "INSERT INTO odd SELECT date '2024-01-01' - n * 1000, gen_random_uuid(), n % 2 = 0, decode(md5(n::text), 'hex'),"
        " timestamp '2024-01-01 00:00:00.1' + n * interval '1.000001 sec', (4000000000 + n)::oid, n * 1e-20, n, ' ' || n"
        " FROM generate_series(1, 900) n",
        "INSERT INTO odd VALUES ('infinity', gen_random_uuid(), true, '', '-infinity', 0, 'NaN', 32767, ''),"
        " ('12024-05-06', gen_random_uuid(), false, '\\x00ff', '4713-01-02 BC', 7, 1.500, -32768, ' ')",
    )
    moment = source.tick()
    clone = each_yard.restored(source, "clone", moment)
    birth = birth_of(clone)
    run(source, "VACUUM FULL odd")
    heard = hear(source, clone, birth, moment)
    assert (lost(heard), of_table(heard, "public.odd").old) == ({}, 902)
    run(clone, "DELETE FROM odd WHERE a = 'infinity' OR h = 1.5")
    assert lost(hear(source, clone, birth, moment)) == {"public.odd": 2}


@pytest.mark.sweep
def test_places_that_nobody_can_compare_leave_the_key(newest_yard: Yard) -> None:
    """The clone's own file was written anew, or nobody knows which files are the clone's."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    [(number,), *_] = _untouched(source, clone, "numbered")
    [word] = next(key for key in _untouched(source, clone, "worded") if key[0].startswith("NULL"))
    run(clone, "VACUUM FULL numbered", f"DELETE FROM numbered WHERE id = {number}")
    run(clone, f"DELETE FROM worded WHERE word = '{word}'")
    heard = hear(source, clone, birth, moment)
    assert {each.name: each.by for each in heard.heard} == {
        "public.numbered": "key",
        "public.worded": "place",
        "public.paired": "place",
    }
    assert lost(heard) == {"public.numbered": 1, "public.worded": 1}
    heard = hear(source, clone, birth.model_copy(update={"next_oid": None}), moment)
    assert {each.by for each in heard.heard} == {"key"}
    assert lost(heard) == {"public.numbered": 1, "public.worded": 1}


@pytest.mark.sweep
def test_a_row_that_the_clones_index_hides_is_not_lost(newest_yard: Yard) -> None:
    """Only the table itself is believed that a row is not there."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    birth = birth_of(clone)
    _rewrite(source, "full")
    for table in KEYS:
        clone.do(DATABASE, "disorder-index", {"index": f"public.{table}_pkey"})
    assert lost(hear(source, clone, birth, moment)) == {}
    run(clone, "SET enable_indexscan = off", "DELETE FROM numbered WHERE id + 0 = 28")
    assert lost(hear(source, clone, birth, moment)) == {"public.numbered": 1}


@pytest.mark.sweep
def test_a_file_that_is_rewritten_after_it_was_listed_is_read_by_key(newest_yard: Yard) -> None:
    """The list said that both have one file."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    run(clone, "DELETE FROM numbered WHERE id = 28")
    heard = hear(source, clone, birth_of(clone), moment, meanwhile=lambda: run(source, "VACUUM FULL numbered"))
    assert of_table(heard, "public.numbered").named == ("(id)=(28)",)


@pytest.mark.sweep
def test_a_table_that_is_rewritten_while_it_is_read_is_not_read_on(newest_yard: Yard) -> None:
    """Its rows lie elsewhere by then: some would be read twice and some never."""
    source, moment = _story(newest_yard)
    clone = newest_yard.restored(source, "clone", moment, **PREPARED)
    with _sides(source, clone) as sides:
        here, there = (
            next(t for t in tables(each).tables if t.name == "numbered") for each in (sides.clone, sides.source)
        )
        pair = TablePair(here, there, Count(table=here.oid, name=here.full, rows=1))
        likeness = ByKey(pair, sides, "its file was rewritten since")
        likeness.look()
        run(source, "DELETE FROM numbered WHERE id % 7 = 0", "VACUUM numbered")
        likeness.look()
        run(source, "VACUUM FULL numbered")
        with pytest.raises(NotComparable, match="while it was read"):
            likeness.look()


@contextmanager
def _sides(source: Volume, clone: Volume) -> Iterator[HearingSides]:
    with ExitStack() as stack:
        yield HearingSides(
            *(
                stack.enter_context(open_session(reach(each).address, reach(each).login, Limits()))
                for each in (source, clone)
            )
        )


def test_one_file_is_one_only_below_the_birth() -> None:
    """Both sides draw the numbers of files from one counter, so from the birth on each gives out the same."""
    birth = Birth(next_xid=800, next_oid=20_000, is_exact=True, taken=datetime(2024, 1, 15, tzinfo=UTC))

    def why(one: int, other: int, known: Birth = birth) -> str:
        tables = (
            Table(oid=16_400, namespace="public", name="t", kind="table", file=one),
            Table(oid=16_400, namespace="public", name="t", kind="table", file=other),
        )
        return why_not_comparable(TablePair(*tables, Count(table=16_400, name="public.t", rows=1)), known)

    assert why(16_400, 16_400) == ""
    assert why(16_400, 16_500) == "its file was rewritten since"
    assert why(24_579, 24_579) == "its file is younger than the clone"
    assert "clone's own files" in why(16_400, 16_400, birth.model_copy(update={"next_oid": None}))

"""What comes along is enough for PostgreSQL, and what stays is named."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from daybreak.archive.choosing import ArchiveChoice, choose
from daybreak.archive.contents import ArchiveEntry, Contents
from daybreak.archive.header import Header
from daybreak.errors import Refused
from tests.archive.fix_archives import LONG, ODD, Archivist, programs
from tests.archive.test_contents import contents_of
from tests.fix_postgres import PASSWORD

NEWEST = max(programs())
OLDEST = min(programs())


def labels(entries: tuple[ArchiveEntry, ...]) -> set[str]:
    """What people call them."""
    return {each.label for each in entries}


def test_a_table_brings_what_it_needs_and_what_is_its_own(archivist: Archivist) -> None:
    """Types, functions of defaults and of triggers first; then data, sequences, indexes, policies, comments, statistics."""
    choice = choose(contents_of(archivist.archive(NEWEST, "-Fc")), ["sales.orders"])
    assert labels(choice.wanted) == {"TABLE sales.orders"}
    assert labels(choice.needed) == {
        "ENCODING ENCODING", "STDSTRINGS STDSTRINGS", "SEARCHPATH SEARCHPATH", "SCHEMA sales", "TYPE sales.pair",
        "DOMAIN sales.price", "FUNCTION sales.code()", "FUNCTION sales.stamp()",
    }  # fmt: skip
    assert labels(choice.belonging) == {
        "COMMENT sales.TABLE orders", "COMMENT sales.COLUMN orders.total", "ACL sales.TABLE orders",
        "SEQUENCE sales.orders_id_seq", "TABLE DATA sales.orders", "SEQUENCE SET sales.orders_id_seq",
        "CONSTRAINT sales.orders orders_pkey", "INDEX sales.orders_note", "STATISTICS sales.orders_stats",
        "TRIGGER sales.orders stamped", "ROW SECURITY sales.orders", "POLICY sales.orders own",
    }  # fmt: skip
    assert {each.entry.label: each.words for each in choice.left_out} == {
        "VIEW sales.big": "it points at TABLE sales.orders, and is no part of it",
        "MATERIALIZED VIEW sales.totals": "it points at TABLE sales.orders, and is no part of it",
        "MATERIALIZED VIEW DATA sales.totals": "it points at MATERIALIZED VIEW sales.totals, and is no part of it",
        "FK CONSTRAINT sales.lines lines_order_id_fkey": "it needs TABLE sales.lines, which is not wanted",
        "FK CONSTRAINT sales.orders orders_customer_fkey": "it needs TABLE sales.customers, which is not wanted",
        "PUBLICATION TABLE sales.news orders": "it points at TABLE sales.orders, and is no part of it",
    }
    assert choice.without_rows == ()


def test_a_foreign_key_comes_where_both_of_its_tables_do(archivist: Archivist) -> None:
    """The other one, from a table that is left out, stays."""
    choice = choose(contents_of(archivist.archive(NEWEST, "-Fc")), ["orders", "customers"])
    assert "FK CONSTRAINT sales.orders orders_customer_fkey" in labels(choice.belonging)
    assert "DEFAULT sales.customers id" in labels(choice.belonging)
    assert "SEQUENCE OWNED BY sales.customers_id_seq" in labels(choice.belonging)
    left = {each.entry.label for each in choice.left_out}
    assert "FK CONSTRAINT sales.lines lines_order_id_fkey" in left


def test_partitions_come_with_their_table_and_alone_with_its_definition(archivist: Archivist) -> None:
    """Rows lie in the partitions; one of them is attached to the table it was made of, which comes without rows."""
    contents = contents_of(archivist.archive(NEWEST, "-Fc"))
    whole = choose(contents, ["events"])
    assert labels(whole.wanted) == {"TABLE sales.events", "TABLE sales.events_1", "TABLE sales.events_2"}
    assert {"TABLE ATTACH sales.events_1", "INDEX ATTACH sales.events_2_at_idx"} <= labels(whole.belonging)
    one = choose(contents, ["events_1"])
    assert labels(one.wanted) == {"TABLE sales.events_1"}
    assert labels(one.without_rows) == {"TABLE sales.events"}
    assert {each.label for each in one.belonging if each.kind == "TABLE DATA"} == {"TABLE DATA sales.events_1"}
    heir = choose(contents, ["sales.child"])
    assert labels(heir.without_rows) == {"TABLE sales.parent"}
    assert "TABLE DATA sales.parent" not in labels(heir.belonging)
    ancestor = choose(contents, ["sales.parent"])
    assert {"TABLE sales.child", "TABLE DATA sales.child"} == {each.entry.label for each in ancestor.left_out}


def test_what_is_not_there_is_refused_all_at_once(archivist: Archivist) -> None:
    """A misspelt table, one that is called alike in two schemas, a schema."""
    contents = contents_of(archivist.archive(NEWEST, "-Fc"))
    with pytest.raises(Refused) as caught:
        choose(contents, ["sales.ordes", "nothing"], ["sale"])
    assert caught.value.reasons == (
        'it has no table "sales.ordes" (did you mean "sales.orders"?)',
        'it has no table "nothing"',
        'it has no schema "sale" (did you mean "sales"?)',
    )
    assert len(choose(contents, (), ["sales"]).wanted) == 11
    twins = tuple(
        replace(entry(number, "TABLE", ()), schema=schema, name="t") for number, schema in enumerate(("a", "b"), 1)
    )
    with pytest.raises(Refused) as caught:
        choose(Contents(HEADER, twins, 0), ["t"])
    assert caught.value.reasons == ('several tables are called "t": a.t, b.t',)


@pytest.fixture
def empty(archivist: Archivist) -> Iterator[str]:
    """An empty database beside the zoo."""
    name = sql.Identifier("choosing")
    with archivist.server.connection("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield "choosing"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def restore(archivist: Archivist, path: Path, choice: ArchiveChoice, database: str, folder: Path) -> None:
    """What pg_restore makes of the entries that come, and of no others; it stops at the first error."""
    numbers = [each.id for each in (*choice.wanted, *choice.needed, *choice.belonging)]
    lines = archivist.listing(OLDEST, path).splitlines()
    wanted = [line for line in lines if line.partition(";")[0] in map(str, numbers)]
    (folder / "list").write_text("\n".join(wanted) + "\n")
    server = archivist.server
    command = [
        str(archivist.programs[OLDEST] / "pg_restore"), "--exit-on-error", "--no-owner", "-L", str(folder / "list"),
        "-h", server.host, "-p", str(server.port), "-U", server.master.username, "-d", database, str(path),
    ]  # fmt: skip
    environment = {"PGPASSWORD": PASSWORD, "PATH": os.defpath}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "names",
    [
        ("sales.orders",),
        ("orders", "customers", "lines"),
        ("events",),
        ("events_1",),
        ("child",),
        (f"sales.{LONG}", f"{ODD}.{ODD}", "empty"),
    ],
    ids=lambda names: "+".join(names)[:30].replace("\n", " "),
)
def test_what_comes_is_enough_for_pg_restore(
    archivist: Archivist, empty: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    """Into an empty database, without an error; and the rows are those of the source."""
    path = archivist.archive(OLDEST, "-Fc")
    choice = choose(contents_of(path), names)
    restore(archivist, path, choice, empty, tmp_path)
    for each in choice.wanted:
        query = sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t").format(
            sql.Identifier(each.schema, each.name)
        )
        found = []
        for database in ("zoo", empty):
            with archivist.server.connection(database) as connection:
                found.append(connection.execute(query).fetchone())
        assert found[0] == found[1], each.label
    for each in choice.without_rows:
        if each.relkind != "p":
            with archivist.server.connection(empty) as connection:
                query = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(each.schema, each.name))
                assert connection.execute(query).fetchone() == (0,)


KINDS = (
    "TABLE",
    "TABLE DATA",
    "VIEW",
    "INDEX",
    "FK CONSTRAINT",
    "SEQUENCE",
    "DEFAULT",
    "FUNCTION",
    "TYPE",
    "TABLE ATTACH",
    "ACL",
)
HEADER = Header((1, 14, 0), "custom", "none", "", "", "", "", 4, 8)


def entry(number: int, kind: str, needs: tuple[int, ...]) -> ArchiveEntry:
    """An entry that needs others; of any order, in a circle too."""
    return ArchiveEntry(
        id=number, kind=kind, schema="s", name=f"t{number}", owner="", section="none", has_data=False, catalog="", oid="",
        definition="", drop="", copy="", tablespace="", access="", relkind="", with_oids=False, needs=needs,
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.lists(st.integers(1, 15), max_size=4)), min_size=1, max_size=14),
    st.data(),
)
def test_every_entry_ends_up_in_one_place(drawn: list[tuple[str, list[int]]], data: st.DataObject) -> None:
    """Nothing is dropped in silence, nothing comes twice, and what comes has all that it needs."""
    entries = tuple(entry(number, kind, tuple(needs)) for number, (kind, needs) in enumerate(drawn, 1))
    tables = [each for each in entries if each.kind == "TABLE"]
    named = data.draw(st.lists(st.sampled_from(tables), max_size=3)) if tables else []
    choice = choose(Contents(HEADER, entries, 0), [each.full_name for each in named])
    rows = (choice.wanted, choice.needed, choice.belonging, tuple(each.entry for each in choice.left_out))
    placed = [each.id for row in rows for each in row]
    assert len(placed) == len(set(placed))
    rest = Counter(each.kind for each in entries if each.id not in placed)
    assert dict(rest) == choice.unrelated
    comes = {each.id for row in rows[:3] for each in row}
    there = {each.id for each in entries}
    assert {need for each in entries if each.id in comes for need in each.needs if need in there} <= comes
    wanted = {each.id for each in choice.wanted}
    assert {each.id for each in named} <= wanted
    # Data comes only of what is wanted, and whatever points at that is named.
    for each in entries:
        if each.kind == "TABLE DATA" and each.id in comes:
            assert wanted & set(each.needs) or any(each.id in other.needs for other in entries)
        if wanted & set(each.needs) and each.id not in comes:
            assert each.id in placed


def test_a_name_with_a_dot_is_named_as_sql_quotes_it() -> None:
    """Else "a"."b.c" and "a.b"."c" could not be told apart; what is printed can be typed again."""
    named = (("a", "b.c"), ("a.b", "c"), ("a", "new\nline"))
    tables = [
        replace(entry(number, "TABLE", ()), schema=schema, name=name) for number, (schema, name) in enumerate(named, 1)
    ]
    contents = Contents(HEADER, tuple(tables), 0)
    for words, number in (
        ('"a"."b.c"', 1), ('a."b.c"', 1), ('"b.c"', 1), ('"a.b"."c"', 2), ("c", 2), ("a.new\nline", 3), ("a.new\\nline", 3),
    ):  # fmt: skip
        assert [each.id for each in choose(contents, (words,)).wanted] == [number], words
    with pytest.raises(Refused) as caught:
        choose(contents, ("a.b.c",))
    assert caught.value.reasons == ('several tables are called "a.b.c": "a"."b.c", "a.b"."c"',)

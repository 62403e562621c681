"""Which column goes where, and what is said of those that go nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.model.parquet import TargetColumn
from daybreak.parquet.columns import NESTED, FileColumn, FileKind, Matching, match_columns


def target(name: str, base: str = "text", **more: Any) -> TargetColumn:
    """A column of a table."""
    return TargetColumn(name=name, type=base, base=base, **more)


def source(name: str, kind: FileKind = "text") -> FileColumn:
    """A column of a file."""
    return FileColumn(name, kind, kind.upper())


def match(base: str, kind: FileKind, **more: bool) -> Matching:
    """What becomes of one column of each."""
    return match_columns([target("c", base, **more)], [source("c", kind)])


DOCUMENTED: list[tuple[str, FileKind]] = [
    *((base, "integer") for base in ("int2", "int4", "int8")),
    ("float4", "float4"),
    ("float8", "float8"),
    ("bool", "boolean"),
    ("bytea", "binary"),
    *(
        (base, "text")
        for base in (
            "numeric",
            "money",
            "date",
            "time",
            "timestamptz",
            "jsonb",
            "uuid",
            "inet",
            "int4range",
            "_int4",
            "bpchar",
            "",
        )
    ),
]


@pytest.mark.parametrize(("base", "kind"), DOCUMENTED)
def test_what_is_documented_fits_without_a_word(base: str, kind: FileKind) -> None:
    """A type of somebody's own, which has no name of PostgreSQL's, arrives as text."""
    found = match(base, kind)
    assert (found.columns, found.remarks, found.objections) == (("c",), (), ())


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ("bytea", "text"),  # its text could be read in two ways
        ("text", "binary"),
        ("int4", "float8"),
        ("float4", "float8"),  # it would lose digits
        ("float8", "integer"),
        ("text", "integer"),
        ("timestamp", "timestamptz"),
        ("timestamptz", "timestamp"),
        ("money", "decimal"),
        ("int4", "other"),
        ("", "other"),
    ],
)
def test_what_has_no_exact_way_is_an_objection(base: str, kind: FileKind) -> None:
    """It names both types; nothing of it is loaded."""
    found = match(base, kind)
    assert (found.columns, len(found.objections)) == ((), 1)
    assert f"{kind.upper()} in the files" in found.objections[0]


@pytest.mark.parametrize(
    ("base", "kind"),
    [("int4", "text"), ("numeric", "decimal"), ("date", "date"), ("float8", "float4"), ("numeric", "integer")],
)
def test_another_type_that_fits_exactly_is_said(base: str, kind: FileKind) -> None:
    """It may be that RDS writes it otherwise by now, or that the table was altered since."""
    found = match(base, kind)
    assert (found.columns, found.objections, len(found.remarks)) == (("c",), (), 1)
    assert "RDS is documented to write" in found.remarks[0]


def test_a_domain_arrives_as_text_whatever_is_beneath_it() -> None:
    """So text is nothing to speak of there, and a number is."""
    assert match("int4", "text", is_domain=True).remarks == ()
    assert len(match("int4", "integer", is_domain=True).remarks) == 1


def test_columns_that_only_one_side_has_are_said() -> None:
    """A needed one stands against loading; the others are nulls, defaults, or lost values."""
    found = match_columns(
        [
            target("id", "int8", is_needed=True),
            target("spare", has_default=True),
            target("late"),
            target("whose", "oid"),
            target("twice", is_generated=True),
            target("kept"),
        ],
        [source("ID", "integer"), source("twice"), source("kept"), source("lates")],
    )
    assert found.columns == ("kept",)
    assert found.objections == ('the files have no column "id": a row needs a value for it',)
    assert found.remarks == (
        'the files have no column "spare": each row gets its default',
        'the files have no column "late" (did you mean "lates"?): it is null in each row',
        'the files have no column "whose" (RDS exports no oid): it is null in each row',
        'the column "twice" is generated, and the server makes its values',
        'the files have a column "ID", and the table has no such column: its values are not loaded',
        'the files have a column "lates", and the table has no such column: its values are not loaded',
    )


def test_a_name_that_a_file_has_twice_and_a_file_without_any_are_objections() -> None:
    """Nobody knows which of the two holds the values."""
    assert "have 2 columns" in match_columns([target("c")], [source("c"), source("c")]).objections[0]
    assert match_columns([target("c")], [source("d")]).objections == (
        "no column of the files has a place in the table",
    )


def test_a_value_that_is_taken_apart_in_the_files_is_no_missing_column() -> None:
    """Its parts are there: to load null would lose them. A column may have a dot in its name, and then it is none of these."""
    table = [target("id", "int4"), target("z", ""), target("made", "int4", is_generated=True), target("a")]
    part = [FileColumn(name, "other", NESTED) for name in ("z.a", "z.list.element", "made.x")]
    found = match_columns(table, [source("id", "integer"), *part, source("a.b")])
    assert found.objections == (
        'the column "z" is in parts in the files ("z.a", "z.list.element"), and nothing makes one value of them exactly',
    )
    assert [each.split(":")[0] for each in found.remarks] == [
        'the column "made" is generated, and the server makes its values',
        'the files have no column "a"',
        'the files have a column "a.b", and the table has no such column',
    ]

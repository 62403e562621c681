"""A script is cut as psql would read it, whatever the pieces in which it comes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.archive.damage import UnreadableArchive
from daybreak.archive.statements import ScriptPart, cut

SCRIPT = (
    b"-- a comment; with 'signs'\n\\restrict w0rd\n\nSET x = 'it''s; -- none';\n"
    b'CREATE TABLE "odd;""name" (a text DEFAULT E\'a\\\';b\');\n'
    b"CREATE FUNCTION f(a text) RETURNS text AS $body$ SELECT $1; \\! $$ ; $body$ LANGUAGE sql;\n"
    b"/* a /* nested; */ comment ; */ SELECT (1; 2), a$b$c;\n"
    b"COPY public.t (a, b) FROM stdin;\n1\t;\n\\.x\n2\t\\\\.\n\\N\t'\n\\.\n\n"
    b"COPY public.empty FROM stdin WITH (FORMAT text);\n\\.\n\n"
    b"COPY public.away TO stdout;\nSELECT name'x';\n\\unrestrict w0rd\n\n"
)
KINDS = [
    ("command", b"\\restrict w0rd\n"),
    ("statement", b"SET x = 'it''s; -- none';"),
    ("statement", b'CREATE TABLE "odd;""name" (a text DEFAULT E\'a\\\';b\');'),
    ("statement", b"CREATE FUNCTION f(a text) RETURNS text AS $body$ SELECT $1; \\! $$ ; $body$ LANGUAGE sql;"),
    ("statement", b"/* a /* nested; */ comment ; */ SELECT (1; 2), a$b$c;"),
    ("statement", b"COPY public.t (a, b) FROM stdin;"),
    ("rows", b"1\t;\n\\.x\n2\t\\\\.\n\\N\t'\n\\.\n"),
    ("statement", b"COPY public.empty FROM stdin WITH (FORMAT text);"),
    ("rows", b"\\.\n"),
    ("statement", b"COPY public.away TO stdout;"),
    ("statement", b"SELECT name'x';"),
    ("command", b"\\unrestrict w0rd\n"),
]


def joined(pieces: list[ScriptPart]) -> list[tuple[str, bytes]]:
    """What is not blank, with rows that came in several pieces as one."""
    found: list[tuple[str, bytes]] = []
    for each in pieces:
        if each.kind == "rows" and found and found[-1][0] == "rows":
            found[-1] = ("rows", found[-1][1] + each.text)
        elif each.kind != "blank":
            found.append((each.kind, each.text if each.kind != "statement" else each.code))
    return found


@given(st.lists(st.integers(0, len(SCRIPT)), max_size=40))
def test_the_pieces_are_the_same_however_it_comes(ends: list[int]) -> None:
    """And together they are the script, each at its place."""
    bounds = [0, *sorted(ends), len(SCRIPT)]
    pieces = list(cut((SCRIPT[a:b] for a, b in pairwise(bounds)), "x"))
    assert b"".join(each.text for each in pieces) == SCRIPT
    assert all(SCRIPT[each.place :].startswith(each.text) for each in pieces)
    assert joined(pieces) == KINDS


def test_byte_by_byte() -> None:
    """The hardest way of all: each sign of two is torn."""
    pieces = list(cut((SCRIPT[n : n + 1] for n in range(len(SCRIPT))), "x"))
    assert joined(pieces) == KINDS


@given(st.binary(max_size=200))
def test_whatever_comes_is_cut_or_refused(text: bytes) -> None:
    """Nothing is lost on the way, and nothing else is raised."""
    try:
        pieces = list(cut([text], "x"))
    except UnreadableArchive:
        return
    assert b"".join(each.text for each in pieces) == text


@given(st.text(alphabet="'\"$a;\\E-/*() \n.", max_size=60))
def test_whatever_signs_come_are_cut_or_refused(text: str) -> None:
    """The same of the signs that mean something."""
    test_whatever_comes_is_cut_or_refused.hypothesis.inner_test(text.encode())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"SELECT 1", "a statement has no end"),
        (b"SELECT 1 \\g x\n", "at byte 9, psql's own command stands within a statement"),
        (b"SELECT 'a", "at byte 8, a text or a name has no end"),
        (b"SELECT E'a\\'", "a text has no end"),
        (b'SELECT "a', "a text or a name has no end"),
        (b"SELECT $x$ $y$;", "a text in dollar signs has no end"),
        (b"/* /* */ SELECT 1;", "a comment has no end"),
        (b"COPY t FROM stdin;\n1\n", "rows have no end"),
        (b"SELECT '" + b"x" * (65 << 20), "longer than 67,108,864 bytes"),
    ],
)
def test_what_has_no_end_is_refused_with_its_place(text: bytes, why: str) -> None:
    """A torn script is none."""
    chunks = (text[n : n + (1 << 20)] for n in range(0, len(text), 1 << 20))
    with pytest.raises(UnreadableArchive, match=why):
        list(cut(chunks, "x"))


@pytest.mark.parametrize(
    "copy",
    [
        b'COPY s."a;b" ("c;d") FROM stdin;',
        b'COPY s."x FROM STDIN;" (i) FROM stdin;',
        b"COPY s.t (i) FROM stdin WITH (DELIMITER ';', NULL $$;$$);",
        b"COPY s.t (i) /* ; TO */ from -- ;\n Stdin;",
    ],
)
def test_rows_follow_a_copy_whatever_its_names_and_options_hold(copy: bytes) -> None:
    """What stands in quotes is neither its end nor what it does."""
    parts = list(cut([copy + b"\n1\n\\.\nSELECT 1;\n"], "a"))
    assert {each.kind for each in parts if each.text == b"1\n"} == {"rows"}
    assert [each.text.strip() for each in parts if each.kind == "statement"] == [copy, b"SELECT 1;"]
    assert parts[0].text == copy


@pytest.mark.parametrize("other", [b'COPY s."a FROM STDIN b" TO stdout;', b"COPY (SELECT ' FROM STDIN ') TO stdout;"])
def test_no_rows_follow_another_copy(other: bytes) -> None:
    """Though its names and texts say so."""
    parts = list(cut([other + b"\nSELECT 1;\n"], "a"))
    assert [each.kind for each in parts if each.kind != "blank"] == ["statement", "statement"]

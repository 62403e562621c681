"""In which order an archive is loaded while it comes, and of what can be asked afterwards whether it is there."""

from __future__ import annotations

from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.sections import FOUND_BY_NAME, ROWS, by_section, is_all_or_nothing, order_of_arrival
from daybreak.execute.workshop import open_source
from daybreak.postgres.scratch_objects import BY_NAME
from tests.archive.fix_archives import Archivist, programs

NEWEST = max(programs())


def contents_of(archivist: Archivist, *options: str) -> Contents:
    """The table of contents of an archive of the zoo."""
    with open_source(archivist.archive(NEWEST, "-Fc", *options)) as source:
        return read_contents(source, "custom")


def test_what_is_found_by_name_can_be_asked_of_the_catalogs() -> None:
    """One list is of the archive's floor and one of the server's."""
    assert set(BY_NAME) >= FOUND_BY_NAME


def test_each_entry_is_in_one_section(archivist: Archivist) -> None:
    """In the archive's order, comments with what they are about; tables first, their rows next, indexes last."""
    contents = contents_of(archivist)
    sections = by_section(contents, contents.entries)
    assert [each.id for entries in sections.values() for each in entries] == [each.id for each in contents.entries]
    assert {each.kind for each in sections["pre-data"]} >= {"TABLE", "COMMENT", "FUNCTION"}
    assert {each.kind for each in sections["data"]} >= {ROWS, "SEQUENCE SET", "BLOBS"}
    assert {each.kind for each in sections["post-data"]} >= {
        "INDEX",
        "FK CONSTRAINT",
        "TRIGGER",
        "MATERIALIZED VIEW DATA",
    }


def test_rows_come_by_one_statement_or_not(archivist: Archivist) -> None:
    """Also of tables with quotes and line breaks in their names; not as INSERT, and only of leaves through the root."""

    def found(*options: str) -> set[bool]:
        entries = contents_of(archivist, *options).entries
        return {is_all_or_nothing(each) for each in entries if each.kind == ROWS and each.has_data}

    assert found() == {True}
    assert found("--inserts") == {False}
    assert found("--load-via-partition-root") == {True, False}


def test_small_tables_come_first_and_no_large_one_last() -> None:
    """Whatever their sizes are: each comes once, and the last is smaller than most."""
    for sizes in ([], [5], [7, 7], [10**9, *range(1, 40)], [100 // number for number in range(1, 50)]):
        order = order_of_arrival(sizes)
        assert sorted(order) == list(range(len(sizes)))
        if len(sizes) > 2:
            assert sizes[order[0]] == min(sizes)
            assert sizes[order[-1]] < max(sizes)

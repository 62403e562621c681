"""What is picked is what pg_restore takes, costs little more than what is wanted, and has no name that an archive invents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daybreak.archive.blocks import blocks_of
from daybreak.archive.choosing import choose
from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.damage import UnreadableArchive
from daybreak.archive.layout import Pile, piles_of
from daybreak.archive.picking import GAP, join_ranges, pick
from daybreak.archive.sources import HeldBytes
from daybreak.archive.tape import content_of, members
from daybreak.errors import Refused
from daybreak.model.exports import StoredObject
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from tests.archive.fix_archives import Archivist, programs
from tests.archive.test_choosing import HEADER, entry
from tests.archive.test_contents import contents_of, listed

MAJORS = sorted(programs())
NEWEST = MAJORS[-1]
WHEN = datetime(2024, 1, 15, tzinfo=UTC)


def object_at(path: Path, key: str = "day/a.dump") -> StoredObject:
    """A file as a listing shows it."""
    return StoredObject(key, path.stat().st_size, WHEN, mark='"m"')


def alone(stored: StoredObject) -> Pile:
    """An object that belongs to no folder."""
    return Pile(stored.key, "file", (stored,))


def pile_at(path: Path, folder: str = "day/x/") -> Pile:
    """A directory archive as a listing shows it."""
    (pile,) = piles_of(object_at(each, folder + each.name) for each in path.iterdir())
    return pile


def numbers_in(listing: str, *but: str) -> tuple[int, ...]:
    """The entries of a list of pg_restore's, in its order."""
    lines = (line.split() for line in listed(listing) if line.partition(";")[0].isdigit())
    return tuple(int(words[0].rstrip(";")) for words in lines if words[3] not in but)


@pytest.mark.parametrize("major", MAJORS)
def test_the_whole_is_what_pg_restore_lists_without_privileges(archivist: Archivist, major: int) -> None:
    """In its order; and all of the file."""
    path = archivist.archive(major, "-Fc")
    picking = pick(alone(object_at(path)), "custom", contents_of(path))
    assert picking.take == numbers_in(archivist.listing(major, path), "ACL")
    assert picking.pieces[0].ranges == ((0, path.stat().st_size),)
    assert picking.large_objects == 0


@pytest.mark.parametrize("major", MAJORS)
def test_a_table_costs_its_block_and_the_table_of_contents(archivist: Archivist, major: int) -> None:
    """The list holds what the choice brings; large objects stay, and are counted."""
    path = archivist.archive(major, "-Fc")
    contents = contents_of(path)
    choice = choose(contents, ["sales.orders"])
    picking = pick(alone(object_at(path)), "custom", contents, choice)
    kinds = {each.id: each for each in contents.entries}
    labels = [kinds[number].label for number in picking.take]
    assert "TABLE DATA sales.orders" in labels
    assert not [label for label in labels if label.startswith(("ACL", "ENCODING", "STDSTRINGS", "SEARCHPATH"))]
    assert picking.take == tuple(each.id for each in contents.entries if each.id in picking.take)
    assert picking.large_objects == 1
    blocks = blocks_of(contents, "it", path.stat().st_size)
    wanted = sum(blocks[number].length for number in picking.take if number in blocks)
    assert wanted <= picking.bytes <= contents.end + wanted + 2 * GAP
    assert picking.pieces[0].size == path.stat().st_size
    assert Picking.model_validate_json(picking.canonical()) == picking


def test_tables_that_are_only_needed_come_without_rows(archivist: Archivist) -> None:
    """Also where something that comes says that it needs their rows."""
    path = archivist.archive(NEWEST, "-Fc")
    contents = contents_of(path)
    by_label = {each.label: each for each in contents.entries}
    child, rows = by_label["TABLE sales.child"], by_label["TABLE DATA sales.parent"]
    crooked = replace(child, needs=(*child.needs, rows.id))
    contents = replace(contents, entries=tuple(crooked if each.id == child.id else each for each in contents.entries))
    picking = pick(alone(object_at(path)), "custom", contents, choose(contents, ["sales.child"]))
    assert by_label["TABLE sales.parent"].id in picking.take
    assert by_label["TABLE DATA sales.child"].id in picking.take
    assert rows.id not in picking.take


def test_what_has_no_places_is_fetched_whole(archivist: Archivist) -> None:
    """An archive that went through a pipe, a tar whose headers nobody read, a script."""
    path = archivist.archive(NEWEST, "-Fc", is_piped=True)
    contents = contents_of(path)
    picking = pick(alone(object_at(path)), "custom", contents, choose(contents, ["sales.orders"]))
    assert picking.pieces[0].ranges == ((0, path.stat().st_size),)
    tar = archivist.archive(NEWEST, "-Ft")
    source = HeldBytes("tar", tar.read_bytes())
    held = [each for each in members(source, 1_000) if each]
    contents = read_contents(content_of(source, held[0]), "files")
    choice = choose(contents, ["sales.orders"])
    assert pick(alone(object_at(tar)), "tar", contents, choice).bytes == tar.stat().st_size
    assert pick(alone(object_at(tar)), "sql").pieces[0].name == SINGLE
    assert pick(alone(StoredObject("empty", 0, WHEN, mark='"m"')), "sql").bytes == 0
    with pytest.raises(UnreadableArchive) as caught:
        pick(alone(object_at(tar)), "tar", contents, choice, members=held[:1])
    assert len(caught.value.reasons) == 1


def test_a_directory_is_its_contents_and_the_files_of_what_comes(archivist: Archivist) -> None:
    """Large objects where all comes; a file that is no part of it never."""
    path = archivist.archive(NEWEST, "-Fd")
    contents, pile = contents_of(path), pile_at(path)
    table = pick(pile, "directory", contents, choose(contents, ["sales.orders"]))
    assert len(table.pieces) == 2
    assert table.pieces[0].name == "toc.dat"
    assert table.large_objects == 1
    whole = pick(pile, "directory", contents)
    assert {each.name for each in whole.pieces} == {each.name for each in path.iterdir()}
    lone = replace(pile, objects=(*pile.objects, StoredObject("day/x/999.dat.gz", 5, WHEN, mark='"m"')))
    assert pick(lone, "directory", contents) == whole


def test_names_of_an_archive_are_held_to_those_of_pg_dump(archivist: Archivist) -> None:
    """Every strange or missing one is named at once."""
    path = archivist.archive(NEWEST, "-Fd")
    contents, pile = contents_of(path), pile_at(path)
    strange = ["passwd", "toc.dat\n", "1.dat.exe", "data-0001", "CON", "\u0661.dat", "..", "1.DAT", "999999.dat"]
    crooked = [
        replace(entry(90_000 + number, "TABLE DATA", ()), has_data=True, file=name)
        for number, name in enumerate(strange)
    ]
    more = replace(contents, entries=(*contents.entries, *crooked))
    held = replace(
        pile, objects=(*pile.objects, *(StoredObject(f"day/x/{name}", 1, WHEN, mark='"m"') for name in strange[:5]))
    )
    with pytest.raises(UnreadableArchive) as caught:
        pick(held, "directory", more)
    assert len(caught.value.reasons) == len(strange)
    there = replace(more, entries=(*contents.entries, crooked[0]))
    with pytest.raises(UnreadableArchive) as caught:
        pick(held, "directory", there)
    assert caught.value.reasons == ('pg_dump gives no file the name "passwd"',)


def test_what_leads_astray_is_no_picking() -> None:
    """Of a plan that somebody wrote by hand: names, places, two objects for one file."""
    good = ObjectPieces(key="k", size=10, mark="m", name=SINGLE, ranges=((0, 4), (6, 10)))
    for wrong in (
        {"name": "../data-0001"}, {"name": "/etc/passwd"}, {"name": ""}, {"name": "toc.dat\n"}, {"name": "data-00011"},
        {"ranges": ((0, 11),)}, {"ranges": ((4, 4),)}, {"ranges": ((3, 4), (0, 1))}, {"ranges": ((0, 5), (4, 6))},
        {"ranges": ((-1, 4),)}, {"size": -1}, {"size": 2**60}, {"mark": ""},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            ObjectPieces.model_validate({**good.plain(), **wrong})
    for pieces in ((), (good, good), (good.model_copy(update={"name": "toc.dat"}),)):
        with pytest.raises(ValidationError):
            Picking(form="custom", pieces=pieces)
    contents = good.model_copy(update={"name": "toc.dat"})
    for pieces in ((contents, contents), (contents, good), (good,)):
        with pytest.raises(ValidationError):
            Picking(form="directory", pieces=pieces)
    with pytest.raises(Refused, match="of which version"):
        pick(alone(StoredObject("k", 1, WHEN)), "sql")


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(1, 2**20)), max_size=12))
def test_joined_ranges_hold_the_same_and_little_more(drawn: list[tuple[int, int]]) -> None:
    """In order, apart by more than a request is worth, and with nothing in them but gaps."""
    ranges = [(start, start + length) for start, length in drawn]
    joined = list(join_ranges(ranges))
    assert all(any(a <= start and end <= b for a, b in joined) for start, end in ranges)
    assert all(before[1] + GAP < after[0] for before, after in pairwise(joined))
    assert sum(b - a for a, b in joined) <= sum(length for _, length in drawn) + GAP * len(drawn)


def test_an_entry_of_large_objects_never_comes_with_a_table() -> None:
    """Whatever a crooked archive says that its table needs."""
    table = entry(1, "TABLE", (2, 3))
    large = replace(entry(2, "BLOBS", ()), has_data=True)
    contents = Contents(HEADER, (large, entry(3, "BLOB", ()), table), 20)
    picking = pick(alone(StoredObject("k", 20, WHEN, mark='"m"')), "custom", contents, choose(contents, ["s.t1"]))
    assert (picking.take, picking.large_objects) == ((1,), 1)

"""Real archives of every form, restored by the real program: what was dumped is what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from daybreak.archive.beyond import sort_out
from daybreak.archive.contents import Contents, Section, read_contents
from daybreak.archive.sources import HeldBytes
from daybreak.errors import Refused
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.postgres.restoring import major_for, read_abilities, require_new_enough, restore_archive
from daybreak.postgres.scratch_place import ScratchPlace, make_scratch, scratch_name
from tests.archive.fix_archives import Archivist
from tests.archive.fix_archives import programs as dump_programs
from tests.fix_folders import new_folder
from tests.fix_postgres import PASSWORD, started, stopped
from tests.postgres.hostile.fix_hostile import BOUNDS, LIMITS, Range

_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relkind = 'r' AND c.oid >= 16384 AND c.relnamespace <> 'pg_toast'::regnamespace ORDER BY 1
"""
_ROWS = "SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM %s t"
_OBJECTS = """
SELECT (SELECT count(*) FROM pg_catalog.pg_constraint WHERE oid >= 16384 AND contype <> 'n' AND convalidated),
       (SELECT count(*) FROM pg_catalog.pg_index WHERE indrelid >= 16384 AND indisvalid AND indrelid IN
        (SELECT oid FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace)),
       (SELECT count(*) FROM pg_catalog.pg_trigger WHERE NOT tgisinternal),
       (SELECT count(*) FROM pg_catalog.pg_policy), (SELECT string_agg(encode(lo_get(oid), 'escape'), ',' ORDER BY oid) FROM pg_catalog.pg_largeobject_metadata),
       (SELECT pg_catalog.array_agg(last_value ORDER BY sequencename) FROM pg_catalog.pg_sequences)
"""


def contents(path: Path) -> Contents:
    """The table of contents of an archive of any form but a tar."""
    if path.is_dir():
        return read_contents(HeldBytes("toc", (path / "toc.dat").read_bytes()), "files")
    return read_contents(HeldBytes("dump", path.read_bytes()), "custom")


State = tuple[dict[str, str], list[tuple[object, ...]]]
"""The digest of each table, and what else there is."""


def read_state(ask: Callable[[str], list[tuple[object, ...]]]) -> State:
    """How a database is."""
    tables = [str(row[0]) for row in ask(_TABLES)]
    return {each: str(ask(_ROWS.replace("%s", each))[0][0]) for each in tables}, ask(_OBJECTS)


def of_scratch(place: ScratchPlace) -> State:
    """How scratch is."""
    with place.reach.session(LIMITS) as session:
        return read_state(lambda text: session.ask(sql.SQL(text)))


def of_source(archivist: Archivist) -> State:
    """How it was where it was dumped. Its materialized view is older than its rows, and a restore makes it anew."""
    with archivist.server.connection(archivist.database) as one:
        one.execute("SET search_path = pg_catalog")
        one.execute("SET TimeZone = UTC")
        return read_state(lambda text: one.execute(text.encode()).fetchall())


@pytest.mark.parametrize("major", sorted(dump_programs()))
@pytest.mark.parametrize("form", ["custom", "directory", "sections", "tar", "plain"])
def test_what_was_dumped_is_what_is_there(firing_range: Range, archivist: Archivist, major: int, form: str) -> None:
    """Row by row, from each version's pg_dump; with several jobs, and section by section."""
    path = archivist.archive(major, "--format", "custom" if form == "sections" else form)
    with firing_range.scratch() as place:
        if form == "plain":
            loaded = firing_range.load(place, path.read_bytes())
            assert {each.why for each in loaded.left_out} >= {
                "a script's owners and privileges are left where they are: in scratch all belongs to the throw-away role"
            }
        else:
            _restore(firing_range, place, path, archivist.archive(major, "--format", "custom"), form)
        assert of_scratch(place) == of_source(archivist)
        with place.reach.session(LIMITS) as session:
            owners = session.ask(sql.SQL("SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE oid >= 16384"))
        assert owners == [(place.name,)]


def _restore(here: Range, place: ScratchPlace, path: Path, custom: Path, form: str) -> None:
    """Restore all that the role can make; the entries of a tar have the numbers of the custom archive of the same database."""
    kept, beyond = sort_out(contents(custom if form == "tar" else path).entries, read_abilities(place))
    assert {each.entry.kind for each in beyond} >= {"PUBLICATION", "PUBLICATION TABLE"}
    sections: tuple[Section | None, ...] = ("pre-data", "data", "post-data") if form == "sections" else (None,)
    said: list[str] = []
    for section in sections:
        restore_archive(
            place, here.programs.client("pg_restore"), path, kept,
            replace(BOUNDS, jobs=1 if form == "tar" else 2), section=section, leash=Leash(), hand_over=said.append,
        )  # fmt: skip
    assert len(said) == len(sections)


def test_a_list_is_kept_to(firing_range: Range, archivist: Archivist) -> None:
    """One table and what it needs, and nothing else."""
    path = archivist.archive(max(archivist.programs), "--format", "custom")
    names = {"sales", "sales.parent", "parent"}
    listed = [
        each for each in contents(path).entries if each.name in names and each.kind in ("SCHEMA", "TABLE", "TABLE DATA")
    ]
    with firing_range.scratch() as place:
        restore_archive(
            place, firing_range.programs.client("pg_restore"), path, listed, BOUNDS, leash=Leash(), hand_over=print
        )
        assert [*of_scratch(place)[0]] == ["sales.parent"]


def test_an_archive_newer_than_the_program_is_refused(firing_range: Range, archivist: Archivist) -> None:
    """With the version that is needed; it is read from the format and from who made it."""
    header = contents(archivist.archive(max(archivist.programs), "--format", "custom")).header
    program = firing_range.programs.client("pg_restore")
    require_new_enough(program, header)
    assert major_for(header) == max(archivist.programs)
    assert major_for(replace(header, program="nonsense", server="nonsense")) == 17
    for newer in (replace(header, program="19.1"), replace(header, server="19beta1")):
        with pytest.raises(Refused, match="the archive is of PostgreSQL 19, and pg_restore is 18") as caught:
            require_new_enough(program, newer)
        assert caught.value.hints == ("a pg_restore of PostgreSQL 19 or later",)


@pytest.fixture(scope="module", params=["oldest", "newest"])
def clone(request: pytest.FixtureRequest) -> Iterator[Reach]:
    """A server of others at a port, and its master, who is no superuser."""
    programs = find_server_programs(15 if request.param == "oldest" else 18)
    running = started(new_folder("dbpg-"), programs=programs.folder)
    running.run("postgres", f"CREATE ROLE embi_boss LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'")
    yield Reach(running.address("postgres"), Login("embi_boss", PASSWORD))
    stopped(running)


def test_a_clone_takes_an_archive_as_well(firing_range: Range, archivist: Archivist, clone: Reach) -> None:
    """Over the network, where the program may reach that port and no other."""
    path = archivist.archive(min(archivist.programs), "--format", "custom")
    with clone.session(LIMITS) as session:
        major = session.major
    place = make_scratch(clone, scratch_name("d" * 16))
    try:
        kept, _ = sort_out(contents(path).entries, read_abilities(place))
        program = firing_range.programs.client("pg_restore")
        if major < 17:
            with pytest.raises(Refused, match=f"cannot restore into a server of PostgreSQL {major}"):
                restore_archive(place, program, path, kept, BOUNDS, leash=Leash(), hand_over=print)
            program = find_server_programs(16).client("pg_restore")
        restore_archive(place, program, path, kept, replace(BOUNDS, jobs=2), leash=Leash(), hand_over=print)
        assert of_scratch(place) == of_source(archivist)
    finally:
        place.remove()

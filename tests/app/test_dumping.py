"""Schema dumps of a real server: kept once, in every place, and written out again by somebody who has no AWS at all."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daybreak.app.app import App
from daybreak.app.dumping import DumpSitting, SchemaKept, keep_schemas
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.lab.servers.binaries import installs
from daybreak.postgres.reach import Reach
from tests.fix_capsules import NOON
from tests.fix_cli import CONFIGURATION, NOWHERE, Person
from tests.fix_folders import new_folder
from tests.fix_postgres import Server
from tests.fix_worlds import cluster, identity


@pytest.fixture(scope="module")
def pg_dump() -> Iterator[Path]:
    """The newest program of this machine."""
    folder = new_folder("dbpg-")
    yield installs(folder / "cache")[-1].bin / "pg_dump"
    shutil.rmtree(folder)


@pytest.fixture
def person(tmp_path: Path, pg_dump: Path) -> Person:
    """Somebody whose configuration names the program, and who keeps a copy."""
    somebody = Person(tmp_path)
    somebody.configure(f'copies = ["{tmp_path}/copy"]\npg_dump = "{pg_dump}"\n' + CONFIGURATION)
    return somebody


def keep(person: Person, server: Server, hour: int, *databases: str) -> SchemaKept:
    """Dump and keep the schemas of some databases, some hours after noon."""
    settings = load(environ=person.surroundings(), folder=person.home)
    app = App(settings, Access(region="us-east-1", endpoint_url=NOWHERE, only_loopback=True), {})
    place = Reach(server.address(databases[0]), server.master)
    taken = NOON + hour * timedelta(hours=1)
    return keep_schemas(app, place, DumpSitting(app.target("embi"), cluster(), identity(), taken, databases))


def test_a_schema_is_kept_when_it_is_new_and_written_out(
    person: Person, server: Server, database: str, tmp_path: Path
) -> None:
    """On the day when only rows are left, it makes their tables; an hour without a change keeps nothing more."""
    server.run(database, "CREATE TABLE staff (id int)", "INSERT INTO staff VALUES (1)")
    first = keep(person, server, 0, database)
    assert first.is_new, first.why
    assert first.dump
    assert first.dump.databases[0].note.startswith("made by pg_dump")
    again = keep(person, server, 1, database)
    assert not again.is_new
    assert again.kept
    assert first.kept
    assert again.kept.sha256 == first.kept.sha256
    server.run(database, "ALTER TABLE staff ADD COLUMN name text")
    assert keep(person, server, 2, database).is_new
    for place in (person.state, tmp_path / "copy"):
        files = sorted((place / "schemas" / "embi").iterdir())
        assert len(files) == 2
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    done = person.daybreak("capture", "embi", "--schema", database, "--file", "staff.sql")
    assert done.code == 0, done.err
    text = (tmp_path / "staff.sql").read_text()
    assert "CREATE TABLE public.staff" in text
    assert "name text" in text
    wrong = person.daybreak("capture", "embi", "--schema", "other", "--file", "other.sql")
    assert wrong.code == 2
    assert f"it has {database}" in wrong.err


def test_a_database_that_cannot_be_dumped_is_left_out_with_its_reason(
    person: Person, server: Server, database: str
) -> None:
    """And the others are kept."""
    found = keep(person, server, 0, database, "nowhere_to_be_found")
    assert found.dump
    assert [each.database for each in found.dump.databases] == [database]
    assert "nowhere_to_be_found" in found.dump.left_out["nowhere_to_be_found"]

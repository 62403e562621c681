"""A custom archive of a real server: counted in its own snapshot, seekable, bounded, and gone with whoever makes it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daybreak.archive.blocks import lacks_offsets
from daybreak.archive.contents import read_contents
from daybreak.archive.sources import HeldBytes
from daybreak.errors import Failed, Unreachable
from daybreak.lab.servers.binaries import installs
from daybreak.postgres.archiving import DumpOrder, make_archive
from daybreak.postgres.bounds import OF_A_CLONE, ServerBounds
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.dumping import find_program
from daybreak.postgres.leash import Leash
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from tests.fix_folders import new_folder
from tests.fix_postgres import Server

LONG = timedelta(seconds=60)
TABLES = (
    "CREATE TABLE staff (id int PRIMARY KEY, name text)",
    "INSERT INTO staff SELECT n, 'somebody ' || n FROM generate_series(1, 2000) n",
    "CREATE TABLE parted (day int, what text) PARTITION BY LIST (day)",
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1)",
    "INSERT INTO parted VALUES (1, 'a'), (1, 'b')",
    'CREATE TABLE "it\'s odd" (id int)',
    "CREATE UNLOGGED TABLE fast (id int)",
    "INSERT INTO fast VALUES (1)",
)


@pytest.fixture(scope="module")
def program() -> Iterator[ClientProgram]:
    """The newest pg_dump of this machine."""
    folder = new_folder("dbpg-")
    yield find_program(str(installs(folder / "cache")[-1].bin / "pg_dump"))
    shutil.rmtree(folder)


def reach(server: Server, database: str, bounds: ServerBounds = OF_A_CLONE) -> Reach:
    """Where it is asked."""
    return Reach(server.address(database), server.master, Meter(bounds))


def test_it_holds_what_was_counted(server: Server, database: str, program: ClientProgram, tmp_path: Path) -> None:
    """The rows of each table, and an offset of each, so that one can be read without the rest."""
    server.run(database, *TABLES)
    file = tmp_path / "archive.dump"
    seen: list[str] = []
    made = make_archive(reach(server, database), DumpOrder(program, file, 1 << 30, LONG), Leash(), seen.append)
    counted = {each.table: each.rows for each in made.tables}
    assert counted == {"staff": 2000, "parted_1": 2, "it's odd": 0, "fast": 1}
    assert made.size == file.stat().st_size
    contents = read_contents(HeldBytes(str(file), file.read_bytes()), "custom")
    assert not lacks_offsets(contents)
    listed = subprocess.run(
        [str(Path(program.path).with_name("pg_restore")), "--list", str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert sum(" TABLE DATA " in line for line in listed.splitlines()) == len(counted)
    assert seen[0].startswith("counting public.")


def test_what_comes_after_the_snapshot_is_in_neither(
    server: Server, database: str, program: ClientProgram, tmp_path: Path
) -> None:
    """Rows that come while the program starts must not make the count a lie."""
    server.run(database, *TABLES)
    slow = tmp_path / "pg_dump"
    slow.write_text(f'#!/bin/sh\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.05; done\nexec {program.path} "$@"\n')
    slow.chmod(0o755)

    def write(said: str) -> None:
        if "MB are written" in said and not (tmp_path / "go").exists():
            server.run(database, "INSERT INTO staff VALUES (100000, 'late')")
            (tmp_path / "go").touch()

    file = tmp_path / "archive.dump"
    order = DumpOrder(ClientProgram(str(slow), program.version, program.major), file, 1 << 30, LONG)
    made = make_archive(reach(server, database), order, Leash(), write)
    assert {each.table: each.rows for each in made.tables}["staff"] == 2000
    restored = subprocess.run(
        [str(Path(program.path).with_name("pg_restore")), "--data-only", "--table=staff", "--file=-", str(file)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "late" not in restored
    assert "somebody 2000" in restored


def test_it_is_bounded(server: Server, database: str, program: ClientProgram, tmp_path: Path) -> None:
    """By the size of the file, by time, and by whoever calls it off; a program that fails is quoted."""
    server.run(database, *TABLES)
    stuck = tmp_path / "pg_dump"
    stuck.write_text(f"#!/bin/sh\nhead -c 5000 /dev/zero > {tmp_path}/archive.dump\nexec sleep 60\n")
    stuck.chmod(0o755)
    program = ClientProgram(str(stuck), program.version, program.major)
    file = tmp_path / "archive.dump"
    with pytest.raises(Failed, match="is larger than"):
        make_archive(reach(server, database), DumpOrder(program, file, 1000, LONG), Leash())
    with pytest.raises(Unreachable, match="did not end in time"):
        make_archive(reach(server, database), DumpOrder(program, file, 1 << 30, timedelta(seconds=1)), Leash())
    leash = Leash()
    with pytest.raises(Unreachable, match="called off"):
        make_archive(
            reach(server, database),
            DumpOrder(program, file, 1 << 30, LONG),
            leash,
            lambda said: leash.is_called_off.set() if "written" in said else None,
        )
    stuck.write_text("#!/bin/sh\necho 'no room' >&2\nexit 3\n")
    with pytest.raises(Failed, match="failed: no room"):
        make_archive(reach(server, database), DumpOrder(program, file, 1 << 30, LONG), Leash())

"""What was fetched of an archive is, for pg_restore, the archive: the same SQL from the file with holes as from the whole one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from daybreak.archive.choosing import ArchiveChoice, choose
from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.layout import piles_of
from daybreak.archive.picking import pick
from daybreak.archive.sources import HeldBytes
from daybreak.archive.tape import content_of, members
from daybreak.aws.objects import Objects
from daybreak.execute.fetching import fetch
from daybreak.model.exports import StoredObject
from daybreak.model.pickings import Picking
from daybreak.postgres.leash import Leash
from tests.archive.fix_archives import Archivist, programs
from tests.archive.test_contents import contents_of
from tests.fix_lab import LabUnderTest
from tests.fix_s3 import s3_client

MAJORS = sorted(programs())
SELECTIONS: dict[str, Callable[[Contents], ArchiveChoice | None]] = {
    "a table": lambda contents: choose(contents, ["sales.orders"]),
    "partitions": lambda contents: choose(contents, ["sales.events", "customers"]),
    "a schema": lambda contents: choose(contents, (), ["sales"]),
    "all": lambda _: None,
}


@cache
def compressions(major: int) -> tuple[str, ...]:
    """What the pg_dump of a major version can compress with on this machine, by its option."""
    if major < 16:
        return ("-Z0", "-Z6")
    asked = {
        each: subprocess.run(
            [programs()[major] / "pg_dump", f"-Z{each}", "-Fc", "-h", "/nowhere"],
            capture_output=True, text=True, check=False,
        ).stderr
        for each in ("none", "gzip", "lz4", "zstd")
    }  # fmt: skip
    return tuple(f"-Z{each}" for each, said in asked.items() if "compress" not in said)


def test_the_compressions_that_are_tested_are_those_that_are_there() -> None:
    """A pg_dump that has none of them says so, and every one has gzip."""
    assert all({"-Z0", "-Z6"} <= set(compressions(major)) for major in MAJORS if major < 16)
    assert all({"-Znone", "-Zgzip"} <= set(compressions(major)) for major in MAJORS if major >= 16)


def stored_at(objects: Objects, prefix: str) -> tuple[StoredObject, ...]:
    """What the bucket lists."""
    return tuple(objects.details(prefix))


def plan(path: Path, stored: tuple[StoredObject, ...], select: Callable[[Contents], ArchiveChoice | None]) -> Picking:
    """What is fetched of an archive of any form."""
    (pile,) = piles_of(stored)
    if path.is_dir() or path.read_bytes().startswith(b"PGDMP"):
        contents = contents_of(path)
        return pick(pile, "directory" if path.is_dir() else "custom", contents, select(contents))
    source = HeldBytes(path.name, path.read_bytes())
    held = [each for each in members(source, 1_000) if each]
    contents = read_contents(content_of(source, held[0]), "files")
    return pick(pile, "tar", contents, select(contents), members=held)


def sql_of(program: Path, archive: Path, list_file: Path) -> str:
    """What pg_restore would run, but for the two lines with a word of chance."""
    done = subprocess.run(
        [program, "-L", list_file, "-f", "-", archive], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def put(client: object, bucket: str, key: str, path: Path) -> None:
    """Store an archive."""
    for each in path.iterdir() if path.is_dir() else (path,):
        name = f"{key}/{each.name}" if path.is_dir() else key
        client.put_object(Bucket=bucket, Key=name, Body=each.read_bytes())  # type: ignore[attr-defined]


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("form", ["-Fc", "-Fc through a pipe", "-Fd", "-Ft"])
def test_pg_restore_reads_the_same_from_what_was_fetched(
    archivist: Archivist, bucket: str, s3_url: str, tmp_path: Path, *, form: str, major: int
) -> None:
    """Of each layout, with each compression that this machine's pg_dump has: a table, partitions, a schema, all."""
    objects = Objects(s3_client(s3_url), bucket)
    for number, packing in enumerate(compressions(major) if form != "-Ft" else ("",)):
        options = (form[:3], *([packing] if packing else []))
        path = archivist.archive(major, *options, is_piped="pipe" in form)
        put(s3_client(s3_url), bucket, f"{number}/x", path)
        stored = stored_at(objects, f"{number}/")
        for name, select in SELECTIONS.items():
            picking = plan(path, stored, select)
            folder, list_file = tmp_path / f"{number} {name}", tmp_path / "list"
            done = fetch(objects, picking, folder, lambda _: None, Leash())
            list_file.write_text(picking.list_file)
            program = archivist.programs[major] / "pg_restore"
            mine, theirs = sql_of(program, done.path, list_file), sql_of(program, path, list_file)
            assert mine == theirs
            assert ("COPY sales.orders (" in mine) == (name != "partitions")
            assert ("lo_create" in mine or "lowrite" in mine) == (name == "all")
            if name == "a table" and form == "-Fd":
                assert len(picking.pieces) == 2


def test_holes_are_never_read(archivist: Archivist, bucket: str, s3_url: str, tmp_path: Path) -> None:
    """A larger archive, of which a table is a small share: what lies in between is not fetched, and is not missed."""
    with archivist.server.connection("zoo") as connection:
        connection.execute("CREATE SCHEMA bulk")
        for name in ("a", "b", "c"):
            connection.execute(
                f"CREATE TABLE bulk.{name} AS SELECT n, md5(n::text) AS t FROM generate_series(1, 20000) n".encode()
            )
    objects = Objects(s3_client(s3_url), bucket)
    try:
        for number, (form, program) in enumerate(
            (form, programs()[m]) for m in (MAJORS[0], MAJORS[-1]) for form in ("-Fc", "-Ft")
        ):
            path, list_file = tmp_path / f"{number}.dump", tmp_path / "list"
            command = [*archivist.command(int(MAJORS[number // 2]), form), "-f", str(path)]
            subprocess.run(command, env=archivist.environment(), check=True, timeout=60)
            put(s3_client(s3_url), bucket, f"{number}", path)
            picking = plan(path, stored_at(objects, f"{number}"), lambda contents: choose(contents, ["bulk.b"]))
            assert picking.bytes < path.stat().st_size * 0.75
            done = fetch(objects, picking, tmp_path / f"{number}", lambda _: None, Leash())
            list_file.write_text(picking.list_file)
            assert sql_of(program / "pg_restore", done.path, list_file) == sql_of(
                program / "pg_restore", path, list_file
            )
            shutil.rmtree(done.path.parent)
    finally:
        with archivist.server.connection("zoo") as connection:
            connection.execute("DROP SCHEMA bulk CASCADE")


def test_a_script_comes_whole_from_the_lab(archivist: Archivist, lab: LabUnderTest, tmp_path: Path) -> None:
    """With the marks of the lab's own listing."""
    bucket, key = "embi-aurora-backup-exports-123456789012", f"exports/{os.getpid()}-fetching/a.sql"
    path = archivist.archive(MAJORS[-1])
    put(lab.client("s3"), bucket, key, path)
    objects = Objects(lab.client("s3"), bucket)
    (pile,) = piles_of(objects.details(key))
    done = fetch(objects, pick(pile, "sql"), tmp_path / "script", lambda _: None, Leash())
    assert done.path.read_bytes() == path.read_bytes()

"""A bucket of everything: each thing is what its bytes say, what cannot be read is named, and the reading has limits."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from daybreak.archive.sources import CHUNK
from daybreak.aws.objects import TO_LIST, Objects
from daybreak.errors import Refused, Unreachable
from daybreak.model.exports import ExportedTable, ExportFound, ExportPlace, ExportShown, PlaceListed
from daybreak.observe.export_tables import TablesWanted, show_export
from daybreak.observe.exports import MOST_BYTES, MOST_EXPORTS, MOST_REQUESTS, list_place
from daybreak.observe.ranges import ReadBudget
from daybreak.report.exports import limit_words
from tests.archive.fix_archives import Archivist, programs
from tests.archive.fix_parquet import parquet
from tests.fix_s3 import s3_client

MAJORS = sorted(programs())
OLDEST, NEWEST = MAJORS[0], MAJORS[-1]


@dataclass
class Counting:
    """A client that counts what it fetches, and denies or replaces what it is told to."""

    client: Any
    denied: tuple[str, ...] = ()
    before_part: Callable[[int], None] = lambda _: None
    parts: list[tuple[str, str, int]] = field(default_factory=list)
    pages: int = 0

    def get_object(self, **asked: Any) -> Any:
        """A part of an object, its bytes counted."""
        if asked["Key"] in self.denied:
            answer = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(answer, "GetObject")  # type: ignore[arg-type]
        self.before_part(len(self.parts))
        answer = self.client.get_object(**asked)
        self.parts.append((asked["Key"], asked["Range"], int(answer["ContentLength"])))
        return answer

    def list_objects_v2(self, **asked: Any) -> Any:
        """A page of keys."""
        self.pages += 1
        return self.client.list_objects_v2(**asked)


@dataclass(frozen=True)
class Shelf:
    """A bucket to put things in, and what is seen there."""

    counting: Counting
    bucket: str

    def put(self, key: str, content: bytes | Path, **more: Any) -> None:
        """Store a file, or a folder of them."""
        if isinstance(content, Path) and content.is_dir():
            for each in content.iterdir():
                self.put(f"{key}{each.name}", each)
            return
        body = content.read_bytes() if isinstance(content, Path) else content
        self.counting.client.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    @property
    def objects(self) -> Objects:
        """The bucket as it is read."""
        return Objects(self.counting, self.bucket, needs=TO_LIST, sleep=lambda _: None)

    def listed(self, prefix: str = "", **limits: Any) -> PlaceListed:
        """What lies there."""
        return list_place(self.objects, ExportPlace(bucket=self.bucket, prefix=prefix), **limits)

    def by_name(self, prefix: str = "", **limits: Any) -> dict[str, ExportFound]:
        """The same by the name below the bucket."""
        return {each.address.removeprefix(f"s3://{self.bucket}/"): each for each in self.listed(prefix, **limits).found}

    def shown(self, key: str, *tables: str) -> ExportShown:
        """What is in one of them."""
        return show_export(self.objects, ExportPlace(bucket=self.bucket, prefix=key), TablesWanted(tables))


@pytest.fixture
def shelf(bucket: str, s3_url: str) -> Shelf:
    """An empty bucket."""
    return Shelf(Counting(s3_client(s3_url)), bucket)


def sizes(shown: ExportShown) -> dict[str, int | None]:
    """The tables with their sizes."""
    return {f"{each.schema_name}.{each.name}": each.bytes for each in shown.tables}


def test_things_are_what_their_bytes_say(shelf: Shelf, archivist: Archivist) -> None:
    """Every name lies: a custom archive is called a tar, a tar a script, a script an archive."""
    custom, script = archivist.archive(NEWEST, "-Fc"), archivist.archive(OLDEST)
    shelf.put("a.tar", custom)
    shelf.put("b.sql", archivist.archive(NEWEST, "-Ft"))
    shelf.put("c.dump", script)
    shelf.put("d.zst", gzip.compress(script.read_bytes()))
    shelf.put("e", bz2.compress(script.read_bytes()))
    shelf.put("f", lzma.compress(script.read_bytes()))
    shelf.put("g.gz", subprocess.run(["zstd", "-c", script], capture_output=True, check=True).stdout)
    shelf.put("h.gz", subprocess.run(["lz4", "-c", script], capture_output=True, check=True).stdout)
    shelf.put("i", gzip.compress(custom.read_bytes()))
    shelf.put("j/", archivist.archive(OLDEST, "-Fd"))
    shelf.put("k.parquet", b"just a text")
    shelf.put("l.txt", parquet(3))
    shelf.put("m", b"")
    shelf.put("n", archivist.archive(OLDEST, "-Fc", is_piped=True))
    shelf.put("o/toc.dat", b"not that")
    shelf.put("p", archivist.archive(NEWEST, "-Fc", "-s"))
    shelf.put("folder/", b"")
    found = shelf.by_name()
    assert {name: (each.kind, each.compression, each.whole) for name, each in found.items()} == {
        "a.tar": ("custom", "gzip", "ends-well"),
        "b.sql": ("tar", "none", "ends-well"),
        "c.dump": ("sql", "none", "ends-well"),
        "d.zst": ("sql", "gzip", "unknown"),
        "e": ("sql", "bzip2", "unknown"),
        "f": ("sql", "xz", "unknown"),
        "g.gz": ("packed", "zstd", "unknown"),
        "h.gz": ("packed", "lz4", "unknown"),
        "i": ("packed", "gzip", "unknown"),
        "j/": ("directory", "gzip", "ends-well"),
        "k.parquet": ("unknown", "", "unknown"),
        "l.txt": ("parquet", "", "unknown"),
        "m": ("unknown", "", "unknown"),
        "n": ("custom", "gzip", "unknown"),
        "o/": ("unknown", "", "unknown"),
        "p": ("custom", "gzip", "ends-well"),
    }
    assert found["g.gz"].trouble == "zstd cannot be unpacked here"
    assert found["h.gz"].trouble == "lz4 cannot be unpacked here"
    assert "packed once more" in found["i"].trouble
    assert found["m"].trouble == "it is empty"
    assert found["o/"].trouble == "its toc.dat is no table of contents of pg_dump's"
    assert (found["a.tar"].is_seekable, found["n"].is_seekable, found["c.dump"].is_seekable) == (True, False, False)
    assert {found[name].tables for name in ("a.tar", "b.sql", "j/", "n")} == {12}
    assert {found[name].database for name in ("a.tar", "b.sql", "j/", "n")} == {"zoo"}
    assert found["c.dump"].program.startswith(f"{OLDEST}.")
    assert found["j/"].bytes == sum(each.stat().st_size for each in archivist.archive(OLDEST, "-Fd").iterdir())


@pytest.mark.parametrize("major", MAJORS)
def test_tables_have_their_sizes_before_anything_is_downloaded(shelf: Shelf, archivist: Archivist, major: int) -> None:
    """In a custom archive by the blocks, in a directory and in a tar by the files."""
    folder = archivist.archive(major, "-Fd")
    shelf.put("c", archivist.archive(major, "-Fc"))
    shelf.put("d/", folder)
    shelf.put("t", archivist.archive(major, "-Ft"))
    custom, directory, tar = (shelf.shown(each) for each in ("c", "d/", "t"))
    assert directory.export.whole == "ends-well", directory.export.why
    assert {*sizes(custom)} == {*sizes(directory)} == {*sizes(tar)}
    assert None not in {*sizes(custom).values(), *sizes(directory).values(), *sizes(tar).values()}
    blocks, files, members = (sizes(each)["sales.orders"] or 0 for each in (custom, directory, tar))
    assert 0 < files < blocks < members, "a block has marks around it, and a tar is not compressed"
    orders = next(each for each in folder.iterdir() if each.stat().st_size == files)
    assert b"COPY" not in orders.read_bytes()
    partitioned = next(each for each in custom.tables if each.name == "events")
    assert (partitioned.bytes, "rows" in partitioned.note) == (0, True)
    assert [each.tables_trouble for each in (custom, directory, tar)] == ["", "", ""]
    choice = shelf.shown("c", "sales.orders").choice
    assert choice is not None
    assert choice.bytes == blocks
    assert [each.name for each in choice.wanted] == ["sales.orders"]


def test_what_a_pipe_or_a_script_does_not_show_is_said(shelf: Shelf, archivist: Archivist) -> None:
    """No size is made up."""
    shelf.put("piped", archivist.archive(OLDEST, "-Fc", is_piped=True))
    shelf.put("script", archivist.archive(OLDEST))
    piped = shelf.shown("piped")
    assert sizes(piped)["sales.orders"] is None
    assert piped.tables_trouble == "it has no offsets, so its sizes are known only where it is read whole"
    assert "it went through a pipe" in piped.export.why
    choice = shelf.shown("piped", "sales.orders").choice
    assert choice is not None
    assert choice.bytes is None
    script = shelf.shown("script")
    assert script.tables == ()
    assert "no table of contents" in script.tables_trouble
    with pytest.raises(Refused, match="shows none: it ends with the line that pg_dump writes last"):
        shelf.shown("script", "sales.orders")


def test_what_is_torn_says_where(shelf: Shelf, archivist: Archivist) -> None:
    """Cut in its table of contents, in its data, in its last lines; a file of a directory is gone."""
    custom = archivist.archive(OLDEST, "-Fc").read_bytes()
    shelf.put("toc", custom[:5000])
    shelf.put("data", custom[:-9000])
    shelf.put("last", custom[:-1])
    shelf.put("script", archivist.archive(OLDEST).read_bytes()[:-2000])
    shelf.put("tar", archivist.archive(OLDEST, "-Ft").read_bytes()[:-1024])
    folder = archivist.archive(OLDEST, "-Fd")
    shelf.put("d/", folder)
    gone = max(folder.glob("*.dat.gz"), key=lambda each: each.stat().st_size).name
    shelf.counting.client.delete_object(Bucket=shelf.bucket, Key=f"d/{gone}")
    found = shelf.by_name()
    assert {each.whole for each in found.values()} == {"torn"}
    assert (
        found["toc"].why.endswith("it ends within the definition of entry 218") or "it ends within" in found["toc"].why
    )
    assert f"the file has {len(custom) - 9000:,} bytes" in found["data"].why
    assert found["last"].why == "its last bytes are not those that end an archive: the rest is missing"
    assert found["script"].why == "the line is missing that pg_dump writes last"
    assert gone.removesuffix(".gz") in found["d/"].why
    shown = shelf.shown("d/")
    assert [each.name for each in shown.tables if each.bytes is None], "the one whose file is gone"


def test_an_export_of_rds_is_one_thing(shelf: Shelf) -> None:
    """However deep, with every file below it counted, and its rows where each file says how many it has."""
    folder = "exports/2024-01-15/embi-task/"
    about = {
        "exportTaskIdentifier": "embi-task",
        "sourceArn": "arn:aws:rds:us-east-1:1:cluster-snapshot:rds:embi",
        "status": "COMPLETE",
        "snapshotTime": "2024-01-15T03:00:00Z",
    }
    shelf.put(f"{folder}export_info_embi-task.json", json.dumps(about).encode())
    statuses = [{"target": f"embi.public.{name}", "status": "COMPLETE"} for name in ("employees", "salaries", "gone")]
    shelf.put(
        f"{folder}export_tables_info_embi-task_from_1_to_2.json", json.dumps({"perTableStatus": statuses[:2]}).encode()
    )
    shelf.put(
        f"{folder}export_tables_info_embi-task_from_3_to_3.json", json.dumps({"perTableStatus": statuses[2:]}).encode()
    )
    for name, rows in (("employees", (2000, 400)), ("salaries", (7,))):
        for number, each in enumerate(rows, 1):
            shelf.put(f"{folder}embi/public.{name}/{number}/part-0000{number}-x.gz.parquet", parquet(each))
            shelf.put(f"{folder}embi/public.{name}/{number}/_SUCCESS", b"")
    (found,) = shelf.listed("exports/").found
    assert (found.kind, found.tables, found.objects) == ("snapshot-export", 3, 9)
    assert (found.source, found.made) == (about["sourceArn"], "2024-01-15T03:00:00Z")
    assert found.address == f"s3://{shelf.bucket}/{folder}"
    assert (found.whole, '"embi.public.gone"' in found.why) == ("unknown", True)
    shown = shelf.shown("exports/2024-01-15/embi-task")
    assert [(each.name, each.rows) for each in shown.tables] == [
        ("public.employees", 2400),
        ("public.salaries", 7),
        ("public.gone", None),
    ]
    assert shown.tables[2] == ExportedTable(
        schema_name="embi", name="public.gone", bytes=0, note="no file of it is there"
    )
    assert shown.export.rows == 2407
    shelf.put(f"{folder}embi/public.salaries/2/part.parquet", parquet(5)[:-3])
    torn = shelf.shown(folder)
    assert [each.rows for each in torn.tables] == [2400, None, None]
    assert "it does not end as a Parquet file does" in torn.tables_trouble
    assert torn.export.rows is None
    shelf.put(f"{folder}export_info_embi-task.json", json.dumps(about | {"status": "FAILED"}).encode())
    (failed,) = shelf.listed("exports/").found
    assert (failed.whole, failed.why) == ("torn", "RDS says of it FAILED")
    shelf.put(f"{folder}export_info_embi-task.json", b"<html>")
    (strange,) = shelf.listed("exports/").found
    assert (strange.kind, "should hold a JSON object" in strange.trouble) == ("snapshot-export", True)


def test_what_we_may_not_read_is_named_and_not_left_out(shelf: Shelf, archivist: Archivist) -> None:
    """A denied object, one that sleeps in an archive, and one that was replaced while it was read."""
    content = archivist.archive(OLDEST, "-Fc").read_bytes()
    shelf.put("denied", content)
    shelf.put("asleep", content, StorageClass="DEEP_ARCHIVE")
    shelf.put("seen", content)
    shelf.counting.denied = ("denied",)
    found = shelf.by_name()
    assert {name: each.kind for name, each in found.items()} == {
        "denied": "not-seen",
        "asleep": "not-seen",
        "seen": "custom",
    }
    assert "AccessDenied" in found["denied"].trouble
    assert f"s3://{shelf.bucket}/denied" in found["denied"].trouble
    assert "s3:GetObject" in found["denied"].trouble
    assert found["asleep"].trouble == "it is in the storage class DEEP_ARCHIVE: restore the object first"
    assert all(each.bytes == len(content) for each in found.values())
    shown = shelf.shown("denied")
    assert "AccessDenied" in shown.tables_trouble
    long = content + bytes(CHUNK)
    shelf.put("seen", long)
    shelf.counting.before_part = lambda number: shelf.put("seen", long[:-1] + b"x") if number else None
    shelf.counting.parts.clear()
    assert "was replaced" in shelf.shown("seen").export.trouble
    with pytest.raises(Unreachable, match="AccessDenied"):
        list_place(_denied_listing(), ExportPlace(bucket="b"))


def _denied_listing() -> Objects:
    class Denying:
        def list_objects_v2(self, **_: object) -> None:
            answer = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(answer, "ListObjectsV2")  # type: ignore[arg-type]

    return Objects(Denying(), "b", needs=TO_LIST)


def test_a_million_keys_are_not_all_listed_and_the_list_says_so() -> None:
    """Two hundred requests are the most; what lies behind them is not called absent."""

    class Endless:
        """A bucket without an end."""

        pages = 0

        def list_objects_v2(self, **_: object) -> dict[str, object]:
            from datetime import UTC, datetime

            Endless.pages += 1
            start = Endless.pages * 1000
            items = [
                {"Key": f"k{start + each:09}", "Size": 0, "LastModified": datetime(2024, 1, 1, tzinfo=UTC)}
                for each in range(1000)
            ]
            return {"IsTruncated": True, "NextContinuationToken": str(start), "Contents": items}

    listed = list_place(Objects(Endless(), "b"), ExportPlace(bucket="b"), most_keys=20_000)
    assert (listed.keys, listed.is_cut, Endless.pages) == (20_000, True, 21)
    assert (len(listed.found), listed.unlisted) == (MOST_EXPORTS, 20_000 - MOST_EXPORTS)
    assert len(list(limit_words(listed))) == 2
    assert listed.last_key == "k000020999"
    assert listed.requests == 0, "nothing is asked of an empty object"


def test_what_was_not_listed_is_not_called_missing(shelf: Shelf, archivist: Archivist) -> None:
    """A folder within which the keys end at the limit may be whole."""
    folder = archivist.archive(OLDEST, "-Fd")
    number = len(list(folder.iterdir()))
    shelf.put("a/", folder)
    shelf.put("b/export_info_t.json", b'{"exportTaskIdentifier": "t", "status": "COMPLETE"}')
    shelf.put(
        "b/export_tables_info_t_from_1_to_1.json", b'{"perTableStatus": [{"target": "d.s.t", "status": "FAILED"}]}'
    )
    shelf.put("b/zzz/last", b"x")
    whole = shelf.by_name()
    assert (whole["a/"].whole, whole["b/"].whole) == ("ends-well", "torn")
    cut = shelf.by_name(most_keys=number + 2)
    assert (cut["a/"].whole, cut["b/"].whole) == ("ends-well", "unknown")
    assert cut["b/"].why == "the listing ended within it, and it may have more objects"


def test_a_listing_reads_within_its_limits(shelf: Shelf, archivist: Archivist) -> None:
    """The newest are looked at, and the others are there, with the reason; the counts are those of the wire."""
    content = archivist.archive(OLDEST, "-Fc").read_bytes()
    for number in range(12):
        shelf.put(f"a{number:02}", content)
    listed = shelf.listed(budget=ReadBudget(5, MOST_BYTES))
    seen = [each for each in listed.found if each.kind == "custom"]
    assert len(listed.found) == 12
    assert len(seen) == 5
    assert {each.trouble for each in listed.found if each.kind == "not-seen"} == {
        "not looked at: one command reads at most 5 requests and 128 MiB"
    }
    assert listed.requests == len(shelf.counting.parts) == 5
    assert listed.bytes_read == sum(size for _, _, size in shelf.counting.parts) == 5 * len(content)
    few = shelf.listed(budget=ReadBudget(MOST_REQUESTS, 3 * len(content)))
    assert sum(1 for each in few.found if each.kind == "custom") == 3
    assert few.bytes_read <= 3 * len(content)


def test_a_large_archive_costs_its_table_of_contents_and_less_than_two_megabytes(
    shelf: Shelf, archivist: Archivist, tmp_path: Path
) -> None:
    """Of a hundred megabytes, and of a table of contents that takes several requests."""
    content = archivist.archive(OLDEST, "-Fc").read_bytes()
    shelf.put("large", content + bytes(40_000_000))
    shown = shelf.shown("large")
    fetched = sum(size for _, _, size in shelf.counting.parts)
    assert shown.bytes_read == fetched < 2_000_000
    assert shown.requests == len(shelf.counting.parts) <= 3
    assert len(shown.tables) == 12
    shelf.counting.parts.clear()
    long = _with_long_contents(archivist, 5_000_000) + bytes(10_000_000)
    shelf.put("long", long)
    listed = shelf.by_name("long")["long"]
    assert (listed.kind, listed.tables) == ("custom", None)
    assert "exports show reads it" in listed.trouble
    shelf.counting.parts.clear()
    shown = shelf.shown("long")
    fetched = sum(size for _, _, size in shelf.counting.parts)
    assert len(shown.tables) == 12
    assert fetched <= 5_000_000 + 2_000_000


def _with_long_contents(archivist: Archivist, size: int) -> bytes:
    """An archive of which one comment is very long."""
    database = archivist.database
    with archivist.server.connection(database) as connection:
        connection.execute(f"COMMENT ON VIEW sales.big IS '{'x' * size}'".encode())
        path = archivist.folder / "long"
        try:
            command = archivist.command(OLDEST, "-Fc", "-f", str(path))
            subprocess.run(command, env=archivist.environment(), check=True, timeout=60)
        finally:
            connection.execute("COMMENT ON VIEW sales.big IS NULL")
    return path.read_bytes()


def test_one_export_is_found_by_its_key_or_its_folder(shelf: Shelf, archivist: Archivist) -> None:
    """With and without the slash, by a file that stands for its folder; several are named, and nothing is not guessed at."""
    content = archivist.archive(OLDEST, "-Fc").read_bytes()
    shelf.put("day/a.dump", content)
    shelf.put("day/a.dump.old", content)
    shelf.put("dir/x/", archivist.archive(OLDEST, "-Fd"))
    assert shelf.shown("day/a.dump").export.address.endswith("/day/a.dump")
    for key in ("dir/x/", "dir/x", "dir/", "dir", "dir/x/toc.dat"):
        assert shelf.shown(key).export.address.endswith("/dir/x/"), key
        assert shelf.shown(key).export.whole == "ends-well"
    with pytest.raises(Refused, match=r'2 exports lie below "s3://.*/day/"') as caught:
        shelf.shown("day/")
    assert {*caught.value.reasons} == {f"s3://{shelf.bucket}/day/a.dump", f"s3://{shelf.bucket}/day/a.dump.old"}
    for number in range(12):
        shelf.put(f"many/{number}.dump", content)
    with pytest.raises(Refused, match=r'12 exports lie below "s3://.*/many/", and these are the first 10') as caught:
        shelf.shown("many/")
    assert len(caught.value.reasons) == 10
    assert any(each.startswith("daybreak exports list TARGET --in s3://") for each in caught.value.hints)
    for key in ("day/a.dum", "nothing"):
        with pytest.raises(Refused, match="there is nothing at"):
            shelf.shown(key)

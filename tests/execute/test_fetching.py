"""What was picked is on this machine, once, of one version, and nothing else is touched: real HTTP, real files, real kills."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daybreak.aws.objects import Objects
from daybreak.errors import DaybreakError, Refused, Unreachable
from daybreak.execute.beside import CalledOff, News
from daybreak.execute.fetching import AT_ONCE, Fetched, fetch
from daybreak.execute.landing import RECORD
from daybreak.execute.parts import PART
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from daybreak.postgres.leash import Leash
from tests.execute.fix_ranges import BUCKET, MARK, Ranges, bytes_at, serve_ranges
from tests.fix_lab import eventually
from tests.fix_s3 import Way, s3_client

MEGABYTE = 2**20


@pytest.fixture
def ranges() -> Iterator[Ranges]:
    """Objects of a hundred megabytes."""
    with serve_ranges(Ranges(size=100 * MEGABYTE)) as serving:
        yield serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet, alone in its own."""
    (tmp_path / "alone").mkdir()
    return tmp_path / "alone" / "fetched"


def picked(*spans: tuple[int, int], size: int = 100 * MEGABYTE, key: str = "a.dump") -> Picking:
    """Some ranges of one object."""
    return Picking(form="custom", pieces=(ObjectPieces(key=key, size=size, mark=MARK, name=SINGLE, ranges=spans),))


SCATTERED = picked(*((place * MEGABYTE, place * MEGABYTE + 4_000 + place) for place in range(90)))
"""Ninety small ranges, each a request."""


def bring(url: str, picking: Picking, folder: Path, leash: Leash | None = None) -> tuple[Fetched, list[News]]:
    """Fetch in this process."""
    words: list[News] = []
    objects = Objects(s3_client(url), BUCKET)
    return fetch(objects, picking, folder, words.append, leash or Leash()), words


def hold_bytes(path: Path, picking: Picking) -> None:
    """What was picked is there, and holes elsewhere."""
    (piece,) = picking.pieces
    with path.open("rb") as file:
        at = 0
        for start, end in piece.ranges:
            file.seek(at)
            assert not any(file.read(min(start - at, 50_000)))
            file.seek(start)
            assert file.read(end - start) == bytes_at(start, end)
            at = end
    assert path.stat().st_size == piece.size


def test_ranges_land_at_their_places_in_a_file_with_holes(ranges: Ranges, folder: Path) -> None:
    """Large ones in parts side by side; the disk holds only what was fetched; a second fetch asks for nothing."""
    picking = picked((0, 70_000), (30 * MEGABYTE + 1, 30 * MEGABYTE + 1 + 2 * PART + 5))
    done, _ = bring(ranges.url, picking, folder)
    assert done == Fetched(folder / SINGLE, picking.bytes, 0)
    hold_bytes(done.path, picking)
    assert done.path.stat().st_blocks * 512 < picking.bytes + MEGABYTE
    assert [(end - start) for _, start, end in sorted(ranges.answered)] == [70_000, PART, PART, 5]
    assert (folder.stat().st_mode & 0o777, done.path.stat().st_mode & 0o777) == (0o700, 0o600)
    again, _ = bring(ranges.url, picking, folder)
    assert again == Fetched(folder / SINGLE, 0, picking.bytes)
    assert ranges.answered.total() == 4


def launch(ranges: Ranges, picking: Picking, folder: Path) -> subprocess.Popen[str]:
    """A process that fetches."""
    plan = folder.parent.parent / "picking.json"
    plan.write_bytes(picking.canonical())
    command = [sys.executable, "-m", "tests.execute.fetch_process", ranges.url, str(plan), str(folder)]
    mine = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "PATH": os.defpath}
    return subprocess.Popen(command, env=mine, stdout=subprocess.PIPE, text=True)


def test_after_kills_only_what_was_under_way_is_fetched_again(ranges: Ranges, folder: Path) -> None:
    """Killed at the first answer, at two later ones, and at the last but one; then the same bytes as without a kill."""
    parts, kills = len(SCATTERED.pieces[0].ranges), (0, 20, 55, 90)
    for kill in kills:
        is_reached, goes_on = threading.Event(), threading.Event()

        def stall(number: int, kill: int = kill, gate: tuple[threading.Event, ...] = (is_reached, goes_on)) -> None:
            if number >= kill:
                gate[0].set()
                gate[1].wait(60)

        ranges.before = stall
        with launch(ranges, SCATTERED, folder) as process:
            assert is_reached.wait(60)
            process.send_signal(signal.SIGKILL)
        goes_on.set()
    ranges.before = lambda _: None
    with launch(ranges, SCATTERED, folder) as process:
        came, there, _ = map(int, process.communicate(timeout=60)[0].split())
    assert came + there == SCATTERED.bytes
    assert 0 < there < SCATTERED.bytes
    hold_bytes(folder / SINGLE, SCATTERED)
    assert parts < ranges.answered.total() <= parts + len(kills) * AT_ONCE
    lines = (folder / RECORD).read_text().splitlines()[1:]
    assert sorted(map(int, lines)) == list(range(parts))


@pytest.mark.sweep
def test_a_part_that_the_record_does_not_have_whole_is_fetched_again(ranges: Ranges, folder: Path) -> None:
    """A torn last line, which must not run together with the next; a line that is no number, and all after it."""
    bring(ranges.url, SCATTERED, folder)
    record = folder / RECORD
    head, *lines = record.read_text().splitlines()
    for tail, kept in (("\n".join(lines[:40]), 39), ("\n".join([*lines[:7], "x", *lines[8:], ""]), 7)):
        record.write_text(f"{head}\n{tail}")
        ranges.answered.clear()
        assert bring(ranges.url, SCATTERED, folder)[0].bytes > 0
        assert ranges.answered.total() == len(lines) - kept
        assert sorted(map(int, record.read_text().splitlines()[1:])) == list(range(90))
        hold_bytes(folder / SINGLE, SCATTERED)


@pytest.mark.sweep
@pytest.mark.parametrize("how", ["missing", "shorter"])
def test_a_file_that_is_not_as_it_was_loses_its_parts(ranges: Ranges, folder: Path, how: str) -> None:
    """Also where the process dies between the making of the new file and the fetching."""
    done, _ = bring(ranges.url, SCATTERED, folder)
    done.path.unlink() if how == "missing" else os.truncate(done.path, 5)
    leash = Leash()
    ranges.before = lambda _: leash.is_called_off.set()
    with pytest.raises(CalledOff):
        bring(ranges.url, SCATTERED, folder, leash)
    ranges.before = lambda _: None
    again, _ = bring(ranges.url, SCATTERED, folder)
    assert again.bytes + again.of_before == SCATTERED.bytes
    hold_bytes(done.path, SCATTERED)


def test_what_is_called_off_asks_nothing_more(ranges: Ranges, folder: Path) -> None:
    """At once, also while it waits to try again; and the next fetch goes on."""
    leash = Leash()
    ranges.before = lambda number: leash.is_called_off.set() if number == 10 else None
    with pytest.raises(CalledOff):
        bring(ranges.url, SCATTERED, folder, leash)
    assert ranges.answered.total() <= 11 + AT_ONCE
    asleep, asked = Leash(), ranges.answered.total()

    def hang_up(number: int) -> None:
        if number >= asked + 2 * AT_ONCE:
            asleep.call_off()
        raise ConnectionResetError

    ranges.before = hang_up
    with pytest.raises(CalledOff):
        bring(ranges.url, SCATTERED, folder, asleep)
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("daybreak-fetch-")])
    assert ranges.answered.total() <= asked + 3 * AT_ONCE + 1
    ranges.before = lambda _: None
    assert bring(ranges.url, SCATTERED, folder)[0].of_before > 0


def test_another_version_is_refused_by_name(bucket: str, s3_url: str, tmp_path: Path) -> None:
    """Replaced or removed after the plan, whatever the bytes are now."""
    client = s3_client(s3_url)
    client.put_object(Bucket=bucket, Key="a/b.dump", Body=b"0123456789")
    objects = Objects(client, bucket)
    (stored,) = objects.details("")
    piece = ObjectPieces(key=stored.key, size=10, mark=stored.mark, name=SINGLE, ranges=((0, 10),))
    picking = Picking(form="sql", pieces=(piece,))
    client.put_object(Bucket=bucket, Key="a/b.dump", Body=b"9876543210")
    with pytest.raises(Refused, match=f'"s3://{bucket}/a/b.dump" was replaced'):
        fetch(objects, picking, tmp_path / "one", lambda _: None, Leash())
    client.delete_object(Bucket=bucket, Key="a/b.dump")
    with pytest.raises(Refused, match=f'"s3://{bucket}/a/b.dump" was replaced or removed'):
        fetch(objects, picking, tmp_path / "one", lambda _: None, Leash())
    client.put_object(Bucket=bucket, Key="a/b.dump", Body=b"0123456789")
    done = fetch(objects, picking, tmp_path / "one", lambda _: None, Leash())
    assert done.path.read_bytes() == b"0123456789"


def test_lost_requests_and_replies_are_asked_again(bucket: str, s3_url: str, way: Way, tmp_path: Path) -> None:
    """Dropped, turned away, a page of HTML; and a denial is not asked again but named."""
    body = random.Random(1).randbytes(300_000)
    s3_client(s3_url).put_object(Bucket=bucket, Key="k", Body=body)
    (stored,) = Objects(s3_client(s3_url), bucket).details("")
    spans = tuple((start, start + 10_000) for start in range(0, 300_000, 10_000))
    piece = ObjectPieces(key="k", size=300_000, mark=stored.mark, name=SINGLE, ranges=spans)
    way.read_effects.extend(["lost", "dropped", "503", "500 after"] * 4)
    done = fetch(
        Objects(s3_client(way.url), bucket),
        Picking(form="sql", pieces=(piece,)),
        tmp_path / "one",
        lambda _: None,
        Leash(),
    )
    assert done.path.read_bytes() == body
    assert len(way.seen) == 30 + 16


@pytest.mark.sweep
def test_a_bucket_that_stays_silent_ends_the_fetch(folder: Path) -> None:
    """After half a minute, by name; and nothing of it is believed."""
    with pytest.raises(Unreachable, match=r'"s3://exports/a\.dump"'):
        bring("http://127.0.0.1:9", picked((0, 10)), folder)


def test_too_small_a_disk_is_said_before_anything_is_fetched(ranges: Ranges, folder: Path) -> None:
    """The length of the file does not count, only what is fetched of it."""
    vast = 2**46
    with pytest.raises(Refused, match=r"has room for .*, and 70\.4 TB are needed"):
        bring(ranges.url, picked((0, vast), size=vast), folder)
    assert not ranges.answered
    assert not (folder / SINGLE).exists()


def hostile_keys(number: int) -> list[str]:
    """Keys that would leave a folder, or stand for another file, were they taken for names."""
    dice = random.Random(7)
    parts = [
        "..", ".", "", "/", "//", "\\", "..\\..", "C:", "~root", "\0", "\n", "\r", "%2e%2e%2f", "%00", "\u202e", "e\u0301",
        "\xe9", "\uff0e\uff0e", "\u2215", "etc", "passwd", "toc.dat", "TOC.DAT", "data-0001", RECORD, "a" * 200, "-rf", "$(id)",
        "`id`", "|id", "\x1b[2J", "aux", "nul.txt", " ", ";", "*", "?", "\ufeff", "\U0001f4a3",
    ]  # fmt: skip
    keys = {"../" * 20 + "etc/passwd", "/etc/passwd", "x" * 1024, "\u00e9" * 512, "A", "a"}
    while len(keys) < number:
        key = dice.choice(["/", "", "\\"]).join(dice.choice(parts) for _ in range(dice.randint(1, 8)))
        if 0 < len(key.encode()) <= 1024:
            keys.add(key)
    return sorted(keys)


def contents_of_tree(root: Path) -> dict[str, tuple[int, int]]:
    """All that is below a folder."""
    return {str(each.relative_to(root)): (each.lstat().st_mode, each.lstat().st_mtime_ns) for each in root.rglob("*")}


@pytest.mark.parametrize("number", [300, pytest.param(2_000, marks=pytest.mark.sweep)])
def test_no_key_leads_out_of_the_folder(ranges: Ranges, tmp_path: Path, number: int) -> None:
    """Each is asked for as it is, and its bytes land in a file of a name that it has no part in."""
    keys = hostile_keys(number)
    ranges.contents = {key.encode(): hashlib.sha256(key.encode()).digest() for key in keys}
    inside, outside = tmp_path / "run" / "fetched", tmp_path / "run" / "other"
    outside.mkdir(parents=True)
    (outside / "kept").write_text("kept")
    before = contents_of_tree(tmp_path)
    pieces = tuple(
        ObjectPieces(key=key, size=32, mark=MARK, name=f"{place}.dat", ranges=((0, 32),))
        for place, key in enumerate(keys)
    )
    done, _ = bring(ranges.url, Picking(form="directory", pieces=pieces), inside)
    after = contents_of_tree(tmp_path)
    assert {name for name in after if name not in before} == {
        "run/fetched", f"run/fetched/{RECORD}", *(f"run/fetched/{place}.dat" for place in range(number)),
    }  # fmt: skip
    assert {name: after[name] for name in before if name != "run"} == {n: before[n] for n in before if n != "run"}
    for place, key in enumerate(keys):
        assert (done.path / f"{place}.dat").read_bytes() == hashlib.sha256(key.encode()).digest(), key


def test_no_key_is_taken_for_a_name() -> None:
    """Of two thousand, but for the two that are names of ours and of pg_dump's."""
    taken = []
    for key in hostile_keys(2_000):
        try:
            ObjectPieces(key=key, size=1, mark=MARK, name=key, ranges=())
            taken.append(key)
        except ValidationError:
            continue
    assert taken == ["data-0001", "toc.dat"]


def plant(folder: Path, how: str, elsewhere: Path) -> None:
    """Put something in the way that somebody else could have put there."""
    elsewhere.write_text("precious")
    folder.mkdir(mode=0o700, exist_ok=True)
    match how:
        case "link":
            (folder / SINGLE).symlink_to(elsewhere)
        case "second name":
            os.link(elsewhere, folder / SINGLE)
        case "pipe":
            os.mkfifo(folder / SINGLE)
        case "file":
            (folder / SINGLE).write_text("somebody's")
        case "linked record":
            (folder / RECORD).symlink_to(elsewhere)
        case "named record":
            os.link(elsewhere, folder / RECORD)
        case "open folder":
            folder.chmod(0o755)
        case "linked folder":
            folder.rmdir()
            (folder.parent / "real").mkdir(mode=0o700)
            folder.symlink_to(folder.parent / "real")
        case _:
            folder.rmdir()
            folder.write_text("a file")


@pytest.mark.parametrize(
    "how",
    [
        "link", "second name", "pipe", "file", "linked record", "named record", "open folder", "linked folder", "a file",
    ],
)  # fmt: skip
def test_what_was_planted_is_refused_and_kept(ranges: Ranges, folder: Path, how: str) -> None:
    """Before anything is fetched, and what a link leads to stays as it was."""
    elsewhere = folder.parent / "precious"
    plant(folder, how, elsewhere)
    with pytest.raises(Refused):
        bring(ranges.url, SCATTERED, folder)
    assert elsewhere.read_text() == "precious"
    assert not ranges.answered


def test_a_link_that_was_planted_later_is_refused_too(ranges: Ranges, folder: Path) -> None:
    """Between two fetches, in the place of a file that was ours."""
    done, _ = bring(ranges.url, SCATTERED, folder)
    elsewhere = folder.parent / "precious"
    elsewhere.write_text("precious")
    done.path.unlink()
    done.path.symlink_to(elsewhere)
    with pytest.raises(Refused, match="is a link"):
        bring(ranges.url, SCATTERED, folder)
    assert elsewhere.read_text() == "precious"


def test_one_folder_is_one_fetch(ranges: Ranges, folder: Path) -> None:
    """Neither of two processes at one time, nor of two plans after each other."""
    seen: list[DaybreakError] = []

    def meddle(number: int) -> None:
        if number == 5:
            with pytest.raises(Refused, match="another process is fetching") as caught:
                bring(ranges.url, SCATTERED, folder)
            seen.append(caught.value)

    ranges.before = meddle
    bring(ranges.url, SCATTERED, folder)
    assert len(seen) == 1
    with pytest.raises(Refused, match="for another plan"):
        bring(ranges.url, picked((0, 10)), folder)


@pytest.mark.sweep
def test_words_come_while_it_goes_on(ranges: Ranges, folder: Path) -> None:
    """How far, and how fast."""
    goes_on = threading.Event()
    ranges.before = lambda number: None if number < 40 else (goes_on.wait(60), None)[1]
    words: list[Any] = []

    def hear(news: News) -> None:
        words.append(news)
        goes_on.set()

    fetch(Objects(s3_client(ranges.url), BUCKET), SCATTERED, folder, hear, Leash())
    assert len(words) == 1
    assert re.fullmatch(r"1\d\d\.\d kB of 364\.0 kB, \d+\.\d kB a second", words[0])


def test_memory_stays_flat_whatever_the_size(ranges: Ranges, folder: Path) -> None:
    """Four hundred megabytes in a process that grows by less than a sixth of that: what is written is given back."""
    ranges.size = 400 * MEGABYTE
    with launch(ranges, picked((0, ranges.size), size=ranges.size), folder) as process:
        came, _, grown = map(int, process.communicate(timeout=120)[0].split())
    assert came == ranges.size
    assert grown < 60 * MEGABYTE

"""A restore is exact to the commit: nothing missing, nothing too much, while everybody writes."""

from __future__ import annotations

import os
import random
import re
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daybreak.lab.volumes.volume import Volume
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, login, run

RESTORES = 22
"""Restores of the sweep; every change of the code is held to a few of them."""
WRITERS = 8
COMMIT = re.compile(r"desc: COMMIT (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")


@dataclass(frozen=True)
class Restored:
    """What one restore brought back."""

    moment: datetime
    rows: frozenset[int]


@contextmanager
def writing(volume: Volume, script: Path) -> Iterator[None]:
    """Eight clients insert one row per transaction, as fast as a rate lets them; the window moves on meanwhile."""
    script.write_text("insert into ledger default values;\n")
    listen = volume.listen
    assert listen is not None
    words = ["-n", "-c", WRITERS, "-j", 2, "-T", 120, "-R", 1500, "-f", script, "-h", listen.host, "-p", listen.port]
    command = [volume.install.bin / "pgbench", *words, "-U", OWNER.username, DATABASE]
    environment = {**os.environ, "PGPASSWORD": OWNER.password}
    pgbench = subprocess.Popen([str(word) for word in command], env=environment, stdout=subprocess.DEVNULL)
    done = threading.Event()

    def keep_ticking() -> None:
        while not done.wait(0.2):
            volume.tick()

    with ThreadPoolExecutor(1) as ticking:
        future = ticking.submit(keep_ticking)
        try:
            yield
            assert pgbench.poll() is None, "the writers gave up"
        finally:
            pgbench.terminate()
            pgbench.wait()
            done.set()
            future.result()


def a_moment(volume: Volume, chance: random.Random, first: datetime, *, exact: bool) -> datetime:
    """A moment of the window after ``first``: any, or the very time stamp of a commit."""
    _, last = volume.window
    wanted = first + (last - first) * chance.random()
    if not exact:
        return wanted
    with login(volume) as session:
        query = "select max(s) from (select pg_xact_commit_timestamp(xmin) s from ledger) x where s <= %s"
        found = session.execute(query, [wanted]).fetchone()
    return (found[0] if found else None) or wanted


def restored(volume: Volume, yard: Yard, number: int, moment: datetime) -> Restored:
    """Restore, read the rows, and throw the restore away."""
    clone = yard.restored(volume, f"clone{number}", moment)
    with login(clone) as session:
        rows = frozenset(row[0] for row in session.execute("select id from ledger"))
    clone.retire(keep_backups=False)
    return Restored(moment, rows)


def unorderable(volume: Volume) -> list[tuple[datetime, datetime]]:
    """Spans in which no restore can be exact: a commit was logged after another one with a later time stamp."""
    spans, newest = [], datetime.min.replace(tzinfo=UTC)
    for segment in sorted(file for file in (volume.place / "backups" / "wal").iterdir() if len(file.name) == 24):
        said = subprocess.run(
            [volume.install.bin / "pg_waldump", "-r", "Transaction", segment],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        for text in COMMIT.findall(said):
            stamp = datetime.fromisoformat(text).replace(tzinfo=UTC)
            if stamp < newest:
                spans.append((stamp, newest))
            newest = max(stamp, newest)
    return spans


@pytest.mark.parametrize("count", [4, pytest.param(RESTORES, marks=pytest.mark.sweep)])
def test_a_restore_is_exact_to_the_commit(yard: Yard, capsys: pytest.CaptureFixture[str], count: int) -> None:
    """Whoever restores to a second before the mistake must get everything up to there, and not the mistake."""
    chance = random.Random(20240115)
    # The pgbench of a wheel speaks no TLS.
    volume = yard.started(yard.create("source"), **{"rds.force_ssl": "0", "track_commit_timestamp": "on"})
    run(volume, "create table ledger (id bigint generated always as identity (cache 100) primary key)")
    first = volume.tick()
    with writing(volume, yard.folder / "insert.sql"), ThreadPoolExecutor(2) as pool:
        threading.Event().wait(1.5)
        asked = []
        for number in range(count):
            moment = a_moment(volume, chance, first, exact=number % 2 == 0)
            asked.append(pool.submit(restored, volume, yard, number, moment))
            threading.Event().wait(0.2)
        results = [each.result() for each in asked]
    volume.tick()
    with login(volume) as session:
        stamps = session.execute("select id, pg_xact_commit_timestamp(xmin) from ledger").fetchall()
    spans = unorderable(volume)
    plain = [each for each in results if not any(start <= each.moment < end for start, end in spans)]
    missing = extra = 0
    for each in plain:
        expected = {row for row, stamp in stamps if stamp <= each.moment}
        missing += len(expected - each.rows)
        extra += len(each.rows - expected)
    with capsys.disabled():
        print(  # noqa: T201 (the figures are the point)
            f"\n{len(results)} restores among {len(stamps)} commits of {WRITERS} writers: {missing} rows missing, {extra} too many"
            f" ({len(spans)} commits out of order, {len(results) - len(plain)} restores among them not judged)"
        )
    assert (missing, extra) == (0, 0)
    assert len(plain) >= count - 2
    assert len({len(each.rows) for each in results}) > count // 2, "the restores did not differ"

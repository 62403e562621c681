"""One table out of an archive in a bucket, beside the runbook's way: ``aws s3 cp`` of all of it, and ``pg_restore -t``.

A small, a middle and the largest table, over a link without a limit and over one of 1 Gbit/s. Both ways end with the rows in a
database; ours also makes the table's key and index, which ``-t`` leaves out, and its time errs against us by that. It is given
twice: as a command of its own, with Python's start, and as a step of a run that is going on, which the goals are for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from bench.object_store import BUCKET
from bench.rounds import Figures, Rounds, Row, in_turn, milliseconds
from bench.warehouse import TABLES, Warehouse, warehouse

IS_QUICK = os.environ.get("DAYBREAK_BENCH") == "quick"
ROWS = 1_500_000 if IS_QUICK else 28_000_000
"""Rows in all; ``DAYBREAK_BENCH=quick`` makes an archive of some sixty megabytes instead of one gigabyte."""
ROUNDS = 3
TABLE = {"small": f"t{TABLES - 1:02}", "middle": "t05", "largest": "t00"}
LINKS = {"no limit": 0, "1 Gbit/s": 125_000_000}
FASTER = {"no limit": 10, "1 Gbit/s": 30}
"""How many times as fast as the runbook's way a small table shall be there."""
MORE = 2 << 20
"""Bytes beyond the wanted blocks that a table may cost."""
_KEY = "2024-01-15/export.dump"


@dataclass(frozen=True)
class Brought:
    """What one way took."""

    seconds: float
    requests: int = 0
    bytes: int = 0
    wanted: int = 0
    fetched: float = 0.0
    """Seconds of these until all bytes were here, without Python's start."""
    through: float = 0.0
    """The same until the rows were in the database."""


@dataclass(frozen=True)
class Ground:
    """The archive, the server it is restored into, and a folder."""

    built: Warehouse
    folder: Path
    archive: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables for every program: the server, and the keys of nobody."""
        keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-west-2"}
        mine = {name: value for name, value in self.built.environment.items() if not name.startswith("AWS_")}
        return mine | keys | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}

    @property
    def program(self) -> str:
        """The path of pg_restore."""
        return str(self.built.node.install.bin / "pg_restore")

    @contextmanager
    def database(self) -> Iterator[tuple[str, Path]]:
        """An empty database and an empty place for files, for one restore."""
        with self.built.node.connect() as session:
            session.execute(b"CREATE DATABASE back OWNER owner")
        room = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield "back", room
        finally:
            shutil.rmtree(room)
            with self.built.node.connect() as session:
                session.execute(b"DROP DATABASE back WITH (FORCE)")


@contextmanager
def serve(archive: Path, rate: float) -> Iterator[str]:
    """The store in a process of its own."""
    command = [sys.executable, "-m", "bench.object_store", str(archive), _KEY, str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def figures(rows: int = ROWS) -> Figures:
    """Each table over each link, by both ways in turn."""
    taken = Rounds()
    found: dict[tuple[str, str], tuple[list[Brought], list[Brought]]] = {}
    with warehouse(rows) as built:
        folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-", dir="/var/tmp"))
        try:
            ground = Ground(built, folder, _archive(built, folder))
            size = ground.archive.stat().st_size
            for link, rate in LINKS.items():
                with serve(ground.archive, rate) as url:
                    for name, table in TABLE.items():
                        ways = [partial(_count, url, way, ground, table) for way in (_runbook, _ours)]
                        rounds = taken.of(in_turn(ways), ROUNDS)
                        found[link, name] = ([each[0] for each in rounds], [each[1] for each in rounds])
        finally:
            shutil.rmtree(folder)
    notes = (
        f"An archive of {size / 1e6:,.0f} MB with {TABLES} tables; both ways end with the rows in a database of this machine.",
        "Ours lists, looks into the archive, fetches, and makes the table's key and index besides; as a command it starts Python too.",
        *(["The goals are for an archive of a gigabyte: this one is smaller."] if IS_QUICK else []),
        taken.note(),
    )
    rows_of = (row for (link, name), both in found.items() for row in _rows(link, name, *both))
    return Figures("One table out of an archive", tuple(rows_of), notes)


def _rows(link: str, name: str, theirs: list[Brought], ours: list[Brought]) -> Iterator[Row]:
    pairs = list(zip(theirs, ours, strict=True))
    ratio = median(one.seconds / other.seconds for one, other in pairs)
    within = median(one.seconds / other.through for one, other in pairs)
    wanted = FASTER[link] if name == "small" and not IS_QUICK else None
    yield Row(f"{name}, {link}: aws s3 cp, pg_restore -t", _words(theirs), "1.0 ×", ROUNDS)
    yield Row(f"{name}, {link}: its bytes alone, a command", _words(ours), f"{ratio:.1f} × as fast", ROUNDS)
    yield Row(
        f"{name}, {link}: its bytes alone, a step of a run",
        f"{milliseconds(median(each.through for each in ours))}, bytes here after {milliseconds(median(each.fetched for each in ours))}",
        f"{within:.1f} × as fast",
        ROUNDS,
        f"at least {wanted} ×" if wanted else "",
        within >= wanted if wanted else None,
    )
    more = max(each.bytes - each.wanted for each in ours)
    yield Row(
        f"{name}, {link}: bytes beyond the wanted blocks",
        f"{more / 1e6:.2f} MB of {ours[0].bytes / 1e6:.2f} MB",
        "",
        ROUNDS,
        f"at most {MORE / 2**20:.0f} MiB",
        more <= MORE,
    )


def _words(brought: list[Brought]) -> str:
    one = brought[0]
    return (
        f"{milliseconds(median(each.seconds for each in brought))}, {one.bytes / 1e6:,.1f} MB, {one.requests} requests"
    )


def _archive(built: Warehouse, folder: Path) -> Path:
    path = folder / "export.dump"
    command = [str(built.node.install.bin / "pg_dump"), "-Fc", "-Z1", "-f", str(path)]
    subprocess.run(command, env=built.environment, check=True)
    return path


def _count(url: str, way: Callable[[str, Ground, str], Brought], ground: Ground, table: str) -> Brought:
    """One way, with what the store counted meanwhile."""
    before = _figures_of(url)
    brought = way(url, ground, table)
    after = _figures_of(url)
    return replace(brought, requests=after[0] - before[0], bytes=after[1] - before[1])


def _figures_of(url: str) -> tuple[int, int]:
    with urlopen(f"{url}/figures") as answer:
        requests, read = answer.read().split()
    return int(requests), int(read)


def _runbook(url: str, ground: Ground, table: str) -> Brought:
    with ground.database() as (database, room):
        began = time.perf_counter()
        copy = [
            str(Path(sys.executable).with_name("aws")),
            "--endpoint-url",
            url,
            "s3",
            "cp",
            f"s3://{BUCKET}/{_KEY}",
            str(room / "export.dump"),
            "--quiet",
        ]
        subprocess.run(copy, env=ground.environment, check=True)
        restore = [ground.program, "--no-owner", "-t", table, "-d", database, str(room / "export.dump")]
        subprocess.run(restore, env=ground.environment, check=True)
        return Brought(time.perf_counter() - began)


def _ours(url: str, ground: Ground, table: str) -> Brought:
    with ground.database() as (database, room):
        began = time.perf_counter()
        words = [url, str(room / "fetched"), f"public.{table}", ground.program, database]
        road = subprocess.run(
            [sys.executable, "-m", "bench.export_road", *words],
            env=ground.environment,
            check=True,
            stdout=subprocess.PIPE,
        )
        seconds = time.perf_counter() - began
    said = json.loads(road.stdout)
    return Brought(seconds, wanted=said["wanted"], fetched=said["fetched"], through=said["through"])

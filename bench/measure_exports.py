"""One table out of an archive in a bucket, beside the runbook's way: ``aws s3 cp`` of all of it, and ``pg_restore -t``; and all of it.

A small, a middle and the largest table, over a link without a limit and over one of 1 Gbit/s. Both ways end with the rows in a
database; ours also makes the table's key and index, which ``-t`` leaves out, and its time errs against us by that. It is given
twice: as a command of its own, with Python's start, and as a step of a run that is going on, which the goals are for.

All of it comes over the link of 1 Gbit/s and is loaded while it comes, beside ``pg_restore -j`` of a file that is here already, into
the same throw-away server: no way that must fetch first can be faster than that. What each measurement comes to is said at once.
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
from bench.warehouse import TABLES, Warehouse, processor_seconds, warehouse
from daybreak.execute.tools import OLDEST
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.own_server import OwnServer, ServerLimits
from daybreak.postgres.scratch_place import make_scratch, scratch_name

IS_QUICK = os.environ.get("DAYBREAK_BENCH") == "quick"
ROWS = 1_500_000 if IS_QUICK else 28_000_000
"""Rows in all; ``DAYBREAK_BENCH=quick`` makes an archive of some sixty megabytes instead of one gigabyte."""
ROUNDS = {"small": 3, "middle": 1, "largest": 1}
"""How often each is measured: the goals are for the small one."""
WHOLE_ROUNDS = 2
JOBS = max(2, len(os.sched_getaffinity(0)))
SLOWER, MOST_MEMORY = 1.05, 200 << 20
"""How much slower than a local restore all of it may be there, and what the process may take that fetches and leads it."""
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
    _say(f"filling {TABLES} tables with {rows:,} rows")
    with warehouse(rows) as built:
        folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-", dir="/var/tmp"))
        folder.chmod(0o711)  # for root, PostgreSQL's programs run as another account
        try:
            _say("dumping them")
            ground = Ground(built, folder, _archive(built, folder))
            size = ground.archive.stat().st_size
            whole = _whole(ground, taken)
            for link, rate in LINKS.items():
                with serve(ground.archive, rate) as url:
                    for name, table in TABLE.items():
                        ways = [partial(_count, url, way, ground, table) for way in (_runbook, _ours)]
                        rounds = taken.of(in_turn(ways), ROUNDS[name])
                        found[link, name] = ([each[0] for each in rounds], [each[1] for each in rounds])
                        for row in _rows(link, name, *found[link, name]):
                            _say(" | ".join(row.cells()))
        finally:
            shutil.rmtree(folder)
    notes = (
        f"An archive of {size / 1e6:,.0f} MB with {TABLES} tables; both ways end with the rows in a database of this machine.",
        "Ours lists, looks into the archive, fetches, and makes the table's key and index besides; as a command it starts Python too.",
        *(["The goals are for an archive of a gigabyte: this one is smaller."] if IS_QUICK else []),
        taken.note(),
    )
    rows_of = (row for (link, name), both in found.items() for row in _rows(link, name, *both))
    return Figures("Out of an archive: one table, and all of it", (*whole, *rows_of), notes)


def _say(words: str) -> None:
    """What was measured by now, for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Restored:
    """What one restore of all of it took."""

    wall: float
    server: float
    """Processor seconds of the server."""
    memory: int = 0
    """Bytes of the process that led it."""


def _whole(ground: Ground, taken: Rounds) -> tuple[Row, ...]:
    """All of the archive, from a file that is here and over the link, in turn."""
    programs = find_server_programs(OLDEST, ground.built.node.install.bin)
    limits = ServerLimits(disk=64 << 30, memory=2 << 30)
    with (
        OwnServer.open(ground.folder / "own", programs, limits) as server,
        serve(ground.archive, LINKS["1 Gbit/s"]) as url,
    ):
        ways = [partial(_restore_file, ground, server), partial(_restore_as_it_comes, ground, server, url)]
        rounds = taken.of(in_turn(ways), WHOLE_ROUNDS)
    files, ours = ([each[place] for each in rounds] for place in (0, 1))
    slower = median(one.wall / other.wall for one, other in zip(ours, files, strict=True))
    most = max(each.memory for each in ours)
    size = f"{ground.archive.stat().st_size / 1e6:,.0f} MB"
    rows = (
        Row(f"{size} that are here: pg_restore -j {JOBS}", _spent(files), "1.00 ×", WHOLE_ROUNDS),
        Row(
            f"{size} over 1 Gbit/s, loaded as they come",
            _spent(ours),
            f"{slower:.2f} × as long",
            WHOLE_ROUNDS,
            f"at most {SLOWER:.2f} ×",
            slower <= SLOWER,
        ),
        Row(
            "memory of the process that fetches and leads it",
            f"{most / 1e6:.0f} MB",
            "",
            WHOLE_ROUNDS,
            f"under {MOST_MEMORY >> 20} MiB",
            most < MOST_MEMORY,
        ),
    )
    for row in rows:
        _say(" | ".join(row.cells()))
    return rows


def _spent(restored: list[Restored]) -> str:
    return f"{median(each.wall for each in restored):.1f} s, {median(each.server for each in restored):.1f} s CPU of the server"


def _at_own(ground: Ground, server: OwnServer) -> dict[str, str]:
    """The variables for every program: the throw-away server as its boss."""
    address, login = server.reach().address, server.reach().login
    where = {"PGHOST": str(address.socket), "PGPORT": str(address.port), "PGDATABASE": "postgres"}
    return ground.environment | where | {"PGUSER": login.username, "PGPASSWORD": login.password}


def _restore_file(ground: Ground, server: OwnServer) -> Restored:
    place = make_scratch(server.reach(), scratch_name("0" * 16))
    try:
        before, began = _processor_seconds(server), time.perf_counter()
        command = [ground.program, "--no-owner", "-j", str(JOBS), "-d", place.name, str(ground.archive)]
        subprocess.run(command, env=_at_own(ground, server), check=True)
        found = Restored(time.perf_counter() - began, _processor_seconds(server) - before)
    finally:
        place.remove()
    _say(f"pg_restore -j {JOBS} of the file: {found.wall:.1f} s")
    return found


def _restore_as_it_comes(ground: Ground, server: OwnServer, url: str) -> Restored:
    room = Path(tempfile.mkdtemp(dir=ground.folder))
    room.chmod(0o711)
    try:
        before = _processor_seconds(server)
        words = [url, str(room / "fetched"), str(ground.built.node.install.bin), str(JOBS)]
        command = [sys.executable, "-m", "bench.export_whole", *words]
        done = subprocess.run(command, env=_at_own(ground, server), check=True, stdout=subprocess.PIPE)
        said = json.loads(done.stdout)
        found = Restored(said["through"], _processor_seconds(server) - before, said["memory"])
    finally:
        shutil.rmtree(room)
    _say(f"over the link: {found.wall:.1f} s, all rows after {said['filled']:.1f} s")
    return found


def _processor_seconds(server: OwnServer) -> float:
    """Those of a server so far, and of its sessions that ended."""
    pid = int((server.folder / "data" / "postmaster.pid").read_text().split("\n")[0])
    return processor_seconds(pid)


def _rows(link: str, name: str, theirs: list[Brought], ours: list[Brought]) -> Iterator[Row]:
    pairs = list(zip(theirs, ours, strict=True))
    ratio = median(one.seconds / other.seconds for one, other in pairs)
    within = median(one.seconds / other.through for one, other in pairs)
    wanted = FASTER[link] if name == "small" and not IS_QUICK else None
    number = len(ours)
    yield Row(f"{name}, {link}: aws s3 cp, pg_restore -t", _words(theirs), "1.0 ×", number)
    yield Row(f"{name}, {link}: its bytes alone, a command", _words(ours), f"{ratio:.1f} × as fast", number)
    yield Row(
        f"{name}, {link}: its bytes alone, a step of a run",
        f"{milliseconds(median(each.through for each in ours))}, bytes here after {milliseconds(median(each.fetched for each in ours))}",
        f"{within:.1f} × as fast",
        number,
        f"at least {wanted} ×" if wanted else "",
        within >= wanted if wanted else None,
    )
    more = max(each.bytes - each.wanted for each in ours)
    yield Row(
        f"{name}, {link}: bytes beyond the wanted blocks",
        f"{more / 1e6:.2f} MB of {ours[0].bytes / 1e6:.2f} MB",
        "",
        number,
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

"""A custom archive of a database, made by ``pg_dump`` into a file of this machine, with the rows of each table counted beside it.

The law: program and count see one snapshot, so the count is the archive's own. The program writes into a file and not into a pipe,
so its offsets are kept and one table can be read without the rest. It is held to what our own sessions are (``postgres.dumping``),
and ended when the file grows beyond its limit, time is up, or somebody waits for a lock that it holds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from psycopg import sql

from daybreak.errors import Failed, Unreachable
from daybreak.model.names import printable
from daybreak.postgres.clients import ClientProgram, bare_environment, conninfo_of, open_pass_file
from daybreak.postgres.dumping import PROGRAM, SESSION, holds_up_somebody, refuse_newer_server
from daybreak.postgres.leash import Leash
from daybreak.postgres.manners import milliseconds
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import clock_and_encoding, export_snapshot, see_every_row
from daybreak.postgres.session import Session

_LOOK = 0.25
"""Seconds between two looks at the program, its file, and who waits for it."""

_DIES_WITH_US = """
import os, signal, sys
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: when whoever started us dies, so do we
except (ImportError, OSError, AttributeError):
    pass  # not on every system
if os.getppid() != int(sys.argv[1]):
    os._exit(125)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes the program, and ends with the process that began it: nobody else would end a dump of hours."""

_TABLES = sql.SQL("""
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
""")
"""The tables whose rows the program writes: partitions each by themselves, and nothing of an extension's own."""


@dataclass(frozen=True)
class RowsCounted:
    """The rows of one table in the snapshot of an archive."""

    schema: str
    table: str
    rows: int


@dataclass(frozen=True)
class ArchiveMade:
    """What was written, of which server, at which moment by its clock, and what it holds."""

    server_version: str
    taken: datetime
    tables: tuple[RowsCounted, ...]
    size: int


@dataclass(frozen=True)
class DumpOrder:
    """Where an archive is written, with which program, and within which limits."""

    program: ClientProgram
    file: Path
    most: int
    """How many bytes the file may have."""
    within: timedelta


def make_archive(
    place: Reach, order: DumpOrder, leash: Leash, progress: Callable[[str], None] = lambda _seen: None
) -> ArchiveMade:
    """Count the rows and write the archive, both in one snapshot.

    Raises ``Refused`` for a program that is older than the server, ``Failed`` where the program fails or the file becomes too large,
    and ``Unreachable`` where time is up or somebody waits for a lock that it holds.
    """
    end = monotonic() + order.within.total_seconds()
    limits = place.meter.bounds.limits(order.within.total_seconds() + 5)
    with place.session(limits) as keeper, place.session(limits) as watcher:
        refuse_newer_server(keeper, order.program)
        keeper.begin()
        see_every_row(keeper)
        taken, _ = clock_and_encoding(keeper)
        snapshot = export_snapshot(keeper)
        tables = tuple(_count(keeper, progress))
        _run(place, order, snapshot, _Watch(keeper, watcher, leash, end, progress))
    return ArchiveMade(keeper.server_version, taken, tables, order.file.stat().st_size)


def _count(session: Session, progress: Callable[[str], None]) -> list[RowsCounted]:
    found = []
    names = session.ask(_TABLES)
    for number, (schema, table) in enumerate(names, start=1):
        progress(f"counting {printable(f'{schema}.{table}')} ({number} of {len(names)})")
        counting = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, table))
        [[rows]] = session.ask(counting)
        found.append(RowsCounted(schema, table, int(rows)))
    return found


@dataclass(frozen=True)
class _Watch:
    """What is looked at while the program goes on."""

    keeper: Session
    """Keeps the snapshot, and is asked now and then, so that nobody takes it for idle."""
    watcher: Session
    leash: Leash
    end: float
    progress: Callable[[str], None]


def _run(place: Reach, order: DumpOrder, snapshot: str, watch: _Watch) -> None:
    with open_pass_file(place.login, PROGRAM) as handle, order.file.with_suffix(".said").open("w+b") as said:
        command = [
            order.program.path, "--format=custom", "--no-password", f"--snapshot={snapshot}", f"--file={order.file}",
            f"--lock-wait-timeout={milliseconds(place.meter.bounds.lock)}",
            f"--dbname={conninfo_of(place, order.program, handle, place.meter.bounds.connect, session=SESSION)}",
        ]  # fmt: skip
        bound = [sys.executable, "-I", "-S", "-c", _DIES_WITH_US, str(os.getpid()), *command]
        process = subprocess.Popen(
            bound, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=bare_environment(), pass_fds=(handle,)
        )
        try:
            _follow(process, order, watch)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            said.seek(0)
            last = said.read(100_000).decode(errors="replace").strip().splitlines()
            raise Failed(f"{PROGRAM} of {place.address} failed: {printable(last[-1] if last else 'without a word')}")


def _follow(process: subprocess.Popen[bytes], order: DumpOrder, watch: _Watch) -> None:
    while process.poll() is None:
        try:
            process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            size = order.file.stat().st_size if order.file.exists() else 0
            watch.progress(f"{size / 1e6:,.0f} MB are written")
            if watch.leash.is_called_off.is_set():
                raise Unreachable(f"{PROGRAM} was called off", "begin again") from None
            if size > order.most:
                raise Failed(f"the archive is larger than {order.most / 1e6:,.0f} MB, its limit") from None
            if monotonic() >= watch.end:
                raise Unreachable(f"{PROGRAM} did not end in time", "give it more time with --within") from None
            watch.keeper.ask(sql.SQL("SELECT 1"))
            if holds_up_somebody(watch.watcher):
                raise Unreachable(
                    f"{PROGRAM} gave way to somebody who waited for a lock of its", "try again later"
                ) from None


def ask_size(session: Session) -> tuple[int, int]:
    """How many bytes the session's database has on its server, and how many tables with rows of its own."""
    [[size]] = session.ask(sql.SQL("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"))
    return int(size), len(session.ask(_TABLES))

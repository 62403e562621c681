"""The definition of a database as SQL, made by ``pg_dump --schema-only``: an export of a snapshot to S3 holds rows and no DDL.

The law: the program gets the password from a file that only it can open, never from its arguments or environment, and speaks to a
server as our own sessions do. Its locks wait no longer than ours, fill no more of the lock table, and are given up as soon as
somebody waits for one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

from psycopg import sql
from psycopg.conninfo import make_conninfo

from daybreak.errors import Failed, Refused, Unreachable
from daybreak.files import MOST_KEPT
from daybreak.model.names import printable
from daybreak.postgres.login import Login
from daybreak.postgres.manners import milliseconds
from daybreak.postgres.opening import wishes_of_program
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Session

PROGRAM = "pg_dump"
_NAME = "daybreak-schema-dump"
"""How the program's session is called at the server."""

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\.\d+)?")
_TABLES = sql.SQL("SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'f') AND c.oid >= 16384")
_WAITERS = sql.SQL("""
SELECT count(*) FROM pg_catalog.pg_stat_get_activity(NULL) w
WHERE w.wait_event_type = 'Lock' AND EXISTS (
    SELECT FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
    JOIN pg_catalog.pg_stat_get_activity(NULL) d ON d.pid = b.pid AND d.application_name = %s)
""")


@dataclass(frozen=True)
class DumpProgram:
    """The program, where it was found."""

    path: str
    version: str
    major: int


@dataclass(frozen=True)
class DumpMade:
    """What the program wrote, and of which server."""

    sql: bytes
    server_version: str


def find_program(named: str | None) -> DumpProgram:
    """The ``pg_dump`` that the configuration names, else the one on the ``PATH``; raises ``Refused`` where there is none."""
    path = named or shutil.which(PROGRAM)
    if path is None:
        raise Refused(f"there is no {PROGRAM} on the PATH", f'pg_dump = "/path/to/{PROGRAM}" in daybreak.toml')
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False, env=_environment()
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused(f'"{printable(path)}" cannot be run: {type(error).__name__}') from error
    match = _VERSION.search(said)
    if match is None:
        raise Refused(f'"{printable(path)}" does not say which PostgreSQL it is of')
    return DumpProgram(path, f"{match[1]}{match[2] or ''}", int(match[1]))


def dump_schema(place: Reach, program: DumpProgram, within: timedelta) -> DumpMade:
    """The SQL that makes the database's objects; raises ``DaybreakError`` where it cannot be had in time and within the bounds."""
    bounds = place.meter.bounds
    with place.session(bounds.limits(within.total_seconds() + 5)) as session:
        if session.major > program.major:
            raise Refused(
                f"{PROGRAM} {program.version} cannot read a server of PostgreSQL {session.major}",
                f'pg_dump = "/path/to/{PROGRAM}" of that version in daybreak.toml',
            )
        _hold_to_locks(session)
        with _pass_file(place) as handle, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            command = [
                program.path, "--schema-only", "--no-password",
                f"--lock-wait-timeout={milliseconds(bounds.lock)}",
                f"--dbname={_conninfo(place, program, handle, bounds.connect)}",
            ]  # fmt: skip
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=said, env=_environment(), pass_fds=(handle,)
            )
            try:
                _follow(process, session, monotonic() + within.total_seconds())
            finally:
                process.kill()
                process.wait()
            for file in (out, said):
                file.seek(0)
            if process.returncode:
                last = said.read(100_000).decode(errors="replace").strip().splitlines()
                raise Failed(
                    f"{PROGRAM} of {place.address} failed: {printable(last[-1] if last else 'without a word')}"
                )
            made = out.read(MOST_KEPT + 1)
    if len(made) > MOST_KEPT:
        raise Failed(f"the schema of {place.address} is larger than {MOST_KEPT // 2**20} MiB")
    return DumpMade(made, session.server_version)


def _hold_to_locks(session: Session) -> None:
    """Raise ``Refused`` where the program, which locks every table at once, would fill more of the lock table than we may."""
    each, meter = session.locks_at_once, session.meter
    most = each * meter.bounds.connections if meter else each
    [[tables]] = session.ask(_TABLES)
    if tables > most:
        raise Refused(
            f"{PROGRAM} would lock {tables:,} tables at once, and {most:,} is all that {session.address} can spare"
        )


def _follow(process: subprocess.Popen[bytes], session: Session, end: float) -> None:
    """Wait for the program's end; raise ``Unreachable`` when time is up, or somebody waits for a lock that it holds."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.25)
            return
        if monotonic() >= end:
            raise Unreachable(f"{PROGRAM} did not end in time", "try again when the server has less to do")
        if session.ask(_WAITERS, (_NAME,))[0][0]:
            raise Unreachable(f"{PROGRAM} gave way to somebody who waited for a lock of its", "try again later")


def _conninfo(place: Reach, program: DumpProgram, handle: int, connect: timedelta) -> str:
    """What libpq gets: as for our own sessions, without the password."""
    wishes = wishes_of_program(place.address, place.login, program.major, connect)
    return make_conninfo(
        "",
        **(wishes | {"user": place.login.username, "passfile": f"/dev/fd/{handle}", "application_name": _NAME,
                     "connect_timeout": max(int(connect.total_seconds()), 2)}),
    )  # fmt: skip


@contextmanager
def _pass_file(place: Reach) -> Iterator[int]:
    """An open file with the password that has no name: nothing of it is left, however the process ends."""
    line = _pass_line(place.login)
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("pass")
    else:
        handle, name = tempfile.mkstemp()
        Path(name).unlink()
    try:
        os.fchmod(handle, 0o600)
        os.write(handle, line)
        yield handle
    finally:
        os.close(handle)


def _pass_line(login: Login) -> bytes:
    if any(sign in login.password for sign in "\n\r\0"):
        raise Refused(f"{PROGRAM} takes no password with a line break in it")
    escaped = login.password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n".encode()


def _environment() -> dict[str, str]:
    """Nothing of ours but where programs are: no credentials, and no variable of libpq's."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}

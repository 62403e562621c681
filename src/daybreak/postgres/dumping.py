"""The definition of a database as SQL, made by ``pg_dump --schema-only``: an export of a snapshot to S3 holds rows and no DDL.

The law: the program's locks wait no longer than ours, fill no more of the lock table, and are given up as soon as
somebody waits for one.
"""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from psycopg import sql

from daybreak.errors import Failed, Refused, Unreachable
from daybreak.files import MOST_KEPT
from daybreak.model.names import printable
from daybreak.postgres.clients import ClientProgram, bare_environment, conninfo_of, find_client, open_pass_file
from daybreak.postgres.manners import milliseconds
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Session

PROGRAM = "pg_dump"
SESSION = "daybreak-schema-dump"
"""How the program's session is called at the server."""

_TABLES = sql.SQL("SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'f') AND c.oid >= 16384")
_WAITERS = sql.SQL("""
SELECT count(*) FROM pg_catalog.pg_stat_get_activity(NULL) w
WHERE w.wait_event_type = 'Lock' AND EXISTS (
    SELECT FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
    JOIN pg_catalog.pg_stat_get_activity(NULL) d ON d.pid = b.pid AND d.application_name = %s)
""")


@dataclass(frozen=True)
class DumpMade:
    """What the program wrote, and of which server."""

    sql: bytes
    server_version: str


def find_program(named: str | None) -> ClientProgram:
    """The ``pg_dump`` that the configuration names, else the one on the ``PATH``; raises ``Refused`` where there is none."""
    return find_client(PROGRAM, named)


def dump_schema(place: Reach, program: ClientProgram, within: timedelta) -> DumpMade:
    """The SQL that makes the database's objects; raises ``DaybreakError`` where it cannot be had in time and within the bounds."""
    bounds = place.meter.bounds
    with place.session(bounds.limits(within.total_seconds() + 5)) as session:
        refuse_newer_server(session, program)
        _hold_to_locks(session)
        with (
            open_pass_file(place.login, PROGRAM) as handle,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as said,
        ):
            command = [
                program.path, "--schema-only", "--no-password",
                f"--lock-wait-timeout={milliseconds(bounds.lock)}",
                f"--dbname={conninfo_of(place, program, handle, bounds.connect, session=SESSION)}",
            ]  # fmt: skip
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=said, env=bare_environment(), pass_fds=(handle,)
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


def refuse_newer_server(session: Session, program: ClientProgram) -> None:
    """Raise ``Refused`` where a server is newer than the program, which cannot read it then."""
    if session.major > program.major:
        raise Refused(
            f"{PROGRAM} {program.version} cannot read a server of PostgreSQL {session.major}",
            f'pg_dump = "/path/to/{PROGRAM}" of that version in daybreak.toml',
        )


def holds_up_somebody(session: Session) -> bool:
    """Whether somebody waits for a lock that the program holds; the session is in no transaction, which would see the first answer for ever."""
    return bool(session.ask(_WAITERS, (SESSION,))[0][0])


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
        if holds_up_somebody(session):
            raise Unreachable(f"{PROGRAM} gave way to somebody who waited for a lock of its", "try again later")

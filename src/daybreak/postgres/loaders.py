"""The ``pg_restore`` of this machine that can load an archive at a cluster: new enough, and with TLS.

The law: whether its libpq speaks TLS is tried before anything is made, and not learned from a step that fails.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from daybreak.errors import DaybreakError, Refused
from daybreak.model.names import comma_list, printable
from daybreak.postgres.clients import ClientProgram, bare_environment, find_client
from daybreak.postgres.installs import program_folders
from daybreak.postgres.opening import wishes_of_program
from daybreak.postgres.reach import Reach

_SETS_TRANSACTION_TIMEOUT = 17
"""Since which major version ``pg_restore`` sets what no older server knows, and ends at that."""
_WITHOUT_TLS = "SSL support is not compiled in"
_TRIED_AT = "host=/nonexistent sslmode=require connect_timeout=2"
_CONNECT = timedelta(seconds=15)


def find_loader(least: int, server: int, folder: str | None, place: Reach | None = None) -> ClientProgram:
    """The oldest one that reads archives of the major version ``least`` and can load them at a server of the version ``server``.

    ``folder`` is the one that is configured, and then the only one. With ``place`` it is also known to be let in there as our own
    sessions are. Raises ``Refused`` with what is wrong with each that was found.
    """
    why: list[str] = []
    for each in _find_all([Path(folder)] if folder else program_folders()):
        reason = _why_not(each, least, server, place)
        if not reason:
            return each
        why.append(f"{each.path} ({each.version}): {reason}")
    raise Refused(
        f"no pg_restore of this machine can load an archive of PostgreSQL {least} at the cluster: {comma_list(why) or 'there is none'}",
        'the postgresql-client package of this machine, or programs = "/usr/lib/postgresql/16/bin" in daybreak.toml',
    )


def _find_all(folders: Iterable[Path]) -> list[ClientProgram]:
    found: dict[str, ClientProgram] = {}
    for each in folders:
        path = str(each / "pg_restore")
        try:
            found.setdefault(path, find_client("pg_restore", path))
        except Refused:
            continue
    return sorted(found.values(), key=lambda each: each.major)


def _why_not(program: ClientProgram, least: int, server: int, place: Reach | None) -> str:
    if program.major < least:
        return "older than the archive"
    if program.major >= _SETS_TRANSACTION_TIMEOUT > server:
        return f"it sets transaction_timeout, which PostgreSQL {server} does not know"
    if not _speaks_tls(program):
        return "it was built without TLS"
    if place is not None:
        try:
            wishes_of_program(place.address, place.login, program.major, _CONNECT)
        except DaybreakError as error:
            return error.message
    return ""


def _speaks_tls(program: ClientProgram) -> bool:
    """Whether the libpq of its folder does: it is asked for TLS at a place that is not there."""
    try:
        done = subprocess.run(
            [str(Path(program.path).with_name("pg_dump")), "--dbname", _TRIED_AT], capture_output=True, text=True,
            check=False, cwd="/", env=bare_environment(), timeout=30,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused(f'"{printable(program.path)}" stands without its pg_dump: {type(error).__name__}') from error
    return _WITHOUT_TLS not in done.stderr

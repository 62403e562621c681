"""One cluster's storage: a PostgreSQL data directory, its server, and backups that reach any moment of its window.

The law: nothing here knows a word of AWS. Every call blocks until it is true, and every one may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from daybreak.lab.binaries import Install
from daybreak.lab.settings import Setting


@dataclass(frozen=True)
class Master:
    """The person a cluster is made for: a role that may do nearly everything, and is not a superuser."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Listen:
    """Where the server answers; when it is not ``reachable`` it does not listen on TCP at all."""

    host: str
    port: int
    reachable: bool = True


class Volume:
    """A cluster's storage in the folder ``place``: running, stopped, or retired with only its backups left."""

    place: Path
    install: Install

    @classmethod
    def create(cls, place: Path, install: Install, *, owner: Master, database: str | None = None) -> Volume:
        """Make an empty cluster, stopped; wipes what a dead attempt left in ``place``; `Refused` if it runs now."""
        raise NotImplementedError

    @classmethod
    def open(cls, place: Path, install: Install) -> Volume:
        """The volume a former process left in ``place`` (running then or not), stopped now."""
        raise NotImplementedError

    @classmethod
    def from_snapshot(cls, snapshot: Path, place: Path, install: Install) -> Volume:
        """A new volume, stopped, with the content of a snapshot; ``place`` as in `create`."""
        raise NotImplementedError

    @staticmethod
    def exists(place: Path) -> bool:
        """Whether ``place`` holds a finished volume (retired ones count), so that `open` works."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        """Whether the server process lives; false after it was killed from outside."""
        raise NotImplementedError

    @property
    def retired(self) -> bool:
        """Whether only backups are left."""
        raise NotImplementedError

    @property
    def window(self) -> tuple[datetime, datetime]:
        """Earliest and latest moment `restore` can reach, both inclusive, in UTC."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Bytes the cluster's data takes on disk, without backups."""
        raise NotImplementedError

    def start(self, listen: Listen, parameters: Mapping[str, str]) -> None:
        """Start the server and wait until it answers; `Failed` with the server's own last words when it will not."""
        raise NotImplementedError

    def stop(self, *, abruptly: bool = False) -> None:
        """Stop the server (no-op when stopped); abruptly = as a lost region would, nothing more reaches the backups."""
        raise NotImplementedError

    def apply(self, parameters: Mapping[str, str]) -> frozenset[str]:
        """Make these the parameters (all of them, not a difference); names of those that wait for a restart."""
        raise NotImplementedError

    def set_reachable(self, *, reachable: bool) -> None:
        """Open or close the TCP port; restarts the server when that changes something; static parameters keep waiting."""
        raise NotImplementedError

    def set_master_password(self, password: str) -> None:
        """Change the master's password; works on a stopped volume as well."""
        raise NotImplementedError

    def administer(self, database: str, statement: str) -> list[tuple[object, ...]]:
        """Run one statement as the superuser ``rdsadmin``, as the provider's own staff would; rows, if it has any."""
        raise NotImplementedError

    def tick(self) -> datetime:
        """Publish a new latest restorable moment and return it; costs one query while nobody writes."""
        raise NotImplementedError

    def back_up(self) -> datetime:
        """Take a new base backup (running or stopped), so that later restores replay less; the moment it is good from."""
        raise NotImplementedError

    def restore(self, place: Path, moment: datetime | None) -> Volume:
        """A new volume, stopped, exact to the commit as of ``moment`` (None: the latest); `Refused` outside the window."""
        raise NotImplementedError

    def snapshot(self, place: Path) -> Path:
        """Copy the content as it is now into ``place`` (running or stopped); wipes half a snapshot found there."""
        raise NotImplementedError

    def settings_catalog(self) -> tuple[Setting, ...]:
        """Every setting this volume's server knows."""
        raise NotImplementedError

    def retire(self, *, keep_backups: bool) -> None:
        """Stop and delete the data; with ``keep_backups`` restores go on working, without, ``place`` is gone."""
        raise NotImplementedError

    def purge(self, before: datetime) -> None:
        """Forget the backups that only moments earlier than ``before`` need."""
        raise NotImplementedError


def copy_snapshot(snapshot: Path, place: Path) -> Path:
    """Copy a snapshot, as between regions; wipes half a copy found in ``place``."""
    raise NotImplementedError

"""The account of this machine that runs PostgreSQL's programs for us: our own, or for root another one that may do little.

The law: PostgreSQL refuses to serve as root, and nothing that reads a dump runs as root. An ordinary person runs it all themselves.
"""

from __future__ import annotations

import functools
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from daybreak.errors import Refused
from daybreak.model.names import printable


@dataclass(frozen=True)
class Account:
    """Who runs the programs; ``is_lent`` where that is not us."""

    uid: int
    gid: int
    is_lent: bool

    @property
    def owner(self) -> int:
        """The owner that a file needs so that the programs can open it; -1 where it has that already."""
        return self.uid if self.is_lent else -1

    def give(self, path: Path) -> None:
        """Make it the owner of a file or folder, where that is not us anyway."""
        if self.is_lent:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def let_pass(self, folder: Path) -> None:
        """Let its group go through a folder of ours to what lies in it, and see nothing of that; everybody else stays out."""
        if self.is_lent:
            os.chown(folder, -1, self.gid, follow_symlinks=False)
            folder.chmod(0o710)

    def lend(self, path: Path) -> None:
        """Let it read a file, or a folder and the files in it. The folder above still keeps everybody else out."""
        if self.is_lent:
            for each in (path, *(path.iterdir() if path.is_dir() else ())):
                if not each.is_symlink():
                    each.chmod(stat.S_IMODE(each.stat().st_mode) | (0o005 if each.is_dir() else 0o004))

    def require_way_to(self, folder: Path) -> None:
        """Raise ``Refused``, with the name, where it cannot enter a folder above this one."""
        for parent in reversed(folder.absolute().parents):
            if self.is_lent and parent.exists() and not self._may_pass(parent):
                raise Refused(
                    f'the account that runs PostgreSQL cannot enter "{printable(str(parent))}"',
                    "choose a folder below /var/tmp or /var/lib, or run as an ordinary user",
                )

    def _may_pass(self, folder: Path) -> bool:
        facts = folder.stat()
        mine = stat.S_IXUSR if facts.st_uid == self.uid else stat.S_IXGRP if facts.st_gid == self.gid else stat.S_IXOTH
        return bool(facts.st_mode & mine)


@functools.cache
def account() -> Account:
    """Our own account, or for root the machine's ``postgres``, else ``nobody``; raises ``Refused`` where root has neither."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_lent=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, is_lent=True)
    raise Refused(
        "there is no account to run PostgreSQL as", "run as an ordinary user, or make an account named postgres"
    )

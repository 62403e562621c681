"""A volume's backups: base copies, the log since the oldest of them, and the list of reachable moments.

The law: a base or a moment is on the list only when everything that it needs is on disk. So a restore finds all of it at any
time, also after the volume itself is gone. Nothing is deleted while a copy is running.
"""

from __future__ import annotations

import bisect
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daybreak.errors import Bug, Refused
from daybreak.lab.servers.binaries import give, make_private_folder
from daybreak.lab.servers.tree import copy_file, copy_whole, remove

SEGMENT = re.compile(r"[0-9A-F]{24}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, order=True)
class Base:
    """A copy of the data, for moments from ``moment`` on, with the log from ``segment`` on."""

    moment: datetime
    segment: str
    folder: Path


@dataclass(frozen=True, order=True)
class Reach:
    """Every moment up to ``limit`` is in the log up to ``segment``, which also holds a later commit."""

    limit: datetime
    segment: str


class Archive:
    """The backups in ``folder``; safe for many threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "wal"
        self._bases_folder = folder / "base"
        self._list = folder / "reached"
        self._idle = folder / "idle"  # an empty file; nothing happened until the moment of its time stamp
        self._free = threading.Condition()
        self._copying = 0
        self._bases: list[Base] = []
        self._reached: list[Reach] = []
        self._idle_until = EPOCH
        self._from = EPOCH

    @classmethod
    def create(cls, folder: Path) -> Archive:
        """An empty archive in a new folder."""
        archive = cls(folder)
        for part in (folder, archive.log, archive._bases_folder):
            make_private_folder(part)
        for file in (archive._list, archive._idle):
            file.touch(mode=0o600)
            give(file)
        archive.publish_idle(EPOCH)
        return archive

    @classmethod
    def open(cls, folder: Path) -> Archive:
        """Open the archive that a former process left; deletes half a base copy in it."""
        archive = cls(folder)
        for entry in sorted(archive._bases_folder.iterdir()):
            micros, _, segment = entry.name.partition("-")
            if micros == "draft":
                remove(entry)
            else:
                archive._bases.append(Base(_moment(micros), segment, entry))
        for line in archive._list.read_text().splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == "from":
                archive._from = _moment(words[1])
            elif len(words) == 3 and SEGMENT.fullmatch(words[1]):  # a line torn by a crash has fewer
                archive._reached.append(Reach(_moment(words[0]), words[1]))
        archive._idle_until = EPOCH + archive._idle.stat().st_mtime_ns // 1000 * MICROSECOND
        return archive

    @property
    def command(self) -> str:
        """PostgreSQL's ``archive_command``: a file arrives completely or not at all, and files that were switched early stay small."""
        target = _shell_quoted(f"{self.log}/")
        copied = f"cp --sparse=always %p {target}%f.part 2>/dev/null || cp %p {target}%f.part"
        return f"{{ {copied}; }} && mv {target}%f.part {target}%f"

    @property
    def fetching(self) -> str:
        """PostgreSQL's ``restore_command`` for a server that reads this archive."""
        return f"cp {_shell_quoted(f'{self.log}/')}%f %p 2>/dev/null"

    @property
    def earliest(self) -> datetime:
        """The first reachable moment."""
        with self._free:
            if not self._bases:
                raise Bug(f"no base copy in '{self.folder}'")
            return max(self._bases[0].moment, self._from)

    @property
    def latest(self) -> datetime:
        """The last reachable moment."""
        with self._free:
            known = [self._reached[-1].limit, self._idle_until] if self._reached else [self._bases[0].moment]
            return max(known)

    @property
    def megabytes_to_replay(self) -> int:
        """The most log that a restore to the latest moment reads; a piece of log has one megabyte."""
        with self._free:
            return _count(self._reached[-1].segment) - _count(self._bases[-1].segment) if self._reached else 0

    def has(self, segment: str) -> bool:
        """Whether this piece of log is safely in the archive."""
        return (self.log / segment).exists()

    def publish(self, limit: datetime, segment: str) -> None:
        """Put a moment on the list: the log up to ``segment`` is in the archive."""
        with self._free:
            self._reached.append(Reach(limit, segment))
            with self._list.open("a") as file:
                file.write(f"{_micros(limit)} {segment} .\n")

    def publish_idle(self, limit: datetime) -> None:
        """Extend the last moment on the list to ``limit``, because nothing was committed since; writes no byte."""
        with self._free:
            self._idle_until = max(limit, self._idle_until)
            nanoseconds = _micros(self._idle_until) * 1000
            os.utime(self._idle, ns=(nanoseconds, nanoseconds))

    def draft(self) -> Path:
        """The place in which to make a base copy before `add`."""
        return self._bases_folder / f"draft-{threading.get_ident()}-{os.urandom(4).hex()}"

    def add(self, draft: Path, moment: datetime, segment: str) -> None:
        """Put a base copy on the list."""
        folder = self._bases_folder / f"{_micros(moment)}-{segment}"
        draft.rename(folder)
        with self._free:
            bisect.insort(self._bases, Base(moment, segment, folder))

    def copy_for(self, moment: datetime | None, data: Path) -> datetime | None:
        """Copy what a restore to ``moment`` needs into ``data``; return where to stop in the log, or ``None`` for its end."""
        with self._hold():
            with self._free:
                base, segments, target = self._choose(moment)
            copy_whole(base.folder, data)
            for segment in segments:
                copy_file(self.log / segment, data / "pg_wal" / segment)
        return target

    def copy_log(self, first: str, last: str, target: Path) -> None:
        """Copy the pieces of log from ``first`` to ``last`` into the folder ``target``."""
        with self._hold():
            for segment in self._segments(first, last):
                copy_file(self.log / segment, target / segment)

    def begin(self, other: Archive) -> Path:
        """Give an empty archive the newest base copy and what was published since; return that copy's folder in it."""
        with self._hold():
            with self._free:
                base = self._bases[-1]
            draft = other.draft()
            copy_whole(base.folder, draft)
            other.add(draft, base.moment, base.segment)
            self.send(other, datetime.max.replace(tzinfo=UTC))
        return other.newest

    def send(self, other: Archive, until: datetime) -> None:
        """Send an archive that `begin` filled what was published since for moments up to ``until``, oldest first.

        A piece of log is there completely before a moment that needs it is published.
        """
        with self._hold():
            have, at = other.mark
            with self._free:
                new = [reach for reach in self._reached if at < reach.limit <= until]
                last = self._reached[-1] if self._reached else None
                idle = self._idle_until
            for reach in new:
                for segment in self._segments(have, reach.segment):
                    if not other.has(segment):
                        other.take(self.log / segment)
                other.publish(reach.limit, reach.segment)
                have = reach.segment
            if last is not None and other.mark[1] == last.limit:
                other.publish_idle(min(idle, until))

    def take(self, file: Path) -> None:
        """Take a piece of log; who reads the archive meanwhile finds it whole or not at all."""
        part = self.log / f"{file.name}.part"
        copy_file(file, part)
        part.replace(self.log / file.name)

    @property
    def newest(self) -> Path:
        """The folder of the newest base copy."""
        with self._free:
            return self._bases[-1].folder

    @property
    def mark(self) -> tuple[str, datetime]:
        """The last piece of log that is known to be complete, and the last moment published with one."""
        with self._free:
            if self._reached:
                return self._reached[-1].segment, self._reached[-1].limit
            return self._bases[-1].segment, self._bases[-1].moment

    def purge(self, before: datetime) -> None:
        """Forget moments earlier than ``before`` and delete what only they need; waits for running copies."""
        with self._free:
            self._free.wait_for(lambda: self._copying == 0)
            self._from = max(self._from, min(before, self._last_limit()))
            keep = max(0, bisect.bisect_right([base.moment for base in self._bases], self._from) - 1)
            gone, self._bases = self._bases[:keep], self._bases[keep:]
            self._reached = [reach for reach in self._reached if reach.limit >= self._from] or self._reached[-1:]
            self._rewrite()
            for base in gone:
                remove(base.folder)
            for file in self.log.iterdir():
                if SEGMENT.match(file.name) and file.name[8:24] < self._bases[0].segment[8:]:
                    file.unlink(missing_ok=True)

    def _last_limit(self) -> datetime:
        return max(self._reached[-1].limit, self._idle_until) if self._reached else self._bases[0].moment

    def _choose(self, moment: datetime | None) -> tuple[Base, list[str], datetime | None]:
        wanted = self._last_limit() if moment is None else moment
        earliest, latest = max(self._bases[0].moment, self._from), self._last_limit()
        if not earliest <= wanted <= latest:
            raise Refused(
                f"'{wanted.isoformat()}' is outside the window from '{earliest.isoformat()}' to '{latest.isoformat()}'",
                "choose a moment inside the window",
            )
        base = self._bases[bisect.bisect_right([base.moment for base in self._bases], wanted) - 1]
        place = bisect.bisect_left([reach.limit for reach in self._reached], wanted)
        if place < len(self._reached):  # a later commit is in this log: PostgreSQL stops before it
            return base, self._segments(base.segment, self._reached[place].segment), wanted
        last = self._reached[-1].segment if self._reached else base.segment
        return base, self._segments(base.segment, last), None

    def _segments(self, first: str, last: str) -> list[str]:
        names = (entry.name for entry in os.scandir(self.log))
        return sorted(name for name in names if first <= name <= last and SEGMENT.fullmatch(name))

    @contextmanager
    def _hold(self) -> Iterator[None]:
        with self._free:
            self._copying += 1
        try:
            yield
        finally:
            with self._free:
                self._copying -= 1
                self._free.notify_all()

    def _rewrite(self) -> None:
        lines = [f"from {_micros(self._from)} .\n"] + [f"{_micros(r.limit)} {r.segment} .\n" for r in self._reached]
        draft = self._list.with_suffix(".draft")
        draft.write_text("".join(lines))
        give(draft)
        draft.replace(self._list)


def _count(segment: str) -> int:
    """The number of a piece of log, from its name: each step of the middle eight digits counts four gigabytes."""
    return int(segment[8:16], 16) * 4096 + int(segment[16:], 16)


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _moment(micros: str) -> datetime:
    return EPOCH + int(micros) * MICROSECOND


def _shell_quoted(text: str) -> str:
    """A word for the shell inside ``archive_command``, where a percent sign has a special meaning."""
    return "'" + text.replace("'", "'\\''").replace("%", "%%") + "'"

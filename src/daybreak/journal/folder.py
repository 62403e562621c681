"""Runs in a folder of this machine: ``runs/<id>/plan.json``, ``journal.jsonl``, ``begun``, ``inbox/``.

The writer holds a kernel lock on the newest journal file, so a dead writer's hold is gone with it. A lock cannot be taken
from a stopped process. Therefore a take-over starts the next file (``journal.2.jsonl``), and *that file's existence*
is the fence. The law: a writer makes its event durable and **then** looks for a next file; a process that takes over makes
the next file and **then** reads the earlier ones. So an event whose append returned is always on the chain, wherever either
process is stopped, and no process holds a lock while it waits. What a fenced writer still wrote is off the chain.

Needs a local disk: over a network, neither the lock nor the order of these looks is certain. Use S3 there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daybreak.errors import Paused, Refused
from daybreak.files import MOST_KEPT, content, hold_to_ours, open_file
from daybreak.journal.chain import Chain, Segment, chain_of, segment_of
from daybreak.journal.damage import removal_hint
from daybreak.journal.disk import (
    bytes_of,
    may_be_shared,
    pause_of_unwritten,
    reachable,
    sync_data,
    sync_folder,
    write_at,
    write_new,
    write_whole,
)
from daybreak.journal.records import (
    RELEASE,
    Message,
    attachment,
    bytes_of_plan,
    check_request,
    check_run_name,
    creation,
    creation_time_in,
    is_run_name,
    loss_of_journal,
    loss_of_plan,
    no_such_run,
    plan_in,
    refusal_of_second_creation,
    refusal_of_second_request,
    refusal_of_second_writer,
    request_in,
    requests_left,
)
from daybreak.journal.remains import Remains, remains_of
from daybreak.journal.writing import Journal, TakenOver, Writer, begin
from daybreak.model.carrier import Carrier
from daybreak.model.plan import Plan
from daybreak.model.run import Event, RunApproved, RunAttached

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

_JOURNAL = re.compile(r"journal(?:\.([1-9][0-9]*))?\.jsonl")
_BEGUN = "begun"
_TRIES, _BETWEEN_TRIES = 5, 0.02
"""How often a lock is tried before its holder is believed, and the seconds between."""
_EXISTS = frozenset({errno.EEXIST, errno.ENOTEMPTY})


def _give_to_owner(file: Path, place: Path) -> None:
    """Let the owner of a folder read what somebody else may leave there: only a superuser can, and can give it away."""
    owner = place.stat()
    if file.stat().st_uid != owner.st_uid:
        os.chown(file, owner.st_uid, owner.st_gid)


class FolderStore:
    """Runs below ``root``, which is made together with the first run."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._runs = root / "runs"

    def create(self, plan: Plan) -> None:
        """Freeze a plan as a run: a folder that appears whole, or not at all."""
        check_run_name(plan.run)
        new = self._runs / f".new-{secrets.token_hex(4)}"
        with reachable(self._runs):
            self._hold_to_ours()
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._runs.mkdir(mode=0o700, exist_ok=True)
            new.mkdir(mode=0o700)
            try:
                write_new(new / "plan.json", bytes_of_plan(plan))
                sync_folder(new)
                # This replaces only an empty folder.
                new.rename(self._runs / plan.run)
            except OSError as error:
                _discard(new)
                if error.errno in _EXISTS:
                    raise refusal_of_second_creation(plan.run) from error
                raise
            sync_folder(self._runs)

    def runs(self) -> tuple[str, ...]:
        """The names of all runs, the newest plan first."""
        with reachable(self._runs):
            self._hold_to_ours()
            try:
                names = [entry.name for entry in self._runs.iterdir() if is_run_name(entry.name)]
            except FileNotFoundError:
                return ()
            ages = {name: creation_time_in(_legible(self._runs / name / "plan.json")) for name in names}
        return tuple(sorted(ages, key=lambda name: (ages[name], name), reverse=True))

    def plan(self, run: str) -> Plan:
        """The run's plan, checked against the first event."""
        place = self._place(run) / "plan.json"
        return plan_in(self._plan_bytes(run), self.events(run), str(place))

    def chain(self, run: str) -> Chain:
        """The run's events, verified, without taking any lock."""
        place = self._place(run)
        with reachable(place, removal_hint(run)):
            return _chain(place)

    def events(self, run: str) -> tuple[Event, ...]:
        """The events of the chain."""
        return self.chain(run).events

    def remains(self, run: str) -> Remains:
        """What can still be read of a run, file by file."""
        place = self._runs / run
        if not is_run_name(run) or not place.is_dir():
            raise no_such_run(run, self.runs(), str(self._root))
        with reachable(place):
            self._hold_to_ours(place)
        try:
            epochs = _epochs(place)
        except OSError:
            epochs = []
        journals = [_legible(_file(place, epoch)) or b"" for epoch in epochs]
        return remains_of(run, _legible(place / "plan.json"), journals)

    def is_held(self, run: str) -> bool:
        """Whether another process holds the run; no file is made to find out."""
        return _is_locked_by_another(self._runs / run) is True

    def carrier(self, run: str) -> Carrier:
        """Whether a process holds the kernel's lock. A lock that is free says nothing where another machine may hold it."""
        place = self._place(run)
        held = _is_locked_by_another(place)
        if held is None:
            return Carrier(is_there=None, why=f'the lock of "{place}" cannot be looked at')
        holder = None if held else attachment(self.events(run))
        where = holder.body.where if holder and isinstance(holder.body, RunAttached) else ""
        if where and where != socket.gethostname() and may_be_shared(place):
            return Carrier(is_there=None, why=f"a lock that is held on {where} may not be seen on this machine")
        return Carrier(is_there=held)

    def attach(
        self,
        run: str,
        *,
        who: str,
        where: str,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
        take_over: bool = False,
        caller: str = "",
    ) -> Journal:
        """Attach this process to the run; with ``take_over`` also when a live or stopped process holds it."""
        if fcntl is None:
            raise Refused("a folder cannot be locked on this system", "keep runs in S3: --state s3://bucket/prefix")
        place = self._place(run)
        with reachable(place, removal_hint(run)):
            data = self._plan_bytes(run)
            if not _epochs(place):
                _chain(place)  # before a new file could be mistaken for the lost one
            hold = _take(run, place, take_over=take_over)
            try:
                chain = _chain(place)
                hold.start(len(chain.events))
                plan = plan_in(data, chain.events, str(place))
            except BaseException:
                hold.release()
                raise
        drawn = nonce()
        hand = Writer(f"{who}:{os.getpid()}:{drawn}", now, nonce)
        journal = Journal(run, hold, chain, hand)
        created = creation(plan, data, str(place), drawn)
        return begin(
            journal,
            created,
            RunAttached(who=who, where=where, version=RELEASE, caller=caller),
            lambda: _mark_begun(run, place),
        )

    def ask(self, run: str, request: str, by: str, why: str, approval: RunApproved | None = None) -> None:
        """Leave a request; the first of its kind stands."""
        place = self._place(run) / "inbox"
        asked = Message(request=check_request(request), by=by, why=why, approval=approval)
        answer = place / f"{request}.json"
        with reachable(place):
            place.mkdir(mode=0o700, exist_ok=True)
            try:
                write_whole(answer, asked.canonical())
                _give_to_owner(answer, place)
            except FileExistsError as error:
                raise refusal_of_second_request(run, request_in(bytes_of(answer) or b"", str(answer))) from error

    def inbox(self, run: str) -> tuple[Message, ...]:
        """The requests to the run."""
        place = self._place(run) / "inbox"
        with reachable(place):
            try:
                files = sorted(path for path in place.iterdir() if path.suffix == ".json")
            except FileNotFoundError:
                return ()
        return requests_left((str(path), _bytes_left(path)) for path in files)

    def _place(self, run: str) -> Path:
        place = self._runs / run
        if not is_run_name(run) or not place.is_dir():
            raise no_such_run(run, self.runs(), str(self._root))
        with reachable(place, removal_hint(run)):
            self._hold_to_ours(place)
            if not os.path.lexists(place / "plan.json"):
                raise loss_of_plan(str(place))
        return place

    def _hold_to_ours(self, *more: Path) -> None:
        """Refuse what other people can write to: they would choose what is carried out, and rewrite what happened."""
        for folder in (self._root, self._runs, *more):
            hold_to_ours(folder)

    def _plan_bytes(self, run: str) -> bytes:
        path = self._runs / run / "plan.json"
        with reachable(path, removal_hint(run)):
            return content(path, MOST_KEPT)


@dataclass(frozen=True)
class _Tip:
    """Where a journal file ends: the next event's number, the bytes so far, and the last line of this hold."""

    number: int = 0
    length: int = 0
    line: bytes = b""


class FolderHold:
    """The kernel's lock on one journal file, and the place where its next line goes.

    A whole line is never removed or changed again, not even when its append failed: a process that takes over may have built
    on it already. The next append finds it and keeps it. Only a torn line is cut.
    """

    def __init__(self, run: str, place: Path, epoch: int, handle: int) -> None:
        self._run = run
        self._place = place
        self._epoch = epoch
        self._handle = handle
        self._tip = _Tip()
        self._is_sure = False

    def start(self, number: int) -> None:
        """Cut a torn last line, which never counted; ``number`` is that of the next event."""
        data = bytes_of(_file(self._place, self._epoch)) or b""
        segment = segment_of(data)
        if segment.is_torn:
            os.ftruncate(self._handle, segment.length)
            os.fsync(self._handle)
        self._tip = _Tip(number, segment.length)
        self._is_sure = True

    def put(self, number: int, line: bytes) -> bytes | None:
        """Write the line durably, then make sure that no process took over meanwhile."""
        if number < self._tip.number:  # Ctrl-C struck after it was written and before it was reported
            return self._tip.line
        self._look_for_fence()
        offset = self._tip.length
        try:
            left = b"" if self._is_sure else self._leftover()
            self._is_sure = False
            # After a failed sync the kernel may take lost pages for written ones; writing them again makes that true.
            write_at(self._handle, offset, left or line)
            sync_data(self._handle)
        except OSError as error:
            raise pause_of_unwritten(self._run, self._place, error) from error
        self._look_for_fence()
        self._tip = _Tip(number + 1, offset + len(left or line), left or line)
        self._is_sure = True
        return left or None

    def release(self) -> None:
        """Close the file, which releases its lock."""
        with contextlib.suppress(OSError):
            os.close(self._handle)

    def _leftover(self) -> bytes:
        """The whole line that a failed or interrupted append left; part of a line is cut."""
        length = self._tip.length
        data = os.pread(self._handle, os.fstat(self._handle).st_size - length, length)
        segment = segment_of(data)
        os.ftruncate(self._handle, length + segment.length)
        return data[: segment.length]

    def _look_for_fence(self) -> None:
        newer = _file(self._place, self._epoch + 1)
        try:
            if newer.exists():
                raise TakenOver(self._run, _writer_of(newer))
            ours, there = os.fstat(self._handle), _file(self._place, self._epoch).stat()
            is_ours = (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
        except OSError as error:
            raise pause_of_unwritten(self._run, self._place, error) from error
        if not is_ours:
            raise Paused(
                f'the journal of the run "{self._run}" was replaced by another file',
                f'look into "{self._place}": something else writes there',
            )


def _take(run: str, place: Path, *, take_over: bool) -> FolderHold:
    """Take the hold on the newest journal file, or on a next one when that is locked and ``take_over`` allows it."""
    while True:
        epoch = max(_epochs(place), default=1)
        handle = open_file(_file(place, epoch), os.O_RDWR | os.O_CREAT)
        sync_folder(place)
        if _is_locked_in_time(handle):
            if epoch == max(_epochs(place), default=0):
                return FolderHold(run, place, epoch, handle)
            os.close(handle)  # taken over between our look and our lock
            continue
        os.close(handle)
        if not take_over:
            chain = _chain(place)
            raise refusal_of_second_writer(run, attachment(chain.events), chain.events[-1].at if chain.events else None)
        next_handle = _next_file(place, epoch + 1)
        if next_handle is not None:
            return FolderHold(run, place, epoch + 1, next_handle)


def _is_locked_in_time(handle: int) -> bool:
    """Whether we got the lock: who only asks whether somebody has it holds it for less than a moment."""
    for _ in range(_TRIES):
        if _is_locked(handle):
            return True
        time.sleep(_BETWEEN_TRIES)
    return False


def _next_file(place: Path, epoch: int) -> int | None:
    """Make a new journal file, locked before any process can see it; ``None`` when another process was first."""
    new = place / f".new-{secrets.token_hex(4)}"
    handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _is_locked(handle)
        os.link(new, _file(place, epoch))
    except BaseException as error:
        os.close(handle)
        if isinstance(error, FileExistsError):
            return None
        raise
    finally:
        new.unlink()
    sync_folder(place)
    return handle


def _is_locked(handle: int, how: int | None = None) -> bool:
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if how is None else how) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked_by_another(place: Path) -> bool | None:
    """Whether another process holds the newest journal file; ``None`` where that cannot be asked. No file is made to find out.

    The lock that asks is a shared one, so that two who ask do not take each other for a writer.
    """
    if fcntl is None:
        return None
    try:
        handle = open_file(_file(place, max(_epochs(place), default=1)), os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        return not _is_locked(handle, fcntl.LOCK_SH)
    except OSError:  # a file system that has no locks
        return None
    finally:
        os.close(handle)


def _epochs(place: Path) -> list[int]:
    return sorted(int(match[1] or 1) for path in place.iterdir() if (match := _JOURNAL.fullmatch(path.name)))


def _file(place: Path, epoch: int) -> Path:
    return place / ("journal.jsonl" if epoch == 1 else f"journal.{epoch}.jsonl")


def _chain(place: Path) -> Chain:
    has_begun = (place / _BEGUN).exists()  # look at the mark first: it is made after the first event
    chain = chain_of([segment_of(bytes_of(_file(place, epoch)) or b"") for epoch in _epochs(place)], str(place))
    if has_begun and not chain.events:
        raise loss_of_journal(str(place))
    return chain


def _mark_begun(run: str, place: Path) -> None:
    try:
        write_whole(place / _BEGUN, b"")
    except FileExistsError:
        return
    except OSError as error:
        raise pause_of_unwritten(run, place, error) from error


def _legible(path: Path) -> bytes | None:
    """A file's bytes; ``None`` when it cannot be read, for whatever reason."""
    try:
        return bytes_of(path)
    except OSError:
        return None


def _writer_of(journal: Path) -> str:
    segment: Segment = segment_of(bytes_of(journal) or b"")
    return segment.events[0].writer if segment.events else "another process"


def _discard(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / "plan.json").unlink(missing_ok=True)
        folder.rmdir()


def _bytes_left(path: Path) -> bytes | None:
    """What was left in a file; nothing that makes sense where it cannot be read, ``None`` where it is gone again."""
    try:
        return bytes_of(path)
    except OSError:
        return b""

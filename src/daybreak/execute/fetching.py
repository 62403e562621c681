"""Fetches the picked bytes of an export into a folder of this machine, in parts side by side, and goes on where an earlier fetch ended.

The law: all bytes are of the version that was planned, no more of them come than were planned, and a part counts once it is on
the disk. Whoever reads a file that is still coming waits for the bytes. What was called off asks the bucket nothing more.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import humanize

from daybreak.aws.objects import Objects
from daybreak.aws.wire import Bounds
from daybreak.errors import Refused, Unreachable
from daybreak.execute.beside import CalledOff, News
from daybreak.execute.landing import Landing
from daybreak.execute.parts import PART, FetchPart, Parts, Span
from daybreak.model.names import printable
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from daybreak.postgres.leash import Leash

AT_ONCE = 6
"""Requests on their way at one time: a line of 1 Gbit/s is full, and each holds its part in memory twice for a moment. Parts of
8 MB are no faster and take twice the memory, which Python's threads do not all give back.
"""

BOUNDS = Bounds(whole=timedelta(minutes=5), most=2 * PART)
"""Those of the door whose client fetches: over a slow line a part takes minutes, and its neighbours take their share."""

_TRIES = 12
"""How often a part is asked for, with pauses of up to five seconds; after that the bucket does not answer."""
_SPARE = 64 << 20
"""Bytes of the disk that are left to others."""
_BLOCK = 4096
"""What a file system reserves at least for some bytes in a file with holes."""
_SLICE = 0.2
BETWEEN_WORDS = 3.0
"""Seconds between two words of how far it is."""
_MAPPED_FROM = -3
"""What glibc's ``mallopt`` calls the size from which on a block is the system's own."""
_STRAGGLING = 2.0
"""Seconds for which a request that is under way is waited for once nobody wants it; what comes later is dropped."""


@dataclass(frozen=True)
class Fetched:
    """What is on this machine now."""

    path: Path
    """What pg_restore or psql reads: a file, or the folder of a directory archive."""
    bytes: int
    """How many were fetched by this call."""
    of_before: int
    """How many an earlier one had fetched."""


def fetch(objects: Objects, picking: Picking, folder: Path, hand_over: Callable[[News], None], leash: Leash) -> Fetched:
    """Fetch what was picked into a folder, which is made where it is not there, and hand over words of how far it is.

    Running it again fetches what is missing; raises as ``open_delivery`` and ``Delivery.await_whole`` do.
    """
    with open_delivery(objects, picking, folder, leash) as delivery:
        return delivery.await_whole(hand_over)


@contextmanager
def open_delivery(objects: Objects, picking: Picking, folder: Path, leash: Leash) -> Iterator[Delivery]:
    """Begin to fetch what was picked into a folder, for the length of a ``with`` block; what is missing then stays missing.

    The client of ``objects`` is of a door with ``BOUNDS``. Raises ``Refused`` where the disk has no room, or where the folder
    holds something else, and ``Unreachable`` where the disk fails.
    """
    landing = Landing(folder)
    try:
        delivery = Delivery(objects, picking, landing, leash)
        delivery.begin()
        try:
            yield delivery
        finally:
            delivery.end()
    finally:
        landing.close()


def _give_memory_back() -> None:
    """Have the memory of a part given back as soon as it is written: glibc learns from such blocks to keep them, for each thread."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MAPPED_FROM, PART // 4)


class Delivery:
    """What is on its way into a folder, as far as this process takes it.

    Each method that waits raises ``Refused`` where an object is another one than the planned, ``Unreachable`` where the bucket
    does not answer for long or the disk fails, and ``CalledOff``.
    """

    def __init__(self, objects: Objects, picking: Picking, landing: Landing, leash: Leash) -> None:
        self._objects = objects.with_patience(_TRIES, self._pause)
        self._picking = picking
        self._parts = Parts(picking)
        self._landing = landing
        self._leash = leash
        self._is_stopping = threading.Event()
        self._change = threading.Condition()
        self._error: BaseException | None = None
        self._done = bytearray(self._parts.number)
        self._taken = bytearray(self._parts.number)
        self._fetched = 0
        self._before = 0
        self._waiting = 0
        self._workers: list[threading.Thread] = []
        self._began = time.monotonic()
        self._left = self._in_turn(())

    @property
    def path(self) -> Path:
        """What pg_restore or psql reads, whether it is whole or not: a file, or the folder of a directory archive."""
        landed = self._landing.path
        return landed if self._picking.form in ("directory", "parquet") else landed / SINGLE

    @property
    def so_far(self) -> Fetched:
        """What is here by now."""
        return Fetched(self.path, self._fetched, self._before)

    def begin(self) -> None:
        """Prepare the folder, and begin to fetch what is missing."""
        _give_memory_back()
        self._prepare()
        self._workers = [
            threading.Thread(
                target=self._work, args=(self._landing.share(),), name=f"daybreak-fetch-{number}", daemon=True
            )
            for number in range(min(AT_ONCE, self._done.count(0)))
        ]
        for worker in self._workers:
            worker.start()

    def end(self) -> None:
        """Ask for nothing more; what is under way is waited for, for a moment."""
        self._is_stopping.set()
        until = time.monotonic() + _STRAGGLING
        for worker in self._workers:
            if worker.ident is not None:  # it was started
                worker.join(max(0.0, until - time.monotonic()))

    def prefer(self, order: Iterable[Span]) -> None:
        """From now on fetch these bytes first, in this order, and then all else."""
        preferred = tuple(order)
        with self._change:
            self._left = self._in_turn(preferred)

    def has(self, spans: Iterable[Span]) -> bool:
        """Whether all that was picked of these bytes is on the disk."""
        parts = (each for span in spans for each in self._parts.over(span))
        return all(self._done.find(0, each.start, each.stop) < 0 for each in parts)

    def await_span(self, span: Span) -> None:
        """Wait until all that was picked of these bytes is on the disk."""
        with self._change:
            while not self.has((span,)):
                self.heed()
                self._change.wait(_SLICE)

    def await_whole(self, hand_over: Callable[[News], None]) -> Fetched:
        """Wait until all is on the disk, and hand over words of how far it is."""
        spoken = time.monotonic()
        while 0 in self._done:
            with self._change:
                self.heed()
                if 0 in self._done:
                    self._change.wait(_SLICE)
            if time.monotonic() - spoken >= BETWEEN_WORDS:
                spoken = time.monotonic()
                hand_over(self.words())
        return self.so_far

    def heed(self) -> None:
        """Raise what went wrong, if anything did."""
        if self._error is not None:
            raise self._error
        if self._is_stopping.is_set() or self._leash.is_called_off.is_set():
            raise CalledOff

    def words(self) -> str:
        """How far it is."""
        total, here = self._picking.bytes, self._before + self._fetched
        if here == total:
            return f"{humanize.naturalsize(total)} are here"
        rate = self._fetched / max(time.monotonic() - self._began, 0.001)
        words = f"{humanize.naturalsize(here)} of {humanize.naturalsize(total)}, {humanize.naturalsize(rate)} a second"
        return f"{words}; {self._waiting} requests are tried again" if self._waiting else words

    def _in_turn(self, first: tuple[Span, ...]) -> Iterator[FetchPart]:
        """The parts that nobody has taken yet, those of some bytes first."""
        preferred = (each for span in first for each in self._parts.over(span))
        for numbers in (*preferred, range(self._parts.number)):
            for number in numbers:
                if not self._taken[number]:
                    yield self._parts.part(number)

    def _prepare(self) -> None:
        """Read what is there, and make what is not; files that are missing lose their parts first."""
        picking, landing = self._picking, self._landing
        what = f"{picking.digest()} {PART}"
        recalled = landing.recall(what)
        is_new = recalled is None
        whole = [landing.is_whole(each.name, each.size, may_be_there=not is_new) for each in picking.pieces]
        if is_new:
            self._hold_to_room()
        for number in recalled or ():
            if number < len(self._done):
                self._done[number] = 1
        if not is_new:
            for part in self._parts:
                self._done[part.number] &= whole[part.piece]
                self._before += part.length * self._done[part.number]
            self._hold_to_room()
        if is_new or not all(whole):
            landing.write_record(what, (number for number, is_done in enumerate(self._done) if is_done))
            for piece, is_whole in zip(picking.pieces, whole, strict=True):
                if not is_whole:
                    landing.make(piece.name, piece.size)
            landing.seal()
        self._taken[:] = self._done

    def _hold_to_room(self) -> None:
        """Raise ``Refused`` where the disk cannot take what is missing; holes cost nothing."""
        missing = self._picking.bytes - self._before
        ends = sum(len(each.ranges) for each in self._picking.pieces) * 2
        needed = missing + ends * _BLOCK + _SPARE if missing else 0
        room = self._landing.room
        if needed > room:
            raise Refused(
                f'"{self._landing.path}" has room for {humanize.naturalsize(room)}, and {humanize.naturalsize(needed)} are needed',
                "make room there, or name a folder on a larger disk",
            )

    def _work(self, folder: int) -> None:
        try:
            while (part := self._next()) is not None:
                self._bring(part, folder)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            with self._change:
                if not self._is_stopping.is_set():
                    self._error = error
                    self._is_stopping.set()
                self._change.notify_all()
        finally:
            os.close(folder)

    def _next(self) -> FetchPart | None:
        with self._change:
            part = None if self._is_stopping.is_set() else next(self._left, None)
            if part is not None:
                self._taken[part.number] = 1
            return part

    def _bring(self, part: FetchPart, folder: int) -> None:
        piece = self._picking.pieces[part.piece]
        content = self._content(piece, part)
        self._go_on()
        self._landing.write(folder, piece.name, part.start, content)
        self._go_on()
        if not self._landing.record(part.number):
            raise CalledOff
        with self._change:
            self._fetched += part.length
            self._done[part.number] = 1
            self._change.notify_all()

    def _content(self, piece: ObjectPieces, part: FetchPart) -> bytes:
        found = self._objects.part(piece.key, part.start, part.length, mark=piece.mark)
        if found is None or found.size != piece.size or found.mark != piece.mark:
            name = printable(self._objects.address(piece.key), 400)
            raise Refused(f'"{name}" was replaced or removed after it was planned', "plan it again")
        if len(found.content) != part.length:
            name = printable(self._objects.address(piece.key), 400)
            raise Unreachable(f'"{name}" gave {len(found.content):,} bytes where {part.length:,} were asked for')
        return found.content

    def _pause(self, seconds: float) -> None:
        """Wait before a request is tried again; raises ``CalledOff`` where nobody wants it any more."""
        with self._change:
            self._waiting += 1
        try:
            self._is_stopping.wait(seconds)
            self._go_on()
        finally:
            with self._change:
                self._waiting -= 1

    def _go_on(self) -> None:
        """Raise ``CalledOff`` where nobody wants any more of it."""
        if self._is_stopping.is_set() or self._leash.is_called_off.is_set():
            raise CalledOff

"""Fetches the picked bytes of an export into a folder of this machine, in parts side by side, and goes on where an earlier fetch ended.

The law: all bytes are of the version that was planned, no more of them come than were planned, and a part counts once it is on
the disk. What was called off asks the bucket nothing more.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import humanize

from daybreak.aws.objects import Objects
from daybreak.aws.wire import Bounds
from daybreak.errors import Refused, Unreachable
from daybreak.execute.beside import CalledOff, News
from daybreak.execute.landing import Landing
from daybreak.model.names import printable
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from daybreak.postgres.leash import Leash

PART = 4 << 20
"""Bytes of one request, at most; what a fetch was about when its process died is fetched again."""
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
_BETWEEN_WORDS = 3.0
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


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    piece: int
    start: int
    length: int


def fetch(objects: Objects, picking: Picking, folder: Path, hand_over: Callable[[News], None], leash: Leash) -> Fetched:
    """Fetch what was picked into a folder, which is made where it is not there, and hand over words of how far it is.

    Running it again fetches what is missing. The client of ``objects`` is of a door with ``BOUNDS``. Raises ``Refused`` where an
    object is another one than the planned, where the disk has no room, or where the folder holds something else;
    ``Unreachable`` where the bucket does not answer for long or the disk fails; and ``CalledOff``.
    """
    landing = Landing(folder)
    try:
        return _Fetch(objects, picking, landing, hand_over, leash).to_the_end()
    finally:
        landing.close()


def _parts(picking: Picking) -> Iterator[_Part]:
    """All parts of all pieces; each has the same number whenever the same picking is fetched."""
    number = 0
    for place, piece in enumerate(picking.pieces):
        for begin, end in piece.ranges:
            for start in range(begin, end, PART):
                yield _Part(number, place, start, min(PART, end - start))
                number += 1


def _number_of_parts(picking: Picking) -> int:
    return sum(-(-(end - start) // PART) for piece in picking.pieces for start, end in piece.ranges)


class _Fetch:
    """One fetch, as far as this process takes it."""

    def __init__(
        self,
        objects: Objects,
        picking: Picking,
        landing: Landing,
        hand_over: Callable[[News], None],
        leash: Leash,
    ) -> None:
        self._objects = objects.with_patience(_TRIES, self._pause)
        self._picking = picking
        self._landing = landing
        self._hand_over = hand_over
        self._leash = leash
        self._is_stopping = threading.Event()
        self._change = threading.Lock()
        self._error: BaseException | None = None
        self._done = bytearray()
        self._fetched = 0
        self._before = 0
        self._waiting = 0
        self._left = (part for part in _parts(picking) if not self._done[part.number])

    def to_the_end(self) -> Fetched:
        """Prepare the folder, and fetch what is missing."""
        self._prepare()
        workers = [
            threading.Thread(
                target=self._work, args=(self._landing.share(),), name=f"daybreak-fetch-{number}", daemon=True
            )
            for number in range(min(AT_ONCE, self._done.count(0)))
        ]
        try:
            for worker in workers:
                worker.start()
            self._await(workers)
        finally:
            self._is_stopping.set()
            until = time.monotonic() + _STRAGGLING
            for worker in workers:
                if worker.ident is not None:  # it was started
                    worker.join(max(0.0, until - time.monotonic()))
        if self._error is not None:
            raise self._error
        landed = self._landing.path
        path = landed if self._picking.form in ("directory", "parquet") else landed / SINGLE
        return Fetched(path, self._fetched, self._before)

    def _prepare(self) -> None:
        """Read what is there, and make what is not; files that are missing lose their parts first."""
        picking, landing = self._picking, self._landing
        what = f"{picking.digest()} {PART}"
        recalled = landing.recall(what)
        is_new = recalled is None
        whole = [landing.is_whole(each.name, each.size, may_be_there=not is_new) for each in picking.pieces]
        if is_new:
            self._hold_to_room()
        self._done = bytearray(_number_of_parts(picking))
        for number in recalled or ():
            if number < len(self._done):
                self._done[number] = 1
        if not is_new:
            for part in _parts(picking):
                self._done[part.number] &= whole[part.piece]
                self._before += part.length * self._done[part.number]
            self._hold_to_room()
        if is_new or not all(whole):
            landing.write_record(what, (number for number, is_done in enumerate(self._done) if is_done))
            for piece, is_whole in zip(picking.pieces, whole, strict=True):
                if not is_whole:
                    landing.make(piece.name, piece.size)
            landing.seal()

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

    def _await(self, workers: list[threading.Thread]) -> None:
        spoken = began = time.monotonic()
        while alive := [worker for worker in workers if worker.is_alive()]:
            alive[0].join(_SLICE)
            if self._leash.is_called_off.is_set():
                raise CalledOff
            now = time.monotonic()
            if now - spoken >= _BETWEEN_WORDS:
                spoken = now
                self._hand_over(self._words(now - began))

    def _words(self, seconds: float) -> str:
        total, here = self._picking.bytes, self._before + self._fetched
        words = f"{humanize.naturalsize(here)} of {humanize.naturalsize(total)}"
        words += f", {humanize.naturalsize(self._fetched / seconds)} a second"
        return f"{words}; {self._waiting} requests are tried again" if self._waiting else words

    def _work(self, folder: int) -> None:
        try:
            while (part := self._next()) is not None:
                self._bring(part, folder)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            with self._change:
                if not self._is_stopping.is_set():
                    self._error = error
                    self._is_stopping.set()
        finally:
            os.close(folder)

    def _next(self) -> _Part | None:
        with self._change:
            return None if self._is_stopping.is_set() else next(self._left, None)

    def _bring(self, part: _Part, folder: int) -> None:
        piece = self._picking.pieces[part.piece]
        content = self._content(piece, part)
        self._heed()
        self._landing.write(folder, piece.name, part.start, content)
        self._heed()
        if not self._landing.record(part.number):
            raise CalledOff
        with self._change:
            self._fetched += part.length

    def _content(self, piece: ObjectPieces, part: _Part) -> bytes:
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
            self._heed()
        finally:
            with self._change:
                self._waiting -= 1

    def _heed(self) -> None:
        if self._is_stopping.is_set() or self._leash.is_called_off.is_set():
            raise CalledOff

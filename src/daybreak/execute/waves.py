"""Loads an archive while it still comes: what defines the tables first, then rows as they arrive, then indexes and the rest.

The law: nothing is loaded twice. A table's rows come by one statement, so after a kill the database itself says which are there;
where an archive has rows of which that cannot be asked, it is begun anew. What was noted is believed only where it was noted last.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from daybreak.archive.blocks import blocks_of, lacks_offsets
from daybreak.archive.contents import ArchiveEntry, Contents
from daybreak.archive.layout import name_in_contents
from daybreak.archive.sections import LARGE, by_section, can_go_on, may_be_made_again, order_of_arrival
from daybreak.execute.beside import CalledOff, News
from daybreak.execute.fetching import BETWEEN_WORDS, Delivery
from daybreak.execute.parts import Span
from daybreak.model.pickings import Picking
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.leash import Leash
from daybreak.postgres.restoring import (
    RestoreBounds,
    require_fitting,
    restore_archive,
    restore_some,
    run_and_end,
)
from daybreak.postgres.scratch_place import ScratchPlace
from daybreak.postgres.scratch_rows import entries_there, tables_with_rows

WORTH = 64 << 20
"""Bytes of an archive from which on it is loaded in waves; less is here before the first of them would be over."""
_SHARES = 2
"""A wave takes one of so many shares of what is left, for each job: so the last ones end together, and there are few."""
_SLICE = 0.1


class Notes(Protocol):
    """How far a load has come, as the run's folder has it."""

    @property
    def stage(self) -> str:
        """``begun`` once all tables are there, ``filled`` once all rows are, and else empty."""

    def note(self, stage: str) -> None:
        """Write durably that the load has come so far."""


@dataclass(frozen=True)
class ArchiveLoad:
    """What is loaded, and where."""

    place: ScratchPlace
    program: ClientProgram
    contents: Contents
    picking: Picking
    kept: tuple[ArchiveEntry, ...]
    bounds: RestoreBounds
    worth: int = WORTH
    """From how many bytes on it is loaded in waves."""

    @property
    def is_in_waves(self) -> bool:
        """Whether rows are loaded while others are on their way; else it is loaded at once when all is here."""
        is_placed = self.picking.form == "directory" or (
            self.picking.form == "custom" and not lacks_offsets(self.contents)
        )
        return is_placed and self.picking.bytes > self.worth

    def restore(self, delivery: Delivery, entries: tuple[ArchiveEntry, ...], jobs: int, leash: Leash) -> None:
        """Restore some of the entries; raises as ``restore_archive`` does."""
        bounds = replace(self.bounds, jobs=jobs)
        restore_some(self.place, self.program, delivery.path, entries, bounds, leash=leash)


def may_go_on(contents: Contents, kept: Iterable[ArchiveEntry]) -> bool:
    """Whether a load of these entries that was killed can go on where it was."""
    sections = by_section(contents, kept)
    return can_go_on(sections["data"], sections["post-data"])


def load_as_it_comes(
    what: ArchiveLoad, delivery: Delivery, notes: Notes, hand_over: Callable[[News], None], leash: Leash
) -> None:
    """Load all of it, or what an earlier process had not loaded where ``notes`` say that the tables are there.

    Raises as ``restore_archive`` and the methods of ``Delivery`` do.
    """
    if what.is_in_waves:
        require_fitting(what.place, what.program)
        run_and_end(what.place, _Load(what, delivery, notes, hand_over, leash).to_the_end)
        return
    path = delivery.await_whole(hand_over).path
    restore_archive(what.place, what.program, path, what.kept, what.bounds, leash=leash, hand_over=hand_over)


@dataclass(frozen=True, slots=True)
class _Cargo:
    """The rows of one entry, and where they lie."""

    entry: ArchiveEntry
    spans: tuple[Span, ...]

    @property
    def bytes(self) -> int:
        return sum(each.end - each.start for each in self.spans)

    @property
    def table(self) -> tuple[str, str]:
        return self.entry.schema, self.entry.name


class _Load:
    """One load, as far as this process takes it."""

    def __init__(
        self, what: ArchiveLoad, delivery: Delivery, notes: Notes, hand_over: Callable[[News], None], leash: Leash
    ) -> None:
        self._what, self._delivery, self._notes = what, delivery, notes
        self._hand_over, self._leash = hand_over, leash
        self._sections = by_section(what.contents, what.kept)
        self._is_continued = bool(notes.stage)
        self._change = threading.Condition()
        self._coming: list[_Cargo] = []
        self._ready: list[_Cargo] = []
        self._own_leash = Leash()
        """That of the waves: where one fails, the others end."""
        self._error: BaseException | None = None
        self._loaded = self._all = 0

    def to_the_end(self) -> None:
        """Each section in turn; the table of contents is the beginning of the first file."""
        self._delivery.await_span(Span(0, 0, self._what.contents.end))
        if not self._notes.stage:
            self._hand_over(f"making what {len(self._sections['data']):,} entries of rows go into")
            self._what.restore(self._delivery, self._sections["pre-data"], 1, self._leash)
            self._note("begun")
        if self._notes.stage != "filled":
            self._fill()
            self._delivery.await_whole(self._hand_over)
            self._note("filled")
        rest = self._sections["post-data"]
        if self._is_continued:
            there = entries_there(self._what.place.reach, rest)
            rest = tuple(each for each in rest if each.id not in there or may_be_made_again(each))
        self._hand_over(f"all rows are loaded; making {len(rest):,} indexes, constraints and the like")
        if rest:
            self._what.restore(self._delivery, rest, self._what.bounds.jobs, self._leash)

    def _note(self, stage: str) -> None:
        """Note it where a later process can go on from there; what is not noted is begun anew."""
        if may_go_on(self._what.contents, self._what.kept):
            self._notes.note(stage)

    def _fill(self) -> None:
        left = list(_cargo_of(self._what, self._sections["data"]))
        self._all = len(left)
        if self._is_continued:
            there = tables_with_rows(self._what.place.reach, (each.table for each in left if each.spans))
            left = [each for each in left if each.table not in there]
        # Large objects are made by an entry that has no bytes, before those with theirs.
        if at_once := tuple(each.entry for each in left if not each.spans):
            self._what.restore(self._delivery, at_once, 1, self._leash)
        left = [each for each in left if each.spans]
        self._loaded = self._all - len(left)
        self._coming = [left[place] for place in order_of_arrival([each.bytes for each in left])]
        self._delivery.prefer(span for each in self._coming for span in each.spans)
        self._load_side_by_side()

    def _load_side_by_side(self) -> None:
        workers = [
            threading.Thread(target=self._work, name=f"daybreak-wave-{number}", daemon=True)
            for number in range(min(self._what.bounds.jobs, len(self._coming)))
        ]
        try:
            for worker in workers:
                worker.start()
            self._await(workers)
        finally:
            self._own_leash.call_off()
            for worker in workers:
                if worker.ident is not None:  # it was started
                    worker.join()
        if self._error is not None:
            raise self._error

    def _await(self, workers: list[threading.Thread]) -> None:
        spoken = time.monotonic()
        while alive := [worker for worker in workers if worker.is_alive()]:
            alive[0].join(_SLICE)
            if self._leash.is_called_off.is_set():
                raise CalledOff
            if time.monotonic() - spoken >= BETWEEN_WORDS:
                spoken = time.monotonic()
                self._hand_over(
                    f"{self._delivery.words()}; {self._loaded:,} of {self._all:,} entries of rows are loaded"
                )

    def _work(self) -> None:
        try:
            while wave := self._next():
                self._what.restore(self._delivery, tuple(each.entry for each in wave), 1, self._own_leash)
                with self._change:
                    self._loaded += len(wave)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            with self._change:
                if self._error is None:
                    self._error = error
                self._own_leash.call_off()

    def _next(self) -> list[_Cargo]:
        """What is here and loaded next, the largest first; empty where nothing is left."""
        while True:
            with self._change:
                self._sort_out()
                if self._ready:
                    return self._take()
                if not self._coming:
                    return []
            if self._own_leash.is_called_off.is_set():
                raise CalledOff
            self._delivery.heed()
            time.sleep(_SLICE / 2)

    def _sort_out(self) -> None:
        coming = list[_Cargo]()
        for each in self._coming:
            (self._ready if self._delivery.has(each.spans) else coming).append(each)
        self._coming = coming
        self._ready.sort(key=lambda each: each.bytes)

    def _take(self) -> list[_Cargo]:
        jobs = self._what.bounds.jobs
        left = sum(each.bytes for each in (*self._coming, *self._ready))
        here = sum(each.bytes for each in self._ready)
        share = min(left // (_SHARES * jobs), here // jobs)
        taken = [self._ready.pop()]
        while self._ready and sum(each.bytes for each in taken) + self._ready[-1].bytes <= share:
            taken.append(self._ready.pop())
        return taken


def _cargo_of(what: ArchiveLoad, entries: tuple[ArchiveEntry, ...]) -> Iterator[_Cargo]:
    """The rows of each entry, with the bytes that must be here before it is loaded."""
    if what.picking.form == "directory":
        pieces = enumerate(what.picking.pieces)
        files = {name_in_contents(piece.name): Span(place, 0, piece.size) for place, piece in pieces}
        tables = {each.file for each in entries if each.kind != LARGE}
        rest = tuple(span for name, span in files.items() if name not in tables)
        for each in entries:
            of_table = (files[each.file],) if each.file in files else rest
            yield _Cargo(each, () if not each.file else rest if each.kind == LARGE else of_table)
        return
    [piece] = what.picking.pieces
    blocks = blocks_of(what.contents, piece.key, piece.size)
    for each in entries:
        block = blocks.get(each.id)
        yield _Cargo(each, (Span(0, block.start, block.start + block.length),) if block else ())

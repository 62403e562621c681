"""Count a source in turns: no snapshot on it is older than a limit, or it could not clean up what its users delete.

The law: a table is of one instant if it can be read within the limit, else it is marked with all its instants. What was read of
a file that its snapshot does not know is read again. A table that cannot be counted is named with its reason and spoils no
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial, reduce
from time import monotonic

from daybreak.errors import DaybreakError
from daybreak.model.answers import Count, Counts, Sighting, Silence, Unread
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress, Crew, Job, JobTrouble
from daybreak.postgres.fingerprints import columns_to_hash
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import (
    SPLITS_SINCE,
    Chunk,
    Part,
    Scan,
    as_count,
    chunks,
    clock_and_encoding,
    export_snapshot,
    file_now,
    files_of,
    next_xid,
    read,
    see_every_row,
)
from daybreak.postgres.session import Session
from daybreak.validate.counting import SMALLEST_CHUNK

_SHARE = 0.8
"""The part of the limit in which tables are read; the rest is for ending what still runs."""

_MOST_TRIES = 20
"""After how many turns that read no part of the first table it is given up; a part is halved each time."""

_MOST_REWRITES = 3
"""How often a table that was truncated or written anew meanwhile is begun again."""


def count_in_turns(
    place: Reach,
    scans: Sequence[Scan],
    budget: ServerBounds,
    progress: Callable[[CountProgress], None],
) -> Counts | Silence:
    """Count the rows of every table of ``scans``, each with its ``Sighting``; no snapshot gets older than the bounds say.

    Calls ``progress`` on the caller's thread after each part of a table. The fingerprint of a table of several instants is
    ``None``: such rows were never there together.
    """
    began, asked = monotonic(), f"SELECT count(*) of each table at {place.address}"
    try:
        with place.session(budget.limits()) as leader:
            columns = columns_to_hash(leader, [scan.table for scan in scans if scan.is_fingerprinted])
            most = (
                SMALLEST_CHUNK if leader.major >= SPLITS_SINCE else max((scan.table.size for scan in scans), default=1)
            )
            waiting = [
                _Waiting(scan, chunks(scan, columns.get(scan.table.oid), max(most, 1)))
                for scan in sorted(scans, key=lambda scan: -scan.table.size)
            ]
            relay = _Relay(leader, place, budget, _Tally(progress, sum(scan.table.size for scan in scans)), waiting)
            return relay.run(asked).model_copy(update={"took": timedelta(seconds=monotonic() - began)})
    except DaybreakError as error:
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))


@dataclass(frozen=True)
class _Turn:
    """One snapshot, and until when it may be used."""

    snapshot: str
    deadline: float
    next_xid: int | None
    taken: datetime
    encoding: str
    files: dict[int, int]
    """The file of each table that is to be read, as the snapshot knows it."""


@dataclass(frozen=True)
class _Piece:
    """A chunk that was read, and which table and file it was read from."""

    chunk: Chunk
    part: Part
    oid: int | None
    file: int


@dataclass
class _Waiting:
    """A table that is not read to its end, and what of it was read in earlier turns."""

    scan: Scan
    left: list[Chunk]
    pieces: list[_Piece] = field(default_factory=list)
    turns: list[_Turn] = field(default_factory=list)
    took: timedelta = timedelta(0)
    tries: int = 0
    rewrites: int = 0

    def was_rewritten(self, pieces: Sequence[_Piece], turn: _Turn) -> bool:
        """Whether a piece is of another file than the turn's snapshot knows, which does not see the rows there, or than before."""
        now = {piece.file for piece in pieces}
        return bool(now) and bool(
            (now | {piece.file for piece in self.pieces}) - {turn.files.get(self.scan.table.oid, 0)}
        )

    def begin_again(self) -> None:
        """Forget what was read."""
        self.left = sorted((*self.left, *(piece.chunk for piece in self.pieces)), key=lambda chunk: chunk.first)
        self.pieces, self.turns = [], []
        self.rewrites += 1

    def add(self, pieces: list[_Piece], turn: _Turn) -> None:
        """Keep what was read in a turn."""
        done = {piece.chunk.first for piece in pieces}
        self.left = [chunk for chunk in self.left if chunk.first not in done]
        self.pieces += pieces
        self.turns.append(turn)
        self.tries = 0

    def count(self) -> Count:
        """The table's count, once nothing is left."""
        whole = as_count(self.scan, reduce(Part.union, (piece.part for piece in self.pieces)), self.took)
        oids, files = ({piece.oid for piece in self.pieces}, {piece.file for piece in self.pieces})
        is_one = len(self.turns) == 1
        sighting = Sighting(
            oid=self.scan.table.oid if oids == {self.scan.table.oid} else None,
            file=files.pop() if len(files) == 1 else 0,
            next_xid=self.turns[0].next_xid if is_one else None,
            instants=tuple(turn.taken for turn in self.turns),
        )
        return whole.model_copy(update={"seen": sighting, "fingerprint": whole.fingerprint if is_one else None})


@dataclass
class _Tally:
    """Reports how many bytes were read; what is read again does not count twice."""

    progress: Callable[[CountProgress], None]
    total: int
    done: int = 0
    shown: int = 0

    def note(self, size: int, name: str) -> None:
        """Add so many bytes and report; never fewer than before."""
        self.done += size
        self.shown = max(self.shown, self.done)
        self.progress(CountProgress(self.shown, self.total, name))

    def take_back(self, size: int) -> None:
        """Take back what has to be read again."""
        self.done -= size


@dataclass
class _Relay:
    """The turns of one count: in each the leader exports a snapshot, and the hands read what is first in line."""

    leader: Session
    place: Reach
    budget: ServerBounds
    tally: _Tally
    waiting: list[_Waiting]
    counted: list[Count] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    hands: list[Session] = field(default_factory=list)
    _fresh: dict[int, list[_Piece]] = field(default_factory=dict)
    _troubles: dict[int, JobTrouble] = field(default_factory=dict)
    _spent: dict[int, timedelta] = field(default_factory=dict)

    def run(self, asked: str) -> Counts:
        """Take turns until every table is read or the time is up. Raises ``DaybreakError`` where there is no first turn."""
        end = monotonic() + self.leader.left.total_seconds()
        turns: list[_Turn] = []
        why = "the time for the whole count was up"
        try:
            while not turns or (self.waiting and monotonic() < end):
                self._gather_hands()
                with self._turn(end) as turn:
                    turns.append(turn)
                    trouble = self._work(turn)
                self._settle(turn)
                if trouble and not any(hand.is_open for hand in (*self.hands, self.leader)):
                    why = trouble
                    break
        except DaybreakError as error:
            if not turns:
                raise
            why = error.message
        finally:
            for hand in self.hands:
                hand.leave()
        self.unread += [_unread(table, why) for table in self.waiting]
        used = {instant for count in self.counted if count.seen for instant in count.seen.instants}
        return Counts(
            asked=asked,
            took=timedelta(0),
            counted=tuple(self.counted),
            unread=tuple(self.unread),
            next_xid=turns[0].next_xid if used <= {turns[0].taken} else None,
            taken=max(used, default=turns[0].taken),
            server_version=self.leader.server_version,
            encoding=turns[0].encoding,
        )

    def _gather_hands(self) -> None:
        """Open the hands' sessions before the snapshot is taken, so that none of its time is spent on that."""
        self.hands = [hand for hand in self.hands if hand.is_open]
        while len(self.hands) < min(self.budget.hands, sum(len(table.left) for table in self.waiting)):
            hand = self.place.connect_further(self.budget.limits(self.leader.left.total_seconds()))
            if hand is None:
                return
            self.hands.append(hand)
            see_every_row(hand)

    @contextmanager
    def _turn(self, end: float) -> Iterator[_Turn]:
        deadline = min(monotonic() + self.budget.snapshot.total_seconds() * _SHARE, end)
        self.leader.begin()
        try:
            snapshot, following = export_snapshot(self.leader), next_xid(self.leader)
            taken, letters = clock_and_encoding(self.leader)
            yield _Turn(snapshot, deadline, following, taken, letters, self._files())
        finally:
            self.leader.rollback()

    def _files(self) -> dict[int, int]:
        return files_of(self.leader, [table.scan.table for table in self.waiting])

    def _work(self, turn: _Turn) -> str:
        """Let the hands read in line until the turn is over; report why a hand stopped earlier."""
        jobs = [
            Job(table.scan.table.oid, table.scan.table.full, chunk.size, partial(_read_piece, chunk=chunk))
            for table in self.waiting
            for chunk in table.left
        ]
        self._fresh, self._troubles, self._spent = {}, {}, {}
        crew = Crew(
            self.place,
            self.budget.limits(),
            turn.snapshot,
            jobs,
            deadline=turn.deadline,
            leader=None if self.hands else self.leader,
            sessions=tuple(self.hands),
        )
        crew.work(max(len(self.hands), 1), self._note)
        return crew.trouble

    def _note(self, job: Job[_Piece], result: _Piece | JobTrouble, took: timedelta) -> None:
        self._spent[job.key] = self._spent.get(job.key, timedelta(0)) + took
        if isinstance(result, JobTrouble):
            self._troubles.setdefault(job.key, result)
        else:
            self._fresh.setdefault(job.key, []).append(result)
        self.tally.note(job.size, job.name)

    def _settle(self, turn: _Turn) -> None:
        """Sort what was read: finished tables, those to go on with, and those that began too late to be of one instant."""
        first: list[_Waiting] = []
        again: list[_Waiting] = []
        later: list[_Waiting] = []
        dropped = 0
        for place, table in enumerate(self.waiting):
            oid = table.scan.table.oid
            pieces = self._fresh.get(oid, [])
            table.took += self._spent.get(oid, timedelta(0))
            if oid not in self._troubles and table.was_rewritten(pieces, turn):
                dropped += sum(piece.chunk.size for piece in (*table.pieces, *pieces))
                if table.rewrites == _MOST_REWRITES:
                    self.unread.append(_unread(table, "it is truncated or written anew again and again"))
                else:
                    table.begin_again()
                    again.append(table)
            elif oid in self._troubles:
                self.unread.append(_unread(table, self._troubles[oid].why, is_damaged=self._troubles[oid].is_damaged))
            elif len(pieces) == len(table.left):
                table.add(pieces, turn)
                self.counted.append(table.count())
            elif pieces and (place == 0 or table.turns):
                table.add(pieces, turn)
                first.append(table)
            elif pieces:
                dropped += sum(piece.chunk.size for piece in pieces)
                again.append(table)
            elif place == 0 and table.tries >= _MOST_TRIES:
                self.unread.append(_unread(table, f"a part of it cannot be read within {self.budget.snapshot}"))
            else:
                table.tries += place == 0
                if place == 0:
                    table.left = [half for chunk in table.left[:2] for half in chunk.halves] + table.left[2:]
                (first if place == 0 or table.turns else later).append(table)
        self.waiting = [*first, *again, *later]
        self.tally.take_back(dropped)


def _read_piece(session: Session, chunk: Chunk) -> _Piece:
    # The scan's lock is held until the transaction ends, so the table is still in the file that was read.
    part = read(session, chunk)
    return _Piece(chunk, part, *file_now(session, chunk.scan.table))


def _unread(table: _Waiting, why: str, *, is_damaged: bool = False) -> Unread:
    return Unread(table=table.scan.table.oid, name=table.scan.table.full, why=why, is_damaged=is_damaged)

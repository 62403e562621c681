"""The delta of two databases: base against now, table by table, over two sessions at most on either side.

The law: both sides are only read, within a budget, and no snapshot is kept longer than ten minutes. What was not compared is
named with its reason and spoils no other table. Whatever ends the work early (also Ctrl-C) leaves no server at work in vain.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

from daybreak.delta.comparing import OutOfTime, Sides
from daybreak.delta.pairs import Pair, Pairing, names_of, only_wanted, pair_tables
from daybreak.delta.tables import Listing, TableQuestion, compare_table
from daybreak.delta.writers import Writers
from daybreak.errors import DaybreakError, Refused, Unproven, Unreachable
from daybreak.model.answers import Silence, Unread
from daybreak.model.birth import Birth
from daybreak.model.delta import Delta, Reference, TableDelta
from daybreak.model.moment import span_in_words
from daybreak.model.names import printable
from daybreak.postgres import catalog
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.buckets import LONGEST_STATEMENT, spare_memory
from daybreak.postgres.crew import CountProgress, Hands
from daybreak.postgres.faults import is_conflict
from daybreak.postgres.reach import Reach
from daybreak.postgres.references import read_partitions, read_references, unique_columns
from daybreak.postgres.rows import clock_and_encoding, see_every_row
from daybreak.postgres.session import Limits, Session

TRIES = 3
"""How often a table is compared again that a reader broke off because it held back its replay."""


@dataclass(frozen=True)
class DeltaQuestion:
    """What is asked of the two sides."""

    birth: Birth | None = None
    """What now had spent when it was born of base; ``None`` where now is no copy of base, or nobody knows."""
    restored: datetime | None = None
    """When now began to live; ``None`` for when its birth was taken down."""
    tables: tuple[str, ...] = ()
    """The tables to compare, with or without their schema, as either side calls them; empty for all."""
    first: frozenset[str] = frozenset()
    """The tables to compare before all others, as now calls them."""
    whole: frozenset[int] | None = None
    """Object ids, in now, of the tables whose whole rows are compared, ``None`` for all; the others are compared by key."""
    alike: frozenset[int] = frozenset()
    """Object ids, in now, of tables that are known to have the same rows and need not be read."""
    left_out: frozenset[int] = frozenset()
    """Object ids, in now, of tables that are not compared, because their time would be too long; each is named as unread."""
    listing: Listing = field(default_factory=Listing)
    budget: ServerBounds = field(default_factory=ServerBounds)


def delta(
    base: Reach,
    now: Reach,
    question: DeltaQuestion | None = None,
    progress: Callable[[CountProgress], None] = lambda _step: None,
) -> Delta | Silence:
    """The exact rows that one of two databases has and the other lacks, and those that differ.

    ``progress`` is called on the caller's thread, after each table. A side that no session reaches, or whose hashes mean
    something else, is a ``Silence``; a table that could not be compared is named in ``unread``. Raises ``Refused`` for a
    table that neither side has.
    """
    question = question or DeltaQuestion()
    began = monotonic()
    work = _Work(base, now, question, began + question.budget.whole.total_seconds(), progress)
    try:
        with ExitStack() as stack:
            sides = work.open(stack)
            at, pairing = _look(sides, question)
            rules = _rules(sides, question.listing)
    except Refused as error:
        if not isinstance(error, Unproven):
            raise
        return Silence(
            asked=f"{base.address} and {now.address}", why=error.message, is_unproven=True, hints=error.hints
        )
    except DaybreakError as error:
        asked = f"the tables of {base.address} and {now.address}"
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began), hints=error.hints)
    except _Unlike as unlike:
        return Silence(asked=f"the rows of {base.address} and {now.address}", why=str(unlike))
    wanted = [pair for pair in pairing.pairs if pair.now.oid not in question.alike]
    work.compare([pair for pair in wanted if pair.now.oid not in question.left_out])
    left = [
        Unread(table=pair.now.oid, name=pair.now.full, why="it was left out, to end in time")
        for pair in wanted
        if pair.now.oid in question.left_out
    ]
    return Delta(
        base=str(base.address),
        now=str(now.address),
        began=at,
        took=timedelta(seconds=monotonic() - began),
        giver=question.listing.giver,
        is_replay=question.listing.is_replay,
        tables=tuple(sorted((rules.put_on(table) for table in work.found), key=lambda table: table.name)),
        references=rules.references,
        unread=tuple(sorted((*pairing.unread, *work.unread, *left), key=lambda table: table.name)),
        only_base=pairing.only_base,
        only_now=pairing.only_now,
        namesakes=pairing.namesakes,
        is_by_key=any(table.by != "rows" for table in work.found),
        equal=sum(1 for pair in pairing.pairs if pair.now.oid in question.alike),
    )


class _Unlike(Exception):
    """The two servers hash the same rows differently."""


def _look(sides: Sides, question: DeltaQuestion) -> tuple[datetime, Pairing]:
    """Base's clock, and which tables are to be compared."""
    (at, letters), (_, others) = sides.ask(clock_and_encoding, clock_and_encoding)
    if sides.base.major != sides.now.major:
        raise _Unlike(f"base is PostgreSQL {sides.base.major} and now is {sides.now.major}: their hashes differ")
    if letters != others:
        raise _Unlike(f"base is encoded in {letters} and now in {others}: their hashes differ")
    here, there = sides.ask(catalog.tables, catalog.tables)
    pairing = pair_tables(here.tables, there.tables, question.birth)
    if not question.tables:
        return at, pairing
    wanted = {name: names_of(name, here.tables) | names_of(name, there.tables) for name in question.tables}
    if unknown := [printable(name) for name, found in wanted.items() if not found]:
        raise Refused(
            f'neither side has a table "{unknown[0]}"',
            "name it as SCHEMA.TABLE, in the case that the database has it; leave --table out to compare every table",
            reasons=tuple(f'no table "{name}"' for name in unknown),
        )
    return at, only_wanted(pairing, frozenset().union(*wanted.values()))


@dataclass(frozen=True)
class _Rules:
    """What the taker holds its rows to beyond their keys."""

    references: tuple[Reference, ...] = ()
    unique: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns of each table of which it lets some values in only once."""
    partitions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The partitioned tables that each partition is a part of."""

    def put_on(self, table: TableDelta) -> TableDelta:
        """The table with what is known of it."""
        name = table.spelled
        return table.model_copy(update={"unique": self.unique.get(name, ()), "within": self.partitions.get(name, ())})


def _rules(sides: Sides, listing: Listing) -> _Rules:
    """The taker's rules, where a script is to be made."""
    if not listing.has_values:
        return _Rules()
    taker = sides.at(listing.taker)
    return _Rules(read_references(taker), unique_columns(taker), read_partitions(taker))


class _Work:
    """Some threads, each with a session on either side, that take the next table until none or no time is left."""

    def __init__(
        self,
        base: Reach,
        now: Reach,
        question: DeltaQuestion,
        end: float,
        progress: Callable[[CountProgress], None],
    ) -> None:
        self.base, self.now, self.question, self.end, self.progress = base, now, question, end, progress
        self.found: list[TableDelta] = []
        self.unread: list[Unread] = []
        self._todo: list[Pair] = []
        self._total = self._done = 0
        self._lock = threading.Lock()
        self._hands = Hands("daybreak-delta")

    def compare(self, pairs: Sequence[Pair]) -> None:
        """Compare every table; returns when every thread has ended."""
        self._todo = sorted(pairs, key=lambda pair: pair.now.full not in self.question.first)
        self._total = sum(pair.size for pair in pairs)
        number = min(self.question.budget.hands, len(pairs))
        self._hands.work(number, self._compare_all, self.progress)
        why = (self._hands.trouble or "no connection was left") if self._left > 0 else self._why_late
        self.unread += [Unread(table=pair.now.oid, name=pair.now.full, why=why) for pair in self._todo]

    def open(self, stack: ExitStack) -> Sides:
        """A session with either side, closed with the stack; raises ``DaybreakError`` where one cannot be had."""
        sides = self._open_further(stack)
        if sides is None:
            raise Unreachable(f"{self.base.address} or {self.now.address} let no session in")
        return sides

    def _open_further(self, stack: ExitStack) -> Sides | None:
        """The same; ``None`` for a further thread where there is no room for it."""
        base = self._session(self.base, stack)
        now = self._session(self.now, stack) if base else None
        return Sides(base, now) if base and now else None

    def _session(self, reach: Reach, stack: ExitStack) -> Session | None:
        session = self._hands.session_at(reach, self._limits, stack)
        if session is not None:
            see_every_row(session)
            spare_memory(session)
        return session

    def _limits(self) -> Limits:
        limits = self.question.budget.limits(self._left)
        return replace(limits, statement=min(limits.statement, LONGEST_STATEMENT))

    @property
    def _left(self) -> float:
        return self.end - monotonic()

    @property
    def _why_late(self) -> str:
        return f"the time for the comparison was up (source_budget {span_in_words(self.question.budget.whole)})"

    def _take(self) -> Pair | None:
        with self._lock:
            is_over = self._hands.leash.is_called_off.is_set() or self._left <= 0
            return self._todo.pop(0) if self._todo and not is_over else None

    def _compare_all(self) -> None:
        """Compare table after table, with a session on either side."""
        with ExitStack() as stack:
            sides = self._open_further(stack)
            if sides is None:
                return
            while sides.are_open and (pair := self._take()):
                self._compare(sides, pair)

    def _compare(self, sides: Sides, pair: Pair) -> None:
        """Compare one table, again where a reader broke it off; what cannot be compared is named."""
        for number in range(1, TRIES + 1):
            try:
                self._note(self._delta_of(sides, pair), pair)
            except OutOfTime:
                self._note(Unread(table=pair.now.oid, name=pair.now.full, why=self._why_late), pair)
            except DaybreakError as error:
                if sides.are_open and is_conflict(error) and number < TRIES:
                    continue
                why = error.message if self._left > 0 else self._why_late
                self._note(Unread(table=pair.now.oid, name=pair.now.full, why=why), pair)
                if not sides.are_open:
                    raise
            return

    def _delta_of(self, sides: Sides, pair: Pair) -> TableDelta:
        try:
            whole = self.question.whole
            is_by_key = whole is not None and pair.now.oid not in whole
            return compare_table(
                sides, pair, TableQuestion(self._writers(), self.question.listing, self.end, is_by_key)
            )
        finally:
            if sides.are_open:
                sides.rollback()

    def _writers(self) -> Writers | None:
        birth = self.question.birth
        return None if birth is None else Writers(birth, self.question.restored or birth.taken)

    def _note(self, answer: TableDelta | Unread, pair: Pair) -> None:
        with self._lock:
            if isinstance(answer, TableDelta):
                self.found.append(answer)
            else:
                self.unread.append(answer)
            self._done += pair.size
        self._hands.report(CountProgress(self._done, self._total, pair.now.full, "compared"))

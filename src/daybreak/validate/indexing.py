"""Read every index through: with the server's own checker where it is installed or may be borrowed, else by walking it.

The law: an index that cannot be read is named with its reason and spoils no other. At full depth an index is read both ways,
and one that has no order is searched for the table's keys. Nothing that is created remains. All ends within the limit plus
two seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Protocol, TypeVar

from daybreak.errors import DaybreakError
from daybreak.model.answers import IndexContents, IndexRead, IndexWay, Passed, Silence, Unread
from daybreak.model.tags import RUN_TAG, was_led_to
from daybreak.postgres import index_contents, visibility
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress, Crew, Job, JobTrouble
from daybreak.postgres.faults import is_damage
from daybreak.postgres.index_contents import GIN, NOT_WALKED, Checker, Index
from daybreak.postgres.index_lookups import LOOKED_UP, look_up
from daybreak.postgres.leash import Leash
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import export_snapshot
from daybreak.postgres.session import Session
from daybreak.postgres.visibility import Map
from daybreak.validate.references import Wanted

BTREE = "btree"
WAY_OUT = "CREATE EXTENSION amcheck lets Daybreak read it"


@dataclass(frozen=True)
class Manner:
    """How indexes are read."""

    is_with_heap: bool = False
    """Whether index and table are held against each other row by row, and not only the index is read: what full depth means."""
    may_borrow: bool = False
    """Whether amcheck may be created in a transaction that is rolled back: only on a clone of ours that nobody was led to."""


class Readable(Protocol):
    """What is read: an index, or the visibility map that index-only scans believe."""

    @property
    def oid(self) -> int: ...  # noqa: D102
    @property
    def owner_oid(self) -> int: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102


_T = TypeVar("_T", bound=Readable)


@dataclass(frozen=True)
class _Note:
    """What one way to read an index found."""

    trouble: str = ""
    is_read: bool = True
    passed: str = ""
    """Why this way did not read it, or how much of it; empty where it read all."""


@dataclass
class _Loan:
    """An extension that was borrowed, or why it was not."""

    is_there: bool = False
    why_not: str = ""


def read_indexes(
    place: Reach,
    wanted: Wanted,
    manner: Manner,
    budget: ServerBounds,
    progress: Callable[[CountProgress], None],
    *,
    leash: Leash | None = None,
) -> IndexContents | Silence:
    """Read the indexes of this turn's tables and say what is wrong with each; calls ``progress`` on the caller's thread."""
    began, leash = monotonic(), leash or Leash()
    try:
        with place.session(budget.limits()) as leader, leash.hold(leader):
            answer = _Reading(place, manner, budget, progress, leash).of(leader, wanted)
    except DaybreakError as error:
        asked = f"the indexes of {place.address}"
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))
    return answer.model_copy(update={"took": timedelta(seconds=monotonic() - began)})


@dataclass
class _Reading:
    """One pass over the indexes."""

    place: Reach
    manner: Manner
    budget: ServerBounds
    progress: Callable[[CountProgress], None]
    leash: Leash
    _read: dict[int, IndexRead] = field(default_factory=dict)
    _unread: dict[int, Unread] = field(default_factory=dict)
    _passed: dict[int, Passed] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)
    _done: int = 0
    _total: int = 0

    def of(self, leader: Session, wanted: Wanted) -> IndexContents:
        every = index_contents.indexes(leader)
        chosen = [index for index in every if wanted.has(index.owner_oid)]
        trees = [index for index in chosen if index.method == BTREE]
        others = [index for index in chosen if index.method != BTREE]
        self._total = sum(index.size for index in trees) * (2 if self.manner.is_with_heap else 1)
        self._total += sum(index.size for index in others) if self.manner.is_with_heap else 0
        why = self._check_all(leader, trees, [index for index in others if index.method == GIN])
        if why or self.manner.is_with_heap:
            self._work(
                leader, self._walkable(trees, why), "walk", partial(self._walk, way_out=f"; {WAY_OUT}" if why else "")
            )
        if self.manner.is_with_heap:
            self._work(leader, self._searchable(others), "lookup", self._search)
            self._read_maps(leader, [seen for seen in visibility.maps(leader) if wanted.has(seen.owner_oid)])
        return IndexContents(
            asked=f"{self._question(why)} at {self.place.address}",
            took=timedelta(0),
            read=tuple(sorted(self._read.values(), key=lambda each: each.index)),
            unread=tuple(self._unread.values()),
            left_out=len(every) - len(chosen),
            passed=(*self._passed.values(), *self._kinds_left(others)),
            why_walked=why,
        )

    def _question(self, why: str) -> str:
        rows = ", each entry followed to its row" if self.manner.is_with_heap else ""
        walked = f"each btree walked in its order{rows} and counted against its table"
        if why:
            return f"{walked}, because {why}:"
        return f"bt_index_check, heapallindexed, and {walked}" if self.manner.is_with_heap else "bt_index_check"

    def _check(self, session: Session, index: Index, checker: Checker) -> _Note:
        index_contents.check(session, checker, index, is_with_heap=self.manner.is_with_heap)
        return _Note()

    def _check_all(self, leader: Session, trees: list[Index], inverted: list[Index]) -> str:
        """Have amcheck read what it reads. Return why that was not possible; empty when it was."""

        def readable(checker: Checker) -> list[Index]:
            return [*trees, *inverted] if checker.reads_gin else trees

        checker = index_contents.checker_of(leader)
        if checker is not None:
            self._work(leader, readable(checker), "amcheck", partial(self._check, checker=checker))
            return ""
        with self._borrow(leader, index_contents.AMCHECK, trees) as loan:
            if loan.is_there:
                checker = index_contents.checker_of(leader)
                if checker is None:
                    return "this login may create amcheck and may not use it"
                self._one_by_one(leader, readable(checker), "amcheck", partial(self._check, checker=checker))
        return loan.why_not

    def _read_maps(self, leader: Session, maps: list[Map]) -> None:
        """Have pg_visibility read the visibility maps; where it may not be asked, say so in one line."""

        def ask(session: Session, seen: Map, home: str) -> _Note:
            return _Note(visibility.wrong_rows(session, home, seen))

        if not maps or not leader.is_open:
            return
        why, home = "", visibility.home_of(leader)
        if home is not None:
            self._work(leader, maps, "visibility", partial(ask, home=home))
            return
        with self._borrow(leader, visibility.EXTENSION, maps) as loan:
            home = visibility.home_of(leader) if loan.is_there else None
            if home is not None:
                self._one_by_one(leader, maps, "visibility", partial(ask, home=home))
            elif loan.is_there:
                why = "this login may create pg_visibility and may not use it"
        if why := why or loan.why_not:
            words = f"{why}; CREATE EXTENSION pg_visibility lets Daybreak read them"
            self._passed[-1] = Passed(name=f"visibility maps of {len(maps)} tables", why=words)

    @contextmanager
    def _borrow(self, leader: Session, extension: str, things: Sequence[Readable]) -> Iterator[_Loan]:
        """Borrow an extension for the block. What the block did not reach when the server was lost is unread."""
        loan = _Loan()
        if not self.manner.may_borrow:
            loan.why_not = f"{extension} is not installed, and nothing is created in a cluster that Daybreak did not restore, or where traffic was moved"
        else:
            loan.why_not = index_contents.why_not_borrowed(leader, extension)
        if loan.why_not:
            yield loan
            return
        try:
            with index_contents.borrow(leader, extension):
                loan.is_there = True
                yield loan
        except DaybreakError as error:
            if not loan.is_there:
                if not leader.is_open:
                    raise
                loan.why_not = f"{extension} cannot be created: {error.message}"
                yield loan
            else:
                self._give_up_on([each for each in things if each.oid not in self._seen], error.message)

    def _walk(self, session: Session, index: Index, way_out: str) -> _Note:
        found = index_contents.walk(session, index, is_with_heap=self.manner.is_with_heap)
        if found == NOT_WALKED:
            return _Note(is_read=False, passed=f"{found}{way_out}")
        return _Note(found)

    def _search(self, session: Session, index: Index) -> _Note:
        found = look_up(session, index)
        some = "" if found.searched is None else f"searched for {found.searched:,} of its table's rows"
        return _Note(found.trouble, is_read=not found.why_not, passed=found.why_not or some)

    def _work(self, leader: Session, chosen: Sequence[_T], way: IndexWay, ask: Callable[[Session, _T], _Note]) -> None:
        # What one way could not reach is unread already.
        by_oid = {each.oid: each for each in chosen if each.oid not in self._unread}
        if not by_oid or not leader.is_open:
            self._give_up_on(list(by_oid.values()), "the server was lost")
            return
        leader.begin()
        jobs = [Job(oid, each.name, each.size, partial(_ask, ask, each)) for oid, each in by_oid.items()]
        crew = Crew(self.place, self.budget.limits(), export_snapshot(leader), jobs, self.leash, leader=leader)
        done: set[int] = set()

        def note(job: Job[_Note], result: _Note | JobTrouble, took: timedelta) -> None:
            done.add(job.key)
            self._note(by_oid[job.key], way, result, took)

        crew.work(min(self.budget.connections, len(jobs)), note)
        leader.rollback()
        self._give_up_on([each for each in by_oid.values() if each.oid not in done], crew.trouble)

    def _one_by_one(
        self, session: Session, chosen: Sequence[_T], way: IndexWay, ask: Callable[[Session, _T], _Note]
    ) -> None:
        """Read with what only this session sees."""
        for each in sorted(chosen, key=lambda each: -each.size):
            if self.leash.is_called_off.is_set():
                return
            began = monotonic()
            result: _Note | JobTrouble
            try:
                with index_contents.apart(session):
                    result = ask(session, each)
            except DaybreakError as error:
                result = JobTrouble(error.message, is_damage(error))
                if not session.is_open:
                    self._note(each, way, result, timedelta(seconds=monotonic() - began))
                    raise
            self._note(each, way, result, timedelta(seconds=monotonic() - began))

    def _walkable(self, trees: Sequence[Index], why: str) -> list[Index]:
        """The indexes that may be walked; the others are named, each as what it is worth without a walk."""
        walkable = []
        toasted = [index for index in trees if index.is_toast]
        if toasted and why:
            words = f"no query walks them, and {why}; {WAY_OUT.replace(' it', ' them')}"
            self._passed[0] = Passed(name=f"{len(toasted)} indexes of TOAST tables", why=words)
        for index in trees:
            reason = index_contents.why_not_asked(index)
            if not reason:
                walkable.append(index)
            elif why and not index.is_toast:
                self._lack(index, f"{reason}, and {why}; {WAY_OUT}")
        return walkable

    def _searchable(self, others: Sequence[Index]) -> list[Index]:
        known = [index for index in others if index.method in LOOKED_UP]
        for index in known:
            if reason := index_contents.why_not_asked(index):
                self._pass(index, reason)
        return [index for index in known if not index_contents.why_not_asked(index)]

    def _kinds_left(self, others: Sequence[Index]) -> list[Passed]:
        """The kinds of index that nothing read."""
        unasked = [index for index in others if index.oid not in {*self._read, *self._unread, *self._passed}]
        found = Counter(index.method for index in unasked)
        return [
            Passed(name=f"{number} {method}", why="--depth full searches them for their tables' keys")
            if method in LOOKED_UP
            else Passed(name=f"{number} {method}", why="no question in SQL reads them", is_beyond=True)
            for method, number in sorted(found.items())
        ]

    def _note(self, index: Readable, way: IndexWay, result: _Note | JobTrouble, took: timedelta) -> None:
        self._done += index.size
        self._seen.add(index.oid)
        if isinstance(result, JobTrouble) and not result.is_damaged:
            self._lack(index, result.why)
        else:
            note = _Note(result.why) if isinstance(result, JobTrouble) else result
            if note.passed:
                self._pass(index, note.passed)
            if note.is_read:
                before = self._read.get(index.oid, IndexRead(index=index.name, ways=()))
                ways, trouble = (*before.ways, way), before.trouble or note.trouble
                self._read[index.oid] = IndexRead(index=index.name, ways=ways, trouble=trouble, took=before.took + took)
        self.progress(CountProgress(min(self._done, self._total), self._total, index.name, "of indexes read"))

    def _lack(self, index: Readable, why: str) -> None:
        self._unread.setdefault(index.oid, Unread(table=index.owner_oid, name=index.name, why=why))

    def _pass(self, index: Readable, why: str) -> None:
        self._passed.setdefault(index.oid, Passed(name=index.name, why=why))

    def _give_up_on(self, rest: Sequence[Readable], why: str) -> None:
        for index in rest:
            self._lack(index, why or "no connection was left")


def _ask(ask: Callable[[Session, _T], _Note], thing: _T, session: Session) -> _Note:
    return ask(session, thing)


def may_create_in(tags: Mapping[str, str], *, is_quarantined: bool) -> bool:
    """Whether something may be created there, even for a moment: in a clone that Daybreak restored, and that nobody was led to.

    A server counts what is rolled back too: where traffic was moved it would be taken for a client's write, and nothing went back.

    >>> may_create_in({"daybreak:run": "r", "daybreak:expires": "2026-01-01T00:00:00Z"}, is_quarantined=True)
    True
    >>> may_create_in({"daybreak:run": "r", "daybreak:expires": "never: c"}, is_quarantined=True)
    False
    """
    is_ours = RUN_TAG in tags or is_quarantined
    return is_ours and not was_led_to(tags)

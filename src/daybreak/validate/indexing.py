"""Read every index through: with the server's own checker where it is installed or may be borrowed, else by walking it.

The law: an index that cannot be read is named with its reason and spoils no other. Nothing that is created remains. All ends
within the limit plus two seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Literal

from daybreak.errors import DaybreakError
from daybreak.model.answers import IndexContents, IndexRead, Silence, Unread
from daybreak.postgres import index_contents
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress, Crew, Job, JobTrouble, Leash
from daybreak.postgres.faults import is_damage
from daybreak.postgres.index_contents import Index
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import export_snapshot
from daybreak.postgres.session import Session
from daybreak.validate.references import Wanted

BTREE = "btree"


def _ask(ask: Callable[[Session, Index], str], index: Index, session: Session) -> str:
    return ask(session, index)


@dataclass(frozen=True)
class Manner:
    """How indexes are read."""

    is_with_heap: bool = False
    """Whether to look for every row of the table in the index, and not only to read the index itself."""
    may_borrow: bool = False
    """Whether amcheck may be created in a transaction that is rolled back: only on a clone of ours."""


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
    read: list[IndexRead] = field(default_factory=list)
    unread: dict[int, Unread] = field(default_factory=dict)
    way: Literal["amcheck", "walk"] = "amcheck"
    _done: int = 0
    _total: int = 0

    def of(self, leader: Session, wanted: Wanted) -> IndexContents:
        every = index_contents.indexes(leader)
        trees = [index for index in every if index.method == BTREE]
        chosen = [index for index in trees if wanted.has(index.owner_oid)]
        self._total = sum(index.size for index in chosen)
        home = index_contents.amcheck_home(leader)
        why = "" if home is not None else self._read_borrowing(leader, chosen)
        if home is not None:
            self._read_with_crew(leader, chosen, partial(self._check, home=home))
        elif why:
            self.way = "walk"
            walked = [index for index in chosen if not self._is_left(index, why)]
            self._read_with_crew(leader, walked, partial(index_contents.walk, is_with_heap=self.manner.is_with_heap))
        how = f"bt_index_check{', heapallindexed' if self.manner.is_with_heap else ''}"
        if self.way == "walk":
            rows = ", each entry followed to its row" if self.manner.is_with_heap else ""
            how = f"each btree walked in its order{rows} and counted against its table, because {why}:"
        return IndexContents(
            asked=f"{how} at {self.place.address}",
            took=timedelta(0),
            read=tuple(sorted(self.read, key=lambda each: each.index)),
            unread=tuple(self.unread.values()),
            left_out=len(trees) - len(chosen),
            other_methods=dict(Counter(index.method for index in every if index.method != BTREE)),
        )

    def _check(self, session: Session, index: Index, home: str) -> str:
        index_contents.check(session, home, index, is_with_heap=self.manner.is_with_heap)
        return ""

    def _read_with_crew(self, leader: Session, chosen: Sequence[Index], ask: Callable[[Session, Index], str]) -> None:
        leader.begin()
        jobs = [Job(index.oid, index.name, index.size, partial(_ask, ask, index)) for index in chosen]
        by_oid = {index.oid: index for index in chosen}
        crew = Crew(self.place, self.budget.limits(), export_snapshot(leader), jobs, self.leash, leader=leader)
        crew.work(
            min(self.budget.connections, len(jobs)),
            lambda job, result, took: self._note(by_oid[job.key], result, took),
        )
        self._give_up_on(chosen, crew.trouble)

    def _read_borrowing(self, leader: Session, chosen: Sequence[Index]) -> str:
        """Read all with an amcheck that is never committed. Return why that was not possible; empty when it was."""
        if not self.manner.may_borrow:
            return "amcheck is not installed, and nothing is created in a cluster that Daybreak did not restore"
        if why := index_contents.why_not_borrowed(leader):
            return why
        is_there = False
        try:
            with index_contents.borrow_amcheck(leader) as home:
                is_there = True
                self._one_by_one(leader, home, chosen)
        except DaybreakError as error:
            if not leader.is_open and not is_there:
                raise
            if not is_there:
                return f"amcheck cannot be created: {error.message}"
            self._give_up_on(chosen, error.message)
        return ""

    def _one_by_one(self, session: Session, home: str, chosen: Sequence[Index]) -> None:
        for index in sorted(chosen, key=lambda each: -each.size):
            if self.leash.is_called_off.is_set():
                return
            began = monotonic()
            result: str | JobTrouble = ""
            try:
                index_contents.check_apart(session, home, index, is_with_heap=self.manner.is_with_heap)
            except DaybreakError as error:
                result = JobTrouble(error.message, is_damage(error))
                if not session.is_open:
                    self._note(index, result, timedelta(seconds=monotonic() - began))
                    raise
            self._note(index, result, timedelta(seconds=monotonic() - began))

    def _is_left(self, index: Index, why: str) -> bool:
        """Note an index that cannot be walked, with the reason. Return whether that is so."""
        reason = index_contents.why_not_walked(index)
        if reason and not index.is_toast:
            self.unread[index.oid] = Unread(table=index.owner_oid, name=index.name, why=f"{reason}, and {why}")
        return bool(reason)

    def _note(self, index: Index, result: str | JobTrouble, took: timedelta) -> None:
        if isinstance(result, JobTrouble) and not result.is_damaged:
            self.unread[index.oid] = Unread(table=index.owner_oid, name=index.name, why=result.why)
        elif result == index_contents.NOT_WALKED:
            self.unread[index.oid] = Unread(table=index.owner_oid, name=index.name, why=index_contents.NOT_WALKED)
        else:
            trouble = result.why if isinstance(result, JobTrouble) else result
            self.read.append(IndexRead(index=index.name, way=self.way, trouble=trouble, took=took))
        self._done += index.size
        self.progress(CountProgress(self._done, self._total, index.name, "of indexes read"))

    def _give_up_on(self, chosen: Sequence[Index], why: str) -> None:
        seen = {each.index for each in self.read}
        for index in chosen:
            if index.name not in seen:
                lack = Unread(table=index.owner_oid, name=index.name, why=why or "no connection was left")
                self.unread.setdefault(index.oid, lack)

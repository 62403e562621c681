"""A crew: some threads, each with a session, that see one snapshot and take jobs until no job is left.

The law: a job that fails is reported with its reason and spoils no other. A session keeps its locks for one job and no longer.
A crew that gets no further session goes on with those that it has. Everything ends within the sessions' limits plus two
seconds. Whatever ends the crew early (also Ctrl-C) leaves no server at work in vain.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

from daybreak.errors import DaybreakError
from daybreak.postgres.faults import is_damage
from daybreak.postgres.leash import Leash
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import see_every_row
from daybreak.postgres.session import Limits, Session
from daybreak.postgres.yielding import give_way

T = TypeVar("T")


@dataclass(frozen=True)
class CountProgress:
    """How far a count is, by bytes."""

    done: int
    total: int
    table: str = ""
    """The table of which all or a part was just read."""
    what: str = "counted"
    """What is done with the bytes, such as ``counted``."""

    def within(self, database: str) -> CountProgress:
        """The same, where the table is named with its database."""
        return replace(self, table=f"{database}: {self.table}" if self.table else database)


@dataclass(frozen=True)
class Job(Generic[T]):
    """Some work in a session. The jobs of one ``key`` belong together, and the first failure ends them all."""

    key: int
    name: str
    size: int
    """About how many bytes it reads."""
    do: Callable[[Session], T]


@dataclass(frozen=True)
class JobTrouble:
    """Why a job was not done."""

    why: str
    is_damaged: bool = False


class Aside(Generic[T]):
    """Work that goes on beside other work. It reports progress and result on the thread that asks for the result."""

    def __init__(self, work: Callable[[Leash, Callable[[CountProgress], None]], T]) -> None:
        self.leash = Leash()
        self._news: SimpleQueue[CountProgress | _Result[T] | BaseException] = SimpleQueue()
        threading.Thread(target=self._run, args=(work,), name="daybreak-aside", daemon=True).start()

    def __enter__(self) -> Aside[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.leash.call_off()

    def result(self, progress: Callable[[CountProgress], None]) -> T:
        """Wait for the end and return the result."""
        while True:
            match self._news.get():
                case CountProgress() as step:
                    progress(step)
                case _Result(value):
                    return value
                case BaseException() as trouble:
                    raise trouble

    def _run(self, work: Callable[[Leash, Callable[[CountProgress], None]], T]) -> None:
        try:
            self._news.put(_Result(work(self.leash, self._news.put)))
        except BaseException as trouble:  # noqa: BLE001 - carried to the thread that asks
            self._news.put(trouble)


class Hands:
    """Threads that do one piece of work side by side, each until nothing is left of it.

    Their progress, and the first bug, reach the caller's thread. ``trouble`` says at the end why one lost its server.
    """

    def __init__(self, name: str) -> None:
        self.leash = Leash()
        self.trouble = ""
        self._name = name
        self._news: SimpleQueue[CountProgress | BaseException | None] = SimpleQueue()
        self._first: int | None = None
        self._opening = threading.Lock()

    def report(self, step: CountProgress) -> None:
        """Hand progress to the caller's thread; called by a thread that works."""
        self._news.put(step)

    def work(self, number: int, do: Callable[[], None], progress: Callable[[CountProgress], None]) -> None:
        """Return when every thread has ended; when that is broken off, no server goes on working."""
        self._first = None
        for _ in range(number):
            threading.Thread(target=self._run, args=(do,), name=self._name, daemon=True).start()
        try:
            while number:
                match self._news.get():
                    case None:
                        number -= 1
                    case CountProgress() as step:
                        progress(step)
                    case BaseException() as bug:
                        raise bug
        except BaseException:
            self.leash.call_off()
            raise

    def session_at(self, reach: Reach, limits: Callable[[], Limits], stack: ExitStack) -> Session | None:
        """A session until the stack is closed. ``None`` for any thread but the first where there is no room for one more."""
        with self._opening:
            if self._first is None:
                self._first = threading.get_ident()
        is_first = self._first == threading.get_ident()
        session = reach.connect(limits()) if is_first else reach.connect_further(limits())
        if session is not None:
            stack.callback(session.leave)
            stack.enter_context(self.leash.hold(session))
        return session

    def _run(self, do: Callable[[], None]) -> None:
        try:
            do()
        except DaybreakError as error:
            self.trouble = error.message
            self._news.put(None)
        except BaseException as bug:  # noqa: BLE001 - carried to the caller's thread, which raises it
            self._news.put(bug)
        else:
            self._news.put(None)


@dataclass(frozen=True)
class _Result(Generic[T]):
    value: T


@dataclass
class Crew(Generic[T]):
    """Threads that do jobs, the largest first. At the end ``trouble`` says why some jobs were not done.

    With a ``deadline`` it takes the jobs in their order and leaves undone, and unreported, what is not done by then.
    """

    place: Reach
    limits: Limits
    snapshot: str
    jobs: Sequence[Job[T]]
    leash: Leash = field(default_factory=Leash)
    deadline: float | None = None
    """When to stop, by ``monotonic``."""
    leader: Session | None = None
    """The session whose snapshot it is: it works too, in its own transaction, which stays open."""
    sessions: Sequence[Session] = ()
    """Open sessions for the next hands; they stay open, and see every row."""
    trouble: str = ""
    _failed: dict[int, JobTrouble] = field(default_factory=dict)
    _opening: threading.Lock = field(default_factory=threading.Lock)
    _has_hand: bool = False

    def __post_init__(self) -> None:
        self._todo: SimpleQueue[Job[T]] = SimpleQueue()
        self._news: SimpleQueue[tuple[Job[T], T | JobTrouble, timedelta] | BaseException | None] = SimpleQueue()

    def work(self, hands: int, report: Callable[[Job[T], T | JobTrouble, timedelta], None]) -> None:
        """Do all jobs and return when every thread has ended. Calls ``report`` on the caller's thread."""
        for job in self.jobs if self.deadline is not None else sorted(self.jobs, key=lambda job: -job.size):
            self._todo.put(job)
        there = [*([self.leader] if self.leader else []), *self.sessions]
        for number in range(hands):
            given = there[number] if number < len(there) else None
            threading.Thread(target=self._hand, args=(given,), name=f"daybreak-crew-{number}", daemon=True).start()
        with give_way(self.place, lambda: self.leash.sessions), self._end_all_on_failure():
            self._gather(hands, report)

    def _gather(self, hands: int, report: Callable[[Job[T], T | JobTrouble, timedelta], None]) -> None:
        while hands:
            match self._news.get():
                case None:
                    hands -= 1
                case DaybreakError() as error:
                    self.trouble = error.message
                    hands -= 1
                case BaseException() as bug:
                    raise bug
                case (job, result, took):
                    report(job, result, took)

    @contextmanager
    def _end_all_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.leash.call_off()
            raise

    def _hand(self, given: Session | None) -> None:
        """Run one thread: it takes or opens a session and does job after job. It reports that it ended, and why."""
        try:
            session = given or self._open()
            if session is not None:
                try:
                    with self.leash.hold(session):
                        self._work_on(session)
                finally:
                    if given is None:
                        session.leave()
                    elif given is not self.leader:
                        session.rollback()
        except BaseException as trouble:  # noqa: BLE001 - carried to the caller's thread, which judges it
            self._news.put(trouble)
        else:
            self._news.put(None)

    def _open(self) -> Session | None:
        """A session of its own; ``None`` where others work and there is no room for one more."""
        with self._opening:
            if self.leader or self.sessions or self._has_hand:
                return self.place.connect_further(self.limits)
            self._has_hand = True
        return self.place.connect(self.limits)

    def _is_over(self) -> bool:
        return self.deadline is not None and monotonic() >= self.deadline

    def _work_on(self, session: Session) -> None:
        if session not in self.sessions:
            see_every_row(session)
        if session is not self.leader:
            session.begin(self.snapshot)
        session.mark()
        while not self.leash.is_called_off.is_set() and not self._is_over():
            try:
                job = self._todo.get_nowait()
            except Empty:
                return
            began = monotonic()
            if job.key in self._failed:
                self._news.put((job, self._failed[job.key], timedelta(0)))
                continue
            try:
                if self.deadline is not None:
                    # A little more than what is left: what is cut off before the deadline would pass for a failure.
                    session.bound_transaction(timedelta(seconds=self.deadline - began + 0.01))
                result = job.do(session)
                session.let_go()
            except DaybreakError as error:
                if self._is_over() and session.is_open:
                    return
                trouble = JobTrouble(error.message, is_damage(error))
                self._failed[job.key] = trouble
                self._news.put((job, trouble, timedelta(seconds=monotonic() - began)))
                if not session.is_open:
                    raise
                session.let_go()
            else:
                self._news.put((job, result, timedelta(seconds=monotonic() - began)))

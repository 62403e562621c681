"""Runs in an S3 bucket: one object for each event, ``events/00000007.json``, written only where no object is.

The law: the number of the next event is the fence. The process that stores it first goes on; any other finds it taken and
stops. So nothing here depends on clocks, and a hold needs no lease: the last ``run.attached`` holds the run until its process
releases it, or is seen dead on this very machine, or a person says ``take_over``.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol

from daybreak.errors import DaybreakError, Failed, Paused, Refused, Unreachable
from daybreak.journal.chain import Chain, chain_of, segment_of
from daybreak.journal.damage import damage_of_event
from daybreak.journal.records import (
    RELEASE,
    Held,
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
from daybreak.model.run import Event, RunAborted, RunApproved, RunAttached, RunFinished, RunPaused

_BEGUN = "begun.json"
BEAT = timedelta(minutes=1)
"""Between two signs of life of a process that holds a run: objects that say nothing but that it was there."""

_AT_ONCE = 8
"""Reads in flight at the same time."""


class Bucket(Protocol):
    """What the store needs of a bucket. Every method tries again by itself, and raises ``Unreachable`` in the end."""

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store an object where there is none. Return whether this call stored it. Never replaces anything."""

    def get(self, key: str) -> bytes | None:
        """An object's bytes; ``None`` when there is no such object."""

    def keys(self, prefix: str) -> Iterable[str]:
        """All keys that begin with ``prefix``, in order."""

    def folders(self, prefix: str) -> Iterable[str]:
        """What stands between ``prefix`` and the next slash, each once."""

    def newest(self, prefix: str) -> datetime | None:
        """When the newest object was stored whose key begins with ``prefix``, by the store's clock; ``None`` when there is none."""


class S3Store:
    """Runs below a prefix of a bucket; ``name`` is its name in messages."""

    def __init__(self, shelf: Bucket, prefix: str = "", *, name: str = "s3", beat: timedelta = BEAT) -> None:
        self._beat = beat
        self._shelf = shelf
        self._runs = f"{prefix}/runs/" if prefix else "runs/"
        self._name = name
        self._seen: dict[str, bytes] = {}  # stored events never change, so each is fetched once

    def create(self, plan: Plan) -> None:
        """Freeze a plan as a run; raises ``Refused`` for a bucket that would not fence."""
        key, body = self._key(plan.run, "plan.json"), bytes_of_plan(plan)
        check_run_name(plan.run)
        if not self._shelf.put_if_absent(key, body):
            raise refusal_of_second_creation(plan.run)
        if self._shelf.put_if_absent(key, body):
            raise Refused(
                f'"{self._name}" replaces objects although it is asked not to (If-None-Match)',
                "two processes could write one run there: use a bucket of Amazon S3, or a folder",
            )

    def runs(self) -> tuple[str, ...]:
        """The names of all runs, the newest plan first."""
        names = [name for name in self._shelf.folders(self._runs) if is_run_name(name)]
        plans = self._fetch([self._key(name, "plan.json") for name in names])
        ages = {name: creation_time_in(plan) for name, plan in zip(names, plans, strict=True)}
        return tuple(sorted(ages, key=lambda name: (ages[name], name), reverse=True))

    def plan(self, run: str) -> Plan:
        """The run's plan, checked against the first event."""
        return plan_in(self._plan_bytes(run), self._chain(run).events, self._place(run))

    def chain(self, run: str) -> Chain:
        """The run's events, verified."""
        chain = self._chain(run)
        if not chain.events:
            self._plan_bytes(run)
        return chain

    def events(self, run: str) -> tuple[Event, ...]:
        """The events of the chain."""
        return self.chain(run).events

    def remains(self, run: str) -> Remains:
        """What can still be read of a run, object by object."""
        if not self._is_there(run):
            raise no_such_run(run, self.runs(), self._name)
        plan = self._shelf.get(self._key(run, "plan.json"))
        return remains_of(run, plan, self._bodies(run))

    def is_held(self, run: str) -> bool:
        """Whether another process holds the run, as far as its events can be read."""
        events = segment_of(b"".join(self._bodies(run))).events
        holder = attachment(events)
        return holder is not None and self._is_held(run, events, holder)

    def carrier(self, run: str) -> Carrier:
        """Whether anybody holds the run. Another machine's process cannot be asked: of it there are only its signs of life."""
        events = self._chain(run).events
        holder = attachment(events)
        if holder is None or not self._is_held(run, events, holder):
            return Carrier(is_there=False)
        signs = (
            self._shelf.newest(self._key(run, f"events/{len(events) - 1:08d}")),
            self._shelf.newest(self._alive(run, holder)),
        )
        return Carrier(is_there=None, heard=max(filter(None, signs), default=None))

    def _alive(self, run: str, holder: Event) -> str:
        return _alive_keys(self._key(run, ""), holder.writer)

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
        """Attach this process to the run; with ``take_over`` also when a process that may be alive holds it."""
        data = self._plan_bytes(run)
        chain = self._chain(run)
        plan = plan_in(data, chain.events, self._place(run))
        holder = attachment(chain.events)
        if not take_over and holder is not None and self._is_held(run, chain.events, holder):
            raise refusal_of_second_writer(run, holder, chain.events[-1].at)
        drawn = nonce()
        hand = Writer(f"{who}:{os.getpid()}:{drawn}", now, nonce)
        hold = S3Hold(self._shelf, self._key(run, ""), hand.writer)
        journal = Journal(run, hold, chain, hand)
        try:
            created = creation(plan, data, self._place(run), drawn)
            begun = begin(
                journal,
                created,
                RunAttached(who=who, where=where, version=RELEASE, caller=caller),
                lambda: self._mark_begun(run),
            )
            hold.give_signs(self._beat)
            return begun
        except TakenOver as error:
            raise Held(
                f'the run "{run}" was taken at the same moment by {error.by}', f"follow it: daybreak watch {run}"
            ) from error

    def ask(self, run: str, request: str, by: str, why: str, approval: RunApproved | None = None) -> None:
        """Leave a request; the first of its kind stands."""
        self._plan_bytes(run)
        asked = Message(request=check_request(request), by=by, why=why, approval=approval)
        key = self._key(run, f"inbox/{request}.json")
        if not self._shelf.put_if_absent(key, asked.canonical()):
            raise refusal_of_second_request(run, request_in(self._shelf.get(key) or b"", key))

    def inbox(self, run: str) -> tuple[Message, ...]:
        """The requests to the run."""
        keys = list(self._shelf.keys(self._key(run, "inbox/")))
        return requests_left(zip(keys, self._fetch(keys), strict=True))

    def _key(self, run: str, rest: str) -> str:
        return f"{self._runs}{run}/{rest}"

    def _place(self, run: str) -> str:
        return f"{self._name.rstrip('/')}/runs/{run}"

    def _plan_bytes(self, run: str) -> bytes:
        body = self._shelf.get(self._key(run, "plan.json")) if is_run_name(run) else None
        if body is None and self._is_there(run):
            raise loss_of_plan(self._place(run))
        if body is None:
            raise no_such_run(run, self.runs(), self._name)
        return body

    def _is_there(self, run: str) -> bool:
        return is_run_name(run) and next(iter(self._shelf.keys(self._key(run, ""))), None) is not None

    def _bodies(self, run: str) -> list[bytes]:
        keys = list(self._shelf.keys(self._key(run, "events/")))
        return [body or b"" for body in self._fetch(keys)]

    def _chain(self, run: str) -> Chain:
        if not is_run_name(run):
            raise no_such_run(run, self.runs(), self._name)
        folder = self._key(run, "events/")
        keys = list(self._shelf.keys(folder))
        if not keys and self._shelf.get(self._key(run, _BEGUN)) is not None:
            keys = list(self._shelf.keys(folder))  # the run may have begun between the two looks
            if not keys:
                raise loss_of_journal(self._place(run))
        for number, key in enumerate(keys):
            if key != _event_key(folder, number):
                raise damage_of_event(
                    number, f'its object is missing, there is "{key.removeprefix(folder)}"', self._place(run)
                )
        new = [key for key in keys if key not in self._seen]
        fetched = self._seen | {key: body or b"" for key, body in zip(new, self._fetch(new), strict=True)}
        for number, key in enumerate(keys):
            if not fetched[key] or fetched[key].find(b"\n") != len(fetched[key]) - 1:
                raise damage_of_event(number, "its object is not one line", self._place(run))
        segment = segment_of(b"".join(fetched[key] for key in keys))
        if segment.is_torn:  # on a disk this may happen; objects appear whole
            raise damage_of_event(len(segment.events), "its object is not a journal line", self._place(run))
        chain = chain_of([segment], self._place(run))
        self._seen = fetched
        return chain

    def _mark_begun(self, run: str) -> None:
        try:
            self._shelf.put_if_absent(self._key(run, _BEGUN), b"{}\n")
        except Unreachable as error:
            raise Paused(f"the run could not be marked as begun: {error.message}", *error.hints) from error

    def _fetch(self, keys: list[str]) -> Iterator[bytes | None]:
        if len(keys) < 2:
            return map(self._shelf.get, keys)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return iter(list(pool.map(self._shelf.get, keys)))

    def _is_held(self, run: str, events: tuple[Event, ...], holder: Event) -> bool:
        if isinstance(events[-1].body, RunPaused | RunAborted | RunFinished) or _is_dead(holder.writer):
            return False
        return self._shelf.get(_release_key(self._key(run, ""), holder.writer)) is None


class S3Hold:
    """The right to store a run's next event. It lasts until another process stores that event first.

    Nothing depends on its signs of life but what people read of it: they are stored beside the events, and each only once.
    """

    def __init__(self, shelf: Bucket, folder: str, writer: str) -> None:
        self._shelf = shelf
        self._folder = folder
        self._writer = writer
        self._over = threading.Event()
        weakref.finalize(self, self._over.set)  # who forgets the hold without releasing it gives no more signs

    def give_signs(self, every: timedelta) -> None:
        """Give a sign of life now and then, until the hold is released or its process dies."""
        alive = _alive_keys(self._folder, self._writer)
        threading.Thread(target=_give_signs, args=(self._shelf, alive, every, self._over), daemon=True).start()

    def put(self, number: int, line: bytes) -> bytes | None:
        """Store the line as that event, or return the line that stands there."""
        key = _event_key(f"{self._folder}events/", number)
        try:
            if self._shelf.put_if_absent(key, line):
                return None
            standing = self._shelf.get(key)
        except Unreachable as error:
            raise Paused(f"an event could not be stored: {error.message}", *error.hints) from error
        if standing is None:
            raise Failed(f'"{key}" is there and cannot be read', "look at the bucket's life cycle rules")
        return standing

    def release(self) -> None:
        """Record that this process released the run, so that the next need not ask whether it is alive."""
        self._over.set()
        with contextlib.suppress(DaybreakError):
            self._shelf.put_if_absent(_release_key(self._folder, self._writer), b"{}\n")


def _give_signs(shelf: Bucket, keys: str, every: timedelta, over: threading.Event) -> None:
    for number in itertools.count():
        if over.wait(every.total_seconds()):
            return
        with contextlib.suppress(DaybreakError):  # a bucket out of reach is noticed by whoever writes events
            shelf.put_if_absent(f"{keys}{number:08d}.json", b"{}\n")


def _event_key(folder: str, number: int) -> str:
    return f"{folder}{number:08d}.json"


def _release_key(folder: str, writer: str) -> str:
    return f"{folder}released/{writer.rpartition(':')[2]}.json"


def _alive_keys(folder: str, writer: str) -> str:
    """How the keys of a writer's signs of life begin."""
    return f"{folder}alive/{writer.rpartition(':')[2]}/"


def _is_dead(writer: str) -> bool:
    """Whether the writer ran on this machine and is gone; a name that does not show this counts as alive."""
    who, _, _ = writer.rpartition(":")
    person, _, process = who.rpartition(":")
    if person.rpartition("@")[2] != socket.gethostname() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False

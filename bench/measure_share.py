"""The tool's own share of a restore: time in which it waited neither for AWS, nor for PostgreSQL, nor for the next look.

We count the wall time of a run, from its first event to its last, less

- the time in which an HTTP exchange with AWS was in flight, through whichever door of the run,
- the time asleep until the next look, in which the walk also hears the validation,
- the time in which any thread waited for PostgreSQL (psycopg's own wait functions, overlaps counted once).

Processor time during those waits counts as the tool's own. So do DNS, the knock on the port, every sync of the journal, and
the time that the tool waited for a core: the figure errs against the tool.

There are two figures. The first covers the time in which no wait for AWS was open: while AWS restores, a person waits for AWS,
and the cost of a look delays nothing. The second covers the whole run, including looks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psycopg.waiting

from bench.rounds import Figures, Rounds, Row, cost_of, milliseconds
from bench.stage import SPEED, Stage, stage, wish
from daybreak.app.planning import plan_pitr
from daybreak.app.running import Watchers, carry_out, start
from daybreak.aws.wire import Wire
from daybreak.execute.sidework import SideWork
from daybreak.execute.timing import SystemTiming
from daybreak.lab.shell import poll_seconds
from daybreak.model.plan import Plan
from daybreak.model.run import Event, StepDone, StepIntended

ROUNDS = 3
GOAL = 0.02
POLL = poll_seconds(SPEED)


@dataclass
class Ledger:
    """The times of waiting for something outside, and the computing meanwhile."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    computed: float = 0.0

    def note_calls(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, wrapped to note every call's time."""

        def note_call(*arguments: Any, **named: Any) -> Any:
            began, computed = time.monotonic(), time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                self.spans.append((began, time.monotonic()))
                self.computed += time.thread_time() - computed

        return note_call

    @property
    def waited(self) -> float:
        """The seconds in which at least one thread waited, without the computing meanwhile."""
        return waited_in(self)


def waited_in(*ledgers: Ledger) -> float:
    """The seconds in which at least one of these waits was open, without the computing meanwhile; overlaps count once."""
    spans = [span for ledger in ledgers for span in ledger.spans]
    return max(_covered(spans) - sum(ledger.computed for ledger in ledgers), 0.0)


def _covered(spans: list[tuple[float, float]]) -> float:
    """How many seconds the spans cover, overlaps counted once."""
    total, reached = 0.0, 0.0
    for began, ended in sorted(spans):
        if ended > reached:
            total += ended - max(began, reached)
            reached = ended
    return total


@contextmanager
def ledger_of(place: Any, *names: str) -> Iterator[Ledger]:
    """Note every call of those functions of a module for the length of the block."""
    ledger, before = Ledger(), {name: getattr(place, name) for name in names}
    for name, function in before.items():
        setattr(place, name, ledger.note_calls(function))
    try:
        yield ledger
    finally:
        for name, function in before.items():
            setattr(place, name, function)


@dataclass(frozen=True)
class Share:
    """How one run spent its time, in seconds."""

    wall: float
    cpu: float
    queued: float
    """How long the run's thread waited for a core: what a busy machine adds."""
    aws: float
    postgres: float
    asleep: float
    outside: float
    """All of these waits together, overlaps counted once: a validation waits for PostgreSQL while the run waits for AWS."""
    disk: float
    calls: int
    between_waits: float
    """The tool's own time while no wait for AWS was open."""

    @property
    def own(self) -> float:
        """The rest: the tool's own time."""
        return self.wall - self.outside


class Attention:
    """Hears each event of a run, and adds up the tool's own time between the waits for AWS."""

    def __init__(self, plan: Plan, elsewhere: Callable[[], float]) -> None:
        self._waits = {step.id for step in plan.steps if step.action.kind.startswith("await-")}
        self._elsewhere = elsewhere
        self._open: set[str] = set()
        self._last = (time.monotonic(), elsewhere())
        self.own = 0.0

    def __call__(self, event: Event) -> None:
        """Account for the time since the event before."""
        now = (time.monotonic(), self._elsewhere())
        if not self._open:
            self.own += (now[0] - self._last[0]) - (now[1] - self._last[1])
        self._last = now
        match event.body:
            case StepIntended(step=step) if step in self._waits:
                self._open.add(step)
            case StepDone(step=step):
                self._open.discard(step)


def share_of_run(on: Stage) -> Share:
    """Carry out one restore in this process, and remove its clone afterwards."""
    app = on.app()
    run = start(app, plan_pitr(app, wish()))
    with (
        ledger_of(Wire, "send") as aws,
        ledger_of(psycopg.waiting, "wait", "wait_conn") as postgres,
        ledger_of(SystemTiming, "sleep") as sleeping,
        ledger_of(SideWork, "rest") as listening,
        ledger_of(os, "fsync", "fdatasync") as disk,
    ):
        outside = (aws, postgres, sleeping, listening)
        attention = Attention(app.store.plan(run), lambda: waited_in(*outside))
        began, computed, queued = time.monotonic(), time.process_time(), _seconds_queued()
        carry_out(app, run, Watchers(on_event=attention))
        wall, cpu, queued = time.monotonic() - began, time.process_time() - computed, _seconds_queued() - queued
    share = Share(
        wall=wall,
        cpu=cpu,
        queued=queued,
        aws=aws.waited,
        postgres=postgres.waited,
        asleep=waited_in(sleeping, listening),
        outside=waited_in(*outside),
        disk=disk.waited,
        calls=len(aws.spans),
        between_waits=attention.own,
    )
    on.clean(app, run)
    return share


def _seconds_queued() -> float:
    """The seconds that this thread has waited for a core so far; 0 where the system does not report them."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def figures() -> Figures:
    """How a restore spends its time, and what the whole command adds."""
    taken = Rounds()
    with stage(SPEED) as on:
        share_of_run(on)  # load everything that a process loads once
        shares = taken.of(lambda: share_of_run(on), ROUNDS)
        command = on.command("plan", "pitr", "embi", "--to", "latest", "--config", str(on.configuration))
        plans = taken.of(lambda: cost_of(command, environment=on.environment), ROUNDS)
    rows = (
        Row("a restore, start to verdict", milliseconds(median(share.wall for share in shares)), "1", ROUNDS),
        _row("asleep until the next look", shares, lambda share: share.asleep),
        _row("waiting for AWS", shares, lambda share: share.aws),
        _row("waiting for PostgreSQL", shares, lambda share: share.postgres),
        _row(
            "the tool's own share, while AWS was not being waited for",
            shares,
            lambda share: share.between_waits,
            has_goal=True,
        ),
        _row("the same with every look during a wait", shares, lambda share: share.own, has_goal=True),
        _row("of that, making the journal durable", shares, lambda share: share.disk),
        _row("beside it: waiting for a core, anywhere in the run", shares, lambda share: share.queued),
        _row("beside it: processor time of the process", shares, lambda share: share.cpu),
        _paced(shares),
        Row(
            "beside it: the command `daybreak plan pitr`, in all",
            f"{milliseconds(median(cost.wall for cost in plans))} (CPU {milliseconds(median(cost.cpu for cost in plans))})",
            runs=ROUNDS,
        ),
    )
    notes = (
        f"At speed {SPEED:g} forty minutes of AWS pass in four seconds, with a look each {POLL:g} s.",
        f"Calls in a run: {median(share.calls for share in shares):.0f}.",
        "Waiting for a core, DNS, and processor time spent inside a wait count as the tool's own.",
        taken.note(),
    )
    return Figures("The tool's own share of a restore", rows, notes)


def _row(what: str, shares: list[Share], part: Callable[[Share], float], *, has_goal: bool = False) -> Row:
    ratio = median(part(share) / share.wall for share in shares)
    return Row(
        what=what,
        median=milliseconds(median(map(part, shares))),
        ratio=f"{ratio:.1%}",
        runs=len(shares),
        goal="under 2 %" if has_goal else "",
        is_reached=ratio < GOAL if has_goal else None,
    )


def _paced(shares: list[Share]) -> Row:
    """The same work at AWS's own pace: more looks, and six hundred seconds for each of the lab; computed, not measured."""
    looks = POLL * SPEED / 15.0
    ratio = median(share.own * looks / (share.wall * SPEED) for share in shares)
    what = f"the own share at speed 1 with a look each 15 s (computed: {looks:g} × the work in {SPEED:g} × the time)"
    return Row(what, "", f"{ratio:.3%}", len(shares), "under 2 %", is_reached=ratio < GOAL)

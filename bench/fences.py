"""The fence alone, again and again in one cluster: what a run does for it, and what scripts do for it that people write.

A fence begins right before the loss of LOGIN is committed, and ends when the mark is read, by the server's clock. The bare script takes
LOGIN from every role, ends every session until none is left, and reads the mark. The careful one does besides what nobody who wants to
be sure leaves out: it asks whether the roles have lost LOGIN, whether a transaction is prepared, and once more who is inside. A run does
more than either: it asks its guards at AWS, makes each step durable in its journal before it goes on, asks by which ways somebody could
still enter, and waits for whoever was let in just before the doors closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from bench.cutover_ground import CLIENTS, Yard
from daybreak.app import App
from daybreak.app.moving import CutoverWish, plan_cutover
from daybreak.app.running import Watchers, carry_out
from daybreak.model.actions import ChangeSql, CountWrites, EndSessions
from daybreak.model.attempts import StepStaged
from daybreak.model.fences import COUNT_INSIDE, END_INSIDE
from daybreak.model.plan import Plan, RunId, Step
from daybreak.model.run import Event, StepDone, StepIntended
from daybreak.plan.fence import loss_of_entry, return_of_entry

Owner = psycopg.Connection[tuple[Any, ...]]

_MARK = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text, clock_timestamp()"
_CAN_LOG_IN = (
    "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname <> session_user AND rolname !~ '^rds'"
)


@dataclass
class Fences:
    """What the fences took, in seconds."""

    bare: list[float] = field(default_factory=list)
    careful: list[float] = field(default_factory=list)
    run: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    """Each part of a run's fence, by what it does."""


def fence_by_script(session: Owner, *, is_careful: bool) -> float:
    """Seconds that a script needs for the fence; it opens the source again."""
    names = [str(name) for [name] in session.execute(_CAN_LOG_IN.encode()).fetchall()]
    close, reopen = loss_of_entry(names).text.encode(), return_of_entry(names).text.encode()
    session.execute("BEGIN")
    session.execute(close)
    [[began]] = session.execute("SELECT clock_timestamp()").fetchall()
    session.execute("COMMIT")
    try:
        while True:
            while session.execute(COUNT_INSIDE.encode()).fetchall():
                session.execute(END_INSIDE.encode())
                time.sleep(0.002)
            if not is_careful:
                break
            if session.execute(_CAN_LOG_IN.encode()).fetchall():
                raise RuntimeError("a role kept LOGIN")
            if session.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
                raise RuntimeError("a transaction is prepared")
            if not session.execute(COUNT_INSIDE.encode()).fetchall():
                break
        [[_, ended]] = session.execute(_MARK.encode()).fetchall()
    finally:
        session.execute(reopen)
    return float((ended - began).total_seconds())


def plan_of_fence(app: App, clone: str) -> Plan:
    """A cutover's own plan, less what neither makes its fence nor is asked before it; each step keeps its guards."""
    whole = plan_cutover(app, CutoverWish(clone))
    steps, before = list[Step](), tuple[str, ...]()
    for step in whole.steps:
        action = step.action
        is_of_fence = isinstance(action, EndSessions | ChangeSql) and action.cluster == whole.source
        if is_of_fence or (isinstance(action, CountWrites) and action.is_needed):
            steps.append(step.model_copy(update={"after": before, "after_settled": ()}))
            before = (step.id,)
    return whole.model_copy(update={"steps": tuple(steps), "gap": None})


def fence_by_run(app: App, plan: Plan, number: int) -> tuple[float, dict[str, float]]:
    """Seconds that a run needs for the fence, and for each part of it; the source stays closed."""
    events: list[Event] = []
    own = plan.model_copy(update={"run": RunId(f"{plan.run}{number:x}")})
    app.store.create(own)
    app.fitting[own.run] = ()  # as after `start`, which would plan it anew
    state = carry_out(app, own.run, Watchers(on_event=events.append))
    if state.status != "finished":
        raise RuntimeError(f"the fence is {state.status}: {state.note}")
    [(emptied, mark)] = [(name, step.result["mark"]) for name, step in state.steps.items() if "mark" in step.result]
    staged = _moment(events, StepStaged, "close-source")
    closed, next_one = _moment(events, StepDone, "close-source"), _moment(events, StepIntended, emptied)
    ended = datetime.fromisoformat(mark["at"])
    parts = {
        "until the loss of LOGIN is recorded, committed, and recorded as done": closed - staged,
        "until sending out is recorded as begun": next_one - closed,
        "until AWS was asked, nobody is inside, and the mark is read": ended - next_one,
    }
    return (ended - staged).total_seconds(), {what: span.total_seconds() for what, span in parts.items()}


def _moment(events: list[Event], kind: type[StepStaged | StepDone | StepIntended], step: str) -> datetime:
    return next(each.at for each in events if isinstance(each.body, kind) and step in each.body.step)


def open_again(session: Owner, plan: Plan) -> None:
    """Take a run's fence back."""
    for step in plan.steps:
        if isinstance(step.action, ChangeSql) and step.action.back is not None:
            session.execute(step.action.back.text.encode())


def await_everybody(session: Owner) -> None:
    """Wait until every client is inside again, and has written for a moment."""
    until = time.monotonic() + 30
    while sum(int(count) for _, count in session.execute(COUNT_INSIDE.encode()).fetchall()) < CLIENTS:
        if time.monotonic() > until:
            raise RuntimeError("the clients did not come back within 30 s")
        time.sleep(0.05)
    time.sleep(0.3)


def measure_fences(yard: Yard, clone: str, cycles: int, progress: Callable[[str], None]) -> Fences:
    """Two fences of a run in each cycle, and one of each script."""
    taken, plan = Fences(), plan_of_fence(yard.on.app(), clone)
    with yard.clients("parameter"), yard.owner() as session:
        for _ in range(cycles):
            for is_careful, place in ((False, taken.bare), (True, taken.careful)):
                await_everybody(session)
                place.append(fence_by_script(session, is_careful=is_careful))
                await_everybody(session)
                whole, parts = fence_by_run(yard.on.app(), plan, len(taken.run))
                open_again(session, plan)
                taken.run.append(whole)
                for what, seconds in parts.items():
                    taken.parts.setdefault(what, []).append(seconds)
            progress(f"{len(taken.run)} of {2 * cycles} fences")
    return taken

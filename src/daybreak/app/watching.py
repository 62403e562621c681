"""Watching: a run that another process carries out, reported as its events come, in the way of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daybreak.app.app import App
from daybreak.app.carrying import as_it_is
from daybreak.app.running import Watchers
from daybreak.errors import Stopped, Unreachable
from daybreak.execute.doors import Progress
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import Event, RunState, StepRetried, StepSeen, Tally
from daybreak.model.value import stamp

BETWEEN_GLANCES = 0.5
"""Seconds between two looks at a journal."""

ASKED_FOR_LIFE = 10
"""After so many looks without news it is asked whether any process still holds the run."""

BEGINS_WITHIN = 30
"""Seconds within which a run begins that a process has frozen: it first asks AWS who it is."""


def watch(app: App, run: str, watchers: Watchers) -> RunState:
    """Follow a run to its end, which may be long past; raises ``Refused`` for an unknown run.

    Raises ``Stopped`` when the run goes on by its journal and no process holds it any more: it was killed. Raises ``Unreachable``
    when nothing is heard any more of a process that may hold it elsewhere. Whatever is waited for is reported at each look.
    What goes on between two events is known from the newest of them only: what a validation counts is not in the journal.
    """
    plan = app.store.plan(run)
    eyes, quiet = _Eyes(), 0
    began = app.timing.monotonic()
    while True:
        events = app.store.events(run)
        is_new, quiet = not eyes.events, quiet + 1 if len(events) == eyes.events else 0
        if events and not eyes.events:
            eyes.add(events)
            watchers.before(events)
        for event in events[eyes.events :]:
            eyes.add((event,))
            watchers.on_event(event)
        if eyes.events:
            state = eyes.state()
            if state.ended is not None:
                return state
            if state.status == "running" and (is_new or quiet) and quiet % ASKED_FOR_LIFE == 0:
                _require_life(app, state)
            going_on = [*eyes.progress(plan, state, app.timing.now())]
            for progress in going_on:
                watchers.progress(progress)
            if not going_on:
                watchers.idle(_waits_for(state))
        elif app.timing.monotonic() - began > BEGINS_WITHIN:
            raise Stopped(f"{run} is planned, and no process has begun it", f"daybreak resume {run}")
        else:
            watchers.idle("planned; no process has begun it yet")
        app.timing.sleep(BETWEEN_GLANCES)


def _require_life(app: App, state: RunState) -> None:
    """Raise ``Stopped`` where no process holds the run, and ``Unreachable`` where nobody can say whether one does."""
    now = as_it_is(app, state)
    if now.status == "stopped":
        raise Stopped(f"{state.run}: {now.note}", f"daybreak resume {state.run}")
    if now.status == "silent":
        raise Unreachable(f"{state.run}: {now.note}", *now.hints)


def _waits_for(state: RunState) -> str:
    """What a run waits for of which no step goes on, so that who watches it knows that the watching goes on."""
    if state.status == "paused":
        return f"paused since {stamp(state.last)}: waits for somebody to resume it"
    return f"nothing new since {stamp(state.last)}; {state.who} carries it out"


class _Eyes(Tally):
    """A run as its journal shows it, with what each wait saw last, and until when a step that AWS put off rests."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[StepId, str] = {}
        self._rests: dict[StepId, datetime] = {}

    def add(self, events: tuple[Event, ...] | list[Event]) -> None:
        super().add(events)
        for event in events:
            match event.body:
                case StepSeen(step=step, seen=seen):
                    self._seen[step] = seen
                case StepRetried(step=step, pause=pause):
                    self._rests[step] = event.at + timedelta(seconds=pause)

    def progress(self, plan: Plan, state: RunState, now: datetime) -> Iterator[Progress]:
        """Each step that goes on; except one that rests until AWS is asked again."""
        for step in plan.steps if state.status == "running" else ():
            known = state.step(step.id)
            if known.status in ("intended", "sent") and known.began and self._rests.get(step.id, now) <= now:
                yield Progress(step=step.id, seen=self._seen.get(step.id, ""), since=known.began)

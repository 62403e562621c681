"""Watching: a run that another process carries out, reported as its events come, in the way of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daybreak.app.app import App
from daybreak.app.running import Watchers
from daybreak.errors import Paused
from daybreak.execute.doors import Progress
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import Event, RunState, StepRetried, StepSeen, Tally
from daybreak.model.value import stamp

BETWEEN_GLANCES = 0.5
"""Seconds between two looks at a journal."""

ASKED_FOR_LIFE = 10
"""After so many looks without news it is asked whether any process still holds the run."""


def watch(app: App, run: str, watchers: Watchers) -> RunState:
    """Follow a run to its end, which may be long past; raises ``Refused`` for an unknown run.

    Raises ``Paused`` when the run goes on by its journal and no process holds it any more: it was killed.
    What goes on between two events is known from the newest of them only: what a validation counts is not in the journal.
    """
    plan = app.store.plan(run)
    eyes, quiet = _Eyes(), 0
    while True:
        events = app.store.events(run)
        quiet = quiet + 1 if len(events) == eyes.events else 0
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
            if state.status == "running" and quiet and quiet % ASKED_FOR_LIFE == 0:
                _require_life(app, run, events)
            for progress in eyes.progress(plan, state, app.timing.now()):
                watchers.progress(progress)
        app.timing.sleep(BETWEEN_GLANCES)


def _require_life(app: App, run: str, events: tuple[Event, ...]) -> None:
    """Raise ``Paused`` where no process holds a run of which nothing was heard since."""
    if app.store.is_held(run) or len(app.store.events(run)) != len(events):
        return  # it may have ended in between
    raise Paused(
        f"no process carries out {run} any more; last heard of at {stamp(events[-1].at)}", f"daybreak resume {run}"
    )


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

"""Watching: a run that another process carries out, reported as its events come, in the way of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daybreak.app.app import App
from daybreak.app.running import Watchers
from daybreak.execute.doors import Progress
from daybreak.model.plan import Plan, StepId
from daybreak.model.run import Event, RunState, StepRetried, StepSeen, Tally

BETWEEN_GLANCES = 0.5
"""Seconds between two looks at a journal."""


def watch(app: App, run: str, watchers: Watchers) -> RunState:
    """Follow a run to its end, which may be long past; raises ``Refused`` for an unknown run.

    What goes on between two events is known from the newest of them only: what a validation counts is not in the journal.
    """
    plan = app.store.plan(run)
    eyes = _Eyes()
    while True:
        events = app.store.events(run)
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
            for progress in eyes.progress(plan, state, app.timing.now()):
                watchers.progress(progress)
        app.timing.sleep(BETWEEN_GLANCES)


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

"""Watching: the events of a run that another process carries out, as they come."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.app.app import App
from daybreak.model.run import Event, state_of

BETWEEN_GLANCES = 0.5
"""Seconds between two looks at a journal."""


def watch(app: App, run: str) -> Iterator[Event]:
    """Each event of a run, from its first to its end; raises ``Refused`` for an unknown run."""
    app.store.plan(run)
    seen = 0
    while True:
        events = app.store.events(run)
        yield from events[seen:]
        seen = len(events)
        if events and state_of(events).ended is not None:
            return
        app.timing.sleep(BETWEEN_GLANCES)

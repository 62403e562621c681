"""The sources that our own runs keep closed, by the state: whoever asks how production is learns it, however the run ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from daybreak.app.app import App
from daybreak.app.ending import read_rollbacks, words_on_source
from daybreak.journal.store import Damaged, Newer
from daybreak.model.requests import CutoverRequest
from daybreak.model.targets import Target
from daybreak.plan.gaps import fence_recorded


def sources_closed(app: App, target: Target) -> tuple[str, ...]:
    """Each cutover of the target's cluster that has ended and keeps it closed, in a sentence with the command that opens it.

    One that has not ended, and a rollback that has not, are said among the runs under way.
    """
    backs = read_rollbacks(app)
    names = [name for name in app.store.runs() if "-cutover-" in name]
    return tuple(words for name in names for words in _words_on(app, target, name, backs.get(name, ())))


def _words_on(app: App, target: Target, name: str, backs: tuple[str, ...]) -> Iterator[str]:
    with suppress(Damaged, Newer):  # a run that cannot be read is listed by `daybreak runs`
        plan, state = app.store.plan(name), app.state_or_none(name)
        is_of_it = (plan.target.region, plan.target.cluster) == (target.region, target.cluster)
        if not isinstance(plan.request, CutoverRequest) or not is_of_it or state is None or state.ended is None:
            return
        back = app.state_or_none(backs[-1]) if backs else None
        if back is not None and back.ended is None:
            return
        if state.status == "finished" and back is None and fence_recorded(plan, state) is not None:
            yield f"{plan.source} is closed: {name} moved the traffic to {plan.clone}; open it: daybreak rollback {name}"
        elif words := words_on_source(app, plan, state, {name: backs}):
            yield words

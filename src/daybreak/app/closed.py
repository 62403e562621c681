"""The sources that our own runs keep closed, by the state: whoever asks how production is learns it, however the run ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from daybreak.app.app import App
from daybreak.app.ending import read_rollbacks, words_on_source
from daybreak.journal.store import Damaged, Newer
from daybreak.model.actions import ChangeSql
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverDeed, CutoverRequest, RestoreRequest
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.plan.gaps import deeds_of, fence_recorded


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


def notes_on_fence(app: App, plan: Plan) -> Iterator[str]:
    """That a clone's moment lies in the time in which a run of ours kept its source closed: its roles cannot log in then.

    What a person opened by hand meanwhile is in no journal of ours, so it may be otherwise.
    """
    request = plan.request
    restore = app.store.plan(request.run) if isinstance(request, CutoverRequest) else plan
    if not isinstance(restore.request, RestoreRequest):
        return
    moment, backs = restore.moment or restore.created, read_rollbacks(app)
    for name in [name for name in app.store.runs() if "-cutover-" in name and name != plan.run]:
        with suppress(Damaged, Newer):
            cutover, state = app.store.plan(name), app.state_or_none(name)
            if state is None or (cutover.target.region, cutover.source) != (restore.target.region, restore.source):
                continue
            for deed in deeds_of(cutover, state):
                shut, action = state.step(deed.step).ended, deed.action
                if (
                    not isinstance(action, ChangeSql)
                    or action.cluster != cutover.source
                    or shut is None
                    or action.back is None
                ):
                    continue
                opened = _time_opened(app, backs.get(name, ()), deed)
                if shut <= moment and (opened is None or moment < opened):
                    yield (
                        f"{name} kept {cutover.source} closed at {stamp(moment)}: who could not log in there cannot in {restore.clone}; "
                        f"once it is there, and before traffic goes to it: {action.back.text}"
                    )


def _time_opened(app: App, backs: tuple[str, ...], deed: CutoverDeed) -> datetime | None:
    """When a rollback took a closing back; ``None`` where none did."""
    found = []
    for back in backs:
        plan, state = app.store.plan(back), app.state_or_none(back)
        ends = [state.step(step.id).ended for step in plan.steps if step.action in deed.back] if state else []
        found += [end for end in ends if end is not None]
    return min(found, default=None)

"""Ending what a rollback takes back: a cutover that stands still is ended by the rollback itself, and never while a process is at it."""

from __future__ import annotations

from collections.abc import Iterable

from daybreak.app.app import App
from daybreak.errors import Refused
from daybreak.journal.store import Held
from daybreak.model.plan import Plan
from daybreak.model.requests import RollbackRequest
from daybreak.model.run import RunAborted, RunState
from daybreak.plan.gaps import deeds_of


def runs_to_end(app: App, runs: Iterable[str]) -> tuple[str, ...]:
    """Those of the runs that have begun and not ended; raises ``Refused`` where a process may carry one of them out."""
    found = []
    for run in runs:
        state = app.state_or_none(run)
        if state is None or state.ended is not None:
            continue
        if app.store.is_held(run):
            raise Refused(
                f'another process carries out the run "{run}"',
                f"daybreak watch {run}",
                f"daybreak abort {run}  # that process ends it at its next look",
                f"daybreak resume {run} --take-over  # where that process is dead",
            )
        found.append(run)
    return tuple(found)


def end_those_before(app: App, plan: Plan) -> None:
    """End the runs that a rollback ends first, where they stand as they did when it was planned.

    Raises ``Refused`` where somebody went on with one since, or is at it: what the plan takes back is not all then.
    """
    request = plan.request
    if not isinstance(request, RollbackRequest):
        return
    for run in request.ends:
        _hold_to_plan(app, request, run, app.state_or_none(run))
        try:
            with app.attach(run) as journal:
                _hold_to_plan(app, request, run, journal.state())
                journal.append(RunAborted(by=app.person(), why=f"{plan.run} takes it back"))
        except Held as held:
            raise Refused(_words(run), *held.hints) from held


def _hold_to_plan(app: App, request: RollbackRequest, run: str, state: RunState | None) -> None:
    """Raise ``Refused`` where a run that is to be ended has ended, or did more since it was planned."""
    is_more = run == request.run and state is not None and deeds_of(app.store.plan(run), state) != request.deeds
    if state is None or state.ended is not None or is_more:
        raise Refused(f"{_words(run)}: plan again", f"daybreak rollback {request.run}")


def _words(run: str) -> str:
    return f'somebody went on with the run "{run}" since this was planned'

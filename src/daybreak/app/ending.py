"""Where a run stands, how it ended, and the next command for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from daybreak.app.app import App
from daybreak.app.carrying import as_it_is
from daybreak.assess.ending import exit_code_of, next_command
from daybreak.errors import ExitCode, Refused
from daybreak.model.names import run_cleaned_by
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest, CutoverRequest, RollbackRequest
from daybreak.model.run import RunState
from daybreak.plan.clean import removes_all
from daybreak.plan.gaps import words_on_closed


def state_of_run(app: App, run: str) -> tuple[Plan, RunState]:
    """A run's plan, and its state as it is now; raises ``Refused`` for an unknown run."""
    plan = app.store.plan(run)
    chain = app.store.chain(run)
    if not chain.events:
        raise Refused(f'the run "{run}" was created but never began', f"daybreak resume {run}")
    return plan, as_it_is(app, chain.state())


def next_of(app: App, plan: Plan, state: RunState, left_open: str = "") -> str:
    """The next command for a run as it stands. What was removed already is not removed again, and a held run is followed or approved.

    ``left_open`` is the command for what a cutover left open, where that was looked at.
    """
    now = as_it_is(app, state)
    if left_open:
        return left_open
    if isinstance(plan.request, CutoverRequest) and (found := rollbacks_of(app, plan.run)):
        return _next_of_taken_back(app, found[-1])
    is_closed = any(state_of_run(app, each)[1].status == "finished" for each in completions_of(app, plan.run))
    return next_command(plan, now, is_cleaned=is_cleaned(app, plan, now), is_closed=is_closed, reader=app.person())


def rollbacks_of(app: App, run: str) -> tuple[str, ...]:
    """The runs that took a cutover back, or began to, in the order of ``read_rollbacks``."""
    return read_rollbacks(app).get(run, ())


def completions_of(app: App, run: str) -> tuple[str, ...]:
    """The runs that began to do what a cutover could not, oldest first."""
    found: list[Plan] = []
    for name in app.store.runs():
        plan = app.store.plan(name) if "-cutover-" in name else None
        if (
            plan
            and isinstance(plan.request, CutoverRequest)
            and plan.request.completes == run
            and app.state_or_none(name)
        ):
            found.append(plan)
    return tuple(plan.run for plan in sorted(found, key=lambda each: each.created))


def read_rollbacks(app: App) -> dict[str, tuple[str, ...]]:
    """The runs that took each cutover back, or began to, by the cutover's name. Each is read once.

    They are in the order in which they were made, and one that came to its end is the last: the others gave way to it, or failed.
    """
    plans = (app.store.plan(name) for name in app.store.runs() if "-rollback-" in name)
    return rollbacks_among((plan, state) for plan in plans if (state := app.state_or_none(plan.run)))


def rollbacks_among(runs: Iterable[tuple[Plan, RunState]]) -> dict[str, tuple[str, ...]]:
    """Of runs that have begun, those that took each cutover back, as ``read_rollbacks`` says it."""
    found: dict[str, list[tuple[bool, datetime, str]]] = {}
    for plan, state in runs:
        if isinstance(plan.request, RollbackRequest):
            found.setdefault(plan.request.run, []).append((state.status == "finished", plan.created, plan.run))
    return {run: tuple(name for *_, name in sorted(rollbacks)) for run, rollbacks in found.items()}


def _next_of_taken_back(app: App, rollback: str) -> str:
    """The next command for a cutover that was taken back, or of which somebody began to."""
    plan, state = app.store.plan(rollback), app.state_or_none(rollback)
    return next_command(plan, as_it_is(app, state), reader=app.person()) if state else f"daybreak resume {rollback}"


def words_on_source(app: App, plan: Plan, state: RunState, backs: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """That nobody can write to the source that a cutover closed, and what opens it; empty where that is not so, or a process is at it.

    Where somebody has begun to take the cutover back, that run says it. ``backs`` is what ``read_rollbacks`` found, where it was read.
    """
    is_cutover = isinstance(plan.request, CutoverRequest)
    if is_cutover and (found := (read_rollbacks(app) if backs is None else backs).get(plan.run, ())):
        plan, state = state_of_run(app, found[-1])
    return words_on_closed(plan, state, app.now()) if state.status not in ("running", "finished") else ""


def is_cleaned(app: App, plan: Plan, state: RunState) -> bool:
    """Whether what an ended run created, or had to remove, has been removed since."""
    original = plan.request.run if isinstance(plan.request, CleanRequest) else plan.run
    names = [run for run in app.store.runs() if run_cleaned_by(run) == original] if state.ended else []
    return any(_has_removed_all(app, run) for run in names)


def _has_removed_all(app: App, run: str) -> bool:
    """Whether a clean-up is through and left nothing."""
    done = app.state_or_none(run)
    return bool(done and done.status == "finished") and removes_all(app.store.plan(run))


def exit_code(app: App, run: str) -> ExitCode:
    """The exit code for how a run ended or where it stands."""
    plan, state = state_of_run(app, run)
    return exit_code_of(state, plan.objectives)

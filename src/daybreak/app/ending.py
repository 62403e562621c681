"""Where a run stands, how it ended, and the next command for a person."""

from __future__ import annotations

from daybreak.app.app import App
from daybreak.app.carrying import as_it_is
from daybreak.assess.ending import exit_code_of, next_command
from daybreak.errors import ExitCode, Refused
from daybreak.model.names import run_cleaned_by
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.run import RunState
from daybreak.plan.clean import removes_all


def state_of_run(app: App, run: str) -> tuple[Plan, RunState]:
    """A run's plan, and its state as it is now; raises ``Refused`` for an unknown run."""
    plan = app.store.plan(run)
    chain = app.store.chain(run)
    if not chain.events:
        raise Refused(f'the run "{run}" was created but never began', f"daybreak resume {run}")
    return plan, as_it_is(app, chain.state())


def next_of(app: App, plan: Plan, state: RunState) -> str:
    """The next command for a run as it stands. What was removed already is not removed again, and a held run is followed or approved."""
    now = as_it_is(app, state)
    return next_command(plan, now, is_cleaned=is_cleaned(app, plan, now))


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

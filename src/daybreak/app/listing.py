"""Listing the runs, each with the next command for it; a run that cannot be read is listed too."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daybreak.app.app import App
from daybreak.app.carrying import as_it_is
from daybreak.assess.ending import next_command
from daybreak.errors import DaybreakError
from daybreak.journal.store import removal_of
from daybreak.model.names import run_cleaned_by
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from daybreak.plan.clean import removes_all


@dataclass(frozen=True)
class Listed:
    """One run: its plan and state, or why they cannot be shown."""

    run: str
    then: str
    """The next command."""
    plan: Plan | None = None
    state: RunState | None = None
    """``None`` where the run never began, or cannot be read."""
    damage: str = ""
    """Why it cannot be read; empty when it can."""


def list_runs(app: App) -> tuple[Listed, ...]:
    """Every run, the newest plan first."""
    found = [_read(app, run) for run in app.store.runs()]
    ended = (each for each in found if each.state and each.state.status == "finished")
    finished = (each.run for each in ended if each.plan and removes_all(each.plan))
    cleaned = {original: run for run in finished if (original := run_cleaned_by(run))}
    return tuple(_with_next(each, cleaned) for each in found)


def _read(app: App, run: str) -> Listed:
    try:
        plan, chain = app.store.plan(run), app.store.chain(run)
        return Listed(run, f"daybreak resume {run}", plan, as_it_is(app, chain.state()) if chain.events else None)
    except DaybreakError as error:
        return Listed(run, removal_of(run), damage=error.message)


def _with_next(each: Listed, cleaned: dict[str, str]) -> Listed:
    """The run with its next command; ``cleaned`` holds the runs whose clones were removed, each with its clean-up."""
    original = run_cleaned_by(each.run) or each.run
    is_cleaned = original in cleaned
    if each.plan is None and is_cleaned:
        return replace(each, then=f"daybreak show {cleaned[original]}")
    if each.plan is None or each.state is None:
        return each
    return Listed(each.run, next_command(each.plan, each.state, is_cleaned=is_cleaned), each.plan, each.state)

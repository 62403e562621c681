"""Listing the runs, each with the next command for it; a run that cannot be read is listed too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from daybreak.app.app import App
from daybreak.app.carrying import as_it_is
from daybreak.app.clones import clones_in
from daybreak.assess.ending import next_command
from daybreak.errors import DaybreakError
from daybreak.journal.store import removal_of
from daybreak.model.clones import Clone
from daybreak.model.names import run_cleaned_by
from daybreak.model.plan import Plan
from daybreak.model.run import RunState
from daybreak.plan.clean import removes_all

Existence = Literal["there", "gone", "unknown", ""]
"""Whether a clone exists: ``gone`` where a clean-up removed it or AWS does not list it, ``unknown`` where nobody asked or answered."""


@dataclass(frozen=True)
class Listed:
    """One run: its plan and state, or why they cannot be shown."""

    run: str
    then: str
    """The next command."""
    plan: Plan | None = None
    state: RunState | None = None
    """``None`` where the run never began, or cannot be read."""
    clone: Existence = ""
    """Whether the clone still exists; empty for a run that made none."""
    damage: str = ""
    """Why it cannot be read; empty when it can."""


def list_runs(app: App, *, asks_aws: bool = False) -> tuple[Listed, ...]:
    """Every run, the newest plan first; ``asks_aws`` asks each region once which clones exist, five seconds at most."""
    found = [_read(app, run) for run in app.store.runs()]
    ended = (each for each in found if each.state and each.state.status == "finished")
    finished = (each.run for each in ended if each.plan and removes_all(each.plan))
    cleaned = {original: run for run in finished if (original := run_cleaned_by(run))}
    regions = {each.plan.identity.region for each in found if each.plan}
    looks = clones_in(app, tuple(sorted(regions))) if asks_aws and regions else {}
    there = tuple(clone for seen in looks.values() if not isinstance(seen, DaybreakError) for clone in seen)
    asked = {region for region, seen in looks.items() if not isinstance(seen, DaybreakError)}
    listed = (_with_next(each, cleaned) for each in found)
    return tuple(replace(each, clone=_existence(each, cleaned, asked, there)) for each in listed)


def _existence(each: Listed, cleaned: dict[str, str], asked: set[str], there: tuple[Clone, ...]) -> Existence:
    if run_cleaned_by(each.run) or (each.plan and each.state is None):
        return ""
    if each.run in cleaned:
        return "gone"
    plan, state = each.plan, each.state
    if plan is None or state is None or plan.identity.region not in asked:
        return "unknown"
    own = [one for one in there if one.identifier == plan.clone and one.nonce == state.nonce]
    if own:
        return "unknown" if plan.identity.differences(own[0].home) else "there"
    # A clone that took another's name carries the nonce still; so may what somebody else restored from a snapshot of it.
    return "unknown" if any(one.nonce == state.nonce for one in there) else "gone"


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

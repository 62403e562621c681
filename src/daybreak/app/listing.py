"""Listing the runs, each with the next command for it; a run that cannot be read is listed too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from daybreak.app.app import App
from daybreak.app.carrying import as_it_is
from daybreak.app.clones import clones_in
from daybreak.app.ending import rollbacks_among
from daybreak.assess.ending import next_command
from daybreak.errors import DaybreakError
from daybreak.journal.store import removal_of
from daybreak.model.clones import Clone
from daybreak.model.names import run_cleaned_by
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest
from daybreak.model.run import RunState
from daybreak.plan.clean import removes_all
from daybreak.plan.following import cutover_from

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
    followers = _Followers(found, cleaned, app.person())
    listed = (followers.with_next(each) for each in found)
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


class _Followers:
    """What later runs did to earlier ones, which decides what comes next for those."""

    def __init__(self, found: list[Listed], cleaned: dict[str, str], reader: str) -> None:
        """``cleaned`` holds the runs whose clones were removed, each with its clean-up; ``reader`` is who reads the list."""
        runs = [(each.plan, each.state) for each in found if each.plan and each.state]
        self._runs: dict[str, tuple[Plan, RunState]] = {plan.run: (plan, state) for plan, state in runs}
        self._backs, self._cleaned, self._reader = rollbacks_among(runs), cleaned, reader
        self._standing = [
            plan for plan, state in runs if state.status == "finished" and not self._is_taken_back(plan.run)
        ]
        moves = ((plan.request, state) for plan, state in runs if isinstance(plan.request, CutoverRequest))
        self._closed = {request.completes for request, state in moves if state.status == "finished"}

    def with_next(self, each: Listed) -> Listed:
        """The run with its next command."""
        original = run_cleaned_by(each.run) or each.run
        if each.plan is None and original in self._cleaned:
            return replace(each, then=f"daybreak show {self._cleaned[original]}")
        if each.plan is None or each.state is None:
            return each
        if later := self._next_move(each.plan):
            return replace(each, then=f"daybreak rollback {later.run}")
        backs = self._backs.get(each.run, ())
        plan, state = self._runs[backs[-1]] if backs else (each.plan, each.state)
        then = next_command(
            plan,
            state,
            is_cleaned=original in self._cleaned,
            is_closed=each.run in self._closed,
            reader=self._reader,
        )
        return replace(each, then=then)

    def _is_taken_back(self, run: str) -> bool:
        return any(self._runs[back][1].status == "finished" for back in self._backs.get(run, ()))

    def _next_move(self, plan: Plan) -> Plan | None:
        """The cutover that led the traffic on from the clone of an earlier one, which is taken back first."""
        return cutover_from(plan.request.run, self._standing) if isinstance(plan.request, CutoverRequest) else None

"""How long a restore takes, and by what evidence: this target's own history if there is any, else the runbook's table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

import humanize

from daybreak.model.actions import (
    Action,
    AwaitInstance,
    CreateInstance,
    RebootInstance,
)
from daybreak.model.checks import ROWS
from daybreak.model.findings import Standing, Verdict
from daybreak.model.moment import span_in_words
from daybreak.model.observation import PastRun
from daybreak.model.plan import Estimate, Plan
from daybreak.model.requests import RestoreRequest
from daybreak.model.run import Amendment, RunState
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.value import Span
from daybreak.plan.amending import amend, is_taken, steps_unasked
from daybreak.plan.substitutes import is_as_strong

_GB = 1024**3
_SMALL = 100 * _GB
_MEDIUM = 500 * _GB

RUNBOOK: dict[tuple[str, str], tuple[timedelta, timedelta]] = {
    ("pitr", "< 100 GB"): (timedelta(minutes=30), timedelta(minutes=60)),
    ("pitr", "100-500 GB"): (timedelta(hours=1), timedelta(hours=2)),
    ("snapshot", "< 100 GB"): (timedelta(minutes=30), timedelta(minutes=45)),
    ("snapshot", "100-500 GB"): (timedelta(hours=1), timedelta(hours=2)),
    ("region", "< 100 GB"): (timedelta(hours=2), timedelta(hours=3)),
    ("region", "100-500 GB"): (timedelta(hours=3), timedelta(hours=4)),
}
"""The runbook's table of estimated restoration times."""

OF_STAGING = "its clone was scaled down for staging"
"""Why a clone for staging shows nothing of a recovery."""

ALL = 100
"""Percent of the tables."""

ENOUGH = 3
"""With so many earlier runs the history counts alone; with fewer it stands beside the table."""

INSTANCE = Estimate(
    low=timedelta(minutes=6),
    high=timedelta(minutes=10),
    evidence="an Aurora instance usually takes 6 to 10 minutes to create",
)
CALL = Estimate(low=timedelta(seconds=1), high=timedelta(seconds=30), evidence="one API call")
APPROVAL = Estimate(
    low=timedelta(0), high=timedelta(0), evidence="how long a person takes to answer is not in any estimate"
)
LOOK = Estimate(low=timedelta(seconds=1), high=timedelta(minutes=2), evidence="DNS, TCP and SQL usually answer at once")
DELETION = Estimate(
    low=timedelta(minutes=2), high=timedelta(minutes=15), evidence="deleting usually takes 2 to 15 minutes"
)
VALIDATION = Estimate(
    low=timedelta(seconds=1),
    high=timedelta(minutes=2),
    evidence="questions and judging; reading many rows takes longer",
)
FAIL_OVER = Estimate(
    low=timedelta(minutes=1),
    high=timedelta(minutes=15),
    evidence="AWS speaks of minutes for a fail-over, which moves the database itself and makes no clone; never measured here",
)
SNAPSHOT = Estimate(
    low=timedelta(minutes=1),
    high=timedelta(hours=1),
    evidence="a manual snapshot usually takes minutes; AWS names no time",
)
EXPORT = Estimate(
    low=timedelta(minutes=10),
    high=timedelta(hours=8),
    evidence="AWS names no time for an export, and restores the snapshot for it: hours where the storage is large; never measured here",
)
ENDING_OF_EXPORT = Estimate(
    low=timedelta(seconds=1), high=timedelta(minutes=15), evidence="AWS names no time for ending an export"
)
RENAMING = Estimate(
    low=timedelta(minutes=1), high=timedelta(minutes=10), evidence="AWS speaks of two to ten minutes for a name"
)
NAME_SPREADS = Estimate(
    low=timedelta(seconds=1),
    high=timedelta(minutes=10),
    evidence="AWS speaks of up to ten minutes until a new name leads there",
)
_COPY = (timedelta(minutes=10), timedelta(hours=12))
"""The bounds for a copy where nothing is known of earlier ones."""
RESTART = Estimate(low=timedelta(seconds=20), high=timedelta(minutes=5), evidence="a restart usually takes a minute")
OPTIONS = Estimate(low=timedelta(seconds=30), high=timedelta(minutes=2), evidence="settings apply within minutes")


def of_going_back(action: Action) -> Estimate:
    """How long what takes a step back takes."""
    return RESTART if isinstance(action, RebootInstance | AwaitInstance) else CALL


def why_no_measure(verdict: Verdict, how: Thoroughness, clone: str = "") -> str:
    """Why what was measured does not show that a recovery keeps its promises; empty where it does.

    A clone shows it that could take the source's place, and was seen to be right in all that a recovery asks of it. ``clone``
    is what ``why_no_stand_in`` says of it.
    """
    if verdict.standing not in (Standing.FIT, Standing.WAIVED):
        return f"its verdict is {verdict.standing.value}"
    if clone:
        return clone
    if how.depth == "quick":
        return "its clone was validated at quick depth, which reads no rows"
    if how.sample < ALL:
        return f"of its clone only a sample was read through, {how.sample} % of the tables"
    if how.within is not None and any(each.check == ROWS.name for each in verdict.not_asked):
        return f"the validation of its clone left rows unread, to end within {span_in_words(how.within)}"
    return ""


def why_no_stand_in(plan: Plan, amendments: Iterable[Amendment] = ()) -> str:
    """Why the clone of a run could not take the source's place, however right its data is; empty where it could."""
    if isinstance(plan.request, RestoreRequest) and plan.request.purpose == "staging":
        return OF_STAGING
    made = tuple(amendments)
    for was, now in zip(plan.steps, amend(plan, made).steps, strict=True):
        if not isinstance(was.action, CreateInstance) or not isinstance(now.action, CreateInstance):
            continue
        if not is_taken(now, made):
            return f"its clone was made without {was.action.instance}"
        if not is_as_strong(now.action.instance_class, was.action.instance_class):
            return (
                f"{was.action.instance} was made {now.action.instance_class}, and planned {was.action.instance_class}"
            )
    return ""


def why_run_shows_nothing(plan: Plan, state: RunState) -> str:
    """Why what a run measured does not show that a recovery keeps its promises; empty where it does, and for a run that restores nothing."""
    if not isinstance(plan.request, RestoreRequest):
        return ""
    if state.verdict is None:
        return "the run reached no verdict"
    return why_no_measure(state.verdict, plan.request.thoroughness, why_no_stand_in(plan, state.amendments))


def restore_estimate(kind: str, size: int | None, past: tuple[PastRun, ...]) -> Estimate:
    """The estimate of a whole run from start to verdict, by those of the earlier runs that show it. ``size`` is in bytes; ``past`` holds finished runs of the same target.

    >>> restore_estimate("pitr", 40 * 1024**3, ()).evidence
    "the runbook's table: pitr, < 100 GB (the source holds 40 GB); no earlier run of this target"
    """
    own = [run.complete or run.took for run in past if run.kind == kind and not run.why_not]
    if len(own) >= ENOUGH:
        middle = span_in_words(timedelta(seconds=median(took.total_seconds() for took in own)))
        return Estimate(
            low=min(own), high=max(own), evidence=f"{len(own)} earlier runs of this target: median {middle}"
        )
    low, high, row = _table(kind, size)
    history = (
        f"{len(own)} earlier run(s) of this target: {', '.join(map(span_in_words, own))}"
        if own
        else "no earlier run of this target"
    )
    return Estimate(low=low, high=high, evidence=f"{row}; {history}")


def copy_estimate(past: tuple[PastRun, ...]) -> Estimate:
    """The estimate of one copy to another region, by the earlier ones of the same target to it.

    >>> copy_estimate(()).evidence
    'AWS names no time for a copy, and no earlier run made one here: hours where the storage is large'
    """
    own = [run.took for run in past if run.kind == "copy"]
    if not own:
        why = "AWS names no time for a copy, and no earlier run made one here: hours where the storage is large"
        return Estimate(low=_COPY[0], high=_COPY[1], evidence=why)
    middle = span_in_words(timedelta(seconds=median(took.total_seconds() for took in own)))
    evidence = (
        f"{len(own)} earlier {'copy' if len(own) == 1 else 'copies'} of this target to this region: median {middle}"
    )
    # A queue may stand before the next one, so the longest is no bound.
    return Estimate(low=min(own), high=max(own) * 2, evidence=evidence)


def _table(kind: str, size: int | None) -> tuple[timedelta, timedelta, str]:
    small, medium = RUNBOOK[kind, "< 100 GB"], RUNBOOK[kind, "100-500 GB"]
    if size is None:
        return small[0], medium[1], f"the runbook's table: {kind}, up to 500 GB (the source's size is not known)"
    size_words = f"the source holds {max(1, round(size / _GB))} GB"
    if size < _SMALL:
        return *small, f"the runbook's table: {kind}, < 100 GB ({size_words})"
    if size <= _MEDIUM:
        return *medium, f"the runbook's table: {kind}, 100-500 GB ({size_words})"
    factor = size / _MEDIUM
    stretched = f"the runbook's table ends at 500 GB; its last row, {kind}, stretched by {factor:.1f} ({size_words})"
    return medium[0] * factor, medium[1] * factor, stretched


def storage_share(whole: Estimate, low: Span, high: Span) -> Estimate:
    """The share of the whole for the restore of the storage: what the others leave on the longest way, between two bounds."""
    least = timedelta(minutes=1) if whole.high > timedelta(minutes=5) else timedelta(seconds=1)
    low = max(least, whole.low - low)
    high = max(low, whole.high - high)
    return Estimate(low=low, high=high, evidence=f"what remains of the whole: {whole.evidence}")


def time_left(plan: Plan, state: RunState, now: datetime) -> timedelta:
    """How long a run will still take: the longest way through the steps that are not done, each at the middle of its estimate.

    A step that has already taken longer is expected to end at its upper bound, and after that at any moment.
    """
    ends: dict[str, timedelta] = {}
    unasked = steps_unasked(plan, state.amendments)
    for step in plan.steps:
        if step.id in unasked:
            continue
        before = (*step.after, *step.after_settled)
        begins = max((ends[name] for name in before if name in ends), default=timedelta())
        known = state.step(step.id)
        spent = now - known.began if known.began else timedelta()
        middle = (step.estimate.low + step.estimate.high) / 2
        needs = timedelta() if known.ended else (middle if spent < middle else step.estimate.high) - spent
        ends[step.id] = begins + max(needs, timedelta())
    return max(ends.values(), default=timedelta())


def estimate_for(size: int, fast: int, slow: int) -> Estimate:
    """How long so many bytes take at between so many of them a second."""
    return Estimate(
        low=timedelta(seconds=max(1, size // fast)),
        high=timedelta(seconds=max(30, size // slow)),
        evidence=f"{humanize.naturalsize(size)} at {humanize.naturalsize(slow)} to {humanize.naturalsize(fast)} a second",
    )

"""How long it takes, and on what evidence that is said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.model.actions import CreateInstance
from daybreak.model.findings import Reason, Standing, Verdict
from daybreak.model.observation import PastRun
from daybreak.model.run import Amendment
from daybreak.model.thoroughness import Thoroughness
from daybreak.plan.estimates import (
    CALL,
    ENOUGH,
    INSTANCE,
    restore_estimate,
    storage_share,
    why_no_measure,
    why_run_shows_nothing,
)
from tests import fix_runs, fix_worlds

GB = 1024**3


def past(*minutes: int, kind: str = "pitr") -> tuple[PastRun, ...]:
    """Earlier runs that took so long."""
    return tuple(PastRun(run=f"run-{each}", kind=kind, took=timedelta(minutes=each)) for each in minutes)


@pytest.mark.parametrize(
    ("size", "low", "high", "says"),
    [
        (40 * GB, 30, 60, "< 100 GB"),
        (100 * GB - 1, 30, 60, "< 100 GB"),
        (100 * GB, 60, 120, "100-500 GB"),
        (500 * GB, 60, 120, "100-500 GB"),
        (1000 * GB, 120, 240, "stretched by 2.0"),
        (None, 30, 120, "the source's size is not known"),
    ],
)
def test_without_history_the_runbooks_table_speaks(size: int | None, low: int, high: int, says: str) -> None:
    """The numbers are the runbook's own, and the estimate says so."""
    estimate = restore_estimate("pitr", size, ())
    assert (estimate.low, estimate.high) == (timedelta(minutes=low), timedelta(minutes=high))
    assert says in estimate.evidence
    assert "the runbook's table" in estimate.evidence


def test_own_history_is_better_evidence_than_any_table() -> None:
    """Three restores of this very cluster tell more than an average of others."""
    estimate = restore_estimate("pitr", 40 * GB, past(50, 41, 44))
    assert (estimate.low, estimate.high) == (timedelta(minutes=41), timedelta(minutes=50))
    assert estimate.evidence == "3 earlier runs of this target: median 44 minutes"


def test_little_history_is_told_beside_the_table() -> None:
    """Two runs are an anecdote; runs of another kind are none."""
    estimate = restore_estimate("pitr", 40 * GB, past(41, 44) + past(1, 2, 3, kind="snapshot"))
    assert estimate.low == timedelta(minutes=30)
    assert "2 earlier run(s) of this target: 41 minutes, 44 minutes" in estimate.evidence


def test_a_run_that_does_not_show_it_is_no_history() -> None:
    """Three clones for staging, which were small, promised a recovery in four minutes."""
    small = [each.model_copy(update={"why_not": "its clone was scaled down"}) for each in past(4, 5, 4, 6)]
    assert restore_estimate("pitr", 40 * GB, tuple(small)) == restore_estimate("pitr", 40 * GB, ())


@given(size=st.none() | st.integers(1, 2**50), minutes=st.lists(st.integers(1, 600), max_size=6))
def test_bounds_are_never_turned_round(size: int | None, minutes: list[int]) -> None:
    """A countdown against a low bound above the high one would run backwards."""
    whole = restore_estimate("pitr", size, past(*minutes))
    share = storage_share(whole, CALL.low + INSTANCE.low, CALL.high + INSTANCE.high)
    assert timedelta(0) < whole.low <= whole.high
    assert timedelta(0) < share.low <= share.high
    if len(minutes) >= ENOUGH:
        assert (whole.low, whole.high) == (timedelta(minutes=min(minutes)), timedelta(minutes=max(minutes)))


FIT = Verdict(standing=Standing.FIT)
UNREAD = Verdict(standing=Standing.FIT, not_asked=(Reason(check="data.rows", text="Row counts: orders (9 GB)"),))


@pytest.mark.parametrize(
    ("verdict", "how", "why_not"),
    [
        (FIT, Thoroughness(), ""),
        (FIT, Thoroughness(depth="full"), ""),
        (FIT, Thoroughness(sample=99), "of its clone only a sample was read through, 99 % of the tables"),
        (FIT, Thoroughness(within=timedelta(hours=1)), ""),
        (UNREAD, Thoroughness(), ""),
        (
            UNREAD,
            Thoroughness(within=timedelta(seconds=1)),
            "the validation of its clone left rows unread, to end within 1 second",
        ),
    ],
)
def test_who_reads_less_shows_less(verdict: Verdict, how: Thoroughness, why_not: str) -> None:
    """Within one second nothing is read, and that second was called a kept RTO."""
    assert why_no_measure(verdict, how) == why_not


AMENDED: dict[str, tuple[str, str, str]] = {
    "smaller": ("instance_class", "db.t4g.medium", "was made db.t4g.medium, and planned db.r6g.large"),
    "of another purpose": ("instance_class", "db.t4g.2xlarge", "was made db.t4g.2xlarge, and planned db.r6g.large"),
    "newer": ("instance_class", "db.r7g.large", ""),
    "larger": ("instance_class", "db.r6g.4xlarge", ""),
    "left out": ("taken", "no", "its clone was made without"),
    "in another zone": ("zone", "us-east-1c", ""),
}


@pytest.mark.parametrize("name", AMENDED)
def test_a_clone_that_was_amended_to_be_smaller_stands_in_for_nobody(name: str) -> None:
    """It boots sooner and costs less, and would not carry production; what is as strong shows what it took."""
    field, value, why_not = AMENDED[name]
    plan = fix_worlds.plan()
    step = [each for each in plan.steps if isinstance(each.action, CreateInstance)][-1]
    made = Amendment.model_validate(
        {"step": step.id, "field": field, "old": None, "new": value, "by": "ada@desk", "at": fix_worlds.NOW}
    )
    done = fix_runs.finished(plan).model_copy(update={"amendments": (made,), "verdict": FIT})
    assert why_run_shows_nothing(plan, fix_runs.finished(plan).model_copy(update={"verdict": FIT})) == ""
    said = why_run_shows_nothing(plan, done)
    assert said.endswith(why_not) if field == "instance_class" else said.startswith(why_not)
    assert bool(said) == bool(why_not)

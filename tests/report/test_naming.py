"""The word over a report: it must not promise more than the findings do."""

from __future__ import annotations

from typing import get_args

from daybreak.model.plan import Plan
from daybreak.model.report import Witness
from daybreak.report.naming import KINDS, WITNESSES, verdict_word
from tests import fix_reports as reports


def test_the_word_over_each_report() -> None:
    """It is read from across the room."""
    assert verdict_word(reports.good()) == "Fit"
    assert verdict_word(reports.bad()) == "Unfit"
    assert verdict_word(reports.stopped()) == "Failed, no verdict"


def test_a_fit_clone_that_came_late_is_not_simply_fit() -> None:
    """Green over a missed promise would be believed."""
    missed = tuple(each.model_copy(update={"is_met": False}) for each in reports.good().promises)
    assert verdict_word(reports.good().model_copy(update={"promises": missed})) == "Fit, but late"


def test_every_kind_and_every_witness_has_a_name() -> None:
    """What a new release can make, its reports can name."""
    requests = get_args(get_args(Plan.model_fields["request"].annotation)) or get_args(
        Plan.model_fields["request"].annotation
    )
    assert {request.model_fields["kind"].default for request in requests} | {"validation", "switch-over"} == set(KINDS)
    assert set(get_args(Witness.model_fields["kind"].annotation)) == set(WITNESSES)

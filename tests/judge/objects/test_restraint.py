"""What would act on the world from a clone: subscriptions and scheduled jobs."""

from __future__ import annotations

import pytest

from daybreak.judge.objects.findings import CloneFacts, Witnesses
from daybreak.model.findings import Standing
from tests.judge.objects.test_findings import FIT, MOMENT, UNFIT, UNKNOWN, item, judged, stock


@pytest.mark.parametrize(("may", "standing"), [(False, FIT), (True, UNFIT), (None, UNKNOWN)])
def test_what_would_act_in_a_clone_is_held_back_or_condemned(may: bool | None, standing: Standing) -> None:  # noqa: FBT001
    """An enabled subscription eats production's changes, also where the source shows the same."""
    clone = stock(item("subscription", facts={"enabled": "yes"}), item("cron job", facts={"active": "yes"}))
    found = judged(clone, Witnesses(source=clone), CloneFacts(moment=MOMENT, may_subscribe=may, may_schedule=may))
    assert found["data.subscriptions"].standing is standing
    assert found["data.cron-jobs"].standing is standing
    asleep = stock(item("subscription", facts={"enabled": "no"}), item("cron job", facts={"active": "no"}))
    found = judged(asleep, Witnesses(), CloneFacts(moment=MOMENT, may_subscribe=may, may_schedule=may))
    assert {found["data.subscriptions"].standing, found["data.cron-jobs"].standing} == {FIT}

"""What a plan loses: up to the accident, else up to now, and nothing where there is no second end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.model.moment import At, Latest
from daybreak.model.plan import Refusal
from daybreak.model.requests import PitrRequest, SnapshotRequest
from daybreak.plan.loss import OF_SNAPSHOT, OF_STAGING, loss_of
from daybreak.plan.planner import plan_of
from tests import fix_worlds as worlds

_TWENTY = At(instant=worlds.MOMENT + timedelta(minutes=20))


@pytest.mark.parametrize(
    ("request_", "span", "words"),
    [
        (
            worlds.pitr_request(accident=_TWENTY),
            timedelta(minutes=20),
            "from the moment to the accident that was named",
        ),
        (worlds.pitr_request(accident=None), worlds.NOW - worlds.MOMENT, "from the moment to when the plan was made"),
        (
            worlds.pitr_request(moment=Latest()),
            timedelta(minutes=4),
            "from the latest restorable time to when the plan was made",
        ),
        (worlds.pitr_request(accident=None, purpose="staging"), None, OF_STAGING),
        (worlds.snapshot_request(), None, OF_SNAPSHOT),
        (
            worlds.snapshot_request(accident=_TWENTY),
            timedelta(minutes=80),
            "from the moment to the accident that was named",
        ),
    ],
    ids=["accident", "now", "latest", "staging", "snapshot", "snapshot and accident"],
)
def test_the_loss_lies_between_two_ends(
    request_: PitrRequest | SnapshotRequest, span: timedelta | None, words: str
) -> None:
    """Both ends are known before anything is restored, so nothing is measured in rows."""
    lost = loss_of(worlds.plan(request=request_))
    assert lost is not None
    assert (lost.span, lost.words) == (span, words)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (worlds.pitr_request(accident=At(instant=worlds.MOMENT - timedelta(seconds=1))), "lies before the moment"),
        (worlds.pitr_request(accident=At(instant=worlds.NOW + timedelta(seconds=1))), "is in the future"),
        (worlds.pitr_request(moment=Latest(), accident=At(instant=worlds.NOW)), "moves on and may reach past"),
        (worlds.snapshot_request(accident=At(instant=worlds.MOMENT - timedelta(hours=2))), "lies before the moment"),
    ],
    ids=["before", "future", "latest", "snapshot"],
)
def test_an_accident_that_cannot_be_is_refused(request_: PitrRequest | SnapshotRequest, words: str) -> None:
    """Somebody mixed up two times, and a clone with the accident in it helps nobody."""
    answer = plan_of(request_, worlds.target(), worlds.observation(), worlds.terms())
    assert isinstance(answer, Refusal)
    assert any(words in reason for reason in answer.reasons)


def test_a_plan_that_loses_more_than_was_promised_says_so() -> None:
    """Who forgot to name the accident learns how."""
    notes = " ".join(worlds.plan(request=worlds.pitr_request(accident=None)).notes)
    assert "exceeds the objective for RPO: it counts up to now, and with --accident TIME" in notes
    assert "objective for RPO" not in " ".join(worlds.plan().notes)

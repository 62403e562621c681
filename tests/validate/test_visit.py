"""What a visit takes for a witness: what was kept of the same cluster, and of no namesake."""

from __future__ import annotations

from datetime import timedelta

from daybreak.model.actions import Validate
from daybreak.model.trust import Trust
from daybreak.validate.visit import Subject, Visit
from tests import fix_worlds
from tests.fix_capsules import NOON, baseline

HOUR = timedelta(hours=1)


def test_earlier_baselines_of_a_namesake_elsewhere_show_nothing_of_this_cluster() -> None:
    """A queue of that name empties by itself in another region; here its rows were lost."""
    action = fix_worlds.judging(fix_worlds.plan()).action
    assert isinstance(action, Validate)
    far = fix_worlds.identity(region="eu-west-1")
    older = (
        baseline(HOUR, rows=1).model_copy(update={"identity": far}),
        baseline(HOUR, rows=2).model_copy(update={"cluster": "another-cluster"}),
        baseline(HOUR, rows=3),
        baseline(HOUR, rows=4).model_copy(update={"cluster": fix_worlds.SOURCE}),
    )
    chosen = baseline(2 * HOUR).model_copy(update={"cluster": fix_worlds.SOURCE})
    subject = Subject(
        action=action,
        clone=fix_worlds.cluster(endpoint=None),
        instances=(),
        moment=NOON,
        login=None,
        trust=Trust(),
        baseline=chosen,
        earlier=lambda: older,
    )
    assert [each.tables[0].rows for each in Visit(subject, lambda _step: None).earlier] == [3, 4]

"""What is known here of a clone: which of the target's logins leads into it."""

from __future__ import annotations

from daybreak.app.clones import target_at
from daybreak.model.clones import Clone
from daybreak.model.names import clone_name
from daybreak.model.tags import ORIGIN_TAG
from tests import fix_worlds
from tests.fix_worlds import AWAY, NOW, REGION, SOURCE

AT_HOME, THERE = "secretsmanager:embi/aurora/master", "secretsmanager:embi/dr"


def clone_in(region: str) -> Clone:
    """A clone of the runbook's cluster."""
    cluster = fix_worlds.cluster(identifier=clone_name(SOURCE, "dr", NOW, "abc"), tags={ORIGIN_TAG: SOURCE})
    return Clone(home=fix_worlds.identity(region=region), cluster=cluster)


def test_a_clone_in_another_region_is_asked_with_the_login_of_that_region() -> None:
    """On the day on which the home region is lost, its secrets cannot be read; and the other's may have another name."""
    target = fix_worlds.target(login=AT_HOME, logins={AWAY: THERE})
    found = [target_at(clone_in(region), (target,)) for region in (REGION, AWAY)]
    assert [(each.login, each.region) for each in found if each] == [(AT_HOME, REGION), (THERE, AWAY)]
    other = fix_worlds.target(cluster="orders-cluster")
    assert target_at(clone_in(AWAY), (other,)) is None

"""Whether a plan made earlier still fits the world: each change is found, and what merely lives on is not one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from daybreak.model.moment import Latest
from daybreak.model.observation import Observation
from daybreak.model.spelling import Spelling
from daybreak.model.world import Member, ParameterGroup, ServerlessRange, Window
from daybreak.plan.planner import objections_to_starting, plan_of, terms_of
from tests import fix_worlds
from tests.fix_worlds import NOW, SOURCE


def cluster(**changes: Any) -> Observation:
    """The world with another state of the source."""
    return fix_worlds.observation(cluster=fix_worlds.cluster(**changes))


CHANGED: dict[str, tuple[Callable[[], Observation], str]] = {
    "account": (
        lambda: fix_worlds.observation(identity=fix_worlds.identity(account="999999999999")),
        "the plan is for account 123456789012, and this is account 999999999999",
    ),
    "region": (
        lambda: fix_worlds.observation(identity=fix_worlds.identity(region="eu-west-1")),
        "this is region eu-west-1",
    ),
    "endpoint": (
        lambda: fix_worlds.observation(identity=fix_worlds.identity(endpoint="http://127.0.0.1:1")),
        "the plan is for endpoint AWS, and this is endpoint http://127.0.0.1:1",
    ),
    "expired": (lambda: fix_worlds.observation(seen=NOW + timedelta(hours=1, seconds=1)), "the plan expired at"),
    "key": (lambda: fix_worlds.observation(key=None), "cannot be looked at"),
    "name": (lambda: fix_worlds.observation(names_taken=(fix_worlds.plan().clone,)), "exists already"),
    "another cluster": (
        lambda: cluster(resource_id="cluster-NEW"),
        f'"{SOURCE}" was cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ, now it is cluster-NEW',
    ),
    "window": (
        lambda: cluster(window=Window(earliest=NOW - timedelta(minutes=9), latest=NOW)),
        "lies before the restorable window",
    ),
    "protection": (
        lambda: cluster(is_protected=False),
        "set-cluster-options: is_protected was True, now it would be None",
    ),
    "retention": (lambda: cluster(backup_retention=timedelta(days=7)), "backup_retention was 'P30D'"),
    "serverless": (lambda: cluster(serverless=ServerlessRange(low=1, high=2)), "serverless was None"),
    "tags": (lambda: cluster(tags={}), "restore-cluster: tags.CostCenter was '4711', now it would be None"),
    "port": (lambda: cluster(port=6000), "port was 5432, now it would be 6000"),
    "one more reader": (
        lambda: fix_worlds.observation(instances=tuple(map(fix_worlds.instance, (1, 2, 3)))),
        "create-reader-3 would now be needed",
    ),
    "one reader less": (
        lambda: fix_worlds.observation(instances=(fix_worlds.instance(1),)),
        "create-reader-2 is no longer needed",
    ),
    "failed over": (
        lambda: fix_worlds.observation(
            cluster=fix_worlds.cluster(
                members=(
                    Member(identifier=f"{SOURCE}-1", is_writer=False),
                    Member(identifier=f"{SOURCE}-2", is_writer=True),
                )
            ),
            instances=(fix_worlds.instance(1), fix_worlds.instance(2, instance_class="db.r6g.xlarge")),
        ),
        "instance_class was 'db.r6g.large', now it would be 'db.r6g.xlarge'",
    ),
    "group": (
        lambda: fix_worlds.observation(
            parameter_group=ParameterGroup(name="default.aurora-postgresql16", family="aurora-postgresql16")
        ),
        "create-parameter-group would now be needed",
    ),
    "quarantine": (
        lambda: fix_worlds.observation(settable=("max_logical_replication_workers",)),
        "set-quarantine: parameters.cron.launch_active_jobs was 'off', now it would be None",
    ),
}


@pytest.mark.parametrize("case", CHANGED)
def test_each_change_of_the_world_keeps_the_plan_from_starting(case: str) -> None:
    """What was approved is what is done: a world that changed since needs a new plan and a new approval."""
    make, reason = CHANGED[case]
    objections = objections_to_starting(fix_worlds.plan(), make())
    assert [each for each in objections if reason in each], objections


def test_a_world_that_merely_lives_on_is_no_objection() -> None:
    """The window moves on, load changes the size, somebody looks from another terminal."""
    later = fix_worlds.observation(
        seen=NOW + timedelta(minutes=30),
        identity=fix_worlds.identity(caller="arn:aws:iam::123456789012:user/second"),
        cluster=fix_worlds.cluster(
            window=Window(earliest=NOW - timedelta(days=29), latest=NOW + timedelta(minutes=25)), status="backing-up"
        ),
        size=41 * 1024**3,
    )
    assert objections_to_starting(fix_worlds.plan(), later) == ()
    latest = fix_worlds.plan(request=fix_worlds.pitr_request(moment=Latest(), words="latest"))
    assert objections_to_starting(latest, fix_worlds.observation()) == ()


def test_planning_again_on_the_same_terms_gives_the_same_plan() -> None:
    """Otherwise every plan would object to itself."""
    plan = fix_worlds.plan()
    again = plan_of(plan.request, plan.target, fix_worlds.observation(), terms_of(plan))
    assert again.digest() == plan.digest()


def test_a_name_that_means_nothing_now_is_a_remark_and_no_reason() -> None:
    """The table may have been there at the moment: it may be what the restore is for."""
    seen = fix_worlds.observation(spelling=Spelling(named=2, mistakes=("no table x",), silences=("y was locked",)))
    notes = [note for note in fix_worlds.plan(seen=seen).notes if "daybreak.toml" in note]
    assert notes == ["daybreak.toml does not fit the source as it is now: no table x"]
    assert not [note for note in fix_worlds.plan().notes if "does not fit the source" in note]

"""Where an order stands: done only when it really is, hopeless when waiting does not help."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.assess.position import Position
from daybreak.assess.settings import same_setting
from daybreak.assess.standing import (
    HINTS,
    HOPELESS_CLUSTER,
    HOPELESS_INSTANCE,
    STOPPED,
    once_answered,
    standing_of_change,
    standing_of_wait,
)
from daybreak.model.actions import (
    AwaitCluster,
    AwaitClusterGone,
    AwaitInstance,
    AwaitSql,
    AwsChange,
    CopyParameterGroup,
    CreateInstance,
    CreateParameterGroup,
    DeleteCluster,
    DeleteInstance,
    DeleteParameterGroup,
    RestoreToMoment,
    SetClusterOptions,
    SetParameters,
)
from daybreak.model.moment import Latest
from daybreak.model.replies import Category
from daybreak.model.tags import NONCE_TAG, RUN_TAG
from daybreak.model.world import Cluster, Instance, ParameterGroup
from daybreak.plan.calls import Owner
from tests import fix_worlds

RUN = "clone"
OWNER = Owner(run=RUN, nonce="4f2a")
OURS = {RUN_TAG: RUN, NONCE_TAG: "4f2a"}
THEIRS = {RUN_TAG: RUN, NONCE_TAG: "91c0"}
"""What the same plan's other run created."""


def cluster(**changes: Any) -> Cluster:
    """Our clone."""
    return fix_worlds.cluster(**({"identifier": RUN, "tags": OURS} | changes))


def instance(**changes: Any) -> Instance:
    """Our clone's writer."""
    return fix_worlds.instance(1, **({"identifier": f"{RUN}-1", "cluster": RUN, "tags": OURS} | changes))


def group(**changes: Any) -> ParameterGroup:
    """Our quarantine group."""
    return ParameterGroup(**({"name": "g", "family": "aurora-postgresql16", "tags": OURS} | changes))


CREATES: list[tuple[AwsChange, Any]] = [
    (CopyParameterGroup(source="s", group="g", description="d"), group),
    (CreateParameterGroup(group="g", family="f", description="d"), group),
    (RestoreToMoment(source="s", clone=RUN, moment=Latest(), parameter_group="g", security_groups=()), cluster),
    (CreateInstance(clone=RUN, instance="i", instance_class="c", engine="e"), instance),
]
REMOVALS: list[tuple[AwsChange, Any]] = [
    (DeleteInstance(clone=RUN, instance="i"), instance),
    (DeleteCluster(clone=RUN), cluster),
    (DeleteParameterGroup(group="g"), group),
]
SETTINGS: list[tuple[AwsChange, Any]] = [
    (SetParameters(group="g", parameters={"a": "1"}), group),
    (SetClusterOptions(clone=RUN, is_protected=True), cluster),
]


@pytest.mark.parametrize(("action", "make"), CREATES)
def test_what_is_to_be_created_is_there_or_is_not(action: AwsChange, make: Any) -> None:
    """The look before each sending is what makes a lost reply harmless."""
    assert standing_of_change(action, None).place is Position.ABSENT
    assert standing_of_change(action, make()).place is Position.SO


@pytest.mark.parametrize(("action", "make"), REMOVALS)
def test_what_is_to_be_removed_is_gone_going_or_still_there(action: AwsChange, make: Any) -> None:
    """Going counts: AWS refuses a second deletion. Being shown nothing does not: only the deletion's own answer proves it."""
    unlisted = standing_of_change(action, None)
    assert unlisted.place is Position.UNLISTED
    assert once_answered(unlisted, Category.NOT_FOUND).place is Position.SO
    assert once_answered(unlisted, None).place is Position.SO
    assert once_answered(unlisted, Category.LOST).place is Position.UNLISTED
    assert once_answered(standing_of_change(action, make()), Category.NOT_FOUND).place is Position.ABSENT
    assert standing_of_change(action, make()).place is Position.ABSENT
    if not isinstance(action, DeleteParameterGroup):
        assert standing_of_change(action, make(status="deleting")).place is Position.SO


@pytest.mark.parametrize(("action", "make"), SETTINGS)
def test_what_is_to_be_set_needs_something_to_be_set_on(action: AwsChange, make: Any) -> None:
    """Sending it again and again would not bring it back."""
    assert standing_of_change(action, None).place is Position.HOPELESS


def test_parameters_are_set_when_each_has_its_value_in_any_spelling() -> None:
    """AWS answers ``1`` where PostgreSQL says ``on``; a difference in spelling must not be sent for ever."""
    action = SetParameters(group="g", parameters={"a": "off", "b": "0", "c": "x"})
    assert (
        standing_of_change(action, group(parameters={"a": "0", "b": "false", "c": "x", "d": "9"})).place is Position.SO
    )
    missing = standing_of_change(action, group(parameters={"a": "1", "b": "0"}))
    assert (missing.place, missing.seen) == (Position.ABSENT, "not set: a, c")
    assert not same_setting(None, "0")
    assert not same_setting("10", "1")


def test_options_are_set_when_each_that_was_asked_for_is() -> None:
    """What was not asked for may be as it likes."""
    action = SetClusterOptions(clone=RUN, backup_retention=timedelta(days=30), backup_window="03:00-04:00")
    assert standing_of_change(action, cluster(is_protected=False)).place is Position.SO
    seen = standing_of_change(action, cluster(backup_retention=timedelta(days=1)))
    assert (seen.place, seen.seen) == (Position.ABSENT, "not set: backup_retention")


CLUSTER_WAITS: list[AwaitCluster | AwaitSql] = [AwaitCluster(clone=RUN), AwaitSql(clone=RUN, database=None, login=None)]


@pytest.mark.parametrize("status", sorted(HOPELESS_CLUSTER))
@pytest.mark.parametrize("wait", CLUSTER_WAITS)
def test_waiting_for_a_cluster_ends_where_it_is_hopeless(wait: AwaitCluster | AwaitSql, status: str) -> None:
    """botocore's waiter polls on through half of these."""
    standing = standing_of_wait(wait, cluster(status=status), None, OWNER)
    assert standing.place is Position.HOPELESS
    assert standing.hints == HINTS.get(status, ())


@pytest.mark.parametrize("status", sorted(HOPELESS_INSTANCE))
def test_waiting_for_an_instance_ends_where_it_is_hopeless(status: str) -> None:
    """The same for instances, which have more ways to fail."""
    standing = standing_of_wait(AwaitInstance(clone=RUN, instance="i"), cluster(), instance(status=status), OWNER)
    assert standing.place is Position.HOPELESS


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({}, Position.SO),
        ({"status": "creating"}, Position.UNDER_WAY),
        ({"status": "migrating"}, Position.UNDER_WAY),
        ({"status": "a status AWS adds next year"}, Position.UNDER_WAY),
        ({"window": None}, Position.UNDER_WAY),
        ({"has_pending_changes": True}, Position.UNDER_WAY),
    ],
)
def test_available_alone_is_not_a_restored_cluster(changes: dict[str, Any], place: Position) -> None:
    """AWS says *available* before the restore is complete; the window tells (FACTS 4.3)."""
    assert standing_of_wait(AwaitCluster(clone=RUN), cluster(**changes), None, OWNER).place is place


def test_a_window_that_stays_null_is_waited_for_ten_minutes() -> None:
    """AWS documents it for the end of a restore and promises nothing; an RTO must not be spent on a field."""
    bare, wait = cluster(window=None), AwaitCluster(clone=RUN)
    waited = [
        standing_of_wait(wait, bare, None, OWNER, windowless=timedelta(minutes=minutes)) for minutes in (0, 9, 10, 90)
    ]
    assert [each.place for each in waited] == [Position.UNDER_WAY] * 2 + [Position.SO] * 2
    assert waited[2].seen == "available, restorable window still null after 10 minutes: it is not waited for any longer"
    assert waited[2].result["endpoint"] == bare.endpoint
    pending = cluster(window=None, has_pending_changes=True)
    assert standing_of_wait(wait, pending, None, OWNER, windowless=timedelta(hours=1)).place is Position.UNDER_WAY


def test_a_restored_cluster_tells_what_the_next_steps_need() -> None:
    """The endpoint is the one AWS returned, never one we build."""
    result = standing_of_wait(AwaitCluster(clone=RUN), cluster(), None, OWNER).result
    assert result == {"endpoint": cluster().endpoint, "port": 5432, "resource_id": cluster().resource_id}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({}, Position.SO),
        ({"parameter_group_status": "in-sync"}, Position.SO),
        ({"parameter_group_status": "pending-reboot"}, Position.UNDER_WAY),
        ({"status": "configuring-enhanced-monitoring"}, Position.UNDER_WAY),
        ({"has_pending_changes": True}, Position.UNDER_WAY),
    ],
)
def test_an_instance_is_ready_with_its_parameters_in_force(changes: dict[str, Any], place: Position) -> None:
    """A quarantine that waits for a reboot is none."""
    action = AwaitInstance(clone=RUN, instance="i")
    assert standing_of_wait(action, cluster(), instance(**changes), OWNER).place is place


def test_what_is_not_listed_is_absent_and_not_done() -> None:
    """A describe may lag behind the call that created it; whoever waits decides how long to believe in it."""
    waits: list[AwaitCluster | AwaitSql | AwaitInstance] = [*CLUSTER_WAITS, AwaitInstance(clone=RUN, instance="i")]
    for wait in waits:
        assert standing_of_wait(wait, None, None, OWNER).place is Position.ABSENT


def test_an_endpoint_must_be_shown_before_one_knocks() -> None:
    """Until the first instance there is none."""
    wait = AwaitSql(clone=RUN, database=None, login=None)
    assert standing_of_wait(wait, cluster(endpoint=None), None, OWNER).place is Position.UNDER_WAY
    assert standing_of_wait(wait, cluster(), None, OWNER).place is Position.SO


def test_gone_means_that_ours_is_gone() -> None:
    """The name may already be used again, by somebody else; an empty answer says the same, so it is looked at again."""
    wait = AwaitClusterGone(clone=RUN)
    assert standing_of_wait(wait, None, None, OWNER).place is Position.UNLISTED
    assert standing_of_wait(wait, cluster(tags=THEIRS), None, OWNER).place is Position.UNLISTED
    assert standing_of_wait(wait, cluster(status="deleting"), None, OWNER).place is Position.UNDER_WAY


@pytest.mark.parametrize("status", ["available", "modifying", "stopped", "failed"])
def test_a_wait_for_the_end_of_what_nobody_deletes_is_in_vain(status: str) -> None:
    """Eight hours of waiting would not delete it; what does is said."""
    standing = standing_of_wait(AwaitClusterGone(clone=RUN), cluster(status=status), None, OWNER)
    assert standing.place is Position.STALLED
    assert standing.hints == (f"plan its removal anew: daybreak clean {RUN}",)


@pytest.mark.parametrize("status", sorted(STOPPED))
def test_what_somebody_stopped_is_not_waited_for(status: str) -> None:
    """It stays so until somebody starts it, and the hint says how."""
    for wait in CLUSTER_WAITS:
        standing = standing_of_wait(wait, cluster(status=status), None, OWNER)
        assert (standing.place, "aws rds start-db-cluster" in standing.hints[0]) == (Position.STALLED, True)
    action = AwaitInstance(clone=RUN, instance="i")
    standing = standing_of_wait(action, cluster(), instance(status=status), OWNER)
    assert (standing.place, "aws rds start-db-instance" in standing.hints[0]) == (Position.STALLED, True)

"""Parity compares every field there is, and permits only what was meant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.judge.parity.configuration import (
    OWN_TO_EACH_CLUSTER,
    OWN_TO_EACH_INSTANCE,
    cluster_parity,
    instance_parity,
)
from daybreak.model.findings import Standing
from daybreak.model.names import instance_name
from daybreak.model.world import Cluster, Instance, Member, Role, ServerlessRange
from tests.fix_worlds import cluster, instance

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
CLONE = "embi-aurora-pitr-202401151430-7k2"
PERMITTED = {"parameter_group": "the quarantine copy", "roles": "none in quarantine"}

_OTHER_VALUES: dict[str, Any] = {
    "engine": "aurora-mysql",
    "engine_version": "16.4",
    "engine_mode": "serverless",
    "port": 5433,
    "database": "other",
    "master_username": "somebody",
    "parameter_group": "another-group",
    "subnet_group": "default",
    "security_groups": ("sg-default",),
    "is_encrypted": False,
    "kms_key": "arn:other",
    "storage_type": "aurora-iopt1",
    "has_iam_auth": False,
    "log_exports": (),
    "is_protected": False,
    "copies_tags": False,
    "backup_retention": timedelta(days=1),
    "backup_window": "05:00-06:00",
    "maintenance_window": "mon:05:00-mon:06:00",
    "serverless": ServerlessRange(low=0.5, high=4),
    "roles": (Role(arn="arn:aws:iam::1:role/x"),),
    "master_secret": "arn:aws:secretsmanager:x",
    "lifecycle": "open-source-rds-extended-support-disabled",
    "has_http_endpoint": True,
    "has_pending_changes": True,
    "tags": {},
    "instance_class": "db.t4g.medium",
    "tier": 15,
    "is_public": True,
    "upgrades_itself": True,
    "ca": "rds-ca-other",
    "monitoring_interval": 60,
    "monitoring_role": "arn:aws:iam::1:role/monitor",
    "has_performance_insights": True,
    "performance_insights_retention": 7,
    "performance_insights_key": "arn:key",
}


def _clone(**changes: Any) -> Cluster:
    defaults: dict[str, Any] = {
        "identifier": CLONE,
        "resource_id": "cluster-OTHER",
        "arn": "arn:other",
        "endpoint": "other",
        "members": (Member(identifier=f"{CLONE}-1", is_writer=True, parameter_group_status="in-sync"),),
        "tags": {**cluster().tags, "Purpose": "pitr-recovery", "daybreak:run": CLONE},
    }
    return cluster(**(defaults | changes))


def _instances(**changes: Any) -> tuple[Instance, ...]:
    return tuple(
        instance(number, identifier=instance_name(CLONE, number), cluster=CLONE, zone="us-east-1f", **changes)
        for number in (1, 2)
    )


SEEN = (instance(1), instance(2))


def test_a_faithful_clone_is_fit() -> None:
    """Names, ids, endpoints, our own tags and AWS's zones may differ: they must."""
    assert cluster_parity(cluster(), _clone(), {}).standing is FIT
    assert instance_parity(cluster(), SEEN, _instances(), {}).standing is FIT


@pytest.mark.parametrize("field", sorted(set(Cluster.model_fields) - OWN_TO_EACH_CLUSTER))
def test_a_difference_in_any_field_of_the_cluster_is_found(field: str) -> None:
    """A field that is added to the model and forgotten here would be lost by every restore, unseen."""
    finding = cluster_parity(cluster(), _clone(**{field: _OTHER_VALUES[field]}), {})
    assert finding.standing is UNFIT
    assert field in finding.found


@pytest.mark.parametrize("field", sorted(set(Instance.model_fields) - OWN_TO_EACH_INSTANCE))
def test_a_difference_in_any_field_of_an_instance_is_found(field: str) -> None:
    """A reader of another class falls over at the first failover."""
    first, second = _instances()
    changed = second.model_copy(update={field: True if field == "copies_tags" else _OTHER_VALUES[field]})
    finding = instance_parity(cluster(), SEEN, (first, changed), {})
    assert finding.standing is UNFIT
    assert f"{CLONE}-2 {field}" in finding.found


def test_a_permitted_difference_is_told_with_its_reason() -> None:
    """What was meant is not hidden either."""
    clone = _clone(parameter_group=f"{CLONE}-quarantine", roles=())
    source = cluster(roles=(Role(arn="arn:aws:iam::1:role/s3", feature="s3Import"),))
    finding = cluster_parity(source, clone, PERMITTED)
    assert finding.standing is FIT
    assert "the quarantine copy" in finding.found
    assert "none in quarantine" in finding.found
    assert cluster_parity(source, clone, {}).standing is UNFIT


def test_one_permitted_difference_does_not_cover_another() -> None:
    """Each field needs its own reason."""
    clone = _clone(parameter_group="q", is_protected=False)
    finding = cluster_parity(cluster(), clone, PERMITTED)
    assert (finding.standing, finding.found) == (UNFIT, "is_protected: yes became no")


def test_a_difference_meant_for_the_cluster_does_not_cover_the_instances_field_of_that_name() -> None:
    """The cluster's quarantine group is meant; an instance that lost its own group is damage."""
    instances = _instances(parameter_group="default")
    assert instance_parity(cluster(), SEEN, instances, PERMITTED).standing is UNFIT
    assert instance_parity(cluster(), SEEN, instances, {"instance.parameter_group": "as asked"}).standing is FIT
    public = (SEEN[0].model_copy(update={"is_public": True}), SEEN[1])
    assert (
        instance_parity(cluster(), public, _instances(), {"is_public": "off, whatever the source has"}).standing is FIT
    )


def test_encryption_by_aws_alone_is_told_and_no_loss() -> None:
    """AWS encrypts now what it did not encrypt once; only the other way round something is lost."""
    bare = {"is_encrypted": False, "encryption": None, "kms_key": None}
    owned = {"is_encrypted": True, "encryption": "sse-rds", "kms_key": None}
    gained = cluster_parity(cluster(**bare), _clone(**owned), {})
    assert (gained.standing, "is_encrypted differs (AWS encrypts" in gained.found) == (FIT, True)
    assert cluster_parity(cluster(**owned), _clone(**owned), {}).standing is FIT
    assert cluster_parity(cluster(**owned), _clone(**bare), {}).standing is UNFIT
    assert cluster_parity(cluster(), _clone(encryption="sse-kms"), {}).standing is FIT, "an older answer says no kind"


def test_order_and_case_make_no_difference() -> None:
    """AWS returns lists in any order and windows in any case."""
    source = cluster(security_groups=("sg-a", "sg-b"), log_exports=("a", "b"), maintenance_window="Sun:05:00-Sun:06:00")
    clone = _clone(security_groups=("sg-b", "sg-a"), log_exports=("b", "a"), maintenance_window="sun:05:00-sun:06:00")
    assert cluster_parity(source, clone, {}).standing is FIT


def test_a_source_with_pending_changes_does_not_ask_the_same_of_its_clone() -> None:
    """What waits at the source is the source's affair."""
    assert cluster_parity(cluster(has_pending_changes=True), _clone(), {}).standing is FIT


def test_parameters_that_wait_for_a_reboot_are_not_in_force() -> None:
    """A parameter group that shows in the console may not run."""
    members = (Member(identifier=f"{CLONE}-1", is_writer=True, parameter_group_status="pending-reboot"),)
    assert cluster_parity(cluster(), _clone(members=members), {}).standing is UNFIT
    waiting = _instances(parameter_group_status="pending-reboot")
    assert instance_parity(cluster(), SEEN, waiting, {}).standing is UNFIT


def test_a_missing_or_an_extra_instance_is_found() -> None:
    """No reader, no failover; one too many, somebody pays for it."""
    first, second = _instances()
    assert "missing" in instance_parity(cluster(), SEEN, (first,), {}).found
    extra = second.model_copy(update={"identifier": f"{CLONE}-3"})
    assert instance_parity(cluster(), SEEN, (first, second, extra), {}).standing is UNFIT
    assert instance_parity(cluster(), SEEN, (), {}).standing is UNFIT


def test_instances_are_paired_writer_first_as_the_plan_numbers_them() -> None:
    """The source's writer may have the higher name; its class belongs to the clone's first instance."""
    source = cluster(
        members=(
            Member(identifier=SEEN[0].identifier, is_writer=False),
            Member(identifier=SEEN[1].identifier, is_writer=True),
        )
    )
    seen = (SEEN[0], SEEN[1].model_copy(update={"instance_class": "db.r6g.4xlarge"}))
    first, second = _instances()
    first = first.model_copy(update={"instance_class": "db.r6g.4xlarge", "tier": 1})
    second = second.model_copy(update={"tier": 0})
    assert instance_parity(source, seen, (second, first), {}).standing is FIT


def test_without_the_source_parity_is_unknown() -> None:
    """Nothing recorded a deleted cluster's configuration; nobody can say it is the same."""
    assert cluster_parity(None, _clone(), {}).standing is UNKNOWN
    assert instance_parity(None, (), _instances(), {}).standing is UNKNOWN

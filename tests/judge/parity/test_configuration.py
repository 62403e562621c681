"""Parity compares every field there is, and permits only what was meant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.judge.parity.configuration import cluster_parity, instance_parity
from daybreak.model import members
from daybreak.model.findings import Standing
from daybreak.model.names import instance_name
from daybreak.model.world import Cluster, Domain, Instance, Member, Role, ServerlessRange
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
    "network_type": "DUAL",
    "domains": (Domain(directory="d-1", role="kerberos"),),
    "insights_mode": "advanced",
    "activity_stream": "async",
    "forwards_writes": True,
    "global_cluster": "world",
    "forwards_writes_globally": True,
    "is_express": True,
}

_RECORDED: dict[str, Any] = {
    "network_type": "IPV4",
    "domains": (),
    "upgrades_itself": False,
    "insights_mode": "standard",
    "has_performance_insights": False,
    "activity_stream": "off",
    "forwards_writes": False,
    "forwards_writes_globally": False,
    "is_express": False,
}
"""What AWS answers today of an ordinary cluster, and an older record lacks."""


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


@pytest.mark.parametrize("field", sorted(members.fields_of(members.CLUSTER)))
def test_a_difference_in_any_field_of_the_cluster_is_found(field: str) -> None:
    """A field that is added to the model and forgotten here would be lost by every restore, unseen."""
    finding = cluster_parity(cluster(**_RECORDED), _clone(**{**_RECORDED, field: _OTHER_VALUES[field]}), {})
    assert finding.standing is UNFIT
    assert field in finding.found


@pytest.mark.parametrize("field", sorted(members.fields_of(members.INSTANCE)))
def test_a_difference_in_any_field_of_an_instance_is_found(field: str) -> None:
    """A reader of another class falls over at the first failover."""
    first, second = _instances()
    changed = second.model_copy(update={field: True if field == "copies_tags" else _OTHER_VALUES[field]})
    seen = tuple(each.model_copy(update={"insights_mode": "standard"}) for each in SEEN)
    finding = instance_parity(cluster(), seen, (first, changed), {})
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


def test_what_nobody_recorded_is_named_and_condemns_nothing() -> None:
    """A capsule of an older release knows less; the verdict says how much less and not that the clone is wrong."""
    finding = cluster_parity(cluster(), _clone(**_RECORDED), {})
    assert finding.standing is FIT
    assert finding.expected == (
        "30 of AWS's 88 members, as the source's; 11 not recorded, 14 cannot be the same, 33 say nothing of a clone"
    )
    assert "not recorded at the source: upgrades_itself" in finding.found
    told = {each.name: each.why for each in finding.details}
    assert told["domains"] == "nobody recorded what the source had"


def test_what_aws_does_not_say_of_the_clone_is_unknown_unless_it_is_off() -> None:
    """AWS leaves out much of what is off; a mode that it does not say may be another one."""
    assert (
        cluster_parity(cluster(activity_stream="off", forwards_writes=False, domains=()), _clone(), {}).standing is FIT
    )
    assert cluster_parity(cluster(insights_mode="advanced"), _clone(), {}).standing is UNKNOWN
    assert cluster_parity(cluster(domains=(Domain(directory="d-1"),)), _clone(), {}).standing is UNKNOWN


def test_a_domain_counts_by_directory_and_role_and_only_a_failed_joining_by_its_status() -> None:
    """Logins by Kerberos end with any of them; a clone that is still joining is none."""
    joined, joining, failed = (
        cluster(domains=(Domain(directory="d-1", role="kerberos", status=status),))
        for status in ("joined", "pending-join", "failed")
    )
    assert cluster_parity(joined, _clone(domains=joining.domains), {}).standing is FIT
    assert cluster_parity(joined, _clone(domains=failed.domains), {}).standing is UNFIT


def test_how_long_until_a_pause_is_compared_where_it_was_recorded() -> None:
    """A clone that pauses sooner answers its first caller later; an older record does not say how soon."""

    def paused(after: int | None) -> dict[str, Any]:
        return {"serverless": ServerlessRange(low=0, high=4, seconds_until_pause=after)}

    assert cluster_parity(cluster(**paused(3600)), _clone(**paused(3600)), {}).standing is FIT
    assert cluster_parity(cluster(**paused(None)), _clone(**paused(300)), {}).standing is FIT
    shorter = cluster_parity(cluster(**paused(3600)), _clone(**paused(300)), {})
    assert shorter.found == "serverless: 0 to 4 ACUs, pausing after 3600 s became 0 to 4 ACUs, pausing after 300 s"


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

"""Every member of AWS's answers has a row, and every row holds."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.model import StructureShape

from daybreak.model.actions import SetClusterOptions
from daybreak.model.members import CLUSTER, INSTANCE, RECORDED, Row, Treatment, fields_of
from daybreak.model.world import Cluster, Domain, Instance, ServerlessRange
from daybreak.plan.calls import call_of
from tests import fix_worlds

_TABLES: list[tuple[str, dict[str, Row], type[Cluster | Instance]]] = [
    ("DBCluster", CLUSTER, Cluster),
    ("DBInstance", INSTANCE, Instance),
]

_ELSEWHERE = {
    "identifier", "resource_id", "arn", "status", "created", "endpoint", "reader_endpoint", "window", "members", "encryption",
    "cluster", "zone", "parameter_group_status", "replicates_from", "scalability",
}  # fmt: skip
"""Our fields that are no setting: names, times, states, what `plan.kinds` judges, and the other word for ``is_encrypted``."""


@pytest.mark.parametrize(("shape", "rows", "noun"), _TABLES)
def test_every_member_that_aws_answers_has_a_row(
    shape: str, rows: dict[str, Row], noun: type[Cluster | Instance]
) -> None:
    """A member that a new botocore brings or drops must be decided about by a person, or a restore loses it without a word."""
    told = botocore.session.get_session().get_service_model("rds").shape_for(shape)
    assert isinstance(told, StructureShape)
    assert sorted(told.members) == sorted(rows)
    assert set(fields_of(rows)) == set(noun.model_fields) - _ELSEWHERE


@pytest.mark.parametrize(("shape", "rows", "noun"), _TABLES)
def test_a_row_without_a_field_has_its_reason(shape: str, rows: dict[str, Row], noun: type[Cluster | Instance]) -> None:
    """That a member says nothing is a claim, and a reader must be able to doubt it."""
    for member, row in rows.items():
        assert bool(row.field) == (row.treatment in (Treatment.CARRIED, Treatment.COMPARED)), (shape, member)
        assert bool(row.reason) == (not row.field), (shape, member)
        assert row.field not in RECORDED or noun.model_fields[row.field].default in (None, True, False), member


def test_what_is_called_carried_is_sent() -> None:
    """In one of the calls of a plan for a source that has all of it."""
    source = fix_worlds.cluster(
        serverless=ServerlessRange(low=0, high=4, seconds_until_pause=900),
        lifecycle="open-source-rds-extended-support-disabled",
        domains=(Domain(directory="d-1", role="kerberos", status="joined"),),
        network_type="DUAL",
        upgrades_itself=False,
        insights_mode="advanced",
        has_performance_insights=True,
        performance_insights_retention=465,
        performance_insights_key="arn:key",
    )
    writer = fix_worlds.instance(
        copies_tags=True,
        monitoring_interval=60,
        monitoring_role="arn:role",
        has_performance_insights=True,
        performance_insights_retention=465,
        performance_insights_key="arn:key",
        maintenance_window="sun:05:00-sun:06:00",
    )
    plan = fix_worlds.plan(seen=fix_worlds.observation(cluster=source, instances=(writer,)))
    sent: dict[str, dict[str, Any]] = {}
    for step in plan.steps:
        call = call_of(step.action, plan.tags, "us-east-1") if step.action.kind != "validate@1" else None
        if call:
            sent[call.operation] = sent.get(call.operation, {}) | call.params
    of_cluster = {*sent["RestoreDBClusterToPointInTime"], *sent["ModifyDBCluster"]}
    for rows, names in ((CLUSTER, of_cluster), (INSTANCE, set(sent["CreateDBInstance"]))):
        assert {row.parameter for row in rows.values() if row.treatment is Treatment.CARRIED} - names == set()
    restore = sent["RestoreDBClusterToPointInTime"]
    assert restore["ServerlessV2ScalingConfiguration"]["SecondsUntilAutoPause"] == 900
    assert (restore["Domain"], restore["DomainIAMRoleName"], restore["NetworkType"]) == ("d-1", "kerberos", "DUAL")
    assert (restore["BackupRetentionPeriod"], restore["PreferredBackupWindow"]) == (30, "03:00-04:00")
    options = next(step.action for step in plan.steps if isinstance(step.action, SetClusterOptions))
    assert options.upgrades_itself is False

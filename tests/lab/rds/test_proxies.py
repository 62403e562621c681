"""Proxies: what leads to a cluster by its name is what a restore forgets."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.fix_lab import TRUST
from tests.fix_rds import HOME, Account, refused


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them, with a cluster, its reader and a proxy that leads there."""
    iam = shared_account.world.client("iam", HOME)
    role = iam.create_role(RoleName=f"proxy-{uuid.uuid4().hex}", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    subnets = [each.id for each in shared_account.world.default_subnets(HOME)][:2]
    shared_account.create("led-to")
    shared_account.add("led-to", "led-to-1")
    made = shared_account.call(
        "CreateDBProxy", DBProxyName="Front", EngineFamily="POSTGRESQL", RoleArn=role, VpcSubnetIds=subnets
    )["DBProxy"]
    assert (made["Status"], made["DBProxyName"]) == ("creating", "front")
    assert refused(shared_account, "RegisterDBProxyTargets", **LED_TO) == "InvalidDBProxyStateFault"
    shared_account.pass_time()
    shared_account.until(lambda: _proxy(shared_account)["Status"] == "available")
    shared_account.call("RegisterDBProxyTargets", **LED_TO)
    return shared_account


LED_TO: dict[str, Any] = {"DBProxyName": "front", "DBClusterIdentifiers": ["led-to"]}


def _proxy(account: Account) -> dict[str, str]:
    found: dict[str, str] = account.call("DescribeDBProxies", DBProxyName="front")["DBProxies"][0]
    return found


def _targets(account: Account) -> list[str]:
    rows = account.call("DescribeDBProxyTargets", DBProxyName="front")["Targets"]
    return [row["RdsResourceId"] for row in rows]


def test_a_proxy_leads_to_a_cluster_and_each_of_its_instances(account: Account) -> None:
    """The cluster is tracked: an instance added later is a target without another call."""
    assert _targets(account) == ["led-to", "led-to-1"]
    account.add("led-to", "led-to-2")
    assert _targets(account) == ["led-to", "led-to-1", "led-to-2"]
    rows = account.call("DescribeDBProxyTargets", DBProxyName="front")["Targets"]
    assert [row.get("Role") for row in rows] == [None, "READ_WRITE", "READ_ONLY"]


def test_a_proxy_follows_its_cluster_to_another_name_and_no_clone(account: Account) -> None:
    """A restore is another cluster, so the proxy goes on leading to the source."""
    account.call(
        "ModifyDBCluster", DBClusterIdentifier="led-to", NewDBClusterIdentifier="renamed", ApplyImmediately=True
    )
    account.pass_time()
    account.until(lambda: "renamed" in account.names())
    assert _targets(account)[0] == "renamed"
    account.call(
        "ModifyDBCluster", DBClusterIdentifier="renamed", NewDBClusterIdentifier="led-to", ApplyImmediately=True
    )
    account.pass_time()
    account.until(lambda: "led-to" in account.names())


def test_a_proxy_refuses_what_aws_refuses(account: Account) -> None:
    """A tool that forgets a step must hear of it here."""
    assert refused(account, "DescribeDBProxies", DBProxyName="nobody") == "DBProxyNotFoundFault"
    assert refused(account, "RegisterDBProxyTargets", **LED_TO) == "DBProxyTargetAlreadyRegisteredFault"
    other: dict[str, Any] = {"DBProxyName": "front", "TargetGroupName": "other"}
    assert refused(account, "DescribeDBProxyTargets", **other) == "DBProxyTargetGroupNotFoundFault"
    account.create("elsewhere")
    gone: dict[str, Any] = {"DBProxyName": "front", "DBClusterIdentifiers": ["elsewhere"]}
    assert refused(account, "DeregisterDBProxyTargets", **gone) == "DBProxyTargetNotFoundFault"


def test_the_tags_of_a_proxy_are_found_by_its_arn(account: Account) -> None:
    """Its ARN holds an id of its own, not its name."""
    arn = _proxy(account)["DBProxyArn"]
    account.call("AddTagsToResource", ResourceName=arn, Tags=[{"Key": "k", "Value": "v"}])
    assert account.call("ListTagsForResource", ResourceName=arn)["TagList"] == [{"Key": "k", "Value": "v"}]


def test_the_data_api_is_turned_on_by_arn_and_a_restore_forgets_it(account: Account) -> None:
    """It exists only by this call (FACTS 4.2)."""
    arn = account.cluster("led-to")["DBClusterArn"]
    assert account.call("EnableHttpEndpoint", ResourceArn=arn)["HttpEndpointEnabled"] is True
    assert account.cluster("led-to")["HttpEndpointEnabled"] is True
    assert refused(account, "EnableHttpEndpoint", ResourceArn=arn + "x") == "ResourceNotFoundFault"
    latest: dict[str, Any] = {"SourceDBClusterIdentifier": "led-to", "UseLatestRestorableTime": True}
    account.call("RestoreDBClusterToPointInTime", DBClusterIdentifier="forgetful", **latest)
    assert account.become("forgetful")["HttpEndpointEnabled"] is False

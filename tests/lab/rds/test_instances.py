"""Clusters and instances: what may be done when, and what follows from it on the wire and on the socket."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.fix_rds import HOME, Account, refused


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


def member(name: str, cluster: str, **params: Any) -> dict[str, Any]:
    """The parameters of a new instance."""
    given = {"DBInstanceClass": "db.r6g.large", "Engine": "aurora-postgresql", **params}
    return {"DBInstanceIdentifier": name, "DBClusterIdentifier": cluster, **given}


def test_a_cluster_lives_from_its_writer(account: Account) -> None:
    """Stop, start, fail over, reboot, lose the writer: the endpoint follows, the data stays."""
    account.create("life", VpcSecurityGroupIds=[account.open_group()])
    assert not account.answers("life")
    account.add("life", "life-1")
    account.add("life", "life-2", PromotionTier=0)
    with account.connect("life") as session:
        session.execute("create table kept (n int)")
    account.call("StopDBCluster", DBClusterIdentifier="life")
    account.become("life", "stopped")
    assert not account.answers("life")
    assert account.instance("life-1")["DBInstanceStatus"] == "stopped"
    assert refused(account, "CreateDBInstance", **member("no", "life")) == "InvalidDBClusterStateFault"
    assert refused(account, "ModifyDBCluster", DBClusterIdentifier="life") == "InvalidDBClusterStateFault"
    account.call("StartDBCluster", DBClusterIdentifier="life")
    account.become("life")
    assert account.answers("life")
    account.call("FailoverDBCluster", DBClusterIdentifier="life")
    writer = account.become("life")["DBClusterMembers"][0]
    assert (writer["DBInstanceIdentifier"], writer["IsClusterWriter"]) == ("life-2", True)
    account.call("RebootDBInstance", DBInstanceIdentifier="life-2")
    account.until(lambda: not account.answers("life"))
    account.instance_becomes("life-2")
    assert account.answers("life")
    account.call("DeleteDBInstance", DBInstanceIdentifier="life-2")
    account.until(lambda: account.cluster("life")["DBClusterMembers"][0]["DBInstanceIdentifier"] == "life-1")
    account.until(lambda: account.answers("life"))
    account.call("DeleteDBInstance", DBInstanceIdentifier="life-1")
    account.until(lambda: not account.answers("life"))


def test_an_instance_answers_only_when_its_time_has_come(account: Account) -> None:
    """A waiter that ends too early must fail here."""
    account.create("slow", VpcSecurityGroupIds=[account.open_group()])
    account.call("CreateDBInstance", **member("slow-1", "slow"))
    assert account.instance("slow-1")["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in account.instance("slow-1")
    account.pass_time(60)
    time.sleep(0.05)
    assert account.instance("slow-1")["DBInstanceStatus"] == "creating"
    assert not account.answers("slow")
    ready = account.instance_becomes("slow-1")
    assert ready["Endpoint"]["Port"] == account.cluster("slow")["Port"]
    assert account.answers("slow")


def test_a_security_group_that_changes_opens_and_shuts_the_port(account: Account) -> None:
    """A quarantined clone is cut off by its group, and let out by it."""
    group = account.open_group()
    account.create("door", VpcSecurityGroupIds=[group])
    account.add("door", "door-1")
    assert account.answers("door")
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2 = account.world.client("ec2", HOME)
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    account.rds.world_changed()
    account.until(lambda: not account.answers("door"))
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    account.rds.world_changed()
    account.until(lambda: account.answers("door"))


def test_what_aws_refuses_for_members_is_refused(account: Account) -> None:
    """Each with the code of the model, and nothing is made."""
    account.create("strict")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"DBInstanceClass": "db.serverless"}, "InvalidDBClusterStateFault"),
        ({"DBInstanceClass": "db.huge"}, "InvalidParameterValue"),
        ({"Engine": "postgres"}, "InvalidParameterCombination"),
        ({"DBClusterIdentifier": "nope"}, "DBClusterNotFoundFault"),
        ({"MasterUserPassword": "Secret-123"}, "InvalidParameterCombination"),
        ({"DBParameterGroupName": "nope"}, "DBParameterGroupNotFound"),
        ({"PromotionTier": 16}, "InvalidParameterValue"),
        ({"DBInstanceIdentifier": "1x"}, "InvalidParameterValue"),
    ]
    for params, code in cases:
        assert refused(account, "CreateDBInstance", **{**member("x", "strict"), **params}) == code, params
    account.add("strict", "strict-1")
    assert refused(account, "CreateDBInstance", **member("strict-1", "strict")) == "DBInstanceAlreadyExists"
    one = {"DBInstanceIdentifier": "strict-1"}
    assert refused(account, "StopDBInstance", **one) == "InvalidParameterCombination"
    assert refused(account, "StartDBInstance", **one) == "InvalidParameterCombination"
    cluster = {"DBClusterIdentifier": "strict"}
    assert refused(account, "RebootDBCluster", **cluster) == "InvalidDBClusterStateFault"
    assert refused(account, "FailoverDBCluster", **cluster) == "InvalidDBClusterStateFault"


def test_serverless_needs_its_range_first(account: Account) -> None:
    """The order in which AWS wants it."""
    account.create("less")
    scaling = {"MinCapacity": 0.5, "MaxCapacity": 2}
    account.call("ModifyDBCluster", DBClusterIdentifier="less", ServerlessV2ScalingConfiguration=scaling)
    account.become("less")
    assert account.add("less", "less-1", DBInstanceClass="db.serverless")["DBInstanceClass"] == "db.serverless"


def test_rds_can_manage_the_password(account: Account) -> None:
    """The secret RDS keeps must really open the database, and the old password must not any more."""
    account.create("managed", VpcSecurityGroupIds=[account.open_group()])
    account.add("managed", "managed-1")
    account.call("ModifyDBCluster", DBClusterIdentifier="managed", ManageMasterUserPassword=True, ApplyImmediately=True)
    cluster = account.become("managed")
    secrets = account.world.client("secretsmanager", HOME)
    value = secrets.get_secret_value(SecretId=cluster["MasterUserSecret"]["SecretArn"])["SecretString"]
    account.connect("managed", json.loads(value)["password"]).close()
    assert not account.answers("managed")
    account.call(
        "ModifyDBCluster",
        DBClusterIdentifier="managed",
        MasterUserPassword="Else-where-1",
        ManageMasterUserPassword=False,
        ApplyImmediately=True,
    )
    assert "MasterUserSecret" not in account.become("managed")
    account.connect("managed", "Else-where-1").close()


def test_a_renamed_cluster_keeps_its_data_and_members(account: Account) -> None:
    """A cutover by names stands on this."""
    account.create("old", VpcSecurityGroupIds=[account.open_group()])
    account.add("old", "old-1")
    before = account.cluster("old")
    account.call("ModifyDBCluster", DBClusterIdentifier="old", NewDBClusterIdentifier="new", ApplyImmediately=True)
    account.pass_time()
    account.until(lambda: "'new'" in str(account.call("DescribeDBClusters")))
    after = account.cluster("new")
    assert after["DbClusterResourceId"] == before["DbClusterResourceId"]
    assert account.instance("old-1")["DBClusterIdentifier"] == "new"
    account.until(lambda: account.answers("new"))
    assert refused(account, "DescribeDBClusters", DBClusterIdentifier="old") == "DBClusterNotFoundFault"


def test_pages_and_filters(account: Account) -> None:
    """One paged describe must follow a hundred restores."""
    for number in range(45):
        given = {"DBClusterParameterGroupName": f"page-{number:02}", "Description": "d"}
        family = f"aurora-postgresql{max(account.rds.majors)}"
        account.call("CreateDBClusterParameterGroup", **given, DBParameterGroupFamily=family)
    names, marker = list[str](), dict[str, str]()
    for _ in range(10):
        answer = account.call("DescribeDBClusterParameterGroups", MaxRecords=20, **marker)
        names += [row["DBClusterParameterGroupName"] for row in answer["DBClusterParameterGroups"]]
        if "Marker" not in answer:
            break
        marker = {"Marker": answer["Marker"]}
    assert len([name for name in names if name.startswith("page-")]) == len(
        {*names} & {f"page-{n:02}" for n in range(45)}
    )
    assert refused(account, "DescribeDBClusters", MaxRecords=19) == "InvalidParameterValue"
    assert refused(account, "DescribeDBClusters", Marker="?") == "InvalidParameterValue"
    wrong = [{"Name": "colour", "Values": ["red"]}]
    assert refused(account, "DescribeDBClusters", Filters=wrong) == "InvalidParameterValue"


def test_describes_stay_fast_beside_a_create(account: Account) -> None:
    """Watching a hundred restores must not wait for any of them."""
    account.call(
        "CreateDBCluster",
        DBClusterIdentifier="busy",
        Engine="aurora-postgresql",
        MasterUsername="embi_admin",
        MasterUserPassword="Secret-123",
    )
    took = []
    for _ in range(200):
        begun = time.perf_counter()
        account.rds.handle(HOME, "DescribeDBClusters", {}, caller_arn="")
        took.append(time.perf_counter() - begun)
    account.become("busy")
    assert sorted(took)[100] < 0.005

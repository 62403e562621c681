"""Every operation served: its answer must fit botocore's own model, from the first to the last."""

from __future__ import annotations

from typing import Any

from daybreak.lab.rds.front import OPERATIONS
from tests.fix_rds import AWAY, HOME, Account

FAMILY = "aurora-postgresql18"


class Walk:
    """Calls operations and remembers which."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.seen: set[str] = set()

    def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        """One call; `Account.call` renders and parses the answer."""
        self.seen.add(operation)
        return self.account.call(operation, **params)


def test_every_served_operation_answers_as_the_model_says(account: Account) -> None:
    """A member of a wrong name or type would be an AWS that does not exist."""
    walk = Walk(account)
    family = f"aurora-postgresql{max(account.rds.majors)}"
    _groups(walk, family)
    _cluster(walk)
    _beside(walk)
    _snapshots(walk)
    _the_end(walk)
    for operation in ("StartDBInstance", "StopDBInstance", "RebootDBCluster"):
        walk.seen.add(operation)  # refused for Aurora, which test_instances and test_clusters show
    assert walk.seen == OPERATIONS


def _groups(walk: Walk, family: str) -> None:
    zones = {
        subnet["AvailabilityZone"]: subnet["SubnetId"]
        for subnet in walk.account.world.client("ec2", HOME).describe_subnets()["Subnets"]
    }
    walk("CreateDBSubnetGroup", DBSubnetGroupName="nets", DBSubnetGroupDescription="d", SubnetIds=list(zones.values()))
    walk("ModifyDBSubnetGroup", DBSubnetGroupName="nets", SubnetIds=list(zones.values())[:2])
    walk("DescribeDBSubnetGroups")
    for word in ("Cluster", ""):
        group, name = f"DB{word}ParameterGroup", f"DB{word}ParameterGroupName"
        walk(f"Create{group}", **{name: "pg"}, DBParameterGroupFamily=family, Description="d")
        change = [{"ParameterName": "work_mem", "ParameterValue": "8192", "ApplyMethod": "immediate"}]
        walk(f"Modify{group}", **{name: "pg"}, Parameters=change)
        source, target = f"Source{group}Identifier", f"Target{group}Identifier"
        walk(f"Copy{group}", **{source: "pg", target: "pg-2", f"Target{group}Description": "d"})
        walk(f"Describe{group}s")
        walk(f"DescribeDB{word}Parameters", **{name: "pg-2"})
        walk(f"Reset{group}", **{name: "pg-2"}, ResetAllParameters=True)
        walk(f"Delete{group}", **{name: "pg-2"})
    walk("DescribeEngineDefaultClusterParameters", DBParameterGroupFamily=family)
    walk("DescribeEngineDefaultParameters", DBParameterGroupFamily=family)
    for operation in ("DescribeDBEngineVersions", "DescribeAccountAttributes", "DescribePendingMaintenanceActions"):
        walk(operation)
    walk("DescribeOrderableDBInstanceOptions", Engine="aurora-postgresql")
    walk("DescribeCertificates")


def _cluster(walk: Walk) -> None:
    account = walk.account
    account.create("a", StorageEncrypted=True, DBSubnetGroupName="nets", DBClusterParameterGroupName="pg")
    walk.seen |= {"CreateDBCluster", "DescribeDBClusters", "CreateDBInstance", "DescribeDBInstances"}
    account.add("a", "a-1", DBParameterGroupName="pg")
    account.add("a", "a-2")
    iam = account.world.client("iam", HOME)
    role = iam.create_role(RoleName=f"r-{id(account)}", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    walk("AddRoleToDBCluster", DBClusterIdentifier="a", RoleArn=role, FeatureName="s3Import")
    walk("RemoveRoleFromDBCluster", DBClusterIdentifier="a", RoleArn=role, FeatureName="s3Import")
    walk("ModifyDBCluster", DBClusterIdentifier="a", BackupRetentionPeriod=7, ApplyImmediately=True)
    account.become("a")
    walk("FailoverDBCluster", DBClusterIdentifier="a")
    account.become("a")
    walk("ModifyDBInstance", DBInstanceIdentifier="a-2", PromotionTier=3)
    account.instance_becomes("a-2")
    walk("RebootDBInstance", DBInstanceIdentifier="a-2")
    account.instance_becomes("a-2")
    walk("StopDBCluster", DBClusterIdentifier="a")
    account.become("a", "stopped")
    walk("StartDBCluster", DBClusterIdentifier="a")
    arn = account.become("a")["DBClusterArn"]
    walk("AddTagsToResource", ResourceName=arn, Tags=[{"Key": "k", "Value": "v"}])
    walk("ListTagsForResource", ResourceName=arn)
    walk("RemoveTagsFromResource", ResourceName=arn, TagKeys=["k"])
    walk(
        "CreateDBClusterEndpoint",
        DBClusterIdentifier="a",
        DBClusterEndpointIdentifier="e",
        EndpointType="READER",
        StaticMembers=["a-2"],
    )
    account.pass_time()
    account.until(lambda: "available" in str(walk("DescribeDBClusterEndpoints", DBClusterEndpointIdentifier="e")))
    walk("ModifyDBClusterEndpoint", DBClusterEndpointIdentifier="e", EndpointType="ANY")
    walk("DeleteDBClusterEndpoint", DBClusterEndpointIdentifier="e")


def _beside(walk: Walk) -> None:
    """What stands beside the cluster: the Data API's switch, and a proxy."""
    account = walk.account
    arn = account.cluster("a")["DBClusterArn"]
    walk("EnableHttpEndpoint", ResourceArn=arn)
    walk("DisableHttpEndpoint", ResourceArn=arn)
    role = account.world.client("iam", HOME).create_role(RoleName=f"p-{id(account)}", AssumeRolePolicyDocument="{}")
    group = walk("DescribeDBSubnetGroups", DBSubnetGroupName="nets")["DBSubnetGroups"][0]
    walk(
        "CreateDBProxy",
        DBProxyName="p",
        EngineFamily="POSTGRESQL",
        RoleArn=role["Role"]["Arn"],
        VpcSubnetIds=[subnet["SubnetIdentifier"] for subnet in group["Subnets"]],
    )
    account.pass_time()
    account.until(lambda: "available" in str(walk("DescribeDBProxies", DBProxyName="p")))
    walk("RegisterDBProxyTargets", DBProxyName="p", DBClusterIdentifiers=["a"])
    walk("DescribeDBProxyTargetGroups", DBProxyName="p")
    walk("DescribeDBProxyTargets", DBProxyName="p")
    walk("DeregisterDBProxyTargets", DBProxyName="p", DBClusterIdentifiers=["a"])
    walk("DeleteDBProxy", DBProxyName="p")


def _snapshots(walk: Walk) -> None:
    account = walk.account
    walk("CreateDBClusterSnapshot", DBClusterIdentifier="a", DBClusterSnapshotIdentifier="s")
    account.pass_time()
    account.until(lambda: account.snapshot("s")["Status"] == "available")
    walk("DescribeDBClusterSnapshots")
    walk("DescribeDBClusterSnapshotAttributes", DBClusterSnapshotIdentifier="s")
    walk("ModifyDBClusterSnapshotAttribute", DBClusterSnapshotIdentifier="s", AttributeName="restore", ValuesToAdd=[])
    key = account.world.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"]
    walk(
        "CopyDBClusterSnapshot",
        region=AWAY,
        SourceDBClusterSnapshotIdentifier=account.snapshot("s")["DBClusterSnapshotArn"],
        TargetDBClusterSnapshotIdentifier="c",
        KmsKeyId=key,
    )
    account.pass_time()
    account.until(lambda: account.snapshot("c", AWAY)["Status"] == "available")
    engine = "aurora-postgresql"
    walk(
        "RestoreDBClusterFromSnapshot",
        region=AWAY,
        DBClusterIdentifier="from-s",
        SnapshotIdentifier="c",
        Engine=engine,
    )
    account.rds.tick()
    walk(
        "RestoreDBClusterToPointInTime",
        DBClusterIdentifier="from-t",
        SourceDBClusterIdentifier="a",
        UseLatestRestorableTime=True,
    )
    account.become("from-s", region=AWAY)
    account.become("from-t")
    walk("DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier="s")
    walk("DescribeEvents")


def _the_end(walk: Walk) -> None:
    account = walk.account
    walk("DeleteDBInstance", DBInstanceIdentifier="a-1")
    walk("DeleteDBInstance", DBInstanceIdentifier="a-2")
    resource = account.cluster("a")["DbClusterResourceId"]
    walk("DeleteDBCluster", DBClusterIdentifier="a", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    account.pass_time()
    account.until(lambda: "retained" in str(walk("DescribeDBClusterAutomatedBackups")))
    walk("DeleteDBClusterAutomatedBackup", DbClusterResourceId=resource)
    walk("DeleteDBSubnetGroup", DBSubnetGroupName="nets")

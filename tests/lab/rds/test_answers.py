"""Every operation served: its answers must fit botocore's own model, and hold each member that is not named absent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape

from daybreak.lab.protocol import codec
from daybreak.lab.rds import desk
from daybreak.lab.rds.contract import ABSENT, IRRELEVANT, Members, Params
from daybreak.lab.rds.durations import PROXY_GETS_ROOM, PROXY_REGISTERS
from daybreak.lab.rds.front import OPERATIONS
from tests.fix_lab import TRUST
from tests.fix_rds import AWAY, HOME, Account, refused
from tests.lab.rds.snapshots.test_exports import ACTIONS, a_bucket, role

SOURCES = Path(codec.__file__).parents[2]
MEMBERS = SOURCES / "model" / "members.py"
"""The product's own list of all members of AWS, with what it makes of each."""

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s-AbCdEf"


class Record:
    """What the operations read of their calls, and what their answers hold, while a test runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: dict[str, set[str]] = defaultdict(set)
        self.told: dict[str, set[str]] = defaultdict(set)
        look_up, write = Params.__getitem__, codec._write_structure

        def noted_look_up(params: Params, name: str) -> Any:
            self.read[params._operation].add(name)
            return look_up(params, name)

        def noted_write(shape: StructureShape, value: Any, where: str) -> str:
            self.told[shape.name] |= {name for name, item in value.items() if item is not None}
            return write(shape, value, where)

        monkeypatch.setattr(Params, "__getitem__", noted_look_up)
        monkeypatch.setattr(codec, "_write_structure", noted_write)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    """The record of this test."""
    return Record(monkeypatch)


def names_in(table: Mapping[str, Members]) -> dict[str, set[str]]:
    """The members in a table of reasons, by their structure."""
    found: dict[str, set[str]] = defaultdict(set)
    for members in table.values():
        for shape, names in members.items():
            assert not found[shape] & set(names.split())
            found[shape] |= set(names.split())
    return found


LEFT_OUT = {
    name: names_in(ABSENT)[name] | names_in(IRRELEVANT)[name] for name in {*names_in(ABSENT), *names_in(IRRELEVANT)}
}


def answered() -> Iterator[StructureShape]:
    """Every structure that an answer of the lab can hold: not those that only absent members lead to."""
    seen: set[str] = set()

    def walk(shape: Shape) -> Iterator[StructureShape]:
        if isinstance(shape, ListShape):
            yield from walk(shape.member)
        elif isinstance(shape, StructureShape) and shape.name not in seen:
            seen.add(shape.name)
            yield shape
            for name, member in shape.members.items():
                if name not in LEFT_OUT.get(shape.name, ()):
                    yield from walk(member)

    for operation in sorted(OPERATIONS):
        shape = codec.operation_model(operation).output_shape
        if shape is not None:
            yield from walk(shape)


def test_the_lists_name_only_what_aws_answers() -> None:
    """An entry that nothing leads to excuses nothing."""
    shapes = {shape.name: shape for shape in answered()}
    for name, members in LEFT_OUT.items():
        assert members <= set(shapes[name].members), name


def test_the_product_reads_nothing_that_is_called_irrelevant() -> None:
    """What it reads must be there, or be absent in AWS as well."""
    product = [path for path in SOURCES.rglob("*.py") if SOURCES / "lab" not in path.parents and path != MEMBERS]
    text = "\n".join(path.read_text() for path in product)
    names = set().union(*names_in(IRRELEVANT).values()) - {
        "TagList",
        "Description",
    }  # of other structures it reads these
    assert len(product) > 100
    assert [name for name in sorted(names) if f'"{name}"' in text] == []


class Walk:
    """Calls operations and remembers which."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.seen: set[str] = set()

    def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        """One call; `Account.call` renders and parses the answer."""
        self.seen.add(operation)
        return self.account.call(operation, **params)


@pytest.mark.sweep
def test_every_served_operation_answers_as_the_model_says(account: Account, record: Record) -> None:
    """A member of a wrong name or type would be an AWS that does not exist; one that is neither told nor named absent is lost."""
    walk = Walk(account)
    family = f"aurora-postgresql{max(account.rds.majors)}"
    _groups(walk, family)
    _cluster(walk)
    _beside(walk)
    _rare(walk)
    _snapshots(walk)
    _global(walk)
    assert refused(account, "StartDBInstance", DBInstanceIdentifier="a-1") == "InvalidParameterCombination"
    assert refused(account, "StopDBInstance", DBInstanceIdentifier="a-1") == "InvalidParameterCombination"
    assert refused(account, "RebootDBCluster", DBClusterIdentifier="a") == "InvalidDBClusterStateFault"
    _the_end(walk)
    assert walk.seen | {"StartDBInstance", "StopDBInstance", "RebootDBCluster"} == OPERATIONS
    unread = {name: desk.OPERATIONS[name].taken - record.read[name] for name in OPERATIONS}
    assert {name: rest for name, rest in unread.items() if rest} == {}
    pages = {"Marker"}  # `page` tells it of every operation in the same way
    for shape in answered():
        told, left_out = record.told[shape.name], LEFT_OUT.get(shape.name, set())
        assert (shape.name, told & left_out, set(shape.members) - told - left_out - pages) == (shape.name, set(), set())
    assert "Marker" in record.told["DBClusterParameterGroupDetails"]


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
    role = iam.create_role(RoleName=f"r-{id(account)}", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
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
    role = account.world.client("iam", HOME).create_role(RoleName=f"p-{id(account)}", AssumeRolePolicyDocument=TRUST)
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
    topic = account.world.client("sns", HOME).create_topic(Name="t")["TopicArn"]
    told = {"SubscriptionName": "s", "SourceType": "db-cluster", "SourceIds": ["a"], "EventCategories": ["failover"]}
    walk("CreateEventSubscription", **told, SnsTopicArn=topic, Enabled=True, Tags=[{"Key": "k", "Value": "v"}])
    walk("AddSourceIdentifierToSubscription", SubscriptionName="s", SourceIdentifier="a")
    walk("RemoveSourceIdentifierFromSubscription", SubscriptionName="s", SourceIdentifier="a")
    walk("DescribeEventSubscriptions", SubscriptionName="s")
    walk("DeleteEventSubscription", SubscriptionName="s")
    walk("DescribeIntegrations")
    assert refused(account, "DescribeIntegrations", IntegrationIdentifier="i") == "IntegrationNotFoundFault"


def _rare(walk: Walk) -> None:
    """What few clusters have."""
    account = walk.account
    iam = account.world.client("iam", HOME)
    role = iam.create_role(RoleName=f"m-{id(account)}", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    watched = {
        "MonitoringInterval": 60,
        "MonitoringRoleArn": role,
        "EnablePerformanceInsights": True,
        "PerformanceInsightsKMSKeyId": "alias/aws/rds",
        "PerformanceInsightsRetentionPeriod": 7,
    }
    account.create(
        "rare",
        MasterUserPassword=None,
        ManageMasterUserPassword=True,
        StorageType="aurora-iopt1",
        StorageEncrypted=True,
        ServerlessV2ScalingConfiguration={"MinCapacity": 0, "MaxCapacity": 2},
        AssociatedRoles=[{"RoleArn": role, "FeatureName": "s3Import"}],
        **watched,
    )
    account.add("rare", "rare-1", DBInstanceClass="db.serverless", **watched)
    walk("ModifyDBInstance", DBInstanceIdentifier="rare-1", DBInstanceClass="db.r6g.large")
    account.instance_becomes("rare-1")
    walk("CreateDBClusterSnapshot", DBClusterIdentifier="rare", DBClusterSnapshotIdentifier="rare")
    walk(
        "ModifyDBCluster", DBClusterIdentifier="a", NewDBClusterIdentifier="later", MasterUserPassword="Another-horse-8"
    )
    account.become("a")
    _upgrade(walk)
    account.rds.tick()
    walk(
        "RestoreDBClusterToPointInTime",
        DBClusterIdentifier="twin",
        SourceDBClusterIdentifier="a",
        RestoreType="copy-on-write",
        UseLatestRestorableTime=True,
    )
    account.become("twin")
    walk("RebootDBInstance", DBInstanceIdentifier="rare-1")
    account.instance_becomes("rare-1")
    _proxied(walk, role)


def _proxied(walk: Walk, role: str) -> None:
    """A proxy that leads to a cluster, while it waits for room."""
    account = walk.account
    subnets = walk("DescribeDBSubnetGroups", DBSubnetGroupName="nets")["DBSubnetGroups"][0]["Subnets"]
    secret = {
        "SecretArn": SECRET,
        "UserName": "u",
        "Description": "d",
        "ClientPasswordAuthType": "POSTGRES_SCRAM_SHA_256",
    }
    walk(
        "CreateDBProxy",
        DBProxyName="rare",
        EngineFamily="POSTGRESQL",
        RoleArn=role,
        Auth=[secret],
        VpcSubnetIds=[subnet["SubnetIdentifier"] for subnet in subnets],
    )
    account.pass_time()
    account.until(lambda: "available" in str(walk("DescribeDBProxies", DBProxyName="rare")))
    walk("RegisterDBProxyTargets", DBProxyName="rare", DBClusterIdentifiers=["rare"])
    account.pass_time(PROXY_REGISTERS + PROXY_GETS_ROOM / 2)
    account.until(lambda: "PENDING_PROXY_CAPACITY" in str(walk("DescribeDBProxyTargets", DBProxyName="rare")))
    walk("DeleteDBInstance", DBInstanceIdentifier="rare-1")


def _upgrade(walk: Walk) -> None:
    """A newer version, which waits."""
    account = walk.account
    version = account.cluster("a")["EngineVersion"]
    account.rds.pretend(HOME, "cluster", "a", {"EngineVersion": f"{version.partition('.')[0]}.0"})
    walk("ModifyDBCluster", DBClusterIdentifier="a", EngineVersion=version)
    account.become("a")
    account.rds.pretend(HOME, "cluster", "a", {"EngineVersion": version})


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
    _exports(walk, account.snapshot("s")["DBClusterSnapshotArn"])
    walk("DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier="s")
    walk("DescribeEvents")


def _is_export(walk: Walk, name: str, status: str) -> bool:
    return status in str(walk("DescribeExportTasks", ExportTaskIdentifier=name))


def _exports(walk: Walk, source: str) -> None:
    """One that is written, one that is ended, and one that fails."""
    account = walk.account
    bucket = a_bucket(account)
    order = {
        "SourceArn": source,
        "S3BucketName": bucket,
        "S3Prefix": "p",
        "IamRoleArn": role(account, bucket, ACTIONS),
        "KmsKeyId": account.world.client("kms", HOME).create_key()["KeyMetadata"]["Arn"],
        "ExportOnly": ["embi", "nobodys"],
    }
    for name, status in (("written", "COMPLETE"), ("failed", "FAILED"), ("ended", "CANCELED")):
        if status == "FAILED":
            account.faults.add(
                {
                    "effect": "fail",
                    "action": "export-snapshot",
                    "identifier": name,
                    "args": {"status": "failed", "message": "no key"},
                }
            )
        walk("StartExportTask", **order, ExportTaskIdentifier=name)
        if status == "CANCELED":
            walk("CancelExportTask", ExportTaskIdentifier=name)
        account.pass_time()
        account.until(partial(_is_export, walk, name, status), within=60)
    assert len(walk("DescribeExportTasks", SourceArn=source)["ExportTasks"]) == 3


def _global(walk: Walk) -> None:
    """A global database, from its making to its end."""
    account, it = walk.account, {"GlobalClusterIdentifier": "g"}
    walk("CreateGlobalCluster", **it, SourceDBClusterIdentifier="a", Tags=[{"Key": "k", "Value": "v"}])
    key = account.world.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"]
    new = {**it, "DBClusterIdentifier": "g-2", "Engine": "aurora-postgresql", "KmsKeyId": key}
    walk("CreateDBCluster", region=AWAY, **new)
    account.become("g-2", region=AWAY)
    member = {"DBInstanceIdentifier": "g-2-1", "DBInstanceClass": "db.r6g.large", "Engine": "aurora-postgresql"}
    walk("CreateDBInstance", region=AWAY, DBClusterIdentifier="g-2", **member)
    account.pass_time()
    account.until(lambda: "'available'" in str(walk("DescribeDBInstances", region=AWAY)["DBInstances"]))
    walk("DescribeDBClusters", region=AWAY)
    arns = [account.cluster("a")["DBClusterArn"], account.cluster("g-2", AWAY)["DBClusterArn"]]

    def rests() -> bool:
        found = walk("DescribeGlobalClusters", **it)["GlobalClusters"][0]
        states = [each["SynchronizationStatus"] for each in found["GlobalClusterMembers"]]
        return bool(found["Status"] == "available" and set(states) == {"connected"})

    walk("SwitchoverGlobalCluster", region=AWAY, **it, TargetDbClusterIdentifier=arns[1])
    account.pass_time()
    account.until(lambda: walk("DescribeGlobalClusters", **it)["GlobalClusters"][0]["Status"] == "available")
    account.pass_time()
    account.until(rests)
    walk("FailoverGlobalCluster", **it, TargetDbClusterIdentifier=arns[0], AllowDataLoss=True)
    account.pass_time()
    account.until(lambda: walk("DescribeGlobalClusters", **it)["GlobalClusters"][0]["Status"] == "available")
    account.pass_time()
    account.until(rests)
    walk("ModifyGlobalCluster", **it, NewGlobalClusterIdentifier="h")
    it = {"GlobalClusterIdentifier": "h"}
    walk("RemoveFromGlobalCluster", region=AWAY, **it, DbClusterIdentifier=arns[1])
    account.become("g-2", region=AWAY)
    walk("RemoveFromGlobalCluster", **it, DbClusterIdentifier=arns[0])
    walk("DeleteGlobalCluster", **it)
    walk("CreateGlobalCluster", **it, Engine="aurora-postgresql", EngineVersion=account.cluster("a")["EngineVersion"])


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

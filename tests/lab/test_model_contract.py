"""The contract with botocore: every operation the lab serves, asked and answered over HTTP, fits AWS's published model.

The answers are read a second time by a walker that knows nothing of the lab's codec.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.session import Session
from botocore.validate import ParamValidator

from daybreak.lab.rds.front import OPERATIONS
from tests.fix_lab import TRUST, LabUnderTest, eventually

SOURCE = "embi-aurora-cluster"
GENERAL = {
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "MissingParameter",
    "InvalidAction",
    "InvalidParameter",
}
"""Codes every operation may answer; the model lists only an operation's own."""


def model() -> ServiceModel:
    """botocore's description of RDS."""
    return Session().get_service_model("rds")


def least(shape: Shape, depth: int = 0) -> Any:
    """The least a shape accepts: what is required, and names that nothing has."""
    if isinstance(shape, StructureShape):
        return {name: least(shape.members[name], depth + 1) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [least(shape.member, depth + 1)]
    if enum := shape.metadata.get("enum"):
        return enum[0]
    if shape.type_name == "string":
        return "no-such-thing".ljust(shape.metadata.get("min", 0), "x")
    return {"integer": 1, "long": 1, "boolean": True, "timestamp": "2024-01-15T14:30:00Z"}[shape.type_name]


def declared(operation: OperationModel) -> set[str]:
    """The error codes the model gives an operation."""
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in operation.error_shapes}


def strangers(shape: Shape | None, element: ET.Element, where: str) -> Iterator[str]:
    """Elements of an answer that the model has no place for."""
    if isinstance(shape, StructureShape):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for child in element:
            tag = child.tag.rpartition("}")[2]
            if tag in names:
                yield from strangers(names[tag], child, f"{where}.{tag}")
            else:
                yield f"{where}.{tag}"
    elif isinstance(shape, ListShape):
        wanted = shape.member.serialization.get("name", "member")
        for child in element:
            tag = child.tag.rpartition("}")[2]
            if tag == wanted:
                yield from strangers(shape.member, child, f"{where}[]")
            else:
                yield f"{where}.{tag}"
    elif len(element):
        yield f"{where} has children"


class Contract:
    """A client whose every answer is held against the model; remembers which operations succeeded."""

    def __init__(self, lab: LabUnderTest, region: str = "us-east-1") -> None:
        self.client = lab.client("rds", region)
        self.succeeded: set[str] = set()
        self.client.meta.events.register("after-call.rds", self._hold)
        self.client.meta.events.register("before-parse.rds", self._keep)
        self._raw = b""

    def _keep(self, response_dict: dict[str, Any], **_: Any) -> None:
        self._raw = response_dict["body"]

    def _hold(self, http_response: Any, parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
        if http_response.status_code >= 300:
            return
        answer = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        shape = model.output_shape
        if shape is None:
            assert answer == {}
        else:
            report = ParamValidator().validate(answer, shape)
            assert not report.has_errors(), report.generate_report()
            root = ET.fromstring(self._raw)
            (result,) = [child for child in root if child.tag.rpartition("}")[2].endswith("Result")]
            assert list(strangers(shape, result, model.name)) == []
        assert re.fullmatch(r"[0-9a-f-]{36}", parsed["ResponseMetadata"]["RequestId"])
        self.succeeded.add(model.name)

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation by the name the model gives it."""
        python = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation).lower()
        answer: dict[str, Any] = getattr(self.client, python)(**arguments)
        return answer


def test_every_operation_served_is_one_of_aws() -> None:
    """A name AWS does not know could never be called."""
    assert set(model().operation_names) >= OPERATIONS
    assert len(OPERATIONS) > 40


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_least_call_is_answered_or_refused_as_the_model_says(lab: LabUnderTest, operation: str) -> None:
    """Whatever is asked of things that are not there: an answer that fits, or an error the client has a class for."""
    described = model().operation_model(operation)
    arguments = least(described.input_shape) if described.input_shape else {}
    try:
        Contract(lab)(operation, **arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        refusal = (code in declared(described) | GENERAL, 400 <= status < 500, error.response["Error"]["Message"] != "")
    else:
        refusal = (True, True, True)
    assert refusal == (True, True, True), code


REFUSED_ALWAYS = {"RebootDBCluster", "StartDBInstance", "StopDBInstance"}
"""Aurora stops and starts instances with their cluster, and reboots instances only; the lab knows these to refuse them."""


def test_every_operation_answers_as_the_model_says(lab: LabUnderTest) -> None:
    """One life of a cluster, in which every operation succeeds at least once and every answer fits."""
    mark = uuid.uuid4().hex[:6]
    call = Contract(lab)
    looks(call)
    family, version = groups(call, mark)
    networks_and_roles(lab, call, mark)
    cluster(lab, call, mark, family, version)
    snapshots_and_restores(lab, call, mark, version)
    global_database(lab, call, mark)
    last_things(call, mark)
    assert OPERATIONS - REFUSED_ALWAYS - call.succeeded == set()


def looks(call: Contract) -> None:
    """Every question that needs no thing of one's own."""
    for operation in sorted(OPERATIONS):
        required = getattr(model().operation_model(operation).input_shape, "required_members", [])
        if operation.startswith("Describe") and not required:
            call(operation)
    call("DescribeOrderableDBInstanceOptions", Engine="aurora-postgresql")
    call("DescribeEvents", SourceType="db-cluster", SourceIdentifier=SOURCE, Duration=60)


def groups(call: Contract, mark: str) -> tuple[str, str]:
    """Both kinds of parameter groups, from making to resetting; the family and version they are for."""
    engine = call("DescribeDBEngineVersions", Engine="aurora-postgresql")["DBEngineVersions"][-1]
    family, version = engine["DBParameterGroupFamily"], engine["EngineVersion"]
    call("DescribeEngineDefaultClusterParameters", DBParameterGroupFamily=family)
    call("DescribeEngineDefaultParameters", DBParameterGroupFamily=family)
    change = [{"ParameterName": "log_statement", "ParameterValue": "ddl", "ApplyMethod": "immediate"}]
    for kind, word in (("DBClusterParameterGroup", "DBClusterParameter"), ("DBParameterGroup", "DBParameter")):
        name = {f"{kind}Name": f"{kind.lower()}-{mark}"}
        call(f"Create{kind}", **name, DBParameterGroupFamily=family, Description="a test's own")
        call(f"Modify{kind}", **name, Parameters=change)
        call(f"Describe{word}s", **name, Source="user")
        call(f"Reset{kind}", **name, ResetAllParameters=True)
        source, target = f"Source{kind}Identifier", f"Target{kind}Identifier"
        copy = f"{kind.lower()}-{mark}-copy"
        described = {f"Target{kind}Description": "a copy"}
        call(f"Copy{kind}", **{source: name[f"{kind}Name"], target: copy}, **described)
        call(f"Delete{kind}", **{f"{kind}Name": copy})
    return family, version


def networks_and_roles(lab: LabUnderTest, call: Contract, mark: str) -> None:
    """A subnet group, changed; and a role for the cluster to wear."""
    subnets = [each["SubnetId"] for each in lab.client("ec2").describe_subnets()["Subnets"]]
    own = [
        each["SubnetIdentifier"]
        for each in call("DescribeDBSubnetGroups", DBSubnetGroupName="embi-db-subnet-group")["DBSubnetGroups"][0][
            "Subnets"
        ]
    ]
    assert set(own) <= set(subnets)
    name = f"subnets-{mark}"
    call("CreateDBSubnetGroup", DBSubnetGroupName=name, DBSubnetGroupDescription="a test's own", SubnetIds=own)
    call("ModifyDBSubnetGroup", DBSubnetGroupName=name, SubnetIds=own[:2])
    lab.client("iam").create_role(RoleName=f"role-{mark}", AssumeRolePolicyDocument=TRUST)


def cluster(lab: LabUnderTest, call: Contract, mark: str, family: str, version: str) -> None:
    """A cluster with two instances, through everything that can be done to it but its end."""
    name = f"contract-{mark}"
    it = {"DBClusterIdentifier": name}
    call(
        "CreateDBCluster", **it, Engine="aurora-postgresql", EngineVersion=version, MasterUsername="owner",
        MasterUserPassword="only-for-a-test", DBClusterParameterGroupName=f"dbclusterparametergroup-{mark}",
        DBSubnetGroupName=f"subnets-{mark}",
    )  # fmt: skip
    settled(call, name)
    for number in (1, 2):
        instance = f"{name}-{number}"
        call(
            "CreateDBInstance", **it, DBInstanceIdentifier=instance, DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql", DBParameterGroupName=f"dbparametergroup-{mark}",
        )  # fmt: skip
        settled(call, name)
    arn = call("DescribeDBClusters", **it)["DBClusters"][0]["DBClusterArn"]
    call("AddTagsToResource", ResourceName=arn, Tags=[{"Key": "a", "Value": "b"}])
    call("ListTagsForResource", ResourceName=arn)
    call("RemoveTagsFromResource", ResourceName=arn, TagKeys=["a"])
    role = f"arn:aws:iam::123456789012:role/role-{mark}"
    call("AddRoleToDBCluster", **it, RoleArn=role, FeatureName="s3Export")
    call("RemoveRoleFromDBCluster", **it, RoleArn=role, FeatureName="s3Export")
    call("CreateDBClusterEndpoint", **it, DBClusterEndpointIdentifier=f"ends-{mark}", EndpointType="READER")
    ends = {"DBClusterEndpointIdentifier": f"ends-{mark}"}
    eventually(lambda: call("DescribeDBClusterEndpoints", **ends)["DBClusterEndpoints"][0]["Status"] == "available")
    call("ModifyDBClusterEndpoint", DBClusterEndpointIdentifier=f"ends-{mark}", EndpointType="ANY")
    call("DescribeDBClusterEndpoints", **it)
    call("DeleteDBClusterEndpoint", DBClusterEndpointIdentifier=f"ends-{mark}")
    call("EnableHttpEndpoint", ResourceArn=arn)
    call("DisableHttpEndpoint", ResourceArn=arn)
    proxy(call, mark, role)
    subscription(lab, call, name)
    call("ModifyDBInstance", DBInstanceIdentifier=f"{name}-2", PromotionTier=3, ApplyImmediately=True)
    for operation, arguments in (
        ("ModifyDBCluster", {**it, "BackupRetentionPeriod": 3, "ApplyImmediately": True}),
        ("FailoverDBCluster", it),
        ("RebootDBInstance", {"DBInstanceIdentifier": f"{name}-2"}),
        ("StopDBCluster", it),
        ("StartDBCluster", it),
    ):
        settled(call, name, but="stopped" if operation == "StartDBCluster" else "available")
        call(operation, **arguments)
    settled(call, name)


def proxy(call: Contract, mark: str, role: str) -> None:
    """A proxy that leads to the cluster, and then no more."""
    it = {"DBProxyName": f"proxy-{mark}"}
    group = call("DescribeDBSubnetGroups", DBSubnetGroupName=f"subnets-{mark}")["DBSubnetGroups"][0]
    call(
        "CreateDBProxy", **it, EngineFamily="POSTGRESQL", RoleArn=role, Auth=[{"SecretArn": "arn:aws:secretsmanager:x"}],
        VpcSubnetIds=[each["SubnetIdentifier"] for each in group["Subnets"]], Tags=[{"Key": "a", "Value": "b"}],
    )  # fmt: skip
    eventually(lambda: call("DescribeDBProxies", **it)["DBProxies"][0]["Status"] == "available")
    call("RegisterDBProxyTargets", **it, DBClusterIdentifiers=[f"contract-{mark}"])
    call("DescribeDBProxyTargetGroups", **it)
    kinds = [each["Type"] for each in call("DescribeDBProxyTargets", **it)["Targets"]]
    assert kinds == ["TRACKED_CLUSTER", "RDS_INSTANCE", "RDS_INSTANCE"]
    call("DeregisterDBProxyTargets", **it, DBClusterIdentifiers=[f"contract-{mark}"])
    call("DeleteDBProxy", **it)


def subscription(lab: LabUnderTest, call: Contract, cluster: str) -> None:
    """An event subscription that reports the cluster, and then no more."""
    it = {"SubscriptionName": f"told-of-{cluster}"}
    topic = lab.client("sns").create_topic(Name=cluster)["TopicArn"]
    call("CreateEventSubscription", **it, SnsTopicArn=topic, SourceType="db-cluster")
    call("AddSourceIdentifierToSubscription", **it, SourceIdentifier=cluster)
    call("DescribeEventSubscriptions", **it)
    call("RemoveSourceIdentifierFromSubscription", **it, SourceIdentifier=cluster)
    call("DeleteEventSubscription", **it)


def snapshots_and_restores(lab: LabUnderTest, call: Contract, mark: str, version: str) -> None:
    """A snapshot, shared and copied to the other region; a restore from it, and one to a moment."""
    name, snapshot = f"contract-{mark}", f"snapshot-{mark}"
    one = {"DBClusterSnapshotIdentifier": snapshot}
    call("CreateDBClusterSnapshot", **one, DBClusterIdentifier=name)
    taken(call, snapshot)
    share = {"AttributeName": "restore", "ValuesToAdd": ["210987654321"]}
    call("ModifyDBClusterSnapshotAttribute", **one, **share)
    call("DescribeDBClusterSnapshotAttributes", **one)
    copy = {"SourceDBClusterSnapshotIdentifier": snapshot, "TargetDBClusterSnapshotIdentifier": f"{snapshot}-copy"}
    call("CopyDBClusterSnapshot", **copy)
    taken(call, f"{snapshot}-copy")
    arn = call("DescribeDBClusterSnapshots", **one)["DBClusterSnapshots"][0]["DBClusterSnapshotArn"]
    west = Contract(lab, "us-west-2")
    west("CopyDBClusterSnapshot", **{**copy, "SourceDBClusterSnapshotIdentifier": arn}, SourceRegion="us-east-1")
    taken(west, f"{snapshot}-copy")
    exported(lab, call, arn, mark)
    for region in (call, west):
        region("DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier=f"{snapshot}-copy")
    call(
        "RestoreDBClusterFromSnapshot", DBClusterIdentifier=f"{name}-back", SnapshotIdentifier=snapshot,
        Engine="aurora-postgresql", EngineVersion=version,
    )  # fmt: skip
    settled(call, f"{name}-back")
    call(
        "RestoreDBClusterToPointInTime", DBClusterIdentifier=f"{name}-then", SourceDBClusterIdentifier=name,
        UseLatestRestorableTime=True,
    )  # fmt: skip
    settled(call, f"{name}-then")


def exported(lab: LabUnderTest, call: Contract, arn: str, mark: str) -> None:
    """The snapshot is exported into the company's bucket, and that is ended."""
    key = lab.client("kms").describe_key(KeyId="alias/embi-aurora-backup")["KeyMetadata"]["Arn"]
    role = "arn:aws:iam::123456789012:role/embi-export"
    bucket, task = "embi-aurora-backup-exports-123456789012", {"ExportTaskIdentifier": f"contract-{mark}"}
    call("StartExportTask", **task, SourceArn=arn, S3BucketName=bucket, S3Prefix=mark, IamRoleArn=role, KmsKeyId=key)
    call("CancelExportTask", **task)
    call("DescribeExportTasks", **task)


def global_database(lab: LabUnderTest, call: Contract, mark: str) -> None:
    """The cluster leads a global database, hands over to the other region, gets the lead back, and is left alone."""
    name, west = f"contract-{mark}", Contract(lab, "us-west-2")
    it = {"GlobalClusterIdentifier": f"global-{mark}"}
    arn = call("DescribeDBClusters", DBClusterIdentifier=name)["DBClusters"][0]["DBClusterArn"]
    call("CreateGlobalCluster", **it, SourceDBClusterIdentifier=arn)
    new = west("CreateDBCluster", **it, DBClusterIdentifier=f"{name}-west", Engine="aurora-postgresql")["DBCluster"]
    settled(west, f"{name}-west")
    west(
        "CreateDBInstance", DBClusterIdentifier=f"{name}-west", DBInstanceIdentifier=f"{name}-west",
        DBInstanceClass="db.r6g.large", Engine="aurora-postgresql",
    )  # fmt: skip
    settled(west, f"{name}-west")
    call("ModifyGlobalCluster", **it, DeletionProtection=False)

    def is_calm() -> bool:
        found = call("DescribeGlobalClusters", **it)["GlobalClusters"][0]
        states = {each["SynchronizationStatus"] for each in found["GlobalClusterMembers"]}
        return bool(found["Status"] == "available" and states == {"connected"})

    west("SwitchoverGlobalCluster", **it, TargetDbClusterIdentifier=new["DBClusterArn"])
    eventually(is_calm, within=60)
    settled(call, name)
    call("FailoverGlobalCluster", **it, TargetDbClusterIdentifier=arn, AllowDataLoss=True)
    eventually(is_calm, within=60)
    settled(west, f"{name}-west")
    west("RemoveFromGlobalCluster", **it, DbClusterIdentifier=new["DBClusterArn"])
    settled(west, f"{name}-west")
    call("RemoveFromGlobalCluster", **it, DbClusterIdentifier=arn)
    call("DeleteGlobalCluster", **it)
    west("DeleteDBInstance", DBInstanceIdentifier=f"{name}-west")
    west("DeleteDBCluster", DBClusterIdentifier=f"{name}-west", SkipFinalSnapshot=True)
    call.succeeded |= west.succeeded


def last_things(call: Contract, mark: str) -> None:
    """Everything is deleted; the backups of a deleted cluster stay until they are deleted too."""
    name = f"contract-{mark}"
    for number in (1, 2):
        call("DeleteDBInstance", DBInstanceIdentifier=f"{name}-{number}")
    resource = call("DescribeDBClusters", DBClusterIdentifier=name)["DBClusters"][0]["DbClusterResourceId"]
    for each, more in ((name, {"DeleteAutomatedBackups": False}), (f"{name}-back", {}), (f"{name}-then", {})):
        call("DeleteDBCluster", DBClusterIdentifier=each, SkipFinalSnapshot=True, **more)

    def is_gone() -> bool:
        found = call("DescribeDBClusters")["DBClusters"]
        return not any(each["DBClusterIdentifier"].startswith(name) for each in found)

    eventually(is_gone)
    call("DescribeDBClusterAutomatedBackups", DbClusterResourceId=resource)
    call("DeleteDBClusterAutomatedBackup", DbClusterResourceId=resource)
    call("DeleteDBClusterSnapshot", DBClusterSnapshotIdentifier=f"snapshot-{mark}")
    call("DeleteDBSubnetGroup", DBSubnetGroupName=f"subnets-{mark}")
    call("DeleteDBClusterParameterGroup", DBClusterParameterGroupName=f"dbclusterparametergroup-{mark}")
    call("DeleteDBParameterGroup", DBParameterGroupName=f"dbparametergroup-{mark}")


def settled(call: Contract, name: str, *, but: str = "available") -> None:
    """Wait until the cluster and its instances are in that state."""

    def is_settled() -> bool:
        one = call("DescribeDBClusters", DBClusterIdentifier=name)["DBClusters"][0]
        filters = [{"Name": "db-cluster-id", "Values": [name]}]
        members = call("DescribeDBInstances", Filters=filters)["DBInstances"]
        return {one["Status"], *(member["DBInstanceStatus"] for member in members)} == {but}

    eventually(is_settled, within=60)


def taken(call: Contract, snapshot: str) -> None:
    """Wait until the snapshot is available."""

    def is_taken() -> bool:
        found = call("DescribeDBClusterSnapshots", DBClusterSnapshotIdentifier=snapshot)["DBClusterSnapshots"]
        return bool(found[0]["Status"] == "available")

    eventually(is_taken, within=60)

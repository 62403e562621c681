"""Where moto is kinder than AWS: sealed values, DNS that takes its time, ids of a wrong form."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from daybreak.lab.account.dns import SPREADING_SECONDS, Changes
from daybreak.lab.account.networks import filters_of
from daybreak.lab.account.reads import READ
from daybreak.lab.control.clock import Clock
from daybreak.lab.http.message import Reply
from daybreak.lab.protocol.boto import service_model
from daybreak.lab.protocol.errors import AwsError
from daybreak.plan.operations import OPERATIONS
from tests.fix_lab import LabUnderTest, eventually


def test_a_secure_string_is_closed_without_decryption(lab: LabUnderTest) -> None:
    """Who forgets to ask for it gets what KMS encrypted, and not the password with a mark before it."""
    ssm, name, word = lab.client("ssm"), f"/{uuid.uuid4().hex}/password", "correct-horse-battery"
    ssm.put_parameter(Name=name, Value=word, Type="SecureString")
    ssm.put_parameter(Name=f"{name}/plain", Value=word, Type="String")
    closed = [
        ssm.get_parameter(Name=name)["Parameter"],
        ssm.get_parameter(Name=name, WithDecryption=False)["Parameter"],
        *ssm.get_parameters(Names=[name])["Parameters"],
        *ssm.get_parameter_history(Name=name)["Parameters"],
        *ssm.get_parameters_by_path(Path=name.rpartition("/")[0])["Parameters"],
    ]
    assert len(closed) == 5
    assert len({each["Value"] for each in closed}) == 1
    assert word not in str(closed)
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == word
    assert ssm.get_parameter(Name=f"{name}/plain")["Parameter"]["Value"] == word


def test_a_change_of_dns_is_pending_first(lab: LabUnderTest) -> None:
    """Who goes on at once sends clients to where the name led before."""
    route53, name = lab.client("route53"), f"{uuid.uuid4().hex}.example"
    zone = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
    record = {"Name": f"db.{name}", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "elsewhere.example"}]}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    changes = [
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"] for _ in range(2)
    ]
    assert [change["Status"] for change in changes] == ["PENDING", "PENDING"]
    assert changes[0]["Id"] != changes[1]["Id"]
    eventually(lambda: bool(route53.get_change(Id=changes[0]["Id"])["ChangeInfo"]["Status"] == "INSYNC"))


def test_a_change_of_dns_spreads_in_its_time() -> None:
    """In simulated seconds, each change for itself."""
    clock = Clock(0)
    changes = Changes(clock, b"a lab's own")
    said = Reply(200, (), b"<ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id><Status>INSYNC</Status></ChangeInfo>")
    change = changes.hold_back(said)
    assert b"PENDING" in change.body
    id = change.body.partition(b"/change/")[2].partition(b"<")[0].decode()
    assert b"PENDING" in changes.show(id, said).body
    clock.advance(SPREADING_SECONDS)
    assert b"INSYNC" in changes.show(id, said).body
    assert b"INSYNC" in Changes(clock, b"a lab's own").show(id, said).body, "a lab that started again knows it"
    for wrong in ("CNOPE", id[:-1], f"{id[:5]}0{id[6:]}" if id[5] != "0" else f"{id[:5]}1{id[6:]}"):
        with pytest.raises(AwsError, match="NoSuchChange"):
            changes.check(wrong)


@pytest.mark.parametrize(
    ("operation", "parameter", "id", "code"),
    [
        ("describe_security_groups", "GroupIds", "sg-xxxxxxxxx", "InvalidGroupId.Malformed"),
        ("describe_security_groups", "GroupIds", "embi-aurora", "InvalidGroupId.Malformed"),
        ("describe_security_groups", "GroupIds", "sg-0123456789abcdef0", "InvalidGroup.NotFound"),
        ("describe_subnets", "SubnetIds", "subnet-1", "InvalidSubnetID.Malformed"),
        ("describe_subnets", "SubnetIds", "subnet-01234567", "InvalidSubnetID.NotFound"),
        ("describe_vpcs", "VpcIds", "vpc-xyz", "InvalidVpcID.Malformed"),
        ("describe_route_tables", "RouteTableIds", "main", "InvalidRouteTableId.Malformed"),
        ("describe_network_acls", "NetworkAclIds", "banana", "InvalidNetworkAclId.Malformed"),
        ("describe_vpc_endpoints", "VpcEndpointIds", "banana", "InvalidVpcEndpointId.Malformed"),
        ("describe_network_interfaces", "NetworkInterfaceIds", "banana", "InvalidNetworkInterfaceId.Malformed"),
    ],
)
def test_an_id_of_a_wrong_form_is_malformed_and_not_missing(
    lab: LabUnderTest, operation: str, parameter: str, id: str, code: str
) -> None:
    """A placeholder out of a runbook is another mistake than a group that somebody deleted."""
    with pytest.raises(ClientError) as caught:
        getattr(lab.client("ec2"), operation)(**{parameter: [id]})
    assert caught.value.response["Error"]["Code"] == code


def test_ids_in_a_filter_may_have_any_form(lab: LabUnderTest) -> None:
    """A filter finds nothing, in AWS as well."""
    filters = [{"Name": "group-id", "Values": ["sg-xxxxxxxxx"]}]
    assert lab.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"] == []


def code(call: Any, **arguments: Any) -> tuple[str, int]:
    """How a call is refused: code and status."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def status(call: Any, **arguments: Any) -> int:
    """The status of the answer, whatever it is."""
    try:
        return int(call(**arguments)["ResponseMetadata"]["HTTPStatusCode"])
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def test_an_id_inside_a_rule_is_an_id(lab: LabUnderTest) -> None:
    """Nested as deep as it is."""
    ec2 = lab.client("ec2")
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": "banana"}]}
    refusal = code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[rule])
    assert refusal == ("InvalidGroupId.Malformed", 400)


@pytest.mark.parametrize("operation", sorted(name for service, name in READ if service == "ec2"))
def test_a_filter_of_ec2_is_known_or_refused(lab: LabUnderTest, operation: str) -> None:
    """An unknown one by its code; a documented one that is not modelled is no fault of the lab."""
    ec2 = lab.client("ec2")
    method = next(python for python, aws in ec2.meta.method_to_api_mapping.items() if aws == operation)
    call = getattr(ec2, method)
    assert code(call, Filters=[{"Name": "banana", "Values": ["x"]}]) == ("InvalidParameterValue", 400)
    assert {"region-name"} <= filters_of(operation) or {"vpc-id", "tag-key"} <= filters_of(operation)
    for name in sorted(filters_of(operation) | {"tag:a"}):
        assert status(call, Filters=[{"Name": name, "Values": ["x"]}]) in (200, 400), name


def test_what_is_missing_is_missing_and_no_fault_of_the_lab(lab: LabUnderTest) -> None:
    """A definite no ends a run with what to do; a fault of AWS's own is asked again and again."""
    vault, kms = lab.client("secretsmanager"), lab.client("kms")
    gone = f"gone-{uuid.uuid4().hex}"
    arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{gone}-AbCdEf"
    for name in (gone, arn):
        assert code(vault.list_secret_version_ids, SecretId=name) == ("ResourceNotFoundException", 400)
    for call in (kms.list_grants, kms.describe_key, kms.get_key_policy):
        assert code(call, KeyId=str(uuid.uuid4()))[0] == "NotFoundException"
    assert code(lab.client("sns").get_topic_attributes, TopicArn="nope") == ("InvalidParameter", 400)
    assert code(lab.client("route53").get_change, Id="CNOPE") == ("NoSuchChange", 404)


def test_a_secret_shows_its_versions_as_aws_does(lab: LabUnderTest) -> None:
    """The deprecated ones only to whom asks for them; each with its own time, and the secret with its ARN."""
    vault, name = lab.client("secretsmanager"), f"versions-{uuid.uuid4().hex}"
    arn = vault.create_secret(Name=name, SecretString="a")["ARN"]
    for word in "bcd":
        vault.put_secret_value(SecretId=name, SecretString=word)
    few = vault.list_secret_version_ids(SecretId=name)
    assert (few["ARN"], few["Name"], "NextToken" in few) == (arn, name, False)
    assert sorted(each["VersionStages"][0] for each in few["Versions"]) == ["AWSCURRENT", "AWSPREVIOUS"]
    all_of_them = vault.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    assert len(all_of_them) == 4
    for each in all_of_them:
        value = vault.get_secret_value(SecretId=name, VersionId=each["VersionId"])
        assert value["CreatedDate"] == each["CreatedDate"]


def test_a_deleted_secret_takes_nothing(lab: LabUnderTest) -> None:
    """Until it is restored."""
    vault, name = lab.client("secretsmanager"), f"deleted-{uuid.uuid4().hex}"
    vault.create_secret(Name=name, SecretString="a")
    vault.delete_secret(SecretId=name)
    for call in (vault.put_secret_value, vault.update_secret):
        assert code(call, SecretId=name, SecretString="b") == ("InvalidRequestException", 400)
    assert code(vault.get_secret_value, SecretId=name) == ("InvalidRequestException", 400)
    assert vault.describe_secret(SecretId=name)["Name"] == name
    assert len(vault.list_secret_version_ids(SecretId=name)["Versions"]) == 1
    vault.restore_secret(SecretId=name)
    vault.put_secret_value(SecretId=name, SecretString="b")


def test_a_secret_has_one_arn(lab: LabUnderTest) -> None:
    """Another region's or account's is another secret; the six letters may be left out, and not made up."""
    vault, name = lab.client("secretsmanager"), f"named-{uuid.uuid4().hex}"
    arn = vault.create_secret(Name=name, SecretString="a")["ARN"]
    for right in (name, arn, arn.rpartition("-")[0]):
        assert vault.get_secret_value(SecretId=right)["ARN"] == arn
    wrong = [
        arn.replace("us-east-1", "us-west-2"),
        arn.replace("123456789012", "999999999999"),
        arn.replace("arn:aws:", "arn:aws-cn:"),
        f"{arn.rpartition('-')[0]}-aaaaaa",
    ]
    for each in wrong:
        assert code(vault.get_secret_value, SecretId=each)[0] == "ResourceNotFoundException", each
    far = "arn:aws:ssm:us-west-2:123456789012:parameter/embi/production/database/endpoint"
    assert code(lab.client("ssm").get_parameter, Name=far)[0] == "ParameterNotFound"
    chinese = "arn:aws-cn:rds:us-east-1:123456789012:cluster:embi-aurora-cluster"
    assert code(lab.client("rds").describe_db_clusters, DBClusterIdentifier=chinese)[0] == "InvalidParameterValue"


def test_a_key_is_of_one_place(lab: LabUnderTest) -> None:
    """Neither a region's key nor another account's is this one's, and no key signs what it should encrypt."""
    kms, rds = lab.client("kms"), lab.client("rds")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"] == key
    far, strange, chinese = (
        key.replace("us-east-1", "us-west-2"),
        key.replace("123456789012", "999999999999"),
        key.replace("arn:aws:", "arn:aws-cn:"),
    )
    assert code(kms.describe_key, KeyId=far)[0] == "NotFoundException"
    assert code(kms.describe_key, KeyId=chinese)[0] == "NotFoundException"
    assert code(kms.describe_key, KeyId=strange)[0] == "AccessDeniedException"
    new = {
        "DBClusterIdentifier": "nobody",
        "Engine": "aurora-postgresql",
        "MasterUsername": "owner",
        "MasterUserPassword": "only-for-a-test",
    }
    for name in (far, strange, chinese):
        assert code(rds.create_db_cluster, **new, KmsKeyId=name) == ("KMSKeyNotAccessibleFault", 400)
    assert code(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=3)[0] == "ValidationException"
    new_secret = {"Name": uuid.uuid4().hex, "SecretString": "a"}
    vault = lab.client("secretsmanager")
    assert code(vault.create_secret, **new_secret, KmsKeyId="alias/nope")[0] == "EncryptionFailure"


def test_a_parameter_has_a_key_and_a_length(lab: LabUnderTest) -> None:
    """A value that is too long for its tier is refused, and a key that is not there."""
    ssm, name = lab.client("ssm"), f"/{uuid.uuid4().hex}"
    secure = {"Name": name, "Value": "x", "Type": "SecureString"}
    assert code(ssm.put_parameter, **secure, KeyId="alias/nope")[0] == "InvalidKeyId"
    assert code(ssm.put_parameter, Name=name, Type="String", Value="x" * 5000)[0] == "ValidationException"
    ssm.put_parameter(Name=name, Type="String", Value="x" * 4096)


def test_a_period_and_a_bucket_have_a_form(lab: LabUnderTest) -> None:
    """CloudWatch speaks another protocol than the others, and its parameters are read all the same."""
    span = {"StartTime": "2024-01-15T14:00:00Z", "EndTime": "2024-01-15T15:00:00Z", "Statistics": ["Maximum"]}
    metric = {"Namespace": "AWS/RDS", "MetricName": "VolumeBytesUsed", **span}
    ask = lab.client("cloudwatch").get_metric_statistics
    assert code(ask, **metric, Period=7) == ("InvalidParameterValue", 400)
    ask(**metric, Period=300)
    for wrong in ("UPPER_case", "abc..d", "10.0.0.1", "-abc"):
        assert code(lab.client("s3").create_bucket, Bucket=wrong) == ("InvalidBucketName", 400), wrong


def some(shape: Any) -> Any:
    """A value of the shape."""
    if shape.type_name == "structure":
        # A union has exactly one of its members.
        names = list(shape.members)[:1] if shape.is_tagged_union else shape.required_members
        return {name: some(shape.members[name]) for name in names}
    if shape.type_name == "list":
        return [some(shape.member)]
    if shape.type_name == "map":
        return {}
    values: dict[str, Any] = {
        "integer": shape.metadata.get("min", 1),
        "boolean": True,
        "double": 1.0,
        "timestamp": "2024-01-15T14:30:00Z",
        "blob": b"x",
    }
    return values.get(
        shape.type_name, (shape.metadata.get("enum") or ["x".ljust(shape.metadata.get("min", 0), "x")])[0]
    )


@pytest.mark.parametrize(("service", "operation"), sorted(READ))
def test_what_nobody_reads_of_a_call_is_refused_by_name(lab: LabUnderTest, service: str, operation: str) -> None:
    """moto passes over what it does not know, and a product that sends it would look right."""
    shape: Any = service_model(service).operation_model(operation).input_shape
    read, client = set(READ[service, operation].split()), lab.client(service)
    members = dict(shape.members) if shape else {}
    assert read <= set(members)
    needed = {name: some(members[name]) for name in (shape.required_members if shape else ())}
    method = client.meta.method_to_api_mapping
    name = next(python for python, aws in method.items() if aws == operation)
    for member in sorted(set(members) - read):
        with pytest.raises(ClientError, match=f"not available in the lab: {member}$"):
            getattr(client, name)(**{**needed, member: some(members[member])})


def test_a_page_that_moto_cannot_cut_is_as_large_as_aws_has_it(lab: LabUnderTest) -> None:
    """A smaller one would be answered with more than it holds."""
    ask = lab.client("iam").get_account_authorization_details
    assert ask(MaxItems=1000)["IsTruncated"] is False
    with pytest.raises(ClientError, match=r"not available in the lab: MaxItems$"):
        ask(MaxItems=1)


def test_each_call_that_daybreak_sends_is_among_those_that_are_read() -> None:
    """RDS has a contract of its own."""
    assert {key for key in OPERATIONS if key[0] != "rds"} - set(READ) == set()


def test_a_batch_of_dns_is_taken_or_refused_as_a_whole(lab: LabUnderTest) -> None:
    """What would lead clients to two places, or nowhere, is never made; what stands before stays."""
    route53, name = lab.client("route53"), f"{uuid.uuid4().hex}.example"
    made = route53.create_hosted_zone(Name=name, CallerReference=name)
    assert made["ChangeInfo"]["Status"] == "PENDING"
    zone = made["HostedZone"]["Id"]

    def change(*changes: tuple[str, dict[str, Any]]) -> Any:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": row} for action, row in changes]}
        return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    def row(first: str, value: str, kind: str = "A", **more: Any) -> dict[str, Any]:
        base = {"Name": f"{first}{name}", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        return {key: each for key, each in {**base, **more}.items() if each is not None}

    change(("CREATE", row("db.", "10.0.0.1")))
    good = ("UPSERT", row("one.", "10.0.0.1"))
    wrong = [
        [("CREATE", row("db.", "10.0.0.1"))],
        [("DELETE", row("nope.", "10.0.0.1"))],
        [("CREATE", row("db.", "elsewhere.example", "CNAME"))],
        [("UPSERT", row("", "elsewhere.example", "CNAME"))],
        [("UPSERT", row("bad.", "banana"))],
        [("UPSERT", row("bad.", "10.0.0.1", "AAAA"))],
        [("CREATE", row("two.", "10.0.0.1")), ("CREATE", row("two.", "10.0.0.2"))],
        [("CREATE", row("two.", "10.0.0.1")), ("CREATE", row("two.", "elsewhere.example", "CNAME"))],
    ]
    for changes in wrong:
        with pytest.raises(ClientError) as caught:
            change(good, *changes)
        assert caught.value.response["Error"]["Code"] == "InvalidChangeBatch", changes
    with pytest.raises(ClientError) as caught:
        change(good, ("UPSERT", row("bare.", "10.0.0.1", TTL=None)))
    assert caught.value.response["Error"]["Code"] == "InvalidInput"
    names = {each["Name"] for each in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]}
    assert names == {f"{name}.", f"db.{name}."}
    change(("DELETE", row("db.", "10.0.0.1")), ("CREATE", row("db.", "elsewhere.example", "CNAME")))
    change(("UPSERT", row("db.", "another.example", "CNAME")), good)


def test_the_account_keeps_nothing_in_the_vaults_of_aws_backup(lab: LabUnderTest) -> None:
    """An empty list, a definite no for a point by its name, and no fault of the lab's own."""
    backup = lab.client("backup")
    cluster = "arn:aws:rds:us-east-1:123456789012:cluster:embi-aurora-cluster"
    assert backup.list_recovery_points_by_resource(ResourceArn=cluster)["RecoveryPoints"] == []
    arn = "arn:aws:backup:us-east-1:123456789012:recovery-point:1EB3B5E7-9EB0-435A-A80B-108B488B0D45"
    record = code(backup.get_recovery_point_restore_metadata, BackupVaultName="vault", RecoveryPointArn=arn)
    restore = code(backup.start_restore_job, RecoveryPointArn=arn, Metadata={"Engine": "aurora-postgresql"})
    assert record == restore == ("ResourceNotFoundException", 400)

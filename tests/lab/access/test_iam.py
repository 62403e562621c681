"""IAM in front of every service: least privilege can only be tested where too little is refused."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fix_lab import TRUST, Key, LabUnderTest, private

ARN = "arn:aws:rds:us-east-1:123456789012"
SOURCE = "embi-aurora-cluster"


@pytest.fixture(scope="module")
def guarded() -> Iterator[LabUnderTest]:
    """A lab that enforces IAM."""
    with private(speed=6000) as lab:
        lab.ask("POST", "iam", {"enforce": True})
        yield lab


def someone(lab: LabUnderTest, name: str, *statements: dict[str, Any]) -> Key:
    """The access key of a new user who may do just that."""
    iam, key = lab.client("iam"), lab.newcomer(name)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=document)
    return key


def allow(actions: Any, resources: Any = "*", **condition: Any) -> dict[str, Any]:
    """One statement that allows."""
    more = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def refused(client: Any, call: str, args: Mapping[str, Any] | None = None) -> str:
    """The code with which IAM refuses a call, or an empty text when it lets it through."""
    try:
        getattr(client, call)(**(args or {}))
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        return code if re.search("Denied|Unauthorized|Invalid.*Token", code) else ""
    return ""


def test_a_call_needs_every_resource_it_names(guarded: LabUnderTest) -> None:
    """A restore touches source, clone and subnet group; a policy that forgets one does not allow it."""
    asked = {
        "SourceDBClusterIdentifier": SOURCE,
        "DBClusterIdentifier": "embi-aurora-pitr-x",
        "DBSubnetGroupName": "no-such-group",
        "UseLatestRestorableTime": True,
    }
    act = "rds:RestoreDBClusterToPointInTime"
    parts = [f"{ARN}:cluster:{SOURCE}", f"{ARN}:cluster:embi-aurora-pitr-*", f"{ARN}:subgrp:*"]
    whole = someone(guarded, "restores", allow(act, parts))
    call = "restore_db_cluster_to_point_in_time"
    assert refused(guarded.client("rds", key=whole), call, asked) == ""
    for number, part in enumerate(parts):
        partly = someone(guarded, f"forgets-{number}", allow(act, [each for each in parts if each != part]))
        assert refused(guarded.client("rds", key=partly), call, asked) == "AccessDenied"


def test_a_failover_needs_the_global_cluster_and_the_one_that_is_to_lead(guarded: LabUnderTest) -> None:
    """A global cluster is of no region; who may only touch one of the two may not move the other."""
    guarded.client("rds").create_global_cluster(
        GlobalClusterIdentifier="moved", Engine="aurora-postgresql", Tags=[{"Key": "team", "Value": "a"}]
    )
    move = {
        "GlobalClusterIdentifier": "moved",
        "TargetDbClusterIdentifier": f"{ARN}:cluster:nobody",
        "AllowDataLoss": True,
    }
    whole, target = "arn:aws:rds::123456789012:global-cluster:moved", f"{ARN}:cluster:nobody"
    act = "rds:FailoverGlobalCluster"
    for number, (resources, code) in enumerate(
        (([whole], "AccessDenied"), ([target], "AccessDenied"), ([whole, target], ""))
    ):
        client = guarded.client("rds", key=someone(guarded, f"mover-{number}", allow(act, resources)))
        assert refused(client, "failover_global_cluster", move) == code
    tagged = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    client = guarded.client("rds", key=someone(guarded, "by-tag", allow("rds:DeleteGlobalCluster", **tagged)))
    assert refused(client, "delete_global_cluster", {"GlobalClusterIdentifier": "moved"}) == ""


def test_tags_of_the_request_and_of_the_resource_decide(guarded: LabUnderTest) -> None:
    """Only what carries our tag may be deleted; only with our tag may it be made, and tagging is an action of its own."""
    ours = {"StringEquals": {"aws:ResourceTag/Application": "embi"}}
    deletes = someone(guarded, "deletes", allow("rds:ModifyDBCluster", **ours))
    args = {"DBClusterIdentifier": SOURCE, "BackupRetentionPeriod": 30}
    assert refused(guarded.client("rds", key=deletes), "modify_db_cluster", args) == ""
    others = {"StringEquals": {"aws:ResourceTag/Application": "other"}}
    assert (
        refused(
            guarded.client("rds", key=someone(guarded, "others", allow("rds:*", **others))), "modify_db_cluster", args
        )
        == "AccessDenied"
    )
    wanted = {"StringEquals": {"aws:RequestTag/Purpose": "drill"}}
    makes = someone(guarded, "makes", allow(["rds:CreateDBClusterParameterGroup", "rds:AddTagsToResource"], **wanted))
    untagged = someone(guarded, "cannot-tag", allow("rds:CreateDBClusterParameterGroup"))
    group = {"DBClusterParameterGroupName": "g", "DBParameterGroupFamily": "none", "Description": "d"}
    tagged = {**group, "Tags": [{"Key": "Purpose", "Value": "drill"}]}
    assert refused(guarded.client("rds", key=makes), "create_db_cluster_parameter_group", tagged) == ""
    assert refused(guarded.client("rds", key=makes), "create_db_cluster_parameter_group", group) == "AccessDenied"
    assert refused(guarded.client("rds", key=untagged), "create_db_cluster_parameter_group", tagged) == "AccessDenied"
    assert refused(guarded.client("rds", key=untagged), "create_db_cluster_parameter_group", group) == ""


@pytest.mark.sweep
def test_a_role_must_be_passed_on_by_somebody_who_may(guarded: LabUnderTest) -> None:
    """Who could hang any role on a cluster could become that role."""
    role = "arn:aws:iam::123456789012:role/no-such-role"
    args = {"DBClusterIdentifier": "no-such-cluster", "RoleArn": role}
    without = someone(guarded, "hangs", allow("rds:AddRoleToDBCluster"))
    assert refused(guarded.client("rds", key=without), "add_role_to_db_cluster", args) == "AccessDenied"
    passes = someone(guarded, "passes", allow("rds:AddRoleToDBCluster"), allow("iam:PassRole", role))
    assert refused(guarded.client("rds", key=passes), "add_role_to_db_cluster", args) == ""


def test_the_data_api_is_switched_by_arn_and_a_proxy_is_asked_by_name(guarded: LabUnderTest) -> None:
    """A policy that names one cluster and one proxy allows no other."""
    cluster = f"{ARN}:cluster:{SOURCE}"
    key = someone(
        guarded,
        "looks-closely",
        allow("rds:EnableHttpEndpoint", cluster),
        allow("rds:DescribeDBProxyTargets", f"{ARN}:db-proxy:embi-proxy"),
    )
    rds = guarded.client("rds", key=key)
    assert refused(rds, "enable_http_endpoint", {"ResourceArn": cluster}) == ""
    assert refused(rds, "enable_http_endpoint", {"ResourceArn": f"{cluster}-other"}) == "AccessDenied"
    assert refused(rds, "describe_db_proxy_targets", {"DBProxyName": "embi-proxy"}) == ""
    assert refused(rds, "describe_db_proxy_targets", {"DBProxyName": "another"}) == "AccessDenied"


def test_a_region_can_be_all_that_is_allowed(guarded: LabUnderTest) -> None:
    """Conditions count, which moto's own enforcement does not do."""
    key = someone(guarded, "west", allow("rds:*", StringEquals={"aws:RequestedRegion": "us-west-2"}))
    assert refused(guarded.client("rds", "us-west-2", key=key), "describe_db_clusters") == ""
    assert refused(guarded.client("rds", key=key), "describe_db_clusters") == "AccessDenied"


def test_an_explicit_deny_protects_the_source(guarded: LabUnderTest) -> None:
    """Everything is allowed, but not to delete production."""
    deny = {"Effect": "Deny", "Action": "rds:Delete*", "Resource": f"{ARN}:cluster:{SOURCE}"}
    key = someone(guarded, "almost-admin", allow("*"), deny)
    args, rds = {"SkipFinalSnapshot": True}, guarded.client("rds", key=key)
    assert refused(rds, "delete_db_cluster", {"DBClusterIdentifier": SOURCE, **args}) == "AccessDenied"
    assert refused(rds, "delete_db_cluster", {"DBClusterIdentifier": "no-such-clone", **args}) == ""


@pytest.mark.parametrize(
    ("service", "call", "args", "code"),
    [
        ("kms", "describe_key", {"KeyId": "alias/embi-aurora-backup"}, "AccessDeniedException"),
        ("ssm", "get_parameter", {"Name": "/embi/production/database/endpoint"}, "AccessDeniedException"),
        ("secretsmanager", "get_secret_value", {"SecretId": "embi/aurora/master"}, "AccessDeniedException"),
        ("ec2", "describe_security_groups", {}, "UnauthorizedOperation"),
        ("s3", "get_object", {"Bucket": "daybreak-state-123456789012", "Key": "x"}, "AccessDenied"),
        ("s3", "list_objects_v2", {"Bucket": "daybreak-state-123456789012"}, "AccessDenied"),
        ("route53", "list_hosted_zones", {}, "AccessDenied"),
        ("sns", "list_topics", {}, "AccessDenied"),
        ("iam", "get_account_authorization_details", {}, "AccessDenied"),
        ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "rds"}, "AccessDeniedException"),
        ("rds", "describe_db_proxies", {}, "AccessDenied"),
    ],
)
def test_every_service_is_guarded_in_its_own_words(
    guarded: LabUnderTest, service: str, call: str, args: dict[str, Any], code: str
) -> None:
    """Not only RDS; and each with the error its clients know."""
    key = someone(guarded, f"nobody-{service}-{call}", allow("sts:*"))
    assert refused(guarded.client(service, key=key), call, args) == code
    full = someone(guarded, f"full-{service}-{call}", allow(f"{service}:*"))
    assert refused(guarded.client(service, key=full), call, args) == ""


def test_arns_of_other_services_narrow_as_well(guarded: LabUnderTest) -> None:
    """One parameter, one secret, one prefix of a bucket."""
    state = "arn:aws:s3:::daybreak-state-123456789012"
    key = someone(
        guarded,
        "narrow",
        allow("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/embi/*"),
        allow(
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:embi/aurora/master-??????",
        ),
        allow("s3:PutObject", f"{state}/runs/*"),
    )
    ssm, secrets, s3 = (guarded.client(service, key=key) for service in ("ssm", "secretsmanager", "s3"))
    put = {"Bucket": "daybreak-state-123456789012", "Body": b"x"}
    assert refused(ssm, "get_parameter", {"Name": "/embi/production/database/endpoint"}) == ""
    assert refused(ssm, "get_parameter", {"Name": "/other"}) == "AccessDeniedException"
    assert refused(secrets, "get_secret_value", {"SecretId": "embi/aurora/master"}) == ""
    assert refused(s3, "put_object", {"Key": "runs/1", **put}) == ""
    assert refused(s3, "put_object", {"Key": "other/1", **put}) == "AccessDenied"


def test_a_session_of_a_role_has_the_roles_rights(guarded: LabUnderTest) -> None:
    """Runs on other machines assume a role; who they are is the role's session."""
    iam = guarded.client("iam")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("rds:Describe*")]})
    iam.put_role_policy(RoleName="reader", PolicyName="only", PolicyDocument=document)
    given = guarded.client("sts").assume_role(RoleArn=role, RoleSessionName="run")["Credentials"]
    session = Key(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    rds = guarded.client("rds", key=session)
    assert refused(rds, "describe_db_clusters") == ""
    delete = {"DBClusterIdentifier": SOURCE, "SkipFinalSnapshot": True}
    assert refused(rds, "delete_db_cluster", delete) == "AccessDenied"
    assert ":assumed-role/reader/run" in guarded.client("sts", key=session).get_caller_identity()["Arn"]


def answered(call: Any, **arguments: Any) -> str:
    """The code of the answer; empty when there is none."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def trust(*statements: dict[str, Any]) -> str:
    """A trust policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.mark.parametrize(
    "policy",
    [
        "banana",
        "{}",
        json.dumps({"Version": "2012-10-17", "Statement": []}),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}),
    ],
)
def test_a_trust_policy_says_whom_it_trusts(lab: LabUnderTest, policy: str) -> None:
    """Without a principal nobody could take the role, and AWS makes none; a change is held to the same."""
    iam, name = lab.client("iam"), f"trusted-{uuid.uuid4().hex}"
    new = {"RoleName": name, "AssumeRolePolicyDocument": policy}
    assert answered(iam.create_role, **new) == "MalformedPolicyDocument"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    assert answered(iam.update_assume_role_policy, RoleName=name, PolicyDocument=policy) == "MalformedPolicyDocument"


def test_a_role_is_taken_by_whom_it_trusts(lab: LabUnderTest) -> None:
    """Not by anybody else, and not where there is none."""
    iam, key, name = lab.client("iam"), lab.newcomer(), f"taken-{uuid.uuid4().hex}"
    sts = lab.client("sts", key=key)
    arn = f"arn:aws:iam::123456789012:role/{name}"
    take = {"RoleArn": arn, "RoleSessionName": "run"}
    assert refused(sts, "assume_role", take) == "AccessDenied"
    program = {"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(program))
    assert refused(sts, "assume_role", take) == "AccessDenied"
    mine = {**program, "Principal": {"AWS": sts.get_caller_identity()["Arn"]}}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust(mine))
    assert refused(sts, "assume_role", take) == ""
    assert refused(lab.client("sts", key=lab.newcomer()), "assume_role", take) == "AccessDenied"
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=TRUST)
    assert refused(lab.client("sts", key=lab.newcomer()), "assume_role", take) == ""

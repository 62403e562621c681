"""Defects in the cluster, its instances, and what stands around them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from daybreak.app.validating import Case
from daybreak.model import checks
from daybreak.model.checks import Check
from daybreak.model.world import CustomEndpoint, ProxyTarget, Scaling, Surroundings
from tests.defects.planted.how import Planted, by_sql, set_at_large
from tests.defects.ward import Ward


def _aws(name: str, check: Check, undo: dict[str, Any], *, kind: str, line: str = "", **changes: Any) -> Planted:
    return Planted(
        name, check, lambda ward: ward.modify(**changes), lambda ward: ward.modify(**undo), kind=kind, line=line
    )


def _of_writer(name: str, undo: dict[str, Any], *, kind: str, line: str = "", **changes: Any) -> Planted:
    return Planted(
        name,
        checks.INSTANCE_PARITY,
        lambda ward: ward.modify_writer(**changes),
        lambda ward: ward.modify_writer(**undo),
        kind=kind,
        line=line,
    )


def _seen(**changes: Any) -> Callable[[Case], Case]:
    """What was observed of the clone, changed."""

    def changed(case: Case) -> Case:
        return replace(case, scene=replace(case.scene, clone=case.scene.clone.model_copy(update=changes)))

    return changed


def _writer_seen(**changes: Any) -> Callable[[Case], Case]:
    """What was observed of the clone's writer, changed."""

    def changed(case: Case) -> Case:
        first, *others = case.scene.instances
        return replace(case, scene=replace(case.scene, instances=(first.model_copy(update=changes), *others)))

    return changed


def _source_had(**changes: Any) -> Callable[[Case], Case]:
    """What the plan saw of the source, changed."""

    def changed(case: Case) -> Case:
        source = case.action.source_seen
        assert source is not None
        seen = source.model_copy(update=changes)
        return replace(case, action=case.action.model_copy(update={"source_seen": seen}))

    return changed


def _source_was_led_to(**changes: Any) -> Callable[[Case], Case]:
    """What the plan saw around the source, changed; quarantine is over, so that nothing may be missing any more."""

    def changed(case: Case) -> Case:
        around = (case.action.surroundings_seen or Surroundings()).model_copy(update=changes)
        lifted = {"surroundings_seen": around, "quarantine": {}, "permitted": {}}
        return replace(case, action=case.action.model_copy(update=lifted))

    return changed


def _without_permission(field: str) -> Callable[[Case], Case]:
    """The plan does not permit the difference: as after quarantine was lifted."""

    def changed(case: Case) -> Case:
        permitted = {name: why for name, why in case.action.permitted.items() if name != field}
        return replace(case, action=case.action.model_copy(update={"permitted": permitted, "quarantine": {}}))

    return changed


def _no_longer_pending(ward: Ward) -> None:
    ward.unset("max_connections")
    ward.reboot()


def _default_group(ward: Ward) -> None:
    ward.others["group"] = ward.described()["DBClusterParameterGroup"]
    major = ward.described()["EngineVersion"].partition(".")[0]
    ward.modify(DBClusterParameterGroupName=f"default.aurora-postgresql{major}")
    ward.reboot()


def _own_group(ward: Ward) -> None:
    ward.modify(DBClusterParameterGroupName=ward.others["group"])
    ward.reboot()


def _open_group(ward: Ward, *ways: str) -> None:
    """Another security group, that lets in whoever comes from there."""
    ec2 = ward.lab.client("ec2")
    groups = [each["VpcSecurityGroupId"] for each in ward.described()["VpcSecurityGroups"]]
    ward.others["groups"] = groups
    vpc = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"][0]["VpcId"]
    name = f"open-{len(ways)}-{ward.run[-4:]}"
    made = ec2.create_security_group(GroupName=name, Description="open", VpcId=vpc)["GroupId"]
    rules = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": way}]} for way in ways]
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=rules)
    ward.others["open group"] = made
    ward.modify(VpcSecurityGroupIds=[made])


def _default_security(ward: Ward) -> None:
    ec2 = ward.lab.client("ec2")
    groups = [each["VpcSecurityGroupId"] for each in ward.described()["VpcSecurityGroups"]]
    ward.others["groups"] = groups
    vpc = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"][0]["VpcId"]
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    default = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"][0]["GroupId"]
    ward.modify(VpcSecurityGroupIds=[default])


def _own_security(ward: Ward) -> None:
    ward.modify(VpcSecurityGroupIds=ward.others["groups"])
    if made := ward.others.pop("open group", ""):
        ward.lab.client("ec2").delete_security_group(GroupId=made)


def _untag(ward: Ward) -> None:
    ward.rds.remove_tags_from_resource(ResourceName=ward.described()["DBClusterArn"], TagKeys=["CostCenter"])


def _tag(ward: Ward) -> None:
    tag = {"Key": "CostCenter", "Value": "CC-1020"}
    ward.rds.add_tags_to_resource(ResourceName=ward.described()["DBClusterArn"], Tags=[tag])


def _lose_reader(ward: Ward) -> None:
    name = f"{ward.run}-2"
    seen = ward.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    ward.others["reader"] = seen
    ward.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    ward.gone(name)


def _new_reader(ward: Ward) -> None:
    seen = ward.others["reader"]
    named = ("DBInstanceIdentifier", "DBClusterIdentifier", "DBInstanceClass", "Engine", "PromotionTier")
    ward.rds.create_db_instance(
        **{name: seen[name] for name in named},
        DBParameterGroupName=seen["DBParameterGroups"][0]["DBParameterGroupName"],
        EnablePerformanceInsights=True,
        PerformanceInsightsRetentionPeriod=7,
        CACertificateIdentifier=seen["CACertificateIdentifier"],
        Tags=seen["TagList"],
    )
    ward.settled()


def _wear_role(ward: Ward) -> None:
    role = ward.lab.client("iam").get_role(RoleName="embi-proxy")["Role"]["Arn"]
    ward.others["role"] = role
    ward.rds.add_role_to_db_cluster(DBClusterIdentifier=ward.run, RoleArn=role, FeatureName="s3Export")
    ward.settled()


def _take_role(ward: Ward) -> None:
    ward.rds.remove_role_from_db_cluster(
        DBClusterIdentifier=ward.run, RoleArn=ward.others["role"], FeatureName="s3Export"
    )
    ward.settled()


def _allow_old_id(ward: Ward) -> None:
    """Somebody may log in with IAM, but only to the resource id of the source."""
    iam, old = ward.lab.client("iam"), ward.source["DbClusterResourceId"]
    login = {
        "Effect": "Allow",
        "Action": "rds-db:connect",
        "Resource": f"arn:aws:rds-db:us-east-1:123456789012:dbuser:{old}/embi_app",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [login]})
    made = iam.create_policy(PolicyName="only-the-old-one", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="embi-application", PolicyArn=made)
    ward.others["policy"] = made


def _forbid_old_id(ward: Ward) -> None:
    iam, policy = ward.lab.client("iam"), ward.others["policy"]
    iam.detach_role_policy(RoleName="embi-application", PolicyArn=policy)
    iam.delete_policy(PolicyArn=policy)


def _no_page(case: Case) -> Case:
    """The application's page answers, and says that it is not well."""
    pages = tuple(page.model_copy(update={"contains": "another word"}) for page in case.action.health)
    return replace(case, action=case.action.model_copy(update={"health": pages}))


IN_AWS: tuple[Planted, ...] = (
    Planted(
        "default parameter group",
        checks.PARAMETER_PARITY,
        _default_group,
        _own_group,
        kind="AWS: parameter group",
        alone="it needs a reboot",
    ),
    Planted(
        "quarantine lifted",
        checks.QUARANTINE,
        lambda ward: set_at_large(ward, "max_logical_replication_workers", "4"),
        lambda ward: set_at_large(ward, "max_logical_replication_workers", "0"),
        kind="AWS: parameter",
        alone="it needs a reboot",
    ),
    Planted(
        "pending reboot",
        checks.PARAMETERS,
        lambda ward: ward.parameter("max_connections", "77"),
        _no_longer_pending,
        kind="AWS: parameter",
        alone="it needs a reboot",
    ),
    Planted(
        "default security group",
        checks.SECURITY_GROUPS,
        _default_security,
        _own_security,
        kind="AWS: security group",
        alone="nothing can come in",
    ),
    Planted(
        "security group open to all",
        checks.SECURITY_GROUPS,
        lambda ward: _open_group(ward, "0.0.0.0/0"),
        _own_security,
        kind="AWS: security group",
    ),
    Planted(
        "publicly accessible",
        checks.PUBLIC_ACCESS,
        lambda ward: ward.modify_writer(PubliclyAccessible=True),
        lambda ward: ward.modify_writer(PubliclyAccessible=False),
        kind="AWS: public access",
    ),
    Planted("unencrypted", checks.ENCRYPTION, change=_seen(is_encrypted=False, kms_key=None), kind="AWS: encryption"),
    Planted(
        "wrong KMS key",
        checks.KMS,
        change=_seen(kms_key="arn:aws:kms:us-east-1:123456789012:key/another"),
        kind="AWS: KMS key",
    ),
    Planted("IAM role missing", checks.IAM_ROLES, change=_without_permission("roles"), kind="AWS: IAM role"),
    Planted("IAM role too many", checks.IAM_ROLES, _wear_role, _take_role, kind="AWS: IAM role"),
    _aws(
        "IAM authentication off",
        checks.CLUSTER_PARITY,
        {"EnableIAMDatabaseAuthentication": True},
        EnableIAMDatabaseAuthentication=False,
        kind="AWS: IAM authentication",
        line="has_iam_auth",
    ),
    Planted(
        "managed secret absent",
        checks.CLUSTER_PARITY,
        change=_source_had(master_secret="arn:aws:secretsmanager:::secret:x"),
        kind="AWS: managed secret",
        line="master_secret",
    ),
    _aws(
        "log exports off",
        checks.AUDIT_LOGGING,
        {"CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["postgresql"]}},
        CloudwatchLogsExportConfiguration={"DisableLogTypes": ["postgresql"]},
        kind="AWS: log exports",
    ),
    _aws(
        "deletion protection off",
        checks.DELETION_PROTECTION,
        {"DeletionProtection": True},
        DeletionProtection=False,
        kind="AWS: deletion protection",
    ),
    _aws(
        "retention of one day",
        checks.CLUSTER_PARITY,
        {"BackupRetentionPeriod": 30},
        BackupRetentionPeriod=1,
        kind="AWS: backup retention",
        line="backup_retention",
    ),
    Planted("tags missing", checks.CLUSTER_PARITY, _untag, _tag, kind="AWS: tags", line="tags"),
    _of_writer(
        "certificate authority differs",
        {"CACertificateIdentifier": "rds-ca-rsa2048-g1"},
        CACertificateIdentifier="rds-ca-ecc384-g1",
        kind="AWS: certificate authority",
        line="ca",
    ),
    _of_writer(
        "wrong class",
        {"DBInstanceClass": "db.r6g.large"},
        DBInstanceClass="db.t4g.medium",
        kind="AWS: instance class",
        line="instance_class",
    ),
    _of_writer(
        "Performance Insights off",
        {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 7},
        EnablePerformanceInsights=False,
        kind="AWS: Performance Insights",
        line="has_performance_insights",
    ),
    Planted(
        "no reader",
        checks.INSTANCE_PARITY,
        _lose_reader,
        _new_reader,
        kind="AWS: instance",
        alone="an instance is made again",
    ),
    Planted(
        "engine minor differs", checks.ENGINE_VERSION, change=_seen(engine_version="15.1"), kind="AWS: engine version"
    ),
    Planted(
        "Extended Support changed",
        checks.CLUSTER_PARITY,
        change=_seen(lifecycle="open-source-rds-extended-support-disabled"),
        kind="AWS: life cycle",
        line="lifecycle",
    ),
    Planted(
        "endpoint closed", checks.ENDPOINT, change=_seen(port=1), kind="AWS: endpoint", alone="nothing can come in"
    ),
    Planted(
        "instance not available",
        checks.INSTANCE_STATUS,
        change=_writer_seen(status="storage-full"),
        kind="AWS: instance status",
    ),
    Planted(
        "cluster not available",
        checks.CLUSTER_STATUS,
        change=_seen(status="inaccessible-encryption-credentials"),
        kind="AWS: cluster status",
    ),
    Planted(
        "login policy names the old resource id",
        checks.CONNECT_POLICIES,
        _allow_old_id,
        _forbid_old_id,
        kind="AWS: IAM policy",
    ),
    Planted(
        "proxy target missing",
        checks.SURROUNDINGS_PARITY,
        change=_source_was_led_to(proxies=(ProxyTarget(proxy="front", target_group="default"),)),
        kind="AWS: proxy",
    ),
    Planted(
        "autoscaling missing",
        checks.SURROUNDINGS_PARITY,
        change=_source_was_led_to(scaling=Scaling(low=1, high=3)),
        kind="AWS: autoscaling",
    ),
    Planted(
        "custom endpoint missing",
        checks.SURROUNDINGS_PARITY,
        change=_source_was_led_to(endpoints=(CustomEndpoint(identifier="reporting", kind="READER"),)),
        kind="AWS: custom endpoint",
    ),
    Planted("health page is not well", checks.HEALTH, change=_no_page, kind="application: health page"),
    by_sql(
        "an owner's check is missed",
        checks.BUSINESS,
        "delete from salaries where employee_id = 5",
        kind="application: owner's check",
        line="every employee has a salary",
        hits=("relation public.employees", "public.salaries"),
    ),
)
"""The cluster, its instances, and what stands around them."""

"""The defects of the matrix: how each is planted in a really restored clone, and which check must find it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from daybreak.app.validating import Case
from daybreak.lab.company.names import APPLICATION_SECRET
from daybreak.model import checks
from daybreak.model.checks import Check
from daybreak.model.targets import Expectation
from daybreak.model.world import CustomEndpoint, ProxyTarget, Scaling, Surroundings
from tests.defects.ward import Ward

Deed = Callable[[Ward], None]
"""Something done to a ward."""


def _nothing(_ward: Ward) -> None:
    """Nothing is done."""


def _as_it_is(case: Case) -> Case:
    return case


@dataclass(frozen=True)
class Planted:
    """One defect."""

    name: str
    check: Check
    plant: Deed = _nothing
    undo: Deed = _nothing
    spoils: bool = False
    """Whether the clone's database must be put back afterwards."""
    change: Callable[[Case], Case] = _as_it_is
    """A change of what was observed, where AWS changes no living cluster so."""


def _sql(name: str, check: Check, *statements: str, undo: Deed = _nothing) -> Planted:
    return Planted(name, check, lambda ward: _run(ward, *statements), undo, spoils=True)


def _run(ward: Ward, *statements: str) -> None:
    ward.damage.sql(*statements)


def _role(name: str, check: Check, statement: str, undo: str) -> Planted:
    """Roles belong to the whole server, so a copy of the database does not bring them back."""
    return Planted(name, check, lambda ward: _run(ward, statement), lambda ward: _run(ward, *undo.split("; ")))


def _damage(name: str, check: Check, deed: Deed) -> Planted:
    return Planted(name, check, deed, spoils=True)


def _drop_extension(ward: Ward) -> None:
    for extension in ("pg_trgm", "vector"):
        ward.damage.do("drop-extension", extension=extension)


def _age_extension(ward: Ward) -> None:
    for extension in ("pg_trgm", "vector"):
        ward.damage.do("age-extension", extension=extension)


def _lead_out(ward: Ward) -> None:
    production = ward.described(ward.branch.cluster)["Endpoint"]
    ward.damage.do("lead-out", server="production", host=production)


def _at_large(ward: Ward, name: str, value: str) -> None:
    ward.parameter(name, value)
    ward.reboot()


def _subscribe(ward: Ward) -> None:
    _at_large(ward, "max_logical_replication_workers", "4")
    ward.damage.do("subscribe", subscription="eater")


def _unsubscribe(ward: Ward) -> None:
    ward.damage.do("unsubscribe", subscription="eater")
    _at_large(ward, "max_logical_replication_workers", "0")


_CRON = (
    "create schema cron",
    (
        "create table cron.job (jobid bigint primary key, schedule text, command text, nodename text, nodeport int,"
        " database text, username text, active boolean, jobname text)"
    ),
    "grant usage on schema cron to public",
    "grant select on cron.job to public",
    "insert into cron.job values (1, '* * * * *', 'select pay_everybody()', 'localhost', 5432, 'embi', 'embi_admin', true, 'pay')",
)


def _schedule(ward: Ward) -> None:
    """The table of pg_cron, which no machine of a laptop has, and the setting with which it would launch its jobs."""
    _run(ward, *_CRON, "alter database embi set cron.launch_active_jobs = 'on'")


def _change_password(ward: Ward) -> None:
    _run(ward, "alter role embi_app password 'not the one'")


def _put_back_password(ward: Ward) -> None:
    held = ward.lab.client("secretsmanager").get_secret_value(SecretId=APPLICATION_SECRET)["SecretString"]
    _run(ward, f"alter role embi_app password '{json.loads(held)['password']}'")


IN_ROWS: tuple[Planted, ...] = (
    _sql("missing table", checks.TABLES, "drop table payments cascade"),
    _sql("row count low", checks.ROWS, "delete from employees where id > 500"),
    _sql("rows lost since the baseline", checks.ROWS, "delete from payments where id % 3 = 0"),
    _sql("row of a static table lost", checks.ROWS, "delete from currencies where code = 'BRL'"),
    _sql("one row lost", checks.SOURCE_ROWS, "delete from payments where id = (select max(id) from payments)"),
    _sql("values of two rows swapped", checks.SOURCE_ROWS,
         "update employees e set email = o.email || ' ' from employees o where (e.id, o.id) in ((3, 4), (4, 3))"),
    _sql("amounts scaled", checks.SOURCE_ROWS, "update salaries set amount = amount * 100 where id % 7 = 0"),
    _sql("times shifted", checks.SOURCE_ROWS, "update audit_log set at = at - interval '1 hour' where id between 3 and 9"),
    _sql("one byte of a text", checks.SOURCE_ROWS, "update departments set name = overlay(name placing '_' from 1 for 1) where id = 3"),
    _sql("newest row too old", checks.RECENT, "update employees set updated_at = updated_at - interval '9 days'"),
    _sql("newest row after the moment", checks.RECENT, "update employees set updated_at = now() + interval '1 day' where id = 1"),
    _sql("content of a static table differs", checks.CONTENT, "update currencies set name = 'Euros' where code = 'EUR'"),
    _damage("orphan row", checks.ORPHANS, lambda ward: ward.damage.orphan("delete from departments where id = 3")),
    _damage("page of a table spoiled", checks.ROWS, lambda ward: ward.damage.spoil("payments")),
)  # fmt: skip
"""Rows and what they hold."""

IN_OBJECTS: tuple[Planted, ...] = (
    _sql("missing partition", checks.PARTITIONS, "drop table time_entries_2025_05"),
    _sql("partition detached", checks.PARTITIONS, "alter table time_entries detach partition time_entries_2025_05"),
    _damage("foreign key NOT VALID", checks.FOREIGN_KEYS, lambda ward: ward.damage.invalidate_foreign_key("salaries_employee_id_fkey")),
    _sql("foreign key missing", checks.FOREIGN_KEYS, "alter table salaries drop constraint salaries_employee_id_fkey"),
    _damage("invalid index", checks.INDEXES, lambda ward: ward.damage.invalidate_index("employees_by_name")),
    _sql("missing index", checks.INDEXES, "drop index payments_by_employee"),
    _damage("btree out of order", checks.INDEX_CONTENTS, lambda ward: ward.damage.disorder_index("employees_by_change")),
    _damage(
        "btree lacks entries",
        checks.INDEX_CONTENTS,
        lambda ward: ward.damage.forget_in_index("audit_log_by_time", "insert into audit_log (what) values ('hidden')"),
    ),
    _sql("column type changed", checks.COLUMNS, "alter table notes alter body type varchar(4000)"),
    _sql("column missing", checks.COLUMNS, "alter table notes drop column budget"),
    _sql("default lost", checks.COLUMNS, "alter table employees alter is_active drop default"),
    _sql("check constraint lost", checks.CONSTRAINTS, "alter table salaries drop constraint salaries_amount_check"),
    _sql("unique constraint lost", checks.CONSTRAINTS, "alter table employees drop constraint employees_email_key"),
    _sql("trigger disabled", checks.TRIGGERS, "alter table employees disable trigger employees_touch"),
    _sql("trigger missing", checks.TRIGGERS, "drop trigger employees_departures on employees"),
    _sql("rule missing", checks.TRIGGERS, "drop rule departments_stay on departments"),
    _sql("function changed", checks.FUNCTIONS, "create or replace function touch() returns trigger language plpgsql as 'begin return null; end'"),
    _sql("view missing", checks.FUNCTIONS, "drop view department_headcount"),
    _sql("label of a type changed", checks.FUNCTIONS, "alter type work_kind rename value 'travel' to 'trip'"),
    _sql("sequence behind the data", checks.SEQUENCES, "select setval('payment_numbers', 1)"),
    Planted(
        "unlogged table empty, rows awaited",
        checks.UNLOGGED,
        change=lambda case: _awaiting(case, "public.login_sessions"),
    ),
    _damage("materialized view not populated", checks.MATERIALIZED_VIEWS, lambda ward: ward.damage.unpopulate("monthly_payroll")),
    _damage("extension missing", checks.EXTENSIONS, _drop_extension),
    _damage("extension older", checks.EXTENSIONS, _age_extension),
    _sql("publication missing", checks.PUBLICATIONS, "drop publication embi_changes"),
    _sql("table missing from a publication", checks.PUBLICATIONS, "alter publication embi_changes drop table employees"),
    Planted("subscription enabled", checks.SUBSCRIPTIONS, _subscribe, _unsubscribe, spoils=True),
    Planted(
        "active cron job",
        checks.CRON_JOBS,
        _schedule,
        lambda ward: _run(ward, "alter database embi reset cron.launch_active_jobs"),
        spoils=True,
    ),
    _damage("foreign server that leads to production", checks.FOREIGN_SERVERS, _lead_out),
    Planted("collation of another version", checks.COLLATIONS, lambda ward: ward.damage.age_collation(), spoils=True),
    _damage("no statistics", checks.STATISTICS, lambda ward: ward.damage.forget_statistics("payments")),
    Planted(
        "prepared transaction left",
        checks.PREPARED_TRANSACTIONS,
        lambda ward: ward.damage.leave_prepared("left", "insert into currencies values ('XXX', 'none', 2)"),
        lambda ward: _run(ward, "rollback prepared 'left'"),
    ),
    Planted(
        "replication slot left",
        checks.REPLICATION_SLOTS,
        lambda ward: _run(ward, "select pg_create_physical_replication_slot('left_over')::text"),
        lambda ward: _run(ward, "select pg_drop_replication_slot('left_over')::text"),
    ),
)  # fmt: skip
"""Everything in the database besides its rows."""

IN_ACCESS: tuple[Planted, ...] = (
    _damage("wrong owner", checks.OWNERS, lambda ward: ward.damage.do("give-table", table="payments", owner="embi_reporting")),
    _sql("grant lost", checks.GRANTS, "revoke select on employees from embi_app"),
    _sql("grant to everybody", checks.GRANTS, "grant select on salaries to public"),
    _sql("row security off", checks.ROW_SECURITY, "alter table notes disable row level security"),
    _sql("policy missing", checks.ROW_SECURITY, "drop policy notes_for_reading on notes"),
    _role(
        "missing role",
        checks.ROLES,
        "drop role embi_analyst",
        "create role embi_analyst login in role embi_reporting; alter role embi_analyst set default_transaction_read_only to on",
    ),
    _role("role that may do more", checks.ROLES, "alter role embi_analyst createdb", "alter role embi_analyst nocreatedb"),
    _role("membership lost", checks.ROLES, "revoke embi_reporting from embi_analyst", "grant embi_reporting to embi_analyst"),
    _role("application's role may not log in", checks.CONNECTS, "alter role embi_app nologin", "alter role embi_app login"),
    Planted(
        "application's password is another one", checks.AUTHENTICATION, _change_password, _put_back_password
    ),
)  # fmt: skip
"""Who may do what."""


def _awaiting(case: Case, table: str) -> Case:
    """The owner expects rows in a table."""
    tables = case.action.tables | {table: Expectation(min_rows=1)}
    return replace(case, action=case.action.model_copy(update={"tables": tables}))


def _aws(name: str, check: Check, undo: dict[str, Any], **changes: Any) -> Planted:
    return Planted(name, check, lambda ward: ward.modify(**changes), lambda ward: ward.modify(**undo))


def _of_writer(name: str, undo: dict[str, Any], **changes: Any) -> Planted:
    return Planted(
        name,
        checks.INSTANCE_PARITY,
        lambda ward: ward.modify_writer(**changes),
        lambda ward: ward.modify_writer(**undo),
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
    iam, old = ward.lab.client("iam"), ward.described(ward.branch.cluster)["DbClusterResourceId"]
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
    Planted("default parameter group", checks.PARAMETER_PARITY, _default_group, _own_group),
    Planted(
        "quarantine lifted",
        checks.QUARANTINE,
        lambda ward: _at_large(ward, "max_logical_replication_workers", "4"),
        lambda ward: _at_large(ward, "max_logical_replication_workers", "0"),
    ),
    Planted(
        "pending reboot",
        checks.PARAMETERS,
        lambda ward: ward.parameter("max_connections", "77"),
        _no_longer_pending,
    ),
    Planted("default security group", checks.SECURITY_GROUPS, _default_security, _own_security),
    Planted(
        "security group open to all", checks.SECURITY_GROUPS, lambda ward: _open_group(ward, "0.0.0.0/0"), _own_security
    ),
    Planted(
        "publicly accessible",
        checks.PUBLIC_ACCESS,
        lambda ward: ward.modify_writer(PubliclyAccessible=True),
        lambda ward: ward.modify_writer(PubliclyAccessible=False),
    ),
    Planted("unencrypted", checks.ENCRYPTION, change=_seen(is_encrypted=False, kms_key=None)),
    Planted("wrong KMS key", checks.KMS, change=_seen(kms_key="arn:aws:kms:us-east-1:123456789012:key/another")),
    Planted("IAM role missing", checks.IAM_ROLES, change=_without_permission("roles")),
    Planted("IAM role too many", checks.IAM_ROLES, _wear_role, _take_role),
    _aws(
        "IAM authentication off",
        checks.CLUSTER_PARITY,
        {"EnableIAMDatabaseAuthentication": True},
        EnableIAMDatabaseAuthentication=False,
    ),
    Planted(
        "managed secret absent",
        checks.CLUSTER_PARITY,
        change=_source_had(master_secret="arn:aws:secretsmanager:::secret:x"),
    ),
    _aws(
        "log exports off",
        checks.AUDIT_LOGGING,
        {"CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["postgresql"]}},
        CloudwatchLogsExportConfiguration={"DisableLogTypes": ["postgresql"]},
    ),
    _aws("deletion protection off", checks.DELETION_PROTECTION, {"DeletionProtection": True}, DeletionProtection=False),
    _aws("retention of one day", checks.CLUSTER_PARITY, {"BackupRetentionPeriod": 30}, BackupRetentionPeriod=1),
    Planted("tags missing", checks.CLUSTER_PARITY, _untag, _tag),
    _of_writer(
        "certificate authority differs",
        {"CACertificateIdentifier": "rds-ca-rsa2048-g1"},
        CACertificateIdentifier="rds-ca-ecc384-g1",
    ),
    _of_writer("wrong class", {"DBInstanceClass": "db.r6g.large"}, DBInstanceClass="db.t4g.medium"),
    _of_writer(
        "Performance Insights off",
        {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 7},
        EnablePerformanceInsights=False,
    ),
    Planted("no reader", checks.INSTANCE_PARITY, _lose_reader, _new_reader),
    Planted("engine minor differs", checks.ENGINE_VERSION, change=_seen(engine_version="15.1")),
    Planted(
        "Extended Support changed",
        checks.CLUSTER_PARITY,
        change=_seen(lifecycle="open-source-rds-extended-support-disabled"),
    ),
    Planted("endpoint closed", checks.ENDPOINT, change=_seen(port=1)),
    Planted("instance not available", checks.INSTANCE_STATUS, change=_writer_seen(status="storage-full")),
    Planted("cluster not available", checks.CLUSTER_STATUS, change=_seen(status="inaccessible-encryption-credentials")),
    Planted("login policy names the old resource id", checks.CONNECT_POLICIES, _allow_old_id, _forbid_old_id),
    Planted(
        "proxy target missing",
        checks.SURROUNDINGS_PARITY,
        change=_source_was_led_to(proxies=(ProxyTarget(proxy="front", target_group="default"),)),
    ),
    Planted(
        "autoscaling missing", checks.SURROUNDINGS_PARITY, change=_source_was_led_to(scaling=Scaling(low=1, high=3))
    ),
    Planted(
        "custom endpoint missing",
        checks.SURROUNDINGS_PARITY,
        change=_source_was_led_to(endpoints=(CustomEndpoint(identifier="reporting", kind="READER"),)),
    ),
    Planted("health page is not well", checks.HEALTH, change=_no_page),
    _sql("an owner's check is missed", checks.BUSINESS, "delete from salaries where employee_id = 5"),
)
"""The cluster, its instances, and what stands around them."""

CATALOG: tuple[Planted, ...] = (*IN_ROWS, *IN_OBJECTS, *IN_ACCESS, *IN_AWS)
"""Every defect of the matrix."""

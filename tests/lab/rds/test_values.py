"""The lab's law on values: what AWS refuses is refused, for every parameter of every operation served."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape

from daybreak.lab.protocol import codec
from daybreak.lab.rds import desk, windows
from daybreak.lab.rds.contract import STRUCTURES
from daybreak.lab.rds.front import OPERATIONS
from daybreak.lab.rds.reserved import RESERVED
from daybreak.lab.rds.values import ELSEWHERE, FORMS, of_model
from tests.fix_lab import TRUST
from tests.fix_rds import Account, refused
from tests.lab.rds.test_contract import refusal, required

NEW = {
    "Engine": "aurora-postgresql",
    "MasterUsername": "embi_admin",
    "MasterUserPassword": "Correct-horse-7",
    "DBClusterIdentifier": "valued",
}


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


def scalars(shape: Shape, path: str) -> Iterator[tuple[str, Shape]]:
    """The path and shape of each scalar that the lab reads in a parameter."""
    if isinstance(shape, ListShape):
        yield from scalars(shape.member, path)
    elif isinstance(shape, StructureShape):
        for name in sorted(STRUCTURES[shape.name]):
            yield from scalars(shape.members[name], f"{path}.{name}")
    else:
        yield path, shape


def read() -> Iterator[tuple[str, str, Shape]]:
    """Each scalar of each operation that has more values than a switch or a moment: operation, path and shape."""
    for operation in sorted(OPERATIONS):
        shape: Any = codec.operation_model(operation).input_shape
        for name in sorted(desk.OPERATIONS[operation].taken):
            for path, inner in scalars(shape.members[name], name):
                if inner.type_name not in ("boolean", "timestamp"):
                    yield operation, path, inner


def planted(shape: Shape, path: list[str], value: Any) -> Any:
    """A value of the shape with one scalar in it."""
    if isinstance(shape, ListShape):
        return [planted(shape.member, path, value)]
    if isinstance(shape, StructureShape):
        return {path[0]: planted(shape.members[path[0]], path[1:], value)}
    return value


def test_every_parameter_has_its_values_somewhere() -> None:
    """A parameter that nobody thought of takes anything."""
    elsewhere = {name for names in ELSEWHERE.values() for name in names.split()}
    paths = {path for _, path, _ in read()}
    unknown = {path for _, path, shape in read() if path not in elsewhere | set(FORMS) and of_model(shape) is None}
    assert unknown == set()
    assert (elsewhere | set(FORMS)) - paths == set(), "named, and read by no operation"
    assert elsewhere & set(FORMS) == set()


def test_a_value_of_no_form_is_refused_by_every_operation(account: Account) -> None:
    """Before anything is looked up, so that nothing is changed."""
    walked = 0
    for operation, path, shape in read():
        form = FORMS.get(path) or of_model(shape)
        if form is None:
            continue
        name, *inner = path.split(".")
        whole: Any = codec.operation_model(operation).input_shape
        first = {name: planted(whole.members[name], inner, form.wrong)}  # what is given first is looked at first
        others = {other: value for other, value in required(operation).items() if other != name}
        assert f" for parameter {path}: must be " in refusal(account, operation, **first, **others), operation
        walked += 1
    assert walked > 100


@pytest.mark.parametrize(
    ("window", "is_right"),
    [
        ("03:00-03:30", True),
        ("23:45-00:15", True),
        ("03:00-03:10", False),
        ("03:00-03:00", False),
        ("24:00-24:30", False),
        ("3:00-3:30", False),
        ("banana", False),
        ("99:99-99:99", False),
    ],
)
def test_a_backup_window_has_one_form(window: str, *, is_right: bool) -> None:
    """Hours and minutes in UTC, half an hour at least."""
    assert windows.is_daily(window) is is_right


@pytest.mark.parametrize(
    ("daily", "weekly", "is_so"),
    [
        ("03:00-03:30", "sun:03:00-sun:03:30", True),
        ("03:00-03:30", "sun:03:29-sun:04:00", True),
        ("03:00-03:30", "sun:03:30-sun:04:00", False),
        ("23:45-00:15", "sun:23:00-mon:00:00", True),
        ("00:00-00:30", "sun:23:30-mon:00:10", True),
        ("23:45-00:15", "mon:00:15-mon:00:45", False),
        ("12:00-12:30", "Fri:22:00-Sun:11:00", True),
    ],
)
def test_the_two_windows_of_a_cluster_may_not_meet(daily: str, weekly: str, *, is_so: bool) -> None:
    """Also not around midnight, and not around the end of the week."""
    assert windows.meet(daily, weekly) is is_so


def test_the_windows_that_aws_chooses_never_meet() -> None:
    """Whatever the other one is."""
    for name in ("a", "b", "c", "embi", "z" * 40):
        for weekly in (None, "sun:04:00-sun:04:30", "mon:03:00-mon:10:30"):
            daily = windows.usual_daily(name, weekly)
            assert windows.is_daily(daily)
            assert not windows.meet(daily, weekly or windows.usual_weekly(daily))


@pytest.mark.sweep
def test_a_window_that_meets_the_other_is_refused(account: Account) -> None:
    """In the same call, and in a later one for the cluster or for a member."""
    both = {"PreferredBackupWindow": "03:00-03:30", "PreferredMaintenanceWindow": "sun:03:00-sun:03:30"}
    assert refused(account, "CreateDBCluster", **NEW, **both) == "InvalidParameterValue"
    account.create("timed", PreferredBackupWindow="03:00-03:30", PreferredMaintenanceWindow="Sun:05:00-Sun:06:00")
    assert account.cluster("timed")["PreferredMaintenanceWindow"] == "sun:05:00-sun:06:00"
    it = {"DBClusterIdentifier": "timed"}
    assert refused(account, "ModifyDBCluster", **it, PreferredBackupWindow="05:30-06:30") == "InvalidParameterValue"
    member = {"DBInstanceIdentifier": "timed-1", "DBInstanceClass": "db.r6g.large", "Engine": "aurora-postgresql"}
    met = {"PreferredMaintenanceWindow": "mon:03:00-mon:03:30"}
    assert refused(account, "CreateDBInstance", **it, **member, **met) == "InvalidParameterValue"


def test_a_window_of_an_older_lab_stops_nobody(account: Account) -> None:
    """One cluster with such a window kept the backups of all others from being taken."""
    moment = datetime.fromisoformat("2026-03-02T06:00:00+00:00")
    assert windows.last_start("banana", moment) == datetime.fromisoformat("2026-03-02T03:00:00+00:00")


def test_the_reserved_words_are_those_of_the_server(account: Account) -> None:
    """A word that PostgreSQL reserves makes no user."""
    account.create("worded", VpcSecurityGroupIds=[account.open_group()])
    account.add("worded", "worded-1")
    with account.connect("worded") as session:
        rows = session.execute("select word from pg_get_keywords() where catcode in ('R', 'T')").fetchall()
    assert {row[0] for row in rows} - RESERVED == set()
    assert len(rows) > 70


ROLE = "arn:aws:iam::123456789012:role/nobody-has-this"
WATCH = {"EnablePerformanceInsights": True}
CLUSTER_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"MonitoringInterval": 60}, "InvalidParameterCombination"),
    ({"MonitoringRoleArn": ROLE}, "InvalidParameterCombination"),
    ({"MonitoringInterval": 0, "MonitoringRoleArn": ROLE}, "InvalidParameterCombination"),
    ({"MonitoringInterval": 60, "MonitoringRoleArn": ROLE}, "InvalidParameterValue"),
    ({"MonitoringInterval": 60, "MonitoringRoleArn": "nope"}, "InvalidParameterValue"),
    ({**WATCH, "PerformanceInsightsKMSKeyId": "alias/nope"}, "KMSKeyNotAccessibleFault"),
]
"""Settings of what watches, which both a cluster and an instance refuse."""
NEW_VALUES: list[tuple[dict[str, Any], str]] = [
    *CLUSTER_VALUES,
    ({"EngineVersion": "18.99"}, "InvalidParameterCombination"),
    ({"EngineVersion": "18.banana"}, "InvalidParameterCombination"),
    ({"EngineVersion": "18.6-limitless"}, "InvalidParameterCombination"),
    ({"EngineVersion": "99"}, "InvalidParameterCombination"),
    ({"DatabaseName": "rdsadmin"}, "InvalidParameterValue"),
    ({"MasterUsername": "select"}, "InvalidParameterValue"),
    ({"MasterUsername": "rds_mine"}, "InvalidParameterValue"),
    ({"MasterUsername": "9lives"}, "InvalidParameterValue"),
    ({"AssociatedRoles": [{"RoleArn": ROLE}]}, "InvalidParameterValue"),
    ({"AssociatedRoles": [{"RoleArn": ROLE, "FeatureName": "banana"}]}, "InvalidParameterValue"),
    (
        {"ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 1, "SecondsUntilAutoPause": 600}},
        "InvalidParameterValue",
    ),
    ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 4, "MaxCapacity": 2}}, "InvalidParameterValue"),
    ({"Tags": [{"Key": "aws:a", "Value": "b"}]}, "InvalidParameterValue"),
]


@pytest.mark.parametrize(("given", "code"), NEW_VALUES)
def test_a_new_cluster_is_refused_with(account: Account, given: dict[str, Any], code: str) -> None:
    """What AWS refuses when it is asked for a cluster."""
    assert refused(account, "CreateDBCluster", **{**NEW, **given}) == code
    assert "valued" not in account.names()


@pytest.mark.parametrize(("given", "code"), CLUSTER_VALUES)
def test_a_cluster_and_its_members_are_refused_with(account: Account, given: dict[str, Any], code: str) -> None:
    """A change is held against the same."""
    if "watched" not in account.names():
        account.create("watched")
        account.add("watched", "watched-1")
    member = {"DBInstanceClass": "db.r6g.large", "Engine": "aurora-postgresql", "DBClusterIdentifier": "watched"}
    assert refused(account, "ModifyDBCluster", DBClusterIdentifier="watched", **given) == code
    assert refused(account, "ModifyDBInstance", DBInstanceIdentifier="watched-1", **given) == code
    assert refused(account, "CreateDBInstance", DBInstanceIdentifier="watched-2", **member, **given) == code


def test_a_role_for_one_feature_is_worn_once(account: Account) -> None:
    """In one call, in two, and five at most."""
    iam = account.world.client("iam", "us-east-1")
    made = [
        iam.create_role(RoleName=f"worn-{number}", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"] for number in range(6)
    ]
    twice = [{"RoleArn": made[0], "FeatureName": "s3Import"}] * 2
    assert refused(account, "CreateDBCluster", **NEW, AssociatedRoles=twice) == "DBClusterRoleAlreadyExists"
    account.create("worn", AssociatedRoles=twice[:1])
    it = {"DBClusterIdentifier": "worn"}
    assert refused(account, "AddRoleToDBCluster", **it, **twice[0]) == "DBClusterRoleAlreadyExists"
    assert refused(account, "AddRoleToDBCluster", **it, RoleArn=made[1]) == "InvalidParameterValue"
    for role in made[1:5]:
        account.call("AddRoleToDBCluster", **it, RoleArn=role, FeatureName="Lambda")
    full = refused(account, "AddRoleToDBCluster", **it, RoleArn=made[5], FeatureName="Lambda")
    assert full == "DBClusterRoleQuotaExceeded"


def test_names_and_tags_of_what_stands_around(account: Account) -> None:
    """Groups of both kinds, subnet groups and snapshots."""
    tags: Any = {"Tags": [{"Key": "aws:a", "Value": "b"}]}
    family = account.call("DescribeDBEngineVersions", DefaultOnly=True)["DBEngineVersions"][0]["DBParameterGroupFamily"]
    for kind in ("DBClusterParameterGroup", "DBParameterGroup"):
        new = {f"{kind}Name": "tagged", "DBParameterGroupFamily": family, "Description": "d"}
        assert refused(account, f"Create{kind}", **new, **tags) == "InvalidParameterValue"
        copy = {f"Source{kind}Identifier": f"default.{family}", f"Target{kind}Identifier": "tagged"}
        copy[f"Target{kind}Description"] = "d"
        assert refused(account, f"Copy{kind}", **copy, **tags) == "InvalidParameterValue"
    subnets = [subnet.id for subnet in account.world.default_subnets("us-east-1")]
    group: Any = {"DBSubnetGroupDescription": "d", "SubnetIds": subnets}
    assert refused(account, "CreateDBSubnetGroup", **group, DBSubnetGroupName="sg$$ x") == "InvalidParameterValue"
    assert refused(account, "CreateDBSubnetGroup", **group, DBSubnetGroupName="sg", **tags) == "InvalidParameterValue"
    account.create("named")
    taken = {"DBClusterIdentifier": "named", "DBClusterSnapshotIdentifier": "a" * 100}
    assert refused(account, "CreateDBClusterSnapshot", **taken) == "InvalidParameterValue"


def test_storage_takes_no_key_for_signing(account: Account) -> None:
    """KMS has keys that encrypt nothing of RDS."""
    kms = account.world.client("kms", "us-east-1")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    assert refused(account, "CreateDBCluster", **NEW, KmsKeyId=key) == "KMSKeyNotAccessibleFault"


def test_there_is_no_way_back_to_an_older_version(account: Account) -> None:
    """A newer one waits for the maintenance window unless it is wanted now."""
    account.create("old")
    it, version = {"DBClusterIdentifier": "old"}, account.cluster("old")["EngineVersion"]
    before = f"{version.partition('.')[0]}.0"
    for wrong in (before, "18.99", "18.foo"):
        assert refused(account, "ModifyDBCluster", **it, EngineVersion=wrong) == "InvalidParameterCombination"
    account.rds.pretend("us-east-1", "cluster", "old", {"EngineVersion": "99.1"})
    assert refused(account, "ModifyDBCluster", **it, EngineVersion=version) == "InvalidParameterCombination"
    account.rds.pretend("us-east-1", "cluster", "old", {"EngineVersion": before})
    account.call("ModifyDBCluster", **it, EngineVersion=version)
    waiting = account.become("old")
    assert (waiting["EngineVersion"], waiting["PendingModifiedValues"]) == (before, {"EngineVersion": version})
    account.call("ModifyDBCluster", **it, ApplyImmediately=True)
    assert account.cluster("old")["Status"] == "upgrading"
    done = account.become("old")
    assert (done["EngineVersion"], "PendingModifiedValues" in done) == (version, False)


def test_a_new_password_waits_for_nothing(account: Account) -> None:
    """The model says so of it whatever ApplyImmediately says."""
    account.create("opened", VpcSecurityGroupIds=[account.open_group()])
    account.add("opened", "opened-1")
    account.call("ModifyDBCluster", DBClusterIdentifier="opened", MasterUserPassword="Another-horse-8")
    assert account.cluster("opened")["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    assert "PendingModifiedValues" not in account.become("opened")
    account.connect("opened", "Another-horse-8").close()
    assert not account.answers("opened")

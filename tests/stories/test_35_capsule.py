"""Story 35: a rich cluster is deleted with all that belonged to it, and comes back as it was from backup and capsule."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daybreak.lab.company import surroundings
from daybreak.lab.company.names import CLUSTER
from tests.fix_cli import CONFIGURATION, waiving
from tests.fix_lab import LabUnderTest, eventually, private

COPY = "s3://embi-aurora-backup-exports-123456789012/kept"
OTHER = "other-cluster"
WAIVED = ("application.connects", "application.health", "application.functions")
PARITY = ("parity.cluster", "parity.instances", "parity.parameters", "parity.surroundings")
SAME = (
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DBSubnetGroup",
    "DeletionProtection",
    "EnabledCloudwatchLogsExports",
    "Engine",
    "EngineVersion",
    "IAMDatabaseAuthenticationEnabled",
    "KmsKeyId",
    "Port",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "StorageEncrypted",
    "VpcSecurityGroups",
)
SAME_OF_INSTANCE = (
    "AutoMinorVersionUpgrade",
    "DBInstanceClass",
    "DBParameterGroups",
    "PerformanceInsightsEnabled",
    "PreferredMaintenanceWindow",
    "PromotionTier",
    "PubliclyAccessible",
)


@pytest.fixture(scope="module")
def doomed() -> Iterator[LabUnderTest]:
    """A lab whose cluster may be lost."""
    with private(speed=6000) as lab:
        yield lab


def described(lab: LabUnderTest, name: str) -> Any:
    """A cluster as AWS tells it; none when it is gone."""
    rds = lab.client("rds")
    listed = rds.describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": [name]}])["DBClusters"]
    return listed[0] if listed else None


def instances_of(lab: LabUnderTest, name: str) -> list[Any]:
    """A cluster's instances as AWS tells them, by promotion tier."""
    rds = lab.client("rds")
    found = rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [name]}])["DBInstances"]
    return sorted(found, key=lambda each: (each["PromotionTier"], each["DBInstanceIdentifier"]))


def values_of(lab: LabUnderTest, group: str) -> dict[str, str]:
    """What a person set in a cluster parameter group."""
    asked = lab.client("rds").describe_db_cluster_parameters(DBClusterParameterGroupName=group, Source="user")
    return {each["ParameterName"]: each["ParameterValue"] for each in asked["Parameters"]}


def secret_of(lab: LabUnderTest) -> str:
    """The master's password."""
    held = lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"]
    password: str = json.loads(held)["password"]
    return password


def reaches(lab: LabUnderTest, moment: str) -> bool:
    """Whether the backup reaches that moment, after one more turn of its clock."""
    lab.ask("POST", "tick")
    latest: datetime = described(lab, CLUSTER)["LatestRestorableTime"]
    return latest > datetime.fromisoformat(moment) + timedelta(seconds=1)


def lose(lab: LabUnderTest, source: Any) -> None:
    """Delete the cluster and what told how it was; nothing but its automated backups is kept."""
    rds, name = lab.client("rds"), source["DBClusterIdentifier"]
    rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    eventually(lambda: described(lab, name)["Status"] == "available")
    rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier=surroundings.READERS)
    for member in source["DBClusterMembers"]:
        rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"])
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    eventually(lambda: described(lab, name) is None)
    rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=source["DBClusterParameterGroup"])


def differences(findings: list[dict[str, Any]], check: str) -> dict[str, str]:
    """Each row of a parity diff, and why it is permitted; empty where nobody permitted it."""
    (finding,) = [each for each in findings if each["check"] == check]
    assert finding["standing"] == "fit", finding
    return {row["name"]: row["why"] for row in finding["details"] if row["expected"] != row["found"]}


def test_a_deleted_cluster_comes_back_with_its_whole_configuration(doomed: LabUnderTest, tmp_path: Path) -> None:
    """Somebody deletes production and its parameter group: AWS keeps the bytes, and only the capsule knows the rest."""
    ada = doomed.person(tmp_path)
    ada.configure(f'copies = ["{COPY}"]\n{CONFIGURATION}{waiving(*WAIVED)}')
    source, instances = described(doomed, CLUSTER), instances_of(doomed, CLUSTER)
    set_by_people = values_of(doomed, source["DBClusterParameterGroup"])
    made = ada.daybreak("capture", "embi", "-o", "json")
    assert made.code == 0, made.err
    kept = made.json()["kept"]
    assert COPY in made.json()["places"]
    assert secret_of(doomed) not in made.out, "a capsule may lie where no password may"
    baseline = ada.daybreak("baseline", "embi", "-o", "json").json()["kept"]
    eventually(lambda: reaches(doomed, baseline["stands_for"]))
    lose(doomed, source)
    # The disk that the capsule was on is lost as well: the copy in the bucket is what is left.
    shutil.rmtree(ada.state / "capsules")
    listed = ada.daybreak("capture", "embi", "--list", "-o", "json").json()
    assert [(each["sha256"], each["place"]) for each in listed] == [(kept["sha256"], COPY)]

    shown = ada.daybreak("plan", "pitr", "embi", "--to", "latest")
    assert f"comes from the capsule of {kept['stands_for'][:19]}Z ({kept['sha256'][:12]})" in " ".join(
        shown.out.split()
    )
    done = ada.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert done.code == 0, done.err[-4000:]
    findings = done.json()["checks"]
    assert set(differences(findings, "parity.cluster")) == {"parameter_group", "roles"}
    assert differences(findings, "parity.instances") == {}
    assert set(differences(findings, "parity.parameters")) == {
        "max_logical_replication_workers",
        "track_commit_timestamp",
    }
    assert set(differences(findings, "parity.surroundings")) == {"autoscaling", f"proxy {surroundings.PROXY}"}
    every = {check: differences(findings, check) for check in PARITY}
    assert all(why for rows in every.values() for why in rows.values()), "each difference has its reason"

    # As AWS tells it, whatever our own report says.
    (run,) = ada.runs()
    clone = described(doomed, run)
    assert {name: clone[name] for name in SAME} == {name: source[name] for name in SAME}
    assert {tag["Key"]: tag["Value"] for tag in source["TagList"]}.items() <= {
        tag["Key"]: tag["Value"] for tag in clone["TagList"]
    }.items() | {("Purpose", "restore")}
    assert set_by_people.items() <= values_of(doomed, clone["DBClusterParameterGroup"]).items()
    same = [{name: each[name] for name in SAME_OF_INSTANCE} for each in instances_of(doomed, run)]
    assert same == [{name: each[name] for name in SAME_OF_INSTANCE} for each in instances]

    report = ada.daybreak("report", run, "-o", "json").json()
    witness = json.dumps(report["configuration"])
    assert kept["sha256"] in witness, "the report says which capsule"
    assert "capsule" in witness


def test_without_a_cluster_nothing_is_captured(doomed: LabUnderTest, tmp_path: Path) -> None:
    """A capsule of nothing would be the newest one, and the next restore would be made of it."""
    bob = doomed.person(tmp_path)
    bob.configure(CONFIGURATION.replace(CLUSTER, "gone-cluster"))
    done = bob.daybreak("capture", "embi")
    assert done.code == 2
    assert 'there is no cluster "gone-cluster" in us-east-1' in done.err
    assert "no capsule is kept" in bob.daybreak("capture", "embi", "--list").out


def test_a_copy_that_fails_makes_the_capture_fail(doomed: LabUnderTest, tmp_path: Path) -> None:
    """Whoever runs it from cron learns of it from the exit code, and not on the day of the disaster."""
    eve = doomed.person(tmp_path)
    eve.configure('copies = ["s3://daybreak-no-such-bucket/kept"]\n' + CONFIGURATION.replace(CLUSTER, OTHER))
    make_small(doomed)
    done = eve.daybreak("capture", "embi")
    assert done.code == 1, done.err
    assert f'is kept in "{eve.state}", but not in "s3://daybreak-no-such-bucket/kept": there is no bucket' in done.err
    (file,) = (eve.state / "capsules" / "embi").iterdir()
    assert "password" not in file.read_text().lower()


def test_a_cluster_that_cannot_be_asked_inside_gives_a_capsule_that_says_so(
    doomed: LabUnderTest, tmp_path: Path
) -> None:
    """Half a configuration is worth more than none, as long as nobody takes it for the whole."""
    kim = doomed.person(tmp_path)
    make_small(doomed)
    without_login = CONFIGURATION.replace(CLUSTER, OTHER).replace('login    = "secretsmanager:embi/aurora/master"', "")
    for text, why in (
        (without_login, "no login is configured"),
        (CONFIGURATION.replace(CLUSTER, OTHER).replace("embi/aurora/master", "nobody"), '"secretsmanager:nobody"'),
    ):
        kim.configure(text)
        done = kim.daybreak("capture", "embi", "-o", "json")
        assert done.code == 0, done.err
        capsule = done.json()["capsule"]
        assert (capsule["inventories"], capsule["shared"]) == ([], None)
        assert why in capsule["why_no_inventory"]
        assert capsule["cluster"]["identifier"] == OTHER


def make_small(lab: LabUnderTest) -> None:
    """A cluster of another name, without instances, that nobody can log in to."""
    if described(lab, OTHER):
        return
    lab.client("rds").create_db_cluster(
        DBClusterIdentifier=OTHER,
        Engine="aurora-postgresql",
        MasterUsername="owner",
        MasterUserPassword=uuid.uuid4().hex,
    )
    eventually(lambda: described(lab, OTHER)["Status"] == "available")

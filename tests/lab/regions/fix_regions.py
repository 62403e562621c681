"""Two regions over HTTP: a lab of the module's own, what is made in its second region, and how its databases are reached."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from daybreak.lab import remote
from daybreak.lab.company.names import CLUSTER, DATABASE, KEY_ALIAS, OWNER, RECOVERY, SECRET
from daybreak.model.names import clone_name
from daybreak.model.tags import COPY_FOR_TAG, COPY_OF_TAG, NONCE_TAG, RUN_TAG, TAKEN_TAG
from tests.fix_folders import new_folder
from tests.fix_lab import LabUnderTest, eventually, private

HOME, AWAY = "us-east-1", "us-west-2"
ENGINE = "aurora-postgresql"
GLOBAL = "embi-global"
SECONDARY = "embi-west"


@pytest.fixture
def own_lab() -> Iterator[LabUnderTest]:
    """The sample company in a lab of the test's own."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for a lab that is killed and started again."""
    folder = new_folder()
    yield folder
    if remote.is_held(folder):
        remote.find(folder).down()
    shutil.rmtree(folder, ignore_errors=True)


def name_of_copy(suffix: str) -> str:
    """The name of a copy that a run of ours made; only under such a name its tags are believed."""
    return clone_name(CLUSTER, "copy", datetime.now(UTC), suffix)


def marks_of_copy(name: str, taken: dict[str, Any]) -> list[dict[str, str]]:
    """The tags of a copy that a run of ours made of a snapshot, as AWS takes them."""
    said = {
        RUN_TAG: name,
        NONCE_TAG: "4f2a",
        COPY_OF_TAG: taken["DbClusterResourceId"],
        COPY_FOR_TAG: AWAY,
        TAKEN_TAG: taken["SnapshotCreateTime"].isoformat(),
    }
    return [{"Key": key, "Value": value} for key, value in said.items()]


def kill(lab: LabUnderTest) -> None:
    """End the lab's own process as a power cut would."""
    os.kill(lab.remote.pid, signal.SIGKILL)
    eventually(lambda: not remote.is_held(lab.remote.folder))


def cluster(lab: LabUnderTest, name: str, region: str) -> dict[str, Any]:
    """The cluster as described now."""
    found: dict[str, Any] = lab.client("rds", region).describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    return found


def becomes(lab: LabUnderTest, name: str, region: str, status: str = "available") -> dict[str, Any]:
    """The cluster, once it and its instances have that status."""
    rds = lab.client("rds", region)

    def has_become() -> bool:
        filters = [{"Name": "db-cluster-id", "Values": [name]}]
        members = rds.describe_db_instances(Filters=filters)["DBInstances"]
        statuses = {cluster(lab, name, region)["Status"], *(each["DBInstanceStatus"] for each in members)}
        return statuses == {status}

    eventually(has_become, within=60)
    return cluster(lab, name, region)


def password(lab: LabUnderTest, region: str = HOME, secret: str = SECRET) -> str:
    """The owner's password, from the secret in that region."""
    value = lab.client("secretsmanager", region).get_secret_value(SecretId=secret)["SecretString"]
    return str(json.loads(value)["password"])


class Reach:
    """A login that outlives the region that knew it: how to reach a host as the owner."""

    def __init__(self, lab: LabUnderTest) -> None:
        self._password = password(lab)

    def session(self, host: str, port: int = 5432) -> psycopg.Connection[Any]:
        """A session there."""
        place: dict[str, Any] = {"host": host, "port": port, "dbname": DATABASE, "user": OWNER, "connect_timeout": 2}
        return psycopg.connect(**place, password=self._password, autocommit=True)

    def answer(self, host: str, query: str) -> Any:
        """The first value that the query answers there."""
        with self.session(host) as session:
            row = session.execute(query.encode()).fetchone()
        return row[0] if row else None

    def answers(self, host: str) -> bool:
        """Whether anybody answers there."""
        try:
            return bool(self.answer(host, "select 1") == 1)
        except psycopg.OperationalError:
            return False


def key_of(lab: LabUnderTest, region: str) -> str:
    """The ARN of the company's key in that region."""
    return str(lab.client("kms", region).describe_key(KeyId=KEY_ALIAS)["KeyMetadata"]["Arn"])


def group_of(lab: LabUnderTest, region: str) -> str:
    """The security group that lets the lab's clients in."""
    filters = [{"Name": "group-name", "Values": ["embi-aurora"]}]
    return str(lab.client("ec2", region).describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"])


def beside(lab: LabUnderTest) -> dict[str, Any]:
    """What a new cluster of the second region is asked with."""
    return {
        "Engine": ENGINE,
        "KmsKeyId": key_of(lab, AWAY),
        "DBSubnetGroupName": RECOVERY.subnet_group,
        "VpcSecurityGroupIds": [group_of(lab, AWAY)],
    }


def add_instance(lab: LabUnderTest, name: str, region: str) -> dict[str, Any]:
    """The cluster with one more instance."""
    lab.client("rds", region).create_db_instance(
        DBInstanceIdentifier=f"{name}-1", DBClusterIdentifier=name, DBInstanceClass="db.r6g.large", Engine=ENGINE
    )
    return becomes(lab, name, region)


def make_global(lab: LabUnderTest) -> dict[str, Any]:
    """The company's cluster as the primary of a global database with a secondary in the second region; the secondary."""
    arn = cluster(lab, CLUSTER, HOME)["DBClusterArn"]
    lab.client("rds").create_global_cluster(GlobalClusterIdentifier=GLOBAL, SourceDBClusterIdentifier=arn)
    lab.client("rds", AWAY).create_db_cluster(
        DBClusterIdentifier=SECONDARY, GlobalClusterIdentifier=GLOBAL, **beside(lab)
    )
    becomes(lab, SECONDARY, AWAY)
    return add_instance(lab, SECONDARY, AWAY)


def global_cluster(lab: LabUnderTest, region: str = AWAY) -> dict[str, Any]:
    """The global database as described now."""
    found: dict[str, Any] = lab.client("rds", region).describe_global_clusters(GlobalClusterIdentifier=GLOBAL)
    return dict(found["GlobalClusters"][0])


def code(call: Any, **params: Any) -> tuple[str, str]:
    """The code and the sentence of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]

"""Story 5: the runbook's own commands, word for word, bring the data back through the real `aws` and `psql`.

The blocks beside this file are the runbook's; only ids, times and made-up host names have become variables.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.fix_lab import LabUnderTest, eventually, private

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/stories/test_57_whole_export.py",
        "tests/lab/rds/clusters/test_restores.py",
    )
)

BLOCKS = Path(__file__).parent / "runbook_blocks"
LAB = "from daybreak.cli.lab import lab; lab()"
CLUSTER = "embi-aurora-cluster"


@pytest.fixture(scope="module")
def fast_lab() -> Iterator[LabUnderTest]:
    """So fast that `aws rds wait`, which looks every real thirty seconds, sees `available` at its first look or two."""
    with private(speed=100_000) as lab:
        yield lab


def by_hand(lab: LabUnderTest, *lines: str) -> str:
    """What a person sees who types the lines into the lab's shell; any failing line fails the test."""
    script = "\n".join(["set -euo pipefail", *lines])
    command = [sys.executable, "-c", LAB, "shell", "--dir", str(lab.remote.folder), "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def block(name: str) -> str:
    """One of the runbook's blocks."""
    return (BLOCKS / f"{name}.sh").read_text()


def source(lab: LabUnderTest) -> psycopg.Connection[tuple[int]]:
    """A session on the source as its owner."""
    secret = lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"]
    login = json.loads(secret)
    cluster = lab.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
    return psycopg.connect(
        host=cluster["Endpoint"],
        port=cluster["Port"],
        dbname="embi",
        user=login["username"],
        password=login["password"],
        autocommit=True,
    )


def security_group(lab: LabUnderTest) -> str:
    """The group the source wears."""
    cluster = lab.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
    return str(cluster["VpcSecurityGroups"][0]["VpcSecurityGroupId"])


ENDPOINT = "ENDPOINT=$(aws rds describe-db-clusters --db-cluster-identifier $NEW_CLUSTER --query 'DBClusters[0].Endpoint' --output text)"

BREATH = "sleep 2"
"""A person scrolls down to the next block; a first look that comes too early costs thirty real seconds."""


def test_point_in_time_recovery_steps_1_to_5(fast_lab: LabUnderTest) -> None:
    """Every employee is deleted; the five steps of the runbook bring them back in a new cluster, and only there."""
    with source(fast_lab) as session:
        moment = datetime.now(UTC)
        session.execute("delete from employees")
        assert session.execute("select count(*) from employees").fetchone() == (0,)
    window = fast_lab.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)

    def can_reach() -> bool:
        fast_lab.ask("POST", "tick", {})
        found = fast_lab.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
        return bool(found["LatestRestorableTime"] >= moment)

    eventually(can_reach)
    assert window["DBClusters"][0]["EarliestRestorableTime"] <= moment
    seen = by_hand(
        fast_lab,
        f"MOMENT={moment.isoformat().replace('+00:00', 'Z')} SECURITY_GROUP={security_group(fast_lab)}",
        block("pitr_1_window"),
        block("pitr_2_restore"),
        BREATH,
        block("pitr_3_wait"),
        block("pitr_4_instance"),
        ENDPOINT,
        block("pitr_5_validate"),
    )
    assert "LatestRestorableTime" in seen
    assert " 2400\n(1 row)" in seen
    with source(fast_lab) as session:
        assert session.execute("select count(*) from employees").fetchone() == (0,)


def test_snapshot_restoration_steps_1_and_2(fast_lab: LabUnderTest) -> None:
    """The runbook's list names snapshots by hand and by AWS, and a restore of one becomes available."""
    listed = by_hand(fast_lab, block("snapshot_1_list"))
    assert "embi-before-release-2024-01" in listed
    assert "rds:embi-aurora-cluster-" in listed
    by_hand(
        fast_lab,
        f"SNAPSHOT=embi-before-release-2024-01 SECURITY_GROUP={security_group(fast_lab)}",
        block("snapshot_2_restore"),
        BREATH,
        block("pitr_3_wait"),
        block("pitr_4_instance"),
        ENDPOINT,
        block("pitr_5_validate"),
    )

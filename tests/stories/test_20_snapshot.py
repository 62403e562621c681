"""Story 20: back from a snapshot through the real commands: the newest, one by name, and a small copy to work with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.fix_lives import SOURCE, Begin, Life, clusters_of
from tests.fix_cli import CONFIGURATION, RESTORE_AURORA
from tests.fix_lab import LabUnderTest, PrivateLab

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "snapshot-restore.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)

STAGING = """
[targets.embi.staging]
instance_class = "db.t4g.medium"
instances = 1
keep = "2d"
"""


def members_of(lab: LabUnderTest, run: str) -> dict[str, str]:
    """The clone's instances and their classes."""
    found = lab.client("rds").describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [run]}])
    return {each["DBInstanceIdentifier"]: each["DBInstanceClass"] for each in found["DBInstances"]}


def endpoints_of(lab: LabUnderTest, run: str) -> list[str]:
    """The clone's custom endpoints."""
    found = lab.client("rds").describe_db_cluster_endpoints()["DBClusterEndpoints"]
    return sorted(
        each["DBClusterEndpointIdentifier"]
        for each in found
        if each["DBClusterIdentifier"] == run and "DBClusterEndpointIdentifier" in each
    )


def checks_that_fell(report: dict[str, Any]) -> list[tuple[str, str]]:
    """What is unfit, or unknown though the source was there to ask."""
    return [
        (each["check"], each["found"])
        for each in report["checks"]
        if each["standing"] == "unfit" or (each["standing"] == "unknown" and each["level"] != "application")
    ]


def listed(life: Life) -> list[dict[str, Any]]:
    """The snapshots as the command lists them, newest first."""
    done = life.person.daybreak("snapshots", "embi", "-o", "json")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = done.json()["snapshots"]
    return found


def test_the_runbooks_script_restores_the_snapshot_that_is_named(lab: LabUnderTest, begin: Begin) -> None:
    """The appendix promised it and left it out; the clone has to be the whole cluster, not its data alone."""
    life = begin(lab)
    manual = next(each for each in listed(life) if each["kind"] == "manual" and each["cluster"] == SOURCE)
    words = ("--type", "snapshot", "--snapshot", manual["identifier"], "-o", "json")
    life.start(str(RESTORE_AURORA), *words)
    done = life.end()
    report = done.json()
    assert checks_that_fell(report) == [], done.err
    (cluster,) = clusters_of(lab, life.run)
    assert cluster["EngineVersion"] == manual["engine_version"]
    assert cluster["DeletionProtection"]
    assert len(members_of(lab, life.run)) == 2
    made = [(each["operation"], each["identifier"]) for each in life.changes()]
    assert [name for name, _ in made].count("RestoreDBClusterFromSnapshot") == 1
    assert SOURCE not in {identifier for _, identifier in made}, "the source is left alone"


@pytest.mark.sweep
def test_a_small_copy_of_the_newest_snapshot_and_its_clean_up(lab: LabUnderTest, begin: Begin) -> None:
    """A copy to work with is smaller, forgotten sooner, as quiet as any other, and gone when it is cleaned."""
    life = begin(lab)
    life.person.configure((life.person.home / "daybreak.toml").read_text() + STAGING)
    newest = next(each for each in listed(life) if each["status"] == "available" and each["kind"] != "shared")
    life.start("restore", "snapshot", "embi", "--for", "staging", "--depth", "quick", "--yes", "-o", "json")
    done = life.end()
    assert checks_that_fell(done.json()) == [], done.err
    assert f"snapshot {newest['identifier']}" in done.err
    (cluster,) = clusters_of(lab, life.run)
    tags = {each["Key"]: each["Value"] for each in cluster["TagList"]}
    assert tags["Purpose"] == "staging"
    left = datetime.fromisoformat(tags["daybreak:expires"]) - datetime.now(UTC)
    assert timedelta(days=1) < left < timedelta(days=2)
    assert members_of(lab, life.run) == {f"{life.run}-1": "db.t4g.medium"}
    # Asked by itself it keeps no promise either, however much of it is read.
    asked = life.person.daybreak("validate", life.run, "--accident", datetime.now(UTC).isoformat(), "-o", "json").json()
    (promise,) = (each for each in asked["promises"] if each["name"] == "RPO")
    assert (promise["is_met"], promise["why_not"]) == (None, "its clone was scaled down for staging")
    cleaned = life.person.daybreak("clean", life.run, "--yes")
    assert cleaned.code == 0, cleaned.err
    assert clusters_of(lab, life.run) == []
    assert endpoints_of(lab, life.run) == []


def test_what_is_refused_names_what_there_is(lab: LabUnderTest, begin: Begin) -> None:
    """A misspelled name at three in the morning is answered with the right ones."""
    life = begin(lab)
    done = life.person.daybreak("plan", "snapshot", "embi", "--snapshot", "yesterday")
    assert done.code == 2
    assert 'no snapshot "yesterday" exists in account' in done.err
    assert f"rds:{SOURCE}-" in done.err
    early = life.person.daybreak("plan", "snapshot", "embi", "--before", "2001-01-01T00:00:00Z")
    assert early.code == 2
    assert "was taken at or before 2001-01-01T00:00:00Z; there are: " in early.err


@pytest.mark.sweep
def test_the_guide_can_be_followed_as_it_is_written(private_lab: PrivateLab, tmp_path: Path) -> None:
    """A page whose third command does not work is worse than none."""
    lab = private_lab(speed=6000)
    (tmp_path / "daybreak.toml").write_text(CONFIGURATION, encoding="utf-8")
    script = "\n".join(["set -eu", *BLOCK.findall(GUIDE.read_text(encoding="utf-8"))])
    program = "from daybreak.cli.lab import lab; lab()"
    done = subprocess.run(
        [sys.executable, "-c", program, "shell", "--dir", str(lab.remote.folder), "-c", script],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=200,
        env={**os.environ, "DAYBREAK_STATE": str(tmp_path / "state"),
             "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "## Snapshot Restoration" in (tmp_path / "runbook.md").read_text(encoding="utf-8")
    assert lab.client("rds").describe_db_clusters()["DBClusters"][0]["DBClusterIdentifier"] == SOURCE
    assert len(lab.client("rds").describe_db_clusters()["DBClusters"]) == 1

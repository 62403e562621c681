"""Story 54: an export of a snapshot is made: shown, carried out, read; killed and resumed; ended where nobody wants it any more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fix_cli import CONFIGURATION, Person
from tests.fix_lab import LabUnderTest, eventually

SOURCE = "embi-aurora-cluster"
BUCKET = "embi-aurora-backup-exports-123456789012"
PLACE = f"""
[targets.embi.exports]
bucket = "{BUCKET}"
prefix = "{{prefix}}/"
"""
MAKING = """role = "arn:aws:iam::123456789012:role/embi-export"
key = "alias/embi-aurora-backup"
"""


@pytest.fixture
def prefix() -> str:
    """A place of the test's own in the company's bucket."""
    return f"made/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path, prefix: str) -> Person:
    """Somebody whose configuration says where exports go, as which role, and under which key."""
    somebody = lab.person(tmp_path)
    somebody.configure('poll = "1s"\n' + CONFIGURATION + PLACE.format(prefix=prefix) + MAKING)
    return somebody


@pytest.fixture
def snapshot(lab: LabUnderTest) -> Iterator[str]:
    """A snapshot of the test's own: AWS exports each once at a time."""
    rds, name = lab.client("rds"), f"made-{uuid.uuid4().hex[:8]}"
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=SOURCE)

    def is_taken() -> bool:
        found = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)["DBClusterSnapshots"][0]
        return bool(found["Status"] == "available")

    eventually(is_taken)
    yield name
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)


def task(lab: LabUnderTest, run: str) -> dict[str, Any]:
    """The export as AWS describes it."""
    found: dict[str, Any] = lab.client("rds").describe_export_tasks(ExportTaskIdentifier=run)["ExportTasks"][0]
    return found


def test_an_export_is_made_and_read(lab: LabUnderTest, person: Person, snapshot: str, prefix: str) -> None:
    """The plan says what is written where; the end says what came, by the bucket's own witness."""
    done = person.daybreak("exports", "make", "embi", "--snapshot", snapshot, "--why", "the auditors", "--yes")
    assert done.code == 0, done.out + done.err
    assert "Export of a snapshot of embi" in done.err
    assert f"s3://{BUCKET}/{prefix}/" in done.err
    assert "RDS leaves out without a word" in done.err
    [run] = person.runs()
    assert task(lab, run)["Status"] == "COMPLETE"
    nonce = task(lab, run)["S3Prefix"].removeprefix(f"{prefix}/")
    address = f"s3://{BUCKET}/{prefix}/{nonce}/{run}/"
    assert f"{run} is written: " in done.out
    assert f"daybreak exports show {address}" in done.out
    shown = person.daybreak("exports", "show", address, "-o", "json").json()
    rows = {each["name"]: each["rows"] for each in shown["tables"]}
    assert rows["public.currencies"] > 0
    assert (shown["export"]["kind"], shown["export"]["whole"]) == ("snapshot-export", "ends-well")
    [listed] = person.daybreak("exports", "list", "embi", "-o", "json").json()["places"][0]["found"]
    assert listed["address"] == address
    cleaned = person.daybreak("clean", run, "--yes")
    assert cleaned.code == 2
    assert "AWS is at it no more: it is COMPLETE" in cleaned.err


@pytest.mark.sweep
def test_a_killed_process_is_resumed_and_exports_once(lab: LabUnderTest, person: Person, snapshot: str) -> None:
    """`kill -9` while AWS is at it; whoever resumes waits for the same export. A part of it was asked for."""
    with lab.fault("stuck", action="export-snapshot", identifier="embi-aurora-export-.*"):
        process = person.start("exports", "make", "embi", "--snapshot", snapshot, "--only", "embi.public", "--yes")
        eventually(lambda: _is_waiting(person), within=60)
        process.kill()
        process.communicate()
        [run] = person.runs()
        second = person.daybreak("exports", "make", "embi", "--snapshot", snapshot, "--yes")
        assert second.code == 2
        assert f'AWS exports a snapshot once at a time, and "{run}" is' in second.err
    done = person.daybreak("resume", run)
    assert done.code == 0, done.out + done.err
    assert len(lab.calls("StartExportTask", run)) == 1
    assert task(lab, run)["ExportOnly"] == ["embi.public"]


def _is_waiting(person: Person) -> bool:
    """Whether a run waits for AWS, by its journal."""
    journals = (person.state / "runs" / run / "journal.jsonl" for run in person.runs())
    return any('"02-await-export"' in each.read_text() for each in journals if each.exists())


def test_an_export_that_nobody_wants_is_ended(lab: LabUnderTest, person: Person, snapshot: str) -> None:
    """An abort leaves AWS at work, and says what ends that; what is ended is the run's own."""
    with lab.fault("stuck", action="export-snapshot", identifier="embi-aurora-export-.*"):
        process = person.start("exports", "make", "embi", "--snapshot", snapshot, "--yes")
        eventually(lambda: _is_waiting(person), within=60)
        process.kill()
        process.communicate()
        [run] = person.runs()
        aborted = person.daybreak("abort", run)
        assert f"daybreak clean {run}" in aborted.out
        cleaned = person.daybreak("clean", run, "--yes")
        assert cleaned.code == 0, cleaned.out + cleaned.err
    assert task(lab, run)["Status"] == "CANCELED"


def test_what_is_missing_is_said_before_anything_is_sent(lab: LabUnderTest, tmp_path: Path, prefix: str) -> None:
    """A role that may not write is found by AWS; all else before, with what to write."""
    somebody = lab.person(tmp_path)
    somebody.configure(CONFIGURATION + PLACE.format(prefix=prefix))
    refused = somebody.daybreak("exports", "make", "embi", "--yes")
    assert refused.code == 2
    assert "write role, key in [targets.embi.exports]" in refused.err
    somebody.configure(CONFIGURATION + PLACE.format(prefix=prefix) + MAKING.replace("embi-export", "embi-proxy"))
    refused = somebody.daybreak("exports", "make", "embi", "--snapshot", "nobodys", "--only", "a b", "--yes")
    assert refused.code == 2
    assert 'has no snapshot "nobodys"' in refused.err
    assert '"a b" is no part of a snapshot' in refused.err
    assert somebody.runs() == []

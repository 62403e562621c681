"""Story 43: copies in another region, as a scheduler keeps them: made, followed, rotated, and what is said on the day the region is lost."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fix_cli import CONFIGURATION, Person
from tests.fix_lab import LabUnderTest, eventually, private

HOME, AWAY = "us-east-1", "us-west-2"
SOURCE, THEIRS = "embi-aurora-cluster", "somebody-elses"
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "copy.md"
COPY = """
[targets.embi.copy.us-west-2]
key   = "{key}"
every = "{every}"
keep  = 1
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, since a region of it is going to be lost."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture(scope="module")
def key(lab: LabUnderTest) -> str:
    """A key of the other region."""
    return str(lab.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"])


def somebody(lab: LabUnderTest, home: Any, key: str, every: str = "1d") -> Person:
    """Somebody whose configuration promises copies."""
    person = lab.person(home)
    person.configure(CONFIGURATION + COPY.format(key=key, every=every))
    return person


def snapshots(lab: LabUnderTest, region: str) -> dict[str, Any]:
    """The manual snapshots of the cluster in a region, by name."""
    found = lab.client("rds", region).describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
    return {each["DBClusterSnapshotIdentifier"]: each for each in found}


def tags(snapshot: Any) -> dict[str, str]:
    """A snapshot's tags."""
    return {each["Key"]: each["Value"] for each in snapshot["TagList"]}


def prepared(person: Person) -> dict[tuple[str, str], tuple[str, str]]:
    """What status says of the copies and the logins: by what and where, the standing and the words."""
    [target] = person.daybreak("status", "embi", "-o", "json").json()["targets"]
    kinds = ("copy", "login")
    return {(e["what"], e["where"]): (e["standing"], e["found"]) for e in target["prepared"] if e["what"] in kinds}


@pytest.mark.sweep
def test_status_says_when_a_copy_is_late_and_a_login_is_not_there(lab: LabUnderTest, key: str, tmp_path: Any) -> None:
    """What nobody sees until the region is lost; a refusal is an answer, and one list that fails is no proof of nothing."""
    person, login = somebody(lab, tmp_path, key), ("login", f"secretsmanager:embi/aurora/master in {AWAY}")
    before = prepared(person)
    assert before["copy", AWAY] == ("unfit", "no complete one is there: made by: daybreak copy embi")
    assert before[login][0] == "unfit"
    assert "cannot be read" in before[login][1]
    assert before["login", "secretsmanager:embi/aurora/master"][0] == "fit"

    lab.client("secretsmanager").replicate_secret_to_regions(
        SecretId="embi/aurora/master", AddReplicaRegions=[{"Region": AWAY}]
    )
    assert person.daybreak("copy", "embi", "--yes").code == 0
    after = prepared(person)
    assert after["copy", AWAY][0] == after[login][0] == "fit"
    assert after[login][1] == "can be read: embi_admin"
    with lab.fault("error", region=AWAY, action="DescribeDBClusterSnapshots", args={"code": "AccessDenied"}):
        assert prepared(person)["copy", AWAY] == ("unknown", "the region did not list its snapshots")

    person.configure(CONFIGURATION + COPY.format(key=key, every="1s"))
    time.sleep(1.1)
    standing, words = prepared(person)["copy", AWAY]
    assert standing == "unfit"
    assert words.endswith("older than 1 second, which was promised: made by: daybreak copy embi")
    assert "which was promised" in " ".join(person.daybreak("status", "embi").out.split())
    [copy] = snapshots(lab, AWAY)
    lab.client("rds", AWAY).delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=copy)


def test_a_scheduler_keeps_one_copy_and_says_what_there_is_when_the_region_is_lost(
    lab: LabUnderTest, key: str, tmp_path: Any
) -> None:
    """From the first copy to the day on which nothing can be copied any more; somebody else's snapshot is never touched."""
    lab.client("rds", HOME).create_db_cluster_snapshot(
        DBClusterSnapshotIdentifier=THEIRS, DBClusterIdentifier=SOURCE, Tags=[{"Key": "team", "Value": "billing"}]
    )
    at_home = set(snapshots(lab, HOME))
    person = somebody(lab, tmp_path, key)

    asked = person.daybreak("copy", "embi")
    assert asked.code == 2, "nobody sits there who could say yes"
    assert person.runs() == []

    first = person.daybreak("copy", "embi", "--yes")
    assert first.code == 0, first.err
    (name, copied), *others = snapshots(lab, AWAY).items()
    assert others == []
    assert (copied["Status"], copied["KmsKeyId"]) == ("available", key)
    marks = tags(copied)
    assert marks["daybreak:run"] == name == person.runs()[0]
    assert not any(each.startswith("aws:") for each in marks)
    assert marks["daybreak:taken"] < copied["SnapshotCreateTime"].isoformat().replace("+00:00", "Z")
    assert set(snapshots(lab, HOME)) == at_home, "the snapshot that was copied is gone, those of others are there"

    again = person.daybreak("copy", "embi", "--yes", "-o", "json")
    assert (again.code, again.json()["complete"]) == (0, [name]), again.err
    assert "the next one is due at" in again.json()["words"]
    assert len(person.runs()) == 1, "nothing was due, so no run was made"

    person.configure(CONFIGURATION + COPY.format(key=key, every="1s"))
    time.sleep(1.1)
    second = person.daybreak("copy", "embi", "--yes", "-o", "json")
    assert second.code == 0, second.err
    (newer, _), *others = snapshots(lab, AWAY).items()
    assert (newer != name, others) == (True, []), "one stays, the newest"

    listed = person.daybreak("backups", "embi", "--region", AWAY, "-o", "json").json()
    assert [each["moments"]["evidence"] for each in listed["backups"]] == [
        "the time of its source, which the copy's tag keeps"
    ]

    with lab.fault("region_down", region=HOME):
        lost = person.daybreak("copy", "embi", "--yes")
    assert lost.code == 75
    assert "nothing can be copied" in lost.err
    assert newer in lost.err
    assert set(snapshots(lab, AWAY)) == {newer}


@pytest.mark.sweep
def test_of_two_schedulers_at_once_one_copies(lab: LabUnderTest, key: str, tmp_path: Any) -> None:
    """A cron line that runs on two machines, or a person beside it: two copies cost twice, and the limit of five is shared."""
    for name in snapshots(lab, AWAY):
        lab.client("rds", AWAY).delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
    at_home, person = set(snapshots(lab, HOME)), somebody(lab, tmp_path, key)
    both = [person.start("copy", "embi", "--yes", "-o", "json") for _ in range(2)]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    (copy,) = snapshots(lab, AWAY)
    runs = {each["run"]: each for each in person.daybreak("runs", "-o", "json").json()["runs"]}
    assert [each["run"] for each in runs.values() if each["status"] == "finished"] == [copy]
    assert {each["status"] for each in runs.values()} <= {"finished", "aborted"}
    assert any(f"another process is at it, the run {copy}" in out for out, _ in told), told
    assert set(snapshots(lab, HOME)) == at_home


@pytest.mark.sweep
def test_a_killed_run_is_followed_by_the_next_and_the_limit_is_said(lab: LabUnderTest, key: str, tmp_path: Any) -> None:
    """A scheduler's machine dies while AWS copies: the next run waits for that copy, and makes none beside it."""
    for name in snapshots(lab, AWAY):
        lab.client("rds", AWAY).delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
    person = somebody(lab, tmp_path, key)
    with lab.fault("stuck", action="copy-snapshot-to-region"):
        process = person.start("copy", "embi", "--yes")
        try:
            eventually(lambda: bool(snapshots(lab, AWAY)), within=60)
            held = person.daybreak("copy", "embi", "--yes", "-o", "json")
            assert (held.code, held.json()["run"]) == (0, person.runs()[0]), (held.out, held.err, process.poll())
        finally:
            process.kill()
            process.communicate()
    ((name, _),) = snapshots(lab, AWAY).items()
    done = person.daybreak("copy", "embi", "--yes")
    assert done.code == 0, done.err
    ((only, copied),) = snapshots(lab, AWAY).items()
    assert (only, copied["Status"]) == (name, "available")
    for line in re.findall(r"^daybreak .*$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE):
        done = person.daybreak(*shlex.split(line)[1:])
        assert done.code == 0, (line, done.err)
    assert set(snapshots(lab, AWAY)) == {name}, (
        "nothing was due; what the killed run left at home may take a run of its own"
    )
    ended = {each["run"]: each["status"] for each in person.daybreak("runs", "-o", "json").json()["runs"]}
    assert sorted(ended.values())[:2] == ["aborted", "finished"], "the run that nobody carries is no riddle for anyone"
    assert set(ended.values()) == {"aborted", "finished"}

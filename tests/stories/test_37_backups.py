"""Two regions: what each has, the day on which one of them is gone, and what was said of the other the day before."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fix_cli import CONFIGURATION, Person
from tests.fix_lab import LabUnderTest, eventually, private

pytestmark = pytest.mark.sweep(held_by=("tests/stories/test_39_region.py", "tests/observe/test_backups.py"))

HOME, AWAY = "us-east-1", "us-west-2"
SOURCE, COPY = "embi-aurora-cluster", "embi-copy"
NETWORK = """
[targets.embi.network.us-west-2]
subnet_group    = "embi-db-subnet-group-dr"
security_groups = ["{group}"]
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, since a region of it is going to be lost."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose configuration names the other region."""
    somebody = lab.person(tmp_path_factory.mktemp("two-regions"))
    groups = lab.client("ec2", AWAY).describe_security_groups()["SecurityGroups"]
    group = next(each["GroupId"] for each in groups if each["GroupName"] == "embi-aurora")
    somebody.configure(CONFIGURATION.replace("300d", "5m") + NETWORK.format(group=group))
    return somebody


def listed(person: Person, *more: str) -> Any:
    """The catalogue as a program reads it."""
    done = person.daybreak("backups", "embi", "-o", "json", *more)
    assert done.code == 0, done.err
    return done.json()


def states(catalogue: Any) -> dict[str, str]:
    """What became of each region."""
    return {each["region"]: each["state"] for each in catalogue["regions"]}


def region_finding(person: Person) -> Any:
    """What ``status`` says of a loss of the region."""
    (target,) = person.daybreak("status", "-o", "json").json()["targets"]
    return next(each for each in target["findings"] if each["check"] == "protection.region")


def copy_away(lab: LabUnderTest) -> None:
    """What somebody's scheduler does: copy the newest automated snapshot to the other region, under a key of that region."""
    here, there = lab.client("rds", HOME), lab.client("rds", AWAY)
    automated = here.describe_db_cluster_snapshots(DBClusterIdentifier=SOURCE, SnapshotType="automated")
    key = lab.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"]
    there.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=automated["DBClusterSnapshots"][-1]["DBClusterSnapshotArn"],
        TargetDBClusterSnapshotIdentifier=COPY,
        KmsKeyId=key,
        SourceRegion=HOME,
    )


def is_complete(lab: LabUnderTest) -> bool:
    """Whether the copy is there."""
    found = lab.client("rds", AWAY).describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=COPY)
    return bool(found["DBClusterSnapshots"][0]["Status"] == "available")


def test_what_is_listed_before_and_after_a_region_is_lost(lab: LabUnderTest, person: Person) -> None:
    """The list of the day before and that of the day itself name one copy, and never a smaller loss."""
    # A snapshot of the company's first minute is newer than the window until the window has moved on.
    eventually(lambda: bool(listed(person)["backups"][0]["backup"]["kind"] == "continuous"), within=60)
    before = listed(person)
    assert {each["backup"]["region"] for each in before["backups"]} == {HOME}
    assert "all of it: no backup outside us-east-1" in region_finding(person)["found"]

    copy_away(lab)
    eventually(lambda: is_complete(lab), within=120)
    (copied,) = (each for each in listed(person)["backups"] if each["backup"]["region"] == AWAY)
    assert copied["backup"]["kind"] == "snapshot-copy"
    assert copied["moments"]["evidence"].startswith("the time of its source")
    lacking = region_finding(person)
    assert f"({COPY} in {AWAY})" in lacking["found"]
    assert "no capsule holds its values" in lacking["why"]
    assert person.daybreak("capture", "embi").code == 0
    (copied,) = (each for each in listed(person)["backups"] if each["backup"]["region"] == AWAY)
    assert copied["tier"] != "lacks a piece"
    assert "capsule" not in region_finding(person)["why"]
    # The command below a backup goes on with it.
    for each in listed(person)["backups"]:
        program, *words = shlex.split(each["command"])
        assert program == "daybreak"
        planned = person.daybreak(*words, "-o", "json")
        assert planned.code == 0, (each["command"], planned.err)

    with lab.fault("region_down", region=AWAY):
        finding = region_finding(person)
        assert (finding["standing"], finding["why"]) == ("unknown", f"{AWAY} did not show its backups")
        nobody = person.daybreak("backups", "embi", "--region", AWAY)
        assert nobody.code == 75
        assert f"no region answered: {AWAY}: " in nobody.err

    with lab.fault("region_down", region=HOME):
        began = time.monotonic()
        after = listed(person)
        assert time.monotonic() - began < 60
        alone = listed(person, "--region", AWAY)
        text = person.daybreak("backups", "embi").out
    assert states(after)[HOME] == "unseen"
    assert f"{HOME}  NOT ASKED" in text
    assert alone["not_asked"] == [HOME]
    for catalogue in (after, alone):
        (only,) = catalogue["backups"]
        assert only["name"] == COPY
        # The source cannot be seen any more, so no later moment may be promised than before.
        assert only["gives"] is not None
        assert only["gives"] <= copied["gives"]


def test_a_moment_a_page_and_a_name_that_is_wrong(person: Person, tmp_path: Path) -> None:
    """Each way of asking that the guide names."""
    page = person.daybreak("backups", "embi", "--to", "1 second ago", "-o", "markdown")
    assert page.code == 0
    assert "# Backups of embi" in page.out
    future = person.daybreak("backups", "embi", "--to", "2999-01-01T00:00:00Z")
    assert future.code == 2
    assert "is in the future" in future.err
    assert person.daybreak("backups", "embi", "--to", "noon").code == 2
    assert person.daybreak("backups", "nobody").code == 2
    everywhere = listed(person, "--all-regions")
    assert {HOME, AWAY, "eu-west-1"} <= set(states(everywhere))
    (tmp_path / "x.toml").write_text(CONFIGURATION.replace(SOURCE, "nobody"))
    nothing = person.daybreak("backups", "embi", "--config", str(tmp_path / "x.toml"))
    assert nothing.code == 3
    assert "no backup was found" in nothing.out

"""Story 42: a global database is moved to its secondary: with what it gives up said before, only by its name, and never as ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daybreak.lab.company.names import CLUSTER, SECRET
from tests.fix_cli import CONFIGURATION, Person
from tests.fix_lab import LabUnderTest, eventually, private
from tests.lab.regions.fix_regions import (
    AWAY,
    GLOBAL,
    HOME,
    SECONDARY,
    Reach,
    becomes,
    cluster,
    global_cluster,
    group_of,
    make_global,
)
from tests.stories.test_39_region import NETWORK, UNASKED

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/plan/test_fail_over.py",
        "tests/lab/regions/test_globals.py",
    )
)


@pytest.fixture
def lab() -> Iterator[LabUnderTest]:
    """A lab of each test's own: a global database that was moved is another one."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody whose cluster leads a global database, with its login in both regions."""
    lab.client("secretsmanager").replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": AWAY}])
    make_global(lab)
    somebody = lab.person(tmp_path)
    somebody.configure('poll = "1s"\n' + CONFIGURATION + UNASKED + NETWORK.format(group=group_of(lab, AWAY)))
    return somebody


def writer(lab: LabUnderTest) -> str:
    """The name of the cluster that is written to."""
    members = global_cluster(lab)["GlobalClusterMembers"]
    return str(next(each["DBClusterArn"] for each in members if each["IsWriter"]).rpartition(":")[2])


def write(lab: LabUnderTest, owner: Reach, number: int) -> None:
    """One more row at the first region's cluster."""
    with owner.session(cluster(lab, CLUSTER, HOME)["Endpoint"]) as session:
        session.execute("create table if not exists pulse (id int primary key)")
        session.execute("insert into pulse values (%s)", (number,))


def newest(lab: LabUnderTest, owner: Reach) -> int:
    """The newest row at the secondary; 0 without any."""
    # While it follows, nothing listens at its own endpoint.
    there = cluster(lab, SECONDARY, AWAY)["Endpoint" if writer(lab) == SECONDARY else "ReaderEndpoint"]
    if not owner.answer(there, "select to_regclass('pulse') is not null"):
        return 0
    return int(owner.answer(there, "select coalesce(max(id), 0) from pulse"))


def test_a_fail_over_says_what_it_gives_up_and_asks_for_the_name(lab: LabUnderTest, person: Person) -> None:
    """It moves production itself: neither a yes nor another name begins it, and nothing of it is ever cleaned up."""
    owner = Reach(lab)
    write(lab, owner, 1)
    eventually(lambda: newest(lab, owner) == 1, within=60)
    with lab.fault("region_down", region=HOME):
        planned = person.daybreak("plan", "region", "embi")
        assert planned.code == 0, planned.err
        assert f"Fail-over of embi to {AWAY}, away from {HOME}" in planned.out
        assert "what had not arrived is given up" in planned.out
        assert "this moves production itself" in planned.out
        assert f"{HOME} must not be written to any more" in planned.out

        unnamed = person.daybreak("restore", "region", "embi", "--yes")
        assert (unnamed.code, "begins only when its name is typed" in unnamed.err) == (2, True)
        wrong = person.daybreak("restore", "region", "embi", "--confirm", CLUSTER)
        assert (wrong.code, "nothing was changed" in wrong.err) == (2, True)
        assert writer(lab) == CLUSTER

        done = person.daybreak("restore", "region", "embi", "--confirm", SECONDARY, "-o", "json")
        assert done.code == 0, done.err
        run = done.json()["run"]
        assert writer(lab) == SECONDARY
        assert newest(lab, owner) == 1
        shown = person.daybreak("show", run)
        assert f"daybreak validate {SECONDARY} --target embi --region {AWAY}" in shown.out

        checked = person.daybreak("validate", SECONDARY, "--target", "embi", "--region", AWAY)
        assert checked.code in (0, 3), checked.err

        cleaned = person.daybreak("clean", run, "--yes")
        assert (cleaned.code, "created nothing" in cleaned.err) == (2, True)
        assert "daybreak:run" not in str(cluster(lab, SECONDARY, AWAY)["TagList"])
        again = person.daybreak("restore", "region", "embi", "--from", SECONDARY, "--confirm", SECONDARY)
        assert again.code == 2, "it is the writer already"


def test_a_fail_over_that_was_killed_is_not_ordered_twice(lab: LabUnderTest, person: Person) -> None:
    """Right after the order left, the process dies: whoever resumes sees what AWS is at, and waits for it."""
    with lab.fault("region_down", region=HOME):
        process = person.start("restore", "region", "embi", "--from", SECONDARY, "--confirm", SECONDARY)
        eventually(lambda: len(lab.calls("FailoverGlobalCluster", GLOBAL)) > 0, within=60)
        process.kill()
        process.communicate()
        [run] = [each["run"] for each in person.daybreak("runs", "-o", "json").json()["runs"]]
        resumed = person.daybreak("resume", run)
        assert resumed.code == 0, resumed.err
        assert (writer(lab), len(lab.calls("FailoverGlobalCluster", GLOBAL))) == (SECONDARY, 1)


def test_a_switch_over_loses_nothing(lab: LabUnderTest, person: Person) -> None:
    """Both regions are there: AWS waits until all of it has arrived, and the plan gives up nothing."""
    owner = Reach(lab)
    write(lab, owner, 1)
    planned = person.daybreak("plan", "region", "embi", "--switch-over", "--file", "move.json")
    assert planned.code == 0, planned.err
    assert "so nothing is lost" in planned.out
    assert f"--confirm {SECONDARY}" in planned.out
    write(lab, owner, 2)
    done = person.daybreak("restore", "--plan", "move.json", "--confirm", SECONDARY)
    assert done.code == 0, done.err
    becomes(lab, SECONDARY, AWAY)
    assert (writer(lab), newest(lab, owner)) == (SECONDARY, 2)
    policy = person.daybreak("plan", "show", "move.json", "-o", "iam")
    assert "rds:SwitchoverGlobalCluster" in policy.out
    assert f"global-cluster:{GLOBAL}" in policy.out
    assert "switch-over" in person.daybreak("runs").out
    status = " ".join(person.daybreak("status", "embi").out.split())
    assert f'the writer of its global database is "{SECONDARY}" in {AWAY}' in status
    assert "not known: it is a replica" in status
    again = person.daybreak("plan", "region", "embi")
    assert (again.code, "is not what is written to" in again.err) == (2, True), again.err
    judged = person.daybreak("validate", SECONDARY, "--target", "embi", "--region", AWAY, "--depth", "quick")
    assert f'it is compared with "embi-aurora-cluster" in {HOME} as it is now' in " ".join(judged.err.split())
    late = person.daybreak("restore", "--plan", "move.json", "--confirm", SECONDARY)
    assert (late.code, "is the writer" in late.err or "exists already" in late.err) == (2, True)

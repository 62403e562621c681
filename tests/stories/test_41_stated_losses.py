"""Story 41: worlds drawn at random, with real rows: what `backups` says of a copy is never better than what a restore from it shows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from daybreak.lab.company.names import SECRET
from tests.fix_cli import CONFIGURATION, Person
from tests.fix_lab import LabUnderTest, eventually, private
from tests.lab.regions.fix_regions import AWAY, HOME, Reach, cluster, group_of, marks_of_copy, name_of_copy
from tests.stories.test_39_region import NETWORK, SOURCE, snapshot_of

pytestmark = pytest.mark.sweep(held_by=("tests/chaos/test_backup_worlds.py",))

WORLDS = 30
"""What the ordinary run shows: a tagged copy of a lost region, and one without a tag whose snapshot is gone, of a region that answers."""


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, with two regions."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose configuration names the other region, with the login's secret there too."""
    lab.client("secretsmanager").replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": AWAY}])
    somebody = lab.person(tmp_path_factory.mktemp("worlds"))
    somebody.configure('poll = "1s"\n' + CONFIGURATION + NETWORK.format(group=group_of(lab, AWAY)))
    assert somebody.daybreak("capture", "embi").code == 0
    return somebody


@dataclass
class Writers:
    """Who writes into the source: each row's number, with the time at which the server had committed it."""

    lab: LabUnderTest
    owner: Reach
    written: dict[int, datetime] = field(default_factory=dict)

    def write(self) -> None:
        """One more row."""
        number = len(self.written) + 1
        with self.owner.session(cluster(self.lab, SOURCE, HOME)["Endpoint"]) as session:
            session.execute("create table if not exists pulse (id int primary key)")
            session.execute("insert into pulse values (%s)", (number,))
            [(now,)] = session.execute("select clock_timestamp()").fetchall()
        self.written[number] = now.astimezone(UTC)
        self.lab.ask("POST", "tick")

    def newest_by(self, moment: datetime) -> int:
        """The newest row that was committed at or before that moment."""
        return max((number for number, at in self.written.items() if at <= moment), default=0)


@pytest.fixture(scope="module")
def writers(lab: LabUnderTest) -> Writers:
    """The writers of all worlds: their rows stay."""
    return Writers(lab, Reach(lab))


def take(lab: LabUnderTest, name: str) -> dict[str, Any]:
    """A snapshot of the source, once it is there."""
    lab.client("rds", HOME).create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=SOURCE)
    eventually(lambda: snapshot_of(lab, name, HOME)["Status"] == "available", within=120)
    return snapshot_of(lab, name, HOME)


def copy_away(lab: LabUnderTest, origin: dict[str, Any], name: str, key: str, *, is_tagged: bool) -> None:
    """A copy of a snapshot in the other region, once it is there; ours carries its source's time."""
    tags = marks_of_copy(name, origin) if is_tagged else []
    lab.client("rds", AWAY).copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=origin["DBClusterSnapshotArn"],
        TargetDBClusterSnapshotIdentifier=name,
        KmsKeyId=key,
        SourceRegion=HOME,
        Tags=tags,
    )
    eventually(lambda: snapshot_of(lab, name, AWAY)["Status"] == "available", within=120)


@pytest.fixture(scope="module")
def key(lab: LabUnderTest) -> str:
    """A key of the other region."""
    return str(lab.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"])


@pytest.mark.parametrize("seed", range(WORLDS))
def test_a_stated_moment_is_never_later_than_what_comes_back(
    lab: LabUnderTest, person: Person, writers: Writers, key: str, seed: int
) -> None:
    """Rows, snapshots and copies in any order; the region answers or not; one copy is restored and counted."""
    draw = random.Random(seed)
    names: list[str] = []
    for number in range(draw.randint(1, 2)):
        writers.write()
        name = name_of_copy(f"w{seed}{number}")
        origin = take(lab, name)
        for _ in range(draw.randint(0, 2)):
            writers.write()
        copy_away(lab, origin, name, key, is_tagged=draw.random() < 0.6)
        names.append(name)
        if draw.random() < 0.4:  # who cleans up at home leaves nobody who knows when it was taken
            lab.client("rds", HOME).delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
    chosen = draw.choice(names)

    def state_and_restore() -> tuple[Any, str]:
        listed = person.daybreak("backups", "embi", "-o", "json").json()["backups"]
        stated = next(each for each in listed if each["name"] == chosen)
        wish = ("restore", "region", "embi", "--from", chosen, "--depth", "quick", "--yes", "-o", "json")
        done = person.daybreak(*wish)
        assert done.code in (0, 3, 5), (done.code, done.err)  # there is no baseline; the rows are there
        return stated, done.json()["run"]

    if draw.random() < 0.5:
        with lab.fault("region_down", region=HOME, args={"api": draw.choice(["closes", "errors", "empty"])}):
            stated, run = state_and_restore()
    else:
        stated, run = state_and_restore()
    shown = writers.owner.answer(cluster(lab, run, AWAY)["Endpoint"], "select max(id) from pulse")
    if stated["gives"] is not None:
        assert shown >= writers.newest_by(datetime.fromisoformat(stated["gives"]))
    if stated["moments"]["at_most"] is not None:
        assert shown <= writers.newest_by(datetime.fromisoformat(stated["moments"]["at_most"]))
    person.daybreak("abort", run)
    person.daybreak("clean", run, "--yes")

"""The replay of recorded answers: asked as a person runs it, with recordings made up for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from daybreak.errors import Bug, Refused, Unreachable
from scripts.replay import CRASHED, Recording, exit_code_of, outcome_of, recordings
from tests.fix_house import ROOT

ACCOUNT = Path(__file__).parent / "account"


def replay(*words: str) -> subprocess.CompletedProcess[str]:
    """The program, run as a person runs it."""
    command = [sys.executable, str(ROOT / "scripts" / "replay.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What the program says of the first account."""
    return said_of(ACCOUNT)


@pytest.fixture(scope="module")
def kinds() -> dict[str, str]:
    """What the program says of an account with a cluster of each kind."""
    return said_of(ACCOUNT.parent / "kinds")


def said_of(folder: Path) -> dict[str, str]:
    """What the program says of each recorded thing, by its name; blanks are made single."""
    ran = replay(str(folder))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: dict[str, str] = {}
    for line in ran.stdout.splitlines():
        if line.startswith(" "):
            found[list(found)[-1]] += f" {line.strip()}"
        elif line:
            thing, _, rest = line.partition("  ")
            found[thing] = rest.strip()
    return {thing: re.sub(r" +", " ", words) for thing, words in found.items()}


PLANNED = {
    'cluster "orders": plan': (
        "aurora-postgresql 16.6 planned",
        "restores the source's own version with db.r7g.xlarge",
        "encryption: sse-kms, key arn:aws:kms:eu-west-1:111122223333:key/aaaaaaaa",
        "port: 5433; storage: aurora",
    ),
    'cluster "carts": plan': ("refused", '"carts" runs aurora-mysql; only aurora-postgresql can be restored here'),
    'backup of "gone": plan': ("planned", "encryption: sse-rds, key not named", "one instance, and the network"),
    'snapshot "orders-before-16": plan': (
        "planned",
        "restores aurora-postgresql 15.4",
        "port: 5433",
        "runs 16.6 today",
    ),
    'snapshot "orders-running": plan': ("refused", "is creating (3 percent)"),
    'cluster "orders": status': ("unfit: What would be lost now (RPO)",),
    'instance "single"': ("it belongs to no cluster",),
    "account 111122223333, eu-west-1": ("init writes targets for: orders",),
    "not known to this botocore, and left out: DBCluster.NotOfThisModel": (),
}


@pytest.mark.parametrize("thing", PLANNED)
def test_each_recorded_thing_is_planned_or_refused(told: dict[str, str], thing: str) -> None:
    """With its version, key, port and instances, or with the reason."""
    for words in PLANNED[thing]:
        assert words in told[thing]


def test_what_was_recorded_with_its_cluster_is_not_alone(told: dict[str, str]) -> None:
    """Only an instance whose cluster is missing gets a line."""
    assert 'instance "orders-1"' not in told


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (Bug("an invariant"), CRASHED),
        (KeyError("DBClusterArn"), CRASHED),
        (Refused("no", reasons=("why not",)), "refused"),
        (Unreachable("nobody answers"), "unreachable"),
    ],
)
def test_only_a_crash_fails_the_program(raised: Exception, outcome: str) -> None:
    """A refusal is an answer, and so is no answer."""

    def ask() -> tuple[str, ...]:
        raise raised

    line = outcome_of('cluster "x": plan', "aurora-postgresql 16.6", ask)
    assert line.outcome == outcome
    assert line.says
    assert exit_code_of([line]) == (outcome == CRASHED)


def test_files_are_one_account_or_each_its_own(tmp_path: Path) -> None:
    """One name twice in one account would be answered twice, so it is named."""
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text((ACCOUNT / "clusters.json").read_text())
    assert [each.name for each in recordings(tmp_path, is_apart=True)] == ["a", "b"]
    with pytest.raises(SystemExit, match=r'b\.json: another file holds a DBCluster "orders" too: add --apart'):
        recordings(tmp_path, is_apart=False)


def test_one_name_in_two_regions_is_two_things(tmp_path: Path) -> None:
    """Each region is asked by itself."""
    said = (ACCOUNT / "clusters.json").read_text()
    (tmp_path / "a.json").write_text(said)
    (tmp_path / "b.json").write_text(said.replace("eu-west-1", "us-east-1"))
    (seen,) = recordings(tmp_path, is_apart=False)
    assert seen.regions() == ["eu-west-1", "us-east-1"]
    assert [len(seen.at(region).rows["DBClusters"]) for region in seen.regions()] == [2, 2]


def test_the_answer_of_a_creation_is_read_too(tmp_path: Path) -> None:
    """It holds one cluster and not a list; a time without a zone is UTC, as AWS's are."""
    file = tmp_path / "created.json"
    file.write_text(
        json.dumps({"DBCluster": {"DBClusterIdentifier": "new", "ClusterCreateTime": "2026-01-10T22:14:02"}})
    )
    seen = Recording("x")
    seen.add(file)
    (row,) = seen.rows["DBClusters"]
    assert row["ClusterCreateTime"].isoformat() == "2026-01-10T22:14:02+00:00"


def test_a_folder_without_answers_is_named(tmp_path: Path) -> None:
    """An empty table would look like an empty account."""
    ran = replay(str(tmp_path))
    assert ran.returncode == 2
    assert "no answer of AWS was found" in ran.stderr


LIMITLESS = (
    "runs an Aurora Limitless database, which AWS does not restore like a cluster of instances: restore it in the"
)
REFUSED = {
    "limitless-by-version": LIMITLESS,
    "limitless-by-type": LIMITLESS,
    "serverless-one": "runs Aurora Serverless v1, which AWS does not restore like a cluster of instances: convert it first",
    "multi-az": "is a Multi-AZ DB cluster of RDS for PostgreSQL; only aurora-postgresql can be restored here: AWS restores",
    "mysql": "runs aurora-mysql; only aurora-postgresql can be restored here: use the console or the aws command",
    "graph": "runs neptune; only aurora-postgresql can be restored here: use the console or the aws command",
}


@pytest.mark.parametrize("cluster", REFUSED)
def test_a_cluster_of_another_kind_is_refused_at_each_door(kinds: dict[str, str], cluster: str) -> None:
    """What `init` offers is what a plan takes, and `status` does not call protected what no plan brings back."""
    assert f'left out: "{cluster}" {REFUSED[cluster]}' in kinds["account 111122223333, eu-west-1"]
    assert f'refused "{cluster}" {REFUSED[cluster]}' in kinds[f'cluster "{cluster}": plan']
    predicate, _, remedy = REFUSED[cluster].partition(": ")
    assert f"A cluster of its kind can be restored: it {predicate} ({remedy}" in kinds[f'cluster "{cluster}": status']


@pytest.mark.parametrize("cluster", ["serverless-one", "multi-az", "limitless-by-version"])
def test_a_snapshot_of_another_kind_is_refused(kinds: dict[str, str], cluster: str) -> None:
    """A snapshot knows its engine and mode itself."""
    assert f'"of-{cluster}" is of a cluster that {REFUSED[cluster]}' in kinds[f'snapshot "of-{cluster}": plan']


def test_init_offers_what_can_be_restored_and_says_what_is_to_be_done(kinds: dict[str, str]) -> None:
    """Members of a global database are clusters like others; one outside any VPC needs a network for its clone."""
    offered = "express, first-of-global, plain, second-of-global, second-with-backups"
    assert f"init writes targets for: {offered} to be done: " in kinds["account 111122223333, eu-west-1"]
    assert 'to be done: "express" has no subnet group' in kinds["account 111122223333, eu-west-1"]


def test_members_of_a_global_database_are_planned(kinds: dict[str, str]) -> None:
    """The clone is in none; of a secondary it is said what its backups hold."""
    assert "planned" in kinds['cluster "first-of-global": plan']
    assert "differs: global database: none" in kinds['cluster "first-of-global": plan']
    assert "planned" in kinds['cluster "second-with-backups": plan']
    assert "note: the source replicates from arn:aws:rds:us-east-1" in kinds['cluster "second-with-backups": plan']
    assert (
        '"second-of-global" has no restorable window: it replicates from arn:aws:rds:us-east-1'
        in kinds['cluster "second-of-global": plan']
    )
    for name in ("second-of-global", "second-with-backups"):
        assert "unknown: A cluster of its kind can be restored: it replicates" in kinds[f'cluster "{name}": status']


def test_a_cluster_outside_any_vpc_names_what_is_missing(kinds: dict[str, str]) -> None:
    """And nothing that a person would then search for in vain."""
    told = kinds['cluster "express": plan']
    assert "set subnet_group and security_groups under network.eu-west-1 in daybreak.toml" in told
    assert "is known for" not in told
    assert "unfit: A cluster of its kind can be restored: it has no subnet group" in kinds['cluster "express": status']

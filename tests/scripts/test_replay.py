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
    """What the program says of each recorded thing, by its name; blanks are made single."""
    ran = replay(str(ACCOUNT))
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
    'backup of "gone": plan': ("planned", "encryption: sse-rds, key not named", "one instance and the network"),
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

"""Story 13: the README's `sh` blocks, run as they are written by somebody who has only that page."""

from __future__ import annotations

import json
import re
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fix_cli import Person
from tests.fix_lab import PrivateLab, eventually

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")
_WITH_VERDICT = ("restore", "resume", "show", "validate", "watch", "status", "report", "restore-aurora")
"""Verbs whose exit code is the verdict: nobody told Daybreak yet what the application is."""

_OF_A_PERSON = {
    "make": "it is run by the definition of done, and runs these tests itself",
    "pip": "the tests run what it installed",
    "daybreak lab": "the lab has stories of its own",
    "--take-over": "nobody else holds the run here",
    "--confirm": "the journal can be read here",
    "daybreak copy": "it takes another region, which has a story of its own",
    "daybreak plan region": "it takes another region, which has a story of its own",
    "daybreak approve": "it takes a second person, who has a story of their own",
    "daybreak cutover": "it takes a clone that is fit and a place to change, which have stories of their own",
    "daybreak exports make": "it takes a role, a key and a clone, and has stories of its own",
    "daybreak plan export": "it takes a dump in the bucket, and has a story of its own",
    "daybreak rollback": "it takes a cutover, and stands beside it in the same stories",
}
"""What is not run here, and why."""


def _lines() -> list[str]:
    lines = [line.partition("#")[0].strip() for block in _BLOCK.findall(README) for line in block.splitlines()]
    return [line for line in lines if line]


def _is_run(line: str) -> bool:
    return not any(each in line if each.startswith("-") else line.startswith(each) for each in _OF_A_PERSON)


@pytest.mark.timeout(280)
def test_every_command_of_the_readme_works_as_it_is_written(private_lab: PrivateLab, tmp_path: Path) -> None:
    """Whoever copies it in the worst hour of their year edits nothing but the times and the run's name."""
    lab = private_lab(speed=6000)
    person: Person = lab.person(tmp_path)
    lab.client("rds").create_db_cluster_snapshot(
        DBClusterIdentifier="embi-aurora-cluster", DBClusterSnapshotIdentifier="before-the-release"
    )
    began = datetime.now(UTC)
    time.sleep(1.5)

    def can_restore() -> bool:
        [source] = lab.client("rds").describe_db_clusters(DBClusterIdentifier="embi-aurora-cluster")["DBClusters"]
        return bool(source["LatestRestorableTime"] > began)

    eventually(can_restore, within=60)
    moments = {"2024-01-15T14:29:59Z": began, "2024-01-15T14:30:03Z": began, "2024-01-15T14:30:00Z": began}
    lines = [line for line in _lines() if _is_run(line)]
    assert len(lines) >= 20
    for line in lines:
        _run(person, line, moments)


def _run(person: Person, line: str, moments: dict[str, datetime]) -> None:
    told = _TIME.sub(lambda found: moments[found[0]].strftime("%Y-%m-%dT%H:%M:%SZ"), line)
    if re.search(r"\bRUN\b", told):
        runs = json.loads(person.daybreak("runs", "-o", "json").out)["runs"]
        told = re.sub(r"\bRUN\b", next(each["run"] for each in runs if each["status"] == "finished"), told)
    told = told.replace('"20 minutes ago"', "latest").replace("--snapshot ID", "--snapshot before-the-release")
    program, *words = shlex.split(told)
    verb = words[0] if program == "daybreak" else program
    # A person answers the question; here nobody sits at the terminal.
    words += ["--yes"] if verb in ("restore", "clean") else []
    done = person.daybreak(*words) if program == "daybreak" else person.restore_aurora(*words)
    allowed = (0, 3) if verb in _WITH_VERDICT else (0,)
    assert done.code in allowed, f"{line}\n{done.out}{done.err}"

"""Story 14: the other guides' `sh` blocks, run as they are written. Two guides that build on their own lines have stories 11 and 20."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from daybreak.lab.company.configuration import configuration
from tests.fix_browser import FLAGS, chromium
from tests.fix_cli import AUTHORITIES, Person
from tests.fix_lab import LabUnderTest, eventually, private

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LAB = "from daybreak.cli.lab import lab; lab()"
TOLD_ELSEWHERE = {
    "copy.md",
    "cutover.md",
    "point-in-time-recovery.md",
    "region.md",
    "rollback.md",
    "snapshot-restore.md",
}
"""Guides that the stories 43, 11, 39 and 20 follow from their first line to their last."""

_WRITTEN = "2024-01-15T14:30:00Z"
"""The moment in the guides' commands."""

_WITH_VERDICT = ("show", "validate", "report", "delta")
_OF_A_PERSON = {
    "daybreak validate my-run --prove": "the negative control has tests of its own, and takes a minute",
    "daybreak exports make": "it takes a snapshot or a clone of its own, and has stories of its own",
    "daybreak plan export": "it takes a dump in the bucket, and has a story of its own",
    "daybreak restore export": "it takes a dump in the bucket, and has a story of its own",
    "make matrix": "it takes half an hour, and is run by whoever changes a verdict",
    "daybreak lab up": "the lab is up",
    "daybreak lab shell": "the test of the lab's guide is inside such a shell",
}
"""What is not run here, and why."""


def lines_of(guide: str) -> list[str]:
    """The commands of a guide, without their comments."""
    blocks = BLOCK.findall((GUIDES / guide).read_text(encoding="utf-8"))
    lines = [shlex.join(shlex.split(line, comments=True)) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not any(line.startswith(each) for each in _OF_A_PERSON)]


@dataclass(frozen=True)
class Desk:
    """Somebody with a lab of their own, in which a run has ended and a copy was made by hand."""

    lab: LabUnderTest
    person: Person
    run: str

    def type(self, line: str) -> None:
        """Run a line as it is written, but for the names of the reader's own runs."""
        typed = re.sub(r"\b(?:RUN|my-run|embi-aurora-pitr-202401151430-7k2)\b", self.run, line)
        if _WRITTEN in typed:
            typed = typed.replace(_WRITTEN, self.moment)
        program, *words = shlex.split(typed)
        if program == "chromium":
            browser = chromium()  # distributions call it by several names
            assert browser, f"{line}: it is not installed"
            subprocess.run([browser, *FLAGS, *words], check=True, cwd=self.person.home, timeout=60, capture_output=True)
            return
        assert program == "daybreak", line
        done = self.person.daybreak(*words)
        assert done.code in ((0, 3) if words[0] in _WITH_VERDICT else (0,)), f"{line}\n{done.out}{done.err}"

    @functools.cached_property
    def moment(self) -> str:
        """The moment of the run, which the copy made by hand stands for as well."""
        return str(json.loads(self.person.daybreak("show", self.run, "-o", "json").out)["moment"])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The account of the guides: a second database, a table of orders, a run and a copy."""
    with private(speed=6000) as lab:
        person = lab.person(tmp_path_factory.mktemp("guides"))
        person.configure(configuration(lab.url, AUTHORITIES[lab.url], rpo="300d", poll="100ms"))
        source = "embi-aurora-cluster"
        _prepare(lab, source)
        done = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes")
        assert done.code in (0, 3), done.out + done.err
        run = str(json.loads(person.daybreak("runs", "-o", "json").out)["runs"][0]["run"])
        rds = lab.client("rds")
        rds.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier="my-copy", SourceDBClusterIdentifier=source, UseLatestRestorableTime=True
        )
        eventually(lambda: _status(lab) == "available", within=60)
        rds.create_db_instance(
            DBInstanceIdentifier="my-copy-1", DBClusterIdentifier="my-copy", DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
        )  # fmt: skip
        eventually(
            lambda: (
                rds.describe_db_instances(DBInstanceIdentifier="my-copy-1")["DBInstances"][0]["DBInstanceStatus"]
                == "available"
            ),
            within=60,
        )
        yield Desk(lab, person, run)


def _prepare(lab: LabUnderTest, source: str) -> None:
    """Make what the guides' reader has and the company does not: a second database, and a table of orders."""
    place = lab.client("rds").describe_db_clusters(DBClusterIdentifier=source)["DBClusters"][0]
    login = json.loads(lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"])
    with psycopg.connect(
        host=place["Endpoint"], port=place["Port"], dbname="embi", user=login["username"], password=login["password"],
        sslmode="require", autocommit=True,
    ) as session:  # fmt: skip
        session.execute("create table orders (id bigint primary key, note text)")
        session.execute("insert into orders select n, 'ordered' from generate_series(1, 10) as n")
        session.execute("create database billing")
    made = datetime.now(UTC)

    def is_restorable() -> bool:
        [seen] = lab.client("rds").describe_db_clusters(DBClusterIdentifier=source)["DBClusters"]
        return bool(seen["LatestRestorableTime"] > made)

    eventually(is_restorable, within=60)


def _status(lab: LabUnderTest) -> str:
    return str(lab.client("rds").describe_db_clusters(DBClusterIdentifier="my-copy")["DBClusters"][0]["Status"])


def guides() -> list[str]:
    """Every guide that has commands and no story of its own."""
    named = sorted(path.name for path in GUIDES.glob("*.md"))
    return [name for name in named if name not in TOLD_ELSEWHERE | {"rehearse-on-the-lab.md"} and lines_of(name)]


@pytest.mark.sample("exports.md", "forgotten-clones.md", "report.md", "sampler.md", "schedule.md")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("guide", guides())
def test_every_command_of_a_guide_works_as_it_is_written(desk: Desk, guide: str) -> None:
    """A guide that nobody follows is wrong within a month."""
    for line in lines_of(guide):
        desk.type(line)


def test_the_guide_to_the_lab_works_inside_its_shell(desk: Desk) -> None:
    """It plants faults, lists them and takes them away again."""
    lines = lines_of("rehearse-on-the-lab.md")
    assert len(lines) >= 7
    script = "\n".join(["set -eu", *lines]).replace("eval '$(daybreak lab env)'", "true")
    done = subprocess.run(
        [sys.executable, "-c", LAB, "shell", "--dir", str(desk.lab.remote.folder), "-c", script],
        capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "drop_after" in done.stdout

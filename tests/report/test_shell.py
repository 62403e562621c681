"""The loops that wait by hand: they must outlast half an hour, and must not wait for what will never come."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from daybreak.model.plan import Step
from daybreak.report.shell import Typist, commands, script
from tests import fix_worlds as worlds
from tests.fix_golden import Golden, settled
from tests.fix_plans import HOSTILE, every_plan, hostile_plan
from tests.fix_postgres import Server
from tests.fix_shell import ANSWERS, parse_errors


def step(shape: str, name: str) -> tuple[Step, Typist]:
    """The step of a plan whose id ends in ``name``, and the hand that does it."""
    plan = every_plan()[shape]
    return next(step for step in plan.steps if step.id.endswith(name)), Typist.of(plan)


def run(tmp_path: Path, shell: str, answers: list[str]) -> tuple[int, str, list[str]]:
    """Exit code, complaints, and the answers nobody asked for, of ``shell`` in bash."""
    (tmp_path / "answers").write_text("\n".join(answers) + "\n")
    stage = ANSWERS.format(log=tmp_path / "log", answers=tmp_path / "answers")
    done = subprocess.run(
        ["bash", "-c", f"set -eu\n{stage}\n{shell}\necho went on"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stderr, (tmp_path / "answers").read_text().split("\n")[:-1]


@pytest.mark.parametrize("shape", ["pitr", "clean"])
def test_the_plan_as_a_script(shape: str, golden: Golden) -> None:
    """The same steps for somebody who has only bash and the client."""
    plan = every_plan()[shape]
    assert parse_errors(script(plan)) == ""
    golden(f"report/plan-{shape}.sh", settled(script(plan), plan))


@pytest.mark.parametrize("check", ["\\! touch {}", "\\o {}", "\\copy (SELECT 1) TO {}", " \\! touch {}"])
def test_a_check_is_never_a_command_of_psql(server: Server, tmp_path: Path, check: str) -> None:
    """A configuration that somebody else wrote must not run programs on the machine of who types what a plan prints."""
    hand = replace(
        step("pitr", "await-cluster")[1], user=server.master.username, connection="dbname=postgres sslmode=disable"
    )
    asked = hand.psql(check.format(tmp_path / "made"))
    environment = {
        "PATH": os.environ["PATH"],
        "HOST": server.host,
        "PORT": str(server.port),
        "PGPASSWORD": server.master.password,
    }
    done = subprocess.run(
        ["bash", "-c", asked], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert "syntax error" in done.stderr
    assert not (tmp_path / "made").exists()


def test_a_cluster_is_awaited_through_everything_but_success(tmp_path: Path) -> None:
    """Available with a null window is not restored yet, and a lost connection is no answer at all."""
    answers = [
        "creating\tNone",
        "!Could not connect",
        "available\tNone",
        "available\t2024-01-15T14:30:00+00:00",
        "left",
    ]
    code, _, left = run(tmp_path, commands(*step("pitr", "await-cluster")), answers)
    assert (code, left) == (0, ["left"])


@pytest.mark.parametrize(
    "status", ["failed", "incompatible-restore", "inaccessible-encryption-credentials", "deleting"]
)
def test_a_hopeless_cluster_is_not_awaited(tmp_path: Path, status: str) -> None:
    """AWS's own waiter polls on through states that never end; a script of ours stops, and says why."""
    code, told, left = run(
        tmp_path, commands(*step("pitr", "await-cluster")), ["creating\tNone", f"{status}\tNone", "left"]
    )
    assert (code != 0, left) == (True, ["left"])
    assert status in told


def test_an_instance_is_awaited(tmp_path: Path) -> None:
    """The endpoint is dead before the first instance is there."""
    code, _, left = run(
        tmp_path, commands(*step("pitr", "await-writer")), ["creating", "backing-up", "available", "in-sync", "left"]
    )
    assert (code, left) == (0, ["left"])


def test_gone_means_that_aws_says_so(tmp_path: Path) -> None:
    """Expired credentials also make the look fail; they do not mean that the cluster is gone."""
    answers = ["deleting", "!ExpiredToken", "!An error occurred (DBClusterNotFoundFault)", "left"]
    code, _, left = run(tmp_path, commands(*step("clean", "await-gone")), answers)
    assert (code, left) == (0, ["left"])


def test_hostile_text_is_never_run(tmp_path: Path) -> None:
    """Tags, names and tables are data of others; the script is run by somebody with production credentials."""
    text = script(hostile_plan())
    assert parse_errors(text) == ""
    assert "\x1b" not in text
    plan = hostile_plan()
    asked = commands(worlds.judging(plan), Typist.of(plan))
    run(tmp_path, asked, ["host", "5432", "0", "0", "1", "1"])
    log = (tmp_path / "log").read_text()
    assert HOSTILE in log
    assert "uid=" not in log
    assert worlds.SOURCE not in log

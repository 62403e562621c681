"""Story 46: a process that carries a run is killed, and nobody is there to write that; whoever looks learns that it stopped."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from daybreak.errors import ExitCode
from tests.chaos.fix_lives import USUAL, Begin
from tests.fix_cli import Person
from tests.fix_lab import LabUnderTest, eventually

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/app/test_underway.py",
        "tests/journal/test_store.py",
    )
)

STOPPED = "no process carries it out any more; last heard of at "


def flat(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def test_a_killed_restore_is_called_stopped_everywhere(lab: LabUnderTest, begin: Begin) -> None:
    """`runs`, `show`, `status`, `watch` and the next `plan` say so, each with the command that goes on; then it does."""
    life = begin(lab)
    run, ada = life.plan(), life.person
    with lab.fault("stuck", identifier=run):
        life.restore_as_planned()
        life.until("step.seen", "await-cluster")
        alive = ada.daybreak("runs", "-o", "json").json()["runs"][0]
        assert (alive["status"], alive["next"]) == ("running", f"daybreak watch {run}")
        told = ada.daybreak("plan", "pitr", "embi", "--to", "latest")
        assert told.code == 0
        assert f'note: a run of "embi" has not ended: {run} is running, carried out by ' in told.err
        assert told.err.count(run) == 2, "the clone of that very run is no further news"
        life.end_at_once()
        resume = f"daybreak resume {run}"
        listed = ada.daybreak("runs", "-o", "json").json()["runs"][0]
        assert (listed["status"], listed["exit_code"], listed["next"]) == ("stopped", 75, resume)
        assert f"{run}: {STOPPED}" in ada.daybreak("runs").out
        shown = ada.daybreak("show", run)
        assert flat(shown.out).startswith(f"status stopped: {STOPPED}")
        assert f"next     {resume}" in shown.out
        report = ada.daybreak("report", run, "-o", "json").json()
        assert (report["status"], report["headline"]) == ("stopped", "the run has stopped; there is no verdict")
        status = flat(ada.daybreak("status", "embi").out)
        assert f"runs {run} is stopped: {resume} clones " in status
        assert f"{run}, kept until " in status
        asked = ada.daybreak("status", "embi", "-o", "json").json()["targets"][0]
        assert asked["runs"] == [{"run": run, "status": "stopped", "next": resume}]
        assert run in [each["identifier"] for each in asked["seen"]["clones"]]
        for verb in (("plan", "pitr"), ("restore", "pitr")):
            told = ada.daybreak(*verb, "embi", "--to", "latest")
            assert f'note: a run of "embi" has not ended: {run} is stopped: {resume}\n' in told.err
        for output in ("text", "json"):
            watched = ada.daybreak("watch", run, "-o", output, within=30)
            assert watched.code == ExitCode.UNREACHABLE
            assert f"stopped: {run}: {STOPPED}" in watched.err
            assert watched.err.endswith(f"hint: {resume}\n")
        unknown = ada.daybreak("show", f"{run}x")
        assert f"hint: did you mean {run}?" in unknown.err
        assert "name that place with --state" in unknown.err
    assert life.resume().code == 0
    done = flat(ada.daybreak("status", "embi").out)
    assert "runs none under way clones " in done
    assert f"{run}, kept until " in done
    told = ada.daybreak("plan", "pitr", "embi", "--to", "latest")
    (note,) = (line for line in told.err.splitlines() if run in line)
    assert note.startswith(f"note: a clone of it exists: {run}, kept until ")
    assert note.endswith(f": daybreak show {run}")
    _a_killed_clean_up(lab, ada, run)


def _a_killed_clean_up(lab: LabUnderTest, ada: Person, run: str) -> None:
    """A clean-up is a run like any other, also when it is killed."""
    throttled = {"code": "Throttling", "status": 400}
    with lab.fault("error", action="DeleteDBCluster", identifier=run, args=throttled):
        cleaning = ada.start("clean", run, "--yes")
        eventually(lambda: lab.calls("DeleteDBCluster", run) != [], within=60)
        cleaning.kill()
        cleaning.communicate()
        (listed,) = (each for each in ada.daybreak("runs", "-o", "json").json()["runs"] if "-clean-" in each["run"])
        assert (listed["status"], listed["next"]) == ("stopped", f"daybreak resume {listed['run']}")
        again = ada.daybreak("clean", run)
        assert f"note: a clean-up of the same run has not ended: {listed['run']} is stopped" in again.err
    resumed = ada.daybreak("resume", listed["run"])
    assert resumed.code == 0, resumed.err
    done = flat(ada.daybreak("status", "embi").out)
    assert "runs none under way" in done
    assert f"{run}, kept until " not in done


def test_a_run_in_a_bucket_is_stopped_here_and_silent_elsewhere(lab: LabUnderTest, tmp_path: Path) -> None:
    """The machine that carried it can say that its process is dead; any other one says what it does not know."""
    name = f"stopped-{uuid.uuid4().hex[:12]}"
    lab.client("s3").create_bucket(Bucket=name)
    state = {"DAYBREAK_STATE": f"s3://{name}/runs"}
    ada = lab.person(tmp_path / "ada", state)
    ada.configure(USUAL)
    planned = ada.daybreak("plan", "pitr", "embi", "--to", "latest", "--file", "plan.json", "-o", "json")
    run = str(planned.json()["plan"]["run"])
    with lab.fault("stuck", identifier=run):
        restoring = ada.start("restore", "--plan", "plan.json", "--yes")
        eventually(lambda: lab.calls("RestoreDBClusterToPointInTime", run) != [], within=60)
        eventually(lambda: "creating" in ada.daybreak("show", run, "-v").out, within=60)
        alive = ada.daybreak("runs", "-o", "json").json()["runs"][0]
        assert (alive["status"], alive["next"]) == ("running", f"daybreak watch {run}"), "it was heard of just now"
        restoring.kill()
        restoring.communicate()
        stopped = ada.daybreak("watch", run)
        assert stopped.code == ExitCode.UNREACHABLE
        assert f"stopped: {run}: {STOPPED}" in stopped.err
    aborted = ada.daybreak("abort", run)
    assert aborted.code == 0, aborted.err

    assert ada.daybreak("clean", run, "--yes").code == 0

"""What goes wrong around a restore while it runs, on real processes: it waits, pauses or refuses, and `resume` ends it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.fix_lives import (
    SOURCE,
    Begin,
    Ending,
    Life,
    Line,
    assert_one_of_everything,
    clusters_of,
    ending,
)
from tests.fix_lab import LabUnderTest, eventually, private


@pytest.fixture(scope="module")
def own_lab() -> Iterator[LabUnderTest]:
    """A lab whose region and keys this file may take away."""
    with private(speed=6000) as lab:
        yield lab


def is_waiting(life: Life) -> bool:
    """Whether the run waits for its cluster: the long part of a restore."""
    return life.has("step.seen", "await-cluster")


def test_ctrl_c_stops_at_a_safe_place(lab: LabUnderTest, begin: Begin, undisturbed: Ending) -> None:
    """The train arrives, the laptop closes: nothing is lost, and the shell hears that it was an interruption."""
    life = begin(lab)
    life.restore()
    life.when(lambda: is_waiting(life))
    life.signal(signal.SIGINT)
    done = life.end()
    assert (done.code, life.lines()[-1].type) == (130, "run.paused")
    assert f"hint: daybreak resume {life.run}" in done.err
    assert ending(life.resume()) == undisturbed
    assert_one_of_everything(life)


# -- the disk


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of its own for a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "daybreak", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that leaves no room for another."""
    ballast = folder / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(1024 * 1024))
    return ballast


def assert_every_change_was_intended(life: Life) -> None:
    """What reached AWS stands in the journal: nothing is out there that nobody would find again."""
    journal = b"".join(path.read_bytes() for path in life.folder.glob("journal*.jsonl"))
    events = [json.loads(line)["event"]["body"] for line in journal.split(b"\n")[:-1]]
    intended = [body["call"]["operation"] for body in events if body["type"] == "step.intended" and body["call"]]
    sent = [visit["operation"] for visit in life.changes()]
    assert sent == intended[: len(sent)]


def test_a_full_disk_pauses_the_run(lab: LabUnderTest, begin: Begin, undisturbed: Ending) -> None:
    """The disk of the state fills up in the middle: nothing more is sent, and room is all that is needed to go on."""
    life = begin(lab)
    with small_disk(life.person.state):
        life.restore()
        life.until("step.done", "copy-parameter-group")
        ballast = fill(life.person.state)
        done = life.end()
        assert done.code == 75, done.err[-2000:]
        assert "no space left" in done.err
        assert f'free space where "{life.folder}" is' in done.err
        assert_every_change_was_intended(life)
        assert life.resume().code == 75, "the disk is still full"
        ballast.unlink()
        assert ending(life.resume()) == undisturbed
        assert_one_of_everything(life)


@pytest.mark.sweep
def test_a_line_that_fits_only_in_part_sends_nothing(lab: LabUnderTest, begin: Begin, undisturbed: Ending) -> None:
    """A limit strikes in the middle of an intent's line: a call whose intent is torn must never leave."""
    # Python does not notice that a limit cut its bytecode short; every process after it would read the stump.
    life = begin(lab, PYTHONDONTWRITEBYTECODE="1")
    with lab.fault(
        "delay", action="CopyDBClusterParameterGroup", identifier=f"{life.plan()}-.*", args={"seconds": 0.3}
    ):
        process = life.restore_as_planned()
        life.until("step.intended", "copy-parameter-group")
    size = (life.folder / "journal.jsonl").stat().st_size
    resource.prlimit(
        process.pid, resource.RLIMIT_FSIZE, (size + 900, size + 900)
    )  # two short lines, and half a long one
    done = life.end()
    assert (done.code, "file too large" in done.err) == (75, True)
    assert not (life.folder / "journal.jsonl").read_bytes().endswith(b"\n")
    assert [visit["operation"] for visit in life.changes()] == ["CopyDBClusterParameterGroup"]
    assert ending(life.resume()) == undisturbed
    assert_one_of_everything(life)


# -- other machines, other terminals


@pytest.mark.sweep
def test_another_machine_carries_on_from_a_bucket(lab: LabUnderTest, begin: Begin, undisturbed: Ending) -> None:
    """The machine that began is gone with its home; all that the next one has is the address of the bucket."""
    life, other = begin(lab), begin(lab)
    bucket = f"state-{life.person.key.lower()}"
    lab.client("s3").create_bucket(Bucket=bucket)
    state = f"s3://{bucket}/recoveries"
    with lab.fault("stuck", action="restore-to-point-in-time", identifier=life.plan()):
        life.restore_as_planned("--state", state)
        life.when(lambda: bool(clusters_of(lab, life.run)))
        life.end_at_once()
    other.run = life.run
    runs = other.person.daybreak("runs", "--state", state, "-o", "json").json()["runs"]
    assert [run["run"] for run in runs] == [life.run]
    assert ending(other.resume("--state", state)) == undisturbed
    (cluster,) = clusters_of(lab, life.run)
    assert len(cluster["DBClusterMembers"]) == 2
    restores = [*lab.calls("RestoreDBClusterToPointInTime", life.run, life.since)]
    assert [visit["status"] for visit in restores].count(200) == 1
    assert not other.runs(), "nothing of it is on this machine's disk"


@pytest.mark.sweep
def test_a_suspended_process_that_was_taken_over_does_nothing_more(
    lab: LabUnderTest, begin: Begin, undisturbed: Ending
) -> None:
    """A laptop sleeps through its own run's takeover; when it wakes up, its run belongs to somebody else."""
    life = begin(lab)
    sleeper = life.restore()
    life.when(lambda: is_waiting(life))
    life.signal(signal.SIGSTOP)
    colleague = lab.person(life.person.home)

    refused = life.resume(person=colleague)
    assert (refused.code, f'the run "{life.run}" is held by' in refused.err) == (2, True), refused.err
    watching = life.start("watch", life.run, person=colleague)
    assert ending(life.resume("--take-over", person=colleague)) == undisturbed
    assert life.end(watching).code == 0

    asleep = life.newest_visit()
    sleeper.send_signal(signal.SIGCONT)
    woken = life.end(sleeper)
    assert (woken.code, "was taken over by" in woken.err) == (75, True), woken.err
    assert life.changes(asleep) == []
    assert len(clusters_of(lab, life.run)) == 1


# -- AWS and the way to it


@pytest.mark.sweep
def test_a_call_whose_reply_is_lost_is_adopted(lab: LabUnderTest, begin: Begin, undisturbed: Ending) -> None:
    """Every single reply to a change is lost: what it did is found by its tag, and is not done again."""
    life = begin(lab)
    change = "(Copy|Modify|Restore|Create)DB.*|AddTagsToResource"
    with lab.fault("drop_after", action=change, identifier=f"{life.plan()}.*"):
        life.restore_as_planned("-o", "json")
        assert ending(life.end()) == undisturbed
    assert_one_of_everything(life)
    lost = [line for line in life.lines() if line.type == "step.uncertain"]
    assert len(lost) == len(life.changes()) == 8


def foreign_cluster(lab: LabUnderTest, name: str) -> dict[str, Any]:
    """A cluster that somebody else made under that name."""
    lab.client("rds").create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="somebody",
        MasterUserPassword="something-long",
        Tags=[{"Key": "daybreak:run", "Value": "somebody-elses-run"}],
    )
    return described(lab, name)


def described(lab: LabUnderTest, name: str) -> dict[str, Any]:
    """A cluster, once nothing about it is under way."""
    rds = lab.client("rds")
    eventually(lambda: rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"] == "available")
    cluster: dict[str, Any] = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    return {
        key: cluster[key] for key in ("DbClusterResourceId", "TagList", "DBClusterParameterGroup", "MasterUsername")
    }


@pytest.mark.sweep
def test_a_foreign_cluster_of_the_clones_name_is_left_alone(lab: LabUnderTest, begin: Begin) -> None:
    """Between the plan and its start somebody takes the name: the run stops before its first change."""
    life = begin(lab)
    before = foreign_cluster(lab, life.plan())
    life.restore_as_planned()
    done = life.end()
    assert (done.code, f'a cluster "{life.run}" exists already' in done.err) == (2, True), done.err[-2000:]
    assert life.changes() == []
    assert life.runs() == []
    assert described(lab, life.run) == before
    lab.client("rds").delete_db_cluster(DBClusterIdentifier=life.run, SkipFinalSnapshot=True)


@pytest.mark.sweep
def test_a_name_that_is_taken_under_way_fails_the_run_and_touches_nothing(lab: LabUnderTest, begin: Begin) -> None:
    """A breath before the restore somebody takes the name: what is not ours is neither adopted, changed nor cleaned."""
    life = begin(lab)
    slow = lab.fault(
        "delay", action="ModifyDBClusterParameterGroup", identifier=f"{life.plan()}-.*", args={"seconds": 2}
    )
    with slow:
        life.restore_as_planned()
        life.until("step.intended", "set-quarantine")
        before = foreign_cluster(lab, life.run)
        done = life.end()
    assert (done.code, "it is left untouched" in done.out + done.err) == (1, True), done.err[-2000:]
    refused = life.person.daybreak("clean", life.run, "--yes")
    assert (refused.code, "this run did not create it" in refused.err) == (2, True)
    assert described(lab, life.run) == before
    lab.client("rds").delete_db_cluster(DBClusterIdentifier=life.run, SkipFinalSnapshot=True)


@pytest.mark.sweep
def test_a_throttling_storm_is_waited_out(lab: LabUnderTest, begin: Begin, undisturbed: Ending) -> None:
    """An account's limit is shared with everybody else in it: *not now* is not an error."""
    life = begin(lab)
    life.plan()
    with ExitStack() as storm:
        for action in ("Copy.*", "Modify.*Group", "Restore.*"):
            storm.enter_context(lab.fault("error", action=action, identifier=f"{life.run}.*", times=1))
        life.restore_as_planned("-o", "json")
        assert ending(life.end()) == undisturbed
    assert [line.type for line in life.lines()].count("step.retried") == 3
    assert_one_of_everything(life)


def test_credentials_that_expire_pause_the_run(lab: LabUnderTest, begin: Begin, undisturbed: Ending) -> None:
    """A session of one hour, a restore of two: log in again, and go on."""
    life = begin(lab)
    life.restore()
    life.when(lambda: is_waiting(life))
    lab.ask("POST", "credentials", {"access_key": life.person.key, "expired": True})
    done = life.end()
    assert (done.code, "log in again" in done.err) == (75, True), done.err[-2000:]
    assert life.lines()[-1].type == "run.paused"
    assert life.resume().code == 75, "nobody has logged in yet"
    lab.ask("POST", "credentials", {"access_key": life.person.key, "expired": False})
    assert ending(life.resume()) == undisturbed
    assert_one_of_everything(life)


def test_a_disabled_key_is_refused_in_the_plan(own_lab: LabUnderTest, begin: Begin) -> None:
    """AWS would take the call, restore for half an hour, and end in a status that nothing leads out of."""
    life = begin(own_lab)
    kms = own_lab.client("kms")
    key = own_lab.client("rds").describe_db_clusters(DBClusterIdentifier=SOURCE)["DBClusters"][0]["KmsKeyId"]
    kms.disable_key(KeyId=key.rpartition("/")[2])
    life.restore()
    done = life.end()
    kms.enable_key(KeyId=key.rpartition("/")[2])
    assert (done.code, f"the KMS key {key} is Disabled" in done.err) == (2, True), done.err[-2000:]
    assert life.changes() == []
    assert life.runs() == []


@pytest.mark.sweep
def test_a_lost_region_is_waited_for(own_lab: LabUnderTest, begin: Begin, undisturbed: Ending) -> None:
    """While the region is away a run waits and says so; a new one pauses at once; and once it is back, each goes on."""
    life = begin(own_lab)
    life.restore()
    life.when(lambda: is_waiting(life))
    with own_lab.fault("region_down", region="us-east-1"):
        life.until("step.retried", "await-cluster")
        life.signal(signal.SIGINT)
        assert life.end().code == 130
        paused = life.resume()
        assert (paused.code, "unreachable" in paused.err) == (75, True), paused.err
    assert ending(life.resume()) == undisturbed
    assert_one_of_everything(life)


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("job", "end", "status"),
    [
        ("restore-to-point-in-time", "", "incompatible-restore"),
        pytest.param("create-instance", "-1", "insufficient-capacity", marks=pytest.mark.sweep),
    ],
)
def test_a_failed_state_ends_the_run_and_clean_removes_the_rest(
    lab: LabUnderTest, begin: Begin, job: str, end: str, status: str
) -> None:
    """What AWS will never finish must not be waited for, and must not be billed for either."""
    life = begin(lab)
    with lab.fault("fail", action=job, identifier=f"{life.plan()}{end}", args={"status": status}):
        life.restore_as_planned()
        done = life.end()
    assert (done.code, status in done.out) == (1, True), done.err[-2000:]
    assert f"daybreak clean {life.run}" in done.out, "what remains, and how it goes away"
    cleaned = life.person.daybreak("clean", life.run, "--yes")
    assert cleaned.code == 0, cleaned.err
    assert clusters_of(lab, life.run) == []
    groups = lab.client("rds").describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
    assert f"{life.run}-quarantine" not in {group["DBClusterParameterGroupName"] for group in groups}
    assert life.lines()[-1] == Line("run.finished", why=life.lines()[-1].why)

"""Story 39: a region is lost with its databases and its state, and the database comes up in the other one from what is there alone."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from daybreak.lab.company.names import SECRET
from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, eventually, private
from tests.lab.regions.fix_regions import AWAY, HOME, Reach, cluster, code, group_of, marks_of_copy, name_of_copy
from tests.lab.regions.test_replicas import COPY as STATE_AWAY
from tests.lab.regions.test_replicas import STATE, replicate
from tests.stories.test_14_guides import lines_of

SOURCE, COPY = "embi-aurora-cluster", name_of_copy("7k2x")
UNASKED = waiving("application.connects", "application.health", "application.functions")
NETWORK = """
[targets.embi.network.us-west-2]
subnet_group    = "embi-db-subnet-group-dr"
security_groups = ["{group}"]
"""
THERE = ("--region", AWAY, "--state", f"s3://{STATE_AWAY}/runs")
"""What a person adds to each command when the first region is gone."""


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, since a region of it is going to be lost."""
    with private(speed=6000) as lab:
        yield lab


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose state is in a bucket of the first region, with a replica in the other."""
    somebody = lab.person(tmp_path_factory.mktemp("lost-region"), {"DAYBREAK_STATE": None})
    network = NETWORK.format(group=group_of(lab, AWAY))
    state = f'state = "s3://{STATE}/runs"\npoll = "1s"\n'
    somebody.configure(state + CONFIGURATION.replace("300d", "1h") + UNASKED + network)
    return somebody


def snapshot_of(lab: LabUnderTest, name: str, region: str) -> dict[str, Any]:
    """A snapshot as AWS describes it now."""
    found = lab.client("rds", region).describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
    return dict(found["DBClusterSnapshots"][0])


def copy_away(lab: LabUnderTest, name: str = COPY) -> None:
    """What a scheduler does: a snapshot, and its copy in the other region under a key of that region, with the time in a tag."""
    here, there = lab.client("rds", HOME), lab.client("rds", AWAY)
    here.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=SOURCE)
    eventually(lambda: snapshot_of(lab, name, HOME)["Status"] == "available", within=60)
    taken = snapshot_of(lab, name, HOME)
    there.copy_db_cluster_snapshot(
        SourceDBClusterSnapshotIdentifier=taken["DBClusterSnapshotArn"],
        TargetDBClusterSnapshotIdentifier=name,
        KmsKeyId=lab.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"],
        SourceRegion=HOME,
        Tags=marks_of_copy(name, taken),
    )
    eventually(lambda: snapshot_of(lab, name, AWAY)["Status"] == "available", within=120)


@dataclass(frozen=True)
class Day:
    """What was done while the first region was there."""

    owner: Reach
    last: datetime
    """When the last row was committed there, which is after the copy's snapshot."""


@pytest.fixture(scope="module")
def day(lab: LabUnderTest, person: Person) -> Day:
    """What is done every day, before the region is lost."""
    replicate(lab)
    lab.client("secretsmanager").replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": AWAY}])
    for verb in ("capture", "baseline"):
        done = person.daybreak(verb, "embi")
        assert done.code == 0, done.err
    owner = Reach(lab)
    with owner.session(cluster(lab, SOURCE, HOME)["Endpoint"]) as session:
        session.execute("create table pulse (id int primary key, at timestamptz not null default now())")
        session.execute("insert into pulse values (1)")
        lab.ask("POST", "tick")
        copy_away(lab)
        session.execute("insert into pulse values (2)")
        [(last,)] = session.execute("select at from pulse where id = 2").fetchall()
    replicas, west = lab.client("s3", AWAY), lab.client("s3")

    def is_replicated() -> bool:
        found = [
            bucket.list_objects_v2(Bucket=name)["KeyCount"] for bucket, name in ((replicas, STATE_AWAY), (west, STATE))
        ]
        return bool(found[0] == found[1] > 0)

    eventually(is_replicated, within=60)
    return Day(owner, last.astimezone(UTC))


def test_it_comes_up_fit_from_what_the_other_region_has(lab: LabUnderTest, person: Person, day: Day) -> None:
    """Plan, restore, runs and report, all of them with the first region gone; the loss is at least what was said of it."""
    with lab.fault("region_down", region=HOME):
        (best, *_) = person.daybreak("backups", "embi", *THERE, "-o", "json").json()["backups"]
        assert (best["name"], best["moments"]["evidence"]) == (
            COPY,
            "the time of its source, which the copy's tag keeps",
        )
        assert best["command"].startswith(f"daybreak plan region embi --region {AWAY} --from {COPY}")

        began = time.monotonic()
        page = person.daybreak("plan", "region", "embi", *THERE, "-o", "markdown")
        assert (page.code, time.monotonic() - began < 45) == (0, True), page.err
        titles = [line.partition(": ")[2] for line in page.out.splitlines() if line.startswith("#### Step")]
        assert titles == [
            "Assess Primary Region Status",
            "List DR Region Backups",
            "Restore in DR Region",
            "Update DNS and Application Configuration",
            "Validate DR Environment",
        ]
        assert f"{HOME} showed nothing" in page.out
        assert "nobody can change Route 53 records or IAM roles" in page.out

        done = person.daybreak("restore", "region", "embi", *THERE, "--yes", "-o", "json")
        document = done.json()
        assert (done.code, document["standing"]) == (0, "fit"), (done.err, document["reasons"])
        run = document["run"]

        # What was written after the copy is lost, and the run says no less than that.
        clone = cluster(lab, run, AWAY)
        assert day.owner.answer(clone["Endpoint"], "select max(id) from pulse") == 1
        promise = next(each for each in document["promises"] if each["name"] == "RPO")
        lost = TypeAdapter(timedelta).validate_python(promise["measured"])
        assert lost >= day.last - datetime.fromisoformat(best["gives"])

        assert run in person.daybreak("runs", *THERE).out
        # A status of the target, whose own region says nothing: the rest is there, and so is what was made elsewhere.
        began = time.monotonic()
        status = person.daybreak("status", "embi", "--state", f"s3://{STATE_AWAY}/runs")
        assert (status.code, time.monotonic() - began < 45) == (75, True), status.out + status.err
        words = " ".join(status.out.split())
        assert f"{HOME} did not answer" in words
        assert f"last run {run}: fit" in words
        assert f"{run}, kept until" in words
        assert f", in {AWAY}" in words
        assert f"not known in {HOME}" in words
        assert "none under way" in words
        html = person.daybreak("report", run, *THERE, "-o", "html")
        assert (html.code, run in html.out) == (0, True)
        checked = person.daybreak("validate", run, *THERE)
        assert checked.code == 0, checked.out


@pytest.mark.sample(
    "empty-us-east-1 answered, and knows no cluster of that name",
)
@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("closes", f"{HOME} showed nothing"),
        ("hangs", f"{HOME} showed nothing (no answer came in time)"),
        ("errors", f"{HOME} showed nothing"),
        ("empty", f"{HOME} answered, and knows no cluster of that name"),
    ],
)
def test_however_a_region_fails_the_same_backup_is_chosen(
    lab: LabUnderTest, person: Person, day: Day, way: str, said: str
) -> None:
    """Closed, silent, ill, or as if nothing had ever been there."""
    assert day.last
    with lab.fault("region_down", region=HOME, args={"api": way}):
        planned = person.daybreak("plan", "region", "embi", "--state", THERE[-1], "-o", "json")
    assert planned.code == 0, planned.err
    request = planned.json()["plan"]["request"]
    assert request["snapshot"].endswith(f":cluster-snapshot:{COPY}")
    assert request["assessed"].startswith(said), request["assessed"]
    assert request["moments"]["latest"] is not None


@pytest.mark.sweep
def test_the_guide_is_followed_as_it_is_written(lab: LabUnderTest, person: Person, day: Day) -> None:
    """Each line of the guide, in its order, on the day."""
    assert day.last
    with lab.fault("region_down", region=HOME):
        for line in lines_of("region.md"):
            program, *words = shlex.split(line)
            assert program == "daybreak"
            typed, allowed = (words[: words.index("||")], int(words[-1])) if "||" in words else (words, 0)
            done = person.daybreak(*typed)
            assert done.code in (0, allowed), (line, done.err)


@pytest.mark.sweep
def test_a_run_that_was_killed_goes_on_from_there(lab: LabUnderTest, person: Person, day: Day) -> None:
    """A laptop closes in the worst hour; everything that a resume needs is in the other region."""
    assert day.last
    with lab.fault("region_down", region=HOME):
        process = person.start("restore", "region", "embi", *THERE, "--yes")
        eventually(lambda: _has_begun(person), within=60)
        process.kill()
        process.communicate()
        [run] = [each["run"] for each in _runs(person) if each["status"] != "finished"]
        resumed = person.daybreak("resume", run, *THERE, "--take-over", "-o", "json")
        assert (resumed.code, resumed.json()["standing"]) == (0, "fit"), resumed.err
        cleaned = person.daybreak("clean", run, *THERE, "--yes")
        assert cleaned.code == 0, cleaned.err


def _runs(person: Person) -> Any:
    return person.daybreak("runs", *THERE, "-o", "json").json()["runs"]


def _has_begun(person: Person) -> bool:
    return any(each["status"] == "running" for each in _runs(person))


def test_the_runbooks_own_commands_fail_as_on_aws(lab: LabUnderTest) -> None:
    """No automated backup of a cluster is in another region, and a restore to a moment takes no source of one."""
    rds = lab.client("rds", AWAY)
    resource = cluster(lab, SOURCE, HOME)["DbClusterResourceId"]
    missing, _ = code(rds.describe_db_cluster_automated_backups, DbClusterResourceId=resource)
    assert missing == "DBClusterAutomatedBackupNotFoundFault"
    arn = cluster(lab, SOURCE, HOME)["DBClusterArn"]
    wish = {"DBClusterIdentifier": "embi-aurora-dr-1", "UseLatestRestorableTime": True}
    refused, why = code(rds.restore_db_cluster_to_point_in_time, SourceDBClusterIdentifier=arn, **wish)
    assert refused in ("DBClusterNotFoundFault", "InvalidParameterValue"), why


def test_what_cannot_be_meant_is_refused(person: Person) -> None:
    """The source's own region, a backup of another name, and a target of which no other region is known."""
    own = person.daybreak("plan", "region", "embi", "--region", HOME)
    assert (own.code, f"{HOME} is the region of" in own.err) == (2, True)
    other = person.daybreak("plan", "region", "embi", "--from", f"{COPY[:-1]}y")
    assert (other.code, f'did you mean "{COPY}"' in other.err) == (2, True)
    policy = person.daybreak("plan", "region", "embi", "-o", "iam")
    assert policy.code == 0, policy.err
    assert f":{AWAY}:" in policy.out
    assert f"rds:{HOME}" not in policy.out

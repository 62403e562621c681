"""Story 10: the whole journey through the real commands: plan, keep the plan, carry it out, show, watch, clean."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_cli import CONFIGURATION, RESTORE_AURORA, Person, waiving
from tests.fix_lab import LabUnderTest, eventually

READS = re.compile(r"(Describe|Get|List|Head)")
PASSWORD = "only-for-this-story"
TABLES = """
[targets.embi.tables]
"public.people" = { min_rows = 1, freshness = "updated_at" }

[[targets.embi.checks]]
name = "everybody has a name"
sql = "select count(*) from people where name is null"
expect = "= 0"
"""


def described(lab: LabUnderTest, name: str) -> dict[str, Any]:
    """A cluster as AWS describes it; nothing when it is not there."""
    found = lab.client("rds").describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": [name]}])["DBClusters"]
    return dict(found[0]) if found else {}


def session(lab: LabUnderTest, name: str) -> psycopg.Connection[Any]:
    """A session as the owner, in the source or in a clone."""
    cluster = described(lab, name)
    return psycopg.connect(
        host=cluster["Endpoint"], port=cluster["Port"], dbname="story", user="owner", password=PASSWORD, autocommit=True
    )


def people(lab: LabUnderTest, name: str) -> list[tuple[int, str]]:
    """Every row there is."""
    with session(lab, name) as connection:
        return connection.execute("select id, name from people order by id").fetchall()


@pytest.fixture(scope="module")
def source(lab: LabUnderTest) -> Iterator[str]:
    """A cluster of the story's own with one instance and a table that fills commit by commit."""
    rds, name = lab.client("rds"), f"story-{uuid.uuid4().hex[:8]}"
    model = described(lab, "embi-aurora-cluster")
    rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        EngineVersion=model["EngineVersion"],
        DatabaseName="story",
        MasterUsername="owner",
        MasterUserPassword=PASSWORD,
        DBSubnetGroupName=model["DBSubnetGroup"],
        VpcSecurityGroupIds=[group["VpcSecurityGroupId"] for group in model["VpcSecurityGroups"]],
        DBClusterParameterGroupName="embi-aurora-params",
        StorageEncrypted=True,
        KmsKeyId=model["KmsKeyId"],
        EnableCloudwatchLogsExports=["postgresql"],
        BackupRetentionPeriod=7,
        Tags=[{"Key": "Story", "Value": "ten"}],
    )
    eventually(lambda: described(lab, name)["Status"] == "available")
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-1",
        DBClusterIdentifier=name,
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
    )

    def is_there() -> bool:
        answer = rds.describe_db_instances(DBInstanceIdentifier=f"{name}-1")
        return bool(answer["DBInstances"][0]["DBInstanceStatus"] == "available")

    eventually(is_there)
    lab.client("secretsmanager").create_secret(
        Name=name, SecretString=json.dumps({"username": "owner", "password": PASSWORD})
    )
    yield name
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1")
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


@pytest.fixture
def ada(lab: LabUnderTest, source: str, tmp_path: Path) -> Person:
    """The person on call, with an access key of her own."""
    person = lab.person(tmp_path)
    configuration = CONFIGURATION.replace("embi-aurora-cluster", source).replace('"embi"', '"story"')
    unasked = waiving("application.connects", "application.health")
    person.configure(configuration.replace("embi/aurora/master", source) + TABLES + unasked)
    return person


def accident(lab: LabUnderTest, source: str) -> tuple[datetime, list[tuple[int, str]]]:
    """Rows come in one by one, then all are lost; the last good second, and what was there then."""
    with session(lab, source) as connection:
        connection.execute("drop table if exists people")
        connection.execute(
            "create table people (id serial primary key, name text, updated_at timestamptz not null default now())"
        )
        for number in range(20):
            connection.execute("insert into people (name) values (%s)", (f"person {number}",))
        rows = connection.execute("select id, name from people order by id").fetchall()
        moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        time.sleep((moment - datetime.now(UTC)).total_seconds() + 0.2)
        connection.execute("insert into people (name) values ('too late')")
        connection.execute("delete from people")
    eventually(lambda: described(lab, source)["LatestRestorableTime"] > moment)
    return moment, rows


def calls(lab: LabUnderTest, person: Person) -> list[tuple[str, str]]:
    """The changes that somebody asked AWS for: which, and of what."""
    visits = lab.ask("GET", "requests")["requests"]
    mine = [(visit["operation"], visit["identifier"]) for visit in visits if visit["access_key"] == person.key]
    return [(operation, identifier) for operation, identifier in mine if not READS.match(operation)]


def test_from_the_accident_to_a_clean_account(lab: LabUnderTest, source: str, ada: Person) -> None:
    """Plan, keep the plan, carry out exactly that, look at it, and take it away: rows to the commit, the source untouched."""
    moment, rows = accident(lab, source)
    at = moment.isoformat().replace("+00:00", "Z")
    planned = ada.daybreak("plan", "pitr", "embi", "--to", at, "--why", "DELETE without WHERE", "-o", "json")
    assert planned.code == 0, planned.err
    assert calls(lab, ada) == []
    (ada.home / "plan.json").write_text(planned.out)
    plan = planned.json()["plan"]
    run = plan["run"]

    # Production goes on: what the clone is only compared with refuses no plan.
    rds = lab.client("rds")
    rds.add_tags_to_resource(
        ResourceName=described(lab, source)["DBClusterArn"], Tags=[{"Key": "incident", "Value": "43"}]
    )
    moved = f"the tag incident of the source {source} is new: 43"
    carried = ada.daybreak("restore", "--plan", "plan.json", "--yes", "-o", "json")
    report = carried.json()
    assert carried.code == 0, carried.err
    assert (report["run"], report["status"], report["standing"]) == (run, "finished", "fit")
    assert report["plan"] == planned.json()["digest"]
    assert f"note: since the plan was made: {moved}" in carried.err
    assert moved in report["notes"][-1]
    assert "the clone is compared with it as seen at" in report["notes"][-1]
    assert people(lab, run) == rows
    assert people(lab, source) == []
    again = ada.daybreak("restore", "--plan", "plan.json", "--yes")
    assert (again.code, ada.runs()) == (2, [run])

    shown = ada.daybreak("show", run)
    assert shown.code == 0
    assert [
        word for word in (run, source, "DELETE without WHERE", "verdict  fit", "RPO", "RTO") if word not in shown.out
    ] == []
    for verb in ("show", "report", "resume"):
        told = ada.daybreak(verb, run, "-o", "json").json()
        assert told | {"made": report["made"]} == report, "one run, one document"
    watched = ada.daybreak("watch", run, "-v")
    assert watched.code == 0
    assert "-validate-clone  done" in watched.err

    assert ada.daybreak("clean", run, "--yes", "--why", "done").code == 0
    assert described(lab, run) == {}
    asked = calls(lab, ada)
    assert {name for operation, name in asked if operation == "RestoreDBClusterToPointInTime"} <= {run, source}
    others = [(operation, name) for operation, name in asked if operation != "RestoreDBClusterToPointInTime"]
    assert [call for call in others if not call[1].startswith(run)] == []
    left = lab.client("rds").describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
    assert [group for group in left if run in group["DBClusterParameterGroupName"]] == []


@pytest.mark.sweep
def test_two_runs_go_on_at_once_but_no_run_twice(lab: LabUnderTest, source: str, ada: Person) -> None:
    """A second terminal may restore something else and may watch this run; it may not carry it out as well."""
    moment, _ = accident(lab, source)
    restore = ("restore", "pitr", "embi", "--to", moment.isoformat(), "--yes", "-o", "json")
    with lab.fault("stuck", identifier=f"{source}-pitr-.*"):
        first = ada.start(*restore)
        try:
            eventually(lambda: len(ada.runs()) == 1)
            run = ada.runs()[0]
            journal = ada.state / "runs" / run / "journal.jsonl"
            eventually(lambda: journal.exists() and b"await-cluster" in journal.read_bytes())
            second = ada.daybreak("resume", run)
            assert (second.code, second.out) == (2, "")
            assert f'the run "{run}" is held by' in second.err
            assert f"daybreak watch {run}" in second.err
            cleaning = ada.daybreak("clean", run, "--yes")
            assert (cleaning.code, f'the run "{run}" has not ended' in cleaning.err) == (2, True)
            watching = ada.start("watch", run)
            other = ada.start(*restore)
            eventually(lambda: len(ada.runs()) == 2)
        except BaseException as error:
            first.kill()
            raise AssertionError("".join(first.communicate())) from error
    for process in (first, other, watching):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out
    assert {state["status"] for state in ada.daybreak("runs", "-o", "json").json()["runs"]} == {"finished"}
    for name in ada.runs():
        assert ada.daybreak("clean", name, "--yes").code == 0


@pytest.mark.sweep
def test_the_runbooks_script_brings_it_back(lab: LabUnderTest, source: str, ada: Person) -> None:
    """`restore-aurora --type pitr --time …` as the appendix of the runbook writes it, without a question."""
    moment, rows = accident(lab, source)
    at = moment.isoformat().replace("+00:00", "Z")
    done = ada.daybreak(str(RESTORE_AURORA), "--type", "pitr", "--time", at)
    assert done.code == 0, done.err
    (run,) = ada.runs()
    assert people(lab, run) == rows
    assert "verdict  fit" in done.out
    assert ada.daybreak("clean", run, "--yes").code == 0

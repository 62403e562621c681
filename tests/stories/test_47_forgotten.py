"""Story 47: clones that somebody forgot: found without any state, removed only where nobody needs them, and adopted where it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.errors import ExitCode
from daybreak.lab.company.names import CLUSTER
from daybreak.model.names import clone_name
from daybreak.model.tags import EXPIRES_TAG, NONCE_TAG, ORIGIN_TAG, RUN_TAG, STATE_TAG
from daybreak.model.value import iso
from tests.chaos.fix_lives import USUAL, Begin, Life, clusters_of
from tests.fix_lab import LabUnderTest, private
from tests.lab.regions.fix_regions import AWAY, ENGINE, HOME, group_of


def expire(lab: LabUnderTest, run: str) -> None:
    """Let the time for which a clone is kept be over."""
    arn = clusters_of(lab, run)[0]["DBClusterArn"]
    yesterday = iso(datetime.now(UTC).replace(microsecond=0) - timedelta(days=1))
    lab.client("rds").add_tags_to_resource(ResourceName=arn, Tags=[{"Key": EXPIRES_TAG, "Value": yesterday}])


def left_of(document: Any, run: str) -> list[str]:
    """Why ``clean --expired`` left a clone."""
    found = [each["why"] for each in document["left"] if each["clone"] == run]
    return [str(each) for each in found[0]] if found else []


@pytest.fixture
def life(lab: LabUnderTest, begin: Begin) -> Life:
    """Somebody whose restore ended fit."""
    made = begin(lab)
    made.restore()
    assert made.end().code == 0
    return made


def test_a_clone_is_removed_when_its_time_is_over_and_nobody_is_in_it(
    lab: LabUnderTest, life: Life, tmp_path: Path
) -> None:
    """Not before, not while a session is there, and not from a machine that has no journal of it."""
    ada, run = life.person, life.run
    tags = {each["Key"]: each["Value"] for each in clusters_of(lab, run)[0]["TagList"]}
    assert tags[STATE_TAG].endswith(f":{ada.state}")
    listed = {each["clone"]: each for each in ada.daybreak("clones", "-o", "json").json()["clones"]}
    mine = listed[run]
    assert (mine["serves"], mine["is_expired"], mine["cost_per_hour"]) == (False, False, None)
    assert mine["state"] == tags[STATE_TAG]
    assert len(mine["instances"]) == 2
    assert mine["objections"] == [f"it is kept until {mine['expires']}"]
    assert run not in ada.daybreak("clean", "--expired", "--yes", "-o", "json").out
    known = [ada.daybreak("runs", *more, "-o", "json").json()["runs"][0]["clone"] for more in ((), ("--clones",))]
    assert known == ["unknown", "there"]
    expire(lab, run)
    stranger = lab.person(tmp_path / "bob")
    stranger.configure(USUAL)
    elsewhere = stranger.daybreak("clean", "--expired", "--yes", "-o", "json")
    assert elsewhere.code == ExitCode.FAILED
    (lost, *_) = left_of(elsewhere.json(), run)
    assert lost.startswith("no journal in this state speaks of its run")
    assert lost.endswith(f"its tag says that its state is in {tags[STATE_TAG]}")
    member = lab.client("rds").describe_db_instances(DBInstanceIdentifier=f"{run}-2")["DBInstances"][0]
    with _inside(lab, member["Endpoint"]):
        used = ada.daybreak("clean", "--expired", "--yes", "-o", "json")
        assert used.code == ExitCode.FAILED
        assert left_of(used.json(), run) == ["it serves: sessions of embi_admin (1) are there"], used.out
        shown = ada.daybreak("clones")
        assert "serves   yes: sessions of embi_admin (1)" in shown.out
    named = f'\n[[targets.embi.contacts]]\nrole = "owner of {run}"\naddress = "ops"\n'
    ada.configure(USUAL + named)
    done = ada.daybreak("clean", "--expired", "--yes", "-o", "json")
    assert left_of(done.json(), run) == ["it serves: embi names it"], done.out + done.err
    ada.configure(USUAL)
    asked = ada.daybreak("clean", "--expired")
    assert asked.code == ExitCode.REFUSED, "nobody is at the terminal, and nobody said --yes"
    assert clusters_of(lab, run) != []
    done = ada.daybreak("clean", "--expired", "--yes")
    assert f"removed  {run}\n" in done.out, done.out + done.err
    assert clusters_of(lab, run) == []
    assert run not in ada.daybreak("clean", "--expired", "--yes").out
    after = {each["run"]: each["clone"] for each in ada.daybreak("runs", "-o", "json").json()["runs"]}
    assert after[run] == "gone"


def _inside(lab: LabUnderTest, endpoint: dict[str, Any]) -> psycopg.Connection[Any]:
    """A session of the application's at one instance."""
    import json

    secret = json.loads(lab.client("secretsmanager").get_secret_value(SecretId="embi/aurora/master")["SecretString"])
    return psycopg.connect(
        host=endpoint["Address"],
        port=endpoint["Port"],
        dbname="embi",
        user=secret["username"],
        password=secret["password"],
        sslmode="require",
    )


@pytest.fixture
def own_lab() -> Iterator[LabUnderTest]:
    """A lab of the test's own, since a region of it is going to be lost."""
    with private(speed=6000) as lab:
        yield lab


@pytest.mark.sweep
def test_a_clone_in_another_region_is_adopted_while_the_lost_one_is_silent(
    own_lab: LabUnderTest, tmp_path: Path
) -> None:
    """It is all that there is, and the region that is gone is the reason for it; a name that is nowhere may be there."""
    name, rds = clone_name(CLUSTER, "dr", datetime.now(UTC), "abc"), own_lab.client("rds", AWAY)
    rds.create_db_cluster(
        DBClusterIdentifier=name,
        Engine=ENGINE,
        MasterUsername="owner1",
        MasterUserPassword="Secret-pass-12345",
        DBSubnetGroupName="embi-db-subnet-group-dr",
        VpcSecurityGroupIds=[group_of(own_lab, AWAY)],
        Tags=[{"Key": key, "Value": value} for key, value in _marks(name).items()],
    )
    bob = own_lab.person(tmp_path)
    bob.configure(USUAL + f'\n[targets.embi.logins]\n{AWAY} = "secretsmanager:embi/dr"\n')
    with own_lab.fault("region_down", region=HOME):
        nowhere = bob.daybreak("adopt", name[:-3] + "xyz")
        adopted = bob.daybreak("adopt", name)
    assert (nowhere.code, f"{HOME} did not answer" in nowhere.err) == (75, True), nowhere.err
    assert adopted.code == 0, adopted.err
    assert f"{HOME} did not answer" in adopted.out
    assert f"{HOME} did not answer" in bob.daybreak("show", name).out


def _marks(name: str) -> dict[str, str]:
    return {RUN_TAG: name, NONCE_TAG: "4f2a", ORIGIN_TAG: CLUSTER}


def test_a_run_is_adopted_where_its_state_is_lost(lab: LabUnderTest, life: Life, tmp_path: Path) -> None:
    """`validate`, `report` and `clean` work from a machine that never saw the journal; nothing that was lost is made up."""
    run = life.run
    bob = lab.person(tmp_path / "bob")
    bob.configure(USUAL)
    text = bob.daybreak("clones").out
    assert f"next     daybreak adopt {run}" in text
    moment = life.person.daybreak("report", run, "-o", "json").json()["moment"]
    adopted = bob.daybreak("adopt", run, "--to", moment, "--why", "the laptop is gone")
    assert adopted.code == 0, adopted.err
    assert "adopted by " in adopted.out
    again = bob.daybreak("adopt", run)
    assert (again.code, "there is a run" in again.err) == (2, True)
    report = bob.daybreak("report", run, "-o", "json")
    assert (report.json()["status"], report.json()["standing"]) == ("finished", None), "no verdict is made up"
    validated = bob.daybreak("validate", run, "-o", "json")
    assert validated.code in (ExitCode.DONE, ExitCode.UNFIT), validated.err
    unfit = [(each["check"], each["found"]) for each in validated.json()["checks"] if each["standing"] == "unfit"]
    assert unfit == []
    expire(lab, run)
    left = left_of(bob.daybreak("clean", "--expired", "--yes", "-o", "json").json(), run)
    assert left == ["its run was adopted: whose it is and whether traffic was moved to it stood in the lost journal"]
    assert bob.daybreak("clean", run, "--yes").code == 0
    assert clusters_of(lab, run) == []
    refused = bob.daybreak("adopt", "embi-aurora-cluster")
    assert refused.code == ExitCode.REFUSED
    assert '"embi-aurora-cluster" is the cluster of the target "embi"' in refused.err

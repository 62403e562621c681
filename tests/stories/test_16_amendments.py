"""AWS refuses something in the middle of the night: what was restored stays, and a person's amendment leads out."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.fix_cli import Done, Person
from tests.fix_lab import LabUnderTest, eventually
from tests.lab.company.fix_branches import Branch, found

pytestmark = pytest.mark.sweep(held_by=("tests/chaos/test_amendments.py",))


@dataclass(frozen=True)
class Office:
    """A branch and somebody who restores it."""

    lab: LabUnderTest
    branch: Branch
    person: Person

    def restore(self) -> Done:
        """Restore the newest moment."""
        return self.person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes")

    def runs(self) -> list[str]:
        """The names of the runs, newest first."""
        return [str(each["run"]) for each in json.loads(self.person.daybreak("runs", "-o", "json").out)["runs"]]

    def run(self) -> str:
        """The newest run's name."""
        return self.runs()[0]

    def words_of(self, run: str) -> str:
        """The whole report, on one line."""
        return " ".join(self.person.daybreak("show", run, "-v").out.split())

    def classes(self, run: str) -> dict[str, str]:
        """The clone's instances and their classes."""
        only = [{"Name": "db-cluster-id", "Values": [run]}]
        rows = self.lab.client("rds").describe_db_instances(Filters=only)["DBInstances"]
        return {row["DBInstanceIdentifier"]: row["DBInstanceClass"] for row in rows}


@pytest.fixture(scope="module")
def office(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A branch with a writer and a reader."""
    branch = found(lab.remote, "amended", "15")
    person = lab.person(tmp_path_factory.mktemp("amended"))
    person.configure(branch.configuration(rpo="300d", poll="50ms"))
    return Office(lab, branch, person)


def test_a_writer_for_which_there_is_no_machine_is_made_of_another_class(office: Office) -> None:
    """The pause prints commands with classes that AWS offers, and one of them ends the night."""
    refusal = {"code": "InsufficientDBInstanceCapacity", "status": 400, "message": "no capacity for the class"}
    rule = {"action": "CreateDBInstance", "identifier": f"{office.branch.cluster}-pitr-.*", "times": 1, "args": refusal}
    with office.lab.fault("error", **rule):
        done = office.restore()
    assert done.code == 75, done.out + done.err
    run = office.run()
    said = " ".join((done.out + done.err).split())
    assert "InsufficientDBInstanceCapacity" in said
    assert f"daybreak resume {run} --instance-class db." in said
    assert f"daybreak resume {run} --zone create-writer=us-east-1a" in said
    shown = office.person.daybreak("show", run).out
    assert f"daybreak resume {run} --instance-class db." in " ".join(shown.split()), (
        "also where the terminal was closed"
    )
    assert "psql -h" not in shown, "nothing answers there yet"
    unreadable = office.person.daybreak("resume", run, "--login", "secretsmanager:nope/nothing")
    assert (unreadable.code, office.words_of(run).count("(by ")) == (2, 0), unreadable.err
    refused = office.person.daybreak("resume", run, "--instance-class", "huge", "--without", "create-writer")
    assert (refused.code, refused.err.count("  - ")) == (2, 2), refused.err
    resumed = office.person.daybreak("resume", run, "--instance-class", "create-writer=db.r7g.xlarge")
    assert resumed.code in (0, 3), resumed.out + resumed.err
    assert office.classes(run)[f"{run}-1"] == "db.r7g.xlarge"
    told = office.words_of(run)
    assert "06-create-writer: class db.r7g.xlarge, where it was db.r6g.large (by" in told
    for form in ("markdown", "json", "html", "junit"):
        assert "db.r7g.xlarge, where it was" in office.person.daybreak("report", run, "-o", form).out
    parity = json.loads(office.person.daybreak("show", run, "-o", "json").out)
    [finding] = [each for each in parity["checks"] if each["check"] == "parity.instances"]
    assert finding["standing"] == "fit", finding
    assert "as " in finding["found"]


def test_a_reader_that_is_refused_costs_no_time_and_may_be_left_out(office: Office) -> None:
    """The data was validated before anybody was asked; what the verdict permits is what somebody typed."""
    refusal = {"code": "InvalidParameterCombination", "status": 400, "message": "RDS does not support that combination"}
    rule = {"action": "CreateDBInstance", "identifier": f"{office.branch.cluster}-pitr-.*-2", "args": refusal}
    with office.lab.fault("error", **rule):
        done = office.restore()
        run = office.run()
        assert done.code == 75, done.out + done.err
        said = " ".join((done.out + done.err).split())
        assert "the data was validated without it" in said
        assert f"daybreak resume {run} --without 11-create-reader-2" in said
        shown = json.loads(office.person.daybreak("show", run, "-o", "json").out)
        standings = {each["check"]: each["standing"] for each in shown["checks"]}
        assert (shown["status"], shown["standing"]) == ("paused", None)
        assert (standings["data.rows"], "parity.instances" in standings) == ("fit", False), "it waits for the reader"
        assert (shown["data"], shown["complete"]) == ("fit", None), "the data is judged by itself"
        assert "data judged" in done.err, "people learn at once that they can work, and how to get in"
        assert "way in: psql -h " in done.err
        resumed = office.person.daybreak("resume", run, "--without", "11-create-reader-2")
    assert resumed.code in (0, 3), resumed.out + resumed.err
    shown = json.loads(office.person.daybreak("show", run, "-o", "json").out)
    standings = {each["check"]: each["standing"] for each in shown["checks"]}
    assert (shown["status"], standings["parity.instances"]) == ("finished", "fit")
    assert list(office.classes(run)) == [f"{run}-1"]


def test_a_clone_that_starts_without_its_quarantine_is_given_to_nobody(office: Office) -> None:
    """What it may have done to the world is not to be found out by going on."""
    rds = office.lab.client("rds")
    with office.lab.fault("stuck", action="create-instance", identifier=f"{office.branch.cluster}-pitr-.*-1"):
        before = set(office.runs())
        started = office.person.start("restore", "pitr", "embi", "--to", "latest", "--yes")
        eventually(lambda: any(office.classes(each) for each in set(office.runs()) - before), within=60)
        [run] = set(office.runs()) - before
        loose = {
            "ParameterName": "max_logical_replication_workers",
            "ParameterValue": "4",
            "ApplyMethod": "pending-reboot",
        }
        rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=f"{run}-quarantine", Parameters=[loose])
    out, err = started.communicate(timeout=60)
    assert started.returncode == 1, out + err
    said = " ".join((out + err).split())
    assert "the clone started without its quarantine" in said
    assert "let nobody in" in said
    assert f"daybreak clean {run}" in said
    assert "psql -h" not in out
    validated = office.person.daybreak("validate", run, "--depth", "quick")
    assert (validated.code, "psql -h" in validated.out) == (3, False), validated.err
    assert office.person.daybreak("clean", run, "--yes").code == 0

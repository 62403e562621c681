"""The password was changed after the moment: the clone has the one of its moment, and nobody waits for hours to learn it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fix_cli import Done, Person
from tests.fix_lab import LabUnderTest, eventually
from tests.lab.company.fix_branches import Branch, found

_LATER = ("Rotated-987654321", "Rotated-once-more-12345")


@dataclass(frozen=True)
class Office:
    """A branch, somebody who restores it, and the moment before its passwords were changed."""

    lab: LabUnderTest
    branch: Branch
    person: Person
    moment: str

    def change_password(self, password: str, *, cluster: str = "", is_kept: bool = True) -> None:
        """Change the master's password at the cluster, and in the secret where it is kept there."""
        if is_kept:
            login = json.dumps({"username": "embi_admin", "password": password})
            vault = self.lab.client("secretsmanager")
            vault.put_secret_value(SecretId=self.branch.login, SecretString=login)
        name = cluster or self.branch.cluster
        self.lab.client("rds").modify_db_cluster(
            DBClusterIdentifier=name, MasterUserPassword=password, ApplyImmediately=True
        )
        eventually(lambda: self.described(name)["Status"] == "available", within=30)

    def described(self, name: str) -> dict[str, Any]:
        """A cluster as AWS describes it."""
        return dict(self.lab.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])

    def restore(self, *, is_announced: bool) -> Done:
        """Restore to the moment; the plan says beforehand what the secret shows."""
        planned = " ".join(self.person.daybreak("plan", "pitr", "embi", "--to", self.moment).out.split())
        changed = f"the secret of secretsmanager:{self.branch.login} was changed at"
        assert (changed in planned) == ("its older versions (2) are tried there" in planned) == is_announced
        # Where the secret shows nothing any more, AWS's events still do.
        assert ("the master's password was reset at" in planned) == (not is_announced)
        done = self.person.daybreak("restore", "pitr", "embi", "--to", self.moment, "--yes")
        assert not any(word in done.out + done.err for word in _LATER)
        return done

    def run(self) -> str:
        """The newest run's name."""
        return str(json.loads(self.person.daybreak("runs", "-o", "json").out)["runs"][0]["run"])


@pytest.fixture(scope="module")
def office(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A branch whose password was changed twice after the moment."""
    branch = found(lab.remote, "rotated", "15")
    person = lab.person(tmp_path_factory.mktemp("rotated"))
    person.configure(branch.configuration(rpo="1h", poll="50ms"))
    now = time.time()
    moment = datetime.fromtimestamp(int(now) + 1, UTC)
    time.sleep(moment.timestamp() - now + 0.05)
    made = Office(lab, branch, person, moment.isoformat().replace("+00:00", "Z"))
    eventually(lambda: bool(made.described(branch.cluster)["LatestRestorableTime"] > moment), within=60)
    # A secret's dates are whole seconds: one of the moment's own second is not after it.
    time.sleep(max(moment.timestamp() + 1.05 - time.time(), 0))
    for password in _LATER:
        made.change_password(password)
    return made


def test_an_older_version_of_the_secret_opens_the_clone(office: Office) -> None:
    """AWS rotates managed secrets each week, so this is the usual case of a restore to a week ago."""
    done = office.restore(is_announced=True)
    assert done.code in (0, 3), done.err
    run = office.run()
    told = f"the clone takes secretsmanager:{office.branch.login}#"
    assert told in " ".join(done.out.split())
    for form in ("markdown", "json", "html"):
        assert told in office.person.daybreak("report", run, "-o", form).out.replace("&#x2F;", "/").replace("\\", "")
    again = office.person.daybreak("validate", run, "--depth", "quick")
    assert again.code in (0, 3), again.err
    assert "does not take the login" not in again.out + again.err
    compared = office.person.daybreak("delta", run)
    assert compared.code == 0, compared.err


@pytest.mark.sweep
def test_without_an_older_version_the_run_pauses_at_once_and_goes_on_once_the_password_is_set(office: Office) -> None:
    """A server that has answered is not waited for; what was restored is kept."""
    vault = office.lab.client("secretsmanager")
    newest = vault.get_secret_value(SecretId=office.branch.login)["SecretString"]
    vault.delete_secret(SecretId=office.branch.login, ForceDeleteWithoutRecovery=True)
    vault.create_secret(Name=office.branch.login, SecretString=newest)
    done = office.restore(is_announced=False)
    assert done.code == 75, done.out + done.err
    said = done.out + done.err
    assert "passwords of its moment" in said
    assert "it has no older version" in said
    run = office.run()
    assert f"daybreak resume {run} --manage-password" in said
    office.change_password(json.loads(newest)["password"], cluster=run, is_kept=False)
    resumed = office.person.daybreak("resume", run)
    assert resumed.code in (0, 3), resumed.err


@pytest.mark.sweep
def test_where_no_version_fits_aws_makes_a_password_for_the_clone_alone(office: Office) -> None:
    """Nobody's password is in a call, a plan or a journal, and the secret dies with the clone."""
    vault = office.lab.client("secretsmanager")
    done = office.restore(is_announced=False)
    assert done.code == 75, done.out + done.err
    run = office.run()
    planned = office.person.daybreak("show", run, "-o", "json")
    assert "managed:clone" not in planned.out
    resumed = office.person.daybreak("resume", run, "--manage-password")
    assert resumed.code in (0, 3), resumed.out + resumed.err
    arn = office.described(run)["MasterUserSecret"]["SecretArn"]
    password = json.loads(vault.get_secret_value(SecretId=arn)["SecretString"])["password"]
    report = office.person.daybreak("show", run, "-v").out
    told = " ".join(report.split())
    assert "08-manage-password: asked for (by" in told
    assert "09-await-sql: login managed:clone, where it was secretsmanager:" in told
    assert f"the clone takes secretsmanager:{arn}, which AWS made for its master alone" in told
    assert "does not take the login" not in told
    assert "there is no login at the source" not in told
    compared = office.person.daybreak("delta", run)
    assert compared.code == 0, compared.err
    state = "".join(each.read_text() for each in office.person.state.rglob("*.json*"))
    assert password not in resumed.out + resumed.err + report + state
    again = office.person.daybreak("validate", run, "--depth", "quick")
    assert again.code in (0, 3), again.err
    assert "does not take the login" not in again.out + again.err
    once_more = office.person.daybreak("resume", run, "--manage-password")
    assert (once_more.code, "has ended" in once_more.err) == (2, True)
    assert office.person.daybreak("clean", run, "--yes").code == 0
    eventually(lambda: arn not in {each["ARN"] for each in vault.list_secrets()["SecretList"]}, within=30)

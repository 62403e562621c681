"""`daybreak status` and its neighbours on the lab: a screen says what was asked, each cause once, and finds what is misspelt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest

WRONG = """
[targets.embi.tables]
"public.employes" = { min_rows = 1 }

[targets.embi.application]
login = "secretsmanager:embi/ap"

[targets.embi.staging]
instance_class = "db.t4g.medum"

[[targets.embi.checks]]
name = "salaries"
sql = "select count(*) from salaris"
login = "secretsmanager:embi/aurora/master"
"""
SAID = (
    'there is no table "public.employes" (did you mean "public.employees"?)',
    'the application\'s login: the login "secretsmanager:embi/ap" cannot be read',
    'the check "salaries": relation "salaris" does not exist',
    'staging: AWS offers no class "db.t4g.medum" for aurora-postgresql',
)


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody who looks and changes nothing."""
    somebody = lab.person(tmp_path_factory.mktemp("looker"))
    somebody.configure()
    return somebody


def findings(shown: Any) -> dict[str, Any]:
    """The findings about the one target, by the end of their names."""
    (target,) = shown["targets"]
    return {each["check"].rpartition(".")[2]: each for each in target["findings"]}


def test_the_header_names_the_region_that_was_asked(person: Person) -> None:
    """The region of the file stood above what another region had answered."""
    done = person.daybreak("status", "--region", "eu-west-1")
    assert done.code == 3
    assert "embi-aurora-cluster in eu-west-1, account" in done.out
    assert "us-east-1" not in done.out
    # Its secrets are in its own region: that they are not here is no second cause.
    names = findings(person.daybreak("status", "--region", "eu-west-1", "-o", "json").json())["names"]
    assert (names["standing"], names["found"], names["why"]) == ("unknown", "not all could be asked", "")


def test_a_misspelt_cluster_is_one_cause_with_what_was_meant(person: Person, tmp_path: Path) -> None:
    """And the backup of the one that lives is nobody's kept one."""
    (tmp_path / "x.toml").write_text(CONFIGURATION.replace("embi-aurora-cluster", "embi-aurora-clustr"))
    done = person.daybreak("status", "--config", str(tmp_path / "x.toml"))
    assert done.code == 3
    assert 'us-east-1 has no "embi-aurora-clustr" (did you mean "embi-aurora-cluster"' in " ".join(done.out.split())
    assert not [line for line in done.out.splitlines() if line.startswith("backup")]
    assert len([line for line in done.out.splitlines() if line.startswith("  - ")]) == 2  # that, and no RTO
    plan = person.daybreak("plan", "pitr", "embi", "--to", "latest", "--config", str(tmp_path / "x.toml"))
    reasons = [line for line in plan.err.splitlines() if line.startswith("  - ")]
    assert len(reasons) == 1
    assert '(did you mean "embi-aurora-cluster"' in reasons[0]


def test_a_misspelt_cluster_of_a_validation_is_asked_about(person: Person) -> None:
    """Where it was looked for is said, too."""
    done = person.daybreak("validate", "embi-aurora-clustr", "--region", "us-east-1")
    assert done.code == 2
    assert '"embi-aurora-clustr" is neither a run nor a cluster in us-east-1 (did you mean "embi-aurora' in done.err


def test_what_is_spelled_right_is_fit(person: Person) -> None:
    """With the person's own login, at the very source."""
    names = findings(person.daybreak("status", "-o", "json").json())["names"]
    assert (names["standing"], names["expected"], names["found"]) == ("fit", "1 name", "all there")


def test_what_is_misspelt_is_found_before_anything_is_made(person: Person, tmp_path: Path) -> None:
    """By the status, by a plan, which says it and refuses nothing, and by a baseline."""
    (tmp_path / "x.toml").write_text(CONFIGURATION + WRONG + waiving("application.health"))
    wrong = ("--config", str(tmp_path / "x.toml"))
    done = person.daybreak("status", *wrong, "-o", "json")
    names = findings(done.json())["names"]
    assert (done.code, names["standing"], names["found"]) == (3, "unfit", "4 of them wrong")
    plan = person.daybreak("plan", "pitr", "embi", "--to", "latest", *wrong, "-o", "json")
    assert plan.code == 0
    (note,) = (each for each in plan.json()["plan"]["notes"] if "daybreak.toml" in each)
    baseline = person.daybreak("baseline", "embi", "--estimated", *wrong)
    assert baseline.code == 0
    for place in (names["why"], note, baseline.err):
        assert [said for said in SAID if said not in place] == []


@pytest.mark.parametrize("verb", ["capture", "baseline", "snapshots"])
def test_a_verb_that_needs_the_cluster_says_where_it_is_not_and_what_was_meant(
    person: Person, tmp_path: Path, verb: str
) -> None:
    """And promises no backup that nobody looked for."""
    (tmp_path / "x.toml").write_text(CONFIGURATION.replace("embi-aurora-cluster", "embi-aurora-clustr"))
    misspelt = person.daybreak(verb, "embi", "--config", str(tmp_path / "x.toml"))
    elsewhere = person.daybreak(verb, "embi", "--region", "eu-west-1")
    assert (misspelt.code, elsewhere.code) == (2, 2)
    assert 'no cluster "embi-aurora-clustr" in us-east-1 (did you mean "embi-aurora-cluster"' in misspelt.err
    assert 'no cluster "embi-aurora-cluster" in eu-west-1' in elsewhere.err
    assert "kept backup" not in misspelt.err + elsewhere.err


def test_a_snapshot_in_another_case_is_found(person: Person) -> None:
    """The console and a ticket spell it as they like; AWS takes it."""
    (newest, *_) = person.daybreak("snapshots", "embi", "-o", "json").json()["snapshots"]
    plan = person.daybreak("plan", "snapshot", "embi", "--snapshot", newest["identifier"].upper(), "-o", "json")
    assert plan.code == 0, plan.err
    assert newest["identifier"] in plan.out


NETWORK = """
[targets.embi.network.us-east-1]
subnet_group = "embi-db-subnet-grop"
security_groups = ["sg-0123456789abcdef0"]
"""


def test_a_network_that_a_plan_refuses_is_not_all_there(person: Person, tmp_path: Path) -> None:
    """The status that is looked at every day called it fit, and the plan of the bad night was refused."""
    (tmp_path / "x.toml").write_text(CONFIGURATION + NETWORK)
    wrong = ("--config", str(tmp_path / "x.toml"))
    names = findings(person.daybreak("status", *wrong, "-o", "json").json())["names"]
    assert (names["standing"], names["expected"], names["found"]) == ("unfit", "3 names", "2 of them wrong")
    assert 'no subnet group "embi-db-subnet-grop" in us-east-1 (did you mean "embi-db-subnet-group' in names["why"]
    assert 'no security group "sg-0123456789abcdef0" in us-east-1' in names["why"]
    assert person.daybreak("plan", "pitr", "embi", "--to", "latest", *wrong).code == 2


def test_a_network_of_another_region_is_asked_for_too(person: Person, tmp_path: Path) -> None:
    """It is needed on the day on which the own region is lost, and was read by nobody before."""
    (tmp_path / "x.toml").write_text(CONFIGURATION + NETWORK.replace("us-east-1", "us-west-2"))
    wrong = ("--config", str(tmp_path / "x.toml"))
    names = findings(person.daybreak("status", *wrong, "-o", "json").json())["names"]
    assert (names["standing"], names["found"]) == ("unfit", "2 of them wrong")
    assert 'no subnet group "embi-db-subnet-grop" in us-west-2' in names["why"]
    assert 'no security group "sg-0123456789abcdef0" in us-west-2' in names["why"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("status", "embi"), '[targets.embi.network.us-esat-1]: there is no region "us-esat-1" (did you mean '),
        (("backups", "embi"), '[targets.embi.network.us-esat-1]: there is no region "us-esat-1"'),
        (("plan", "pitr", "embi", "--to", "latest"), '[targets.embi.network.us-esat-1]: there is no region "us-esat-1"'),
        (("status", "embi"), '[targets.embi.copy.us-esat-2]: there is no region "us-esat-2"'),
        (("status", "embi"), '[targets.embi.logins]: there is no region "us-esat-3"'),
        (("backups", "embi", "--region", "us-west-9"), '--region: there is no region "us-west-9"'),
        (("backups", "embi", "--region", "us-west-2", "--all-regions"), "--region asks us-west-2 alone"),
    ],
)  # fmt: skip
def test_a_region_that_aws_has_not_is_refused(
    person: Person, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    """It was taken for a region that does not answer, and what such a one holds excuses everything."""
    others = '[targets.embi.copy.us-esat-2]\nevery = "1d"\n[targets.embi.logins]\nus-esat-3 = "ssm:x"\n'
    (tmp_path / "x.toml").write_text(CONFIGURATION + NETWORK.replace("us-east-1", "us-esat-1") + others)
    done = person.daybreak(*arguments, "--config", str(tmp_path / "x.toml"))
    assert done.code == 2, done.err
    assert says in " ".join(done.err.split())


def test_production_that_is_well_is_not_called_deleted(person: Person) -> None:
    """Nothing is kept to compare it with, and that is what is said."""
    done = person.daybreak("validate", "embi-aurora-cluster", "--depth", "quick", "-o", "json")
    parity = [each for each in done.json()["checks"] if each["check"].startswith("parity.")]
    assert {each["standing"] for each in parity} == {"unknown"}
    assert {each["why"] for each in parity} == {
        "nothing records what the source had: no living source to compare with, and no capsule kept it"
    }
    assert "and no capsule was kept: daybreak capture embi" in done.err
    assert "deleted" not in done.out + done.err

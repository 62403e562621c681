"""Story 36: a cluster with a second database comes back whole, and what is lost there is found, named and listed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daybreak.lab.company.names import OWNER
from tests.fix_lab import LabUnderTest, eventually, private
from tests.lab.company.fix_branches import Branch, found

pytestmark = pytest.mark.sweep(held_by=("tests/validate/test_databases.py",))

MAKING = (
    "create table invoices (id int primary key, updated_at timestamptz default now())",
    "insert into invoices select generate_series(1, 5000)",
    f"alter table invoices owner to {OWNER}",
)
LIMITED = 'databases = ["embi"]\n'


@pytest.fixture(scope="module")
def lab_of_two() -> Iterator[tuple[LabUnderTest, Branch]]:
    """A lab with a branch whose cluster has a second database, which no configuration names."""
    with private(speed=100_000) as lab:
        branch = found(lab.remote, "two", "15")
        lab.remote.administer("two", f"create database billing owner {OWNER}")
        lab.remote.administer("two", *MAKING, database="billing")
        yield lab, branch


def test_a_second_database_is_entered_without_being_named(
    lab_of_two: tuple[LabUnderTest, Branch], tmp_path: Path
) -> None:
    """It was fit, exit 0, over a second database that somebody had emptied."""
    lab, branch = lab_of_two
    person = lab.person(tmp_path)
    configuration = branch.configuration(rpo="300d", poll="50ms")
    person.configure(configuration)
    taken = person.daybreak("baseline", "embi")
    assert taken.code == 0, taken.err
    assert "3 databases (embi, billing, postgres)" in taken.out
    assert "billing: public.invoices" in taken.out
    restored = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    document = restored.json()
    assert (restored.code, document["scope"]) == (0, "standard depth"), document["reasons"]
    run = document["run"]

    def is_like_the_clone() -> bool:
        return lab.remote.administer(run, "select count(*) from invoices", database="billing") == [[[5000]]]

    eventually(is_like_the_clone)
    lab.remote.administer(run, "truncate invoices", database="billing")
    unfit = person.daybreak("validate", run)
    assert unfit.code == 3
    assert "billing: public.invoices" in unfit.out
    first = person.daybreak("validate", run, "--database", "embi", "-o", "json")
    held = first.json()
    assert (first.code, held["scope"]) == (0, "standard depth, database embi alone")
    told = [reason["text"] for reason in held["not_asked"] if reason["check"] == "data.databases"]
    assert len(told) == 1
    assert "billing, postgres" in told[0]
    missing = person.daybreak("validate", run, "--depth", "quick", "--database", "bilking")
    assert (missing.code, missing.out) == (2, "")
    assert 'has no database "bilking"' in missing.err
    assert "databases: billing, embi, postgres" in missing.err
    assert person.daybreak("delta", run, "--database", "bilking").code == 2
    several = person.daybreak("validate", run, "--database", "embi", "--database", "rdsadmin", "--database", "")
    assert (several.code, 'no database "rdsadmin" and no ""' in several.err) == (2, True)
    lost = person.daybreak("delta", run, "--database", "billing", "-o", "json").json()["delta"]
    assert [(each["name"], each["only_base"]) for each in lost["tables"]] == [("public.invoices", 5000)]


def test_a_list_of_databases_limits_and_every_verdict_says_so(
    lab_of_two: tuple[LabUnderTest, Branch], tmp_path: Path
) -> None:
    """What stands in the configuration is frozen in the plan."""
    lab, branch = lab_of_two
    person = lab.person(tmp_path)
    configuration = branch.configuration(rpo="300d", poll="50ms")
    person.configure(configuration.replace('database = "embi"\n', 'database = "embi"\n' + LIMITED, 1))
    done = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes")
    assert done.code == 0, done.out
    assert "fit within standard depth, database embi alone" in done.out


def test_a_database_that_the_login_may_not_enter_is_unknown(
    lab_of_two: tuple[LabUnderTest, Branch], tmp_path: Path
) -> None:
    """An exit code of 0 over what nobody could see would be a guess."""
    lab, branch = lab_of_two
    person = lab.person(tmp_path)
    person.configure(branch.configuration(rpo="300d", poll="50ms"))
    alone = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json").json()
    lab.remote.administer(
        alone["run"], "revoke connect on database billing from public", "alter database billing owner to rds_superuser"
    )
    judged = person.daybreak("validate", alone["run"], "--depth", "quick")
    assert judged.code == 3
    assert "All databases are there" in judged.out

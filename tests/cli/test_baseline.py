"""`daybreak baseline`: what the source holds is recorded by the server's clock, kept, and found again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.fix_cli import TWO_DATABASES, Person
from tests.fix_lab import LabUnderTest

LAB_TABLES = {"public.departments", "public.employees", "public.payments", "public.salaries"}


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody with the usual configuration."""
    somebody = lab.person(tmp_path)
    somebody.configure(TWO_DATABASES)
    return somebody


def test_a_baseline_is_taken_kept_and_listed(person: Person) -> None:
    """Tomorrow nobody can ask what was there today."""
    done = person.daybreak("baseline", "embi", "--fingerprint", "-o", "json")
    assert done.code == 0, done.err
    made = done.json()
    databases = {each["database"]: each for each in made["baseline"]["databases"]}
    assert list(databases) == ["embi", "postgres"]
    tables = {table["name"]: table for table in databases["embi"]["tables"]}
    assert set(tables) >= LAB_TABLES
    assert tables["public.employees"]["rows"] > 1000
    assert tables["public.employees"]["newest"]
    assert all(table["fingerprint"] and table["is_exact"] for table in tables.values())
    # Databases of other stories come and go beside this one.
    assert [name for name in made["baseline"]["left_out"] if not name.startswith("story_")] == []
    assert databases["embi"]["inventory"]["items"]
    assert {"database", "role"} <= {item["kind"] for item in made["baseline"]["shared"]["items"]}
    stands_for, taken = (datetime.fromisoformat(made["baseline"][name]) for name in ("stands_for", "taken"))
    assert abs((stands_for - taken).total_seconds()) < 60
    listed = person.daybreak("baseline", "embi", "--list", "-o", "json").json()
    assert listed == [made["kept"]]
    assert made["kept"]["stands_for"] == made["baseline"]["stands_for"]


def test_an_estimate_says_that_it_is_one(person: Person) -> None:
    """A number that nobody counted must never be taken for a count."""
    made = person.daybreak("baseline", "embi", "--estimated", "-o", "json").json()
    [first, _] = made["baseline"]["databases"]
    assert first["tables"]
    assert not any(table["is_exact"] or table["fingerprint"] for table in first["tables"])
    shown = person.daybreak("baseline", "embi", "--estimated")
    assert "about " in shown.out
    assert "kept in" in shown.out


def test_an_estimate_has_no_fingerprint(person: Person) -> None:
    """Two wishes that cannot both be granted are refused before anything is asked."""
    done = person.daybreak("baseline", "embi", "--estimated", "--fingerprint")
    assert (done.code, done.out) == (2, "")
    assert "fingerprint" in done.err


def test_no_baseline_is_kept_before_one_was_taken(person: Person) -> None:
    """An empty list is an answer."""
    assert "no baseline is kept" in person.daybreak("baseline", "embi", "--list").out

"""`daybreak capture` keeps the SQL that makes the objects too, where there is a program for it, and says where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fix_cli import TWO_DATABASES, Person
from tests.fix_lab import LabUnderTest


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody with the usual configuration."""
    somebody = lab.person(tmp_path)
    somebody.configure(TWO_DATABASES)
    return somebody


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--schema", "embi"), "is written to a file"),
        (("--file", "x.sql"), "add --schema DATABASE"),
        (("--schema", "embi", "--file", "x.sql"), "no schema dump of"),
    ],
)
def test_what_makes_no_sense_is_refused(person: Person, words: tuple[str, ...], said: str) -> None:
    """Before anything is asked of the source."""
    done = person.daybreak("capture", "embi", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize("program", ["/nowhere/pg_dump", "/bin/true"])
def test_without_a_program_the_capsule_is_kept_and_the_gap_named(person: Person, program: str) -> None:
    """An absent pg_dump is no reason to have no capsule."""
    person.configure(f'pg_dump = "{program}"\n' + TWO_DATABASES)
    done = person.daybreak("capture", "embi")
    assert done.code == 0, done.err
    assert "no schema dump: " in done.out
    assert program in " ".join(done.out.split())
    assert (person.state / "capsules" / "embi").is_dir()
    assert not (person.state / "schemas").exists()

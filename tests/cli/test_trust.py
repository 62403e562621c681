"""Whose word counts is looked at by `init`, `status` and `plan`, before anything depends on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fix_cli import CONFIGURATION, Person

_RUNBOOK = ("plan", "pitr", "embi", "--to", "latest")


def _believing(person: Person, file: Path | str) -> Person:
    return replace(person, environment={**person.environment, "DAYBREAK_TLS_CA": str(file)})


@pytest.fixture
def astray(person: Person) -> Person:
    """Somebody whose file of authorities is not there."""
    return _believing(person, person.home / "missing.pem")


def test_a_plan_is_refused_whose_clone_could_not_prove_itself(astray: Person) -> None:
    """In the run it would be found after forty minutes, at the first login."""
    done = astray.daybreak(*_RUNBOOK)
    assert done.code == 2
    assert "missing.pem" in done.err
    assert "tls_ca" in done.err
    assert astray.runs() == []


def test_status_says_that_nobody_could_be_asked(astray: Person) -> None:
    """It is looked at every morning, and a restore is needed at night."""
    done = astray.daybreak("status", "-o", "json")
    assert done.code == 3
    [target] = done.json()["targets"]
    [found] = [each for each in target["findings"] if each["check"] == "protection.proof"]
    assert found["standing"] == "unfit"
    assert "tls_ca" in found["why"]


def test_init_writes_whose_word_counts_and_what_is_to_be_done(astray: Person) -> None:
    """The first command of all is where a missing file of authorities costs nothing."""
    (astray.home / "daybreak.toml").unlink()
    done = astray.daybreak("init", "-o", "json")
    assert done.code == 0, done.err
    to_be_done = done.json()["to_be_done"]
    [told] = [each for each in to_be_done if "missing.pem" in each]
    # Other tests may have clusters in this lab.
    assert 'login of "embi"' in " ".join(each for each in to_be_done if each != told)
    written = (astray.home / "daybreak.toml").read_text()
    assert f'tls_ca = "{astray.home}/missing.pem"' in written
    assert f"# To be done: {told}" in written


def test_a_baseline_without_its_authorities_asks_nobody(astray: Person) -> None:
    """What cannot be verified is not asked."""
    done = astray.daybreak("baseline", "embi")
    assert done.code == 2
    assert "missing.pem" in done.err
    assert "tls_ca" in done.err


def test_plan_status_and_the_plan_file_say_what_a_server_must_prove(person: Person) -> None:
    """Whoever approves sees what stands between the password and a stranger, also when somebody asked for less."""
    authority = Path(person.surroundings()["DAYBREAK_TLS_CA"])
    assert f"verify-full against the authorities in {authority.name}" in person.daybreak(*_RUNBOOK).out.replace(
        "\n", " "
    )
    person.configure('tls = "require"\n' + CONFIGURATION)
    plan = person.daybreak(*_RUNBOOK)
    assert "no server proves its identity" in plan.out
    assert 'tls = "require"' in plan.out
    status = person.daybreak("status")
    assert "require: encrypted, but no server proves its identity" in " ".join(status.out.split())

"""What is prepared, on the lab: each place and way by itself, in time, and what is silent is never fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.fix_cli import CONFIGURATION, Person
from tests.fix_lab import LabUnderTest


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody with a copy, who has kept nothing yet."""
    somebody = lab.person(tmp_path)
    somebody.configure(f'copies = ["{tmp_path}/copy"]\n' + CONFIGURATION)
    return somebody


def prepared(person: Person, *words: str) -> dict[tuple[str, str], Any]:
    """What status says, by what and where; of an endpoint only what it is."""
    [target] = person.daybreak("status", *words, "-o", "json").json()["targets"]
    return {(each["what"], each["where"] if each["what"] != "SQL" else ""): each for each in target["prepared"]}


def test_what_is_kept_is_shown_in_each_place(person: Person, tmp_path: Path) -> None:
    """First nothing is there, and each line says which command makes it; then it is, with its moment."""
    before = prepared(person)
    places = (str(person.state), str(tmp_path / "copy"))
    for what in ("capsule", "baseline", "sample"):
        for place in places:
            assert before[what, place]["standing"] == "unknown"
            assert before[what, place]["at"] is None
    assert before["SQL", ""]["standing"] == "fit"
    assert before["login", "secretsmanager:embi/aurora/master"]["found"] == "can be read: embi_admin"
    for verb in ("capture", "sample"):
        assert person.daybreak(verb, "embi").code == 0
    after = prepared(person)
    for place in places:
        assert after["capsule", place]["standing"] == after["sample", place]["standing"] == "fit"
        assert after["sample", place]["at"]
        assert after["baseline", place]["standing"] == "unknown"
    shown = person.daybreak("status").out
    assert "answers SQL from here" in " ".join(shown.split())
    assert " old" in shown


def test_a_copy_that_is_away_and_a_login_that_is_gone_are_named(person: Person, tmp_path: Path) -> None:
    """Neither is fit, and neither stops the rest."""
    assert person.daybreak("sample", "embi").code == 0
    copy = tmp_path / "copy"
    copy.rename(tmp_path / "away")
    copy.write_text("no folder")
    person.configure(f'copies = ["{copy}"]\n' + CONFIGURATION.replace("embi/aurora/master", "embi/nobody"))
    found = prepared(person)
    assert found["sample", str(person.state)]["standing"] == "fit"
    assert found["sample", str(copy)]["standing"] == "unfit", "it was answered that there is no folder"
    assert found["sample", str(copy)]["at"] is None
    assert found["login", "secretsmanager:embi/nobody"]["standing"] == "unfit", "it was answered that there is none"
    assert found["SQL", ""]["standing"] == "unknown"


def test_what_only_has_the_name_of_a_document_is_not_fit(person: Person, tmp_path: Path) -> None:
    """A file was changed by somebody: its name alone still says that it is there."""
    for verb in ("capture", "sample"):
        assert person.daybreak(verb, "embi").code == 0
    [capsule] = (tmp_path / "copy").glob("capsules/**/*.json")
    capsule.write_bytes(capsule.read_bytes().replace(b"embi-aurora-cluster", b"embi-aurora-clusted"))
    [sample] = [each for each in (tmp_path / "copy").glob("samples/**/*") if each.is_file()]
    sample.write_bytes(b"garbage")
    found, copy = prepared(person), str(tmp_path / "copy")
    for what in ("capsule", "sample"):
        assert found[what, str(person.state)]["standing"] == "fit"
        assert (found[what, copy]["standing"], found[what, copy]["at"]) == ("unfit", None), found[what, copy]


def test_without_a_login_sql_is_not_asked(person: Person) -> None:
    """And it is said that it was not."""
    person.configure(CONFIGURATION.replace('login    = "secretsmanager:embi/aurora/master"\n', ""))
    found = prepared(person)
    assert found["SQL", ""]["standing"] == "left out"
    assert found["SQL", ""]["found"].startswith("not asked")


@pytest.mark.sweep
def test_a_bucket_that_is_silent_costs_seconds(person: Person, black_hole: int) -> None:
    """A store that is down answers nothing at all; the status comes all the same, and does not call it fit."""
    person.configure('copies = ["s3://embi-kept-elsewhere/kept"]\n' + CONFIGURATION)
    beside = replace(person, environment={"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{black_hole}"})
    began = monotonic()
    found = prepared(beside)
    assert monotonic() - began < 60
    for what in ("capsule", "baseline", "sample"):
        silent = found[what, "s3://embi-kept-elsewhere/kept"]
        assert (silent["standing"], silent["at"]) == ("unknown", None)
        assert "did not answer" in silent["found"]

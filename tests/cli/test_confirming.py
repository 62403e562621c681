"""What a person types before something is removed, whichever verb carries out the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from daybreak.cli.screen import as_document
from daybreak.errors import ExitCode
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from tests.fix_cli import NOWHERE, Person
from tests.fix_plans import every_plan


@pytest.fixture
def somebody(tmp_path: Path) -> Person:
    """Somebody with a configuration, whom no AWS answers."""
    person = Person(tmp_path, NOWHERE)
    person.configure()
    return person


def kept(person: Person, plan: Plan) -> str:
    """The plan in a file, as ``plan -o json`` writes it."""
    (person.home / "plan.json").write_text(as_document({"digest": plan.digest(), "plan": plan.plain()}))
    return "plan.json"


def by_tags() -> Plan:
    """A clean-up for which no journal vouches."""
    plan = every_plan()["clean"]
    assert isinstance(plan.request, CleanRequest)
    return plan.model_copy(update={"request": plan.request.model_copy(update={"doubt": "the journal is lost"})})


def test_a_kept_clean_up_by_tags_is_confirmed_by_the_name(somebody: Person) -> None:
    """The hint named an option that this verb did not have, so that nobody without a terminal could go on."""
    plan = by_tags()
    words = ("restore", "--plan", kept(somebody, plan))
    said = somebody.daybreak(*words, "--yes")
    assert (said.code, f"hint: add --confirm {plan.clone} " in said.err) == (ExitCode.REFUSED, True), said.err
    other = somebody.daybreak(*words, "--confirm", "another")
    assert (other.code, '"another" was typed' in other.err) == (ExitCode.REFUSED, True), other.err
    named = somebody.daybreak(*words, "--confirm", plan.clone)
    assert (named.code, 'looking at "' in named.err) == (ExitCode.UNREACHABLE, True), "past the question, to AWS"
    assert "do it" not in named.err, "it is being done"


def test_what_removes_nothing_is_confirmed_by_yes(somebody: Person) -> None:
    """A name that is asked for a removal says nothing about a restore."""
    said = somebody.daybreak("restore", "--plan", kept(somebody, every_plan()["pitr"]), "--confirm", "embi-clone")
    assert (said.code, "this one removes nothing" in said.err) == (ExitCode.REFUSED, True), said.err

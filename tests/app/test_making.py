"""Where the rows of a target may go, daybreak.toml alone says, also for a plan that came from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from daybreak.app.app import App
from daybreak.app.exports import objections_to_place
from daybreak.app.making import MakeWish, plan_making
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.errors import Refused
from tests import fix_making, fix_worlds
from tests.fix_cli import CONFIGURATION, NOWHERE, Person

PLACE = f"""
[targets.embi.exports]
bucket = "{fix_making.BUCKET}"
prefix = "exports/"
"""
MAKING = f'role = "{fix_making.ROLE}"\nkey = "{fix_worlds.KEY}"\n'


def app(home: Path, text: str) -> App:
    """The application with that configuration, and no AWS."""
    person = Person(home)
    person.configure(CONFIGURATION + text)
    settings = load(environ=person.surroundings(), folder=home)
    return App(settings, Access(region="us-east-1", endpoint_url=NOWHERE, only_loopback=True), {})


def test_a_plan_writes_where_the_configuration_says_and_nowhere_else(tmp_path: Path) -> None:
    """A plan is a file whose digest has no key: an edited bucket would take the rows out of the company."""
    here = app(tmp_path, PLACE + MAKING)
    plan = fix_worlds.plan(request=fix_making.request(), seen=fix_making.observation())
    assert objections_to_place(here, plan) == ()
    for field in ("bucket", "prefix", "role", "key"):
        request = plan.request.model_copy(update={field: "somebodys"})
        [said] = objections_to_place(here, plan.model_copy(update={"request": request}))
        assert said.startswith(f'the plan has the {field} "somebodys", and [targets.embi.exports] says ')
    assert len(objections_to_place(app(tmp_path, ""), plan)) == 4
    assert objections_to_place(here, fix_worlds.plan()) == ()


@pytest.mark.parametrize(
    ("text", "missing"), [("", "bucket, role, key"), (PLACE, "role, key"), (PLACE + MAKING.splitlines()[0], "key")]
)
def test_what_the_configuration_lacks_is_named(tmp_path: Path, text: str, missing: str) -> None:
    """Before anybody is asked: here nobody could answer."""
    with pytest.raises(Refused) as refused:
        plan_making(app(tmp_path, text), MakeWish("embi"))
    assert refused.value.hints == (f"write {missing} in [targets.embi.exports]",)

"""A proxy that shows nothing of a clone that is there: real processes clean it up all the same, or refuse to plan without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daybreak.execute.hands.looking import LOOKS_BEFORE_BELIEVING
from tests.chaos.fix_lives import SOURCE, Begin, Life, clusters_of
from tests.chaos.fix_weather import NOT_FOUND, WEATHER, LeavingOut
from tests.fix_lab import LabUnderTest
from tests.fix_liar import Liar, Lie, lying

NOTHING = WEATHER["nothing there"]


def left_behind(life: Life) -> str:
    """A run that was given up while it restored; its clone is still being made."""
    life.restore()
    life.until("step.seen", "await-cluster")
    life.end_at_once()
    assert life.person.daybreak("abort", life.run).code == 0
    return life.run


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("lie", "first", "count"),
    [
        (NOTHING, 5, 2),  # at the look before the delete
        (NOT_FOUND, 4, LOOKS_BEFORE_BELIEVING),  # at every look before the delete
        pytest.param(NOTHING, 1, 2, marks=pytest.mark.sweep),  # while it is planned
        pytest.param(NOT_FOUND, 1, 2, marks=pytest.mark.sweep),
        pytest.param(NOTHING, 4, 2, marks=pytest.mark.sweep),  # while it is waited for
        pytest.param(NOT_FOUND, 4, 3, marks=pytest.mark.sweep),
    ],
)
def test_a_clone_that_is_not_shown_is_deleted_all_the_same(
    lab: LabUnderTest, begin: Begin, lie: Lie, first: int, count: int
) -> None:
    """One empty answer used to be a delete that was never sent, called done, and a wait of eight hours."""
    leaving_out = LeavingOut(lie, first, count)
    with lying(Liar(upstream=lab.url)) as liar:
        lab.admit(liar.url)
        # From the beginning: a run belongs to the endpoint that it was planned at.
        life = begin(lab)
        life.person = replace(life.person, url=liar.url)
        run = left_behind(life)
        number = life.newest_visit()
        liar.decide = leaving_out
        done = life.person.daybreak("clean", run, "--yes")
    assert leaving_out.told == count
    assert done.code == 0, done.err[-2000:]
    assert clusters_of(lab, run) == []
    changed = life.changes(number)
    deletes = [visit["status"] for visit in changed if visit["operation"] == "DeleteDBCluster"]
    assert deletes.count(200) == 1, "sent, and taken once"
    assert {visit["identifier"] for visit in changed} <= {run, f"{run}-quarantine"}


def test_a_source_that_is_not_shown_is_not_taken_for_gone(lab: LabUnderTest, begin: Begin) -> None:
    """By one empty answer a living source was planned from its kept backup, without its instances and its values."""
    life = begin(lab)
    honest = life.person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json").json()["plan"]
    leaving_out = LeavingOut(NOTHING, 1, 2)
    with lying(Liar(upstream=lab.url, decide=leaving_out)) as liar:
        lab.admit(liar.url)
        person = replace(life.person, url=liar.url)
        said = person.daybreak("plan", "pitr", "embi", "--to", "latest", "-o", "json")
    assert leaving_out.told == 2
    assert said.code == 0, said.err
    plan = said.json()["plan"]
    assert [step["id"] for step in plan["steps"]] == [step["id"] for step in honest["steps"]]
    assert plan["source"] == SOURCE

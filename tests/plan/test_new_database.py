"""An archive that becomes a database of its own: in which order, what keeps it from that, and what is removed after it."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.model.actions import ClearScratch, JudgeScratch, LoadScratch, NameDatabase
from daybreak.model.exports_seen import LoaderSeen
from daybreak.model.guards import AsPlanned, FoundFit
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from daybreak.model.plan import Plan
from daybreak.model.receiver import NewDatabaseSeen, Receiver
from daybreak.model.requests import CleanRequest
from daybreak.model.things import Thing
from daybreak.model.undo import TakenBack
from daybreak.plan.clean import clean_plan, scratch_of
from daybreak.plan.guarding import is_change
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.plan.test_export import offered, picking, plan, reasons, request

PLACE = Receiver(
    cluster="clone-1", resource_id="cluster-B", database="newdb", login="env:A", entry="embi", run="clone-1"
)
MAKING = NewDatabaseSeen(
    is_there=False, server_version="16.4", major=16, login="embi_admin", may_make_databases=True, may_make_roles=True,
    connections=40,
)  # fmt: skip
LOADER = LoaderSeen(version="16.15", major=16, processors=4)
SEEN: dict[str, Any] = {
    "receiver": None, "making": MAKING, "loader": LOADER, "tools": None, "tables": (), "room": 2**40,
}  # fmt: skip


def whole(**changes: Any) -> Any:
    """All of the archive, wanted."""
    return request(**({"receiver": PLACE, "tables": ()} | changes))


def test_the_name_comes_last_and_only_where_it_is_fit() -> None:
    """Nothing runs but in the scratch database; each step there asks for the planned cluster, and the room of its server counts."""
    large = SEEN | {"picking": picking(10**9)}
    made = plan(whole(), **large)
    assert [type(step.action) for step in made.steps] == [LoadScratch, JudgeScratch, NameDatabase, ClearScratch]
    load, judge, name, clear = made.steps
    assert (load.after, judge.after, name.after) == ((), (load.id,), (judge.id,))
    assert clear.after_settled == (name.id,)
    assert (FoundFit() in name.guards, name.when_refused) == (True, "fail-last")
    for step in (load, judge, name, clear):
        assert [each.value for each in step.guards if isinstance(each, AsPlanned)] == ["cluster-B"], step.id
        assert is_change(step.action)
    assert isinstance(load.action, LoadScratch)
    assert (load.action.jobs, load.action.at) == (4, PLACE)
    assert isinstance(load.undo, TakenBack)
    assert load.undo.actions == (ClearScratch(at=PLACE),)
    assert isinstance(judge.action, JudgeScratch)
    assert judge.action.tables == ()
    assert things_touched(made) == {Thing(world="sql", kind="database", name="clone-1/newdb", region="us-east-1")}
    few = plan(whole(), **(large | {"making": MAKING.model_copy(update={"connections": 5})}))
    assert next(step.action.jobs for step in few.steps if isinstance(step.action, LoadScratch)) == 2


def test_chosen_tables_are_judged_by_name() -> None:
    """With all that belongs to them; what stays is named."""
    made = plan(whole(tables=("shop.orders",)), **(SEEN | {"tables": offered("orders")}))
    judge = next(step.action for step in made.steps if isinstance(step.action, JudgeScratch))
    assert [each.table for each in judge.tables] == [("shop", "orders")]


@pytest.mark.parametrize(
    ("wish", "seen", "sentence"),
    [
        ({"receiver": PLACE.model_copy(update={"is_production": True})}, {}, "does not run there: make a clone first (daybreak restore pitr embi"),
        ({"receiver": PLACE.model_copy(update={"database": "é" * 32})}, {}, "63 bytes at most, and "),
        ({"mode": "append"}, {}, "--append is about tables that are there"),
        ({"mode": "replace"}, {}, "--replace is about tables that are there"),
        ({"where": "true"}, {}, "--where is about rows that go into a table"),
        ({"tables": ("a",), "renames": {"a": "b"}}, {}, "--table NAME=NEW is about tables"),
        ({}, {"making": MAKING.model_copy(update={"may_make_databases": False})}, "may make no database on clone-1"),
        ({}, {"making": MAKING.model_copy(update={"may_make_roles": False})}, "may make no role on clone-1"),
        ({}, {"loader": None, "loader_silence": "it was built without TLS"}, "it was built without TLS"),
        ({}, {"room": 2**30}, "this machine has 1,073,741,824 bytes free"),
        ({}, {"picking": Picking(form="sql", pieces=(ObjectPieces(key="a", size=9, mark="m", name=SINGLE, ranges=((0, 9),)),))}, "a script has no list of owners"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_being_made_is_said_before(wish: Any, seen: Any, sentence: str) -> None:
    """Each reason by itself, and all at once."""
    found = reasons(whole(**wish), **(SEEN | {"picking": picking(2_000)} | seen))
    assert [each for each in found if sentence in each] == list(found)
    assert len(found) == 1


def test_a_clean_up_goes_to_the_cluster_where_that_still_is() -> None:
    """Where the cluster is gone its scratch database went with it, and the files alone are removed."""
    made = plan(whole(), **SEEN)
    wish = CleanRequest(target="embi", run=made.run, suffix="aaaa", is_of_export=True, scratch_at=scratch_of(made))
    there = fix_worlds.observation()
    for seen, at in ((there, PLACE), (there.model_copy(update={"cluster": None}), None)):
        cleaned = clean_plan(wish, fix_worlds.target(), seen, fix_worlds.terms())
        assert isinstance(cleaned, Plan)
        [step] = cleaned.steps
        assert step.action == ClearScratch(run=made.run, at=at)

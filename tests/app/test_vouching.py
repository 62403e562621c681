"""Who vouches for what a clean-up removes: this machine's configuration and this state's journal, never the plan's own word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daybreak.app.vouching import hint_to_plan_again, objections_to_removing, own_clusters
from daybreak.journal.store import Store
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.run import RunAborted
from tests import fix_worlds as worlds
from tests.fix_journal import Ground, attached

TARGETS = {"embi": worlds.target()}


def ended(store: Store) -> CleanRequest:
    """A run that is kept and has ended, and what a clean-up of it asks for."""
    store.create(made := worlds.plan())
    with attached(store, made.run) as journal:
        journal.append(RunAborted(by="ada@north", why="enough"))
        return CleanRequest(target="embi", run=made.run, nonce=journal.state().nonce, suffix="9x4")


def removing(request: CleanRequest, **changes: Any) -> Plan:
    """A plan that asks for that; its steps are not what is judged here."""
    changed: dict[str, Any] = {"request": request, "clone": request.run, "steps": ()} | changes
    return worlds.plan().model_copy(update=changed)


def test_the_journal_of_the_run_vouches_for_its_own_clean_up(folder: Ground) -> None:
    """An ordinary clean-up, also one that is carried out later from its file, is held up by nothing."""
    store = folder.store()
    plan = removing(ended(store))
    assert objections_to_removing(plan, TARGETS, store) == ()
    assert hint_to_plan_again(plan, TARGETS, store) == f"make the plan again: daybreak clean {plan.clone}"


def test_what_is_no_removal_needs_nobody_who_vouches(folder: Ground) -> None:
    """A restore removes nothing."""
    assert objections_to_removing(worlds.plan(), TARGETS, folder.store()) == ()
    assert hint_to_plan_again(worlds.plan(), TARGETS, folder.store()).startswith(
        "make the plan again: daybreak plan pitr embi --to "
    )


FORGED: dict[str, tuple[Callable[[CleanRequest], Plan], str]] = {
    "another run": (lambda ours: removing(ours.model_copy(update={"run": "orders"})), 'no run "orders" is kept here'),
    "a run by a path": (lambda ours: removing(ours.model_copy(update={"run": f"../runs/{ours.run}"})), "is kept here"),
    "another nonce": (lambda ours: removing(ours.model_copy(update={"nonce": "4f2a"})), "the nonce of the plan is not"),
    "no nonce": (lambda ours: removing(ours.model_copy(update={"nonce": None})), "the nonce of the plan is not"),
    "another target": (
        lambda ours: removing(ours, target=worlds.target(cluster="other")),
        "the target of the plan is not the one",
    ),
    "the source": (
        lambda ours: removing(ours.model_copy(update={"run": worlds.SOURCE})),
        f'"{worlds.SOURCE}" is the cluster of the target "embi"',
    ),
    "the source in capitals": (
        lambda ours: removing(ours.model_copy(update={"run": worlds.SOURCE.upper(), "doubt": "its journal is lost"})),
        f'"{worlds.SOURCE.upper()}" is the cluster of the target "embi"',
    ),
}


@pytest.mark.parametrize(("forge", "reason"), FORGED.values(), ids=FORGED.keys())
def test_what_the_plan_says_of_itself_is_not_believed(
    folder: Ground, forge: Callable[[CleanRequest], Plan], reason: str
) -> None:
    """The digest has no key: who can write a file can write a digest that fits."""
    store = folder.store()
    reasons = objections_to_removing(forge(ended(store)), TARGETS, store)
    assert any(reason in each for each in reasons), reasons


def test_a_journal_that_cannot_be_read_or_has_not_ended_vouches_for_nothing(folder: Ground) -> None:
    """Then the plan has to say that there is a doubt, and its clone's name has to be typed."""
    store, made = folder.store(), worlds.plan()
    store.create(made)
    request = CleanRequest(target="embi", run=made.run, nonce=None, suffix="9x4")
    assert objections_to_removing(removing(request), TARGETS, store) == (
        f'the run "{made.run}" never began, and created nothing',
    )
    with attached(store, made.run) as journal:
        ours = request.model_copy(update={"nonce": journal.state().nonce})
    assert objections_to_removing(removing(ours), TARGETS, store) == (f'the run "{made.run}" has not ended',)
    journal_file = f"runs/{made.run}/journal.jsonl"
    folder.write(journal_file, folder.read(journal_file).replace(b"ada@north", b"eve@north"))
    (reason,) = objections_to_removing(removing(ours), TARGETS, store)
    assert "is damaged" in reason
    doubted = removing(ours.model_copy(update={"doubt": "its journal is damaged"}))
    assert objections_to_removing(doubted, TARGETS, store) == ()


def test_the_hint_is_the_command_that_asks_everything(folder: Ground) -> None:
    """By its tags where no run is kept here; nothing that removes a target's own cluster is ever hinted at."""
    request = CleanRequest(target="embi", run="orders", suffix="9x4")
    by_tags = "make the plan again: daybreak clean --cluster orders --confirm orders"
    assert hint_to_plan_again(removing(request), TARGETS, folder.store()) == by_tags
    for run in (worlds.SOURCE, "a\x1b[2J"):
        assert (
            hint_to_plan_again(removing(request.model_copy(update={"run": run})), TARGETS, folder.store())
            == "daybreak runs"
        )
    assert own_clusters("orders", TARGETS) == ()

"""The order in which names move, there and back, from wherever they are; and what speaks against it."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.model.actions import (
    AdvanceSequences,
    AwaitClients,
    AwaitName,
    AwaitSql,
    ChangeSql,
    EndSessions,
    RenameCluster,
    SetExpiry,
    SqlOrder,
)
from daybreak.model.destinations import DestinationSeen, EndpointDestination, EndpointSeen, NameSwap
from daybreak.model.guards import Fenced, Unwritten
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.pools import PgBouncer
from daybreak.model.requests import RollbackRequest
from daybreak.model.value import Span
from daybreak.model.world import ProxyTarget, Surroundings
from daybreak.model.writes import WriteCount
from daybreak.plan.planner import plan_of
from daybreak.plan.renaming import swap_in
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.fix_worlds import SOURCE
from tests.plan.test_cutover import CLONE, SECRET, cut_over, destinations, planned, seen, target
from tests.plan.test_returning import deeds

NAMES = (EndpointDestination(),)
SOURCE_ID, CLONE_ID = fix_worlds.cluster().resource_id, "cluster-CLONE"


def place(holder: str | None = SOURCE_ID, points_at: str = "source") -> DestinationSeen:
    """The endpoint's name, and whose it is."""
    facts = EndpointSeen(name=SOURCE, holder=holder).plain()
    told = {"destination": NAMES[0], "region": "us-east-1", "points_at": points_at, "facts": facts}
    return DestinationSeen.model_validate(told)


def moved() -> Plan:
    """The cutover in which the clone takes the source's name."""
    return planned(cut_over(target(destinations=NAMES), destinations=(place(),)))


def swap() -> NameSwap:
    """How the names are exchanged in it."""
    found = swap_in(moved())
    assert found is not None
    return found


def step_before(plan: Plan, kind: type, *, is_own: bool) -> int:
    """How many steps come before the renaming of the clone, or of the source."""
    return next(
        number
        for number, step in enumerate(plan.steps)
        if isinstance(step.action, kind) and getattr(step.action, "is_own", False) == is_own
    )


def named(source: str, clone: str, at: DestinationSeen) -> Observation:
    """Both sides under these names."""
    arn = f"arn:aws:rds:{fix_worlds.REGION}:{fix_worlds.ACCOUNT}:cluster:"
    ours = {"identifier": source, "arn": f"{arn}{source}"}
    return seen(ours, {"identifier": clone, "arn": f"{arn}{clone}"}, destinations=(at,))


def go_back(world: Observation, *, until: int = 99, **changes: Any) -> Plan | Refusal:
    """The rollback of a cutover that came so far, in that world."""
    asked = RollbackRequest(
        target="embi",
        run="embi-cutover",
        clone=CLONE,
        nonce="n1",
        deeds=deeds(moved(), until=until),
        swap=swap(),
        suffix="9x4",
        **changes,
    )
    return plan_of(asked, target(destinations=NAMES), world, fix_worlds.terms())


def test_the_source_gives_its_name_away_behind_the_fence_and_only_then_the_clone_takes_it() -> None:
    """Each renaming is waited for, and what follows names the clusters as they are named by then, by their ids."""
    plan, names = moved(), swap()
    kinds = [type(step.action) for step in plan.steps]
    first = kinds.index(RenameCluster)
    assert kinds.index(EndSessions) < kinds.index(AdvanceSequences) < first
    assert kinds[first : first + 6] == [RenameCluster, AwaitName, RenameCluster, AwaitName, AwaitSql, AwaitClients]
    away, _, taken, known, answer, arrive = (step.action for step in plan.steps[first : first + 6])
    assert isinstance(away, RenameCluster)
    assert isinstance(taken, RenameCluster)
    assert isinstance(known, AwaitName)
    assert isinstance(answer, AwaitSql)
    assert isinstance(arrive, AwaitClients)
    assert (away.cluster, away.name, away.resource_id, away.is_own) == (SOURCE, names.away, SOURCE_ID, False)
    assert (taken.cluster, taken.name, taken.resource_id, taken.is_own) == (CLONE, SOURCE, CLONE_ID, True)
    assert known.host == "source.example", "applications know this endpoint and no other"
    assert (answer.clone, answer.resource_id, arrive.cluster, arrive.resource_id) == (SOURCE, CLONE_ID) * 2
    assert plan.gap is not None
    assert plan.gap.budget == Span(minutes=25)


def test_the_fence_is_asked_before_each_renaming_and_follows_the_source_to_its_other_name() -> None:
    """And nobody has written in the clone until it has the name."""
    plan = moved()
    asked = {
        step.id.partition("-")[2]: [
            (type(each), each.thing.name) for each in step.guards if isinstance(each, Fenced | Unwritten)
        ]
        for step in plan.steps
        if isinstance(step.action, RenameCluster | AwaitClients)
    }
    assert asked == {
        "rename-source": [(Fenced, SOURCE), (Unwritten, CLONE)],
        "rename-clone": [(Fenced, swap().away), (Unwritten, CLONE)],
        "await-clients": [(Fenced, swap().away)],
    }


def test_nothing_else_of_the_source_may_be_changed_at_aws_and_nothing_of_a_name_by_another_kind_of_plan() -> None:
    """The door is opened for the renamings of the plan, and not for the cluster; a restore's is not even opened for those."""
    plan = moved()
    ours = {thing.name for thing in things_touched(plan) if thing.world == "aws" and thing.kind == "cluster"}
    assert ours == {CLONE}
    renamings = {thing.name for thing in things_touched(plan) if thing.kind == "rename"}
    assert renamings == {f"cluster/{SOURCE}/{swap().away}", f"cluster/{CLONE}/{SOURCE}"}
    restore = fix_worlds.plan()
    forged = restore.model_copy(update={"steps": (*restore.steps, *plan.steps)})
    assert not [thing for thing in things_touched(forged) if thing.kind == "rename"]


MOVED = place(CLONE_ID, "clone")


def test_a_rollback_closes_the_clone_under_the_name_it_has_and_renames_it_first() -> None:
    """Then the source gets its name, and is opened under it; the clone's own tag is set at its own ARN."""
    plan = planned(go_back(named(swap().away, SOURCE, MOVED)))
    actions = [step.action for step in plan.steps]
    assert [type(each) for each in actions] == [
        ChangeSql,
        EndSessions,
        AdvanceSequences,
        RenameCluster,
        AwaitName,
        RenameCluster,
        AwaitName,
        ChangeSql,
        AwaitSql,
        SetExpiry,
    ]
    close, _, advance, first, _, second, _, opened, _, left = actions
    assert isinstance(close, ChangeSql)
    assert (close.cluster, close.resource_id) == (SOURCE, CLONE_ID)
    assert isinstance(advance, AdvanceSequences)
    assert (advance.cluster, advance.past, advance.past_id) == (swap().away, SOURCE, CLONE_ID)
    assert isinstance(first, RenameCluster)
    assert isinstance(second, RenameCluster)
    assert (first.cluster, first.name, second.cluster, second.name) == (SOURCE, CLONE, swap().away, SOURCE)
    assert isinstance(opened, ChangeSql)
    assert (opened.cluster, opened.resource_id) == (SOURCE, SOURCE_ID)
    assert isinstance(left, SetExpiry)
    assert left.arn.endswith(f":{CLONE}"), "the source's tag would be set instead"


def test_a_run_that_takes_itself_back_asks_the_count_under_each_name_of_the_clone() -> None:
    """What was counted under its own name holds under the other."""
    guard = moved().gap
    assert guard is not None
    unwritten = guard.unwritten.model_copy(update={"since": WriteCount(rows={"embi": 7}, definitions={"embi": 1})})
    plan = planned(go_back(named(swap().away, SOURCE, MOVED), unwritten=unwritten))
    asked = [
        each.thing.name
        for step in plan.steps
        for each in step.guards
        if isinstance(each, Unwritten) and isinstance(step.action, RenameCluster | ChangeSql)
    ]
    assert asked == [SOURCE, CLONE, CLONE]
    back = [
        step.action for step in plan.steps if isinstance(step.action, SqlOrder) and step.action.resource_id == CLONE_ID
    ]
    assert {each.cluster for each in back[-1:]} == {CLONE}, "the clone is opened under its own name"


@pytest.mark.parametrize(
    ("world", "until", "renamed"),
    [
        (named(SOURCE, CLONE, place()), 8, []),
        (named(swap().away, CLONE, place(None, "nowhere")), 10, [(swap().away, SOURCE)]),
    ],
    ids=["nothing moved", "the source alone"],
)
def test_only_what_has_another_name_is_renamed_back(
    world: Observation, until: int, renamed: list[tuple[str, str]]
) -> None:
    """Before the clone had the name nobody was led there, so it is not closed."""
    until = min(until, step_before(moved(), RenameCluster, is_own=True))
    plan = planned(go_back(world, until=until))
    found = [(each.cluster, each.name) for step in plan.steps if isinstance(each := step.action, RenameCluster)]
    assert found == renamed
    assert not any(isinstance(step.action, EndSessions) for step in plan.steps)


def test_a_name_that_a_third_cluster_has_is_left() -> None:
    """A later cutover gave it away: this one cannot be taken back."""
    refused = go_back(named(swap().away, "embi-other", place("cluster-THIRD", "elsewhere")))
    assert isinstance(refused, Refusal)
    assert f'the name "{SOURCE}" belongs to the cluster cluster-THIRD, which is neither side' in "; ".join(
        refused.reasons
    )


POOL = PgBouncer(host="127.0.0.1", port=6432, login="env:POOL", database="embi")


@pytest.mark.parametrize(
    ("by", "world", "says"),
    [
        (
            {"destinations": (*NAMES, SECRET)},
            {"destinations": (place(), destinations()[0])},
            'so nothing else has to change: take the secret "embi/database" out',
        ),
        ({"pools": (POOL,)}, {}, "cannot be held for as long as AWS takes to move a name"),
        (
            {},
            {"around_source": Surroundings(proxies=(ProxyTarget(proxy="front", target_group="default"),))},
            "the proxy front leads to the source, whatever that is named",
        ),
        ({}, {"source": {"global_cluster": "embi-global"}}, "belongs to the global database embi-global"),
        ({}, {"clone": {"port": 5433}}, "a name moves no port"),
        ({}, {"clone": {"members": ()}}, "the clone has no writer"),
    ],
)
def test_what_does_not_go_with_names_is_said_before_anything_is_closed(
    by: dict[str, Any], world: dict[str, Any], says: str
) -> None:
    """Every reason, with what to do."""
    made = cut_over(target(**({"destinations": NAMES} | by)), **({"destinations": (place(),)} | world))
    assert isinstance(made, Refusal)
    assert says in "; ".join(made.reasons)


def test_without_a_fence_no_name_is_given_away() -> None:
    """Who still reaches the source by its old name would find the clone there, beside it."""
    wish = {"unfenced": SOURCE, "access": None, "source_silence": "it does not answer", "destinations": (place(),)}
    made = cut_over(target(destinations=NAMES), **{name: wish[name] for name in wish if name != "unfenced"})
    assert isinstance(made, Refusal)


@pytest.mark.parametrize(
    ("tags", "who"),
    [
        ({"aws:cloudformation:stack-name": "embi-db"}, "CloudFormation (the stack embi-db)"),
        ({"ManagedBy": "Terraform"}, "Terraform (the tag ManagedBy=Terraform)"),
        ({"terraform": "true"}, "Terraform (the tag terraform=true)"),
        ({"terraform": "false"}, None),
        ({"Name": "embi"}, None),
    ],
)
def test_names_are_offered_where_tags_show_who_keeps_the_source(tags: dict[str, str], who: str | None) -> None:
    """A program that knows the cluster by its identifier would go on with the old one."""
    for by, at in ((target(), destinations()), (target(destinations=NAMES), (place(),))):
        plan = planned(cut_over(by, source={"tags": tags}, destinations=at))
        notes = [note for note in plan.notes if note.startswith("the source is kept by ")]
        assert [who in note for note in notes if who] == ([True] if who else [])
        assert bool(notes) == bool(who)

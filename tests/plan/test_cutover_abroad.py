"""A cutover to a clone in another region: where each step acts, what a lost region takes away, and what closes the old side later."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.assess.guarding import things_asked
from daybreak.model.actions import (
    AdvanceSequences,
    AttachProxy,
    AwaitProxy,
    ChangeSql,
    CountWrites,
    DetachProxy,
    EndSessions,
    PointParameter,
    PointSecret,
    SetParameterGroup,
    SqlOrder,
)
from daybreak.model.cutover import SequenceSeen
from daybreak.model.destinations import (
    DestinationSeen,
    ParameterDestination,
    ProxyDestination,
    ProxySeen,
    RegisteredTarget,
)
from daybreak.model.guards import AsPlanned, Fenced
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import CutoverRequest, RollbackRequest
from daybreak.model.tags import EXPIRES_TAG, PRODUCTION
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.plan.adding import region_of
from daybreak.plan.leaving import labels_changed
from daybreak.plan.planner import plan_of
from daybreak.plan.touching import things_touched
from tests import fix_worlds
from tests.fix_worlds import ACCOUNT, AWAY, REGION, SOURCE
from tests.plan.test_cutover import CLONE, access, destinations, planned, seen, target
from tests.plan.test_cutover import request as request_at_home
from tests.plan.test_returning import deeds, go_back_request

HERE = ParameterDestination(name="/embi/endpoint", region=AWAY)
PROXY = ProxyDestination(name="beside", region=AWAY)
SILENT = "cannot be read, since us-east-1 does not answer: no answer came in time"
SEQUENCES = (
    SequenceSeen(
        database="embi", name="public.s", place=("public", "s"), may_read=True, may_set=True, last=7, most=2**31 - 1
    ),
    SequenceSeen(
        database="embi", name="public.tiny", place=("public", "tiny"), may_read=True, may_set=True, last=90, most=100
    ),
)
LABELS = ("secret:embi/database@us-east-1", "parameter:/embi/endpoint@us-east-1")
BEFORE = fix_worlds.cluster(endpoint="source.example")


def abroad() -> Target:
    """The target as it is reached beside the clone, with its home's login by region."""
    there = target(login="env:AWAY").in_region(AWAY)
    return there.model_copy(update={"logins": {REGION: "env:HOME"}})


def request(**changes: Any) -> CutoverRequest:
    """To a clone in the other region."""
    return request_at_home(**({"home": REGION, "source_before": BEFORE} | changes))


def here(at: str = "source", **changes: Any) -> DestinationSeen:
    """The parameter of the clone's region, which applications there read."""
    facts = {"kind": "parameter", "name": "/embi/endpoint", "version": 1, "type": "String"}
    told = {"destination": HERE, "region": AWAY, "points_at": at, "facts": facts} | changes
    return DestinationSeen.model_validate(told)


def proxy(at: str = "nowhere", cluster: str = "", region: str = AWAY) -> DestinationSeen:
    """A proxy beside the clone, as it is."""
    registered = (RegisteredTarget(name=cluster, kind="TRACKED_CLUSTER"),) if cluster else ()
    facts = ProxySeen(name="beside", status="available", targets=registered)
    told = {"destination": PROXY, "region": region, "points_at": at, "facts": facts.plain()}
    return DestinationSeen.model_validate(told)


def world(clone: dict[str, Any] | None = None, **changes: Any) -> Observation:
    """Both sides, well, in two regions."""
    placed = {"arn": f"arn:aws:rds:{AWAY}:{ACCOUNT}:cluster:{CLONE}"} | (clone or {})
    found = seen(clone=placed, **({"destinations": (*destinations(), here())} | changes))
    return found.model_copy(update={"identity": fix_worlds.identity(region=AWAY)})


def gone() -> tuple[DestinationSeen, ...]:
    """The places of the first region, out of reach."""
    changes = {"lost": SILENT, "facts": None, "points_at": None}
    return tuple(each.model_copy(update=changes) for each in destinations())


def lost(clone: dict[str, Any] | None = None, **changes: Any) -> Observation:
    """The same with the first region gone: nothing answers there, and its places are out of reach."""
    known: dict[str, Any] = {
        "access": None,
        "home_silence": "no answer came in time",
        "source_silence": f'"{SOURCE}" at source.example:5432, where it was last seen, does not say who can write there',
        "databases": (),
        "sequences": SEQUENCES,
        "destinations": (*gone(), here()),
    }
    return world(clone, **(known | changes)).model_copy(update={"cluster": None})


def made(observed: Observation, **changes: Any) -> Plan | Refusal:
    """The answer there."""
    return plan_of(request(**changes), abroad(), observed, fix_worlds.terms())


def reasons(answer: Plan | Refusal) -> str:
    """All of them, in one line."""
    assert isinstance(answer, Refusal), [step.id for step in answer.steps]
    return "; ".join(answer.reasons)


def test_each_server_is_asked_in_its_own_region_with_the_login_that_is_kept_there() -> None:
    """The source is closed where it is, and its sequences are read there; everything else is beside the clone."""
    plan = planned(made(world()))
    at = {type(step.action): step.action for step in plan.steps if isinstance(step.action, SqlOrder)}
    for kind in (ChangeSql, EndSessions):
        assert (at[kind].region, at[kind].login) == (REGION, "env:HOME")
    advance, counts = at[AdvanceSequences], [each.action for each in plan.steps if isinstance(each.action, CountWrites)]
    assert isinstance(advance, AdvanceSequences)
    assert (advance.region, advance.login, advance.past_region, advance.past_login) == (
        None,
        "env:AWAY",
        REGION,
        "env:HOME",
    )
    assert {(each.cluster, each.region, each.login) for each in counts} == {
        (CLONE, None, "env:AWAY"),
        (SOURCE, REGION, "env:HOME"),
    }
    [step] = [each for each in plan.steps if isinstance(each.action, AdvanceSequences)]
    where = {guard.thing.region for guard in step.guards if isinstance(guard, AsPlanned) and guard.thing.name == SOURCE}
    assert where == {REGION}
    fences = [guard for each in plan.steps for guard in each.guards if isinstance(guard, Fenced)]
    assert {(guard.thing.region, guard.login) for guard in fences} == {(REGION, "env:HOME")}
    assert [*labels_changed(plan)] == [*LABELS, f"parameter:/embi/endpoint@{AWAY}"]
    source = Thing(world="sql", kind="database", name=f"{SOURCE}/embi", region=REGION)
    assert source in things_touched(plan), "the door to the source's database is open there"


def test_it_is_refused_with_every_reason_where_the_first_region_is_lost() -> None:
    """What was measured, what accepts it, and each place by its own name; at once."""
    words = reasons(made(lost()))
    assert f'{REGION} does not say whether "{SOURCE}" is there: no answer came in time' in words
    assert "at source.example:5432, where it was last seen" in words
    assert f"--unfenced {SOURCE}" in words
    for label in LABELS:
        assert f"--leave {label}" in words


def test_what_is_accepted_by_name_is_named_with_what_follows() -> None:
    """Nothing is closed, the lost places stay, the numbers keep a distance, and the plan says which of them cannot."""
    plan = planned(made(lost(), unfenced=SOURCE, leaves=LABELS, skips=50))
    kinds = [type(step.action) for step in plan.steps]
    assert not {EndSessions, AdvanceSequences, PointSecret} & {*kinds}
    assert plan.gap is None
    assert [step.action.region for step in plan.steps if isinstance(step.action, PointParameter)] == [AWAY]
    [skip] = [step.action for step in plan.steps if isinstance(step.action, ChangeSql)]
    assert kinds.index(ChangeSql) < kinds.index(CountWrites), "what the run itself does is no write of a client"
    assert 'setval(\'"public"."s"\'::pg_catalog.regclass, 57, true)' in skip.change.text
    assert "tiny" not in skip.change.text
    notes = "; ".join(plan.notes)
    for told in (
        f"{SOURCE} is not fenced: {REGION} does not say whether",
        f"who still reaches {SOURCE}, or reaches it again, writes there",
        "leaves 50 numbers out",
        "no room is left for that in public.tiny in embi",
        f"{REGION} may come back with {SOURCE} in it, which takes writes at once then",
        f"daybreak cutover {plan.run}",
        f"It is not changed: those who read it reach {SOURCE} as soon as it answers again",
    ):
        assert told in notes, told
    unskipped = planned(made(lost(), unfenced=SOURCE, leaves=LABELS))
    assert "--skip-sequences N leaves N of each out" in "; ".join(unskipped.notes)
    assert not [step for step in unskipped.steps if isinstance(step.action, ChangeSql)]


@pytest.mark.parametrize(
    ("observed", "says"),
    [
        (lost(), f'{REGION} does not say whether "{SOURCE}" is there: no answer came in time; "{SOURCE}" at'),
        (
            lost(home_silence="", source_silence="it resolves to nothing"),
            f'{REGION} answers, and knows no cluster "{SOURCE}"; it resolves to nothing',
        ),
        (
            world(source={"status": "stopped"}, access=None, source_silence="nobody answers"),
            f'AWS calls "{SOURCE}" stopped; nobody answers',
        ),
        (world(access=None, source_silence="nobody answers"), "nobody answers; nothing could be fenced"),
        (world(access=None), f'nobody could ask "{SOURCE}" who can write there; nothing could be fenced'),
    ],
    ids=["silent region", "deleted", "stopped", "silent server", "not asked"],
)
def test_a_silent_region_a_deleted_cluster_and_a_silent_server_are_three_things(
    observed: Observation, says: str
) -> None:
    """Each is said as it was measured."""
    assert says in reasons(made(observed, leaves=LABELS if observed.cluster is None else ()))


def test_a_server_that_answers_is_fenced_or_nothing_moves() -> None:
    """Also by its old address, where AWS says nothing of it; and one that lets us not in may serve others."""
    awake = lost(is_source_awake=True)
    assert "let our login in there" in reasons(made(awake, unfenced=SOURCE, leaves=LABELS))
    heard = lost(access=access(), is_by_address=True, source_silence="", databases=("embi",), sequences=SEQUENCES[:1])
    assert "answers, so it can be fenced" in reasons(made(heard, unfenced=SOURCE, leaves=LABELS))
    assert "nothing is skipped" in reasons(made(heard, leaves=LABELS, skips=5))
    plan = planned(made(heard, leaves=LABELS))
    close = next(step for step in plan.steps if isinstance(step.action, ChangeSql))
    assert isinstance(close.action, ChangeSql)
    at = close.action.at
    assert at is not None
    assert (at.host, at.port, close.action.login) == ("source.example", 5432, "env:AWAY")
    guards = [guard for step in plan.steps for guard in step.guards]
    assert not [each for each in guards if isinstance(each, AsPlanned) and each.thing.name == SOURCE], (
        "AWS was not asked"
    )
    fences = [each for each in guards if isinstance(each, Fenced)]
    assert fences
    assert {each.at for each in fences} == {at}
    assert things_asked(fences) == ()
    advance = next(step.action for step in plan.steps if isinstance(step.action, AdvanceSequences))
    assert (advance.past_at, advance.past_login) == (at, "env:AWAY")
    assert "it is fenced there" in "; ".join(plan.notes)
    assert plan.gap is not None


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        ((*LABELS, "parameter:/other@us-east-1"), "there is no such place: secret:embi/database@us-east-1"),
        ((*LABELS, f"parameter:/embi/endpoint@{AWAY}"), "can be changed, so it is not left"),
        (LABELS[:1], f"to move without it, accept it by name: --leave {LABELS[1]}"),
    ],
)
def test_a_place_is_left_by_its_own_name_alone(leaves: tuple[str, ...], says: str) -> None:
    """Neither one that can be changed, nor one that is not there, nor one that nobody named."""
    assert says in reasons(made(lost(), unfenced=SOURCE, leaves=leaves))


def test_nothing_moves_where_every_place_is_left() -> None:
    """A clone that nobody is led to serves nobody."""
    observed = lost(destinations=gone())
    assert "no traffic would move" in reasons(made(observed, unfenced=SOURCE, leaves=LABELS))


def test_a_proxy_beside_the_clone_gets_it_and_loses_it_again() -> None:
    """It led nowhere, since a proxy leads to no other region; one of the first region follows nobody."""
    plan = planned(made(world(destinations=(here(), proxy()))))
    assert [
        type(step.action) for step in plan.steps if isinstance(step.action, AttachProxy | DetachProxy | AwaitProxy)
    ] == [
        AttachProxy,
        AwaitProxy,
    ]
    done = deeds(plan, until=len(plan.steps))
    asked = go_back_request(done).model_copy(update={"home": REGION, "source_before": BEFORE})
    observed = world(destinations=(here("clone"), proxy("clone", CLONE)))
    back = planned(plan_of(asked, abroad(), observed, fix_worlds.terms()))
    assert [type(step.action) for step in back.steps if isinstance(step.action, AttachProxy | DetachProxy)] == [
        DetachProxy
    ]
    advance = next(step.action for step in back.steps if isinstance(step.action, AdvanceSequences))
    assert (advance.region, advance.past_region, advance.past_login) == (REGION, AWAY, "env:AWAY")
    elsewhere = proxy("elsewhere", "another")
    assert "does not lead to the source, but elsewhere" in reasons(made(world(destinations=(here(), elsewhere))))


def test_a_group_that_the_other_region_lacks_is_not_ordered() -> None:
    """The clone keeps its quarantine's, and the plan says what does not run by that."""
    clone = {"parameter_group": "quarantine"}
    assert [step for step in planned(made(world(clone))).steps if isinstance(step.action, SetParameterGroup)]
    plan = planned(made(world(clone, lacks_group=True)))
    assert not [step for step in plan.steps if isinstance(step.action, SetParameterGroup)]
    assert "so the clone keeps quarantine" in "; ".join(plan.notes)


# -- completing


AT_REST = {EXPIRES_TAG: f"{PRODUCTION}embi-cutover"}


def completed(observed: Observation, **changes: Any) -> Plan | Refusal:
    """The answer to a cutover that is named again, once the region is back."""
    asked = {"completes": "embi-cutover", "leaves": LABELS} | changes
    return plan_of(request(**asked), abroad(), observed, fix_worlds.terms())


def test_what_was_left_is_closed_first_and_changed_then() -> None:
    """Only what still names the source; the clone, where clients are at work, is left alone."""
    observed = world({"tags": AT_REST}, destinations=(*destinations(), here("clone")))
    plan = planned(completed(observed))
    assert [type(step.action) for step in plan.steps] == [ChangeSql, EndSessions, PointSecret, PointParameter]
    assert {step.action.region for step in plan.steps} == {REGION}
    for step in plan.steps[2:]:
        assert [guard for guard in step.guards if isinstance(guard, Fenced)], step.id
    notes = "; ".join(plan.notes)
    assert f"{SOURCE} takes writes beside {CLONE} now: app, report can log in there, and inside are none" in notes
    assert f"daybreak delta {CLONE} --into clone" in notes
    assert f"--{'waive'}" not in notes


@pytest.mark.parametrize(
    ("observed", "says"),
    [
        (
            lost({"tags": AT_REST}, destinations=(here("clone"),)),
            "nothing is left that can be done now: us-east-1 does not say whether",
        ),
        (
            world({"tags": AT_REST}, access=access(roles=()), destinations=(here("clone"),)),
            "nobody but our own login can log in to embi-aurora-cluster",
        ),
        (world(destinations=(*destinations(), here("clone"))), "no traffic is at"),
        (world({"tags": AT_REST}, access=access(may_end=False)), "GRANT pg_signal_backend"),
    ],
    ids=["still lost", "closed", "taken back", "no right"],
)
def test_nothing_is_completed_where_nothing_can_be(observed: Observation, says: str) -> None:
    """Each reason with what was measured."""
    assert says in reasons(completed(observed))


def test_a_closed_source_with_somebody_inside_is_not_closed_yet() -> None:
    """Nobody may log in, since a run ended after that: whoever is inside goes on writing."""
    inside = access(roles=(), inside=("app (2)",))
    plan = planned(completed(world({"tags": AT_REST}, access=inside, destinations=(here("clone"),))))
    assert [type(step.action) for step in plan.steps] == [EndSessions]
    assert "nobody can log in there, and inside are app (2)" in "; ".join(plan.notes)


def test_places_follow_also_while_the_old_server_says_nothing() -> None:
    """Its region answers again, and it does not: nothing is closed, and the plan says so."""
    observed = world({"tags": AT_REST}, access=None, source_silence="it does not answer")
    plan = planned(completed(observed))
    assert [type(step.action) for step in plan.steps] == [PointSecret, PointParameter, PointParameter]
    assert f"{SOURCE} is not closed by this either: it does not answer" in "; ".join(plan.notes)


# -- and back


def back(observed: Observation, **changes: Any) -> Plan | Refusal:
    """The answer to a rollback of a cutover that fenced nothing."""
    moved = planned(made(lost(), unfenced=SOURCE, leaves=LABELS))
    asked: RollbackRequest = go_back_request(deeds(moved, until=len(moved.steps))).model_copy(
        update={"home": REGION, "source_before": BEFORE, "is_unfenced": True} | changes
    )
    return plan_of(asked, abroad(), observed, fix_worlds.terms())


def test_nobody_goes_back_to_a_source_that_others_write_to() -> None:
    """Its sequences would be set under their hands; once it is closed, the way is free."""
    observed = world(destinations=(*destinations(), here("clone")))
    assert "close it first: daybreak cutover embi-cutover" in reasons(back(observed))
    plan = planned(back(observed, is_unfenced=False))
    assert [step.action.region for step in plan.steps if isinstance(step.action, PointParameter)] == [AWAY]


def test_nobody_goes_back_to_a_region_that_says_nothing() -> None:
    """Unless its server answers where it was last seen."""
    words = reasons(back(lost()))
    assert f'there is nothing to go back to: {REGION} does not say whether "{SOURCE}" is there' in words
    heard = lost(
        access=access(), is_by_address=True, source_silence="", databases=("embi",), destinations=(here("clone"),)
    )
    plan = planned(back(heard, is_unfenced=False))
    advance = next(step.action for step in plan.steps if isinstance(step.action, AdvanceSequences))
    assert advance.at is not None
    assert (advance.cluster, advance.at.host, advance.past, advance.past_region) == (
        SOURCE,
        "source.example",
        CLONE,
        AWAY,
    )


def test_a_region_is_read_from_an_arn() -> None:
    """The cluster's own."""
    assert region_of(BEFORE) == REGION

"""Planning a clean-up: only what the run created, in the order AWS takes it, and never the source."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daybreak.model.actions import (
    AwaitSnapshot,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    SetClusterOptions,
    TakeSnapshot,
)
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import CleanRequest
from daybreak.model.tags import (
    EXPIRES_TAG,
    NONCE_TAG,
    ORIGIN_TAG,
    RUN_TAG,
)
from daybreak.model.world import Cluster, Endpoint, Instance, ParameterGroup
from daybreak.plan.calls import Owner, call_of, owner_of, stamp_of
from daybreak.plan.clean import (
    STAYS,
    needs_name,
    removes_all,
)
from daybreak.plan.planner import plan_of
from tests import fix_worlds
from tests.fix_operations import names_touched
from tests.fix_worlds import REGION, SOURCE

RUN = "embi-aurora-pitr-202401151430-7k2"
NONCE = "4f2a"
OURS = {RUN_TAG: RUN, NONCE_TAG: NONCE}
THEIRS = {RUN_TAG: RUN, NONCE_TAG: "91c0"}
"""What another run of the same plan created."""


def clone(**changes: Any) -> Cluster:
    """The clone as the run left it."""
    defaults: dict[str, Any] = {"identifier": RUN, "is_protected": False, "tags": OURS, "members": ()}
    return fix_worlds.cluster(**(defaults | changes))


def inside(number: int, **changes: Any) -> Instance:
    """An instance of the clone."""
    defaults: dict[str, Any] = {"identifier": f"{RUN}-{number}", "cluster": RUN, "tags": OURS}
    return fix_worlds.instance(1, **(defaults | changes))


def group(**changes: Any) -> ParameterGroup:
    """The quarantine group."""
    defaults: dict[str, Any] = {"name": f"{RUN}-quarantine", "family": "aurora-postgresql16", "tags": OURS}
    return ParameterGroup(**(defaults | changes))


def endpoint(number: int = 1, **changes: Any) -> Endpoint:
    """A custom endpoint of the clone."""
    defaults: dict[str, Any] = {
        "identifier": f"{RUN}-e{number}",
        "cluster": RUN,
        "kind": "READER",
        "status": "available",
        "tags": OURS,
    }
    return Endpoint(**(defaults | changes))


def left(**changes: Any) -> Observation:
    """What a run left behind."""
    defaults: dict[str, Any] = {
        "seen": fix_worlds.NOW,
        "identity": fix_worlds.identity(),
        "cluster": clone(),
        "instances": (inside(1), inside(2)),
        "parameter_group": group(),
    }
    return Observation(**(defaults | changes))


def cleaned(seen: Observation, run: str = RUN) -> Plan | Refusal:
    """The plan of the clean-up, or its refusal."""
    return plan_of(
        CleanRequest(target="embi", run=run, nonce=NONCE, suffix="9x4"), fix_worlds.target(), seen, fix_worlds.terms()
    )


def slugs(seen: Observation) -> list[str]:
    """The steps of the clean-up, without their numbers."""
    made = cleaned(seen)
    assert isinstance(made, Plan), made
    return [step.id.partition("-")[2] for step in made.steps]


def test_the_order_is_the_one_that_aws_takes() -> None:
    """Protection, instances, cluster, its disappearance, group: any other order is refused half-way."""
    assert slugs(left(cluster=clone(is_protected=True))) == [
        "lift-protection",
        "delete-instance-1",
        "delete-instance-2",
        "delete-cluster",
        "await-gone",
        "delete-parameter-group",
    ]


def test_a_clone_that_the_traffic_has_left_is_removed_after_a_final_snapshot() -> None:
    """Clients wrote in it, so nothing is removed before the snapshot is whole, and the name is typed."""
    seen = left(cluster=clone(tags=OURS | {EXPIRES_TAG: "left: embi-aurora-rollback-1", ORIGIN_TAG: SOURCE}))
    made = cleaned(seen)
    assert isinstance(made, Plan)
    take, wait, *rest = made.steps
    assert (type(take.action), type(wait.action), wait.after) == (TakeSnapshot, AwaitSnapshot, (take.id,))
    assert rest
    assert all(step.after for step in rest), "nothing begins beside the snapshot"
    assert any(wait.id in step.after for step in rest)
    assert needs_name(made)
    plain = cleaned(left())
    assert isinstance(plain, Plan)
    assert not needs_name(plain)


def test_a_clone_that_serves_is_never_removed() -> None:
    """Not by its name either: the traffic goes back first."""
    made = cleaned(left(cluster=clone(tags=OURS | {EXPIRES_TAG: "never: embi-aurora-cutover-1"})))
    assert isinstance(made, Refusal)
    assert "daybreak rollback embi-aurora-cutover-1" in "; ".join(made.reasons)


def test_custom_endpoints_go_before_the_cluster_and_one_that_is_going_is_left_to_go() -> None:
    """A name that stays taken stops the next clone's endpoint; AWS refuses to delete one twice."""
    steps = slugs(left(instances=(), endpoints=(endpoint(1), endpoint(2, status="deleting"), endpoint(3))))
    assert steps[:3] == ["delete-endpoint-1", "delete-endpoint-2", "delete-cluster"]


def test_what_is_not_there_is_not_removed() -> None:
    """A run that died early left less; its clean-up is shorter."""
    assert slugs(left(instances=())) == ["delete-cluster", "await-gone", "delete-parameter-group"]
    assert slugs(left(cluster=None, instances=())) == ["delete-parameter-group"]
    assert slugs(left(parameter_group=None, instances=())) == ["delete-cluster", "await-gone"]
    assert "lift-protection" not in slugs(left(cluster=clone(is_protected=True, status="deleting")))


def test_nothing_left_is_a_refusal_that_says_so() -> None:
    """An empty plan would look like a clean-up that did something."""
    answer = cleaned(left(cluster=None, instances=(), parameter_group=None))
    assert isinstance(answer, Refusal)
    assert answer.reasons == (f'nothing that "{RUN}" created exists any more',)


def test_a_clone_that_is_not_ours_keeps_all_that_is_inside_it() -> None:
    """Somebody took its tag away, or made another of its name: the sentences say so, and what a person can do."""
    answer = cleaned(left(cluster=clone(tags=THEIRS, parameter_group=group().name)))
    assert isinstance(answer, Refusal)
    mark = f"the tag {NONCE_TAG}={NONCE}"
    assert answer.reasons == (
        f'the cluster "{RUN}" does not carry {mark}: this run did not create it, or somebody removed the tag',
        f'what is inside the cluster "{RUN}" stays with it',
        f'the parameter group "{RUN}-quarantine" is used by {RUN}',
    )
    assert answer.hints == (
        f'if the cluster "{RUN}" is the run\'s own, give it {mark} back, then: daybreak clean {RUN}',
    )


@pytest.mark.parametrize(
    ("changes", "steps", "stays"),
    [
        ({"cluster": clone(tags={})}, ["delete-parameter-group"], [f'the cluster "{RUN}" ', "what is inside"]),
        (
            {"parameter_group": group(tags={})},
            ["delete-instance-1", "delete-instance-2", "delete-cluster", "await-gone"],
            [f'the parameter group "{RUN}-quarantine" '],
        ),
        (
            {
                "cluster": clone(is_protected=True, parameter_group=group().name),
                "instances": (inside(1), inside(2, tags=THEIRS)),
            },
            ["delete-instance-1"],
            [f'the instance "{RUN}-2" of the clone ', f'the cluster "{RUN}" has ', "the parameter group "],
        ),
        (
            {"instances": (inside(1),), "endpoints": (endpoint(1), endpoint(2, tags={}))},
            ["delete-instance-1", "delete-endpoint-1", "delete-parameter-group"],
            [f'the custom endpoint "{RUN}-e2" of the clone ', f'the cluster "{RUN}" has '],
        ),
        (
            {"strays": (clone(identifier="tenant", tags={}, parameter_group=group().name),)},
            ["delete-instance-1", "delete-instance-2", "delete-cluster", "await-gone"],
            [f'the parameter group "{RUN}-quarantine" is used by tenant'],
        ),
    ],
)
def test_what_is_ours_goes_and_what_is_anothers_stays(
    changes: dict[str, Any], steps: list[str], stays: list[str]
) -> None:
    """One foreign thing stopped a clean-up for ever, and the clone went on costing money."""
    made = cleaned(left(**changes))
    assert isinstance(made, Plan), made
    assert [step.id.partition("-")[2] for step in made.steps] == steps
    said = [note.removeprefix(STAYS) for note in made.notes if note.startswith(STAYS)]
    assert len(said) == len(stays)
    assert all(note.startswith(beginning) for note, beginning in zip(said, stays, strict=True)), said
    assert not removes_all(made)
    assert removes_all(_plain())


def test_a_clone_that_got_another_name_is_named_and_left() -> None:
    """A new name is how a clone takes production's place: it is not removed, and what it runs on stays with it."""
    renamed = clone(identifier="embi-production", parameter_group=group().name)
    answer = cleaned(left(cluster=None, instances=(), strays=(renamed,)))
    assert isinstance(answer, Refusal)
    assert answer.reasons == (
        f'the cluster "embi-production" carries the tag {NONCE_TAG}={NONCE}: somebody gave the clone that name, and may use it',
        f'the parameter group "{RUN}-quarantine" is used by embi-production',
    )
    assert answer.hints == (
        f'to remove it, give the cluster "embi-production" the name {RUN} again, then: daybreak clean {RUN}',
    )


def test_the_source_is_never_cleaned_whatever_its_tags_say() -> None:
    """Somebody copied the tags of a clone to production; its name must be enough."""
    tagged = fix_worlds.cluster(tags={RUN_TAG: SOURCE, NONCE_TAG: NONCE})
    answer = cleaned(left(cluster=tagged, instances=(), parameter_group=None), run=SOURCE)
    assert isinstance(answer, Refusal)
    assert answer.reasons == (f'"{SOURCE}" is the source itself',)


TAGS = st.sampled_from([OURS, OURS, OURS, THEIRS, {}])


@settings(max_examples=300, derandomize=True)
@given(
    cluster=st.none()
    | st.builds(clone, tags=TAGS, is_protected=st.booleans(), status=st.sampled_from(["available", "deleting"])),
    instances=st.lists(
        st.builds(inside, st.integers(1, 15), tags=TAGS), max_size=5, unique_by=lambda one: one.identifier
    ),
    parameter_group=st.none() | st.builds(group, tags=TAGS),
    endpoints=st.lists(
        st.builds(endpoint, st.integers(1, 5), tags=TAGS), max_size=3, unique_by=lambda one: one.identifier
    ),
)
def test_only_what_is_ours_is_ever_removed(
    cluster: Cluster | None,
    instances: list[Instance],
    parameter_group: ParameterGroup | None,
    endpoints: list[Endpoint],
) -> None:
    """Random inventories: what a plan removes carries our tag, is guarded, and no backup is dropped with it."""
    inside_it = {"instances": tuple(instances), "endpoints": tuple(endpoints)} if cluster else {"instances": ()}
    made = cleaned(left(cluster=cluster, parameter_group=parameter_group, **inside_it))
    if isinstance(made, Refusal):
        return
    ours = {one.identifier for one in instances if one.tags == OURS}
    ours |= {one.identifier for one in endpoints if one.tags == OURS}
    ours |= {RUN} if cluster and cluster.tags == OURS else set()
    ours |= {f"{RUN}-quarantine"} if parameter_group and parameter_group.tags == OURS else set()
    for step in made.steps:
        if isinstance(
            step.action, SetClusterOptions | DeleteEndpoint | DeleteCluster | DeleteInstance | DeleteParameterGroup
        ):
            call = call_of(step.action, stamp_of(made), REGION)
            assert call is not None
            assert ours.issuperset(names_touched(call))
            whose = "ours" if isinstance(step.action, SetClusterOptions) else "ours-or-absent"
            assert [guard.kind for guard in step.guards] == [whose, "not-the-source"]
            assert "DeleteAutomatedBackups" not in call.params
    assert owner_of(made, "its own") == Owner(run=RUN, nonce=NONCE)


# -- where no journal vouches


CLONED = OURS | {ORIGIN_TAG: SOURCE}


def doubted(seen: Observation, nonce: str | None = NONCE, run: str = RUN) -> Plan | Refusal:
    """The plan of a clean-up whose run's journal cannot be read, or its refusal."""
    request = CleanRequest(target="embi", run=run, nonce=nonce, suffix="9x4", doubt="its journal is damaged")
    return plan_of(request, fix_worlds.target(), seen, fix_worlds.terms())


def test_tags_decide_where_the_journal_cannot() -> None:
    """The run, its source, its nonce and the account: then the plan says why it believes in them."""
    made = doubted(left(cluster=clone(tags=CLONED)))
    assert isinstance(made, Plan)
    assert [step.id for step in made.steps] == [step.id for step in _plain().steps]
    assert "tags alone say what is removed, because the journal could not: its journal is damaged" in made.notes
    assert _plain().notes == ()


def _plain() -> Plan:
    made = cleaned(left(cluster=clone(tags=CLONED)))
    assert isinstance(made, Plan)
    return made


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"cluster": clone(tags=CLONED | {RUN_TAG: "other"})},
            f'the cluster "{RUN}" does not carry the tag {RUN_TAG}={RUN}',
        ),
        ({"cluster": clone(tags=CLONED | {ORIGIN_TAG: "x"})}, f'the tag {ORIGIN_TAG} of the cluster "{RUN}" names "x"'),
        ({"cluster": clone(tags=OURS)}, f'the tag {ORIGIN_TAG} of the cluster "{RUN}" is missing'),
        (
            {"cluster": clone(tags=CLONED | {NONCE_TAG: "x"})},
            f'the cluster "{RUN}" does not carry the tag {NONCE_TAG}={NONCE}',
        ),
        ({"cluster": clone(tags=CLONED, arn="arn:aws:rds:r:999:cluster:c")}, "belongs to the account 999"),
        (
            {"instances": (inside(1, tags={NONCE_TAG: NONCE}),)},
            f'the instance "{RUN}-1" of the clone does not carry the tag {RUN_TAG}',
        ),
        (
            {"endpoints": (endpoint(1, tags={NONCE_TAG: NONCE}),)},
            f'the custom endpoint "{RUN}-e1" of the clone does not carry the tag',
        ),
        ({"parameter_group": group(tags={NONCE_TAG: NONCE})}, f'the parameter group "{RUN}-quarantine" does not carry'),
    ],
)
def test_whatever_the_tags_do_not_show_as_ours_stays(changes: dict[str, Any], reason: str) -> None:
    """Each thing that is not as it must be is named with its reason, and is in no step."""
    answer = doubted(left(**({"cluster": clone(tags=CLONED, parameter_group=group().name)} | changes)))
    said = answer.reasons if isinstance(answer, Refusal) else answer.notes
    assert any(reason in each for each in said), said
    assert isinstance(answer, Refusal) == ("parameter_group" not in changes)


@pytest.mark.parametrize(
    ("run", "origin", "reason"),
    [
        ("orders", "orders", '"orders" is the source itself'),
        (RUN, RUN.upper(), f'"{RUN}" is the source itself'),
        ("orders", SOURCE, f'no clone of "{SOURCE}" is ever named "orders"'),
        ("orders-pitr-202401151430-7k2", SOURCE, f'no clone of "{SOURCE}" is ever named "orders-pitr-'),
        (f"{RUN}-old", SOURCE, f'no clone of "{SOURCE}" is ever named "{RUN}-old"'),
    ],
)
def test_tags_cannot_make_a_clone_of_a_cluster_that_has_another_name(run: str, origin: str, reason: str) -> None:
    """Whoever may tag a cluster may not have it deleted: a clone's name is one that we give."""
    tagged = clone(identifier=run, tags={RUN_TAG: run, NONCE_TAG: NONCE, ORIGIN_TAG: origin})
    answer = doubted(left(cluster=tagged, instances=(), parameter_group=None), run=run)
    assert isinstance(answer, Refusal)
    assert any(reason in each for each in answer.reasons), answer.reasons


def test_the_removal_promises_nothing_that_nobody_asked() -> None:
    """Whether a backup still reaches the clone's moment was not looked at; what was written into the clone is in none."""
    (deletion,) = (step for step in _plain().steps if isinstance(step.action, DeleteCluster))
    assert (
        deletion.reason
        == "a forgotten clone goes on costing money; no final snapshot is made: what is only in this clone is lost"
    )


def test_a_clone_of_a_release_that_drew_no_nonce_is_known_by_its_run() -> None:
    """An old run's journal can be damaged as well; a clone with a nonce is never taken for one of those."""
    old = {RUN_TAG: RUN, ORIGIN_TAG: SOURCE}
    seen = left(cluster=clone(tags=old), instances=(inside(1, tags=old),), parameter_group=group(tags=old))
    assert isinstance(doubted(seen, nonce=None), Plan)
    assert isinstance(doubted(left(cluster=clone(tags=CLONED)), nonce=None), Refusal)

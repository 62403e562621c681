"""Whether a plan made earlier may begin: each change of the world and each edit is found, and what merely lives on is not one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from daybreak.model.actions import Validate
from daybreak.model.guards import Unwritten
from daybreak.model.kept import Kept
from daybreak.model.moment import Latest
from daybreak.model.observation import Observation
from daybreak.model.plan import (
    Gap,
    Plan,
    Step,
    StepId,
)
from daybreak.model.spelling import Spelling
from daybreak.model.targets import Waiver
from daybreak.model.things import Thing
from daybreak.model.value import (
    Span,
    stamp,
)
from daybreak.model.world import (
    Instance,
    Member,
    ParameterGroup,
    ProxyTarget,
    Scaling,
    ServerlessRange,
    Surroundings,
    Unseen,
    Window,
)
from daybreak.plan import starting
from daybreak.plan.planner import plan_of
from daybreak.plan.sights import as_planned, differences_only_compared
from tests import fix_worlds
from tests.fix_worlds import NOW, SOURCE


def objections_to_starting(plan: Plan, seen: Observation) -> tuple[str, ...]:
    """The objections on the terms of the plan that every test here makes."""
    return starting.objections_to_starting(plan, seen, fix_worlds.terms())


def cluster(**changes: Any) -> Observation:
    """The world with another state of the source."""
    return fix_worlds.observation(cluster=fix_worlds.cluster(**changes))


CHANGED: dict[str, tuple[Callable[[], Observation], str]] = {
    "account": (
        lambda: fix_worlds.observation(identity=fix_worlds.identity(account="999999999999")),
        "the plan is for account 123456789012, and this is account 999999999999",
    ),
    "region": (
        lambda: fix_worlds.observation(identity=fix_worlds.identity(region="eu-west-1")),
        "this is region eu-west-1",
    ),
    "endpoint": (
        lambda: fix_worlds.observation(identity=fix_worlds.identity(endpoint="http://127.0.0.1:1")),
        "the plan is for endpoint AWS, and this is endpoint http://127.0.0.1:1",
    ),
    "expired": (lambda: fix_worlds.observation(seen=NOW + timedelta(hours=1, seconds=1)), "the plan expired at"),
    "key": (lambda: fix_worlds.observation(key=None), "cannot be looked at"),
    "name": (lambda: fix_worlds.observation(names_taken=(fix_worlds.plan().clone,)), "exists already"),
    "another cluster": (
        lambda: cluster(resource_id="cluster-NEW"),
        f'"{SOURCE}" was cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ, now it is cluster-NEW',
    ),
    "window": (
        lambda: cluster(window=Window(earliest=NOW - timedelta(minutes=9), latest=NOW)),
        "lies before the restorable window",
    ),
    "protection": (
        lambda: cluster(is_protected=False),
        "set-cluster-options: is_protected was True, now it would be None",
    ),
    "retention": (lambda: cluster(backup_retention=timedelta(days=7)), "backup_retention was 'P30D'"),
    "serverless": (lambda: cluster(serverless=ServerlessRange(low=1, high=2)), "serverless was None"),
    "port": (lambda: cluster(port=6000), "port was 5432, now it would be 6000"),
    "failed over, and the reader of another class": (
        lambda: fix_worlds.observation(
            cluster=fix_worlds.cluster(
                members=(
                    Member(identifier=f"{SOURCE}-1", is_writer=False),
                    Member(identifier=f"{SOURCE}-2", is_writer=True),
                )
            ),
            instances=(fix_worlds.instance(1), fix_worlds.instance(2, instance_class="db.r6g.xlarge")),
        ),
        "instance_class was 'db.r6g.large', now it would be 'db.r6g.xlarge'",
    ),
    "group": (
        lambda: fix_worlds.observation(
            parameter_group=ParameterGroup(name="default.aurora-postgresql16", family="aurora-postgresql16")
        ),
        "create-parameter-group would now be needed",
    ),
    "a library in the source's group": (
        lambda: fix_worlds.observation(
            parameter_group=ParameterGroup(
                name="embi-aurora-params",
                family="aurora-postgresql16",
                parameters={"shared_preload_libraries": "pg_cron"},
            )
        ),
        "the parameter group \"embi-aurora-params\": shared_preload_libraries was None, now it is 'pg_cron'",
    ),
    "upgraded": (lambda: cluster(engine_version="16.8"), "engine version was '16.6', now it is '16.8'"),
    "quarantine": (
        lambda: fix_worlds.observation(settable=("max_logical_replication_workers",)),
        "set-quarantine: parameters.cron.launch_active_jobs was 'off', now it would be None",
    ),
}


@pytest.mark.parametrize("case", CHANGED)
def test_each_change_of_the_world_keeps_the_plan_from_starting(case: str) -> None:
    """What was approved is what is done: a world that changed since needs a new plan and a new approval."""
    make, reason = CHANGED[case]
    objections = objections_to_starting(fix_worlds.plan(), make())
    assert [each for each in objections if reason in each], objections


def around(**changes: Any) -> Observation:
    """The world with something beside the cluster."""
    beside: dict[str, Any] = {
        "scaling": Scaling(low=1, high=3),
        "proxies": (ProxyTarget(proxy="front", target_group="default"),),
    }
    return fix_worlds.observation(surroundings=Surroundings(**(beside | changes)))


def denied(what: str) -> dict[str, Any]:
    """What is beside the cluster, seen by somebody who may not look at one part of it."""
    nothing = None if what == "scaling" else ()
    return {what: nothing, "unseen": (Unseen(what=what, why="access denied"),)}


ONLY_COMPARED: dict[str, tuple[Callable[[], Observation], str]] = {
    "a tag is gone": (lambda: around_with(tags={"Environment": "production"}), "the tag CostCenter of the source embi-aurora-cluster was 4711 and is gone"),
    "a tag is new": (lambda: around_with(tags=fix_worlds.TAGS | {"incident": "43"}), "the tag incident of the source embi-aurora-cluster is new: 43"),
    "a reader is new": (lambda: around_with(instances=tuple(map(fix_worlds.instance, (1, 2, 3)))), "the instance embi-aurora-cluster-3 is new"),
    "a reader is gone": (lambda: around_with(instances=(fix_worlds.instance(1),)), "the instance embi-aurora-cluster-2 is gone"),
    "failed over": (lambda: around_with(members=(Member(identifier=f"{SOURCE}-1", is_writer=False), Member(identifier=f"{SOURCE}-2", is_writer=True))), "the writer was embi-aurora-cluster-1, now it is embi-aurora-cluster-2"),
    "another tier": (lambda: around_with(instances=(fix_worlds.instance(1), fix_worlds.instance(2, tier=9))), "the promotion tier of embi-aurora-cluster-2 was 1, now it is 9"),
    "more readers by autoscaling": (lambda: around(scaling=Scaling(low=1, high=6)), "autoscaling was 1 to 3 readers, now it is 1 to 6 readers"),
    "no autoscaling": (lambda: around(scaling=None), "autoscaling was 1 to 3 readers and is gone"),
    "another proxy": (lambda: around(proxies=()), "proxies: front; now none"),
    "autoscaling denied": (lambda: around(**denied("scaling")), "not compared: autoscaling (access denied)"),
    "proxies denied": (lambda: around(**denied("proxies")), "not compared: proxies (access denied)"),
    "security groups denied": (lambda: around(**denied("security_groups")), "not compared: security groups (access denied)"),
}  # fmt: skip
"""What happens to a source beside the restore, and what is said of it."""


def around_with(instances: tuple[Instance, ...] | None = None, **changes: Any) -> Observation:
    """The same world, with another cluster or other instances."""
    more = {"instances": instances} if instances else {}
    return around().model_copy(update={"cluster": fix_worlds.cluster(**changes), **more})


@pytest.mark.parametrize("case", ONLY_COMPARED)
def test_what_a_clone_is_only_compared_with_refuses_no_plan(case: str) -> None:
    """Nobody wants to plan anew, and be approved anew, because production failed over meanwhile: it is said, and the plan stays."""
    make, words = ONLY_COMPARED[case]
    plan = fix_worlds.plan(seen=around())
    assert objections_to_starting(plan, make()) == ()
    assert differences_only_compared(plan, make()) == (words,)
    assert differences_only_compared(plan, around()) == ()


@pytest.mark.parametrize("what", ["scaling", "proxies", "endpoints", "subnets"])
def test_what_the_plan_could_not_look_at_is_compared_with_nothing(what: str) -> None:
    """Whoever begins it may see more than whoever planned."""
    plan = fix_worlds.plan(seen=around(**denied(what)))
    today = around(**({"subnets": ("subnet-1",)} if what == "subnets" else {}))
    assert objections_to_starting(plan, today) == ()
    (said,) = differences_only_compared(plan, today)
    assert said.startswith("not compared: ")


def test_a_reader_that_is_gone_is_believed_only_as_far_as_the_writer_is_like_it() -> None:
    """Nothing proves any more what a plan says of it, so a plan could make whatever it likes."""
    plan = fix_worlds.plan(
        seen=around_with((fix_worlds.instance(1), fix_worlds.instance(2, instance_class="db.r6g.xlarge")))
    )
    (first, *_) = objections_to_starting(plan, around_with((fix_worlds.instance(1),)))
    assert "create-reader-2: instance_class was 'db.r6g.xlarge', now it would be 'db.r6g.large'" in first


def test_another_cluster_of_the_name_is_no_difference_to_be_passed_over() -> None:
    """Its tags and readers are another cluster's: the plan is refused, and nothing is put in the place of what is seen."""
    plan, another = fix_worlds.plan(seen=around()), around_with(resource_id="cluster-ANOTHER", tags={})
    assert objections_to_starting(plan, another)
    assert differences_only_compared(plan, another) == ()


def test_a_tag_of_a_run_is_todays() -> None:
    """It says whose a cluster is; a plan's word does not count for that."""
    seen = as_planned(fix_worlds.plan(), cluster(tags={"daybreak:run": "other", "incident": "43"}))
    assert seen.cluster is not None
    assert seen.cluster.tags == fix_worlds.TAGS | {"daybreak:run": "other"}
    claimed = fix_worlds.plan(seen=cluster(tags=fix_worlds.TAGS | {"daybreak:run": "ours"}))
    seen = as_planned(claimed, cluster(tags={}))
    assert seen.cluster is not None
    assert seen.cluster.tags == fix_worlds.TAGS


def test_a_question_of_the_login_that_is_refused_today_refuses_no_plan() -> None:
    """Its remark orders nothing: whether the secret was changed is asked again when the clone answers."""
    changed = fix_worlds.observation(login_changed=NOW, login_versions=2)
    reset = fix_worlds.observation(password_reset=NOW)
    for seen in (changed, reset):
        plan = fix_worlds.plan(seen=seen)
        assert plan.notes != fix_worlds.plan().notes
        assert objections_to_starting(plan, fix_worlds.observation()) == ()


def test_a_world_that_merely_lives_on_is_no_objection() -> None:
    """The window moves on, load changes the size, somebody looks from another terminal."""
    later = fix_worlds.observation(
        seen=NOW + timedelta(minutes=30),
        identity=fix_worlds.identity(caller="arn:aws:iam::123456789012:user/second"),
        cluster=fix_worlds.cluster(
            window=Window(earliest=NOW - timedelta(days=29), latest=NOW + timedelta(minutes=25)), status="backing-up"
        ),
        size=41 * 1024**3,
    )
    assert objections_to_starting(fix_worlds.plan(), later) == ()
    latest = fix_worlds.plan(request=fix_worlds.pitr_request(moment=Latest(), words="latest"))
    assert objections_to_starting(latest, fix_worlds.observation()) == ()


def test_planning_again_on_the_same_terms_gives_the_same_plan() -> None:
    """Otherwise every plan would object to itself."""
    plan = fix_worlds.plan()
    again = plan_of(plan.request, plan.target, fix_worlds.observation(), fix_worlds.terms())
    assert again.digest() == plan.digest()


def test_a_name_that_means_nothing_now_is_a_remark_and_no_reason() -> None:
    """The table may have been there at the moment: it may be what the restore is for."""
    seen = fix_worlds.observation(spelling=Spelling(named=2, mistakes=("no table x",), silences=("y was locked",)))
    notes = [note for note in fix_worlds.plan(seen=seen).notes if "daybreak.toml" in note]
    assert notes == ["daybreak.toml names what is not there now: no table x"]
    assert not [note for note in fix_worlds.plan().notes if "names what is not there" in note]


def resealed(**changes: Any) -> Plan:
    """The plan after an editor had it, who reckoned the digest anew."""
    return Plan.model_validate(fix_worlds.plan().model_dump() | changes)


def steps_with(field: str, value: Any, slug: str = "create-writer") -> Plan:
    """The plan with another value in one field of one step."""
    plain = fix_worlds.plan().model_dump()
    step = next(each for each in plain["steps"] if each["id"].endswith(slug))
    step[field] = value
    return Plan.model_validate(plain)


WRITTEN = Unwritten(thing=Thing(kind="cluster", name="c", region="us-east-1"), database="d", login="env:X")

EDITS: dict[str, Callable[[], Plan]] = {
    "format": lambda: resealed(format=1),
    "run": lambda: resealed(run="another-run"),
    "source": lambda: resealed(source="another-source"),
    "clone": lambda: resealed(clone="another-clone"),
    "expires": lambda: resealed(expires=NOW + timedelta(days=2000)),
    "objectives": lambda: resealed(objectives={"rpo": "P30D", "rto": "P30D", "retention": "P30D"}),
    "keep_until": lambda: resealed(keep_until=NOW + timedelta(days=2000)),
    "tags": lambda: resealed(tags={}),
    "parity": lambda: resealed(parity=("engine: as it must be",)),
    "notes": lambda: resealed(notes=("nothing to see here",)),
    "moment": lambda: resealed(moment=NOW),
    "gap": lambda: resealed(
        gap=Gap(opens=StepId("01-a"), closes=StepId("02-b"), budget=Span(hours=9), unwritten=WRITTEN)
    ),
}
"""Each field of a plan that an editor gave another value."""

STEP_EDITS: dict[str, Callable[[], Plan]] = {
    "id": lambda: steps_with("id", "99-create-writer"),
    "reason": lambda: steps_with("reason", "because"),
    "after": lambda: steps_with("after", ()),
    "after_settled": lambda: steps_with("after_settled", (), "await-sql"),
    "guards": lambda: steps_with("guards", ()),
    "estimate": lambda: steps_with("estimate", {"low": "PT0S", "high": "PT0S", "evidence": "known"}),
    "undo": lambda: steps_with("undo", None),
    "when_refused": lambda: steps_with("when_refused", "fail"),
    "is_on_request": lambda: steps_with("is_on_request", False, "manage-password"),  # noqa: FBT003
    "openings": lambda: steps_with("openings", ()),
}
"""The same of a step."""


@pytest.mark.parametrize("field", EDITS)
def test_each_edited_field_keeps_the_plan_from_starting(field: str) -> None:
    """A digest has no key: whoever edits a plan can seal it again."""
    objections = objections_to_starting(EDITS[field](), fix_worlds.observation())
    words = field.replace("_", " ")
    assert [each for each in objections if f"made by its own request: {words}" in each], objections


@pytest.mark.parametrize("field", STEP_EDITS)
def test_each_edited_field_of_a_step_keeps_the_plan_from_starting(field: str) -> None:
    """The same of a step: its id is what the others wait for."""
    objections = objections_to_starting(STEP_EDITS[field](), fix_worlds.observation())
    words = "step 99-create-writer is no longer needed" if field == "id" else f": {field.replace('_', ' ')}"
    assert [each for each in objections if words in each], objections


def test_no_field_of_a_plan_is_forgotten() -> None:
    """A new field is compared, and has its edit here, or stands among those that may differ, with the reason."""
    assert {*EDITS, *starting.NOT_OF_PLANS} == set(Plan.model_fields)
    assert {*STEP_EDITS, *starting.NOT_OF_STEPS} == set(Step.model_fields)
    assert not EDITS.keys() & starting.NOT_OF_PLANS.keys()
    assert starting.NOT_OF_VALIDATIONS.keys() <= set(Validate.model_fields)


def test_a_plan_that_was_made_in_the_future_does_not_start() -> None:
    """Else it would never expire."""
    ahead = NOW + timedelta(days=2000)
    objections = objections_to_starting(resealed(created=ahead, expires=ahead), fix_worlds.observation())
    assert objections == (f"the plan says that it was made at {stamp(ahead)}, and that is in the future",)


EVIDENCE: dict[str, Callable[[Validate], Any]] = {
    "cluster": lambda action: {"source_seen": fix_worlds.cluster(engine_version="15.4")},
    "instance": lambda action: {"instances_seen": (fix_worlds.instance(1, ca="old"), *action.instances_seen[1:])},
    "surroundings": lambda action: {"surroundings_seen": Surroundings(subnets=("subnet-0",))},
    "baseline": lambda action: {
        "baseline": Kept(kind="baseline", target="embi", stands_for=fix_worlds.MOMENT, sha256="0" * 64)
    },
    "no source": lambda action: {"source_seen": None},
}
"""What an editor may want a clone to be compared with."""


@pytest.mark.parametrize("case", EVIDENCE)
def test_a_clone_is_compared_with_what_was_seen(case: str) -> None:
    """Whoever edits the evidence decides the verdict."""
    made = fix_worlds.plan()
    steps = tuple(
        step.model_copy(update={"action": step.action.model_copy(update=EVIDENCE[case](step.action))})
        if isinstance(step.action, Validate)
        else step
        for step in made.steps
    )
    objections = objections_to_starting(made.model_copy(update={"steps": steps}), fix_worlds.observation())
    assert any(each.startswith("the world has changed: ") for each in objections), objections


def test_a_plan_is_for_the_target_of_today() -> None:
    """What was promised, and what must be true of the clone, is what daybreak.toml says, whatever a file says."""
    today = fix_worlds.target()
    assert starting.objections_to_target(fix_worlds.plan(), today) == ()
    assert starting.objections_to_target(fix_worlds.plan(), None) == ('no target "embi" is configured',)
    asks = today.model_copy(update={"approval": timedelta(hours=2)})
    renamed = fix_worlds.plan(
        by=today.model_copy(update={"name": "embj"}), request=fix_worlds.pitr_request(target="embj")
    )
    missing, approval = starting.objections_to_target(renamed, None, asks)
    assert missing == 'no target "embj" is configured, and embi-aurora-cluster is the cluster of the target "embi"'
    assert 'otherwise of the target "embi": approval was None' in approval
    typed = Waiver(check="application.health", by="dba", why="no page")
    assert starting.objections_to_target(fix_worlds.plan(by=today.with_waivers((typed,))), today) == ()
    promised = today.model_copy(update={"objectives": today.objectives.model_copy(update={"rto": timedelta(days=30)})})
    (objection,) = starting.objections_to_target(fix_worlds.plan(by=promised), today)
    assert 'otherwise of the target "embi": objectives.rto was ' in objection

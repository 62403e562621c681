"""What a clone is only compared with, as an earlier plan saw it and as it is today.

The law: what decides which data is restored, where, and how safely, is held to today's world, and a plan that differs there is
refused. Tags, promotion tiers, roles of instances, readers that come and go, autoscaling and proxies only say what the clone is
compared with: there the plan's own sight stays, and each difference is said. What nobody could look at is compared with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.actions import AwaitClients, Validate
from daybreak.model.application import ApplicationBefore
from daybreak.model.names import comma_list, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan
from daybreak.model.tags import is_inherited
from daybreak.model.world import Cluster, Instance, Member, Scaling, Surroundings

_WORDS = {
    "parameter_group": "the cluster's parameter group",
    "instance_parameter_groups": "parameter groups of the instances",
    "security_groups": "security groups",
    "subnets": "subnets",
    "endpoints": "custom endpoints",
    "scaling": "autoscaling",
    "proxies": "proxies",
    "connect_policies": "IAM policies for logins",
    "key": "the key",
}
"""What people call the fields of ``Surroundings``."""


def as_planned(plan: Plan, seen: Observation) -> Observation:
    """Today's world, in which what a clone is only compared with is as the plan saw it at the same living source.

    So is how an application was before its traffic moves, which may be another within a second; what refuses a plan is today's.
    """
    seen = _with_application(plan, seen)
    found = _evidence(plan, seen)
    if found is None or seen.cluster is None:
        return seen
    action, was = found
    cluster = seen.cluster.model_copy(
        update={"tags": _tags(was.tags, seen.cluster.tags), "members": _members(was, seen.cluster)}
    )
    changes: dict[str, object] = {"cluster": cluster, "instances": _instances(action.instances_seen, seen)}
    if action.surroundings_seen is not None and seen.surroundings is not None:
        changes["surroundings"] = _surroundings(action.surroundings_seen, seen.surroundings)
    return seen.model_copy(update=changes)


def differences_only_compared(plan: Plan, seen: Observation) -> tuple[str, ...]:
    """In what the source looks otherwise than the plan saw it, without a consequence for the clone, in words."""
    found = _evidence(plan, seen)
    if found is None or seen.cluster is None:
        return ()
    action, was = found
    words = [*_other_tags(f"the source {plan.source}", was.tags, seen.cluster.tags)]
    words += _other_roles(was, seen.cluster)
    words += _other_instances(action.instances_seen, seen.instances)
    if action.surroundings_seen is not None and seen.surroundings is not None:
        words += _other_surroundings(action.surroundings_seen, seen.surroundings)
    return tuple(map(printable, words))


def _with_application(plan: Plan, seen: Observation) -> Observation:
    action = next((step.action for step in plan.steps if isinstance(step.action, AwaitClients)), None)
    if action is None or seen.cutover is None:
        return seen
    now, was = seen.cutover.application, action.before
    known = {page.name: page for page in was.pages}
    pages = tuple(page if page.is_lasting else known.get(page.name, page) for page in now.pages)
    login = now.login
    if login and was.login and login.role == was.login.role and not (login.silence or login.at_clone):
        login = was.login
    both = seen.cutover.model_copy(update={"application": ApplicationBefore(pages=pages, login=login)})
    return seen.model_copy(update={"cutover": both})


def _evidence(plan: Plan, seen: Observation) -> tuple[Validate, Cluster] | None:
    """What the plan saw of the living source that is there today; ``None`` where it saw none, or another cluster."""
    action = next((step.action for step in plan.steps if isinstance(step.action, Validate)), None)
    if action is None or action.source_seen is None or action.capsule is not None or seen.cluster is None:
        return None
    return (action, action.source_seen) if action.source_seen.resource_id == seen.cluster.resource_id else None


def _tags(was: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """The tags as they were; those that are not people's say whose a thing is, and are today's."""
    return {key: value for key, value in was.items() if not _is_reserved(key)} | {
        key: value for key, value in now.items() if _is_reserved(key)
    }


def _is_reserved(key: str) -> bool:
    return not is_inherited(key, frozenset())


def _members(was: Cluster, now: Cluster) -> tuple[Member, ...]:
    """The instances in the roles that they had; what AWS says of their parameters is today's."""
    today = {member.identifier: member.parameter_group_status for member in now.members}
    return tuple(
        member.model_copy(
            update={"parameter_group_status": today.get(member.identifier, member.parameter_group_status)}
        )
        for member in was.members
    )


def _instances(was: tuple[Instance, ...], seen: Observation) -> tuple[Instance, ...]:
    """Today's instances that the plan saw. One that is gone is as today's writer is: a plan's word for it has no proof any more."""
    if not seen.instances or seen.cluster is None:
        return seen.instances
    today = {instance.identifier: instance for instance in seen.instances}
    writers = [member.identifier for member in seen.cluster.members if member.is_writer and member.identifier in today]
    model = today[writers[0]] if writers else seen.instances[0]
    return tuple(
        today.get(each.identifier, model).model_copy(
            update={
                "identifier": each.identifier,
                "tier": each.tier,
                "maintenance_window": today.get(each.identifier, each).maintenance_window,
                "tags": _tags(each.tags, today.get(each.identifier, model).tags),
            }
        )
        for each in was
    )


def _surroundings(was: Surroundings, now: Surroundings) -> Surroundings:
    fields = ["scaling", "proxies", *_fields_unseen(was, now)]
    return now.model_copy(update={field: getattr(was, field) for field in fields} | {"unseen": was.unseen})


def _fields_unseen(was: Surroundings, now: Surroundings) -> dict[str, str]:
    """Each field that nobody could look at, then or now, with the reason."""
    return {each.what: each.why for each in (*was.unseen, *now.unseen) if each.what in Surroundings.model_fields}


def _other_tags(whose: str, was: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) != now.get(key) and not _is_reserved(key):
            yield f"the tag {key} of {whose} {_change(was.get(key), now.get(key))}"


def _change(was: object, now: object) -> str:
    if was is None:
        return f"is new: {now}"
    return f"was {was} and is gone" if now is None else f"was {was}, now it is {now}"


def _other_roles(was: Cluster, now: Cluster) -> Iterator[str]:
    before, after = (
        comma_list(sorted(member.identifier for member in each.members if member.is_writer)) for each in (was, now)
    )
    if before != after:
        yield f"the writer was {before}, now it is {after or 'none'}"


def _other_instances(was: tuple[Instance, ...], now: tuple[Instance, ...]) -> Iterator[str]:
    before, after = ({each.identifier: each for each in instances} for instances in (was, now))
    yield from (f"the instance {name} is new" for name in sorted(after.keys() - before.keys()))
    yield from (f"the instance {name} is gone" for name in sorted(before.keys() - after.keys()))
    for name in sorted(before.keys() & after.keys()):
        if before[name].tier != after[name].tier:
            yield f"the promotion tier of {name} {_change(before[name].tier, after[name].tier)}"
        yield from _other_tags(name, before[name].tags, after[name].tags)


def _other_surroundings(was: Surroundings, now: Surroundings) -> Iterator[str]:
    unseen = _fields_unseen(was, now)
    yield from (f"not compared: {_WORDS[what]} ({why})" for what, why in unseen.items())
    if "scaling" not in unseen and was.scaling != now.scaling:
        before, after = _scaling_words(was.scaling), _scaling_words(now.scaling)
        yield f"autoscaling {_change(before, after)}" if before != after else "the policies of autoscaling are others"
    before_by, after_by = ({each.proxy for each in around.proxies} for around in (was, now))
    if "proxies" not in unseen and before_by != after_by:
        yield f"proxies: {comma_list(sorted(before_by)) or 'none'}; now {comma_list(sorted(after_by)) or 'none'}"


def _scaling_words(scaling: Scaling | None) -> str | None:
    return f"{scaling.low} to {scaling.high} readers" if scaling else None

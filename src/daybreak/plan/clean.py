"""Plan a clean-up: take back what a run did, and nothing else. What is not the run's own stays, and the plan says so.

It is a rollback of what is still there. The order that follows: first lift the protection, because AWS refuses to delete a protected cluster. Then delete custom endpoints and
instances, because AWS refuses to delete a cluster with members. Then delete the cluster, and last the parameter group,
because the cluster uses it until it is gone.
"""

from __future__ import annotations

from datetime import timedelta

from daybreak.model.actions import (
    AwaitSnapshot,
    ClearScratch,
    LoadScratch,
    SetClusterOptions,
    TakeSnapshot,
)
from daybreak.model.names import clean_name, is_clone_name, printable, quarantine_group_name
from daybreak.model.observation import Observation
from daybreak.model.plan import (
    Estimate,
    Plan,
    Refusal,
    RunId,
    Step,
    StepId,
)
from daybreak.model.receiver import Receiver
from daybreak.model.requests import CleanRequest
from daybreak.model.tags import (
    EXPIRES_TAG,
    LEFT,
    NONCE_TAG,
    ORIGIN_TAG,
    PRODUCTION,
    RUN_TAG,
)
from daybreak.model.targets import Target
from daybreak.plan import estimates
from daybreak.plan.archiving import steps_to_give_up
from daybreak.plan.calls import Owner
from daybreak.plan.framing import frame
from daybreak.plan.making import end_export_plan
from daybreak.plan.owning import Own, own_of
from daybreak.plan.rollback import Deed, take_back
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms
from daybreak.plan.undoing import (
    removal_of_cluster,
    removal_of_endpoint,
    removal_of_group,
    removal_of_instance,
    undo_of,
)

_GOING = frozenset({"deleting"})


def clean_plan(request: CleanRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that removes the clone of ``request.run``. ``seen`` holds the clone as its cluster and its instances."""
    if request.is_of_export:
        return _plan_of(_steps_of_export(request, seen), request, target, seen, terms)
    if request.archive is not None:
        return _plan_of(steps_to_give_up(request.archive, request.run, seen), request, target, seen, terms)
    if request.task:
        return end_export_plan(request, target, seen, terms)
    own = own_of(request, seen)
    reasons = _objections(request, target, seen, own) or (() if own.is_anything else _nothing(request, own))
    if reasons:
        hints = own.ways or ("daybreak runs" if request.doubt else f"daybreak show {request.run}",)
        return Refusal(what=f'cleaning up after "{request.run}"', reasons=tuple(reasons), hints=hints)
    steps = _steps(request, target, seen, own)
    notes = (*(f"{STAYS}{each}" for each in own.stays), *own.ways, *_notes(request))
    return _plan_of(steps, request, target, seen, terms).model_copy(update={"notes": notes})


def _plan_of(steps: tuple[Step, ...], request: CleanRequest, target: Target, seen: Observation, terms: Terms) -> Plan:
    return frame(
        target,
        seen,
        terms,
        run=RunId(clean_name(request.run, request.suffix)),
        request=request,
        source=target.cluster,
        clone=request.run,
        steps=steps,
    )


def scratch_of(plan: Plan) -> Receiver | None:
    """At which cluster a run's scratch database stands until it has its name; ``None`` for a run that has none there."""
    return next((step.action.at for step in plan.steps if isinstance(step.action, LoadScratch)), None)


def _steps_of_export(request: CleanRequest, seen: Observation) -> tuple[Step, ...]:
    """What removes the files of a run that brought tables of an export back."""
    sequence = Sequence(seen.identity.region, ())
    # Where the cluster is gone, its scratch database went with it.
    at = request.scratch_at if seen.cluster is not None else None
    sequence.add(
        "clear",
        ClearScratch(run=request.run, at=at),
        "they hold what was fetched, and nothing else is the run's own"
        if at is None
        else "it holds what was fetched; a database that has its own name is nobody's scratch, and stays",
        Estimate(low=timedelta(seconds=1), high=timedelta(seconds=30), evidence="a few files"),
    )
    return tuple(sequence.steps)


STAYS = "it stays: "
"""How a note begins that names something which a clean-up leaves where it is."""


def removes_all(plan: Plan) -> bool:
    """Whether a clean-up leaves nothing that has to do with its run."""
    return not any(note.startswith(STAYS) for note in plan.notes)


def needs_name(plan: Plan) -> bool:
    """Whether a clean-up begins only with the clone's name typed: no journal vouches for it, or it holds what clients wrote."""
    is_kept = any(isinstance(step.action, TakeSnapshot) for step in plan.steps)
    return is_kept or (isinstance(plan.request, CleanRequest) and bool(plan.request.doubt))


def _notes(request: CleanRequest) -> tuple[str, ...]:
    if not request.doubt:
        return ()
    return (
        f"tags alone say what is removed, because the journal could not: {request.doubt}",
        "a process may still carry out the run: end it first",
    )


def _objections_by_tags(request: CleanRequest, target: Target, seen: Observation, own: Own) -> list[str]:
    """What speaks against a clean-up without a journal: run, target and account must match, each by a tag or by name."""
    # A person names the clone: where it is not to be removed, nothing is.
    reasons = [*own.stays] if seen.cluster and not own.cluster else []
    if not is_clone_name(request.run, target.cluster):
        reasons.append(f'no clone of "{target.cluster}" is ever named "{printable(request.run)}"')
    if seen.cluster is None:
        return reasons
    origin, arn = seen.cluster.tags.get(ORIGIN_TAG), seen.cluster.arn.split(":")
    if origin != target.cluster:
        said = f'names "{printable(origin)}"' if origin else "is missing"
        reasons.append(
            f'the tag {ORIGIN_TAG} of the cluster "{request.run}" {said}; the target "{target.name}" is "{target.cluster}"'
        )
    if len(arn) > 4 and arn[4] != seen.identity.account:
        reasons.append(
            f'the cluster "{request.run}" belongs to the account {arn[4]}, and this is {seen.identity.account}'
        )
    return reasons


def _objections(request: CleanRequest, target: Target, seen: Observation, own: Own) -> list[str]:
    if request.run.lower() in (target.cluster.lower(), _origin(seen).lower()):
        return [f'"{request.run}" is the source itself']
    serves = _serves(request, seen)
    return [*serves, *(_objections_by_tags(request, target, seen, own) if request.doubt else [])]


def _serves(request: CleanRequest, seen: Observation) -> list[str]:
    """Why a clone to which traffic was moved is not removed, whoever asks, nor anything of it: also one that took the source's name."""
    owner = Owner(run=request.run, nonce=request.nonce)
    renamed = (each for each in seen.strays if owner.owns(each.tags))
    for each in (*((seen.cluster,) if seen.cluster else ()), *renamed):
        found = each.tags.get(EXPIRES_TAG, "")
        if found.startswith(PRODUCTION):
            run = printable(found.removeprefix(PRODUCTION))
            named = "it" if each is seen.cluster else f'it, which is named "{each.identifier}" now,'
            return [f"traffic was moved to {named} by {run}: take that back first (daybreak rollback {run})"]
    return []


def _nothing(request: CleanRequest, own: Own) -> tuple[str, ...]:
    return own.stays or (f'nothing that "{request.run}" created exists any more',)


def _origin(seen: Observation) -> str:
    """The source that the clone's tag names; empty where no tag names one."""
    return seen.cluster.tags.get(ORIGIN_TAG, "") if seen.cluster else ""


def _steps(request: CleanRequest, target: Target, seen: Observation, own: Own) -> tuple[Step, ...]:
    origin = _origin(seen)
    untouchable = (target.cluster, *((origin,) if origin and origin != target.cluster else ()))
    sequence = Sequence(seen.identity.region, untouchable)
    kept = _keep_in_snapshot(sequence, request, own)
    take_back(_deeds(request, own, seen.identity.region), sequence)
    return tuple(
        step if step.after or step.id in kept else step.model_copy(update={"after": kept[-1:]})
        for step in sequence.steps
    )


def _keep_in_snapshot(sequence: Sequence, request: CleanRequest, own: Own) -> tuple[StepId, ...]:
    """Take a final snapshot of a clone that clients wrote in and that the traffic has left; the ids of its steps, empty for another."""
    if own.cluster is None or not own.cluster.tags.get(EXPIRES_TAG, "").startswith(LEFT):
        return ()
    name, clone = f"{request.run}-final-{request.suffix}", own.cluster
    why = "clients wrote in it after the cutover, and the traffic has left it: nothing else holds those writes"
    # What proves the clone's run proves its snapshot, so that it is known again after a lost reply.
    tags = {RUN_TAG: request.run, ORIGIN_TAG: clone.tags.get(ORIGIN_TAG, "")}
    tags |= {NONCE_TAG: request.nonce} if request.nonce else {}
    take = TakeSnapshot(cluster=clone.identifier, snapshot=name, tags=tags)
    taken = sequence.add("take-final-snapshot", take, why, estimates.SNAPSHOT)
    wait = AwaitSnapshot(snapshot=name, origin=clone.resource_id)
    return taken, sequence.add(
        "await-final-snapshot", wait, "nothing is removed before it is whole", estimates.SNAPSHOT, after=(taken,)
    )


def _deeds(request: CleanRequest, own: Own, region: str) -> list[Deed]:
    """What the run did, as far as anything of it is there: each thing after those that it stands on."""
    deeds: list[Deed] = []
    clone = request.run
    if own.group:
        deeds.append(Deed("parameter-group", removal_of_group(quarantine_group_name(clone))))
    if own.cluster:
        deeds.append(Deed("cluster", removal_of_cluster(clone), ("parameter-group",)))
    going = [each.identifier for each in own.endpoints if each.status in _GOING]
    deeds += [
        *(
            Deed(each.identifier, removal_of_endpoint(clone, each.identifier), ("cluster",))
            for each in reversed(own.endpoints)
            if each.identifier not in going
        ),
        *(
            Deed(each.identifier, removal_of_instance(clone, each.identifier), ("cluster",))
            for each in reversed(own.instances)
        ),
    ]
    if own.cluster and own.cluster.is_protected and own.cluster.status not in _GOING:
        # Taken back first: what AWS may refuse comes before anything is lost.
        protection = SetClusterOptions(clone=clone, is_protected=True)
        deeds.append(Deed("protection", undo_of(protection, region), tuple(deed.name for deed in deeds)))
    return deeds

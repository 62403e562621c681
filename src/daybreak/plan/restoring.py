"""The steps that every restore shares, in the order that keeps it safe.

The quarantine group comes before the cluster, because the cluster takes it when it is created. The storage is complete before
the first instance, because AWS refuses otherwise and because nothing can connect until then: no subscriber, no cron job, no
application. The writer comes at once then, and before the readers, so that the first instance is the planned writer. Nothing is
cut over: a run that stops anywhere leaves a clone that no application uses. After the verdict the journal is anchored in the
clone's tag, so that nobody can rewrite later what the run found.

The shortest road leads from the storage over the writer and its first answer to the judgement of the data: that is when people
can work, and nothing stands on it that need not. All the rest is made beside it: the readers' calls leave as soon as the writer is
there, endpoints follow the instances that they lead to, and the options follow the first answer. That order keeps them out of each
other's way: AWS takes no new instance while a cluster is being modified, and takes a change of the cluster while an instance is
being made, so readers go first and wait for nothing; a change that AWS does not take yet must not hold up the look for the answer,
so the options go last. Deletion protection, one of them, comes after the storage in any case: AWS changes nothing about a cluster
whose restore failed, and a protected one could not be removed.

What AWS says of the whole clone (statuses, parity) is asked at the end, when all of it is there or was left out.
"""

from __future__ import annotations

from typing import Any

from daybreak.model.actions import (
    AnchorJournal,
    AwaitCluster,
    AwaitInstance,
    AwaitParameterGroup,
    AwaitSql,
    CopyParameterGroup,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    ManagePassword,
    Restore,
    SetClusterOptions,
    SetParameters,
    Validate,
)
from daybreak.model.kept import Kept
from daybreak.model.moment import Moment
from daybreak.model.plan import Estimate, Opening, Plan, RunId, Step, StepId
from daybreak.model.tags import ON_CLUSTER, ORIGIN_TAG, PURPOSE_TAG, STATE_TAG, own_tags
from daybreak.model.value import Span
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.arns import arn_of
from daybreak.plan.calls import DRAWN_AT_START, tags_for
from daybreak.plan.conditions import in_quarantine, same_copy, still_quiet, still_the_source
from daybreak.plan.draft import Draft
from daybreak.plan.loss import loss_by
from daybreak.plan.quarantine import CARED_FOR, why_quiet
from daybreak.plan.remarks import (
    is_elsewhere,
    notes_on,
    notes_on_substitutes,
    words_of,
)
from daybreak.plan.road import way_to
from daybreak.plan.sequence import Sequence
from daybreak.plan.source import moment_of
from daybreak.plan.substitutes import substitutes_for, zones_of
from daybreak.plan.terms import Terms
from daybreak.plan.topology import family_of

_OF_THE_DATA: dict[str, Any] = {
    "login": None,
    "tables": {},
    "checks": (),
    "databases": {},
    "baseline": None,
    "application": None,
    "health": (),
}
"""What the validation of the clone as AWS shows it has no question for."""

_AT_ONCE = 20
"""Parameters that AWS sets in one call."""


def clone_plan(draft: Draft, restore: Restore, moment: Moment, terms: Terms) -> Plan:
    """The plan that makes the clone by ``restore``; ``moment`` is the clone's moment."""
    aim = moment_of(draft.request, draft.source)
    lost = loss_by(draft.request, aim, terms.created)
    return Plan(
        run=RunId(draft.clone),
        request=draft.request,
        target=draft.target,
        identity=draft.seen.identity,
        created=terms.created,
        expires=terms.expires,
        zone=terms.zone,
        source=draft.source.name,
        clone=draft.clone,
        window=draft.source.window,
        moment=aim,
        objectives=draft.target.objectives,
        estimate=draft.whole,
        steps=_steps(draft, restore, moment, terms.group_rest, _storage_estimate(draft, restore, moment, terms)),
        notes=(
            *notes_on(draft.request, draft.target, draft.source, draft.seen, draft.whole, lost=lost),
            *notes_on_substitutes(draft.source, draft.staging, draft.instances),
        ),
        keep_until=terms.keep_until,
        tags=tags_for(draft.clone, terms.keep_until),
        parity=tuple(f"{words_of(name)}: {why}" for name, why in draft.permitted.items()),
    )


def storage_settings(draft: Draft) -> dict[str, Any]:
    """The fields that both restore actions share."""
    cluster, storage = draft.source.cluster, draft.source.storage
    facts = cluster or storage
    domain = next(iter(cluster.domains or ()), None) if cluster else None
    # The source's key where it has one: a snapshot may have another account's key, or none.
    key = cluster.kms_key if cluster and cluster.is_encrypted else None
    purpose = "staging" if draft.staging else f"{draft.request.kind}-recovery"
    return {
        "clone": draft.clone,
        "parameter_group": draft.group,
        "subnet_group": draft.network.subnet_group,
        "security_groups": draft.network.security_groups,
        "port": facts.port if facts else None,
        "kms_key": key or (storage.kms_key if storage else None),
        "storage_type": facts.storage_type if facts else None,
        "has_iam_auth": bool(facts and facts.has_iam_auth),
        "log_exports": cluster.log_exports if cluster else (),
        "copies_tags": bool(cluster and cluster.copies_tags),
        "serverless": cluster.serverless if cluster else None,
        "lifecycle": cluster.lifecycle if cluster else None,
        "backup_retention": cluster.backup_retention if cluster else draft.source.recorded_retention,
        "backup_window": facts.backup_window if facts else None,
        "network_type": cluster.network_type if cluster and not is_elsewhere(draft.source, draft.network) else None,
        "domain": domain.directory if domain else None,
        "domain_role": domain.role if domain else None,
        "tags": own_tags(facts.tags if facts else {}, ON_CLUSTER)
        | {PURPOSE_TAG: purpose, ORIGIN_TAG: draft.source.name, STATE_TAG: DRAWN_AT_START},
    }


def _storage_estimate(draft: Draft, restore: Restore, moment: Moment, terms: Terms) -> Estimate:
    """How long the storage takes: what all others on the longest way to the verdict leave of the whole."""
    steps = _steps(draft, restore, moment, terms.group_rest, draft.whole)
    way = way_to(steps, next(step.id for step in reversed(steps) if isinstance(step.action, Validate)))
    return estimates.storage_share(draft.whole, way.low - draft.whole.low, way.high - draft.whole.high)


def _steps(draft: Draft, restore: Restore, moment: Moment, rest: Span, storage: Estimate) -> tuple[Step, ...]:
    sequence = Sequence(draft.seen.identity.region, draft.untouchable, draft.target.approval)
    made, set_up = _add_quarantine(sequence, draft)
    stored = _add_storage(sequence, draft, restore, set_up, storage)
    rested = sequence.add(
        "await-parameter-group",
        AwaitParameterGroup(group=draft.group, rest=rest),
        "AWS completes a new parameter group in the background, and an instance that starts before runs without quarantine",
        Estimate(low=rest, high=rest, evidence="AWS asks for it"),
        after=(made,),
    )
    writer = _add_instance(sequence, draft, 1, rest, stored, rested)
    managed = _add_managed_password(sequence, draft, writer)
    answering = sequence.add(
        "await-sql",
        AwaitSql(clone=draft.clone, database=draft.database, login=draft.target.login, quarantine=draft.quarantine),
        "a status of available is not yet a database that answers",
        estimates.LOOK,
        after=(writer,),
        after_settled=(managed,),
        # Of the clone alone: the source is asked with its own login, and the validation takes the one that was let in.
        openings=(Opening(field="login"),),
    )
    whole = _validation(draft, moment)
    judged = sequence.add(
        "validate-data",
        whole.model_copy(update={"part": "data"}),
        "a restore is worth what was checked about it, and this is when people can work",
        estimates.VALIDATION,
        after=(answering,),
    )
    readers = tuple(
        _add_instance(sequence, draft, number, rest, writer) for number in range(2, len(draft.instances) + 1)
    )
    endpoints = _add_endpoints(sequence, draft, (writer, *readers))
    options = _add_options(sequence, draft, answering)
    complete = sequence.add(
        "validate-clone",
        whole.model_copy(update={"part": "clone"} | _OF_THE_DATA),
        "what AWS says of the whole clone is asked when all of it is there",
        estimates.LOOK,
        after=(judged,),
        after_settled=(*readers, *endpoints, *options),
    )
    sequence.add(
        "anchor-journal",
        AnchorJournal(clone=draft.clone, arn=arn_of(draft.seen.identity, "cluster", draft.clone)),
        "the tag shows whether the journal is cut or rewritten later; the verdict does not depend on it",
        estimates.CALL,
        after=(complete,),
    )
    return tuple(sequence.steps)


def _add_managed_password(sequence: Sequence, draft: Draft, after: StepId) -> StepId:
    """The way in that is left where the clone's password of then is lost: taken only when a person asks for it."""
    # The wait for an answer waits for the password too: AWS sets it a little after it has said so.
    return sequence.add(
        "manage-password",
        ManagePassword(clone=draft.clone),
        f"where no version of the secret fits: daybreak resume {draft.clone} --manage-password",
        estimates.CALL,
        after=(after,),
        when_refused="pause",
        is_on_request=True,
    )


def _add_quarantine(sequence: Sequence, draft: Draft) -> tuple[StepId, StepId]:
    """Add the steps of the quarantine group; return the one that makes it, and the one after which it is complete."""
    before = made = _add_group(sequence, draft)
    kept = draft.source.capsule.surroundings.parameter_group if draft.source.capsule else None
    if kept and not _group_to_copy(draft) and kept.family == family_of(draft.source):
        # Only the quarantine sets its own parameters, or each resume would set one value and then the other.
        values = sorted((name, value) for name, value in kept.parameters.items() if name not in CARED_FOR)
        for start in range(0, len(values), _AT_ONCE):
            before = sequence.add(
                "set-parameters",
                SetParameters(group=draft.group, parameters=dict(values[start : start + _AT_ONCE])),
                f"the source's parameter group {kept.name} is not here, and these are the values it had",
                estimates.CALL,
                after=(before,),
            )
    return made, sequence.add(
        "set-quarantine",
        SetParameters(group=draft.group, parameters=draft.quarantine),
        why_quiet(draft.quarantine),
        estimates.CALL,
        after=(before,),
    )


def _group_to_copy(draft: Draft) -> str | None:
    """The group that the clone's group copies: one of the owner's, for the restored major version; ``None`` if there is none."""
    group = draft.seen.parameter_group
    is_own = group and not group.name.startswith("default.") and group.family == family_of(draft.source)
    return group.name if group and is_own else None


def _add_group(sequence: Sequence, draft: Draft) -> StepId:
    description = f"quarantine of {draft.clone}"
    if origin := _group_to_copy(draft):
        return sequence.add(
            "copy-parameter-group",
            CopyParameterGroup(source=origin, group=draft.group, description=description),
            f"the clone starts from the settings of {draft.source.name}, not from AWS's defaults",
            estimates.CALL,
            guards=same_copy(draft, origin),
        )
    group = draft.seen.parameter_group
    if group and not group.name.startswith("default."):
        why = f"the source's parameter group is for {group.family}, and the clone is not"
    elif draft.source.capsule and draft.source.capsule.surroundings.parameter_group:
        gone = f"stays in {draft.source.home}" if draft.source.home else "is gone"
        why = f"the source's parameter group {gone}; its capsule holds the values"
    elif group or draft.source.living:
        why = "the source has a default parameter group, which AWS does not copy"
    else:
        why = "nothing holds the values of the source's parameter group, so the clone starts from AWS's defaults"
    action = CreateParameterGroup(group=draft.group, family=family_of(draft.source), description=description)
    return sequence.add("create-parameter-group", action, why, estimates.CALL)


def _add_storage(sequence: Sequence, draft: Draft, action: Restore, after: StepId, takes: Estimate) -> StepId:
    restore = sequence.add(
        "restore-cluster",
        action,
        "a restore never happens in place: AWS always makes a new cluster",
        estimates.CALL,
        after=(after,),
        guards=(*still_the_source(draft, action), still_quiet(draft)),
    )
    return sequence.add(
        "await-cluster",
        AwaitCluster(clone=draft.clone),
        "AWS takes no instance before the storage is restored",
        takes,
        after=(restore,),
    )


def _add_options(sequence: Sequence, draft: Draft, after: StepId) -> tuple[StepId, ...]:
    """Add what a restore call cannot carry, where the source's configuration is known; return the step after which it holds."""
    cluster = draft.source.cluster
    if cluster is None:
        return ()
    options = sequence.add(
        "set-cluster-options",
        SetClusterOptions(
            clone=draft.clone,
            maintenance_window=cluster.maintenance_window,
            # The restore call has said no already; to say it again would have an undo that protects the clone.
            is_protected=cluster.is_protected or None,
            upgrades_itself=cluster.upgrades_itself,
            **_insights(cluster),
        ),
        "a restore call cannot carry these, and a restore that fails must stay removable",
        estimates.CALL,
        after=(after,),
        when_refused="hold",
    )
    settled = sequence.add(
        "await-options",
        AwaitCluster(clone=draft.clone),
        "AWS says nothing final of a cluster that is being modified",
        estimates.OPTIONS,
        after=(options,),
    )
    return (settled,)


def _insights(cluster: Cluster) -> dict[str, Any]:
    """What is above AWS's default: plain insights need no words, and a cluster that never had them no key."""
    if not cluster.has_performance_insights:
        return {}
    return {
        "insights_mode": cluster.insights_mode,
        "has_performance_insights": True,
        "performance_insights_retention": cluster.performance_insights_retention,
        "performance_insights_key": cluster.performance_insights_key,
    }


def _add_instance(sequence: Sequence, draft: Draft, number: int, rest: Span, *after: StepId) -> StepId:
    """Add the steps of one instance, of which the first is the writer; return the step after which it is there."""
    action, is_writer = draft.instances[number - 1], number == 1
    name = "writer" if is_writer else f"reader-{number}"
    when_refused = "pause" if is_writer else "hold"
    created = sequence.add(
        f"create-{name}",
        action,
        "a restore makes no instances, and without one the endpoint is dead"
        if is_writer
        else "the source has this reader",
        estimates.CALL,
        after=after,
        guards=in_quarantine(draft, rest),
        when_refused=when_refused,
        openings=_openings(draft, action),
    )
    return sequence.add(
        f"await-{name}",
        AwaitInstance(clone=draft.clone, instance=action.instance),
        "the first instance becomes the writer" if is_writer else "the clone has the source's full strength",
        estimates.INSTANCE,
        after=(created,),
        when_refused=when_refused,
    )


def _openings(draft: Draft, action: CreateInstance) -> tuple[Opening, ...]:
    """What may be amended of an instance, with what AWS offered at planning."""
    offers = draft.seen.offers
    return (
        Opening(field="instance_class", offers=substitutes_for(action.instance_class, offers)),
        Opening(field="zone", offers=zones_of(action.instance_class, offers)),
        Opening(field="ca", offers=(offers.certificates or ()) if offers else ()),
    )


def _add_endpoints(sequence: Sequence, draft: Draft, after: tuple[StepId, ...]) -> tuple[StepId, ...]:
    awaited = dict(zip((action.instance for action in draft.instances), after, strict=True))

    def members(action: CreateEndpoint) -> set[StepId]:
        return {awaited[name] for name in (*action.static_members, *action.excluded_members)}

    return tuple(
        sequence.add(
            f"create-endpoint-{number}",
            action,
            "a restore brings no custom endpoint back, and AWS takes each name only once in a region",
            estimates.CALL,
            # AWS takes no endpoint that names an instance which is not there.
            after=tuple(step for step in after if step == after[0] or step in members(action)),
            when_refused="hold",
        )
        for number, action in enumerate(draft.endpoints, start=1)
    )


def _validation(draft: Draft, moment: Moment) -> Validate:
    source, target, capsule = draft.source, draft.target, draft.source.capsule
    # A later capsule knows how the source was configured, and nothing of what the clone has to hold.
    reached = moment_of(draft.request, source)
    is_later = capsule is not None and (reached is None or capsule.taken > reached)
    return Validate(
        clone=draft.clone,
        source=source.name,
        source_seen=source.original,
        instances_seen=source.original_instances,
        backup_seen=source.backup,
        snapshot_seen=source.snapshot,
        moment=moment,
        database=draft.database,
        only=target.only,
        databases=target.databases,
        login=target.login,
        quarantine=draft.quarantine,
        permitted=draft.permitted,
        tables=target.tables,
        checks=target.checks,
        surroundings_seen=source.surroundings,
        capsule=Kept(kind="capsule", target=capsule.target, stands_for=capsule.taken, sha256=capsule.digest())
        if capsule
        else None,
        is_capsule_later=is_later,
        baseline=draft.seen.baseline,
        application=target.application,
        health=target.health,
        waivers=target.waivers,
        thoroughness=draft.request.thoroughness,
        source_budget=target.source_budget,
    )

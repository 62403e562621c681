"""Point-in-time recovery: request and observation to a plan, or a refusal with every reason.

The order of the steps carries the safety. The quarantine group exists before the cluster, because the cluster takes it at
birth. The storage is complete before the first instance, because AWS refuses otherwise and because until then nothing can
connect: no subscriber, no cron job, no application. Deletion protection comes once the storage is there: AWS changes nothing
about a cluster whose restore failed, and what is protected could not be removed. The writer is there before the readers, so that the first instance is
the writer that was planned. Validation comes last and nothing is cut over: stopping anywhere leaves a clone that nobody uses.
"""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.model.actions import (
    AwaitCluster,
    AwaitInstance,
    AwaitSql,
    CopyParameterGroup,
    CreateInstance,
    CreateParameterGroup,
    RestoreToMoment,
    SetClusterOptions,
    SetParameters,
    Validate,
)
from daybreak.model.moment import At, Latest
from daybreak.model.names import clone_name, instance_name, quarantine_group_name
from daybreak.model.observation import Observation
from daybreak.model.plan import Estimate, Plan, Refusal, RunId, Step, StepId
from daybreak.model.requests import PitrRequest
from daybreak.model.targets import Network, Target
from daybreak.model.world import Cluster, Instance
from daybreak.plan import estimates
from daybreak.plan.objections import ENGINE, objections_to_pitr
from daybreak.plan.quarantine import quarantine_parameters
from daybreak.plan.source import Source, moment_of, network_of, source_of
from daybreak.plan.terms import Sequence, Terms, creating

_FALLBACK_CLASS = "db.r6g.large"


def pitr_plan(request: PitrRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that brings ``target`` back to the moment asked for, or every reason why there is none."""
    source = source_of(request, target, seen)
    moment = moment_of(request, source)
    # The latest moment moves on while a person reads the plan; its clone's name must not.
    named = request.moment.instant if isinstance(request.moment, At) else terms.created
    clone = clone_name(target.cluster, "pitr", named, request.suffix)
    network = network_of(source, target)
    reasons = objections_to_pitr(request, target, seen, source, (network, clone))
    if reasons:
        hints = (f"daybreak status {target.name}  # shows what can be reached right now",)
        return Refusal(what=f'point-in-time recovery of "{target.name}"', reasons=reasons, hints=hints)
    whole = estimates.restore_estimate("pitr", seen.size, seen.past)
    steps = _steps(_Draft(request, target, seen, source, network, clone, whole))
    return Plan(
        run=RunId(clone),
        request=request,
        target=target,
        identity=seen.identity,
        created=terms.created,
        expires=terms.expires,
        zone=terms.zone,
        source=source.name,
        clone=clone,
        window=source.window,
        moment=moment,
        objectives=target.objectives,
        estimate=whole,
        steps=steps,
        notes=tuple(_notes(request, target, source, seen, whole)),
        keep_until=terms.keep_until,
        parity=tuple(f"{name.replace('_', ' ')}: {why}" for name, why in _permitted(source, seen).items()),
    )


@dataclass(frozen=True)
class _Draft:
    """What the step makers need; all of it decided before."""

    request: PitrRequest
    target: Target
    seen: Observation
    source: Source
    network: Network
    clone: str
    whole: Estimate

    @property
    def group(self) -> str:
        return quarantine_group_name(self.clone)

    @property
    def quarantine(self) -> dict[str, str]:
        return quarantine_parameters(self.seen.settable, is_read_only=self.request.is_read_only)


def _steps(draft: _Draft) -> tuple[Step, ...]:
    sequence = Sequence()
    set_up = _add_quarantine(sequence, draft)
    stored = _add_storage(sequence, draft, set_up)
    instances = _add_instances(sequence, draft, stored)
    answering = sequence.add(
        "await-sql",
        AwaitSql(clone=draft.clone, database=_database(draft), login=draft.target.login),
        "a status of available is not yet a database that answers",
        estimates.LOOK,
        after=instances[:1],
    )
    sequence.add(
        "validate",
        _validation(draft),
        "a restore is worth what was checked about it",
        estimates.LOOK,
        after=(answering, *instances),
    )
    return tuple(sequence.steps)


def _add_quarantine(sequence: Sequence, draft: _Draft) -> StepId:
    description = f"quarantine of {draft.clone}"
    has_own_group = draft.seen.parameter_group and not draft.seen.parameter_group.name.startswith("default.")
    undo = f"delete the parameter group {draft.group}"
    if draft.seen.parameter_group and has_own_group:
        first = sequence.add(
            "copy-parameter-group",
            CopyParameterGroup(source=draft.seen.parameter_group.name, group=draft.group, description=description),
            f"the clone starts from the settings of {draft.source.name}, not from AWS's defaults",
            estimates.CALL,
            guards=creating(draft.group, draft.source.name),
            undo=undo,
        )
    else:
        first = sequence.add(
            "create-parameter-group",
            CreateParameterGroup(group=draft.group, family=_family(draft), description=description),
            "the source has a default parameter group, which AWS does not copy",
            estimates.CALL,
            guards=creating(draft.group, draft.source.name),
            undo=undo,
        )
    return sequence.add(
        "set-quarantine",
        SetParameters(group=draft.group, parameters=draft.quarantine),
        "a restored subscriber that wakes up would consume the production publisher's changes, and cron jobs would run twice",
        estimates.CALL,
        after=(first,),
        guards=creating(draft.group, draft.source.name),
    )


def _add_storage(sequence: Sequence, draft: _Draft, after: StepId) -> StepId:
    restore = sequence.add(
        "restore-cluster",
        _restore(draft),
        "a restore never happens in place: AWS always makes a new cluster",
        estimates.CALL,
        after=(after,),
        guards=creating(draft.clone, draft.source.name),
        undo=f"delete the cluster {draft.clone}",
    )
    cluster = draft.source.cluster
    others = (estimates.CALL, estimates.INSTANCE, estimates.LOOK)
    stored = sequence.add(
        "await-cluster",
        AwaitCluster(clone=draft.clone),
        "AWS takes no instance before the storage is restored",
        estimates.storage_share(draft.whole, *others),
        after=(restore,),
    )
    if cluster is None:
        return stored
    options = sequence.add(
        "set-cluster-options",
        SetClusterOptions(
            clone=draft.clone,
            backup_retention=cluster.backup_retention,
            backup_window=cluster.backup_window,
            maintenance_window=cluster.maintenance_window,
            is_protected=cluster.is_protected,
        ),
        "a restore call cannot carry retention and windows, and a restore that fails must stay removable",
        estimates.OPTIONS,
        after=(stored,),
        guards=creating(draft.clone, draft.source.name),
    )
    return sequence.add(
        "await-options",
        AwaitCluster(clone=draft.clone),
        "an instance is refused while the cluster is being modified",
        estimates.OPTIONS,
        after=(options,),
    )


def _restore(draft: _Draft) -> RestoreToMoment:
    cluster, backup = draft.source.cluster, draft.source.backup
    facts = cluster or backup
    purpose = {"Purpose": "pitr-recovery", "OriginalCluster": draft.source.name}
    return RestoreToMoment(
        source=draft.source.name,
        resource_id=draft.source.resource_id,
        clone=draft.clone,
        moment=draft.request.moment,
        parameter_group=draft.group,
        subnet_group=draft.network.subnet_group,
        security_groups=draft.network.security_groups,
        port=facts.port if facts else None,
        kms_key=facts.kms_key if facts else None,
        storage_type=facts.storage_type if facts else None,
        has_iam_auth=bool(facts and facts.has_iam_auth),
        log_exports=cluster.log_exports if cluster else (),
        copies_tags=bool(cluster and cluster.copies_tags),
        serverless=cluster.serverless if cluster else None,
        tags=_own_tags(facts.tags if facts else {}) | purpose,
    )


def _own_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags a person may set: AWS reserves ``aws:``, and an earlier run's stamp must not be inherited."""
    return {key: value for key, value in tags.items() if not key.startswith(("aws:", "daybreak:"))}


def _add_instances(sequence: Sequence, draft: _Draft, after: StepId) -> tuple[StepId, ...]:
    awaited: list[StepId] = []
    for number, action in enumerate(_instances(draft), start=1):
        role = "writer" if number == 1 else "reader"
        created = sequence.add(
            f"create-{role}" if number == 1 else f"create-{role}-{number}",
            action,
            "a restore makes no instances, and without one the endpoint is dead"
            if number == 1
            else "the source has this reader",
            estimates.CALL,
            after=(after, *awaited[:1]),
            guards=creating(action.instance, draft.source.name),
            undo=f"delete the instance {action.instance}",
        )
        awaited.append(
            sequence.add(
                f"await-{role}" if number == 1 else f"await-{role}-{number}",
                AwaitInstance(clone=draft.clone, instance=action.instance),
                "the first instance becomes the writer" if number == 1 else "the clone has the source's full strength",
                estimates.INSTANCE,
                after=(created,),
            )
        )
    return tuple(awaited)


def _instances(draft: _Draft) -> list[CreateInstance]:
    if not draft.seen.instances or draft.source.cluster is None:
        return [
            CreateInstance(
                clone=draft.clone, instance=instance_name(draft.clone, 1), instance_class=_FALLBACK_CLASS, engine=ENGINE
            )
        ]
    return [
        CreateInstance(
            clone=draft.clone,
            instance=instance_name(draft.clone, number),
            instance_class=instance.instance_class,
            engine=instance.engine,
            tier=instance.tier,
            parameter_group=instance.parameter_group,
            upgrades_itself=instance.upgrades_itself,
            ca=instance.ca,
            copies_tags=instance.copies_tags,
            monitoring_interval=instance.monitoring_interval,
            monitoring_role=instance.monitoring_role,
            has_performance_insights=instance.has_performance_insights,
            performance_insights_retention=instance.performance_insights_retention,
            performance_insights_key=instance.performance_insights_key,
            maintenance_window=instance.maintenance_window,
            tags=_own_tags(instance.tags),
        )
        for number, instance in enumerate(_writer_first(draft.source.cluster, draft.seen.instances), start=1)
    ]


def _writer_first(cluster: Cluster, instances: tuple[Instance, ...]) -> list[Instance]:
    writers = {member.identifier for member in cluster.members if member.is_writer}
    return sorted(
        instances, key=lambda instance: (instance.identifier not in writers, instance.tier, instance.identifier)
    )


def _database(draft: _Draft) -> str | None:
    return draft.target.database or (draft.source.cluster.database if draft.source.cluster else None)


def _family(draft: _Draft) -> str:
    if draft.seen.parameter_group:
        return draft.seen.parameter_group.family
    facts = draft.source.cluster or draft.source.backup
    major = facts.engine_version.split(".")[0] if facts else ""
    return f"{ENGINE}{major}"


def _validation(draft: _Draft) -> Validate:
    return Validate(
        clone=draft.clone,
        source=draft.source.name,
        source_seen=draft.source.cluster,
        instances_seen=draft.seen.instances,
        backup_seen=draft.source.backup,
        moment=draft.request.moment,
        database=_database(draft),
        login=draft.target.login,
        quarantine=draft.quarantine,
        permitted=_permitted(draft.source, draft.seen),
        tables=draft.target.tables,
        checks=draft.target.checks,
    )


def _notes(request: PitrRequest, target: Target, source: Source, seen: Observation, whole: Estimate) -> list[str]:
    notes = []
    if isinstance(request.moment, Latest):
        notes.append("the moment is the latest one at the time of the call, so it may be newer than shown here")
    if source.cluster is None:
        notes.append(
            "the source cluster is deleted: AWS's backup does not record its instances, security groups, log exports and "
            "protection, so the clone gets one instance and the network from daybreak.toml"
        )
    if source.cluster and source.cluster.master_secret:
        notes.append(
            "the managed master password is not recreated by a restore; the clone keeps the password of the moment"
        )
    if target.login is None:
        notes.append("no login is configured: nothing inside PostgreSQL can be checked, so the verdict cannot be fit")
    if whole.high > target.objectives.rto:
        notes.append("the estimate exceeds the objective for RTO")
    opened = [group for group in seen.security_groups if group.opens_ports]
    if seen.security_groups and not opened:
        notes.append("none of the security groups lets anything in: the endpoint will not be reachable")
    return notes


def _permitted(source: Source, seen: Observation) -> dict[str, str]:
    """Fields in which the clone is meant to differ from its source, each with the reason."""
    permitted = {"parameter_group": "the quarantine copy, until quarantine is lifted"}
    if source.cluster and source.cluster.roles:
        permitted["roles"] = "none, so that nothing in the clone can reach S3 or Lambda until quarantine is lifted"
    if any(instance.is_public for instance in seen.instances):
        permitted["is_public"] = "off, whatever the source has"
    if source.cluster and source.cluster.master_secret:
        permitted["master_secret"] = "the master password is not managed in the clone"  # noqa: S105 - a reason, not a secret
    return permitted

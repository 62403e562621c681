"""Validating by itself: the checklist against a run's clone, or any cluster, as it is now.

The law: nothing is changed anywhere, and no run is journaled. The expectations of a cluster come from a plan or from a target.
Only a person knows which moment a foreign copy stands for, so the moment is asked for, never guessed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from daybreak.app.accidents import accident_typed
from daybreak.app.app import App
from daybreak.app.explaining import explained
from daybreak.app.finding import find_clone
from daybreak.app.recalling import newest_of
from daybreak.assess.ending import birth_recorded, moment_reached, moment_restored
from daybreak.aws.gateway import Aws
from daybreak.errors import Paused, Refused, Unreachable
from daybreak.execute.database import Database
from daybreak.execute.doors import Scene
from daybreak.judge.verdict import scope_of, verdict_of
from daybreak.model.actions import Validate
from daybreak.model.findings import Finding
from daybreak.model.kept import Kept
from daybreak.model.loss import TO_ACCIDENT, Loss, loss_between, loss_unknown
from daybreak.model.moment import At, Latest
from daybreak.model.names import check_identifier, comma_list, did_you_mean, printable
from daybreak.model.plan import Plan
from daybreak.model.tags import JOURNAL_TAG, ORIGIN_TAG, PURPOSE_TAG, RUN_TAG
from daybreak.model.targets import Target, Waiver
from daybreak.model.thoroughness import Depth, Thoroughness
from daybreak.model.trust import Trust, trust_words
from daybreak.model.validation import Validation
from daybreak.model.value import stamp
from daybreak.model.world import Cluster, Identity, Instance, Surroundings
from daybreak.observe.look import Lookout
from daybreak.observe.settling import look_until_settled
from daybreak.observe.surroundings import surroundings_of
from daybreak.plan.amending import amend
from daybreak.plan.calls import owner_of
from daybreak.plan.estimates import OF_STAGING, why_no_stand_in
from daybreak.plan.loss import loss_of
from daybreak.plan.quarantine import ALWAYS
from daybreak.plan.servers import login_recorded, psql_line
from daybreak.postgres.leash import Leash

OF_QUARANTINE = {
    "parameter_group": "the quarantine copy, until quarantine is lifted",
    "roles": "none, until quarantine is lifted",
}
"""How a clone that another of our runs made differs from its source."""

_NO_ACCIDENT = "there is no plan, and no accident was named with --accident TIME"

_LOOKING = timedelta(seconds=10)
"""How long each call about the target's own cluster may take, where another one is validated."""

_ANY_LOSS = timedelta(days=36_500)
"""How much a database may lose whose owner was promised nothing."""


@dataclass(frozen=True)
class Inquiry:
    """What a person wants validated, as they typed it; ``None`` leaves it to the plan or the target."""

    name: str
    target: str | None = None
    to: str | None = None
    depth: Depth | None = None
    sample: int | None = None
    within: timedelta | None = None
    """How long it may take."""
    accident: str | None = None
    """Up to when the loss counts."""
    waivers: tuple[Waiver, ...] = ()
    databases: tuple[str, ...] = ()
    """The databases to look into; empty for those of the configuration, which are all unless it says otherwise."""


@dataclass(frozen=True)
class Case:
    """A cluster, the expectations of it, and where they come from."""

    action: Validate
    scene: Scene
    identity: Identity
    trust: Trust
    """What the servers must prove."""
    target: str | None = None
    run: str | None = None
    lost: Loss | None = None
    """What the restore did not bring back."""
    why_no_stand_in: str = ""
    """Why it could not take its source's place, however right its data is; empty where it could, or nobody knows."""
    is_closed: bool = False
    """Whether nobody is led in: its run failed, so it may have no quarantine."""
    notes: tuple[str, ...] = ()
    """What the person should know before reading the findings."""


@dataclass(frozen=True)
class Listeners:
    """The functions that a validation calls with its news."""

    on_finding: Callable[[Finding], None] = lambda _finding: None
    progress: Callable[[str], None] = lambda _seen: None
    on_note: Callable[[str], None] = lambda _words: None
    """Called with what is left out to end in time, before anything is read."""


def case_of(app: App, inquiry: Inquiry) -> Case:
    """Find what is to be validated and what is expected of it; raises ``Refused`` when that cannot be decided.

    Of databases that are named the clone is asked whether it has them, and nothing else.
    """
    case = _case_of_run(app, inquiry) if inquiry.name in app.store.runs() else _case_of_cluster(app, inquiry)
    aws = app.aws(case.identity.region)
    database = Database(aws, app.environ, app.repository, {}, case.trust)
    database.refuse_unknown(inquiry.databases, case.action, case.scene)
    return case


def validate_case(app: App, case: Case, listeners: Listeners | None = None, leash: Leash | None = None) -> Validation:
    """Ask everything and judge it. A question that cannot be asked is a finding of its own; ``leash`` holds every session."""
    listeners = listeners or Listeners()
    case = _settle(app, case)
    began, started = app.timing.now(), app.timing.monotonic()
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        listeners.on_finding(finding)

    health_urls = app.settings.health_urls.get(case.target or "", {})
    database = Database(app.aws(case.identity.region), app.environ, app.repository, health_urls, case.trust)
    measured = database.validate(case.action, case.scene, report, listeners.progress, leash, announce=listeners.on_note)
    clone = case.scene.clone
    return Validation(
        subject=clone.identifier,
        target=case.target,
        run=case.run,
        why_no_stand_in=case.why_no_stand_in,
        identity=case.identity,
        began=began,
        took=timedelta(seconds=app.timing.monotonic() - started),
        action=case.action,
        proof=trust_words(case.trust, clone.endpoint),
        server=f"{clone.endpoint}:{clone.port}" if clone.endpoint else "",
        way_in=psql_line(clone.endpoint, clone.port, case.action, case.trust)
        if clone.endpoint and not case.is_closed
        else "",
        findings=tuple(findings),
        verdict=verdict_of(findings, scope_of(case.action)),
        measured=measured.model_copy(update={"lost": case.lost}),
    )


def _settle(app: App, case: Case) -> Case:
    """The case once AWS is at work on the cluster no more, or as it still is after a minute."""
    pause = min(app.patience.between_looks, app.settings.poll).total_seconds()
    clone, inside = case.scene.clone, case.scene.instances
    with explained(f'looking at "{clone.identifier}"'):
        lookout = Lookout(app.aws(case.identity.region))
        clone, inside = look_until_settled(lookout, clone, inside, lambda: app.timing.sleep(pause))
    return replace(case, scene=replace(case.scene, clone=clone, instances=inside))


# -- a run's clone


def _case_of_run(app: App, inquiry: Inquiry) -> Case:
    plan, chain = app.store.plan(inquiry.name), app.store.chain(inquiry.name)
    standing = amend(plan, chain.state().amendments) if chain.events else plan
    action = next((step.action for step in standing.steps if isinstance(step.action, Validate)), None)
    if action is None:
        raise Refused(f'the run "{plan.run}" restored nothing: it is a {plan.kind}', "daybreak runs")
    if inquiry.to is not None or inquiry.target not in (None, plan.target.name):
        raise Refused(
            f'the run "{plan.run}" knows its target and its moment', f"daybreak validate {plan.run}  # without them"
        )
    aws = app.aws(plan.identity.region)
    app.hold_to(plan.identity, aws)
    with explained(f'looking at "{plan.clone}"'):
        lookout = Lookout(aws)
        clone = find_clone(lookout, plan, chain.state() if chain.events else None)
        inside = lookout.inside(clone) if clone else ()
    if clone is None:
        raise Refused(f'AWS knows no cluster "{plan.clone}"', f"daybreak show {plan.run}")
    note = f'"{plan.run}" is a run; its clone of that name is validated'
    if clone.identifier != plan.clone:
        note = f'"{plan.run}" is a run; its clone ({clone.resource_id}), which is named "{clone.identifier}" now, is validated'
    state = chain.state() if chain.events else None
    owner = owner_of(plan, state.nonce if state else None)
    doubt = chain.doubt(clone.tags.get(JOURNAL_TAG)) if owner.owns(clone.tags) else ""
    if not owner.owns(clone.tags):
        note = f'the cluster "{clone.identifier}" does not carry the nonce of this run: another one took its name'
    return Case(
        action=_hold_to(action, inquiry),
        scene=Scene(
            clone,
            inside,
            moment_restored(plan, state),
            plan.objectives.rpo,
            birth_recorded(plan, state) if state else None,
            moment_reached(plan),
            login_recorded(plan, state) if state else None,
        ),
        lost=_loss_of_run(app, plan, inquiry),
        why_no_stand_in=why_no_stand_in(plan, state.amendments if state else ()),
        is_closed=state is not None and state.status == "failed",
        identity=plan.identity,
        trust=app.trust_in(plan),
        target=plan.target.name,
        run=plan.run,
        notes=(note, *([f"the journal of this run {doubt}"] if doubt else [])),
    )


def _hold_to(action: Validate, inquiry: Inquiry) -> Validate:
    """The action with what the person asked for now: all of it, with their thoroughness and waivers."""
    changes: dict[str, object] = {"part": None, "thoroughness": _thoroughness(inquiry, action.thoroughness)}
    if inquiry.databases:
        changes |= {"only": inquiry.databases}
    return action.model_copy(update=changes | {"waivers": (*action.waivers, *inquiry.waivers)})


def _thoroughness(inquiry: Inquiry, usual: Thoroughness) -> Thoroughness:
    """How much is read; nothing is remembered between two validations, so the sample's part is drawn."""
    return Thoroughness(
        depth=inquiry.depth or usual.depth,
        sample=inquiry.sample or usual.sample,
        within=inquiry.within or usual.within,
        turn=secrets.randbelow(1_000_000),
    )


# -- any cluster


def _case_of_cluster(app: App, inquiry: Inquiry) -> Case:
    name = check_identifier(inquiry.name, "cluster")
    lookout, identity, clone = _look_for(app, inquiry, name)
    target = _target_of(app, inquiry, clone, identity.region)
    if target is None:
        return _case_alone(app, inquiry, lookout, identity, clone)
    # ``--region`` says where the cluster is; what was kept of the target's own is of the region that the configuration names.
    whose = identity.model_copy(update={"region": app.settings.targets[target.name].region})
    is_own = (target.cluster, whose.region) == (clone.identifier, identity.region)
    # After a fail-over production is the cluster that leads the global database, whatever it is called.
    leads = clone.global_cluster is not None and clone.replicates_from is None
    if inquiry.to is None and not (is_own or leads):
        raise Refused(
            f'only you know which moment "{name}" stands for',
            f'daybreak validate {name} --target {target.name} --to "2024-01-15T14:30:00Z"',
        )
    moment = _moment_typed(app, inquiry)
    witness = _witness(app, whose, target, moment, is_own=is_own)
    with explained(f'looking at "{name}"'):
        inside = lookout.inside(clone)
    is_ours = RUN_TAG in clone.tags
    action = Validate(
        clone=clone.identifier,
        source=target.cluster,
        source_seen=witness.cluster,
        instances_seen=witness.instances,
        surroundings_seen=witness.surroundings,
        capsule=witness.capsule,
        baseline=newest_of(app.repository, "baseline", target, whose, moment),
        moment=At(instant=moment),
        database=target.database or clone.database,
        only=target.only,
        databases=target.databases,
        login=target.login,
        quarantine=ALWAYS if is_ours else {},
        permitted=OF_QUARANTINE if is_ours else {},
        tables=target.tables,
        checks=target.checks,
        application=target.application,
        health=target.health,
        waivers=target.waivers,
        source_budget=target.source_budget,
    )
    notes = (f'"{name}" in {identity.region} is held to the target "{target.name}"', witness.note)
    lost = _loss_typed(app, inquiry, moment)
    scene = Scene(clone, inside, moment, target.objectives.rpo, is_in_use=inquiry.to is None)
    return Case(
        _hold_to(action, inquiry),
        scene,
        identity,
        target.trust,
        target.name,
        lost=lost,
        why_no_stand_in=OF_STAGING if is_ours and clone.tags.get(PURPOSE_TAG) == "staging" else "",
        notes=notes,
    )


@dataclass(frozen=True)
class _Witness:
    """The witness of a cluster's configuration, and where it was found."""

    note: str
    cluster: Cluster | None = None
    instances: tuple[Instance, ...] = ()
    surroundings: Surroundings | None = None
    capsule: Kept | None = None


def _witness(app: App, whose: Identity, target: Target, moment: datetime, *, is_own: bool) -> _Witness:
    """The target's living cluster, unless the case is about that one; else what was kept of it before the moment.

    ``whose`` says whose place that is. Where it is silent, as on the day on which the region is lost, what was kept is the witness.
    """
    named = f'"{target.cluster}" in {whose.region}'
    why = "is gone"
    if not is_own:
        home = app.aws_in_time(whose.region, _LOOKING)
        try:
            with explained(f"looking at {named}"):
                lookout = Lookout(home)
                source = lookout.cluster(target.cluster)
                if source is not None:
                    instances = lookout.inside(source)
                    around = surroundings_of(home, source, instances)
                    return _Witness(f"it is compared with {named} as it is now", source, instances, around)
        except Paused:
            raise
        except Unreachable as silence:
            why = f"cannot be asked ({silence.message})"
    kept = newest_of(app.repository, "capsule", target, whose, moment)
    if kept is None:
        if not is_own:
            return _Witness(f"{named} {why}, and no capsule of it was kept: it is compared with nothing")
        return _Witness(
            f"it is the target's own cluster in {whose.region}, and no capsule was kept: daybreak capture {target.name}"
        )
    capsule = app.repository.capsule(kept)
    note = f"its configuration is compared with the capsule of {named} of {stamp(capsule.taken)}"
    return _Witness(note, capsule.cluster, capsule.instances, capsule.surroundings, kept)


def _case_alone(app: App, inquiry: Inquiry, lookout: Lookout, identity: Identity, clone: Cluster) -> Case:
    """The case of a cluster that no target knows: only checks that need nothing but the cluster itself have an answer."""
    moment = _moment_typed(app, inquiry)
    login = f"secretsmanager:{clone.master_secret}" if clone.master_secret else None
    action = Validate(
        clone=clone.identifier,
        source=clone.identifier,
        source_seen=None,
        instances_seen=(),
        moment=At(instant=moment),
        database=clone.database,
        login=login,
        quarantine={},
        tables={},
        checks=(),
    )
    notes = [f'no target knows "{clone.identifier}": nothing is expected of it, and it is compared with nothing']
    if login is None:
        notes.append("no login is known, so nothing inside PostgreSQL can be asked: name a target with --target")
    with explained(f'looking at "{clone.identifier}"'):
        inside = lookout.inside(clone)
    lost = _loss_typed(app, inquiry, moment)
    scene = Scene(clone, inside, moment, _ANY_LOSS, is_in_use=inquiry.to is None)
    return Case(_hold_to(action, inquiry), scene, identity, app.settings.trust, lost=lost, notes=tuple(notes))


def _loss_of_run(app: App, plan: Plan, inquiry: Inquiry) -> Loss | None:
    """What the run's restore did not bring back: up to the accident that is named now, else as its plan says."""
    if inquiry.accident is None or plan.moment is None:
        return loss_of(plan)
    return _loss_typed(app, inquiry, plan.moment)


def _loss_typed(app: App, inquiry: Inquiry, moment: datetime) -> Loss:
    """What lies between a moment and the accident as typed; raises ``Refused`` for one before the moment or to come."""
    accident = accident_typed(app, inquiry.accident)
    if accident is None:
        why = "the cluster is in use, and nothing was restored" if inquiry.to is None else _NO_ACCIDENT
        return loss_unknown(why)
    if accident.instant > app.now():
        raise Refused(f"the accident {stamp(accident.instant)} has not come yet")
    if accident.instant < moment:
        raise Refused(
            f"the accident {stamp(accident.instant)} lies before the moment {stamp(moment)}, so the cluster has it too",
            "name a moment before the accident, or the accident's own time",
        )
    return loss_between(moment, accident.instant, TO_ACCIDENT)


def _moment_typed(app: App, inquiry: Inquiry) -> datetime:
    """The moment as typed; a cluster that is in use stands for now."""
    moment = app.moment(inquiry.to) if inquiry.to else At(instant=app.now())
    if isinstance(moment, Latest):
        raise Refused(
            '"latest" is no moment that a cluster stands for', "say the moment, or leave --to out for a cluster in use"
        )
    if moment.instant > app.now():
        raise Refused(f"the moment {stamp(moment.instant)} has not come yet")
    return moment.instant


def _look_for(app: App, inquiry: Inquiry, name: str) -> tuple[Lookout, Identity, Cluster]:
    """The cluster in the one region that has it: the target's, those of the configuration, else the environment's own.

    Raises ``Refused`` where none has it, and where several have one of that name: those are different clusters.
    """
    wanted = [app.target(inquiry.target)] if inquiry.target is not None else app.targets.values()
    regions = sorted({target.region for target in wanted})
    doors = [app.aws(region) for region in regions]
    found, known = _clusters_named(doors, name)
    if not found and inquiry.target is None:
        own = [aws for aws in _own_door(app) if aws.region not in regions]
        found, more = _clusters_named(own, name)
        doors, known = [*doors, *own], [*known, *more]
    if len(found) > 1:
        there = [aws.region for aws, _ in found]
        raise Refused(
            f'there is a cluster "{name}" in each of {comma_list(there)}',
            *(f"daybreak validate {name} --region {region}" for region in there),
        )
    for aws, clone in found:
        with explained("asking AWS who we are"):
            return Lookout(aws), aws.identity(), clone
    likely = did_you_mean(name, [*app.store.runs(), *known])
    raise Refused(
        f'"{printable(inquiry.name)}" is neither a run nor a cluster in {comma_list([aws.region for aws in doors])}{likely}',
        "daybreak runs",
        "name another region with --region",
    )


def _own_door(app: App) -> list[Aws]:
    """The door to the region of the environment, where it names one."""
    try:
        return [app.aws()]
    except Refused:
        return []


def _clusters_named(doors: list[Aws], name: str) -> tuple[list[tuple[Aws, Cluster]], list[str]]:
    """The cluster of that name behind each door that has one; and the names of the others behind those that have none."""
    found: list[tuple[Aws, Cluster]] = []
    known: list[str] = []
    for aws in doors:
        with explained(f'looking for "{name}" in {aws.region}'):
            lookout = Lookout(aws)
            clone = lookout.cluster(name)
            if clone is not None:
                found.append((aws, clone))
            else:
                known += lookout.clusters()
    return found, known


def _target_of(app: App, inquiry: Inquiry, clone: Cluster, region: str) -> Target | None:
    """The named target, else the one whose cluster this is or was restored from; ``None`` when there is no such target.

    A cluster of the same name in another region is another cluster; one may have been restored from there.
    """
    if inquiry.target is not None:
        return app.target(inquiry.target)
    known = sorted(app.targets.values(), key=lambda target: target.region != region)
    own = (target for target in known if target.cluster == clone.identifier and target.region == region)
    made_of = (target for target in known if target.cluster == clone.tags.get(ORIGIN_TAG))
    return next(iter([*own, *made_of]), None)

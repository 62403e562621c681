"""Custody: the end of a run, and the removal of what it created, also where its record cannot be read any more.

The law: what a run created always has an owner. The run's journal identifies it by the nonce. Where no journal can be read, the
tags do, for one run, one target and one account, and a person types the clone's name. Nothing without our tags is removed, and
never a source or a target's own cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from daybreak.app.app import App
from daybreak.app.archiving import give_up_archive
from daybreak.app.ending import next_of, state_of_run
from daybreak.app.explaining import explained
from daybreak.app.planning import new_suffix, plan_for
from daybreak.app.running import contradiction_of, doubt_of
from daybreak.app.underway import refuse_former_source
from daybreak.app.vouching import own_clusters
from daybreak.aws.gateway import Aws
from daybreak.errors import DaybreakError, Refused, Unreachable
from daybreak.journal.chain import Chain
from daybreak.journal.store import ABORT, Damaged, Held, Newer, Remains
from daybreak.model.names import (
    check_identifier,
    clone_stem,
    comma_list,
    printable,
    quarantine_group_name,
    run_cleaned_by,
)
from daybreak.model.plan import Plan
from daybreak.model.requests import (
    CleanRequest,
    CopyRequest,
    ExportRequest,
    FailOverRequest,
    MakeArchiveRequest,
    MakeExportRequest,
    MoveRequest,
)
from daybreak.model.run import RunAborted
from daybreak.model.tags import NONCE_TAG, ORIGIN_TAG
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity, ParameterGroup
from daybreak.observe.look import Lookout
from daybreak.plan.archiving import archive_of
from daybreak.plan.clean import scratch_of
from daybreak.plan.remarks import OF_JOURNAL


@dataclass(frozen=True)
class Leftover:
    """What a person wants removed: what a run created, or a cluster that no run here knows (``is_cluster``)."""

    name: str
    is_cluster: bool = False
    why: str = ""


@dataclass(frozen=True)
class _Found:
    """What exists of a clone, and behind which door. A clone whose cluster is gone may still have its parameter group."""

    aws: Aws
    cluster: Cluster | None
    group: ParameterGroup | None

    @property
    def is_there(self) -> bool:
        """Whether anything exists."""
        return self.cluster is not None or self.group is not None

    def tag(self, name: str) -> str | None:
        """The value of a tag, from the cluster before the group."""
        for thing in (self.cluster, self.group):
            if thing is not None:
                return thing.tags.get(name)
        return None


def plan_clean(app: App, wish: Leftover) -> Plan:
    """The plan that removes what a run created; raises ``Refused`` with every reason.

    Where the run's journal or plan cannot be read, or no run here knows the cluster, the plan's request says so (``doubt``).
    Then tags decide, and the person who carries it out has to type the clone's name.
    """
    name = check_identifier(wish.name, "cluster") if wish.is_cluster else wish.name
    if wish.is_cluster and name not in app.store.runs():
        return _by_tags(app, Remains(run=name), wish.why, f'no run "{name}" is kept in "{app.settings.state}"')
    try:
        plan, chain = app.store.plan(name), app.store.chain(name)
        state = chain.state() if chain.events else None
    except DaybreakError as error:
        remains = app.store.remains(name)
        if app.store.is_held(name):
            raise Held(f'the run "{name}" is being carried out by another process', f"daybreak abort {name}") from error
        return _by_tags(app, remains, wish.why, error.message)
    if isinstance(plan.request, CleanRequest):
        raise _no_clone(name, plan.request.run)
    if isinstance(plan.request, CopyRequest):
        raise _no_remains(plan)
    if isinstance(plan.request, MoveRequest):
        raise Refused(
            f'"{name}" moved traffic, and created nothing',
            f"daybreak rollback {name}" if plan.kind == "cutover" else "daybreak runs",
        )
    if isinstance(plan.request, FailOverRequest):
        raise Refused(f'"{name}" moved a database that is not its own, and created nothing', f"daybreak show {name}")
    if state is None and wish.is_cluster:
        return _by_tags(app, app.store.remains(name), wish.why, f'the run "{name}" has no journal here')
    if state is None:
        raise Refused(f'the run "{name}" never began, and created nothing', "daybreak runs")
    if state.ended is None and (why := _tag_contradiction(app, plan, chain)):
        return _by_tags(app, app.store.remains(name), wish.why, f"the journal of {name} {why}")
    if state.ended is None:
        raise Refused(f'the run "{name}" has not ended', f"daybreak abort {name}", next_of(app, plan, state))
    if isinstance(plan.request, ExportRequest):
        files = CleanRequest(
            target=plan.target.name, run=name, nonce=state.nonce, suffix=new_suffix(), why=wish.why, is_of_export=True,
            scratch_at=scratch_of(plan),
        )  # fmt: skip
        return plan_for(app, files, plan.target)
    if isinstance(plan.request, MakeArchiveRequest):
        app.hold_to(plan.identity, app.aws(plan.identity.region))
        left = CleanRequest(
            target=plan.target.name, run=name, nonce=state.nonce, suffix=new_suffix(), why=wish.why, archive=archive_of(plan),
        )  # fmt: skip
        return plan_for(app, left, plan.target)
    refuse_former_source(app, name)
    # Elsewhere nothing of it exists, and "nothing exists any more" would be believed.
    app.hold_to(plan.identity, app.aws(plan.identity.region))
    request = CleanRequest(
        target=plan.target.name,
        run=name,
        nonce=state.nonce,
        suffix=new_suffix(),
        why=wish.why,
        task=plan.clone if isinstance(plan.request, MakeExportRequest) else "",
    )
    made = _decide(app, request, plan.target, [*own_clusters(name, app.targets)])
    if doubt := doubt_of(app, plan, chain):
        note = f"the journal of {name} {doubt}{OF_JOURNAL}"
        made = made.model_copy(update={"notes": (*made.notes, note)})
    return made


def _tag_contradiction(app: App, plan: Plan, chain: Chain) -> str:
    """What the clone's tag says against the journal; empty where AWS cannot be asked, as where there is no tag."""
    try:
        return contradiction_of(app, plan, chain)
    except Unreachable:
        return ""


def abort(app: App, run: str, why: str) -> bool:
    """End a run. True: it ended here, because no process holds it. False: the process that holds it was asked to end it."""
    who = app.person()
    try:
        plan, state = state_of_run(app, run)
    except (Damaged, Newer) as error:
        if app.store.is_held(run):
            app.store.ask(run, ABORT, who, why)
            return False
        raise Refused(
            f'the run "{run}" cannot be ended, because its record cannot be read: {error.message}', *error.hints
        ) from error
    if state.ended is not None:
        raise Refused(f'the run "{run}" has already ended: {state.status}', next_of(app, plan, state))
    try:
        with app.attach(run) as journal:
            journal.append(RunAborted(by=who, why=why))
            ended = journal.state()
        give_up_archive(app, plan, ended)
        return True
    except Held:
        # A process that is alive reads its inbox at every look and ends the run itself.
        app.store.ask(run, ABORT, who, why)
        return False


def _by_tags(app: App, remains: Remains, why: str, doubt: str) -> Plan:
    """The plan where no journal can vouch: the tags must name the run, its source and, where it is known, its nonce."""
    run = remains.run
    if original := run_cleaned_by(run):
        raise _no_clone(run, original)
    pinned = _identity_in(remains)
    if pinned is not None:
        app.hold_to(pinned, app.aws(pinned.region))
    found = _search(app, run, pinned)
    reasons = [*own_clusters(run, app.targets)]
    target = _target_of(app, remains, found)
    if target is None:
        raise Refused(f'cleaning up after "{run}"', *_unknown_hints(app), reasons=(*reasons, _no_target(found, run)))
    if not app.access.region and target.region != found.aws.region:
        reasons.append(
            f'the target "{target.name}" is in {target.region}, and what "{run}" names is in {found.aws.region}'
        )
    nonce = remains.nonce or found.tag(NONCE_TAG)
    request = CleanRequest(target=target.name, run=run, nonce=nonce, suffix=new_suffix(), why=why, doubt=doubt)
    return _decide(app, request, target, reasons)


def _decide(app: App, request: CleanRequest, target: Target, reasons: list[str]) -> Plan:
    """The plan; raises ``Refused`` when the planner or the caller has reasons against it."""
    try:
        plan = plan_for(app, request, target)
    except Refused as refusal:
        raise Refused(refusal.message, *refusal.hints, reasons=(*reasons, *refusal.reasons)) from refusal
    if reasons:
        raise Refused(f'cleaning up after "{request.run}"', reasons=tuple(reasons))
    return plan


def _no_clone(run: str, original: str) -> Refused:
    return Refused(f'"{run}" is itself a clean-up and created nothing', f"daybreak clean {original}")


def _no_remains(plan: Plan) -> Refused:
    again = f"daybreak copy {plan.target.name} --region {plan.identity.region}"
    return Refused(
        f'"{plan.run}" made no clone: it is about copies of snapshots',
        f"{again}  # removes what is too many, and what it left",
    )


def _identity_in(remains: Remains) -> Identity | None:
    """Where the run's plan was made; ``None`` when that can no longer be read."""
    try:
        return Identity.model_validate((remains.plan or {}).get("identity"))
    except ValidationError:
        return None


def _search(app: App, run: str, pinned: Identity | None) -> _Found:
    """What exists under the clone's names; raises ``Refused`` where no possible region has anything, or several have."""
    regions: list[str | None] = [
        *({pinned.region} if pinned else sorted({each.region for each in app.targets.values()}))
    ]
    doors = [app.aws(region) for region in regions or [None]]

    def look() -> list[_Found]:
        found = (
            _Found(aws, (eyes := Lookout(aws)).cluster(run), eyes.parameter_group(quarantine_group_name(run)))
            for aws in doors
        )
        return [each for each in found if each.is_there]

    with explained(f'looking for "{run}"'):
        found = app.closely(look, bool)
    if len(found) > 1:
        there = [each.aws.region for each in found]
        raise Refused(
            f'"{printable(run)}" exists in each of {comma_list(there)}', "name the one that is meant with --region"
        )
    if not found:
        where = ", ".join(sorted({aws.region for aws in doors}))
        raise Refused(
            f'nothing that "{printable(run)}" created exists in {where} any more',
            "name another region with --region",
            "daybreak runs",
        )
    return found[0]


def _target_of(app: App, remains: Remains, found: _Found) -> Target | None:
    """The target of the run's own plan, else the configured one that the clone's tag names, or the clone's name begins with."""
    known = [*app.targets.values()]
    if remains.plan is not None:
        try:
            return Target.model_validate(remains.plan.get("target"))
        except ValidationError:
            known = [target for target in known if target.cluster == (remains.plan or {}).get("source")]
    if found.cluster is not None:
        known = [target for target in known if target.cluster == found.tag(ORIGIN_TAG)]
    else:
        known = [target for target in known if remains.run.startswith(f"{clone_stem(target.cluster)}-")]
    here = [target for target in known if target.region == found.aws.region]
    return next(iter([*here, *known]), None)


def _no_target(found: _Found, run: str) -> str:
    origin = found.tag(ORIGIN_TAG)
    if origin is None:
        return f'what is named "{run}" has no tag {ORIGIN_TAG}, so it is no clone of ours'
    return f'no target of the configuration is "{printable(origin)}", the source of "{run}" by its tag {ORIGIN_TAG}'


def _unknown_hints(app: App) -> tuple[str, ...]:
    known = ", ".join(sorted(app.targets)) or "none"
    return (f"targets: {known}", "name the target's configuration with --config")

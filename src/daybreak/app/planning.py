"""Planning: look at what a request needs to know, and decide. Nothing is changed."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice

from daybreak.app.accidents import accident_typed
from daybreak.app.app import App
from daybreak.app.archives import observe_archive
from daybreak.app.copies import observe_copies
from daybreak.app.explaining import explained
from daybreak.app.recalling import recall
from daybreak.app.receiver import observe_export
from daybreak.app.sides import observe_sides
from daybreak.app.spelling import proofread
from daybreak.aws.gateway import Aws
from daybreak.aws.secrets import Secret, secret_of
from daybreak.errors import DaybreakError, Refused
from daybreak.journal.store import Damaged, Newer
from daybreak.model.names import clone_stem
from daybreak.model.observation import Observation, PastRun
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import (
    CleanRequest,
    CopyRequest,
    ExportRequest,
    FailOverRequest,
    MakeArchiveRequest,
    MakeExportRequest,
    MoveRequest,
    PitrRequest,
    Purpose,
    RegionRequest,
    Request,
    RestoreRequest,
)
from daybreak.model.targets import Target, Waiver
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.world import Identity
from daybreak.observe.fail_over import look_at_global
from daybreak.observe.look import Lookout
from daybreak.observe.making import look_at_export, look_at_snapshots
from daybreak.observe.observation import (
    look_at_remains,
    look_closely,
    look_for_sources,
    with_authorities,
    with_past,
    with_secret,
    with_spelling,
)
from daybreak.plan.estimates import why_run_shows_nothing
from daybreak.plan.judgement import times_of
from daybreak.plan.planner import plan_of
from daybreak.plan.source import interest_of
from daybreak.plan.terms import Terms
from daybreak.postgres.authorities import authorities

_SUFFIX_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_PAST_RUNS = 20
"""How many earlier runs of a target an estimate takes: enough for a median, few enough for a journal in S3."""
_MOST_READ = 100
"""How many runs that have the target's name are read in search of those."""


@dataclass(frozen=True)
class PitrWish:
    """What a person asks of a point-in-time recovery, as they typed it."""

    target: str
    to: str
    why: str = ""
    is_read_only: bool = False
    resource_id: str | None = None
    purpose: Purpose = "recovery"
    accident: str | None = None
    thoroughness: Thoroughness = field(default_factory=Thoroughness)
    waivers: tuple[Waiver, ...] = ()


def plan_pitr(app: App, wish: PitrWish) -> Plan:
    """The plan that brings a source back as of a moment; raises ``Refused`` with every reason."""
    target = app.target(wish.target).with_waivers(wish.waivers)
    request = PitrRequest(
        target=target.name,
        moment=app.moment(wish.to, target.region),
        words=wish.to,
        why=wish.why,
        suffix=new_suffix(),
        is_read_only=wish.is_read_only,
        resource_id=wish.resource_id,
        purpose=wish.purpose,
        accident=accident_typed(app, wish.accident, target.region),
        thoroughness=thoroughness_of(app, wish.thoroughness, target),
    )
    return plan_for(app, request, target)


def plan_for(app: App, request: Request, target: Target) -> Plan:
    """The plan for a request in the world as it is now; raises ``Refused`` with every reason."""
    seen = observe_for(app, request, target)
    if isinstance(request, RestoreRequest):
        is_abroad = isinstance(request, RegionRequest)
        seen = with_spelling(seen, proofread(app, target, seen.cluster, seen, is_abroad=is_abroad))
    terms = terms_for(app, request, target, seen.seen.replace(microsecond=0))
    answer = plan_of(request, target, seen, terms)
    if isinstance(answer, Refusal):
        raise Refused(answer.what, *answer.hints, reasons=answer.reasons)
    app.made.add(answer.digest())
    return answer


def terms_for(app: App, request: Request, target: Target, made: datetime) -> Terms:
    """The terms that this configuration gives to a plan that is made at ``made``."""
    is_staging = isinstance(request, RestoreRequest) and request.purpose == "staging"
    return Terms(
        created=made,
        expires=made + app.settings.plan_expires,
        keep_until=made + (target.staging.keep if is_staging else app.settings.keep),
        zone=app.zone,
        group_rest=app.settings.group_rest,
    )


def observe_for(app: App, request: Request, target: Target) -> Observation:
    """Everything that a planner may know about the subject of the request."""
    aws = app.aws(target.region)
    lookout = Lookout(aws)
    with explained(f'looking at "{target.cluster}"'):
        identity = app.closely(aws.identity, lambda _: True)  # the first answer shows how wrong our clock is
        if isinstance(request, CleanRequest) and (request.is_of_export or request.archive is not None):
            return app.with_skew(_observe_scratch(app, lookout, identity, request))
        if isinstance(request, MakeExportRequest) or (isinstance(request, CleanRequest) and request.task):
            return app.with_skew(_observe_exports(app, lookout, identity, request, target))
        if isinstance(request, CleanRequest):
            look = partial(look_at_remains, lookout, identity, request, app.now())
            return app.with_skew(app.closely(look, lambda seen: seen.cluster is not None))
        if isinstance(request, FailOverRequest):
            move = partial(look_at_global, lookout, identity, request, app.now())
            return app.with_skew(app.closely(move, lambda seen: seen.cluster is not None))
        if isinstance(request, MakeArchiveRequest):
            return app.with_skew(observe_archive(app, request, target, identity))
        if isinstance(request, ExportRequest):
            return app.with_skew(observe_export(app, request, target, identity))
        if isinstance(request, MoveRequest):
            return app.with_skew(observe_sides(app, request, target, identity))
        if isinstance(request, CopyRequest):
            return app.with_skew(observe_copies(app, request, target, identity))
        look = partial(look_for_sources, lookout, identity, target, request, app.now())
        sources = app.with_skew(app.closely(look, lambda seen: seen.cluster is not None))
        app.clones[target.name] = sources.clones
        sources = recall(app.repository, request, target, sources)
        interest = interest_of(request, target, sources)
        seen = app.closely(lambda: look_closely(aws, sources, interest), lambda _: True)
        secret = _secret(aws, target)
        if secret is not None:
            seen = with_secret(seen, secret.changed, len(secret.older))
    return with_authorities(with_past(seen, past_of(app, target, identity)), authorities(target.trust))


def _observe_scratch(app: App, lookout: Lookout, identity: Identity, request: CleanRequest) -> Observation:
    """The cluster at which a run's scratch database may stand, where it is still the one that was planned."""
    cluster, at = None, request.scratch_at
    if at is not None:
        found = app.closely(partial(lookout.cluster, at.cluster), lambda seen: seen is not None)
        cluster = found if found and found.resource_id == at.resource_id else None
    return Observation(seen=app.now(), identity=identity, cluster=cluster)


def _observe_exports(
    app: App, lookout: Lookout, identity: Identity, request: MakeExportRequest | CleanRequest, target: Target
) -> Observation:
    """What there is to export, or the export that is to be ended: what is not there is looked for again."""
    if isinstance(request, CleanRequest):
        return app.closely(
            lambda: look_at_export(lookout, identity, request, app.now()), lambda seen: bool(seen.exports)
        )
    look = partial(look_at_snapshots, lookout, identity, request, target, app.now())
    return app.closely(look, lambda seen: bool(seen.snapshots))


def _secret(aws: Aws, target: Target) -> Secret | None:
    """The versions of the login's secret; a question that only helps to warn stops no plan."""
    with suppress(DaybreakError):
        return secret_of(target.login, aws) if target.login else None
    return None


def thoroughness_of(app: App, wanted: Thoroughness, target: Target) -> Thoroughness:
    """How much is read this time. A sample takes the tables in turn, from one of the target's runs to the next."""
    stem = clone_stem(target.cluster)
    return wanted.model_copy(update={"turn": sum(run.startswith(f"{stem}-") for run in app.store.runs())})


def past_of(app: App, target: Target, identity: Identity, *, in_any_region: bool = False) -> tuple[PastRun, ...]:
    """The newest runs of the target's cluster that ended with a verdict; not those on another account or lab, nor in another region."""
    stem = clone_stem(target.cluster)
    own = [run for run in app.store.runs() if run.startswith(f"{stem}-")]
    found = (past for run in own[:_MOST_READ] if (past := _past_run(app, run, target, identity, in_any_region)))
    return tuple(islice(found, _PAST_RUNS))


def _past_run(app: App, run: str, target: Target, identity: Identity, in_any_region: bool) -> PastRun | None:  # noqa: FBT001
    """What a run shows of the target; ``None`` where it is another one's, came to no verdict, or cannot be read."""
    with suppress(Damaged, Newer):
        plan = app.store.plan(run)
        is_of_it = (plan.target.name, plan.source) == (target.name, target.cluster)
        is_here = not plan.identity.differences(identity, in_any_region=in_any_region)
        if not (is_of_it and is_here and isinstance(plan.request, RestoreRequest)):
            return None
        state = app.state_or_none(run)
        if state and state.status == "finished" and state.verdict and state.measured.rto:
            why_not = why_run_shows_nothing(plan, state)
            complete, took = times_of(plan, state).complete, state.measured.rto
            return PastRun(run=run, kind=plan.kind, took=took, complete=complete, why_not=why_not)
    return None


def new_suffix() -> str:
    """The random end of a clone's name."""
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(4))

"""Adopting: a run made again of a clone whose state is lost, from the clone's tags and from what AWS says of it.

The law: nothing is made up. The nonce, the source, the kind and the moment's minute stand in tags and name; who restored it, what
was measured and what was judged is lost, and the run says so. A run that is here is never replaced.
"""

from __future__ import annotations

import itertools
import secrets
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from daybreak.app.app import App
from daybreak.app.clones import regions_named, target_at
from daybreak.app.explaining import explained
from daybreak.app.planning import new_suffix
from daybreak.app.recalling import newest_of
from daybreak.app.validating import OF_QUARANTINE
from daybreak.app.vouching import own_clusters
from daybreak.errors import Bug, DaybreakError, Refused, Unreachable
from daybreak.model.actions import AwaitCluster, Validate
from daybreak.model.backups import MomentsHeld
from daybreak.model.clones import ADOPTED, Clone
from daybreak.model.moment import At, Latest
from daybreak.model.names import check_identifier, comma_list, is_clone_name, kind_and_minute, printable
from daybreak.model.plan import Estimate, Plan, RunId, Step, StepId
from daybreak.model.requests import PitrRequest, RegionRequest, RestoreRequest, SnapshotRequest
from daybreak.model.run import RunFinished, StepDone
from daybreak.model.tags import PLAN_TAG, STAMPED
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Instance
from daybreak.observe.backups import WITHIN
from daybreak.observe.look import Lookout
from daybreak.plan.quarantine import ALWAYS


@dataclass(frozen=True)
class Told:
    """What a person says of a clone: the moment that it stands for, if any, and the reason."""

    moment: datetime | None
    why: str
    suffix: str


def adopt(app: App, cluster: str, to: str | None = None, why: str = "") -> str:
    """Write a run for the clone into this state and return its name; raises ``Refused`` with every reason against it.

    ``to`` is the moment that the clone stands for, as a person typed it; without it the minute in its name stands for it.
    """
    name = check_identifier(cluster, "cluster")
    if name in app.store.runs():
        raise Refused(f'there is a run "{name}" in this state already: nothing is lost', f"daybreak show {name}")
    clone, unasked = _find(app, name)
    target, reasons = _target_of(app, clone)
    if reasons or target is None:
        raise Refused(f'adopting "{printable(name)}"', "daybreak clones", reasons=reasons)
    moment = app.moment(to, target.region) if to is not None else None
    if isinstance(moment, Latest):
        raise Refused('"latest" is not a moment that a clone stands for', "name the exact one, or leave --to out")
    plan = _plan_of(app, clone, target, Told(moment.instant if moment else None, why, new_suffix()), unasked)
    app.store.create(plan)
    nonces = itertools.chain([clone.nonce or ""], iter(lambda: secrets.token_hex(8), ""))
    with app.store.attach(
        plan.run, who=app.person(), where=socket.gethostname(), now=app.timing.now, nonce=lambda: next(nonces)
    ) as journal:
        seen = {"endpoint": clone.cluster.endpoint, "port": clone.cluster.port} if clone.cluster.endpoint else {}
        journal.append(StepDone(step=plan.steps[0].id, was_adopted=True, result=seen))
        told = f"adopted by {app.person()} from the tags of the clone: what the lost journal knew is not known here"
        told = "; ".join((told, *unasked))
        journal.append(RunFinished(outcome="done", why=told))
    return plan.run


def _find(app: App, name: str) -> tuple[Clone, tuple[str, ...]]:
    """The cluster of that name in the one region that has it, and a note on each region that did not answer.

    Raises ``Refused`` where none or several have it, and ``Unreachable`` where none does of those that answered.
    """
    regions = regions_named(app)
    found, silent = [], {}
    for region in regions:
        door = app.aws_in_time(region, WITHIN)
        try:
            with explained(f'looking for "{name}" in {region}'):
                if cluster := Lookout(door).cluster(name):
                    found.append(Clone(home=door.identity(), cluster=cluster))
        except DaybreakError as error:
            silent[region] = error
    if not found and silent:
        why = "; ".join(f"{region} did not answer: {error.message}" for region, error in silent.items())
        others = [each for each in regions if each not in silent]
        answered = f" exists nowhere in {comma_list(others)}, and" if others else ":"
        raise Unreachable(f'"{printable(name)}"{answered} {why}', "adopt it when its region answers")
    if len(found) != 1:
        there = f"exists in each of {comma_list([each.home.region for each in found])}" if found else None
        raise Refused(
            f'"{printable(name)}" {there or f"exists nowhere in {comma_list(regions)}"}',
            "name its region with --region",
            "daybreak clones",
        )
    return found[0], tuple(
        f"{each} did not answer: whether it has a cluster of that name is not known" for each in silent
    )


def _target_of(app: App, clone: Clone) -> tuple[Target | None, tuple[str, ...]]:
    """The target that the clone was made of, and why it is not adopted."""
    reasons = [*own_clusters(clone.identifier, app.targets)]
    if clone.run != clone.identifier:
        said = f'names the run "{printable(clone.run)}"' if clone.run else "is missing"
        reasons.append(f"its tag of the run {said}: it is not one of ours, was renamed, or copied the tags of one")
    if not clone.nonce:
        reasons.append("it has no tag with a nonce: nothing shows which run made it")
    if not is_clone_name(clone.identifier, clone.source):
        reasons.append(f'no clone of "{printable(clone.source)}" is ever named so')
    target = target_at(clone, app.settings.targets.values())
    if target is None:
        reasons.append(f'no target of the configuration is "{printable(clone.source)}", its source')
    return target, tuple(reasons)


def _plan_of(app: App, clone: Clone, target: Target, told: Told, unasked: tuple[str, ...]) -> Plan:
    """The plan as far as it can be known: what was restored, and how the clone is validated."""
    named = kind_and_minute(clone.identifier, clone.source)
    if named is None:
        raise Refused(f'"{printable(clone.identifier)}" has not the name of a clone', "daybreak clones")
    kind, minute = named
    home = app.settings.targets[target.name].region
    request = request_of(kind, target, home, minute, told)
    moment = told.moment or minute
    return Plan(
        run=RunId(clone.identifier),
        request=request,
        target=target,
        identity=clone.home,
        created=clone.cluster.created or app.now(),
        expires=app.now(),
        zone=app.zone,
        source=target.cluster,
        clone=clone.identifier,
        moment=moment,
        objectives=target.objectives,
        estimate=_NONE,
        steps=_steps(app, clone, target, home, moment),
        notes=(ADOPTED, *unasked, *(() if told.moment else (_BY_THE_MINUTE,))),
        keep_until=clone.expires,
        tags={key: value for key, value in clone.cluster.tags.items() if key in STAMPED and key != PLAN_TAG},
    )


def request_of(kind: str, target: Target, home: str, minute: datetime, told: Told) -> RestoreRequest:
    """The request that a clone of this kind was made for, as far as its name says it.

    ``minute`` is the one in the name, and ``home`` the region of the source. The minute of a clone in another region may be that of
    the copy, which held an earlier moment: nothing vouches for it.
    """
    name, why, suffix, known = target.name, told.why, told.suffix, told.moment
    if kind == "pitr":
        return PitrRequest(target=name, moment=At(instant=known or minute), why=why, suffix=suffix)
    if kind == "snapshot":
        return SnapshotRequest(target=name, why=why, suffix=suffix)
    if kind == "region":
        evidence = "a person said it" if known else "the minute in the clone's name, which may be the copy's own"
        held = MomentsHeld(latest=known, at_most=known or minute + timedelta(minutes=1), evidence=evidence)
        return RegionRequest(target=name, home=home, snapshot="", moments=held, why=why, suffix=suffix)
    message = f"no clone is made for a request of the kind {kind}"
    raise Bug(message)


_BY_THE_MINUTE = (
    "its moment is that of its name, which has no seconds: what was written in that minute may be judged wrongly, and "
    "adopt --to says the exact one"
)
_NONE = Estimate(low=timedelta(), high=timedelta(), evidence="nothing is left to be done")


def _steps(app: App, clone: Clone, target: Target, home: str, moment: datetime) -> tuple[Step, ...]:
    """That the clone is there, and the validation that can be asked of it; compared with the source where that is there."""
    is_at_home = clone.home.region == home
    # A cluster of the source's name in another region is another one.
    source, inside = _witness(app, target) if is_at_home else (None, ())
    whose = clone.home.model_copy(update={"region": home})
    validate = Validate(
        clone=clone.identifier,
        source=target.cluster,
        source_seen=source,
        instances_seen=inside,
        baseline=newest_of(app.repository, "baseline", target, whose, moment),
        moment=At(instant=moment),
        database=target.database or clone.cluster.database,
        only=target.only,
        databases=target.databases,
        login=target.login,
        quarantine=ALWAYS,
        permitted=OF_QUARANTINE,
        tables=target.tables,
        checks=target.checks,
        application=target.application,
        health=target.health,
        waivers=target.waivers,
        source_budget=target.source_budget,
    )
    there = AwaitCluster(clone=clone.identifier)
    return (
        Step(id=StepId("01-await-cluster"), action=there, reason="it exists: AWS shows it", estimate=_NONE),
        Step(
            id=StepId("02-validate-clone"),
            action=validate,
            reason="what was judged before is lost: ask again with validate",
            estimate=_NONE,
            is_on_request=True,
        ),
    )


def _witness(app: App, target: Target) -> tuple[Cluster | None, tuple[Instance, ...]]:
    """The source as it is now; nothing where it is gone or cannot be asked, and then nothing is compared with it."""
    try:
        eyes = Lookout(app.aws(target.region))
        source = eyes.cluster(target.cluster)
        return source, eyes.inside(source) if source else ()
    except DaybreakError:
        return None, ()

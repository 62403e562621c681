"""What was promised for each target and what is true right now; and the clusters that could be targets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from daybreak.app.app import App
from daybreak.app.backups import read_in_time, region_loss
from daybreak.app.closed import sources_closed
from daybreak.app.explaining import explained
from daybreak.app.others import ClonesElsewhere, RunInFlight, clone_words, clones_elsewhere, runs_in_flight
from daybreak.app.planning import past_of
from daybreak.app.preparing import WITHIN, preparations
from daybreak.app.recalling import newest_of
from daybreak.app.spelling import proofread
from daybreak.app.unclosed import Unclosed, read_unclosed
from daybreak.assess.protection import advice_for, protection_of, protection_of_silent
from daybreak.config import Found
from daybreak.errors import Paused, Refused, Unreachable
from daybreak.model.findings import Finding
from daybreak.model.names import target_names
from daybreak.model.observation import Observation
from daybreak.model.preparation import Preparation
from daybreak.model.ranked_backups import Catalogue
from daybreak.model.run import RunState
from daybreak.model.tags import RUN_TAG
from daybreak.model.targets import LOGIN, LOGIN_ALLOWED, Network, Objectives, Target
from daybreak.model.value import Span
from daybreak.model.world import Identity
from daybreak.observe.look import Lookout
from daybreak.observe.observation import observe_target, with_authorities, with_spelling
from daybreak.plan.kinds import is_outside_vpc, other_kind, words_on_vpc
from daybreak.plan.objections import objections_to_trust
from daybreak.postgres.authorities import authorities

LOOKING = timedelta(seconds=10)
"""How long each call to the target's region may take: a status is asked for on the day on which it hangs."""


@dataclass(frozen=True)
class TargetStatus:
    """One target: what was promised and what is true right now."""

    target: Target
    seen: Observation
    findings: tuple[Finding, ...]
    last: RunState | None
    elsewhere: Catalogue | None = None
    """The backups that a loss of the region would leave; ``None`` where the configuration names no other region."""
    prepared: tuple[Preparation, ...] = ()
    """What is kept where, and whether the database and the logins can be reached."""
    runs: tuple[RunInFlight, ...] = ()
    """Its runs that have not ended, by the state of this machine's configuration."""
    closed: tuple[str, ...] = ()
    """What keeps its cluster closed though the run has ended, each with the command that opens it."""
    advice: tuple[str, ...] = ()
    """What would make a validation know more, as the newest baseline shows it."""
    away: ClonesElsewhere = field(default_factory=ClonesElsewhere)
    """The clones in the other regions."""
    unclosed: tuple[Unclosed, ...] = ()
    """What its cutovers left open."""
    silent: str = ""
    """Why the target's region did not answer; empty where it did."""

    def clone_lines(self) -> tuple[str, ...]:
        """A line for each clone, and for each region that did not show its clones."""
        return (
            *(clone_words(each, self.seen.seen) for each in self.seen.clones),
            *(f"{clone_words(each, self.seen.seen)}, in {region}" for region, each in self.away.found),
            *(f"not known in {region}: {why}" for region, why in self.away.unseen.items()),
        )


def statuses(app: App, names: tuple[str, ...]) -> tuple[TargetStatus, ...]:
    """What was promised for each target and what is true right now."""
    chosen = [app.target(name) for name in names or sorted(app.targets)]
    if not chosen:
        raise Refused("no target is configured", "daybreak init  # looks at the account and writes daybreak.toml")
    return tuple(_status_of(app, target) for target in chosen)


def _status_of(app: App, target: Target) -> TargetStatus:
    aws = app.aws_in_time(target.region, LOOKING)
    try:
        with explained(f'looking at "{target.cluster}"'):
            identity = aws.identity()
            seen = app.with_skew(observe_target(Lookout(aws), identity, target, app.now()))
    except Paused:  # whoever is not known here is not known elsewhere
        raise
    except Unreachable as error:
        return _status_without(app, target, error)
    seen = with_spelling(with_authorities(seen, authorities(target.trust)), proofread(app, target, seen.cluster))
    past = past_of(app, target, identity, in_any_region=True)
    last = app.state_or_none(past[0].run) if past else None
    elsewhere = region_loss(app, target)
    findings = protection_of(target, seen, past, elsewhere)
    prepared = preparations(app, target, seen.cluster, elsewhere)
    return TargetStatus(
        target,
        seen,
        findings,
        last,
        elsewhere,
        prepared,
        runs_in_flight(app, target, identity),
        sources_closed(app, target),
        _advice(app, target, identity),
        clones_elsewhere(app, target, target.region),
        read_unclosed(app, target, identity),
    )


def _status_without(app: App, target: Target, silence: Unreachable) -> TargetStatus:
    """What the other regions and the places of what is kept show, where the target's region is silent.

    Raises that silence where the configuration names no other region, or none of them answers.
    """
    elsewhere = region_loss(app, target)
    if elsewhere is None or not any(each.account for each in elsewhere.regions):
        raise silence
    there = next(each.region for each in elsewhere.regions if each.account)
    with explained("asking AWS who we are"):
        identity = app.aws_in_time(there, LOOKING).identity().model_copy(update={"region": target.region})
    seen = Observation(seen=app.now(), identity=identity)
    past = past_of(app, target, identity, in_any_region=True)
    return TargetStatus(
        target,
        seen,
        protection_of_silent(target, seen, past, elsewhere),
        app.state_or_none(past[0].run) if past else None,
        elsewhere,
        preparations(app, target, None, elsewhere, silent=target.region),
        runs_in_flight(app, target, identity),
        sources_closed(app, target),
        away=clones_elsewhere(app, target, ""),
        unclosed=read_unclosed(app, target, identity),
        silent=silence.message,
    )


def _advice(app: App, target: Target, identity: Identity) -> tuple[str, ...]:
    """What the newest baseline shows to be missing for a sure validation; nothing where there is none, or it cannot be read in time."""

    def read() -> tuple[str, ...]:
        kept = newest_of(app.repository, "baseline", target, identity)
        return advice_for(app.repository.baseline(kept)) if kept else ()

    return read_in_time(read, WITHIN)[1] or ()


_PROMISES = {
    "rpo": "AWS: a restore typically reaches to five minutes ago",
    "rto": "the runbook's; daybreak status shows what your restores took",
    "retention": "how long the cluster keeps its backups today",
}
"""Where the objectives come from that ``init`` writes."""


@dataclass(frozen=True)
class Discovered:
    """The clusters of a region, for ``init``."""

    found: tuple[Found, ...]
    """Each that can be restored as a target, with where its objectives come from."""
    left_out: tuple[str, ...]
    """Each other one, with the reason."""
    to_be_done: tuple[str, ...]
    """What a person must add before a target can be restored."""


def discover(app: App, login: str | None = None) -> Discovered:
    """Every cluster of the region but Daybreak's own clones: as a target, or with the reason why it is none.

    ``login`` is the reference for clusters that have no managed secret. Raises ``Refused`` for what is no reference.
    """
    if login is not None and not re.fullmatch(LOGIN, login):
        raise Refused("what --login names is no reference", f"write {LOGIN_ALLOWED}")
    aws = app.aws()
    with explained("looking for clusters"):
        clusters = Lookout(aws).clusters()
    clusters = {name: clusters[name] for name in sorted(clusters) if RUN_TAG not in clusters[name].tags}
    others = {name: kind for name, cluster in clusters.items() if (kind := other_kind(cluster))}
    clusters = {name: cluster for name, cluster in clusters.items() if name not in others}
    names = target_names(clusters)
    found = tuple(
        Found(
            Target(
                name=names[identifier],
                cluster=identifier,
                region=aws.region,
                database=cluster.database,
                login=f"secretsmanager:{cluster.master_secret}" if cluster.master_secret else login,
                objectives=Objectives(rpo=Span(minutes=5), rto=Span(hours=4), retention=cluster.backup_retention),
                tls=app.settings.tls,
                tls_ca=app.settings.tls_ca,
            ),
            _PROMISES,
            Network(subnet_group=cluster.subnet_group, security_groups=cluster.security_groups),
        )
        for identifier, cluster in clusters.items()
    )
    outside = (name for name, cluster in clusters.items() if is_outside_vpc(cluster))
    problems = _trust_problems(app, [each.target for each in found])
    return Discovered(
        found,
        left_out=tuple(f'"{name}" {kind.sentence}' for name, kind in others.items()),
        to_be_done=(*(f'"{name}" {words_on_vpc(aws.region)}' for name in outside), *problems),
    )


def _trust_problems(app: App, targets: Iterable[Target]) -> tuple[str, ...]:
    """Why servers of these targets could not prove their identity, a line for each region, with what to do."""
    now = app.timing.now()
    objections = (
        each
        for target in targets
        for each in objections_to_trust(target.trust, target.region, None, authorities(target.trust), now)
    )
    return tuple(dict.fromkeys(objections))

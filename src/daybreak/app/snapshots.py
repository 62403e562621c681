"""Snapshots: list a target's, and plan a restore from one."""

from __future__ import annotations

from dataclasses import dataclass, field

from daybreak.app.absence import refusal_without_cluster
from daybreak.app.accidents import accident_typed
from daybreak.app.app import App
from daybreak.app.explaining import explained
from daybreak.app.planning import new_suffix, plan_for, thoroughness_of
from daybreak.errors import Refused
from daybreak.model.moment import At, Latest
from daybreak.model.plan import Plan
from daybreak.model.requests import NEWEST, Purpose, SnapshotRequest
from daybreak.model.targets import Target, Waiver
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.world import Cluster, Snapshot
from daybreak.observe.look import Lookout
from daybreak.observe.observation import snapshots_of


@dataclass(frozen=True)
class SnapshotWish:
    """What a person asks of a restore from a snapshot, as they typed it."""

    target: str
    snapshot: str = NEWEST
    before: str | None = None
    why: str = ""
    is_read_only: bool = False
    purpose: Purpose = "recovery"
    accident: str | None = None
    thoroughness: Thoroughness = field(default_factory=Thoroughness)
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True)
class Snapshots:
    """A target's snapshots, newest first, and its cluster where that still exists."""

    target: Target
    cluster: Cluster | None
    snapshots: tuple[Snapshot, ...]


def plan_snapshot(app: App, wish: SnapshotWish) -> Plan:
    """The plan that brings a source back as a snapshot holds it; raises ``Refused`` with every reason."""
    target = app.target(wish.target).with_waivers(wish.waivers)
    request = SnapshotRequest(
        target=target.name,
        snapshot=wish.snapshot.strip().lower() or NEWEST,
        before=_limit(app, wish.before, target),
        words=wish.before or "",
        why=wish.why,
        suffix=new_suffix(),
        is_read_only=wish.is_read_only,
        purpose=wish.purpose,
        accident=accident_typed(app, wish.accident, target.region),
        thoroughness=thoroughness_of(app, wish.thoroughness, target),
    )
    return plan_for(app, request, target)


def snapshots(app: App, name: str, before: str | None = None) -> Snapshots:
    """The snapshots of a target, also of one whose cluster is deleted; ``before`` leaves out later ones.

    Raises ``Refused`` where there is neither a snapshot nor the cluster: its name may be misspelt, or the region another one.
    """
    target, limit = app.target(name), _limit(app, before, app.target(name))
    aws = app.aws(target.region)
    with explained(f'looking for snapshots of "{target.cluster}"'):
        lookout = Lookout(aws)
        found = snapshots_of(lookout, aws.identity(), target.cluster)
        cluster = lookout.cluster(target.cluster)
        if cluster is None and not found:
            refusal = refusal_without_cluster(lookout, target, aws.region)
            raise Refused(f"{refusal.message}, and no snapshot of it", *refusal.hints)
    in_time = [each for each in found if limit is None or (each.created and each.created <= limit.instant)]
    return Snapshots(target, cluster, tuple(reversed(in_time)))


def _limit(app: App, words: str | None, target: Target) -> At | None:
    if words is None:
        return None
    moment = app.moment(words, target.region)
    if isinstance(moment, Latest):
        raise Refused('"latest" is not a time for --before', "leave --before out for the newest snapshot")
    return moment

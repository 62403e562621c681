"""Capturing: keep what Aurora's backups do not hold of a cluster, while the cluster can be asked.

The law: capturing only looks, and keeps no secret: of the master password only the reference. Where a question has no answer,
the capsule says so: half a configuration is better than none on the day when the cluster is gone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from daybreak.app.absence import refusal_without_cluster
from daybreak.app.app import App
from daybreak.app.dumping import DumpSitting, SchemaKept, keep_schemas
from daybreak.app.explaining import explained
from daybreak.app.recalling import newest_of
from daybreak.assess.capsules import capsule_changes
from daybreak.aws.gateway import Aws
from daybreak.errors import DaybreakError
from daybreak.execute.database import login_at
from daybreak.judge.joining import entries_of
from daybreak.model.answers import Silence
from daybreak.model.capsule import Capsule, FieldChange
from daybreak.model.cost import Cost
from daybreak.model.findings import Standing
from daybreak.model.inventory import Inventory
from daybreak.model.kept import Kept
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.observe.look import Lookout
from daybreak.observe.surroundings import surroundings_of
from daybreak.postgres.address import address_of
from daybreak.postgres.reach import Reach
from daybreak.validate.probes import take_inventory, take_shared_inventory

_ASKING = timedelta(seconds=60)


@dataclass(frozen=True)
class Captured:
    """A capsule that was taken, and how it differs from the one before."""

    kept: Kept
    """The document that holds it; an earlier one when nothing has changed since."""
    capsule: Capsule
    is_new: bool
    places: tuple[str, ...]
    previous: Kept | None = None
    changes: tuple[FieldChange, ...] | None = None
    """The changes since the previous capsule; ``None`` when there is no previous one that can be read."""
    cost: Cost | None = None
    """What asking took of the server; ``None`` where nothing inside PostgreSQL was asked."""
    schema: SchemaKept = field(default_factory=SchemaKept)
    """The schema dump that was kept beside it, or why there is none."""


def capture(app: App, name: str) -> Captured:
    """Take the capsule of a target's cluster and keep it; raises ``Refused`` when there is no cluster to ask."""
    target = app.target(name)
    capsule, inside = _take(app, target)
    repository = app.repository
    previous, changes = None, None
    with suppress(DaybreakError):  # the code below reports whether it can be kept
        previous = newest_of(repository, "capsule", target, capsule.identity)
        changes = capsule_changes(repository.capsule(previous), capsule) if previous else None
    kept = repository.keep(capsule)
    is_new = kept.stands_for == capsule.taken
    schema = _keep_schemas(app, target, capsule, inside)
    return Captured(kept, capsule, is_new, repository.places, previous, changes, inside.cost, schema)


def _keep_schemas(app: App, target: Target, capsule: Capsule, inside: _Inside) -> SchemaKept:
    if inside.place is None or not inside.inventories:
        return SchemaKept(why=inside.why or "no database could be asked")
    names = tuple(each.database for each in inside.inventories)
    return keep_schemas(app, inside.place, DumpSitting(target, capsule.cluster, capsule.identity, capsule.taken, names))


def capsules(app: App, name: str) -> tuple[Kept, ...]:
    """The kept capsules of a target, oldest first."""
    return app.repository.list_kept("capsule", app.target(name).name)


def capsule_or_why(app: App, kept: Kept) -> Capsule | str:
    """A kept capsule; where it cannot be read, why."""
    try:
        return app.repository.capsule(kept)
    except DaybreakError as error:
        return error.message


def _take(app: App, target: Target) -> tuple[Capsule, _Inside]:
    aws = app.aws(target.region)
    with explained(f'looking at "{target.cluster}"'):
        lookout = Lookout(aws)
        identity = aws.identity()
        now = app.now()
        cluster = lookout.cluster(target.cluster)
        if cluster is None:
            listing = f"daybreak capture {target.name} --list  # the capsules that are kept"
            raise refusal_without_cluster(lookout, target, aws.region, listing)
        instances = lookout.inside(cluster)
        around = surroundings_of(aws, cluster, instances)
    inside = _inside(app, aws, target, cluster)
    capsule = Capsule(
        target=target.name,
        taken=now,
        identity=identity,
        cluster=cluster,
        instances=instances,
        surroundings=around,
        shared=inside.shared,
        inventories=inside.inventories,
        why_no_inventory=inside.why,
        left_out=inside.left_out,
    )
    return capsule, inside


@dataclass(frozen=True)
class _Inside:
    """What is inside PostgreSQL, or why that is not known."""

    shared: Inventory | None = None
    inventories: tuple[Inventory, ...] = ()
    why: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    cost: Cost | None = None
    place: Reach | None = None
    """Where it was asked."""


def _inside(app: App, aws: Aws, target: Target, cluster: Cluster) -> _Inside:
    if target.login is None:
        return _Inside(why=f'no login is configured: login = "secretsmanager:NAME" for "{target.name}"')
    if not cluster.endpoint:
        return _Inside(why="AWS names no endpoint")
    address = address_of(cluster, target.database or cluster.database, target.trust)
    try:
        login = login_at(target.login, aws, app.environ, address)
    except DaybreakError as error:
        return _Inside(why=error.message)
    place = Reach(address, login)
    with place.meter.keep_sessions():
        return _list(place, target)


def _list(place: Reach, target: Target) -> _Inside:
    """Everything besides rows, database by database."""
    shared = take_shared_inventory(place, _ASKING)
    if isinstance(shared, Silence):
        return _Inside(why=shared.why, cost=place.meter.cost)
    found: list[Inventory] = []
    left_out: dict[str, str] = {}
    for entry in entries_of(shared, place.address.database, target.only, target.left_out):
        seen = take_inventory(place.within(entry.name), _ASKING) if entry.standing is Standing.FIT else None
        if isinstance(seen, Inventory):
            found.append(seen)
        else:
            left_out[entry.name] = entry.why if seen is None else seen.why
    return _Inside(shared, tuple(found), left_out=left_out, cost=place.meter.cost, place=place)

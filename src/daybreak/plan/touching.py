"""What each action touches: the things that it makes or changes, by world, kind, name and region. Pure."""

from __future__ import annotations

from typing import assert_never

from daybreak.model.actions import (
    Action,
    ArchiveOrder,
    AwaitApproval,
    AwsOrder,
    BucketOrder,
    ExportOrder,
    NameDatabase,
    PoolOrder,
    RunCommand,
    ScratchOrder,
    SqlLook,
    SqlOrder,
    Validate,
    WaitOrder,
)
from daybreak.model.guards import NotTheSource
from daybreak.model.plan import Plan
from daybreak.model.pools import PgBouncer
from daybreak.model.receiver import Receiver
from daybreak.model.requests import MoveRequest
from daybreak.model.things import Thing
from daybreak.plan.calls import Stamp, call_of, stamp_of
from daybreak.plan.operations import touches_of


def things_touched_by(action: Action, stamp: Stamp, region: str) -> tuple[Thing, ...]:
    """What an action makes or changes; ``region`` is the plan's."""
    match action:
        case AwsOrder():
            call = call_of(action, stamp, region)
            return touches_of(call) if call else ()
        case SqlLook():
            return ()
        case SqlOrder():
            return (database_of(action, region),)
        case RunCommand(command=(program, *_)):
            return (Thing(world="host", kind="program", name=program, region=region),)
        case PoolOrder(pool=pool):
            return (pool_named(pool, region),)
        case ScratchOrder(at=Receiver() as receiver):
            return (database_to_make(receiver, action.region or region),)
        case BucketOrder():
            return (archive_named(action.bucket, action.key, action.region or region),)
        case ExportOrder() | ArchiveOrder():
            return ()
        case RunCommand() | WaitOrder() | Validate() | AwaitApproval():
            return ()
        case _:
            assert_never(action)


def database_of(action: SqlOrder, region: str) -> Thing:
    """The database in which an action changes something; ``region`` is the plan's, where the action names none."""
    if isinstance(action, NameDatabase):
        return database_to_make(action.receiver, action.region or region)
    name = f"{action.cluster}/{action.database}"
    return Thing(world="sql", kind="database", name=name, region=action.region or region)


def database_to_make(receiver: Receiver, region: str) -> Thing:
    """The database that a scratch database is to become, by which both are known to be the run's to change."""
    return Thing(world="sql", kind="database", name=f"{receiver.cluster}/{receiver.database}", region=region)


def archive_named(bucket: str, key: str, region: str) -> Thing:
    """An archive in a bucket, with whatever is named by it there; ``region`` is the one from which it is asked."""
    return Thing(world="s3", kind="object", name=f"{bucket}/{key}", region=region)


def pool_named(pool: PgBouncer, region: str) -> Thing:
    """The pool whose clients an action holds or lets go; ``region`` is the plan's."""
    return Thing(world="pool", kind="pool", name=f"{pool.host}:{pool.port}/{pool.database}", region=region)


def things_touched(plan: Plan) -> frozenset[Thing]:
    """All that a plan's actions make or change, less what any of its guards calls the source's."""
    stamp, region = stamp_of(plan), plan.identity.region
    guards = (guard for step in plan.steps for guard in step.guards if isinstance(guard, NotTheSource))
    # AWS knows no difference of case, so a name in capitals is the source's too.
    untouchable = {name.lower() for guard in guards for name in guard.names}
    untouchable |= set() if isinstance(plan.request, MoveRequest) else {plan.source.lower()}
    touched = (thing for step in plan.steps for thing in things_touched_by(step.action, stamp, region))
    return frozenset(thing for thing in touched if not thing.may_be_of_source or untouchable.isdisjoint(_owners(thing)))


def _owners(thing: Thing) -> frozenset[str]:
    """The names that the guards speak of: a database's is its cluster's, and a renaming has the old name and the new one."""
    if thing.kind == "rename":
        return frozenset(thing.name.lower().split("/")[1:])
    return frozenset((thing.name.partition("/")[0].lower() if thing.world == "sql" else thing.name.lower(),))

"""Importing: tables of an export, carried into a database that lives."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.app.app import App
from daybreak.app.explaining import explained
from daybreak.app.finding import find_clone
from daybreak.app.planning import new_suffix, plan_for
from daybreak.assess.ending import command_to_plan_again
from daybreak.errors import Refused
from daybreak.model.exports import place_at
from daybreak.model.names import did_you_mean, printable
from daybreak.model.plan import Plan
from daybreak.model.receiver import Receiver, ReceiverMode
from daybreak.model.requests import ExportRequest, RestoreRequest
from daybreak.model.table_names import split_rename
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.observe.look import Lookout
from daybreak.postgres.address import FALLBACK_DATABASE

_INTO = 'write "TARGET", "RUN" or "CLUSTER", with "/DATABASE" behind it where it is not the target\'s own'


@dataclass(frozen=True)
class ExportWish:
    """What a person asks of a restore from an export, as they typed it."""

    target: str
    export: str
    tables: tuple[str, ...] = ()
    """Names, each with ``=NEW`` behind it where the table is called otherwise in the receiver."""
    schemas: tuple[str, ...] = ()
    where: str = ""
    into: str = ""
    mode: ReceiverMode = "empty"
    is_old_client_allowed: bool = False
    most_rejects: int = 0
    """How many rows of an export of RDS the database may refuse."""
    why: str = ""


def plan_export(app: App, wish: ExportWish) -> Plan:
    """The plan that carries tables of an export into a database; raises ``Refused`` with every reason."""
    target = app.target(wish.target)
    place_at(wish.export)  # it says what an export's address is
    receiver = _receiver(app, target, wish.into)
    tables, renames = _renames(wish.tables)
    request = ExportRequest(
        target=target.name,
        export=wish.export,
        receiver=receiver,
        tables=tables,
        schemas=wish.schemas,
        renames=renames,
        where=wish.where.strip(),
        mode=wish.mode,
        is_old_client_allowed=wish.is_old_client_allowed,
        most_rejects=wish.most_rejects,
        why=wish.why,
        suffix=new_suffix(),
    )
    return plan_for(app, request, target)


def _renames(words: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The tables, and the new names of those that have one."""
    tables: list[str] = []
    renames: dict[str, str] = {}
    for each in words:
        name, new = split_rename(each)
        if new is not None and not (name and new):
            raise Refused(f'"{printable(each)}" names no table', "write --table NAME, or --table NAME=NEW")
        tables.append(name)
        if new is not None:
            renames[name] = new
    return tuple(tables), renames


def _receiver(app: App, target: Target, into: str) -> Receiver:
    """The database that the words after ``--into`` mean; without them it is the target's own.

    Raises ``Refused`` where there is no such run, target or cluster, or nobody says how to log in.
    """
    name, slash, database = into.partition("/")
    if slash and not database:
        raise Refused(f'"{printable(into)}" names no database', _INTO)
    if target.login is None:
        raise Refused(f'no login is configured for "{target.name}"', 'login = "secretsmanager:NAME" in daybreak.toml')
    lookout = Lookout(app.aws(target.region))
    with explained(f'looking at "{name or target.cluster}"'):
        run, cluster = _cluster(app, lookout, target, name)
    is_production = any(each.cluster == cluster.identifier for each in app.targets.values())
    found = database or target.database or cluster.database
    if found is None:
        raise Refused(
            f'nobody said into which database of "{cluster.identifier}"', f"--into {name or target.name}/DATABASE"
        )
    known = target.database or cluster.database or FALLBACK_DATABASE
    return Receiver(
        entry=known if found != known else "",
        cluster=cluster.identifier,
        resource_id=cluster.resource_id,
        database=found,
        login=target.login,
        run=run,
        is_production=is_production,
    )


def _cluster(app: App, lookout: Lookout, target: Target, name: str) -> tuple[str, Cluster]:
    """The run whose clone it is, if it is one's, and the cluster."""
    if name in app.store.runs():
        plan = app.store.plan(name)
        if not isinstance(plan.request, RestoreRequest):
            raise Refused(f'"{name}" restored no cluster: it is a {plan.way}', command_to_plan_again(plan))
        found = find_clone(lookout, plan, app.state_or_none(name))
        if found is None:
            raise Refused(f'AWS shows no clone of the run "{name}"', f"daybreak show {name}")
        return name, found
    meant = app.targets[name].cluster if name in app.targets else name or target.cluster
    found = lookout.cluster(meant)
    if found is None:
        known = [*app.targets, *app.store.runs(), *lookout.clusters()]
        raise Refused(
            f'there is no target, run or cluster "{printable(name or meant)}"{did_you_mean(name or meant, known)}',
            _INTO,
        )
    return "", found

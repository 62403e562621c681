"""Lift a clone's quarantine: what would act on the world by itself is off in SQL first, then the parameters become the source's. Pure.

The quarantine is a parameter group, and to leave it takes a restart. That is done while the source still serves, so before it every
subscription is detached and every scheduled job is off: nothing wakes up with the restart. Jobs go on again once clients work at
the clone. A subscription stays off: its slot stands where the source had come, and what the clone lacks until there only its owner
can bring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daybreak.model.actions import AwaitInstance, AwaitSql, ChangeSql, RebootInstance, SetParameterGroup, SqlStatement
from daybreak.model.cutover import CutoverSeen, JobSeen
from daybreak.model.fences import SubscriptionSeen
from daybreak.model.guards import Guard
from daybreak.model.names import comma_list, printable, sql_identifier, sql_text
from daybreak.model.targets import Target
from daybreak.model.world import Cluster
from daybreak.plan import estimates
from daybreak.plan.adding import add_next, region_of, server_order
from daybreak.plan.sequence import Sequence

_DETACHED = (
    "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_subscription AS s JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid"
    " WHERE d.datname = pg_catalog.current_database() AND s.subname = {} AND (s.subenabled OR s.subslotname IS NOT NULL))"
)
_ATTACHED = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_subscription AS s JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid"
    " WHERE d.datname = pg_catalog.current_database() AND s.subname = {} AND s.subslotname IS NOT NULL)"
)


def objections_to_lifting(seen: CutoverSeen) -> Iterator[str]:
    """Every reason why something of the clone would wake up by itself, with what helps."""
    for each in _to_detach(seen):
        if not each.may_alter:
            name = sql_identifier(each.name)
            yield (
                f"the clone's subscription {name} in {printable(each.database)} would wake up, and our login may not alter it: "
                "it needs the role that owns it"
            )
    if seen.jobs.hidden_in:
        where = printable(seen.jobs.hidden_in)
        yield (
            f"pg_cron in {where} of the clone shows our login its own jobs alone, so others may wake up: in the clone, "
            f"ALTER ROLE {_own(seen)} BYPASSRLS"
        )


def lift(sequence: Sequence, target: Target, source: Cluster, seen: CutoverSeen, judged: tuple[Guard, ...]) -> bool:
    """Add the steps that give the clone production's parameters, with nothing in it that wakes up by them; whether it is restarted.

    ``judged`` says that the clone is still what was judged: it is asked before each restart.
    """
    clone = seen.clone
    if clone is None:
        return False
    for number, each in enumerate(_to_detach(seen), start=1):
        change = _change_of(target, clone, each.database, _detachment(each))
        add_next(sequence, f"detach-subscription-{number}", change, _WAKES, estimates.CALL)
    for number, jobs in enumerate(_by_database(seen.jobs.jobs), start=1):
        change = _change_of(target, clone, jobs[0].database, _turn_of_jobs(jobs, "off"))
        add_next(sequence, f"stop-jobs-{number}", change, _RUNS_TWICE, estimates.CALL)
    if clone.parameter_group == source.parameter_group or seen.lacks_group:
        return False
    writers_first = sorted(clone.members, key=lambda each: not each.is_writer)
    names = tuple(each.identifier for each in writers_first)
    add_next(
        sequence,
        "give-parameter-group",
        SetParameterGroup(
            clone=clone.identifier, group=source.parameter_group, before=clone.parameter_group, instances=names
        ),
        "the clone still has the parameters of its quarantine",
        estimates.OPTIONS,
    )
    for number, name in enumerate(names, start=1):
        add_next(
            sequence,
            f"restart-{number}",
            RebootInstance(clone=clone.identifier, instance=name),
            "the parameters are in force after a restart, and now nobody works there",
            estimates.RESTART,
            guards=judged if number == 1 else (),
        )
        add_next(
            sequence,
            f"await-restart-{number}",
            AwaitInstance(clone=clone.identifier, instance=name, is_restarted=True),
            "the next step needs it",
            estimates.RESTART,
        )
    add_next(
        sequence,
        "await-clone",
        AwaitSql(clone=clone.identifier, database=target.database, login=target.login),
        "available alone is never trusted",
        estimates.LOOK,
    )
    return True


def let_jobs_go_on(sequence: Sequence, target: Target, seen: CutoverSeen) -> None:
    """Add the steps that turn the clone's jobs on again: now they are production's."""
    for number, jobs in enumerate(_by_database(seen.jobs.jobs), start=1):
        if seen.clone is not None:
            change = _change_of(target, seen.clone, jobs[0].database, _turn_of_jobs(jobs, "on"))
            add_next(sequence, f"let-jobs-go-on-{number}", change, _RUN_HERE, estimates.CALL)


_WAKES = "a subscription that wakes up takes the slot of production's subscriber, and consumes its changes"
_RUNS_TWICE = "a job that wakes up would run beside the source's"
_RUN_HERE = "the source's jobs cannot log in any more, and clients work here"


def notes_on_lifting(source: Cluster, seen: CutoverSeen) -> Iterator[str]:
    """What a person must know of what stays off."""
    if seen.clone is not None and seen.lacks_group:
        region = region_of(seen.clone)
        yield (
            f"{region} has no cluster parameter group {source.parameter_group}, so the clone keeps {seen.clone.parameter_group}, "
            "and with it its quarantine: no subscription and no job of pg_cron runs there, until somebody makes that group, "
            "gives it to the clone and restarts its instances"
        )
    for each in _to_detach(seen):
        name = sql_identifier(each.name)
        yield (
            f"the clone's subscription {name} in {printable(each.database)} stays off: what its publisher sent since the moment went "
            f"to the source, so its owner decides how the clone gets it"
        )


def _own(seen: CutoverSeen) -> str:
    access = seen.clone_access
    return sql_identifier(access.own) if access else "our login"


def _to_detach(seen: CutoverSeen) -> tuple[SubscriptionSeen, ...]:
    found = seen.clone_access.subscriptions if seen.clone_access else ()
    return tuple(each for each in found if each.is_enabled or each.slot is not None)


def _by_database(jobs: Iterable[JobSeen]) -> list[list[JobSeen]]:
    found: dict[str, list[JobSeen]] = {}
    for each in jobs:
        found.setdefault(each.database, []).append(each)
    return list(found.values())


def _change_of(
    target: Target, clone: Cluster, database: str, statements: tuple[SqlStatement, SqlStatement]
) -> ChangeSql:
    change, back = statements
    return ChangeSql.model_validate(server_order(target, clone, database=database) | {"change": change, "back": back})


def _detachment(each: SubscriptionSeen) -> tuple[SqlStatement, SqlStatement]:
    """What detaches a subscription from its publisher, and what attaches it again."""
    name, known = sql_identifier(each.name), sql_text(each.name)
    off = [f"ALTER SUBSCRIPTION {name} DISABLE;", f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE);"]
    on = [f"ALTER SUBSCRIPTION {name} SET (slot_name = {sql_text(each.slot)});"] if each.slot is not None else []
    on += [f"ALTER SUBSCRIPTION {name} ENABLE;"] if each.is_enabled else []
    return (
        SqlStatement(
            what=f"detach the subscription {name} from its publisher",
            text=_together(off),
            look=_DETACHED.format(known),
        ),
        SqlStatement(
            what=f"attach the subscription {name} to its publisher", text=_together(on), look=_ATTACHED.format(known)
        ),
    )


def _turn_of_jobs(jobs: list[JobSeen], way: str) -> tuple[SqlStatement, SqlStatement]:
    """What turns these jobs on or off, and what turns them back."""
    numbers = ", ".join(str(each.number) for each in jobs)
    names = comma_list([printable(each.name) for each in jobs])

    def turn(to: str) -> SqlStatement:
        active, wrong = ("true", "NOT active") if to == "on" else ("false", "active")
        return SqlStatement(
            what=f"turn {to} the scheduled jobs {names}",
            text=f"UPDATE cron.job SET active = {active} WHERE jobid IN ({numbers})",
            look=f"SELECT NOT EXISTS (SELECT FROM cron.job WHERE jobid IN ({numbers}) AND {wrong})",
        )

    return turn(way), turn("off" if way == "on" else "on")


def _together(orders: list[str]) -> str:
    """One statement of several orders, so that all of them are done or none."""
    text, tag = " ".join(orders), "$together$"
    while tag in text:
        tag = f"{tag[:-1]}_$"
    return f"DO {tag} BEGIN {text} END {tag}"

"""Plan how an archive, or chosen tables of it with all that belongs to them, becomes a new database of a clone or another cluster.

The law: the archive's code runs as a role that owns one scratch database and nothing else. That database gets its name only where
it was found fit, and never at the cluster that a target names: production gets rows, and no code.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import timedelta

from daybreak.model.actions import ClearScratch, JudgeScratch, LoadScratch, NameDatabase, WantedTable
from daybreak.model.exports_seen import ExportSeen
from daybreak.model.guards import FoundFit
from daybreak.model.names import comma_list, printable
from daybreak.model.observation import Observation
from daybreak.model.pickings import Picking
from daybreak.model.plan import Estimate
from daybreak.model.receiver import NewDatabaseSeen
from daybreak.model.requests import ExportRequest
from daybreak.plan.estimates import estimate_for
from daybreak.plan.sequence import Sequence

_FAST_LOAD, _SLOW_LOAD = 20_000_000, 2_000_000
"""Bytes of an archive a second that a server loads, compressed as they are."""
_SHARE = 2
"""Of the connections that a server still has, one in so many is taken for the load at most."""
_MOST_JOBS = 8
_WORTH_A_JOB = 8 << 20
"""Bytes of an archive for which another session is worth its beginning."""
_LONGEST_NAME = 63
"""Bytes of a database's name."""
_RESERVE = 2**30
"""What is left free on this machine."""
_SHOWN = 10


def is_new(export: ExportSeen) -> bool:
    """Whether the receiver is a database that is not there yet."""
    return export.making is not None and not export.making.is_there


def add_steps_of_new(sequence: Sequence, request: ExportRequest, export: ExportSeen, picking: Picking) -> None:
    """The steps that make it; the export was looked at, and nothing speaks against it."""
    receiver, size = request.receiver, picking.bytes
    loaded = sequence.add(
        "load-scratch",
        LoadScratch(
            export=request.export,
            picking=picking,
            major=export.dumped_by or 0,
            most=size,
            jobs=_jobs(export),
            at=receiver,
        ),
        "it is read in ranges of the planned version; it runs its own code, as a role that owns this database and nothing else",
        estimate_for(size, _FAST_LOAD, _SLOW_LOAD),
    )
    wanted = tuple(WantedTable(table=each.table, into=each.table) for each in export.tables)
    judged = sequence.add(
        "judge",
        JudgeScratch(tables=wanted if request.tables or request.schemas else (), at=receiver),
        "pg_restore's word that it made all is not believed: the archive is read once more",
        estimate_for(size, _FAST_LOAD, _SLOW_LOAD),
        after=(loaded,),
    )
    named = sequence.add(
        "name-database",
        NameDatabase(
            cluster=receiver.cluster,
            resource_id=receiver.resource_id,
            database=receiver.entry,
            login=receiver.login,
            receiver=receiver,
        ),
        "owners and privileges come from the archive's list, as statements of ours; the throw-away role owns nothing after that",
        Estimate(low=timedelta(seconds=1), high=timedelta(minutes=10), evidence="one statement for each object"),
        after=(judged,),
        guards=(FoundFit(),),
        when_refused="fail-last",
    )
    sequence.add(
        "clear",
        ClearScratch(at=receiver),
        "what was fetched is production's data, and belongs on no other disk for longer than it is needed",
        Estimate(low=timedelta(seconds=1), high=timedelta(seconds=30), evidence="a few files"),
        after_settled=(named,),
    )


def jobs_for(size: int, processors: int) -> int:
    """How many tables of an archive of so many bytes are loaded side by side: no more than processors, nor than there is work for.

    >>> jobs_for(1_000_000, 4), jobs_for(20_000_000, 4), jobs_for(10**12, 4), jobs_for(10**12, 64)
    (1, 3, 4, 8)
    """
    return max(1, min(processors, 1 + size // _WORTH_A_JOB, _MOST_JOBS))


def _jobs(export: ExportSeen) -> int:
    """How many tables are loaded side by side at a cluster: no more than the server has room for."""
    free = export.making.connections if export.making else 1
    size = export.picking.bytes if export.picking else 0
    return max(1, min(jobs_for(size, export.loader.processors if export.loader else 1), free // _SHARE))


def objections_to_new(request: ExportRequest, seen: Observation, export: ExportSeen) -> Iterator[str]:
    """Why no new database can be made of it, each reason by itself."""
    making, receiver = export.making, request.receiver
    if making is None:
        return
    name = printable(receiver.database)
    if receiver.is_production:
        yield (
            f"{receiver.cluster} is the cluster of a target, and an archive's code does not run there: make a clone first "
            f"(daybreak restore pitr {shlex.quote(request.target)} --to latest), then say --into RUN/{name}"
        )
    if len(receiver.database.encode()) > _LONGEST_NAME or "\0" in receiver.database:
        yield f"a database's name has {_LONGEST_NAME} bytes at most, and {name} has {len(receiver.database.encode())}"
    if request.mode != "empty":
        yield f"--{request.mode} is about tables that are there, and there is no database {name} on {receiver.cluster}"
    if request.where:
        yield f"--where is about rows that go into a table that is there, and there is no database {name} on {receiver.cluster}"
    if request.renames:
        yield f"--table NAME=NEW is about tables that are there, and there is no database {name} on {receiver.cluster}"
    if export.picking and export.picking.form == "sql":
        yield (
            f"a script has no list of owners and privileges to give back, so no new database is made of it: say --table SCHEMA.NAME and "
            f"a database of {receiver.cluster} that is there"
        )
    yield from _objections_to_login(making, receiver.cluster)
    if export.loader is None:
        yield f"it cannot be loaded from this machine: {export.loader_silence or 'no pg_restore was looked for'}"
    size, room = export.picking.bytes if export.picking else 0, export.room
    if room is not None and room < size + _RESERVE:
        yield f"this machine has {room:,} bytes free where it would be fetched, and it takes {size + _RESERVE:,}"
    if seen.cluster is None:
        yield f'AWS shows no cluster "{receiver.cluster}"'


def _objections_to_login(making: NewDatabaseSeen, cluster: str) -> Iterator[str]:
    who = printable(making.login)
    if not making.may_make_databases:
        yield f"the login {who} may make no database on {cluster}: ALTER ROLE ... CREATEDB"
    if not making.may_make_roles:
        yield f"the login {who} may make no role on {cluster}, and the archive is loaded as one of its own: ALTER ROLE ... CREATEROLE"


def notes_on_new(request: ExportRequest, export: ExportSeen) -> Iterator[str]:
    """What a person should know before saying yes."""
    receiver = request.receiver
    if export.loader and export.loader.warning:
        yield export.loader.warning
    if export.found.whole == "unknown":
        yield f"whether the export is complete is not known{f': {export.found.why}' if export.found.why else ''}"
    yield (
        f"there is no database {printable(receiver.database)} on {receiver.cluster}: it is made, as a scratch database that gets "
        "this name once it is found fit"
    )
    if export.choice and export.choice.left_out:
        left = [f"{each.kind} {each.name}" for each in export.choice.left_out]
        yield f"{len(left):,} things point at what comes and stay: {comma_list(left, most=_SHOWN)}"
    if export.picking and export.picking.large_objects:
        yield f"{export.picking.large_objects:,} entries with large objects stay: none of these belongs to a table"
    yield "what a role without superuser may not make is left out, and the report has its statement"
    yield (
        "until it has its name the archive's code runs as the throw-away role; from then on it runs as whoever uses the tables, with "
        "their rights (defaults, triggers, policies, functions in indexes), and as a table's owner whenever autovacuum analyzes it: "
        "look at it before, where you do not know who made the archive"
    )
    yield "what belongs to roles that the cluster does not have is given to the login's role, and the report lists it"
    yield "the settings and privileges of the database itself are those of a new one: pg_dump keeps them apart"

"""Plan how tables of an export come into a living database: fetched, loaded into a scratch database, judged there, and carried over.

The law: an archive's code runs in the scratch database of this machine alone. The living database takes rows, as data, in one
transaction; the planner refuses every table that could not take them, or could take them otherwise than the person said.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

import humanize

from daybreak.model.actions import (
    CarryTables,
    ClearScratch,
    JudgeScratch,
    LoadScratch,
    WantedTable,
)
from daybreak.model.column_shapes import shape_of
from daybreak.model.exports_seen import ExportSeen, TableOffered
from daybreak.model.guards import FoundFit
from daybreak.model.names import clone_name, comma_list, printable
from daybreak.model.observation import Observation
from daybreak.model.pickings import Picking
from daybreak.model.plan import Estimate, Plan, Refusal, RunId
from daybreak.model.receiver import ReceiverSeen, TableSeen
from daybreak.model.requests import ExportRequest
from daybreak.model.table_names import forms_of, read_name, table_words
from daybreak.model.targets import Target
from daybreak.plan.creating import creations_of, names_pointed_at, notes_on_creations, objections_to_creation
from daybreak.plan.estimates import estimate_for
from daybreak.plan.exactness import inexact_columns
from daybreak.plan.export_files import add_steps_for_files, notes_on_files
from daybreak.plan.framing import frame, sum_of_steps
from daybreak.plan.new_database import add_steps_of_new, is_new, jobs_for, notes_on_new, objections_to_new
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms

_SLOW, _FAST = 10_000_000, 100_000_000
"""Bytes a second that come from a bucket: over a slow line, and over a fast one."""
_SLOW_LOAD, _FAST_LOAD = 2_000_000, 20_000_000
"""Bytes of an archive a second that a server loads, compressed as they are."""
_GROWTH = 30
"""How much larger than its compressed bytes a database may become, with its indexes; what grows more is ended."""
_LEAST_ROOM = 2**30
_RESERVE = 2**30
"""What is left free on this machine."""


def export_plan(request: ExportRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that carries tables of an export into a database, or every reason why there is none."""
    export = seen.export
    reasons = tuple(_objections(request, seen))
    is_new_one = export is not None and is_new(export)
    is_heard = export is not None and (
        is_new_one or (export.receiver is not None and (export.tools is not None or export.files is not None))
    )
    if export is None or export.picking is None or not is_heard or reasons:
        return Refusal(
            what=f'restoring tables of "{printable(request.export, 400)}"',
            reasons=reasons or ("the export was not looked at",),
            hints=tuple(_hints(request)),
        )
    run = clone_name(target.cluster, "export", terms.created, request.suffix)
    sequence = Sequence(seen.identity.region, (), target.approval if request.receiver.is_production else None)
    if is_new_one:
        add_steps_of_new(sequence, request, export, export.picking)
        notes = tuple(notes_on_new(request, export))
    else:
        wanted = _in_order(tuple(_wish_for(request, each) for each in export.tables), export.receiver)
        if export.files is not None:
            size = export.picking.bytes
            spans = estimate_for(size, _FAST, _SLOW), estimate_for(size, _FAST_LOAD, _SLOW_LOAD)
            add_steps_for_files(sequence, request, export, wanted, spans)
        else:
            _add_steps(sequence, request, export, export.picking, wanted)
        notes = (*_notes(request, export, wanted), *notes_on_creations(creations_of(export, wanted)))
    made = tuple(sequence.steps)
    return frame(
        target,
        seen,
        terms,
        run=RunId(run),
        request=request,
        source=request.export,
        clone=run,
        estimate=sum_of_steps(made, "by the bytes that are fetched"),
        steps=made,
        notes=notes,
    )


def _add_steps(
    sequence: Sequence,
    request: ExportRequest,
    export: ExportSeen,
    picking: Picking,
    wanted: tuple[WantedTable, ...],
) -> None:
    receiver, size = request.receiver, picking.bytes
    loaded = sequence.add(
        "load-scratch",
        LoadScratch(
            export=request.export,
            picking=picking,
            major=export.dumped_by or 0,
            jobs=jobs_for(size, export.tools.processors if export.tools else 1),
            is_old_client_allowed=request.is_old_client_allowed,
            most=size * _GROWTH + _LEAST_ROOM,
        ),
        "only what is wanted, in ranges of the planned version; it runs its own code, so it is loaded where nothing of yours is",
        estimate_for(size, _FAST_LOAD, _SLOW_LOAD),
    )
    judged = sequence.add(
        "judge",
        JudgeScratch(tables=wanted, where=request.where),
        "pg_restore's word that it made all is not believed: the archive is read once more",
        estimate_for(size, _FAST_LOAD, _SLOW_LOAD),
        after=(loaded,),
    )
    carried = sequence.add(
        "carry",
        CarryTables(
            cluster=receiver.cluster,
            resource_id=receiver.resource_id,
            database=receiver.database,
            login=receiver.login,
            tables=wanted,
            where=request.where,
            creations=creations_of(export, wanted),
        ),
        "all tables or none: a reader never sees a part of it",
        estimate_for(size, _FAST_LOAD, _SLOW_LOAD),
        after=(judged,),
        guards=(FoundFit(),),
        when_refused="fail-last",
    )
    sequence.add(
        "clear",
        ClearScratch(),
        "what was fetched is production's data, and belongs on no other disk for longer than it is needed",
        Estimate(low=timedelta(seconds=1), high=timedelta(seconds=30), evidence="a few files"),
        after_settled=(carried,),
    )


def _wish_for(request: ExportRequest, offered: TableOffered) -> WantedTable:
    """Where a table goes: the new name that was typed for it, in its own schema where that names none."""
    schema, name = offered.table
    renamed = next((request.renames[each] for each in forms_of(schema, name) if each in request.renames), None)
    into = (schema, name)
    if renamed:
        its_schema, its_name = read_name(renamed)
        into = (its_schema or schema, its_name)
    return WantedTable(table=offered.table, into=into, mode=request.mode)


def _in_order(wanted: tuple[WantedTable, ...], receiver: ReceiverSeen | None) -> tuple[WantedTable, ...]:
    """The tables, each after those that its foreign keys point at; where these go in a circle, as they were."""
    by_name = {each.into: each for each in wanted}
    pointing: dict[tuple[str, str], set[tuple[str, str]]] = {name: set() for name in by_name}
    for name in by_name:
        there = receiver.table(name) if receiver else None
        for each in there.references if there else ():
            if each.table in pointing:
                pointing[each.table].add(name)
    try:
        return tuple(by_name[name] for name in TopologicalSorter(pointing).static_order())
    except CycleError:
        return wanted


def receiver_names(request: ExportRequest, tables: tuple[TableOffered, ...]) -> tuple[tuple[str, str], ...]:
    """The schemas and names that are looked for in the receiver: those of the tables, and of what they may point at."""
    wanted = tuple(_wish_for(request, each).into for each in tables)
    return (*wanted, *dict.fromkeys(each for each in names_pointed_at(tables) if each not in wanted))


def _hints(request: ExportRequest) -> Iterator[str]:
    tables = "".join(f" --table {shlex.quote(name)}" for name in request.tables)
    yield f"daybreak exports show {shlex.quote(request.export)}{tables}  # {'what belongs to them' if tables else 'lists its tables'}"


def _objections(request: ExportRequest, seen: Observation) -> Iterator[str]:
    """Why it cannot be done, each reason by itself."""
    export = seen.export
    if export is None:
        return
    yield from export.why_not
    if export.found.whole == "torn":
        yield f"the export is not whole: {export.found.why}"
    is_of_rds = export.found.kind == "snapshot-export"
    if is_of_rds and is_new(export):
        yield "an export of RDS has rows and no definitions, so no new database is made of it: name one that has the tables"
    if request.most_rejects and not is_of_rds:
        yield "--rejects is for an export of RDS: of a dump every row is taken, or none"
    if is_new(export):
        yield from objections_to_new(request, seen, export)
        return
    if not is_of_rds:
        yield from _objections_to_tools(request, export)
    if not request.tables and not request.schemas:
        yield (
            f"no table is named, and a whole archive does not go into a database that is there: name what is wanted with --table "
            f"or --schema, or a database that is not there yet, of a clone or a cluster of its own, with --into RUN/NEWDB "
            f"({request.receiver.database} of {request.receiver.cluster} is in use)"
        )
    if request.where and len(export.tables) != 1:
        yield f"--where is a condition on the rows of one table, and {len(export.tables)} are wanted"
    if seen.cluster is None:
        yield f'AWS shows no cluster "{request.receiver.cluster}"'
    if export.receiver is None:
        yield f"the database {request.receiver.database} of {request.receiver.cluster} was not heard: {export.receiver_silence}"
        return
    if export.receiver.trouble_with_condition:
        yield f"--where cannot be read by {request.receiver.database}: {export.receiver.trouble_with_condition}"
    wanted = [(each, _wish_for(request, each)) for each in export.tables]
    taken = [one.into for _, one in wanted]
    for name in sorted({each for each in taken if taken.count(each) > 1}):
        yield f"two tables would go into {_words(name)}"
    for offered, one in wanted:
        yield from _objections_to_table(
            export.receiver, offered, one, frozenset(taken), is_conditional=bool(request.where)
        )


def _objections_to_tools(request: ExportRequest, export: ExportSeen) -> Iterator[str]:
    tools = export.tools
    if tools is None:
        yield f"it cannot be restored on this machine: {export.tools_silence}"
        return
    if export.dumped_by is not None and export.dumped_by > tools.major:
        yield (
            f"it was made by pg_dump {export.dumped_by}, and the programs here are of {tools.version}: it takes those of "
            f"PostgreSQL {export.dumped_by} or later"
        )
    if export.found.kind == "sql" and tools.script_doubt and not request.is_old_client_allowed:
        yield f"plain SQL is not given to it: {tools.script_doubt} (--allow-old-client, where you know who made the dump)"
    size = export.picking.bytes if export.picking else 0
    if tools.room < size + _LEAST_ROOM + _RESERVE:
        needed = humanize.naturalsize(size + _LEAST_ROOM + _RESERVE)
        yield f"this machine has {humanize.naturalsize(tools.room)} free where it would be restored, and it takes {needed} at least"


def _objections_to_table(
    receiver: ReceiverSeen,
    offered: TableOffered,
    wanted: WantedTable,
    taken: frozenset[tuple[str, str]],
    *,
    is_conditional: bool,
) -> Iterator[str]:
    """Why a table of the receiver cannot take the rows of one of the export's."""
    name, there = _words(wanted.into), receiver.table(wanted.into)
    if there is None:
        yield from objections_to_creation(offered, receiver, wanted)
        return
    if there.kind != "table":
        yield f"{name} is no table that takes rows"
        return
    if there.lacks:
        yield f"the login {printable(receiver.login)} may not {_verbs(there.lacks)} {name}: it lacks {comma_list(there.lacks)}"
    if there.hides_rows:
        yield f"row security hides rows of {name} from the login {printable(receiver.login)}, so nobody could say what is there"
    if there.is_locked:
        yield f"somebody holds {name} locked, so whether it has rows could not be asked: begin again once that has ended"
    if wanted.mode == "empty" and there.has_rows:
        yield (
            f"{name} has rows: say --append to add to them, --replace to delete them first, or another name with "
            f"--table {shlex.quote(table_words(*offered.table))}=NEW"
        )
    yield from _objections_to_columns(there, offered, name)
    if wanted.mode == "replace":
        for each in there.references:
            if each.on_delete == "follows" and each.table not in taken:
                yield f"--replace would change rows of {_words(each.table)} too, whose foreign key {printable(each.name)} follows a delete"
            if each.on_delete == "refuses" and each.has_rows and each.table not in taken and not is_conditional:
                yield (
                    f"--replace deletes the rows of {name} first, and rows of {_words(each.table)} point at them by the foreign key "
                    f"{printable(each.name)}, which refuses that at once: bring {_words(each.table)} along, or make that key deferrable"
                )


def _objections_to_columns(there: TableSeen, offered: TableOffered, name: str) -> Iterator[str]:
    if offered.columns is None:
        return
    columns = {each.name: each for each in there.columns}
    missing = [printable(each) for each in offered.columns if each not in columns]
    computed = [printable(each) for each in offered.columns if each in columns and columns[each].is_generated]
    needed = [printable(each.name) for each in there.columns if each.is_needed and each.name not in offered.columns]
    if missing:
        yield f"{name} has no column {comma_list(missing)}, which the export has"
    if computed:
        yield f"{name} computes {comma_list(computed)} itself, and the export has values for it"
    known = [shape_of(each, words) for each, words in offered.types.items() if each in columns and each not in computed]
    there_known = [shape_of(each.name, each.type) for each in there.columns]
    for words in inexact_columns([*filter(None, known)], [*filter(None, there_known)]):
        yield f"{name} would not take the export's values exactly: {words}"
    if needed:
        yield f"{name} needs a value for {comma_list(needed)}, which the export does not have"


def _notes(request: ExportRequest, export: ExportSeen, wanted: tuple[WantedTable, ...]) -> Iterator[str]:
    """What a person should know before saying yes."""
    receiver = export.receiver
    if export.tools and export.tools.warning:
        yield export.tools.warning
    if export.found.kind == "sql":
        yield "it is plain SQL, so all of it is fetched and loaded, and only then it is known which tables are in it"
    if export.found.whole == "unknown":
        yield f"whether the export is complete is not known{f': {export.found.why}' if export.found.why else ''}"
    for each in wanted:
        there = receiver.table(each.into) if receiver else None
        if there is None:
            continue
        name = _words(each.into)
        if there.triggers:
            yield f"triggers and rules of {name} may act on rows that come or go: {comma_list([printable(one) for one in there.triggers])}"
        if each.mode == "replace":
            about = f" (about {there.about:,} by the server's estimate)" if there.about is not None else ""
            which = "the rows of it for which the condition is true" if request.where else f"all its rows{about}"
            yield f"nobody else can write into {name} until it has ended; {which} are deleted first, and no undo brings them back"
            yield from _notes_on_references(name, there)
        elif each.mode == "empty":
            yield f"nobody else can write into {name} until it has ended"
    if export.files is not None:
        yield from notes_on_files(request, export, export.files)
    if any(receiver and receiver.table(each.into) for each in wanted):
        yield "the tables that are there keep the indexes, constraints, owners and privileges that they have; rows alone come into them"
    yield "all rows come in one transaction: as long as it goes on, the server cleans up nothing that was deleted since"


def _notes_on_references(name: str, there: TableSeen) -> Iterator[str]:
    """What stands in the way of a delete, as far as it is not refused already."""
    at_once = [
        _words(one.table) for one in there.references if one.on_delete == "refuses" and one.has_rows is not False
    ]
    waiting = [_words(one.table) for one in there.references if one.on_delete == "waits" and one.has_rows is not False]
    if at_once:
        yield f"where a row of {comma_list(at_once)} points at a row of {name} that is deleted, all of it is taken back"
    if waiting:
        yield f"where a row of {comma_list(waiting)} points at a row of {name} that does not come back, all of it is taken back"


_VERBS = {"SELECT": "read", "INSERT": "write into", "DELETE": "delete from"}


def _verbs(lacks: tuple[str, ...]) -> str:
    return " and ".join(_VERBS.get(each, each) for each in lacks)


def _words(table: tuple[str, str]) -> str:
    return printable(".".join(table))

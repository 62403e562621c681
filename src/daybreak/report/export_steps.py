"""The steps of an export's restore in words: as sentences, in brief, and as the commands that a person types instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, assert_never

import humanize

from daybreak.model.actions import (
    CarryTables,
    ClearDump,
    ClearScratch,
    EndUpload,
    ExportWork,
    FetchExport,
    JudgeScratch,
    LoadScratch,
    NameDatabase,
    WantedTable,
)
from daybreak.model.names import comma_list, printable, sql_identifier
from daybreak.model.plan import Plan
from daybreak.model.receiver import DatabaseNamed, GivenBack, Receiver, TablesMade
from daybreak.model.requests import CleanRequest
from daybreak.model.run import RunState
from daybreak.report.aws_cli import quote
from daybreak.report.words import many

FOLDER = "./restore"
"""Where a person who types the commands keeps what is fetched."""

SCRATCH = "scratch"
"""The name of the database that such a person loads it into."""

_MOST_SHOWN, _LONGEST_SHOWN = 40, 600
"""Statements that a report shows, and signs of each."""

_MODES = {"empty": "which must be empty", "append": "beside the rows there", "replace": "in place of the rows there"}


def sentence_on_export(action: ExportWork | CarryTables | NameDatabase) -> str:
    """What a step does with an export."""
    match action:
        case CarryTables():
            return _on_carrying(action)
        case NameDatabase(receiver=receiver):
            return (
                f"Give what was loaded its owners and privileges, and the scratch database at {receiver.cluster} the name "
                f"{printable(receiver.database)}; its throw-away role goes with that"
            )
        case LoadScratch(at=at, most=most, jobs=jobs):
            side_by_side = f", {jobs} tables side by side" if jobs > 1 else ""
            where = f"a throw-away server on this machine, which may fill {humanize.naturalsize(most)}"
            where = f"a scratch database at {at.cluster}" if at else where
            return f"Fetch {_amount(action)} and load it as it comes into {where}, as a role that may do nothing else{side_by_side}"
        case JudgeScratch(at=Receiver(), tables=()):
            return "Hold all of the scratch database against the archive's own list and rows"
        case ClearScratch(at=Receiver(cluster=cluster)):
            return f"Remove what still is scratch at {cluster}, and the run's folder with all that was fetched"
        case FetchExport():
            return f"Fetch {_amount(action)} into the run's folder on this machine"
        case JudgeScratch(tables=tables, where=where):
            which = f", where {where}" if where else ""
            return f"Hold {_names(tables)} in the scratch database against the archive's own list and rows{which}"
        case ClearScratch():
            return "Stop the throw-away server, and remove the run's folder with all that was fetched"
        case _:
            assert_never(action)


def _mode(action: CarryTables, table: WantedTable) -> str:
    if any(each.into == table.into for each in action.creations):
        return "which is made"
    which = " for which that is true" if action.where and table.mode == "replace" else ""
    return _MODES[table.mode] + which


def _amount(action: FetchExport | LoadScratch) -> str:
    """How much is fetched of what."""
    picking = action.picking
    whole = humanize.naturalsize(sum(each.size for each in picking.pieces))
    return f"{humanize.naturalsize(picking.bytes)} of {whole} of {action.export}"


def _on_carrying(action: CarryTables) -> str:
    each = [f"{_name(each.table)} into {_name(each.into)}, {_mode(action, each)}" for each in action.tables]
    where = f" (where {action.where})" if action.where else ""
    place = f"the database {action.database} of {action.cluster}"
    if action.files is not None:
        number = sum(len(one.files) for one in action.files.tables)
        refused = f"; up to {action.files.most_rejects:,} rows may be refused" if action.files.most_rejects else ""
        return f"Load the rows of {many(number, 'file')}{where} into {place}, all in one transaction: {comma_list(each)}{refused}"
    return f"Carry rows{where} into {place}, all in one transaction: {comma_list(each)}"


def sentences_on_named(plan: Plan, state: RunState) -> Iterator[str]:
    """What became a database of its own, what was left out of it with its statement, and who owns what has no owner."""
    for step in plan.steps:
        known = state.step(step.id)
        match step.action:
            case LoadScratch(at=Receiver()) if known.status == "done":
                for what, statement in zip(
                    known.result.get("left_out", ()), known.result.get("statements", ()), strict=False
                ):
                    yield f"not made: {printable(what, 400)}: {printable(statement, 400)}"
            case NameDatabase(receiver=receiver) if known.status == "done":
                named = DatabaseNamed.model_validate(known.result)
                yield from _on_named(named, f"{printable(receiver.database)} of {receiver.cluster}")
            case NameDatabase(receiver=receiver) if known.status in ("forgone", "failed"):
                yield f"no database {printable(receiver.database)} was made: {known.note}"
            case _:
                pass


def _on_named(named: DatabaseNamed, place: str) -> Iterator[str]:
    given = named.given
    if given is None:
        yield f"the database {place} is there; which owners and privileges it was given stood on a machine that is not this one"
        return
    yield (
        f"the database {place} is there: {many(given.owners, 'thing')} with the owner that the archive lists, and "
        f"{many(given.privileges, 'statement')} of privileges; all else is owned by {printable(given.login)}"
    )
    yield (
        "its code is the archive's: defaults, triggers, policies and functions in indexes run as whoever uses its tables, and as a table's "
        f"owner whenever autovacuum analyzes it, which is {printable(given.login)} where the archive's own is not there"
    )
    yield from _on_not_given(given)


def sentences_on_carried(plan: Plan, state: RunState) -> Iterator[str]:
    """What was carried, what became of a step that was not taken, and what was left out of the scratch database."""
    not_loaded = list[str]()
    for step in plan.steps:
        known = state.step(step.id)
        match step.action:
            case LoadScratch(at=None) if known.status == "done" and (left := known.result.get("left_out")):
                not_loaded.append(
                    f"{many(len(left), 'thing')} of the archive left out of the scratch database: {comma_list(left, most=3)}"
                )
            case CarryTables(database=database, cluster=cluster) if known.status == "done":
                yield from _on_carried(known.result, f"the database {database} of {cluster}")
            case CarryTables() if known.status in ("forgone", "failed"):
                yield f"nothing was carried: {known.note}"
            case _:
                pass
    yield from not_loaded


def _on_carried(result: dict[str, Any], place: str) -> Iterator[str]:
    if "rows" not in result:
        yield f"the commit's answer was lost, and the server says that it took effect: {result.get('total') or 0:,} rows in {place}"
        yield from _on_deleted(result, result.get("total") or 0)
        return
    each = [f"{number:,} into {printable(name)}" for name, number in result["rows"].items()]
    yield f"{sum(result['rows'].values()):,} rows in one transaction of {place}: {comma_list(each, most=5)}"
    yield from _on_deleted(result, sum(result["rows"].values()))
    if result.get("rejects"):
        yield f"the rows that it refused are in {printable(result['rejects'], 400)}, which nothing removes by itself"
    if result.get("made"):
        yield from _on_made(TablesMade.model_validate(result["made"]))
    for name, value in result.get("sequences", {}).items():
        yield f"the sequence {printable(name)} was set past the rows that came, to {value}"


def _on_deleted(result: dict[str, Any], rows: int) -> Iterator[str]:
    """What went for the rows that came, and plainly where none did."""
    deleted: dict[str, int] = result.get("deleted", {})
    if not deleted:
        return
    total = sum(deleted.values())
    each = [f"{number:,} of {printable(name)}" for name, number in deleted.items()]
    yield f"{many(total, 'row')} deleted first, in the same transaction: {comma_list(each, most=5)}"
    if total and not rows:
        yield "NO ROW CAME for those that were deleted: the export has none that was wanted"


def _on_made(made: TablesMade) -> Iterator[str]:
    yield f"{many(len(made.statements), 'statement')} of Daybreak's own made what was not there"
    yield from (f"made: {printable(each, _LONGEST_SHOWN)}" for each in made.statements[:_MOST_SHOWN])
    if len(made.statements) > _MOST_SHOWN:
        yield f"{many(len(made.statements) - _MOST_SHOWN, 'more statement')} of its own are in the journal of the run"
    for each in made.left:
        yield f"not made: {each.label}: {printable(each.why, 400)}; its statement: {printable(each.statement, 1000)}"
    if made.given is None:
        yield "all that was made is the login's, since a script has no list of owners and privileges"
        return
    yield (
        f"{many(made.given.owners, 'thing')} got the owner that the archive lists, and {many(made.given.privileges, 'statement')} of "
        f"privileges; all else that was made is owned by {printable(made.given.login)}"
    )
    yield from _on_not_given(made.given)


def _on_not_given(given: GivenBack) -> Iterator[str]:
    if given.missing:
        yield f"roles that are not there: {comma_list([printable(each) for each in given.missing])}"
    for each in given.not_given:
        yield f"not given back: {each.what}: {each.why}"


def clears_files(plan: Plan) -> bool:
    """Whether a clean-up is after a run that made no clone, and left files and what it was loading or storing."""
    return isinstance(plan.request, CleanRequest) and (plan.request.is_of_export or plan.request.archive is not None)


def words_on_files(plan: Plan) -> Iterator[str]:
    """What such a clean-up removes."""
    for step in plan.steps:
        match step.action:
            case ClearScratch(at=Receiver(cluster=cluster)):
                yield f"the scratch database at {cluster} with its role, where it has no name of its own yet"
                yield "the run's folder on this machine"
            case ClearScratch():
                yield "the throw-away server and the run's folder on this machine"
            case EndUpload(bucket=bucket):
                yield f"parts in the bucket {bucket} that came to no archive"
            case ClearDump():
                yield "the run's folder on this machine"
            case _:
                pass


def work_on_export(action: ExportWork | CarryTables | NameDatabase) -> tuple[str, str, str]:
    """A verb in the imperative, the same verb in its -ing form, and its object."""
    match action:
        case NameDatabase(receiver=receiver):
            return "name", "naming", f"the database {printable(receiver.database)}"
        case LoadScratch(at=at, picking=picking):
            where = at.cluster if at else "this machine"
            return (
                "load",
                "loading",
                f"{humanize.naturalsize(picking.bytes)} of the export into a scratch database {'at' if at else 'on'} {where}",
            )
        case JudgeScratch(tables=()):
            return "judge", "judging", "it by the archive's own list and rows"
        case CarryTables(tables=tables, database=database):
            return "carry", "carrying", f"{many(len(tables), 'table')} into {database}"
        case FetchExport(picking=picking):
            return "fetch", "fetching", f"{humanize.naturalsize(picking.bytes)} of the export"
        case JudgeScratch(tables=tables):
            return "judge", "judging", f"{many(len(tables), 'table')} by the archive's own list and rows"
        case ClearScratch():
            return "remove", "removing", "the scratch database and what was fetched"
        case _:
            assert_never(action)


def commands_of_export(action: ExportWork) -> str:
    """The commands that do about the same by hand."""
    match action:
        case LoadScratch():
            return f"{_copy_of(action.export)}\n{_restore_of(action)}"
        case JudgeScratch(tables=()):
            return f"pg_restore -l {FOLDER}/*  # what must be there"
        case ClearScratch(at=Receiver()):
            return f"rm -r {FOLDER}"
        case FetchExport(export=export):
            return _copy_of(export)
        case JudgeScratch(tables=tables, where=where):
            return "\n".join(f"psql -d {SCRATCH} -c {quote(_count(each.table, where))}" for each in tables)
        case ClearScratch():
            return f"dropdb {SCRATCH}\nrm -r {FOLDER}"
        case _:
            assert_never(action)


def _copy_of(export: str) -> str:
    recursive = " --recursive" if export.endswith("/") else ""
    return f"mkdir -p {FOLDER}\naws s3 cp {quote(export)} {FOLDER}/{recursive}"


def _restore_of(action: LoadScratch) -> str:
    side_by_side = f" -j {action.jobs}" if action.jobs > 1 and action.picking.form != "tar" else ""
    place = f"{FOLDER}/*" if action.picking.form != "directory" else FOLDER
    if action.at is not None:
        name = quote(action.at.database)
        return f"createdb {name}\npg_restore --exit-on-error{side_by_side} -d {name} {place}"
    return (
        f"createdb {SCRATCH}  # on a server of your own machine, as a role without superuser: an archive runs its own code\n"
        f"pg_restore --exit-on-error --no-owner --no-acl{side_by_side} -d {SCRATCH} {place}"
    )


def orders_of_carrying(action: CarryTables) -> tuple[str, ...]:
    """What psql is given in one transaction to carry the tables, from files that ``copies_of_carrying`` writes."""
    made = (f"\\i {_file(each.into, 'sql')}" for each in action.creations)
    return (*made, *_orders(action.tables, " (FORMAT csv, HEADER match)" if action.files is not None else ""))


def _orders(tables: Iterable[WantedTable], form: str) -> Iterable[str]:
    for each in tables:
        name = _identifier(each.into)
        if each.mode == "replace":
            yield f"DELETE FROM {name};"  # noqa: S608 - quoted, and for a person to read
        yield f"\\copy {name} FROM {_file(each.table)}{form}"


def copies_of_carrying(action: CarryTables) -> tuple[str, ...]:
    """The commands that write each table's rows into a file."""
    if action.files is not None:
        return tuple(_copy_of_files(each, action.where) for each in action.tables)
    made = {each.into for each in action.creations}
    # By hand it is the archive's code: whoever types this reads the file first, and gives the table its new name in it.
    dumps = (
        f"pg_dump --schema-only -d {SCRATCH} -t {quote(_identifier(each.table))} -f {FOLDER}/{quote(_name(each.into))}.sql"
        "  # read it before it runs, it is the archive's code"
        for each in action.tables
        if each.into in made
    )
    copies = (f"psql -d {SCRATCH} -c {quote(_copy_out(each, action.where))}" for each in action.tables)
    return (*dumps, *copies)


def _copy_out(table: WantedTable, where: str) -> str:
    return f"\\copy ({_select(table.table, where)}) TO {_file(table.table)}"


def _copy_of_files(table: WantedTable, where: str) -> str:
    """A program that reads Parquet; the folder of the database is whatever the export has."""
    pattern = f"{FOLDER}/*/{_name(table.table)}/**/*.parquet".replace("'", "''")
    which = f" WHERE {where}" if where else ""
    order = f"COPY (FROM read_parquet('{pattern}'){which}) TO {_file(table.table)} (FORMAT csv, HEADER)"
    return f"duckdb -c {quote(order)}"


def _file(name: tuple[str, str], kind: str = "copy") -> str:
    path = f"{FOLDER}/{_name(name)}.{kind}".replace("'", "''")
    return f"'{path}'"


def _select(table: tuple[str, str], where: str) -> str:
    return f"SELECT * FROM {_identifier(table)}" + (f" WHERE {where}" if where else "")  # noqa: S608 - quoted


def _count(table: tuple[str, str], where: str) -> str:
    return f"SELECT count(*) FROM {_identifier(table)}" + (f" WHERE {where};" if where else ";")  # noqa: S608 - quoted


def _identifier(table: tuple[str, str]) -> str:
    return ".".join(map(sql_identifier, table))


def _name(table: tuple[str, str]) -> str:
    return ".".join(table)


def _names(tables: tuple[WantedTable, ...]) -> str:
    return comma_list([_name(each.table) for each in tables], most=3)

"""Tables of an export of RDS that are wanted: which folders have their files, and what the export lacks of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

from daybreak.archive.contents import MOST
from daybreak.archive.picking import join_ranges
from daybreak.archive.snapshot_export import TableFiles, TableStatus, files_by_table
from daybreak.aws.objects import Objects
from daybreak.errors import Refused
from daybreak.model.exports import ExportFound, ExportPlace, StoredObject
from daybreak.model.exports_seen import TableOffered
from daybreak.model.names import comma_list, did_you_mean, printable
from daybreak.model.parquet import Discrepancy, ExpectedTable
from daybreak.model.pickings import ObjectPieces, Picking
from daybreak.observe.export_tables import MOST_BYTES, MOST_REQUESTS, TablesWanted, find_pile
from daybreak.observe.exports import Finder
from daybreak.observe.ranges import ObjectSource, ReadBudget
from daybreak.parquet.reconciling import DatabaseExport, folder_of, reconcile

MOST_FILES = 100_000
"""Files of which one restore takes rows."""


@dataclass(frozen=True)
class ExportedTables:
    """The wanted tables of one database of an export."""

    finder: Finder
    found: ExportFound
    database: str
    """The folder of the database."""
    everything: tuple[TableFiles, ...] = ()
    statuses: tuple[TableStatus, ...] = ()
    tables: tuple[tuple[TableOffered, tuple[StoredObject, ...]], ...] = ()
    """Those that have files."""
    schemas: tuple[str, ...] = ()
    """Those of which all tables are wanted."""
    why_not: tuple[str, ...] = field(default=())

    def source(self, stored: StoredObject) -> ObjectSource:
        """A file as bytes in the bucket."""
        return self.finder.source(stored)

    def lacks(self, expected: Sequence[ExpectedTable]) -> tuple[Discrepancy, ...]:
        """What the export lacks of the wanted tables, held against the receiver's schema."""
        names = {".".join(offered.table) for offered, _ in self.tables}
        seen = DatabaseExport(self.database, self.everything, self.statuses)
        held = reconcile(expected, seen)
        wanted = {printable(each, 200) for each in names} | {
            printable(f"{each.schema_name}.{each.name}", 200) for each in expected if each.schema_name in self.schemas
        }
        return tuple(each for each in held.losses if each.table in wanted)

    def doubles(self, expected: Sequence[ExpectedTable]) -> Iterator[str]:
        """Why rows could come twice: a table and a part of it are both wanted, and both have files."""
        names = {".".join(offered.table) for offered, _ in self.tables}
        for each in expected:
            name = f"{each.schema_name}.{each.name}"
            both = [part for part in each.parts if part in names]
            if name in names and both:
                parts = comma_list([printable(part) for part in both], most=3)
                yield f"{printable(name)} has files, and so has its part {parts}: name one of them with --table, since rows may be in both"


def find_exported_tables(objects: Objects, place: ExportPlace, wanted: TablesWanted, database: str) -> ExportedTables:
    """The wanted tables of an export; ``database`` is the receiver's, which chooses where the export has several.

    Raises as ``see_export`` does.
    """
    finder = Finder(objects, place.bucket, ReadBudget(MOST_REQUESTS, MOST_BYTES), most=MOST)
    pile = find_pile(objects, place)
    examined = finder.look(pile)
    everything = files_by_table(pile.name, pile.objects)
    databases = sorted({each.database for each in everything})
    chosen = databases[0] if len(databases) == 1 else folder_of(database)
    base = ExportedTables(finder, examined.found, chosen, everything, examined.statuses, schemas=wanted.schemas)
    reasons = (
        [] if find_spec("pyarrow") else ['there is no pyarrow here to read Parquet: pip install "daybreak[parquet]"']
    )
    if not databases:
        reasons.append("it has no file of any table")
    elif chosen not in databases:
        names = comma_list([printable(each) for each in databases])
        reasons.append(
            f"it has the databases {names}, and none is called {printable(database)}: name the receiver with --into …/DATABASE"
        )
    if reasons:
        return _without(base, reasons)
    mine = {each.table: each.files for each in everything if each.database == chosen}
    picked: dict[str, TableOffered] = {}
    for name in wanted.tables:
        try:
            folder, offered = _find(name, mine)
            picked[folder] = offered
        except Refused as error:
            reasons.append(error.message)
    for schema in wanted.schemas:
        folders = [each for each in mine if each.startswith(f"{folder_of(schema)}.")]
        if not folders:
            reasons.append(f'it has no table of the schema "{printable(schema)}"')
        for folder in folders:
            picked.setdefault(folder, TableOffered(table=(schema, folder.removeprefix(f"{folder_of(schema)}."))))
    tables = tuple((offered, tuple(each for each in mine[folder] if each.bytes)) for folder, offered in picked.items())
    if sum(len(files) for _, files in tables) > MOST_FILES:
        reasons.append(f"the tables have more than {MOST_FILES:,} files: name fewer of them")
    return _without(base, reasons) if reasons else _with(base, tables)


def _without(base: ExportedTables, reasons: Iterable[str]) -> ExportedTables:
    return ExportedTables(
        base.finder, base.found, base.database, base.everything, base.statuses, (), base.schemas, tuple(reasons)
    )


def _with(base: ExportedTables, tables: tuple[tuple[TableOffered, tuple[StoredObject, ...]], ...]) -> ExportedTables:
    return ExportedTables(base.finder, base.found, base.database, base.everything, base.statuses, tables, base.schemas)


def _find(name: str, folders: dict[str, tuple[StoredObject, ...]]) -> tuple[str, TableOffered]:
    """The folder of a table that a person named, with its schema or without."""
    schema, dot, table = name.partition(".")
    wanted = folder_of(name)
    if dot and wanted in folders:
        return wanted, TableOffered(table=(schema, table))
    found = [] if dot else [each for each in folders if each.partition(".")[2] == wanted]
    if not found:
        raise Refused(f'it has no files of the table "{printable(name)}"{did_you_mean(name, folders)}')
    if len(found) > 1:
        raise Refused(f'"{printable(name)}" is in several schemas: {comma_list([printable(each) for each in found])}')
    return found[0], TableOffered(table=(found[0].partition(".")[0], name))


def pick_files(files: Iterable[tuple[StoredObject, Sequence[tuple[int, int]] | None]]) -> Picking:
    """What is fetched of the files: ranges of each, or all of it. Raises ``Refused`` where a version has no mark."""
    return Picking(form="parquet", pieces=tuple(_pieces(files)))


def _pieces(files: Iterable[tuple[StoredObject, Sequence[tuple[int, int]] | None]]) -> Iterator[ObjectPieces]:
    for number, (stored, ranges) in enumerate(files, 1):
        if not stored.mark:
            raise Refused(f'the store does not say of which version "{printable(stored.key, 400)}" is')
        yield ObjectPieces(
            key=stored.key,
            size=stored.bytes,
            mark=stored.mark,
            name=f"data-{number:04}",
            ranges=tuple(join_ranges(ranges)) if ranges is not None else ((0, stored.bytes),),
        )

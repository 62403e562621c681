"""What an export of RDS lacks: its folders, its own list and its rows, held against the schema that it was made of. Pure.

The law: RDS skips tables without a word (FACTS 4.7), so what is missing is looked for and never concluded from silence. What nobody
has figures for is named as unchecked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from daybreak.archive.snapshot_export import COMPLETE, TableFiles, TableStatus
from daybreak.model.names import comma_list, printable
from daybreak.model.parquet import Discrepancy, DiscrepancyKind, ExpectedTable, Reconciliation

_UNDERSCORED = str.maketrans(dict.fromkeys('\\`" ', "_"))
"""What RDS writes as an underscore in the names of folders."""
_NO_COLUMN = ",;{}()\n\t= "
"""What keeps a table out of an export, in the name of any of its columns."""
_NO_TABLE = "/"


@dataclass(frozen=True)
class DatabaseExport:
    """What was found of one database's export."""

    database: str
    files: Sequence[TableFiles]
    statuses: Sequence[TableStatus] = ()
    """RDS's own list, empty where there is none."""
    rows: Mapping[str, int | None] = field(default_factory=dict)
    """The rows that the files of each folder have, by ``schema.table``."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Why a file cannot be read, by its key."""


def reconcile(
    expected: Iterable[ExpectedTable], seen: DatabaseExport, figures: Mapping[str, int] | None = None
) -> Reconciliation:
    """Everything that the export lacks or says otherwise.

    ``figures`` says how many rows a table had, by ``schema.table``; RDS's own list has no such number.
    """
    tables = tuple(expected)
    work = _Held(tables, seen, figures or {})
    losses = tuple(sorted(work.losses(), key=lambda loss: (loss.table, loss.kind)))
    return Reconciliation(database=seen.database, tables=len(tables), losses=losses, unchecked=tuple(work.gaps()))


def folder_of(table: str) -> str:
    """The name of a table's folder, of ``schema.table``.

    >>> folder_of('public.my "own" table')
    'public.my__own__table'
    """
    return table.translate(_UNDERSCORED)


class _Held:
    def __init__(self, tables: Sequence[ExpectedTable], seen: DatabaseExport, figures: Mapping[str, int]) -> None:
        self._seen = seen
        self._figures = figures
        self._tables = {_full_name(each): each for each in tables}
        self._folders = {each.table: each for each in seen.files if each.database == folder_of(seen.database)}
        prefix = f"{seen.database}."
        self._statuses = {
            each.target.removeprefix(prefix): each for each in seen.statuses if each.target.startswith(prefix)
        }

    def losses(self) -> Iterator[Discrepancy]:
        for name, table in self._tables.items():
            for kind, why in self._of_table(name, table):
                yield Discrepancy(table=printable(name, 200), kind=kind, why=why)
        yield from self._of_strangers()
        yield from self._of_unreadable()

    def _of_table(self, name: str, table: ExpectedTable) -> Iterator[tuple[DiscrepancyKind, str]]:
        folder, status = self._folders.get(folder_of(name)), self._status(name)
        if status is not None:
            yield from _of_status(status)
        if folder is None:
            if not (table.is_partition or self._is_in_parts(table)):
                yield _reason(table, status, is_listed=bool(self._statuses))
            return
        if self._statuses and status is None:
            yield "unlisted", "it has files, and the export's own list does not name it"
        others = [other for other in self._tables if other != name and folder_of(other) == folder_of(name)]
        if others:
            yield "twice", f"its folder is also that of {comma_list([printable(each) for each in others])}"
        in_parts = [part for part in table.parts if folder_of(part) in self._folders]
        if in_parts:
            parts = comma_list([printable(part) for part in in_parts])
            yield "twice", f"it has a folder, and so has its partition {parts}: its rows may be in both"
        yield from self._of_rows(name)

    def _status(self, name: str) -> TableStatus | None:
        return self._statuses.get(name) or self._statuses.get(folder_of(name))

    def _is_in_parts(self, table: ExpectedTable) -> bool:
        return bool(table.parts) and all(folder_of(part) in self._folders for part in table.parts)

    def _of_rows(self, name: str) -> Iterator[tuple[DiscrepancyKind, str]]:
        rows, wanted = self._seen.rows.get(folder_of(name)), self._figures.get(name)
        if rows is None or wanted is None or rows == wanted:
            return
        kind: DiscrepancyKind = "fewer-rows" if rows < wanted else "more-rows"
        yield kind, f"its files have {rows:,} rows, and it had {wanted:,}"

    def _of_strangers(self) -> Iterator[Discrepancy]:
        known = {folder_of(name) for name in self._tables}
        for name in self._folders:
            if name not in known:
                why = "it has files, and the schema has no such table"
                yield Discrepancy(table=printable(name, 200), kind="unknown-table", why=why)
        for name, status in self._statuses.items():
            if folder_of(name) not in known | set(self._folders):
                why = f"the export's own list names it as {printable(status.status) or 'nothing'}, and neither files nor schema have it"
                yield Discrepancy(table=printable(name, 200), kind="unknown-table", why=why)

    def _of_unreadable(self) -> Iterator[Discrepancy]:
        for folder in self._folders.values():
            for file in folder.files:
                if why := self._seen.unreadable.get(file.key):
                    yield Discrepancy(table=printable(folder.table, 200), kind="unreadable", why=why)

    def gaps(self) -> Iterator[str]:
        if not self._statuses:
            yield "the export's own list of tables: there is none"
        uncounted = [name for name in self._folders if self._seen.rows.get(name) is None]
        if uncounted:
            yield f"the rows of {comma_list([printable(each) for each in uncounted])}: its files were not all counted"
        unknown = [name for name in self._tables if folder_of(name) in self._folders and name not in self._figures]
        if unknown:
            yield f"how many rows {comma_list([printable(each) for each in unknown])} had: the export has no figure for it"


def _full_name(table: ExpectedTable) -> str:
    return f"{table.schema_name}.{table.name}"


def _of_status(status: TableStatus) -> Iterator[tuple[DiscrepancyKind, str]]:
    if status.status != COMPLETE:
        warning = f": {printable(status.warning, 300)}" if status.warning else ""
        yield "status", f"RDS says of it {printable(status.status) or 'nothing'}{warning}"
    elif status.warning:
        yield "status", f"RDS warns of it: {printable(status.warning, 300)}"
    if status.parts is not None and status.parts_done is not None and status.parts_done < status.parts:
        yield "partitions", f"RDS exported {status.parts_done:,} of its {status.parts:,} ranges"


def _reason(table: ExpectedTable, status: TableStatus | None, *, is_listed: bool) -> tuple[DiscrepancyKind, str]:
    """Why a table has no folder, as far as its shape explains it."""
    for kind, is_so, why in _SKIPPED:
        if is_so(table):
            return kind, why
    if status is not None:
        return (
            "no-files",
            "it has no files: RDS writes none for a table without rows, and nothing shows that it had none",
        )
    listed = "the export's own list does not name it, and " if is_listed else ""
    return "no-files", f"{listed}it has no files, and nothing in its shape says why"


def _bad_columns(table: ExpectedTable) -> Collection[str]:
    return [name for name in table.columns if set(name) & set(_NO_COLUMN)]


_SKIPPED: tuple[tuple[DiscrepancyKind, Callable[[ExpectedTable], bool], str], ...] = (
    ("unlogged", lambda table: table.is_unlogged, "it is unlogged, and RDS exports no such table"),
    ("name", lambda table: _NO_TABLE in table.name, "its name has a slash, and RDS exports no such table"),
    (
        "columns",
        lambda table: bool(_bad_columns(table)),
        "the name of one of its columns has a space or one of , ; { } ( ) = or a tab or a new line, and RDS exports no such table",
    ),
)
"""What RDS is documented to skip, and how it is seen; it also skips rows of about 2 GB, which no shape shows."""

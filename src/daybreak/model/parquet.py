"""What becomes of the rows of an RDS export: the table that takes them, what was counted, and what the export lacks."""

from __future__ import annotations

from typing import Literal

from daybreak.model.value import Value

DiscrepancyKind = Literal[
    "unlogged",
    "name",
    "columns",
    "status",
    "no-files",
    "unlisted",
    "partitions",
    "fewer-rows",
    "more-rows",
    "unreadable",
    "twice",
    "unknown-table",
]
"""Why a table of an export is not what the schema says: RDS skips unlogged tables, some names, and some names of columns; its
own list says otherwise; or the files do."""


class StoredType(Value):
    """What a type stores, looked at through domains: a scalar, or what others are put together to."""

    base: str = ""
    """PostgreSQL's own name of a scalar, such as ``int4``; empty for a type of somebody's own."""
    modifier: int = -1
    """PostgreSQL's ``atttypmod`` of a scalar: a length, a precision, a scale; -1 for none."""
    form: Literal["scalar", "array", "row", "range", "ranges"] = "scalar"
    parts: tuple[StoredType, ...] = ()
    """What an array's elements are, a row's columns, a range's bounds, and the ranges of a multirange."""


class TargetColumn(Value):
    """A column of the table that rows are loaded into, as its server knows it."""

    name: str
    type: str
    """Its type, as the server spells it."""
    base: str
    """PostgreSQL's own name for what the type is beneath every domain, such as ``int4``; empty for a type of somebody's own."""
    is_domain: bool = False
    is_generated: bool = False
    is_needed: bool = False
    """Whether a row needs a value for it: it is not null and has no default."""
    has_default: bool = False
    is_bytewise: bool = True
    """Whether two texts in it are equal only where their bytes are."""
    stored: StoredType = StoredType()
    """What it keeps of a value."""


class LoadCounts(Value):
    """Where each row of the files went."""

    rows: int = 0
    """Rows of the files, those of skipped row groups among them."""
    loaded: int = 0
    rejected: int = 0
    """Rows that the server does not take; each is in the file of rejects."""
    left_out: int = 0
    """Rows that the condition does not want."""

    @property
    def is_even(self) -> bool:
        """Whether every row went somewhere."""
        return self.rows == self.loaded + self.rejected + self.left_out


class ParquetLoaded(Value):
    """A table that was loaded from the files of an export."""

    counts: LoadCounts
    files: int
    remarks: tuple[str, ...] = ()
    """What is otherwise in the files than in the table, each as a sentence without a full stop."""
    condition: str = ""
    """How the condition was applied; empty where there is none."""
    groups_skipped: int = 0
    """Row groups that were not read, because by their own figures the condition wants no row of them."""


class ExpectedTable(Value):
    """A table that the schema has, as far as an export of RDS depends on it."""

    schema_name: str
    name: str
    columns: tuple[str, ...] = ()
    is_unlogged: bool = False
    is_partition: bool = False
    """Whether it is a part of another table, whose folder may hold its rows."""
    parts: tuple[str, ...] = ()
    """The tables that hold its rows, as ``schema.table``, where it is partitioned."""


class Discrepancy(Value):
    """Something that an export lacks or says otherwise."""

    table: str
    """``schema.table``."""
    kind: DiscrepancyKind
    why: str
    """A clause, such as ``it is unlogged, and RDS exports no such table``."""


class Reconciliation(Value):
    """An export, held against the schema that it was made of."""

    database: str
    tables: int
    """Tables that the schema has."""
    losses: tuple[Discrepancy, ...] = ()
    unchecked: tuple[str, ...] = ()
    """What could not be held against anything, each as a clause."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found that the export lacks; what is unchecked does not count."""
        return not self.losses

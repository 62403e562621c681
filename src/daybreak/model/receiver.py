"""Receiver: the database into which rows of an export are carried, and what was seen of its tables."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.value import Value

ReceiverMode = Literal["empty", "append", "replace"]
"""What a table must be, or becomes: *empty* wants one without rows, *append* adds to those there, *replace* deletes those first that
are wanted of the export, which are all of them where no condition says otherwise."""


class Receiver(Value):
    """A database of a living cluster."""

    cluster: str
    resource_id: str
    """The cluster's: a name alone may lead to another one tomorrow."""
    database: str
    login: str
    """The reference of the login that writes there."""
    entry: str = Field(default="", exclude_if=lambda found: not found)
    """A database that is there, through which a new one is made; empty where nobody names one."""
    run: str = ""
    """The run whose clone it is; empty for a cluster in use."""
    is_production: bool = False
    """Whether daybreak.toml calls it the cluster of a target: then a person types its name."""


class ColumnSeen(Value):
    """A column of a table that is there."""

    name: str
    type: str
    is_generated: bool = False
    """Whether the server computes it: then nobody can load it."""
    is_needed: bool = False
    """Whether a row that does not name it is refused: it takes no null, and has no default."""


class ReferenceSeen(Value):
    """A foreign key of another table that points at one."""

    name: str
    table: tuple[str, str]
    on_delete: Literal["refuses", "waits", "follows"]
    """What becomes of its rows when a row that they point at is deleted: the server refuses at once, or at the transaction's end where
    the row is still missing then, or changes or deletes them too."""
    has_rows: bool | None = None
    """Whether a row points at the table; ``None`` where the login may not look, or nobody asked."""


class TableSeen(Value):
    """What stands under a table's name in a receiver."""

    table: tuple[str, str]
    """Its schema and its name."""
    kind: Literal["table", "other"]
    """Whether it takes rows as a table does: plain or partitioned. A view or a foreign table is another thing."""
    has_rows: bool | None = None
    """``None`` where that was not asked, or could not be."""
    columns: tuple[ColumnSeen, ...] = ()
    triggers: tuple[str, ...] = ()
    """The triggers of its own, and the rules on DELETE: rows come by ``COPY``, which no rule on INSERT sees."""
    references: tuple[ReferenceSeen, ...] = ()
    about: int | None = Field(default=None, exclude_if=lambda found: found is None)
    """How many rows it has, as the server estimates from its last look; ``None`` where it has not looked."""
    is_locked: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether somebody holds it locked, so that nobody could say whether it has rows."""
    hides_rows: bool = False
    """Whether a policy keeps rows from the login: it would see, delete and load only some."""
    lacks: tuple[str, ...] = ()
    """The rights on it that the login does not have."""


class ReceiverSeen(Value):
    """What a receiver's server said of the tables that are wanted there."""

    server_version: str
    encoding: str
    login: str
    """The role that the login is."""
    tables: tuple[TableSeen, ...] = ()
    """Those of the wanted names that are there."""
    trouble_with_condition: str = Field(default="", exclude_if=lambda found: not found)
    """Why the server cannot read the condition on the rows of the one table that is wanted, in its words."""
    closed: tuple[str, ...] = ()
    """The schemas of the wanted names in which the login may make nothing, or which it may not make."""

    def table(self, name: tuple[str, str]) -> TableSeen | None:
        """What stands under a name; ``None`` where nothing does."""
        return next((each for each in self.tables if each.table == name), None)


class NewDatabaseSeen(Value):
    """What a server said of a database that is to be made there."""

    is_there: bool
    """Whether there is one of that name already."""
    server_version: str
    major: int
    login: str
    """The role that the login is."""
    may_make_databases: bool
    may_make_roles: bool
    connections: int
    """How many more clients the server would let in."""


class LeftWith(Value):
    """An object that did not get its owner, or a privilege that was not given, and why."""

    what: str
    why: str


class GivenBack(Value):
    """Owners and privileges that were given back in a new database."""

    owners: int
    """How many objects belong to their own owner."""
    privileges: int
    """How many statements of the archive's were carried out, composed anew."""
    login: str
    """The role that the rest belongs to."""
    missing: tuple[str, ...] = ()
    """The roles of the archive that the server does not have."""
    not_given: tuple[LeftWith, ...] = ()


class DatabaseNamed(Value):
    """What a scratch database became."""

    database: str
    given: GivenBack | None = None
    """``None`` where an earlier process gave it, and its word is lost with its machine."""


class ExportFetched(Value):
    """What was read of an export."""

    bytes: int
    """What was read from the bucket this time."""
    of_before: int
    """What an earlier process had read."""


class ScratchLoaded(Value):
    """What a scratch database was loaded with."""

    bytes: int
    """What was read from the bucket this time."""
    of_before: int
    """What an earlier process had read."""
    server_version: str
    program: str
    """The version of ``pg_restore``."""
    left_out: tuple[str, ...] = ()
    """What the throw-away role may not make, each with the reason."""
    statements: tuple[str, ...] = ()
    """What would make those, in the same order, where they are missed in a new database."""


class ScratchJudged(Value):
    """What the scratch database has of the tables that are wanted."""

    rows: dict[str, int]
    """By the tables' names in the export, as far as the condition wants them."""


class ScratchCleared(Value):
    """Nothing of the run is left on this machine."""


class ThingLeft(Value):
    """A thing of a table that was not made."""

    label: str
    statement: str
    """What would make it, for a person to read and to run."""
    why: str
    is_planned: bool = False
    """Whether the plan said so."""


class TablesMade(Value):
    """What was made in a receiver, in the transaction that brought the rows."""

    statements: tuple[str, ...]
    """Ours, in their order."""
    left: tuple[ThingLeft, ...] = ()
    given: GivenBack | None = Field(default=None, exclude_if=lambda found: found is None)
    """Owners and privileges; ``None`` where the export lists none."""


class TablesCarried(Value):
    """What a receiver took, in one transaction."""

    rows: dict[str, int]
    """By the tables' names there."""
    deleted: dict[str, int] = Field(default_factory=dict, exclude_if=lambda found: not found)
    """How many rows were deleted first of each table that was replaced."""
    sequences: dict[str, int] = Field(default_factory=dict)
    """The sequences that were set past the rows that came, and to what."""
    made: TablesMade | None = Field(default=None, exclude_if=lambda found: found is None)
    """What was made of tables that were not there."""
    rejects: str = Field(default="", exclude_if=lambda found: not found)
    """The folder with the rows that it refused, where it refused any."""


class ScratchAnswers(Value):
    """What the scratch database and the archive said of each other, for the judgement."""

    expected: tuple[str, ...]
    """The things of the archive's list that can be looked for by name: the kind and the name of each."""
    present: tuple[str, ...]
    """Those that are there."""
    beyond: tuple[str, ...] = Field(default=(), exclude_if=lambda found: not found)
    """What is there and in no entry of the list."""
    uncounted: dict[str, int]
    """How many entries of other kinds were made, by kind."""
    archived: dict[str, int | None]
    """The rows of each table in the archive, as pg_restore reads them without a database; ``None`` where they could not be counted."""
    restored: dict[str, int]
    """The rows of each table in the scratch database."""
    constraints: int
    """How many constraints and indexes there are."""
    invalid: tuple[str, ...] = ()
    sequences: int = 0
    """How many sequences belong to a column."""
    behind: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Those that are not ahead of it: where each stands, and the furthest value."""

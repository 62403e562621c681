"""What is done with an export: fetched and loaded on this machine, judged there, and its tables carried into a living database."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.actions.placed import Placed
from daybreak.model.actions.sql import SqlOrder
from daybreak.model.creations import Creation
from daybreak.model.parquet import Discrepancy
from daybreak.model.pickings import Picking
from daybreak.model.receiver import Receiver, ReceiverMode
from daybreak.model.value import Span, Value


class ExportOrder(Placed):
    """Something that is done with an export in the run's own folder on this machine. Nothing outside of that changes.

    What one of them leaves there is known by its receipt. Where it is missing, on another machine or after a restart, it is made
    again: so each leaves one effect, however often it is done.
    """


class FetchExport(ExportOrder):
    """Read from the bucket what is wanted of an export's rows, into files of this machine."""

    kind: Literal["fetch-export@1"] = "fetch-export@1"
    export: str
    """Its URL."""
    picking: Picking


class ScratchOrder(ExportOrder):
    """Something that is done with a scratch database: on a throw-away server of this machine, or at a cluster that is named."""

    at: Receiver | None = Field(default=None, exclude_if=lambda found: found is None)
    """The database that it is to become, at its cluster, where scratch stands then; ``None`` is this machine."""


class LoadScratch(ScratchOrder):
    """Fetch what is wanted of an export and load it into a scratch database while it comes, as a role that may do nothing else.

    An archive is hostile until shown otherwise: its code runs there, and nowhere else.
    """

    kind: Literal["load-scratch@1"] = "load-scratch@1"
    export: str
    """Its URL."""
    picking: Picking
    """What is fetched, and which of its entries are made."""
    major: int
    """The major version of PostgreSQL that dumped it, at least; the scratch server is not older."""
    jobs: int = Field(default=1, ge=1)
    """How many tables are loaded, and indexes made, side by side."""
    is_old_client_allowed: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether a plain script is given to a psql that is known to be unsafe with a hostile one."""
    limit: Span = Span(hours=12)
    """How long it may take."""
    most: int = Field(gt=0)
    """How many bytes the scratch server may fill."""


class WantedTable(Value):
    """A table of an export, and what it becomes."""

    table: tuple[str, str]
    """Its schema and its name in the export."""
    into: tuple[str, str]
    """Those in the receiver."""
    mode: ReceiverMode = "empty"


class FilesOfTable(Value):
    """A table of an export of RDS, and its files."""

    table: tuple[str, str]
    files: dict[str, str]
    """The names that they have in the run's folder, and those that they have in the export."""
    most: int | None = Field(default=None, gt=0, exclude_if=lambda found: found is None)
    """The bytes of rows that may be made of them: a few bytes of Parquet can stand for any number."""

    def in_order(self) -> list[tuple[str, str]]:
        """Both names of each, in the order of the export."""
        return sorted(self.files.items(), key=lambda each: (len(each[0]), each[0]))


class RowFiles(Value):
    """Rows that are taken from files of an export of RDS: they run no code, so no scratch database is between."""

    tables: tuple[FilesOfTable, ...]
    most_rejects: int = Field(default=0, ge=0)
    """How many rows of all tables the receiver may refuse; one more takes everything back."""
    lacks: tuple[Discrepancy, ...] = ()
    """What the export lacks of the tables that are wanted, as far as that was known when it was planned."""


class JudgeScratch(ScratchOrder):
    """Hold what the scratch database has against the archive's own list and rows; the findings become the run's verdict."""

    kind: Literal["judge-scratch@1"] = "judge-scratch@1"
    tables: tuple[WantedTable, ...]
    """Those that are wanted; without any it is the whole archive."""
    where: str = ""
    """The condition on the rows that are wanted, in SQL; empty wants all. It is asked in the scratch database."""


class ClearScratch(ScratchOrder):
    """Remove the scratch database with its role or its server, and the run's folder with all that was fetched.

    At a cluster that is what still has the scratch name, and never a database that has its own.
    """

    kind: Literal["clear-scratch@1"] = "clear-scratch@1"
    run: str = Field(default="", pattern=r"^(?:[A-Za-z0-9][A-Za-z0-9-]{0,100})?$")
    """Whose folder it is; empty means the run's own. It names a folder, so it has no dot and no slash."""


class CarryTables(SqlOrder):
    """Carry the rows of tables from the scratch database, or from fetched files, into a living one, all in one transaction.

    A table that is not there is made in the same transaction, by statements of ours.

    Its number is in the journal before the commit, so a lost commit is looked up and never guessed.
    """

    kind: Literal["carry-tables@1"] = "carry-tables@1"
    tables: tuple[WantedTable, ...]
    where: str = ""
    creations: tuple[Creation, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The tables that are not there, and are made first."""
    files: RowFiles | None = Field(default=None, exclude_if=lambda found: found is None)
    """Where the rows come from where no scratch database was loaded."""
    lock: Span = Span(seconds=2)
    limit: Span = Span(hours=6)
    """How long one statement may take, such as the rows of one table."""


class NameDatabase(SqlOrder):
    """Give what was loaded its owners and privileges, and the scratch database its name; the throw-away role goes with that.

    Its number is in the journal before the commit, so a lost commit is looked up and never guessed.
    """

    kind: Literal["name-database@1"] = "name-database@1"
    receiver: Receiver
    """The database that it becomes. The action's own ``database`` is one that is there."""
    limit: Span = Span(hours=1)


ExportWork = FetchExport | LoadScratch | JudgeScratch | ClearScratch
"""What is done with an export on this machine, or with its scratch database."""

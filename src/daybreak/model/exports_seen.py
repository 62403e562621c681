"""What a planner knows of an export whose tables are wanted, and of the database into which they go."""

from __future__ import annotations

from pydantic import Field

from daybreak.model.creations import Creation
from daybreak.model.exports import ChoiceShown, ExportFound
from daybreak.model.parquet import Discrepancy
from daybreak.model.pickings import Picking
from daybreak.model.receiver import NewDatabaseSeen, ReceiverSeen
from daybreak.model.value import Value


class TableOffered(Value):
    """A table of an export that was asked for."""

    table: tuple[str, str]
    """Its schema and its name."""
    columns: tuple[str, ...] | None = None
    """Those that its rows have, in their order; ``None`` where that is known only once it is restored."""
    types: dict[str, str] = Field(default_factory=dict, exclude_if=lambda found: not found)
    """The types that its definition gives them, as far as they are PostgreSQL's own and can be read there."""
    creation: Creation | None = None
    """What is made of it where the receiver lacks it, under its own name; ``None`` where the export does not define it."""


class ScratchTools(Value):
    """The programs of PostgreSQL on this machine."""

    version: str
    """Of ``pg_restore`` and of the server, such as ``16.9``."""
    major: int
    warning: str = ""
    """What is known to be wrong with so old a version."""
    script_doubt: str = ""
    """Why the ``psql`` beside them is not given a plain script; empty where it may be."""
    room: int
    """How many bytes are free where a scratch server would lie."""
    processors: int = 1


class LoaderSeen(Value):
    """The ``pg_restore`` of this machine that can speak to a cluster."""

    version: str
    major: int
    processors: int = 1
    warning: str = ""
    """What is known to be wrong with so old a version."""


class FilesSeen(Value):
    """The files of the wanted tables of an export of RDS, which are named in the picking."""

    files: tuple[dict[str, str], ...]
    """Those of each table, in the order of the tables: the name in the run's folder, and the one in the export."""
    remarks: tuple[str, ...] = ()
    """What is otherwise in the files than in the receiver's tables."""
    lacks: tuple[Discrepancy, ...] = ()
    """What the export lacks of the wanted tables, or says otherwise."""


class ExportSeen(Value):
    """An export, what of it was asked for, and what stands in the receiver under those names."""

    found: ExportFound
    tables: tuple[TableOffered, ...] = ()
    choice: ChoiceShown | None = None
    picking: Picking | None = None
    files: FilesSeen | None = None
    """Of an export of RDS alone."""
    why_not: tuple[str, ...] = ()
    """Why nothing can be picked of it, each reason by itself."""
    receiver: ReceiverSeen | None = None
    receiver_silence: str = ""
    """Why the receiver's server was not heard."""
    making: NewDatabaseSeen | None = None
    """What the server said of a database that is not there, and is to be made; ``None`` where the receiver is there."""
    loader: LoaderSeen | None = None
    loader_silence: str = ""
    """Why no program here can load it at a cluster."""
    room: int | None = None
    """How many bytes are free where it would be fetched, beside a database that is made elsewhere."""
    tools: ScratchTools | None = None
    tools_silence: str = ""
    """Why there are no programs to restore it with."""
    dumped_by: int | None = None
    """The major version of the pg_dump that made it."""

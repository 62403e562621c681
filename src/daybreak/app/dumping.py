"""Schema dumps: keep the SQL that makes a cluster's objects, beside its capsule, because an export of a snapshot has none.

The law: it stops no capture. A program that is absent, too old, or gives way is a gap with its reason.
"""

from __future__ import annotations

import gzip
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from daybreak.app.app import App
from daybreak.app.recalling import newest_of
from daybreak.errors import DaybreakError, Refused
from daybreak.model.kept import Kept
from daybreak.model.names import comma_list, printable
from daybreak.model.schema_dump import DumpedSchema, SchemaDump
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity
from daybreak.postgres.bounds import OF_A_DUMP
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.dumping import PROGRAM, DumpMade, dump_schema, find_program
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach

_DRAWN = (b"\\restrict ", b"\\unrestrict ")
"""What begins a line that is another one each time."""


@dataclass(frozen=True)
class SchemaKept:
    """A schema dump that was made, or why there is none."""

    kept: Kept | None = None
    dump: SchemaDump | None = None
    is_new: bool = False
    why: str = ""
    """Why none was made; empty where one was."""


@dataclass(frozen=True)
class DumpSitting:
    """Whose schemas to dump: the target's databases, as they were entered for the capsule."""

    target: Target
    cluster: Cluster
    identity: Identity
    taken: datetime
    databases: tuple[str, ...]


def keep_schemas(app: App, place: Reach, sitting: DumpSitting) -> SchemaKept:
    """Dump the schema of each database and keep all, unless nothing has changed; raises where it cannot be kept."""
    try:
        program = find_program(app.settings.pg_dump)
    except Refused as error:
        return SchemaKept(why="; ".join((error.message, *error.hints)))
    found, left_out = _dump(place, program, sitting.databases)
    if not found:
        return SchemaKept(why=comma_list([f"{name}: {why}" for name, why in left_out.items()], most=3))
    dump = SchemaDump(
        target=sitting.target.name,
        taken=sitting.taken,
        identity=sitting.identity,
        cluster=sitting.cluster.identifier,
        resource_id=sitting.cluster.resource_id,
        databases=tuple(found),
        left_out=left_out,
    )
    last = _last(app, sitting)
    is_new = last is None or not dump.is_same(last)
    # One with the same content is put where it is missing, and not kept twice.
    kept = app.repository.keep(dump if last is None or is_new else last)
    return SchemaKept(kept, dump, is_new)


def schema_sql(app: App, target: Target, database: str) -> bytes:
    """The SQL of a database in the newest schema dump; raises ``Refused`` where nothing is kept."""
    kept = app.repository.newest("schema", target.name)
    if kept is None:
        raise Refused(f'no schema dump of "{target.name}" is kept', f"daybreak capture {target.name}")
    dump = app.repository.schema(kept)
    found = dump.of(database)
    if found is None:
        known = comma_list([printable(each.database) for each in dump.databases])
        raise Refused(f'the schema dump of "{target.name}" has no database "{printable(database)}"', f"it has {known}")
    return gzip.decompress(b64decode(found.sql))


def _dump(place: Reach, program: ClientProgram, databases: Iterable[str]) -> tuple[list[DumpedSchema], dict[str, str]]:
    found: list[DumpedSchema] = []
    left_out: dict[str, str] = {}
    bounded = Reach(place.address, place.login, Meter(OF_A_DUMP))
    for name in databases:
        try:
            made = dump_schema(bounded.within(name), program, OF_A_DUMP.whole)
        except DaybreakError as error:
            left_out[name] = "; ".join((error.message, *error.hints))
        else:
            found.append(_entry(name, program, made))
    return found, left_out


def _entry(name: str, program: ClientProgram, made: DumpMade) -> DumpedSchema:
    lines = [line for line in made.sql.splitlines() if not line.startswith(_DRAWN)]
    is_foreign = program.major != int(made.server_version.partition(".")[0])
    return DumpedSchema(
        database=name,
        server_version=made.server_version,
        program=f"{PROGRAM} {program.version}",
        contents=hashlib.sha256(b"\n".join(lines)).hexdigest(),
        sql=b64encode(gzip.compress(made.sql, mtime=0)).decode(),
        note=f"made by {PROGRAM} {program.version} of a server of {made.server_version}" if is_foreign else "",
    )


def _last(app: App, sitting: DumpSitting) -> SchemaDump | None:
    """The newest one that is kept; one that cannot be read does not prevent keeping."""
    with suppress(DaybreakError):
        kept = newest_of(app.repository, "schema", sitting.target, sitting.identity)
        return app.repository.schema(kept) if kept else None
    return None

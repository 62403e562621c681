"""Exports in words that every renderer shares: what each is, how large, whether it is complete. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import humanize

from daybreak.model.exports import ExportedTable, ExportFound, ExportShown, PlaceListed
from daybreak.model.manifests import Manifest
from daybreak.model.names import printable
from daybreak.model.value import stamp
from daybreak.report.words import many

KINDS = {
    "custom": "custom archive",
    "directory": "directory archive",
    "tar": "tar archive",
    "sql": "plain SQL",
    "cluster-sql": "plain SQL of all databases",
    "snapshot-export": "RDS snapshot export",
    "parquet": "Parquet file",
    "packed": "packed, not looked into",
    "unknown": "no export that is known",
    "not-seen": "NOT SEEN",
}
"""What people call each kind."""

WHOLE = {"ends-well": "ends well", "torn": "TORN", "unknown": "not known"}
"""The word on completeness."""

_PACKED = frozenset({"gzip", "bzip2", "xz", "lz4", "zstd"})


def kind_words(found: ExportFound) -> str:
    """What it is, with how it is compressed."""
    if found.compression in _PACKED:
        return f"{KINDS[found.kind]}, {found.compression}"
    return KINDS[found.kind]


def size_words(size: int | None) -> str:
    """A size; one that is not known says so."""
    return "not known" if size is None else humanize.naturalsize(size)


def number_words(number: int | None) -> str:
    """A count; one that is not known says so."""
    return "not known" if number is None else f"{number:,}"


def source_words(found: ExportFound) -> str:
    """What it was made of, and with what."""
    parts = [
        f"database {found.database}" if found.database else "",
        f"PostgreSQL {found.server}" if found.server else "",
        f"by pg_dump {found.program}" if found.program else "",
        found.source,
    ]
    return ", ".join(part for part in parts if part) or "not known"


def moment_words(found: ExportFound) -> str:
    """When it says that it was made."""
    if not found.made:
        return "not known"
    if found.kind == "snapshot-export":
        return f"{found.made}, the time of the snapshot"
    return f"{found.made} by the clock of the machine that made it, which writes no zone"


def access_words(found: ExportFound) -> str:
    """Whether one table can be read by itself; empty where that was not found out."""
    if found.is_seekable is None:
        return ""
    return "one table can be read by itself" if found.is_seekable else "one table can only be had by reading all of it"


def verdict_words(listed: PlaceListed) -> str:
    """What a place comes to, in one sentence."""
    if listed.trouble:
        return f"NOT LISTED: {listed.trouble}"
    if not listed.found:
        return "there is nothing"
    known = [each for each in listed.found if each.kind not in ("unknown", "not-seen")]
    words = many(len(known), "export")
    unseen = sum(1 for each in listed.found if each.kind == "not-seen")
    others = len(listed.found) - len(known) - unseen
    more = [many(others, "thing that is none", "things that are none")] if others else []
    more += [f"{unseen:,} NOT SEEN"] if unseen else []
    return ", ".join((words, *more)) + f", in {many(listed.keys, 'object')}"


def limit_words(listed: PlaceListed) -> Iterator[str]:
    """What the limits of a list leave open."""
    if listed.is_cut:
        yield f"the listing ends after {listed.keys:,} keys, at {listed.last_key}; there are more: name a part of the place with --in"
    if listed.unlisted:
        yield f"{listed.unlisted:,} older ones are not listed: name a part of the place with --in"


def manifest_words(said: Manifest) -> str:
    """What a manifest says of its archive, as said by it."""
    held = f"the moment {stamp(said.stands_for)}" if said.stands_for else "a moment that nothing vouches for"
    keep = f", to be kept until {stamp(said.keep_until)}" if said.keep_until else ""
    rows = f"{said.rows:,} rows in {len(said.tables):,} tables"
    return f"its manifest says: {rows}, of the clone of {printable(said.run)}, which holds {held}{keep}"


def remarks(found: ExportFound) -> Iterator[str]:
    """What must be said of an export beside its row."""
    if found.trouble:
        yield found.trouble
    if found.manifest:
        yield manifest_words(found.manifest)
    if found.whole == "torn" or (found.whole == "unknown" and found.why):
        yield found.why


def by_size(shown: ExportShown) -> list[ExportedTable]:
    """The tables, the largest first; those of unknown size after them, by name."""
    return sorted(
        shown.tables, key=lambda each: (-(each.bytes if each.bytes is not None else -1), each.schema_name, each.name)
    )

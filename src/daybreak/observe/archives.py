"""What a bucket shows of the archives of a target, each with the manifest beside it.

The law: a manifest is a claim. What could not be read is named, and nothing follows from it.
"""

from __future__ import annotations

from itertools import islice

from pydantic import ValidationError

from daybreak.aws.objects import Objects
from daybreak.errors import Refused, Unreachable
from daybreak.model.archives import ArchiveSeen
from daybreak.model.manifests import MOST, SUFFIX, Manifest
from daybreak.model.names import printable
from daybreak.observe.exports import MOST_KEYS

MOST_MANIFESTS = 1_000
"""Manifests that one look reads, those with the first names; more are named as unread."""
MOST_NAMED = 5
"""Manifests that are named one by one as unread."""
MOST_BYTES = 128 << 20
"""Bytes of manifests that one look fetches."""


def look_at_archive(objects: Objects, key: str) -> ArchiveSeen:
    """An archive and its manifest as they are now; raises ``DaybreakError`` where the bucket does not answer."""
    sizes = dict(islice(objects.sizes(key), MOST_KEYS))
    return ArchiveSeen(key=key, bytes=sizes.get(key), manifest=_manifest(objects, key, sizes.get(f"{key}{SUFFIX}")))


def look_at_archives(objects: Objects, prefix: str) -> tuple[tuple[ArchiveSeen, ...], tuple[str, ...]]:
    """The archives below a prefix that have a manifest, and what of them could not be read, in words.

    Raises ``DaybreakError`` where the bucket is not listed.
    """
    sizes = dict(islice(objects.sizes(prefix), MOST_KEYS + 1))
    unread: list[str] = []
    if len(sizes) > MOST_KEYS:
        unread.append(f"more than {MOST_KEYS:,} keys are below the prefix, and the first were looked at")
    named = [key.removesuffix(SUFFIX) for key in sizes if key.endswith(SUFFIX)]
    found: list[ArchiveSeen] = []
    left = MOST_BYTES
    for number, key in enumerate(named):
        size = sizes[f"{key}{SUFFIX}"]
        if number >= MOST_MANIFESTS or size > left:
            unread.append(f"{len(named) - number:,} manifests were not read: one look reads {MOST_MANIFESTS:,}")
            break
        left -= size
        try:
            manifest = _manifest(objects, key, size)
        except (Refused, Unreachable) as error:
            unread.append(f"the manifest of {printable(key, 200)} could not be read: {error.message}")
            continue
        if manifest is None:
            unread.append(f"what stands beside {printable(key, 200)} is no manifest of Daybreak's")
        else:
            found.append(ArchiveSeen(key=key, bytes=sizes.get(key), manifest=manifest))
    if len(unread) > MOST_NAMED:
        unread = [*unread[:MOST_NAMED], f"{len(unread) - MOST_NAMED:,} more could not be read"]
    return tuple(found), tuple(unread)


def _manifest(objects: Objects, key: str, size: int | None) -> Manifest | None:
    """What stands beside an archive, where it is a manifest of ours, and speaks of that very archive; raises as ``part`` does."""
    if not size or size > MOST:
        return None
    part = objects.part(f"{key}{SUFFIX}", 0, size)
    try:
        manifest = Manifest.model_validate_json(part.content if part else b"")
    except ValidationError:
        return None
    return manifest if manifest.archive == key.rpartition("/")[2] else None

"""What a bucket shows of the archives of a target, each with the manifest beside it.

The law: a manifest is a claim. What could not be read is named, and nothing follows from it.
"""

from __future__ import annotations

from itertools import islice

from pydantic import ValidationError

from daybreak.aws.objects import Objects
from daybreak.errors import DaybreakError
from daybreak.model.archives import ArchiveSeen
from daybreak.model.manifests import MOST, SUFFIX, Manifest
from daybreak.model.names import comma_list, printable
from daybreak.observe.exports import MOST_KEYS

MOST_MANIFESTS = 1_000
"""Manifests that one look reads, those with the first names; more are named as unread."""
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
    strange: list[str] = []
    left = MOST_BYTES
    for number, key in enumerate(named):
        size = sizes[f"{key}{SUFFIX}"]
        if number >= MOST_MANIFESTS or size > left:
            unread.append(f"{len(named) - number:,} manifests were not read: one look reads {MOST_MANIFESTS:,}")
            break
        left -= size
        manifest = _manifest(objects, key, size)
        if manifest is None:
            strange.append(printable(key, 200))
        else:
            found.append(ArchiveSeen(key=key, bytes=sizes.get(key), manifest=manifest))
    if strange:
        unread.append(f"no manifest of ours, so left alone: {comma_list(strange, most=3)}")
    return tuple(found), tuple(unread)


def _manifest(objects: Objects, key: str, size: int | None) -> Manifest | None:
    """What stands beside an archive, where it is a manifest of ours, and speaks of that very archive."""
    if size is None or size > MOST:
        return None
    try:
        body = objects.get(f"{key}{SUFFIX}")
        manifest = Manifest.model_validate_json(body or b"")
    except ValidationError:
        return None
    except DaybreakError:
        return None  # perhaps it is another's, which we may not read
    return manifest if manifest.archive == key.rpartition("/")[2] else None

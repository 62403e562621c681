"""What breaks the guard on the removal of an archive, from what its bucket just showed. Pure.

The law: an archive goes only where a manifest of ours speaks of it, says that its time is over, and as many newer whole ones as are to
stay are there. What could not be asked is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from daybreak.assess.breach import Breach
from daybreak.model.archives import ArchiveSeen
from daybreak.model.guards import PastKeeping
from daybreak.model.manifests import Manifest
from daybreak.model.names import printable
from daybreak.model.things import Thing
from daybreak.model.value import stamp

_HINT = "the next archive of the target decides anew"


def breach_of_keeping(guard: PastKeeping, seen: Mapping[Thing, ArchiveSeen], now: datetime) -> Breach | None:
    """Why an archive is kept; ``None`` where it may go, or is gone with its manifest."""
    words, old = guard.thing.words(), seen.get(guard.thing)
    if old is None:
        return _keeps(f"{words} could not be looked at", words)
    if old.bytes is None and old.manifest is None:
        return None
    if old.manifest is None:
        return _keeps(f"no manifest speaks of {words}", words)
    why = _why_not_over(guard, old, old.manifest, now)
    if why:
        return _keeps(why, words)
    for thing in guard.newer:
        if why := _why_not_newer(thing, old.manifest, seen.get(thing)):
            return _keeps(why, words)
    return None


def _keeps(why: str, words: str) -> Breach:
    return Breach(why=f"{why}, so {words} is kept", hints=(_HINT,))


def _why_not_over(guard: PastKeeping, old: ArchiveSeen, manifest: Manifest, now: datetime) -> str:
    words = guard.thing.words()
    if manifest.target != guard.target:
        return f'the manifest beside {words} is of the target "{printable(manifest.target)}"'
    if old.bytes is not None and not old.is_whole:
        return f"{words} has {old.bytes:,} bytes, and its manifest speaks of {manifest.bytes:,}"
    if manifest.keep_until is None or manifest.keep_until > guard.until:
        until = stamp(manifest.keep_until) if manifest.keep_until else "no time that anybody said"
        return f"the manifest beside {words} keeps it until {until}"
    return f"its time is over at {stamp(guard.until)} only" if now < guard.until else ""


def _why_not_newer(thing: Thing, old: Manifest, newer: ArchiveSeen | None) -> str:
    if newer is None:
        return f"{thing.words()}, which is to stay, could not be looked at"
    if newer.manifest is None or not newer.is_whole:
        return f"{thing.words()}, which is to stay, is gone or not whole"
    if (newer.manifest.target, newer.manifest.database) != (old.target, old.database):
        return f"{thing.words()}, which is to stay, is of another database"
    return "" if newer.manifest.taken > old.taken else f"{thing.words()}, which is to stay, holds no later moment"

"""The one error of this floor: bytes that are not what they say they are, with the place where that was seen."""

from __future__ import annotations

from daybreak.errors import Refused
from daybreak.model.names import printable


class UnreadableArchive(Refused):
    """An archive that is torn, that lies, or that is larger or newer than what can be read here; nothing was taken from it."""


class BeyondReach(UnreadableArchive):
    """An archive that may be whole, and is newer, older or larger than what is read here."""


class TooLong(BeyondReach):
    """A table of contents that is longer than the reader wanted to read."""


def unreadable_at(name: str, position: int, why: str, *hints: str) -> UnreadableArchive:
    """The error for something wrong at a byte of an archive; ``why`` is a clause such as ``it ends within a number``."""
    return UnreadableArchive(f'"{printable(name, 400)}" cannot be read: at byte {position:,}, {why}', *hints)

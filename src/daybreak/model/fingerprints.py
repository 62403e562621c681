"""Fingerprint: the digest of a table's content in any order, and the version of the way in which it was computed.

The law: fingerprints of two versions are never compared. A fingerprint is ``VERSION:ROWS:DIGEST``; the first version wrote
``ROWS:DIGEST``.
"""

from __future__ import annotations

VERSION = 2
"""The version that this release computes. Raise it with every change of what goes into a digest."""


def fingerprint(rows: int, digest: int) -> str:
    """The fingerprint of so many rows with this sum.

    >>> fingerprint(5, 77)
    '2:5:77'
    """
    return f"{VERSION}:{rows}:{digest}"


def version_of(fingerprint: str) -> int:
    """The version of a fingerprint; 0 for text that is none.

    >>> version_of("2:5:77"), version_of("5:77"), version_of("?")
    (2, 1, 0)
    """
    version, *rest = fingerprint.split(":")
    if len(rest) != 2:
        return 1 if len(rest) == 1 else 0
    return int(version) if version.isdecimal() else 0

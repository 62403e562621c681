"""Where the lab may be kinder than AWS: switches for what AWS is only said to do, or for a test that needs the way clear.

The law: unkind unless somebody says otherwise, and only for as long as the lab runs.
"""

from __future__ import annotations

from enum import StrEnum


class Kindness(StrEnum):
    """One thing that AWS refuses, or is said to refuse."""

    AWS_BACKUP = "awsbackup"
    """``SnapshotType=awsbackup`` asked of cluster snapshots: documented for those of DB instances only (FACTS 4.10)."""
    FUNCTIONS = "functions"
    """Functions about the log that Aurora does not have, asked of a server (FACTS 4.16)."""


class Kindnesses:
    """Which of them are granted now."""

    def __init__(self) -> None:
        self._granted: frozenset[Kindness] = frozenset()

    def grants(self, kindness: Kindness) -> bool:
        """Whether the lab is kinder than AWS here."""
        return kindness in self._granted

    def grant(self, kindness: Kindness, *, granted: bool = True) -> None:
        """Be kind here, or unkind again."""
        self._granted = self._granted | {kindness} if granted else self._granted - {kindness}

    def names(self) -> list[str]:
        """Those that are granted, by name."""
        return sorted(self._granted)

    def clear(self) -> None:
        """Be as unkind as AWS everywhere."""
        self._granted = frozenset()

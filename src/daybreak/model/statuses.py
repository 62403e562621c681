"""AWS's words for the state of a cluster or instance: what each means for whoever must judge it.

The law: only a status that somebody knows to be bad, or nobody knows, is unfit. One that AWS leaves by itself while the server
goes on answering proves nothing, neither way (FACTS 4.10).
"""

from __future__ import annotations

from collections.abc import Iterable

from daybreak.model.findings import Standing

AVAILABLE = "available"

RENAMING = "renaming"
"""A cluster that has its old name still, and gets another one."""

PASSING = frozenset(
    {
        "backing-up",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "maintenance",
        "modifying",
        RENAMING,
        "storage-config-upgrade",
        "storage-optimization",
        "update-iam-db-auth",
        "upgrading",
    }
)
"""Statuses in which AWS is at work and that end by themselves; in most of them the server answers."""

SERVING = PASSING - {"maintenance", "modifying", RENAMING, "upgrading"}
"""Passing statuses in which nothing of the instance changes that a restore asked for: it is ready when it answers SQL."""

LOOK_AGAIN = "AWS is at work on it, and this passes: look again"


def standing_of_statuses(statuses: Iterable[str]) -> Standing:
    """What these statuses, all of which should be ``available``, say.

    >>> standing_of_statuses(["available"]).value, standing_of_statuses(["available", "backing-up"]).value
    ('fit', 'unknown')
    >>> standing_of_statuses(["backing-up", "failed"]).value
    'unfit'
    """
    others = {status for status in statuses if status != AVAILABLE}
    if others - PASSING:
        return Standing.UNFIT
    return Standing.UNKNOWN if others else Standing.FIT

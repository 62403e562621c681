"""What reading took of a source, in one sentence, for every format of a report."""

from __future__ import annotations

from daybreak.model.cost import Cost
from daybreak.report.words import many, span_words


def cost_words(cost: Cost) -> str:
    """The peaks, each beside what is allowed.

    >>> from datetime import timedelta
    >>> minutes = timedelta(minutes=10)
    >>> cost_words(Cost(locks=212, most_locks=640, connections=3, most_connections=3, snapshot=timedelta(seconds=14),
    ...                 longest_snapshot=minutes, rested=timedelta(0)))
    '212 locks seen (640 allowed), 3 connections (3), longest snapshot 14 seconds (10 minutes)'
    """
    allowed = "" if cost.most_locks is None else f" ({cost.most_locks:,} allowed)"
    told = [
        many(cost.locks, "lock") + f" seen{allowed}",
        f"{many(cost.connections, 'connection')} ({cost.most_connections})",
        f"longest snapshot {span_words(cost.snapshot)} ({span_words(cost.longest_snapshot)})",
    ]
    told += [f"paused for {span_words(cost.rested)} while the server suffered"] if cost.rested else []
    at = f"{cost.server}: " if cost.server else ""
    return at + ", ".join(told)

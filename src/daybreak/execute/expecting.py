"""What the clients' arrival is compared with: what a run found and counted before it led anybody there."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.model.actions import AwaitClients
from daybreak.model.writes import WriteCount


@dataclass(frozen=True)
class Expected:
    """What the clients' arrival is compared with."""

    clients: int
    """How many were sent out of the other side."""
    since: WriteCount | None
    """What had been written at this side before any client was led there; ``None`` where no write is looked for."""
    following: int
    """The first transaction id that this side had not given out by then."""

    def number_wanted(self, action: AwaitClients) -> int:
        """How many must be here, rounded up."""
        return -(-self.clients * action.share // 100)

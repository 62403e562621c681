"""Proof: which planted defects the checks found, and whether they were silent where nothing was wrong."""

from __future__ import annotations

from typing import Literal

from daybreak.model.findings import Finding
from daybreak.model.value import Instant, Span, Value
from daybreak.model.world import Identity


class Planting(Value):
    """One defect: what was planted, which check must find it, and whether it did."""

    defect: str
    check: str
    outcome: Literal["found", "missed", "not plantable"]
    seen: str = ""
    """What the check said, or why the defect cannot be planted here."""
    took: Span = Span(0)


class Proof(Value):
    """A negative control on one cluster's server. ``format`` is raised when a reader would misread it."""

    format: Literal[1] = 1
    cluster: str
    identity: Identity
    began: Instant
    took: Span
    plantings: tuple[Planting, ...]
    alarms: tuple[Finding, ...]
    """What was not fit in the specimen before anything was planted."""
    removed: tuple[str, ...] = ()
    """What earlier proofs that were killed had left on the server, and this proof removed."""
    leftovers: tuple[str, ...] = ()
    """What such proofs left and could not be removed, with the reason."""

    @property
    def holds(self) -> bool:
        """Whether something was planted, every defect was found, and nothing else raised an alarm."""
        outcomes = {planting.outcome for planting in self.plantings}
        return "found" in outcomes and "missed" not in outcomes and not self.alarms

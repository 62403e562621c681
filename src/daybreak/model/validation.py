"""Validation: the checklist by itself, outside a run, with everything that its report needs."""

from __future__ import annotations

from typing import Literal

from daybreak.model.actions import Validate
from daybreak.model.findings import Finding, Measured, Verdict
from daybreak.model.value import Instant, Span, Value
from daybreak.model.world import Identity


class Validation(Value):
    """What was asked of a cluster, when, and with what result."""

    format: Literal[1] = 1
    subject: str
    """The cluster that was asked."""
    target: str | None = None
    """The target whose expectations apply."""
    run: str | None = None
    """The run that made it; ``None`` for a cluster that Daybreak did not make."""
    why_no_stand_in: str = ""
    """Why the cluster could not take its source's place, however right its data is: it was scaled down. Empty where it could."""
    identity: Identity
    began: Instant
    took: Span
    action: Validate
    proof: str = ""
    """What the cluster's server had to prove, in words."""
    server: str = ""
    """Where the cluster answers, as HOST:PORT; empty where it has no endpoint."""
    way_in: str = ""
    """The psql command that opens it."""
    findings: tuple[Finding, ...]
    verdict: Verdict
    measured: Measured = Measured()

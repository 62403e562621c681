"""News: what a run learned of its subject that its plan did not say."""

from __future__ import annotations

from typing import Literal

from daybreak.model.findings import Standing
from daybreak.model.value import Instant, Value


class SourceMoved(Value):
    """The source looks otherwise than the plan saw it, in what the clone is only compared with: the plan's sight stays."""

    type: Literal["source.moved"] = "source.moved"
    differences: tuple[str, ...]
    """Each in words."""
    planned: Instant
    """When the plan saw the source; the clone is compared with that sight."""


class VerdictRenewed(Value):
    """The clone was asked again, since the verdict that the plan goes by was too old to close anything on its word."""

    type: Literal["verdict.renewed"] = "verdict.renewed"
    standing: Standing
    at: Instant
    """When it was begun to ask."""
    scope: str = ""

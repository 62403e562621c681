"""What a person may ask for; the planner's first argument."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from daybreak.model.moment import Moment
from daybreak.model.value import Value


class PitrRequest(Value):
    """Bring the target back to a moment, in a clone, in quarantine."""

    kind: Literal["pitr"] = "pitr"
    target: str
    moment: Moment
    words: str = ""
    """What the person typed for the moment."""
    why: str = ""
    suffix: str
    """The short random end of the clone's name, drawn once, so that planning twice gives the same plan."""
    is_read_only: bool = False
    """Whether every new session of the clone starts read-only."""
    resource_id: str | None = None
    """The resource id of a deleted cluster whose backup was kept; none restores the living cluster by name."""


class CleanRequest(Value):
    """Remove what a run created, and nothing else."""

    kind: Literal["clean"] = "clean"
    target: str
    run: str
    suffix: str
    why: str = ""


Request = Annotated[PitrRequest | CleanRequest, Field(discriminator="kind")]
"""Everything a plan can be made for."""

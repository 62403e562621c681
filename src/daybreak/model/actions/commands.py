"""A program of the owner's own, which a run starts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.actions.placed import Placed
from daybreak.model.value import Span


class RunCommand(Placed):
    """Run a program of the owner's, at most once: nobody knows what a second time would do.

    It gets none of our credentials. Where its outcome is not known, a person is asked; it is never repeated by itself.
    """

    kind: Literal["run-command@1"] = "run-command@1"
    what: str
    """What it does, as an order, in the owner's words."""
    command: tuple[str, ...]
    """The program and its arguments; no shell reads them."""
    limit: Span
    """How long it may take; then it is ended, with all that it started."""
    environment: tuple[str, ...] = ()
    """The names of the variables that it gets besides its way to programs, its home and its language."""
    given: dict[str, str] = Field(default_factory=dict)
    """Variables that it gets with these values: what it is run for. They are no secrets."""
    back: tuple[str, ...] | None = None
    """The command that takes it back; ``None`` where nothing does."""
    given_back: dict[str, str] = Field(default_factory=dict)
    """The variables that the command gets which takes it back."""

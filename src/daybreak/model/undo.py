"""Undo: how a step is taken back, as data. The sentence that people read is made of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from daybreak.model.actions import Action
from daybreak.model.things import Thing
from daybreak.model.value import Value


class TakenBack(Value):
    """These actions, in this order, take the step back."""

    kind: Literal["taken-back"] = "taken-back"
    actions: tuple[Action, ...]
    traces: tuple[str, ...] = ()
    """What is left all the same, such as the version of a secret."""


class GoesWith(Value):
    """The step changed only what its own run created, and is taken back with that."""

    kind: Literal["goes-with"] = "goes-with"
    thing: Thing


class Irreversible(Value):
    """Nothing takes the step back."""

    kind: Literal["irreversible"] = "irreversible"
    because: str


Undo = Annotated[TakenBack | GoesWith | Irreversible, Field(discriminator="kind")]
"""How one step is taken back."""

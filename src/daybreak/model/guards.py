"""Guards: what must hold right before a step acts, as data. ``assess.guarding`` says what breaks one.

The law: what is printed as a guard is exactly what is asked, right before every sending. A guard that does not hold stops the
step: nothing is sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list
from daybreak.model.things import Thing
from daybreak.model.value import Span, Value, iso


class OursOrAbsent(Value):
    """Nothing of that name exists, or the run created it: it carries the run's nonce. A clean-up asks for the run that it removes."""

    kind: Literal["ours-or-absent"] = "ours-or-absent"
    thing: Thing

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} does not exist, or is the run's own"


class Ours(Value):
    """The thing is there, and the run created it: it carries the run's nonce."""

    kind: Literal["ours"] = "ours"
    thing: Thing

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} is the run's own"


class NotTheSource(Value):
    """The call changes nothing of these names: they are the source's."""

    kind: Literal["not-the-source"] = "not-the-source"
    names: tuple[str, ...]

    def sentence(self) -> str:
        """The guard in words."""
        source, *rest = self.names
        return f"the call does not change the source {source}" + (f", nor {comma_list(rest)}" if rest else "")


class AsPlanned(Value):
    """The thing still is as it was when the plan was made. It is looked at right before the sending: AWS compares nothing itself."""

    kind: Literal["as-planned"] = "as-planned"
    thing: Thing
    field: str
    """The field of the noun in ``model.world`` that the thing is read into."""
    value: str

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} still has the {self.field.replace('_', ' ')} {self.value}, by a look right before"


def spell(value: object) -> str:
    """A field's value as ``AsPlanned`` holds it: an instant as ``iso`` writes it, anything else as text."""
    return iso(value) if isinstance(value, datetime) else str(value)


class OldEnough(Value):
    """A parameter group has rested for so long since AWS answered its creation (FACTS 4.1)."""

    kind: Literal["old-enough"] = "old-enough"
    thing: Thing
    rest: Span

    def sentence(self) -> str:
        """The guard in words."""
        return f"{self.thing.words()} is at least {span_in_words(self.rest)} old"


Guard = Annotated[OursOrAbsent | Ours | NotTheSource | AsPlanned | OldEnough, Field(discriminator="kind")]
"""Any one thing that must hold before a step acts."""

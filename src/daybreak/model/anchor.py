"""Anchor: an event of a journal by its number and digest, told where the journal itself is not: in a tag, in a report.

The law: a journal that holds the event under that digest holds every event before it unchanged; what came after it, no anchor
tells.
"""

from __future__ import annotations

import re

from daybreak.model.value import Value

_WRITTEN = re.compile(r"(0|[1-9][0-9]{0,9}):([0-9a-f]{64})")


class Anchor(Value):
    """One event, and the digest that it has in the chain."""

    number: int
    seal: str
    """The digest of its stored bytes."""

    def written(self) -> str:
        """The anchor as a tag holds it.

        >>> anchor_in(Anchor(number=7, seal="ab" * 32).written()).number
        7
        """
        return f"{self.number}:{self.seal}"


def anchor_in(text: str | None) -> Anchor | None:
    """The anchor that a text is; none when it is none."""
    match = _WRITTEN.fullmatch(text or "")
    return Anchor(number=int(match[1]), seal=match[2]) if match else None

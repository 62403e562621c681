"""Anchor: the number and digest of one journal event, kept outside of the journal: in a tag, in a report.

The law: a journal that holds the event under that digest holds every event before it unchanged. An anchor says nothing
about later events.
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

    def tag_value(self) -> str:
        """The anchor as a tag holds it.

        >>> anchor_in(Anchor(number=7, seal="ab" * 32).tag_value()).number
        7
        """
        return f"{self.number}:{self.seal}"


def anchor_in(text: str | None) -> Anchor | None:
    """The anchor in a text; ``None`` when the text holds none."""
    match = _WRITTEN.fullmatch(text or "")
    return Anchor(number=int(match[1]), seal=match[2]) if match else None

"""Spelling: whether what the configuration names is there, as far as it could be asked."""

from __future__ import annotations

from daybreak.model.value import Value


class Spelling(Value):
    """What was asked of the source and of the places of secrets about the names in daybreak.toml, and what is wrong with them."""

    named: int = 0
    """The databases, tables, columns, checks, secrets, networks and classes that are named."""
    mistakes: tuple[str, ...] = ()
    """What is named and is not there, or cannot be understood."""
    silences: tuple[str, ...] = ()
    """What could not be asked, and why; never a mistake."""

    def __add__(self, other: Spelling) -> Spelling:
        """Both together."""
        return Spelling(
            named=self.named + other.named,
            mistakes=self.mistakes + other.mistakes,
            silences=self.silences + other.silences,
        )


NO_SOURCE = "there is no source to ask"
"""The silence that follows from a missing cluster, whatever is named."""

MOST_SAID = 8
"""How many wrong names are shown at once."""


def first_of(said: tuple[str, ...]) -> tuple[str, ...]:
    """The first of many sentences, and how many more there are.

    >>> first_of(("a", "b")), first_of(("a",) * 10)[-1]
    (('a', 'b'), 'and 2 more')
    """
    rest = len(said) - MOST_SAID
    return said if rest <= 0 else (*said[:MOST_SAID], f"and {rest} more")

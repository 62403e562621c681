"""Beginning one at a time: of two runs that must not be at it together, the younger gives way, whichever of them looked first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from daybreak.app.app import App
from daybreak.errors import Refused

_LOOKS_AT_OTHERS, _BETWEEN_LOOKS = 20, 0.5
"""How often a run looks whether a younger one gives way, and the seconds between."""


class AnotherAtIt(Refused):
    """A run that has just begun gives way to another one, which is at the same; the last word of the message is its name."""

    @property
    def run(self) -> str:
        """The other run."""
        return self.message.rpartition(" ")[2]


def hold_to_first(
    app: App,
    own: tuple[datetime, str],
    others: Callable[[], Iterable[tuple[datetime, str]]],
    refusal: Callable[[str], AnotherAtIt],
) -> None:
    """Raise ``refusal`` of the other run where another one is at it; called when this run, ``own``, has begun.

    A run is its beginning and its name. Each makes its first event durable and then looks, so of two at least one sees the other. The
    younger gives way at once. The older waits until it does: who does not give way looked before the older could be seen, and is the
    one that goes on.
    """
    for is_last in (*(False,) * _LOOKS_AT_OTHERS, True):
        found = sorted(others())
        if not found:
            return
        if is_last or found[0] < own:
            raise refusal(found[0][1])
        app.timing.sleep(_BETWEEN_LOOKS)

"""What goes on beside the walk: a hand's work owns it, and its news come on the walk's own thread, wherever the walk rests.

The law: whoever waits for what goes on beside holds nobody up, and is waited for by nobody. Where the work that owns it ends, what
goes on beside ends with it, and nothing more of it is recorded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from daybreak.errors import Bug
from daybreak.execute.beside import News, Staged, Undertaking, Work, WorkResult
from daybreak.execute.doors import Doors
from daybreak.execute.slowly import Slowly
from daybreak.model.plan import Step


@dataclass(eq=False)
class _Part:
    """One piece of work beside, as the hand that began it hears it."""

    step: Step
    undertaking: Undertaking
    take: Callable[[News], None]
    staged: deque[Staged] = field(default_factory=deque)
    """What is about to be committed, and waits until the walk has looked and recorded it."""

    @property
    def is_calling(self) -> bool:
        """Whether the work that owns it has to go on."""
        return bool(self.staged) or self.undertaking.is_over

    def hear(self) -> None:
        """Take what was handed over; what is about to be committed is kept for the work that owns it."""
        for news in self.undertaking.news():
            if isinstance(news, Staged):
                self.staged.append(news)
            else:
                self.take(news)


def stages_nothing(staged: Staged) -> Slowly[None]:
    """For work that commits nothing."""
    yield from ()
    message = f"{staged!r} is about to be committed by work that commits nothing"
    raise Bug(message)


class SideWork:
    """What goes on beside the walk, and how the walk waits: it hears that meanwhile."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._parts: list[_Part] = []

    @property
    def calling(self) -> frozenset[str]:
        """The ids of the steps whose work has to go on now, however long it meant to wait."""
        return frozenset(part.step.id for part in self._parts if part.is_calling)

    def carry(
        self, step: Step, work: Work, take: Callable[[News], None], stage: Callable[[Staged], Slowly[None]]
    ) -> Slowly[WorkResult]:
        """Do the work beside the walk, and wait for what it comes to; raises what the work raised, whatever it was.

        ``take`` records its news at once. ``stage`` is for what is about to be committed: it may look at the world first, and
        raise to prevent it. The intent is in the journal.
        """
        part = _Part(step, self._doors.beside.begin(work), take)
        self._parts.append(part)
        is_over = False
        try:
            while not is_over:
                is_over = part.undertaking.is_over  # asked before its news, so that the last of them is heard
                part.hear()
                while part.staged:
                    yield from stage(part.staged.popleft())
                if not is_over:
                    yield self._doors.patience.between_looks.total_seconds()
            return part.undertaking.result()
        finally:
            self._parts.remove(part)
            if not is_over:
                part.undertaking.call_off()

    def rest(self, seconds: float) -> None:
        """Wait for so long and hear what goes on; returns early where the walk has to go on, or a person asked to stop."""
        until = self._doors.timing.monotonic() + seconds
        if not self._listen(until) and (left := until - self._doors.timing.monotonic()) > 0:
            self._doors.timing.sleep(left)

    def _listen(self, until: float) -> bool:
        """Hear what goes on until then; whether the walk has to go on before that."""
        while self._parts and (left := until - self._doors.timing.monotonic()) > 0:
            if self.calling or self._doors.is_stopping():
                return True
            for part in self._parts:
                part.undertaking.wait(left / len(self._parts))
            for part in self._parts:
                part.hear()
        return False

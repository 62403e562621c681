"""Ask the clone beside the walk: what a validation finds becomes events on the walk's own thread, wherever it sleeps.

It is the walk's clock: whoever sleeps by it hears the validation meanwhile. Called off, it records nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from daybreak.execute.beside import News, Undertaking
from daybreak.execute.doors import Doors, Progress, Scene
from daybreak.execute.record import Record
from daybreak.judge.verdict import scope_of, verdict_of
from daybreak.model.actions import Validate
from daybreak.model.findings import Finding, Measured
from daybreak.model.plan import Step
from daybreak.model.run import FindingMade, StepDone
from daybreak.plan.judgement import Judgement
from daybreak.postgres.leash import Leash


@dataclass(frozen=True)
class _Asked:
    """A validation that is under way."""

    step: Step
    action: Validate
    undertaking: Undertaking
    began: datetime
    found: list[Finding] = field(default_factory=list)


class Asking:
    """The validation that goes on beside the walk, at most one at a time; and the walk's clock, which hears it."""

    def __init__(self, journal: Record, doors: Doors) -> None:
        self._journal = journal
        self._doors = doors
        self._asked: _Asked | None = None
        self.now = doors.timing.now
        self.monotonic = doors.timing.monotonic
        self.jitter = doors.timing.jitter

    @property
    def step(self) -> Step | None:
        """The step that is under way."""
        return self._asked.step if self._asked else None

    @property
    def over(self) -> Step | None:
        """The step whose validation has ended and is to be concluded."""
        return self._asked.step if self._asked and self._asked.undertaking.is_over else None

    def begin(self, step: Step, action: Validate, scene: Scene) -> None:
        """Begin to ask, beside the walk. Its intent is in the journal."""
        database = self._doors.database

        def work(hand_over: Callable[[News], None], leash: Leash) -> Measured:
            return database.validate(action, scene, hand_over, hand_over, leash)

        self._asked = _Asked(step, action, self._doors.beside.begin(work), self.now())

    def conclude(self) -> None:
        """Record the rest of what was found, and that the step is done; raises what the validation raised, whatever it was."""
        self._hear()
        if (asked := self._asked) is not None:
            self._asked = None
            verdict = verdict_of(asked.found, scope_of(asked.action))
            judgement = Judgement(measured=asked.undertaking.result(), verdict=verdict)
            self._journal.append(StepDone(step=asked.step.id, result=judgement.plain()))

    def listen(self, seconds: float) -> bool:
        """Hear the validation for so long, while the walk waits for something else; whether it has to go on before that.

        That is where the validation ended, or a person asked to stop.
        """
        return self._listen(seconds)

    def wait(self, seconds: float) -> None:
        """Wait for the validation, at most so long: nothing else is left to do."""
        self._listen(seconds)

    def _listen(self, seconds: float) -> bool:
        until = self.monotonic() + seconds
        while (asked := self._asked) is not None and (left := until - self.monotonic()) > 0:
            if asked.undertaking.is_over or self._doors.is_stopping():
                return True
            asked.undertaking.wait(left)
            self._hear()
        return False

    def sleep(self, seconds: float) -> None:
        """Wait, and hear the validation meanwhile; returns early when a person asked to stop."""
        until = self.monotonic() + seconds
        self._listen(seconds)
        if (left := until - self.monotonic()) > 0:
            self._doors.timing.sleep(left)

    def call_off(self) -> None:
        """End what is under way: nothing more is asked for it, and nothing of it is recorded."""
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.undertaking.call_off()

    def _hear(self) -> None:
        """Record what was found by now, and report how far it is."""
        if (asked := self._asked) is None:
            return
        for news in asked.undertaking.news():
            if isinstance(news, Finding):
                self._journal.append(FindingMade(step=asked.step.id, finding=news))
                asked.found.append(news)
            else:
                self._doors.progress(Progress(step=asked.step.id, seen=news, since=asked.began))

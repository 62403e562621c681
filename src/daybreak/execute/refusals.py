"""How a step can come to nothing, as far as the interpreter and its hands distinguish it."""

from __future__ import annotations

from daybreak.assess.moves import Pause
from daybreak.aws.faults import AwsFault
from daybreak.errors import Failed, Paused
from daybreak.model.plan import Step
from daybreak.model.replies import Category


class Forbidden(Paused):
    """AWS does not let the caller do it. A person can allow it, and then the run goes on, or without it where it can."""


class Withheld(Paused):
    """AWS does not give what the step needs now: a machine, room in a quota, a key. A person can mend that while the run waits."""


class Delayed(Paused):
    """It takes longer than anybody should wait for it without looking; the other steps may go on."""


class Barred(Paused):
    """A guard does not hold that a person can make hold again, such as an approval that ended."""


class Gone(Failed):
    """What all the rest stands on is gone or must not be used: no person can set the run going again."""


class Rejected(Failed):
    """AWS or the server refused it as such. Nothing took effect, and sending it again would not help."""


class AskedToEnd(Exception):
    """A person asked for the run's end: nothing more is sent, and nothing more is waited for."""


def pause_for(step: Step, fault: AwsFault, pause: Pause, *ways: str) -> Paused:
    """The pause for what AWS refused, by its category."""
    withheld = (Category.CAPACITY, Category.QUOTA, Category.INVALID)
    kinds = {Category.DENIED: Forbidden} | dict.fromkeys(withheld, Withheld)
    kind = kinds.get(fault.trouble.category, Paused)
    return kind(f"step {step.id}: {pause.why}", *pause.hints, *ways)

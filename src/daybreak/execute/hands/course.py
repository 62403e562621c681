"""Course: one process's way through a run, as its hands share it."""

from __future__ import annotations

from dataclasses import dataclass, field

from daybreak.execute.doors import Doors
from daybreak.execute.hands.looking import Looker
from daybreak.execute.record import Record
from daybreak.execute.sidework import SideWork
from daybreak.model.plan import Plan, Step, StepId


@dataclass
class Course:
    """What every hand needs: the plan as it stands, the journal, the doors, and what goes on beside."""

    plan: Plan
    journal: Record
    doors: Doors
    looker: Looker
    aside: SideWork
    about: Step
    """The step that whatever is raised next is about."""
    seen: dict[StepId, str] = field(default_factory=dict)
    """How each step stood last that waits for what people or programs do."""

"""What the simulated account is made of: its clock, its things, and how it says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from daybreak.aws.faults import AwsFault, category_of
from daybreak.model.replies import Trouble


@dataclass
class Clock:
    """Virtual time; a sleep is over at once."""

    start: datetime
    elapsed: float = 0.0
    slept: list[float] = field(default_factory=list)
    woken: Callable[[], None] = lambda: None
    dice: Callable[[], float] = lambda: 0.5

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        self.slept.append(seconds)
        self.woken()

    def jitter(self) -> float:
        return self.dice()


@dataclass
class Resource:
    """One thing in the account; ``body`` is its wire shape but for what follows the clock."""

    body: dict[str, Any]
    tags: dict[str, str]
    listed_at: float = 0.0
    ready_at: float = 0.0
    gone_at: float | None = None
    later: tuple[float, dict[str, Any]] | None = None
    """When a modification is over, and what it then shows."""
    naming: tuple[float, str] | None = None
    """When it gets another name, and which."""
    failed: str | None = None
    """A status in which it is stuck."""
    rebooted_at: float = 0.0
    """When a restart is over."""


@dataclass
class SimulatedPool:
    """A pool whose clients reach a database by the name that it reads."""

    name: str
    """The name that it resolves, which moves by itself."""
    held_since: float | None = None
    deadlines: list[float] = field(default_factory=list)
    """When each keeper that is left lets its clients go."""
    is_silent: bool = False
    """Whether it has died: its clients get nowhere, and its console says nothing."""
    orders: int = 0

    def holds(self, now: float) -> bool:
        """Whether its clients wait."""
        since = self.held_since
        return since is not None and not any(since < each <= now for each in self.deadlines)

    def leads(self, now: float) -> bool:
        """Whether its clients get anywhere."""
        return not self.is_silent and not self.holds(now)


def refusal(code: str, message: str) -> AwsFault:
    """AWS's no."""
    return AwsFault(Trouble(category=category_of(code, 400), code=code, message=message))


def family_of(version: str) -> str:
    """The family of the parameter groups of an engine version."""
    return f"aurora-postgresql{version.partition('.')[0]}"

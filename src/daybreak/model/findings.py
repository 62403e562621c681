"""Finding: what a check saw against what was expected; and the verdict that the findings add up to.

The law: a check that could not run is *unknown*, never *fit*.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from daybreak.model.answers import Silence
from daybreak.model.cost import Cost
from daybreak.model.delta import Delta
from daybreak.model.loss import Loss
from daybreak.model.value import Instant, Span, Value
from daybreak.model.writes import WriteCount


class Standing(StrEnum):
    """The possible results of a check, and of one line of it.

    Three of them are ways of not knowing: *unknown* should have been read and was not, and is never fit. *Left out* was not
    asked by choice (depth, sample, budget). *Beyond reach* can be read by nobody with SQL. A person *waives* what is not fit.
    """

    FIT = "fit"
    UNFIT = "unfit"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    LEFT_OUT = "left out"
    BEYOND = "beyond reach"

    @property
    def is_answer(self) -> bool:
        """Whether something was asked; only such a standing counts in a verdict."""
        return self in (Standing.FIT, Standing.UNFIT, Standing.UNKNOWN)


class Level(StrEnum):
    """The four levels of the runbook's checklist, and parity beside them."""

    DATABASE = "database"
    DATA = "data"
    APPLICATION = "application"
    SECURITY = "security"
    PARITY = "parity"


class Detail(Value):
    """One line under a finding: a table, a field, a role; what was expected of it and what was found."""

    name: str
    standing: Standing
    expected: str = ""
    found: str = ""
    why: str = ""
    """Why it may differ, why it is unknown, or who waived it."""
    database: str = ""
    """The database that it speaks of, safe to print; empty where the check is of one database, or of the cluster."""

    @property
    def full(self) -> str:
        """The name with its database, as a person reads it."""
        return f"{self.database}: {self.name}" if self.database else self.name


class Finding(Value):
    """One answer, with what is needed to check it by hand."""

    check: str
    """Stable name of the check, such as ``database.engine-version``."""
    level: Level
    title: str
    """The box in the runbook's words, or a sentence of the same kind."""
    standing: Standing
    expected: str
    found: str
    asked: str = ""
    """The query or call that gave the answer."""
    took: Span = Span(0)
    why: str = ""
    """Why it is unknown, or who waived it and why."""
    details: tuple[Detail, ...] = ()
    """The details behind the sentence: those that are not fit first; fit ones only where a reader wants the whole list."""
    is_by_lines: bool = False
    """Whether each reason that it is not fit has a line: only then may its lines be waived one by one."""


class Reason(Value):
    """One thing that speaks against a clone, or why there is no verdict."""

    check: str | None = None
    """The name of the check that says so; null where none does, such as that nothing was checked."""
    text: str

    @model_validator(mode="before")
    @classmethod
    def _of_words(cls, held: Any) -> Any:
        """Read what the journals of earlier releases hold: the words alone."""
        return {"text": held} if isinstance(held, str) else held


class Verdict(Value):
    """What the findings add up to: fit only within its scope, and only when nothing in there is unfit or unknown."""

    standing: Standing
    reasons: tuple[Reason, ...] = ()
    scope: str = ""
    """What was asked about, such as ``standard depth``; empty in the journals of earlier releases."""
    not_asked: tuple[Reason, ...] = ()
    """What was left out or waived, each with its check: the verdict does not speak of it."""
    beyond: tuple[Reason, ...] = ()
    """What nobody can read, each with its check."""


class Measured(Value):
    """What a run achieved against what was promised."""

    rto: Span | None = None
    """From the run's start to its verdict."""
    lost: Loss | None = None
    """What does not come back, computed from the moment and the accident; ``None`` where nothing was restored."""
    newest: Instant | None = None
    """The newest row that is not after the moment: evidence of how far the clone reaches, and no loss."""
    newest_in: str = ""
    """The table and column of that row."""
    rows: int | None = None
    """Rows counted in the clone."""
    deltas: dict[str, Delta | Silence] = Field(default_factory=dict)
    """What the source lost against the clone, the source being base, by database; why it was not asked; empty without a source."""
    written: WriteCount | None = Field(default=None, exclude_if=lambda found: found is None)
    """What had been written in the clone before it was asked anything else; ``None`` where that was not counted."""
    costs: tuple[Cost, ...] = ()
    """What reading took of the source, of each server of it that was asked."""

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_releases(cls, held: Any) -> Any:
        """Read what the journals of earlier releases hold: one database, and the newest row's age that they called a loss."""
        if not isinstance(held, dict):
            return held
        plain = {key: value for key, value in held.items() if key not in ("rpo", "delta")}
        return plain | {"deltas": {"": held["delta"]}} if held.get("delta") is not None else plain

"""A defect as data: its name, the check that must find it, and how to plant it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daybreak.model.checks import Check
from daybreak.validate.visit import Subject

Mutation = Callable[[Subject], Subject]
"""A change of what was observed."""


@dataclass(frozen=True)
class Precondition:
    """A question to the server whose answer must be true, and what another answer means."""

    question: str
    why: str


@dataclass(frozen=True)
class Defect:
    """One kind of damage. SQL plants it in a copy of the specimen, or a change of what was observed does."""

    name: str
    check: Check
    sql: tuple[str, ...] = ()
    refused: str = ""
    """A last statement that the server must refuse: the damage is what it leaves behind."""
    undo: tuple[str, ...] = ()
    """Statements that remove what is not part of a database and would outlive the copy."""
    change: Mutation | None = None
    needs: tuple[Precondition, ...] = ()
    asks_sql: bool = True
    """Whether PostgreSQL must be asked; false where it has nothing to do with the damage."""

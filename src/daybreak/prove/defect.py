"""A defect as data: its name, the check that must find it, and how it is planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daybreak.model.checks import Check
from daybreak.validate.visit import Subject

Mutation = Callable[[Subject], Subject]
"""What is changed of what was observed."""


@dataclass(frozen=True)
class Precondition:
    """A question to the server that must be answered with true, and what it means when it is not."""

    question: str
    why: str


@dataclass(frozen=True)
class Defect:
    """One kind of damage; planted by SQL in a copy of the specimen, or by a change of what was observed."""

    name: str
    check: Check
    sql: tuple[str, ...] = ()
    refused: str = ""
    """A last statement that the server must refuse, because the damage is what it leaves behind."""
    undo: tuple[str, ...] = ()
    """Takes back what is not part of a database and so would outlive the copy."""
    change: Mutation | None = None
    needs: tuple[Precondition, ...] = ()
    asks_sql: bool = True
    """False where PostgreSQL has nothing to do with it, and so is not asked."""

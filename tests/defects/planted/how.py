"""How a defect is planted: what is done, by whom it must be found and at which depth, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict, Unpack

from daybreak.app.validating import Case
from daybreak.model.checks import Check
from daybreak.model.thoroughness import Depth
from tests.defects.rules import FOUND, Rule
from tests.defects.ward import Ward

PEOPLE = tuple(
    f"public.{name}"
    for name in (
        "employees",
        "departments",
        "salaries",
        "payments",
        "notes",
        "audit_log",
        "time_entries",
        "time_entries_2025_04",
        "time_entries_2025_05",
        "time_entries_2025_06",
        "time_entries_other",
    )
)
"""The tables that a change of people reaches, by cascades and triggers."""

Deed = Callable[[Ward], None]
"""Something done to a ward."""


def nothing(_ward: Ward) -> None:
    """Nothing is done."""


def as_it_is(case: Case) -> Case:
    """Nothing is changed of what was observed."""
    return case


class Told(TypedDict, total=False):
    """What is told of a defect besides how it is planted; `Planted` says what each means."""

    kind: str
    line: str
    hits: tuple[str, ...]
    alone: str
    needs: str
    gone: Rule
    damaged: Rule


@dataclass(frozen=True)
class Planted:
    """One defect."""

    name: str
    check: Check
    plant: Deed = nothing
    undo: Deed = nothing
    spoils: bool = False
    """Whether the clone's database must be put back afterwards."""
    change: Callable[[Case], Case] = as_it_is
    """A change of what was observed, where AWS changes no living cluster so."""
    depth: Depth = "standard"
    """The least thorough validation that promises to find it."""
    database: str = "embi"
    """The database that is put back, where it spoils one."""
    of: str = ""
    """What it damages: rows, content, objects, attributes, catalogs, access, databases, AWS."""
    kind: str = ""
    """What it hits: a catalog's attribute or row, a page, the rows or values of a table, or what AWS knows."""
    line: str = ""
    """What the line that says it names; empty where it is no line's, and the check's own answer counts."""
    hits: tuple[str, ...] = ()
    """What it touches besides what its line names: no other defect in the same clone may touch it."""
    alone: str = ""
    """Why nothing else is planted in the same clone; empty where others may be."""
    needs: str = ""
    """The library of a contributed module without which it cannot be planted, or nobody could find it."""
    gone: Rule = FOUND
    """What the check must answer where the source is gone."""
    damaged: Rule = FOUND
    """What it must answer where the accident damaged the source."""


def by_sql(
    name: str,
    check: Check,
    *statements: str,
    undo: Deed = nothing,
    depth: Depth = "standard",
    **told: Unpack[Told],
) -> Planted:
    """A defect that statements plant."""
    return Planted(name, check, lambda ward: run(ward, *statements), undo, spoils=True, depth=depth, **told)


def by_damage(name: str, check: Check, deed: Deed, *, depth: Depth = "standard", **told: Unpack[Told]) -> Planted:
    """A defect that only the provider's staff, or a failing disk, can leave."""
    return Planted(name, check, deed, spoils=True, depth=depth, **told)


def run(ward: Ward, *statements: str) -> None:
    """Run statements in the clone."""
    ward.damage.sql(*statements)


def set_at_large(ward: Ward, name: str, value: str) -> None:
    """Give a parameter of the clone a value that its quarantine does not have."""
    ward.parameter(name, value)
    ward.reboot()

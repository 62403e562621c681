"""How a defect is planted: what is done, by whom it must be found and at which depth, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daybreak.app.validating import Case
from daybreak.model.checks import Check
from daybreak.model.requests import Depth
from tests.defects.ward import Ward

Deed = Callable[[Ward], None]
"""Something done to a ward."""


def nothing(_ward: Ward) -> None:
    """Nothing is done."""


def as_it_is(case: Case) -> Case:
    """Nothing is changed of what was observed."""
    return case


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
    """What it damages: rows, content, objects, catalogs, access, AWS."""


def by_sql(name: str, check: Check, *statements: str, undo: Deed = nothing, depth: Depth = "standard") -> Planted:
    """A defect that statements plant."""
    return Planted(name, check, lambda ward: run(ward, *statements), undo, spoils=True, depth=depth)


def by_damage(name: str, check: Check, deed: Deed, *, depth: Depth = "standard") -> Planted:
    """A defect that only the provider's staff, or a failing disk, can leave."""
    return Planted(name, check, deed, spoils=True, depth=depth)


def run(ward: Ward, *statements: str) -> None:
    """Run statements in the clone."""
    ward.damage.sql(*statements)


def set_at_large(ward: Ward, name: str, value: str) -> None:
    """Give a parameter of the clone a value that its quarantine does not have."""
    ward.parameter(name, value)
    ward.reboot()

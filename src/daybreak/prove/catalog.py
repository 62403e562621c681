"""The catalog of all defects, and the defects that each check must find."""

from __future__ import annotations

from daybreak.prove.defect import Defect
from daybreak.prove.in_database import ACCESS, APPLICATION, OBJECTS, ROWS
from daybreak.prove.in_observation import CLUSTER, SURROUNDINGS

CATALOG: tuple[Defect, ...] = (*CLUSTER, *SURROUNDINGS, *ROWS, *OBJECTS, *APPLICATION, *ACCESS)
"""Every defect, cheapest first; those that change the server's roles come last."""


def defects_of(check: str) -> tuple[Defect, ...]:
    """The defects that a check must find."""
    return tuple(defect for defect in CATALOG if defect.check.name == check)

"""The catalog: every defect there is, and for each check those that it must find."""

from __future__ import annotations

from daybreak.prove.defect import Defect
from daybreak.prove.in_database import ACCESS, APPLICATION, OBJECTS, ROWS
from daybreak.prove.in_observation import CLUSTER, SURROUNDINGS

CATALOG: tuple[Defect, ...] = (*CLUSTER, *SURROUNDINGS, *ROWS, *OBJECTS, *APPLICATION, *ACCESS)
"""Every defect, cheapest first; what changes the server's roles comes last."""


def defects_of(check: str) -> tuple[Defect, ...]:
    """The defects that a check must find."""
    return tuple(defect for defect in CATALOG if defect.check.name == check)

"""The defects of the matrix, all together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from tests.defects.planted.access import IN_ACCESS
from tests.defects.planted.attributes import IN_ATTRIBUTES
from tests.defects.planted.aws import IN_AWS
from tests.defects.planted.catalogs import IN_CATALOGS
from tests.defects.planted.contents import IN_CONTENTS
from tests.defects.planted.databases import IN_DATABASES
from tests.defects.planted.how import Planted
from tests.defects.planted.objects import IN_OBJECTS
from tests.defects.planted.rows import IN_ROWS

CATALOG: tuple[Planted, ...] = tuple(
    replace(defect, of=of)
    for of, part in (
        ("rows", IN_ROWS),
        ("content", IN_CONTENTS),
        ("objects", IN_OBJECTS),
        ("attributes", IN_ATTRIBUTES),
        ("catalogs", IN_CATALOGS),
        ("access", IN_ACCESS),
        ("databases", IN_DATABASES),
        ("AWS", IN_AWS),
    )
    for defect in part
)
"""Every defect of the matrix."""

IN_DATA: tuple[Planted, ...] = tuple(defect for defect in CATALOG if defect.of in ("rows", "content"))
"""Those of rows and content."""

AT_MOST = 5
"""So many of a kind count; what is planted beyond them is asked about all the same."""


def _counted() -> tuple[Planted, ...]:
    """The first defects of each kind."""
    of_kind: dict[str, list[Planted]] = defaultdict(list)
    for defect in CATALOG:
        of_kind[defect.kind].append(defect)
    return tuple(defect for defect in CATALOG if defect in of_kind[defect.kind][:AT_MOST])


COUNTED: tuple[Planted, ...] = _counted()
"""Those that the matrix counts as its defects."""

KINDS: frozenset[str] = frozenset(defect.kind for defect in COUNTED)
"""What they hit."""

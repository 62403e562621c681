"""Which instance class takes the place of one that AWS does not offer. Pure.

The law: a substitute has the same purpose and at least the same size, and the plan names it as a difference that is meant.
"""

from __future__ import annotations

import re

from daybreak.model.world import Offers

_NAME = re.compile(r"db\.([a-z]+)(\d+)([a-z]*)\.(\d*)([a-z]+)")
"""A class's purpose (``r``), generation, make (``g``, ``i``), and size: ``2`` and ``xlarge``."""
_SIZES = {"micro": 0.125, "small": 0.25, "medium": 0.5, "large": 1.0, "xlarge": 2.0}
"""The sizes, in those of ``large``."""
_GENERAL = "r"
"""The purpose that Aurora PostgreSQL is mostly run for: it takes the place of one that AWS offers no more."""
MOST = 3
"""The most substitutes that a plan names for an instance."""

SERVERLESS = "db.serverless"


def is_offered(instance_class: str, offers: Offers | None) -> bool:
    """Whether AWS offers a class; a class is taken for offered where AWS does not say."""
    if offers is None or offers.classes is None:
        return True
    return any(each.name == instance_class for each in offers.classes)


def substitutes_for(instance_class: str, offers: Offers | None) -> tuple[str, ...]:
    """The offered classes that can take the place of this one, nearest first; empty where AWS does not say, or there is none.

    >>> from daybreak.model.world import OfferedClass
    >>> there = [OfferedClass(name=f"db.{name}") for name in ("r6g.large", "r7g.large", "r6g.xlarge", "t4g.large", "r6g.medium")]
    >>> substitutes_for("db.r5.large", Offers(classes=tuple(there)))
    ('db.r6g.large', 'db.r7g.large', 'db.r6g.xlarge')
    """
    wanted = _read(instance_class)
    if wanted is None or offers is None or offers.classes is None:
        return ()
    purpose, generation, size = wanted
    found = {each.name: read for each in offers.classes if (read := _read(each.name))}
    fit = [name for name, read in found.items() if read[2] >= size and name != instance_class]
    alike = [name for name in fit if found[name][0] == purpose] or [name for name in fit if found[name][0] == _GENERAL]

    def distance(name: str) -> tuple[float, bool, int, str]:
        _, other, bigger = found[name]
        return bigger, other < generation, abs(other - generation), name

    return tuple(sorted(alike, key=distance)[:MOST])


def is_as_strong(instance_class: str, wanted: str) -> bool:
    """Whether an instance of a class does what one of the wanted class does: of its purpose, or the general one, and its size.

    >>> is_as_strong("db.r7g.large", "db.r6g.large"), is_as_strong("db.t4g.large", "db.r6g.large")
    (True, False)
    """
    if instance_class == wanted:
        return True
    here, there = _read(instance_class), _read(wanted)
    return here is not None and there is not None and here[0] in (there[0], _GENERAL) and here[2] >= there[2]


def _read(name: str) -> tuple[str, int, float] | None:
    match = _NAME.fullmatch(name)
    if match is None or match[5] not in _SIZES:
        return None
    return match[1], int(match[2]), _SIZES[match[5]] * int(match[4] or 1)


def zones_of(instance_class: str, offers: Offers | None) -> tuple[str, ...]:
    """The zones in which AWS offers a class; empty where it does not say."""
    classes = offers.classes if offers else None
    return next((each.zones for each in classes or () if each.name == instance_class), ())

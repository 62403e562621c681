"""What AWS takes for tags, wherever a call gives them.

The law: every operation that keeps tags passes them through here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.errors import invalid_value

MOST = 50
_SPELLED = re.compile(r"[\w\s.:/=+@-]*")
"""The characters that AWS takes in a key and in a value: letters, digits and blanks of any script, and these signs."""


def check_tags(tags: Iterable[Doc]) -> list[Doc]:
    """The tags in the form that is kept: one for each key, the last one wins. Refuses what AWS refuses."""
    kept: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not key or len(key) > 128 or len(value) > 256 or key.lower().startswith(("aws:", "rds:")):
            raise invalid_value(f"Invalid tag: {key}")
        if not (_SPELLED.fullmatch(key) and _SPELLED.fullmatch(value)):
            raise invalid_value(f"Tag keys and values take letters, digits, blanks and _ . : / = + - @: {key}")
        kept[key] = value
    if len(kept) > MOST:
        raise invalid_value(f"Tag list exceeds the maximum of {MOST} tags")
    return [{"Key": key, "Value": value} for key, value in kept.items()]

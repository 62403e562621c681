"""How many rows a plain script has of each table, counted between each ``COPY`` and its end. Pure.

The law: it is the script's own figure. Rows that stand in it as statements are not counted, and their table has no figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from daybreak.archive.copying import table_of_copy
from daybreak.archive.statements import ScriptPart

_INSERT = re.compile(rb"\s*INSERT\s+INTO\b", re.IGNORECASE)
_END = (b"\\.\n", b"\\.\r\n", b"\\.")


def count_script_rows(parts: Iterable[ScriptPart]) -> tuple[dict[tuple[str, str], int], bool]:
    """The rows of each table by schema and name, and whether all rows of the script are among them."""
    found: dict[tuple[str, str], int] = {}
    table: tuple[str, str] | None = None
    is_whole = True
    for part in parts:
        match part.kind:
            case "statement":
                table = table_of_copy(part.code.decode("utf-8", errors="replace"))
                is_whole = is_whole and not _INSERT.match(part.code)
                if table is not None:
                    found.setdefault(table, 0)
            case "rows" if table is not None and part.text not in _END:
                found[table] += part.text.count(b"\n")
            case "rows" if table is None:
                is_whole = False
            case _:
                pass
    return found, is_whole

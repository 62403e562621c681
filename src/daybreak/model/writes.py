"""Writes: how much was written at a cluster so far, so that a later look can say whether anybody has written since."""

from __future__ import annotations

from collections.abc import Mapping

from daybreak.model.names import comma_list, printable
from daybreak.model.value import Value


class WriteCount(Value):
    """How many rows everybody together has inserted, updated and deleted in each database, as its server counts them.

    What was rolled back counts too. Not counted is what a server does by itself (statistics for its planner), what all databases
    share (roles), what sequences gave out, and what the scheduler of jobs keeps of them. A server that counts anew, as after a crash,
    counts less than before.
    """

    rows: dict[str, int]
    """Of tables and large objects, by database."""
    definitions: dict[str, int]
    """Of the catalogs, by database: whoever defines anything writes there."""
    following: int = 0
    """The first transaction id, with its epoch, that the server had not given out when it was counted."""

    def words_since(self, earlier: WriteCount) -> str:
        """What was written since an earlier count, in words; empty where it was nothing, and not where nobody knows.

        >>> before = WriteCount(rows={"embi": 10, "pay": 5}, definitions={"embi": 1, "pay": 1})
        >>> WriteCount(rows={"embi": 12, "pay": 5}, definitions={"embi": 1, "pay": 2}).words_since(before)
        '2 changes of rows in embi, 1 change of definitions in pay'
        >>> WriteCount(rows={"embi": 10}, definitions={"embi": 1}).words_since(before)
        'nobody knows how many changes of rows in pay, nobody knows how many changes of definitions in pay'
        >>> WriteCount(rows={"embi": 3, "pay": 5}, definitions=before.definitions).words_since(before)
        'nobody knows how many changes of rows in embi, which counts anew'
        >>> before.words_since(before)
        ''
        """
        rows = _words("changes of rows", earlier.rows, self.rows)
        return comma_list([*rows, *_words("changes of definitions", earlier.definitions, self.definitions)])


def _words(what: str, before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    found = []
    for name in sorted({*before, *now}):
        was, count = before.get(name), now.get(name)
        if was is None or count is None or count < was:
            anew = "" if was is None or count is None else ", which counts anew"
            found.append(f"nobody knows how many {what} in {printable(name)}{anew}")
        elif count > was:
            words = what if count - was > 1 else what.replace("changes", "change")
            found.append(f"{count - was:,} {words} in {printable(name)}")
    return found

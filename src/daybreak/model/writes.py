"""Writes: how much was written at a cluster so far, so that a later look can say whether anybody has written since."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from daybreak.model.names import comma_list, printable
from daybreak.model.value import Value

UNKNOWN = "nobody knows"
"""What the words about writes begin with where nothing was counted, and nothing is excluded."""


class WriteCount(Value):
    """How many rows everybody together has inserted, updated and deleted in each database, as its server counts them.

    What was rolled back counts too. Not counted is what a server does by itself (statistics for its planner), what all databases
    share (roles, and the settings of roles and databases), what sequences gave out, temporary tables, and what pg_cron keeps of its
    jobs. Nor does a server count what a superuser's session does that has switched its counting off, which no other session sees.
    """

    rows: dict[str, int]
    """Of tables and large objects, by database."""
    definitions: dict[str, int]
    """Of the catalogs and of materialized views, by database: whoever defines anything writes there, and some upkeep does."""
    following: int = 0
    """The first transaction id, with its epoch, that the server had not given out when it was counted."""
    is_quiet: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether no transaction that may write was open then: if no id is given out afterwards, nothing is written."""
    counted_from: dict[str, str] = Field(default_factory=dict, exclude_if=lambda found: not found)
    """When the server started, and when its counters began last, by database: with another mark they cannot be compared."""
    uncounted: dict[str, str] = Field(default_factory=dict, exclude_if=lambda found: not found)
    """Why something may be written that is not counted, by database."""

    def words_since(self, earlier: WriteCount) -> str:
        """What was written since an earlier count, in words; empty where it was nothing, and not where nobody knows.

        >>> before = WriteCount(rows={"embi": 10, "pay": 5}, definitions={"embi": 1, "pay": 1})
        >>> WriteCount(rows={"embi": 12, "pay": 5}, definitions={"embi": 1, "pay": 2}).words_since(before)
        '2 changes of rows in embi, 1 change of definitions in pay'
        >>> WriteCount(rows={"embi": 10}, definitions={"embi": 1}).words_since(before)
        'nobody knows how many changes of rows in pay, nobody knows how many changes of definitions in pay'
        >>> WriteCount(rows={"embi": 3, "pay": 5}, definitions=before.definitions).words_since(before)
        'nobody knows how many changes of rows in embi, which counts anew'
        >>> before.model_copy(update={"counted_from": {"embi": "another start"}}).words_since(before)
        'nobody knows how many changes in embi, whose server started or counts anew'
        >>> before.model_copy(update={"uncounted": {"pay": "track_counts is off"}}).words_since(before)
        'nobody knows how many changes in pay, since track_counts is off'
        >>> before.words_since(before)
        ''
        """
        risen = (
            *_risen("changes of rows", earlier.rows, self.rows),
            *_risen("changes of definitions", earlier.definitions, self.definitions),
        )
        return comma_list([*risen, *self._unknown_since(earlier)])

    def rows_since(self, earlier: WriteCount) -> str:
        """Which rows were surely written since an earlier count, in words: counters that begin anew never show more than before.

        >>> before = WriteCount(rows={"embi": 10, "pay": 5}, definitions={"embi": 1, "pay": 1})
        >>> WriteCount(rows={"embi": 12, "pay": 3}, definitions={"embi": 1, "pay": 2}).rows_since(before)
        '2 changes of rows in embi'
        """
        return comma_list(_risen("changes of rows", earlier.rows, self.rows))

    def _unknown_since(self, earlier: WriteCount) -> list[str]:
        """What nobody can say of the writes since an earlier count."""
        if earlier.is_quiet and 0 < earlier.following == self.following:
            return []  # no id was given out, so there was nothing to count
        found = []
        for name in sorted({*earlier.rows, *self.rows, *earlier.definitions, *self.definitions}):
            why = self.uncounted.get(name) or earlier.uncounted.get(name)
            if why:
                found.append(f"{UNKNOWN} how many changes in {printable(name)}, since {why}")
            elif name in self.rows and name in earlier.rows and _mark(name, self) != _mark(name, earlier):
                found.append(f"{UNKNOWN} how many changes in {printable(name)}, whose server started or counts anew")
            else:
                found += _unknown("changes of rows", name, earlier.rows, self.rows)
                found += _unknown("changes of definitions", name, earlier.definitions, self.definitions)
        return found


def _mark(name: str, count: WriteCount) -> str:
    return count.counted_from.get(name, "")


def _risen(what: str, before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    found = []
    for name in sorted({*before} & {*now}):
        more = now[name] - before[name]
        if more > 0:
            found.append(f"{more:,} {what if more > 1 else what.replace('changes', 'change')} in {printable(name)}")
    return found


def _unknown(what: str, name: str, before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    was, count = before.get(name), now.get(name)
    if was is None or count is None:
        return [f"{UNKNOWN} how many {what} in {printable(name)}"]
    return [f"{UNKNOWN} how many {what} in {printable(name)}, which counts anew"] if count < was else []

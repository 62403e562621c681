"""A delta: the exact rows that one side has and the other lacks, and those that differ. Counts are exact, lists are cut.

The law: what was not compared is named with its reason; an incomplete count says so and is a lower bound.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.answers import Unread
from daybreak.model.value import Instant, Span, Value

RowKind = Literal["only_base", "only_now", "differing"]
"""Only base has the row, only now has it, or both have its key with other content."""

Side = Literal["base", "now"]
"""One of the two that are compared."""


def taker_of(giver: Side) -> Side:
    """The other side."""
    return "base" if giver == "now" else "now"


RowWriter = Literal["base", "now", "both", "unexplained", "unclear"]
"""Who wrote a row since the copy was born.

``unexplained`` is a row that neither wrote since; ``unclear`` one of which no commit time says whether it was written since.
"""

ComparedBy = Literal["rows", "keys", "counts"]
"""By what two tables were compared: whole rows, primary keys alone, or the number of their rows."""


MOST_KEPT = 100
"""The most names of one kind that a report keeps of a delta."""


def _is_empty(found: object) -> bool:
    """Whether a field says nothing: a verdict's deltas, which are no replays, are written without it."""
    return not found


class Written(Value):
    """Rows of one kind, by who wrote them since the copy was born.

    A side that deleted a row leaves no trace of it, so a row that only one side has and did not write is ``unexplained``:
    the other side deleted it, or lost it.
    """

    base: int = 0
    now: int = 0
    both: int = 0
    unexplained: int = 0
    unclear: int = 0


class DifferentRow(Value):
    """One row that differs."""

    kind: RowKind
    key: tuple[str | None, ...]
    """The values of its primary key as text; without a primary key the hash of the whole row."""
    key_literals: tuple[str, ...] = ()
    """The key as SQL literals, quoted by the server, where rows were asked for."""
    times: int = 1
    """How many such rows one side has more than the other; more than 1 only without a primary key."""
    written: RowWriter | None = None
    """``None`` where no birth is known."""
    values: dict[str, str] = Field(default_factory=dict)
    """The giver's values as SQL literals by quoted column, where rows were asked for; of a row that differs, those that do.

    A row without a key that only the taker has is found by its own.
    """
    other_values: dict[str, str] = Field(default_factory=dict, exclude_if=_is_empty)
    """The taker's values of the same columns, where the row differs and a replay was asked for."""
    xids: tuple[int, ...] = Field(default=(), exclude_if=_is_empty)
    """The transactions that wrote the taker's row, as it carries them, where a replay was asked for: one that was written since has others."""


class Reference(Value):
    """A foreign key, as the taker has it."""

    name: str
    """Quoted for SQL, as every name here is."""
    by: str
    """The table that has it."""
    columns: tuple[str, ...]
    table: str
    """The table that it points to."""
    others: tuple[str, ...]
    """The columns that it points to."""
    is_deferrable: bool
    """Whether it may be checked at the end of the transaction."""
    on_delete: Literal["check", "restrict", "act"]
    """``restrict`` is checked at once whatever is deferred; ``act`` takes the rows along that point to a deleted one, or changes them."""


class TableDelta(Value):
    """What differs in one table."""

    name: str
    """As now calls it, safe to print."""
    spelled: str
    """The table's name at the taker, quoted for SQL."""
    base_name: str = ""
    """As base calls it, safe to print, where that is another name."""
    key: tuple[str, ...] = ()
    """The columns of the primary key, quoted for SQL; empty where rows are compared as a multiset."""
    matched: Literal["object id", "name"] = "object id"
    """How the two tables were found to be one; by name alone where the table was made again."""
    by: ComparedBy = "rows"
    """By keys alone a row that was changed is not seen; by counts the numbers are lower bounds."""
    has_identity: bool = False
    """Whether a column's values are always generated, so that an INSERT must overrule that."""
    rows_base: int = 0
    rows_now: int = 0
    only_base: int = 0
    only_now: int = 0
    differing: int = 0
    written: dict[RowKind, Written] = Field(default_factory=dict)
    """Each kind by who wrote the rows; empty where no birth is known."""
    listed: tuple[DifferentRow, ...] = ()
    """Some of the rows, at most as many as were asked for."""
    left_out: dict[str, str] = Field(default_factory=dict)
    """Columns that were not compared, and why."""
    needed: tuple[str, ...] = ()
    """Those of them, as the taker calls them, without which it takes no row, or which are of its primary key."""
    within: tuple[str, ...] = Field(default=(), exclude_if=_is_empty)
    """The partitioned tables that the taker's is a part of, quoted for SQL; asked where rows are."""
    unique: tuple[str, ...] = Field(default=(), exclude_if=_is_empty)
    """The columns, quoted for SQL, of which the taker lets some values in only once, besides the primary key; asked where rows are."""
    why_incomplete: str = ""
    """Why the counts are lower bounds; empty where they are exact."""
    took: Span = Span(0)
    read: int = 0
    """The bytes of both tables on disk that were scanned."""
    received: int = 0
    """About how many bytes of answers both servers sent."""

    @property
    def is_complete(self) -> bool:
        """Whether the counts are exact."""
        return not self.why_incomplete

    @property
    def is_whole(self) -> bool:
        """Whether the counts are exact and no column was left out."""
        return self.is_complete and not self.left_out

    @property
    def different(self) -> int:
        """The rows of all three kinds."""
        return self.only_base + self.only_now + self.differing


class Delta(Value):
    """Base against now, table by table, each table at an instant of its own."""

    giver: Side = Field(default="now", exclude_if=lambda found: found == "now")
    """The side whose values are listed, for the other one, the taker."""
    is_replay: bool = Field(default=False, exclude_if=_is_empty)
    """Whether only what the giver wrote since the copy was born is for the taker, and not whatever the taker lacks."""
    base: str
    """Where base was asked."""
    now: str
    """Where now was asked."""
    began: Instant
    """By base's own clock, before the first table was read."""
    took: Span
    tables: tuple[TableDelta, ...] = ()
    references: tuple[Reference, ...] = Field(default=(), exclude_if=_is_empty)
    """The taker's foreign keys, where rows were asked for."""
    unread: tuple[Unread, ...] = ()
    """Tables that were not compared, and why."""
    only_base: tuple[str, ...] = ()
    """Tables that now lacks."""
    only_now: tuple[str, ...] = ()
    """Tables that base lacks."""
    namesakes: tuple[str, ...] = ()
    """Names in ``only_base`` and ``only_now`` under which the other side has another table."""
    is_by_key: bool = False
    """Whether some tables were compared by key or by count alone, which does not see a row that changed."""
    equal: int = 0
    """Tables in which nothing differs and that are not listed."""
    cut: int = 0
    """Tables left out of the lists, which hold at most ``MOST_KEPT`` names each."""

    @property
    def has_answer(self) -> bool:
        """Whether anything was compared, or there was nothing to compare."""
        return bool(self.tables or self.equal or not self.unread)

    @property
    def by_name(self) -> dict[str, TableDelta]:
        """Each listed table, as now calls it."""
        return {table.name: table for table in self.tables}

    @property
    def different(self) -> tuple[TableDelta, ...]:
        """The tables in which something differs, those first of which base lacks most."""
        found = [table for table in self.tables if table.different]
        return tuple(sorted(found, key=lambda table: (-table.only_now, -table.differing, table.name)))

    @property
    def alike(self) -> int:
        """In how many tables nothing was found that differs, each compared to its end and in all its columns."""
        return self.equal + sum(1 for table in self.tables if not table.different and table.is_whole)

    def condense(self) -> Delta:
        """What a report keeps: tables that differ or are incomplete, without their rows, and at most so many of a kind."""
        incomplete = tuple(table for table in self.tables if not table.different and not table.is_whole)
        kept = (*self.different, *incomplete)
        lists = (kept, self.unread, self.only_base, self.only_now)
        return self.model_copy(
            update={
                "tables": tuple(table.model_copy(update={"listed": ()}) for table in kept[:MOST_KEPT]),
                "unread": self.unread[:MOST_KEPT],
                "only_base": self.only_base[:MOST_KEPT],
                "only_now": self.only_now[:MOST_KEPT],
                "equal": self.alike,
                "cut": sum(max(len(each) - MOST_KEPT, 0) for each in lists),
            }
        )

    @property
    def is_complete(self) -> bool:
        """Whether every table was compared to its end."""
        return not self.unread and all(table.is_complete for table in self.tables)

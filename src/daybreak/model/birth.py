"""Birth: what a clone had spent of the numbers it shares with its source when it first answered.

The law: a physical copy counts on from where its source was at the moment, and so does the source. Below the birth a number
means the same on both sides; from the birth on each gives out its own, and one says nothing about the other.
"""

from __future__ import annotations

from daybreak.model.value import Instant, Value

TURN = 2**32
"""After so many transactions the short number, the one that a row carries, comes again."""

LAGS = "it lags behind the moment, so it shows rows that were gone by then"
"""Why a server whose snapshot ends before the birth is no witness."""

FIRST_NORMAL = 3
"""Rows that ``initdb`` wrote, or that were frozen long ago, carry 1 or 2: always old."""


class Birth(Value):
    """The first transaction and the first object that the clone gave out itself, as far as its server says.

    FACTS 4.16: whether Aurora answers ``pg_control_checkpoint()`` is not known; where it does not, both are a mark, taken
    when the clone first answered.
    """

    next_xid: int
    """The first transaction id of the clone's own, with the epoch."""
    next_oid: int | None = None
    """The first object id of the clone's own; ``None`` where the server does not say."""
    is_exact: bool
    """Whether the server says that it had made no checkpoint at work before, so that it had given out none.

    Otherwise it is a mark, taken later: what lies below may be the clone's own, and only a commit time distinguishes it.
    """
    taken: Instant
    """By the clone's own clock."""
    prepared: tuple[str, ...] = ()
    """Transactions that were prepared and not finished at the moment, by their identifiers."""

    @property
    def short(self) -> int:
        """The first transaction id as rows carry it.

        >>> from datetime import UTC, datetime
        >>> Birth(next_xid=2**32 + 800, is_exact=True, taken=datetime(2024, 1, 15, tzinfo=UTC)).short
        800
        """
        return self.next_xid % TURN

    def whole(self, short: int) -> int | None:
        """The whole id behind an old row's short number; ``None`` where it lies before the first turn or is no normal one.

        An old row's id is below the birth, so the newest one that ends so is the only one that the server may still know.
        An id from the birth on is never the answer: asking a server about one that it has not given out is an error.

        >>> from datetime import UTC, datetime
        >>> birth = Birth(next_xid=2**32 + 800, is_exact=True, taken=datetime(2024, 1, 15, tzinfo=UTC))
        >>> birth.whole(799) - 2**32, birth.whole(900), birth.whole(2)
        (799, 900, None)
        """
        if short < FIRST_NORMAL:
            return None
        whole = self.next_xid - self.short + short
        if whole >= self.next_xid:
            whole -= TURN
        return whole if whole >= FIRST_NORMAL else None


def is_young(short: int, birth: int, following: int) -> bool:
    """Whether a row was written from the birth on, by the short number that it carries.

    ``birth`` and ``following`` are short numbers: the clone's first own transaction, and the first that the reading
    snapshot cannot see. A row that was frozen a whole turn ago may look young; then it does not testify.

    >>> is_young(850, 800, 900), is_young(799, 800, 900), is_young(900, 800, 900)
    (True, False, False)
    >>> is_young(5, 4294967290, 10), is_young(4294967291, 4294967290, 10), is_young(2, 4294967290, 10)
    (True, True, False)

    A snapshot from before the birth, such as that of a reader that lags, sees no young row.

    >>> is_young(700, 800, 790), is_young(795, 800, 790), are_any_young(800, 790)
    (False, False, False)
    """
    if short < FIRST_NORMAL or not are_any_young(birth, following):
        return False
    if birth <= following:
        return birth <= short < following
    return short >= birth or short < following


def are_any_young(birth: int, following: int) -> bool:
    """Whether a snapshot that ends before ``following`` can see a transaction from the birth on; both are short numbers."""
    return 0 < (following - birth) % TURN < TURN // 2


def is_before_birth(birth: int, following: int) -> bool:
    """Whether a snapshot ends before a clone's first own transaction; both are short numbers.

    A server that shows such a snapshot lags behind the moment: it still has rows that were gone by then.

    >>> is_before_birth(800, 790), is_before_birth(800, 800), is_before_birth(4294967290, 10)
    (True, False, False)
    """
    return (following - birth) % TURN >= TURN // 2


class Fate(Value):
    """What became of a transaction by the moment, as the clone's server knows it."""

    xid: int
    """As rows carry it."""
    status: str | None
    """``committed``, ``aborted``, ``in progress``; ``None`` where it is too old to say."""
    is_own: bool | None = False
    """Whether the clone gave the number out itself; ``None`` where no commit time says."""

    @property
    def excuses(self) -> bool:
        """Whether a row of it that the clone lacks was not yet there at the moment."""
        return self.status in ("aborted", "in progress") or self.is_own is True

    @property
    def was_committed(self) -> bool | None:
        """Whether it had committed by the moment; ``None`` where no commit time says whose it is."""
        if self.excuses:
            return False
        return None if self.is_own is None else True

"""Ask about many tables in few statements, each of which takes no more locks than the bounds allow.

The law: where one statement fails, each of its tables is asked about by itself, so that one spoils no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from daybreak.errors import DaybreakError
from daybreak.postgres.bounds import in_shares
from daybreak.postgres.session import Session

T = TypeVar("T")

MOST_AT_ONCE = 400
"""How many locks one statement takes at most, whatever the server's lock table has room for."""


def ask_in_shares(
    session: Session,
    things: Sequence[T],
    locks: Sequence[int],
    read: Callable[[Sequence[T]], None],
    give_up: Callable[[T, DaybreakError], None],
) -> None:
    """Have ``read`` ask about things, so many at once as the bounds on locks allow; where that fails, about each by itself.

    Raises only when the session is lost.
    """
    for share in in_shares(list(locks), min(session.locks_at_once, MOST_AT_ONCE)):
        some = things[share]
        try:
            read(some)
        except DaybreakError:
            if not session.is_open or session.left <= timedelta(0):
                raise
        else:
            continue
        for thing in some:
            try:
                read([thing])
            except DaybreakError as error:
                if not session.is_open or session.left <= timedelta(0):
                    raise
                give_up(thing, error)

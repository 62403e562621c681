"""Give way: end a statement of ours as soon as somebody waits for a lock that it keeps.

The law: a statement that reads a whole table at once, such as an anti-join, may take minutes; a migration that waits for its
table holds up everybody behind it. Where there is no room for a session that looks, parts are short anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Session

_IN_THE_WAY = sql.SQL("""
WITH held AS MATERIALIZED (SELECT k.pid, k.database, k.relation, k.granted FROM pg_catalog.pg_locks k WHERE k.relation IS NOT NULL)
SELECT DISTINCT h.pid FROM held w JOIN held h ON h.relation = w.relation AND h.database = w.database
WHERE NOT w.granted AND h.granted AND h.pid = ANY (%s::int[]) AND w.pid <> ALL (%s::int[])
""")

_ENDING = 0.3
"""Seconds in which the thread that looks ends; where it still connects, it goes on alone and hangs up."""


@contextmanager
def give_way(place: Reach, sessions: Callable[[], Sequence[Session]]) -> Iterator[None]:
    """For the length of the block, cancel the statement of each session for whose lock somebody waits.

    What is cancelled fails as any other question. Does nothing at a clone, for whose tables nobody waits.
    """
    bounds, is_over = place.meter.bounds, threading.Event()
    if not bounds.gives_way:
        yield
        return

    opened: list[Session] = []

    def look() -> None:
        try:
            session = place.connect_further(bounds.limits())
        except DaybreakError:
            return
        if session is None:
            return
        opened.append(session)
        try:
            while not is_over.wait(bounds.look.total_seconds()):
                ours = {each.pid: each for each in sessions() if each.is_open}
                for [pid] in session.ask(_IN_THE_WAY, (list(ours), list(ours))):
                    ours[pid].cancel()
        except DaybreakError:
            return
        finally:
            session.hang_up()

    thread = threading.Thread(target=look, name="daybreak-yielding", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        # It hangs up by itself between two questions; in the middle of one its process would outlive it, and be one too many.
        thread.join(_ENDING)
        # A line that was cut answers nobody: the session that looks would wait for its answer as long as it may live.
        for session in opened:
            session.hang_up()

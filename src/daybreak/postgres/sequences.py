"""Sequences of one database: where they stand, and how one side's are set past the other's.

The law: a number that was given out is never given out again, so a sequence only goes on in its own direction. What a session had
cached is given out for good, and stands in the value that the server keeps. One that was set to a number which it has not given out
yet (``RESTART WITH``) stands right before that number: ``pg_sequences`` shows it like one that nobody ever used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.cutover import SequenceSeen
from daybreak.model.names import comma_list, printable
from daybreak.postgres.bounds import in_shares
from daybreak.postgres.changing import Bearing, change_together
from daybreak.postgres.session import Session
from daybreak.postgres.shares import MOST_AT_ONCE

_READ = sql.SQL("""
SELECT s.schemaname::text, s.sequencename::text, s.last_value, s.increment_by,
       pg_catalog.has_sequence_privilege(c.oid, 'SELECT'),
       pg_catalog.has_sequence_privilege(c.oid, 'UPDATE'), pg_catalog.current_database()::text,
       s.start_value, CASE WHEN s.increment_by > 0 THEN s.max_value ELSE s.min_value END
FROM pg_catalog.pg_sequences AS s JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.sequencename
ORDER BY s.schemaname, s.sequencename
""")

_NEXT = sql.SQL("SELECT {}, last_value FROM {} WHERE NOT is_called")
_SET = sql.SQL("SELECT pg_catalog.setval({}::pg_catalog.regclass, {}, {})")


class SequencePosition(NamedTuple):
    """How far a sequence has come."""

    last: int
    """The last number that it gave out, or the one before that with which it goes on."""
    by: int
    """Its increment."""
    is_fresh: bool
    """Whether it has not given out a number since it was made or set."""

    def is_past(self, other: SequencePosition) -> bool:
        """Whether it has come further than another one of the same direction."""
        return self.last > other.last if self.by > 0 else self.last < other.last


Reached = Mapping[tuple[str, str], SequencePosition]
"""How far each sequence has come, by schema and name."""


def see_sequences(session: Session) -> tuple[SequenceSeen, ...]:
    """Which sequences there are, whether our login may read and set them, and how far each has come."""
    rows = session.ask(_READ)
    stands = _positions(session, rows)
    return tuple(
        SequenceSeen(
            database=database,
            name=f"{schema}.{name}",
            place=(schema, name),
            may_read=may_read,
            may_set=may_set,
            last=stands[schema, name].last if (schema, name) in stands else start - by,
            step=by,
            most=most,
        )
        for schema, name, _, by, may_read, may_set, database, start, most in rows
    )


def read_sequences(session: Session) -> Reached:
    """Where each sequence stands; raises ``Failed`` where one cannot be read."""
    rows = session.ask(_READ)
    hidden = [(schema, name) for schema, name, _, _, may_read, *_ in rows if not may_read]
    if hidden:
        raise Failed(f"the login may not read {_names_of(hidden)}")
    return _positions(session, rows)


def advance_sequences(session: Session, bearing: Bearing, reached: Reached) -> int:
    """Set each sequence past where it stands there, all in one transaction; how many were behind.

    One that only the other side has was made after the moment, and is left behind with its table. Raises ``Failed`` where one may not
    be read or set, or goes the other way there: nobody can say then which numbers were given out.
    """
    rows = session.ask(_READ)
    here, known = _positions(session, rows), {(schema, name): by for schema, name, _, by, *_ in rows}
    common = {key: there for key, there in reached.items() if key in known}
    if turned := [key for key, there in common.items() if (known[key] > 0) != (there.by > 0)]:
        raise Failed(f"{_names_of(turned)} goes up on one side and down on the other")
    if hidden := [key for key in common if key not in here]:
        raise Failed(f"the login may not read {_names_of(hidden)}")
    behind = {key: there for key, there in common.items() if there.is_past(here[key])}
    settable = {(schema, name) for schema, name, _, _, _, may_set, *_ in rows if may_set}
    if fixed := [key for key in behind if key not in settable]:
        raise Failed(f"the login may not set {_names_of(fixed)}")
    orders = [_order_to_set(key, there) for key, there in behind.items()]
    if orders:
        change_together(session, bearing, orders)
    return len(orders)


def _order_to_set(key: tuple[str, str], there: SequencePosition) -> sql.Composed:
    name, following = sql.Identifier(*key).as_string(), there.last + there.by
    return _SET.format(
        sql.Literal(name), sql.Literal(following if there.is_fresh else there.last), sql.Literal(not there.is_fresh)
    )


def _positions(session: Session, rows: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str], SequencePosition]:
    """How far those have come that our login may read; of one that stands before a number only the sequence itself says which."""
    found: dict[tuple[str, str], SequencePosition] = {}
    unused: list[tuple[tuple[str, str], int]] = []
    for schema, name, last, by, may_read, *_ in rows:
        if last is not None:
            found[schema, name] = SequencePosition(last, by, is_fresh=False)
        elif may_read:
            unused.append(((schema, name), by))
    for share in in_shares([1] * len(unused), MOST_AT_ONCE):
        asked = [
            _NEXT.format(sql.Literal(number), sql.Identifier(*key)) for number, (key, _) in enumerate(unused[share])
        ]
        for number, following in session.ask(sql.SQL(" UNION ALL ").join(asked)):
            key, by = unused[share][number]
            found[key] = SequencePosition(following - by, by, is_fresh=True)
    return found


def _names_of(keys: Iterable[tuple[str, str]]) -> str:
    return comma_list([printable(".".join(key)) for key in keys])

"""Sequences of one database: where they stand, and how one side's are set past the other's.

The law: a number that was given out is never given out again, so a sequence only goes on in its own direction. What a session had
cached is given out for good, and stands in the value that the server keeps.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.cutover import SequenceSeen
from daybreak.model.names import comma_list, printable
from daybreak.postgres.changing import Bearing, change_together
from daybreak.postgres.session import Session

_READ = sql.SQL("""
SELECT s.schemaname::text, s.sequencename::text, s.last_value, s.increment_by,
       pg_catalog.has_sequence_privilege(c.oid, 'SELECT') OR pg_catalog.has_sequence_privilege(c.oid, 'USAGE'),
       pg_catalog.has_sequence_privilege(c.oid, 'UPDATE'), pg_catalog.current_database()::text,
       s.start_value, CASE WHEN s.increment_by > 0 THEN s.max_value ELSE s.min_value END
FROM pg_catalog.pg_sequences AS s JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.sequencename
ORDER BY s.schemaname, s.sequencename
""")

_SET = sql.SQL("SELECT pg_catalog.setval({}::pg_catalog.regclass, {}, true)")

Reached = Mapping[tuple[str, str], tuple[int, int]]
"""The last value of each sequence, by schema and name, and its increment; one that never gave a number out is missing."""


def see_sequences(session: Session) -> tuple[SequenceSeen, ...]:
    """Which sequences there are, whether our login may read and set them, and how far each has come."""
    return tuple(
        SequenceSeen(
            database=database,
            name=f"{schema}.{name}",
            place=(schema, name),
            may_read=may_read,
            may_set=may_set,
            last=start - by if last is None else last,
            step=by,
            most=most,
        )
        for schema, name, last, by, may_read, may_set, database, start, most in session.ask(_READ)
    )


def read_sequences(session: Session) -> Reached:
    """Where each sequence stands; raises ``Failed`` where one cannot be read."""
    rows = session.ask(_READ)
    hidden = [f"{schema}.{name}" for schema, name, _, _, may_read, *_ in rows if not may_read]
    if hidden:
        raise Failed(f"the login may not read {comma_list([printable(each) for each in hidden])}")
    return {(schema, name): (last, by) for schema, name, last, by, *_ in rows if last is not None}


def advance_sequences(session: Session, bearing: Bearing, reached: Reached) -> int:
    """Set each sequence past where it stands there, all in one transaction; how many were behind.

    One that only the other side has was made after the moment, and is left behind with its table.
    """
    here = {(schema, name): (last, by, may_set) for schema, name, last, by, _, may_set, *_ in session.ask(_READ)}
    behind = {
        key: last
        for key, (last, by) in reached.items()
        if key in here and ((mine := here[key][0]) is None or (last > mine if by > 0 else last < mine))
    }
    hidden = [".".join(key) for key in behind if not here[key][2]]
    if hidden:
        raise Failed(f"the login may not set {comma_list([printable(each) for each in hidden])}")
    orders = [
        _SET.format(sql.Literal(sql.Identifier(*key).as_string()), sql.Literal(last)) for key, last in behind.items()
    ]
    if orders:
        change_together(session, bearing, orders)
    return len(orders)

"""The newest times of a table, each with the transaction that wrote it: asked of a source that serves its own users.

The law: one question reads one end of an index where one leads with the column, and nothing is counted.
"""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from daybreak.model.answers import Table
from daybreak.postgres.rows import YoungIds
from daybreak.postgres.session import Session

_ROWS = sql.SQL("""
SELECT {clock}::timestamptz, xmin::text::bigint FROM ONLY {table}
WHERE isfinite({clock}) AND {clock}::timestamptz <= {limit} AND {clock}::timestamptz >= '0002-01-01Z' AND {age}
ORDER BY {clock} DESC LIMIT {most}
""")
"""Python's calendar begins in the year 1; what is older than the year 2 is no time of writing."""

_ANY = sql.SQL("true")


def newest_rows(
    session: Session,
    table: Table,
    clock: str,
    limit: datetime,
    *,
    young: YoungIds | None = None,
    is_old: bool = True,
    most: int = 1,
) -> list[tuple[datetime, int]]:
    """The newest times not after ``limit``, newest first, each with the number of the transaction that wrote its row.

    With ``young``, only of rows that are old by their number, or only of those that are not.
    """
    age: sql.Composable = _ANY
    if young is not None:
        age = young.is_old if is_old else sql.SQL("NOT ") + young.is_old
    question = _ROWS.format(
        clock=sql.Identifier(clock),
        table=sql.Identifier(table.namespace, table.name),
        limit=sql.Literal(limit),
        age=age,
        most=sql.Literal(most),
    )
    return [(at, int(xid)) for at, xid in session.ask(question)]

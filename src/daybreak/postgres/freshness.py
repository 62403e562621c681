"""The newest times of a table, each with the transaction that wrote it: asked of a source that serves its own users.

The law: a question reads one end of each index that leads with the column, and nothing is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from daybreak.model.answers import Table
from daybreak.postgres.rows import YoungIds
from daybreak.postgres.session import Session

_ROWS = sql.SQL("""
(SELECT {number}, {clock}::timestamptz, xmin::text::bigint FROM ONLY {table}
WHERE isfinite({clock}) AND {clock}::timestamptz <= {limit} AND {clock}::timestamptz >= '0002-01-01Z' AND {age}
ORDER BY {clock} DESC LIMIT {most})
""")
"""Python's calendar begins in the year 1; what is older than the year 2 is no time of writing."""

_ANY = sql.SQL("true")


@dataclass(frozen=True)
class Newest:
    """Which of a table's rows are asked for: the newest by ``clock`` that are not after ``limit``.

    With ``young``, only rows that are old by their number, or only those that are not.
    """

    table: Table
    clock: str
    limit: datetime
    young: YoungIds | None = None
    is_old: bool = True
    most: int = 1

    def question(self, number: int) -> sql.Composed:
        """The statement, whose rows begin with a number."""
        age: sql.Composable = _ANY
        if self.young is not None:
            age = self.young.is_old if self.is_old else sql.SQL("NOT ") + self.young.is_old
        return _ROWS.format(
            number=sql.Literal(number),
            clock=sql.Identifier(self.clock),
            table=sql.Identifier(self.table.namespace, self.table.name),
            limit=sql.Literal(self.limit),
            age=age,
            most=sql.Literal(self.most),
        )


def newest_rows(session: Session, asked: Sequence[Newest]) -> list[list[tuple[datetime, int]]]:
    """For each table its newest times, newest first, each with the number of the transaction that wrote its row."""
    found: list[list[tuple[datetime, int]]] = [[] for _ in asked]
    if asked:
        questions = [each.question(number) for number, each in enumerate(asked)]
        for number, at, xid in session.ask(sql.SQL(" UNION ALL ").join(questions)):
            found[number].append((at, int(xid)))
    return [sorted(rows, key=lambda row: row[0], reverse=True) for rows in found]

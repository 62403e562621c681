"""A table that files are loaded into, and the load as a test orders it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from daybreak.execute.parquet_rows import ParquetOrder, load_parquet
from daybreak.model.parquet import LoadCounts, ParquetLoaded
from daybreak.parquet.local import open_local
from daybreak.postgres.changing import Bearing
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import Limits, open_session
from tests.fix_postgres import Server

_LIMITS = Limits(statement=timedelta(seconds=60), whole=timedelta(seconds=120))


@dataclass
class Loader:
    """Loads files into tables of one database."""

    server: Server
    database: str
    rejects: Path
    staged: list[tuple[str | None, LoadCounts]] = field(default_factory=list)
    """What was handed over before each commit."""

    def load(self, table: str, files: Sequence[Path], **options: Any) -> ParquetLoaded:
        """Load them as the master."""
        with ExitStack() as stack:
            sources = [stack.enter_context(open_local(path)) for path in files]
            session = stack.enter_context(open_session(self.server.address(self.database), self.server.master, _LIMITS))
            order = ParquetOrder(("public", table), sources, self.rejects, **options)
            bearing = Bearing(None, timedelta(seconds=5))
            return load_parquet(
                session, bearing, order, lambda *news: self.staged.append(news), lambda _: None, leash=Leash()
            )

    def rejected(self) -> list[dict[str, Any]]:
        """The rows of the file of rejects."""
        return [json.loads(line) for line in self.rejects.read_text().splitlines()]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.server.connection(self.database) as connection:
            return connection.execute(query.encode()).fetchall()

    def count(self, table: str) -> int:
        """The rows of a table."""
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])

    def differences(self, table: str, other: str, columns: str = "*") -> int:
        """Rows that one of two tables has and the other lacks, as the server prints them."""
        one, two = (f"SELECT (t.*)::text FROM (SELECT {columns} FROM {each}) t" for each in (table, other))
        query = f"SELECT count(*) FROM (({one} EXCEPT ALL {two}) UNION ALL ({two} EXCEPT ALL {one})) d"
        return int(self.ask(query)[0][0])

"""Builders of what a database said about its rows, and of baselines, for the judges of data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from daybreak.model.answers import Count, Counts, Table, Tables
from daybreak.model.baseline import DatabaseBaseline, TableBaseline
from daybreak.model.inventory import Inventory

MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
SOME_TIME = timedelta(seconds=2)


def tables(*names: str, **changes: Any) -> Tables:
    """Plain tables of these names, numbered from 1."""
    listed = tuple(
        Table(oid=number, namespace="public", name=name, kind="table", size=1000 * number)
        for number, name in enumerate(names, 1)
    )
    return Tables.model_validate({"asked": "q", "took": SOME_TIME, "database": "embi", "tables": listed} | changes)


def counts(rows: dict[str, int], of: Tables, **changes: Any) -> Counts:
    """So many rows in each of the tables."""
    numbers = {table.name: table.oid for table in of.tables}
    prints: dict[str, str] = changes.pop("fingerprints", {})
    kept: dict[str, int | None] = changes.pop("kept", {})
    counted = tuple(
        Count(
            table=numbers[name], name=f"public.{name}", rows=number, fingerprint=prints.get(name), kept=kept.get(name)
        )
        for name, number in rows.items()
    )
    return Counts.model_validate(
        {"asked": "q", "took": SOME_TIME, "counted": counted, "server_version": "15.4", "encoding": "UTF8"} | changes
    )


def baseline(rows: dict[str, int], **changes: Any) -> DatabaseBaseline:
    """What was there an hour before the moment."""
    prints: dict[str, str] = changes.pop("fingerprints", {})
    is_exact: bool = changes.pop("is_exact", True)
    marks: dict[str, int] = changes.pop("marks", {})
    taken: dict[str, datetime] = changes.pop("instants", {})
    listed = tuple(
        TableBaseline(
            name=f"public.{name}",
            rows=number,
            is_exact=is_exact,
            fingerprint=prints.get(name),
            next_xid=marks.get(name),
            taken=taken.get(name),
        )
        for name, number in rows.items()
    )
    defaults: dict[str, Any] = {
        "target": "embi",
        "stands_for": MOMENT - timedelta(hours=1),
        "database": "embi",
        "server_version": "15.4",
        "encoding": "UTF8",
        "tables": listed,
        "inventory": Inventory(asked="q", database="embi"),
    }
    return DatabaseBaseline(**(defaults | changes))

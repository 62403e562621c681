"""Wanted tables of an export of RDS: found by their folders, held against the receiver's schema."""

from __future__ import annotations

from typing import Any

from daybreak.archive.snapshot_export import TableFiles, TableStatus
from daybreak.model.exports_seen import TableOffered
from daybreak.model.parquet import ExpectedTable
from daybreak.observe.exported_tables import ExportedTables

EVENTS = ExpectedTable(schema_name="shop", name="events", parts=("shop.events_1", "shop.events_2"))
PART = ExpectedTable(schema_name="shop", name="events_1", is_partition=True)
HOT = ExpectedTable(schema_name="shop", name="hot", is_unlogged=True)
ORDERS = ExpectedTable(schema_name="shop", name="orders")


def exported(*names: str, **changes: Any) -> ExportedTables:
    """An export with files of the events, a part of them, and the orders; these tables are wanted."""
    folders = ("shop.events", "shop.events_1", "shop.orders")
    fields: dict[str, Any] = {
        "finder": None, "found": None, "database": "embi",
        "everything": tuple(TableFiles("embi", each, ()) for each in folders),
        "tables": tuple((TableOffered(table=("shop", name)), ()) for name in names),
    }  # fmt: skip
    return ExportedTables(**(fields | changes))


def test_what_the_export_lacks_counts_where_it_is_wanted() -> None:
    """An unlogged table is missed where its schema is wanted, and nobody else's lack is blamed on a table."""
    every = (EVENTS, PART, HOT, ORDERS)
    assert exported("orders").lacks(every) == ()
    assert [each.kind for each in exported("orders", schemas=("shop",)).lacks(every) if each.table == "shop.hot"] == [
        "unlogged"
    ]
    torn = (TableStatus("embi.shop.orders", "FAILED"),)
    [lack] = exported("orders", statuses=torn).lacks(every)
    assert (lack.kind, "FAILED" in lack.why) == ("status", True)


def test_a_table_and_its_part_do_not_come_together() -> None:
    """Their rows may be the same ones; each alone is taken."""
    every = (EVENTS, PART, ORDERS)
    [why] = exported("events", "events_1").doubles(every)
    assert "shop.events has files, and so has its part shop.events_1" in why
    assert list(exported("events", "orders").doubles(every)) == []

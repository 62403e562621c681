"""The runbook's box of tables: whether all of them exist; and which tables and columns a name means.

The law: a table that could not be read never counts as right.
"""

from __future__ import annotations

from collections.abc import Mapping

from daybreak.model import checks
from daybreak.model.answers import Silence, Table, Tables
from daybreak.model.baseline import DatabaseBaseline
from daybreak.model.checks import Asked
from daybreak.model.findings import Finding
from daybreak.model.names import comma_list, printable
from daybreak.model.targets import Expectation
from daybreak.model.value import stamp

LIKELY_CLOCKS = (
    "updatedat", "updated", "lastupdated", "lastupdatedat", "updatedon", "updatetime", "modifiedat", "modified",
    "lastmodified", "lastmodifiedat", "modifiedon", "changedat", "lastchanged", "createdat", "created", "createdon",
    "creationtime", "insertedat", "inserted", "eventtime", "eventat", "occurredat", "recordedat", "loggedat", "receivedat",
    "timestamp", "ts",
)  # fmt: skip
"""Names of columns that usually hold when a row was last written, best first, in small letters and without underscores."""


def clock_of(table: Table, configured: str | None) -> str:
    """The column that shows how recent a table is: the configured one, else the likeliest by name; empty when no column is likely."""
    if configured is not None:
        return configured if configured in table.clocks else ""
    plain = {name.replace("_", "").lower(): name for name in table.clocks}
    return next((plain[likely] for likely in LIKELY_CLOCKS if likely in plain), "")


def tables_meant(tables: Tables, name: str) -> tuple[Table, ...]:
    """The tables that a configured name can mean: with its schema exactly one; without, the one in ``public`` before others."""
    exact = tuple(table for table in tables.tables if f"{table.namespace}.{table.name}" == name)
    bare = tuple(table for table in tables.tables if table.name == name)
    return exact or tuple(table for table in bare if table.namespace == "public") or bare


def family(tables: Tables, table: Table) -> tuple[Table, ...]:
    """A table with its partitions and heirs, all the way down: the tables that hold the rows of a query of it."""
    children: dict[int, list[Table]] = {}
    for each in tables.tables:
        if each.parent is not None:
            children.setdefault(each.parent, []).append(each)
    found, waiting = [table], [table.oid]
    while waiting:
        heirs = children.get(waiting.pop(), [])
        found += heirs
        waiting += [each.oid for each in heirs]
    return tuple(found)


def all_tables(
    clone: Tables | Silence,
    source: Tables | Silence | None,
    configured: Mapping[str, Expectation],
    baseline: DatabaseBaseline | Silence | None = None,
    made: Mapping[int, bool] | None = None,
) -> Finding:
    """Every table of the source, and every configured one, is in the clone; without the source the baseline is the witness.

    The source is asked as it is now, so a table may be missing because it came after the moment. ``made`` says of the
    transactions that made the source's tables whether they had committed by the moment, as the clone knows them: the order
    of numbers is not the order of commits, and a table may have been made in a transaction that was open. Where it says
    nothing object ids do: what is numbered lower than something in the clone was there before it. A table that the clone has
    under a name which it did not give itself was renamed in the source.
    """
    check, expected = checks.TABLES, _tables_expected(source, configured)
    if isinstance(clone, Silence):
        return check.silent(expected, clone)
    asked = Asked(clone.asked, clone.took)
    absent = [printable(name) for name in configured if not tables_meant(clone, name)]
    if absent:
        return check.unfit(expected, f"missing: {comma_list(absent)}", asked)
    here = f"{len(clone.tables)} tables in {printable(clone.database)}"
    if not isinstance(source, Tables):
        if isinstance(baseline, DatabaseBaseline) and baseline.database == clone.database:
            return _as_in_the_baseline(clone, baseline, asked)
        why = "the source's tables are not known" if source is None else f"the source could not be asked: {source.why}"
        if configured:
            return check.fit(expected, f"{here}, every configured one among them ({why})", asked)
        return check.unknown(
            expected,
            f"{why}, and no table is configured; a baseline (daybreak baseline TARGET) taken before the moment would have shown it",
            asked,
            found=here,
        )
    there = {_key(table) for table in clone.tables}
    renamed = _names_before(source, clone, made or {})
    missing = [table for table in source.tables if _key(table) not in there and table.oid not in renamed]
    was_made = {table.full: (made or {}).get(table.made or 0) for table in missing}
    known = {table.name for table in baseline.tables} if isinstance(baseline, DatabaseBaseline) else set()
    lost = [table.full for table in missing if _was_there(table, clone, known, was_made=was_made[table.full])]
    others = [table for table in missing if table.full not in lost]
    # A name that the baseline knew may be another table's by now: dropped and made again, before the moment or after it.
    later = [
        table.full
        for table in others
        if (_came_later(table, clone) or was_made[table.full] is False) and table.full not in known
    ]
    unclear = [table.full for table in others if table.full not in later]
    found = (
        here
        + name_words("; not yet there at the moment: ", later)
        + name_words("; renamed in the source since: ", list(renamed.values()))
        + name_words("; gone from the source since: ", _tables_gone(source, clone, renamed))
    )
    if lost:
        return check.unfit(expected, f"missing: {comma_list(lost)}", asked)
    if unclear:
        why = f"in the source but not here: {comma_list(unclear)}; created after the moment, or lost"
        return check.unknown(expected, why, asked, found=found)
    return check.fit(expected, found, asked)


def _as_in_the_baseline(clone: Tables, baseline: DatabaseBaseline, asked: Asked) -> Finding:
    expected = f"the {len(baseline.tables)} tables of the baseline of {stamp(baseline.stands_for)}"
    there = {table.full for table in clone.tables}
    lost = [table.name for table in baseline.tables if table.name not in there]
    here = f"{len(clone.tables)} tables in {printable(clone.database)}"
    if lost:
        return checks.TABLES.unfit(expected, f"missing: {comma_list(lost)}; {here}", asked)
    return checks.TABLES.fit(
        expected, f"{here}, all of the baseline's among them (the source could not be asked)", asked
    )


def _tables_expected(source: Tables | Silence | None, configured: Mapping[str, Expectation]) -> str:
    if isinstance(source, Tables):
        return f"the source's {len(source.tables)} tables" + (
            f", and {len(configured)} configured ones" if configured else ""
        )
    return f"the {len(configured)} configured tables" if configured else "the source's tables"


def _key(table: Table) -> tuple[str, str]:
    return table.namespace, table.name


def _was_there(table: Table, clone: Tables, known: set[str], *, was_made: bool | None) -> bool:
    if was_made is None:
        return table.oid <= clone.newest_oid or table.full in known
    return was_made


def _came_later(table: Table, clone: Tables) -> bool:
    return clone.next_oid is not None and clone.newest_oid < clone.next_oid <= table.oid


def _names_before(source: Tables, clone: Tables, made: Mapping[int, bool]) -> dict[int, str]:
    """The clone's tables that have another name in the source, by object id, where the name here is from before the moment."""
    there = {table.oid: _key(table) for table in source.tables}
    return {
        table.oid: table.full
        for table in clone.tables
        if there.get(table.oid, _key(table)) != _key(table)
        and table.named
        and all(made.get(xid) is True for xid in table.named)
    }


def _tables_gone(source: Tables, clone: Tables, renamed: Mapping[int, str]) -> list[str]:
    there = {_key(table) for table in source.tables}
    return [table.full for table in clone.tables if _key(table) not in there and table.oid not in renamed]


def name_words(lead: str, names: list[str]) -> str:
    """The names after their lead; empty when there are no names."""
    return lead + comma_list(names) if names else ""

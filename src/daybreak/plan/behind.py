"""What a cutover leaves behind, in words: what the source wrote since the moment and the clone lacks, as a verdict saw it. Pure.

The law: what was not compared is named as not known, and never counted as nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from daybreak.model.answers import Silence
from daybreak.model.delta import Delta, TableDelta
from daybreak.model.names import comma_list, printable
from daybreak.model.replay import count_proposals
from daybreak.model.value import stamp

MOST_TABLES = 3
"""The tables with the most rows that are named."""
MOST_UNKNOWN = 5


def words_on_left_behind(deltas: Mapping[str, Delta | Silence]) -> tuple[str, ...]:
    """One sentence on what the source wrote since the moment, by table, and one on what of it is not known; by database.

    The source is base, the clone is now; each is asked as it was when the verdict was made.
    """
    known = {name: each for name, each in deltas.items() if isinstance(each, Delta) and each.has_answer}
    unknown = [each for name, found in deltas.items() for each in _unknown(_prefix(name, deltas), found)]
    if not known:
        why = comma_list(unknown, MOST_UNKNOWN) or "the verdict did not compare the clone with the source"
        return (f"what the source wrote since the moment, and stays behind, is not known: {why}",)
    told = [_words_on_writes(known, deltas)]
    if unknown:
        told.append(f"what else the source wrote since the moment is not known of {comma_list(unknown, MOST_UNKNOWN)}")
    return tuple(told)


def _prefix(database: str, deltas: Mapping[str, Delta | Silence]) -> str:
    """What stands before a table's name where there are several databases."""
    return f"{printable(database)}: " if len(deltas) > 1 else ""


def _words_on_writes(known: Mapping[str, Delta], deltas: Mapping[str, Delta | Silence]) -> str:
    rows = [
        (_rows(table), f"{_prefix(name, deltas)}{table.name}", table)
        for name, delta in known.items()
        for table in delta.tables
    ]
    rows = sorted((each for each in rows if each[0]), key=lambda each: (-each[0], each[1]))
    shown = [f"{_least(table)}{number:,} in {name}" for number, name, table in rows[:MOST_TABLES]]
    if more := len(rows) - len(shown):
        shown.append(f"and {more:,} more {'table' if more == 1 else 'tables'}")
    new = [f"{_prefix(name, deltas)}{each}" for name, delta in known.items() for each in delta.only_base]
    gone = [f"{_prefix(name, deltas)}{each}" for name, delta in known.items() for each in delta.only_now]
    at = stamp(max(delta.began for delta in known.values()))
    total = sum(number for number, _, _ in rows)
    what = [f"{total:,} {'row' if total == 1 else 'rows'} ({', '.join(shown)})"] if rows else []
    what += [f"whole tables that the clone lacks ({comma_list(new, MOST_TABLES)})"] if new else []
    what += [f"the end of tables that the clone still has ({comma_list(gone, MOST_TABLES)})"] if gone else []
    return f"stays behind, as of {at}, what the source wrote since the moment: {'; '.join(what) or 'nothing was found'}"


def _rows(table: TableDelta) -> int:
    """The rows that the source wrote, changed or deleted since."""
    told = count_proposals(table, "base")
    return told["insert"] + told["update"] + told["delete"] + told["conflict"]


def _least(table: TableDelta) -> str:
    return "" if table.is_complete else "at least "


def _unknown(prefix: str, found: Delta | Silence) -> Iterator[str]:
    """What of a database nobody knows, each with its reason."""
    if isinstance(found, Silence):
        yield f"{prefix}every table ({printable(found.why, 400)})"
        return
    yield from (f"{prefix}{each.name} ({printable(each.why, 400)})" for each in found.unread)
    for table in found.tables:
        yield from (f"{prefix}{table.name} ({why})" for why in _doubts(table))
    if found.is_by_key:
        yield f"{prefix}rows that changed, where keys alone were compared"
    if found.cut:
        yield f"{prefix}{found.cut:,} tables that the verdict does not list"


def _doubts(table: TableDelta) -> Iterator[str]:
    if table.why_incomplete:
        yield printable(table.why_incomplete, 400)
    if table.left_out:
        yield f"without {comma_list(sorted(table.left_out), MOST_TABLES)}"
    unclear = sum(each.unclear for each in table.written.values())
    unclear += 0 if table.written or table.by == "counts" else table.different
    if unclear:
        yield f"nobody can say who wrote {unclear:,} rows"

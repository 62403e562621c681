"""What the source lost against the clone, in sentences, for every format of a report.

The law: a sentence claims no more than was compared; what was not compared is named.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from daybreak.model.answers import Silence
from daybreak.model.delta import Delta, TableDelta
from daybreak.model.names import comma_list, printable
from daybreak.report.words import many

MOST_NAMES = 5
MOST_BRIEF = 2


Deltas = Mapping[str, Delta | Silence]
"""What the source lost, or why that was not asked, by database."""


def loss_lines(deltas: Deltas, run: str = "") -> list[str]:
    """One sentence for each table with rows that the source lacks, then what the others are; nothing without a source."""
    if len(deltas) < 2:
        return [line for found in deltas.values() for line in _lines(found, run)]
    return [
        f"{printable(database)}: {line}"
        for database, found in _those_that_tell(deltas).items()
        for line in _lines(found, f"{run} --database {shlex.quote(database)}" if run else "")
    ]


def _lines(found: Delta | Silence, run: str) -> list[str]:
    if isinstance(found, Silence):
        return [f"not compared with the source: {found.why}"]
    return [*_tables(found), *_rest(found, run)]


def loss_in_brief(deltas: Deltas) -> str:
    """The same as one predicate of the source; empty without a source."""
    telling = _those_that_tell(deltas)
    if len(telling) < 2:
        return "".join(_brief(found) for found in telling.values())
    lost = {name: found for name, found in telling.items() if not _is_alike(found)}
    rest = len(telling) - len(lost)
    told = [f"in {printable(name)} {_brief(found)}" for name, found in lost.items()]
    told += [f"in {many(rest, 'database')} lacks nothing that the clone has"] if rest else []
    return "; ".join(told)


def _those_that_tell(deltas: Deltas) -> Deltas:
    """Without the databases that have no table on either side, unless none has one."""
    told = {name: found for name, found in deltas.items() if isinstance(found, Silence) or not _is_empty(found)}
    return told or dict(list(deltas.items())[:1])


def _is_empty(found: Delta) -> bool:
    return not (found.tables or found.equal or found.unread or found.only_base or found.only_now)


def _is_alike(found: Delta | Silence) -> bool:
    return isinstance(found, Delta) and not (found.different or found.only_now or found.unread) and found.is_complete


def _brief(found: Delta | Silence) -> str:
    if not isinstance(found, Delta):
        return f"was not compared: {found.why}"
    told = [_loss_of_rows(found), _change_of_rows(found)]
    if found.only_now:
        told.append(f"{many(len(found.only_now), 'whole table')} ({_names(found.only_now, MOST_BRIEF)})")
    silent = len(found.unread)
    partial = sum(1 for table in found.tables if not table.is_whole and not table.different)
    lacks = ", ".join(filter(None, told)) or f"nothing that the clone has, in {many(found.alike, 'table')}"
    told = [f"lacks {lacks}", f"{many(silent, 'table')} not compared" if silent else ""]
    return "; ".join(filter(None, (*told, f"{many(partial, 'table')} not compared in whole" if partial else "")))


def _loss_of_rows(delta: Delta) -> str:
    lost = [table for table in delta.different if table.only_now]
    if not lost:
        return ""
    least = "" if all(table.is_complete for table in lost) else "at least "
    names = [f"{table.name} {table.only_now:,}" for table in lost]
    rows = many(sum(table.only_now for table in lost), "row")
    return f"{least}{rows} in {many(len(lost), 'table')} ({_names(names, MOST_BRIEF)})"


def _change_of_rows(delta: Delta) -> str:
    changed = [table for table in delta.different if table.differing]
    rows = many(sum(table.differing for table in changed), "row")
    return f"the clone's form of {rows} in {many(len(changed), 'table')}" if changed else ""


def _tables(delta: Delta) -> Iterator[str]:
    for table in delta.different:
        if table.only_now or table.differing:
            yield _sentence(table)


def _sentence(table: TableDelta) -> str:
    least = "" if table.is_complete else "at least "
    told = []
    if table.only_now:
        told.append(f"{least}{many(table.only_now, 'row')} in the clone and not in the source")
    if table.differing:
        told.append(f"{least}{many(table.differing, 'row differs', 'rows differ')}")
    return f"{table.name}: {', '.join(told)}"


def _rest(delta: Delta, run: str) -> Iterator[str]:
    if delta.only_now:
        yield f"{many(len(delta.only_now), 'table')} of the clone not in the source: {_names(mark_namesakes(delta, delta.only_now))}"
    later = [table.name for table in delta.different if not table.only_now and not table.differing]
    if later:
        yield f"{many(len(later), 'table')} with more rows in the source alone: {_names(later)}"
    if delta.only_base:
        yield f"{many(len(delta.only_base), 'table')} of the source not in the clone: {_names(mark_namesakes(delta, delta.only_base))}"
    if delta.alike:
        yield f"{many(delta.alike, 'table')} with nothing that the source lacks{_by_key(delta)}"
    by_count = [table.name for table in delta.tables if table.by == "counts" and not table.different]
    if by_count:
        yield f"not seen row by row, without a primary key: {_names(by_count)}"
    partial = [table for table in delta.tables if table.left_out]
    if partial:
        yield f"compared without some columns: {_whys([(each.name, comma_list(list(each.left_out))) for each in partial])}"
    remade = [table.name for table in delta.tables if table.matched == "name" and table.written]
    if remade:
        yield f"made again since, so compared by name alone: {_names(remade)}"
    broken_off = [table for table in delta.tables if not table.is_complete and table.by != "counts"]
    if broken_off:
        yield f"not compared to the end: {_whys([(each.name, each.why_incomplete) for each in broken_off])}"
    if delta.unread:
        yield f"not compared: {_whys([(each.name, each.why) for each in delta.unread])}"
    if delta.cut:
        yield f"and {many(delta.cut, 'table')} more that this report does not list"
    if run and (delta.different or delta.unread or delta.only_now):
        yield f"row by row: daybreak delta {run}"


def mark_namesakes(delta: Delta, names: tuple[str, ...]) -> list[str]:
    """The names; a table that took another one's name is no other side's of that name."""
    return [f"{name} (there is another one of that name)" if name in delta.namesakes else name for name in names]


def _by_key(delta: Delta) -> str:
    return "; by key alone, so a row that changed is not seen" if delta.is_by_key else ""


def _names(names: list[str] | tuple[str, ...], most: int = MOST_NAMES) -> str:
    return comma_list(list(names), most)


def _whys(pairs: list[tuple[str, str]]) -> str:
    return comma_list([f"{name} ({why})" for name, why in pairs], MOST_NAMES)

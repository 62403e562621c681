"""A delta for a person: what the source lost against the clone, table by table."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.delta import Delta, RowWriter, TableDelta
from daybreak.model.replay import count_proposals
from daybreak.model.value import stamp
from daybreak.report.losses import mark_namesakes
from daybreak.report.replaying import replay_words
from daybreak.report.words import Entry, Fitting, command, many, plain, span_words

MOST_NAMES = 10
"""The most names of one kind on a screen; the JSON has them all."""

HEADS = ("table", "only in the clone", "only in the source", "differ")


def delta_view(delta: Delta, run: str, then: str) -> RenderableType:
    """The whole delta; the source is base and the clone is now. ``then`` is the next command."""
    different = [table for table in delta.tables if table.different]
    compared = len(delta.tables)
    lines: list[RenderableType] = [
        plain(f"the source against the clone of {run}, as of {stamp(delta.began)}", "bold"),
        *([Fitting(_grid(different))] if different else []),
        *(Entry("written", plain(_writers(table)), 13) for table in different if table.written),
        *(Entry("replay", plain(_replay(table, delta)), 13) for table in different if delta.is_replay),
        Entry("equal", plain(f"{delta.alike:,} of {many(compared, 'table')}"), 13),
        *_names("only clone", mark_namesakes(delta, delta.only_now), "tables that the source lacks"),
        *_names("only source", mark_namesakes(delta, delta.only_base), "tables that the clone lacks"),
    ]
    lines += [Entry("not compared", plain(f"{each.name}: {each.why}", "yellow"), 13) for each in delta.unread]
    lines += [remark for table in delta.tables for remark in _remarks(table)]
    lines.append(Entry("took", plain(span_words(delta.took)), 13))
    if any(_is_wanted(table, delta) for table in different):
        lines.append(command("next         ", then))
    return Group(*lines)


def _grid(tables: list[TableDelta]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    grid.add_column(HEADS[0], overflow="fold")
    for head in HEADS[1:]:
        grid.add_column(head, justify="right")
    for table in tables:
        grid.add_row(plain(table.name), *_counts(table))
    return grid


def _counts(table: TableDelta) -> tuple[str, ...]:
    more = "" if table.is_complete else "+"
    return tuple(f"{count:,}{more}" for count in (table.only_now, table.only_base, table.differing))


def _writers(table: TableDelta) -> str:
    """Who wrote the rows since the clone was born."""
    source, clone, both = (_number_by(table, writer) for writer in ("base", "now", "both"))
    told = f"the source wrote {source:,} of them since, the clone {clone:,}" + (f", both {both:,}" if both else "")
    unclear = _number_by(table, "unclear")
    more = f"; {unclear:,} are unclear: the clone has no commit times" if unclear else ""
    return f"{table.name}: {told}; {_number_by(table, 'unexplained'):,} are unexplained{more}"


def _replay(table: TableDelta, delta: Delta) -> str:
    """What is for the taker of it."""
    taker = "source" if delta.giver == "now" else "clone"
    return f"{table.name}: for the {taker} {replay_words(count_proposals(table, delta.giver))}"


def _is_wanted(table: TableDelta, delta: Delta) -> bool:
    """Whether a script for the taker has something of it."""
    if not delta.is_replay:
        return bool(table.only_now or table.differing)
    return any(rows for proposal, rows in count_proposals(table, delta.giver).items() if proposal != "taker's own")


def _number_by(table: TableDelta, writer: RowWriter) -> int:
    return sum(getattr(by, writer) for by in table.written.values())


def _remarks(table: TableDelta) -> list[RenderableType]:
    found = []
    if table.why_incomplete:
        found.append(f"{table.name}: at least so many: {table.why_incomplete}")
    if table.base_name:
        found.append(f"{table.name}: the source calls it {table.base_name}")
    if table.matched == "name":
        found.append(f"{table.name}: the two have only the name in common: it was made again since")
    found += [f"{table.name}: without the column {name}: {why}" for name, why in table.left_out.items()]
    return [Entry("note", plain(each, "yellow"), 13) for each in found]


def _names(title: str, names: list[str], what: str) -> list[RenderableType]:
    if not names:
        return []
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return [Entry(title, Text.assemble(plain(f"{len(names):,} {what}: {shown}")), 13)]

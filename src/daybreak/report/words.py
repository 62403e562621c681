"""Phrases that every renderer shares: lengths of time, and harmless forms of text from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.moment import span_in_words
from daybreak.model.names import printable, visible

__all__ = [
    "Entry",
    "Fitting",
    "between",
    "code",
    "code_block",
    "command",
    "hour",
    "many",
    "markdown",
    "plain",
    "short",
    "span_beside",
    "span_words",
    "visible",
]

_LONGEST = 400
"""The longest word that is shown whole, in characters: any PostgreSQL name with its schema, and any ARN."""
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~])")


def span_words(span: timedelta) -> str:
    """A length of time, in whole minutes once it is longer than two.

    >>> span_words(timedelta(minutes=23, seconds=58)), span_words(timedelta(seconds=90))
    ('24 minutes', '1 minute 30 seconds')
    """
    seconds = span.total_seconds()
    if abs(seconds) < 1 and seconds:
        return f"{seconds * 1000:.0f} ms"
    return span_in_words(timedelta(minutes=round(seconds / 60)) if abs(seconds) >= 120 else span)


def span_beside(span: timedelta, promised: timedelta | None) -> str:
    """A length of time beside what was promised: one that is longer never reads the same.

    >>> span_beside(timedelta(minutes=5, seconds=13), timedelta(minutes=5)), span_beside(timedelta(minutes=5), timedelta(minutes=5))
    ('5 minutes 13 seconds', '5 minutes')
    """
    words = span_words(span)
    if promised is None or span <= promised or words != span_words(promised):
        return words
    closer = span_in_words(span)
    return closer if closer != span_in_words(promised) else f"more than {words}"


def between(low: timedelta, high: timedelta) -> str:
    """Two bounds as one phrase, with the unit once where both share it.

    >>> between(timedelta(minutes=30), timedelta(minutes=45)), between(timedelta(seconds=1), timedelta(minutes=2))
    ('30 to 45 minutes', '1 second to 2 minutes')
    """
    first, second = span_words(low), span_words(high)
    if first == second:
        return first
    number, _, unit = first.partition(" ")
    same = " " not in unit and second.partition(" ")[2].removesuffix("s") == unit.removesuffix("s")
    return f"{number} to {second}" if same else f"{first} to {second}"


def short(low: timedelta, high: timedelta) -> str:
    """Two bounds in one unit, for a column.

    >>> short(timedelta(seconds=1), timedelta(seconds=30)), short(timedelta(minutes=24), timedelta(minutes=108))
    ('1-30 s', '24-108 min')
    """
    size, unit = (1, "s") if high <= timedelta(minutes=2) else (60, "min") if high < timedelta(hours=4) else (3600, "h")
    first, last = (
        f"{round(span.total_seconds() / size, 1 if size > 1 and span < high / 9 else 0):g}" for span in (low, high)
    )
    return f"{first} {unit}" if first == last else f"{first}-{last} {unit}"


def hour(at: datetime, now: datetime) -> str:
    """A time of day in UTC, with its date where that is another day.

    >>> hour(datetime(2024, 1, 15, 22, 10), datetime(2024, 1, 15, 20, 0))
    '22:10Z'
    """
    return f"{at:%H:%MZ}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%MZ}"


def many(number: int, one: str, several: str = "") -> str:
    """A number, and what it counts.

    >>> many(1, "check"), many(1200, "check"), many(2, "check is", "checks are")
    ('1 check', '1,200 checks', '2 checks are')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def plain(text: str, style: str = "") -> Text:
    """Text from outside for a terminal: without markup or control characters, and with every name whole."""
    return Text(" ".join(printable(word, _LONGEST) for word in text.split(" ")), style=style)


def command(label: str, text: str) -> Text:
    """A command to copy, after its label: harmless like all text, and on one line whatever its length.

    It must stand alone: rich cuts what is in a table, a grid or a padding at the width.
    """
    return Text.assemble((label, "dim"), (visible(text), "bold"), no_wrap=True, overflow="ignore")


def lines_of_commands(commands: Iterable[str]) -> Iterator[Text]:
    """Commands to copy, each on as many lines as it has; none of them is cut."""
    for each in commands:
        yield from (command("    ", line) for line in each.split("\n"))


class Entry:
    """A line of a list: a label, and beside it words that wrap below themselves. No word is cut or broken.

    A word that does not fit beside the label moves to the left as far as needed. Only the terminal breaks a word that is
    longer than the whole screen.
    """

    def __init__(self, label: str, body: Text, indent: int = 9, *, style: str = "dim") -> None:
        self._label, self._body, self._indent, self._style = label, body, indent, style

    def __rich_console__(self, _console: Any, options: Any) -> Iterator[Text]:
        for number, line in enumerate(_wrap(self._body, options.max_width - self._indent)):
            room = max(options.max_width - line.cell_len, 0)
            label = f"{self._label:<{self._indent - 1}} " if number == 0 and self._label else ""
            told = Text(label or " " * min(self._indent, room), self._style) + line
            told.no_wrap, told.overflow = True, "ignore"
            yield told


class Fitting:
    """A table if every word in it stays whole; else the same as a list.

    ``otherwise`` is that list where it has its own words; without it each row becomes a paragraph below its first cell.
    """

    def __init__(self, table: Table, otherwise: RenderableType | None = None) -> None:
        self._table, self._otherwise = table, otherwise

    def __rich_console__(self, console: Any, options: Any) -> Iterator[RenderableType]:
        lines = console.render_lines(self._table, options, pad=False)
        shown = {word for line in lines for word in "".join(segment.text for segment in line).split()}
        cells = (_text(cell) for column in self._table.columns for cell in column.cells)
        if {word for cell in cells for word in cell.plain.split()} <= shown:
            yield self._table
        elif self._otherwise is not None:
            yield self._otherwise
        else:
            yield from _paragraphs(self._table)


def _paragraphs(table: Table) -> Iterator[RenderableType]:
    labels = [str(column.header) for column in table.columns]
    wide = max(map(len, labels), default=0) + 4
    for first, *rest in zip(*(column.cells for column in table.columns), strict=True):
        yield Entry("", _text(first), 0)
        for label, cell in zip(labels[1:], rest, strict=True):
            for line in _text(cell).split("\n"):
                if line:
                    yield Entry(f"  {label}", line, wide)


def _text(cell: RenderableType) -> Text:
    return cell if isinstance(cell, Text) else plain(str(cell))


def _wrap(body: Text, width: int) -> Iterator[Text]:
    """The lines of a text, split only at blanks; a word wider than ``width`` gets its own line."""
    ends, taken = [], 0
    for word in re.finditer(r"\S+\s*", body.plain):
        size = Text(word.group().rstrip()).cell_len
        if taken and taken + size > width:
            ends.append(word.start())
            taken = 0
        taken += Text(word.group()).cell_len
    for line in body.divide(ends):
        line.rstrip()
        yield line


def markdown(text: str) -> str:
    r"""Text from outside for Markdown: on one line, without anything that Markdown acts on.

    >>> markdown("a|b\n# c")
    'a\\|b\\\\n\\# c'
    """
    return _MARKDOWN.sub(r"\\\1", " ".join(printable(word) for word in text.split(" ")))


def code(text: str) -> str:
    """Text from outside as a Markdown code span, also inside a table."""
    shown = " ".join(printable(word) for word in text.split(" ")).replace("|", "\\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def code_block(text: str, language: str) -> str:
    """A Markdown code block whose fence is longer than any run of backticks in it.

    >>> code_block("a ``` b", "").splitlines()[0]
    '````'
    """
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def on_request(steps: int) -> str:
    """The steps that are taken only on request, beside a number of steps that does not count them.

    >>> on_request(0), on_request(1)
    ('', ', and 1 only on request')
    """
    return f", and {steps} only on request" if steps else ""

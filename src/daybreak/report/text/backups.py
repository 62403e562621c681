"""What ``daybreak backups`` shows a person: the best backup first, what each gives and lacks, and where was looked."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.ranked_backups import Catalogue, RankedBackup, Tier
from daybreak.report.backups import (
    KINDS,
    gives_words,
    head_words,
    loss_cell,
    place_words,
    region_lines,
    time_cell,
    verdict_words,
    way_words,
)
from daybreak.report.words import Entry, Fitting, command, plain

STYLES = {
    Tier.KEEPS_BOTH: "green",
    Tier.IS_WHOLE: "yellow",
    Tier.IS_UNSURE: "yellow",
    Tier.LACKS: "bold red",
    Tier.CANNOT: "dim",
}
"""The color of each tier; the word is always printed as well."""
_INDENT = 10


def backups_view(catalogue: Catalogue, endpoint: str | None = None) -> RenderableType:
    """The catalogue: a table to compare, then each backup with its reasons, then the regions."""
    return Group(
        plain(head_words(catalogue), "bold"),
        plain(verdict_words(catalogue)),
        *((plain(catalogue.words_on_writer),) if catalogue.writer else ()),
        *((Text(), _table(catalogue)) if catalogue.backups else ()),
        *(part for each in catalogue.backups for part in _entry(each, endpoint)),
        Text(),
        *(Entry(region, plain(words), _wide(catalogue)) for region, words in region_lines(catalogue)),
        *(Entry("  -", plain(words), 4) for words in catalogue.unread),
    )


def _wide(catalogue: Catalogue) -> int:
    return max((len(region) for region, _ in region_lines(catalogue)), default=0) + 2


def _table(catalogue: Catalogue) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for title in ("", "backup", "region", "gives", "loses", "takes", ""):
        table.add_column(title, overflow="fold", no_wrap=title in ("region", "gives"))
    for each in catalogue.backups:
        table.add_row(
            str(each.rank),
            plain(KINDS[each.backup.kind]),
            plain(each.backup.region),
            plain(gives_words(each)),
            plain(loss_cell(each)),
            plain(time_cell(each)),
            Text(each.tier.value, STYLES[each.tier]),
        )
    return Fitting(table)


def _entry(choice: RankedBackup, endpoint: str | None) -> Iterator[RenderableType]:
    yield Text()
    yield Entry(f"{choice.rank}.", plain(choice.backup.name, "bold"), 4)
    yield Entry("    order", plain(place_words(choice)), _INDENT)
    yield Entry("    known", plain(choice.moments.evidence), _INDENT)
    if choice.time:
        yield Entry("    time", plain(choice.time.evidence), _INDENT)
    for piece in choice.pieces:
        yield Entry(
            "    lacks" if piece.standing == "missing" else f"    {_SHORT[piece.standing]}", plain(piece.words), _INDENT
        )
    for line in way_words(choice, endpoint).splitlines():
        yield command("    ", line)


_SHORT = {"unknown": "open", "replaced": "note"}

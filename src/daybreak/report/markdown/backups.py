"""The catalogue of backups as Markdown, for a ticket or a runbook's page."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.ranked_backups import Catalogue, RankedBackup
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
from daybreak.report.words import code, code_block, markdown


def backups_page(catalogue: Catalogue, endpoint: str | None = None) -> str:
    """The whole page."""
    return "\n".join(_lines(catalogue, endpoint)) + "\n"


def _lines(catalogue: Catalogue, endpoint: str | None) -> Iterator[str]:
    yield f"# Backups of {markdown(catalogue.target.name)}"
    yield ""
    yield f"{markdown(head_words(catalogue))}."
    yield f"{markdown(verdict_words(catalogue)).capitalize()}."
    if catalogue.backups:
        yield ""
        yield "| | Backup | Region | Gives | Loses | Takes | |"
        yield "|---:|---|---|---|---|---|---|"
        for each in catalogue.backups:
            cells = (KINDS[each.backup.kind], each.backup.region, gives_words(each), loss_cell(each), time_cell(each))
            yield f"| {each.rank} | {' | '.join(map(markdown, cells))} | {each.tier.value} |"
    for each in catalogue.backups:
        yield from _section(each, endpoint)
    yield ""
    yield "## Where was looked"
    yield ""
    for region, words in region_lines(catalogue):
        yield f"- {markdown(region)}: {markdown(words)}"
    for words in catalogue.unread:
        yield f"- {markdown(words)}"


def _section(choice: RankedBackup, endpoint: str | None) -> Iterator[str]:
    yield ""
    yield f"## {choice.rank}. {code(choice.backup.name)}"
    yield ""
    yield f"- Order: {markdown(place_words(choice))}"
    yield f"- How it is known: {markdown(choice.moments.evidence)}"
    if choice.time:
        yield f"- Time: {markdown(choice.time.evidence)}"
    for piece in choice.pieces:
        yield f"- {piece.standing.capitalize()} ({piece.what}): {markdown(piece.words)}"
    if way := way_words(choice, endpoint):
        yield ""
        yield code_block(way, "bash")

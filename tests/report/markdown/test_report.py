"""The report for a ticket or a wiki: what GitHub makes of it is what it says."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from markdown_it import MarkdownIt
from markdown_it.token import Token

from daybreak.model import checks
from daybreak.report.markdown.report import code, markdown, text
from tests import fix_reports as reports
from tests.fix_golden import Golden

OURS = {"<br>", "<!-- -->", "<span>", "</span>"}
"""The HTML that the renderer writes itself."""


def tokens(document: str) -> list[Token]:
    """What a Markdown reader makes of a document, inline parts too."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(document):
        found += [token, *(token.children or [])]
    return found


def shape(document: str) -> list[str]:
    """The structure of a document: everything but its words, and but what keeps a word harmless."""
    kept = [token for token in tokens(document) if token.type not in {"text", "inline", "text_special"}]
    return [token.type for token in kept if token.type != "html_inline" or token.content == "<br>"]


@pytest.mark.parametrize("name", ["bad", "stopped", "alone"])
def test_the_document(name: str, golden: Golden) -> None:
    """It is pasted into the ticket of the incident, and stays there."""
    report = getattr(reports, name)()
    golden(f"report/report-{name}.md", reports.held(markdown(report), report))


def test_each_row_of_a_table_has_all_its_cells() -> None:
    """A cell too few moves the verdict under another heading."""
    for report in (reports.good(), reports.bad(), reports.stopped(), *map(reports.filled, reports.HOSTILE)):
        found = Counter(token.type for token in tokens(markdown(report)))
        paragraphs = [
            t.content for t in MarkdownIt("commonmark").enable("table").parse(markdown(report)) if t.type == "inline"
        ]
        assert found["table_open"] >= 2
        assert not [line for line in paragraphs if line.startswith("|")]


def test_the_eighteen_boxes_are_in_it_by_name() -> None:
    """A ticket is searched for the runbook's words."""
    told = "\n".join(token.content for token in tokens(markdown(reports.good())))
    assert [check.title for check in checks.RUNBOOK if check.title not in told] == []


@pytest.mark.parametrize("hostile", reports.HOSTILE)
def test_hostile_text_is_text(hostile: str) -> None:
    """A table's name must not call everybody, load a picture, or add a row to the checklist."""
    document = markdown(reports.filled(hostile))
    assert shape(document) == shape(markdown(reports.filled("harmless")))
    assert {token.content for token in tokens(document) if token.type == "html_inline"} <= OURS
    assert not {token.type for token in tokens(document)} & {"image", "link_open", "html_block", "fence", "hr"}
    assert all(character == "\n" or character.isprintable() for character in document)


@given(hostile=some.text(min_size=1, max_size=40))
@settings(max_examples=60)
def test_no_text_at_all_becomes_structure(hostile: str) -> None:
    """The list of hostile texts ends; what people type does not."""
    assert shape(f"- {text('x' + hostile)}\n\n| a |\n|---|\n| {text('x' + hostile)} |\n") == shape(
        "- x\n\n| a |\n|---|\n| x |\n"
    )
    assert shape(f"{code('x' + hostile)} |") == shape("`x` |")


@pytest.mark.parametrize(
    "hostile", ["@everyone", "someone@example.com", "http://example.com", "WWW.example.com", "$x$"]
)
def test_nobody_is_called_and_nothing_becomes_a_link(hostile: str) -> None:
    """GitHub reads more than Markdown does: names, addresses, formulas."""
    assert hostile not in text(hostile)
    assert text(hostile).replace("<!-- -->", "").replace("<span>$</span>", "$") == hostile

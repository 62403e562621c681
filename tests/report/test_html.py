"""The page: whole, without a script, and with nothing in it that its template did not make."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from daybreak.model import checks
from daybreak.model.checks import CHECKS
from daybreak.model.findings import Reason
from daybreak.model.report import Report
from daybreak.report.html import html
from tests import fix_reports as reports
from tests.fix_golden import Golden

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Every element of a page with its attributes, and its text; HTML that does not nest is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[tuple[str, str]] = []
        self.text = ""
        self.comments: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.values += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@pytest.mark.parametrize("name", ["bad", "stopped", "alone"])
def test_the_page(name: str, golden: Golden) -> None:
    """It goes to an auditor: each change of it is read before it is sent."""
    report = getattr(reports, name)()
    # The style sheet is a file of its own, reviewed as such; screenshots show what it does.
    text = re.sub(r"<style>.*?</style>|(?<=sha256-)[^']+", "", reports.held(html(report), report), flags=re.DOTALL)
    golden(f"report/report-{name}.html", text)


def test_the_page_nests_and_has_its_landmarks() -> None:
    """A screen reader walks by landmarks and headings; a browser mends what does not nest, each in its own way."""
    page = Page(html(reports.bad()))
    names = Counter(tag for tag, _ in page.elements)
    assert (names["main"], names["header"], names["nav"], names["footer"], names["h1"]) == (1, 1, 1, 1, 1)
    assert ("lang", "en") in page.values


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    """Evidence that asks a server for a font tells that server who reads it, and looks different in ten years."""
    for report in (reports.good(), reports.bad(), reports.stopped()):
        page = Page(html(report))
        assert {tag for tag, _ in page.elements} & {
            "script",
            "img",
            "link",
            "iframe",
            "object",
            "embed",
            "base",
        } == set()
        names = {name for _, attributes in page.elements for name in attributes}
        assert {name for name in names if name.startswith("on")} | (
            names & {"style", "src", "srcset", "action"}
        ) == set()
        assert all(value.startswith("#") for name, value in page.values if name == "href")
        assert page.comments == []


def test_the_style_sheet_is_the_one_that_the_policy_names() -> None:
    """The policy forbids everything else, so a digest that is wrong shows a page without any style."""
    text = html(reports.good())
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [value for _, value in Page(text).values if "default-src" in value]
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]
    assert not re.search(r"url\(|@import|expression", style)


def test_the_eighteen_boxes_are_on_the_page_by_name() -> None:
    """How else would somebody tick the runbook."""
    for report in (reports.good(), reports.stopped()):
        text = Page(html(report)).text
        assert [check.title for check in checks.RUNBOOK if check.title not in text] == []


def test_what_is_not_fit_is_opened() -> None:
    """Nobody should have to look for what is wrong."""
    page = Page(html(reports.bad()))
    opened = [attributes for tag, attributes in page.elements if tag == "details" and "open" in attributes]
    assert len(opened) == 1
    assert not [
        1 for tag, attributes in Page(html(reports.good())).elements if tag == "details" and "open" in attributes
    ]


def test_what_is_not_fit_stands_before_what_is_and_what_is_fit_is_folded() -> None:
    """Three rows decide, and forty-eight do not."""
    text = html(reports.bad())
    rows = re.findall(r'<li class="check is-(\w+)" id="check-\d+">', text)
    assert rows[:3] == ["unfit", "unfit", "unknown"]
    assert set(rows[3:]) == {"fit", "waived"}
    assert len(rows) == len(reports.bad().checks)
    folded = "".join(re.findall(r'<details class="fold">.*?</ul>\s*</details>', text, re.DOTALL))
    assert folded.count('class="check is-fit"') == text.count('class="check is-fit"') == len(CHECKS) - 3
    assert folded.count('class="check is-') == len(CHECKS) - 3


def test_each_reason_at_the_head_links_to_its_row() -> None:
    """A reason that no row tells is text; each other one leads to the row of its check."""
    made = reports.bad().model_copy(update={"reasons": (*reports.bad().reasons, Reason(text="nothing was checked"))})
    links = re.findall(r'<li><a href="#(check-\d+)">([^<]+)</a></li>', html(made))
    assert len(links) == len(reports.bad().reasons)
    for (anchor, told), reason in zip(links, made.reasons, strict=False):
        assert made.checks[int(anchor.removeprefix("check-")) - 1].check == reason.check
        assert unescape(told) == reason.text
    assert "<li>nothing was checked</li>" in html(made)


def test_the_page_tells_where_the_clone_answers_also_of_an_unfit_one() -> None:
    """Somebody wants to look into it before it is thrown away."""
    text = Page(html(reports.bad())).text
    assert f"{reports.ENDPOINT}:5432" in text
    assert reports.WAY_IN in text


def test_each_time_on_the_page_is_short_and_has_its_zone() -> None:
    """14:30 is two moments; the microseconds are in the JSON."""
    shown = re.findall(r"<time datetime=[^>]+>([^<]+)</time>", html(reports.good()))
    assert len(shown) > 10
    assert [each for each in shown if not re.fullmatch(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\dZ", each)] == []


def test_an_empty_table_of_differences_says_why_it_is_empty() -> None:
    """No difference, and nobody looked, are two findings."""
    assert "Nothing was compared." in html(reports.stopped())
    same = checks.CLUSTER_PARITY.fit("31 fields", "the same")
    assert "No field differs." in html(reports.alone((same,)))
    other = checks.CLUSTER_PARITY.unfit("31 fields", "port: 5432 became 5433")
    assert "The checks of parity above show" in html(reports.alone((same, other)))


def test_very_many_reasons_are_all_there_and_do_not_bury_the_rest() -> None:
    """One login that is missing is the reason for fifty unknown checks."""
    reasons = tuple(Reason(text=f"reason {number} of many") for number in range(50))
    page = Page(html(reports.bad().model_copy(update={"reasons": reasons})))
    assert [reason for reason in reasons if reason.text not in page.text] == []
    assert "and 42 more" in page.text


def test_a_standing_is_a_word_and_a_shape_too() -> None:
    """One man in twelve does not see the difference between the colors."""
    text = html(reports.bad())
    for word, shape in (("unfit", "#g-unfit"), ("unknown", "#g-unknown"), ("waived", "#g-waived"), ("fit", "#g-fit")):
        assert f'href="{shape}"' in text
        assert f">{word}</div>" in text


@pytest.mark.parametrize("text", reports.HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    """Whoever may name a table must not be able to write the auditor's page."""
    told = Page(html(reports.filled(text)))
    plain = Page(html(reports.filled("harmless")))
    assert told.elements == plain.elements
    assert [name for name, _ in told.values] == [name for name, _ in plain.values]
    assert told.comments == []


@given(text=some.text(min_size=1, max_size=60))
@settings(max_examples=60)
def test_no_text_at_all_makes_an_element_or_an_attribute(text: str) -> None:
    """The list of hostile texts ends; what people type does not."""
    told = Page(html(reports.filled("x" + text)))
    assert told.elements == _HARMLESS.elements
    assert told.text.isprintable() or all(c == "\n" or c.isprintable() for c in told.text)


def test_the_same_report_is_the_same_page() -> None:
    """Two copies of one evidence are compared by their digests."""
    one: Report = reports.bad()
    assert html(one) == html(one.model_copy(deep=True))


_HARMLESS = Page(html(reports.filled("x")))

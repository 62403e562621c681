"""The page in a real browser: it asks for nothing, complains of nothing, and everybody can read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from daybreak.model.checks import CHECKS
from daybreak.model.findings import Standing
from daybreak.report.html import html
from tests import fix_reports as reports
from tests.fix_browser import Look, Visitor, pages_of, print_page

pytestmark = pytest.mark.browser

PHONE, DESK = 360, 1200


@pytest.mark.sample(each=("name", "look"))
@pytest.mark.parametrize("look", ["light", "dark", "print"])
@pytest.mark.parametrize("name", ["good", "bad", "stopped", "alone"])
def test_no_request_leaves_the_file_and_nothing_is_complained_of(name: str, look: Look, visitor: Visitor) -> None:
    """A report that is opened in the auditor's office must not tell anybody, nor break without a network."""
    page = visitor.open(html(getattr(reports, name)()), look=look)
    assert visitor.strangers == []
    assert visitor.said == []
    assert page.locator("h1").inner_text() in {"embi", "embi-staging"}


@pytest.mark.sample(
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
)
@pytest.mark.parametrize("text", reports.HOSTILE)
def test_hostile_text_does_nothing(text: str, visitor: Visitor) -> None:
    """The list of what a browser runs is the browser's own, so it is asked."""
    page = visitor.open(html(reports.filled(text)))
    page.evaluate("document.querySelectorAll('details:not([open]) > summary').forEach(each => each.click())")
    assert page.locator("details:not([open])").count() == 0
    assert visitor.strangers == []
    assert visitor.said == []
    assert page.evaluate("document.scripts.length") == 0


def test_the_policy_is_in_force(visitor: Visitor) -> None:
    """If a template ever forgot to escape, the browser itself must refuse what got in."""
    harm = "<script>document.title = 'owned'</script><img src='http://127.0.0.1:1/x.png'><b style='color: red'>x</b>"
    page = visitor.open(html(reports.good()).replace("<main>", f"<main>{harm}"))
    assert page.title() != "owned"
    assert len([told for told in visitor.said if "Content Security Policy" in told]) == 3
    assert page.evaluate("getComputedStyle(document.querySelector('main > b')).color") != "rgb(255, 0, 0)"


def test_the_style_is_in_force(visitor: Visitor) -> None:
    """A digest that does not fit its sheet leaves a page of bare text, which no test of the text would see."""
    page = visitor.open(html(reports.good()))
    assert page.evaluate("getComputedStyle(document.querySelector('.verdict')).display") == "flex"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(250, 249, 246)"


@pytest.mark.sample(each=("name", "look"))
@pytest.mark.parametrize("look", ["light", "dark", "print"])
@pytest.mark.parametrize("name", ["bad", "stopped"])
def test_axe_finds_nothing(name: str, look: Look, visitor: Visitor) -> None:
    """Contrast, landmarks, headings, names: whoever reads with a screen reader or in bright sun reads the same report.

    Between them the two reports have each part and each standing.
    """
    page = visitor.open(html(getattr(reports, name)()), look=look, is_policed=False)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    found = Axe().run(page).response["violations"]
    told = [f"{each['impact']}: {each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"][:3]]
    assert told == []


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_long_report_stays_within_its_window(width: int, visitor: Visitor) -> None:
    """At three in the morning it is read on a telephone; what sticks out to the right is not read."""
    page = visitor.open(html(reports.long()), width=width)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    widest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('main *')].map(e => e.getBoundingClientRect().right))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert widest <= width


def test_it_can_be_read_with_the_keyboard_alone(visitor: Visitor) -> None:
    """The first stop leads past everything to the checklist, and each stop is seen."""
    page = visitor.open(html(reports.bad()))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the checklist"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True


def test_on_paper_nothing_that_speaks_against_the_clone_is_folded_away(visitor: Visitor) -> None:
    """Paper cannot be clicked: the question behind each answer that is not fit is printed too, and each check has its line."""
    page = visitor.open(html(reports.bad()), look="print")
    assert page.locator("pre.asked").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.locator("footer").is_visible()
    titles = page.locator(".check-title")
    assert titles.count() == len(reports.bad().checks)
    assert all(title.is_visible() for title in titles.all())


def test_on_paper_small_print_is_smaller_than_what_it_stands_beside(visitor: Visitor) -> None:
    """What is told in passing must not catch the eye before the fact itself; and nobody reads less than six points."""
    page = visitor.open(html(reports.bad()), look="print", width=700)
    sizes = page.evaluate("[...document.querySelectorAll('.quiet')].map(e => parseFloat(getComputedStyle(e).fontSize))")
    beside = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.fact dd')).fontSize)")
    points = 96 / 72
    assert 6 * points <= min(sizes)
    assert max(sizes) < beside <= 9 * points


def test_a_fit_check_is_one_line_on_paper(visitor: Visitor) -> None:
    """Fifty queries that found nothing are paper for nobody; the screen and the JSON have them."""
    page = visitor.open(html(reports.wordy()), look="print", width=700)
    heights = page.evaluate(
        "[...document.querySelectorAll('.check.is-fit')].map(e => e.getBoundingClientRect().height)"
    )
    assert len(heights) == len(CHECKS)
    assert max(heights) < 28, "two lines are 35 high"


@pytest.mark.parametrize("name", ["good", "wordy", "bad", "stopped"])
def test_a_report_is_printed_on_four_pages_at_most(name: str, visitor: Visitor) -> None:
    """An auditor's binder takes three or four pages; twenty-five were put away unread."""
    page = visitor.open(html(getattr(reports, name)()))
    assert 1 <= pages_of(page.pdf(prefer_css_page_size=True)) <= reports.MOST_PAGES


@pytest.mark.usefixtures("browser")
def test_the_browser_by_itself_prints_a_fit_run_on_four_pages_at_most(tmp_path: Path) -> None:
    """The guide's own command, by the program that a person has; nobody who prints chooses a page's size for it."""
    report, page, pdf = reports.wordy(), tmp_path / "restore.html", tmp_path / "restore.pdf"
    assert (report.standing, report.figures.checks["fit"]) == (Standing.FIT, len(CHECKS))
    page.write_text(html(report), encoding="utf-8")
    print_page(page, pdf)
    assert 1 <= pages_of(pdf.read_bytes()) <= reports.MOST_PAGES


def test_a_reason_leads_to_its_row(visitor: Visitor) -> None:
    """The head says what is wrong; the row says what was expected, found and asked."""
    page = visitor.open(html(reports.bad()))
    page.get_by_role("link", name="Row counts match expected values").click()
    target = page.locator(":target")
    assert target.locator(".check-title").inner_text().endswith("Row counts match expected values")
    assert target.is_visible()

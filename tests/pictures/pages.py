"""The pictures of the report's page: what each shows, how it is drawn, and of which page it is.

Each picture carries a digest of the page that it was drawn from. Pixels depend on a machine's fonts, the digest does not: so
any machine, also one without a browser, finds out that a picture is older than the page.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from daybreak.model.report import Report
from daybreak.report.html import html
from tests import fix_reports as reports
from tests.fix_browser import Look, pages_of, print_page
from tests.pictures.png import labelled

PHONE, DESK = 390, 1280
"""Widths in pixels: those of a common telephone and of a common laptop."""

_MARGIN = 24
_A4 = (794, 1123)
"""A sheet of paper at 96 pixels an inch."""


@dataclass(frozen=True)
class Screen:
    """A part of the page as a window of that width shows it; the parts are CSS selectors."""

    report: Callable[[], Report]
    look: Look
    width: int
    last: str
    """The part that the picture ends with."""
    first: str = "body"
    """The part that it begins with."""


@dataclass(frozen=True)
class Paper:
    """What Chromium prints: the first page, or every page side by side."""

    report: Callable[[], Report]
    is_whole: bool


Picture = Screen | Paper

PICTURES: dict[str, Picture] = {
    "report-light": Screen(reports.good, "light", DESK, "#facts"),
    "report-dark": Screen(reports.bad, "dark", DESK, ".promises"),
    "report-phone": Screen(reports.good, "light", PHONE, ".promises"),
    "report-phone-dark": Screen(reports.bad, "dark", PHONE, ".verdict"),
    "report-checklist": Screen(reports.bad, "light", DESK, "#checklist", first="#checklist"),
    "report-timeline": Screen(reports.good, "light", DESK, "#timeline", first="#timeline"),
    "report-print": Paper(reports.good, is_whole=False),
    "report-print-all": Paper(reports.good, is_whole=True),
}
"""Each picture by the name of its file."""


def page_of(picture: Picture) -> str:
    """The page that a picture is of."""
    return html(picture.report())


def digest_of(picture: Picture) -> str:
    """What the picture is drawn from: the page with its style sheet, and how much of it is shown in which way."""
    page = reports.held(page_of(picture), picture.report())
    match picture:
        case Screen(look=look, width=width, first=first, last=last):
            shown = f"{look} {width} {first} {last}"
        case Paper(is_whole=is_whole):
            shown = f"print {is_whole}"
    return hashlib.sha256(f"{shown}\n{page}".encode()).hexdigest()


def draw(name: str, folder: Path, browser: Browser) -> Path:
    """Draw that picture into the folder, and return its file."""
    picture = PICTURES[name]
    page = folder / "page.html"
    page.write_text(page_of(picture), encoding="utf-8")
    drawn = _screen(picture, page, browser) if isinstance(picture, Screen) else _paper(picture, page, browser)
    file = folder / f"{name}.png"
    file.write_bytes(labelled(drawn, digest_of(picture)))
    page.unlink()
    return file


def _screen(picture: Screen, file: Path, browser: Browser) -> bytes:
    page = browser.new_page(
        viewport={"width": picture.width, "height": 900},
        color_scheme="dark" if picture.look == "dark" else "light",
        reduced_motion="reduce",
    )
    page.goto(file.as_uri())
    top = page.locator(picture.first).first.evaluate("part => part.getBoundingClientRect().top")
    end = page.locator(picture.last).first.evaluate("part => part.getBoundingClientRect().bottom")
    top, end = max(0, round(top) - _MARGIN), round(end) + _MARGIN
    shown = page.screenshot(full_page=True, clip={"x": 0, "y": top, "width": picture.width, "height": end - top})
    page.close()
    return shown


def _paper(picture: Paper, file: Path, browser: Browser) -> bytes:
    pdf = file.with_suffix(".pdf")
    print_page(file, pdf, "--no-pdf-header-footer")  # its header names the time of day, its footer a folder
    count = pages_of(pdf.read_bytes()) if picture.is_whole else 1
    sheets = [_sheet(pdf, number, browser) for number in range(1, count + 1)]
    pdf.unlink()
    return _side_by_side(sheets, browser) if picture.is_whole else sheets[0]


def _sheet(pdf: Path, number: int, browser: Browser) -> bytes:
    """One page of a PDF, as the browser's own viewer shows it."""
    width, height = _A4
    page = browser.new_page(viewport={"width": width + 10, "height": height + 10})
    page.goto(f"{pdf.as_uri()}#page={number}&view=Fit&toolbar=0&navpanes=0")
    # The viewer does not report when it is done: it is when there is more than its empty desk, and nothing changes any more.
    seen, deadline = b"", time.monotonic() + 30
    while True:
        before = seen
        # Around the sheet is the viewer's dark desk.
        seen = page.screenshot(clip={"x": 6, "y": 4, "width": width - 2, "height": height - 2})
        if seen == before and len(seen) > 8_000:
            break
        if time.monotonic() > deadline:
            raise TimeoutError(f"this Chromium shows no page {number} of the PDF that it printed")
        page.wait_for_timeout(300)
    page.close()
    return seen


def _side_by_side(sheets: list[bytes], browser: Browser) -> bytes:
    """The pages in one row, on grey."""
    shown = "".join(f'<img src="data:image/png;base64,{base64.b64encode(sheet).decode()}">' for sheet in sheets)
    style = "body { margin: 0; padding: 16px; background: #dcd9d2; display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 16px } img { width: 100% }"
    page = browser.new_page(viewport={"width": 1000, "height": 100})
    page.set_content(f"<style>{style}</style>{shown}")
    drawn = page.screenshot(full_page=True)
    page.close()
    return drawn

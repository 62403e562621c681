"""A headless Chromium of this machine, by Playwright, which downloads nothing; and a page that records what it asks for."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
"""No sandbox, because containers and root have none; nothing of the browser's own may reach for the network."""

Look = Literal["light", "dark", "print"]


def chromium() -> str | None:
    """The Chromium or Chrome of this machine; `None` where it has neither."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


def print_page(page: Path, pdf: Path, *more: str) -> None:
    """Print a page as everybody can: ``chromium --headless --print-to-pdf``.

    `FileNotFoundError` where there is no Chromium, `subprocess.SubprocessError` where it fails or hangs.
    """
    found = chromium()
    if found is None:
        raise FileNotFoundError("no Chromium")
    # A folder of its own, because a Chromium that somebody has open would take the command over.
    with tempfile.TemporaryDirectory(prefix="daybreak-print-") as profile:
        subprocess.run(
            [found, "--headless", *FLAGS, f"--user-data-dir={profile}", *more, f"--print-to-pdf={pdf}", page.as_uri()],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip


def pages_of(pdf: bytes) -> int:
    """How many pages a PDF of Chromium's has; it keeps the object of each page as plain text."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """A browser, closed at the end; `FileNotFoundError` where this machine has none."""
    found = chromium()
    if found is None:
        raise FileNotFoundError("no Chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this worker; skips where there is none."""
    if chromium() is None:
        pytest.skip("no page was opened: this machine has no Chromium (apt-get install chromium)")
    with opened_browser() as opened:
        yield opened


class Visitor:
    """Opens pages from files and remembers every request, message and error."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self._contexts: list[BrowserContext] = []
        self.requests: list[str] = []
        self.said: list[str] = []

    def open(self, text: str, *, look: Look = "light", width: int = 1200, is_policed: bool = True) -> Page:
        """The page in a window of that width; ``is_policed`` is false only for a tool that must be let in."""
        file = self._folder / "report.html"
        file.write_text(text, encoding="utf-8")
        context = self._browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if look == "dark" else "light",
            bypass_csp=not is_policed,
        )
        self._contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", self._dismiss)
        if look == "print":
            page.emulate_media(media="print")
        page.goto(file.as_uri())
        return page

    def leave(self) -> None:
        """Close every window."""
        for context in self._contexts:
            context.close()

    def _dismiss(self, dialog: Dialog) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    @property
    def strangers(self) -> list[str]:
        """Every request but the one for the file itself."""
        own = (self._folder / "report.html").as_uri()
        return [url for url in self.requests if url.partition("#")[0] != own]


@pytest.fixture
def visitor(browser: Browser, tmp_path: Path) -> Iterator[Visitor]:
    """Somebody who opens reports in the browser."""
    somebody = Visitor(browser, tmp_path)
    yield somebody
    somebody.leave()

"""A headless Chromium of this machine, by Playwright, which downloads nothing; and a page that records what it asks for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
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
    """The Chromium or Chrome of this machine; none when there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this worker; skips where there is none."""
    found = chromium()
    if found is None:
        pytest.skip("no page was opened: this machine has no Chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        opened.close()


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

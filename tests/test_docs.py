"""The documents keep their promises: links lead somewhere, pages have a title, and no page is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def links(page: Path) -> list[Path]:
    """The files that a page points to."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    return [(page.parent / target).resolve() for target in LINK.findall(text)]


@each_page
def test_each_link_leads_somewhere(page: Path) -> None:
    """A reader in a hurry follows a link once."""
    assert [str(target) for target in links(page) if not target.exists()] == []


@each_page
def test_each_page_has_one_title(page: Path) -> None:
    """The first line says what the page is about; there is one such line."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


def test_each_page_can_be_reached_from_the_first() -> None:
    """A page that nothing points to is a page that nobody reads."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md", ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            waiting.extend(links(page))
    assert [str(page.relative_to(ROOT)) for page in PAGES if page.parent != ROOT and page not in reached] == []

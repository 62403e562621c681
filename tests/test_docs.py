"""The documents keep their promises: links lead somewhere, pages have a title, and no page is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)

FACTS = ROOT / "docs" / "reference" / "facts.md"
# A citation may stand where a line ends; the first letter stands in brackets, so that this file does not cite.
CITED = re.compile(r"\b[F]ACTS\b(?:[\s#]+(\d+\.\d+)\b(?!,\s+\d+\.\d))?")
SECTION = re.compile(r"^### (\d+\.\d+) \S", re.MULTILINE)
SURE = re.compile(r"\b(?:measured|documented|recorded|guessed)\b")

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


def citations() -> Iterator[tuple[str, str]]:
    """Each citation of the facts, with its file: its section, or nothing where it names none or a row of them."""
    files = {*PAGES, *(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")} - {FACTS, Path(__file__)}
    for path in sorted(files):
        for found in CITED.finditer(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), found.group(1) or ""


def test_each_fact_that_is_cited_can_be_looked_up() -> None:
    """A citation is written ``FACTS`` and one section; a reader who doubts the code finds that section on the page."""
    sections = SECTION.findall(FACTS.read_text(encoding="utf-8"))
    assert len(sections) == len(set(sections))
    cited = list(citations())
    assert len(cited) > 30, "the search finds nothing any more"
    assert [(path, section) for path, section in cited if section not in sections] == []


@pytest.mark.parametrize(
    ("text", "sections"),
    [("(FACTS 4.2).", ["4.2"]), ("FACTS\n    4.10", ["4.10"]), ("FACTS\n# 4.3", ["4.3"]), ("FACTS 4.1, 4.2", [""]),
     ("FACTS 4", [""]), ("AWS-FACTS.md", [""]), ("FACTS 4.1, FACTS 4.2", ["4.1", "4.2"]), ("ARTEFACTS 4.2", [])],
)  # fmt: skip
def test_the_search_for_citations_finds_what_is_wrong(text: str, sections: list[str]) -> None:
    """A check that cannot fail holds nothing."""
    assert [found.group(1) or "" for found in CITED.finditer(text)] == sections


def test_each_fact_says_how_sure_it_is() -> None:
    """Nobody ran this on a real account, so a fact without its source is hearsay."""
    facts = FACTS.read_text(encoding="utf-8").partition("\n## 4. ")[2].partition("\n## 6. ")[0]
    told = [line for line in facts.splitlines() if re.match(r"- |\| (?!Lost, or|The runbook \|)", line)]
    assert len(told) > 100, "the search finds nothing any more"
    assert [line[:80] for line in told if not SURE.search(line)] == []

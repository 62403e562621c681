"""The documents keep their promises: links lead somewhere, pages have a title, and no page is lost."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daybreak.archive.contents import MOST as MOST_CONTENTS
from daybreak.aws.wire import Bounds
from daybreak.cli import audience
from daybreak.cli.lab import up
from daybreak.delta.comparing import AT_ONCE
from daybreak.errors import ExitCode
from daybreak.execute.database import _MOST_VERSIONS
from daybreak.execute.doors import Patience
from daybreak.model.checks import CHECKS, RUNBOOK
from daybreak.model.clock import TOO_FAR, WORTH_SAYING
from daybreak.model.report import Report
from daybreak.model.trust import Trust
from daybreak.observe.exports import MOST_BYTES, MOST_EXPORTS, MOST_KEYS, MOST_REQUESTS
from daybreak.postgres.authorities import authorities
from daybreak.postgres.bounds import OF_A_CLONE, ServerBounds
from daybreak.postgres.questions import LONGEST
from daybreak.report.text.report import MOST_NAMES
from daybreak.validate.counting import SMALLEST_CHUNK
from tests import fix_reports as reports
from tests.defects.catalog import AT_MOST, CATALOG, IN_DATA, KINDS
from tests.defects.clean import restores
from tests.pictures.pages import DESK, PHONE

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)

FACTS = ROOT / "docs" / "reference" / "facts.md"
# A citation may stand where a line ends; the first letter stands in brackets, so that this file does not cite.
CITED = re.compile(r"\b[F]ACTS\b(?:[\s#]+(\d+\.\d+)\b(?!,\s+\d+\.\d))?")
SECTION = re.compile(r"^### (\d+\.\d+) \S", re.MULTILINE)
SURE = re.compile(r"\b(?:measured|documented|recorded|guessed)\b")

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def words(number: float) -> str:
    """A number below a hundred as a sentence writes it."""
    ten, one = divmod(int(number), 10)
    return (
        ONES.split()[int(number)]
        if number < 20
        else f"{TENS.split()[ten - 2]}-{ONES.split()[one]}".removesuffix("-zero")
    )


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


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
(SPEED,) = (float(str(option.default)) for option in up.params if option.name == "speed")
KNOWN = authorities(Trust()).known
VOUCHED_FOR = authorities(Trust()).regions(datetime(2060, 12, 31, tzinfo=UTC))
LASTING = [each for each in KNOWN if each.ends.year >= 2061]

_JUDGED = "docs/concepts/how-a-clone-is-judged.md"

FIGURES = [
    (
        "docs/guides/exports.md",
        f"{MOST_KEYS:,} keys, {MOST_EXPORTS:,} exports, {MOST_REQUESTS:,} requests and {MOST_BYTES >> 20} MiB",
    ),
    ("docs/guides/exports.md", f"({MOST_CONTENTS >> 20} MiB at most)"),
    ("README.md", f"Python {PROJECT['requires-python'].removeprefix('>=')} or newer"),
    ("CONTRIBUTING.md", f"Python {PROJECT['requires-python'].removeprefix('>=')} or newer"),
    ("README.md", f"asked {words(len(CHECKS))} questions"),
    ("README.md", f"the runbook's {words(len(RUNBOOK))} boxes"),
    ("docs/guides/report.md", f"runbook's {words(len(RUNBOOK))} boxes"),
    ("docs/guides/report.md", f"A run of {len(CHECKS)} checks takes {words(reports.MOST_PAGES)} pages at most"),
    ("docs/guides/report.md", f"at most {words(MOST_NAMES)} names"),
    ("docs/guides/report.md", f"`format` is {Report.model_fields['format'].default} "),
    ("docs/guides/report.md", f"window of {DESK} pixels"),
    ("docs/guides/report.md", f"telephone of {PHONE} pixels"),
    ("docs/guides/validate.md", f"more than {LONGEST:,} characters"),
    ("docs/guides/validate.md", f"some {round(len(CATALOG), -1)} defects"),
    ("docs/guides/validate.md", f"some {round(len(KINDS), -1)} kinds"),
    ("docs/guides/validate.md", f"At most {words(AT_MOST)} of a kind"),
    ("docs/guides/validate.md", f"{round(len(IN_DATA), -1)} of them are in rows"),
    ("docs/guides/validate.md", f"makes {words(len(restores(['15', '16', '18'])))} clean restores"),
    ("docs/guides/when-a-run-stops.md", f"older versions, at most {words(_MOST_VERSIONS)}"),
    *(
        ("docs/guides/when-a-run-stops.md", f"{what} | {minutes.total_seconds() / 60:.0f} minutes |")
        for what, minutes in (
            ("a server that does not prove its name", Patience().with_strangers),
            ("a server without a connection left", Patience().with_full_servers),
            ("name, route, security group", Patience().with_networks),
        )
    ),
    ("docs/guides/when-a-run-stops.md", f"after {words(audience._PATIENCE)} seconds Daybreak leaves a line out"),
    ("docs/guides/when-a-run-stops.md", f"larger than {Bounds().most // 1024**2} MB"),
    ("docs/guides/when-a-run-stops.md", f"at most {Bounds().whole.total_seconds():.0f} seconds for an answer"),
    ("docs/guides/when-a-run-stops.md", f"after {Patience().with_troubles.total_seconds() / 60:.0f} minutes"),
    ("docs/guides/rehearse-on-the-lab.md", f"runs {SPEED:.0f} times faster: forty minutes of AWS pass in {words(40 * 60 / SPEED)} sec"),
    ("docs/concepts/times.md", "more than a minute off" if timedelta(minutes=1) == WORTH_SAYING else f"more than {WORTH_SAYING}"),
    ("docs/concepts/times.md", f"more than {words(TOO_FAR.total_seconds() / 60)} minutes off"),
    (_JUDGED, f"| sessions at once | {ServerBounds().connections} |"),
    (_JUDGED, f"| the age of a snapshot, the length of a transaction | {ServerBounds().snapshot.total_seconds() / 60:.0f} minutes |"),
    (_JUDGED, f"{SMALLEST_CHUNK // 1024**2} MB of a count, {AT_ONCE // 1024**2} MB of a delta, {ServerBounds().hold.total_seconds():.0f} seconds"),
    (_JUDGED, f"while {ServerBounds().crowd * 100:.0f} % of the connections are in use"),
    (_JUDGED, f"with {words(OF_A_CLONE.connections)} sessions; a cluster in use with {words(ServerBounds().connections)}"),
    ("docs/concepts/how-a-server-proves-itself.md", f"allows {words(Patience().with_strangers.total_seconds() / 60)} minutes for a name"),
    ("docs/concepts/how-a-server-proves-itself.md", f"{len(KNOWN)} certificates"),
    ("docs/concepts/how-a-server-proves-itself.md", f"{len(KNOWN) - len(LASTING)} have expired, and {len(LASTING)} vouch"),
    ("docs/concepts/how-a-server-proves-itself.md", f"vouch for {len(VOUCHED_FOR)} regions until 2061"),
]  # fmt: skip
"""What a page says in figures, and where it says so; each number comes from the code that makes it true."""


@pytest.mark.parametrize(("page", "told"), FIGURES, ids=[told for _, told in FIGURES])
def test_each_figure_is_that_of_the_code(page: str, told: str) -> None:
    """A reader plans with a number, and nobody looks for it on the pages when it changes."""
    assert told in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize(("number", "told"), [(0, "zero"), (4.0, "four"), (18, "eighteen"), (20, "twenty"), (51, "fifty-one")])  # fmt: skip
def test_a_number_is_written_in_words(number: float, told: str) -> None:
    """A wrong word here would look for a sentence that no page has."""
    assert words(number) == told


@pytest.mark.parametrize("page", ["README.md", "docs/guides/when-a-run-stops.md"])
def test_each_exit_code_stands_with_what_to_do(page: str) -> None:
    """A code that is missing is the one that somebody meets at night."""
    rows = re.findall(r"^\| (\d+) \|", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(code) for code in rows] == sorted(code.value for code in ExitCode)


def test_the_glossary_has_each_word_once_in_order_and_well_formed() -> None:
    """Two changes that are made side by side leave a word with two meanings, or an entry inside another."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    entries = text[text.index("\n**") :].strip().split("\n\n")
    assert [entry for entry in entries if not re.fullmatch(r"\*\*[^*\n]+\*\*\n: [^\n]+(?:\n  [^\n]+)*", entry)] == []
    words = [entry.split("**")[1] for entry in entries]
    assert words == sorted(set(words), key=str.lower)

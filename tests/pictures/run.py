"""The picture of a run: the words of a real ``daybreak demo``, shortened, as a terminal shows them.

It is held to the demo by the story that plays the demo anyway (`tests/stories/test_12_demo.py`): to play it once more for the
picture would cost half a minute each time.
"""

from __future__ import annotations

import html
import io
import re
import subprocess
import sys

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

WIDTH = 118
"""Columns of the terminal."""

# rich's own frame loads a font from the network; a picture in a README must load nothing.
FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="A run of daybreak demo">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="{width}" height="{height}" rx="8" fill="#1e1e1e"/>
<g transform="translate({terminal_x}, {terminal_y})">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""

SHOWN = {
    "3": r"^embi=>|^DELETE ",
    "4": r"^(rows|employees|salaries|payments)  ",
    "6": r"^\$ daybreak|^(clone|moment|creates|source|takes)  +\S+.*$|^\d\d:\d\d:\d\dZ  \d+/\d+ .*: done|^(verdict|RPO|RTO) ",
    "7": r"^(rows|employees|salaries|payments)  ",
}
"""Which lines of which part of the story are drawn."""


def choose(lines: list[str]) -> list[str]:
    """The lines of the story, each once: the report repeats some of the plan."""
    shown: list[str] = []
    part = ""
    for line in lines:
        if heading := re.match(r"^(\d)\. ", line):
            part = heading[1]
            shown += ["", line] if part in SHOWN else []
        elif (
            part in SHOWN and re.search(SHOWN[part], line) and not (part == "6" and line.split()[:2] in _firsts(shown))
        ):
            shown.append(line[:WIDTH])
    return [*shown[1:], "", "Shortened: make demo shows every line."]


def _firsts(shown: list[str]) -> list[list[str]]:
    return [line.split()[:2] for line in shown if line[:1].isalpha()]


def style(line: str) -> Text:
    """A line with the colors a terminal would show."""
    text = Text(line)
    if re.match(r"^\d\. ", line):
        text.stylize("bold yellow")
    elif line.startswith("$ "):
        text.stylize("bold")
    text.highlight_regex(r"\b(fit|done|kept)\b", "green")
    text.highlight_regex(r"^\d\d:\d\d:\d\dZ", "dim")
    return text


def demo() -> str:
    """What the demo prints here and now; `subprocess.CalledProcessError` where it fails."""
    command = [sys.executable, "-m", "daybreak.cli.main", "demo"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def svg(output: str) -> str:
    """The picture of what a demo printed."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in choose(output.splitlines()):
        console.print(style(line), soft_wrap=True)
    return console.export_svg(theme=DIMMED_MONOKAI, code_format=FRAME, unique_id="run")


def shape(picture: str) -> list[str]:
    """The lines of a picture without what is another's in each run: times, names, how long things took.

    Steps that go on side by side end in any order, so they stand in the plan's.
    """
    rows: dict[float, str] = {}
    for y, words in re.findall(r'<text[^>]*? y="([\d.]+)"[^>]*>(.*?)</text>', picture):
        rows[float(y)] = rows.get(float(y), "") + html.unescape(words).replace("\xa0", " ")
    lines = [_settled(rows[y].rstrip()) for y in sorted(rows)]
    steps = iter(sorted((line for line in lines if _STEP.match(line)), key=_step))
    return [next(steps) if _STEP.match(line) else line for line in lines]


_STEP = re.compile(r"TIME +(\d+)/\d+ ")


def _step(line: str) -> int:
    found = _STEP.match(line)
    return int(found[1]) if found else 0


def _settled(line: str) -> str:
    # An end after midnight is shown with its day.
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|(\d{4}-\d\d-\d\d )?\d\d:\d\d(:\d\d)?Z", "TIME", line)
    line = re.sub(r"embi-aurora-pitr-\d+-\w+", "CLONE", line)
    line = re.sub(r"(done in|measured|lost|complete after|data judged after) [\d.,]+ \w+( \d+ \w+)?", r"\1 SPAN", line)
    return re.sub(r"[\d.,]+ \w+( \d+ \w+)? before now", "SPAN before now", line)

#!/usr/bin/env python3
"""Draw docs/images/run.svg from a real `daybreak demo`: its own words, shortened.

Usage: .venv/bin/python scripts/draw-run [FILE-WITH-THE-OUTPUT-OF-A-DEMO]
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

WIDTH = 118
PICTURE = Path(__file__).parent.parent / "docs" / "images" / "run.svg"
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


TOLD = {
    "3": r"^embi=>|^DELETE ",
    "4": r"^(rows|employees|salaries|payments)  ",
    "6": r"^\$ daybreak|^(clone|moment|creates|source|takes)  +\S+.*$|^\d\d:\d\d:\d\dZ  \d+/\d+ .*: done|^(verdict|RPO|RTO) ",
    "7": r"^(rows|employees|salaries|payments)  ",
}
"""Which lines of which part of the story are drawn."""


def chosen(lines: list[str]) -> list[str]:
    """The lines that tell the story; the report repeats some of the plan, and once is enough."""
    told: list[str] = []
    part = ""
    for line in lines:
        if heading := re.match(r"^(\d)\. ", line):
            part = heading[1]
            told += ["", line] if part in TOLD else []
        elif part in TOLD and re.search(TOLD[part], line) and not (part == "6" and line.split()[:2] in _firsts(told)):
            told.append(line[:WIDTH])
    return [*told[1:], "", "Shortened: make demo shows every line."]


def _firsts(told: list[str]) -> list[list[str]]:
    return [line.split()[:2] for line in told if line[:1].isalpha()]


def styled(line: str) -> Text:
    """A line with the colors a terminal would show."""
    text = Text(line)
    if re.match(r"^\d\. ", line):
        text.stylize("bold yellow")
    elif line.startswith("$ "):
        text.stylize("bold")
    text.highlight_regex(r"\b(fit|done|kept)\b", "green")
    text.highlight_regex(r"^\d\d:\d\d:\d\dZ", "dim")
    return text


def main() -> None:
    """Run the demo, or read its output, and write the picture."""
    if len(sys.argv) > 1:
        output = Path(sys.argv[1]).read_text(encoding="utf-8")
    else:
        command = [sys.executable, "-m", "daybreak.cli.main", "demo"]
        shown = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        output = subprocess.run(command, check=True, **shown).stdout
    console = Console(record=True, width=WIDTH, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    for line in chosen(output.splitlines()):
        console.print(styled(line), soft_wrap=True)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(console.export_svg(theme=DIMMED_MONOKAI, code_format=FRAME, unique_id="run"), encoding="utf-8")


if __name__ == "__main__":
    main()

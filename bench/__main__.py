"""Run every benchmark, or the named ones: ``python -m bench [start ...] [--write]``.

A benchmark is a module ``bench/measure_<name>.py`` with a function ``figures() -> Figures``. This prints its table, and with
``--write`` also puts it into the reference's page of benchmarks.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from pathlib import Path

import bench
from bench.rounds import Figures
from daybreak.cli.main import collect_rarely

PREFIX = "measure_"
WRITE = "--write"
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "benchmarks.md"


def names() -> list[str]:
    """The names of all benchmarks, in alphabetical order."""
    modules = (module.name for module in pkgutil.iter_modules(bench.__path__))
    return sorted(name.removeprefix(PREFIX) for name in modules if name.startswith(PREFIX))


def fill_in(page: str, name: str, figures: Figures) -> str:
    """The page with the benchmark's figures in the place marked for them."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    place = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
    if not place.search(page):
        raise SystemExit(f"error: {PAGE.name} has no place for {name}: {begin}")
    return place.sub(lambda _: f"\n{figures.markdown()}\n", page)


def main(words: list[str]) -> int:
    """Run each named benchmark and print its figures; all of them when none is named."""
    collect_rarely()  # as the command does
    wanted = [word for word in words if word != WRITE]
    if unknown := sorted(set(wanted) - set(names())):
        sys.stderr.write(f"error: no benchmark {unknown[0]!r}; there are: {', '.join(names())}\n")
        return 2
    for name in wanted or names():
        figures: Figures = importlib.import_module(f"bench.{PREFIX}{name}").figures()
        print(figures.text(), flush=True)
        if WRITE in words:
            PAGE.write_text(fill_in(PAGE.read_text(), name, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

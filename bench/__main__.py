"""Run every benchmark, or those named: ``python -m bench [startup ...]``.

A benchmark is a module ``bench/measure_<name>.py`` with a function ``measure() -> str``; what it returns is printed.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench

PREFIX = "measure_"


def names() -> list[str]:
    """The benchmarks that there are, in alphabetical order."""
    modules = (module.name for module in pkgutil.iter_modules(bench.__path__))
    return sorted(name.removeprefix(PREFIX) for name in modules if name.startswith(PREFIX))


def main(wanted: list[str]) -> int:
    """Print what each wanted benchmark measured; all of them when none is named."""
    if unknown := sorted(set(wanted) - set(names())):
        sys.stderr.write(f"error: no benchmark {unknown[0]!r}; there are: {', '.join(names())}\n")
        return 2
    for name in wanted or names():
        print(importlib.import_module(f"bench.{PREFIX}{name}").measure(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How to start programs: never look for a program or a module in the current folder.

The law: a child gets no relative entry on a search path ('' and '.' are the current folder, which another account may own).
Our own Python starts with ``-P``, because otherwise ``-m`` puts the current folder before everything installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_PATHS = ("PATH", "PYTHONPATH")


def python_module(module: str) -> list[str]:
    """The command that runs a module of ours from any folder."""
    return [sys.executable, "-P", "-m", module]


def with_absolute_paths(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, with search paths that mean the same in every folder."""
    kept = {name: absolute_entries(value) if name in _PATHS else value for name, value in environment.items()}
    return {name: value for name, value in kept.items() if value or name not in _PATHS}


def absolute_entries(path: str) -> str:
    """A search path without its relative entries."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if Path(entry).is_absolute())

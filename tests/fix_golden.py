"""Golden files: what a renderer printed once and a person approved; ``--write-golden`` rewrites them for review as a diff."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from daybreak.model.plan import Plan
from daybreak.model.trust import AMAZON

Golden = Callable[[str, str], None]

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--write-golden``."""
    parser.addoption("--write-golden", action="store_true", help="rewrite golden files instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """``golden("report/plan.txt", text)`` compares ``text`` with the file of that name below ``tests/golden``."""
    is_writing = bool(request.config.getoption("--write-golden"))

    def compare(name: str, text: str) -> None:
        path, text = GOLDEN / name, text.replace(str(AMAZON), "/where/daybreak/is/amazon-rds.pem")
        if is_writing:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{name} is not written yet: run this test with --write-golden and read the result"
        assert text == path.read_text(encoding="utf-8"), f"{name} differs: if that is meant, run with --write-golden"

    return compare


def printed(view: RenderableType, *, width: int = 110) -> str:
    """What a terminal without color shows, trailing blanks apart."""
    screen = io.StringIO()
    Console(file=screen, width=width, color_system=None, legacy_windows=False).print(view, crop=False)
    return "\n".join(line.rstrip() for line in screen.getvalue().splitlines()) + "\n"


def settled(text: str, plan: Plan) -> str:
    """``text`` without the plan's digest, which changes with every field that any noun gains."""
    return text.replace(plan.digest(), "DIGEST")

"""Golden files: what a renderer printed once and a person approved; ``--write-golden`` rewrites them for review as a diff."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--write-golden``."""
    parser.addoption("--write-golden", action="store_true", help="rewrite golden files instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden("report/plan.txt", text)`` compares ``text`` with the file of that name below ``tests/golden``."""
    is_writing = bool(request.config.getoption("--write-golden"))

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if is_writing:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{name} is not written yet: run this test with --write-golden and read the result"
        assert text == path.read_text(encoding="utf-8"), f"{name} differs: if that is meant, run with --write-golden"

    return compare

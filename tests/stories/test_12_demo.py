"""Story 12: the demo, as everybody runs it first: it tells the truth, leaves a report, and leaves nothing running."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from daybreak.model.checks import RUNBOOK
from tests.pictures.run import shape, svg
from tests.pictures.shelf import IMAGES, RUN

PATIENCE = 60.0
"""Nobody watches longer."""


def test_the_demo_brings_the_rows_back_and_leaves_a_report(tmp_path: Path) -> None:
    """It is the first thing that anybody sees, and the first that must not disappoint."""
    report = tmp_path / "report.html"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "daybreak.cli.main", "demo", "--report", str(report)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=tmp_path, timeout=4 * PATIENCE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "verdict  fit" in done.stdout
    assert "employees        2,400     2,400         0" in done.stdout
    assert "nothing is left running" in done.stdout
    assert str(report) in done.stdout
    picture = IMAGES / f"{RUN}.svg"
    assert shape(svg(done.stdout)) == shape(picture.read_text(encoding="utf-8")), f"make pictures ARGS={RUN}"
    page = report.read_text(encoding="utf-8")
    assert [check.title for check in RUNBOOK if _as_html(check.title) not in page] == []
    if not os.environ.get("PYTEST_XDIST_WORKER"):  # alone on the machine
        assert time.monotonic() - began < PATIENCE


def _as_html(text: str) -> str:
    return text.replace('"', "&#34;")

"""Story 11: the guide to a first restore, its `sh` blocks run as they are written, one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_lab import PrivateLab

pytestmark = pytest.mark.sweep(held_by=("tests/stories/test_13_readme.py",))

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "point-in-time-recovery.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LAB = "from daybreak.cli.lab import lab; lab()"


def test_the_guide_can_be_followed_as_it_is_written(private_lab: PrivateLab, tmp_path: Path) -> None:
    """Whoever follows it in a hurry has no time for a step that does not work; the guide empties a table, so the lab is its own."""
    lab = private_lab(speed=6000)
    script = "\n".join(["set -eu", *BLOCK.findall(GUIDE.read_text(encoding="utf-8"))])
    done = subprocess.run(
        [sys.executable, "-c", LAB, "shell", "--dir", str(lab.remote.folder), "-c", script],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=200,
        env={**os.environ, "DAYBREAK_STATE": str(tmp_path / "state"),
             "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DELETE 2400" in done.stdout
    shown = re.findall(r"^(?:DELETE|verdict  |rows  ).*$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown) == 3
    assert [line for line in shown if line not in done.stdout.splitlines()] == [], "the guide shows what is no more"
    assert "\n2400\n0\n" in done.stdout

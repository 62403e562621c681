"""The sample: what it names is in the ordinary run, what it does not name is in the sweep, and it cannot name what is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CASES = """
import pytest

@pytest.mark.sample({sample})
@pytest.mark.parametrize("case", ["torn", "whole", "late"])
def test_it(case): pass

@pytest.mark.parametrize("case", ["torn", "whole"])
def test_all(case): pass
"""


def _collected(folder: Path, sample: str, marker: str) -> tuple[int, set[str]]:
    """The exit code of a collection of such tests, and the ids that it says."""
    (folder / "test_cases.py").write_text(CASES.format(sample=sample), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  sample\n  sweep\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "tests.fix_sweep", "-m", marker, "."],
        cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, {line.partition("::")[2] for line in done.stdout.splitlines() if "::test_" in line}


def test_the_ordinary_run_takes_what_is_named_and_the_sweep_the_rest(tmp_path: Path) -> None:
    """Together they are every case; a test without a sample is in the ordinary run with all of its own."""
    every = {"test_all[torn]", "test_all[whole]"}
    assert _collected(tmp_path, '"torn", "late"', "not sweep") == (0, every | {"test_it[torn]", "test_it[late]"})
    assert _collected(tmp_path, '"torn", "late"', "sweep") == (0, {"test_it[whole]"})


@pytest.mark.parametrize("sample", ['"torn", "wohle"', ""])
def test_a_sample_that_names_no_case_there_is_stops_the_run(tmp_path: Path, sample: str) -> None:
    """A case that was renamed would else fall out of the ordinary run, and nobody would see it."""
    code, _ = _collected(tmp_path, sample, "not sweep")
    assert code == pytest.ExitCode.INTERRUPTED

"""The sample: what it names is in the ordinary run, what it does not name is in the sweep, and it cannot name what is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_sweep import TALLY

ROOT = Path(__file__).parents[1]
CASES = """
import pytest

@pytest.mark.sample({sample})
@pytest.mark.parametrize("case", ["torn", "whole", "late"])
def test_it(case): pass

@pytest.mark.parametrize("case", ["torn", "whole"])
def test_all(case): pass
"""
TABLE = """
import pytest

@pytest.mark.sample({sample})
@pytest.mark.parametrize("fault", ["lost", "late", "torn"])
@pytest.mark.parametrize(("kind", "way"), [("plain", []), ("rich", []), pytest.param("old", [], marks=pytest.mark.sweep)])
def test_it(kind, way, fault): pass
"""


def _collected(folder: Path, sample: str, marker: str, text: str = CASES) -> tuple[int, set[str]]:
    """The exit code of a collection of such tests, and the ids that it says."""
    (folder / "test_cases.py").write_text(text.format(sample=sample), encoding="utf-8")
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


def test_of_a_table_each_value_is_in_the_ordinary_run_and_every_cell_in_one_of_both(tmp_path: Path) -> None:
    """Few cells, whatever was added to the table since; those that a mark leaves to the sweep stay there."""
    sample = 'each=("kind", "way", "fault")'
    _, ordinary = _collected(tmp_path, sample, "not sweep", TABLE)
    _, swept = _collected(tmp_path, sample, "sweep", TABLE)
    cells = {each.partition("[")[2].partition("-")[0] for each in ordinary}
    assert cells == {"plain", "rich"}
    assert {each.rstrip("]").rpartition("-")[2] for each in ordinary} == {"lost", "late", "torn"}
    assert (len(ordinary), len(swept), ordinary & swept) == (3, 6, set())


@pytest.mark.parametrize("sample", ['each=("kinds",)', "each=()"])
def test_a_parameter_that_is_not_there_stops_the_run(tmp_path: Path, sample: str) -> None:
    """It would choose nothing."""
    code, _ = _collected(tmp_path, sample, "not sweep", TABLE)
    assert code == pytest.ExitCode.INTERRUPTED


def test_of_two_samples_none_is_taken(tmp_path: Path) -> None:
    """One would count, and nobody could see which."""
    text = CASES.replace("@pytest.mark.sample({sample})", "@pytest.mark.sample({sample})\n@pytest.mark.sample('late')")
    assert _collected(tmp_path, '"torn"', "not sweep", text)[0] == pytest.ExitCode.INTERRUPTED


def test_each_file_has_a_test_in_the_ordinary_run_or_says_who_holds_what_it_repeats(
    request: pytest.FixtureRequest,
) -> None:
    """Of the files that were collected with this one, which in `make test` is all."""
    tally = request.config.stash[TALLY]
    assert [name for name, seen in tally.items() if not seen.ordinary and not seen.held_by] == []
    holders = {holder for seen in tally.values() for holder in seen.held_by or ()}
    assert [holder for holder in sorted(holders) if not (ROOT / holder).is_file()] == []
    assert [holder for holder in sorted(holders & tally.keys()) if not tally[holder].ordinary] == []

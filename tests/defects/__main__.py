"""``python -m tests.defects``: plant every defect and make every clean restore, and print what was found as tables."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from daybreak.lab.lab import ACCOUNT
from tests.defects.catalog import CATALOG
from tests.defects.clean import outcome_of, restores
from tests.defects.country import Country
from tests.defects.matrix import row_of
from tests.defects.ward import QUICK, best_major, majors, ward
from tests.fix_lab import private

_WIDTHS = (44, 32, 9, 9, 6)


def main() -> int:
    """Both tables; 0 when every defect was found and no clean restore raised an alarm."""
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="daybreak-matrix-") as folder:
        missed = _defects(Path(folder) / "ward")
        alarms = _clean(Path(folder) / "country")
    _say(f"\n{monotonic() - began:.0f} s on account {ACCOUNT} of the lab")
    return 1 if missed or alarms else 0


def _defects(home: Path) -> int:
    major = best_major()
    _say(f"planted defects, each in a clone that Daybreak restored (PostgreSQL {major})\n")
    _line("defect", "check", "expected", "found", "s")
    found = 0
    with ward(home, major) as clone:
        for defect in CATALOG:
            row = row_of(clone, defect)
            found += row.is_found
            said = row.asked[0].standing.value if row.asked else "not asked"
            _line(defect.name, defect.check.name, "unfit", said, f"{row.took:.1f}")
            if not row.is_found:
                _say(f"    NOT FOUND: {row.words}")
    _say(f"\n{found} of {len(CATALOG)} found by the check named for them, by {_checks()} checks")
    return len(CATALOG) - found


def _checks() -> int:
    return len({defect.check.name for defect in CATALOG})


def _clean(home: Path) -> int:
    every = restores(majors())
    _say("\nclean restores, to which nothing was done\n")
    _line("what went on", "PostgreSQL", "expected", "found", "s")
    alarmed = 0
    with ExitStack() as stack:
        lab = stack.enter_context(private(speed=QUICK))
        country = Country(lab, home, stack.enter_context(pytest.MonkeyPatch.context()))
        for clean in every:
            outcome = outcome_of(country.branch(clean), clean)
            standing = outcome.verdict.standing.value if outcome.verdict else "none"
            alarmed += not outcome.is_fit
            _line(clean.name, clean.major, "fit", standing, f"{outcome.took:.1f}")
            for alarm in outcome.alarms:
                _say(f"    ALARM: {alarm}")
    _say(f"\n{len(every)} clean restores, {alarmed} false alarms")
    return alarmed


def _line(*cells: str) -> None:
    _say("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

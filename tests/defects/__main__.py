"""``python -m tests.defects``: plant every defect and make every clean restore, and print what was found as tables."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from daybreak.lab.lab import ACCOUNT
from tests.defects.catalog import CATALOG, IN_DATA
from tests.defects.clean import outcome_of, restores
from tests.defects.country import Country
from tests.defects.matrix import row_of
from tests.defects.planted.how import Planted
from tests.defects.ward import QUICK, best_major, majors, ward
from tests.fix_lab import private

_OF_DEFECTS = (56, 8, 32, 9, 10, 7, 6)
_OF_RESTORES = (44, 10, 9, 9, 6)


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
    _say(f"planted defects, each in a clone that Daybreak restored, its source alive (PostgreSQL {major})\n")
    _line(_OF_DEFECTS, "defect", "of", "check", "depth", "found", "undone", "s")
    found: list[Planted] = []
    with ward(home, major) as clone:
        for defect in CATALOG:
            row = row_of(clone, defect, is_asked_again=defect in IN_DATA)
            is_right = row.is_found and row.is_undone
            found += [defect] if is_right else []
            said = row.asked[0].standing.value if row.asked else "not asked"
            undone = "-" if row.afterwards is None else "fit" if row.is_undone else "not fit"
            cells = (defect.of, defect.check.name, defect.depth, said, undone, f"{row.took:.1f}")
            _line(_OF_DEFECTS, defect.name, *cells)
            if not is_right:
                _say(f"    NOT FOUND, OR NOT UNDONE: {row.words}")
    _say("")
    for of in dict.fromkeys(defect.of for defect in CATALOG):
        _say(_total(f"of {of}", found, [defect for defect in CATALOG if defect.of == of]))
    _say(_total("of rows and content together", found, list(IN_DATA)))
    _say(f"{_total('in all', found, list(CATALOG))}, by the check named for each, by {_checks()} checks")
    return len(CATALOG) - len(found)


def _total(what: str, found: list[Planted], planted: list[Planted]) -> str:
    return f"{sum(each in found for each in planted)} of {len(planted)} defects {what} found"


def _checks() -> int:
    return len({defect.check.name for defect in CATALOG})


def _clean(home: Path) -> int:
    every = restores(majors())
    _say("\nclean restores, to which nothing was done\n")
    _line(_OF_RESTORES, "what went on", "PostgreSQL", "expected", "found", "s")
    alarmed = 0
    with ExitStack() as stack:
        lab = stack.enter_context(private(speed=QUICK))
        country = Country(lab, home, stack.enter_context(pytest.MonkeyPatch.context()))
        for clean in every:
            outcome = outcome_of(country.branch(clean), clean)
            standing = outcome.verdict.standing.value if outcome.verdict else "none"
            alarmed += not outcome.is_fit
            _line(_OF_RESTORES, clean.name, clean.major, "fit", standing, f"{outcome.took:.1f}")
            for alarm in outcome.alarms:
                _say(f"    ALARM: {alarm}")
    _say(f"\n{len(every)} clean restores, {alarmed} false alarms")
    return alarmed


def _line(widths: tuple[int, ...], *cells: str) -> None:
    _say("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.defects``: plant every defect and make every clean restore, in every cell, and print what was answered."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from daybreak.lab.lab import ACCOUNT
from tests.defects.catalog import AT_MOST, CATALOG, COUNTED, KINDS
from tests.defects.cells import Answer, Source, alarms, answers, befall, bundles
from tests.defects.clean import Clean, outcome_of, restores
from tests.defects.country import Country
from tests.defects.planted.how import Planted
from tests.defects.ward import OFFERED, QUICK, Ward, best_major, libraries, majors, ward
from tests.fix_lab import private

_OF_RESTORES = (44, 10, 9, 9, 6)


def main() -> int:
    """All cells, and every clean restore; 0 when every cell answered as is written and no clean restore raised an alarm."""
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="daybreak-matrix-") as folder:
        wrong = _cells(Path(folder) / "wards")
        cries = _clean(Path(folder) / "country")
    _say(f"\n{monotonic() - began:.0f} s on account {ACCOUNT} of the lab")
    return 1 if wrong or cries else 0


def _cells(home: Path) -> int:
    """Every cell: one ward for each version, whose source is hurt and then taken away."""
    _say(
        f"{len(COUNTED)} planted defects of {len(KINDS)} kinds, at most {AT_MOST} of a kind; {len(CATALOG) - len(COUNTED)} more beside them"
    )
    for major in sorted(set(OFFERED) - set(majors())):
        _say(f"PostgreSQL {major}: not on this machine, so none of its cells")
    every: dict[str, list[Answer]] = {}
    wrong = 0
    for major in majors():
        lacking = sorted({defect.needs for defect in CATALOG if defect.needs} - libraries(major))
        _say(f"PostgreSQL {major}: " + (f"cannot show what needs {', '.join(lacking)}" if lacking else "can show all"))
        with ward(home / major, major) as clone:
            for source in Source:
                befall(clone, source)
                is_first = source is Source.ALIVE and major == best_major()
                defects = [each for each in CATALOG if each.needs not in lacking and (is_first or not each.alone)]
                wrong += _cell(clone, source, defects, every)
    _by_defect(every)
    return wrong


def _cell(clone: Ward, source: Source, defects: list[Planted], every: dict[str, list[Answer]]) -> int:
    """One cell, and the clone once more when all is undone; how many answers were wrong."""
    began, found = monotonic(), list[Answer]()
    for said, _took in answers(clone, source, defects):
        found += said
    left = alarms(clone)
    took = monotonic() - began
    for answer in found:
        every.setdefault(answer.defect.name, []).append(answer)
    wrong = [answer for answer in found if not answer.is_right]
    told = "".join(_words_for_rule(name, answers) for name, answers in _by_rule(found).items())
    count = sum(answer.is_found for answer in found)
    clones = len(bundles(defects))
    _say(
        f"  source {source}: {len(found)} defects in {clones} clones: {count} found{told}, {len(wrong)} wrong; {took:.0f} s"
    )
    for answer in wrong:
        _say(f"    WRONG: {answer.defect.name}: {answer.words}")
    for alarm in left:
        _say(f"    NOT UNDONE: {alarm}")
    return len(wrong) + len(left)


def _by_rule(found: list[Answer]) -> dict[str, list[Answer]]:
    """What was not found and is right by a rule, by its name."""
    ruled: dict[str, list[Answer]] = {}
    for answer in found:
        if answer.is_right and not answer.is_found:
            ruled.setdefault(answer.rule.name, []).append(answer)
    return ruled


def _words_for_rule(name: str, answers: list[Answer]) -> str:
    others = Counter(check for answer in answers for check in answer.elsewhere)
    by = ", ".join(f"{check} {number}" for check, number in others.most_common())
    named = sum(bool(answer.elsewhere) for answer in answers)
    return f", {len(answers)} by the rule: {name}" + (f" ({named} of them unfit by another check: {by})" if by else "")


def _by_defect(every: dict[str, list[Answer]]) -> None:
    """One line for each defect: in how many cells it was found, and by which rule it was not."""
    _say("")
    _line((58, 44, 26), "defect", "kind", "check")
    for defect in CATALOG:
        said = every.get(defect.name, [])
        rules = dict.fromkeys(each.rule.name for each in said if not each.is_found)
        beside = f"; else {', '.join(rules)}" if rules else ""
        alone = f"; alone: {defect.alone}" if defect.alone else ""
        _say(
            f"{defect.name:<58}  {defect.kind:<44}  {defect.check.name:<26}  found in {sum(each.is_found for each in said)} of {len(said)}{beside}{alone}"
        )
    _say("")
    for of in dict.fromkeys(defect.of for defect in CATALOG):
        part = [defect for defect in CATALOG if defect.of == of]
        met = sum(any(each.is_found for each in every.get(defect.name, [])) for defect in part)
        _say(f"{met} of {len(part)} defects of {of} found")


def _clean(home: Path) -> int:
    """Every clean restore, all versions at a time: the branches of one version have nothing to do with those of another."""
    every = restores(majors())
    _say("\nclean restores, to which nothing was done\n")
    _line(_OF_RESTORES, "what went on", "PostgreSQL", "expected", "found", "s")
    with ExitStack() as stack:
        lab = stack.enter_context(private(speed=QUICK))
        country = Country(lab, home, stack.enter_context(pytest.MonkeyPatch.context()))
        hands = stack.enter_context(ThreadPoolExecutor(len(majors()), thread_name_prefix="clean-restores"))
        alarmed = sum(hands.map(lambda major: _clean_of(country, major, every), majors()))
    _say(f"\n{len(every)} clean restores, {alarmed} false alarms")
    return alarmed


def _clean_of(country: Country, major: str, every: tuple[Clean, ...]) -> int:
    """The clean restores of one version, in their order; how many raised an alarm."""
    alarmed = 0
    for clean in every:
        if clean.major != major:
            continue
        outcome = outcome_of(country.branch(clean), clean)
        standing = outcome.verdict.standing.value if outcome.verdict else "none"
        alarmed += not outcome.is_fit
        told = _row(_OF_RESTORES, clean.name, clean.major, "fit", standing, f"{outcome.took:.1f}")
        _say("\n".join((told, *(f"    ALARM: {alarm}" for alarm in outcome.alarms))))
    return alarmed


def _line(widths: tuple[int, ...], *cells: str) -> None:
    _say(_row(widths, *cells))


def _row(widths: tuple[int, ...], *cells: str) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""The planted-defect matrix: each defect in a really restored clone is found by the check named for it, and nothing else cries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from daybreak.app.validating import Case
from daybreak.model import checks
from daybreak.model.findings import Standing
from daybreak.model.targets import Waiver
from tests.defects.catalog import AT_MOST, CATALOG, COUNTED, IN_DATA, KINDS
from tests.defects.cells import Source, answers, bundles, names, rule_of, touches
from tests.defects.matrix import planted, row_of
from tests.defects.planted.how import Planted, nothing
from tests.defects.rules import FOUND
from tests.defects.ward import Ward, best_major, libraries, ward

MISSED_WITHOUT = ("trigger disabled", "sequence behind the data", "grant lost", "row count low", "tags missing")
"""Defects with which it is shown that the matrix fails when a check is taken away; the first in the ordinary run."""


ONE_IN = 64
"""Of so many checks the ordinary run shows one by itself, at the depth that promises it; the sweep shows them all."""

LACKING = {defect.needs for defect in CATALOG if defect.needs} - libraries(best_major())
TOGETHER = [bundle for bundle in bundles(each for each in CATALOG if each.needs not in LACKING) if not bundle[0].alone]
"""All defects that can be planted beside others, in as few clones as they fit."""


def _sampled() -> list[Any]:
    """Every defect; the ordinary run takes the first one of one check in so many."""
    seen: dict[str, int] = {}
    cases: list[Any] = []
    for defect in CATALOG:
        is_first = defect.check.name not in seen
        number = seen.setdefault(defect.check.name, len(seen))
        marks = [] if is_first and number % ONE_IN == 0 else [pytest.mark.sweep]
        cases.append(pytest.param(defect, marks=marks, id=defect.name.replace(" ", "-")))
    return cases


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """A clone that Daybreak restored, one for each worker."""
    with ward(tmp_path_factory.mktemp("ward"), best_major()) as made:
        yield made


def _alarms(made: Ward) -> dict[str, str]:
    findings = made.validate().findings
    return {each.check: each.found for each in findings if each.standing in (Standing.UNFIT, Standing.UNKNOWN)}


@pytest.mark.parametrize("defect", _sampled())
def test_a_planted_defect_is_found_by_the_check_named_for_it(
    clone: Ward, defect: Planted, request: pytest.FixtureRequest
) -> None:
    """A verdict is worth what its checks can find; a clone that is damaged like this must never be called fit.

    In the sweep each defect of the data is undone and asked about again: what the harness did itself is found by no check.
    """
    is_asked_again = request.node.get_closest_marker("sweep") is not None and defect in IN_DATA
    row = row_of(clone, defect, is_asked_again=is_asked_again)
    assert row.is_found, row.words
    assert row.is_undone, row.words


@pytest.mark.parametrize("bundle", [pytest.param(each, id=f"{len(each)}-together") for each in TOGETHER])
def test_every_defect_is_found_among_others(clone: Ward, bundle: tuple[Planted, ...]) -> None:
    """Each once in every run, by a line of its own check that names what it hit; those that are alone are in the sweep."""
    [(said, _took)] = answers(clone, Source.ALIVE, bundle)
    assert {each.defect.name: each.words for each in said if not each.is_found} == {}


@pytest.mark.sweep
def test_the_clone_raises_no_alarm_when_every_defect_is_undone(clone: Ward) -> None:
    """A check that always cries would find every defect too."""
    for name in ("missing table", "replication slot left", "deletion protection off"):
        with planted(clone, next(each for each in CATALOG if each.name == name)):
            pass
    assert _alarms(clone) == {}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == MISSED_WITHOUT[0] else (pytest.mark.sweep,)) for name in MISSED_WITHOUT],
)
def test_without_its_check_a_defect_stays_hidden(clone: Ward, name: str) -> None:
    """The other half: it is this check that finds it, and the matrix fails when somebody takes the check away."""
    defect = next(each for each in CATALOG if each.name == name)
    without = Waiver(check=defect.check.name, by="a test", why="to see whether the matrix notices")

    def blind(case: Case) -> Case:
        action = case.action.model_copy(update={"waivers": (*case.action.waivers, without)})
        return defect.change(replace(case, action=action))

    row = row_of(clone, replace(defect, change=blind))
    assert not row.is_found
    assert row.asked[0].standing is Standing.WAIVED


def test_the_matrix_is_large_enough_and_has_a_defect_for_every_check() -> None:
    """A check for which nothing is planted is a check of which nobody knows whether it works."""
    assert len(COUNTED) >= 200
    assert len(KINDS) >= 60
    assert len(IN_DATA) >= 40
    assert len({defect.name for defect in CATALOG}) == len(CATALOG)
    assert set(checks.CHECKS) - {defect.check.name for defect in CATALOG} == set()


def test_no_kind_of_defect_counts_more_often_than_a_few_times() -> None:
    """Two hundred ways of deleting a row would be one defect."""
    assert [defect.name for defect in CATALOG if not defect.kind] == []
    assert max(Counter(defect.kind for defect in COUNTED).values()) <= AT_MOST


def test_no_rule_lets_a_defect_be_called_fit() -> None:
    """Not to know is an answer; to be wrong is none. Where the source lives nothing excuses a check."""
    assert all(rule_of(defect, Source.ALIVE) is FOUND for defect in CATALOG)
    asked = [rule_of(defect, source) for defect in CATALOG for source in Source]
    assert [rule.name for rule in asked if Standing.FIT in rule.standings or not rule.standings] == []


def test_each_defect_is_in_one_bundle_and_none_touches_what_another_hits() -> None:
    """What two defects hit is named once, and nobody could say for which of them."""
    made = bundles(CATALOG)
    assert sorted(each.name for bundle in made for each in bundle) == sorted(each.name for each in CATALOG)
    for bundle in made:
        touched = [name for defect in bundle for name in touches(defect)]
        assert len(touched) == len(set(touched))
    assert [bundle for bundle in made if len(bundle) > 1 and any(each.alone for each in bundle)] == []


@pytest.mark.parametrize(
    ("hit", "line", "is_it"),
    [
        ("public.time_entries", "embi: public.time_entries_2025_05", False),
        ("public.time_entries", "embi: public.time_entries", True),
        ("parts.f_source(", "embi: parts.f_source(n integer)", True),
        ("source(", "embi: parts.f_source(n integer)", False),
        ("", "embi: public.payments", False),
    ],
)
def test_a_line_names_what_a_defect_hit_by_its_whole_name(hit: str, line: str, *, is_it: bool) -> None:
    """A partition that is damaged would else be taken for its table."""
    assert names(line, replace(CATALOG[0], line=hit)) is is_it


@pytest.mark.sweep
def test_of_several_defects_in_one_clone_each_is_named_and_what_was_not_planted_is_not(clone: Ward) -> None:
    """The cells ask about hundreds at once; one that rides on another's finding would be found without being there."""
    chosen = [
        each
        for each in CATALOG
        if each.name in ("trigger disabled", "trigger missing", "index dropped in another database")
    ]
    absent = replace(next(each for each in CATALOG if each.name == "rule missing"), plant=nothing)
    [(said, _)] = answers(clone, Source.ALIVE, [*chosen, absent])
    assert {each.defect.name: each.is_right for each in said} == {each.name: True for each in chosen} | {
        absent.name: False
    }

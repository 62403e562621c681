"""What came out of an archive, held against the archive's own list and rows: each way in which they can differ is seen."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.judge.exports import findings_on
from daybreak.judge.verdict import verdict_of
from daybreak.model.checks import EXPORT_CHECKS
from daybreak.model.findings import Standing
from daybreak.model.receiver import ScratchAnswers


def answers(**changes: Any) -> ScratchAnswers:
    """An archive of two tables, all of which is there."""
    fields: dict[str, Any] = {
        "expected": ("TABLE shop.orders", "TABLE shop.lines"),
        "present": ("TABLE shop.orders", "TABLE shop.lines"),
        "uncounted": {"COMMENT": 1},
        "archived": {"shop.orders": 500, "shop.lines": 0},
        "restored": {"shop.orders": 500, "shop.lines": 0},
        "constraints": 3,
        "sequences": 1,
    }
    return ScratchAnswers(**(fields | changes))


def standings(found: ScratchAnswers) -> dict[str, Standing]:
    """How each check stands."""
    return {each.check: each.standing for each in findings_on(found)}


def test_what_is_whole_is_fit_and_what_nobody_asked_is_named() -> None:
    """Every check of the catalogue answers; the values are left out by name."""
    found = standings(answers())
    left_out = found.pop("data.archived-content")
    assert (set(found.values()), left_out) == ({Standing.FIT}, Standing.LEFT_OUT)
    verdict = verdict_of(findings_on(answers()))
    assert verdict.standing is Standing.FIT
    assert [each.check for each in verdict.not_asked] == ["data.archived-content"]
    assert set(found) < set(EXPORT_CHECKS)


@pytest.mark.parametrize(
    ("changes", "check", "standing"),
    [
        ({"restored": {"shop.orders": 499, "shop.lines": 0}}, "data.archived-rows", Standing.UNFIT),
        ({"restored": {"shop.orders": 501, "shop.lines": 0}}, "data.archived-rows", Standing.UNFIT),
        ({"restored": {"shop.orders": 500}}, "data.archived-rows", Standing.UNFIT),
        # The sum alone would be right.
        ({"restored": {"shop.orders": 499, "shop.lines": 1}}, "data.archived-rows", Standing.UNFIT),
        ({"archived": {"shop.orders": None, "shop.lines": 0}}, "data.archived-rows", Standing.UNKNOWN),
        ({"present": ("TABLE shop.orders",)}, "data.archived-objects", Standing.UNFIT),
        ({"beyond": ("FUNCTION shop.hidden()",)}, "data.archived-objects", Standing.UNFIT),
        ({"expected": (), "present": (), "uncounted": {}}, "data.archived-objects", Standing.LEFT_OUT),
        ({"invalid": ("shop.orders orders_pkey",)}, "data.archived-validity", Standing.UNFIT),
        ({"behind": {"shop.orders_id_seq": (3, 500)}}, "data.archived-sequences", Standing.UNFIT),
    ],
)
def test_each_difference_is_seen_by_its_own_check(changes: dict[str, Any], check: str, standing: Standing) -> None:
    """And by no other one."""
    whole, found = standings(answers()), standings(answers(**changes))
    assert {name: each for name, each in found.items() if each is not whole[name]} == {check: standing}

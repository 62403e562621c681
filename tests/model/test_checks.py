"""The catalogue of checks: what is counted, named or printed elsewhere is read from it."""

from __future__ import annotations

from daybreak.model.checks import CHECKS, RUNBOOK, owners_check
from daybreak.model.findings import Level


def test_each_check_has_a_level_and_the_runbooks_boxes_are_numbered_without_a_gap() -> None:
    """A box that is numbered twice, or not at all, is one that nobody can find on the wall."""
    assert all(check.level in Level for check in CHECKS.values())
    assert [check.box for check in RUNBOOK] == list(range(1, 19))


def test_an_owners_check_is_the_applications_and_no_name_of_ours() -> None:
    """Whatever somebody calls a check of their own, it takes no place of another."""
    own = owners_check("data.rows")
    assert (own.name, own.level, own.box) == ("owner.data.rows", Level.APPLICATION, None)
    assert own.name not in CHECKS

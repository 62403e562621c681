"""The page of checks tells of each check what it was seen to find."""

from __future__ import annotations

import pytest

from daybreak.cli.reference.checks import BESIDES, checks_page, words_for_defects
from daybreak.model.checks import CHECKS, RUNBOOK
from daybreak.prove.catalog import CATALOG


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_is_seen_to_find_something(check: str) -> None:
    """A check that never failed in front of anybody may be one that cannot."""
    assert words_for_defects(check)


def test_the_page_has_every_check_and_the_runbooks_eighteen_by_number() -> None:
    """A person at a red line looks its name up here."""
    page = checks_page()
    assert [check for check in CHECKS if f"| `{check}` |" not in page] == []
    assert [check.title for number, check in enumerate(RUNBOOK, 1) if f"| {number}. {check.title} |" not in page] == []


def test_what_a_proof_plants_is_not_called_unplantable() -> None:
    """A line in italics is the exception, and stays one."""
    assert set(BESIDES) & {defect.check.name for defect in CATALOG} == set()
    assert set(BESIDES) <= set(CHECKS)

"""Clean restores without one false alarm: whoever is woken for nothing does not get up for the next one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.defects.clean import Clean, outcome_of, restores
from tests.defects.country import Country
from tests.defects.ward import QUICK, majors
from tests.fix_lab import private

EVERY = restores(majors())
SAMPLE = {"snapshot-" + EVERY[2].major}
"""What the ordinary run shows; the sweep shows them all."""


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    """A lab of this module's own."""
    with ExitStack() as stack:
        lab = stack.enter_context(private(speed=QUICK))
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        yield Country(lab, tmp_path_factory.mktemp("country"), environment)


def _cases() -> list[object]:
    return [pytest.param(each, id=each.id, marks=() if each.id in SAMPLE else (pytest.mark.sweep,)) for each in EVERY]


@pytest.mark.parametrize("clean", _cases())
def test_a_clean_restore_raises_no_alarm(country: Country, clean: Clean) -> None:
    """Nothing is unfit and nothing unknown, whatever the company did meanwhile."""
    outcome = outcome_of(country.branch(clean), clean)
    assert outcome.alarms == ()
    assert outcome.is_fit, outcome.verdict


def test_there_are_enough_of_them() -> None:
    """PITR and snapshot, in every version of PostgreSQL that this machine has; no two are told by one name."""
    spread = restores(["15", "16", "18"])
    assert len(spread) >= 60
    assert len({each.id for each in spread}) == len(spread)
    assert {each.id for each in EVERY} >= SAMPLE

"""The names that a file may use are the names that a validation tells."""

from __future__ import annotations

from daybreak.model.checks import CHECKS


def test_every_box_can_be_named_in_a_file_and_nothing_else() -> None:
    """A waiver for a check that does not exist would protect nobody; one that cannot be written would stop somebody."""
    assert set(CHECKS) == set(CHECKS)

"""People at terminals: one who reaches nothing, and one who works on the shared lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest


@pytest.fixture
def person(lab: LabUnderTest, tmp_path: Path) -> Person:
    """Somebody with an access key of their own, so that the lab's log tells their calls from everybody else's."""
    ada = lab.person(tmp_path)
    # There is no application in the lab, so nobody can ask through it.
    ada.configure(CONFIGURATION + waiving("application.connects", "application.health", "application.functions"))
    return ada

"""A lab with a branch of the company for each version of PostgreSQL that somebody asked for."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import pytest

from tests.defects import specimens
from tests.defects.clean import Clean
from tests.defects.ward import Ward, enrich, founded
from tests.fix_lab import LabUnderTest


class Country:
    """A lab with a branch of the company for each version that was asked for so far."""

    def __init__(self, lab: LabUnderTest, home: Path, environment: pytest.MonkeyPatch) -> None:
        self._lab = lab
        self._home = home
        self._environment = environment
        self._wards: dict[str, Ward] = {}
        self._founding = Lock()

    def branch(self, clean: Clean) -> Ward:
        """The branch that a restore may use: one for each version, and others for whoever must be apart."""
        major, name = clean.major, "-".join(filter(None, ("branch", clean.major, clean.apart)))
        with self._founding:
            if name not in self._wards:
                self._wards[name] = self._found(name, major)
        return self._wards[name]

    def _found(self, name: str, major: str) -> Ward:
        home, configured = self._home / name, specimens.DATED
        made = founded(self._lab, home, name, major, self._environment, configured=configured)
        specimens.set_up(self._lab.remote, made.branch.cluster, "dated.sql")
        enrich(made)
        return made

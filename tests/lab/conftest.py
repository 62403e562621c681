"""Fixtures of the lab's own tests."""

from __future__ import annotations

from tests.lab.volumes.fix_volumes import each_yard, newest_yard, pg_installs, yard

__all__ = ["each_yard", "newest_yard", "pg_installs", "yard"]

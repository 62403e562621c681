"""The library's front door is what it says it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

import daybreak


@pytest.mark.parametrize("name", daybreak.__all__)
def test_every_public_name_leads_somewhere(name: str) -> None:
    """Whoever imports from the front door must not meet an error at the first use."""
    assert getattr(daybreak, name).__name__ == name


def test_the_surface_is_the_table() -> None:
    """A name that is exported and not listed, or listed twice, would be a surface by accident."""
    assert daybreak.__all__ == sorted(daybreak._HOMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """`hasattr` and tools rely on it."""
    assert not hasattr(daybreak, "Restorer")


def test_the_front_door_imports_nothing_by_itself() -> None:
    """A script that only wants one error class must not pay for boto3."""
    code = "import sys, daybreak; print(sorted(name for name in sys.modules if name.partition('.')[0] in {'boto3', 'pydantic', 'psycopg'}))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"

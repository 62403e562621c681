"""The examples in the docstrings of the pure floors are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

FLOORS = ("daybreak.model", "daybreak.plan", "daybreak.assess", "daybreak.report")


def module_names() -> list[str]:
    """Every module of the pure floors, found without importing it."""
    names = []
    for floor in FLOORS:
        package = importlib.import_module(floor)
        names += [module.name for module in pkgutil.walk_packages(package.__path__, f"{floor}.")]
    return names


@pytest.mark.parametrize("name", module_names())
def test_the_examples_are_true(name: str) -> None:
    """An example is read before the code and believed more."""
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert outcome.failed == 0

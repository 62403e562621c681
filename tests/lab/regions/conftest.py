"""The fixtures of `tests.lab.regions.fix_regions`, for the tests beside this file."""

from tests.lab.regions.fix_regions import own_lab, place

__all__ = ["own_lab", "place"]

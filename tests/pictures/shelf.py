"""Where the pictures of the documentation lie, and which there are."""

from __future__ import annotations

from pathlib import Path

from tests.pictures.pages import PICTURES

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"

RUN = "run"
NAMES = (*PICTURES, RUN)
"""Every picture, by the name of its file without the ending."""

MOST_BYTES = 250_000
"""A page of the documentation is opened over a bad line too."""

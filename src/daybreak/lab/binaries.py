"""The PostgreSQL programs of this machine, and the unprivileged account they run under."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Install:
    """One major version that can be run here; ``cache`` keeps what is made once for it (template, settings)."""

    major: int
    version: str
    bin: Path
    has_contrib: bool
    has_tls: bool
    origin: Literal["distribution", "wheel"]
    cache: Path


def installs(cache: Path) -> tuple[Install, ...]:
    """Every install the unprivileged account can run, oldest major first; one per major, the distribution's preferred."""
    raise NotImplementedError


def make_lab_folder(prefix: str = "daybreak-lab-") -> Path:
    """A fresh folder that servers can reach: also as root, where the ordinary temporary folders shut them out."""
    raise NotImplementedError

"""How far a load has come, as the run's folder has it: one file, whose last word is written whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Receipt:
    """What a load left behind; it is believed for the same load alone."""

    path: Path
    mark: str
    """What was loaded, and where; of another one the receipt says nothing."""

    @property
    def stage(self) -> str:
        """What was noted last: ``begun``, ``filled``, ``loaded``, or nothing."""
        with suppress(OSError, ValueError):
            stage, _, mark = self.path.read_text().partition(" ")
            return stage if mark == self.mark else ""
        return ""

    def note(self, stage: str) -> None:
        """Write that the load has come so far."""
        part = self.path.with_suffix(".part")
        part.write_text(f"{stage} {self.mark}")
        part.replace(self.path)

    def remove(self) -> None:
        """Take it back: what comes next begins anew."""
        self.path.unlink(missing_ok=True)

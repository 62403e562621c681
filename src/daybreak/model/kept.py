"""What a repository keeps, by name and digest: capsules, baselines and schema dumps."""

from __future__ import annotations

from typing import Literal

from daybreak.model.value import Instant, Value

KeptKind = Literal["capsule", "baseline", "schema"]
"""What a repository keeps."""


class Kept(Value):
    """One kept document: its kind, its target, the moment that it stands for, and its digest."""

    kind: KeptKind
    target: str
    stands_for: Instant
    sha256: str
    """Digest of its canonical JSON."""
    place: str = ""
    """Where it was read: the folder or the bucket and prefix."""

"""The matrix: each defect planted in a clone, validated through the product, and undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from daybreak.model.findings import Finding, Standing
from tests.defects.planted.how import Planted
from tests.defects.ward import Ward


@dataclass(frozen=True)
class Row:
    """What became of one defect."""

    defect: Planted
    findings: tuple[Finding, ...]
    took: float
    afterwards: tuple[Finding, ...] | None = None
    """What was found once the defect was undone; ``None`` where nobody asked."""

    @property
    def asked(self) -> tuple[Finding, ...]:
        """What the check that must find it said."""
        return self._of(self.findings)

    @property
    def is_found(self) -> bool:
        """Whether the check named for it calls the clone unfit."""
        return any(each.standing is Standing.UNFIT for each in self.asked)

    @property
    def is_undone(self) -> bool:
        """Whether the same check calls the clone fit again, so that it found the defect and not the harness's own work."""
        again = self._of(self.afterwards or ())
        return self.afterwards is None or (bool(again) and all(each.standing is Standing.FIT for each in again))

    @property
    def words(self) -> str:
        """What the check said, in short, before and after the defect was undone."""
        return "; undone: ".join(_words(each) for each in (self.asked, self._of(self.afterwards or ())) if each)

    def _of(self, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return tuple(each for each in findings if each.check == self.defect.check.name)


def _words(findings: tuple[Finding, ...]) -> str:
    finding = findings[0]
    return f"{finding.standing.value}: {finding.found}" + (f" ({finding.why})" if finding.why else "")


@contextmanager
def planted(ward: Ward, defect: Planted) -> Iterator[None]:
    """The clone with that defect for as long as the block lasts; undone in every case."""
    try:
        defect.plant(ward)
        yield
    finally:
        defect.undo(ward)
        if defect.spoils:
            ward.heal(defect.database)


def row_of(ward: Ward, defect: Planted, *, is_asked_again: bool = False) -> Row:
    """Plant one defect, ask at the depth that promises to find it, and undo it, whatever happened; then ask again if told to."""
    began = monotonic()
    with planted(ward, defect):
        findings = ward.validate(defect.change, defect.depth).findings
    afterwards = ward.validate(depth=defect.depth).findings if is_asked_again else None
    return Row(defect, findings, monotonic() - began, afterwards)

"""The matrix: each defect planted in a clone, validated through the product, and undone."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from daybreak.model.findings import Finding, Standing
from tests.defects.catalog import Planted
from tests.defects.ward import Ward


@dataclass(frozen=True)
class Row:
    """What became of one defect."""

    defect: Planted
    findings: tuple[Finding, ...]
    took: float

    @property
    def asked(self) -> tuple[Finding, ...]:
        """What the check that must find it said."""
        return tuple(each for each in self.findings if each.check == self.defect.check.name)

    @property
    def is_found(self) -> bool:
        """Whether the check named for it calls the clone unfit."""
        return any(each.standing is Standing.UNFIT for each in self.asked)

    @property
    def words(self) -> str:
        """What the check said, in short."""
        if not self.asked:
            return "the check was not asked"
        finding = self.asked[0]
        return f"{finding.standing.value}: {finding.found}" + (f" ({finding.why})" if finding.why else "")


def row_of(ward: Ward, defect: Planted) -> Row:
    """Plant one defect, ask, and undo it, whatever happened."""
    began = monotonic()
    try:
        defect.plant(ward)
        findings = ward.validate(defect.change).findings
    finally:
        defect.undo(ward)
        if defect.spoils:
            ward.heal()
    return Row(defect, findings, monotonic() - began)

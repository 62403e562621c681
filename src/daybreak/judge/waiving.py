"""Waivers: a person waives a check, and the finding says who and why.

The law: a waiver hides nothing. What was found stays beside it, and a check that is fit stays fit.
"""

from __future__ import annotations

from collections.abc import Iterable

from daybreak.model.checks import OWN, owners_check
from daybreak.model.findings import Finding, Standing
from daybreak.model.names import printable
from daybreak.model.targets import Waiver

_WAIVABLE = (Standing.UNFIT, Standing.UNKNOWN)


def waive(finding: Finding, waivers: Iterable[Waiver]) -> Finding:
    """The finding after the waivers were applied to it."""
    if finding.standing not in _WAIVABLE:
        return finding
    waiver = next((each for each in waivers if _check(each) == finding.check), None)
    if waiver is None:
        return finding
    was = finding.standing.value + (f", {finding.why}" if finding.why else "")
    why = f"{printable(waiver.by)}: {printable(waiver.why)} (it is {was})"
    return finding.model_copy(update={"standing": Standing.WAIVED, "why": why})


def _check(waiver: Waiver) -> str:
    """The check's name as a finding has it; the name of an owner's check is made printable."""
    is_own = waiver.check.startswith(OWN)
    return owners_check(waiver.check.removeprefix(OWN)).name if is_own else waiver.check

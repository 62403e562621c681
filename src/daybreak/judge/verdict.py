"""What findings add up to: fit, unfit or unknown, and the data loss that was measured.

The law: fit only when every check is fit or waived; no findings at all are unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

from daybreak.model.findings import Finding, Standing, Verdict


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The verdict: unfit when any check says so, else unknown when any could not tell, else fit; with every reason."""
    every = tuple(findings)
    if not every:
        return Verdict(standing=Standing.UNKNOWN, reasons=("nothing was checked",))
    bad = tuple(
        f"{each.title}: expected {each.expected}, found {each.found}"
        for each in every
        if each.standing is Standing.UNFIT
    )
    unknown = tuple(f"{each.title}: not known, {each.why}" for each in every if each.standing is Standing.UNKNOWN)
    standing = Standing.UNFIT if bad else Standing.UNKNOWN if unknown else Standing.FIT
    return Verdict(standing=standing, reasons=(*bad, *unknown))

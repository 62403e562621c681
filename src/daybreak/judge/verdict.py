"""The verdict that findings add up to: fit, unfit or unknown.

The law: fit only when every check is fit or waived. No findings at all are unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

from daybreak.model.findings import Finding, Reason, Standing, Verdict


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The verdict: unfit when any check is unfit, else unknown when any is unknown, else fit; with every reason."""
    every = tuple(findings)
    if not every:
        return Verdict(standing=Standing.UNKNOWN, reasons=(Reason(text="nothing was checked"),))
    bad = tuple(
        Reason(check=each.check, text=f"{each.title}: expected {each.expected}, found {each.found}")
        for each in every
        if each.standing is Standing.UNFIT
    )
    unknown = tuple(
        Reason(check=each.check, text=f"{each.title}: not known, {each.why}")
        for each in every
        if each.standing is Standing.UNKNOWN
    )
    standing = Standing.UNFIT if bad else Standing.UNKNOWN if unknown else Standing.FIT
    return Verdict(standing=standing, reasons=(*bad, *unknown))

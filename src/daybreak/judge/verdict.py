"""The verdict that findings add up to: fit, unfit or unknown, within what was asked.

The law: fit only when nothing that was asked is unfit or unknown, and something was asked. What was left out, waived or beyond
anybody's reach is named beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daybreak.model.actions import Validate
from daybreak.model.findings import Finding, Reason, Standing, Verdict
from daybreak.model.moment import span_in_words
from daybreak.model.names import comma_list, printable

WHOLE = 100
"""Percent of the tables: a sample of all of them is none."""

MOST_NAMES = 3
"""The most lines of one check that a reason names."""


def verdict_of(findings: Iterable[Finding], scope: str = "") -> Verdict:
    """The verdict: unfit when any check is unfit, else unknown when any is unknown, else fit within ``scope``."""
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
    if not any(each.standing.is_answer for each in every):
        unknown = (*unknown, Reason(text="every check was left out or waived, so nothing was asked"))
    return Verdict(
        standing=Standing.UNFIT if bad else Standing.UNKNOWN if unknown else Standing.FIT,
        reasons=(*bad, *unknown),
        scope=scope,
        not_asked=tuple(_without_answer(every, (Standing.WAIVED, Standing.LEFT_OUT))),
        beyond=tuple(_without_answer(every, _BEYOND)),
    )


_BEYOND = (Standing.BEYOND,)


def _without_answer(findings: tuple[Finding, ...], standings: tuple[Standing, ...]) -> Iterator[Reason]:
    """One reason for each check that has one of these standings, or lines that do."""
    for finding in findings:
        if finding.standing in standings:
            yield Reason(check=finding.check, text=f"{finding.title}: {finding.why}")
            continue
        by_why: dict[str, list[str]] = {}
        for line in finding.details:
            if line.standing in standings:
                by_why.setdefault(line.why, []).append(line.full)
        for why, names in by_why.items():
            told = comma_list(names, MOST_NAMES) + (f" ({why})" if why else "")
            # What nobody can read is no gap in the check, so it is named without the check's title.
            yield Reason(check=finding.check, text=told if standings == _BEYOND else f"{finding.title}: {told}")


def scope_of(action: Validate) -> str:
    """What a validation asks about, in words: its depth, the part of the tables that it reads through, a limit to databases.

    >>> from daybreak.model.thoroughness import Thoroughness
    >>> scope_of(Validate.model_construct(thoroughness=Thoroughness(depth="full", sample=10), only=("app",)))
    'full depth, 10 % of the tables read through, database app alone'
    """
    how = action.thoroughness
    sample = f", {how.sample} % of the tables read through" if how.sample < WHOLE else ""
    names = comma_list([printable(name) for name in action.only])
    alone = f", {'database' if len(action.only) == 1 else 'databases'} {names} alone" if names else ""
    within = f" (of the rows what fits into {span_in_words(how.within)})" if how.within else ""
    return f"{how.depth} depth{within}{sample}{alone}"

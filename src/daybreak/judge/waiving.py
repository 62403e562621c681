"""Waivers: a person waives a check, and the finding says who and why.

The law: a waiver hides nothing. What was found stays beside it, and a check that is fit stays fit.
"""

from __future__ import annotations

from collections.abc import Iterable

from daybreak.model.checks import OWN, owners_check
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list, printable
from daybreak.model.targets import Waiver

_WAIVABLE = (Standing.UNFIT, Standing.UNKNOWN)


def waive(finding: Finding, waivers: Iterable[Waiver]) -> Finding:
    """The finding after the waivers were applied to it: that of the whole check, else those of single tables."""
    mine = [each for each in waivers if _check(each) == finding.check]
    if finding.standing not in _WAIVABLE or not mine:
        return finding
    whole = next((each for each in mine if each.table is None), None)
    if whole is not None:
        return finding.model_copy(update={"standing": Standing.WAIVED, "why": _why(whole, finding)})
    return _without_tables(finding, mine)


def _without_tables(finding: Finding, waivers: list[Waiver]) -> Finding:
    """The finding with the lines of these tables waived. It stands as its other lines say; without any it is waived."""
    lines = tuple(_waive_line(line, waivers) for line in finding.details)
    left = [line for line in lines if line.standing in _WAIVABLE]
    if lines == finding.details:
        return finding
    changes: dict[str, object] = {"details": lines}
    if not finding.is_by_lines:
        # A reason that stands in the sentence alone would be acquitted with the lines.
        return finding.model_copy(update=changes)
    if not left:
        told = [line.why for line in lines if line.standing is Standing.WAIVED]
        changes |= {"standing": Standing.WAIVED, "why": comma_list(list(dict.fromkeys(told)), most=3)}
    elif all(line.standing is Standing.UNKNOWN for line in left):
        why = comma_list([f"{line.full}: {line.why}" for line in left], most=3)
        changes |= {"standing": Standing.UNKNOWN, "why": why}
    return finding.model_copy(update=changes)


def _waive_line(line: Detail, waivers: list[Waiver]) -> Detail:
    waiver = next((each for each in waivers if _is_of(line.name, printable(each.table or ""))), None)
    if waiver is None or line.standing not in _WAIVABLE:
        return line
    return line.model_copy(update={"standing": Standing.WAIVED, "why": _why(waiver, line)})


def _is_of(name: str, table: str) -> bool:
    """Whether a line is about a table: its own name, or that of a part of it (an index, a column, a key).

    >>> _is_of("public.orders.orders_pkey", "public.orders"), _is_of("public.orders_old", "public.orders")
    (True, False)
    """
    return name == table or name.startswith((f"{table}.", f"{table}:", f"{table} "))


def _why(waiver: Waiver, found: Finding | Detail) -> str:
    was = found.standing.value + (f", {found.why}" if found.why else "")
    return f"{printable(waiver.by)}: {printable(waiver.why)} (it is {was})"


def _check(waiver: Waiver) -> str:
    """The check's name as a finding has it; the name of an owner's check is made printable."""
    is_own = waiver.check.startswith(OWN)
    return owners_check(waiver.check.removeprefix(OWN)).name if is_own else waiver.check

"""Parity: the clone's configuration against its source's.

The law: what is compared, and how much of AWS's answer that is, follows from ``model.members``. A difference is permitted only
with its reason. What nobody recorded of the source is named and judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from daybreak.judge.details import NO_SOURCE, Sum, decide, line, unknown
from daybreak.model import checks, members
from daybreak.model.checks import Asked, Check
from daybreak.model.findings import Detail, Finding
from daybreak.model.names import comma_list, instance_name, printable
from daybreak.model.tags import is_inherited
from daybreak.model.value import Span
from daybreak.model.world import AWS_OWNED, Cluster, Domain, Instance, Role, ServerlessRange, writer_first

_ANYTHING_PENDING = "has_pending_changes"

_NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class _Row:
    """One field: what the source has, what the clone has, and why they may differ."""

    name: str
    had: str
    has: str
    reason: str | None = None
    is_untold: bool = False
    """Whether AWS says nothing of it for the clone, though it did for the source."""

    @property
    def is_same(self) -> bool:
        return self.had == self.has

    @property
    def is_recorded(self) -> bool:
        return self.had != _NOT_RECORDED


COUNT = "instance.count"
"""The key under which fewer or more instances than the source's are permitted."""


def cluster_parity(source: Cluster | None, clone: Cluster, permitted: Mapping[str, str]) -> Finding:
    """The clone has the source's configuration, apart from the intended differences."""
    check, asked = checks.CLUSTER_PARITY, Asked("rds:DescribeDBClusters")
    if source is None:
        return check.unknown("the source's configuration", NO_SOURCE, asked)
    rows = [
        replace(row, reason=permitted.get(row.name) or _excuse(row)) for row in _rows(source, clone, members.CLUSTER)
    ]
    expected = members.sum_of(members.CLUSTER, (row.name for row in rows if not row.is_recorded))
    rows += [
        _Row("parameters", "in sync", f"{member.identifier} {member.parameter_group_status}")
        for member in clone.members
        if member.parameter_group_status not in (None, "in-sync")
    ]
    return _finding(check, rows, expected, asked)


def _excuse(row: _Row) -> str | None:
    """Why a difference that AWS makes by itself is no loss."""
    is_gain = (row.name, row.had, row.has) == ("is_encrypted", "none", AWS_OWNED)
    return "AWS encrypts under its own key what it makes now" if is_gain else None


def instance_parity(
    source: Cluster | None, seen: tuple[Instance, ...], clone: tuple[Instance, ...], permitted: Mapping[str, str]
) -> Finding:
    """The clone has an instance for each of the source's, configured alike; they are numbered writer first."""
    check, asked = checks.INSTANCE_PARITY, Asked("rds:DescribeDBInstances")
    if source is None or not seen:
        why = NO_SOURCE if source is None else "no instance of the source was seen"
        return check.unknown("the source's instances", why, asked)
    there = {instance.identifier.lower(): instance for instance in clone}
    rows: list[_Row] = []
    for origin, name in pair_instances(source, seen, clone).items():
        found = there.pop(name.lower(), None)
        rows += _instance(name, seen, origin, found, permitted)
    count = permitted.get(COUNT)
    rows += [_Row(name, "no such instance", extra.instance_class, count) for name, extra in there.items()]
    unrecorded = {name for name in members.RECORDED if all(getattr(each, name, "") is None for each in seen)}
    expected = f"{len(seen)} instances, of each {members.sum_of(members.INSTANCE, unrecorded)}"
    return _finding(check, rows, expected, asked)


def pair_instances(source: Cluster, seen: tuple[Instance, ...], clone: tuple[Instance, ...]) -> dict[str, str]:
    """The name that each of the source's instances has in the clone: numbered, the writer first."""
    cluster = next((instance.cluster for instance in clone if instance.cluster), "")
    ordered = writer_first(source, seen)
    return {origin.identifier: instance_name(cluster, number) for number, origin in enumerate(ordered, start=1)}


def _instance(
    name: str, seen: tuple[Instance, ...], identifier: str, found: Instance | None, permitted: Mapping[str, str]
) -> list[_Row]:
    origin = next(each for each in seen if each.identifier == identifier)
    if found is None:
        reason = permitted.get(members.of_instance(name, "count")) or permitted.get(COUNT)
        return [_Row(name, origin.instance_class, "missing", reason)]
    rows = [
        replace(row, name=f"{name} {row.name}", reason=reason_for_instance(name, row.name, permitted))
        for row in _rows(origin, found, members.INSTANCE)
    ]
    if found.parameter_group_status not in (None, "in-sync"):
        rows.append(_Row(f"{name} parameters", "in sync", found.parameter_group_status))
    return rows


def _finding(check: Check, rows: list[_Row], expected: str, asked: Asked) -> Finding:
    lines = [_line(row) for row in rows]
    reasons = [f"{row.name} differs ({row.reason})" for row in rows if row.is_recorded and _why(row)]
    found = "the same" + (f", but as planned {comma_list(reasons)}" if reasons else "")
    if unrecorded := [row.name for row in rows if not row.is_recorded]:
        found += f"; not recorded at the source: {comma_list(unrecorded)}"
    return decide(check, lines, Sum(expected, found, asked))


def _line(row: _Row) -> Detail:
    if not row.is_recorded:
        return line(row.name, row.had, row.has, is_fit=True, why="nobody recorded what the source had")
    if row.is_untold and row.reason is None:
        return unknown(row.name, row.had, "AWS does not say it of the clone", row.has)
    return line(row.name, row.had, row.has, is_fit=row.is_same or row.reason is not None, why=_why(row))


def _why(row: _Row) -> str:
    return "" if row.is_same else row.reason or ""


def reason_for_instance(name: str, field: str, permitted: Mapping[str, str]) -> str | None:
    """Why a field of an instance may differ: for that instance, or for all. A bare name that clusters have too means theirs."""
    of_all = permitted.get(f"instance.{field}") or (None if field in Cluster.model_fields else permitted.get(field))
    return permitted.get(members.of_instance(name, field)) or of_all


def _rows(source: Cluster | Instance, clone: Cluster | Instance, table: dict[str, members.Row]) -> list[_Row]:
    """The rows of all fields that are compared, in words, as source and clone have them."""
    return [_row(name, source, clone) for name in members.fields_of(table)]


def _row(name: str, source: Cluster | Instance, clone: Cluster | Instance) -> _Row:
    had, has = _comparable(name, source), _comparable(name, clone)
    if name in members.RECORDED and had is None:
        return _Row(name, _NOT_RECORDED, _NOT_RECORDED if has is None else _show(has))
    if name in members.RECORDED and has is None:
        # AWS leaves out much of what is off.
        is_off = had in (False, [], "off")
        return _Row(name, _show(had), _show(had) if is_off else "no word", is_untold=not is_off)
    if name == _ANYTHING_PENDING:
        # What waits at the source is no matter here; the clone must not be waiting for anything.
        had = False
    if name == "tags":
        has = {key: value for key, value in has.items() if key in had}
    if isinstance(had, ServerlessRange) and isinstance(has, ServerlessRange) and had.seconds_until_pause is None:
        # AWS says it only of a range that begins at 0, and older records leave it out.
        has = has.model_copy(update={"seconds_until_pause": None})
    shown_had, shown_has = _show(had), _show(has)
    if had != has and shown_had == shown_has:
        shown_has += " (otherwise)"
    return _Row(name, shown_had, shown_has)


def _comparable(name: str, whole: Cluster | Instance) -> Any:
    """A field in a form in which order, case and an earlier run's tags make no difference."""
    value = getattr(whole, name)
    if name == "is_encrypted" and isinstance(whole, Cluster):
        return whole.encryption_kind
    if name == "tags":
        return {key: text for key, text in value.items() if is_inherited(key)}
    if name == "roles":
        return sorted(f"{role.arn} {role.feature or ''}".strip() for role in value if isinstance(role, Role))
    if name == "domains" and value is not None:
        return sorted(_domain(each) for each in value)
    if name.endswith("_window") and value is not None:
        return value.lower()
    if name == "master_secret":
        # The secret differs even when both are managed; only its presence matters.
        return value is not None
    return sorted(value) if isinstance(value, tuple) else value


def _domain(domain: Domain) -> str:
    """A domain as it is compared: its status counts only where the joining failed."""
    words = f"{domain.directory} {domain.role or ''}".strip()
    return f"{words} (failed)" if domain.status == "failed" else words


def _show(value: Any) -> str:
    match value:
        case None | [] | {}:
            return "none"
        case bool():
            return "yes" if value else "no"
        case Span():
            return f"{value.days} days"
        case ServerlessRange():
            pause = value.seconds_until_pause
            return f"{value.low:g} to {value.high:g} ACUs" + (f", pausing after {pause} s" if pause else "")
        case list():
            return printable(", ".join(value))
        case dict():
            return printable(", ".join(f"{key}={text}" for key, text in value.items()))
        case _:
            return printable(str(value))

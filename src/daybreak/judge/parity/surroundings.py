"""Parity of what stands around a cluster: the values of its parameters, its endpoints, its autoscaling, its proxies.

The law: autoscaling and proxies use the source's name. While a clone is in quarantine nothing may lead to it, so they stay
where they are, and that is reported. After quarantine, whatever does not lead to the clone is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from daybreak.judge.details import NO_SOURCE, Sum, decide, line, unknown
from daybreak.model import checks
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.members import endpoint_leads
from daybreak.model.names import printable
from daybreak.model.world import ParameterGroup, Surroundings

_UNSET = "the default"
_UNTIL_CUTOVER = "it leads to the source by name, and nothing leads to a clone in quarantine until cutover"


@dataclass(frozen=True)
class Allowances:
    """What may differ: the parameters of quarantine, what the plan permits, and the names of the clone's instances."""

    quarantine: Mapping[str, str] = field(default_factory=dict)
    permitted: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """The clone's name for each of the source's instances, also of those that a smaller clone lacks."""
    there: frozenset[str] = frozenset()
    """The clone's instances."""

    def names_in_clone(self, members: tuple[str, ...]) -> tuple[str, ...]:
        """The clone's names for these instances of the source."""
        return tuple(self.names.get(each, each) for each in members)


def parameter_parity(seen: Surroundings | None, around: Surroundings, circumstances: Allowances) -> Finding:
    """Every parameter that a person set has the source's value in the clone, except the quarantine's own."""
    check, asked = checks.PARAMETER_PARITY, Asked("rds:DescribeDBClusterParameters; rds:DescribeDBParameters")
    expected = "the source's values, and the quarantine's"
    if seen is None:
        return check.unknown(expected, NO_SOURCE, asked)
    lines = [*_cluster_group(seen, around, circumstances), *_instance_groups(seen, around)]
    same = sum(each.expected == each.found for each in lines)
    meant = sum(each.expected != each.found for each in lines)
    return decide(check, lines, Sum(expected, f"{same} set as at the source, {meant} by the quarantine", asked))


def _cluster_group(seen: Surroundings, around: Surroundings, circumstances: Allowances) -> list[Detail]:
    if seen.parameter_group is None or around.parameter_group is None:
        lacking = seen if seen.parameter_group is None else around
        whose = "the source's" if lacking is seen else "the clone's"
        why = lacking.why_unseen("parameter_group") or f"{whose} parameter group was not seen"
        return [unknown("cluster parameter group", "the source's values", why)]
    lines = _values(seen.parameter_group, around.parameter_group, circumstances.quarantine)
    reason = circumstances.permitted.get("parameters")
    return [_permit(each, reason) for each in lines] if reason else lines


def _permit(row: Detail, reason: str) -> Detail:
    """The row, marked as one that may differ; a row that is fit by itself keeps its own reason."""
    if row.standing is Standing.FIT:
        return row
    return row.model_copy(update={"standing": Standing.FIT, "why": reason})


def _instance_groups(seen: Surroundings, around: Surroundings) -> list[Detail]:
    """The lines for instance groups. Instances share the source's own groups, so only later changes in one can differ."""
    if why := seen.why_unseen("instance_parameter_groups") or around.why_unseen("instance_parameter_groups"):
        return [unknown("instance parameter groups", "the source's values", why)]
    now = {group.name: group for group in around.instance_parameter_groups}
    lines = []
    for group in seen.instance_parameter_groups:
        if group.name in now:
            lines += [
                each.model_copy(update={"name": f"{printable(group.name)} {each.name}"})
                for each in _values(group, now[group.name], {})
            ]
    return lines


def _values(source: ParameterGroup, clone: ParameterGroup, quarantine: Mapping[str, str]) -> list[Detail]:
    had = {name.lower(): value for name, value in source.parameters.items()}
    has = {name.lower(): value for name, value in clone.parameters.items()}
    held = {name.lower(): value for name, value in quarantine.items()}
    lines = []
    for name in sorted({*had, *has}):
        before, now = had.get(name, _UNSET), has.get(name, _UNSET)
        is_held = name in held and now == held[name] and before != now
        why = "quarantine, until it is lifted" if is_held else ""
        lines.append(line(name, printable(before), printable(now), is_fit=is_held or before == now, why=why))
    return lines


def surroundings_parity(seen: Surroundings | None, around: Surroundings, circumstances: Allowances) -> Finding:
    """The clone has the source's custom endpoints; autoscaling and proxies lead to it once quarantine is over."""
    check = checks.SURROUNDINGS_PARITY
    asked = Asked(
        "rds:DescribeDBClusterEndpoints; rds:DescribeDBProxyTargets; application-autoscaling:DescribeScalableTargets"
    )
    expected = "the source's custom endpoints, autoscaling and proxies"
    if seen is None:
        return check.unknown(expected, NO_SOURCE, asked)
    lines = [
        *_endpoints(seen, around, circumstances),
        *_scaling(seen, around, circumstances),
        *_proxies(seen, around, circumstances),
    ]
    meant = sum(bool(each.why) for each in lines)
    found = (
        f"{len(lines) - meant} the same, {meant} not carried over yet" if lines else "there are none, as at the source"
    )
    return decide(check, lines, Sum(expected, found, asked))


def _lines_of_unseen(what: str, seen: Surroundings, around: Surroundings) -> list[Detail]:
    why = seen.why_unseen(what) or around.why_unseen(what)
    return [unknown(what, "the source's", why)] if why else []


def _endpoints(seen: Surroundings, around: Surroundings, circumstances: Allowances) -> list[Detail]:
    """The lines for custom endpoints. Their names always differ; what counts is their kind and where they lead."""
    if dark := _lines_of_unseen("endpoints", seen, around):
        return dark
    has = Counter(endpoint_leads(each.kind, each.static_members, each.excluded_members) for each in around.endpoints)
    lines = []
    for endpoint in seen.endpoints:
        static, excluded = map(circumstances.names_in_clone, (endpoint.static_members, endpoint.excluded_members))
        wanted = endpoint_leads(endpoint.kind, static, excluded)
        name = f"custom endpoint {endpoint.identifier}"
        if has[wanted] > 0:
            has[wanted] -= 1
            lines.append(line(name, wanted, wanted, is_fit=True))
            continue
        # An endpoint that names only instances that the clone lacks cannot be made there.
        cannot_be = not {*static, *excluded} <= circumstances.there
        permitted = circumstances.permitted
        reason = permitted.get(wanted) or (permitted.get("endpoints") if cannot_be else None)
        lines.append(line(name, wanted, "missing", is_fit=reason is not None, why=reason or ""))
    lines += [line("custom endpoint", "no such endpoint", extra, is_fit=False) for extra in has.elements()]
    return lines


def _scaling(seen: Surroundings, around: Surroundings, circumstances: Allowances) -> list[Detail]:
    if dark := _lines_of_unseen("scaling", seen, around):
        return dark
    if seen.scaling is None:
        return []
    had = f"{seen.scaling.low} to {seen.scaling.high} readers, {len(seen.scaling.policies)} policies"
    if around.scaling is None:
        reason = _reason("scaling", circumstances)
        return [line("autoscaling", had, "none", is_fit=reason is not None, why=reason or "")]
    has = f"{around.scaling.low} to {around.scaling.high} readers, {len(around.scaling.policies)} policies"
    is_same = seen.scaling == around.scaling
    return [line("autoscaling", had, has if is_same or had != has else f"{has}, but others", is_fit=is_same)]


def _proxies(seen: Surroundings, around: Surroundings, circumstances: Allowances) -> list[Detail]:
    if dark := _lines_of_unseen("proxies", seen, around):
        return dark
    has = {(each.proxy, each.target_group) for each in around.proxies}
    reason = _reason("proxies", circumstances)
    lines = []
    for each in seen.proxies:
        leads = (each.proxy, each.target_group) in has
        why = "" if leads else reason or ""
        found = "leads to it" if leads else "leads elsewhere"
        lines.append(line(f"proxy {each.proxy}", "leads to it", found, is_fit=leads or reason is not None, why=why))
    return lines


def _reason(what: str, circumstances: Allowances) -> str | None:
    return circumstances.permitted.get(what) or (_UNTIL_CUTOVER if circumstances.quarantine else None)

"""The security groups of a clone: the source's, with unchanged rules, none of them the default one or open to the world.

The law: a rule that cannot be read counts as one that opens every port to everyone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from daybreak.judge.details import NO_SOURCE, Sum, decide, line, unknown
from daybreak.model import checks
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding
from daybreak.model.names import comma_list, printable
from daybreak.model.world import Cluster, SecurityGroup, Surroundings

_WORLD = frozenset({"0.0.0.0/0", "::/0"})
_RULE = re.compile(r"(?P<protocol>\S+)(?: (?P<low>-?\d+)(?:-(?P<high>-?\d+))?)? from (?P<who>.+)")
_DEFAULT = "default"


def security_groups(
    source: Cluster | None,
    clone: Cluster,
    *,
    seen: Surroundings | None,
    around: Surroundings,
    permitted: Mapping[str, str],
) -> Finding:
    """The clone can be reached from where the source could; ``seen`` is what stood around the source, ``around`` the clone now."""
    check, asked = checks.SECURITY_GROUPS, Asked("rds:DescribeDBClusters; ec2:DescribeSecurityGroups")
    expected = "the source's groups with their rules; no default group, nothing open to the world"
    known = {group.identifier: group for group in around.security_groups}
    lines = [*_same_groups(source, clone, permitted.get("security_groups"))]
    for identifier in clone.security_groups:
        group = known.get(identifier)
        if group is None:
            why = around.why_unseen("security_groups") or "AWS did not show this group's rules"
            lines.append(unknown(f"{identifier} rules", "no default group, nothing open to the world", why))
        else:
            lines += _of_one(group, clone.port)
            lines += _as_they_were(group, seen)
    words = comma_list([f"{known[each].name} ({each})" if each in known else each for each in clone.security_groups])
    return decide(check, lines, Sum(expected, words or "no group", asked))


def _same_groups(source: Cluster | None, clone: Cluster, reason: str | None) -> list[Detail]:
    if not clone.security_groups:
        return [line("groups", "at least one", "none", is_fit=False)]
    found = ", ".join(sorted(clone.security_groups))
    if source is None:
        if reason is not None:
            return [line("groups", "as configured", found, is_fit=True, why=reason)]
        return [unknown("groups", "the source's", NO_SOURCE, found)]
    had = ", ".join(sorted(source.security_groups))
    is_same = had == found
    return [line("groups", had, found, is_fit=is_same or reason is not None, why="" if is_same else reason or "")]


def _of_one(group: SecurityGroup, port: int) -> list[Detail]:
    """The lines for what is wrong with a group by itself."""
    lines = []
    if group.name == _DEFAULT:
        lines.append(
            line(f"{group.identifier} name", "a group of its own", "the network's default group", is_fit=False)
        )
    lines += [
        line(f"{group.identifier} rule", "nothing open to the world", printable(rule), is_fit=False)
        for rule in group.rules
        if is_open(rule, port)
    ]
    return lines


def is_open(rule: str, port: int) -> bool:
    """Whether a rule opens a port to the whole world.

    >>> is_open("tcp 5432-5432 from 0.0.0.0/0", 5432), is_open("tcp 443-443 from 0.0.0.0/0", 5432), is_open("-1 from ::/0", 1)
    (True, False, True)
    """
    parts = _RULE.fullmatch(rule)
    if parts is None:
        return any(world in rule for world in _WORLD)
    if parts["who"].strip() not in _WORLD or parts["protocol"].lower() in ("udp", "17", "icmp", "icmpv6", "1", "58"):
        return False
    if parts["low"] is None:
        return True
    low, high = int(parts["low"]), int(parts["high"] or parts["low"])
    return low <= port <= high or low < 0


def _as_they_were(group: SecurityGroup, seen: Surroundings | None) -> list[Detail]:
    """The rules that came or went since the source was looked at; a group that was not seen then has nothing to differ from."""
    before = (
        next((each for each in seen.security_groups if each.identifier == group.identifier), None) if seen else None
    )
    if before is None:
        return []
    name = f"{group.identifier} rule"
    gone = [line(name, printable(rule), "gone", is_fit=False) for rule in before.rules if rule not in group.rules]
    came = [
        line(name, "no such rule", printable(rule), is_fit=False) for rule in group.rules if rule not in before.rules
    ]
    return gone + came

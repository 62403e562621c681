"""What speaks against letting a proxy lead to a clone, from what was seen of both. Pure.

The law: whatever AWS would refuse in the gap, or would show as an unavailable target there, is said before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from daybreak.model.destinations import NO_CLUSTER, ProxySeen, Whereto
from daybreak.model.names import comma_list
from daybreak.model.world import Cluster, Instance, SecurityGroup

REGISTRABLE = frozenset({"available", "modifying", "backing-up"})
"""The statuses of an instance in which AWS registers its cluster; it names them when it refuses (FACTS 4.12)."""

SERVING = frozenset({"available", "modifying"})
"""The statuses of a proxy in which its targets can be changed."""

_RULE = re.compile(r"(?P<protocol>\S+)(?: (?P<low>\d+)-(?P<high>\d+))? from (?P<source>\S+)", re.ASCII)
_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


def whereto_of(seen: ProxySeen, source: Cluster | None, clone: Cluster | None) -> Whereto:
    """Where a proxy leads."""
    if seen.state == NO_CLUSTER:
        return "nowhere"
    sides: tuple[tuple[Whereto, Cluster | None], ...] = (("source", source), ("clone", clone))
    return next(
        (side for side, each in sides if each is not None and each.identifier.lower() == seen.state), "elsewhere"
    )


def words_on_region(region: str, clone: Cluster) -> str | None:
    """Why a proxy of a region never leads to the clone; ``None`` where the clone is in it."""
    home = clone.arn.split(":")[3]
    if home == region:
        return None
    return f"is in {region}, and the clone in {home}: a proxy leads only to a cluster of its own region"


def problem_of(
    seen: ProxySeen,
    clone: Cluster,
    instances: Iterable[Instance],
    groups: Iterable[SecurityGroup],
    *,
    is_like_source: bool,
) -> str | None:
    """The first of all that speaks against the clone as a proxy's target: the end of a sentence that begins with the proxy's name.

    ``groups`` are the clone's security groups as far as they could be seen; ``is_like_source`` says that the source, to which the
    proxy leads, has the same.
    """
    return next(_problems(seen, clone, tuple(instances), tuple(groups), is_like_source=is_like_source), None)


def _problems(
    seen: ProxySeen,
    clone: Cluster,
    instances: tuple[Instance, ...],
    groups: tuple[SecurityGroup, ...],
    *,
    is_like_source: bool,
) -> Iterator[str]:
    vpcs = {each.vpc for each in groups if each.vpc}
    if seen.vpc and vpcs - {seen.vpc}:
        yield f"is in {seen.vpc}, and the clone in {comma_list(sorted(vpcs))}: a proxy leads only to a cluster of its own VPC"
    if not instances:
        yield "would lead to a clone without an instance"
    for each in instances:
        if each.status not in REGISTRABLE:
            yield f"is not let lead to the clone while AWS calls {each.identifier} {each.status}"
    if not is_like_source and not any(map(_lets_in(seen, clone.port), groups)):
        theirs, own = comma_list(sorted(clone.security_groups)), comma_list(sorted(seen.security_groups))
        yield f"does not reach the clone: its security groups ({own}) are let in at port {clone.port} by none of the clone's ({theirs})"


def _lets_in(seen: ProxySeen, port: int) -> Callable[[SecurityGroup], bool]:
    """Whether a group lets the proxy's in at a port. A range of addresses is taken to hold the proxy only where it holds everybody."""

    def is_open(group: SecurityGroup) -> bool:
        for rule in filter(None, map(_RULE.fullmatch, group.rules)):
            is_of_tcp = rule["protocol"] in ("tcp", "all")
            is_of_port = rule["low"] is None or int(rule["low"]) <= port <= int(rule["high"])
            if is_of_tcp and is_of_port and rule["source"] in {*seen.security_groups, *_EVERYWHERE}:
                return True
        return False

    return is_open

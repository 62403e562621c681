"""Whether the parameter groups of a clone are those that it should have, and in force.

The law: what the console shows and what runs can differ; only ``in-sync`` means that they are the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from daybreak.judge.details import Sum, decide, line, unknown
from daybreak.judge.parity.configuration import reason_for_instance
from daybreak.model import checks
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding
from daybreak.model.names import printable
from daybreak.model.world import Cluster, Instance

_IN_SYNC = "in-sync"
_DEFAULT = "default."


def parameters(
    source: Cluster | None,
    seen: Mapping[str, Instance],
    clone: Cluster,
    instances: tuple[Instance, ...],
    permitted: Mapping[str, str],
) -> Finding:
    """No group is the default one where the source's is not, each is in sync, and nothing waits for a reboot.

    ``seen`` holds the source's instances by the name that each has in the clone; ``permitted`` are the intended differences.
    """
    check, asked = checks.PARAMETERS, Asked("rds:DescribeDBClusters; rds:DescribeDBInstances")
    expected = "groups of the source's kind, in sync, nothing waiting for a reboot"
    lines = [*_group("cluster", source.parameter_group if source else None, clone.parameter_group)]
    lines += [_status(f"{each.identifier} cluster parameters", each.parameter_group_status) for each in clone.members]
    lines.append(_changes_waiting("cluster", is_pending=clone.has_pending_changes))
    for each in instances:
        origin = seen.get(each.identifier)
        why = reason_for_instance(each.identifier, "parameter_group", permitted) or ""
        lines += _group(each.identifier, origin.parameter_group if origin else None, each.parameter_group, why)
        lines.append(_status(f"{each.identifier} parameters", each.parameter_group_status))
        lines.append(_changes_waiting(each.identifier, is_pending=each.has_pending_changes))
    if not clone.members and not instances:
        lines.append(unknown("instances", "in sync", "the clone has no instance that could show what is in force"))
    return decide(check, lines, Sum(expected, f"in sync at {len(instances)} instances", asked))


def _group(whose: str, had: str | None, has: str | None, why: str = "") -> list[Detail]:
    """Whether a group of its own was replaced by the default one, which holds none of the source's values; ``why`` permits it."""
    if had is None or had.startswith(_DEFAULT) or has is None:
        return []
    name = printable(has)
    is_own = not has.startswith(_DEFAULT)
    return [
        line(
            f"{whose} parameter group",
            "a group of its own",
            name,
            is_fit=is_own or bool(why),
            why="" if is_own else why,
        )
    ]


def _status(name: str, status: str | None) -> Detail:
    if status is None:
        return unknown(name, _IN_SYNC, "AWS does not say")
    return line(name, _IN_SYNC, printable(status), is_fit=status == _IN_SYNC)


def _changes_waiting(whose: str, *, is_pending: bool) -> Detail:
    return line(
        f"{whose} changes", "none waiting", "some waiting" if is_pending else "none waiting", is_fit=not is_pending
    )

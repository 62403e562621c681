"""Look at a proxy through which applications reach the database: where it leads, and what keeps it from leading to the clone.

The law: what a secret holds stays in the function that read it; only whether it names a user comes out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from daybreak.aws.faults import AwsFault
from daybreak.model.destinations import DestinationSeen, ProxyDestination, ProxySeen, Whereto
from daybreak.model.names import comma_list
from daybreak.model.world import Cluster
from daybreak.observe.look import GONE, AwsReads, Lookout
from daybreak.plan.operations import aws_call
from daybreak.plan.proxies import SERVING, problem_of, whereto_of, words_on_region

_PASSWORDS = (
    "it logs in with the passwords of its secrets: one that was changed since the restored moment is not the clone's"
)


def look_at_proxy(
    destination: ProxyDestination, aws: AwsReads, region: str, clusters: Mapping[Whereto, Cluster]
) -> DestinationSeen:
    """A proxy as it is now. What keeps it from the clone is asked only while it leads to the source: back, it was there before."""
    lookout = Lookout(aws)
    seen = lookout.proxy(destination.name, destination.group)
    if seen is None:
        unknown = f"is not known to AWS in {region}, or has no target group {destination.group}"
        return DestinationSeen(destination=destination, region=region, unfit=unknown)
    source, clone = clusters.get("source"), clusters.get("clone")
    points_at = whereto_of(seen, source, clone)
    unfit = None if seen.status in SERVING else f"is {seen.status}"
    if clone is not None and (lost := words_on_region(region, clone)) is not None:
        return DestinationSeen(destination=destination, region=region, points_at=points_at, facts=seen, lost=lost)
    # Beside a clone in another region than the source's, a proxy has led nowhere so far.
    is_beside = source is not None and words_on_region(region, source) is not None
    is_before = points_at == "source" or (points_at == "nowhere" and is_beside)
    if unfit is None and is_before and source is not None and clone is not None:
        unfit = _problem_at_clone(lookout, seen, source, clone) or _login_problem(aws, seen, region)
    return DestinationSeen(
        destination=destination,
        region=region,
        points_at=points_at,
        facts=seen,
        unfit=unfit,
        notes=(_PASSWORDS,) if seen.secrets else (),
    )


def _problem_at_clone(lookout: Lookout, seen: ProxySeen, source: Cluster, clone: Cluster) -> str | None:
    """What speaks against the clone as its target. Security groups that nobody may see are named, and no reach is claimed."""
    try:
        groups = lookout.security_groups(clone.security_groups)
    except AwsFault as fault:
        if fault.trouble.category in GONE:
            raise
        return f"may not reach the clone: the security groups of both cannot be compared: {fault.message}"
    is_alike = set(source.security_groups) <= set(clone.security_groups) and source.port == clone.port
    # Where the source is out of the proxy's reach by now, likeness to it says nothing.
    is_served = any(each.health == "AVAILABLE" for each in seen.instances_of(source.identifier))
    inside = lookout.inside(clone)
    return problem_of(seen, clone, inside, groups, is_like_source=is_alike and is_served)


def _login_problem(aws: AwsReads, seen: ProxySeen, region: str) -> str | None:
    if seen.has_iam_auth or seen.users:
        return None
    if not seen.secrets:
        return "has no secret to log in with"
    unknown = [arn for arn in seen.secrets if not _names_user(aws, arn, region)]
    return f"logs in with {comma_list(unknown)}, and nobody can read there as whom" if unknown else None


def _names_user(aws: AwsReads, secret: str, region: str) -> bool:
    try:
        answer = aws.read(aws_call("secretsmanager", "GetSecretValue", {"SecretId": secret}, region))
        held = json.loads(answer.get("SecretString") or "")
    except AwsFault as fault:
        if fault.trouble.category in GONE:
            raise
        return False
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and isinstance(held.get("username"), str) and bool(held["username"])

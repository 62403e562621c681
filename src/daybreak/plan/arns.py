"""The form of each kind's ARN, as AWS's Service Authorization Reference gives it."""

from __future__ import annotations

from daybreak.model.things import ResourceKind
from daybreak.model.world import Identity

_HERE = "{region}:{account}"
_ARNS: dict[ResourceKind, str] = {
    "alarm": f"cloudwatch:{_HERE}:alarm:",
    "cluster": f"rds:{_HERE}:cluster:",
    "cluster-auto-backup": f"rds:{_HERE}:cluster-auto-backup:",
    "cluster-endpoint": f"rds:{_HERE}:cluster-endpoint:",
    "cluster-pg": f"rds:{_HERE}:cluster-pg:",
    "change": "route53:::change/",
    "cluster-snapshot": f"rds:{_HERE}:cluster-snapshot:",
    "db": f"rds:{_HERE}:db:",
    "es": f"rds:{_HERE}:es:",
    "integration": f"rds:{_HERE}:integration:",
    "global-cluster": "rds::{account}:global-cluster:",
    "hostedzone": "route53:::hostedzone/",
    "db-proxy": f"rds:{_HERE}:db-proxy:",
    "og": f"rds:{_HERE}:og:",
    "pg": f"rds:{_HERE}:pg:",
    "subgrp": f"rds:{_HERE}:subgrp:",
    "target-group": f"rds:{_HERE}:target-group:",
    "dbuser": f"rds-db:{_HERE}:dbuser:",
    "key": f"kms:{_HERE}:key/",
    "parameter": f"ssm:{_HERE}:parameter/",
    "role": "iam::{account}:role/",
    "secret": f"secretsmanager:{_HERE}:secret:",
}
"""Each kind's ARN between the partition and the name. IAM, Route 53 and global databases are in no region."""


def arn_of(identity: Identity, kind: ResourceKind, name: str, region: str | None = None) -> str:
    """The ARN of a resource in the caller's account, or the name itself where it is an ARN.

    China and GovCloud are partitions of their own. ``region`` is where it is, if not where ``identity`` is.
    """
    if name.startswith("arn:"):
        return name
    place = _ARNS[kind].format(region=region or identity.region, account=identity.account)
    return f"arn:{identity.caller.split(':')[1]}:{place}{name}"

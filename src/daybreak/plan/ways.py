"""How a person goes on with a backup: our command where there is one, else AWS's own call. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from daybreak.model.backups import (
    Backup,
    Continuous,
    Export,
    KeptBackup,
    ReplicatedBackup,
    VaultPoint,
)
from daybreak.model.names import clone_name
from daybreak.model.plan import AwsCall
from daybreak.model.targets import Target
from daybreak.model.value import stamp
from daybreak.plan.kinds import ENGINE
from daybreak.plan.operations import aws_call
from daybreak.plan.pieces import Known, network_in

_ROLE = "arn:aws:iam::{account}:role/service-role/AWSBackupDefaultServiceRole"
"""The role that AWS Backup makes for itself; its name is the same in every account."""

_LEFT_OUT = frozenset({"AvailabilityZones", "DBClusterIdentifier"})
"""What AWS Backup recorded of the source that a restore must not repeat: another region has other zones."""
_NOT_RECORDED = frozenset({"", "0", "[]", "{}", "null"})
"""What AWS writes where it recorded nothing (FACTS 4.1)."""


@dataclass(frozen=True)
class NextCommand:
    """The next command with a backup; both are ``None`` where nothing goes on with it."""

    verb: str | None = None
    by_hand: AwsCall | None = None


def way_on(backup: Backup, target: Target, home: str, wanted: datetime | None, known: Known) -> NextCommand:
    """The next command with a backup, for a restore to ``wanted``, else to the latest moment."""
    to = f'"{stamp(wanted)}"' if wanted else "latest"
    match backup:
        case Continuous():
            return NextCommand(f"daybreak plan pitr {target.name} --to {to}")
        case KeptBackup():
            return NextCommand(f"daybreak plan pitr {target.name} --to {to} --resource-id {backup.backup.resource_id}")
        case VaultPoint(snapshot=None, point=point) if point is not None:
            return NextCommand(by_hand=_restore_job(backup, target, known))
        case Export() | ReplicatedBackup():
            return NextCommand()
        case _ if backup.region != home:
            return NextCommand(f"daybreak plan region {target.name} --region {backup.region} --from {backup.name}")
        case _:
            return NextCommand(f"daybreak plan snapshot {target.name} --snapshot {backup.name}")


def _restore_job(backup: VaultPoint, target: Target, known: Known) -> AwsCall:
    """The restore that only AWS Backup does; a cluster without instances comes of it (FACTS 4.14)."""
    point = backup.point
    created = point.created if point else None
    network, source = network_in(backup.region, known), known.configuration
    recorded = {name: value for name, value in (point.metadata if point else {}).items() if name not in _LEFT_OUT}
    if not recorded:
        # AWS would take the region's default version (FACTS 4.9).
        recorded = {"Engine": ENGINE, **({"EngineVersion": source.engine_version} if source else {})}
    metadata = {
        **{name: value for name, value in recorded.items() if value not in _NOT_RECORDED},
        "DBClusterIdentifier": clone_name(target.cluster, "backup", created, "by-hand") if created else target.cluster,
        **({"DBSubnetGroupName": network.subnet_group} if network.subnet_group else {}),
        **({"VpcSecurityGroupIds": json.dumps(list(network.security_groups))} if network.security_groups else {}),
    }
    params = {
        "RecoveryPointArn": point.arn if point else "",
        "ResourceType": "Aurora",
        "Metadata": metadata,
        **({"IamRoleArn": _ROLE.format(account=known.account)} if known.account else {}),
    }
    return aws_call("backup", "StartRestoreJob", params, backup.region)

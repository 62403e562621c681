"""Changes of a cluster: what takes effect at once, what takes the control plane a while, and what waits for a reboot."""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_combination
from daybreak.lab.rds import networks, parameter_groups
from daybreak.lab.rds.clusters import asked
from daybreak.lab.rds.clusters.clusters import fail_cluster, view
from daybreak.lab.rds.clusters.masters import (
    MASTER,
    check_password,
    generate_password,
    make_managed_secret,
    refuse_key,
    rotate_secret,
)
from daybreak.lab.rds.clusters.naming import begin_spreading, exchange_addresses
from daybreak.lab.rds.desk import Call, DeskJob, changes, job, members_of
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit
from daybreak.lab.rds.identifiers import new_identifier
from daybreak.lab.rds.known import find_cluster, require_status
from daybreak.lab.rds.membership import refuse_write

_PLAIN = {
    "DeletionProtection": "DeletionProtection",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "EnableHttpEndpoint": "HttpEndpointEnabled",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EngineLifecycleSupport": "EngineLifecycleSupport",
}
"""Parameters that are kept as they come, by the member they become."""

_TAKEN = (
    "DBClusterIdentifier",
    "NewDBClusterIdentifier",
    "ApplyImmediately",
    "BackupRetentionPeriod",
    "CloudwatchLogsExportConfiguration",
    "DBClusterParameterGroupName",
    "EnableLocalWriteForwarding",
    "EngineVersion",
    "NetworkType",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "RotateMasterUserPassword",
    "ServerlessV2ScalingConfiguration",
    "StorageType",
    "VpcSecurityGroupIds",
    *_PLAIN,
    *MASTER,
    *asked.SERVICES,
)


@changes("ModifyDBCluster", *_TAKEN)
def modify_cluster(call: Call) -> Doc:
    """Begin to change the cluster.

    Aurora applies nearly everything at once whatever ApplyImmediately says, a new password too [M]. A new name and a newer
    version are kept as pending without it, until a call has it (the lab has no maintenance window).
    """
    cluster = find_cluster(call, call.params["DBClusterIdentifier"])
    require_status(cluster, "available")
    new = {member: call.get(name) for name, member in _PLAIN.items() if call.get(name) is not None}
    new |= _check_settings(call, cluster)
    password, secret = _password(call, cluster)
    if password:
        refuse_write(cluster, "The master password")
    waiting: Doc = dict(cluster.get("PendingModifiedValues", {}))
    if target := _new_name(call):
        waiting["DBClusterIdentifier"] = target
    if version := _newer_version(call, cluster):
        waiting["EngineVersion"] = version
    rename, upgrade, left = None, None, waiting
    if call.get("ApplyImmediately"):
        rename, upgrade, left = waiting.get("DBClusterIdentifier"), waiting.get("EngineVersion"), {}
    shown = {**left, "MasterUserPassword": "****"} if password and not secret else left
    if rename:
        status, kind = "renaming", "rename-cluster"
    elif password:
        status, kind = "resetting-master-credentials", "reset-master-credentials"
    else:
        status, kind = "upgrading" if upgrade else "modifying", "modify-cluster"
    args = {
        "resource": cluster["DbClusterResourceId"],
        "version": cluster["EngineVersion"],
        "name": rename,
        "upgrade": upgrade,
        "password": password,
    }
    name = cluster["DBClusterIdentifier"]
    members = {**new, **secret, "Status": status, "PendingModifiedValues": shown or None, "_next_name": rename}
    changed = call.state.change("cluster", call.region, name, **members)
    call.desk.control.submit(kind, call.region, name, seconds(kind), args)
    call.desk.fleet.settle_soon(call.region, cluster["DbClusterResourceId"])
    return {"DBCluster": view(call.desk, call.region, changed)}


def _set_http_endpoint(call: Call, *, is_enabled: bool) -> Doc:
    """Turn the Data API on or off, at once; no Data API is served here, it is recorded only."""
    arn = call.params["ResourceArn"]
    found = next((row for row in call.state.all("cluster", call.region) if row["DBClusterArn"] == arn), None)
    if found is None:
        raise fault("ResourceNotFoundFault", f"The specified resource ARN {arn} was not found.")
    if found["Status"] != "available":
        raise fault("InvalidResourceStateFault", f"The cluster is in {found['Status']} state.")
    call.state.change("cluster", call.region, found["DBClusterIdentifier"], HttpEndpointEnabled=is_enabled)
    return {"ResourceArn": arn, "HttpEndpointEnabled": is_enabled}


@changes("EnableHttpEndpoint", "ResourceArn")
def enable_http_endpoint(call: Call) -> Doc:
    """Turn the Data API on."""
    return _set_http_endpoint(call, is_enabled=True)


@changes("DisableHttpEndpoint", "ResourceArn")
def disable_http_endpoint(call: Call) -> Doc:
    """Turn the Data API off."""
    return _set_http_endpoint(call, is_enabled=False)


def _check_settings(call: Call, cluster: Doc) -> Doc:
    """Check the members that need it, and return them."""
    new: Doc = {}
    daily, weekly = call.get("PreferredBackupWindow"), call.get("PreferredMaintenanceWindow")
    if daily or weekly:
        new |= asked.check_times(
            daily or cluster["PreferredBackupWindow"], weekly or cluster["PreferredMaintenanceWindow"]
        )
    group = networks.subnet_group(call, cluster["DBSubnetGroup"])
    if ids := call.get("VpcSecurityGroupIds"):
        networks.check_security_groups(call, ids, group["VpcId"])
        new["VpcSecurityGroups"] = [networks.membership(id) for id in ids]
    if name := call.get("DBClusterParameterGroupName"):
        version = cluster["EngineVersion"]
        new["DBClusterParameterGroup"] = parameter_groups.choose_group(call, parameter_groups.CLUSTER, name, version)
    if call.get("BackupRetentionPeriod") is not None:
        new["BackupRetentionPeriod"] = asked.retention(call, 1)
    if call.get("StorageType"):
        new["StorageType"] = asked.storage(call).get("StorageType")
    if logs := call.get("CloudwatchLogsExportConfiguration"):
        kept = set(cluster["EnabledCloudwatchLogsExports"]) | set(logs.get("EnableLogTypes", []))
        kept -= set(logs.get("DisableLogTypes", []))
        new["EnabledCloudwatchLogsExports"] = asked.log_types(sorted(kept), cluster["EngineVersion"])
    if call.get("NetworkType"):
        new["NetworkType"] = networks.network_type(call, group)
    if call.get("EnableLocalWriteForwarding") is not None:
        new["LocalWriteForwardingStatus"] = "enabled" if call.get("EnableLocalWriteForwarding") else "disabled"
    return new | asked.services(call, cluster) | asked.scaling(call)


def _newer_version(call: Call, cluster: Doc) -> str | None:
    """The version to which the call upgrades, if it asks for another one; there is no way back to an older one."""
    wanted, present = call.get("EngineVersion"), str(cluster["EngineVersion"])
    if wanted in (None, present):
        return None
    wanted = asked.choose_known_version(call, wanted)
    if asked.parts(wanted) < asked.parts(present):
        raise invalid_combination(f"Cannot upgrade {asked.ENGINE} from {present} to {wanted}")
    if asked.parts(wanted)[0] != asked.parts(present)[0]:
        raise invalid_combination("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major.")
    return wanted if wanted != present else None


def _password(call: Call, cluster: Doc) -> tuple[str | None, Doc]:
    """The new master password, if there is one, and the member that names its secret."""
    managed, given = call.get("ManageMasterUserPassword"), call.get("MasterUserPassword")
    has_secret, rotates = "MasterUserSecret" in cluster, call.get("RotateMasterUserPassword")
    if not (managed and not has_secret):
        refuse_key(call)
    if given is not None:
        if managed or rotates or (has_secret and managed is None):
            raise invalid_combination(
                "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled."
            )
        return check_password(given), {"MasterUserSecret": None} if has_secret else {}
    if managed is False and has_secret:
        raise invalid_combination("You must specify MasterUserPassword when you turn ManageMasterUserPassword off.")
    if managed and not has_secret:
        password = generate_password()
        return password, make_managed_secret(call, cluster["MasterUsername"], password)
    if rotates:
        if not has_secret:
            raise invalid_combination("RotateMasterUserPassword needs a password that RDS manages.")
        password = generate_password()
        rotate_secret(call, cluster, password)
        return password, {"MasterUserSecret": cluster["MasterUserSecret"]}
    return None, {}


def _new_name(call: Call) -> str | None:
    if not call.get("NewDBClusterIdentifier"):
        return None
    name = new_identifier("NewDBClusterIdentifier", call.params["NewDBClusterIdentifier"])
    coming = {row.get("_next_name") for row in call.state.all("cluster", call.region)}
    if call.state.get("cluster", call.region, name) or name in coming:
        raise fault("DBClusterAlreadyExistsFault", "DB Cluster already exists")
    return name


class Change(DeskJob):
    """A change that is being applied."""

    def early(self, job: Job) -> Work | None:
        """Change the password in the server, if the call changes it."""
        password, fleet = job.args.get("password"), self.desk.fleet
        if not password:
            return None
        return lambda: fleet.set_master_password(job.region, job.args["resource"], job.args["version"], password)

    def late(self, job: Job, early: Any) -> Work:
        """Let the server follow."""
        return lambda: self.desk.fleet.settle(job.region, job.args["resource"], job.args["version"])

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The cluster is available again."""
        cluster = self.cluster(job)
        if cluster is None:
            return
        name = cluster["DBClusterIdentifier"]
        waiting = {
            member: value
            for member, value in cluster.get("PendingModifiedValues", {}).items()
            if member != "MasterUserPassword"
        }
        version = job.args.get("upgrade") or cluster["EngineVersion"]
        done = {"Status": "available", "EngineVersion": version, "PendingModifiedValues": waiting or None}
        self.desk.state.change("cluster", job.region, name, **done)
        if job.args.get("password"):
            emit(self.desk, job.region, "credentials-reset", name)

    def fail(self, job: Job, status: str, message: str) -> None:
        """The cluster is left in that status."""
        fail_cluster(self.desk, job, status, message)


@job("modify-cluster")
class Modify(Change):
    """Any change but the two below."""


@job("reset-master-credentials")
class ResetCredentials(Change):
    """Another master password."""


@job("rename-cluster")
class Rename(Change):
    """Another name, and with it other endpoints; the resource, its data, its tags and its instances' endpoints stay."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """Move the documents to the new name."""
        cluster, state = self.cluster(job), self.desk.state
        if cluster is None:
            return
        old, new = cluster["DBClusterIdentifier"], job.args["name"]
        state.drop("cluster", job.region, old)
        arn = self.desk.arn(job.region, "cluster", new)
        named = {**cluster, **exchange_addresses(self.desk, job.region, cluster, new), "DBClusterIdentifier": new}
        named.pop("_next_name", None)
        state.put("cluster", job.region, new, {**named, "DBClusterArn": arn})
        for member in members_of(state, job.region, old):
            state.change("instance", job.region, member["DBInstanceIdentifier"], DBClusterIdentifier=new)
        for row in state.all("endpoint", job.region):
            if row["DBClusterIdentifier"] == old:
                # On AWS a custom endpoint keeps its host; here it is one more name of the cluster's.
                moved = {"DBClusterIdentifier": new, "Endpoint": named["ReaderEndpoint"]}
                state.change("endpoint", job.region, row["DBClusterEndpointIdentifier"], **moved)
        for row in state.all("snapshot", job.region):
            if row["DBClusterIdentifier"] == old and row["SnapshotType"] == "automated":
                state.change("snapshot", job.region, row["DBClusterSnapshotIdentifier"], DBClusterIdentifier=new)
        emit(self.desk, job.region, "cluster-renamed", new, old=old, new=new)
        super().finish(job, early, late)
        begin_spreading(self.desk, job)
        self.desk.fleet.settle_soon(job.region, job.args["resource"])

"""Copies of snapshots, in one region and from another: the only way for Aurora's data to reach another region here."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import AwsError, invalid_combination, invalid_value
from daybreak.lab.rds import networks
from daybreak.lab.rds.desk import Call, changes, job, resource_id
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit
from daybreak.lab.rds.identifiers import Pointed, resolve_name
from daybreak.lab.rds.snapshots.queue import KIND, MOST_IN_FLIGHT, begin_next, enqueue, in_flight
from daybreak.lab.rds.snapshots.snapshots import SHARED, SnapshotJob, new_snapshot_name, require_available, view
from daybreak.lab.rds.tagging import check_tags


@changes(
    "CopyDBClusterSnapshot",
    "SourceDBClusterSnapshotIdentifier",
    "TargetDBClusterSnapshotIdentifier",
    "KmsKeyId",
    "PreSignedUrl",
    "CopyTags",
    "Tags",
)
def copy_snapshot(call: Call) -> Doc:
    """Begin to copy; the call goes to the region of the copy."""
    value = call.params["SourceDBClusterSnapshotIdentifier"]
    target = resolve_name(value, "cluster-snapshot", call.region, call.desk.account)
    source = _source(call, target, value)
    name_parameter = "TargetDBClusterSnapshotIdentifier"
    name = new_snapshot_name(call, name_parameter, call.params[name_parameter])
    is_far = target.region != call.region
    if is_far and in_flight(call.desk, call.region) >= MOST_IN_FLIGHT:
        # AWS's own code and sentence, as people report them of a snapshot of a DB instance
        raise fault("SnapshotQuotaExceededFault", "Cannot copy more than 5 snapshots across regions")
    _check_source_key(call, target, source)
    key = _key(call, source, is_far=is_far)
    _check_signed(call, target, is_far=is_far)
    # guess: AWS's own tags stay with the source; a call that names one is refused
    own = [tag for tag in source["TagList"] if not tag["Key"].lower().startswith("aws:")]
    inherited = own if call.get("CopyTags") else []
    tags = check_tags(call.get("Tags", [])) or inherited
    copy: Doc = {
        **source,
        "DBClusterSnapshotIdentifier": name,
        "DBClusterSnapshotArn": call.desk.arn(call.region, "cluster-snapshot", name),
        "SourceDBClusterSnapshotArn": source["DBClusterSnapshotArn"],
        "SnapshotCreateTime": call.desk.clock.now(),
        "SnapshotType": "manual",
        "Status": "copying",
        "TagList": tags,
        "_place": resource_id("snapshot-"),
        "_shared": [],
        **({"KmsKeyId": key} if key else {}),
    }
    copy.pop("_moment", None)
    if is_far:  # networks are a region's own
        copy = {member: item for member, item in copy.items() if member not in ("VpcId", "AvailabilityZones")}
    call.state.put("snapshot", call.region, name, copy)
    args = {"snapshot": name, "place": copy["_place"], "from": [target.region, source["_place"]], "key": key}
    if "_moment" in source:
        args |= {
            "moment": source["_moment"],
            "resource": source["DbClusterResourceId"],
            "version": source["EngineVersion"],
        }
    if is_far:
        enqueue(call.desk, call.region, copy, args)
    else:
        length = seconds("copy-snapshot", source["_gigabytes"])
        call.desk.control.submit("copy-snapshot", call.region, name, length, args)
    emit(call.desk, call.region, "snapshot-creating", name)
    return {"DBClusterSnapshot": view(call.desk, call.region, copy)}


def _source(call: Call, target: Pointed, value: str) -> Doc:
    if target.region in call.desk.down:
        raise AwsError("InternalFailure", f"The source region {target.region} cannot be reached.", 500)  # guess
    kind, id = ("snapshot", target.id) if target.account == call.desk.account else (SHARED, value)
    source = call.state.get(kind, target.region, id)
    if source is None:
        raise fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot not found: {value}")
    require_available(source)
    return source


def _check_source_key(call: Call, target: Pointed, source: Doc) -> None:
    """Refuse a source that cannot be read, because its own key cannot be used."""
    name = source.get("KmsKeyId")
    if not name or source["SnapshotType"] == "shared":  # another account's key is not ours to look at
        return
    key = call.desk.world.key(target.region, name)
    if key is None or not key.enabled:
        raise fault(
            "KMSKeyNotAccessibleFault", f"The source's KMS key [{name}] does not exist or is not enabled."
        )  # guess


def _key(call: Call, source: Doc, *, is_far: bool) -> str | None:
    """The key of the copy: an encrypted one stays encrypted, an unencrypted one cannot be encrypted by copying."""
    asked = call.get("KmsKeyId")
    if not source["StorageEncrypted"]:
        if asked:
            raise invalid_combination("KmsKeyId cannot be specified when copying an unencrypted snapshot.")
        return None
    if asked:
        return networks.usable_key(call, asked)
    if is_far or source["SnapshotType"] == "shared":
        raise invalid_combination(
            "KmsKeyId must be specified when copying an encrypted snapshot from another region or account."
        )  # guess: the code; that it is refused is documented (FACTS 4.8)
    return networks.usable_key(call, source["KmsKeyId"])


def _check_signed(call: Call, target: Pointed, *, is_far: bool) -> None:
    """Refuse a signed request to the source's region that asks for something else; SDKs add it to a copy from afar."""
    url = call.get("PreSignedUrl")
    if url is None:
        return
    asked = {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}
    region = asked.get("X-Amz-Credential", "").split("/")[2:3]
    wanted = ("CopyDBClusterSnapshot", call.params["SourceDBClusterSnapshotIdentifier"], [target.region])
    if not is_far or (asked.get("Action"), asked.get("SourceDBClusterSnapshotIdentifier"), region) != wanted:
        # guess: the code; the model says that the URL must hold this very request to the source's region
        raise invalid_value("PreSignedUrl does not ask for this copy in the source's region.")


@job("copy-snapshot")
class CopySnapshot(SnapshotJob):
    """Copies the files."""

    def early(self, job: Job) -> Work:
        """Copy."""
        args, fleet = job.args, self.desk.fleet
        region, place = args["from"]
        if "moment" not in args:
            return lambda: fleet.copy_snapshot((region, place), job.region, args["place"])
        volume = (region, args["resource"], args["version"])
        return lambda: fleet.snapshot_of_moment(volume, args["moment"], job.region, args["place"])


@job(KIND)
class CopySnapshotToRegion(CopySnapshot):
    """The same, and it takes much longer; it needs both regions, and the key of the copy to its end."""

    def regions(self, job: Job) -> frozenset[str]:
        """Where it comes from, and where it goes; guess: it goes on when a region that was away is back."""
        return frozenset({job.region, job.args["from"][0]})

    def late(self, job: Job, early: Any) -> Work | None:
        """Look at the key again."""
        name, world = job.args.get("key"), self.desk.world  # a folder of an earlier release kept none
        if not name:
            return None

        def work() -> bool:
            key = world.key(job.region, name)
            return key is not None and key.enabled

        return work

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The copy is available, or has failed; the next one begins."""
        if late is False:
            self.fail(job, "failed", f"The KMS key {job.args['key']} cannot be used.")  # guess: status and sentence
            return
        super().finish(job, early, late)
        begin_next(self.desk)

    def fail(self, job: Job, status: str, message: str) -> None:
        """The copy is left in that status; the next one begins."""
        super().fail(job, status, message)
        begin_next(self.desk)

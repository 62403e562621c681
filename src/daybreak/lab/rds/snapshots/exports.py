"""Exports of snapshots to S3: what a snapshot's tables hold, as Parquet files in a bucket of the same region.

AWS names no code for some of its refusals; each guess says so. An export of a cluster that lives is not modelled.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from typing import Any

from daybreak.lab.access.iam import policies_of
from daybreak.lab.access.policy import Question, Verdict, verdict
from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import AwsError, invalid_combination, invalid_value
from daybreak.lab.rds import networks
from daybreak.lab.rds.desk import Call, Desk, DeskJob, changes, job, looks, public
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit
from daybreak.lab.rds.identifiers import new_identifier
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.snapshots.snapshots import find_offered_snapshot
from daybreak.lab.rds.snapshots.tables import TableWritten, is_meant, tables_in

KIND = "export-task"
MOST_AT_A_TIME = 5
"""How many exports an account may have under way [D]."""
_UNDER_WAY = frozenset({"STARTING", "IN_PROGRESS", "CANCELING"})
_STARTS_UNTIL = 0.1
"""Guess: the share of its time for which an export is called starting."""
_ONLY = re.compile(r"[^.\s]+(?:\.[^.]+){0,2}")
_NEEDED = ("s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject", "s3:GetBucketLocation")


def view(desk: Desk, region: str, task: Doc) -> Doc:
    """The export as AWS shows it; its progress moves with the clock."""
    result = public(task)
    jobs = desk.control.jobs(region, task=task["ExportTaskIdentifier"]) if task["Status"] in _UNDER_WAY else []
    if jobs and task["Status"] == "STARTING":
        share = jobs[0].progress(desk.clock.simulation_time())
        result["Status"] = "STARTING" if share < _STARTS_UNTIL else "IN_PROGRESS"
        result["PercentProgress"] = min(99, int(share * 100))
    return result


FILTERS = {
    "export-task-identifier": lambda row: row["ExportTaskIdentifier"],
    "s3-bucket": lambda row: row["S3Bucket"],
    "source-arn": lambda row: row["SourceArn"],
    "status": lambda row: row["Status"],
}


@looks("DescribeExportTasks", "ExportTaskIdentifier", "SourceArn", *PAGES)
def describe_exports(call: Call) -> Doc:
    """One export, those of a snapshot, or all of them in pages."""
    rows = [view(call.desk, call.region, row) for row in call.state.all(KIND, call.region)]
    if name := call.get("ExportTaskIdentifier"):
        rows = [row for row in rows if row["ExportTaskIdentifier"] == str(name).lower()]
        if not rows:
            raise _not_found(name)
    if source := call.get("SourceArn"):
        rows = [row for row in rows if row["SourceArn"] == source]
    return page(call, filter_rows(call, rows, FILTERS), "ExportTasks")


def _not_found(name: str) -> AwsError:
    return fault("ExportTaskNotFoundFault", f"Export task {name} not found.")


@changes(
    "StartExportTask",
    "ExportTaskIdentifier",
    "SourceArn",
    "S3BucketName",
    "IamRoleArn",
    "KmsKeyId",
    "S3Prefix",
    "ExportOnly",
)
def start_export(call: Call) -> Doc:
    """Begin to export a snapshot."""
    name = new_identifier("ExportTaskIdentifier", call.params["ExportTaskIdentifier"], longest=60)  # guess: the length
    if call.state.get(KIND, call.region, name):
        raise fault("ExportTaskAlreadyExistsFault", f"An export task with the ID {name} already exists.")
    source = call.params["SourceArn"]
    if ":cluster-snapshot:" not in source:
        raise invalid_combination("not available in the lab: an export of what is no snapshot of a cluster")
    snapshot = find_offered_snapshot(call, source)
    if snapshot["Status"] != "available":
        raise fault("InvalidExportSourceStateFault", f"The snapshot {source} is in {snapshot['Status']} state.")
    _check_room(call, source)
    prefix, only = call.get("S3Prefix", ""), call.get("ExportOnly", [])
    if ":" in prefix or prefix.startswith("/"):
        raise invalid_value(
            f"The S3 prefix {prefix} is not valid."
        )  # guess: the code; that a colon is refused is documented
    if wrong := [each for each in only if not _ONLY.fullmatch(each)]:
        raise fault("InvalidExportOnlyFault", f"The ExportOnly value {wrong[0]} is not valid.")
    bucket, role = call.params["S3BucketName"], call.params["IamRoleArn"]
    if call.desk.world.bucket_region(bucket) != call.region:
        raise fault("InvalidS3BucketFault", f"The S3 bucket {bucket} does not exist, or is not in {call.region}.")
    _check_role(call, role, bucket, prefix)
    task: Doc = {
        "ExportTaskIdentifier": name,
        "SourceArn": source,
        "SourceType": "SNAPSHOT",
        "ExportOnly": list(only),
        "SnapshotTime": snapshot["SnapshotCreateTime"],
        "TaskStartTime": call.desk.clock.now(),
        "S3Bucket": bucket,
        "S3Prefix": prefix,
        "IamRoleArn": role,
        "KmsKeyId": networks.usable_key(call, call.params["KmsKeyId"]),
        "Status": "STARTING",
        "PercentProgress": 0,
        "TotalExtractedDataInGB": 0,
    }
    call.state.put(KIND, call.region, name, task)
    args: Doc = {"task": name, "version": snapshot["EngineVersion"], "place": snapshot["_place"]}
    if "_moment" in snapshot:
        args |= {"moment": snapshot["_moment"], "resource": snapshot["DbClusterResourceId"]}
    length = seconds("export-snapshot", snapshot["_gigabytes"])
    call.desk.control.submit("export-snapshot", call.region, name, length, args)
    emit(call.desk, call.region, "export-started", snapshot["DBClusterSnapshotIdentifier"], name=name)
    return task


def _check_room(call: Call, source: str) -> None:
    running = [row for row in call.state.all(KIND, call.region) if row["Status"] in _UNDER_WAY]
    if any(row["SourceArn"] == source for row in running):
        # guess: the code; that a snapshot is exported once at a time is documented
        raise fault("InvalidExportSourceStateFault", f"The snapshot {source} is being exported already.")
    if len(running) >= MOST_AT_A_TIME:
        # guess: code and sentence; the model has none, the limit is documented
        raise AwsError("ExportTaskLimitReachedFault", f"You can have {MOST_AT_A_TIME} export tasks in progress.")


def _check_role(call: Call, arn: str, bucket: str, prefix: str) -> None:
    """Refuse a role that is not there, that RDS may not assume, or that may not do in the bucket what an export does."""
    world = call.desk.world
    if not world.role_exists(arn):
        raise fault("IamRoleNotFoundFault", f"The IAM role {arn} does not exist.")
    name = arn.rpartition("/")[2]
    trust = world.client("iam", "us-east-1").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    policies = policies_of(world, f"arn:aws:sts::{world.account}:assumed-role/{name}/export")
    places = {True: f"arn:aws:s3:::{bucket}", False: f"arn:aws:s3:::{bucket}/{prefix}/any"}
    lacking = [
        each
        for each in _NEEDED
        if verdict(policies, Question(each, places[each.endswith(("Bucket", "Location"))], {})) is not Verdict.ALLOWED
    ]
    if "export.rds.amazonaws.com" not in json.dumps(trust) or lacking:
        what = ", ".join(lacking) or "sts:AssumeRole"
        raise fault("IamRoleMissingPermissionsFault", f"The IAM role {arn} lacks permissions: {what}")


@changes("CancelExportTask", "ExportTaskIdentifier")
def cancel_export(call: Call) -> Doc:
    """End an export that is under way; what it has written stays."""
    name = str(call.params["ExportTaskIdentifier"]).lower()
    task = call.state.get(KIND, call.region, name)
    if task is None:
        raise _not_found(name)
    if task["Status"] not in _UNDER_WAY or task["Status"] == "CANCELING":
        raise fault("InvalidExportTaskStateFault", f"The export task {name} is in {task['Status']} state.")
    for each in call.desk.control.jobs(call.region, task=name):
        call.desk.control.cancel(each)
    task = call.state.change(KIND, call.region, name, Status="CANCELING")
    call.desk.control.submit("cancel-export", call.region, name, seconds("cancel-export"), {"task": name})
    return view(call.desk, call.region, task)


class ExportJob(DeskJob):
    """A job on an export."""

    def end(self, job: Job, status: str, **members: Any) -> None:
        """The export ends in that status."""
        name, state = job.args["task"], self.desk.state
        if state.get(KIND, job.region, name) is not None:
            state.change(KIND, job.region, name, Status=status, TaskEndTime=self.desk.clock.now(), **members)

    def fail(self, job: Job, status: str, message: str) -> None:
        """The export has failed, with the cause that is given."""
        self.end(job, "FAILED", FailureCause=message or f"The export task failed: {status}")


@job("export-snapshot")
class ExportSnapshot(ExportJob):
    """Reads the snapshot and writes the files, at the end of its time."""

    def late(self, job: Job, early: Any) -> Work | None:
        """Read and write; the documents come last, as the lists of what is there."""
        args, fleet = job.args, self.desk.fleet
        task = self.desk.state.get(KIND, job.region, args["task"])
        if task is None:
            return None
        if "moment" in args:
            volume = (job.region, args["resource"], args["version"])
            source = fleet.open_moment(volume, args["moment"], job.region, args["task"])
        else:
            source = fleet.open_snapshot((job.region, args["place"]), args["version"], args["task"])

        def work() -> tuple[int, str]:
            client = self.desk.world.client("s3", job.region)
            folder = "/".join(part for part in (task["S3Prefix"].strip("/"), args["task"]) if part)
            tables: list[Doc] = []
            size = 0
            with source as connect:
                for each in tables_in(connect, task["ExportOnly"]):
                    file = f"{folder}/{each.database}/{each.name}/1/part-00000-{uuid.uuid4()}-c000.gz.parquet"
                    client.put_object(Bucket=task["S3Bucket"], Key=file, Body=each.content)
                    tables.append(_about(each))
                    size += len(each.content)
            listed = {"perTableStatus": tables}
            key = f"{folder}/export_tables_info_{args['task']}_from_1_to_{max(1, len(tables))}.json"
            client.put_object(Bucket=task["S3Bucket"], Key=key, Body=json.dumps(listed).encode())
            about = _info(task | {"Status": "COMPLETE", "PercentProgress": 100, "TaskEndTime": self.desk.clock.now()})
            key = f"{folder}/export_info_{args['task']}.json"
            client.put_object(Bucket=task["S3Bucket"], Key=key, Body=json.dumps(about).encode())
            names = [each["target"] for each in tables]
            empty = [part for part in task["ExportOnly"] if not any(is_meant(name, [part]) for name in names)]
            # guess: AWS documents that there are warnings, and none of their sentences
            return size, f"Nothing was exported of: {', '.join(empty)}" if empty else ""

        return work

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The export is complete."""
        task = self.desk.state.get(KIND, job.region, job.args["task"])
        if task is not None:
            size, warning = late or (0, "")
            warned = {"WarningMessage": warning} if warning else {}
            self.end(job, "COMPLETE", PercentProgress=100, TotalExtractedDataInGB=int(size / 1e9), **warned)
            snapshot = task["SourceArn"].rpartition("cluster-snapshot:")[2]
            emit(self.desk, job.region, "export-done", snapshot, name=job.args["task"])


@job("cancel-export")
class CancelExport(ExportJob):
    """Ends an export."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """AWS is at it no more."""
        self.end(job, "CANCELED")


def _about(table: TableWritten) -> Doc:
    """What the list of tables says of one, in the members that users of real exports have shown."""
    mappings = [{"columnName": name, "originalType": kind} for name, kind in table.types]
    return {
        "tableStatistics": {"partitioningInfo": {"numberOfPartitions": 1, "numberOfCompletedPartitions": 1}},
        "schemaMetadata": {"originalTypeMappings": mappings},
        "status": "COMPLETE",
        "sizeGB": len(table.content) / 1e9,
        "target": table.target,
    }


def _info(task: Doc) -> Doc:
    """The document about an export: its members begin with a small letter there."""
    kept = {name: value for name, value in public(task).items() if name not in ("SourceType", "SnapshotTime")}
    kept |= {"SnapshotTime": task["SnapshotTime"], "ExportFormat": "parquet"}
    names = {"S3Bucket": "s3Bucket", "S3Prefix": "s3Prefix"}
    return {
        names.get(name, name[:1].lower() + name[1:]): value.isoformat() if isinstance(value, datetime) else value
        for name, value in kept.items()
    }

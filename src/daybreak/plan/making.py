"""Plan an export of a snapshot by RDS: one order, the wait for it, and a look at what came. And the end of one that is under way.

The law: the source is not touched, and nothing in the bucket is ever overwritten or deleted by us. AWS gives an export no tags and
keeps its name for ever, so the nonce of the run stands in its prefix: by that it is known again after a lost reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from daybreak.model.actions import AwaitExport, ExportSnapshot, ReadExport
from daybreak.model.backups import MOST_EXPORTS, ExportTask, region_in
from daybreak.model.guards import AsPlanned, spell
from daybreak.model.names import clean_name, clone_name, comma_list, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Plan, Refusal, RunId
from daybreak.model.requests import NEWEST, CleanRequest, MakeExportRequest
from daybreak.model.targets import Target
from daybreak.model.things import Thing
from daybreak.model.value import stamp
from daybreak.model.world import Snapshot
from daybreak.plan import estimates
from daybreak.plan.calls import DRAWN_AT_START, Owner
from daybreak.plan.copies import is_complete
from daybreak.plan.framing import frame
from daybreak.plan.rollback import Deed, take_back
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms
from daybreak.plan.undoing import removal_of_export

_ONLY = re.compile(r"[^.\s]+(?:\.[^.]+){0,2}")
"""What AWS takes as a part of a snapshot: a database, a schema of it, or a table of that."""

SKIPS = (
    "RDS leaves out without a word: temporary and unlogged tables, tables with a slash in their name, tables with a space or one of "
    ", ; { } ( ) = in a column's name, and rows of about 2 GB (FACTS 4.7)"
)
"""What no plan can see beforehand, and no answer of AWS's says afterwards."""

NO_SCHEMA = "Parquet files hold rows alone: no DDL, index, foreign key, sequence or right; keep a capsule, which has the schema beside it"


def make_export_plan(request: MakeExportRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that lets RDS export a snapshot, or every reason why there is none."""
    snapshot = _pick(request, seen)
    reasons = (*_objections(request, seen), *_objections_to_snapshot(request, target, seen, snapshot))
    if reasons or snapshot is None:
        hints = (f"daybreak snapshots {target.name}  # shows what could be exported",)
        return Refusal(what=f'exporting a snapshot of "{target.name}"', reasons=reasons, hints=hints)
    name = clone_name(target.cluster, "export", terms.created, request.suffix)
    region = seen.identity.region
    sequence = Sequence(region, (target.cluster,), target.approval)
    prefix = "/".join(part for part in (request.prefix.strip("/"), DRAWN_AT_START) if part)
    started = sequence.add(
        "export-snapshot",
        ExportSnapshot(
            task=name,
            source=snapshot.arn,
            bucket=request.bucket,
            prefix=prefix,
            role=request.role,
            key=request.key,
            only=request.only,
        ),
        "rows in a bucket outlive the snapshot, and the source's backups",
        estimates.CALL,
        guards=(
            AsPlanned(
                thing=Thing(kind="cluster-snapshot", name=snapshot.identifier, region=region),
                field="created",
                value=spell(snapshot.created),
            ),
        ),
    )
    why = "AWS reads the whole snapshot for it; what it calls complete may still lack tables"
    ended = sequence.add("await-export", AwaitExport(task=name), why, estimates.EXPORT, after=(started,))
    sequence.add(
        "read-export",
        ReadExport(bucket=request.bucket, folder=f"{prefix}/{name}/"),
        "what was written is not what was ordered: the lists of tables and the files are read",
        estimates.LOOK,
        after=(ended,),
    )
    return frame(
        target,
        seen,
        terms,
        run=RunId(name),
        request=request,
        source=target.cluster,
        clone=name,
        estimate=estimates.EXPORT,
        steps=tuple(sequence.steps),
        notes=tuple(_notes(request, snapshot, seen)),
    )


def _pick(request: MakeExportRequest, seen: Observation) -> Snapshot | None:
    """The snapshot that is meant: by its name, or the newest complete one of the target's cluster in this account."""
    if request.snapshot != NEWEST:
        names = (each for each in seen.snapshots if request.snapshot in (each.identifier, each.arn))
        return next(names, None)
    own = seen.cluster.resource_id if seen.cluster else None
    found = [
        each
        for each in seen.snapshots
        if is_complete(each)
        and each.created is not None
        and each.arn.split(":")[4:5] == [seen.identity.account]
        and (own is None or each.resource_id in (None, own))
    ]
    return max(found, key=lambda each: (each.created, each.identifier), default=None)


def _objections(request: MakeExportRequest, seen: Observation) -> Iterator[str]:
    """Why AWS would take no export now, whatever it is of."""
    region = seen.identity.region
    if ":" in request.prefix:
        yield f'AWS takes no colon in the prefix of an export, and "{printable(request.prefix)}" has one'
    for each in request.only:
        if not _ONLY.fullmatch(each):
            yield f'"{printable(each)}" is no part of a snapshot: write DATABASE, DATABASE.SCHEMA or DATABASE.SCHEMA.TABLE'
    there = region_in(request.key)
    if there not in (None, region):
        yield f"the key {request.key} is in {there}, and RDS writes an export in {region} under a key of that region"
    elif seen.key is None:
        yield f'{region} shows no KMS key "{request.key}": it is gone, or hidden from us (kms:DescribeKey)'
    elif not seen.key.is_enabled:
        yield f"the KMS key {seen.key.arn} is {seen.key.state}, so nothing can be written under it"
    running = [each.identifier for each in seen.exports if each.is_under_way]
    if len(running) >= MOST_EXPORTS:
        yield f"{len(running)} exports are under way, and AWS lets an account have {MOST_EXPORTS}: {comma_list(running)}"


def _objections_to_snapshot(
    request: MakeExportRequest, target: Target, seen: Observation, snapshot: Snapshot | None
) -> Iterator[str]:
    region = seen.identity.region
    if snapshot is None:
        is_newest = request.snapshot == NEWEST
        which = "complete snapshot" if is_newest else f'snapshot "{printable(request.snapshot)}"'
        yield f'{region} has no {which} of "{target.cluster}"{" in this account" if is_newest else ""}'
        return
    if not is_complete(snapshot) or snapshot.created is None:
        yield f'the snapshot "{snapshot.identifier}" is {snapshot.status}, {snapshot.percent} %: AWS exports a complete one'
    for each in seen.exports:
        if each.is_under_way and each.source == snapshot.arn:
            yield f'AWS exports a snapshot once at a time, and "{each.identifier}" is {each.status} with {_percent(each)} done'


def _percent(task: ExportTask) -> str:
    return "an unknown part" if task.percent is None else f"{task.percent} %"


def _notes(request: MakeExportRequest, snapshot: Snapshot, seen: Observation) -> Iterator[str]:
    """What a person should know before saying yes."""
    held = stamp(snapshot.created) if snapshot.created else "an unknown time"
    yield f'it holds what the snapshot "{snapshot.identifier}" of {held} holds, and nothing later'
    yield f"whoever can read s3://{request.bucket} and use the key {request.key} can read the rows"
    yield "AWS charges for what it reads of a snapshot, whatever --only names, and names no time for it"
    yield f"the bucket must be in {seen.identity.region}, and the role must be able to write there: AWS says so when it is asked"
    yield SKIPS
    yield NO_SCHEMA


def end_export_plan(request: CleanRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that ends an export which a run started, while AWS is at it, or every reason why there is none."""
    what, owner = f"ending the export {request.task}", Owner(run=request.run, nonce=request.nonce)
    task = next(iter(seen.exports), None)
    if task is None or not owner.owns(task.tags):
        there = "AWS knows no export of that name" if task is None else f"it was not started by {request.run}"
        return Refusal(what=what, reasons=(there,), hints=("daybreak runs",))
    if not task.is_under_way:
        place = f"s3://{task.bucket}/{task.prefix}/{task.identifier}/"
        why = f"AWS is at it no more: it is {task.status}; its files stay at {place}, and Daybreak deletes none"
        return Refusal(what=what, reasons=(why,), hints=(f"daybreak exports show {place}",))
    sequence = Sequence(seen.identity.region, (target.cluster,))
    take_back([Deed("export", removal_of_export(request.task))], sequence)
    steps = tuple(sequence.steps)
    return frame(
        target,
        seen,
        terms,
        run=RunId(clean_name(request.run, request.suffix)),
        request=request,
        source=target.cluster,
        clone=request.run,
        steps=steps,
        notes=(f"what it has written stays in s3://{task.bucket}/{task.prefix}/, and Daybreak deletes none of it",),
    )

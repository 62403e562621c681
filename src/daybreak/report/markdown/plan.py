"""A plan as a Markdown runbook: the runbook's own words and chapters, with this plan's real values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from daybreak.model.actions import (
    Action,
    AnchorJournal,
    ArchiveOrder,
    AttachProxy,
    AwaitApproval,
    AwaitCluster,
    AwaitClusterGone,
    AwaitExport,
    AwaitInstance,
    AwaitName,
    AwaitParameterGroup,
    AwaitProxy,
    AwaitRecord,
    AwaitSnapshot,
    AwaitSql,
    AwaitWriter,
    CancelExport,
    CarryTables,
    ChangeRecord,
    CopyParameterGroup,
    CopySnapshot,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    DeleteSnapshot,
    DetachProxy,
    ExportOrder,
    ExportSnapshot,
    LoadRows,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    NameDatabase,
    PausePool,
    PointParameter,
    PointSecret,
    ReadExport,
    RebootInstance,
    RenameCluster,
    Restore,
    RestoreFromSnapshot,
    RestoreToMoment,
    ResumePool,
    RunCommand,
    SetClusterOptions,
    SetDataApi,
    SetExpiry,
    SetParameterGroup,
    SetParameters,
    SetRole,
    SetSubscription,
    SqlOrder,
    TakeSnapshot,
    Validate,
)
from daybreak.model.moment import readings
from daybreak.model.names import comma_list
from daybreak.model.plan import Plan, Step
from daybreak.model.requests import (
    CleanRequest,
    CopyRequest,
    ExportRequest,
    FailOverRequest,
    PitrRequest,
    RegionRequest,
    RestoreRequest,
    SnapshotRequest,
)
from daybreak.model.undo import Irreversible, TakenBack
from daybreak.model.value import stamp
from daybreak.model.world import endpoint_words
from daybreak.plan.amending import steps_unasked
from daybreak.plan.calls import DRAWN_AT_START, owner_of
from daybreak.plan.fail_over import validate_command
from daybreak.plan.loss import loss_of
from daybreak.plan.operations import aws_call
from daybreak.plan.road import road_of
from daybreak.plan.servers import proof_of
from daybreak.report.aws_cli import quote
from daybreak.report.export_steps import clears_files, words_on_files
from daybreak.report.keyed import TITLE_OF_KEYED, lines_on_keyed
from daybreak.report.sentences import printable_sentence, sentence, title_of_notes, undo_sentence
from daybreak.report.shell import Typist, commands
from daybreak.report.words import between, code, code_block, markdown, span_words

DETERMINE = "Determine Recovery Point"
RESTORE = "Restore to Point in Time"
LIST = "List Available Snapshots"
RESTORE_SNAPSHOT = "Restore from Snapshot"
WAIT = "Wait for Cluster Availability"
CREATE = "Create Database Instance"
VALIDATE = "Validate Data"
LIST_EXPORTS = "List Available Exports"
IMPORT = "Download and Restore Export"
CLEAN = "Clean Up"
CUTOVER = "Switch Application Traffic"
COPY = "Copy Snapshot to DR Region"
SWITCH = "Switch Application Traffic"
EXPORT = "Data Export to S3"

CHAPTERS = (DETERMINE, RESTORE, WAIT, CREATE, VALIDATE)
"""The runbook's steps of a point-in-time recovery, in its words."""

SNAPSHOT_CHAPTERS = {LIST: LIST, RESTORE_SNAPSHOT: RESTORE, WAIT: WAIT, CREATE: CREATE, VALIDATE: VALIDATE}
"""The runbook's steps of a snapshot restoration, with the borrowed ones spelled out, and our steps in each."""

ASSESS = "Assess Primary Region Status"
LIST_AWAY = "List DR Region Backups"
RESTORE_AWAY = "Restore in DR Region"
UPDATE = "Update DNS and Application Configuration"
VALIDATE_AWAY = "Validate DR Environment"

REGION_CHAPTERS: dict[str, tuple[str, ...]] = {
    ASSESS: (),
    LIST_AWAY: (),
    RESTORE_AWAY: (RESTORE, WAIT, CREATE),
    UPDATE: (),
    VALIDATE_AWAY: (VALIDATE,),
}
"""The runbook's steps of a disaster recovery in another region, and our steps in each."""

_SUBJECTS = {"copy": "Copy", "export": "Run", "fail-over": "New writer", "make-archive": "Run", "make-export": "Export"}
"""What a plan is about that makes no clone, by its kind."""

_BOXES = (
    'Cluster status is "available"',
    'Instance status is "available"',
    "Endpoint is accessible",
    "Correct engine version",
    "Storage encryption is enabled",
)


def runbook(plan: Plan) -> str:
    """The plan as a Markdown document that a person can follow by hand."""
    hand = Typist.of(plan)
    parts = [*_head(plan), *_chapters(plan, hand), *_rest(plan), *_after(plan), *_troubleshooting(plan, hand)]
    return "\n\n".join(parts) + "\n"


def chapter(action: Action) -> str:
    """The runbook's step to which an action belongs."""
    match action:
        case (
            CopyParameterGroup() | CreateParameterGroup() | SetParameters() | RestoreToMoment() | RestoreFromSnapshot()
        ):
            return RESTORE
        case AwaitCluster() | AwaitParameterGroup() | SetClusterOptions():
            return WAIT
        case CreateInstance() | CreateEndpoint() | AwaitInstance() | AwaitSql() | ManagePassword():
            return CREATE
        case Validate() | AnchorJournal():
            return VALIDATE
        case SetParameterGroup() | RebootInstance() | SetExpiry() | PausePool() | ResumePool():
            return CUTOVER
        case SetRole() | SetDataApi() | SetSubscription():
            return CUTOVER
        case LoadRows() | RunCommand() | AwaitApproval() | ExportOrder() | CarryTables() | NameDatabase():
            return IMPORT if isinstance(action, ExportOrder | CarryTables | NameDatabase) else RESTORE
        case SqlOrder():
            return CUTOVER
        case TakeSnapshot() | CopySnapshot() | AwaitSnapshot() | DeleteSnapshot():
            return COPY
        case ExportSnapshot() | AwaitExport() | ReadExport() | CancelExport() | ArchiveOrder():
            return EXPORT
        case MoveWriter() | AwaitWriter():
            return RESTORE
        case PointSecret() | MoveSecretStage() | PointParameter() | ChangeRecord() | AwaitRecord():
            return SWITCH
        case DetachProxy() | AttachProxy() | AwaitProxy() | RenameCluster() | AwaitName():
            return SWITCH
        case DeleteEndpoint() | DeleteInstance() | DeleteCluster() | AwaitClusterGone() | DeleteParameterGroup():
            return CLEAN
        case _:
            assert_never(action)


def _head(plan: Plan) -> Iterator[str]:
    objectives = plan.objectives
    yield f"# Aurora PostgreSQL Backup Restoration: {markdown(plan.target.name)}"
    yield (
        "**Recovery Objectives:**\n"
        f"- **RPO (Recovery Point Objective):** {span_words(objectives.rpo)}\n"
        f"- **RTO (Recovery Time Objective):** {span_words(objectives.rto)}\n"
        f"- **Backup Retention:** {span_words(objectives.retention)}"
    )
    yield "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in _facts(plan))
    if plan.notes:
        yield f"**{title_of_notes(plan)}:**\n" + "\n".join(f"- {markdown(note)}" for note in plan.notes)


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    identity = plan.identity
    yield "Account, region", f"{code(identity.account)}, {code(identity.region)}"
    if identity.endpoint:
        yield "Endpoint (not AWS's own)", code(identity.endpoint)
    if identity.elsewhere:
        yield "Asked elsewhere", markdown(endpoint_words(None, identity.elsewhere))
    yield "Planned by", code(identity.caller)
    if plan.request.why:
        yield "Why", markdown(plan.request.why)
    yield "Source", code(plan.source)
    yield _SUBJECTS.get(plan.kind, "Run" if clears_files(plan) else "Clone"), code(plan.clone)
    if isinstance(plan.request, RestoreRequest):
        yield "What the clone's server must prove", markdown(proof_of(plan))
    if plan.moment:
        utc, local, ago = readings(plan.moment.replace(microsecond=0), now=plan.created, zone=plan.zone)
        yield "Moment", f"{code(utc)}, {code(local)}, {ago} ({stamp(plan.created)})"
    if lost := loss_of(plan):
        span = f"{span_words(lost.span)}, " if lost.span is not None else "not said: "
        yield "Loses", markdown(f"{span}{lost.words}")
    if plan.window:
        yield "Restorable window", f"{code(stamp(plan.window.earliest))} to {code(stamp(plan.window.latest))}"
    if clears_files(plan):
        yield "Removes", markdown(f"{comma_list([*words_on_files(plan)])}; nothing else")
    elif isinstance(plan.request, CleanRequest):
        yield "Removes", f"only what carries {code(owner_of(plan, None).mark())}"
    if plan.tags:
        yield "Tagged", ", ".join(code(f"{key}={value}") for key, value in plan.tags.items())
        yield "By hand", f"put a word of your own for every {code(DRAWN_AT_START)}"
    if judged := road_of(plan).share(plan.estimate):
        yield "Data judged", f"after {between(judged.low, judged.high)}: people can work"
    yield "Estimated time", f"{between(plan.estimate.low, plan.estimate.high)} ({markdown(plan.estimate.evidence)})"
    yield "Plan", f"{code(plan.digest())}, expires {code(stamp(plan.expires))}"
    yield "Instead of all this", code("daybreak restore --plan FILE")


def _chapters(plan: Plan, hand: Typist) -> Iterator[str]:
    if isinstance(plan.request, PitrRequest):
        yield "## Point-in-Time Recovery (PITR)"
        yield "### Procedure"
        for number, title in enumerate(CHAPTERS, start=1):
            yield f"#### Step {number}: {title}"
            yield from _first(plan, hand) if title == DETERMINE else _of(plan, hand, title)
    elif isinstance(plan.request, RegionRequest | FailOverRequest):
        yield "## Cross-Region Disaster Recovery"
        yield "### Procedure"
        for number, (title, parts) in enumerate(REGION_CHAPTERS.items(), start=1):
            yield f"#### Step {number}: {title}"
            yield from _beside_region(plan, plan.request, hand, title)
            for part in parts:
                yield from _of(plan, hand, part)
    elif isinstance(plan.request, SnapshotRequest):
        yield "## Snapshot Restoration"
        yield "### Procedure"
        for number, (title, ours) in enumerate(SNAPSHOT_CHAPTERS.items(), start=1):
            yield f"#### Step {number}: {title}"
            yield from _snapshots(plan, hand) if title == LIST else _of(plan, hand, ours)
    elif isinstance(plan.request, ExportRequest):
        yield "## Data Export Recovery"
        yield "### Procedure"
        yield f"#### Step 1: {LIST_EXPORTS}"
        folder = plan.request.export.rstrip("/").rpartition("/")[0]
        yield code_block(f"# List exports in S3\naws s3 ls {quote(f'{folder}/')} --recursive", "bash")
        yield f"#### Step 2: {IMPORT}"
        yield from _of(plan, hand, IMPORT)
    else:
        yield f"## {_TITLES.get(plan.kind, CLEAN)}"
        yield "### Procedure"
        for number, step in enumerate(plan.steps, start=1):
            yield f"#### Step {number}: {markdown(sentence(step.action))}"
            yield _block([step], hand)


_TITLES = {
    "copy": COPY,
    "cutover": CUTOVER,
    "rollback": f"{CUTOVER}: back",
    "make-archive": EXPORT,
    "make-export": EXPORT,
}


def _first(plan: Plan, hand: Typist) -> Iterator[str]:
    query = "DBClusters[0].{EarliestRestorableTime:EarliestRestorableTime,LatestRestorableTime:LatestRestorableTime}"
    look = aws_call("rds", "DescribeDBClusters", {"DBClusterIdentifier": plan.source}, hand.region)
    option = f" \\\n  --query '{query}'"
    yield code_block(f"# List available recovery window\n{hand.line(look)}{option}", "bash")


def _snapshots(plan: Plan, hand: Typist) -> Iterator[str]:
    query = "DBClusterSnapshots[*].{ID:DBClusterSnapshotIdentifier,Time:SnapshotCreateTime,Status:Status}"
    blocks = []
    for kind in ("automated", "manual"):
        params = {"DBClusterIdentifier": plan.source, "SnapshotType": kind}
        look = _line("rds", "DescribeDBClusterSnapshots", params, hand)
        blocks.append(f"# List {kind} snapshots\n{look} \\\n  --query '{query}' \\\n  --output table")
    yield code_block("\n\n".join(blocks), "bash")


def _beside_region(plan: Plan, request: RegionRequest | FailOverRequest, hand: Typist, title: str) -> Iterator[str]:
    """What a chapter of a restore in another region has besides our steps."""
    if title == ASSESS:
        if request.assessed:
            yield markdown(f"When this was planned, {request.assessed}.")
        look = aws_call("rds", "DescribeDBClusters", {"DBClusterIdentifier": plan.source}, request.home)
        lines = f"# Check primary region health; nothing below depends on its answer\n{hand.line(look)}"
        yield code_block(lines, "bash")
    elif title == LIST_AWAY:
        if isinstance(request, FailOverRequest):
            params = {"GlobalClusterIdentifier": request.database}
            members = _line("rds", "DescribeGlobalClusters", params, hand)
            yield code_block(f"# Show the members of the global database\n{members}", "bash")
            return
        yield markdown(_NO_REPLICAS)
        yield code_block(_snapshots_away(plan, hand), "bash")
    elif title == UPDATE:
        yield "No step of this plan moves an application: that is done by a person, after the verdict."
    elif title == VALIDATE_AWAY and isinstance(request, FailOverRequest):
        yield code_block(validate_command(plan), "bash")


_NO_REPLICAS = (
    "AWS replicates no automated backup of an Aurora cluster, and a restore to a moment takes no source of another region: what "
    "this region has are copies of snapshots."
)


def _snapshots_away(plan: Plan, hand: Typist) -> str:
    fields = "ID:DBClusterSnapshotIdentifier,Time:SnapshotCreateTime,Status:Status,Of:SourceDBClusterSnapshotArn"
    look = _line("rds", "DescribeDBClusterSnapshots", {"DBClusterIdentifier": plan.source}, hand)
    here = f"{look} \\\n  --query 'DBClusterSnapshots[*].{{{fields}}}' \\\n  --output table"
    ours = f"daybreak backups {plan.target.name} --region {plan.identity.region}"
    return f"# List the snapshots of the cluster here\n{here}\n\n# The same, with what each gives and lacks\n{ours}"


def _of(plan: Plan, hand: Typist, title: str) -> Iterator[str]:
    unasked = steps_unasked(plan)
    # A wait belongs to the chapter of what it waits for.
    steps = [step for step in plan.steps if (CREATE if step.id in unasked else chapter(step.action)) == title]
    for step in steps:
        yield _block([step], hand, is_asked=step.id not in unasked)
    if title == WAIT:
        look = hand.look("DescribeDBClusters", "DBClusters[0].Endpoint", DBClusterIdentifier=plan.clone)
        yield code_block(f"# Get cluster endpoint\n{look}", "bash")


def _block(steps: list[Step], hand: Typist, *, is_asked: bool = True) -> str:
    blocks = [
        f"# {sentence(step.action)}\n# because {printable_sentence(step.reason)}\n{commands(step, hand, is_asked=is_asked)}"
        for step in steps
    ]
    return code_block("\n\n".join(blocks), "bash")


def _rest(plan: Plan) -> Iterator[str]:
    if plan.keyed:
        yield f"## {TITLE_OF_KEYED}"
    for each in lines_on_keyed(plan):
        yield "\n\n".join((f"- {markdown(each.what)}", *(code_block(line, "bash") for line in each.commands)))


def _after(plan: Plan) -> Iterator[str]:
    if not isinstance(plan.request, RestoreRequest):
        return
    yield "## Validation Checklist"
    yield "### Database Level\n" + "\n".join(f"- [ ] {box}" for box in _BOXES)
    # What goes with something else needs no line of its own.
    undo = [
        undo_sentence(step.undo) for step in reversed(plan.steps) if isinstance(step.undo, TakenBack | Irreversible)
    ]
    if undo:
        yield "## Taking It Back"
        listed = "\n".join(f"{number}. {markdown(line)}" for number, line in enumerate(undo, start=1))
        yield f"{code(f'daybreak clean {plan.run}')} does this, deletion protection first:\n\n{listed}"
    if plan.parity:
        yield "## Differences From the Source"
        yield "\n".join(f"- {markdown(line)}" for line in plan.parity)


def _troubleshooting(plan: Plan, hand: Typist) -> Iterator[str]:
    if isinstance(plan.request, ExportRequest):
        return
    yield "## Troubleshooting"
    yield "### Common Issues"
    is_copy = isinstance(plan.request, CopyRequest)
    kind = "db-cluster-snapshot" if is_copy else "db-cluster"
    params = {"SourceIdentifier": plan.clone, "SourceType": kind, "Duration": 60}
    yield f'#### Issue: {"Snapshot" if is_copy else "Cluster"} stuck in "creating" state'
    yield code_block("# Check for events\n" + _line("rds", "DescribeEvents", params, hand), "bash")
    restore = next((step.action for step in plan.steps if isinstance(step.action, Restore)), None)
    if restore:
        yield "#### Issue: Cannot connect to restored database"
        groups = {"GroupIds": list(restore.security_groups)}
        yield code_block("# Verify security groups\n" + _line("ec2", "DescribeSecurityGroups", groups, hand), "bash")
        if restore.subnet_group:
            yield _routing(restore.subnet_group, hand)
        if restore.kms_key:
            yield "#### Issue: Restoration fails with KMS error"
            key = {"KeyId": restore.kms_key}
            look = _line("kms", "DescribeKey", key, hand)
            policy = _line("kms", "GetKeyPolicy", key | {"PolicyName": "default"}, hand)
            yield code_block(f"# Verify KMS key access\n{look}\n\n# Check key policy allows RDS\n{policy}", "bash")
    if plan.target.contacts:
        yield "### Emergency Contacts"
        rows = [
            f"| {markdown(contact.role)} | {markdown(contact.address)} | {span_words(contact.answers_within) if contact.answers_within else ''} |"
            for contact in plan.target.contacts
        ]
        yield "\n".join(["| Role | Contact | Response Time |", "|------|---------|---------------|", *rows])


def _routing(subnet_group: str, hand: Typist) -> str:
    subnets = hand.look(
        "DescribeDBSubnetGroups", "DBSubnetGroups[0].Subnets[].SubnetIdentifier", DBSubnetGroupName=subnet_group
    )
    tables = _line("ec2", "DescribeRouteTables", {}, hand)
    filters = ' \\\n  --filters "Name=association.subnet-id,Values=${SUBNETS//[[:space:]]/,}"'
    comment = "# Verify subnet routing (an empty answer means that the subnets use their VPC's main route table)"
    return code_block(f"{comment}\nSUBNETS=$({subnets})\n{tables}{filters}", "bash")


def _line(service: str, operation: str, params: dict[str, Any], hand: Typist) -> str:
    return hand.line(aws_call(service, operation, params, hand.region))

"""A plan for a person at a terminal: everything they must know before they say yes, on one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.text import Text

from daybreak.model.actions import (
    CarryTables,
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
    DumpDatabase,
    EndSessions,
    NameDatabase,
    RemoveArchive,
    RestoreFromSnapshot,
    RestoreToMoment,
    StoreManifest,
    TakeSnapshot,
)
from daybreak.model.loss import Loss
from daybreak.model.moment import Latest, readings
from daybreak.model.names import comma_list
from daybreak.model.plan import Opening, Plan, StepId
from daybreak.model.requests import (
    CleanRequest,
    CopyRequest,
    CutoverRequest,
    ExportRequest,
    FailOverRequest,
    MakeArchiveRequest,
    MakeExportRequest,
    MoveRequest,
    PitrRequest,
    RegionRequest,
    RestoreRequest,
    RollbackRequest,
    SnapshotRequest,
)
from daybreak.model.targets import Contact
from daybreak.model.trust import Trust, trust_words
from daybreak.model.value import stamp
from daybreak.model.world import endpoint_words
from daybreak.plan.amending import OPTIONS, steps_unasked
from daybreak.plan.archiving import archive_of
from daybreak.plan.calls import owner_of
from daybreak.plan.loss import loss_of
from daybreak.plan.pointing import leads_there
from daybreak.plan.road import LongestWay, road_of
from daybreak.plan.servers import proof_of
from daybreak.report.briefs import brief
from daybreak.report.export_steps import clears_files, words_on_files
from daybreak.report.keyed import TITLE_OF_KEYED, lines_on_keyed
from daybreak.report.sentences import destination_words, sentence, title_of_notes, undo_sentence
from daybreak.report.words import (
    Entry,
    between,
    command,
    hour,
    lines_of_commands,
    many,
    plain,
    short,
    span_beside,
    span_words,
)


def plan_view(
    plan: Plan, *, then: str = "", is_explained: bool = False, more: str = "", now: datetime | None = None
) -> RenderableType:
    """A plan with a summary first and last, and a line for each step; explained, also every reason, guard, undo and name.

    ``then`` is the command that carries the plan out; it is empty where that is about to happen. ``more`` is the command that
    explains the plan. ``now`` is given for an earlier plan: if that has expired the view says so, and ``then`` makes another.
    """
    at = now or plan.created
    parts: list[RenderableType] = [
        plain(_title(plan), "bold"),
        *_entries(row for row in _summary(plan, at) if row[0] != _AT_THE_END),
        *_entries(_circumstances(plan)),
    ]
    if is_explained:
        parts += _entries(_rest(plan))
    parts += [Text(), *(_explain(plan) if is_explained else _steps(plan)), Text()]
    parts += _remarks(plan, is_explained=is_explained)
    # After the last line of a long plan its beginning is off the screen.
    parts += _entries(_summary(plan, at))
    # A plan that is carried out as it is read does not expire.
    parts += _entries((("plan", plan.digest()), *([_expiry(plan, at)] if then or at > plan.expires else [])))
    parts += [command("more     ", more)] if more and not is_explained else []
    parts += [command("again    " if now and now > plan.expires else "do it    ", then)] if then else []
    return Group(*parts)


def _title(plan: Plan) -> str:
    match plan.request:
        case PitrRequest():
            return f"Point-in-time recovery of {plan.target.name}{_purpose(plan.request)}"
        case SnapshotRequest():
            return f"Snapshot restore of {plan.target.name}{_purpose(plan.request)}"
        case RegionRequest():
            where = plan.identity.region
            return f"Restore of {plan.target.name} in {where}, away from {plan.request.home}{_purpose(plan.request)}"
        case FailOverRequest(is_switch=is_switch):
            word = "Switch-over" if is_switch else "Fail-over"
            return f"{word} of {plan.target.name} to {plan.identity.region}, away from {plan.request.home}"
        case CopyRequest():
            return f"Copies of {plan.target.name} in {plan.identity.region}, away from {plan.request.home}"
        case ExportRequest(receiver=receiver):
            what = "An export" if _makes_database(plan) else "Tables of an export"
            return f"{what} into {receiver.database} of {receiver.cluster}"
        case CutoverRequest():
            return f"Cutover of {plan.target.name} to {plan.clone}"
        case RollbackRequest():
            return f"Rollback of {plan.target.name} to {plan.source}"
        case MakeExportRequest():
            return f"Export of a snapshot of {plan.target.name}"
        case MakeArchiveRequest():
            return f"Archive of the clone of {plan.request.run}"
        case CleanRequest():
            return f"Clean-up after {plan.request.run}"


def _purpose(request: RestoreRequest) -> str:
    return "" if request.purpose == "recovery" else f", for {request.purpose}"


def _entries(rows: Iterable[tuple[str, str]]) -> Iterator[RenderableType]:
    return (Entry(name, plain(value)) for name, value in rows)


def _makes_database(plan: Plan) -> bool:
    """Whether an export becomes a new database."""
    return any(isinstance(step.action, NameDatabase) for step in plan.steps)


def _summary_of_export(plan: Plan, request: ExportRequest) -> Iterator[tuple[str, str]]:
    """What is read, and what changes where."""
    yield "export", request.export
    if _makes_database(plan):
        names = comma_list([*request.tables, *(f"all of {each}" for each in request.schemas)])
        yield "tables", names or "all, with everything else that the archive has"
        whose = "the clone of a run" if request.receiver.run else "a cluster in use"
        yield "makes", f"the database {request.receiver.database} of {request.receiver.cluster}, {whose}"
        return
    carried = next(step.action for step in plan.steps if isinstance(step.action, CarryTables))
    each = [f"{'.'.join(one.table)} into {'.'.join(one.into)}" for one in carried.tables]
    yield "tables", comma_list(each) + (f", where {request.where}" if request.where else "")
    whose = "the clone of a run" if request.receiver.run else "a cluster in use"
    if carried.creations:
        yield (
            "makes",
            f"{comma_list(['.'.join(one.into) for one in carried.creations])}, by statements of Daybreak's own",
        )
    what = "tables and rows" if carried.creations else "rows alone"
    yield (
        "changes",
        f"the database {request.receiver.database} of {request.receiver.cluster}, {whose}: {what}, in one transaction",
    )


_AT_THE_END = "loses"
"""What stands in the last summary alone: it is read right before the yes."""


def _subject(plan: Plan) -> Iterator[tuple[str, str]]:
    """What a plan is about: the clone of most, and what is read and written by one of an export."""
    if isinstance(plan.request, FailOverRequest):
        yield "writer", f"{plan.clone} in {plan.identity.region}, a cluster of production's own"
    elif isinstance(plan.request, ExportRequest):
        yield from _summary_of_export(plan, plan.request)
    elif archive_of(plan) is not None:
        yield from _summary_of_archive(plan)
    elif is_of_export(plan):
        yield "export", plan.clone
    elif clears_files(plan):
        yield "run", plan.clone
    elif not isinstance(plan.request, CopyRequest):
        yield "clone", plan.clone


def _summary(plan: Plan, now: datetime) -> Iterator[tuple[str, str]]:
    """What a person says yes to: which clone, of which moment, what is created or removed, and how long from ``now`` on."""
    yield from _subject(plan)
    if plan.moment:
        utc, local, ago = readings(plan.moment.replace(microsecond=0), now=now, zone=plan.zone)
        is_latest = isinstance(plan.request, PitrRequest) and isinstance(plan.request.moment, Latest)
        latest = ", the latest when planned" if is_latest else ""
        spellings = [utc, ago] if local.partition("+00:00")[1] else [utc, local, ago]
        yield "moment", f"{', '.join(spellings)}{latest}"
    if lost := loss_of(plan):
        yield _AT_THE_END, loss_words(lost, plan)
    if isinstance(plan.request, MakeArchiveRequest):
        yield "deletes", _words_on_removals(plan)
    elif is_of_export(plan):
        yield _words_on_bucket(plan)
    elif clears_files(plan):
        yield "deletes", f"{comma_list([*words_on_files(plan)])}; nothing else"
    elif isinstance(plan.request, CleanRequest):
        yield "deletes", f"{_count(plan, DELETED)}; only what carries {owner_of(plan, None).mark()}"
    elif isinstance(plan.request, FailOverRequest):
        yield (
            "moves",
            f"the global database {plan.request.database}; nothing is created, and nothing could be cleaned up",
        )
    elif isinstance(plan.request, MoveRequest):
        closed, opened = (plan.source, plan.clone) if plan.kind == "cutover" else (plan.clone, plan.source)
        ends = (step.action for step in plan.steps if isinstance(step.action, EndSessions))
        if any(each.cluster == closed for each in ends):
            yield "closes", f"{closed}: nobody but Daybreak can log in to it any more"
        names = _destinations(plan)
        yield "moves", f"{names} to {opened}" if names else "nothing: every place is left as it is"
    elif isinstance(plan.request, ExportRequest) and _makes_database(plan):
        yield "deletes", "nothing"
    elif isinstance(plan.request, ExportRequest):
        carried = next(step.action for step in plan.steps if isinstance(step.action, CarryTables))
        replaced = comma_list([".".join(each.into) for each in carried.tables if each.mode == "replace"])
        yield (
            "deletes",
            f"{_rows_that_go(plan.request)} of {replaced}, in the transaction that brings the others"
            if replaced
            else "nothing",
        )
    elif isinstance(plan.request, CopyRequest):
        yield "creates", _count(plan, CREATED)
        yield "deletes", f"{_count(plan, DELETED)}; only copies of this cluster that Daybreak made, for good"
    else:
        yield "creates", f"{_count(plan, CREATED)}; each name begins with the clone's"
    if not isinstance(plan.request, FailOverRequest | MoveRequest | ExportRequest):
        yield "source", f"{plan.source}: nothing of it changes"
    is_promised = isinstance(plan.request, RestoreRequest | FailOverRequest)
    promised = "" if not is_promised else f"; promised {span_words(plan.objectives.rto)}"
    low, high = plan.estimate.low, plan.estimate.high
    until = f"by {hour(now + high, now)} if begun now{promised}"
    if judged := road_of(plan).share(plan.estimate):
        data = short(judged.low, judged.high)
        yield "takes", f"{data} until people can work, {short(low, high)} in all, {until}"
    else:
        yield "takes", f"{between(low, high)}, {until}"


def _summary_of_archive(plan: Plan) -> Iterator[tuple[str, str]]:
    """What is read, what is stored where, and for how long."""
    for step in plan.steps:
        if isinstance(step.action, DumpDatabase):
            yield "reads", f"the database {step.action.database} of the clone {step.action.cluster}"
        if isinstance(step.action, StoreManifest):
            until = step.action.keep_until
            yield "writes", f"{step.action.place.address}, and its manifest beside it"
            yield "kept", f"until {stamp(until)}" if until else "as long as somebody keeps it"


def _words_on_removals(plan: Plan) -> str:
    """The archives that go because they are past their time, by their keys."""
    gone = [step.action.key for step in plan.steps if isinstance(step.action, RemoveArchive)]
    if not gone:
        return "nothing"
    whose, what = ("its", "manifest") if len(gone) == 1 else ("their", "manifests")
    return f"{many(len(gone), 'archive')} past {whose} time, with {whose} {what}: {comma_list(gone, most=5)}"


def _words_on_bucket(plan: Plan) -> tuple[str, str]:
    """What an export leaves in its bucket."""
    if not isinstance(plan.request, MakeExportRequest):
        return "ends", "it, while AWS is at it; what it has written stays"
    place = f"s3://{plan.request.bucket}/{plan.request.prefix}"
    return "writes", f"into {place}, under names of its own; Daybreak deletes none of it"


def is_of_export(plan: Plan) -> bool:
    """Whether a plan makes or ends an export, and is about no clone."""
    request = plan.request
    return isinstance(request, MakeExportRequest) or (isinstance(request, CleanRequest) and bool(request.task))


def _rows_that_go(request: ExportRequest) -> str:
    return "the rows for which the condition is true" if request.where else "every row"


def _destinations(plan: Plan) -> str:
    """What applications read the address from, each once, as far as the plan leads it elsewhere; empty where it leads nothing."""
    names = (destination_words(step.action) for step in plan.steps if leads_there(step.action))
    return comma_list([*dict.fromkeys(filter(None, names))])


def loss_words(lost: Loss, plan: Plan) -> str:
    """What a restore will lose, on one line: a person must say yes to it."""
    if lost.span is None:
        return f"not said: {lost.words}"
    is_named = isinstance(plan.request, RestoreRequest | FailOverRequest) and plan.request.accident is not None
    end = "the accident" if is_named else "the time of this plan"
    return f"{span_beside(lost.span, plan.objectives.rpo)}, up to {end}; promised {span_words(plan.objectives.rpo)}"


CREATED: dict[type, str] = {
    RestoreToMoment: "cluster",
    RestoreFromSnapshot: "cluster",
    CreateInstance: "instance",
    CopyParameterGroup: "parameter group",
    CreateParameterGroup: "parameter group",
    CreateEndpoint: "custom endpoint",
    TakeSnapshot: "snapshot",
    CopySnapshot: "copy of a snapshot",
}
"""What each creating action creates."""

DELETED: dict[type, str] = {
    DeleteCluster: "cluster",
    DeleteInstance: "instance",
    DeleteParameterGroup: "parameter group",
    DeleteEndpoint: "custom endpoint",
    DeleteSnapshot: "snapshot",
}
"""What each deleting action deletes."""


def _count(plan: Plan, kinds: dict[type, str]) -> str:
    tally = Counter(kinds[type(step.action)] for step in plan.steps if type(step.action) in kinds)
    counts = [many(tally[kind], kind) for kind in dict.fromkeys(kinds.values()) if tally[kind]]
    return ", ".join(counts) or "nothing"


def _until(at: datetime, now: datetime) -> str:
    return f"{stamp(at)}, in {span_words(at - now)}"


def _circumstances(plan: Plan) -> Iterator[tuple[str, str]]:
    """Where the plan happens and why, and what is unusual about it."""
    identity = plan.identity
    at = endpoint_words(identity.endpoint, identity.elsewhere)
    yield "account", ", ".join(filter(None, (f"{identity.account} in {identity.region}", at)))
    if plan.request.why:
        yield "why", plan.request.why
    for step in plan.steps:
        if isinstance(step.action, RestoreFromSnapshot):
            yield "snapshot", step.action.snapshot
    if isinstance(plan.request, RestoreRequest) and proof_of(plan) != trust_words(Trust(), None):
        yield "proof", proof_of(plan)


def _rest(plan: Plan) -> Iterator[tuple[str, str]]:
    """What else a person may want to know."""
    yield "as", plan.identity.caller
    if isinstance(plan.request, RestoreRequest) and proof_of(plan) == trust_words(Trust(), None):
        yield "proof", proof_of(plan)
    if (lost := loss_of(plan)) and lost.since and lost.until:
        yield "lost", f"what was written from {stamp(lost.since)} to {stamp(lost.until)}: {lost.words}"
    if plan.window:
        yield "window", f"{stamp(plan.window.earliest)} to {stamp(plan.window.latest)}"
    yield "evidence", plan.estimate.evidence
    if plan.keep_until:
        yield "keeps", f"the clone until {stamp(plan.keep_until)}"
    for key, value in plan.tags.items():
        yield "tag", f"{key}={value}"


def _steps(plan: Plan) -> Iterator[RenderableType]:
    """One line for each step that nobody has to ask for: what it does, and how long that takes, and whether it is off the longest way to the data."""
    unasked, way = steps_unasked(plan), road_of(plan).judged
    beside = {step.id for step in plan.steps if way and step.id not in way.steps}
    lines = [
        (number, step, brief(plan, step)) for number, step in enumerate(plan.steps, start=1) if step.id not in unasked
    ]
    widest = max((Text(line).cell_len for _, _, line in lines), default=0)
    for number, step, line in lines:
        room = " " * (widest - Text(line).cell_len + 2)
        is_beside = ", beside" if step.id in beside else ""
        takes = Text(room + short(step.estimate.low, step.estimate.high) + is_beside, "dim")
        yield Text.assemble((f"{number:>3}  ", "dim"), plain(line), takes, no_wrap=True, overflow="ignore")


def _explain(plan: Plan) -> Iterator[RenderableType]:
    """Each step with its reason, who waits for it, its guards and its undo; every name is whole."""
    unasked, road = steps_unasked(plan), road_of(plan)
    for number, step in enumerate(plan.steps, start=1):
        takes = Text(f"  {short(step.estimate.low, step.estimate.high)}", "dim")
        yield Entry(f"{number:>3}", plain(sentence(step.action), "bold") + takes, 5)
        lines = [("only if asked" if step.id in unasked else "because", step.reason)]
        if step.id not in unasked and road.judged:
            lines.append(("waited for", _who_waits(step.id, road.judged, road.complete)))
        if step.openings:
            lines.append(("open", comma_list([_words_of_opening(each) for each in step.openings])))
        if step.guards:
            lines.append(("guarded", "; ".join(guard.sentence() for guard in step.guards)))
        if step.undo:
            lines.append(("undo", undo_sentence(step.undo)))
        for word, value in lines:
            yield Entry("", Text(f"{word}: ", "dim") + plain(value, "dim"), 7)


def _who_waits(step: StepId, judged: LongestWay, complete: LongestWay) -> str:
    """What would come later if a step took longer."""
    if step in judged.steps:
        return "it is on the longest way to the judgement of the data"
    if step in complete.steps:
        return "it is on the longest way to the whole clone, beside the data"
    return "it is made beside, and something else takes longer"


def _words_of_opening(opening: Opening) -> str:
    """A field that may be amended, by its option, with what AWS offered."""
    offered = f" ({' or '.join(opening.offers)})" if opening.offers else ""
    return f"resume {OPTIONS[opening.field]}{offered}"


def _remarks(plan: Plan, *, is_explained: bool) -> Iterator[RenderableType]:
    parts = [(title_of_notes(plan), plan.notes)]
    if is_explained:
        parts.append(("The clone will differ from the source in", plan.parity))
        parts.append(("Whom to call", tuple(map(_contact, plan.target.contacts))))
    for title, remarks in parts[:1]:
        yield from _list(title, remarks)
    if plan.keyed:
        yield Text(TITLE_OF_KEYED, "bold")
        for each in lines_on_keyed(plan):
            yield Entry("  -", plain(each.what), 4)
            yield from lines_of_commands(each.commands if is_explained else ())
        yield Text()
    for title, remarks in parts[1:]:
        yield from _list(title, remarks)


def _list(title: str, remarks: tuple[str, ...]) -> Iterator[RenderableType]:
    if remarks:
        yield Text(title, "bold")
        yield from (Entry("  -", plain(remark), 4) for remark in remarks)
        yield Text()


def _expiry(plan: Plan, now: datetime) -> tuple[str, str]:
    late = now - plan.expires
    if late > timedelta():
        return "expired", f"{stamp(plan.expires)}, {span_words(late)} ago: it cannot be carried out any more"
    return "expires", _until(plan.expires, now)


def _contact(contact: Contact) -> str:
    soon = f", answers within {span_words(contact.answers_within)}" if contact.answers_within else ""
    return f"{contact.role}: {contact.address}{soon}"

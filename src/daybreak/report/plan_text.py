"""A plan for people at a terminal: everything they must know before they say yes, on one page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from daybreak.model.actions import RestoreFromSnapshot
from daybreak.model.moment import Latest, readings
from daybreak.model.plan import Plan, Refusal, Step
from daybreak.model.requests import CleanRequest, PitrRequest, SnapshotRequest
from daybreak.model.value import iso
from daybreak.plan.calls import owner_of
from daybreak.plan.servers import proof_of
from daybreak.report.sentences import sentence
from daybreak.report.words import between, command, plain, span_words


def plan_view(plan: Plan, *, then: str = "", now: datetime | None = None) -> RenderableType:
    """The plan as a table; ``then`` is the command that carries it out, none where that is about to happen.

    ``now`` is given where the plan was made earlier and may have expired: then that is said, and ``then`` makes another.
    """
    return Group(
        plain(_title(plan), "bold"),
        Padding(_facts(plan), (1, 0)),
        _steps(plan),
        Padding(_remarks(plan), (1, 0, 0, 0)),
        Padding(_named(plan, now or plan.created), (1, 0, 0, 0)),
        *([command("again   " if now and now > plan.expires else "do it   ", then)] if then else []),
    )


def refusal_view(refusal: Refusal) -> RenderableType:
    """Why there is no plan: every reason, and what to do."""
    lines = [plain(f"refused: {refusal.what}", "bold red")]
    lines += [Text("  - ") + plain(reason) for reason in refusal.reasons]
    lines += [Text("  try: ", "dim") + plain(hint) for hint in refusal.hints]
    return Group(*lines)


def _title(plan: Plan) -> str:
    match plan.request:
        case PitrRequest():
            return f"Point-in-time recovery of {plan.target.name}{_purpose(plan.request)}"
        case SnapshotRequest():
            return f"Snapshot restore of {plan.target.name}{_purpose(plan.request)}"
        case _:
            return f"Clean-up after {plan.request.run}"


def _purpose(request: PitrRequest | SnapshotRequest) -> str:
    return "" if request.purpose == "recovery" else f", for {request.purpose}"


def _facts(plan: Plan) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, value in _told(plan):
        grid.add_row(name, plain(value))
    return grid


def _told(plan: Plan) -> Iterator[tuple[str, str]]:
    identity = plan.identity
    yield "account", f"{identity.account} in {identity.region}"
    if identity.endpoint:
        yield "endpoint", f"{identity.endpoint}  (not AWS's own)"
    yield "as", identity.caller
    if plan.request.why:
        yield "why", plan.request.why
    yield "source", plan.source + ("" if isinstance(plan.request, CleanRequest) else " (never changed)")
    yield "clone", plan.clone
    for step in plan.steps:
        if isinstance(step.action, RestoreFromSnapshot):
            yield "snapshot", step.action.snapshot
    if not isinstance(plan.request, CleanRequest):
        yield "proof", proof_of(plan)
    if plan.moment:
        utc, local, ago = readings(plan.moment.replace(microsecond=0), now=plan.created, zone=plan.zone)
        is_latest = isinstance(plan.request, PitrRequest) and isinstance(plan.request.moment, Latest)
        yield "moment", utc + ("  (the latest one when this was planned)" if is_latest else "")
        yield "", local
        yield "", ago
    if plan.window:
        yield "window", f"{iso(plan.window.earliest)} to {iso(plan.window.latest)}"
    promised = f"; promised {span_words(plan.objectives.rto)}" if not isinstance(plan.request, CleanRequest) else ""
    yield "estimate", between(plan.estimate.low, plan.estimate.high) + promised
    yield "", plan.estimate.evidence
    if plan.keep_until:
        yield "kept until", iso(plan.keep_until)
    yield from _marked(plan)


def _marked(plan: Plan) -> Iterator[tuple[str, str]]:
    """What tells the run's own from everything else: the tags it gives, or the one it asks for before it deletes."""
    if isinstance(plan.request, CleanRequest):
        yield "removes", f"only what carries {owner_of(plan, None).mark()}"
    for number, (key, value) in enumerate(plan.tags.items()):
        yield "" if number else "tagged", f"{key}={value}"


def _steps(plan: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("what, why, and what guards it", ratio=1)
    table.add_column("takes", no_wrap=True)
    for number, step in enumerate(plan.steps, start=1):
        table.add_row(str(number), _step(step), between(step.estimate.low, step.estimate.high))
    return table


def _step(step: Step) -> Text:
    told = plain(sentence(step.action), "bold")
    lines = [("because ", step.reason)]
    if step.guards:
        lines.append(("guarded: ", "; ".join(guard.sentence() for guard in step.guards)))
    if step.undo:
        lines.append(("undo: ", step.undo))
    for word, text in lines:
        told += Text(f"\n  {word}", "dim") + plain(text, "dim")
    return told


def _remarks(plan: Plan) -> Group:
    lines: list[Text] = []
    for title, remarks in (
        ("Know before you say yes", plan.notes),
        ("The clone will differ from the source in", plan.parity),
    ):
        if remarks:
            lines.append(Text(title, "bold"))
            lines += [Text("  - ") + plain(remark) for remark in remarks]
    if plan.target.contacts:
        lines.append(Text("Whom to call", "bold"))
    for contact in plan.target.contacts:
        soon = f", answers within {span_words(contact.answers_within)}" if contact.answers_within else ""
        lines.append(Text("  - ") + plain(f"{contact.role}: {contact.address}{soon}"))
    return Group(*lines)


def _named(plan: Plan, now: datetime) -> Group:
    when, until = iso(plan.expires), plan.expires - now
    if until < timedelta():
        told = f"{when}, {span_words(-until)} ago: it cannot be carried out any more"
        expires = Text("expired ", "bold red") + Text(told)
    else:
        expires = Text("expires ", "dim") + Text(f"{when}, in {span_words(until)}")
    return Group(Text("plan    ", "dim") + Text(plan.digest()), expires)

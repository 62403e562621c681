"""A report for a person at a terminal: first the verdict, then what speaks against it, the figures, the way in, the next step.

The law: the screen shows at most ten names of a kind, and the number of all. No name is cut or broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rich.console import Group, RenderableType
from rich.text import Text

from daybreak.model.findings import Detail, Level, Standing
from daybreak.model.loss import Loss
from daybreak.model.names import comma_list
from daybreak.model.report import CheckLine, Promise, Report, StepLine
from daybreak.model.value import stamp
from daybreak.model.world import endpoint_words
from daybreak.report.costs import cost_words
from daybreak.report.journaling import journal_words
from daybreak.report.losses import loss_in_brief, loss_lines
from daybreak.report.naming import WITNESSES, amendment_line, approval_line, times_line, verdict_word
from daybreak.report.text.status import STYLES
from daybreak.report.words import Entry, command, lines_of_commands, many, on_request, plain, span_beside, span_words

Verbosity = Literal["verdict", "brief", "all"]
"""How much of a report to show: its first line, what decides, or everything."""

MOST_BEYOND = 2
"""The most kinds beyond anybody's reach that the brief view names."""

MOST_NAMES = 10
"""The most names of one kind on a screen; hundreds would push the verdict off it."""

_AGAINST = (Standing.UNFIT, Standing.UNKNOWN)
_STEP_STYLES = {
    "done": "green",
    "failed": "bold red",
    "forgone": "yellow",
    "held": "yellow",
    "uncertain": "yellow",
    "sent": "cyan",
    "intended": "cyan",
}


def report_view(report: Report, depth: Verbosity = "brief", *, more: str = "") -> RenderableType:
    """The view of a report; ``more`` is the command or the option that shows what is folded."""
    if depth == "verdict":
        return _verdict(report)
    # The view ends with what decides: a terminal still shows the end.
    parts = [*_facts(report), *_steps(report), *_checks(report), Text()] if depth == "all" else []
    parts += [_verdict(report), *_reasons(report), *_against(report)]
    parts += _unread(report, depth)
    parts += _what(report) if depth == "brief" else []
    parts += [*_figures(report, depth), *_rows(report, depth)]
    parts += [Entry("carried" if not number else "", plain(each)) for number, each in enumerate(report.carried)]
    parts += [Entry("traffic" if not number else "", plain(each)) for number, each in enumerate(report.traffic)]
    for number, line in enumerate(report.keyed):
        parts.append(Entry("keyed" if not number else "", plain(line.what)))
        parts += lines_of_commands(line.commands if depth == "all" else ())
    if depth == "brief" and more and (report.checks or report.steps):
        parts.append(command("more     ", more))
    if report.way_in and report.way_in != report.next:
        parts.append(command("way in   ", report.way_in))
    if report.login:
        parts.append(Entry("login", plain(report.login)))
    if report.next:
        parts.append(command("next     ", report.next))
    return Group(*parts)


def _verdict(report: Report) -> RenderableType:
    if report.standing is None:
        told = report.status + (f": {report.note}" if report.note else "")
        standing = Entry("status", plain(told, _STATUS_STYLES.get(report.status, "")))
        return Group(standing, *(Entry("hint", plain(each, "dim")) for each in report.hints))
    word = Text(verdict_word(report).lower(), STYLES[report.standing])
    return Entry("verdict", word + plain(f": {report.headline}"))


_STATUS_STYLES = {
    "failed": "bold red",
    "aborted": "yellow",
    "paused": "yellow",
    "stopped": "yellow",
    "silent": "yellow",
    "running": "cyan",
    "finished": "green",
}


def _reasons(report: Report) -> Iterator[RenderableType]:
    """The reasons that stand neither at a check below nor in the status, such as that nothing was checked."""
    below = {line.check for line in report.checks if line.standing in _AGAINST}
    is_told = report.standing is None and report.note
    rest = [] if is_told else [each.text for each in report.reasons if each.check not in below]
    for reason in rest[:MOST_NAMES]:
        yield Entry("", Text("- ") + plain(reason))
    yield from _more(rest)


def _unread(report: Report, depth: Verbosity) -> Iterator[RenderableType]:
    """What the verdict does not speak of: in whole where all is shown, else only what nobody can read, in one line."""
    if depth == "all":
        for reason in report.not_asked:
            yield Entry("not asked", plain(reason.text), 11, style="dim")
        for reason in report.beyond:
            yield Entry("beyond", plain(reason.text), 11, style="dim")
    elif report.beyond:
        told = comma_list([reason.text for reason in report.beyond], MOST_BEYOND)
        yield Entry("beyond", plain(f"nobody can read {told}", "dim"))


def _more(names: list[str], indent: int = 9, shown: int = MOST_NAMES) -> Iterator[RenderableType]:
    if (more := len(names) - shown) > 0:
        yield Entry("", Text(f"and {more:,} more, {len(names):,} in all: in the report, -o html", "dim"), indent)


def _against(report: Report) -> Iterator[RenderableType]:
    """The checks that are unfit or unknown, each with the first lines behind it."""
    lines: list[CheckLine] = sorted((each for each in report.checks if each.standing in _AGAINST), key=_gravity)
    room = MOST_NAMES
    for line in lines[:MOST_NAMES]:
        yield from _check(line, room)
        room = max(room - len(_troubles(line)), 0)
    yield from _more([line.title for line in lines])


def _gravity(line: CheckLine) -> int:
    return _AGAINST.index(line.standing) if line.standing in _AGAINST else len(_AGAINST)


def _check(line: CheckLine, room: int = MOST_NAMES) -> Iterator[RenderableType]:
    """One check: its title, what was expected and found, and the first lines behind it."""
    style = STYLES[line.standing] if line.standing else "dim"
    name = plain(line.title) + plain(f" ({line.check})", "dim")
    yield Entry(line.standing.value if line.standing else "", name, style=style)
    if line.standing is Standing.UNFIT:
        yield Entry("", plain(f"expected {line.expected}, found {line.found}"))
    for told in (line.why, line.found if line.standing is Standing.UNKNOWN and not line.why else ""):
        if told:
            yield Entry("", plain(told, "dim"))
    troubles = _troubles(line)
    for detail in troubles[:room]:
        yield Entry("", _trouble(detail), 11)
    if troubles:
        yield from _more([detail.full for detail in troubles], 11, min(room, MOST_NAMES))


def _troubles(line: CheckLine) -> list[Detail]:
    return [detail for detail in line.details if detail.standing in _AGAINST]


def _trouble(detail: Detail) -> Text:
    told = [f"expected {detail.expected}" if detail.expected else "", f"found {detail.found}" if detail.found else ""]
    told = [*filter(None, told), *([detail.why] if detail.why else [])]
    word = Text(f" {detail.standing.value}", STYLES[detail.standing])
    return plain(detail.full) + word + plain(f": {', '.join(told)}" if told else "", "dim")


def _what(report: Report) -> Iterator[RenderableType]:
    yield Entry("what", plain(_subject(report)))
    if report.why:
        yield Entry("why", plain(report.why))
    yield from _amendments(report)
    if report.steps and report.status != "finished":
        taken = [step.status for step in report.steps if step.status != "unasked"]
        done = sum(status in ("done", "forgone") for status in taken)
        yield Entry("steps", plain(f"{done} of {len(taken)} done{on_request(len(report.steps) - len(taken))}"))
    if report.standing is None and (told := times_line(report)):
        yield Entry("times", plain(told))
    if report.journal and report.journal.ends_without_anchor and report.kind != "clean":
        yield Entry("journal", plain(journal_words(report.journal), "yellow"))


def _amendments(report: Report) -> Iterator[RenderableType]:
    for each in report.amendments:
        yield Entry("amended", plain(amendment_line(each)))


def _subject(report: Report) -> str:
    as_of = f", as of {stamp(report.moment)}" if report.moment else ""
    whence = f"{report.source} to " if report.source and report.kind not in ("validation", "clean") else ""
    of = f" of {report.target}" if report.target else ""
    return f"{report.kind}{of}: {whence}{report.clone}{as_of}"


def _facts(report: Report) -> Iterator[RenderableType]:
    for name, value in _fact_rows(report):
        yield Entry(name, plain(value))


def _fact_rows(report: Report) -> Iterator[tuple[str, str]]:
    if report.run:
        yield "run", report.run
    yield "what", _subject(report)
    if report.why:
        yield "why", report.why
    if report.run and report.who:
        yield "who", f"{report.who} on {report.where}"
    at = endpoint_words(report.endpoint, report.elsewhere)
    yield "account", ", ".join(filter(None, (f"{report.account} in {report.region}", at)))
    if report.server:
        yield "server", report.server
    if report.proof:
        yield "proof", report.proof
    yield from _witnesses(report)
    if report.plan:
        yield "plan", report.plan
    for each in report.amendments:
        yield "amended", amendment_line(each)
    for given in report.approvals:
        yield "approved", approval_line(given)
    if report.plan_amended:
        yield "both", f"{report.plan_amended}, the digest of plan and amendments"
    if report.journal:
        yield "journal", journal_words(report.journal)
        if report.journal.tail:
            yield "tail", report.journal.tail
    yield "began", stamp(report.began)
    if report.ended:
        yield "ended", f"{stamp(report.ended)}, after {span_words(report.took)}"
    if report.standing is not None:
        yield "status", report.status + (f": {report.note}" if report.note else "")


def _witnesses(report: Report) -> Iterator[tuple[str, str]]:
    if not report.checks:
        return
    sample = f", {report.sample} % of the tables read through" if report.sample < 100 else ""
    if report.depth:
        yield "depth", report.depth + sample
    for witness in (report.configuration, report.baseline):
        if witness.kind != "none":
            since = f" {stamp(witness.stands_for)}" if witness.stands_for else ""
            digest = f" ({witness.sha256[:12]})" if witness.sha256 else ""
            yield "witness", f"{WITNESSES[witness.kind]}{since}{digest}"


def _figures(report: Report, depth: Verbosity) -> Iterator[RenderableType]:
    is_judged = report.standing is not None
    for promise in report.promises:
        if is_judged or promise.measured is not None:
            more = plain(_other_time(report) if promise.name == "RTO" else "")
            yield Entry(promise.name, _promise(promise, report.figures.lost) + more)
        if promise.name == "RPO" and depth == "all" and report.figures.newest:
            where = f" in {report.figures.newest_in}" if report.figures.newest_in else ""
            yield Entry("", plain(f"newest row {stamp(report.figures.newest)}{where}", "dim"))


def _other_time(report: Report) -> str:
    """The one of the two times that was not measured against the RTO, as the end of its line."""
    rto = next((each.measured for each in report.promises if each.name == "RTO"), None)
    if rto is None or report.judged is None or report.complete is None:
        return ""
    if rto == report.judged:
        return f"; complete after {span_words(report.complete)}"
    return f"; data judged after {span_words(report.judged)}"


def _rows(report: Report, depth: Verbosity) -> Iterator[RenderableType]:
    """How many rows the clone has, and which of them the source lost: in one sentence, or table by table."""
    rows, brief = report.figures.rows, loss_in_brief(report.figures.deltas)
    counted = f"{rows:,} counted in the clone" if rows is not None else ""
    if depth == "all":
        if counted:
            yield Entry("rows", plain(counted))
        for number, line in enumerate(loss_lines(report.figures.deltas, report.run or "")):
            yield Entry("" if number else "source", plain(line))
        for cost in report.figures.costs:
            yield Entry("cost", plain(f"reading took of the source: {cost_words(cost)}", "dim"))
    elif told := "; ".join(filter(None, (counted, f"the source {brief}" if brief else ""))):
        yield Entry("rows", plain(told))


def _promise(held: Promise, lost: Loss | None) -> Text:
    """What was promised and measured; of a loss also the two times between which it lies."""
    told = _words_for_promise(held, lost)
    return told + plain(f" ({lost.words})", "dim") if held.name == "RPO" and lost else told


def _words_for_promise(held: Promise, lost: Loss | None) -> Text:
    told = Text(f"promised {span_words(held.promised)}, " if held.promised is not None else "")
    if held.measured is None:
        is_left_out = held.name == "RPO" and lost is not None
        missing = "not applicable" if is_left_out else "not measured"
        return told + Text(missing, "dim" if is_left_out else STYLES[Standing.UNKNOWN])
    word = "lost" if held.name == "RPO" else "measured"
    if held.why_not:
        style = STYLES[Standing.UNKNOWN]
        return told + Text(f"{word} {span_beside(held.measured, held.promised)}, not shown: {held.why_not}", style)
    if held.is_met is None:
        return told + Text(f"{word} {span_beside(held.measured, held.promised)}, nothing was promised")
    style = STYLES[Standing.FIT if held.is_met else Standing.UNFIT]
    return told + Text(
        f"{word} {span_beside(held.measured, held.promised)}, {'kept' if held.is_met else 'missed'}", style
    )


def _steps(report: Report) -> Iterator[RenderableType]:
    if report.steps:
        yield Text(f"\n{many(len(report.steps), 'step')}", "bold")
    for step in report.steps:
        name = plain(f"{step.id}  ", "dim") + plain(step.sentence)
        yield Entry(step.status, name, style=_STEP_STYLES.get(step.status, "dim"), indent=11)
        for line in _of_step(step):
            yield Entry("", plain(line, "dim"), 11)


def _of_step(step: StepLine) -> Iterator[str]:
    """What else is known about a step, on separate lines."""
    if step.began:
        took = f", took {span_words(step.took)}" if step.took is not None else ""
        yield f"began {stamp(step.began)}{took}"
    yield from (f"request {request}" for request in step.request_ids)
    if step.was_adopted:
        yield "its effect was found in the world, because a reply was lost"
    if step.retries:
        yield f"tried again {many(step.retries, 'time')}"
    if step.note:
        yield step.note


def _checks(report: Report) -> Iterator[RenderableType]:
    """Every check, level by level; those that are not fit also stand at the end."""
    for level in Level:
        here = [line for line in report.checks if line.level is level]
        if here:
            yield Text(f"\n{level.value} level, {many(len(here), 'check')}", "bold")
        for line in here:
            word, style = (line.standing.value, STYLES[line.standing]) if line.standing else ("not asked", "dim")
            told = f": {line.found}" if line.standing else ""
            because = f" ({line.why})" if line.why else ""
            yield Entry(word, plain(line.title) + plain(told + because, "dim"), 11, style=style)

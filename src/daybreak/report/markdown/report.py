"""A report as GitHub-flavored Markdown, for a ticket or a wiki; text from outside never becomes structure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from daybreak.model.findings import Level, Standing
from daybreak.model.report import CheckLine, Figures, Promise, Report, Witness
from daybreak.model.value import stamp
from daybreak.model.world import endpoint_words
from daybreak.report.costs import cost_words
from daybreak.report.journaling import journal_words
from daybreak.report.keyed import TITLE_OF_KEYED
from daybreak.report.losses import loss_lines
from daybreak.report.naming import KINDS, WITNESSES, amendment_line, approval_line, times_line, verdict_word
from daybreak.report.words import between, code_block, span_beside, span_words, visible

_SIGNS = {
    Standing.FIT: "✅",
    Standing.UNFIT: "❌",
    Standing.UNKNOWN: "❓",
    Standing.WAIVED: "\N{HEAVY MINUS SIGN}",
    Standing.LEFT_OUT: "\N{HEAVY MINUS SIGN}",
    Standing.BEYOND: "\N{HEAVY MINUS SIGN}",
    None: "⬜",
}
"""The sign beside each standing's word."""

_READ = re.compile(r"([\\`*_\[\]<>|#~&])")
_CALLED = re.compile(r"(@|:(?=//)|(?i:www)(?=\.))")
_FIRST = re.compile(r"^(\s*(?:\d+(?=[.)])|(?=[-+])))([-+.)])(?=[\s-]|$)")


def markdown(report: Report) -> str:
    """The report as a Markdown document."""
    parts = [
        *_head(report),
        *_checklist(report),
        *_parity(report),
        *_timeline(report),
        *_amendments(report),
        *_approvals(report),
        *_losses(report),
        *_foot(report),
    ]
    return "\n\n".join(parts) + "\n"


def _head(report: Report) -> Iterator[str]:
    yield f"# {text(report.target or report.clone)}: {verdict_word(report)}"
    as_of = f", as of {stamp(report.moment)}" if report.moment else ""
    yield f"{KINDS.get(report.kind, text(report.kind))}{as_of}. {text(report.headline)}."
    if report.reasons:
        yield "\n".join(f"- {text(reason.text)}" for reason in report.reasons)
    if report.not_asked or report.beyond:
        yield "The verdict does not speak of:"
        told = [reason.text for reason in report.not_asked]
        told += [f"beyond anybody's reach: {reason.text}" for reason in report.beyond]
        yield "\n".join(f"- {text(line)}" for line in told)
    if report.carried:
        yield "\n".join(f"- {text(each)}" for each in report.carried)
    if report.traffic:
        yield "\n".join(f"- {text(each)}" for each in report.traffic)
    if report.promises:
        rows = [
            f"| {each.name} | {span_words(each.promised) if each.promised is not None else '–'} "
            f"| {_words_for_measured(each, report.figures)} | {_promise_words(each)} |"
            for each in report.promises
        ]
        yield "\n".join(("| Objective | Promised | Reached | |", "|---|---|---|---|", *rows))
    yield "\n".join(("| Fact | |", "|---|---|", *(f"| {name} | {value} |" for name, value in _facts(report))))


def _losses(report: Report) -> Iterator[str]:
    if lines := loss_lines(report.figures.deltas, report.run or ""):
        yield "## What the source lost"
        yield "\n".join(f"- {text(line)}" for line in lines)


def _words_for_measured(held: Promise, figures: Figures) -> str:
    """What was lost or measured; where no loss can be said, that it does not apply."""
    if held.measured is None:
        return "not applicable" if held.name == "RPO" and figures.lost else "not measured"
    return (
        f"{span_beside(held.measured, held.promised)} lost"
        if held.name == "RPO"
        else span_beside(held.measured, held.promised)
    )


def _promise_words(held: Promise) -> str:
    if held.why_not:
        return f"{_SIGNS[Standing.UNKNOWN]} not shown: {held.why_not}"
    return {True: f"{_SIGNS[Standing.FIT]} kept", False: f"{_SIGNS[Standing.UNFIT]} missed", None: "–"}[held.is_met]


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    if report.source:
        yield "Source", code(report.source)
    yield "Clone", code(report.clone)
    if report.server:
        yield "Server", code(report.server)
    yield "Account", f"{code(report.account)} in {code(report.region)}"
    if report.endpoint:
        yield "Endpoint (not AWS's own)", code(report.endpoint)
    if report.elsewhere:
        yield "Asked elsewhere", text(endpoint_words(None, report.elsewhere))
    if report.proof:
        yield "Proof of the server", text(report.proof)
    if report.why:
        yield "Why", text(report.why)
    yield "Who", text(report.who or report.caller) + (f" on {text(report.where)}" if report.where else "")
    yield "Began", stamp(report.began)
    yield "Ended", f"{stamp(report.ended)}, after {span_words(report.took)}" if report.ended else "not yet"
    if told := times_line(report):
        yield "Times", text(told)
    if report.checks:
        yield "Compared with", _witness(report.configuration)
        yield "Baseline", _witness(report.baseline)
        yield "Depth", f"{text(report.depth)}, {report.sample} % of the tables"
    if report.figures.lost:
        yield "Loss counts", text(report.figures.lost.words)
    if report.figures.newest:
        yield "Newest row", f"{stamp(report.figures.newest)} in {code(report.figures.newest_in or 'the clone')}"
    if report.figures.rows is not None:
        yield "Rows", f"{report.figures.rows:,}"
    for cost in report.figures.costs:
        yield "Taken of the source", text(cost_words(cost))
    if report.run:
        yield "Run", code(report.run)
    if report.plan:
        yield "Plan", code(report.plan)
    if report.journal:
        tail = f", tail {code(report.journal.tail)}" if report.journal.tail else ""
        yield "Journal", f"{journal_words(report.journal)}{tail}"
    if report.way_in and report.way_in != report.next:
        yield "Way in", code(report.way_in)
    if report.login:
        yield "Login", text(report.login)
    if report.next:
        yield "Next", code(report.next)


def _witness(seen: Witness) -> str:
    if seen.kind == "none":
        return "none"
    told = WITNESSES[seen.kind] + (f" {stamp(seen.stands_for)}" if seen.stands_for else "")
    return told + (f" {code(seen.sha256)}" if seen.sha256 else "") + (f" in {text(seen.place)}" if seen.place else "")


def _checklist(report: Report) -> Iterator[str]:
    if report.checks:
        yield "## Validation Checklist"
    for level in Level:
        if here := [line for line in report.checks if line.level is level]:
            yield "### Parity" if level is Level.PARITY else f"### {level.value.capitalize()} Level"
            rows = [_row(line) for line in here]
            yield "\n".join(("| Box | Check | Expected | Found | |", "|---:|---|---|---|---|", *rows))
    if troubled := [line for line in report.checks if line.details and line.standing is not Standing.FIT]:
        yield "## Details"
        for line in troubled:
            rows = [
                f"| {text(each.full)} | {text(each.expected)} | {_finding_words(each.found, each.why)} | {_standing_words(each.standing)} |"
                for each in line.details
            ]
            yield f"### {text(line.title)}"
            yield "\n".join(("| What | Expected | Found | |", "|---|---|---|---|", *rows))


def _row(line: CheckLine) -> str:
    found = _finding_words(line.found, line.why)
    return f"| {line.box or ''} | {text(line.title)} | {text(line.expected)} | {found} | {_standing_words(line.standing)} |"


def _finding_words(found: str, why: str) -> str:
    return "<br>".join(text(each) for each in (found, why) if each)


def _standing_words(standing: Standing | None) -> str:
    return f"{_SIGNS[standing]} {standing.value if standing else 'not asked'}"


def _parity(report: Report) -> Iterator[str]:
    if report.differences:
        yield "## Differences From the Source"
        rows = [
            f"| {text(each.field)} | {text(each.source)} | {text(each.clone)} | {text(each.why)} | {_standing_words(each.standing)} |"
            for each in report.differences
        ]
        yield "\n".join(("| Field | Source | Clone | Reason | |", "|---|---|---|---|---|", *rows))


def _timeline(report: Report) -> Iterator[str]:
    if report.steps:
        yield "## Timeline"
        rows = [
            f"| {text(step.sentence)}{'<br>' + text(step.note) if step.note else ''} | {step.status} "
            f"| {stamp(step.began) if step.began else ''} "
            f"| {span_words(step.took) if step.took is not None else ''} "
            f"| {between(step.estimate_low, step.estimate_high)} |"
            for step in report.steps
        ]
        yield "\n".join(("| Step | Status | Began | Took | Estimated |", "|---|---|---|---|---|", *rows))


def _approvals(report: Report) -> Iterator[str]:
    if report.approvals:
        yield "## Approvals"
        yield "\n".join(f"- {text(approval_line(each))}" for each in report.approvals)


def _amendments(report: Report) -> Iterator[str]:
    if report.amendments:
        yield "## Amendments"
        yield "\n".join(f"- {text(amendment_line(each))}" for each in report.amendments)
        yield f"Digest of the plan and its amendments together: `{report.plan_amended}`"


def _foot(report: Report) -> Iterator[str]:
    if report.keyed:
        yield f"## {TITLE_OF_KEYED}"
        for each in report.keyed:
            yield "\n\n".join((f"- {text(each.what)}", *(code_block(line, "bash") for line in each.commands)))
    if notes := (*report.notes, *report.permitted):
        yield "## Notes"
        yield "\n".join(f"- {text(note)}" for note in notes)
    yield f"Made by Daybreak {text(report.version)} at {stamp(report.made)}."


def text(from_outside: str) -> str:
    r"""Text from outside, whole and on one line, without anything that Markdown, HTML or GitHub acts on.

    >>> text("a|b <i>\n1. c@everyone")
    'a\\|b \\<i\\>\\\\n1. c@<!-- -->everyone'
    """
    safe = _READ.sub(r"\\\1", visible(from_outside).replace("\n", "\\n").replace("\t", " "))
    # An empty comment splits what would notify someone or become a link; a dollar alone never begins a formula.
    safe = _CALLED.sub(r"\1<!-- -->", safe).replace("$", "<span>$</span>")
    return _FIRST.sub(r"\1\\\2", safe)


def code(from_outside: str) -> str:
    """Text from outside as a code span, whole and on one line, also inside a table."""
    shown = visible(from_outside).replace("\n", "\\n").replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    return f"{fence} {shown} {fence}" if len(fence) > 1 or not shown.strip() else f"{fence}{shown}{fence}"

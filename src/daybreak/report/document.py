"""Turn a run, or a validation by itself, into a report: the one noun from which every format is written.

The law: a report concludes nothing that the verdict does not say, and shows what was not asked as not asked.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from daybreak.model.actions import AwaitExport, AwaitSql, ReadExport, Validate
from daybreak.model.checks import CHECKS, RUNBOOK, Check
from daybreak.model.findings import Finding, Level, Measured, Reason, Standing, Verdict
from daybreak.model.kept import Kept
from daybreak.model.moment import At
from daybreak.model.names import comma_list
from daybreak.model.plan import Plan, Step
from daybreak.model.report import (
    AmendmentLine,
    ApprovalLine,
    CheckLine,
    Difference,
    Figures,
    Occasion,
    Promise,
    Report,
    StepLine,
    Witness,
)
from daybreak.model.requests import ExportRequest, MakeArchiveRequest, MakeExportRequest, RestoreRequest
from daybreak.model.run import Amendment, RunState, StepState
from daybreak.model.targets import Objectives
from daybreak.model.trust import AMAZON
from daybreak.model.validation import Validation
from daybreak.model.value import Span
from daybreak.plan.amending import MANAGED, amend, digest_with, steps_unasked
from daybreak.plan.clean import removes_all
from daybreak.plan.estimates import why_no_measure, why_run_shows_nothing
from daybreak.plan.judgement import times_of, verdict_of_data
from daybreak.plan.servers import clone_seen, login_recorded, proof_of
from daybreak.report.archive_steps import words_on_archive
from daybreak.report.export_steps import sentences_on_carried, sentences_on_named
from daybreak.report.journaling import journal_line
from daybreak.report.keyed import lines_on_keyed
from daybreak.report.sentences import amendment_words, sentence, words_on_move
from daybreak.report.traffic import sentences_on_traffic
from daybreak.report.words import many

NOT_ASKED = "not asked"
MOST_NAMES = 3
"""The most checks without an answer that a headline names."""

_NOTHING = Witness(kind="none")


def report_of_run(plan: Plan, state: RunState, occasion: Occasion) -> Report:
    """The report of a run, however far it has come."""
    standing = amend(plan, state.amendments)
    unasked = steps_unasked(plan, state.amendments)
    asked = next((step.action for step in standing.steps if isinstance(step.action, Validate)), None)
    checks = _checks(state.findings, is_judged=asked is not None)
    promises = promises_of(plan.objectives, state.measured, why_run_shows_nothing(plan, state)) if asked else ()
    times, data = times_of(standing, state), verdict_of_data(standing, state)
    return Report(
        kind=plan.way,
        headline=_headline_of_run(plan, state, checks, promises),
        standing=state.verdict.standing if state.verdict else None,
        reasons=_reasons_of_run(state, data, is_judged=asked is not None),
        scope=state.verdict.scope if state.verdict else "",
        not_asked=state.verdict.not_asked if state.verdict else (),
        beyond=state.verdict.beyond if state.verdict else (),
        run=state.run,
        status=state.status,
        note=state.note or (words_on_export(plan, state) if state.status == "finished" else ""),
        hints=state.hints,
        target=plan.target.name,
        source=plan.source,
        clone=_place_of(plan),
        server=_server(plan, state),
        moment=plan.moment,
        **plan.identity.model_dump(),
        proof=proof_of(plan, state) if asked else "",
        who=state.who,
        where=state.where,
        why=state.why,
        began=state.began,
        ended=state.ended,
        took=(state.ended or state.last) - state.began,
        data=data.standing if data else None,
        judged=times.judged,
        complete=times.complete,
        promises=promises,
        configuration=_configuration(asked, seen=plan.created),
        baseline=_witness(asked.baseline if asked else None),
        depth=asked.thoroughness.depth if asked else "",
        sample=asked.thoroughness.sample if asked else 100,
        steps=tuple(_step(step, state.step(step.id), is_asked=step.id not in unasked) for step in standing.steps),
        amendments=tuple(_amendment(each) for each in state.amendments),
        approvals=tuple(ApprovalLine(**each.model_dump()) for each in state.approvals),
        checks=checks,
        differences=_differences(state.findings),
        permitted=plan.parity,
        figures=_figures(checks, state.measured),
        notes=(*plan.notes, *([words_on_move(state.moved.differences, state.moved.planned)] if state.moved else [])),
        **_sentences(plan, state, occasion),
        keep_until=plan.keep_until,
        way_in=occasion.way_in,
        login=_login(plan, state),
        next=occasion.next,
        plan=state.plan,
        plan_amended=digest_with(state.plan, state.amendments) if state.amendments else "",
        journal=journal_line(state),
        version=occasion.version,
        made=occasion.made,
    )


def _sentences(plan: Plan, state: RunState, occasion: Occasion) -> dict[str, Any]:
    """What a run came to, in sentences, by the fields of the report that hold them."""
    return {
        "keyed": lines_on_keyed(plan, state),
        "carried": (*sentences_on_carried(plan, state), *sentences_on_named(plan, state)),
        "traffic": (*sentences_on_traffic(plan, state), *occasion.sides),
    }


def _place_of(plan: Plan) -> str:
    """What a run makes or changes: its clone, or the database that takes the rows of an export."""
    request = plan.request
    return (
        f"{request.receiver.cluster}/{request.receiver.database}" if isinstance(request, ExportRequest) else plan.clone
    )


def _login(plan: Plan, state: RunState) -> str:
    reference = login_recorded(plan, state)
    if reference is None:
        return ""
    asking = next(
        (step.action for step in amend(plan, state.amendments).steps if isinstance(step.action, AwaitSql)), None
    )
    if asking and asking.login == MANAGED:
        return f"the clone takes {reference}, which AWS made for its master alone"
    if asking and reference == asking.login:
        return f"the clone takes {reference}, which a person named for it"
    return f"the clone takes {reference}, an older version: the password was changed after the moment"


def report_of_validation(validation: Validation, occasion: Occasion, promised: Objectives | None = None) -> Report:
    """The report of a validation by itself; ``promised`` holds its target's objectives, where there is a target."""
    action, identity = validation.action, validation.identity
    checks = _checks(validation.findings)
    why_not = why_no_measure(validation.verdict, action.thoroughness, validation.why_no_stand_in)
    promises = promises_of(promised, validation.measured, why_not)[:1]
    return Report(
        kind="validation",
        headline=_headline(validation.verdict, checks, promises),
        standing=validation.verdict.standing,
        reasons=validation.verdict.reasons,
        scope=validation.verdict.scope,
        not_asked=validation.verdict.not_asked,
        beyond=validation.verdict.beyond,
        run=validation.run,
        status="finished",
        note="",
        target=validation.target,
        source=action.source if action.source and action.source != validation.subject else None,
        clone=validation.subject,
        server=validation.server,
        moment=action.moment.instant if isinstance(action.moment, At) else None,
        account=identity.account,
        caller=identity.caller,
        region=identity.region,
        endpoint=identity.endpoint,
        elsewhere=identity.elsewhere,
        proof=validation.proof,
        who=identity.caller,
        where="",
        why="",
        began=validation.began,
        ended=validation.began + validation.took,
        took=validation.took,
        promises=promises,
        configuration=_configuration(action, seen=validation.began),
        baseline=_witness(action.baseline),
        depth=action.thoroughness.depth,
        sample=action.thoroughness.sample,
        steps=(),
        checks=checks,
        differences=_differences(validation.findings),
        permitted=tuple(f"{field}: {why}" for field, why in action.permitted.items()),
        figures=_figures(checks, validation.measured),
        notes=(),
        keep_until=None,
        way_in=occasion.way_in,
        next=occasion.next,
        plan=None,
        version=occasion.version,
        made=occasion.made,
    )


def as_json(report: Report) -> str:
    """The report for machines, in plain ASCII, so that no terminal or log acts on its contents."""
    return json.dumps(report.plain(), indent=2) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the written report."""
    made = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | made


_AUTHORITY = re.compile(r"""(sslrootcert='"'"')[^'"]*/|(sslrootcert=)[^'"\s]*/""")
"""The folder of the authorities in a line for psql; the first form is that of a path which a shell and libpq both quote."""


def without_home(report: Report, home: str) -> Report:
    """The report for other people: no path in it shows the home folder of the person who made it.

    Such a path, and that of authorities, Amazon's or one's own, is known by its file alone: each machine has them elsewhere.
    """
    return Report.model_validate(_without(report.plain(), home.rstrip("/")))


def _without(held: Any, home: str) -> Any:
    if isinstance(held, str):
        told = _AUTHORITY.sub(lambda found: found[1] or found[2], held.replace(str(AMAZON), AMAZON.name))
        return _paths_in(home).sub(_name, told) if home else told
    if isinstance(held, dict):
        return {key: _without(value, home) for key, value in held.items()}
    return [_without(each, home) for each in held] if isinstance(held, list) else held


@cache
def _paths_in(home: str) -> re.Pattern[str]:
    """A path that begins with a home folder; between quotes it may hold blanks."""
    here = rf"(?<![\w./-]){re.escape(home)}"
    return re.compile(
        rf"""(?P<quote>['"]){here}/(?P<held>[^'"]+)(?P=quote)|{here}(?:/(?P<rest>[^\s'",;:)]*)|(?![\w.-]))"""
    )


def _name(found: re.Match[str]) -> str:
    quote, path = found["quote"] or "", found["held"] or found["rest"] or ""
    return f"{quote}{path.rstrip('/').rpartition('/')[2] or '~'}{quote}"


def _server(plan: Plan, state: RunState) -> str:
    seen = None if not isinstance(plan.request, RestoreRequest) else clone_seen(plan, state)
    return f"{seen['endpoint']}:{seen['port']}" if seen else ""


def words_on_export(plan: Plan, state: RunState) -> str:
    """What an export left in its bucket, and every doubt of it; empty for a plan that makes none."""
    if isinstance(plan.request, MakeArchiveRequest):
        return words_on_archive(plan, state)
    if not isinstance(plan.request, MakeExportRequest):
        return ""
    results = [state.step(step.id).result for step in plan.steps if isinstance(step.action, AwaitExport | ReadExport)]
    found = next((each["found"] for each in results if each.get("found")), "nothing is known of what it left")
    doubts = [each["warning"] for each in results if each.get("warning")]
    return f"{plan.clone} is written: {'; '.join((found, *doubts))}"


def _headline_of_run(plan: Plan, state: RunState, checks: tuple[CheckLine, ...], promises: tuple[Promise, ...]) -> str:
    if state.verdict:
        return _headline(state.verdict, checks, promises)
    if state.status == "finished" and (exported := words_on_export(plan, state)):
        return exported
    if state.status == "finished":
        cleaned = "is cleaned up" if removes_all(plan) else "is cleaned up as far as it is the run's own"
        return f"{plan.clone} {cleaned if plan.kind == 'clean' else 'is done, and was not judged'}"
    words = {
        "running": "is not finished",
        "stopped": "has stopped",
        "silent": "is not finished, and nothing is heard of it",
        "paused": "is paused",
        "aborted": "was aborted",
        "failed": "failed",
    }
    data = verdict_of_data(plan, state)
    judged = (
        f"its data was judged {data.standing.value}, and the whole clone was not judged"
        if data
        else "there is no verdict"
    )
    return f"the run {words[state.status]}; {judged}"


def _headline(verdict: Verdict, checks: tuple[CheckLine, ...], promises: tuple[Promise, ...]) -> str:
    tally = Counter(check.standing for check in checks)
    waived = f", {tally[Standing.WAIVED]} waived" if tally[Standing.WAIVED] else ""
    without = _words_for_unasked(checks)
    limit = f", asked within {verdict.scope}" if verdict.scope else ""
    match verdict.standing:
        case Standing.UNFIT:
            unknown = f", {tally[Standing.UNKNOWN]} unknown" if tally[Standing.UNKNOWN] else ""
            return f"{many(tally[Standing.UNFIT], 'check is', 'checks are')} unfit{unknown}{waived}{limit}{without}"
        case Standing.UNKNOWN:
            unknown = many(tally[Standing.UNKNOWN], "check is", "checks are")
            return f"nothing is unfit, but {unknown} unknown{waived}{limit}{without}"
        case _:
            missed = [promise.name for promise in promises if promise.is_met is False]
            late = f"; {' and '.join(missed)} missed" if missed else ""
            within = f" within {verdict.scope}" if verdict.scope else ""
            return f"{many(tally[Standing.FIT], 'check is', 'checks are')} fit{within}{waived}{without}{late}"


def _words_for_unasked(checks: tuple[CheckLine, ...]) -> str:
    """The checks that were left out or never came to be asked, by name, as the end of a sentence."""
    names = [check.check for check in checks if check.standing in (Standing.LEFT_OUT, Standing.BEYOND, None)]
    return f"; not asked: {comma_list(names, MOST_NAMES)}" if names else ""


def _reasons_of_run(state: RunState, data: Verdict | None, *, is_judged: bool) -> tuple[Reason, ...]:
    if state.verdict:
        return state.verdict.reasons
    of_data = data.reasons if data else ()
    if state.note:
        return (Reason(text=state.note), *of_data)
    why = "the whole clone was not judged yet, only its data" if data else "the clone was not validated yet"
    return (Reason(text=why), *of_data) if is_judged else ()


def promises_of(promised: Objectives | None, measured: Measured, why_not: str = "") -> tuple[Promise, ...]:
    """Each objective with what was measured, and ``why_not`` beside one that looks kept where nothing shows that it is."""
    lost = measured.lost.span if measured.lost else None
    return (
        _promise("RPO", promised.rpo if promised else None, lost, why_not),
        _promise("RTO", promised.rto if promised else None, measured.rto, why_not),
    )


def _promise(name: Literal["RPO", "RTO"], promised: Span | None, measured: Span | None, why_not: str) -> Promise:
    is_met = None if promised is None or measured is None else measured <= promised
    # A promise that was missed is missed, whatever the clone was for.
    if is_met and why_not:
        return Promise(name=name, promised=promised, measured=measured, is_met=None, why_not=why_not)
    return Promise(name=name, promised=promised, measured=measured, is_met=is_met)


def _configuration(action: Validate | None, *, seen: datetime) -> Witness:
    """The witness of the configuration. A capsule wins, because then everything ``seen`` comes from it."""
    if action is None:
        return _NOTHING
    if action.capsule:
        return _witness(action.capsule)
    if action.source_seen:
        return Witness(kind="living source", stands_for=seen)
    return Witness(kind="kept backup") if action.backup_seen else _NOTHING


def _witness(kept: Kept | None) -> Witness:
    if kept is None or kept.kind == "schema":
        return _NOTHING  # a schema dump says nothing of rows, and nobody judges by it
    return Witness(kind=kept.kind, stands_for=kept.stands_for, sha256=kept.sha256, place=kept.place)


def _amendment(made: Amendment) -> AmendmentLine:
    return AmendmentLine(sentence=amendment_words(made), **made.model_dump())


def _step(step: Step, state: StepState, *, is_asked: bool) -> StepLine:
    return StepLine(
        id=step.id,
        sentence=sentence(step.action),
        reason=step.reason,
        status=state.status if is_asked else "unasked",
        began=state.began,
        ended=state.ended,
        took=state.ended - state.began if state.began and state.ended else None,
        estimate_low=step.estimate.low,
        estimate_high=step.estimate.high,
        evidence=step.estimate.evidence,
        attempts=state.attempts,
        retries=state.retries,
        was_adopted=state.was_adopted,
        request_ids=state.request_ids,
        note=state.note,
    )


def _checks(findings: tuple[Finding, ...], *, is_judged: bool = True) -> tuple[CheckLine, ...]:
    answered = {finding.check for finding in findings}
    lines = [_check(finding) for finding in findings]
    lines += [_line_not_asked(check) for check in RUNBOOK if is_judged and check.name not in answered]
    levels = list(Level)
    # The sort is stable: after the runbook's boxes, checks stay in the order of asking.
    return tuple(sorted(lines, key=lambda line: (levels.index(line.level), line.box or len(RUNBOOK) + 1)))


def _check(finding: Finding) -> CheckLine:
    known = CHECKS.get(finding.check)
    return CheckLine(
        check=finding.check,
        level=finding.level,
        title=finding.title,
        box=known.box if known else None,
        standing=finding.standing,
        expected=finding.expected,
        found=finding.found,
        asked=finding.asked,
        took=finding.took,
        why=finding.why,
        details=finding.details,
    )


def _line_not_asked(check: Check) -> CheckLine:
    return CheckLine(
        check=check.name,
        level=check.level,
        title=check.title,
        box=check.box,
        standing=None,
        expected="",
        found=NOT_ASKED,
        asked="",
        took=None,
        why="",
        details=(),
    )


def _differences(findings: tuple[Finding, ...]) -> tuple[Difference, ...]:
    return tuple(
        Difference(
            of=finding.title,
            field=detail.name,
            source=detail.expected,
            clone=detail.found,
            standing=detail.standing,
            why=detail.why,
        )
        for finding in findings
        if finding.level is Level.PARITY
        for detail in finding.details
        if detail.expected != detail.found or detail.standing is not Standing.FIT
    )


def _figures(checks: tuple[CheckLine, ...], measured: Measured) -> Figures:
    tally = Counter(check.standing.value if check.standing else NOT_ASKED for check in checks)
    return Figures(
        lost=measured.lost,
        newest=measured.newest,
        newest_in=measured.newest_in,
        rows=measured.rows,
        deltas=measured.deltas,
        costs=measured.costs,
        checks={
            "fit": tally["fit"],
            "unfit": tally["unfit"],
            "unknown": tally["unknown"],
            "waived": tally["waived"],
            "left out": tally["left out"],
            "beyond reach": tally["beyond reach"],
            "not asked": tally[NOT_ASKED],
        },
        asking=sum((check.took for check in checks if check.took), timedelta()),
    )

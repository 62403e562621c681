"""A report as JUnit XML, for a build server that shows drills beside its tests.

The law: a check is a test case. Unfit is a failure, unknown an error, and a check that was waived, left out or not asked is skipped. A
run without a verdict has an extra case that says so, because a build server takes a file of skipped cases for a success.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from xml.etree import ElementTree as ET

from daybreak.model.findings import Level, Standing
from daybreak.model.report import CheckLine, Report
from daybreak.model.value import iso, stamp
from daybreak.report.journaling import journal_words
from daybreak.report.losses import loss_lines
from daybreak.report.naming import amendment_line
from daybreak.report.words import span_beside, span_words, visible

_AT_ONCE = timedelta()


def junit(report: Report) -> str:
    """The report as a JUnit XML document."""
    root = ET.Element("testsuites", name=_safe(f"daybreak {report.kind} {report.clone}"), time=_seconds(report.took))
    _add(root, "verdict", tuple(_verdict(report)), report)
    for level in Level:
        if here := tuple(_case(line) for line in report.checks if line.level is level):
            _add(root, level.value, here, report)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add(root: ET.Element, name: str, cases: tuple[ET.Element, ...], report: Report) -> None:
    suite = ET.SubElement(
        root,
        "testsuite",
        name=f"daybreak.{name}",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=f"{sum(float(case.get('time', '0')) for case in cases):.3f}",
        timestamp=stamp(report.began).removesuffix("Z"),
    )
    if name == "verdict":
        properties = ET.SubElement(suite, "properties")
        for key, value in _properties(report):
            ET.SubElement(properties, "property", name=key, value=_safe(value))
    suite.extend(cases)


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    yield "daybreak.version", report.version
    yield "clone", report.clone
    yield "account", report.account
    yield "region", report.region
    for key, value in (
        ("run", report.run),
        ("target", report.target),
        ("source", report.source),
        ("server", report.server),
        ("plan", report.plan),
        ("plan.amended", report.plan_amended),
        ("judged", _seconds(report.judged) if report.judged is not None else None),
        ("complete", _seconds(report.complete) if report.complete is not None else None),
        ("journal", journal_words(report.journal) if report.journal else None),
        ("journal.tail", report.journal.tail if report.journal else None),
    ):
        if value:
            yield key, value
    for number, made in enumerate(report.amendments, 1):
        yield f"amendment-{number}", amendment_line(made)
    if report.moment:
        yield "moment", iso(report.moment)
    for number, line in enumerate(loss_lines(report.figures.deltas, report.run or ""), 1):
        yield f"source-{number}", line
    yield "made", iso(report.made)


def _verdict(report: Report) -> Iterator[ET.Element]:
    """The cases for whether there is a verdict and whether each objective was met; the verdict itself is in the checks."""
    if report.checks or report.status != "finished":
        case = _bare("verdict", "a verdict was reached", _AT_ONCE)
        if report.standing is None:
            _say(case, "error", report.headline, "\n".join(each.text for each in report.reasons))
        yield case
    for promise in report.promises:
        case = _bare("verdict", f"{promise.name} was kept", _AT_ONCE)
        if promise.is_met is False and promise.promised is not None and promise.measured is not None:
            word = "lost" if promise.name == "RPO" else "measured"
            message = (
                f"promised {span_words(promise.promised)}, {word} {span_beside(promise.measured, promise.promised)}"
            )
            _say(case, "failure", message, "")
        elif promise.is_met is None:
            lost = report.figures.lost if promise.name == "RPO" else None
            missing = f"not applicable: {lost.words}" if lost else "nothing was measured"
            _say(
                case, "skipped", "nothing was promised" if promise.promised is None else promise.why_not or missing, ""
            )
        yield case


def _case(line: CheckLine) -> ET.Element:
    case = _bare(line.level.value, line.title, line.took or _AT_ONCE)
    body = "\n".join(_body(line))
    match line.standing:
        case Standing.UNFIT:
            _say(case, "failure", f"expected {line.expected}, found {line.found}", body)
        case Standing.UNKNOWN:
            _say(case, "error", line.why or line.found, body)
        case Standing.WAIVED | Standing.LEFT_OUT | Standing.BEYOND:
            _say(case, "skipped", f"{line.standing.value}: {line.why}", "")
        case None:
            _say(case, "skipped", "not asked", "")
        case Standing.FIT:
            ET.SubElement(case, "system-out").text = _safe(body)
    return case


def _bare(level: str, name: str, took: timedelta) -> ET.Element:
    return ET.Element("testcase", classname=f"daybreak.{level}", name=_safe(name), time=_seconds(took))


def _say(case: ET.Element, kind: str, message: str, body: str) -> None:
    child = ET.SubElement(case, kind, message=_safe(message))
    if kind != "skipped":
        child.set("type", "unfit" if kind == "failure" else "unknown")
        child.text = _safe(body) or None


def _body(line: CheckLine) -> Iterator[str]:
    yield f"check: {line.check}"
    yield f"expected: {line.expected}"
    yield f"found: {line.found}"
    if line.why:
        yield f"why: {line.why}"
    if line.asked:
        yield f"asked: {line.asked}"
    for each in line.details:
        more = f" ({each.why})" if each.why else ""
        yield f"{each.standing.value}: {each.full}: expected {each.expected or '–'}, found {each.found or '–'}{more}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.3f}"


def _safe(text: str) -> str:
    """Text without characters that XML does not allow: each control character is escaped."""
    return visible(text)

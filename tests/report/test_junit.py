"""The report for a build server: a check is a test case, and nothing that is not fit passes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from daybreak.model.findings import Standing
from daybreak.model.report import Report
from daybreak.report.junit import junit
from tests import fix_reports as reports
from tests.fix_golden import Golden

OUTCOME = {Standing.FIT: "system-out", Standing.UNFIT: "failure", Standing.UNKNOWN: "error", Standing.WAIVED: "skipped", Standing.LEFT_OUT: "skipped", Standing.BEYOND: "skipped", None: "skipped"}  # fmt: skip


def read(report: Report) -> ET.Element:
    """The document as a strict parser reads its bytes."""
    return ET.fromstring(junit(report).encode())


def test_the_document(golden: Golden) -> None:
    """A field that moves is a build server that shows nothing, in silence."""
    golden("report/report-bad.xml", reports.held(junit(reports.bad()), reports.bad()))


@pytest.mark.parametrize("name", ["good", "bad", "stopped", "alone", "long"])
def test_each_check_is_one_case_with_its_own_outcome(name: str) -> None:
    """Unfit fails, unknown is an error, waived is skipped; there is no fourth thing that looks like success."""
    report: Report = getattr(reports, name)()
    cases = [case for suite in read(report)[1:] for case in suite.iter("testcase")]
    assert len(cases) == len(report.checks)
    for line, case in zip(report.checks, cases, strict=True):
        assert case.get("name") == line.title
        assert [child.tag for child in case] == [OUTCOME[line.standing]]


@pytest.mark.parametrize("name", ["good", "bad", "stopped", "alone"])
def test_the_counts_are_those_of_the_cases(name: str) -> None:
    """Servers believe the attribute and do not count."""
    root = read(getattr(reports, name)())
    for element in (root, *root):
        assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(attribute, "")) == len(list(element.iter(tag)))


def test_a_run_without_a_verdict_does_not_pass() -> None:
    """Eighteen skipped cases and nothing else are green on every build server."""
    root = read(reports.stopped())
    assert root.get("errors") == "1"
    assert root.find(".//testcase[@name='a verdict was reached']/error") is not None


def test_a_missed_objective_fails() -> None:
    """A drill that took too long is a drill that failed."""
    told = read(reports.bad()).find(".//testcase[@name='RTO was kept']/failure")
    assert told is not None
    assert told.get("message") == "promised 30 minutes, measured 40 minutes"


@pytest.mark.parametrize("text", reports.HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    """One control character in a table's name, and a strict parser refuses the whole evidence."""
    root, plain = read(reports.filled(text)), read(reports.filled("harmless"))
    assert [(each.tag, sorted(each.attrib)) for each in root.iter()] == [
        (each.tag, sorted(each.attrib)) for each in plain.iter()
    ]


@given(text=some.text(max_size=40))
@settings(max_examples=60)
def test_no_text_at_all_breaks_the_document(text: str) -> None:
    """The list of hostile texts ends; what people type does not."""
    assert len(list(read(reports.filled("x" + text)).iter("testcase"))) == 24

"""No page and no screen shows a time longer than a person reads it; JSON keeps what is exact."""

from __future__ import annotations

import json

import pytest

from daybreak.model.report import Report
from daybreak.report.document import as_json
from daybreak.report.html import html
from daybreak.report.junit import junit
from daybreak.report.markdown.report import markdown
from daybreak.report.text.report import report_view
from tests import fix_reports as reports
from tests.fix_golden import printed
from tests.fix_stamps import long_stamps
from tests.report.test_html import Page

REPORTS = {"good": reports.good, "bad": reports.bad, "stopped": reports.stopped, "alone": reports.alone}


@pytest.mark.parametrize("name", REPORTS)
def test_no_format_for_people_has_a_long_stamp(name: str) -> None:
    """The sample reports are of a database whose newest row, baseline and beginning have microseconds."""
    report: Report = REPORTS[name]()
    told = {
        "screen": printed(report_view(report), width=120).splitlines(),
        "screen -v": printed(report_view(report, "all"), width=120).splitlines(),
        "markdown": markdown(report).splitlines(),
        "junit": junit(report).splitlines(),
        "page": Page(html(report)).text.splitlines(),
    }
    assert {form: long for form, lines in told.items() if (long := long_stamps(lines))} == {}


def test_json_keeps_what_is_exact() -> None:
    """Whoever reckons with it wants all of it."""
    made = json.loads(as_json(reports.good()))
    assert made["figures"]["newest"] == "2024-01-15T14:29:56.758869Z"
    assert made["baseline"]["stands_for"] == "2024-01-15T14:00:00.758869Z"
    assert long_stamps(made["checks"]) == []

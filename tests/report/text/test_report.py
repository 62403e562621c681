"""A report at a terminal: whoever looks at it at three in the morning reads little, and misses nothing that decides."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from daybreak.model.checks import CHECKS
from daybreak.model.findings import Detail, Measured, Reason, Standing, Verdict
from daybreak.model.loss import TO_ACCIDENT, loss_between, loss_unknown
from daybreak.model.report import Report
from daybreak.plan.loss import OF_STAGING
from daybreak.report.document import report_of_run
from daybreak.report.text.report import MOST_NAMES, Verbosity, report_view
from tests import fix_reports as reports
from tests import fix_runs as runs
from tests import fix_worlds as worlds
from tests.fix_golden import Golden, printed
from tests.fix_plans import HOSTILE

SAMPLES = {"good": reports.good, "bad": reports.bad, "stopped": reports.stopped, "alone": reports.alone}
WIDTHS = (60, 80, 120)
MORE = "daybreak show RUN -v"
AFTER_A_FIT_VERDICT = 15
"""Lines that may follow the verdict of a fit restore."""


def shown(report: Report, depth: Verbosity = "brief", *, width: int = 120) -> str:
    """The report as a screen of that width shows it."""
    return printed(report_view(report, depth, more=MORE), width=width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_end_of_a_run(name: str, width: int, golden: Golden) -> None:
    """Verdict, what is not fit, figures, way in and the next command, at every width that people have."""
    made = SAMPLES[name]()
    golden(f"screens/report-{name}-{width}.txt", reports.held(shown(made, width=width), made))


@pytest.mark.parametrize("name", ["bad", "stopped"])
def test_everything_there_is_to_tell(name: str, golden: Golden) -> None:
    """Steps, times, request ids and every check: what an auditor and AWS's support both ask for."""
    made = SAMPLES[name]()
    golden(f"screens/report-{name}-all.txt", reports.held(shown(made, "all"), made))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_fit_restore_is_told_in_fifteen_lines(width: int) -> None:
    """What is fit needs no list: a verdict, the figures, and the way in."""
    lines = shown(reports.good(), width=width).splitlines()
    assert lines[0].startswith("verdict  fit: ")
    assert len(lines) - 1 <= AFTER_A_FIT_VERDICT
    for label in ("RPO ", "RTO ", "rows ", "more ", "next     psql -h "):
        assert [line for line in lines if line.startswith(label)], label


def test_what_is_not_fit_comes_right_after_the_verdict_with_the_way_in_and_the_next_command() -> None:
    """Which table, what of it, how do I look into it, what do I type: four questions, answered in this order."""
    text = shown(reports.bad())
    order = ["verdict  unfit", "unfit    Row counts", "public.employees", "unknown  Application", "RPO ", "way in   psql", "next     daybreak report"]  # fmt: skip
    places = [text.index(word) for word in order]
    assert places == sorted(places)
    assert "public.payments unfit" not in text, "what is fit needs no list"


def test_the_verdict_alone_is_one_line() -> None:
    """A script's log needs no more."""
    assert shown(reports.bad(), "verdict") == shown(reports.bad()).splitlines(keepends=True)[0]
    assert shown(reports.stopped(), "verdict") == "status   failed: the cluster is incompatible-restore\n"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "then",
    [
        f"daybreak clean --config /etc/{'far/' * 30}daybreak.toml --state '/srv/{'long folder ' * 12}' RUN",
        f"psql -h clone.{'x' * 60}.example -p 5432 -d 'dbname=embi sslmode=verify-full sslrootcert=/srv/{'pem' * 30}'",
    ],
    ids=["daybreak", "psql"],
)
def test_the_next_command_is_one_line_at_any_width(width: int, then: str) -> None:
    """What a terminal was handed in pieces is pasted in pieces."""
    made = reports.bad().model_copy(update={"next": then, "way_in": f"{then} way in"})
    lines = shown(made, width=width).splitlines()
    assert lines[-2:] == [f"way in   {then} way in", f"next     {then}"]


@pytest.mark.parametrize("depth", ["brief", "all"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [*SAMPLES, "long"])
def test_no_name_is_cut_or_folded(name: str, width: int, depth: Verbosity) -> None:
    """A name in two pieces is a name nobody can search for, or paste."""
    made = reports.long() if name == "long" else SAMPLES[name]()
    words = set(shown(made, depth, width=width).split())
    assert words == set(shown(made, depth, width=100_000).split())
    assert not any("…" in word for word in words)


@pytest.mark.parametrize("depth", ["brief", "all"])
def test_at_most_ten_names_are_shown_beside_the_number_of_all(depth: Verbosity) -> None:
    """Five hundred lost tables must not push the verdict off the screen."""
    lost = tuple(Detail(name=f"table_{number}", standing=Standing.UNFIT, found="0") for number in range(500))
    finding = reports.bad_findings()[6].model_copy(update={"standing": Standing.UNFIT, "details": lost})
    text = shown(reports.alone((finding,)), depth)
    assert len(re.findall(r"\btable_\d", text)) == MOST_NAMES == 10
    assert "and 490 more, 500 in all: in the report, -o html" in text


def test_ten_names_are_all_the_checks_have_together() -> None:
    """Forty checks with ten tables each would be four hundred lines."""
    lost = tuple(Detail(name=f"table_{number}", standing=Standing.UNFIT, found="0") for number in range(30))
    unfit = {"standing": Standing.UNFIT, "details": lost}
    text = shown(reports.alone(tuple(each.model_copy(update=unfit) for each in reports.good_findings())))
    assert len(re.findall(r"\btable_\d", text)) == MOST_NAMES
    assert len(re.findall(r"^unfit ", text, re.MULTILINE)) == MOST_NAMES
    assert f"and {len(CHECKS) + 1 - MOST_NAMES} more, {len(CHECKS) + 1} in all" in text
    assert len(text.splitlines()) < 60


def test_a_reason_that_no_check_tells_is_told() -> None:
    """Nothing was checked: there is no check to say so."""
    assert "- nothing was checked" in shown(reports.alone(()))


def test_every_request_id_is_shown_when_everything_is() -> None:
    """Without it AWS's support cannot find the call."""
    made = reports.good()
    text = shown(made, "all")
    assert all(request in text for step in made.steps for request in step.request_ids)
    assert any(step.request_ids for step in made.steps)


def _measured(measured: Measured) -> str:
    plan = worlds.plan()
    verdict = Verdict(standing=Standing.FIT, reasons=())
    state = runs.finished(plan).model_copy(update={"measured": measured, "verdict": verdict})
    return shown(report_of_run(plan, state, reports.occasion()))


def test_a_missed_promise_is_called_missed() -> None:
    """A number without a judgement is read as a success."""
    text = _measured(Measured(rto=timedelta(hours=5), lost=loss_between(worlds.MOMENT, worlds.MOMENT, TO_ACCIDENT)))
    assert "measured 5 hours, missed" in text
    assert "lost 0 seconds, kept" in text


def test_what_was_not_measured_is_not_kept() -> None:
    """No data found is not no data lost."""
    assert "RPO      promised 5 minutes, not measured" in _measured(Measured(rto=timedelta(hours=1)))


def test_where_no_loss_can_be_said_the_reason_is_said() -> None:
    """A clone for staging loses nothing of anybody's, and an empty place would look like a promise kept."""
    text = _measured(Measured(rto=timedelta(hours=1), lost=loss_unknown(OF_STAGING)))
    assert "RPO      promised 5 minutes, not applicable" in text
    assert OF_STAGING in text


def test_every_time_on_the_screen_has_its_zone() -> None:
    """14:30 is two moments."""
    for depth in ("brief", "all"):
        for made in (reports.good(), reports.bad(), reports.stopped()):
            text = shown(made.model_copy(update={"checks": ()}), depth)
            assert re.findall(r"\d\d:\d\d(?::\d\d)?(?![\d:Z+]|-\d\d:\d\d)", text.replace("03:00-04:00", "").replace("sun:05:00-sun:06:00", "")) == []  # fmt: skip


@pytest.mark.parametrize("hostile", [*reports.HOSTILE, HOSTILE])
def test_text_from_outside_is_only_shown(hostile: str) -> None:
    """A table's name stands in the line below its check, and must not move the cursor into the verdict."""
    for depth in ("verdict", "brief", "all"):
        text = shown(reports.filled(hostile), depth)
        assert all(character == "\n" or character.isprintable() for character in text)


def test_a_reason_is_told_by_its_check_and_not_by_how_it_begins() -> None:
    """Somebody's own check may be called as the beginning of another; and an old journal names no check at all."""
    made = reports.bad()
    line = next(line for line in made.checks if line.standing is Standing.UNFIT)
    alike, old = f"{line.title}: of the archive", f"{line.title}: of an old journal"
    more = (Reason(check="owner.archive", text=alike), Reason(text=old))
    text = shown(made.model_copy(update={"reasons": (*made.reasons, *more)}))
    assert re.findall(r"^ +- (.*)$", text, re.MULTILINE) == [alike, old]

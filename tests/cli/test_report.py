"""`daybreak report` as somebody types it, about a run that an earlier release finished; no AWS is there to be asked."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from daybreak.model.report import Report
from tests.fix_cli import Person

JOURNALS = Path(__file__).parents[1] / "golden" / "journals" / "format-1" / "runs"
RUN = "embi-aurora-pitr-202401151430-7k2"


@pytest.fixture
def keeper(tmp_path: Path) -> Person:
    """Somebody who keeps that run and reaches nothing."""
    ada = Person(tmp_path)
    ada.configure()
    shutil.copytree(JOURNALS, ada.state / "runs")
    return ada


def test_text_is_what_show_prints(keeper: Person) -> None:
    """One run, one story: two verbs that tell it differently would both be doubted."""
    report = keeper.daybreak("report", RUN)
    assert report.code == 0, report.err
    assert report.out == keeper.daybreak("show", RUN).out


def test_a_run_of_a_release_without_nonces_is_shown_and_not_carried_on(keeper: Person) -> None:
    """What it created has nothing that tells it from another run's of that name: a person ends it, and cleans up."""
    journal = keeper.state / "runs" / RUN / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]))  # before it was aborted
    assert keeper.daybreak("show", RUN).code == 0
    refused = keeper.daybreak("resume", RUN)
    assert (refused.code, "which drew no nonce" in refused.err) == (2, True), refused.err
    assert journal.read_bytes() == b"".join(lines[:-2])
    hints = [line.removeprefix("hint: ") for line in refused.err.splitlines() if line.startswith("hint: daybreak")]
    assert hints == [f"daybreak abort {RUN}", f"daybreak clean {RUN}"]
    assert keeper.daybreak("abort", RUN).code == 0


def test_each_format_is_printed_and_nothing_else(keeper: Person) -> None:
    """A pipe takes what it is given."""
    page = keeper.daybreak("report", RUN, "-o", "html")
    assert (page.code, page.err) == (0, "")
    assert page.out.startswith("<!DOCTYPE html>")
    assert page.out.endswith("</html>\n")
    assert Report.model_validate(keeper.daybreak("report", RUN, "-o", "json").json()).run == RUN
    assert ET.fromstring(keeper.daybreak("report", RUN, "-o", "junit").out.encode()).tag == "testsuites"
    assert keeper.daybreak("report", RUN, "-o", "markdown").out.startswith("# embi: ")


def test_a_report_is_kept_and_the_next_one_does_not_replace_it(keeper: Person) -> None:
    """The exit code is about the report, not about the run; the file is for its owner alone."""
    file = keeper.home / "evidence.json"
    first = keeper.daybreak("report", RUN, "-o", "json", "--file", str(file))
    assert (first.code, first.out, first.err) == (0, "", f"wrote {file}\n")
    assert json.loads(file.read_text())["run"] == RUN
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = keeper.daybreak("report", RUN, "-o", "html", "--file", str(file))
    assert again.code == 2
    assert f'"{file}" exists already' in again.err
    assert keeper.daybreak("report", RUN, "-o", "html", "--file", str(file), "--force").code == 0
    assert file.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("form", ["html", "markdown", "junit", "json"])
def test_what_is_kept_names_no_home_folder(form: str, keeper: Person) -> None:
    """It is handed on; and the journal of an earlier release may hold what it likes."""
    file = keeper.home / f"evidence.{form}"
    assert keeper.daybreak("report", RUN, "-o", form, "--file", str(file)).code == 0
    assert str(keeper.home) not in file.read_text()


def test_an_unknown_run_is_refused_and_leaves_no_file(keeper: Person) -> None:
    """A typing error must not look like evidence of anything."""
    done = keeper.daybreak("report", "embi-nothing", "-o", "html", "--file", str(keeper.home / "x.html"))
    assert (done.code, done.out) == (2, "")
    assert "embi-nothing" in done.err
    assert not (keeper.home / "x.html").exists()

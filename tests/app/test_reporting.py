"""Keeping a report: private, whole, and never in the place of another."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import get_args

import pytest

from daybreak.app.reporting import Format, keep, write_as
from daybreak.errors import Refused, Unreachable
from tests import fix_reports as reports


@pytest.mark.parametrize("form", get_args(Format))
def test_every_format_is_written(form: Format) -> None:
    """A format that is offered and fails is found out on the day of the audit."""
    for report in (reports.good(), reports.bad(), reports.stopped(), reports.alone()):
        assert report.clone in write_as(report, form)


def test_a_kept_report_is_private_and_whole(tmp_path: Path) -> None:
    """It names tables, roles and addresses; whoever shares the machine need not read them."""
    path = tmp_path / "report.html"
    keep("evidence — ü\n", path, is_forced=False)
    assert path.read_text(encoding="utf-8") == "evidence — ü\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_evidence_is_not_replaced_unless_that_is_asked_for(tmp_path: Path) -> None:
    """Last quarter's report under the same name is gone for good."""
    path = tmp_path / "report.html"
    path.write_text("last quarter")
    with pytest.raises(Refused, match="exists already") as refused:
        keep("this quarter", path, is_forced=False)
    assert "add --force to replace it" in refused.value.hints
    assert path.read_text() == "last quarter"
    keep("this quarter", path, is_forced=True)
    assert path.read_text() == "this quarter"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link that somebody else put there must not lead the report, or its rights, to another file."""
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "report.html"
    elsewhere.write_text("theirs")
    path.symlink_to(elsewhere)
    with pytest.raises(Refused):
        keep("mine", path, is_forced=False)
    keep("mine", path, is_forced=True)
    assert elsewhere.read_text() == "theirs"
    assert not path.is_symlink()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The report is still there to be printed; only the place is wrong."""
    with pytest.raises(Unreachable, match=r'missing/report\.html" cannot be written: no such file or directory'):
        keep("mine", tmp_path / "missing" / "report.html", is_forced=False)
    (tmp_path / "folder").mkdir()
    with pytest.raises((Refused, Unreachable)):
        keep("mine", tmp_path / "folder", is_forced=True)
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
    assert os.listdir(tmp_path / "folder") == []  # noqa: PTH208 - the folder is empty

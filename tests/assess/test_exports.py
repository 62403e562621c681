"""Where an export stands, by what AWS says of it and what lies in its bucket."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.assess.exports import export_found, export_reached, standing_of_exporting
from daybreak.assess.position import Position
from daybreak.model.actions import AwaitExport, CancelExport, ExportSnapshot, ReadExport
from daybreak.model.exports import ExportFound, ExportShown
from tests import fix_making
from tests.fix_worlds import KEY, NOW

WAIT, ENDING = AwaitExport(task="t"), AwaitExport(task="t", is_cancelled=True)
EXPORT = ExportSnapshot(task="t", source="arn", bucket="b", prefix="p", role="r", key=KEY)
READ = ReadExport(bucket="exports", folder="1f/t/")


@pytest.mark.parametrize(
    ("status", "place"),
    [
        ("STARTING", Position.UNDER_WAY),
        ("IN_PROGRESS", Position.UNDER_WAY),
        ("SOMETHING_NEW", Position.UNDER_WAY),
        ("COMPLETE", Position.SO),
        ("FAILED", Position.HOPELESS),
        ("CANCELING", Position.HOPELESS),
        ("CANCELED", Position.HOPELESS),
    ],
)
def test_only_complete_is_written(status: str, place: Position) -> None:
    """A word that nobody knows is waited out, and never taken for an end."""
    assert export_reached(WAIT, fix_making.task(status=status)).place is place


def test_what_is_not_listed_is_absent_and_no_end() -> None:
    """AWS lists what it has just started a little late."""
    assert export_reached(WAIT, None).place is Position.ABSENT
    assert export_reached(ENDING, None).place is Position.UNLISTED


def test_progress_reasons_and_warnings_are_said() -> None:
    """A warning beside COMPLETE is what a person must read: tables may be missing."""
    assert export_reached(WAIT, fix_making.task(percent=40)).seen == "IN_PROGRESS, 40 %"
    failed = export_reached(WAIT, fix_making.task(status="FAILED", failure="no such key", warning="two tables"))
    assert failed.seen == "RDS could not export it: no such key; it warns: two tables"
    assert "it gives no reason" in export_reached(WAIT, fix_making.task(status="FAILED")).seen
    warned = export_reached(WAIT, fix_making.task(status="COMPLETE", warning="2 tables were left out"))
    assert warned.result["warning"] == "RDS warns of the export: 2 tables were left out"
    assert "warning" not in export_reached(WAIT, fix_making.task(status="COMPLETE")).result


def test_a_cancelled_one_is_over_when_aws_is_at_it_no_more() -> None:
    """Also where it had come to its end by itself."""
    for status in ("CANCELED", "COMPLETE", "FAILED"):
        assert export_reached(ENDING, fix_making.task(status=status)).place is Position.SO
    assert export_reached(ENDING, fix_making.task(status="CANCELING")).place is Position.UNDER_WAY


def test_an_order_stands_by_what_is_listed() -> None:
    """An export that is there was started; one that has ended need not be ended."""
    assert standing_of_exporting(EXPORT, None).place is Position.ABSENT
    assert standing_of_exporting(EXPORT, fix_making.task()).place is Position.SO
    cancel = CancelExport(task="t")
    assert standing_of_exporting(cancel, None).place is Position.UNLISTED
    assert standing_of_exporting(cancel, fix_making.task()).place is Position.ABSENT
    for status in ("CANCELING", "CANCELED", "COMPLETE", "FAILED"):
        assert standing_of_exporting(cancel, fix_making.task(status=status)).place is Position.SO


def shown(tables_trouble: str = "", **changes: Any) -> ExportShown:
    """An export as the reader shows it."""
    facts: dict[str, Any] = {"address": "s3://exports/1f/t/", "kind": "snapshot-export", "bytes": 70, "objects": 4}
    found = ExportFound(**(facts | {"stored": NOW, "tables": 3, "rows": 12, "whole": "ends-well"} | changes))
    return ExportShown(export=found, tables_trouble=tables_trouble)


def test_what_lies_in_the_bucket_decides() -> None:
    """AWS's word is no witness of its own deed."""
    found = export_found(READ, shown())
    assert (found.place, found.seen) == (Position.SO, "3 tables, 12 rows, 70 bytes at s3://exports/1f/t/")
    torn = export_found(READ, shown(whole="torn", why='RDS did not export all of it: "a.b.c" (FAILED)'))
    assert (torn.place, torn.is_for_person) == (Position.HOPELESS, False)
    assert '"a.b.c" (FAILED)' in torn.seen
    doubted = export_found(READ, shown(whole="unknown", why="it does not say its tables", tables_trouble="its rows"))
    assert doubted.result["warning"] == "whether the export is whole is not known: it does not say its tables; its rows"


def test_what_could_not_be_seen_is_for_a_person() -> None:
    """A denial says nothing of the export: the run waits, and is resumed."""
    unseen = export_found(READ, shown(kind="not-seen", trouble="Access Denied", whole="unknown"))
    assert (unseen.place, unseen.is_for_person, unseen.seen) == (Position.HOPELESS, True, "Access Denied")
    assert export_found(READ, None).place is Position.ABSENT

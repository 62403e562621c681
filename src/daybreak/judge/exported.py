"""What came of the rows of an export of RDS, held against its own files and against what it lacks. Pure.

The law: each row of the files is in its table, refused or not wanted, and what is refused is named. What the export lacks is known as
far as the receiver's schema and the export's own list show it; the values were not compared, and the verdict says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from daybreak.model.actions import RowFiles, WantedTable
from daybreak.model.checks import ARCHIVED_CONTENT, EXPORTED_ROWS, EXPORTED_TABLES
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import printable
from daybreak.model.parquet import LoadCounts

MOST_SHOWN = 10
"""Rows that are named with their reason; all of them are in the file of refused rows."""


@dataclass(frozen=True)
class RefusedRow:
    """A row that the receiver does not take."""

    table: str
    file: str
    number: int
    """Its number in the file, from 1 on."""
    why: str


@dataclass(frozen=True)
class FilesAnswers:
    """What came of the files, right before their rows are committed or taken back."""

    counts: Sequence[LoadCounts]
    """Of each table that was read to its end."""
    refused: int
    shown: Sequence[RefusedRow]
    """The first of them."""
    rejects: str
    """Where all of them lie."""
    is_taken_back: bool = False


def findings_on_files(files: RowFiles, wanted: Sequence[WantedTable], answers: FilesAnswers) -> Iterator[Finding]:
    """What each check says."""
    yield _tables(files, wanted)
    yield _rows(answers)
    yield ARCHIVED_CONTENT.leave_out(
        "the same values", "an export of RDS has no sums of its rows: they were loaded as they stand in its files"
    )


def _tables(files: RowFiles, wanted: Sequence[WantedTable]) -> Finding:
    # RDS writes no file for a table without rows, so the lack of files alone proves nothing.
    details = tuple(
        Detail(
            name=each.table,
            standing=Standing.UNKNOWN if each.kind == "no-files" else Standing.UNFIT,
            found=each.why,
            why=each.why,
        )
        for each in files.lacks
    )
    lacking = {each.table for each in files.lacks}
    names = {printable(".".join(each.table), 200) for each in wanted} | lacking
    expected = f"{len(names)} {'table' if len(names) == 1 else 'tables'}, whole"
    found = "; ".join(f"{each.table}: {each.why}" for each in files.lacks[:MOST_SHOWN]) or "nothing that it lacks"
    if any(each.standing is Standing.UNFIT for each in details):
        finding = EXPORTED_TABLES.unfit(expected, found)
    elif details:
        finding = EXPORTED_TABLES.unknown(expected, found, found="nobody knows")
    else:
        finding = EXPORTED_TABLES.fit(expected, found)
    return finding.model_copy(update={"details": details, "is_by_lines": bool(details)})


def _rows(answers: FilesAnswers) -> Finding:
    rows, loaded, left_out = (
        sum(getattr(each, name) for each in answers.counts) for name in ("rows", "loaded", "left_out")
    )
    expected = f"{rows - left_out:,} of {rows:,} rows of the files, and no other"
    found = f"{loaded:,} taken, {answers.refused:,} refused"
    if answers.is_taken_back:
        expected, found = "every wanted row", f"at least {answers.refused:,} refused, so none was taken"
    if answers.refused:
        found += f"; they are in {printable(answers.rejects, 400)}"
    details = tuple(
        Detail(
            name=f"{printable(each.table)}, row {each.number:,} of {printable(each.file)}",
            standing=Standing.UNFIT,
            expected="taken",
            found=f"refused: {printable(each.why, 300)}",
        )
        for each in answers.shown
    )
    finding = EXPORTED_ROWS.judge(expected, found, is_fit=not answers.refused and not answers.is_taken_back)
    return finding.model_copy(update={"details": details})

"""How a report names itself, its verdict and its witnesses: the same words in every format."""

from __future__ import annotations

from daybreak.model.findings import Standing
from daybreak.model.report import AmendmentLine, ApprovalLine, Report
from daybreak.model.value import stamp
from daybreak.report.words import span_words

KINDS = {
    "pitr": "Point-in-time recovery",
    "snapshot": "Snapshot restore",
    "region": "Restore in another region",
    "fail-over": "Fail-over of a global database",
    "switch-over": "Switch-over of a global database",
    "cutover": "Cutover",
    "rollback": "Rollback",
    "export": "Tables of an export",
    "copy": "Copies in another region",
    "make-archive": "Archive of a clone",
    "make-export": "Export of a snapshot",
    "clean": "Clean-up",
    "validation": "Validation",
}
"""The name of a report of each kind."""

WITNESSES = {
    "living source": "the living source, as seen at",
    "capsule": "the capsule of",
    "kept backup": "what the kept backup recorded of its source",
    "baseline": "the baseline of",
    "none": "",
}
"""The name of each witness, before its time."""

SHAPES: dict[Standing | None, str] = {
    Standing.FIT: "fit",
    Standing.UNFIT: "unfit",
    Standing.UNKNOWN: "unknown",
    Standing.WAIVED: "waived",
    Standing.LEFT_OUT: "unasked",
    Standing.BEYOND: "unasked",
    None: "unasked",
}
"""The shape and color that a page has for each standing: what nobody asked looks the same, whatever the reason."""

_WORDS = {
    Standing.FIT: "Fit",
    Standing.UNFIT: "Unfit",
    Standing.UNKNOWN: "Unknown",
    Standing.WAIVED: "Waived",
    Standing.LEFT_OUT: "Left out",
    Standing.BEYOND: "Beyond reach",
}


def verdict_word(report: Report) -> str:
    """The word at the top of the report."""
    if report.standing:
        is_late = report.standing is Standing.FIT and any(promise.is_met is False for promise in report.promises)
        return _WORDS[report.standing] + (", but late" if is_late else "")
    return "Done" if report.status == "finished" else f"{report.status.capitalize()}, no verdict"


def times_line(report: Report) -> str:
    """When the data was judged and when all was complete, in one line; empty where the data was not judged by itself."""
    if report.judged is None:
        return ""
    standing = f" ({report.data.value})" if report.data else ""
    complete = f"complete after {span_words(report.complete)}" if report.complete is not None else "not complete yet"
    return f"data judged{standing} after {span_words(report.judged)}, {complete}"


def amendment_line(made: AmendmentLine) -> str:
    """An amendment in one line: its step, what was changed, by whom and when."""
    return f"{made.step}: {made.sentence} (by {made.by}, {stamp(made.at)})"


def approval_line(given: ApprovalLine) -> str:
    """An approval in one line: by whom, when, until when, and of which plan."""
    why = f": {given.why}" if given.why else ""
    until = f"at {stamp(given.at)}, until {stamp(given.expires)}"
    return f"{given.by} ({given.caller}) {until}, of {given.plan[:12]}{why}"

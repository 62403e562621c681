"""A validation for people who follow it: a line for each answer as it comes."""

from __future__ import annotations

from datetime import datetime

from daybreak.model.findings import Finding
from daybreak.report.sentences import printable_sentence


def finding_line(finding: Finding, at: datetime) -> str:
    """One finding as one line of text, with its time."""
    why = f" ({finding.why})" if finding.why else ""
    return f"{at:%H:%M:%SZ}  " + printable_sentence(f"{finding.standing.value}: {finding.title}: {finding.found}{why}")

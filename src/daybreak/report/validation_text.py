"""A validation by itself for people: what was asked of which cluster, what it answered, and what that adds up to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from daybreak.model.findings import Finding
from daybreak.model.moment import At
from daybreak.model.validation import Validation
from daybreak.model.value import iso
from daybreak.report.run_text import findings_table
from daybreak.report.sentences import printable_sentence
from daybreak.report.status_text import STYLES
from daybreak.report.words import plain, span_words


def validation_view(validation: Validation) -> RenderableType:
    """The whole result."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, value in _told(validation):
        grid.add_row(name, plain(value))
    parts = (plain(validation.subject, "bold"), Padding(grid, (1, 0)), findings_table(validation.findings))
    return Group(*parts, Padding(_ending(validation), (1, 0, 0, 0)))


def finding_line(finding: Finding, at: datetime) -> str:
    """One finding as one line of text with its time, as it is made."""
    why = f" ({finding.why})" if finding.why else ""
    return f"{at:%H:%M:%S}  " + printable_sentence(f"{finding.standing.value}: {finding.title}: {finding.found}{why}")


def _told(validation: Validation) -> Iterator[tuple[str, str]]:
    action, identity = validation.action, validation.identity
    if validation.run:
        yield "run", validation.run
    if validation.target:
        yield "target", validation.target
    at = f", at {identity.endpoint}" if identity.endpoint else ""
    yield "account", f"{identity.account} in {identity.region}{at}"
    if validation.proof:
        yield "proof", validation.proof
    if isinstance(action.moment, At):
        yield "moment", iso(action.moment.instant.replace(microsecond=0))
    sample = f", {action.thoroughness.sample} % of the tables read through" if action.thoroughness.sample < 100 else ""
    yield "depth", action.thoroughness.depth + sample
    if action.baseline:
        yield "baseline", f"{action.baseline.sha256[:12]} of {iso(action.baseline.stands_for)}"
    if action.capsule:
        yield "capsule", f"{action.capsule.sha256[:12]} of {iso(action.capsule.stands_for)}"
    yield "took", span_words(validation.took)


def _ending(validation: Validation) -> Group:
    standing, measured = validation.verdict.standing, validation.measured
    lines = [Text("verdict  ", "dim") + Text(standing.value, STYLES[standing])]
    lines += [Text("         - ") + plain(reason) for reason in validation.verdict.reasons]
    if measured.newest:
        lines.append(Text("newest   ", "dim") + plain(f"{iso(measured.newest)} in {measured.newest_in}"))
    if measured.rows is not None:
        lines.append(Text("rows     ", "dim") + Text(f"{measured.rows:,} counted"))
    return Group(*lines)

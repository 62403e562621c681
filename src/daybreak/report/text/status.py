"""What ``daybreak status`` shows a person: what was promised and what is true, side by side."""

from __future__ import annotations

from datetime import timedelta

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.findings import Finding, Standing
from daybreak.model.observation import Observation
from daybreak.model.preparation import Preparation
from daybreak.model.run import RunState
from daybreak.model.targets import Target
from daybreak.model.trust import trust_words
from daybreak.model.value import stamp
from daybreak.model.world import endpoint_words
from daybreak.report.words import Entry, Fitting, plain, span_words

STYLES = {
    Standing.FIT: "green",
    Standing.UNFIT: "bold red",
    Standing.UNKNOWN: "yellow",
    Standing.WAIVED: "dim",
    Standing.LEFT_OUT: "dim",
    Standing.BEYOND: "dim",
}
"""The color of each standing; the word is always printed as well."""


def status_view(
    target: Target,
    seen: Observation,
    findings: tuple[Finding, ...],
    last: RunState | None = None,
    advice: tuple[str, ...] = (),
    *,
    prepared: tuple[Preparation, ...] = (),
    runs: tuple[str, ...] = (),
    closed: tuple[str, ...] = (),
    clones: tuple[str, ...] = (),
    unclosed: tuple[str, ...] = (),
    silent: str = "",
) -> RenderableType:
    """One target: its window, its last run, what is in flight, and each promise beside what is true now.

    ``runs`` and ``clones`` are a line for each run that has not ended, and for each clone that exists; ``closed`` says which run keeps
    the cluster closed, ``unclosed`` what a cutover left open, and ``silent`` why the target's region did not answer.
    """
    alive = [("closed", closed), ("runs", runs or ("none under way",)), ("clones", clones or ("none",))]
    alive += [("open", unclosed)] if unclosed else []
    return Group(
        plain(target.name, "bold"),
        Text(),
        _facts(target, seen, last, tuple(alive), silent),
        Text(),
        _promises(findings),
        *(_why(finding) for finding in findings if finding.why),
        *(Entry("  -", plain(words), 4) for words in advice),
        *([Text(), _preparations(prepared, seen)] if prepared else []),
    )


def standing_text(standing: Standing) -> Text:
    """The word of a standing in its color."""
    return Text(standing.value, STYLES[standing])


def _facts(
    target: Target,
    seen: Observation,
    last: RunState | None,
    alive: tuple[tuple[str, tuple[str, ...]], ...],
    silent: str,
) -> Group:
    rows: list[tuple[str, Text]] = []
    identity = seen.identity
    where = f"{target.cluster} in {identity.region}, account {identity.account}"
    at = endpoint_words(identity.endpoint, identity.elsewhere)
    rows.append(("cluster", plain(", ".join(filter(None, (where, at))))))
    if seen.cluster:
        rows.append(("engine", plain(f"{seen.cluster.engine} {seen.cluster.engine_version}")))
    window = seen.cluster.window if seen.cluster else None
    if silent:
        rows.append(("answer", plain(f"none: {silent}; the rest is from other regions, and from what is kept")))
    else:
        rows.append(("window", plain(f"{stamp(window.earliest)} to {stamp(window.latest)}" if window else "none")))
    for backup in seen.backups if seen.cluster is None else ():
        ends = f"{stamp(backup.window.earliest)} to {stamp(backup.window.latest)}" if backup.window else "no window"
        rows.append(("backup", plain(f"{backup.resource_id} ({backup.status}), {ends}")))
    rows.append(("proof", plain(trust_words(target.trust, seen.cluster.endpoint if seen.cluster else None))))
    rows.append(("seen", plain(stamp(seen.seen))))
    rows.append(("last run", plain(_last(last, seen))))
    for name, lines in alive:
        rows += [("" if number else name, plain(line)) for number, line in enumerate(lines)]
    wide = max(len(name) for name, _ in rows) + 2
    return Group(*(Entry(name, value, wide) for name, value in rows))


def _last(last: RunState | None, seen: Observation) -> str:
    if last is None:
        return "none"
    verdict = last.verdict.standing.value if last.verdict else last.status
    return f"{last.run}: {verdict}, {span_words(seen.seen - last.began)} ago"


def _promises(findings: tuple[Finding, ...]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for name in ("", "promised", "true right now", ""):
        table.add_column(name)
    for finding in findings:
        table.add_row(
            plain(finding.title), plain(finding.expected), plain(finding.found), standing_text(finding.standing)
        )
    return Fitting(table)


def _preparations(prepared: tuple[Preparation, ...], seen: Observation) -> RenderableType:
    """What is kept and what can be reached, each with its age or the reason why nothing is known."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for name in ("prepared", "where", "true right now", ""):
        table.add_column(name)
    for each in prepared:
        is_late = each.standing is Standing.UNFIT
        age = f"{span_words(max(seen.seen - each.at, timedelta(0)))} old" if each.at and not is_late else each.found
        table.add_row(plain(each.what), plain(each.where), plain(age), standing_text(each.standing))
    return Fitting(table)


def _why(finding: Finding) -> RenderableType:
    return Entry("  -", plain(f"{finding.title}: {finding.why}"), 4)

"""The page of all checks: their names, what each stands for, and the defects that it finds."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.checks import CHECKS, RUNBOOK, Check
from daybreak.model.findings import Level
from daybreak.model.members import CLUSTER, INSTANCE, Row, Treatment, sum_of
from daybreak.prove.catalog import defects_of

MADE = "This page is generated: `python -m daybreak.cli.reference`.\n"
"""The first line of every generated page."""
_INTRODUCTION = """\
A validation asks every one of these. Each answer is *fit*, *unfit*, *unknown*, *waived*, *left out* or *beyond reach*, with what was expected, what was
found, the question, and how long it took; a check that could not run is unknown, never fit. The verdict is fit when every
check that was asked is fit, and names the others.

A number before a title is that of the runbook's box. The last column names defects that `daybreak validate --prove` plants and
the check must find; those in italics are no part of it, because they end a clone or need an application.

Waive a check that you do without, with your reason: `[[targets.NAME.waivers]]` in daybreak.toml, or `--waive CHECK=WHY`.
"""

BESIDES = {
    "application.health": "a page answers with another status, without the words that were expected, or not at all",
    "application.connects": "the application's own role does not get into its database",
    "application.functions": "one of the owner's own checks is not met",
    "security.quarantine": "a parameter of the quarantine is not in force, or the clone wears an IAM role",
}
"""What makes a check unfit that no planted defect covers."""


def checks_page() -> str:
    """``docs/reference/checks.md``, whole."""
    return f"# Checks\n\n{MADE}\n{_INTRODUCTION}\n" + "\n".join([*_tables(), *_members()])


def _tables() -> Iterator[str]:
    for level in Level:
        rows = [_row(check) for check in CHECKS.values() if check.level is level]
        head = "| Check | It says | Unfit, for example |\n|---|---|---|\n"
        yield f"## {level.value.capitalize()} level\n\n{head}" + "".join(rows)


def _members() -> Iterator[str]:
    """What ``parity.cluster`` and ``parity.instances`` compare, and what becomes of the rest of AWS's answer."""
    yield (
        "## What parity compares\n\n"
        "Every member that AWS answers of a cluster and an instance is here. What is carried is sent by a call of the restore, "
        "and compared too. A difference that is meant is in the plan, with its reason.\n"
    )
    for title, rows in (("a cluster", CLUSTER), ("an instance", INSTANCE)):
        yield f"### Of {title}\n\n{sum_of(rows)}.\n\n| | Members |\n|---|---|\n" + "".join(_groups(rows))


def _groups(rows: dict[str, Row]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for member, row in sorted(rows.items(), key=lambda item: list(Treatment).index(item[1].treatment)):
        title = f"{row.treatment}: {row.reason}" if row.reason else row.treatment
        groups.setdefault(title, []).append(f"`{member}`")
    for title, members in groups.items():
        yield f"| {title} | {', '.join(members)} |\n"


def _row(check: Check) -> str:
    number = f"{RUNBOOK.index(check) + 1}. " if check in RUNBOOK else ""
    return f"| `{check.name}` | {number}{check.title} | {words_for_defects(check.name)} |\n"


def words_for_defects(check: str) -> str:
    """The defects that a check finds; empty for a check that was never seen to fail."""
    planted = [defect.name for defect in defects_of(check)]
    others = [f"*{BESIDES[check]}*"] if check in BESIDES else []
    return "; ".join([*planted, *others])

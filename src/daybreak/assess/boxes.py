"""The boxes of a validation: stable name, level and title of each check, and how a box becomes a finding.

The law: a box is only ticked by saying what was expected and what was found; a silence makes it unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.model.answers import Silence
from daybreak.model.findings import Finding, Level, Standing
from daybreak.model.names import printable
from daybreak.model.value import Span

_AT_ONCE = Span(0)


@dataclass(frozen=True)
class Asked:
    """The question or call behind a finding, and how long its answer took."""

    words: str = ""
    took: Span = _AT_ONCE


NOTHING = Asked()


@dataclass(frozen=True)
class Box:
    """One check: its stable name, its level, and its title in the runbook's words where the runbook has it."""

    check: str
    level: Level
    title: str

    def fit(self, expected: str, found: str, asked: Asked = NOTHING) -> Finding:
        """The box is ticked."""
        return self._finding(Standing.FIT, expected, found, asked)

    def unfit(self, expected: str, found: str, asked: Asked = NOTHING) -> Finding:
        """The box cannot be ticked: the clone is not what it should be."""
        return self._finding(Standing.UNFIT, expected, found, asked)

    def unknown(self, expected: str, why: str, asked: Asked = NOTHING, *, found: str = "no answer") -> Finding:
        """Nobody can tell, and why."""
        return self._finding(Standing.UNKNOWN, expected, found, asked).model_copy(update={"why": why})

    def silent(self, expected: str, silence: Silence) -> Finding:
        """The question got no answer."""
        return self.unknown(expected, silence.why, Asked(silence.asked, silence.took))

    def judged(self, expected: str, found: str, asked: Asked = NOTHING, *, is_fit: bool) -> Finding:
        """Fit or unfit."""
        return self.fit(expected, found, asked) if is_fit else self.unfit(expected, found, asked)

    def _finding(self, standing: Standing, expected: str, found: str, asked: Asked) -> Finding:
        return Finding(
            check=self.check,
            level=self.level,
            title=self.title,
            standing=standing,
            expected=expected,
            found=found,
            asked=asked.words,
            took=asked.took,
        )


CLUSTER_STATUS = Box("database.cluster-status", Level.DATABASE, 'Cluster status is "available"')
INSTANCE_STATUS = Box("database.instance-status", Level.DATABASE, 'Instance status is "available"')
ENDPOINT = Box("database.endpoint", Level.DATABASE, "Endpoint is accessible")
ENGINE_VERSION = Box("database.engine-version", Level.DATABASE, "Correct engine version")
ENCRYPTION = Box("database.encryption", Level.DATABASE, "Storage encryption is enabled")
TABLES = Box("data.tables", Level.DATA, "All tables exist")
ROWS = Box("data.rows", Level.DATA, "Row counts match expected values")
RECENT = Box("data.recent", Level.DATA, "Recent data is present (check timestamps)")
QUARANTINE = Box("security.quarantine", Level.SECURITY, "Quarantine is in force inside PostgreSQL")
CLUSTER_PARITY = Box("parity.cluster", Level.PARITY, "The cluster is configured as the source was")
INSTANCE_PARITY = Box("parity.instances", Level.PARITY, "The instances are configured as the source's were")


def owners_box(name: str) -> Box:
    """The box of a check that the owner wrote in the configuration."""
    return Box(f"owner.{printable(name)}", Level.APPLICATION, printable(name))


def listed(items: list[str] | tuple[str, ...], most: int = 10) -> str:
    """The items with commas, the first of them when they are many, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"

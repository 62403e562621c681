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

    def waived(self, expected: str, why: str, asked: Asked = NOTHING, *, found: str = "not asked") -> Finding:
        """Somebody does without the answer: who, and why."""
        return self._finding(Standing.WAIVED, expected, found, asked).model_copy(update={"why": why})

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
PARAMETERS = Box("database.parameters", Level.DATABASE, "Parameter groups are in sync, and nothing waits for a reboot")
FOREIGN_KEYS = Box("data.foreign-keys", Level.DATA, "Foreign key constraints are intact")
ORPHANS = Box("data.orphans", Level.DATA, "No row refers to a row that is not there")
INDEXES = Box("data.indexes", Level.DATA, "Indexes are present and valid")
INDEX_CONTENTS = Box("data.index-contents", Level.DATA, "Indexes agree with their tables")
CONTENT = Box("data.content", Level.DATA, "The content is what the baseline recorded")
PARTITIONS = Box("data.partitions", Level.DATA, "All partitions are attached")
COLUMNS = Box("data.columns", Level.DATA, "Columns, types and defaults are the same")
CONSTRAINTS = Box("data.constraints", Level.DATA, "Primary keys, unique and check constraints are in force")
TRIGGERS = Box("data.triggers", Level.DATA, "Triggers and rules are present and enabled")
FUNCTIONS = Box("data.functions", Level.DATA, "Functions, views and types are the same")
SEQUENCES = Box("data.sequences", Level.DATA, "Sequences are ahead of the data")
UNLOGGED = Box("data.unlogged-tables", Level.DATA, "Nothing was lost with unlogged tables")
MATERIALIZED_VIEWS = Box("data.materialized-views", Level.DATA, "Materialized views are populated")
EXTENSIONS = Box("data.extensions", Level.DATA, "Extensions are present, at their version")
PUBLICATIONS = Box("data.publications", Level.DATA, "Publications are present")
SUBSCRIPTIONS = Box("data.subscriptions", Level.DATA, "No subscription takes another subscriber's changes")
CRON_JOBS = Box("data.cron-jobs", Level.DATA, "No scheduled job runs in the clone")
FOREIGN_SERVERS = Box("data.foreign-servers", Level.DATA, "No foreign server leads out of quarantine")
COLLATIONS = Box("data.collations", Level.DATA, "Collations are of the version the indexes were built with")
STATISTICS = Box("data.statistics", Level.DATA, "The planner has statistics")
PREPARED_TRANSACTIONS = Box("data.prepared-transactions", Level.DATA, "No prepared transaction is left open")
REPLICATION_SLOTS = Box("data.replication-slots", Level.DATA, "No replication slot holds back WAL")
CONNECTS = Box("application.connects", Level.APPLICATION, "Application can connect to database")
AUTHENTICATION = Box("application.authentication", Level.APPLICATION, "Authentication is working")
HEALTH = Box("application.health", Level.APPLICATION, "API health checks pass")
BUSINESS = Box("application.functions", Level.APPLICATION, "Critical business functions work")
SECURITY_GROUPS = Box("security.security-groups", Level.SECURITY, "Security groups are correctly configured")
KMS = Box("security.kms", Level.SECURITY, "KMS encryption is enabled")
IAM_ROLES = Box("security.iam-roles", Level.SECURITY, "IAM roles are properly attached")
AUDIT_LOGGING = Box("security.audit-logging", Level.SECURITY, "Audit logging is enabled")
PUBLIC_ACCESS = Box("security.public-access", Level.SECURITY, "Nothing is reachable from the internet")
DELETION_PROTECTION = Box("security.deletion-protection", Level.SECURITY, "Deletion protection is as the source's")
CONNECT_POLICIES = Box("security.connect-policies", Level.SECURITY, "IAM logins are allowed to the new resource id")
ROLES = Box("security.roles", Level.SECURITY, "Database roles and their memberships are the same")
OWNERS = Box("security.owners", Level.SECURITY, "Objects have their owners")
GRANTS = Box("security.grants", Level.SECURITY, "Privileges are the same")
ROW_SECURITY = Box("security.row-security", Level.SECURITY, "Row security is in force")
QUARANTINE = Box("security.quarantine", Level.SECURITY, "Quarantine is in force inside PostgreSQL")
CLUSTER_PARITY = Box("parity.cluster", Level.PARITY, "The cluster is configured as the source was")
INSTANCE_PARITY = Box("parity.instances", Level.PARITY, "The instances are configured as the source's were")
PARAMETER_PARITY = Box("parity.parameters", Level.PARITY, "Parameters have the source's values")
SURROUNDINGS_PARITY = Box("parity.surroundings", Level.PARITY, "Endpoints, autoscaling and proxies are the source's")

RUNBOOK = (
    CLUSTER_STATUS, INSTANCE_STATUS, ENDPOINT, ENGINE_VERSION, ENCRYPTION,
    ROWS, RECENT, TABLES, FOREIGN_KEYS, INDEXES,
    CONNECTS, AUTHENTICATION, HEALTH, BUSINESS,
    SECURITY_GROUPS, KMS, IAM_ROLES, AUDIT_LOGGING,
)  # fmt: skip
"""The runbook's eighteen boxes, in its order and words."""

EVERY: dict[str, Box] = {box.check: box for box in tuple(globals().values()) if isinstance(box, Box)}
"""Every box but the owner's own, by the name of its check."""


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

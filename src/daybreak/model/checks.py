"""The catalogue of checks: every question that a validation asks, by name, level, title and box of the runbook.

The law: this is the only table of checks. All code that counts checks, names one or prints their titles reads it. An answer
always says what was expected and what was found, and a silence makes it unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from daybreak.model.answers import Silence
from daybreak.model.findings import Finding, Level, Standing
from daybreak.model.names import printable
from daybreak.model.value import Span

ValidationPart = Literal["data", "clone"]
"""The two parts of a validation: *data* is what the writer's server answers, *clone* is what AWS says of the whole clone."""

OWN = "owner."
"""The prefix of the name of a check that the owner of the data wrote."""

_AT_ONCE = Span(0)


@dataclass(frozen=True)
class Asked:
    """The question or call behind a finding, and how long its answer took."""

    words: str = ""
    took: Span = _AT_ONCE


NOTHING = Asked()


@dataclass(frozen=True)
class Check:
    """One check: its stable name, which begins with its level, and its title."""

    name: str
    title: str
    """In the runbook's words where the runbook has the check."""
    box: int | None = None
    """Its number among the runbook's boxes, from 1; ``None`` for a check that the runbook does not have."""
    part: ValidationPart = "data"
    """The part of a validation that asks it: each check is asked in one of them, so nothing is read twice."""

    @cached_property
    def level(self) -> Level:
        """The level of the checklist; the owner's own checks belong to the application."""
        return Level.APPLICATION if self.name.startswith(OWN) else Level(self.name.partition(".")[0])

    def fit(self, expected: str, found: str, asked: Asked = NOTHING) -> Finding:
        """The finding that the clone is as it should be."""
        return self._finding(Standing.FIT, expected, found, asked)

    def unfit(self, expected: str, found: str, asked: Asked = NOTHING) -> Finding:
        """The finding that the clone is not as it should be."""
        return self._finding(Standing.UNFIT, expected, found, asked)

    def unknown(self, expected: str, why: str, asked: Asked = NOTHING, *, found: str = "no answer") -> Finding:
        """The finding that the question has no sure answer, and why."""
        return self._finding(Standing.UNKNOWN, expected, found, asked).model_copy(update={"why": why})

    def silent(self, expected: str, silence: Silence) -> Finding:
        """The finding that the question got no answer."""
        return self.unknown(expected, silence.why, Asked(silence.asked, silence.took))

    def leave_out(self, expected: str, why: str, asked: Asked = NOTHING, *, found: str = "not asked") -> Finding:
        """The finding that the question was left out by choice, and by which."""
        return self._finding(Standing.LEFT_OUT, expected, found, asked).model_copy(update={"why": why})

    def judge(self, expected: str, found: str, asked: Asked = NOTHING, *, is_fit: bool) -> Finding:
        """The finding that ``is_fit`` decides: fit or unfit."""
        return self.fit(expected, found, asked) if is_fit else self.unfit(expected, found, asked)

    def _finding(self, standing: Standing, expected: str, found: str, asked: Asked) -> Finding:
        return Finding(
            check=self.name,
            level=self.level,
            title=self.title,
            standing=standing,
            expected=expected,
            found=found,
            asked=asked.words,
            took=asked.took,
        )


CLUSTER_STATUS = Check("database.cluster-status", 'Cluster status is "available"', box=1, part="clone")
INSTANCE_STATUS = Check("database.instance-status", 'Instance status is "available"', box=2, part="clone")
ENDPOINT = Check("database.endpoint", "Endpoint is accessible", box=3)
ENGINE_VERSION = Check("database.engine-version", "Correct engine version", box=4)
ENCRYPTION = Check("database.encryption", "Storage encryption is enabled", box=5, part="clone")
DATABASES = Check("data.databases", "All databases are there")
TABLES = Check("data.tables", "All tables exist", box=8)
ROWS = Check("data.rows", "Row counts match expected values", box=6)
SOURCE_ROWS = Check("data.source-rows", "What the source still has from before the moment is here")
RECENT = Check("data.recent", "Recent data is present (check timestamps)", box=7)
PARAMETERS = Check("database.parameters", "Parameter groups are in sync, and nothing waits for a reboot", part="clone")
FOREIGN_KEYS = Check("data.foreign-keys", "Foreign key constraints are intact", box=9)
ORPHANS = Check("data.orphans", "No row refers to a row that is not there")
INDEXES = Check("data.indexes", "Indexes are present and valid", box=10)
INDEX_CONTENTS = Check("data.index-contents", "Indexes agree with their tables")
CONTENT = Check("data.content", "The content is what baseline and source have")
PARTITIONS = Check("data.partitions", "All partitions are attached")
COLUMNS = Check("data.columns", "Columns, types and defaults are the same")
CONSTRAINTS = Check("data.constraints", "Primary keys, unique and check constraints are in force")
TRIGGERS = Check("data.triggers", "Triggers and rules are present and enabled")
FUNCTIONS = Check("data.functions", "Functions, views and types are the same")
SEQUENCES = Check("data.sequences", "Sequences are ahead of the data")
UNLOGGED = Check("data.unlogged-tables", "Nothing was lost with unlogged tables")
MATERIALIZED_VIEWS = Check("data.materialized-views", "Materialized views are populated")
EXTENSIONS = Check("data.extensions", "Extensions are present, at their version")
PUBLICATIONS = Check("data.publications", "Publications are present")
SUBSCRIPTIONS = Check("data.subscriptions", "No subscription takes another subscriber's changes")
CRON_JOBS = Check("data.cron-jobs", "No scheduled job runs in the clone")
FOREIGN_SERVERS = Check("data.foreign-servers", "No foreign server leads out of quarantine")
COLLATIONS = Check("data.collations", "Collations are of the version the indexes were built with")
STATISTICS = Check("data.statistics", "The planner has statistics")
PREPARED_TRANSACTIONS = Check("data.prepared-transactions", "No prepared transaction is left open")
REPLICATION_SLOTS = Check("data.replication-slots", "No replication slot holds back WAL")
CATALOG = Check("data.catalog", "Everything else in the catalogs is the same")
SHARED_CATALOG = Check("data.shared-catalogs", "Everything else that all databases share is the same")
CONNECTS = Check("application.connects", "Application can connect to database", box=11)
AUTHENTICATION = Check("application.authentication", "Authentication is working", box=12)
HEALTH = Check("application.health", "API health checks pass", box=13)
BUSINESS = Check("application.functions", "Critical business functions work", box=14)
SECURITY_GROUPS = Check("security.security-groups", "Security groups are correctly configured", box=15, part="clone")
KMS = Check("security.kms", "KMS encryption is enabled", box=16, part="clone")
IAM_ROLES = Check("security.iam-roles", "IAM roles are properly attached", box=17, part="clone")
AUDIT_LOGGING = Check("security.audit-logging", "Audit logging is enabled", box=18)
PUBLIC_ACCESS = Check("security.public-access", "Nothing is reachable from the internet", part="clone")
DELETION_PROTECTION = Check("security.deletion-protection", "Deletion protection is as the source's", part="clone")
CONNECT_POLICIES = Check("security.connect-policies", "IAM logins are allowed to the new resource id", part="clone")
ROLES = Check("security.roles", "Database roles and their memberships are the same")
OWNERS = Check("security.owners", "Objects have their owners")
GRANTS = Check("security.grants", "Privileges are the same")
ROW_SECURITY = Check("security.row-security", "Row security is in force")
QUARANTINE = Check("security.quarantine", "Quarantine is in force inside PostgreSQL")
CLUSTER_PARITY = Check("parity.cluster", "The cluster is configured as the source was", part="clone")
INSTANCE_PARITY = Check("parity.instances", "The instances are configured as the source's were", part="clone")
PARAMETER_PARITY = Check("parity.parameters", "Parameters have the source's values", part="clone")
SURROUNDINGS_PARITY = Check("parity.surroundings", "Endpoints, autoscaling and proxies are the source's", part="clone")

CHECKS: dict[str, Check] = {each.name: each for each in tuple(globals().values()) if isinstance(each, Check)}
"""Every check except the owner's own, by its name."""

ARCHIVED_OBJECTS = Check("data.archived-objects", "All that was to come along is there")
ARCHIVED_ROWS = Check("data.archived-rows", "Each table has the rows that the archive has of it")
ARCHIVED_VALIDITY = Check("data.archived-validity", "Constraints and indexes are valid")
ARCHIVED_SEQUENCES = Check("data.archived-sequences", "Sequences are ahead of the data")
ARCHIVED_CONTENT = Check("data.archived-content", "The content is what the source had")
ARCHIVED_CREATION = Check("data.archived-creation", "Tables that were not there are made as the archive defines them")

EXPORTED_TABLES = Check("data.exported-tables", "The export lacks nothing of the wanted tables")
EXPORTED_ROWS = Check("data.exported-rows", "Each wanted row of the files is in its table")

EXPORT_CHECKS: dict[str, Check] = {
    each.name: each
    for each in (
        ARCHIVED_OBJECTS,
        ARCHIVED_ROWS,
        ARCHIVED_VALIDITY,
        ARCHIVED_SEQUENCES,
        ARCHIVED_CONTENT,
        ARCHIVED_CREATION,
        EXPORTED_TABLES,
        EXPORTED_ROWS,
    )
}
"""The checks of what comes out of an archive, by name: no clone is asked them."""

RUNBOOK = tuple(sorted((each for each in CHECKS.values() if each.box), key=lambda each: each.box or 0))
"""The boxes of the runbook's checklist, in its order and words."""


def owners_check(name: str) -> Check:
    """The check that the owner wrote in the configuration under that name."""
    return Check(f"{OWN}{printable(name)}", printable(name))

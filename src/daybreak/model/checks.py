"""The names of every check a validation makes, so that a file may speak of them before anything is asked.

The law: they are the names of the boxes, no more and no fewer; a test holds the two together.
"""

from __future__ import annotations

CHECKS = (
    "database.cluster-status",
    "database.instance-status",
    "database.endpoint",
    "database.engine-version",
    "database.encryption",
    "database.parameters",
    "data.tables",
    "data.rows",
    "data.recent",
    "data.foreign-keys",
    "data.orphans",
    "data.indexes",
    "data.index-contents",
    "data.content",
    "data.partitions",
    "data.columns",
    "data.constraints",
    "data.triggers",
    "data.functions",
    "data.sequences",
    "data.unlogged-tables",
    "data.materialized-views",
    "data.extensions",
    "data.publications",
    "data.subscriptions",
    "data.cron-jobs",
    "data.foreign-servers",
    "data.collations",
    "data.statistics",
    "data.prepared-transactions",
    "data.replication-slots",
    "application.connects",
    "application.authentication",
    "application.health",
    "application.functions",
    "security.security-groups",
    "security.kms",
    "security.iam-roles",
    "security.audit-logging",
    "security.public-access",
    "security.deletion-protection",
    "security.connect-policies",
    "security.roles",
    "security.owners",
    "security.grants",
    "security.row-security",
    "security.quarantine",
    "parity.cluster",
    "parity.instances",
    "parity.parameters",
    "parity.surroundings",
)
"""Each check by its stable name; the owner's own are called ``owner.NAME`` and are not here."""

OWNERS = "owner."
"""What the name of a check begins with when its owner wrote it."""

"""When a run asks each read of AWS: what a policy must allow follows from it."""

from __future__ import annotations

from enum import StrEnum


class ReadOccasion(StrEnum):
    """When a plan's run asks a read. ``report.iam_policy`` says which occasions a plan has, and on what."""

    EVERY_RUN = "in every run"
    RESTORE = "in a restore"
    OF_SNAPSHOT = "where a snapshot is restored"
    OF_FAIL_OVER = "where a global database gets another writer"
    OF_COPIES = "where snapshots are taken, copied and removed"
    OF_KEPT_BACKUP = "where the kept backup of a deleted source is restored"
    OF_DELETED_SOURCE = "where the source is not there to be looked at"
    OWN_INSTANCE_GROUPS = "where an instance has a parameter group with values and tags"
    KEY = "where the storage is under a key"
    MANAGED_LOGIN = "where AWS manages the clone's password"
    LOGIN_OF_SECRETSMANAGER = "where a login is in Secrets Manager"
    LOGIN_OF_SSM = "where a login is in the Parameter Store"
    OF_SECRET = "where applications read the address from a secret"  # noqa: S105 - no password
    OF_PARAMETER = "where applications read the address from a parameter"
    OF_RECORD = "where applications read the address from a record of Route 53"
    OF_PROXY = "where applications reach the database through a proxy"
    OF_KEYED = "where a cutover is planned: what is keyed to the source's name or resource id"
    OF_SUBSCRIPTION = "where an event subscription reports one source more, or one less"
    LOGIN_OF_PROXY = "where a proxy logs in with a secret"
    OF_CHANGES = "where it is waited until a change of Route 53 has spread"
    OF_EXPORT = "where an export of a snapshot is made, or ended"
    OF_CATALOGUE = "where backups or preparations are listed: no run asks it"
    BY_HAND = "by a person: it is printed, and no run asks it"
    FREE = "where it pleases: AWS allows it to every caller"

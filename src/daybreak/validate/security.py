"""The chapter of security: quarantine, who can reach the clone, and what the clone can reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from daybreak.judge.database import key_of_aws, quarantine
from daybreak.judge.security.cluster import (
    AUDITORS,
    Trail,
    audit_logging,
    connect_policies,
    deletion_protection,
    iam_roles,
    kms,
    public_access,
)
from daybreak.judge.security.security_groups import security_groups
from daybreak.model.answers import ServerSettings, Silence
from daybreak.model.findings import Finding
from daybreak.model.world import AWS_OWNED
from daybreak.validate.probes import ask_settings
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Yield what the server itself shows: what it audits, and whether it is in quarantine."""
    action, clone = visit.subject.action, visit.subject.clone
    at_source, at_clone = _ask_audit(visit)
    yield audit_logging(Trail(action.source_seen, at_source), Trail(clone, at_clone))
    if action.quarantine:
        yield quarantine(action.quarantine, clone, _settings(visit, action.quarantine))


def findings_of_aws(visit: Visit) -> Iterator[Finding]:
    """Yield what AWS says of who can reach the clone, and of what it can reach."""
    subject, action = visit.subject, visit.subject.action
    source, clone, around = action.source_seen, subject.clone, subject.surroundings
    yield security_groups(source, clone, seen=action.surroundings_seen, around=around, permitted=subject.permitted)
    yield public_access(subject.instances)
    is_aws_owned = clone.encryption_kind == AWS_OWNED
    yield key_of_aws(clone, subject.key_origin) if is_aws_owned else kms(clone, subject.key_origin, around)
    yield iam_roles(source, clone, subject.permitted)
    yield deletion_protection(source, clone, subject.permitted)
    yield connect_policies(subject.origin, clone, around)


def _settings(visit: Visit, names: Iterable[str]) -> ServerSettings | Silence:
    if visit.place is None:
        return visit.silence_about("the settings in force")
    return ask_settings(visit.place, names, visit.subject.patience.asking)


def _ask_audit(visit: Visit) -> tuple[ServerSettings | Silence | None, ServerSettings | Silence]:
    """Ask what the source audits, where it can be asked, and what the clone audits; both at the same time."""
    _ = visit.answer
    with ThreadPoolExecutor(max_workers=2) as pair:
        clone = pair.submit(_settings, visit, AUDITORS)
        source = visit.subject.source
        at_source = ask_settings(source, AUDITORS, visit.subject.patience.asking) if source else None
        return at_source, clone.result()

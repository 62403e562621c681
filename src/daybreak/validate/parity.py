"""The chapter of parity: the source's configuration against the clone's."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.assess import parity
from daybreak.model.findings import Finding
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Each finding of parity."""
    subject, action = visit.subject, visit.subject.action
    yield parity.cluster_parity(action.source_seen, subject.clone, subject.permitted)
    yield parity.instance_parity(action.source_seen, action.instances_seen, subject.instances, subject.permitted)

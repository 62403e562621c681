"""The chapter of parity: the source's configuration against the clone's."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.assess import parity, parity_around
from daybreak.assess.parity_around import Circumstances
from daybreak.model.findings import Finding
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Each finding of parity."""
    subject, action = visit.subject, visit.subject.action
    source, seen, clone = action.source_seen, action.instances_seen, subject.instances
    yield parity.cluster_parity(source, subject.clone, subject.permitted)
    yield parity.instance_parity(source, seen, clone, subject.permitted)
    names = parity.paired(source, seen, clone) if source else {}
    circumstances = Circumstances(
        action.quarantine, subject.permitted, names, frozenset(each.identifier for each in clone)
    )
    yield parity_around.parameter_parity(action.surroundings_seen, subject.surroundings, circumstances)
    yield parity_around.surroundings_parity(action.surroundings_seen, subject.surroundings, circumstances)

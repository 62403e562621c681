"""The chapter of parity: compare the source's configuration with the clone's."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.judge.parity.configuration import cluster_parity, instance_parity, pair_instances
from daybreak.judge.parity.surroundings import Allowances, parameter_parity, surroundings_parity
from daybreak.model.findings import Finding
from daybreak.plan.quarantine import EVERY
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Yield each finding about configuration."""
    subject, action = visit.subject, visit.subject.action
    source, seen, clone = action.source_seen, action.instances_seen, subject.instances
    yield cluster_parity(source, subject.clone, subject.permitted)
    yield instance_parity(source, seen, clone, subject.permitted)
    names = pair_instances(source, seen, clone) if source else {}
    circumstances = Allowances(
        EVERY if action.quarantine else {}, subject.permitted, names, frozenset(each.identifier for each in clone)
    )
    yield parameter_parity(action.surroundings_seen, subject.surroundings, circumstances)
    yield surroundings_parity(action.surroundings_seen, subject.surroundings, circumstances)

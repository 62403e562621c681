"""The chapter of the database: status, endpoint, engine version, encryption, parameters."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.judge import database, parameters
from daybreak.judge.parity import configuration
from daybreak.model.findings import Finding
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Yield each finding at database level as soon as it stands."""
    subject = visit.subject
    yield database.cluster_status(subject.clone)
    yield database.instance_status(subject.clone, subject.instances)
    yield database.endpoint(visit.answer)
    yield database.engine_version(subject.clone, subject.engine_origin, visit.answer)
    yield database.encryption(subject.clone, subject.origin)
    source, seen = subject.action.source_seen, subject.action.instances_seen
    names = configuration.pair_instances(source, seen, subject.instances) if source else {}
    by_name = {names[each.identifier]: each for each in seen if each.identifier in names}
    yield parameters.parameters(source, by_name, subject.clone, subject.instances)

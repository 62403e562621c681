"""The chapter of the database: what its server answers, and what AWS says of status, encryption and parameters."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.judge import database, parameters
from daybreak.judge.parity import configuration
from daybreak.model.findings import Finding
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Yield what the server's own answer shows."""
    subject = visit.subject
    yield database.endpoint(visit.answer)
    yield database.engine_version(subject.clone, subject.engine_origin, visit.answer)


def findings_of_aws(visit: Visit) -> Iterator[Finding]:
    """Yield what AWS says of the cluster and its instances."""
    subject = visit.subject
    yield database.cluster_status(subject.clone)
    yield database.instance_status(subject.clone, subject.instances)
    yield database.encryption(subject.clone, subject.key_origin)
    source, seen = subject.action.source_seen, subject.action.instances_seen
    names = configuration.pair_instances(source, seen, subject.instances) if source else {}
    by_name = {names[each.identifier]: each for each in seen if each.identifier in names}
    yield parameters.parameters(source, by_name, subject.clone, subject.instances, subject.permitted)

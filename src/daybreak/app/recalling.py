"""What a plan or a validation needs besides what was looked at: what was kept of the source.

The law: a document that stands for a later moment than the restored one is never used, nor one of another cluster, be it one
of the same name in another region, account or endpoint. Where the source is decides, not where the clone is. A kept document
that cannot be read stops a plan that needs it, by name. One that is needed only for comparison never stops a plan.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from daybreak.errors import DaybreakError
from daybreak.model.capsule import Capsule
from daybreak.model.kept import Kept, KeptKind
from daybreak.model.observation import Observation
from daybreak.model.requests import PitrRequest, SnapshotRequest
from daybreak.model.targets import Target
from daybreak.model.world import Identity
from daybreak.plan.source import moment_of, source_of
from daybreak.repository.documents import Document
from daybreak.repository.repository import Repository


def recall(
    repository: Repository, request: PitrRequest | SnapshotRequest, target: Target, seen: Observation
) -> Observation:
    """Add to the observation the baseline, and the capsule of a source that is gone."""
    source = source_of(request, target, seen)
    moment = moment_of(request, source) or seen.seen
    storage = source.backup or source.snapshot
    capsule = baseline = None
    if not source.living:
        capsule = _capsule(repository, target, seen.identity, moment, storage.resource_id if storage else None)
    with suppress(DaybreakError):
        baseline = newest_of(repository, "baseline", target, seen.identity, moment)
    return seen.model_copy(update={"capsule": capsule, "baseline": baseline})


def newest_of(
    repository: Repository, kind: KeptKind, target: Target, home: Identity, not_after: datetime | None = None
) -> Kept | None:
    """The newest document of the target's cluster, which is at ``home``; ``None`` when there is none."""
    return repository.newest(kind, target.name, not_after, lambda each: each.is_of(home, target.cluster))


def _capsule(
    repository: Repository, target: Target, home: Identity, moment: datetime, resource_id: str | None
) -> Capsule | None:
    """The newest capsule of the very cluster, else of the cluster's name; ``None`` when there is neither."""

    def is_very_cluster(each: Document) -> bool:
        is_it = isinstance(each, Capsule) and each.cluster.resource_id == resource_id
        return is_it and each.is_of(home, target.cluster)

    kept = repository.newest("capsule", target.name, moment, is_very_cluster) if resource_id else None
    kept = kept or newest_of(repository, "capsule", target, home, moment)
    return repository.capsule(kept) if kept else None

"""What a plan needs besides what was looked at: what belongs to the living source, or what was kept of it.

The law: a document that stands for a later moment than the restored one is never used, nor one of another cluster. A kept
document that cannot be read stops a plan that needs it, by name. One that is needed only for comparison never stops a plan.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from daybreak.errors import DaybreakError
from daybreak.model.capsule import Capsule
from daybreak.model.kept import Kept
from daybreak.model.observation import Observation
from daybreak.model.requests import PitrRequest, SnapshotRequest
from daybreak.model.targets import Target
from daybreak.plan.source import Source, moment_of, source_of

if TYPE_CHECKING:
    from daybreak.repository.repository import Repository

_MOST_LOOKED_AT = 20
"""How many capsules are read in search of one of the right cluster."""


def recall(
    repository: Repository, request: PitrRequest | SnapshotRequest, target: Target, seen: Observation
) -> Observation:
    """Add to the observation the baseline, and the capsule of a source that is gone."""
    source = source_of(request, target, seen)
    moment = moment_of(request, source) or seen.seen
    return seen.model_copy(
        update={
            "capsule": None if source.living else _capsule(repository, target, source, moment),
            "baseline": _baseline(repository, target, moment),
        }
    )


def _capsule(repository: Repository, target: Target, source: Source, moment: datetime) -> Capsule | None:
    """The newest capsule of the very cluster, else of the cluster's name; ``None`` when there is neither."""
    storage = source.backup or source.snapshot
    resource_id = storage.resource_id if storage else None
    known = [kept for kept in repository.list_kept("capsule", target.name) if kept.stands_for <= moment]
    of_name: Capsule | None = None
    for kept in reversed(known[-_MOST_LOOKED_AT:]):
        capsule = repository.capsule(kept)
        if capsule.cluster.identifier != target.cluster:
            continue
        if resource_id in (None, capsule.cluster.resource_id):
            return capsule
        of_name = of_name or capsule
    return of_name


def _baseline(repository: Repository, target: Target, moment: datetime) -> Kept | None:
    with suppress(DaybreakError):
        return repository.newest("baseline", target.name, moment)
    return None

"""What a plan or a validation needs besides what was looked at: what was kept of the source.

The law: a document that stands for a later moment than the restored one is never a witness, nor is one of another cluster, be
it one of the same name in another region, account or endpoint. Where no earlier capsule was kept, the first later one gives the
configuration, and no more: a clone like the source soon after is better than one like nothing. Where the source is decides, not where the clone is. A kept document
that cannot be read stops a plan that needs it, by name; in another region it is named in the plan, which does without. One that is needed only for comparison never stops a plan.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from datetime import datetime
from itertools import islice

from daybreak.errors import DaybreakError, Failed
from daybreak.model.capsule import Capsule
from daybreak.model.kept import Kept, KeptKind
from daybreak.model.observation import Observation
from daybreak.model.requests import RestoreRequest
from daybreak.model.targets import Target
from daybreak.model.world import Identity
from daybreak.plan.source import moment_of, source_of
from daybreak.repository.documents import Document
from daybreak.repository.repository import MOST_READ, Repository


def recall(repository: Repository, request: RestoreRequest, target: Target, seen: Observation) -> Observation:
    """Add to the observation the baseline, and the capsule of a source that is gone."""
    source = source_of(request, target, seen)
    home = seen.identity.model_copy(update={"region": source.home}) if source.home else seen.identity
    moment, held = moment_of(request, source), source.moments
    storage = source.backup or source.snapshot
    capsule = baseline = None
    if not source.living:
        latest = moment or (held.at_most if held else None) or seen.seen
        # With the region lost nobody can put a damaged one right: what the choice of the backup said of it stands in the plan.
        with suppress(Failed) if source.home else nullcontext():
            capsule = _capsule(repository, target, home, latest, storage.resource_id if storage else None)
    # Of a clone that may end earlier than anybody can say, a baseline is no witness: it may be of a later moment.
    if moment is not None or held is None:
        with suppress(DaybreakError):
            baseline = newest_of(repository, "baseline", target, home, moment or seen.seen)
    return seen.model_copy(update={"capsule": capsule, "baseline": baseline})


def newest_of(
    repository: Repository, kind: KeptKind, target: Target, home: Identity, not_after: datetime | None = None
) -> Kept | None:
    """The newest document of the target's cluster, which is at ``home``; ``None`` when there is none."""
    return repository.newest(kind, target.name, not_after, lambda each: each.is_of(home, target.cluster))


def _capsule(
    repository: Repository, target: Target, home: Identity, moment: datetime, resource_id: str | None
) -> Capsule | None:
    """The newest capsule of the very cluster, else of the cluster's name, else the first later one; ``None`` without any."""

    def is_very_cluster(each: Document) -> bool:
        is_it = isinstance(each, Capsule) and each.cluster.resource_id == resource_id
        return is_it and each.is_of(home, target.cluster)

    kept = repository.newest("capsule", target.name, moment, is_very_cluster) if resource_id else None
    kept = (
        kept or newest_of(repository, "capsule", target, home, moment) or _first_after(repository, target, home, moment)
    )
    return repository.capsule(kept) if kept else None


def _first_after(repository: Repository, target: Target, home: Identity, moment: datetime) -> Kept | None:
    """The first capsule of the target's cluster that was kept after the moment; ``None`` when there is none."""
    later = (each for each in repository.list_kept("capsule", target.name) if each.stands_for > moment)
    return next(
        (each for each in islice(later, MOST_READ) if repository.capsule(each).is_of(home, target.cluster)), None
    )

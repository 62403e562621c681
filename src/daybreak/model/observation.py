"""Observation: everything that a planner may know, and when it was seen. Facts only, no opinion."""

from __future__ import annotations

from pydantic import Field

from daybreak.model.archives import ArchiveWorld
from daybreak.model.backups import ExportTask, GlobalDatabase
from daybreak.model.capsule import Capsule
from daybreak.model.copies import CopiesSeen
from daybreak.model.cutover import CutoverSeen
from daybreak.model.exports_seen import ExportSeen
from daybreak.model.kept import Kept
from daybreak.model.spelling import Spelling
from daybreak.model.trust import Authorities
from daybreak.model.value import Instant, Span, Value
from daybreak.model.world import (
    AutomatedBackup,
    Cluster,
    Endpoint,
    Identity,
    Instance,
    Key,
    Offers,
    ParameterGroup,
    Quota,
    SecurityGroup,
    Snapshot,
    Surroundings,
)


class PastRun(Value):
    """An earlier run of this very cluster that ended with a verdict."""

    run: str
    kind: str
    took: Span
    """What counted against the RTO."""
    complete: Span | None = None
    """From its start to the verdict of the whole clone; ``None`` where that is not known apart."""
    why_not: str = ""
    """Why it does not show how long a recovery takes; empty where it does."""


class Interest(Value):
    """What a planner wants to see of the source that it chose. The planner chooses; looking only looks."""

    living: Cluster | None = None
    """The source as it is now; its instances, its size and what belongs to it are looked at."""
    parameter_group: str | None = None
    """The name of the parameter group that the clone takes over; the group may be gone."""
    settable_group: str | None = None
    """The group that says which parameters can be set; ``None`` where ``family`` says it."""
    family: str | None = None
    engine: tuple[str, str] | None = None
    """The engine and its version that are restored: what AWS offers for their instances is asked."""
    cared_for: tuple[str, ...] = ()
    """The parameters whose modifiability matters."""
    security_groups: tuple[str, ...] = ()
    key: str | None = None


class Observation(Value):
    """Everything that a planner may know. A planner that needs more asks for another field here, never for a socket."""

    seen: Instant
    """By AWS's clock, where ours was seen to be wrong."""
    identity: Identity
    skew: Span | None = None
    """How far our clock is ahead of AWS's, where it is so far off that people must be warned; negative when it is behind."""
    cluster: Cluster | None = None
    instances: tuple[Instance, ...] = ()
    backups: tuple[AutomatedBackup, ...] = ()
    parameter_group: ParameterGroup | None = None
    settable: tuple[str, ...] = ()
    """The cluster parameters that this engine version lets us modify, of those that matter."""
    subnet_groups: tuple[str, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    key: Key | None = None
    global_database: GlobalDatabase | None = None
    """The global database that a fail-over is about; ``cluster`` is then its secondary."""
    names_taken: tuple[str, ...] = ()
    clones: tuple[Cluster, ...] = ()
    """The clusters of the region that say, by their tags, that they are clones of the target's cluster."""
    size: int | None = None
    """The size of the source's volume in bytes, from CloudWatch's ``VolumeBytesUsed``; ``None`` when it has no data."""
    past: tuple[PastRun, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    copies: CopiesSeen | None = None
    """What the region of a target's copies shows of them; ``None`` where it was not asked."""
    quotas: tuple[Quota, ...] | None = ()
    """The account's limits, counted when a clone is planned; ``None`` where AWS does not say them."""
    offers: Offers | None = None
    """What AWS offers for instances of the restored version; ``None`` where it was not asked."""
    endpoints: tuple[Endpoint, ...] = ()
    """The custom endpoints of a clone that is to be removed."""
    strays: tuple[Cluster, ...] = ()
    """Clusters of another name that carry that clone's nonce, or use its parameter group."""
    surroundings: Surroundings | None = None
    """What belongs to the living source; ``None`` when the source is gone."""
    capsule: Capsule | None = None
    """The newest kept configuration not after the moment; looked for when the source is gone."""
    baseline: Kept | None = None
    """The newest kept baseline not after the moment."""
    login_changed: Instant | None = None
    """When the secret that the target's login names got its current version; ``None`` where nothing says so."""
    login_versions: int = 0
    """How many older versions of it still exist."""
    password_reset: Instant | None = None
    """When the master's password was last reset, by AWS's events of the last days; ``None`` where none says so."""
    authorities: Authorities | None = Field(default=None, exclude=True, repr=False)
    """The authorities that the target's servers are checked against; ``None`` where no server will be asked."""
    cutover: CutoverSeen | None = None
    """Both sides of a cutover or a rollback; ``cluster`` is then the source."""
    export: ExportSeen | None = Field(default=None, exclude_if=lambda found: found is None)
    """The export whose tables are wanted; ``cluster`` is then the receiver's."""
    exports: tuple[ExportTask, ...] = ()
    """The exports of the region, or the one that is to be ended."""
    archive: ArchiveWorld | None = Field(default=None, exclude_if=lambda found: found is None)
    """What an archive of a clone is made of."""
    spelling: Spelling | None = None
    """Whether what the configuration names is there; ``None`` where that was not asked."""

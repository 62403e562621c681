"""What a person may ask for; the planner's first argument."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from daybreak.model.actions import Action
from daybreak.model.backups import MomentsHeld
from daybreak.model.cutover import VerdictSeen
from daybreak.model.destinations import NameSwap
from daybreak.model.exports import ExportPlace
from daybreak.model.fences import Emptied
from daybreak.model.guards import Unwritten
from daybreak.model.moment import At, Moment
from daybreak.model.receiver import Receiver, ReceiverMode
from daybreak.model.targets import Waiver
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.value import Span, Value
from daybreak.model.world import Cluster
from daybreak.model.writes import WriteCount

Purpose = Literal["recovery", "staging"]
"""What a clone is for: to take over, at the source's full strength; or to work with, small and for a limited time."""


class PitrRequest(Value):
    """Bring the source back as of a moment, in a clone, in quarantine."""

    kind: Literal["pitr"] = "pitr"
    target: str
    moment: Moment
    words: str = ""
    """What the person typed for the moment."""
    why: str = ""
    suffix: str
    """The short random end of the clone's name. It is drawn once, so that planning twice gives the same plan."""
    is_read_only: bool = False
    """Whether every new session of the clone starts read-only."""
    resource_id: str | None = None
    """The resource id of a deleted cluster whose backup was kept; ``None`` restores the living cluster by name."""
    purpose: Purpose = "recovery"
    thoroughness: Thoroughness = Thoroughness()
    accident: At | None = None
    """When the accident was: what was written until then is lost. ``None`` counts to when the plan is made."""


NEWEST = "latest"
"""What a person writes for the newest snapshot."""


class SnapshotRequest(Value):
    """Bring the source back as a snapshot holds it, in a clone, in quarantine."""

    kind: Literal["snapshot"] = "snapshot"
    target: str
    snapshot: str = NEWEST
    """Its identifier, its ARN (the only name of a shared snapshot), or ``latest``."""
    before: Moment | None = None
    """With ``latest``: the newest snapshot not after this moment."""
    words: str = ""
    """What the person typed for ``before``."""
    why: str = ""
    suffix: str
    is_read_only: bool = False
    purpose: Purpose = "recovery"
    thoroughness: Thoroughness = Thoroughness()
    accident: At | None = None
    """When the accident was; ``None`` says no loss, because the snapshot chose the moment."""


class RegionRequest(Value):
    """Bring the source back in another region from a snapshot that is there, in a clone, in quarantine.

    The region of the source is taken for lost: nothing of it is needed, and what it said is a remark.
    """

    kind: Literal["region"] = "region"
    target: str
    home: str
    """The region of the source's cluster."""
    snapshot: str
    """The ARN of the snapshot, which is in the region where the clone is made; empty only in a run that was adopted."""
    moments: MomentsHeld
    """The moments that the snapshot holds, as all regions together showed it when it was chosen: the home region may be silent later."""
    assessed: str = ""
    """What the home region said when the snapshot was chosen."""
    why: str = ""
    suffix: str
    is_read_only: bool = False
    purpose: Purpose = "recovery"
    thoroughness: Thoroughness = Thoroughness()
    accident: At | None = None
    """When the region was lost: what was written until then is lost. ``None`` counts to when the plan is made."""


class CleanRequest(Value):
    """Remove what a run created, and nothing else."""

    kind: Literal["clean"] = "clean"
    target: str
    run: str
    nonce: str | None = None
    """The nonce of that run, from its journal; ``None`` where the journal has no nonce. Then the run's tag decides."""
    suffix: str
    why: str = ""
    is_of_export: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether that run made nothing but files of this machine, and a scratch database."""
    scratch_at: Receiver | None = Field(default=None, exclude_if=lambda found: found is None)
    """At which cluster its scratch database may still stand; ``None`` where there is none."""
    doubt: str = ""
    """Why the run's journal could not say what belongs to it. Then tags decide, and a person types the clone's name."""
    task: str = Field(default="", exclude_if=lambda found: not found)
    """The export that the run started, where it was to make one: that is ended then, and no clone is looked for."""
    archive: ExportPlace | None = Field(default=None, exclude_if=lambda found: found is None)
    """The archive that the run was to make: what was begun of it is given up then, and no clone is looked for."""


class CopyRequest(Value):
    """Keep copies of the source's snapshots in another region: make the one that is due, and remove those beyond the number kept.

    The plan's own region is the one of the copies, so that a run can be read and gone on with there when the source's is lost.
    """

    kind: Literal["copy"] = "copy"
    target: str
    home: str
    """The region of the source's cluster."""
    why: str = ""
    suffix: str


class FailOverRequest(Value):
    """Make a secondary of the source's global database the writer, in its own region. Nothing of it is ever the run's own."""

    kind: Literal["fail-over"] = "fail-over"
    target: str
    home: str
    """The region of the source's cluster."""
    database: str
    """The identifier of the global database."""
    member: str
    """The ARN of the secondary."""
    is_switch: bool = False
    """Whether AWS waits until all that was written has arrived, which takes both regions; else what is missing is given up."""
    moments: MomentsHeld
    """What the secondary surely holds, as CloudWatch showed it when it was chosen."""
    assessed: str = ""
    """What the home region said when the secondary was chosen."""
    why: str = ""
    suffix: str
    accident: At | None = None
    """When the region was lost: what was written until then counts. ``None`` counts to when the plan is made."""

    @property
    def way(self) -> str:
        """What AWS calls it."""
        return "switch-over" if self.is_switch else "fail-over"

    @property
    def cluster(self) -> str:
        """The identifier of the secondary."""
        return self.member.rpartition(":")[2]


class CutoverRequest(Value):
    """Move the traffic from the source to the clone of a run: fence the source, then let the clone take its place."""

    kind: Literal["cutover"] = "cutover"
    target: str
    run: str
    """The run that restored the clone; its name is the clone's."""
    nonce: str
    """That run's nonce, from its journal: it says which cluster the clone is."""
    verdict: VerdictSeen
    """What was judged of the clone, as the run's journal or a validation right before says it."""
    unfenced: str = ""
    """The source's name, typed by who accepts that nobody fences it, since it is gone or does not answer; empty where it is fenced."""
    source_before: Cluster | None = None
    """The source as the restore saw it: its address, where AWS shows the source no more."""
    home: str = Field(default="", exclude_if=lambda found: not found)
    """The region of the source, where the clone is in another one; empty where both are in the plan's own."""
    leaves: tuple[str, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The places that no change reaches, by their labels, of which a person accepts that they stay as they are."""
    skips: int = Field(default=0, exclude_if=lambda found: not found)
    """By how many numbers each sequence of the clone goes on, where nobody can ask how far the source's have come."""
    completes: str = Field(default="", exclude_if=lambda found: not found)
    """The cutover of which this one does what could not be done then: to close the source, and to change the places that were left."""
    why: str = ""
    suffix: str


class CutoverDeed(Value):
    """A step of a cutover that was done, or may have been, and what takes it back."""

    step: str
    action: Action
    back: tuple[Action, ...]
    is_done: bool = True
    """Whether it was done for certain."""


class RollbackRequest(Value):
    """Move the traffic back to where a cutover took it from: fence the clone, put back what was changed, open the source last."""

    kind: Literal["rollback"] = "rollback"
    target: str
    run: str
    """The run of the cutover."""
    clone: str
    nonce: str
    """The nonce of the run that restored the clone."""
    deeds: tuple[CutoverDeed, ...]
    """What the cutover did, in its order."""
    unwritten: Unwritten | None = None
    """What must hold of the clone, once it is closed, for a run that takes itself back; ``None`` where a person goes back."""
    home: str = Field(default="", exclude_if=lambda found: not found)
    """The region of the source, where the clone is in another one."""
    source_before: Cluster | None = Field(default=None, exclude_if=lambda found: found is None)
    """The source as the cutover knew it: its address, where AWS says nothing of it."""
    is_unfenced: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether the cutover closed nothing at the source, nor did anything since."""
    mark: Emptied | None = Field(default=None, exclude_if=lambda found: found is None)
    """How far the source had come when the cutover had closed it; ``None`` where it came to no mark."""
    counted: WriteCount | None = Field(default=None, exclude_if=lambda found: found is None)
    """What had been written in the clone when the cutover led nobody there yet; ``None`` where it did not count that."""
    ends: tuple[str, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The runs that have not ended and are ended first: the cutover, and whatever began to take it back."""
    swap: NameSwap | None = Field(default=None, exclude_if=lambda found: found is None)
    """How source and clone exchange their names, where the cutover did that: then only the resource ids say which is which."""
    why: str = ""
    suffix: str


class ExportRequest(Value):
    """Bring tables of an export back, into a living database."""

    kind: Literal["export"] = "export"
    target: str
    export: str
    """Its URL."""
    receiver: Receiver
    """Where the rows go."""
    tables: tuple[str, ...] = ()
    """The tables, as a person named them."""
    schemas: tuple[str, ...] = ()
    """The schemas all of whose tables are wanted."""
    renames: dict[str, str] = Field(default_factory=dict)
    """The names of those tables that are called otherwise in the receiver."""
    where: str = ""
    """The condition on the rows of the one table that is wanted, in SQL; empty wants all."""
    mode: ReceiverMode = "empty"
    is_old_client_allowed: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether a psql that a hostile script could make run commands here is given one all the same."""
    most_rejects: int = Field(default=0, ge=0, exclude_if=lambda found: not found)
    """How many rows of files of RDS the receiver may refuse."""
    why: str = ""
    suffix: str


MoveRequest = CutoverRequest | RollbackRequest
"""What moves the traffic, and so changes the source; everything else leaves the source alone."""


class MakeExportRequest(Value):
    """Let RDS export a snapshot of the source into a bucket: rows that outlive the source's backups. The source is not touched."""

    kind: Literal["make-export"] = "make-export"
    target: str
    snapshot: str = NEWEST
    """Its identifier, its ARN, or ``latest``."""
    only: tuple[str, ...] = ()
    """The databases, schemas and tables to export, as ``DATABASE.SCHEMA.TABLE``; empty for all."""
    bucket: str
    prefix: str = ""
    role: str
    key: str
    why: str = ""
    suffix: str


class MakeArchiveRequest(Value):
    """Make an archive of the clone of a run with pg_dump, and store it beside its manifest. The source is not read."""

    kind: Literal["make-archive"] = "make-archive"
    target: str
    run: str
    """The run that restored the clone."""
    database: str = ""
    """The database; empty means the one that is entered first."""
    bucket: str
    prefix: str = ""
    key: str | None = None
    """The KMS key under which it is stored; ``None`` leaves that to the bucket."""
    keep: Span | None = None
    """How long it is kept; ``None`` is as long as somebody keeps it, and nothing is removed then."""
    most: int = Field(gt=0)
    """How many bytes of this machine's disk it may fill on the way."""
    within: Span = Span(hours=6)
    """How long pg_dump may take."""
    waivers: tuple[Waiver, ...] = ()
    """The checks of the clone's verdict that a person does without."""
    home: str = Field(default="", exclude_if=lambda found: not found)
    """The region of the source, where the clone is in another one."""
    why: str = ""
    suffix: str


RestoreRequest = PitrRequest | SnapshotRequest | RegionRequest
"""Everything that a clone can be made for."""

Request = Annotated[
    RestoreRequest
    | ExportRequest
    | FailOverRequest
    | CopyRequest
    | CleanRequest
    | MoveRequest
    | MakeExportRequest
    | MakeArchiveRequest,
    Field(discriminator="kind"),
]
"""Everything a plan can be made for."""

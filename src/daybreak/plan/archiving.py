"""Plan an archive of a clone: dumped on this machine, stored in parts, described last; then what is past its time goes.

The law: production is never read for it, and nothing in the bucket is overwritten. What is removed stands in the plan by its key: only
what a manifest of ours speaks of, past the time that it was promised and the one that is kept today, and never one of the newest.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import humanize

from daybreak.errors import Bug
from daybreak.model.actions import ClearDump, DumpDatabase, EndUpload, RemoveArchive, StoreArchive, StoreManifest
from daybreak.model.archives import ArchiveSeen, ArchiveWorld, CloneToDump
from daybreak.model.exports import ExportPlace
from daybreak.model.findings import Standing
from daybreak.model.manifests import Manifest
from daybreak.model.moment import span_in_words
from daybreak.model.names import clone_name, comma_list, printable
from daybreak.model.observation import Observation
from daybreak.model.plan import Estimate, Plan, Refusal, RunId, Step, StepId
from daybreak.model.requests import MakeArchiveRequest
from daybreak.model.tags import KEEP_TAG, RUN_TAG
from daybreak.model.targets import Target
from daybreak.model.value import Instant, iso, stamp
from daybreak.plan import estimates
from daybreak.plan.estimates import estimate_for
from daybreak.plan.framing import frame
from daybreak.plan.remarks import OF_BUCKET, OF_SIZE
from daybreak.plan.sequence import Sequence
from daybreak.plan.terms import Terms

STAYING = 3
"""The newest whole archives of a database that no retention removes, however old they are; the one that is made counts."""
MOST_REMOVED = 50
"""How many archives one run removes; the next one goes on."""
_SLOW, _FAST = 2_500_000, 50_000_000
"""Bytes of a database a second that are counted, dumped and stored."""
_PARTS = Estimate(
    low=timedelta(seconds=1), high=timedelta(hours=6), evidence="by its size, which nobody knows before it is dumped"
)
_FEW_FILES = Estimate(low=timedelta(seconds=1), high=timedelta(seconds=30), evidence="a few files")
_STORING = Estimate(low=timedelta(seconds=1), high=timedelta(minutes=1), evidence="a few requests")


def make_archive_plan(request: MakeArchiveRequest, target: Target, seen: Observation, terms: Terms) -> Plan | Refusal:
    """The plan that makes an archive of a clone, or every reason why there is none."""
    world = seen.archive or ArchiveWorld()
    clone, reasons = world.clone, tuple(_objections(request, world))
    if clone is None or reasons:
        return Refusal(
            what=f"archiving the clone of {printable(request.run)}",
            reasons=reasons or (f"nothing is known of the clone of {printable(request.run)}",),
            hints=tuple(_hints(request, world)),
        )
    run = clone_name(target.cluster, "archive", terms.created, request.suffix)
    sequence = Sequence(seen.identity.region, (target.cluster,), target.approval)
    cleared = _add_making(sequence, request, clone, terms)
    keeping = Keeping(request, target, world)
    past = keeping.past(terms.created)
    for number, old in enumerate(past[:MOST_REMOVED], start=1):
        order = keeping.removal(old, _key(request, clone, terms))
        why = f"it was to be kept until {stamp(order.until)}, and {len(order.newer)} newer of the database are there"
        sequence.add(f"remove-{number}", order, why, estimates.CALL, after=(cleared,), when_refused="forgo")
    steps = tuple(sequence.steps)
    return frame(
        target,
        seen,
        terms,
        run=RunId(run),
        request=request,
        source=target.cluster,
        clone=run,
        estimate=estimate_for(world.database.bytes if world.database else 0, _FAST, _SLOW),
        steps=steps,
        notes=tuple(_notes(request, clone, world, past)),
    )


def _add_making(sequence: Sequence, request: MakeArchiveRequest, clone: CloneToDump, terms: Terms) -> StepId:
    """The steps that dump, store and describe the archive, and clear what was needed for it; the id of the last."""
    key, until = _key(request, clone, terms), terms.created + request.keep if request.keep else None
    tags = {RUN_TAG: request.run} | ({KEEP_TAG: iso(until)} if until else {})
    dumped = sequence.add(
        "dump",
        DumpDatabase(
            cluster=clone.cluster,
            resource_id=clone.resource_id,
            database=clone.database,
            login=clone.login,
            most=request.most,
            limit=request.within,
        ),
        "into a file and not a pipe, so that its offsets are kept; the rows are counted in the same snapshot",
        Estimate(low=timedelta(seconds=1), high=request.within, evidence="pg_dump is ended then"),
    )
    stored = sequence.add(
        "store",
        StoreArchive(bucket=request.bucket, key=key, kms_key=request.key, tags=tags),
        "each part has its checksum; what is begun stands in the journal first, so that it is gone on with or given up",
        _PARTS,
        after=(dumped,),
    )
    described = sequence.add(
        "describe",
        StoreManifest(
            bucket=request.bucket,
            key=key,
            kms_key=request.key,
            tags=tags,
            run=request.run,
            stands_for=clone.stands_for,
            verdict=clone.verdict,
            keep_until=until,
        ),
        "the manifest comes last: an archive without one is one whose making was interrupted",
        _STORING,
        after=(stored,),
    )
    why = "the file is production's data, and belongs on no other disk for longer than it is needed"
    return sequence.add("clear", ClearDump(), why, _FEW_FILES, after=(described,))


@dataclass(frozen=True)
class Keeping:
    """What is kept of a target's archives, and what may go, by what was seen of them."""

    request: MakeArchiveRequest
    target: Target
    world: ArchiveWorld

    def past(self, now: Instant) -> tuple[ArchiveSeen, ...]:
        """Those that are past their time at ``now`` and have enough newer ones, the oldest first.

        Without a time in daybreak.toml there are none; one that has no time of its own is kept.
        """
        found = [each for each in self.world.kept if self._is_past(each, now) and len(self._newer(each)) + 1 >= STAYING]
        return tuple(sorted(found, key=_age))

    def removal(self, old: ArchiveSeen, made: str) -> RemoveArchive:
        """What removes one of them, once the one that is made under a key is there."""
        until = self._until(old)
        if until is None:
            raise Bug(f"{old.key} would be removed, which is kept")
        newer = (made, *(each.key for each in self._newer(old)))[:STAYING]
        return RemoveArchive(bucket=self.request.bucket, key=old.key, target=self.target.name, until=until, newer=newer)

    def _is_past(self, old: ArchiveSeen, now: Instant) -> bool:
        """Whether an archive that is what its manifest says, or of which the manifest alone is left, is past its time."""
        until = self._until(old)
        return until is not None and until <= now and (old.bytes is None or old.is_whole)

    def _until(self, old: ArchiveSeen) -> Instant | None:
        """Until when one is kept: as it was promised, or as the target keeps them today, whichever is later; ``None`` is for ever."""
        manifest, keep = old.manifest, self.request.keep
        if manifest is None or manifest.target != self.target.name or manifest.keep_until is None or keep is None:
            return None
        return max(manifest.keep_until, manifest.taken + keep)

    def _newer(self, old: ArchiveSeen) -> list[ArchiveSeen]:
        """The whole archives of the same database that are newer than one, the newest first."""
        found = [
            each
            for each in self.world.kept
            if each.is_whole and each.manifest and old.manifest and is_later(each.manifest, old.manifest)
        ]
        return sorted(found, key=_age, reverse=True)


def is_later(one: Manifest, old: Manifest) -> bool:
    """Whether an archive is of the same database of the same target as another, and was taken later."""
    return (one.target, one.database) == (old.target, old.database) and one.taken > old.taken


def _age(seen: ArchiveSeen) -> tuple[str, str]:
    return (iso(seen.manifest.taken) if seen.manifest else "", seen.key)


def _key(request: MakeArchiveRequest, clone: CloneToDump, terms: Terms) -> str:
    """A key that no other run has: of the restored run, the database, the second and what was drawn for this one."""
    database = re.sub(r"[^A-Za-z0-9_.-]", "_", clone.database)
    return f"{request.prefix}{request.run}/{database}-{terms.created:%Y%m%dT%H%M%SZ}-{request.suffix}.dump"


def _objections(request: MakeArchiveRequest, world: ArchiveWorld) -> Iterator[str]:
    """Why it cannot be made, each reason by itself."""
    yield from world.why_not
    if world.clone is not None and world.clone.standing is not Standing.FIT:
        yield from _objections_to_verdict(world.clone)
    if world.clone is not None and world.database_silence:
        yield f"the database {printable(world.clone.database)} was not heard: {world.database_silence}"
    if world.program_silence:
        yield world.program_silence
    elif world.clone is not None and world.program is not None and world.program < world.clone.major:
        yield (
            f"pg_dump {world.program} cannot read a server of PostgreSQL {world.clone.major}: write pg_dump = "
            f'"/path/to/pg_dump" of that version in daybreak.toml'
        )
    if world.room_silence:
        yield world.room_silence
    elif world.room is not None and world.room < request.most:
        yield (
            f"this machine has {humanize.naturalsize(max(0, world.room))} free where the file is written, and it may have "
            f"{humanize.naturalsize(request.most)}: make room there, or name another folder by scratch in daybreak.toml"
        )
    if world.bucket_silence:
        yield world.bucket_silence
    yield from (f'"s3://{request.bucket}/{printable(each, 400)}" is there already' for each in world.taken)


def _hints(request: MakeArchiveRequest, world: ArchiveWorld) -> Iterator[str]:
    run = shlex.quote(request.run)
    if world.clone is not None and world.clone.standing not in (None, Standing.FIT):
        waived = "".join(f" --waive {shlex.quote(f'{each}=WHY')}" for each in world.clone.reasons)
        yield f"daybreak exports make {shlex.quote(request.target)} --from {run}{waived}"
    if world.clone is not None:
        yield f"daybreak show {run}"
    else:
        yield "daybreak runs  # lists what was restored"


def _objections_to_verdict(clone: CloneToDump) -> Iterator[str]:
    if clone.standing is None:
        yield f"the clone was not judged, so nobody knows what an archive of it would be worth: daybreak resume {clone.run}"
        return
    why = comma_list([printable(each, 200) for each in clone.reasons])
    yield f"the clone is {clone.standing.value}, by {why}: waive what you do without, or restore another"


def _notes(
    request: MakeArchiveRequest, clone: CloneToDump, world: ArchiveWorld, past: tuple[ArchiveSeen, ...]
) -> Iterator[str]:
    """What a person should know before saying yes."""
    yield f"it holds what the clone {clone.cluster} has when it is dumped; judged: {clone.verdict}"
    if world.database is not None and world.database.bytes > request.most:
        yield (
            f"{OF_SIZE}{humanize.naturalsize(world.database.bytes)}, and the file ends at "
            f"{humanize.naturalsize(request.most)}: an archive is compressed, and may fit or not"
        )
    yield f"whoever can read s3://{request.bucket} can read the rows"
    if request.keep is None:
        yield f'nobody said how long archives are kept (keep = "7y" in [targets.{request.target}.exports]), so none is removed'
        return
    yield (
        f"it is kept for {span_in_words(request.keep)}; the {STAYING} newest whole archives of a database stay in any case, and so does "
        f"everything without a manifest of {request.target}"
    )
    if len(past) > MOST_REMOVED:
        yield f"{OF_BUCKET}{len(past)} archives are past their time, and one run removes {MOST_REMOVED} at most: the next goes on"
    yield from (f"{OF_BUCKET}{each}" for each in world.unread)


def steps_to_give_up(place: ExportPlace, run: str, seen: Observation) -> tuple[Step, ...]:
    """What removes whatever a run left that did not come to an archive: an archive that is whole stays."""
    sequence = Sequence(seen.identity.region, ())
    end = EndUpload(bucket=place.bucket, key=place.prefix)
    ended = sequence.add("end-upload", end, "parts that become no archive are paid for and listed nowhere", _STORING)
    why = "it holds what was dumped, and nothing else is the run's own"
    sequence.add("clear", ClearDump(run=run), why, _FEW_FILES, after=(ended,))
    return tuple(sequence.steps)


def archive_of(plan: Plan) -> ExportPlace | None:
    """Where a plan stores an archive; ``None`` for one that stores none."""
    orders = (step.action for step in plan.steps if isinstance(step.action, StoreArchive))
    return next((each.place for each in orders), None)

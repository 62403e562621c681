"""An archive of a clone, made for one run: dumped into the run's folder of this machine, stored in parts, described, and what is past its time.

The law: what is on this machine is believed by its receipt, and made again where that is missing; what is in the bucket is asked, never
guessed. No object is touched but those that the plan names by their keys.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daybreak.aws.objects import Objects
from daybreak.aws.uploads import PartsSent, Upload, Uploading, put_new
from daybreak.errors import Bug, Refused
from daybreak.execute.beside import CalledOff, News, Staged
from daybreak.files import hold_to_ours
from daybreak.model.actions import (
    BucketOrder,
    ClearDump,
    DumpDatabase,
    EndUpload,
    RemoveArchive,
    StoreArchive,
    StoreManifest,
)
from daybreak.model.archives import (
    ArchiveRemoved,
    ArchiveSeen,
    ArchiveStored,
    DumpCleared,
    Dumped,
    ManifestStored,
    UploadEnded,
)
from daybreak.model.attempts import StepStaged
from daybreak.model.manifests import SUFFIX, Manifest, ManifestTable
from daybreak.model.plan import Plan
from daybreak.model.things import Thing
from daybreak.model.value import Value
from daybreak.observe.archives import look_at_archive
from daybreak.plan.touching import archive_named, things_touched
from daybreak.postgres.address import ServerPlace
from daybreak.postgres.archiving import DumpOrder, make_archive
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.dumping import PROGRAM
from daybreak.postgres.leash import Leash
from daybreak.postgres.reach import Reach

RESERVE = 1 << 30
"""Bytes of the disk that an archive leaves free."""
_HOW = "by scratch in daybreak.toml"


class _Receipt(Value):
    """What lies beside a dump that is whole: of which order it is, and what is in it."""

    order: str
    dumped: Dumped


@dataclass(frozen=True)
class ArchiveMaker:
    """What is done for the archive of one run."""

    folder: Path
    """The run's own; nothing else is in it."""
    plan: Plan
    client: Callable[[], Any]
    """Makes a client of S3 that stores."""
    objects: Callable[[str], Objects]
    """Opens a bucket that is only read."""
    reach: Callable[[DumpDatabase, ServerPlace, Leash], Reach]
    """Leads to the clone's database."""
    program: Callable[[], ClientProgram]
    """Finds ``pg_dump``."""
    part_size: int | None = None
    """Bytes of a part; ``None`` is the usual size."""

    def is_dumped(self, action: DumpDatabase) -> bool:
        """Whether the file is here, whole."""
        return self._receipt(action) is not None

    def dump(
        self, action: DumpDatabase, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash
    ) -> Dumped:
        """Write the file and count its rows, unless it is here; a file without a receipt is written anew."""
        if (found := self._receipt(action)) is not None:
            return found
        if cluster is None:
            raise Bug("a clone would be dumped that nobody looked at")
        self._make_folder()
        for left in (self._receipt_file, self._file):
            left.unlink(missing_ok=True)
        room = shutil.disk_usage(self.folder).free - RESERVE
        if room <= 0:
            raise Refused(f'the disk of "{self.folder}" is full', f"make room there, or name another folder {_HOW}")
        program = self.program()
        order = DumpOrder(program, self._file, min(action.most, room), action.limit)
        made = make_archive(self.reach(action, cluster, leash), order, leash, hand_over)
        dumped = Dumped(
            server=made.server_version,
            program=f"{PROGRAM} {program.version}",
            taken=made.taken,
            tables=tuple(
                ManifestTable(schema_name=each.schema, name=each.table, rows=each.rows) for each in made.tables
            ),
            bytes=made.size,
        )
        _sync(self._file)
        part = self._receipt_file.with_suffix(".part")
        part.write_text(_Receipt(order=action.digest(), dumped=dumped).model_dump_json())
        _sync(part)
        part.replace(self._receipt_file)
        _sync(self.folder)
        return dumped

    def look_for_archive(self, action: StoreArchive, known: StepStaged) -> ArchiveStored | None:
        """What an earlier process was about to complete, where the bucket shows that it did; nothing begun is left beside it then."""
        self._hold(action)
        uploading = self._upload_of(action)
        if known.stored is None or not uploading.is_there(known.stored.checksum, known.stored.bytes):
            return None
        uploading.end_all()
        return known.stored

    def store(
        self,
        action: StoreArchive,
        dumped: Dumped,
        known: StepStaged | None,
        hand_over: Callable[[News], None],
        leash: Leash,
    ) -> ArchiveStored:
        """Store the file in parts, going on with what an earlier process began; it hands over ``Staged`` before the first part,
        and before the object is made of them.
        """
        self._hold(action)
        uploading = self._upload_of(action)
        begun = uploading.under_way()
        upload = known.upload if known and known.upload in begun else None
        for each in begun:
            if each != upload:
                uploading.end(each)
        if upload is None:
            if known and known.stored and uploading.is_there(known.stored.checksum, known.stored.bytes):
                return known.stored  # what was on its way when it was last looked at has arrived
            if uploading.is_taken():
                raise uploading.refusal()
            upload = uploading.begin()
            Staged(None, upload=upload).await_record(hand_over, leash)

        def heed() -> None:
            if leash.is_called_off.is_set():
                raise CalledOff

        sent = uploading.send(upload, self._file, hand_over, heed)
        stored = _archive_of(sent, dumped)
        Staged(None, upload=upload, stored=stored).await_record(hand_over, leash)
        uploading.complete(upload, sent)
        return stored

    def describe(self, action: StoreManifest, stored: ArchiveStored) -> ManifestStored:
        """Store the manifest, where the archive that it speaks of is there. Raises ``Refused`` where another is, or none."""
        self._hold(action)
        uploading = self._upload_of(action)
        if not uploading.is_there(stored.checksum, stored.bytes):
            raise Refused(f'"{action.place.address}" is not there any more as it was stored', "make another archive")
        manifest = manifest_of(self.plan, action, stored)
        order = self._order_of(action, f"{action.key}{SUFFIX}")
        put_new(self.client(), order, manifest.model_dump_json(indent=1).encode())
        return ManifestStored(address=action.place.address, manifest=manifest)

    def remove(self, action: RemoveArchive) -> ArchiveRemoved:
        """Remove the archive, and its manifest after it: so the manifest speaks of it for as long as it is there."""
        self._hold(action)
        was_there = self._upload_of(action).is_taken()
        self._upload_of(action).remove()
        Uploading(self.client(), self._order_of(action, f"{action.key}{SUFFIX}")).remove()
        return ArchiveRemoved(was_there=was_there)

    def end(self, action: EndUpload) -> UploadEnded:
        """Give up whatever was begun of the archive and not completed."""
        self._hold(action)
        return UploadEnded(uploads=self._upload_of(action).end_all())

    def clear(self, action: ClearDump) -> DumpCleared:
        """Remove the run's folder."""
        folder = self.folder.with_name(action.run) if action.run else self.folder
        if folder.exists():
            shutil.rmtree(folder)
        return DumpCleared()

    def see(self, thing: Thing) -> ArchiveSeen:
        """An archive as its bucket shows it now; raises ``DaybreakError`` where that cannot be asked."""
        bucket, _, key = thing.name.partition("/")
        return look_at_archive(self.objects(bucket), key)

    def _hold(self, action: BucketOrder) -> None:
        """Raise ``Bug`` for an object that the run's plan does not touch."""
        touched = archive_named(action.bucket, action.key, action.region or self.plan.identity.region)
        if touched not in things_touched(self.plan):
            raise Bug(f"{touched.words()} would be changed, which this run was not planned for")

    def _upload_of(self, action: BucketOrder) -> Uploading:
        return Uploading(self.client(), self._order_of(action, action.key))

    def _order_of(self, action: BucketOrder, key: str) -> Upload:
        tags = action.tags if isinstance(action, StoreArchive | StoreManifest) else {}
        kms_key = action.kms_key if isinstance(action, StoreArchive | StoreManifest) else None
        size = {} if self.part_size is None else {"part_size": self.part_size}
        return Upload(action.bucket, key, tags, kms_key, **size)

    def _make_folder(self) -> None:
        """Make the run's folder, private; raises ``Refused`` where somebody else made the one above, as in one that all may write in."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        hold_to_ours(self.folder.parent, _HOW)
        self.folder.mkdir(exist_ok=True, mode=0o700)
        hold_to_ours(self.folder, _HOW)

    def _receipt(self, action: DumpDatabase) -> Dumped | None:
        """What is in the file, where it is whole and of this very order."""
        with suppress(OSError, ValidationError):
            receipt = _Receipt.model_validate_json(self._receipt_file.read_text())
            if receipt.order == action.digest() and self._file.stat().st_size == receipt.dumped.bytes:
                return receipt.dumped
        return None

    @property
    def _file(self) -> Path:
        return self.folder / "archive.dump"

    @property
    def _receipt_file(self) -> Path:
        return self.folder / "dumped"


def manifest_of(plan: Plan, action: StoreManifest, stored: ArchiveStored) -> Manifest:
    """The manifest of an archive, by what its run recorded of it: the same record gives the same bytes."""
    dump = next((step.action for step in plan.steps if isinstance(step.action, DumpDatabase)), None)
    if dump is None:
        raise Bug(f"{plan.run} describes an archive that it does not make")
    return Manifest(
        archive=action.key.rpartition("/")[2],
        bytes=stored.bytes,
        sha256=stored.sha256,
        target=plan.target.name,
        run=action.run,
        cluster=dump.cluster,
        database=dump.database,
        stands_for=action.stands_for,
        verdict=action.verdict,
        taken=stored.dumped.taken,
        server=stored.dumped.server,
        program=stored.dumped.program,
        tables=stored.dumped.tables,
        keep_until=action.keep_until,
    )


def _archive_of(sent: PartsSent, dumped: Dumped) -> ArchiveStored:
    return ArchiveStored(
        bytes=sent.size,
        sha256=sent.sha256,
        checksum=sent.checksum,
        parts=len(sent.parts),
        dumped=dumped,
        of_before=sent.of_before,
    )


def _sync(path: Path) -> None:
    """Have a file or a folder on the disk: what a receipt speaks of must outlive a loss of power."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

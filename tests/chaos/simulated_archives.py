"""The bucket of archives of the simulated account, and the disk of the machine that makes one: both outlive a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daybreak.errors import Refused
from daybreak.execute.archiving import manifest_of
from daybreak.execute.beside import News, Staged
from daybreak.model.actions import ClearDump, DumpDatabase, EndUpload, RemoveArchive, StoreArchive, StoreManifest
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
from daybreak.model.manifests import Manifest, ManifestTable
from daybreak.model.plan import Plan
from daybreak.model.things import Thing
from daybreak.postgres.address import ServerPlace
from daybreak.postgres.leash import Leash
from tests.chaos.simulated_parts import Clock

PARTS = 3


@dataclass
class SimulatedArchives:
    """What lies in the bucket and on the disk."""

    objects: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The size and the checksum of each archive, by its key."""
    manifests: dict[str, Manifest] = field(default_factory=dict)
    uploads: dict[str, tuple[str, int]] = field(default_factory=dict)
    """What was begun and not completed: its key, and how many parts it has."""
    disk: dict[str, Dumped] = field(default_factory=dict)
    """The files of this machine, by their run."""
    begun: int = 0

    @property
    def standing(self) -> tuple[object, ...]:
        """What a run left, in a form that two runs can be compared by."""
        return sorted(self.objects), sorted(self.manifests), dict(self.uploads), sorted(self.disk)


@dataclass(frozen=True)
class SimulatedMaker:
    """Makes an archive in virtual time."""

    plan: Plan
    shelf: SimulatedArchives
    clock: Clock
    note_effect: Callable[[str, str], Any]

    def is_dumped(self, _action: DumpDatabase) -> bool:
        return self.plan.run in self.shelf.disk

    def dump(
        self, action: DumpDatabase, cluster: ServerPlace | None, hand_over: Callable[[News], None], _leash: Leash
    ) -> Dumped:
        if self.plan.run not in self.shelf.disk:
            assert cluster is not None, "a clone is dumped that nobody looked at"
            hand_over("1 MB are written")
            tables = (ManifestTable(schema_name="shop", name="orders", rows=3),)
            self.shelf.disk[self.plan.run] = Dumped(
                server="16.6", program="pg_dump 16.6", taken=self.clock.now(), tables=tables, bytes=7
            )
        return self.shelf.disk[self.plan.run]

    def look_for_archive(self, action: StoreArchive, known: StepStaged) -> ArchiveStored | None:
        stored = known.stored
        if stored is None or self.shelf.objects.get(action.key) != (stored.bytes, stored.checksum):
            return None
        self._end(action.key)
        return stored

    def store(
        self,
        action: StoreArchive,
        dumped: Dumped,
        known: StepStaged | None,
        hand_over: Callable[[News], None],
        leash: Leash,
    ) -> ArchiveStored:
        upload = known.upload if known and known.upload in self.shelf.uploads else None
        self._end(action.key, but=upload)
        if upload is None:
            if action.key in self.shelf.objects:
                raise Refused(f'"{action.place.address}" is there already')
            self.shelf.begun += 1
            upload = f"upload-{self.shelf.begun}"
            self.shelf.uploads[upload] = (action.key, 0)
            Staged(None, upload=upload).await_record(hand_over, leash)
        before = self.shelf.uploads[upload][1]
        for number in range(before, PARTS):
            self.shelf.uploads[upload] = (action.key, number + 1)
        stored = ArchiveStored(bytes=7, sha256="0" * 64, checksum="sum", parts=PARTS, dumped=dumped, of_before=before)
        Staged(None, upload=upload, stored=stored).await_record(hand_over, leash)
        assert self.shelf.uploads.pop(upload) == (action.key, PARTS)
        assert action.key not in self.shelf.objects, "an object was replaced"
        self.shelf.objects[action.key] = (7, "sum")
        self.note_effect("CompleteMultipartUpload", action.key)
        return stored

    def describe(self, action: StoreManifest, stored: ArchiveStored) -> ManifestStored:
        assert self.shelf.objects[action.key] == (stored.bytes, stored.checksum)
        manifest = manifest_of(self.plan, action, stored)
        if action.key not in self.shelf.manifests:
            self.shelf.manifests[action.key] = manifest
            self.note_effect("PutObject", action.key)
        assert self.shelf.manifests[action.key] == manifest, "a manifest was written otherwise"
        return ManifestStored(address=action.place.address, manifest=manifest)

    def remove(self, action: RemoveArchive) -> ArchiveRemoved:
        was_there = self.shelf.objects.pop(action.key, None) is not None
        if was_there:
            self.note_effect("DeleteObject", action.key)
        self.shelf.manifests.pop(action.key, None)
        return ArchiveRemoved(was_there=was_there)

    def end(self, action: EndUpload) -> UploadEnded:
        return UploadEnded(uploads=self._end(action.key))

    def clear(self, action: ClearDump) -> DumpCleared:
        self.shelf.disk.pop(action.run or self.plan.run, None)
        return DumpCleared()

    def see(self, thing: Thing) -> ArchiveSeen:
        key = thing.name.partition("/")[2]
        size = self.shelf.objects[key][0] if key in self.shelf.objects else None
        return ArchiveSeen(key=key, bytes=size, manifest=self.shelf.manifests.get(key))

    def _end(self, key: str, but: str | None = None) -> int:
        ended = [each for each, (of, _) in self.shelf.uploads.items() if of == key and each != but]
        for each in ended:
            del self.shelf.uploads[each]
        return len(ended)

"""Archiving: a custom archive of pg_dump, made of the clone of a run, stored with a manifest beside it.

The law: production is never read for it. Each archive has a name of its own, and nothing in the bucket is overwritten or deleted.
The manifest is stored last, so an archive without one is an archive whose making was interrupted.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from daybreak.app.app import App
from daybreak.app.planning import new_suffix
from daybreak.app.validating import Case, Inquiry, case_of
from daybreak.assess.ending import moment_reached
from daybreak.aws.uploads import MOST_BYTES, Upload, Uploaded, upload
from daybreak.errors import Refused, Unreachable
from daybreak.execute.database import login_at
from daybreak.model.exports import ExportMaking, ExportPlace
from daybreak.model.manifests import SUFFIX, Manifest, ManifestTable
from daybreak.model.moment import NOTHING_SURE, span_in_words
from daybreak.model.plan import Plan
from daybreak.model.requests import RestoreRequest
from daybreak.model.run import RunState
from daybreak.model.tags import EXPIRES_TAG, OURS, PRODUCTION, RUN_TAG
from daybreak.model.value import iso
from daybreak.plan.calls import owner_of
from daybreak.postgres.address import address_of
from daybreak.postgres.archiving import ArchiveMade, ArchiveOrder, make_archive
from daybreak.postgres.bounds import OF_A_CLONE
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.dumping import PROGRAM, find_program
from daybreak.postgres.leash import Leash
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach

KEEP_TAG = f"{OURS}keep-until"
"""The tag of an archive that says until when it is to be kept."""
_LEFT_FREE = 1 << 30
"""Bytes of the folder's disk that an archive leaves free."""
_FOLDERS = "daybreak-archive-"
WITHIN = timedelta(hours=6)
"""How long the program may take, unless somebody says otherwise."""


@dataclass(frozen=True)
class ArchiveWish:
    """What a person asks of an archive."""

    target: str
    run: str
    database: str | None = None
    folder: Path | None = None
    """Where the file is written before it is stored; ``None`` is the system's folder for what passes."""
    within: timedelta = WITHIN


@dataclass(frozen=True)
class ArchiveWork:
    """An archive that can be made, as a person says yes to it."""

    wish: ArchiveWish
    case: Case
    plan: Plan
    state: RunState
    database: str
    program: ClientProgram
    place: ExportPlace
    making: ExportMaking
    most: int

    @property
    def region(self) -> str:
        """Where the clone is, from which the bucket is asked."""
        return self.case.identity.region

    @property
    def standing(self) -> str:
        """What was judged of the clone."""
        return self.state.verdict.standing.value if self.state.verdict else "not judged"

    def lines(self) -> tuple[tuple[str, str], ...]:
        """What a person should know before saying yes: each with its name."""
        clone, place = self.case.scene.clone, self.place.address
        keep = f"for {span_in_words(self.making.keep)}, as its manifest and tags will say" if self.making.keep else ""
        under = f", under the key {self.making.key}" if self.making.key else ""
        return (
            ("archive", f'of the database "{self.database}" of {clone.identifier}; judged: {self.standing}'),
            ("stored", f"below {place}{self.wish.run}/{under}; nothing is overwritten"),
            ("kept", f"{keep or 'as long as somebody keeps it'}; Daybreak deletes none"),
            (
                "with",
                f"{PROGRAM} {self.program.version}, {self.most / 1e9:,.1f} GB at most, for {span_in_words(self.wish.within)} at most",
            ),
            ("readable", f"whoever can read s3://{self.place.bucket} can read the rows"),
        )


@dataclass(frozen=True)
class ArchiveStored:
    """An archive and its manifest, as they are in the bucket."""

    address: str
    manifest: Manifest


def prepare_archive(app: App, wish: ArchiveWish) -> ArchiveWork:
    """Everything that the archive needs, seen to be there; raises ``Refused`` with what is missing."""
    target = app.target(wish.target)
    place = app.settings.exports.get(target.name)
    if place is None:
        raise Refused(
            f'nobody said into which bucket the exports of "{target.name}" go',
            f'write bucket = "BUCKET" in [targets.{target.name}.exports]',
        )
    plan = app.store.plan(wish.run)
    if not isinstance(plan.request, RestoreRequest) or plan.target.name != target.name:
        what = f"is a {plan.kind}" if plan.target.name == target.name else f'is of the target "{plan.target.name}"'
        raise Refused(f'"{wish.run}" {what}, and no restore of "{target.name}"', "daybreak runs")
    case = case_of(app, Inquiry(name=wish.run, databases=(wish.database,) if wish.database else ()))
    state = app.store.chain(wish.run).state()
    clone = case.scene.clone
    if not owner_of(plan, state.nonce).owns(clone.tags):
        raise Refused(f'the cluster "{clone.identifier}" is not the clone of "{wish.run}"', f"daybreak show {wish.run}")
    if clone.tags.get(EXPIRES_TAG, "").startswith(PRODUCTION) or clone.identifier == target.cluster:
        why = "traffic was moved to it: it is production, and that is never read for an archive"
        raise Refused(
            f'"{clone.identifier}": {why}', f"daybreak restore pitr {target.name} --to latest  # makes a clone"
        )
    database = wish.database or case.action.database or clone.database
    if not database or case.action.login is None:
        missing = "login" if database else "database"
        raise Refused(f'no {missing} is configured for "{target.name}"', "write it in daybreak.toml")
    folder = wish.folder or Path(tempfile.gettempdir())
    if not folder.is_dir():
        raise Refused(f'there is no folder "{folder}"', "name one with --folder")
    most = min(shutil.disk_usage(folder).free - _LEFT_FREE, MOST_BYTES)
    if most <= 0:
        raise Refused(f'the disk of "{folder}" is full', "name a folder on another one with --folder")
    making = app.settings.making.get(target.name, ExportMaking())
    program = find_program(app.settings.pg_dump)
    return ArchiveWork(wish, case, plan, state, database, program, place, making, most)


def store_archive(app: App, work: ArchiveWork, progress: Callable[[str], None]) -> ArchiveStored:
    """Make the archive, store it, and store its manifest; raises as ``make_archive`` and ``upload`` do."""
    case, aws = work.case, app.aws(work.region)
    clone, reference = case.scene.clone, case.scene.login or case.action.login or ""
    address = address_of(clone, work.database, case.trust)
    reach = Reach(address, login_at(reference, aws, app.environ, address), Meter(OF_A_CLONE))
    client = app.store_of_exports(work.region)
    with _folder_for(work.wish.folder) as folder:
        order = ArchiveOrder(work.program, folder / "archive.dump", work.most, work.wish.within)
        made = make_archive(reach, order, Leash(), progress)
        now = app.now()
        name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', work.database)}-{now:%Y%m%dT%H%M%SZ}-{new_suffix()}.dump"
        key = f"{work.place.prefix}{work.wish.run}/{name}"
        until = now + work.making.keep if work.making.keep else None
        tags = {RUN_TAG: work.wish.run} | ({KEEP_TAG: iso(until)} if until else {})
        stored = upload(client, Upload(work.place.bucket, key, order.file, tags, work.making.key), progress)
        manifest = _manifest(work, made, stored, name, until)
        file = folder / "manifest.json"
        file.write_text(manifest.model_dump_json(indent=1))
        upload(client, Upload(work.place.bucket, f"{key}{SUFFIX}", file, tags, work.making.key))
    return ArchiveStored(f"s3://{work.place.bucket}/{key}", manifest)


def _manifest(work: ArchiveWork, made: ArchiveMade, stored: Uploaded, name: str, until: datetime | None) -> Manifest:
    moment = moment_reached(work.plan)
    return Manifest(
        archive=name,
        bytes=stored.size,
        sha256=stored.sha256,
        target=work.plan.target.name,
        run=work.wish.run,
        cluster=work.case.scene.clone.identifier,
        database=work.database,
        stands_for=None if moment == NOTHING_SURE else moment,
        verdict=work.standing,
        taken=made.taken,
        server=made.server_version,
        program=f"{PROGRAM} {work.program.version}",
        tables=tuple(ManifestTable(schema_name=each.schema, name=each.table, rows=each.rows) for each in made.tables),
        keep_until=until,
    )


@contextmanager
def _folder_for(parent: Path | None) -> Iterator[Path]:
    """A private folder that is gone afterwards; what a process left that was killed goes with the next one."""
    within = parent or Path(tempfile.gettempdir())
    for left in within.glob(f"{_FOLDERS}*"):
        _remove_left(left)
    with tempfile.TemporaryDirectory(prefix=_FOLDERS, dir=within) as name, (Path(name) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not Path(name).is_dir():
            raise Unreachable("another process removed the folder before it was ours", "repeat the command")
        yield Path(name)


def _remove_left(folder: Path) -> None:
    """Remove a folder of ours that no process holds."""
    try:
        with (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # somebody is at it, or it is another's
        return

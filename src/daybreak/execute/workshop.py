"""The workshop of one run: the folder of this machine in which an export is fetched, loaded into a scratch database, and judged.

The law: what a step left there is believed by its receipt, which is written last. Where a receipt is missing, on another machine or
after a crash, the step is done again before the next one begins: nothing of that is seen outside.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from daybreak.archive.beyond import sort_out
from daybreak.archive.contents import ArchiveEntry, Contents, read_contents
from daybreak.archive.script_rows import count_script_rows
from daybreak.archive.statements import cut
from daybreak.archive.tape import content_of, members
from daybreak.aws.objects import Objects
from daybreak.errors import Bug
from daybreak.execute.beside import News
from daybreak.execute.fetching import fetch
from daybreak.execute.tools import Toolbox, find_toolbox
from daybreak.files import hold_to_ours
from daybreak.judge.exports import findings_on
from daybreak.model.actions import ClearScratch, ExportOrder, FetchExport, JudgeScratch, LoadScratch
from daybreak.model.exports import place_at
from daybreak.model.plan import Plan
from daybreak.model.receiver import ExportFetched, ScratchAnswers, ScratchCleared, ScratchJudged, ScratchLoaded
from daybreak.postgres.accounts import account
from daybreak.postgres.archive_rows import count_archived_rows
from daybreak.postgres.leash import Leash
from daybreak.postgres.loading import load_script
from daybreak.postgres.own_server import OwnServer, ServerLimits
from daybreak.postgres.restoring import RestoreBounds, read_abilities, require_new_enough, restore_archive
from daybreak.postgres.scratch_place import ScratchPlace, make_scratch, scratch_name
from daybreak.postgres.scratch_rows import ScratchRows, ask_scratch
from daybreak.postgres.session import Limits
from daybreak.postgres.unpacking import read_unpacked

Order = TypeVar("Order", bound=ExportOrder)

_LOADED = "loaded"
_HOW = "by scratch in daybreak.toml"
_LONGEST_LEFT = 200
"""Signs of a statement that was left out."""


@dataclass(frozen=True)
class Workshop:
    """What is done with an export on this machine, for one run."""

    folder: Path
    """The run's own; nothing else is in it."""
    plan: Plan
    objects: Callable[[str], Objects]
    """Opens a bucket."""
    programs: str | None = None
    """The folder of PostgreSQL's programs; ``None`` looks for one."""

    def fetch(self, action: FetchExport, hand_over: Callable[[News], None], leash: Leash) -> ExportFetched:
        """Read what is wanted of the export into a file of this machine."""
        self._make_folder()
        self._close_archive()
        fetched = fetch(self.objects(place_at(action.export).bucket), action.picking, self._archive, hand_over, leash)
        return ExportFetched(bytes=fetched.bytes, of_before=fetched.of_before)

    def load(self, action: LoadScratch, hand_over: Callable[[News], None], leash: Leash) -> ScratchLoaded:
        """Load that into the scratch database, which is made anew: what an earlier process left half done is not believed."""
        path = self._fetch_rest(hand_over, leash)
        tools = self._tools(action)
        self._receipt.unlink(missing_ok=True)
        with self._server(action, tools) as server:
            self._place(server).remove()
            place = self._place(server)
            left_out = self._restore(action, place, path, hand_over, leash)
        self._write_receipt(action)
        return ScratchLoaded(
            server_version=tools.server.version,
            program=tools.restore.version,
            left_out=left_out,
        )

    def _restore(
        self, action: LoadScratch, place: ScratchPlace, path: Path, hand_over: Callable[[News], None], leash: Leash
    ) -> tuple[str, ...]:
        """Restore what was fetched; what of it the throw-away role may not make, each with the reason."""
        tools, abilities = self._tools(action), read_abilities(place)
        if action.picking.form == "sql":
            loaded = load_script(
                place, tools.psql_or_refuse, path, abilities, RestoreBounds(action.limit), most=action.most,
                is_old_client_allowed=action.is_old_client_allowed, leash=leash, hand_over=hand_over,
            )  # fmt: skip
            return tuple(f"{each.text[:_LONGEST_LEFT]}: {each.why}" for each in loaded.left_out)
        contents = self._contents(action)
        require_new_enough(tools.restore, contents.header)
        kept, beyond = sort_out(_entries(action, contents), abilities)
        restore_archive(
            place, tools.restore, path, kept, RestoreBounds(action.limit, jobs=self._jobs(action)),
            leash=leash, hand_over=hand_over,
        )  # fmt: skip
        return tuple(f"{each.entry.label}: {each.why}" for each in beyond)

    def judge(self, action: JudgeScratch, hand_over: Callable[[News], None], leash: Leash) -> ScratchJudged:
        """Hold what is there against the archive; it hands over each finding."""
        loading = self._order(LoadScratch)
        self._load_rest(hand_over, leash)
        with self._server(loading, self._tools(loading)) as server:
            place = self._place(server)
            answers = self._ask(loading, place, hand_over, leash)
            for finding in findings_on(answers):
                hand_over(finding)
            rows = ScratchRows(place.reach, _limits(loading))
            return ScratchJudged(
                rows={".".join(each.table): rows.count(each.table, action.where) for each in action.tables}
            )

    def _ask(
        self, action: LoadScratch, place: ScratchPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> ScratchAnswers:
        """What the archive and the scratch database say of each other."""
        path = self._path(action)
        entries: tuple[ArchiveEntry, ...] = ()
        archived: Mapping[tuple[str, str], int | None]
        hand_over("counting the rows in the archive")
        if action.picking.form == "sql":
            counted, is_whole = count_script_rows(cut(read_unpacked(path, action.most), path.name))
            archived = counted if is_whole else dict.fromkeys(counted)
        else:
            entries, _ = sort_out(_entries(action, self._contents(action)), read_abilities(place))
            archived = count_archived_rows(self._tools(action).restore, path, entries, action.limit, leash)
        hand_over("looking at the scratch database")
        return ask_scratch(place.reach, entries, archived, _limits(action))

    @contextmanager
    def source(self, hand_over: Callable[[News], None], leash: Leash) -> Iterator[ScratchRows]:
        """The scratch database's rows, for the length of a ``with`` block."""
        loading = self._order(LoadScratch)
        self._load_rest(hand_over, leash)
        with self._server(loading, self._tools(loading)) as server:
            yield ScratchRows(self._place(server).reach, _limits(loading))

    def clear(self, action: ClearScratch, leash: Leash) -> ScratchCleared:
        """End the throw-away server, and remove the run's folder."""
        clear_workshop(self.folder.with_name(action.run) if action.run else self.folder)
        return ScratchCleared()

    def _make_folder(self) -> None:
        """Make the run's folder, private; where another account runs the programs, its group may pass through and see nothing.

        Raises ``Refused`` where somebody else made the folder above, as anybody can do in one that all may write in.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        hold_to_ours(self.folder.parent, _HOW)
        self.folder.mkdir(exist_ok=True, mode=0o700)
        hold_to_ours(self.folder, _HOW)
        account().let_pass(self.folder)

    def _close_archive(self) -> None:
        """Take back what was lent of it to the account that runs the programs: a process that was killed left it open."""
        if self._archive.is_dir() and not self._archive.is_symlink():
            self._archive.chmod(0o700)

    @property
    def _archive(self) -> Path:
        return self.folder / "export"

    @property
    def _receipt(self) -> Path:
        return self.folder / _LOADED

    def _fetch_rest(self, hand_over: Callable[[News], None], leash: Leash) -> Path:
        """What pg_restore reads; what is missing of it is fetched."""
        action = self._order(FetchExport)
        self._close_archive()
        return fetch(self.objects(place_at(action.export).bucket), action.picking, self._archive, hand_over, leash).path

    def _path(self, action: LoadScratch) -> Path:
        return self._archive if action.picking.form == "directory" else self._archive / action.picking.pieces[0].name

    def _load_rest(self, hand_over: Callable[[News], None], leash: Leash) -> None:
        """See to it that the scratch database is loaded, and what it was loaded from is there."""
        action = self._order(LoadScratch)
        self._fetch_rest(hand_over, leash)
        if not (self._receipt.exists() and self._receipt.read_text() == self._mark(action)):
            hand_over("what was loaded is not on this machine: it is loaded again")
            self.load(action, hand_over, leash)

    def _mark(self, action: LoadScratch) -> str:
        """What the receipt of a load says: of what, and since when the machine runs, since a crash of it may take what was written."""
        return f"{action.digest()} {_boot()}"

    def _write_receipt(self, action: LoadScratch) -> None:
        part = self._receipt.with_suffix(".part")
        part.write_text(self._mark(action))
        part.replace(self._receipt)

    def _order(self, kind: type[Order]) -> Order:
        for step in self.plan.steps:
            if isinstance(step.action, kind):
                return step.action
        message = f"{self.plan.run} has no step of the kind {kind.__name__}"
        raise Bug(message)

    def _tools(self, action: LoadScratch) -> Toolbox:
        return find_toolbox(action.major, self.programs)

    def _jobs(self, action: LoadScratch) -> int:
        return 1 if action.picking.form == "tar" else max(1, min(action.jobs, os.cpu_count() or 1))

    def _contents(self, action: LoadScratch) -> Contents:
        path, form = self._path(action), action.picking.form
        with open_source(path / "toc.dat" if form == "directory" else path) as source:
            if form == "custom":
                return read_contents(source, "custom")
            first = next(members(source, 1)) if form == "tar" else None
            return read_contents(content_of(source, first) if first else source, "files")

    @contextmanager
    def _server(self, action: LoadScratch, tools: Toolbox) -> Iterator[OwnServer]:
        with OwnServer.open(self.folder / "server", tools.server, ServerLimits(disk=action.most)) as server:
            yield server

    def _place(self, server: OwnServer) -> ScratchPlace:
        nonce = hashlib.sha256(self.plan.run.encode()).hexdigest()[:16]
        return make_scratch(server.reach(), scratch_name(nonce))


@dataclass(frozen=True)
class _FileSource:
    """A file of this machine as bytes."""

    file: BinaryIO
    name: str
    size: int

    def read(self, start: int, length: int) -> bytes:
        """The bytes of a range."""
        self.file.seek(start)
        return self.file.read(length)


@contextmanager
def open_source(path: Path) -> Iterator[_FileSource]:
    """A file of this machine as bytes, for the length of a ``with`` block."""
    with path.open("rb") as file:
        yield _FileSource(file, path.name, os.fstat(file.fileno()).st_size)


def clear_workshop(folder: Path) -> None:
    """Remove a run's folder with all that is in it; does nothing where there is none."""
    if not folder.exists():
        return
    OwnServer.remove(folder / "server")
    shutil.rmtree(folder)


def _entries(action: LoadScratch, contents: Contents) -> tuple[ArchiveEntry, ...]:
    taken = set(action.picking.take)
    return tuple(each for each in contents.entries if each.id in taken)


def _limits(action: LoadScratch) -> Limits:
    return Limits(statement=action.limit, whole=action.limit)


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""

"""The workshop of one run: the folder of this machine in which an export is fetched, and the scratch database that it is loaded into.

Scratch stands on a throw-away server in that folder, or at a cluster that the plan names.
The law: what a step left there is believed by its receipt, which is written last. Where a receipt is missing, on another machine or
after a crash, the step is done again before the next one begins: nothing of that is seen outside. A load notes how far it is,
and goes on from there where the database itself can say what it has.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

from daybreak.archive.beyond import sort_out
from daybreak.archive.contents import ArchiveEntry, Contents, read_contents
from daybreak.archive.owning import belongings_of
from daybreak.archive.script_rows import count_script_rows
from daybreak.archive.statements import cut
from daybreak.archive.tape import CONTENTS_FILE, content_of, members
from daybreak.aws.objects import Objects
from daybreak.errors import Bug, Failed, Refused
from daybreak.execute.beside import News, Staged
from daybreak.execute.doors import FetchedFiles
from daybreak.execute.fetching import Delivery, open_delivery
from daybreak.execute.parts import Span
from daybreak.execute.receipts import Receipt
from daybreak.execute.tools import Toolbox, find_toolbox, processors
from daybreak.execute.waves import ArchiveLoad, load_as_it_comes
from daybreak.files import hold_to_ours
from daybreak.judge.exports import findings_on
from daybreak.model.actions import ClearScratch, ExportOrder, FetchExport, JudgeScratch, LoadScratch, NameDatabase
from daybreak.model.exports import place_at
from daybreak.model.names import printable
from daybreak.model.pickings import Picking
from daybreak.model.plan import Plan
from daybreak.model.receiver import (
    DatabaseNamed,
    ExportFetched,
    GivenBack,
    Receiver,
    ScratchAnswers,
    ScratchCleared,
    ScratchJudged,
    ScratchLoaded,
)
from daybreak.plan.touching import database_to_make, things_touched
from daybreak.postgres.accounts import account
from daybreak.postgres.address import ServerPlace
from daybreak.postgres.archive_rows import count_archived_rows
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.giving_back import give_back
from daybreak.postgres.leash import Leash
from daybreak.postgres.loaders import find_loader
from daybreak.postgres.loading import load_script
from daybreak.postgres.new_database import close_scratch, name_database, require_nameable
from daybreak.postgres.own_server import OwnServer, ServerLimits
from daybreak.postgres.reach import Reach
from daybreak.postgres.restoring import RestoreBounds, read_abilities, require_new_enough
from daybreak.postgres.scratch_place import ScratchPlace, list_scratch, make_scratch, remove_scratch, scratch_name
from daybreak.postgres.scratch_rows import ScratchRows, analyze_scratch, ask_scratch
from daybreak.postgres.session import Limits
from daybreak.postgres.unpacking import read_unpacked

Ordered = TypeVar("Ordered", bound=ExportOrder)

_LOADED = "loaded"
_HOW = "by scratch in daybreak.toml"
_LONGEST_LEFT = 200
"""Signs of a statement that was left out."""
_GIVEN = "given"
_LOOKING = Limits(statement=timedelta(seconds=30), whole=timedelta(minutes=2))


def no_reach(receiver: Receiver, _server: ServerPlace, _leash: Leash) -> Reach:
    """Raises ``Bug``: the run has no cluster at which anything is loaded."""
    raise Bug(f"{receiver.cluster} was to be loaded into, by a run without a cluster")


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
    reach: Callable[[Receiver, ServerPlace, Leash], Reach] = no_reach
    """Leads to the database of a cluster through which a new one is made, as the login that makes it."""

    def fetch(self, action: FetchExport, hand_over: Callable[[News], None], leash: Leash) -> ExportFetched:
        """Read what is wanted of the export into a file of this machine."""
        with self._open_delivery(leash) as delivery:
            fetched = delivery.await_whole(hand_over)
        return ExportFetched(bytes=fetched.bytes, of_before=fetched.of_before)

    def load(
        self, action: LoadScratch, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash
    ) -> ScratchLoaded:
        """Load the export into the scratch database while it comes; of what an earlier process loaded, what is there stays."""
        receipt = self._receipt(action)
        with self._open_delivery(leash) as delivery, self._stand(action, cluster, leash) as stand:
            hand_over("the export is on its way")
            try:
                left_out = self._bring(action, stand, delivery, hand_over, leash)
                hand_over("gathering statistics of what was loaded")
                analyze_scratch(self._place(stand).reach, _limits(action))
            except (Failed, Refused):
                receipt.remove()  # what failed is begun anew, or it would fail again
                raise
            fetched = delivery.so_far
        receipt.note(_LOADED)
        return ScratchLoaded(
            server_version=stand.version, program=stand.restore.version, bytes=fetched.bytes, of_before=fetched.of_before,
            **left_out,
        )  # fmt: skip

    def _bring(
        self, action: LoadScratch, stand: _Stand, delivery: Delivery, hand_over: Callable[[News], None], leash: Leash
    ) -> dict[str, tuple[str, ...]]:
        """Load what comes; what of it the throw-away role may not make, each with the reason, and its statements."""
        if action.picking.form == "sql":
            return self._bring_script(action, stand, delivery, hand_over, leash)
        receipt, contents = self._receipt(action), self._contents(action, delivery)
        require_new_enough(stand.restore, contents.header)
        entries = _entries(action, contents)
        if not (receipt.stage and self._has_scratch(stand)):
            receipt.remove()
            self._remove_scratch(stand)
        place = self._place(stand)
        kept, beyond = sort_out(entries, read_abilities(place))
        if receipt.stage != _LOADED:
            place.end_sessions()  # those of a process that was killed: what they still did is over
            bounds = RestoreBounds(action.limit, jobs=self._jobs(action))
            order = ArchiveLoad(place, stand.restore, contents, action.picking, kept, bounds)
            load_as_it_comes(order, delivery, receipt, hand_over, leash)
        words = tuple(f"{each.entry.label}: {each.why}" for each in beyond)
        return {"left_out": words, "statements": tuple(each.statement for each in beyond) if action.at else ()}

    def _bring_script(
        self, action: LoadScratch, stand: _Stand, delivery: Delivery, hand_over: Callable[[News], None], leash: Leash
    ) -> dict[str, tuple[str, ...]]:
        """Load a script, which has no parts: all of it is awaited."""
        self._receipt(action).remove()
        self._remove_scratch(stand)
        place, path = self._place(stand), delivery.await_whole(hand_over).path
        loaded = load_script(
            place, self._tools(action).psql_or_refuse, path, read_abilities(place), RestoreBounds(action.limit), most=action.most,
            is_old_client_allowed=action.is_old_client_allowed, leash=leash, hand_over=hand_over,
        )  # fmt: skip
        return {"left_out": tuple(f"{each.text[:_LONGEST_LEFT]}: {each.why}" for each in loaded.left_out)}

    def judge(
        self, action: JudgeScratch, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash
    ) -> ScratchJudged:
        """Hold what is there against the archive; it hands over each finding."""
        loading = self._order(LoadScratch)
        self._load_rest(cluster, hand_over, leash)
        with self._stand(loading, cluster, leash) as stand:
            place = self._place(stand)
            answers = self._ask(loading, stand, place, hand_over, leash)
            for finding in findings_on(answers):
                hand_over(finding)
            rows = ScratchRows(place.reach, _limits(loading))
            return ScratchJudged(
                rows={".".join(each.table): rows.count(each.table, action.where) for each in action.tables}
            )

    def _ask(
        self, action: LoadScratch, stand: _Stand, place: ScratchPlace, hand_over: Callable[[News], None], leash: Leash
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
            archived = count_archived_rows(stand.restore, path, entries, action.limit, leash)
        hand_over("looking at the scratch database")
        return ask_scratch(place.reach, entries, archived, _limits(action))

    @contextmanager
    def source(self, hand_over: Callable[[News], None], leash: Leash) -> Iterator[ScratchRows | FetchedFiles]:
        """The scratch database's rows, or the fetched files where none was loaded, for the length of a ``with`` block."""
        if self._source_and_picking()[1].form == "parquet":
            self._make_folder()
            yield FetchedFiles(self._fetch_rest(hand_over, leash), self.folder.with_name(f"{self.plan.run}.rejects"))
            return
        loading = self._order(LoadScratch)
        self._load_rest(None, hand_over, leash)
        with self._stand(loading, None, leash) as stand:
            entries = () if loading.picking.form == "sql" else self._contents(loading).entries
            yield ScratchRows(self._place(stand).reach, _limits(loading), entries)

    def name(
        self, action: NameDatabase, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> DatabaseNamed:
        """Give what is there its owners and privileges, and the scratch database its name; before that it hands over ``Staged``.

        Only what was judged gets a name: where the scratch database is gone, it is not made again.
        """
        loading, wanted = self._order(LoadScratch), action.receiver.database
        self._hold(action.receiver)
        self._fetch_rest(hand_over, leash)
        server, scratch, limits = (
            self.reach(action.receiver, cluster, leash),
            self._name(self.plan.run),
            _limits_to_name(action),
        )
        with server.session(limits) as session:
            require_nameable(session, scratch, wanted)
        contents = self._contents(loading)
        place = make_scratch(server, scratch)
        kept, _ = sort_out(_entries(loading, contents), read_abilities(place))
        hand_over("giving owners and privileges back")
        with server.session(limits) as session:
            close_scratch(session, scratch)
        with server.within(scratch).session(limits) as session:
            given = give_back(session, scratch, belongings_of(contents.entries, kept), self._keep)
        hand_over(f"giving the scratch database the name {printable(wanted)}")

        def stage(number: str | None) -> None:
            Staged(number).await_record(hand_over, leash)

        with server.session(limits) as session:
            close_scratch(session, scratch)
            name_database(session, scratch, wanted, stage)
        return DatabaseNamed(database=wanted, given=given or self._recall_given())

    def recall(self, action: NameDatabase) -> DatabaseNamed:
        """What a naming came to whose commit an earlier process sent, as far as this machine knows it."""
        return DatabaseNamed(database=action.receiver.database, given=self._recall_given())

    def clear(self, action: ClearScratch, cluster: ServerPlace | None, leash: Leash) -> ScratchCleared:
        """Remove the scratch database and its role at the cluster, or end the throw-away server, and remove the run's folder."""
        if action.at is not None and cluster is not None:
            self._hold(action.at)
            remove_scratch(self.reach(action.at, cluster, leash), self._name(action.run or self.plan.run))
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

    def _receipt(self, action: LoadScratch) -> Receipt:
        """How far the load has come: of what, and since when the machine runs, since a crash of it may take what was written.

        A cluster keeps what it has.
        """
        return Receipt(self.folder / _LOADED, f"{action.digest()} {_boot() if action.at is None else ''}".rstrip())

    @property
    def _given(self) -> Path:
        return self.folder / _GIVEN

    @contextmanager
    def _open_delivery(self, leash: Leash) -> Iterator[Delivery]:
        """What is wanted of the export comes into the run's folder, for the length of a ``with`` block."""
        export, picking = self._source_and_picking()
        self._make_folder()
        self._close_archive()
        with open_delivery(self.objects(place_at(export).bucket), picking, self._archive, leash) as delivery:
            yield delivery

    def _source_and_picking(self) -> tuple[str, Picking]:
        """The address of the export, and what is fetched of it."""
        action = next(
            (each.action for each in self.plan.steps if isinstance(each.action, FetchExport | LoadScratch)), None
        )
        if action is None:
            raise Bug(f"{self.plan.run} fetches no export")
        return action.export, action.picking

    def _fetch_rest(self, hand_over: Callable[[News], None], leash: Leash) -> Path:
        """What pg_restore reads; what is missing of it is fetched."""
        with self._open_delivery(leash) as delivery:
            return delivery.await_whole(hand_over).path

    def _path(self, action: LoadScratch) -> Path:
        return self._archive if action.picking.form == "directory" else self._archive / action.picking.pieces[0].name

    def _load_rest(self, cluster: ServerPlace | None, hand_over: Callable[[News], None], leash: Leash) -> None:
        """See to it that the scratch database is loaded, and what it was loaded from is there."""
        action = self._order(LoadScratch)
        self._fetch_rest(hand_over, leash)
        if not (self._receipt(action).stage == _LOADED and self._stands(action, cluster, leash)):
            hand_over("nothing here says that it was loaded: it is loaded again")
            self.load(action, cluster, hand_over, leash)

    def _stands(self, action: LoadScratch, cluster: ServerPlace | None, leash: Leash) -> bool:
        """Whether the scratch database at a cluster is still there; the one of this machine is what the receipt lies beside."""
        if action.at is None or cluster is None:
            return True
        return self._name(self.plan.run) in list_scratch(self.reach(action.at, cluster, leash))

    def _keep(self, given: GivenBack) -> None:
        """Write down what is about to be given, for a process that comes after this one."""
        part = self._given.with_suffix(".part")
        part.write_text(given.model_dump_json())
        part.replace(self._given)

    def _recall_given(self) -> GivenBack | None:
        with suppress(OSError, ValueError):
            return GivenBack.model_validate_json(self._given.read_text())
        return None

    def _order(self, kind: type[Ordered]) -> Ordered:
        for step in self.plan.steps:
            if isinstance(step.action, kind):
                return step.action
        message = f"{self.plan.run} has no step of the kind {kind.__name__}"
        raise Bug(message)

    def _tools(self, action: LoadScratch) -> Toolbox:
        return find_toolbox(action.major, self.programs)

    def _jobs(self, action: LoadScratch) -> int:
        return 1 if action.picking.form == "tar" else max(1, min(action.jobs, processors()))

    def _contents(self, action: LoadScratch, delivery: Delivery | None = None) -> Contents:
        """The table of contents of what was fetched; of what still comes it waits for the bytes."""
        path, form = self._path(action), action.picking.form
        with open_source(path / CONTENTS_FILE if form == "directory" else path, delivery) as source:
            if form == "custom":
                return read_contents(source, "custom")
            first = next(members(source, 1)) if form == "tar" else None
            return read_contents(content_of(source, first) if first else source, "files")

    @contextmanager
    def _stand(self, action: LoadScratch, cluster: ServerPlace | None, leash: Leash) -> Iterator[_Stand]:
        """The server on which scratch stands, for the length of a ``with`` block."""
        if action.at is None:
            tools = self._tools(action)
            with OwnServer.open(self.folder / "server", tools.server, ServerLimits(disk=action.most)) as server:
                yield _Stand(server.reach(), tools.restore, tools.server.version)
            return
        if cluster is None:
            raise Bug("scratch would stand at a cluster that nobody looked at")
        self._hold(action.at)
        place = self.reach(action.at, cluster, leash)
        with place.session(_LOOKING) as session:
            version = session.server_version
        yield _Stand(place, self._loader(action, place), version)

    def _loader(self, action: LoadScratch, place: Reach) -> ClientProgram:
        with place.session(_LOOKING) as session:
            major = int(session.server_version.partition(".")[0])
        return find_loader(action.major, major, self.programs, place)

    def _has_scratch(self, stand: _Stand) -> bool:
        return self._name(self.plan.run) in list_scratch(stand.server)

    def _remove_scratch(self, stand: _Stand) -> None:
        remove_scratch(stand.server, self._name(self.plan.run))

    def _place(self, stand: _Stand) -> ScratchPlace:
        return make_scratch(stand.server, self._name(self.plan.run))

    @staticmethod
    def _name(run: str) -> str:
        return scratch_name(hashlib.sha256(run.encode()).hexdigest()[:16])

    def _hold(self, receiver: Receiver) -> None:
        """Raise ``Bug`` for a database that the run's plan does not touch."""
        touched = database_to_make(receiver, self.plan.identity.region)
        if touched not in things_touched(self.plan):
            raise Bug(f"{touched.words()} would be made, which this workshop was not opened for")


@dataclass(frozen=True)
class _Stand:
    """The server on which a scratch database stands, and what loads it."""

    server: Reach
    """A database of it that was there before, as whoever makes scratch."""
    restore: ClientProgram
    version: str
    """The server's."""


@dataclass(frozen=True)
class _FileSource:
    """A file of this machine as bytes."""

    file: BinaryIO
    name: str
    size: int
    delivery: Delivery | None
    """By which it still comes, as its first file."""

    def read(self, start: int, length: int) -> bytes:
        """The bytes of a range, once they are here."""
        if self.delivery is not None:
            self.delivery.await_span(Span(0, start, start + length))
        self.file.seek(start)
        return self.file.read(length)


@contextmanager
def open_source(path: Path, delivery: Delivery | None = None) -> Iterator[_FileSource]:
    """A file of this machine as bytes, for the length of a ``with`` block; of the first file of a delivery, as they come."""
    with path.open("rb") as file:
        yield _FileSource(file, path.name, os.fstat(file.fileno()).st_size, delivery)


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


def _limits_to_name(action: NameDatabase) -> Limits:
    return Limits(statement=action.limit, lock=action.lock, whole=action.limit)


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""

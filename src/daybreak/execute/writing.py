"""The door through which a run changes something inside databases: only inside those that its plan names.

The law: this door is opened for one run, as the one to AWS is. What the run's plan does not touch, it refuses below everything
that could forget it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import humanize

from daybreak.aws.secrets import LoginDoor
from daybreak.errors import Bug, DaybreakError, Failed, Refused, Unreachable
from daybreak.execute.arriving import Doorkeeper, await_clients
from daybreak.execute.beside import Advanced, CalledOff, Changed, Loaded, News, Staged
from daybreak.execute.database import login_at
from daybreak.execute.doors import FetchedFiles, RowSource
from daybreak.execute.entering import Applicant, OwnSessions
from daybreak.execute.expecting import Expected
from daybreak.execute.parquet_carrying import carry_files
from daybreak.execute.probing import Probe, Probes
from daybreak.execute.signs import Asking, ask_in_thread, signs_of_login, signs_of_pages
from daybreak.judge.created import finding_on_creation
from daybreak.model.actions import (
    AdvanceSequences,
    AwaitClients,
    BeginProbe,
    BesideAnother,
    CarryTables,
    ChangeSql,
    EndSessions,
    LoadRows,
    NameDatabase,
    SqlOrder,
    WarmCache,
)
from daybreak.model.arrivals import (
    Arrived,
    GapMeasured,
    ProbeBegun,
    Warmed,
)
from daybreak.model.fences import Emptied, FenceSeen
from daybreak.model.guards import Fenced
from daybreak.model.names import printable
from daybreak.model.receiver import TablesCarried
from daybreak.model.things import Thing
from daybreak.model.trust import Trust
from daybreak.model.writes import WriteCount
from daybreak.plan.touching import database_of
from daybreak.postgres.address import Address, ServerPlace, address_of
from daybreak.postgres.changing import Bearing, Columns, TransactionFate, load_part, make_change, read_fate
from daybreak.postgres.faults import refusal_of
from daybreak.postgres.fencing import end_sessions, next_transaction, read_fence
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import LoginReference
from daybreak.postgres.receiver import RowsToCarry, carry_rows
from daybreak.postgres.sequences import Reached, advance_sequences, read_sequences
from daybreak.postgres.session import Limits, Opener, Session, open_session
from daybreak.postgres.warming import hot_relations, warm
from daybreak.postgres.whereabouts import Whereabouts, read_whereabouts
from daybreak.postgres.writes import count_writes

_LOOKING = timedelta(seconds=10)
_PROBING = Limits(statement=timedelta(seconds=5), lock=timedelta(seconds=5), whole=timedelta(hours=1))
"""A probe's session lasts as long as its side is open; one that is older is opened anew."""
_END_OF_ROWS = re.compile(rb"\n\\\.\r?\n")
"""The line at which ``COPY`` stops without a word, after the end of the line before."""
_LONGEST_END = 4
"""Bytes of that, but for the last."""
_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before a load tries a part again that the server could not take; after the last one it gives up."""


@dataclass(frozen=True)
class Sql:
    """The databases of one region, as far as one run may change them. Logins are read anew for each session that is opened."""

    aws: LoginDoor
    environ: Mapping[str, str]
    trust: Trust
    may_change: Iterable[Thing] = field(default_factory=frozenset)
    opener: Opener = open_session
    """What opens a session of ours, which may be one that was kept at hand."""
    anew: Opener = open_session
    """What opens a session that nobody had before: a login is proven by logging in."""
    away: Callable[[str], LoginDoor] | None = None
    """Opens another region, in which a place may be kept that applications read."""
    health_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The application's pages whose URL has a query, by name."""
    probes: Probes = field(default_factory=Probes)
    """The run's probe in this process."""
    own: OwnSessions = field(default_factory=OwnSessions)
    asking: Asking = ask_in_thread
    """What begins to ask an application beside the wait for its clients."""

    @property
    def applicant(self) -> Applicant:
        """The application's own login, as the run uses it."""
        return Applicant(self._door, self.environ, self.trust, self.anew, self.own)

    def _door(self, region: str | None) -> LoginDoor:
        return self.aws if region in (None, self.aws.region) or self.away is None else self.away(region or "")

    def change(
        self, action: ChangeSql, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> Changed:
        """Carry out the change, unless it is there; it hands over ``Staged`` before the commit."""
        self._hold(action)

        def stage(number: str | None) -> None:
            Staged(number).await_record(hand_over, leash)

        with self.session(action, cluster, action.limit, leash) as session:
            bearing = Bearing(action.role, action.lock)
            return Changed(is_new=make_change(session, bearing, action.change.text, action.change.look, stage))

    def fate(
        self, action: ChangeSql | LoadRows | CarryTables | NameDatabase, cluster: ServerPlace, transaction: str
    ) -> TransactionFate | None:
        """What became of a transaction; ``None`` where the server cannot know it."""
        with self.session(action, cluster, _LOOKING) as session:
            return read_fate(session, transaction)

    def carry(
        self,
        action: CarryTables,
        cluster: ServerPlace,
        source: RowSource | FetchedFiles,
        hand_over: Callable[[News], None],
        leash: Leash,
    ) -> TablesCarried:
        """Carry the rows of all tables in one transaction; it hands over ``Staged`` before the commit."""
        self._hold(action)
        if isinstance(source, FetchedFiles):
            with self.session(action, cluster, action.limit, leash) as session:
                session.take_time(action.limit)
                return carry_files(session, action, source, hand_over, leash)
        maker = None
        if action.creations:
            hand_over("reading how the tables are made that are not there")
            maker = source.maker(action.creations, {each.table: each.into for each in action.tables})
        loads = []
        for each in action.tables:
            columns, rows, begin = source.rows(each.table, action.where, maker.as_plain(each.into) if maker else ())
            loads.append(RowsToCarry(each.into, columns, each.mode, rows, begin, action.where))
        total = sum(each.rows for each in loads)

        def stage(number: str | None, deleted: Mapping[str, int]) -> None:
            if maker is not None and maker.result is not None:
                hand_over(finding_on_creation(action.creations, maker.result))
            Staged(number, rows=total, deleted=deleted).await_record(hand_over, leash)

        with self.session(action, cluster, action.limit, leash) as session:
            session.take_time(action.limit)
            carried = carry_rows(session, Bearing(action.role, action.lock), loads, stage, hand_over, maker=maker)
        return TablesCarried(
            rows={".".join(each.table): each.rows for each in loads},
            deleted=dict(carried.deleted),
            sequences={each.name: each.value for each in carried.moved},
            made=maker.result if maker else None,
        )

    def empty(
        self, action: EndSessions, cluster: ServerPlace, hand_over: Callable[[News], None], leash: Leash
    ) -> Emptied:
        """Send everybody out whom no door lets in again, and read the mark; it hands over ``Staged`` before anybody is sent out."""
        self._hold(action)
        with self.session(action, cluster, action.limit, leash) as session:

            def close_again() -> bool:
                again, bearing = action.again, Bearing(action.role, action.lock)
                # It leaves one effect however often it is done, so no number is recorded.
                return again is not None and make_change(session, bearing, again.text, again.look, lambda _number: None)

            def await_guards() -> None:
                Staged(None).await_record(hand_over, leash)

            return end_sessions(session, action.limit, close_again, self.own.at, await_guards)

    def read_sequences(self, action: AdvanceSequences, past: ServerPlace, leash: Leash) -> Reached:
        """Where the sequences of the other cluster stand; raises ``Failed`` where one cannot be read."""
        with self.session(_at_past(action), past, action.limit, leash) as session:
            return read_sequences(session)

    def advance(self, action: AdvanceSequences, cluster: ServerPlace, reached: Reached, leash: Leash) -> Advanced:
        """Set each sequence past where it has come in the other cluster; raises ``Failed`` where one cannot be set."""
        self._hold(action)
        with self.session(action, cluster, action.limit, leash) as session:
            number = advance_sequences(session, Bearing(action.role, action.lock), reached)
            return Advanced(number=number, following=next_transaction(session))

    def hot(self, action: WarmCache, past: ServerPlace, leash: Leash) -> tuple[str, ...]:
        """What the other cluster has most hits in."""
        with self.session(_at_past(action), past, _LOOKING, leash) as session:
            return hot_relations(session)

    def warm(self, action: WarmCache, cluster: ServerPlace, hot: tuple[str, ...], leash: Leash) -> Warmed:
        """Read that into the cluster's memory."""
        with self.session(action, cluster, action.limit, leash) as session:
            return warm(session, hot, action.limit, leash)

    def fence(self, guard: Fenced, cluster: ServerPlace) -> FenceSeen:
        """Who can still write at the cluster."""
        address = address_of(cluster, guard.database, self.trust)
        login = self._login(guard.login, address)
        with self.opener(address, login, Limits(statement=_LOOKING, whole=_LOOKING)) as session:
            return read_fence(session)

    def count(self, database: str, login: str, cluster: ServerPlace) -> WriteCount:
        """How much was written so far in every database of the cluster."""
        limits = Limits(statement=_LOOKING, whole=_LOOKING)

        @contextmanager
        def open_in(name: str | None) -> Iterator[Session]:
            address = address_of(cluster, name or database, self.trust)
            with self.opener(address, self._login(login, address), limits) as session:
                yield session

        return count_writes(open_in)

    def arrive(
        self,
        action: AwaitClients,
        expected: Expected,
        cluster: ServerPlace,
        hand_over: Callable[[News], None],
        leash: Leash,
    ) -> Arrived:
        """Look until clients work at the cluster, as the action wants it."""

        def open_in(name: str | None) -> AbstractContextManager[Session]:
            there = action.model_copy(update={"database": name or action.database})
            return self.session(there, cluster, _LOOKING, leash)

        keeper = Doorkeeper(self.own)
        signs = [*signs_of_pages(action.pages, self.health_urls)]
        if action.application is not None:
            signs += signs_of_login(self.applicant, action.application, lambda: keeper.server, leash)
        return await_clients(
            action, expected, open_in, hand_over, leash, signs=tuple(signs), keeper=keeper, asking=self.asking
        )

    def begin_probe(self, action: BeginProbe, cluster: ServerPlace, other: ServerPlace, leash: Leash) -> ProbeBegun:
        """Begin to write as the application does, until the other cluster takes a write."""
        self._hold(action)
        servers = []
        for each in (cluster, other):
            with self.session(action, each, _LOOKING, leash) as session:
                servers.append(read_whereabouts(session).server)
        application, [way, *_] = action.application, action.application.ways

        def enter(own: Leash) -> AbstractContextManager[tuple[Session, Whereabouts]]:
            return self.applicant.enter(application, way, _PROBING, own)

        return self.probes.begin(Probe(enter, servers[0], servers[1], way.words()), leash)

    def read_probe(self, leash: Leash) -> GapMeasured:
        """What the probe has measured; it has ended after that."""
        return self.probes.read(leash)

    def end_probe(self) -> None:
        """End the probe, where one goes on."""
        self.probes.end()

    def load(
        self, action: LoadRows, cluster: ServerPlace, begun: Loaded, hand_over: Callable[[News], None], leash: Leash
    ) -> Loaded:
        """Load what is left of the file, part by part; a part that the server could not take is tried again.

        Raises ``Refused`` where the file is not the planned one, ``Failed`` where the server refuses a row: the parts before stay.
        """
        self._hold(action)
        return _Loading(self, action, cluster, hand_over, leash).to_the_end(begun)

    def _hold(self, action: SqlOrder) -> None:
        """Raise ``Bug`` for a database that the run's plan does not touch."""
        touched = database_of(action, self.aws.region)
        if touched not in self.may_change:
            message = f"{touched.words()} would be changed, which this door was not opened for"
            raise Bug(message)

    def _login(self, reference: str, address: Address) -> LoginReference:
        return LoginReference(reference, lambda: login_at(reference, self.aws, self.environ, address))

    @contextmanager
    def session(
        self, action: SqlOrder, cluster: ServerPlace, limit: timedelta, leash: Leash | None = None
    ) -> Iterator[Session]:
        """A session of an action's login in its database, for the length of a ``with`` block.

        ``limit`` is for each statement; besides, the world is looked at once more before a commit.
        """
        address: Address = address_of(cluster, action.database, self.trust, leash)
        login = self._login(action.login, address)
        with self.opener(address, login, Limits(statement=limit, lock=action.lock, whole=limit + _LOOKING)) as session:
            yield session


def _at_past(action: BesideAnother) -> BesideAnother:
    """The action as what asks the other cluster."""
    return action.model_copy(update={"login": action.past_login or action.login})


@dataclass(frozen=True)
class _Loading:
    """One load, as far as this process takes it."""

    sql: Sql
    action: LoadRows
    cluster: ServerPlace
    hand_over: Callable[[News], None]
    leash: Leash

    def to_the_end(self, reached: Loaded) -> Loaded:
        """Load part after part; how far it came."""
        action = self.action
        with _open(Path(action.file)) as file:
            self._check(file)
            while reached.place < action.size:
                file.seek(reached.place)
                # About so many bytes, to the end of a line.
                reached = self._load_part(reached, file.read(action.part) + file.readline())
                self.hand_over(reached)
                share = f"{humanize.naturalsize(reached.place)} of {humanize.naturalsize(action.size)}"
                self.hand_over(f"{share}, {reached.rows:,} rows")
        return reached

    def _load_part(self, begun: Loaded, lines: bytes) -> Loaded:
        action, about_to = self.action, list[Staged]()
        bearing, columns = Bearing(action.role, action.lock), Columns(action.table, action.columns)
        place = begun.place + len(lines)

        def stage(number: str | None, rows: int) -> None:
            about_to.append(Staged(number, place, begun.rows + rows))
            about_to[-1].await_record(self.hand_over, self.leash)

        for pause in (*_PAUSES, None):
            try:
                if about_to and self._is_committed(about_to[-1]):
                    return Loaded(place, about_to[-1].rows or 0)
                with self.sql.session(action, self.cluster, action.limit, self.leash) as session:
                    return Loaded(place, begun.rows + load_part(session, bearing, columns, [lines], stage))
            except Unreachable as error:
                self._heed()
                if pause is None or is_definite(error):
                    raise
                self.hand_over(f"{error.message}; again in {pause:.0f} s")
                time.sleep(pause)
        raise Bug("a load neither ended nor failed")

    def _is_committed(self, staged: Staged) -> bool:
        """Whether the part that was about to be committed is there; raises ``Unreachable`` while its transaction is still open."""
        fate = self.sql.fate(self.action, self.cluster, staged.transaction) if staged.transaction else "aborted"
        return is_committed(fate, staged.transaction)

    def _check(self, file: BinaryIO) -> None:
        """Raise ``Refused`` where the file is not the one that was planned: its places would mean other rows.

        Raise ``Failed`` where it holds the end of all rows: what follows would be dropped without a word.
        """
        action, found, size, end = self.action, hashlib.sha256(), 0, -1
        tail = b"\n"  # of what was read: the line may lie across two chunks
        self.hand_over("reading the file once, to see that it is the planned one")
        while chunk := file.read(2**20):
            found.update(chunk)
            window = tail + chunk
            if end < 0 and (mark := _END_OF_ROWS.search(window)):
                end = size - len(tail) + mark.start() + 1
            tail, size = window[-_LONGEST_END:], size + len(chunk)
            self._heed()
        if end < 0 and tail.endswith((b"\n\\.", b"\n\\.\r")):
            end = size - len(tail) + tail.rindex(b"\n") + 1
        if (found.hexdigest(), size) != (action.sha256, action.size):
            raise Refused(
                f'the file "{printable(action.file)}" is not the one that was planned: it has {size} bytes, and the sha256 '
                f"{found.hexdigest()}",
                "put the planned one back, then resume",
            )
        if end >= 0:
            raise Failed(
                f"the file ends for the server at byte {end}: the line there is \\. alone, and no row follows it"
            )

    def _heed(self) -> None:
        if self.leash.is_called_off.is_set():
            raise CalledOff


def is_committed(fate: TransactionFate | None, number: str | None) -> bool:
    """Whether a transaction that was about to be committed was.

    Raises ``Unreachable`` while it is still open, ``Failed`` where the server cannot know any more.
    """
    match fate:
        case "in progress":
            raise Unreachable(f"the transaction {number} is still open")
        case None:
            raise Failed(f"the server no longer knows what became of the transaction {number}")
        case _:
            return fate == "committed"


def is_definite(error: DaybreakError) -> bool:
    """Whether the server refused the login for good: to try again would change nothing, and could lock the account."""
    refusal = refusal_of(error)
    return refusal is not None and refusal.is_definite


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Refused(f'the file "{printable(str(path))}" cannot be read: {why}', "put it back, then resume") from error
    with file:
        yield file

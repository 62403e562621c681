"""Answers: what a database said when it was asked, or why it said nothing. Facts only, no opinion.

The law: a question without an answer is a ``Silence`` with its reason, never an empty answer; every judge must look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from daybreak.model.names import printable
from daybreak.model.refusal import LoginRefusal
from daybreak.model.value import Instant, Span, Value


class Silence(Value):
    """No answer came: what was asked, why there is no answer, and how long it took to learn that."""

    asked: str
    why: str
    took: Span = Span(0)
    is_unproven: bool = False
    """True when the server does not prove its identity: waiting does not help."""
    hints: tuple[str, ...] = ()
    """What to do about that."""
    is_lasting: bool = Field(default=False, exclude_if=lambda found: not found)
    """True when the question itself is wrong, as a URL that leads nowhere: waiting does not help."""


class AnswerStage(Value):
    """One stage on the way to an answer that was reached, and how long it took."""

    name: Literal["dns", "tcp", "tls", "sql"]
    took: Span


class Answer(Value):
    """How far one gets at an endpoint: the name resolves, TCP connects, the server speaks TLS, SQL is answered.

    ``stages`` holds the stages that were reached, in order; ``trouble`` says why the next one was not.
    """

    host: str
    port: int
    stages: tuple[AnswerStage, ...] = ()
    trouble: str = ""
    is_silence: bool = False
    """True when the server did not refuse: time ran out, or there was no login to try."""
    is_unproven: bool = False
    """True when the server does not prove its identity: waiting does not help."""
    refusal: LoginRefusal | None = None
    """The server's own refusal of the login, where its code is known."""
    hints: tuple[str, ...] = ()
    """What to do about a server that does not prove itself."""
    addresses: tuple[str, ...] = ()
    tls: str = ""
    """The TLS version spoken, empty when the server has none."""
    proven: str = ""
    """What the server proved, in libpq's words; empty on a plain connection."""
    proof: str = ""
    """How the login was proven, in libpq's words: ``md5`` where the role's hash is from before SCRAM."""
    server_version: str = ""
    """PostgreSQL's own version, such as ``15.4``."""

    @property
    def is_answering(self) -> bool:
        """Whether SQL was answered: the only thing that makes an endpoint accessible."""
        return any(stage.name == "sql" for stage in self.stages)

    @property
    def reached(self) -> str:
        """The last stage reached, or ``nothing``."""
        return self.stages[-1].name if self.stages else "nothing"

    @property
    def took(self) -> Span:
        """All stages together."""
        return sum((stage.took for stage in self.stages), Span(0))


class Setting(Value):
    """One setting inside a running PostgreSQL, as a new session gets it that sets nothing itself."""

    name: str
    value: str
    kind: str = ""
    """PostgreSQL's word for its type: ``bool``, ``integer``, ``real``, ``string``, ``enum``."""
    unit: str = ""
    """The unit of ``value``, such as ``8kB``; empty when it has none."""
    source: str = ""
    waits_for_restart: bool = False


class ServerSettings(Value):
    """The requested settings that the server knows; ``families`` holds the prefixes of the loaded extensions' settings."""

    asked: str
    took: Span
    known: tuple[Setting, ...]
    families: tuple[str, ...] = ()


class DatabaseNames(Value):
    """The names of a cluster's databases but the platform's, in order."""

    took: Span
    names: tuple[str, ...]


TableKind = Literal["table", "partitioned table", "partition", "materialized view", "foreign table"]


class Table(Value):
    """One relation that holds rows, as the catalog lists it."""

    oid: int
    namespace: str
    name: str
    kind: TableKind
    parent: int | None = None
    """The table it is a partition of, or inherits from."""
    size: int = 0
    """Bytes on disk; an estimate where a lock keeps us from measuring."""
    is_unlogged: bool = False
    file: int = 0
    """The number of the file that its rows lie in; 0 where it has none."""
    made: int | None = None
    """The transaction that made it, as rows carry it."""
    named: tuple[int, ...] = ()
    """The transactions that last wrote its row and its schema's in the catalog: whatever gave it its name is not younger."""
    clocks: tuple[str, ...] = ()
    """Its columns of a time type."""
    zoneless: tuple[str, ...] = ()
    """Those of them whose type has no zone: ``timestamp without time zone`` and ``date``."""

    @property
    def full(self) -> str:
        """Schema and name as a person reads them, safe to print."""
        return f"{printable(self.namespace)}.{printable(self.name)}"

    @property
    def is_counted(self) -> bool:
        """Whether it holds rows itself: a partitioned table's rows are in its partitions, a foreign table's on another server."""
        return self.kind in ("table", "partition")


class Tables(Value):
    """Every table of one database."""

    asked: str
    took: Span
    database: str
    tables: tuple[Table, ...]
    newest_oid: int = 0
    """The highest object id in the catalog. A table that another copy numbers lower existed before this copy was made."""
    next_oid: int | None = None
    """The next object id as of the last checkpoint: what another copy numbered so or higher came later than this one."""
    following: int | None = None
    """A transaction that had not begun when the list was read, as rows carry it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a table's pages: its rows, and those of them that are from before the clone's birth."""

    first: int
    """The first page's number."""
    rows: int
    old: int
    digest: int
    """What the places and the transactions of the old rows add up to, in any order."""


class Sighting(Value):
    """What a table was when it was read, and in which snapshots."""

    oid: int | None
    """Its object id; ``None`` where its name led to another table meanwhile."""
    file: int
    """The number of the file that its rows lay in; 0 where it has none, or was written anew between two parts."""
    next_xid: int | None
    """The first transaction that its snapshot cannot see, with its epoch; ``None`` while one was under way, or after several."""
    instants: tuple[Instant, ...]
    """By the server's clock, just after each snapshot in which a part of it was read."""


class Count(Value):
    """One table's rows, and its newest time, in one scan."""

    table: int
    """The table's object id."""
    name: str
    rows: int
    clock: str = ""
    """The column whose newest value was looked for; empty when the table has no such column."""
    newest: Instant | None = None
    """Its newest value; ``None`` when there is no value. Infinity is shown as the last instant that exists."""
    newest_until: Instant | None = None
    """Its newest value that is not after the moment."""
    fingerprint: str | None = None
    """A digest of its content, in any order; ``None`` when it was not asked for."""
    runs: tuple[Run, ...] = ()
    """Its rows by runs of pages; empty where nobody asked which rows are old."""
    own: int | None = None
    """Its rows that were written in the clone itself, by their numbers; ``None`` where nobody asked, or where numbers may have
    come round since."""
    kept: int | None = None
    """Its rows that the baseline could see; ``None`` where nobody asked, or the table's form is not the baseline's."""
    farthest: dict[str, str] = Field(default_factory=dict)
    """The farthest value of each column that a sequence feeds and no index leads with; empty text where it has none."""
    seen: Sighting | None = None
    """As what it was read; ``None`` where nobody asked."""
    took: Span = Span(0)


class Unread(Value):
    """A table that could not be counted, and why."""

    table: int
    name: str
    why: str
    is_damaged: bool = False
    """True when the server said that what is stored is damaged."""


class Counts(Value):
    """The rows of every table, in one snapshot; where the counts have a ``Sighting``, in those that it names."""

    asked: str
    took: Span
    counted: tuple[Count, ...] = ()
    unread: tuple[Unread, ...] = ()
    next_xid: int | None = None
    """The first transaction that the snapshot cannot see, with its epoch; ``None`` while one was under way."""
    taken: Instant | None = None
    """By the server's clock, just after the snapshot was taken; after the last of several."""
    server_version: str = ""
    encoding: str = ""
    """The server's encoding, such as ``UTF8``; fingerprints of different encodings cannot be compared."""


FoundBy = Literal["place", "key", "transaction"]
"""How the source's rows were found again in the clone: at their places, by their keys, or as so many of a transaction."""


class Testimony(Value):
    """What the source still has of one table from before the clone's birth, held against the clone."""

    table: int
    """The table's object id, the same on both sides."""
    name: str
    """As the clone calls it."""
    rows: int
    """The source's rows."""
    old: int
    """Those of them that were written before the clone's birth, and so can testify."""
    here: int
    """The clone's rows."""
    lost: int = 0
    """Old rows that the clone lacks, though their transaction had committed by the moment."""
    unclear: int = 0
    """Old rows that the clone lacks where no commit time says whether their transaction is the source's or the clone's own."""
    by: FoundBy = "place"
    """What the rows were found again by. A table that was written anew has its rows elsewhere, under the same keys."""
    named: tuple[str, ...] = ()
    """Some of the lost rows: page and number in the source, or their keys."""
    share: float = 1.0
    """The part of the source's pages that was read before the time was up; 1 is all."""
    is_alike: bool = False
    """Whether both sides have the same rows, each written by the same transaction at the same place, and no later one."""

    @property
    def is_sufficient(self) -> bool:
        """Whether at least half of the table testifies, so that it is a witness of the whole.

        Where the clone has no row left, young rows of the source are no witness that it had none. Rows that were only counted
        are no witness at all: the clone may have others than those that the source has left. Nor is an empty file that was
        written anew: it may have been emptied.
        """
        if self.share < 1 or self.by == "transaction":
            return False
        return self.old * 2 >= self.here and (self.old > 0 or (self.rows == 0 and self.by == "place"))


class Testimonies(Value):
    """What the source says of the clone's rows, table by table, each at an instant of its own."""

    asked: str
    took: Span
    heard: tuple[Testimony, ...] = ()
    unheard: tuple[Unread, ...] = ()
    """Tables that were not asked about, or cannot testify, and why."""
    is_cut_short: bool = False
    """Whether the time for the source, or a lost server, left tables or parts of them unread."""

    @property
    def by_table(self) -> dict[int, Testimony]:
        """Each table's, by object id."""
        return {each.table: each for each in self.heard}


class TableTimes(Value):
    """What the live source shows of one table's times."""

    table: int
    """The clone's object id of it."""
    name: str
    clock: str
    taken: Instant
    """By the source's clock, when it was asked."""
    newest: Instant | None = None
    """Its newest time now; rows that were changed since have a newer one."""
    until: Instant | None = None
    """The newest time not after the moment in a row that by its number is from before the moment."""
    is_certain: bool = False
    """Whether the clone knows that row's transaction as committed by the moment."""
    later: Instant | None = None
    """The newest time well before the moment in a row that by its number came later: dated back, or wrongly missing."""


class SourceTimes(Value):
    """The times that the live source shows, table by table."""

    asked: str
    took: Span
    seen: tuple[TableTimes, ...] = ()
    unseen: tuple[Unread, ...] = ()
    """Tables that could not be asked about, and why."""

    @property
    def by_table(self) -> dict[int, TableTimes]:
        """Each table's, by the clone's object id."""
        return {each.table: each for each in self.seen}


class RowEstimate(Value):
    """The planner's estimate for one table, made without reading it."""

    table: int
    name: str
    rows: int | None = None
    """``None`` where it was never analyzed."""
    is_empty: bool = False
    """True when its file was measured and is empty: then it certainly has no rows."""


class Estimates(Value):
    """The planner's estimates for every table, and the newest times that an index gives."""

    asked: str
    took: Span
    tables: tuple[RowEstimate, ...] = ()
    newest: Counts
    """Only what an index that leads with the clock column answers at once. Its rows are not counts."""


class Orphans(Value):
    """How many rows break one foreign key."""

    key: str
    """Table and constraint."""
    table: int
    """The referring table's object id."""
    is_validated: bool
    """False where the constraint was never validated for the rows that were there before it."""
    is_enforced: bool = True
    """False where it is NOT ENFORCED: it binds no row at all."""
    rows: int
    took: Span = Span(0)


class References(Value):
    """The rows of every foreign key that was asked, all in one snapshot."""

    asked: str
    took: Span
    keys: tuple[Orphans, ...] = ()
    unread: tuple[Unread, ...] = ()
    left_out: int = 0
    """Keys of tables that are not in this turn's sample."""


IndexWay = Literal["amcheck", "walk", "lookup", "visibility"]
"""How an index was read: by the server's own checker, in its order against its table, or by searching the table's keys in it;
a visibility map by the server's own functions."""


class Passed(Value):
    """Something that was not read, by choice or because nothing can read it; it is named and not counted against the clone."""

    name: str
    why: str
    is_beyond: bool = False
    """True where no question in SQL reads it."""


class IndexRead(Value):
    """One index that was read through, and what is wrong with it."""

    index: str
    """Table and index."""
    ways: tuple[IndexWay, ...]
    trouble: str = ""
    took: Span = Span(0)


class IndexContents(Value):
    """What is in the indexes that were read."""

    asked: str
    took: Span
    read: tuple[IndexRead, ...] = ()
    unread: tuple[Unread, ...] = ()
    left_out: int = 0
    """Indexes of tables that are not in this turn's sample."""
    passed: tuple[Passed, ...] = ()
    """Indexes, or kinds of them, that were not read at this depth, or in one of the ways that it promises."""
    why_walked: str = ""
    """Why the server's own checker was not asked; empty where it was."""


class BrokenRule(Value):
    """A constraint that some rows break."""

    name: str
    """Table and constraint, or table and column."""
    rows: int | None = None
    """How many; ``None`` where the server stops at the first."""


class KeptRules(Value):
    """Each row against the constraints that say of themselves that all rows keep them."""

    asked: str
    took: Span
    read: int = 0
    """How many constraints were evaluated for every row."""
    broken: tuple[BrokenRule, ...] = ()
    unread: tuple[Unread, ...] = ()
    passed: tuple[Passed, ...] = ()
    """Constraints that nobody may evaluate, and why."""
    left_out: int = 0
    """Constraints of tables that are not in this turn's sample."""


class OwnerAnswer(Value):
    """The answer to a question of the owner's own: one value, as text, and the kind of that text."""

    asked: str
    took: Span
    kind: Literal["truth", "number", "instant", "text", "null"]
    value: str = ""
    """``true`` or ``false``, a decimal number, an ISO 8601 instant, or the text itself."""


class LargeObject(Value):
    """The content of one large object."""

    oid: int
    size: int
    """Bytes."""
    content: str
    """A digest of all its bytes; the same in every copy that was read in the same way."""

    @property
    def name(self) -> str:
        """How it is called in a finding."""
        return f"large object {self.oid}"


class LargeObjects(Value):
    """The contents of a database's large objects, as far as they were read."""

    asked: str
    took: Span = Span(0)
    read: tuple[LargeObject, ...]
    unread: tuple[Unread, ...] = ()
    """The objects that the login may not read, or that the server could not; ``table`` is the object's number."""
    left_out: int = 0
    """How many more were not read, because a bound was reached."""
    why: str = ""
    """Which bound that was; empty where none was reached."""

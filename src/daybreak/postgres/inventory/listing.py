"""Questions to the catalog for an inventory: one statement for each kind, all in one read-only transaction.

The law: no table is locked, every name is qualified, and a kind that we may not read is distinguished from an empty kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.inventory import Inventory, Item, ItemKind, Unlisted
from daybreak.postgres.bounds import ServerBounds, time_to_list
from daybreak.postgres.inventory.access import ACCESS, SHARED
from daybreak.postgres.inventory.ages import Ages
from daybreak.postgres.inventory.numbers import NUMBERS, farthest_by_sequence, positions
from daybreak.postgres.inventory.questions import RELATIONS, Question, plain
from daybreak.postgres.inventory.walk import Which, walk_catalogs
from daybreak.postgres.scratch import MARKS_OF_OTHERS
from daybreak.postgres.session import Session

T = TypeVar("T")

_MANNERS = sql.SQL(
    "SELECT pg_catalog.set_config('lock_timeout', '1000', true), pg_catalog.set_config('row_security', 'off', true)"
)
"""We wait for no lock, and a table whose policies would hide rows is an error instead of a smaller table."""

_HEAD = sql.SQL("""
SELECT pg_catalog.current_database()::text, pg_catalog.clock_timestamp(),
       greatest((SELECT max(oid::bigint) FROM pg_catalog.pg_class), (SELECT max(oid::bigint) FROM pg_catalog.pg_type),
                (SELECT max(oid::bigint) FROM pg_catalog.pg_constraint), (SELECT max(oid::bigint) FROM pg_catalog.pg_attrdef),
                (SELECT max(oid::bigint) FROM pg_catalog.pg_proc), (SELECT max(oid::bigint) FROM pg_catalog.pg_roles)),
       pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296,
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296
""")
_SYSTEM = sql.SQL("SELECT system_identifier::text FROM pg_catalog.pg_control_system()")
_CHECKPOINT = sql.SQL("""
SELECT next_oid::bigint, pg_catalog.split_part(next_xid, ':', 2)::bigint, checkpoint_time
FROM pg_catalog.pg_control_checkpoint()
""")
_HAS_CRON = sql.SQL("""
SELECT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_cron'), pg_catalog.row_security_active(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'cron' AND c.relname = 'job' AND c.relkind = 'r'
""")
_BOUNDED = sql.SQL("""
SELECT q.name, q.oid, q.xmin, q.catalog,
       CASE WHEN pg_catalog.octet_length(q.facts::text) <= 65536 THEN q.facts
            ELSE (SELECT pg_catalog.jsonb_object_agg(f.key, CASE WHEN pg_catalog.octet_length(f.value) <= 4096 THEN f.value
                             ELSE 'md5 ' || pg_catalog.md5(f.value) || ' of ' || pg_catalog.length(f.value) || ' characters' END)
                  FROM pg_catalog.jsonb_each_text(q.facts) f) END
FROM ({}) AS q (name, oid, xmin, catalog, facts)
""")
"""A question with short answers: for a definition of any length, its digest. Equal definitions have equal digests."""

_JOBS_OF_OTHERS = Unlisted(
    kind="cron job",
    part="jobs of other users",
    why="pg_cron shows a login its own jobs alone; one with BYPASSRLS sees all",
    is_unknown=True,
)

_RELATIONS = sql.SQL("SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384")
_OWN_ROWS = sql.SQL("SELECT pg_catalog.set_config('row_security', 'on', true)")


def inventory(session: Session) -> Inventory:
    """Everything in the session's database besides its rows, as one snapshot of the catalog shows it.

    A kind that cannot be read is named as unlisted, with the server's reason. Raises only when nothing can be asked. A large
    catalog gets more time than the session's limit.
    """
    return _inventory(session, (*RELATIONS, *ACCESS, *NUMBERS), "own")


def cluster_inventory(session: Session) -> Inventory:
    """What all databases of the server share, read in the same way; its ``database`` is empty."""
    found = _inventory(session, SHARED, "shared")
    return found.model_copy(update={"database": "", "asked": f"the shared catalogs of {session.address}"})


def _inventory(session: Session, questions: tuple[Question, ...], catalogs: Which) -> Inventory:
    [[relations]] = session.ask(_RELATIONS)
    session.take_time(time_to_list(relations, session.limits.whole, ServerBounds()))
    session.begin()
    session.ask(_MANNERS)
    session.mark()
    [[database, taken, newest_oid, following, oldest_xid]] = _guard(session, lambda: session.ask(_HEAD))
    reading = _Reading(session, questions, catalogs)
    items = reading.everything()
    found = Inventory(
        asked=f"the catalog of {session.address}",
        database=plain(database),
        server_version=session.server_version,
        proof=session.proof,
        taken=taken,
        newest_oid=newest_oid,
        following=int(following),
        next_xid=int(following),
        newest_xid=reading.newest_xid,
        oldest_xid=int(oldest_xid),
        has_providers=True,
        items=items,
        unlisted=tuple(reading.unlisted),
    )
    found = found.with_proof_marks(_marks(session))
    found = found.model_copy(update=_control(session))
    session.rollback()
    return _with_positions(session, found)


def _with_positions(session: Session, found: Inventory) -> Inventory:
    """The inventory with the position of each sequence, which is asked after the columns that it feeds: it is ahead of those."""
    at = positions(session, [item.oid for item in found.of("sequence") if item.oid is not None])
    items = tuple(
        item.model_copy(update={"facts": item.facts | at.get(item.oid, {"at": "unread"})})
        if item.kind == "sequence" and item.oid is not None
        else item
        for item in found.items
    )
    return found.model_copy(update={"items": items})


def _marks(session: Session) -> tuple[str, ...]:
    """The marks of all proofs but the one that this database belongs to: a running proof is no part of the clone."""
    try:
        return tuple(str(mark) for mark, _ in _guard(session, lambda: session.ask(MARKS_OF_OTHERS)))
    except DaybreakError:
        if not session.is_open:
            raise
        # Then nothing is left out.
        return ()


def _control(session: Session) -> dict[str, Any]:
    """What the control file says, as far as we may read it: the system identifier, and the last checkpoint's numbers."""
    try:
        [[system]] = _guard(session, lambda: session.ask(_SYSTEM))
        [[oid, xid, checkpoint]] = _guard(session, lambda: session.ask(_CHECKPOINT))
    except DaybreakError:
        if not session.is_open:
            raise
        return {}
    return {"system": system, "next_oid": oid, "next_xid": xid, "checkpoint": checkpoint}


def _guard(session: Session, question: Callable[[], T]) -> T:
    """Ask in a part of the transaction: the locks on catalogs go back, and a failure leaves the transaction as it was."""
    try:
        return question()
    finally:
        if session.is_open:
            session.let_go()


class _Reading:
    """One walk through all kinds in an open transaction."""

    def __init__(self, session: Session, questions: tuple[Question, ...], catalogs: Which) -> None:
        self._session = session
        self._which = catalogs
        self._asked = questions
        self._ages: Ages | None = None
        self._major = int(session.server_version.partition(".")[0])
        self.unlisted: list[Unlisted] = []

    @property
    def newest_xid(self) -> int | None:
        return self._ages.newest if self._ages else None

    def everything(self) -> tuple[Item, ...]:
        """Read every item that can be read; name the other kinds as unlisted."""
        try:
            self._ages = Ages(lambda question: self._ask(lambda: self._session.ask(question)))
        except DaybreakError:
            if not self._session.is_open:
                raise
        items = tuple(item for question in self._questions() for item in self._items(question))
        return (*items, *self._catalogs())

    def _catalogs(self) -> tuple[Item, ...]:
        try:
            walk = walk_catalogs(self._session, self._ask, self._which)
        except DaybreakError as error:
            if not self._session.is_open:
                raise
            self.unlisted.append(Unlisted(kind="catalog row", why=error.message))
            return ()
        self.unlisted += walk.unlisted
        return walk.items

    def _questions(self) -> Iterable[Question]:
        newest: dict[ItemKind, Question] = {}
        for question in self._asked:
            if question.since <= self._major:
                newest[question.kind] = question
        return newest.values()

    def _ask(self, question: Callable[[], T]) -> T:
        return _guard(self._session, question)

    def _items(self, question: Question) -> tuple[Item, ...]:
        try:
            rows = self._ask(lambda: self._rows(question))
            farthest = farthest_by_sequence(self._session, self._ask) if question.kind == "sequence" else {}
        except DaybreakError as error:
            if not self._session.is_open:
                raise
            self.unlisted.append(Unlisted(kind=question.kind, why=error.message))
            return ()
        return tuple(self._item(question.kind, row, farthest.get(row[1] or 0, {})) for row in rows)

    def _rows(self, question: Question) -> list[tuple[Any, ...]]:
        if not question.table:
            return self._session.ask(_BOUNDED.format(question.text))
        found = self._session.ask(_HAS_CRON)
        if not found:
            return []
        if found[0][0]:
            # pg_cron shows each user their own jobs; a login that may not see more gets those.
            self._session.ask(_OWN_ROWS)
            if found[0][1]:
                self.unlisted.append(_JOBS_OF_OTHERS)
        rows = self._session.ask(_BOUNDED.format(question.text))
        self._session.ask(_MANNERS)  # after a failure the savepoint restores them
        return rows

    def _item(self, kind: ItemKind, row: tuple[Any, ...], more: dict[str, str]) -> Item:
        name, oid, xmin, catalog, facts = row
        if self._ages is None:
            xmin = None
        elif catalog is not None and xmin is not None:
            xmin = self._ages.youngest((catalog, oid), xmin)
        told = {plain(key): plain(value) for key, value in (facts or {}).items() if value is not None}
        return Item(
            kind=kind,
            name=plain(name),
            facts=told | {plain(key): plain(more[key]) for key in more},
            oid=oid,
            xmin=xmin,
        )

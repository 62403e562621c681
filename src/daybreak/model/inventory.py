"""Inventory: everything besides rows in one PostgreSQL database, or what all databases share, as data to compare copies by.

The law: an item is identified by names and definitions, never by numbers that differ between copies. Its object id and
the transaction that last wrote it are kept beside them, because a physical copy shares those with its source.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from daybreak.model.catalogs import OF_SERVER, catalog_of
from daybreak.model.value import Instant, Span, Value

ItemKind = Literal[
    "schema",
    "relation",
    "column",
    "constraint",
    "foreign key",
    "index",
    "trigger",
    "event trigger",
    "rule",
    "function",
    "view",
    "type",
    "sequence",
    "extension",
    "role",
    "membership",
    "grant",
    "owner",
    "row security",
    "policy",
    "publication",
    "subscription",
    "cron job",
    "foreign server",
    "collation",
    "setting",
    "statistics",
    "prepared transaction",
    "replication slot",
    "database",
    "catalog row",
]
"""The kinds of items in a cluster; each kind is read by one statement and judged by one check."""

SHARED_KINDS: frozenset[ItemKind] = frozenset(
    {"database", "role", "membership", "setting", "prepared transaction", "replication slot"}
)
"""The kinds that belong to all databases together, whichever of them is asked."""

LOCKED = "not read: somebody has locked the table"
"""The value of a fact that PostgreSQL could give only after waiting for another session's lock."""

HIDDEN = (
    "row security may hide rows from this login; what sees every row is a role with BYPASSRLS, or a member of the table's owner"
    " where row security is not forced; else waive the check"
)
"""Why a table was not read whose policies might show only a part of it, and the ways out. Also policies that show all now may
be others when the rows are read, so they are no way out.
"""

HIDDEN_VALUE = "not told, because it may be a secret"
"""The value of a setting whose name may be that of a secret."""

OF_PROVIDER = "of the provider"
"""The fact that marks what PostgreSQL or AWS brings: a role for others to be members of, its settings, what it is a member of."""

OF_A_PROOF = "of a negative control"
"""The fact that marks an item which a proof made; its value is the proof's mark."""

_OF_PROOFS: frozenset[ItemKind] = frozenset(
    {"role", "membership", "prepared transaction", "replication slot", "database"}
)
_HARMLESS = ("superuser", "creates roles", "replicates", "bypasses row security")

_XIDS = 2**32
_FIRST_NORMAL_XID = 3


def is_before(xid: int, other: int) -> bool:
    """Whether a transaction id comes before another, in the circle of their numbers.

    >>> is_before(7, 8), is_before(8, 8), is_before(4294967290, 8), is_before(2, 8)
    (True, False, True, True)
    """
    if xid < _FIRST_NORMAL_XID:  # frozen, or made with the cluster
        return True
    return 0 < (other - xid) % _XIDS < _XIDS // 2


def newer_xid(one: int | None, other: int | None) -> int | None:
    """The younger of two transaction ids, either of which may be missing.

    >>> newer_xid(7, 8), newer_xid(None, 8), newer_xid(4294967290, 8)
    (8, 8, 8)
    """
    if one is None or other is None:
        return other if one is None else one
    return other if is_before(one, other) else one


class Item(Value):
    """One thing in a database."""

    kind: ItemKind
    name: str
    """The name that distinguishes it from all others of its kind, such as ``public.employees.employees_pkey``; safe to print."""
    facts: dict[str, str] = Field(default_factory=dict)
    """The definition and the flags that two right copies share."""
    oid: int | None = None
    xmin: int | None = None
    """The transaction that last wrote its row in the catalog, without the epoch."""


class Unlisted(Value):
    """A kind, or a part of one, that could not be read, and why."""

    kind: ItemKind
    why: str
    part: str = ""
    """What of it was not read: of the kind ``catalog row`` a catalog or a column of one; empty for a whole kind."""
    is_unknown: bool = False
    """Whether it was not asked for, because this release does not know it, or because no login of this kind is shown it."""


def _words_of_server(item: Item) -> tuple[str, ...]:
    """The words in the name of a row that belongs to the whole server; empty for any other item."""
    is_of_server = item.kind == "catalog row" and catalog_of(item.name) in OF_SERVER
    return tuple(item.name.split(" ")[1:]) if is_of_server else ()


class Inventory(Value):
    """All items of one database, or of what all share, read in one transaction."""

    asked: str
    took: Span = Span(0)
    database: str
    """Empty for what all databases share."""
    server_version: str = ""
    system: str | None = None
    """PostgreSQL's system identifier; two servers with the same one are physical copies of each other."""
    proof: str = ""
    """How the login was proven to the server, in libpq's words."""
    taken: Instant | None = None
    """By the server's own clock."""
    newest_oid: int = 0
    next_oid: int | None = None
    """The next object id as of the last checkpoint."""
    next_xid: int | None = None
    """The next transaction id as of the last checkpoint, without the epoch."""
    following: int | None = None
    """The first transaction that the reading snapshot could not see, as rows carry it; ``None`` in what an older release kept."""
    checkpoint: Instant | None = None
    """When that checkpoint was, by the server's own clock."""
    newest_xid: int | None = None
    """The youngest transaction that wrote to the catalog."""
    oldest_xid: int | None = None
    """The oldest transaction that was still running: all earlier ones had ended."""
    has_providers: bool = False
    """Whether it shows what the provider's roles are and may do; an earlier release left that out."""
    items: tuple[Item, ...] = ()
    unlisted: tuple[Unlisted, ...] = ()

    def with_proof_marks(self, marks: tuple[str, ...]) -> Inventory:
        """The inventory with the fact ``OF_A_PROOF`` on each item that belongs to one of these marks.

        A role that may do more than a proof grants is not excused by its name.
        """

        def with_fact(item: Item) -> Item:
            words = (item.name.rpartition(" in ")[2],) if item.kind in _OF_PROOFS else _words_of_server(item)
            mark = next((each for each in marks for word in words if word == each or word.startswith(f"{each}_")), None)
            if mark is None or "yes" in map(item.facts.get, _HARMLESS):
                return item
            return item.model_copy(update={"facts": item.facts | {OF_A_PROOF: mark}})

        return self.model_copy(update={"items": tuple(map(with_fact, self.items))}) if marks else self

    def of(self, kind: ItemKind) -> tuple[Item, ...]:
        """The items of one kind."""
        return tuple(item for item in self.items if item.kind == kind)

    def why_unlisted(self, kind: ItemKind) -> str | None:
        """Why a kind is missing; ``None`` when it was read."""
        return next((each.why for each in self.unlisted if each.kind == kind and not each.part), None)

    def parts_unlisted(self, kind: ItemKind) -> tuple[Unlisted, ...]:
        """The parts of a kind that are missing, where the kind as a whole was read."""
        return tuple(each for each in self.unlisted if each.kind == kind and each.part)


# -- what earlier releases kept

_IN_THIS_DATABASE = " in this database"


def divide_inventory(held: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an earlier release listed of one database, as plain data: its own, and what all databases share."""
    own, shared = dict(held), dict(held) | {"database": ""}
    for part in ("items", "unlisted"):
        every = held.get(part, [])
        own[part] = [each for each in every if each["kind"] not in SHARED_KINDS]
        shared[part] = [_name_for_all(each, held["database"]) for each in every if each["kind"] in SHARED_KINDS]
    # No release before knew the databases themselves.
    shared["unlisted"] = [*shared["unlisted"], {"kind": "database", "why": "an earlier release did not list it"}]
    return own, shared


def _name_for_all(item: dict[str, Any], database: str) -> dict[str, Any]:
    """An item under the name that it has among those of all databases."""
    name = str(item.get("name", ""))
    if item["kind"] != "setting" or not name.endswith(_IN_THIS_DATABASE):
        return item
    return item | {"name": f"{name.removesuffix(_IN_THIS_DATABASE)} in database {database}"}

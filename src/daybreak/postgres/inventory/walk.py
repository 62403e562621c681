"""The walk of every catalog: one statement each, which returns an object and digests of its rows.

The law: no table of a user is locked, no row leaves the server, and a catalog that cannot be read is named. A row is compared
as it is, which is exact between a physical copy and its source; beside that stands a digest in which object ids are names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg import sql

from daybreak.errors import DaybreakError
from daybreak.model.catalogs import BUILT_IN, BY_NAME, KEY, OWN_OF_POSTGRES
from daybreak.model.inventory import Item, Unlisted
from daybreak.postgres.inventory.catalog import Catalog
from daybreak.postgres.inventory.catalogs import LEFT_OUT, WALKED
from daybreak.postgres.inventory.questions import plain, spell
from daybreak.postgres.session import Session

MOST = 200_000
"""How many objects of one catalog are listed. A database may have millions of large objects; our memory may not hold them."""

_FIRST_OF_USERS = 16384
"""PostgreSQL gives its own objects smaller numbers."""

_FROZEN = 2
_BITS = 32
"""How much of a sum is kept: two different objects look alike once in four thousand million times."""

_MERGED = {"index": ("columns", "dependencies", "owner", "index"), "sequence": ("columns", "dependencies")}
"""What counts as the definition of an index or a sequence, by the aspect that shows which it is: nobody changes it apart."""

_Rows = list[tuple[Any, ...]]
_Guard = Callable[[Callable[[], _Rows]], _Rows]
_Thing = tuple[str, int]

_COLUMNS = sql.SQL("""
SELECT c.relname::text, c.relisshared, a.attname::text, pg_catalog.format_type(a.atttypid, NULL)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'pg_catalog' AND c.relkind = 'r' AND c.oid < 16384 ORDER BY c.relname, a.attnum
""")
"""Which catalogs the server has, and their columns."""

_REFERENCES = sql.SQL("""
SELECT f.fktable::pg_catalog.regclass::text, f.fkcols[1], f.pktable::pg_catalog.regclass::text
FROM pg_catalog.pg_get_catalog_foreign_keys() f WHERE pg_catalog.cardinality(f.fkcols) = 1
""")
"""Which column holds numbers of which catalog's rows, as PostgreSQL itself declares it."""

_BEGINNING = sql.SQL("""
SELECT pg_catalog.age('3'::pg_catalog.xid) + 3,
       (SELECT coalesce(max(a.xmin::text::bigint), 0) FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'information_schema' AND c.oid < 16384)
""")
"""The transaction that comes next, and about the last one of ``initdb``: the information schema is the last thing it makes."""

_AFTER_THE_SCHEMA = 8
"""How many transactions ``initdb`` spends after the information schema, at most."""

_IDENTITIES = sql.SQL("""
SELECT q.class, q.number, (pg_catalog.pg_identify_object(c.oid, q.number::pg_catalog.oid, 0)).identity
FROM ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::bigint[])) AS q (class, number)
JOIN pg_catalog.pg_class c ON c.relname = q.class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'pg_catalog'
""")

_ALIASES = {
    "pg_class": "regclass", "pg_type": "regtype", "pg_proc": "regprocedure", "pg_operator": "regoperator",
    "pg_namespace": "regnamespace", "pg_authid": "regrole", "pg_collation": "regcollation",
    "pg_ts_config": "regconfig", "pg_ts_dict": "regdictionary",
}  # fmt: skip
"""Types whose text is the name behind a number, qualified where it has to be."""

_WORDS = {
    "pg_am": "(SELECT r.amname::text FROM pg_catalog.pg_am r WHERE r.oid = {})",
    "pg_language": "(SELECT r.lanname::text FROM pg_catalog.pg_language r WHERE r.oid = {})",
    "pg_constraint": "(SELECT r.conname::text FROM pg_catalog.pg_constraint r WHERE r.oid = {})",
    "pg_opclass": (
        "(SELECT pg_catalog.format('%s.%I %s', r.opcnamespace::pg_catalog.regnamespace, r.opcname, r.opcmethod)"
        " FROM pg_catalog.pg_opclass r WHERE r.oid = {})"
    ),
}

_USUAL_ACL = {
    "relacl": (
        "CASE WHEN t.relkind = 'S' THEN pg_catalog.acldefault('s', t.relowner)"
        " WHEN t.relkind NOT IN ('i', 'I', 't', 'c') THEN pg_catalog.acldefault('r', t.relowner) END"
    ),
    "proacl": "pg_catalog.acldefault('f', t.proowner)",
    "typacl": "pg_catalog.acldefault('T', t.typowner)",
    "nspacl": "pg_catalog.acldefault('n', t.nspowner)",
    "datacl": "pg_catalog.acldefault('d', t.datdba)",
    "lanacl": "pg_catalog.acldefault('l', t.lanowner)",
    "fdwacl": "pg_catalog.acldefault('F', t.fdwowner)",
    "srvacl": "pg_catalog.acldefault('S', t.srvowner)",
    "lomacl": "pg_catalog.acldefault('L', t.lomowner)",
    "spcacl": "pg_catalog.acldefault('t', t.spcowner)",
}
"""What NULL in a column of privileges stands for. Who grants and revokes one leaves the same privileges, spelled out; who revokes
all of them leaves an empty list, which is something else."""

_FRAME = """
WITH hidden AS MATERIALIZED (
    SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relpersistence = 't' OR c.relnamespace = 'pg_toast'::pg_catalog.regnamespace),
passing AS MATERIALIZED (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname ~ '^pg_(toast_)?temp_'),
agents AS MATERIALIZED (SELECT r.oid FROM pg_catalog.pg_roles r WHERE <agent r.rolname>)
{listed}
UNION ALL
{built_in}
"""

_LISTED = """
SELECT q.class, q.number, q.key, max(q.label) AS label, count(*) AS rows, min(q.age) AS age, {sum_named} AS named,
       pg_catalog.array_agg(q.part) FILTER (WHERE q.part IS NOT NULL) AS parts{sums}
FROM (
    SELECT o.class, o.number, {key} AS key, {label} AS label, {age} AS age, {named} AS named, {part} AS part{parts}
    FROM pg_catalog.{table} t {join} CROSS JOIN LATERAL (SELECT {owner} AS class, ({number})::bigint AS number) o
    WHERE ({place}) AND (o.number >= 16384 OR {touched})
) q GROUP BY q.class, q.number, q.key LIMIT {most}
"""
"""Each object of the users, and each of PostgreSQL's own that was written since ``initdb``."""

_BUILT_IN = """
SELECT NULL, NULL, NULL, NULL, count(*), min({age}), NULL, NULL{whole}
FROM pg_catalog.{table} t {join} CROSS JOIN LATERAL (SELECT ({number})::bigint AS number) o
WHERE ({place}) AND o.number < 16384 AND {has_built_in} HAVING count(*) > 0
"""
"""PostgreSQL's own rows, added up as they are: they are compared between physical copies alone, which share their numbers.

To translate the numbers of thousands of rows into names would be most of the work of a walk.
"""


def _row(expressions: Iterable[str]) -> str:
    return f'pg_catalog.hashtextextended(ROW({", ".join(expressions)})::text COLLATE "C", 0)'


def _sum(hashes: str) -> str:
    """The sum as a number that needs no arbitrary precision, which is slow on both sides; only ``_BITS`` of it are kept."""
    return f"(sum({hashes}) % {2**_BITS})::bigint"


@dataclass(frozen=True)
class Server:
    """What a server says of its own catalogs."""

    columns: dict[str, dict[str, str]]
    """The type of each column of each catalog."""
    shared: frozenset[str]
    """The catalogs that all databases of the server share."""
    references: dict[tuple[str, str], str]
    """The catalog whose rows a column names by their numbers."""
    following: int
    """The next transaction, as rows carry it."""
    last_of_initdb: int
    """No row of ``initdb`` is younger."""

    def is_shared(self, catalog: str) -> bool:
        """Whether a catalog is walked once for all databases."""
        return catalog in self.shared and not (catalog in WALKED and WALKED[catalog].is_of_database)

    def strangers(self, catalogs: Iterable[str]) -> dict[str, str]:
        """Catalogs and columns that no list has, and so are not read."""
        why = "this release of Daybreak does not know it, so it is not read"
        found = {each: why for each in catalogs if each not in WALKED and each not in LEFT_OUT}
        for each in catalogs:
            known = WALKED[each].known if each in WALKED else None
            found |= {
                f"{each}.{column}": why for column in self.columns[each] if known is not None and column not in known
            }
        return found


def read_server(session: Session) -> Server:
    """Ask the server for its catalogs, their columns, and what refers to what."""
    columns: defaultdict[str, dict[str, str]] = defaultdict(dict)
    shared = set()
    for catalog, is_shared, column, kind in session.ask(_COLUMNS):
        columns[catalog][column] = kind
        shared |= {catalog} if is_shared else set()
    references = {(catalog, column): other for catalog, column, other in session.ask(_REFERENCES)}
    [[following, newest]] = session.ask(_BEGINNING)
    return Server(dict(columns), frozenset(shared), references, following, int(newest) + _AFTER_THE_SCHEMA)


class _Statement:
    """The statement for one catalog on one server."""

    def __init__(self, name: str, catalog: Catalog, server: Server) -> None:
        self._name, self._catalog, self._server = name, catalog, server
        self._types = server.columns[name]
        self.aspects: dict[str, list[str]] = {}
        for column in catalog.columns.split():
            if column in self._types:
                self.aspects.setdefault(catalog.aspect, []).append(column)
        for column, word in catalog.aspects.items():
            if column in self._types:
                self.aspects.setdefault(word, []).append(column)

    @property
    def text(self) -> sql.SQL:
        catalog = self._catalog
        hashes = [self._aspect(columns) for columns in self.aspects.values()]
        named = [self._in_names(column) for columns in self.aspects.values() for column in columns]
        if catalog.within:
            named.insert(0, f"t.{catalog.within}")
        number = catalog.number
        is_part = bool(catalog.owner) and bool(catalog.name)
        owner = catalog.owner or f"'{self._name}'::text"
        text = (
            _FRAME.replace("{listed}", f"({_LISTED})")
            .replace("{built_in}", f"({_BUILT_IN})")
            .replace("{whole}", "".join(f", {_sum(each)}" for each in hashes))
            .replace("{has_built_in}", str(catalog.has_built_in).lower())
            .replace("{sums}", "".join(f", {_sum(f'q.a{i}')}" for i in range(len(hashes))))
            .replace("{parts}", "".join(f", {each} AS a{i}" for i, each in enumerate(hashes)))
            .replace("{sum_named}", _sum("q.named"))
            .replace("{sum_built_in}", _sum("{named}"))
            .replace("{named}", _row([f"'{self._name}'", *named]))
            .replace("{key}", catalog.key or "NULL::text")
            .replace("{label}", self._label(is_part=is_part))
            .replace("{age}", "pg_catalog.age(t.xmin)" if catalog.has_xmin else "NULL::integer")
            .replace("{part}", self._part(is_part=is_part))
            .replace("{table}", catalog.table or self._name)
            .replace("{join}", catalog.join)
            .replace("{touched}", self._touched)
            .replace("{owner}", owner)
            .replace("{number}", number)
            .replace("{place}", catalog.place)
            .replace("{most}", str(MOST + 2))
        )
        return spell(text.replace("{", "{{").replace("}", "}}"))

    @property
    def _touched(self) -> str:
        """Whether a row with a small number stands for itself all the same: PostgreSQL did not bring it, or it was changed since."""
        if not self._catalog.has_built_in:
            return "true"
        return f"t.xmin::text::bigint > {self._server.last_of_initdb}" if self._catalog.has_xmin else "false"

    def _label(self, *, is_part: bool) -> str:
        catalog = self._catalog
        if not catalog.name:
            return f"CASE WHEN ({catalog.key}) IS NOT NULL THEN {catalog.label} END" if catalog.key else "NULL::text"
        if not is_part:
            return catalog.name
        return f"CASE WHEN o.class = '{self._name}' AND o.number = t.oid::bigint THEN {catalog.name} END"

    def _part(self, *, is_part: bool) -> str:
        if not is_part and self._name != "pg_attrdef":
            return "NULL::bigint"
        return f"CASE WHEN o.class <> '{self._name}' OR o.number <> t.oid::bigint THEN t.oid::bigint END"

    def _aspect(self, columns: list[str]) -> str:
        values = [self._as_it_is(column) for column in columns]
        within = [f"t.{self._catalog.within}"] if self._catalog.within else []
        if columns[0] in self._catalog.aspects:
            return f"CASE WHEN {values[0]} IS NOT NULL THEN {_row([*within, *values])} END"
        return _row([*within, *values])

    def _as_it_is(self, column: str) -> str:
        if column in self._catalog.spelled:
            return self._catalog.spelled[column]
        return self._acl(column, "") if self._types[column] == "aclitem[]" else f"t.{column}"

    def _in_names(self, column: str) -> str:
        if column in self._catalog.named:
            return self._catalog.named[column]
        if column in self._catalog.spelled:
            return self._catalog.spelled[column]
        kind, other = self._types[column], self._server.references.get((self._name, column))
        if kind == "aclitem[]":
            return self._acl(column, "::pg_catalog.regrole")
        if kind == "pg_node_tree":
            # Its own numbers are masked: pg_depend has a row for each object that it names.
            return rf"pg_catalog.regexp_replace(t.{column}::text, '\m\d{{5,}}\M', '#', 'g')".replace("{{", "{").replace(
                "}}", "}"
            )
        if other is None:
            return f"t.{column}"
        if kind in ("oid[]", "oidvector"):
            word = self._word(other, "x.id")
            return (
                f"(SELECT pg_catalog.string_agg(coalesce({word}, '-'), ',' ORDER BY x.place)"
                f" FROM pg_catalog.unnest(t.{column}::pg_catalog.oid[]) WITH ORDINALITY AS x (id, place))"
            )
        return self._word(other, f"t.{column}") if kind in ("oid", "regproc") else f"t.{column}"

    @staticmethod
    def _word(other: str, value: str) -> str:
        if other in _ALIASES:
            return f"{value}::pg_catalog.oid::pg_catalog.{_ALIASES[other]}::text"
        if other in _WORDS:
            return _WORDS[other].format(value)
        identity = f"(pg_catalog.pg_identify_object('pg_catalog.{other}'::pg_catalog.regclass, {value}, 0)).identity"
        return f"CASE WHEN {value} <> 0 THEN {identity} END"

    @staticmethod
    def _acl(column: str, cast: str) -> str:
        """The privileges as text; NULL where they are the usual ones, which most rows have and need not be spelled out for."""
        usual = _USUAL_ACL.get(column)
        words = _privileges(f"t.{column}", cast)
        if usual:
            words = f"nullif(coalesce({words}, 'nobody'), {_privileges(usual, cast)})"
        return f"CASE WHEN t.{column} IS NOT NULL THEN {words} END"


def _privileges(acl: str, cast: str) -> str:
    return (
        f"(SELECT pg_catalog.string_agg(x.grantor{cast} || '>' || x.grantee{cast} || ' ' || x.privilege_type || x.is_grantable,"
        " ',' ORDER BY x.grantee, x.grantor, x.privilege_type, x.is_grantable)"
        f" FROM pg_catalog.aclexplode({acl}) x WHERE x.grantee NOT IN (SELECT oid FROM agents))"
    )


@dataclass
class _Found:
    """One object, as its rows of all catalogs add up."""

    name: str | None = None
    sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    age: int | None = None
    has_age: bool = True
    """Whether the login may see when its own row was written; the age of what depends on it says nothing of that."""
    rows: int = 0

    def add(self, aspects: Iterable[str], row: tuple[Any, ...]) -> None:
        _class, _number, _key, label, count, age, named, _parts, *sums = row
        self.name = self.name if label is None else label
        self.rows += count
        self.age = age if self.age is None else self.age if age is None else min(age, self.age)
        for aspect, total in ((BY_NAME, named), *zip(aspects, sums, strict=True)):
            if total is not None:
                self.sums[aspect] += total

    def facts(self) -> dict[str, str]:
        sums = self.sums
        for sign, aspects in _MERGED.items():
            if sign in sums and "definition" in sums:
                sums["definition"] += sum(sums.pop(aspect, 0) for aspect in aspects)
        return {aspect: f"{total % 2**_BITS:0{_BITS // 4}x}" for aspect, total in sums.items()}


Which = Literal["all", "own", "shared"]
"""Which catalogs are walked: a database's own, those that all databases of the server share, or both."""


@dataclass(frozen=True)
class Walk:
    """What a walk found, and which catalogs it could not read."""

    items: tuple[Item, ...]
    unlisted: tuple[Unlisted, ...]


def walk_catalogs(session: Session, guard: _Guard, which: Which = "all") -> Walk:
    """Walk every catalog in the session's open transaction; ``own`` are the database's, ``shared`` the whole server's.

    ``guard`` asks one question so that a failure leaves the transaction whole, and raises that failure. Takes a few seconds
    for a hundred thousand columns. Raises only when the session is lost.
    """
    server = read_server(session)
    wanted = [each for each in server.columns if which == "all" or server.is_shared(each) == (which == "shared")]
    unlisted = [Unlisted(kind="catalog row", part=part, why=why, is_unknown=True)
                for part, why in server.strangers(wanted).items()]  # fmt: skip
    walking = _Walking(session, guard, server)
    for name in wanted:
        if name in WALKED:
            try:
                walking.read(name)
            except DaybreakError as error:
                if not session.is_open:
                    raise
                unlisted.append(Unlisted(kind="catalog row", part=name, why=error.message))
    unlisted += [
        Unlisted(kind="catalog row", part=name, why=f"it has more than {MOST} objects") for name in walking.large
    ]
    return Walk(tuple(walking.items()), tuple(unlisted))


class _Walking:
    """One walk: what each statement returned, put together by objects."""

    def __init__(self, session: Session, guard: _Guard, server: Server) -> None:
        self._session, self._guard, self._server = session, guard, server
        self._objects: defaultdict[_Thing, _Found] = defaultdict(_Found)
        self._keyed: dict[tuple[str, str], tuple[_Thing, _Found]] = {}
        self._built_in: dict[str, _Found] = {}
        self._wholes: dict[_Thing, _Thing] = {}
        self.large: list[str] = []

    def read(self, name: str) -> None:
        statement = _Statement(name, WALKED[name], self._server)
        rows = self._guard(lambda: self._session.ask(statement.text))
        if len(rows) > MOST + 1:
            self.large.append(name)
            return
        for row in rows:
            self._take(name, statement.aspects, row)

    def _take(self, name: str, aspects: Iterable[str], row: tuple[Any, ...]) -> None:
        owner, number, key, *_ = row
        if number is None:
            found = self._built_in[name] = _Found()
        elif key is not None:
            found = _Found()
            self._keyed[name, key] = ((owner, number), found)
        else:
            found = self._objects[owner, number]
            found.has_age &= WALKED[name].has_xmin
            self._wholes |= {(name, part): (owner, number) for part in row[7] or ()}
        found.add(aspects, row)

    def items(self) -> Iterator[Item]:
        """Every object, every row with a key, and one item for each catalog's own rows."""
        self._join_parts()
        for (catalog, number), found in self._objects.items():
            if found.name is not None:
                yield self._item(f"{catalog}: {found.name}", found, _mark(catalog, number), number)
        names = self._names()
        for (catalog, key), (thing, found) in self._keyed.items():
            more = {KEY: key} | _mark(catalog, thing[1])
            yield self._item(f"{catalog}: {names.get(thing, '')}{found.name or ''}", found, more)
        for catalog, found in self._built_in.items():
            yield self._item(f"{catalog}: {BUILT_IN}", found, {"number of rows": str(found.rows)})

    def _join_parts(self) -> None:
        """Put what depends on a part of an object to the object: the default of a column belongs to its table."""
        for part, whole in self._wholes.items():
            found = self._objects.pop(part, None)
            if found is not None:
                target = self._objects[whole]
                target.age = found.age if target.age is None else min(found.age or 0, target.age)
                for aspect, total in found.sums.items():
                    target.sums[aspect] += total

    def _names(self) -> dict[_Thing, str]:
        names = {thing: found.name for thing, found in self._objects.items() if found.name is not None}
        wanted = sorted({thing for thing, _ in self._keyed.values()} - set(names) - {("", 0)})
        if not wanted:
            return names
        classes, numbers = zip(*wanted, strict=True)
        try:
            rows = self._guard(lambda: self._session.ask(_IDENTITIES, (list(classes), list(numbers))))
        except DaybreakError:
            if not self._session.is_open:
                raise
            rows = []
        found = {(owner, int(number)): str(identity) for owner, number, identity in rows if identity is not None}
        return names | found

    def _item(self, name: str, found: _Found, more: dict[str, str], number: int | None = None) -> Item:
        return Item(
            kind="catalog row",
            name=plain(name),
            facts=more | found.facts(),
            oid=number,
            xmin=self._xmin(found.age) if found.has_age else None,
        )

    def _xmin(self, age: int | None) -> int | None:
        """The number of the transaction of that age, as rows carry it."""
        if age is None:
            return None
        return (self._server.following - age) % 2**32 if age < 2**31 - 1 else _FROZEN


def _mark(catalog: str, number: int) -> dict[str, str]:
    is_own = WALKED[catalog].has_built_in and number < _FIRST_OF_USERS
    return {OWN_OF_POSTGRES: "yes"} if is_own else {}

"""The types that columns of a table need beside the server's own, each with the statement of ours that makes it.

The same reading of both servers gives the same words for the same type: so a type that is there is held against the wanted one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from psycopg import sql

from daybreak.postgres.expressions import Accepts, first_reason, is_plain_function, why_not_alone, why_not_plain
from daybreak.postgres.session import Session

_FIRST_OF_PEOPLE = 16_384
"""The server gives the objects of its own templates lower numbers, and what it cannot do without those below the next one."""
_LAST_OF_SERVER = 12_000

_TYPE = sql.SQL("""
SELECT n.nspname::text, t.typname::text, t.typtype::text, CASE WHEN t.typcategory = 'A' THEN t.typelem::bigint ELSE 0 END,
    coalesce(c.relkind::text, ''), t.typrelid::bigint, t.typbasetype::bigint, coalesce(r.rngsubtype, 0)::bigint,
    coalesce((SELECT m.rngtypid FROM pg_catalog.pg_range m WHERE m.rngmultitypid = t.oid), 0)::bigint,
    coalesce((SELECT e.extname::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
              WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                AND d.refclassid = 'pg_catalog.pg_extension'::regclass), ''),
    pg_catalog.format('%%I.%%I', n.nspname, t.typname), t.typcollation::bigint
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
WHERE t.oid = %s
""")
_BY_NAME = sql.SQL("""
SELECT t.oid::bigint FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = %s AND t.typname = %s
""")
_LABELS = sql.SQL("""
SELECT coalesce(pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder), '')
FROM pg_catalog.pg_enum e WHERE e.enumtypid = %s
""")
_ATTRIBUTES = sql.SQL("""
SELECT a.atttypid::bigint, a.attcollation::bigint, pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attcollation <> t.typcollation
        THEN (SELECT pg_catalog.format(' COLLATE %%I.%%I', n.nspname, c.collname) FROM pg_catalog.pg_collation c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation) ELSE '' END
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
""")
_DOMAIN = sql.SQL("""
SELECT pg_catalog.format_type(t.typbasetype, t.typtypmod)
    || CASE WHEN t.typcollation <> b.typcollation
        THEN (SELECT pg_catalog.format(' COLLATE %%I.%%I', n.nspname, c.collname) FROM pg_catalog.pg_collation c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = t.typcollation) ELSE '' END
    || coalesce(' DEFAULT ' || pg_catalog.pg_get_expr(t.typdefaultbin, 0), '')
    || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END,
    t.typdefaultbin::text
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype WHERE t.oid = %s
""")
_CHECKS = sql.SQL("""
SELECT k.oid::bigint, pg_catalog.format(' CONSTRAINT %%I %%s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), k.conbin::text, k.convalidated
FROM pg_catalog.pg_constraint k WHERE k.contypid = %s AND k.contype = 'c' ORDER BY k.conname
""")
_RANGE = sql.SQL("""
SELECT pg_catalog.format('SUBTYPE = %%s, SUBTYPE_OPCLASS = %%I.%%I', pg_catalog.format_type(r.rngsubtype, NULL), n.nspname, o.opcname)
    || coalesce((SELECT pg_catalog.format(', COLLATION = %%I.%%I', x.nspname, c.collname) FROM pg_catalog.pg_collation c
                 JOIN pg_catalog.pg_namespace x ON x.oid = c.collnamespace WHERE c.oid = r.rngcollation), '')
    || coalesce((SELECT pg_catalog.format(', SUBTYPE_DIFF = %%I.%%I', x.nspname, p.proname) FROM pg_catalog.pg_proc p
                 JOIN pg_catalog.pg_namespace x ON x.oid = p.pronamespace WHERE p.oid = r.rngsubdiff), '')
    || coalesce((SELECT pg_catalog.format(', MULTIRANGE_TYPE_NAME = %%I.%%I', x.nspname, m.typname) FROM pg_catalog.pg_type m
                 JOIN pg_catalog.pg_namespace x ON x.oid = m.typnamespace WHERE m.oid = r.rngmultitypid), ''),
    r.rngcanonical::bigint = 0 AND r.rngsubdiff::bigint < 10000 AND o.oid < 12000, coalesce(r.rngcollation, 0)::bigint
FROM pg_catalog.pg_range r
JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
WHERE r.rngtypid = %s
""")
_COLLATION = sql.SQL("""
SELECT n.nspname::text, c.collname::text, pg_catalog.format('%%I.%%I', n.nspname, c.collname), pg_catalog.to_jsonb(c)
FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = %s
""")
_COLLATION_BY_NAME = sql.SQL("""
SELECT c.oid::bigint FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
WHERE n.nspname = %s AND c.collname = %s ORDER BY c.collencoding DESC LIMIT 1
""")
_OF_EXTENSION = sql.SQL("""
SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = %s::regclass AND d.objid = %s::oid AND d.deptype = 'e'
""")
_LITERAL = sql.SQL("SELECT pg_catalog.quote_literal(%s::text)")
_OF_SERVER = ("pg_catalog", "information_schema")
_PROVIDERS = {"i": "icu", "c": "libc", "b": "builtin"}


@dataclass(frozen=True, slots=True)
class TypeDefinition:
    """A type, or a collation, that is none of the server's own."""

    kind: str
    """``TYPE``, ``DOMAIN`` or ``COLLATION``."""
    schema: str
    name: str
    statement: str
    """What makes it; where nothing of ours can, what it is."""
    why_not: str = ""
    """Why we do not make it."""
    extension: str = ""
    """The extension that makes it."""


@dataclass
class TypeReader:
    """Reads the types of one database, each once, those that it needs before it."""

    session: Session
    found: dict[int, TypeDefinition | None] = field(default_factory=dict)
    collations: dict[int, TypeDefinition | None] = field(default_factory=dict)

    def definitions(self) -> Iterator[TypeDefinition]:
        """All that were read, collations first."""
        yield from filter(None, self.collations.values())
        yield from filter(None, self.found.values())

    def accepts(self, catalog: str, number: int) -> bool:
        """Whether it is the server's own, or a type or a collation that comes along, or what an extension has for such."""
        before = dict(self.found), dict(self.collations)
        match catalog:
            case "pg_type":
                self.read(number)
                found = self.found.get(number)
            case "pg_collation":
                self.read_collation(number)
                found = self.collations.get(number)
            case "pg_proc":
                return is_plain_function(self.session, number)
            case "pg_opclass" | "pg_operator":
                return number < _LAST_OF_SERVER or bool(self.session.ask(_OF_EXTENSION, (catalog, number)))
            case _:
                return number < _FIRST_OF_PEOPLE
        is_accepted = found is None or not found.why_not or bool(found.extension)
        if not is_accepted:  # the table can be without what only an expression needs
            self.found, self.collations = before
        return is_accepted

    def read(self, number: int) -> None:
        """Read a type and what it needs."""
        if number in self.found or number < _LAST_OF_SERVER:
            return
        self.found[number] = None
        [row] = self.session.ask(_TYPE, (number,))
        schema, name, kind, element, relkind, relation, base, subtype, of_range, extension, quoted, collation = row
        if element or of_range:
            self.read(element or of_range)
            return
        if schema in _OF_SERVER:
            return
        self.read_all((base, subtype))
        self.read_collation(collation)
        made = self._definition(number, kind, relkind, relation, quoted) if not extension else ("", "")
        words, why_not = made
        if extension:
            words, why_not = f"a type of the extension {extension}", f"it belongs to the extension {extension}"
        # What it needs was read meanwhile, and stands before it.
        self.found.pop(number)
        kind_ = "DOMAIN" if kind == "d" else "TYPE"
        self.found[number] = TypeDefinition(kind_, schema, name, words, why_not, extension)

    def read_all(self, numbers: Iterable[int]) -> None:
        """Read each of these."""
        for each in numbers:
            if each:
                self.read(each)

    def _definition(self, number: int, kind: str, relkind: str, relation: int, quoted: str) -> tuple[str, str]:
        match kind:
            case "e":
                [[labels]] = self.session.ask(_LABELS, (number,))
                return f"CREATE TYPE {quoted} AS ENUM ({labels})", ""
            case "c":
                attributes = self.session.ask(_ATTRIBUTES, (relation,))
                self.read_all(each[0] for each in attributes)
                for each in attributes:
                    self.read_collation(each[1])
                words = ", ".join(each[2] for each in attributes)
                why_not = "" if relkind == "c" else "it is the row of a table"
                return f"CREATE TYPE {quoted} AS ({words})", why_not
            case "d":
                return self._domain(number, quoted)
            case "r":
                [[words, is_plain, collation]] = self.session.ask(_RANGE, (number,))
                self.read_collation(collation)
                return (
                    f"CREATE TYPE {quoted} AS RANGE ({words})",
                    "" if is_plain else "functions of its own make its values",
                )
            case _:
                return f"a type of the kind {kind}", "functions of its own make its values"

    def _domain(self, number: int, quoted: str) -> tuple[str, str]:
        [[words, default]] = self.session.ask(_DOMAIN, (number,))
        checks = self.session.ask(_CHECKS, (number,))
        reasons = (
            *(why_not_plain(self.session, filter(None, (default, *(each[2] for each in checks))), with_rows=True),),
            *(why_not_alone(self.session, "pg_type", number, self._accepts_beside(number)) if default else "",),
            *(why_not_alone(self.session, "pg_constraint", each[0], self._accepts_beside(number)) for each in checks),
            *("a check of it was never held to what was there" for each in checks if not each[3]),
        )
        statement = f"CREATE DOMAIN {quoted} AS {words}{''.join(each[1] for each in checks)}"
        return statement, first_reason(iter(reasons))

    def _accepts_beside(self, own: int) -> Accepts:
        """What an expression of a domain may depend on: the domain itself too."""

        def accepts(catalog: str, number: int) -> bool:
            return catalog == "pg_namespace" or (catalog, number) == ("pg_type", own) or self.accepts(catalog, number)

        return accepts

    def read_collation(self, number: int) -> None:
        """Read a collation."""
        if not number or number in self.collations or number < _LAST_OF_SERVER:
            return
        [[schema, name, quoted, row]] = self.session.ask(_COLLATION, (number,))
        if schema in _OF_SERVER:
            self.collations[number] = None
            return
        provider = _PROVIDERS.get(row["collprovider"])
        parts = [f"PROVIDER = {provider}"]
        locale = row.get("colllocale") or row.get("colliculocale")
        # Before version 15 a locale of ICU stood where libc's stands.
        places = {"LOCALE": locale} if locale else {"LC_COLLATE": row["collcollate"], "LC_CTYPE": row["collctype"]}
        places["RULES"] = row.get("collicurules")
        for key, value in places.items():
            if value is not None:
                [[text]] = self.session.ask(_LITERAL, (value,))
                parts.append(f"{key} = {text}")
        parts.append(f"DETERMINISTIC = {'true' if row['collisdeterministic'] else 'false'}")
        why_not = "" if provider else "its provider is not known"
        statement = f"CREATE COLLATION {quoted} ({', '.join(parts)})"
        self.collations[number] = TypeDefinition("COLLATION", schema, name, statement, why_not)


def find_like(session: Session, wanted: TypeDefinition) -> TypeDefinition | None:
    """What stands under the name of a wanted type; ``None`` where nothing does."""
    reader = TypeReader(session)
    query = _COLLATION_BY_NAME if wanted.kind == "COLLATION" else _BY_NAME
    for [number] in session.ask(query, (wanted.schema, wanted.name)):
        if wanted.kind == "COLLATION":
            reader.read_collation(number)
            return reader.collations[number]
        reader.read(number)
        return reader.found[number] or TypeDefinition(
            "TYPE", wanted.schema, wanted.name, "an array or one of the server's own"
        )
    return None

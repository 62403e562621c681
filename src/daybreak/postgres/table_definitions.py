"""How a table of a scratch database is made anew elsewhere: statements of ours, composed of what the server's catalogs say of it.

The law: no text of an archive is among them. Names are quoted by the server, types and expressions are written by it from the trees
that it keeps, and an expression comes only where ``postgres.expressions`` lets it. What does not come is there with its statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.creations import name_of_part
from daybreak.model.names import printable, sql_identifier
from daybreak.postgres.expressions import first_reason, why_not_alone, why_not_plain
from daybreak.postgres.session import Session
from daybreak.postgres.type_definitions import TypeDefinition, TypeReader

Name = tuple[str, str]
Stage = Literal["before", "after", "last"]

_TABLE = sql.SQL("""
SELECT c.oid::bigint, c.relkind::text, c.relpersistence::text, coalesce(c.reloptions, '{}')::text[], c.relrowsecurity, c.relforcerowsecurity,
    c.relreplident::text, coalesce(am.amname::text, 'heap'), pg_catalog.pg_get_partkeydef(c.oid), p.partexprs::text,
    (SELECT bool_and(o.oid < 12000) FROM pg_catalog.unnest(p.partclass) AS k (oid) JOIN pg_catalog.pg_opclass o ON o.oid = k.oid),
    pg_catalog.pg_get_expr(c.relpartbound, c.oid), c.relpartbound::text,
    ARRAY(SELECT pg_catalog.format('%%I.%%I', x.nspname, u.relname) FROM pg_catalog.pg_inherits i
          JOIN pg_catalog.pg_class u ON u.oid = i.inhparent JOIN pg_catalog.pg_namespace x ON x.oid = u.relnamespace
          WHERE i.inhrelid = c.oid AND NOT c.relispartition ORDER BY i.inhseqno),
    coalesce((SELECT i.relname::text FROM pg_catalog.pg_index r JOIN pg_catalog.pg_class i ON i.oid = r.indexrelid
              WHERE r.indrelid = c.oid AND r.indisreplident), ''),
    (SELECT pg_catalog.format('%%I.%%I', x.nspname, u.relname) FROM pg_catalog.pg_inherits i
     JOIN pg_catalog.pg_class u ON u.oid = i.inhparent JOIN pg_catalog.pg_namespace x ON x.oid = u.relnamespace
     WHERE i.inhrelid = c.oid AND c.relispartition)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
WHERE n.nspname = %s AND c.relname = %s
""")
_PARTS = sql.SQL("""
SELECT n.nspname::text, c.relname::text, u.relname::text, y.nspname::text
FROM pg_catalog.pg_partition_tree(%s::oid) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class u ON u.oid = t.parentrelid JOIN pg_catalog.pg_namespace y ON y.oid = u.relnamespace
WHERE t.level > 0 ORDER BY t.level, 1, 2
""")
_COLUMNS = sql.SQL("""
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid::bigint, a.attnotnull, a.attidentity::text,
    a.attgenerated::text, CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text ELSE '' END, a.attcompression::text,
    CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::bigint ELSE 0 END,
    coalesce((SELECT pg_catalog.format('%%I.%%I', n.nspname, c.collname) FROM pg_catalog.pg_collation c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation), ''),
    coalesce(a.attstattarget, -1)::integer, d.oid::bigint, d.adbin::text, pg_catalog.pg_get_expr(d.adbin, d.adrelid),
    (SELECT pg_catalog.format('nextval(%%L::regclass)', s.oid::regclass::text) FROM pg_catalog.pg_depend e
     JOIN pg_catalog.pg_class s ON s.oid = e.refobjid AND s.relkind = 'S'
     WHERE e.classid = 'pg_catalog.pg_attrdef'::regclass AND e.objid = d.oid AND e.refclassid = 'pg_catalog.pg_class'::regclass LIMIT 1),
    (SELECT s.oid::bigint FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_class s ON s.oid = e.refobjid AND s.relkind = 'S'
     WHERE e.classid = 'pg_catalog.pg_attrdef'::regclass AND e.objid = d.oid AND e.refclassid = 'pg_catalog.pg_class'::regclass LIMIT 1),
    (SELECT s.oid::bigint FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_class s ON s.oid = e.objid AND s.relkind = 'S'
     WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.refclassid = 'pg_catalog.pg_class'::regclass
       AND e.refobjid = a.attrelid AND e.refobjsubid = a.attnum AND e.deptype IN ('a', 'i') ORDER BY e.deptype DESC LIMIT 1),
    coalesce(a.attoptions, '{}')::text[]
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
""")
_SEQUENCE = sql.SQL("""
SELECT n.nspname::text, c.relname::text, pg_catalog.format_type(q.seqtypid, NULL),
    pg_catalog.format('INCREMENT BY %%s MINVALUE %%s MAXVALUE %%s START WITH %%s CACHE %%s %%s', q.seqincrement, q.seqmin, q.seqmax,
        q.seqstart, q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END), c.relpersistence::text,
    EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'a'
            AND e.refclassid = 'pg_catalog.pg_class'::regclass AND e.refobjsubid > 0)
FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE q.seqrelid = %s
""")
_CONSTRAINTS = sql.SQL("""
SELECT k.oid::bigint, k.conname::text, k.contype::text, pg_catalog.pg_get_constraintdef(k.oid), k.conbin::text, k.convalidated,
    coalesce(i.indexrelid, 0)::bigint, k.conislocal
FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
WHERE k.conrelid = %s AND k.contype IN ('c', 'p', 'u', 'x', 'f') AND (k.contype <> 'f' OR k.conparentid = 0)
ORDER BY k.contype = 'f', k.conname
""")
_INDEXES = sql.SQL("""
SELECT i.indexrelid::bigint, n.nspname::text, c.relname::text, pg_catalog.pg_get_indexdef(i.indexrelid),
    pg_catalog.format('CREATE %%sINDEX %%I ON %%s%%I.%%I USING ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname,
        CASE WHEN c.relkind = 'I' THEN 'ONLY ' ELSE '' END, n.nspname, t.relname),
    i.indisunique, pg_catalog.concat_ws(' ', i.indexprs::text, i.indpred::text),
    am.oid < 10000 AND NOT EXISTS (
        SELECT FROM pg_catalog.unnest(i.indclass) AS k (oid) WHERE k.oid >= 12000 AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_opclass'::regclass AND e.objid = k.oid AND e.deptype = 'e')),
    EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')),
    i.indisvalid, i.indisclustered
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE i.indrelid = %s ORDER BY 2, 3
""")
_COMMENTS = sql.SQL("""
SELECT d.objsubid, pg_catalog.quote_literal(d.description), a.attname::text
FROM pg_catalog.pg_description d
LEFT JOIN pg_catalog.pg_attribute a ON d.classoid = 'pg_catalog.pg_class'::regclass AND a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE d.classoid = %s::regclass AND d.objoid = %s::oid ORDER BY 1
""")
_BESIDE = sql.SQL("""
SELECT 'TRIGGER', t.tgname::text, pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t
WHERE t.tgrelid = %(table)s AND NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL SELECT 'RULE', r.rulename::text, pg_catalog.pg_get_ruledef(r.oid) FROM pg_catalog.pg_rewrite r WHERE r.ev_class = %(table)s
UNION ALL SELECT 'STATISTICS', s.stxname::text, pg_catalog.pg_get_statisticsobjdef(s.oid) FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = %(table)s
UNION ALL SELECT 'POLICY', p.polname::text, pg_catalog.format('CREATE POLICY %%I ON %%s AS %%s FOR %%s TO %%s%%s%%s', p.polname, p.polrelid::regclass,
    CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident(o.rolname), ', ') FROM pg_catalog.pg_roles o WHERE o.oid = ANY (p.polroles)), 'PUBLIC'),
    coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', ''),
    coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')) FROM pg_catalog.pg_policy p WHERE p.polrelid = %(table)s
ORDER BY 1, 2
""")
_STORAGES = {"p": "PLAIN", "e": "EXTERNAL", "x": "EXTENDED", "m": "MAIN"}
_COMPRESSIONS = {"p": "pglz", "l": "lz4"}
_IDENTITIES = {"a": "ALWAYS", "d": "BY DEFAULT"}
_KINDS = {"c": "CHECK CONSTRAINT", "p": "CONSTRAINT", "u": "CONSTRAINT", "x": "CONSTRAINT", "f": "FK CONSTRAINT"}
LISTED = frozenset({"TRIGGER", "RULE", "STATISTICS", "POLICY", "TABLE ATTACH"})
"""What is code, a hint of the planner's, or a part of another table: it is left for a person, and a table of contents has it."""
NEVER = LISTED | {"INHERITANCE"}
"""What never comes, which the plan says."""


@dataclass(frozen=True, slots=True)
class TablePart:
    """One thing of a table, and the statement that makes it, or would."""

    kind: str
    """In pg_dump's words."""
    name: Name
    """Of what belongs to a table the table's schema, and its own name."""
    statement: str
    stage: Stage = "before"
    """Whether it is made before the rows come, or after them, or once nobody has to see them any more."""
    is_needed: bool = False
    """Whether nothing is made without it."""
    why_not: str = ""
    """Why it is not made."""

    @property
    def label(self) -> str:
        """What people call it."""
        return printable(f"{self.kind} {'.'.join(filter(None, self.name))}", 400)


@dataclass(frozen=True, slots=True)
class SequenceReached:
    """Where a sequence of the scratch database stands."""

    name: Name
    """In the receiver."""
    value: int
    is_called: bool


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """How a table is made, with all its parts."""

    into: Name
    types: tuple[TypeDefinition, ...]
    pieces: tuple[TablePart, ...]
    relations: dict[Name, Name]
    """The tables and sequences that it makes: the name in the export, and the one in the receiver."""
    as_plain: tuple[str, ...] = ()
    """The columns whose values come as they are, since what computes them does not come."""
    sequences: tuple[SequenceReached, ...] = ()
    foreign_keys: tuple[str, ...] = ()
    """Their statements, in the words of pg_dump."""
    follows: tuple[Name, ...] = ()
    """The sequences, by their names in the export, that belong to a column."""

    @property
    def schemas(self) -> tuple[str, ...]:
        """Those that it needs."""
        return tuple(
            dict.fromkeys((*(each.schema for each in self.types), *(schema for schema, _ in self.relations.values())))
        )


def read_definition(
    session: Session, table: Name, into: Name, wanted: Callable[[str], bool] = lambda _label: True
) -> TableDefinition:
    """How a table of the session's database is made under the name ``into``.

    ``wanted`` says which tables, sequences, indexes and constraints come, by their kind and name in pg_dump's words: nothing that
    stands there without having been planned. Raises ``Failed`` where the table is not there, or is of a kind that cannot be made.
    """
    return _Reader(session, table, into, wanted).read()


@dataclass
class _Reader:
    session: Session
    table: Name
    into: Name
    wanted: Callable[[str], bool]
    types: TypeReader = field(init=False)
    pieces: list[TablePart] = field(default_factory=list)
    ending: list[TablePart] = field(default_factory=list)
    """Of all tables, what stands behind what every table has."""
    relations: dict[Name, Name] = field(default_factory=dict)
    own: set[int] = field(default_factory=set)
    """The tables and sequences that come, as the scratch database numbers them."""
    as_plain: list[str] = field(default_factory=list)
    sequences: list[SequenceReached] = field(default_factory=list)
    foreign_keys: list[str] = field(default_factory=list)
    follows: list[Name] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.types = TypeReader(self.session)

    def read(self) -> TableDefinition:
        root = self._row(self.table)
        self.relations[self.table] = self.into
        parts = self.session.ask(_PARTS, (root[0],)) if root[1] == "p" else []
        parents: dict[Name, Name] = {}
        for schema, name, parent, parent_schema in parts:
            if not self.wanted(f"TABLE {schema}.{name}"):
                raise Failed(
                    f"the archive does not list {_words((schema, name))}, which is a part of {_words(self.table)}"
                )
            self.relations[schema, name] = self._renamed((schema, name))
            parents[schema, name] = (parent_schema, parent)
        rows = {each: self._row(each) for each in self.relations}
        self.own.update(row[0] for row in rows.values())
        for each in [*rows]:
            self._read_table(each, rows[each], parents.get(each))
        # An index of a partitioned table takes those of its parts to itself, so those are made before.
        for each in reversed([*rows]):
            self._read_parts(each, rows[each])
        return TableDefinition(
            into=self.into,
            types=tuple(self.types.definitions()),
            pieces=(*self.pieces, *self.ending),
            relations=self.relations,
            as_plain=tuple(dict.fromkeys(self.as_plain)),
            sequences=tuple(self.sequences),
            foreign_keys=tuple(self.foreign_keys),
            follows=tuple(self.follows),
        )

    def _row(self, table: Name) -> tuple[Any, ...]:
        found = self.session.ask(_TABLE, table)
        if not found:
            raise Failed(f"the scratch database has no table {_words(table)}")
        [row] = found
        if row[1] not in ("r", "p"):
            raise Failed(
                f"{_words(table)} is no table of its own, so it is not made: only plain and partitioned tables are"
            )
        if row[1] == "p":
            reason = why_not_plain(self.session, filter(None, (row[9],)))
            if reason or not row[10]:
                raise Failed(
                    f"{_words(table)} is not made: it is partitioned by more than its columns: {reason or 'an operator class'}"
                )
        return row

    def _renamed(self, name: Name) -> Name:
        return name_of_part(name, self.table, self.into)

    def _read_table(self, table: Name, row: tuple[Any, ...], parent: Name | None) -> None:
        oid, kind, persistence, options, security, forced = row[:6]
        into = self.relations[table]
        columns = self.session.ask(_COLUMNS, (oid,))
        later: list[TablePart] = []
        words = [self._column(each, into, later, is_part=parent is not None) for each in columns]
        unlogged = "UNLOGGED " if persistence == "u" and kind == "r" else ""
        by = f" PARTITION BY {row[8]}" if kind == "p" else ""
        having = f" WITH ({', '.join(map(_option, options))})" if options else ""
        statement = f"CREATE {unlogged}TABLE {_quote(into)} ({', '.join(words)}){by}{having}"
        self.pieces.append(TablePart("TABLE", into, statement, is_needed=True))
        self.pieces += later
        self._read_checks(oid, into)
        self._attach(row, into, parent)
        if row[7] != "heap":
            self._leave(
                "ACCESS METHOD",
                into,
                f"ALTER TABLE {_quote(into)} SET ACCESS METHOD {sql_identifier(row[7])}",
                "it is none of the server's own",
            )
        for each in row[13]:
            self._leave(
                "INHERITANCE", into, f"ALTER TABLE {_quote(into)} INHERIT {each}", "it comes as a table of its own"
            )
        for is_set, what in ((security, "ENABLE"), (forced, "FORCE")):
            if is_set:
                piece = TablePart(
                    "ROW SECURITY",
                    into,
                    f"ALTER TABLE {_quote(into)} {what} ROW LEVEL SECURITY",
                    "last",
                    is_needed=True,
                )
                self.ending.append(piece)
        if row[6] in ("f", "n"):
            words_ = "FULL" if row[6] == "f" else "NOTHING"
            self.ending.append(
                TablePart("REPLICA IDENTITY", into, f"ALTER TABLE {_quote(into)} REPLICA IDENTITY {words_}", "after")
            )
        self._comment("TABLE", "pg_class", oid, into)

    def _attach(self, row: tuple[Any, ...], into: Name, parent: Name | None) -> None:
        if row[11] is None:
            return
        reason = why_not_plain(self.session, (row[12],))
        if parent is None:
            statement = f"ALTER TABLE ONLY {row[15]} ATTACH PARTITION {_quote(into)} {row[11]}"
            self._leave("TABLE ATTACH", into, statement, "it comes as a table of its own")
            return
        statement = f"ALTER TABLE ONLY {_quote(self.relations[parent])} ATTACH PARTITION {_quote(into)} {row[11]}"
        if reason:
            raise Failed(f"the partition {_words(into)} is not made: {reason}")
        self.pieces.append(TablePart("TABLE ATTACH", into, statement, is_needed=True))

    def _column(self, row: tuple[Any, ...], into: Name, later: list[TablePart], *, is_part: bool) -> str:
        name, kind, number, is_needed, identity, generated, storage, compression, collation, collated = row[:10]
        target, _, _, words, _, _, owned, options = row[10:]
        self.types.read(number)
        self.types.read_collation(collation)
        quoted = sql_identifier(name)
        parts = [quoted, kind]
        alter = f"ALTER TABLE ONLY {_quote(into)} ALTER COLUMN {quoted}"
        where = (into[0], f"{into[1]} {name}")
        if collation:
            parts.append(f"COLLATE {collated}")
        if generated:
            if reason := self._why_not(row[12], "pg_attrdef", row[11]):
                self.as_plain.append(name)
                self._leave("GENERATED", where, f"{quoted} {kind} GENERATED ALWAYS AS ({words}) STORED", reason)
            else:
                parts.append(f"GENERATED ALWAYS AS ({words}) STORED")
        elif words is not None:
            later += self._default(row, into, where, alter)
        if identity and owned and not is_part:
            sequence, sequence_words = self._sequence(owned)
            parts.append(
                f"GENERATED {_IDENTITIES[identity]} AS IDENTITY (SEQUENCE NAME {_quote(sequence)} {sequence_words})"
            )
        elif owned and not identity:
            later.append(self._own_sequence(owned, into, quoted))
        if is_needed:
            parts.append("NOT NULL")
        if storage in _STORAGES:
            later.append(TablePart("STORAGE", where, f"{alter} SET STORAGE {_STORAGES[storage]}"))
        if compression in _COMPRESSIONS:
            later.append(TablePart("COMPRESSION", where, f"{alter} SET COMPRESSION {_COMPRESSIONS[compression]}"))
        if target >= 0:
            later.append(TablePart("STATISTICS TARGET", where, f"{alter} SET STATISTICS {int(target)}"))
        if options:
            later.append(TablePart("OPTIONS", where, f"{alter} SET ({', '.join(map(_option, options))})"))
        return " ".join(parts)

    def _default(self, row: tuple[Any, ...], into: Name, where: Name, alter: str) -> Iterator[TablePart]:
        tree, words, next_value, sequence = row[12:16]
        if sequence and words == next_value:
            found = self._sequence_of(sequence)
            yield TablePart(
                "DEFAULT",
                where,
                f"{alter} SET DEFAULT pg_catalog.nextval({_literal(_quote(found))}::pg_catalog.regclass)",
            )
            return
        reason = self._why_not(tree, "pg_attrdef", row[11])
        yield TablePart("DEFAULT", where, f"{alter} SET DEFAULT {words}", why_not=reason)

    def _sequence_of(self, number: int) -> Name:
        """A sequence that a default takes its values from: it comes along, once."""
        [[schema, name, *_]] = self.session.ask(_SEQUENCE, (number,))
        if (schema, name) not in self.relations:
            self._make_sequence(number)
        return self.relations[schema, name]

    def _make_sequence(self, number: int) -> None:
        [[_, _, kind, _, persistence, is_owned]] = self.session.ask(_SEQUENCE, (number,))
        found, words = self._sequence(number, is_owned=is_owned)
        unlogged = "UNLOGGED " if persistence == "u" else ""
        at = (
            next(place for place, each in enumerate(self.pieces) if each.kind in ("TABLE", "SEQUENCE"))
            if self.pieces
            else 0
        )
        piece = TablePart(
            "SEQUENCE", found, f"CREATE {unlogged}SEQUENCE {_quote(found)} AS {kind} {words}", is_needed=True
        )
        self.pieces.insert(at, piece)

    def _sequence(self, number: int, *, is_owned: bool = True) -> tuple[Name, str]:
        """A sequence's name in the receiver, and its settings."""
        [[schema, name, _, words, _, _]] = self.session.ask(_SEQUENCE, (number,))
        found = self._renamed((schema, name)) if is_owned else (schema, name)
        self.relations[schema, name] = found
        self.own.add(number)
        if is_owned:
            self.follows.append((schema, name))
        [[value, is_called]] = self.session.ask(
            sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
        )
        self.sequences.append(SequenceReached(found, value, is_called))
        return found, words

    def _own_sequence(self, number: int, into: Name, quoted: str) -> TablePart:
        found = self._sequence_of(number)
        return TablePart(
            "SEQUENCE OWNED BY",
            found,
            f"ALTER SEQUENCE {_quote(found)} OWNED BY {_quote(into)}.{quoted}",
            is_needed=True,
        )

    def _read_checks(self, oid: int, into: Name) -> None:
        for number, name, kind, words, tree, is_valid, _, _ in self.session.ask(_CONSTRAINTS, (oid,)):
            if kind != "c":
                continue
            statement = f"ALTER TABLE ONLY {_quote(into)} ADD CONSTRAINT {sql_identifier(name)} {words}"
            piece = TablePart(
                _KINDS[kind], (into[0], f"{into[1]} {name}"), statement, "before" if is_valid else "after",
                why_not=self._why_not(tree, "pg_constraint", number),
            )  # fmt: skip
            (self.pieces if is_valid else self.ending).append(piece)
            self._comment(f"CONSTRAINT {sql_identifier(name)} ON", "pg_constraint", number, into)

    def _read_parts(self, table: Name, row: tuple[Any, ...]) -> None:
        """Indexes, constraints that are indexes, and what is left beside."""
        oid, into = row[0], self.relations[table]
        indexes = {each[0]: each for each in self.session.ask(_INDEXES, (oid,))}
        for number, name, kind, words, tree, _, index, _ in self.session.ask(_CONSTRAINTS, (oid,)):
            if kind == "f":
                if table == self.table:
                    self.foreign_keys.append(
                        f"ALTER TABLE ONLY {_quote(into)} ADD CONSTRAINT {sql_identifier(name)} {words};"
                    )
                continue
            if kind == "c" or not self.wanted(f"CONSTRAINT {table[0]}.{table[1]} {name}"):
                continue
            found = self._renamed((table[0], name))[1]
            statement = f"ALTER TABLE ONLY {_quote(into)} ADD CONSTRAINT {sql_identifier(found)} {words}".replace(
                "ALTER TABLE ONLY ", "ALTER TABLE ", 1 if row[1] == "p" else 0
            )
            reason = self._why_no_index(indexes.get(index)) or self._why_not(tree, "pg_constraint", number)
            self.ending.append(
                TablePart(_KINDS[kind], (into[0], f"{into[1]} {found}"), statement, "after", why_not=reason)
            )
            self._comment(f"CONSTRAINT {sql_identifier(found)} ON", "pg_constraint", number, into)
            self._identify(row, name, found, into)
        for each in indexes.values():
            if not each[8] and self.wanted(f"INDEX {each[1]}.{each[2]}"):
                self._read_index(each, row, into)
        for kind, name, statement in self.session.ask(_BESIDE, {"table": oid}):
            self._leave(
                kind,
                (into[0], f"{into[1]} {name}"),
                statement,
                "it is code of the archive's" if kind != "STATISTICS" else "it only helps the server to plan",
            )

    def _read_index(self, found: tuple[Any, ...], row: tuple[Any, ...], into: Name) -> None:
        number, schema, name, words, head, is_unique = found[:6]
        if not words.startswith(head):
            raise Failed(
                f"the index {_words((schema, name))} is described otherwise than is known: {printable(words, 200)}"
            )
        new = self._renamed((schema, name))
        statement = f"CREATE {'UNIQUE ' if is_unique else ''}INDEX {sql_identifier(new[1])} ON {_quote(into)} USING {words[len(head) :]}"
        reason = self._why_no_index(found)
        self.ending.append(TablePart("INDEX", (into[0], new[1]), statement, "after", why_not=reason))
        self._comment("INDEX", "pg_class", number, (into[0], new[1]))
        self._identify(row, name, new[1], into)

    def _identify(self, row: tuple[Any, ...], name: str, found: str, into: Name) -> None:
        if row[6] == "i" and row[14] == name:
            statement = f"ALTER TABLE {_quote(into)} REPLICA IDENTITY USING INDEX {sql_identifier(found)}"
            self.ending.append(TablePart("REPLICA IDENTITY", into, statement, "after"))

    def _why_no_index(self, found: tuple[Any, ...] | None) -> str:
        if found is None:
            return "its index is not there"
        number, trees, is_plain = found[0], found[6], found[7]
        if not is_plain:
            return "its order of values is none of the server's own"
        return why_not_plain(self.session, (trees,)) or why_not_alone(self.session, "pg_class", number, self._accepts)

    def _why_not(self, tree: str | None, catalog: str, number: int) -> str:
        """Why an expression does not come; empty where it does."""
        if tree is None:
            return ""
        return first_reason(
            one
            for one in (
                why_not_plain(self.session, (tree,)),
                why_not_alone(self.session, catalog, number, self._accepts),
            )
        )

    def _accepts(self, catalog: str, number: int) -> bool:
        if catalog == "pg_class":
            return number in self.own
        return catalog in ("pg_constraint", "pg_namespace") or self.types.accepts(catalog, number)

    def _leave(self, kind: str, name: Name, statement: str, why: str) -> None:
        self.ending.append(TablePart(kind, name, statement, "after", why_not=why))

    def _comment(self, what: str, catalog: str, number: int, into: Name) -> None:
        for place, text, column in self.session.ask(_COMMENTS, (catalog, number)):
            if not place:
                self.ending.append(TablePart("COMMENT", into, f"COMMENT ON {what} {_quote(into)} IS {text}", "after"))
            elif column is not None:
                where = f"{_quote(into)}.{sql_identifier(column)}"
                self.ending.append(
                    TablePart(
                        "COMMENT", (into[0], f"{into[1]} {column}"), f"COMMENT ON COLUMN {where} IS {text}", "after"
                    )
                )


def definitions_in_order(found: Iterable[TableDefinition]) -> Iterator[TablePart]:
    """The pieces of several tables, those that are made before the rows first."""
    every = [piece for each in found for piece in each.pieces]
    for stage in ("before", "after", "last"):
        yield from (each for each in every if each.stage == stage)


def _option(text: str) -> str:
    """A storage option as the catalog has it, with its value quoted."""
    name, _, value = text.partition("=")
    return f"{sql_identifier(name)} = {_literal(value)}"


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{quoted}'"


def _quote(name: Name) -> str:
    return ".".join(map(sql_identifier, name))


def _words(name: Name) -> str:
    return printable(".".join(name))

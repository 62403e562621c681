"""How a table of a scratch database is made anew elsewhere: statements of ours, composed of what the server's catalogs say of it.

The law: no text of an archive is among them. Names are quoted by the server, types and expressions are written by it from the trees
that it keeps, and an expression comes only where ``postgres.expressions`` lets it. What does not come is there with its statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from psycopg import sql

from daybreak.errors import Failed
from daybreak.model.creations import name_of_part
from daybreak.model.names import printable, sql_identifier
from daybreak.postgres.definition_rows import (
    ColumnRow,
    ConstraintRow,
    IndexRow,
    RelationRow,
    read_beside,
    read_columns,
    read_comments,
    read_constraints,
    read_indexes,
    read_parts,
    read_sequence,
    read_table,
)
from daybreak.postgres.expressions import first_reason, why_not_alone, why_not_plain
from daybreak.postgres.session import Session
from daybreak.postgres.type_definitions import TypeDefinition, TypeReader

QualifiedName = tuple[str, str]
"""A schema, and a name in it."""
PartStage = Literal["before", "after", "last"]

_STORAGES = {"p": "PLAIN", "e": "EXTERNAL", "x": "EXTENDED", "m": "MAIN"}
_COMPRESSIONS = {"p": "pglz", "l": "lz4"}
_IDENTITIES = {"a": "ALWAYS", "d": "BY DEFAULT"}
_REPLICAS = {"f": "FULL", "n": "NOTHING"}
_WHY_NEVER = {"STATISTICS": "it only helps the server to plan"}
_BY_ITSELF = "it comes as a table of its own"
LISTED = frozenset({"TRIGGER", "RULE", "STATISTICS", "POLICY", "TABLE ATTACH"})
"""What is code, a hint of the planner's, or a part of another table: it is left for a person, and a table of contents has it."""
NEVER = LISTED | {"INHERITANCE"}
"""What never comes, which the plan says."""


@dataclass(frozen=True, slots=True)
class TablePart:
    """One thing of a table, and the statement that makes it, or would."""

    kind: str
    """In pg_dump's words."""
    name: QualifiedName
    """Of what belongs to a table the table's schema, and its own name."""
    statement: str
    stage: PartStage = "before"
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

    name: QualifiedName
    """In the receiver."""
    value: int
    is_called: bool


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """How a table is made, with all its parts."""

    into: QualifiedName
    types: tuple[TypeDefinition, ...]
    parts: tuple[TablePart, ...]
    relations: dict[QualifiedName, QualifiedName]
    """The tables and sequences that it makes: the name in the export, and the one in the receiver."""
    as_plain: tuple[str, ...] = ()
    """The columns whose values come as they are, since what computes them does not come."""
    sequences: tuple[SequenceReached, ...] = ()
    foreign_keys: tuple[str, ...] = ()
    """Their statements, in the words of pg_dump."""
    follows: tuple[QualifiedName, ...] = ()
    """The sequences, by their names in the export, that belong to a column."""

    @property
    def schemas(self) -> tuple[str, ...]:
        """Those that it needs."""
        return tuple(
            dict.fromkeys((*(each.schema for each in self.types), *(schema for schema, _ in self.relations.values())))
        )


def read_definition(
    session: Session, table: QualifiedName, into: QualifiedName, wanted: Callable[[str], bool] = lambda _label: True
) -> TableDefinition:
    """How a table of the session's database is made under the name ``into``.

    ``wanted`` says which tables, sequences, indexes and constraints come, by their kind and name in pg_dump's words: nothing that
    stands there without having been planned. Raises ``Failed`` where the table is not there, or is of a kind that cannot be made.
    """
    return _Reader(session, table, into, wanted).read()


@dataclass
class _Reader:
    session: Session
    table: QualifiedName
    into: QualifiedName
    wanted: Callable[[str], bool]
    types: TypeReader = field(init=False)
    parts: list[TablePart] = field(default_factory=list)
    ending: list[TablePart] = field(default_factory=list)
    """Of all tables, what stands behind what every table has."""
    relations: dict[QualifiedName, QualifiedName] = field(default_factory=dict)
    own: set[int] = field(default_factory=set)
    """The tables and sequences that come, as the scratch database numbers them."""
    as_plain: list[str] = field(default_factory=list)
    sequences: list[SequenceReached] = field(default_factory=list)
    foreign_keys: list[str] = field(default_factory=list)
    follows: list[QualifiedName] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.types = TypeReader(self.session)

    def read(self) -> TableDefinition:
        root = self._row(self.table)
        self.relations[self.table] = self.into
        parents = dict(read_parts(self.session, root.number) if root.kind == "p" else ())
        for name in parents:
            if not self.wanted(f"TABLE {'.'.join(name)}"):
                raise Failed(f"the archive does not list {_words(name)}, which is a part of {_words(self.table)}")
            self.relations[name] = self._name_of(name)
        rows = {each: self._row(each) for each in self.relations}
        self.own.update(row.number for row in rows.values())
        for name, row in rows.items():
            self._read_table(row, self.relations[name], parents.get(name))
        # An index of a partitioned table takes those of its parts to itself, so those are made before.
        for name, row in reversed(rows.items()):
            self._read_parts(name, row)
        return TableDefinition(
            into=self.into,
            types=tuple(self.types.definitions()),
            parts=(*self.parts, *self.ending),
            relations=self.relations,
            as_plain=tuple(dict.fromkeys(self.as_plain)),
            sequences=tuple(self.sequences),
            foreign_keys=tuple(self.foreign_keys),
            follows=tuple(self.follows),
        )

    def _row(self, table: QualifiedName) -> RelationRow:
        row = read_table(self.session, table)
        if row is None:
            raise Failed(f"the scratch database has no table {_words(table)}")
        if row.kind not in ("r", "p"):
            raise Failed(
                f"{_words(table)} is no table of its own, so it is not made: only plain and partitioned tables are"
            )
        if row.kind == "p":
            reason = why_not_plain(self.session, filter(None, (row.partition_trees,)))
            if reason or not row.has_plain_orders:
                reason = reason or "its order of values is none of the server's own"
                raise Failed(f"{_words(table)} is not made: it is partitioned by more than its columns: {reason}")
        return row

    def _name_of(self, name: QualifiedName) -> QualifiedName:
        return name_of_part(name, self.table, self.into)

    def _read_table(self, row: RelationRow, into: QualifiedName, parent: QualifiedName | None) -> None:
        later: list[TablePart] = []
        columns = [
            self._column(each, into, later, is_part=parent is not None)
            for each in read_columns(self.session, row.number)
        ]
        quoted, is_whole = _quote(into), row.kind == "p"
        unlogged = "UNLOGGED " if row.persistence == "u" and not is_whole else ""
        by = f" PARTITION BY {row.partition_key}" if is_whole else ""
        options = f" WITH ({', '.join(map(_option, row.options))})" if row.options else ""
        statement = f"CREATE {unlogged}TABLE {quoted} ({', '.join(columns)}){by}{options}"
        self.parts += [TablePart("TABLE", into, statement, is_needed=True), *later]
        self._read_checks(row.number, into)
        self._attach(row, into, parent)
        self._read_rest(row, into)
        self._comment("TABLE", "pg_class", row.number, into)

    def _read_rest(self, row: RelationRow, into: QualifiedName) -> None:
        """What a table is beside its columns."""
        alter = f"ALTER TABLE {_quote(into)}"
        if row.method != "heap":
            why = "it is none of the server's own"
            self._leave("ACCESS METHOD", into, f"{alter} SET ACCESS METHOD {sql_identifier(row.method)}", why)
        for each in row.parents:
            self._leave("INHERITANCE", into, f"{alter} INHERIT {each}", _BY_ITSELF)
        for is_set, what in ((row.is_secured, "ENABLE"), (row.is_secured_from_owner, "FORCE")):
            if is_set:
                security = f"{alter} {what} ROW LEVEL SECURITY"
                self.ending.append(TablePart("ROW SECURITY", into, security, "last", is_needed=True))
        if row.identity in _REPLICAS:
            self.ending.append(
                TablePart("REPLICA IDENTITY", into, f"{alter} REPLICA IDENTITY {_REPLICAS[row.identity]}", "after")
            )

    def _attach(self, row: RelationRow, into: QualifiedName, parent: QualifiedName | None) -> None:
        if row.bound is None or row.bound_tree is None:
            return
        end = f"ATTACH PARTITION {_quote(into)} {row.bound}"
        if parent is None:
            self._leave("TABLE ATTACH", into, f"ALTER TABLE ONLY {row.parent} {end}", _BY_ITSELF)
        elif reason := why_not_plain(self.session, (row.bound_tree,)):
            raise Failed(f"the partition {_words(into)} is not made: {reason}")
        else:
            statement = f"ALTER TABLE ONLY {_quote(self.relations[parent])} {end}"
            self.parts.append(TablePart("TABLE ATTACH", into, statement, is_needed=True))

    def _column(self, row: ColumnRow, into: QualifiedName, later: list[TablePart], *, is_part: bool) -> str:
        """A column as a table is made with it; what is said of it ``later`` can be refused by itself."""
        self.types.read(row.type)
        self.types.read_collation(row.collation)
        quoted, where = sql_identifier(row.name), (into[0], f"{into[1]} {row.name}")
        alter = f"ALTER TABLE ONLY {_quote(into)} ALTER COLUMN {quoted}"
        words = [quoted, row.words]
        if row.collation:
            words.append(f"COLLATE {row.collated}")
        if row.generated:
            words += self._computation(row, where)
        elif row.value is not None:
            later.append(self._default(row, where, alter))
        if row.own_sequence and not row.identity:
            later.append(self._own_sequence(row.own_sequence, into, quoted))
        elif row.own_sequence and not is_part:
            name, settings = self._sequence(row.own_sequence)
            how = _IDENTITIES[row.identity]
            words.append(f"GENERATED {how} AS IDENTITY (SEQUENCE NAME {_quote(name)} {settings})")
        if row.is_needed:
            words.append("NOT NULL")
        if row.storage in _STORAGES:
            later.append(TablePart("STORAGE", where, f"{alter} SET STORAGE {_STORAGES[row.storage]}"))
        if row.compression in _COMPRESSIONS:
            later.append(TablePart("COMPRESSION", where, f"{alter} SET COMPRESSION {_COMPRESSIONS[row.compression]}"))
        if row.target >= 0:
            later.append(TablePart("STATISTICS TARGET", where, f"{alter} SET STATISTICS {row.target}"))
        if row.options:
            later.append(TablePart("OPTIONS", where, f"{alter} SET ({', '.join(map(_option, row.options))})"))
        return " ".join(words)

    def _computation(self, row: ColumnRow, where: QualifiedName) -> Iterator[str]:
        """What computes a column; where it does not come, its values come as they are."""
        words = f"GENERATED ALWAYS AS ({row.value}) STORED"
        if reason := self._why_not(row.tree, "pg_attrdef", row.expression):
            self.as_plain.append(row.name)
            self._leave("GENERATED", where, f"{sql_identifier(row.name)} {row.words} {words}", reason)
        else:
            yield words

    def _default(self, row: ColumnRow, where: QualifiedName, alter: str) -> TablePart:
        if row.sequence and row.value == row.next_value:
            name = _literal(_quote(self._sequence_of(row.sequence)))
            return TablePart("DEFAULT", where, f"{alter} SET DEFAULT pg_catalog.nextval({name}::pg_catalog.regclass)")
        reason = self._why_not(row.tree, "pg_attrdef", row.expression)
        return TablePart("DEFAULT", where, f"{alter} SET DEFAULT {row.value}", why_not=reason)

    def _sequence_of(self, number: int) -> QualifiedName:
        """A sequence that a default takes its values from: it comes along, once, before the tables."""
        found = read_sequence(self.session, number)
        name = (found.schema, found.name)
        if name not in self.relations:
            into, settings = self._sequence(number)
            unlogged = "UNLOGGED " if found.persistence == "u" else ""
            statement = f"CREATE {unlogged}SEQUENCE {_quote(into)} AS {found.type} {settings}"
            self.parts.insert(0, TablePart("SEQUENCE", into, statement, is_needed=True))
        return self.relations[name]

    def _sequence(self, number: int) -> tuple[QualifiedName, str]:
        """A sequence's name in the receiver, and its settings."""
        found = read_sequence(self.session, number)
        name = (found.schema, found.name)
        into = self._name_of(name) if found.is_owned else name
        self.relations[name] = into
        self.own.add(number)
        if found.is_owned:
            self.follows.append(name)
        stand = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(*name))
        [[value, is_called]] = self.session.ask(stand)
        self.sequences.append(SequenceReached(into, value, is_called))
        return into, found.settings

    def _own_sequence(self, number: int, into: QualifiedName, quoted: str) -> TablePart:
        name = self._sequence_of(number)
        statement = f"ALTER SEQUENCE {_quote(name)} OWNED BY {_quote(into)}.{quoted}"
        return TablePart("SEQUENCE OWNED BY", name, statement, is_needed=True)

    def _read_checks(self, number: int, into: QualifiedName) -> None:
        """The conditions on rows: before these come, but for one that was never held to those that were there."""
        for each in read_constraints(self.session, number):
            if each.kind != "c":
                continue
            name = sql_identifier(each.name)
            part = TablePart(
                "CHECK CONSTRAINT",
                (into[0], f"{into[1]} {each.name}"),
                f"ALTER TABLE ONLY {_quote(into)} ADD CONSTRAINT {name} {each.words}",
                "before" if each.is_valid else "after",
                why_not=self._why_not(each.tree, "pg_constraint", each.number),
            )
            (self.parts if each.is_valid else self.ending).append(part)
            self._comment(f"CONSTRAINT {name} ON", "pg_constraint", each.number, into)

    def _read_parts(self, table: QualifiedName, row: RelationRow) -> None:
        """Indexes, constraints that are indexes, foreign keys, and what is left beside."""
        into = self.relations[table]
        indexes = {each.number: each for each in read_indexes(self.session, row.number)}
        for each in read_constraints(self.session, row.number):
            if each.kind == "f":
                name = sql_identifier(each.name)
                self.foreign_keys.append(f"ALTER TABLE ONLY {_quote(into)} ADD CONSTRAINT {name} {each.words};")
            elif each.kind != "c" and self.wanted(f"CONSTRAINT {'.'.join(table)} {each.name}"):
                self._read_constraint(each, indexes.get(each.of_index), row, (table[0], into))
        for index in indexes.values():
            if not index.is_constraint and self.wanted(f"INDEX {index.schema}.{index.name}"):
                self._read_index(index, row, into)
        for kind, found, statement in read_beside(self.session, row.number):
            self._leave(
                kind, (into[0], f"{into[1]} {found}"), statement, _WHY_NEVER.get(kind, "it is code of the archive's")
            )

    def _read_constraint(
        self, each: ConstraintRow, index: IndexRow | None, row: RelationRow, place: tuple[str, QualifiedName]
    ) -> None:
        schema, into = place
        name = self._name_of((schema, each.name))[1]
        statement = f"ALTER TABLE {_quote(into)} ADD CONSTRAINT {sql_identifier(name)} {each.words}"
        reason = self._why_no_index(index) or self._why_not(each.tree, "pg_constraint", each.number)
        self.ending.append(TablePart("CONSTRAINT", (into[0], f"{into[1]} {name}"), statement, "after", why_not=reason))
        self._comment(f"CONSTRAINT {sql_identifier(name)} ON", "pg_constraint", each.number, into)
        self._identify(row, each.name, name, into)

    def _read_index(self, found: IndexRow, row: RelationRow, into: QualifiedName) -> None:
        name = (found.schema, found.name)
        if not found.words.startswith(found.head):
            words = printable(found.words, 200)
            raise Failed(f"the index {_words(name)} is described otherwise than is known: {words}")
        new = self._name_of(name)[1]
        unique = "UNIQUE " if found.is_unique else ""
        end = found.words[len(found.head) :]
        statement = f"CREATE {unique}INDEX {sql_identifier(new)} ON {_quote(into)} USING {end}"
        self.ending.append(TablePart("INDEX", (into[0], new), statement, "after", why_not=self._why_no_index(found)))
        self._comment("INDEX", "pg_class", found.number, (into[0], new))
        self._identify(row, found.name, new, into)

    def _identify(self, row: RelationRow, name: str, new: str, into: QualifiedName) -> None:
        if row.identity == "i" and row.identity_index == name:
            statement = f"ALTER TABLE {_quote(into)} REPLICA IDENTITY USING INDEX {sql_identifier(new)}"
            self.ending.append(TablePart("REPLICA IDENTITY", into, statement, "after"))

    def _why_no_index(self, found: IndexRow | None) -> str:
        if found is None:
            return "its index is not there"
        if not found.is_plain:
            return "its order of values is none of the server's own"
        return self._why_not(found.trees, "pg_class", found.number)

    def _why_not(self, tree: str | None, catalog: str, number: int | None) -> str:
        """Why an expression does not come; empty where it does."""
        if tree is None or number is None:
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

    def _leave(self, kind: str, name: QualifiedName, statement: str, why: str) -> None:
        self.ending.append(TablePart(kind, name, statement, "after", why_not=why))

    def _comment(self, what: str, catalog: str, number: int, into: QualifiedName) -> None:
        for place, text, column in read_comments(self.session, catalog, number):
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
    every = [piece for each in found for piece in each.parts]
    for stage in ("before", "after", "last"):
        yield from (each for each in every if each.stage == stage)


def _option(text: str) -> str:
    """A storage option as the catalog has it, with its value quoted."""
    name, _, value = text.partition("=")
    return f"{sql_identifier(name)} = {_literal(value)}"


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{quoted}'"


def _quote(name: QualifiedName) -> str:
    return ".".join(map(sql_identifier, name))


def _words(name: QualifiedName) -> str:
    return printable(".".join(name))

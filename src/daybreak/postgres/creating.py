"""Tables made in a receiver, within the transaction that carries their rows.

The law: each statement is one of ours, composed of catalogs or of values. What a table cannot be without fails all of it; what it can
be without is tried by itself, and named where the server refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from daybreak.archive.owning import Belongings
from daybreak.errors import DaybreakError, Failed
from daybreak.model.creations import Creation, KeyToMake
from daybreak.model.names import printable, sql_identifier
from daybreak.model.receiver import TablesMade, ThingLeft
from daybreak.postgres.giving_back import give_to_made
from daybreak.postgres.session import Session
from daybreak.postgres.table_definitions import (
    LISTED,
    NEVER,
    QualifiedName,
    TableDefinition,
    TablePart,
    definitions_in_order,
)
from daybreak.postgres.type_definitions import TypeDefinition, find_like

_SCHEMA = sql.SQL("SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = %s")
_THERE = sql.SQL("""
SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
""")
_MARK, _FORGET, _BACK = (
    sql.SQL("SAVEPOINT daybreak"), sql.SQL("RELEASE SAVEPOINT daybreak"), sql.SQL("ROLLBACK TO SAVEPOINT daybreak"),
)  # fmt: skip
_IS_MET = "it is there by now, which the plan did not know"


@dataclass
class TableMaker:
    """Makes the tables of a carrying that the receiver lacks."""

    definitions: Sequence[TableDefinition]
    creations: Sequence[Creation]
    belongings: Callable[[dict[QualifiedName, QualifiedName], Iterable[QualifiedName]], Belongings | None] = (
        lambda _made, _follows: None
    )
    """Who owned what was made; ``None`` where the export does not list it."""
    statements: list[str] = field(default_factory=list)
    left: list[ThingLeft] = field(default_factory=list)
    made: dict[QualifiedName, QualifiedName] = field(default_factory=dict)
    """What was made, by its name in the export; a schema by an empty one before its own."""
    result: TablesMade | None = None

    def as_plain(self, into: QualifiedName) -> tuple[str, ...]:
        """The columns of a table whose values come as they are, since what computes them does not come."""
        return next((each.as_plain for each in self.definitions if each.into == into), ())

    def begin(self, session: Session) -> None:
        """Make everything that the rows need. Raises ``Failed`` where something of it cannot be made: then nothing was changed."""
        try:
            for each in self.definitions:
                for name in (each.into, *each.relations.values()):
                    if session.ask(_THERE, name):
                        raise Failed(f"{printable('.'.join(name))}: {_IS_MET}; nothing was changed")
            self._make_schemas(session)
            self._make_types(session)
            for part in self._parts("before"):
                self._make(session, part)
        except Failed as error:
            if session.is_open:
                session.rollback()
            raise Failed(_with_nothing_changed(error.message), *error.hints) from error

    def end(self, session: Session) -> None:
        """Make what stands on the rows."""
        for part in self._parts("after"):
            self._make(session, part)
        for creation in self.creations:
            for key in creation.keys:
                statement = compose_key(key)
                self._make(
                    session,
                    TablePart("FK CONSTRAINT", (key.table[0], f"{key.table[1]} {key.name}"), statement, "after"),
                )
            self.left += (
                ThingLeft(label=each.label, statement=each.statement, why=each.why_not, is_planned=True)
                for each in creation.things
                if each.why_not
            )
        for definition in self.definitions:
            for each in definition.sequences:
                self._reach(session, each.name, each.value, is_called=each.is_called)
            self.made |= definition.relations

    def hand_on(self, session: Session) -> None:
        """Close the tables to whom they were closed, and give all that was made to its owners."""
        for part in self._parts("last"):
            self._make(session, part)
        belongings = self.belongings(self.made, [name for each in self.definitions for name in each.follows])
        relations = [name for each in self.definitions for name in each.relations.values()]
        given = give_to_made(session, belongings, relations) if belongings else None
        self.result = TablesMade(statements=tuple(self.statements), left=tuple(self._without_doubles()), given=given)

    def _without_doubles(self) -> Iterator[ThingLeft]:
        """What was left, each thing once: the plan may have named what the database shows too."""
        seen: set[str] = set()
        for each in sorted(self.left, key=lambda found: not found.is_planned):
            if each.label not in seen:
                seen.add(each.label)
                yield each

    def _parts(self, stage: str) -> Iterator[TablePart]:
        return (each for each in definitions_in_order(self.definitions) if each.stage == stage)

    def _make_schemas(self, session: Session) -> None:
        for schema in dict.fromkeys(name for each in self.definitions for name in each.schemas):
            if not session.ask(_SCHEMA, (schema,)):
                self._order(session, f"CREATE SCHEMA {sql_identifier(schema)}")
                self.made["", schema] = ("", schema)

    def _make_types(self, session: Session) -> None:
        for each in dict.fromkeys(found for definition in self.definitions for found in definition.types):
            there = find_like(session, each)
            if there is not None:
                _hold_alike(each, there)
                continue
            label = f"{each.kind} {printable(f'{each.schema}.{each.name}')}"
            if each.why_not:
                raise Failed(
                    f"{label} is not there, and it is not made: {each.why_not}",
                    f"make it first: {printable(each.statement, 400)}",
                )
            self._order(session, each.statement)
            self.made[each.schema, each.name] = (each.schema, each.name)

    def _make(self, session: Session, part: TablePart) -> None:
        if part.why_not:
            self._leave(part, part.why_not)
        elif part.is_needed:
            self._order(session, part.statement)
        elif why := self._try(session, part.statement):
            self._leave(part, why)

    def _leave(self, part: TablePart, why: str) -> None:
        is_planned = part.kind in NEVER
        if part.kind in LISTED and part.why_not and all(each.is_listed for each in self.creations):
            return  # the plan has it, by the archive's own list
        self.left.append(ThingLeft(label=part.label, statement=part.statement, why=why, is_planned=is_planned))

    def _order(self, session: Session, statement: str) -> None:
        self.statements.append(statement)
        session.carry_out(statement)

    def _try(self, session: Session, statement: str) -> str:
        """Carry it out; why not, where the server refuses it. Raises what ends the session."""
        session.order(_MARK)
        try:
            session.carry_out(statement)
        except DaybreakError as error:
            if not session.is_open:
                raise
            session.order(_BACK)
            session.order(_FORGET)
            return error.message
        session.order(_FORGET)
        self.statements.append(statement)
        return ""

    @staticmethod
    def _reach(session: Session, name: QualifiedName, value: int, *, is_called: bool) -> None:
        """Set a sequence where it stood in the export; what the rows need beyond that is added by whoever carried them."""
        quoted = sql.Literal(sql.Identifier(*name).as_string())
        further = sql.SQL("SELECT pg_catalog.setval({}::pg_catalog.regclass, {}, {})").format(
            quoted, sql.Literal(value), sql.Literal(is_called)
        )
        session.ask(further)


def compose_key(key: KeyToMake) -> str:
    """The statement that makes a foreign key."""
    quoted = [sql_identifier(each) for each in (key.name, *key.columns, *key.others, *key.emptied)]
    columns, others = quoted[1 : 1 + len(key.columns)], quoted[1 + len(key.columns) :][: len(key.others)]
    emptied = quoted[1 + len(key.columns) + len(key.others) :]
    parts = [
        f"ALTER TABLE {'.'.join(map(sql_identifier, key.table))} ADD CONSTRAINT {quoted[0]} FOREIGN KEY ({', '.join(columns)})",
        f"REFERENCES {'.'.join(map(sql_identifier, key.points_at))} ({', '.join(others)})",
        "MATCH FULL" if key.is_full else "",
        f"ON UPDATE {key.on_update} ON DELETE {key.on_delete}",
        f"({', '.join(emptied)})" if emptied else "",
        "DEFERRABLE" if key.may_wait else "",
        "INITIALLY DEFERRED" if key.waits else "",
        "NOT VALID" if key.is_unproven else "",
    ]
    return " ".join(filter(None, parts))


def _hold_alike(wanted: TypeDefinition, there: TypeDefinition) -> None:
    """Raise ``Failed`` where a type that is there is another one than the export's of that name."""
    if (wanted.statement, wanted.extension) == (there.statement, there.extension):
        return
    name = printable(f"{wanted.schema}.{wanted.name}")
    raise Failed(
        f"the type {name} is another one here than in the export: {printable(there.statement, 300)} here, "
        f"{printable(wanted.statement, 300)} there",
        "carry the rows into a table that is there, or bring all of it into a new database",
    )


def _with_nothing_changed(message: str) -> str:
    return message if "nothing was changed" in message else f"{message}; nothing was changed"

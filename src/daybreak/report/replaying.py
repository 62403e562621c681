"""A replay as SQL for a person to review: what one side wrote since the clone was born, for the other side.

The law: Daybreak never runs it, and as it stands it changes nothing, because it ends in ROLLBACK. A row that the taker wrote itself is
in no statement, also where it writes it only after this was made: each row is named with the transaction that wrote it. A conflict, and
what nobody can explain, is a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from daybreak.model.delta import Delta, DifferentRow, Reference, Side, TableDelta, taker_of
from daybreak.model.names import printable
from daybreak.model.replay import Proposal, count_proposals, proposal_of
from daybreak.model.value import stamp
from daybreak.report.ordering import Verb, order_of, updates_in_order
from daybreak.report.sql import MANNERS, insert_of, literal, values_of
from daybreak.report.words import many

_HEAD = """\
-- What the {giver} wrote since the moment and the {taker} lacks, in the run {run}, as of {at}: for review.
-- It is for the database of the {taker}, {where}; every value is the {giver}'s.
-- Daybreak never runs this. It ends in ROLLBACK and changes nothing as it stands; put COMMIT there when every line is right.
-- A mishap is a write too: where the {giver} deleted or changed rows by mistake since the moment, this does the same in the {taker}.
-- No row that somebody wrote in the {taker} since is in a statement, and xmin finds none that is written from now on.
-- A row that somebody deleted in the {taker} leaves no trace: if the {giver} changed it since, it comes back with an INSERT.
-- Triggers of the {taker} act as on any write: where they have acted at the {giver} already, keep them off while this runs.
-- Where a foreign key needs a row that is gone, or unique values clash, a line fails and nothing is kept: decide these rows yourself.
-- A transaction that is prepared in the {taker} holds its rows: decide it first (pg_prepared_xacts).
BEGIN;
{manners}SET LOCAL lock_timeout = '10s';
SET CONSTRAINTS ALL DEFERRED;
"""

_SIDES: dict[Side, str] = {"base": "source", "now": "clone"}
_VERBS: dict[Proposal, Verb] = {"insert": "insert", "update": "update", "delete": "delete"}


def replay_script(delta: Delta, run: str) -> str:
    """What the giver wrote since, as statements in an order that the taker's foreign keys allow, after a comment for each table."""
    return "".join(_Script(delta).parts(run))


def replay_words(told: Mapping[Proposal, int]) -> str:
    """How many rows there are of each proposal.

    >>> replay_words({"insert": 1200, "update": 0, "delete": 3, "conflict": 1, "open": 0, "taker's own": 7})
    '1,200 to insert, 0 to update, 3 to delete, 1 conflict'
    """
    counts = [f"{told[one]:,} to {one}" for one in _VERBS]
    counts += [many(told["conflict"], "conflict")] if told["conflict"] else []
    counts += [f"{told['open']:,} open"] if told["open"] else []
    return ", ".join(counts)


class _Script:
    def __init__(self, delta: Delta) -> None:
        self.delta = delta
        self.giver, self.taker = _SIDES[delta.giver], _SIDES[taker_of(delta.giver)]
        self.references = tuple(each for each in delta.references if _is_plain(each))

    def parts(self, run: str) -> Iterator[str]:
        """The whole script."""
        delta, tables = self.delta, [table for table in self.delta.tables if self._is_told(table)]
        where = delta.base if self.taker == "source" else delta.now
        at = stamp(delta.began)
        yield _HEAD.format(
            giver=self.giver, taker=self.taker, run=printable(run), at=at, where=printable(where, 400), manners=MANNERS
        )
        for table in tables:
            yield "\n" + "\n".join(self._remarks(table)) + "\n"
        lacked, foreign = delta.only_base, delta.only_now
        if delta.giver == "now":
            lacked, foreign = foreign, lacked
        yield from (
            f"\n-- not compared, so nothing of it is here: {each.name}: {printable(each.why, 400)}\n"
            for each in delta.unread
        )
        yield from (f"\n-- the {self.taker} has no such table, so nothing of it is here: {name}\n" for name in lacked)
        yield from (f"\n-- the {self.giver} has no such table (any more): {name}\n" for name in foreign)
        yield from self._statements([table for table in tables if _has_plain_names(table)])
        yield "\n-- Nothing above is kept: read it, then replace this line by COMMIT.\nROLLBACK;\n"

    def _is_told(self, table: TableDelta) -> bool:
        told = count_proposals(table, self.delta.giver)
        return any(rows for proposal, rows in told.items() if proposal != "taker's own") or not table.is_whole

    def _remarks(self, table: TableDelta) -> Iterator[str]:
        """What there is of a table, and all that is no statement."""
        told = count_proposals(table, self.delta.giver)
        yield f"-- {table.name}: {replay_words(told)}"
        if table.matched == "name" and table.written:
            yield "-- it was made again since: the two tables have only the name in common, so look at every row"
        if not table.key:
            yield "-- without a primary key rows that are alike are the same, also where both wrote one since"
        if table.why_incomplete:
            yield f"-- there may be more: {printable(table.why_incomplete, 400)}"
        rows = [row for row in table.listed if _is_named(table, row)]
        here = sum(row.times for row in rows)
        wanted = sum(number for proposal, number in told.items() if proposal != "taker's own")
        if here < wanted:
            yield f"-- {here:,} of {wanted:,} are here: --most lists more"
        yield from (f"-- column {name} is left out: {why}" for name, why in table.left_out.items())
        if told["delete"] and self._is_endless(table):
            yield "-- no DELETE: rows of a table might go along whose name holds characters that act on a terminal"
        if not _has_plain_names(table):
            yield "-- left out: a name holds characters that act on a terminal"
            return
        new = sum(row.times for row in rows if self._proposal(row) == "insert")
        if new and table.needed:
            names = ", ".join(table.needed)
            yield f"-- no INSERT for {many(new, 'row')}: the {self.taker} takes none without a value for what was left out: {names}"
        for row in rows:
            yield from self._remark(table, row)

    def _remark(self, table: TableDelta, row: DifferentRow) -> Iterator[str]:
        proposal, what = self._proposal(row), f"the row with {_name(table, row)}"
        if proposal == "update" and not row.values:
            yield f"-- {what} differs in nothing that an UPDATE may set: its key's form, or what is generated"
        elif proposal == "conflict":
            yield f"-- conflict: both wrote {what} since: {self._both(row)}"
        elif proposal == "open":
            yield f"-- open: {self._why_open(row, what)}"

    def _both(self, row: DifferentRow) -> str:
        if not row.values:
            return "they differ in nothing that an UPDATE may set"
        return f"the {self.giver} has {_sets(row.values)}; the {self.taker} has {_sets(row.other_values)}"

    def _why_open(self, row: DifferentRow, what: str) -> str:
        """What is not known of a row that is in no statement."""
        only = {"only_base": "source", "only_now": "clone"}.get(row.kind)
        if row.written != "unexplained":
            return (
                f"nobody can say who wrote {what}, {f'which only the {only} has' if only else 'in which they differ'}"
            )
        if only:
            return f"only the {only} has {what}, and did not write it since: the {self.taker} deleted it, or lost it"
        return f"neither wrote {what} since, and yet they differ: {self._both(row)}"

    def _proposal(self, row: DifferentRow) -> Proposal:
        return proposal_of(row.kind, row.written, self.delta.giver)

    def _is_endless(self, table: TableDelta) -> bool:
        """Whether a DELETE may take rows along of a table that cannot be named here."""
        names = (table.spelled, *table.within)
        return any(
            each.on_delete == "act" and each.table in names and not _is_plain(each) for each in self.delta.references
        )

    def _statements(self, tables: Sequence[TableDelta]) -> Iterator[str]:
        stages: dict[tuple[str, Verb], list[DifferentRow]] = {}
        named = {table.spelled: table for table in tables}
        for table in tables:
            for row in table.listed:
                verb = _VERBS.get(self._proposal(row))
                if verb == "delete" and self._is_endless(table):
                    continue
                if verb and _is_named(table, row) and not _is_impossible(table, row, verb):
                    stages.setdefault((table.spelled, verb), []).append(row)
        concerned = [table for table in tables if any(name == table.spelled for name, _ in stages)]
        order = order_of(concerned, stages.keys(), self.references)
        if order.loosened:
            yield "\n-- These are checked at the end, because no order of the statements suits them; it takes the tables' owner.\n"
        yield from (_alter(each, "DEFERRABLE INITIALLY DEFERRED") for each in order.loosened)
        if order.is_open:
            yield "\n-- No order suits every foreign key and every unique value: where a line fails, move it down.\n"
        for name, verb in order.stages:
            lines = [f"-- {verb} in {named[name].name}", *self._of_stage(named[name], verb, stages[name, verb])]
            yield "\n" + "\n".join(lines) + "\n"
        if order.loosened:
            yield "\nSET CONSTRAINTS ALL IMMEDIATE;\n"
        yield from (_alter(each, "NOT DEFERRABLE") for each in order.loosened)

    def _of_stage(self, table: TableDelta, verb: Verb, rows: Sequence[DifferentRow]) -> Iterator[str]:
        own = [each for each in self.references if each.by == each.table and each.by in (table.spelled, *table.within)]
        match verb:
            case "update":
                ordered, is_round = updates_in_order(table, rows)
                if is_round:
                    yield "-- some rows pass a unique value round: give one of them another value before"
                for row in ordered:
                    yield f"UPDATE ONLY {table.spelled} SET {_sets(row.values)} WHERE {_condition_of(table, row)};"  # noqa: S608 - for a person to read, quoted by the server
            case "insert" if own and all(row.times == 1 for row in rows):
                # At the end of one statement rows may point to each other.
                values = ",\n    ".join(f"({values_of(row)})" for row in rows)
                yield insert_of(table, rows[0], f"VALUES\n    {values}")
            case "insert":
                yield from (insert_of(table, row) for row in rows)
            case "delete":
                yield from _deletes(table, rows, self.references, own)


def _deletes(
    table: TableDelta, rows: Sequence[DifferentRow], references: Sequence[Reference], own: Sequence[Reference]
) -> Iterator[str]:
    """DELETE statements that take no row along which the giver did not delete.

    Whatever is left by then in a table whose rows would go, or change, with these is the taker's own: its row stays.
    """
    names = (table.spelled, *table.within)
    acting = [each for each in references if each.on_delete == "act" and each.table in names and each not in own]
    yield from (f"LOCK TABLE {name} IN SHARE MODE;" for name in dict.fromkeys(each.by for each in acting))
    kept = "".join(f" AND NOT {_is_pointed_to(each, 't')}" for each in acting)
    found = [f"({_condition_of(table, row)})" for row in rows]
    if not own:
        yield from (f"DELETE FROM ONLY {table.spelled} AS t WHERE {each[1:-1]}{kept};" for each in found)  # noqa: S608 - the same
        return
    wanted = "\n    OR ".join(found)
    if not any(each.on_delete == "act" for each in own):
        yield f"DELETE FROM ONLY {table.spelled} AS t WHERE ({wanted}){kept};"  # noqa: S608 - the same
        return
    columns = ", ".join(dict.fromkeys(name for each in own for name in each.others))
    outside = "(c.tableoid, c.ctid) NOT IN (SELECT gone_of, gone_from FROM gone)"
    pointed = [_is_pointed_to(each, "g", outside) for each in own if each.on_delete == "act"]
    held = "".join(f"\n    AND NOT EXISTS (SELECT FROM gone AS g WHERE {each})" for each in pointed)
    gone = f"SELECT tableoid AS gone_of, ctid AS gone_from, {columns} FROM ONLY {table.spelled}\n    WHERE {wanted}"  # noqa: S608 - the same
    where = f"ctid IN (SELECT gone_from FROM gone){kept}{held}"  # noqa: S608 - the same
    yield f"WITH gone AS ({gone})"
    yield f"DELETE FROM ONLY {table.spelled} AS t WHERE {where};"  # noqa: S608 - the same


def _alter(reference: Reference, how: str) -> str:
    return f"ALTER TABLE {reference.by} ALTER CONSTRAINT {reference.name} {how};\n"


def _is_pointed_to(reference: Reference, name: str, more: str = "") -> str:
    """The condition that a row, which the statement calls ``name``, has one that points to it."""
    pairs = zip(reference.columns, reference.others, strict=True)
    same = [f"c.{column} = {name}.{other}" for column, other in pairs]
    return f"EXISTS (SELECT FROM {reference.by} AS c WHERE {' AND '.join([*same, *filter(None, [more])])})"


def _is_plain(reference: Reference) -> bool:
    """Whether its names do nothing to a terminal."""
    names = (reference.name, reference.by, reference.table, *reference.columns, *reference.others)
    return all(name.isprintable() for name in names)


def _has_plain_names(table: TableDelta) -> bool:
    names = (table.spelled, *table.key, *table.within, *(name for row in table.listed for name in row.values))
    return all(name.isprintable() for name in names)


def _is_named(table: TableDelta, row: DifferentRow) -> bool:
    """Whether the row was read, so that a statement finds it and no other."""
    return len(row.key_literals) == len(table.key) and bool(row.key_literals or row.values)


def _is_impossible(table: TableDelta, row: DifferentRow, verb: Verb) -> bool:
    if verb == "insert":
        return bool(table.needed) or not row.values
    return (verb == "update" and not row.values) or not row.xids


def _name(table: TableDelta, row: DifferentRow) -> str:
    """What finds the row: its key, or all that it holds."""
    if table.key:
        return " AND ".join(
            f"{name} = {literal(value)}" for name, value in zip(table.key, row.key_literals, strict=True)
        )
    return " AND ".join(_same_text(name, value) for name, value in row.values.items())


def _same_text(name: str, value: str) -> str:
    return f"{name} IS NULL" if value == "NULL" else f'{name}::text COLLATE "C" = {literal(value)}'


def _condition_of(table: TableDelta, row: DifferentRow) -> str:
    """The condition that finds the row as long as nobody writes it."""
    xids = ", ".join(f"'{xid}'" for xid in sorted(set(row.xids)))
    condition = f"{_name(table, row)} AND xmin IN ({xids})"
    if table.key:
        return condition
    rows = f"SELECT ctid FROM ONLY {table.spelled} WHERE {condition} LIMIT {row.times}"  # noqa: S608 - the same
    return f"ctid = ANY (ARRAY({rows}))"


def _sets(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {literal(value)}" for name, value in values.items())

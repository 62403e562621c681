"""A delta as SQL for a person to review: what would bring the clone's rows back into the source.

The law: Daybreak never runs it, and as it stands it changes nothing, because it ends in ROLLBACK. Values and names were quoted by
the server; what acts on a terminal is written as an escape inside the literal, which is the same value.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.model.delta import Delta, DifferentRow, TableDelta
from daybreak.model.names import printable
from daybreak.model.value import stamp

_HEAD = """\
-- The rows that only the clone of {run} has, or that differ, as of {at}: for review.
-- Daybreak never runs this. It ends in ROLLBACK and changes nothing as it stands; put COMMIT there when every line is right.
-- Rows that the source deleted or changed on purpose since are among them: nothing in a row says why it is gone.
-- Tables come in the order of their names; where one refers to another, move the other one up.
BEGIN;
"""

MANNERS = """\
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL TimeZone = 'UTC';
SET LOCAL lc_monetary = 'C';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
"""
"""What a server has to spell and read values as when they were quoted."""


def delta_script(delta: Delta, run: str) -> str:
    """INSERT and UPDATE statements for the rows that were listed with their values, table by table in key order."""
    parts = [_HEAD.format(run=printable(run), at=stamp(delta.began)), MANNERS]
    parts += [_table(table) for table in delta.tables if table.only_now or table.differing]
    parts += [f"\n-- not compared: {each.name}: {printable(each.why, 400)}\n" for each in delta.unread]
    parts += [f"\n-- not in the source at all: {name}\n" for name in delta.only_now]
    parts.append("\n-- Nothing above is kept: read it, then replace this line by COMMIT.\nROLLBACK;\n")
    return "".join(parts)


def _table(table: TableDelta) -> str:
    # Of a row that differs in nothing that can be written there is the key alone.
    rows = [row for row in table.listed if row.kind != "only_base" and (row.values or row.key_literals)]
    here, all_rows = sum(row.times for row in rows), table.only_now + table.differing
    lines = [f"\n-- {table.name}: {table.only_now:,} rows only in the clone, {table.differing:,} that differ"]
    if table.matched == "name" and table.written:
        lines.append("-- it was made again since: the two tables have only the name in common, so look at every row")
    if table.why_incomplete:
        lines.append(f"-- there may be more: {printable(table.why_incomplete, 400)}")
    if here < all_rows:
        lines.append(f"-- {here:,} of {all_rows:,} are here: --most lists more")
    lines += [f"-- column {name} is left out: {why}" for name, why in table.left_out.items()]
    if not all(name.isprintable() for name in (table.spelled, *table.key, *(n for row in rows for n in row.values))):
        return "\n".join([*lines, "-- left out: a name holds characters that act on a terminal"]) + "\n"
    return "\n".join([*lines, *_statements(table, rows)]) + "\n"


def _statements(table: TableDelta, rows: list[DifferentRow]) -> Iterator[str]:
    new = [row for row in rows if row.kind == "only_now"]
    if new and table.needed:
        number, names = sum(row.times for row in new), ", ".join(table.needed)
        yield f"-- no INSERT for {number:,} rows: the source takes none without a value for what was left out: {names}"
    for row in rows:
        if row.kind == "differing":
            yield _update(table, row)
        elif not table.needed:
            yield insert_of(table, row)


def _update(table: TableDelta, row: DifferentRow) -> str:
    changes = ", ".join(f"{name} = {literal(value)}" for name, value in row.values.items())
    key = " AND ".join(f"{name} = {literal(value)}" for name, value in zip(table.key, row.key_literals, strict=True))
    if not changes:
        return f"-- the row with {key} differs in nothing that an UPDATE may set: its key's form, or what is generated"
    return f"UPDATE {table.spelled} SET {changes} WHERE {key};"  # noqa: S608 - for a person to read, quoted by the server


def insert_of(table: TableDelta, row: DifferentRow, rows: str = "") -> str:
    """The statement that puts a row in, as often as it is there; or ``rows`` in place of its own values."""
    overruling = " OVERRIDING SYSTEM VALUE" if table.has_identity else ""
    names = ", ".join(row.values)
    many = f"SELECT {values_of(row)} FROM pg_catalog.generate_series(1, {row.times})"  # noqa: S608 - the same
    rows = rows or (f"VALUES ({values_of(row)})" if row.times == 1 else many)
    return f"INSERT INTO {table.spelled} ({names}){overruling} {rows};"


def values_of(row: DifferentRow) -> str:
    """The row's values as literals, one after the other."""
    return ", ".join(map(literal, row.values.values()))


def literal(quoted: str) -> str:
    r"""A literal of the server's, with what acts on a terminal or begins a line as an escape.

    >>> print(literal("'it''s'"), literal("'a\nb\x1b'"), literal(r"E'\\x' "), literal("NULL"))
    'it''s' E'a\nb\x1b' E'\\x'  NULL
    """
    if quoted.isprintable():
        return quoted
    is_escaped = quoted.startswith("E'")
    body = "".join(sign if sign.isprintable() else _escape(sign) for sign in quoted[2 if is_escaped else 1 :])
    return f"E'{body}"


def _escape(sign: str) -> str:
    if sign == "\n":
        return "\\n"
    number = ord(sign)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"

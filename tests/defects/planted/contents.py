"""Defects in what rows hold: nothing is missing, and some value is not the one that the baseline recorded.

Of these the static tables are changed by SQL, also to values that PostgreSQL calls equal. On disk a row is changed without
becoming another row, so that neither its place nor its transaction tells.
"""

from __future__ import annotations

from daybreak.model import checks
from tests.defects.planted.how import Planted, by_damage, by_sql
from tests.defects.ward import Ward


def _set(name: str, table: str, change: str, where: str, *, kind: str, needs: str = "") -> Planted:
    """A value of a static table changed by SQL."""
    return by_sql(
        name,
        checks.CONTENT,
        f"update specimens.{table} set {change} where {where}",
        depth="full",
        line=f"specimens.{table}",
        kind=kind,
        needs=needs,
    )


def _put(name: str, table: str, old: bytes, new: bytes, *, kind: str) -> Planted:
    """Bytes changed on disk."""
    return by_damage(
        name, checks.CONTENT, lambda ward: ward.damage.put(table, old, new), depth="full", line=table, kind=kind
    )


def _put_in_toast(name: str, table: str, old: bytes, new: bytes, *, kind: str) -> Planted:
    """Bytes of a long value changed on disk."""

    def deed(ward: Ward) -> None:
        ward.damage.put(ward.damage.toast_of(table), old, new)

    return by_damage(name, checks.CONTENT, deed, depth="full", line=table, kind=kind)


_NUMBERS = (
    _set("one number scaled", "numbers", "exact = exact * 100", "id = 7", kind="value: numeric"),
    _set("a column of whole numbers scaled", "numbers_2", "whole = whole * 10", "true", kind="value: integer"),
    _set("sign lost", "numbers_3", "whole = -whole", "id = 1002", kind="value: integer"),
    _set("1.5 in place of 1.50", "numbers_4", "exact = 1.5", "id = 1001", kind="value: numeric"),
    _set("-0.0 in place of 0.0", "numbers", "precise = '-0.0'", "id = 1001", kind="value: double precision"),
    _set("last bit of a float", "numbers_2", "precise = precise * (1 + 2.3e-16::float8)", "id = 6", kind="value: double precision"),
    _set("NULL in place of zero", "numbers_3", "whole = null", "id = 1001", kind="value: integer"),
    _set("zero in place of NaN", "numbers_4", "exact = 0", "id = 1002", kind="value: numeric"),
    _set("4294967295 in place of -1", "numbers", "large = 4294967295", "id = 1001", kind="value: bigint"),
    _set("a column nulled", "numbers_2", "rough = null", "true", kind="value: real"),
    by_sql("numbers of two rows swapped", checks.CONTENT, "update specimens.numbers_4 a set whole = b.whole from specimens.numbers_4 b"
           " where (a.id, b.id) in ((10, 20), (20, 10))", depth="full", kind="value: integer", line="specimens.numbers_4"),
    _set("numbers of two columns swapped", "numbers_3", "small = whole, whole = small", "id = 30", kind="value: integer"),
)  # fmt: skip

_TIMES = (
    _set("instants an hour late", "times", "instant = instant + interval '1 hour'", "true", kind="value: timestamptz"),
    _set("one instant a microsecond late", "times_2", "instant = instant + interval '1 microsecond'", "id = 5", kind="value: timestamptz"),
    _set("local times an hour early", "times_3", "local = local - interval '1 hour'", "id < 100", kind="value: timestamp"),
    _set("days a day early", "times_4", "day = day - 1", "true", kind="value: date"),
    _set("a far day in place of infinity", "times", "day = '9999-12-31'", "id = 1001", kind="value: date"),
    _set("00:00 in place of 24:00", "times_2", "clock = '00:00'", "id = 1001", kind="value: time"),
    _set("the same instant in another zone", "times_3", "clock_zone = '12:00+00'", "id = 1001", kind="value: timetz"),
    _set("30 days in place of a month", "times_4", "span = '30 days'", "id = 1001", kind="value: interval"),
    _set("1 day in place of 24 hours", "times", "span = '1 day'", "id = 1002", kind="value: interval"),
)  # fmt: skip

_TEXTS = (
    by_sql("content of a static table differs", checks.CONTENT, "update currencies set name = 'Euros' where code = 'EUR'", depth="full", kind="value: text", line="public.currencies"),
    _set("one letter of a text", "texts_3", "plain = 'plaim 9'", "id = 9", kind="value: text"),
    _set("NULL in place of an empty text", "texts_4", "plain = null", "id = 1001", kind="value: text"),
    _set("letters of two marks in place of one", "texts_5", "plain = normalize(plain, NFD)", "id = 1002", kind="value: text"),
    _set("blanks at the end lost", "texts_6", "varying = rtrim(varying)", "id = 1001", kind="value: varchar"),
    _set("blanks at the end lost, where they do not count", "texts_2", "blank = 'ends in blanks'", "id = 1001", kind="value: bpchar"),
    _set("small letters, where case does not count", "texts_3", "folded = 'strasse'", "id = 1001", kind="value: citext", needs="citext"),
    _set("one letter of a long text", "texts_4", "long = overlay(long placing '_' from 5000 for 1)", "id = 40", kind="value: TOASTed text"),
    _set("one bit of bytes", "texts_5", "secret = set_bit(secret, 77, 1 - get_bit(secret, 77))", "id = 41", kind="value: bytea"),
    _set("one digit of a uuid", "texts_6", "token = overlay(token::text placing '0' from 36 for 1)::uuid", "token::text not like '%0'", kind="value: uuid"),
    _set("fixed text changed", "texts_2", "fixed = 'fixed'", "id = 8", kind="value: char"),
)  # fmt: skip

_DOCUMENTS = (
    _set("white space of a json", "documents", """raw = '{"a":1, "b": 2}'""", "id = 1001", kind="value: json"),
    _set("order of a json's members", "documents_2", """raw = '{"b": 2, "a": 1}'""", "id = 1001", kind="value: json"),
    _set("1.00 in place of 1.0 in a jsonb", "documents_3", """parsed = '{"a": 1.00, "b": null}'""", "id = 1001", kind="value: jsonb"),
    _set("NULL in place of a jsonb's null", "documents_4", "parsed = null", "id = 1002", kind="value: jsonb"),
    _set("weight of a word", "documents", "words = 'fat:2A cat:3C'", "id = 1001", kind="value: tsvector"),
    _set("white space of an xml", "documents_2", "page = '<page> <line/></page>'", "id = 1001", kind="value: xml"),
)  # fmt: skip

_SHAPES = (
    _set("order of an array", "shapes_2", "numbers = '{8,7}'", "id = 1001", kind="value: array"),
    _set("bounds of an array", "shapes_3", "numbers = '[0:1]={7,8}'", "id = 1001", kind="value: array"),
    _set("a word in place of NULL in an array", "shapes_4", "words = array['x', 'NULL']", "id = 1001", kind="value: array"),
    _set("bound of a range", "shapes_5", "span = int4range(lower(span), upper(span) + 1)", "id = 12", kind="value: range"),
    _set("day of a range among ranges", "shapes_6", "holidays = holidays - datemultirange(daterange('2024-05-01', '2024-05-02'))", "id = 12", kind="value: multirange"),
    _set("value of an enum", "shapes_2", "kind = 'leave'", "kind = 'office' and id < 9", kind="value: enum"),
    _set("booleans flipped", "shapes_3", "is_open = not is_open", "true", kind="value: boolean"),
    _set("mask of an address", "shapes_4", "host = '10.0.0.1/16'", "id = 1001", kind="value: inet"),
    _set("a bit too many", "shapes_5", "flags = flags || B'0'", "id = 3", kind="value: varbit"),
    _set("(-0,0) in place of (0,0)", "shapes_6", "place = '(-0,0)'", "id = 1001", kind="value: point"),
    _set("1.00 in place of 1.0 in a composite", "shapes_2", "pair = row(1, 1.00)", "id = 1001", kind="value: composite"),
    _set("1.00 in place of 1.0 in a domain", "shapes_3", "part = 1.00", "id = 1001", kind="value: domain"),
)  # fmt: skip

_TWINS = (
    by_sql("rows exchanged between static twins", checks.CONTENT,
           "create temp table one as select * from specimens.twin_one where id < 50;"
           " update specimens.twin_one a set name = b.name, amount = b.amount from specimens.twin_two b where a.id = b.id and a.id < 50;"
           " update specimens.twin_two a set name = one.name, amount = one.amount from one where a.id = one.id", depth="full", kind="heap: rows moved", line="specimens.twin_one", hits=("specimens.twin_two",)),
    by_sql("a static twin in the other's place", checks.CONTENT,
           "alter table specimens.twin_one rename to twin_three; alter table specimens.twin_two rename to twin_one;"
           " alter table specimens.twin_three rename to twin_two", depth="full", kind="pg_class.relname", line="specimens.twin_one", hits=("specimens.twin_two",)),
    by_damage("page of a twin in its place", checks.CONTENT,
              lambda ward: ward.damage.spoil("specimens.twin_one", 1, kind="copy", origin="specimens.twin_two", page=1), depth="full", kind="heap page: another page", line="specimens.twin_one"),
    by_damage("page twice, in a static table", checks.CONTENT,
              lambda ward: ward.damage.spoil("specimens.keyless_2", 0, kind="copy", page=1), depth="full", kind="heap page: another page", line="specimens.keyless_2"),
    by_sql("row twice and another gone", checks.CONTENT,
           "update specimens.keyless set what = 'thing 3', how_many = 4 where ctid = (select min(ctid) from specimens.keyless where what = 'thing 7')",
           depth="full", kind="heap: rows invented", line="specimens.keyless"),
)  # fmt: skip

_ON_DISK = (
    _put("one byte of a text on disk", "specimens.texts_3", b"plain 123", b"plain 124", kind="heap page: bytes"),
    _put("one bit of a number on disk", "specimens.twin_one_2", b"one of 77", b"ine of 77", kind="heap page: bytes"),
    _put_in_toast("one byte of a long text on disk", "specimens.texts_4", b"long 200 long 200", b"long 200_long 200", kind="TOAST page: bytes"),
    _put("one byte on disk in a table in use", "specimens.letters", b"number 01234", b"number 01334", kind="heap page: bytes"),
    _put_in_toast("one byte of a long text on disk in a table in use", "specimens.letters", b"letter 700 letter", b"letter 701 letter", kind="TOAST page: bytes"),
    by_damage("page twice, in a table in use without an index", checks.CONTENT,
              lambda ward: ward.damage.spoil("specimens.letters", 3, kind="copy", page=4), depth="full", kind="heap page: another page", line="specimens.letters"),
    by_damage("page of a twin in its place, in tables in use", checks.CONTENT,
              lambda ward: ward.damage.spoil("specimens.left_hand", 1, kind="copy", origin="specimens.right_hand", page=1), depth="full", kind="heap page: another page", line="specimens.left_hand"),
)  # fmt: skip

IN_CONTENTS: tuple[Planted, ...] = (
    *_TEXTS, *_NUMBERS, *_TIMES, *_DOCUMENTS, *_SHAPES, *_TWINS, *_ON_DISK,
    by_sql("content of a large object changed", checks.CONTENT, "select lo_put(900001, 0, 'other')::text", depth="full", kind="pg_largeobject: content"),
)  # fmt: skip
"""What rows hold."""

"""One statement that the owner wrote, and the one value that it returns.

The law: the statement cannot write, and this process receives little, however much the statement returns. We put the statement
into a query of ours, so the server cuts the value. A statement that cannot be put there (``SHOW``, ``EXPLAIN``) is sent by a
child process with limited memory. A value that had to be cut is no value: nothing is ever compared with a part of it.
"""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Literal

import psycopg

from daybreak.errors import DaybreakError, Failed, Refused, Unreachable
from daybreak.model.value import iso
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.session import GRACE, Limits, Session, open_session

LONGEST = 64 * 1024
"""The most characters of a value; what people compare is short."""

MEMORY = 512 * 1024 * 1024
"""The address space of a child in bytes; Python and libpq use a quarter of it."""

_CHUNK = 1000
ValueKind = Literal["truth", "number", "instant", "text", "null"]

_SHORT_TYPES = (
    "bool",
    "int2",
    "int4",
    "int8",
    "oid",
    "float4",
    "float8",
    "numeric",
    "date",
    "time",
    "timetz",
    "timestamp",
)
_SHORT = frozenset(psycopg.postgres.types[name].oid for name in (*_SHORT_TYPES, "timestamptz", "interval", "uuid"))
"""Types whose values are always short."""

_UNLIKE_A_QUERY = ("42601", "0A000", "42P")
"""The SQLSTATEs for a statement that cannot stand inside another: a syntax error, or a missing feature."""


@dataclass(frozen=True)
class OneValue:
    """What a statement returned: its shape, and the first row's value where it has one column."""

    columns: int
    rows: int
    """At most one more than wanted."""
    kind: ValueKind = "null"
    value: str = ""
    is_too_long: bool = False


def one_value(address: Address, login: Login, limits: Limits, text: str, most: int) -> OneValue:
    """Ask ``text`` in a session of its own and return what came back, reading at most ``most`` rows and one more.

    Raises ``Refused`` when ``text`` holds a NUL byte, and whatever a session raises.
    """
    if "\0" in text:
        # libpq would send only the part before it, and the answer to that part would pass for the answer to the whole.
        raise Refused("a question holds a NUL byte", "write the question as plain text")
    with open_session(address, login, limits) as session:
        _prepare(session)
        try:
            shape = session.column_types(within(text, "*") + " LIMIT 0")
        except Failed as error:
            if not _is_unlike_a_query(error):
                raise
        else:
            return _ask_the_server_to_cut(session, text, shape, most)
        left = session.left
    return _ask_apart(address, login, replace(limits, whole=left, statement=min(left, limits.statement)), text, most)


def _prepare(session: Session) -> None:
    session.begin()
    session.forget_search_path()


def _is_unlike_a_query(error: Failed) -> bool:
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and (cause.sqlstate or "").startswith(_UNLIKE_A_QUERY)


def within(text: str, what: str) -> str:
    """A query around the statement. Semicolons at its end are removed; a line break ends a comment at its end."""
    return f"SELECT {what} FROM (\n{text.rstrip().rstrip(';').rstrip()}\n) AS asked"  # noqa: S608 - it is a question of SQL


def _ask_the_server_to_cut(session: Session, text: str, shape: tuple[int, ...], most: int) -> OneValue:
    if len(shape) != 1:
        return OneValue(len(shape), 0)
    is_short = shape[0] in _SHORT
    what = "asked.value" if is_short else f"pg_catalog.left(asked.value::pg_catalog.text, {LONGEST + 1})"
    query = f"{within(text, what)} (value)"
    with session.stream(query) as rows:
        first = next(rows, None)
        count = 0 if first is None else 1 + sum(1 for _ in islice(rows, most))
    value = first[0] if first else None
    if isinstance(value, str) and not is_short:
        if len(value) > LONGEST:
            return OneValue(1, count, "text", "", is_too_long=True)
        value = session.load(shape[0], value)
    kind, written = plain(value)
    return OneValue(1, count, kind, written)


_KINDS: dict[ValueKind, tuple[str, ...]] = {
    "truth": ("bool",),
    "number": ("int2", "int4", "int8", "oid", "float4", "float8", "numeric"),
    "instant": ("date", "timestamp", "timestamptz"),
}


def kind_of_type(oid: int) -> ValueKind:
    """The kind of every value of a type, as ``plain`` gives it; any other type's values are text."""
    named = psycopg.postgres.types.get(oid)
    return next((kind for kind, names in _KINDS.items() if named and named.name in names), "text")


def plain(value: Any) -> tuple[ValueKind, str]:
    """A value that psycopg made, as its kind and as text."""
    match value:
        case None:
            return "null", ""
        case bool():
            return "truth", str(value).lower()
        case int() | Decimal():
            return "number", str(value)
        case float():
            return "number", repr(value)
        case datetime():
            # The session's time zone is UTC, so PostgreSQL and we both read a time without a zone as UTC.
            return "instant", iso(value if value.tzinfo else value.replace(tzinfo=UTC))
        case date():
            return "instant", iso(datetime(value.year, value.month, value.day, tzinfo=UTC))
        case _:
            return "text", str(value)


# -- what cannot stand in a query of ours


def _ask_apart(address: Address, login: Login, limits: Limits, text: str, most: int) -> OneValue:
    """Ask from a child process with limited memory; it gets the login through a pipe."""
    # The child is ours and reads only what we wrote. Its answer holds data from a server, so that comes as JSON.
    order = pickle.dumps((address, login, limits, text, most))
    patience = (limits.whole + GRACE).total_seconds()
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", __spec__.name], input=order, capture_output=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(f"{address} could not answer: no answer came within the time limit") from None
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        raise Failed(f"{address} gave an answer that does not fit into {MEMORY // 1024**2} MB of memory") from None
    if "told" in answer:
        return OneValue(**answer["told"])
    error = Unreachable if answer["is_passing"] else Failed
    raise error(answer["message"], *answer["hints"])


def _answer(order: bytes) -> dict[str, Any]:
    address, login, limits, text, most = pickle.loads(order)  # noqa: S301 - from our own parent
    try:
        with open_session(address, login, limits) as session:
            _prepare(session)
            with session.stream(text) as rows:
                first = next(rows, None)
                count = 0 if first is None else 1 + sum(1 for _ in islice(rows, most))
            if first is None or len(first) != 1:
                return {"told": asdict(OneValue(len(first or ()), count))}
            kind, value = plain(first[0])
            is_too_long = len(value) > LONGEST
            return {"told": asdict(OneValue(1, count, kind, "" if is_too_long else value, is_too_long))}
    except DaybreakError as error:
        told = {"message": error.message[:_CHUNK], "hints": list(error.hints)}
        return told | {"is_passing": isinstance(error, Unreachable)}
    except MemoryError:
        message = f"{address} gave an answer that does not fit into {MEMORY // 1024**2} MB of memory"
        return {"message": message, "hints": [], "is_passing": False}


def _main() -> None:
    with suppress(ValueError, OSError):  # the kernel does not know this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdout.write(json.dumps(_answer(sys.stdin.buffer.read())))


if __name__ == "__main__":
    _main()

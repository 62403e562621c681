"""Probes: the questions a validation asks of a running PostgreSQL.

The law: a probe ends within its limit and two seconds, changes nothing, and returns an answer or a ``Silence``; it never
raises for what the server or the network does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any, Literal, TypeVar

from daybreak.errors import DaybreakError
from daybreak.model.answers import Reply, Settings, Silence, Tables
from daybreak.model.entries import Admission, Turned
from daybreak.model.inventory import Inventory
from daybreak.model.targets import SqlCheck
from daybreak.model.value import Span, Value, iso
from daybreak.postgres import catalog
from daybreak.postgres.admission import admission, was_turned_away
from daybreak.postgres.inventory import inventory
from daybreak.postgres.session import Address, Limits, Login, Session, connected

T = TypeVar("T", bound=Value)


@dataclass(frozen=True)
class Place:
    """A database and how to log in there."""

    address: Address
    login: Login


def ask_settings(place: Place, names: Iterable[str], limit: timedelta) -> Settings | Silence:
    """The named settings as a new session of the running server gets them."""
    wanted = sorted(names)
    asked = f"SHOW {', '.join(wanted)} at {place.address}"

    def question(session: Session) -> Settings:
        known = catalog.settings(session, wanted)
        return Settings(asked=asked, took=Span(0), known=known, families=catalog.families(session))

    return _timed(place, _within(limit), asked, question)


def list_tables(place: Place, limit: timedelta) -> Tables | Silence:
    """Every table of the database."""
    return _timed(place, _within(limit), f"the tables in pg_class of {place.address}", catalog.tables)


def take_inventory(place: Place, limit: timedelta) -> Inventory | Silence:
    """Everything in the database besides its rows."""
    return _timed(place, _within(limit), f"the catalog of {place.address}", inventory)


def ask_owner(place: Place, check: SqlCheck) -> Reply | Silence:
    """The one value that the owner's own statement returns, read-only and within the check's own time limit."""

    def question(session: Session) -> Reply | Silence:
        session.begin()
        session.forget_search_path()
        rows = session.first_rows(check.sql, check.max_rows + 1)
        if shape := _unlike_one_value(rows, check.max_rows):
            return Silence(asked=check.sql, why=f"one value was expected, {shape} came back")
        kind, value = _plain(rows[0][0])
        return Reply(asked=check.sql, took=Span(0), kind=kind, value=value)

    return _timed(place, _within(check.timeout), check.sql, question)


def _unlike_one_value(rows: list[tuple[Any, ...]], most: int) -> str:
    """What came back instead of one value; of several rows that are allowed the first one counts."""
    if len(rows) > most:
        return "more than one row" if most == 1 else f"more than {most} rows"
    if not rows:
        return "no row"
    return f"{len(rows[0])} columns" if len(rows[0]) != 1 else ""


def ask_admission(place: Place, limit: timedelta) -> Admission | Turned | Silence:
    """Whether the login gets in, as whom, and what it may read; told apart from one that is turned away."""
    began = monotonic()
    asked = f"a login and a row at {place.address}"
    try:
        with connected(place.address, place.login, _within(limit)) as session:
            answer: Admission | Turned | Silence = admission(session)
    except DaybreakError as error:
        kind = Turned if was_turned_away(error) else Silence
        answer = kind(asked=asked, why=error.message)
    return answer.model_copy(update={"took": timedelta(seconds=monotonic() - began)})


def _within(limit: timedelta) -> Limits:
    return Limits(
        connect=min(limit, timedelta(seconds=10)), statement=limit, lock=min(limit, timedelta(seconds=5)), whole=limit
    )


def _timed(place: Place, limits: Limits, asked: str, question: Callable[[Session], T]) -> T | Silence:
    """Put one question in a session of its own, and say how long it took."""
    began = monotonic()
    try:
        with connected(place.address, place.login, limits) as session:
            answer = question(session)
    except DaybreakError as error:
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))
    return answer.model_copy(update={"took": timedelta(seconds=monotonic() - began)})


def _plain(value: Any) -> tuple[Literal["truth", "number", "instant", "text", "null"], str]:
    """What psycopg made of a value, as text and what kind of text that is."""
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
            # The session's time zone is UTC, so a time without a zone is read as UTC here and by PostgreSQL.
            return "instant", iso(value if value.tzinfo else value.replace(tzinfo=UTC))
        case date():
            return "instant", iso(datetime(value.year, value.month, value.day, tzinfo=UTC))
        case _:
            return "text", str(value)

"""Probes: the questions a validation asks of a running PostgreSQL.

The law: a probe ends within its limit plus two seconds, changes nothing, and returns an answer or a ``Silence``. It never
raises for what the server or the network does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from time import monotonic
from typing import TypeVar

from daybreak.errors import DaybreakError, Unproven
from daybreak.model.answers import DatabaseNames, OwnerAnswer, ServerSettings, Silence, Tables
from daybreak.model.birth import Birth, Fate
from daybreak.model.entries import Admission, Turned
from daybreak.model.inventory import Inventory
from daybreak.model.targets import SqlCheck
from daybreak.model.value import Span, Value
from daybreak.postgres import catalog
from daybreak.postgres.admission import admission, was_turned_away
from daybreak.postgres.birth import read_birth, read_fates
from daybreak.postgres.inventory.listing import cluster_inventory, inventory
from daybreak.postgres.questions import LONGEST, OneValue, one_value
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Limits, Session

T = TypeVar("T", bound=Value)


def ask_settings(place: Reach, names: Iterable[str], limit: timedelta) -> ServerSettings | Silence:
    """Ask for the named settings, as a new session gets them."""
    wanted = sorted(names)
    asked = f"SHOW {', '.join(wanted)} at {place.address}"

    def question(session: Session) -> ServerSettings:
        known = catalog.settings(session, wanted)
        return ServerSettings(asked=asked, took=Span(0), known=known, families=catalog.families(session))

    return ask_in_session(place, _within(limit), asked, question)


def list_databases(place: Reach, limit: timedelta) -> DatabaseNames | Silence:
    """List the cluster's databases by name."""
    return ask_in_session(place, _within(limit), f"the databases of {place.address}", catalog.database_names)


def list_tables(place: Reach, limit: timedelta) -> Tables | Silence:
    """List every table of the database."""
    return ask_in_session(place, _within(limit), f"the tables in pg_class of {place.address}", catalog.tables)


def take_inventory(place: Reach, limit: timedelta) -> Inventory | Silence:
    """List everything in the database besides its rows."""
    return ask_in_session(place, _within(limit), f"the catalog of {place.address}", inventory)


def take_shared_inventory(place: Reach, limit: timedelta) -> Inventory | Silence:
    """List what all databases of the server share."""
    return ask_in_session(place, _within(limit), f"the shared catalogs of {place.address}", cluster_inventory)


def ask_birth(place: Reach, limit: timedelta) -> Birth | Silence:
    """What a clone has spent of the numbers that it shares with its source."""
    return ask_in_session(place, _within(limit), f"the first own numbers of {place.address}", read_birth)


def ask_fates(
    place: Reach, birth: Birth, xids: Iterable[int], restored: datetime, limit: timedelta
) -> tuple[Fate, ...]:
    """What became of old transactions by the moment, as the clone knows it; nothing where it does not answer."""
    try:
        with place.session(_within(limit)) as session:
            return tuple(read_fates(session, birth, xids, restored))
    except DaybreakError:
        return ()


def ask_owner(place: Reach, check: SqlCheck) -> OwnerAnswer | Silence:
    """Ask the owner's own statement for its one value, read-only and within the check's own time limit."""
    began = monotonic()
    try:
        returned = one_value(place.address, place.login, _within(check.timeout), check.sql, check.max_rows)
    except DaybreakError as error:
        return Silence(asked=check.sql, why=error.message, took=timedelta(seconds=monotonic() - began))
    took = timedelta(seconds=monotonic() - began)
    if shape := _unlike_one_value(returned, check.max_rows):
        return Silence(asked=check.sql, why=f"one value was expected, but {shape} came back", took=took)
    return OwnerAnswer(asked=check.sql, took=took, kind=returned.kind, value=returned.value)


def _unlike_one_value(returned: OneValue, most: int) -> str:
    """What came back instead of one value; empty for one value. Where several rows are allowed, the first counts."""
    if returned.columns > 1:
        return f"{returned.columns} columns"
    if returned.rows > most:
        return "more than one row" if most == 1 else f"more than {most} rows"
    if not returned.rows:
        return "no row"
    if returned.is_too_long:
        return f"one of more than {LONGEST} characters"
    return "" if returned.columns == 1 else f"{returned.columns} columns"


def ask_admission(place: Reach, limit: timedelta) -> Admission | Turned | Silence:
    """Try a login: does it get in, as which role, and what may it read? A refused login is distinguished from silence."""
    began = monotonic()
    asked = f"a login and a row at {place.address}"
    try:
        with place.session(_within(limit)) as session:
            answer: Admission | Turned | Silence = admission(session)
    except DaybreakError as error:
        kind = Turned if was_turned_away(error) or isinstance(error, Unproven) else Silence
        answer = kind(asked=asked, why=error.message)
    return answer.model_copy(update={"took": timedelta(seconds=monotonic() - began)})


def _within(limit: timedelta) -> Limits:
    return Limits(
        connect=min(limit, timedelta(seconds=10)), statement=limit, lock=min(limit, timedelta(seconds=5)), whole=limit
    )


def ask_in_session(place: Reach, limits: Limits, asked: str, question: Callable[[Session], T]) -> T | Silence:
    """The answer to one question, asked in a session of its own, with how long it took; a silence where none came."""
    began = monotonic()
    try:
        with place.session(limits) as session:
            answer = question(session)
    except Unproven as error:
        return Silence(asked=asked, why=error.message, is_unproven=True, hints=error.hints)
    except DaybreakError as error:
        return Silence(asked=asked, why=error.message, took=timedelta(seconds=monotonic() - began))
    return answer.model_copy(update={"took": timedelta(seconds=monotonic() - began)})

"""What must be seen of an application again and again: its pages, and its login through each place; each asked in a thread of its own.

The law: each is well only as long as every answer says so, from the end of the first such answer to the beginning of the last one.
A page that hangs holds up nobody but itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from daybreak.errors import DaybreakError
from daybreak.execute.entering import Applicant
from daybreak.http.pages import read_page
from daybreak.judge.application import detail_of_page
from daybreak.model.answers import Silence
from daybreak.model.application import ApplicationLogin, ApplicationWay
from daybreak.model.entries import Page, Turned
from daybreak.model.findings import Standing
from daybreak.model.names import printable
from daybreak.model.targets import HealthCheck
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import Limits

BETWEEN = 1.0
"""Seconds between two questions to the same page, or two logins through the same place."""
_ENTERING = Limits(statement=timedelta(seconds=5), whole=timedelta(seconds=10))
_NOT_YET = "not answered yet"


class SignOfLife:
    """One thing that is asked again and again; ``ask`` returns why it is not well, and an empty text where it is."""

    def __init__(self, what: str, ask: Callable[[], str], *, is_page: bool) -> None:
        self.what, self.is_page = what, is_page
        self.unwell = _NOT_YET
        """Why it is not well, by the last answer."""
        self._ask = ask
        self._since = self._until = 0.0

    @property
    def held(self) -> timedelta | None:
        """For how long it has been well; ``None`` where it is not."""
        return None if self.unwell else timedelta(seconds=max(self._until - self._since, 0.0))

    def ask_again_and_again(self, stop: threading.Event) -> None:
        """Ask until somebody stops it."""
        while not stop.is_set():
            began = time.monotonic()
            self.ask_once()
            stop.wait(max(0.0, BETWEEN - (time.monotonic() - began)))

    def ask_once(self) -> None:
        """Ask, and take the answer."""
        began, was_well = time.monotonic(), not self.unwell
        unwell = self._ask()
        if not unwell and not was_well:
            self._since = time.monotonic()
        self._until = max(began, self._since)
        self.unwell = unwell


Asking = Callable[[SignOfLife, threading.Event], None]
"""What begins to ask one sign beside, until the event is set."""


def ask_in_thread(sign: SignOfLife, stop: threading.Event) -> None:
    """Begin to ask in a thread of its own."""
    threading.Thread(target=sign.ask_again_and_again, args=(stop,), name="daybreak-sign", daemon=True).start()


@contextmanager
def ask_beside(signs: Iterable[SignOfLife], asking: Asking = ask_in_thread) -> Iterator[None]:
    """Ask each beside for the length of the block; a question that is under way ends within its own limit."""
    stop = threading.Event()
    for each in signs:
        asking(each, stop)
    try:
        yield
    finally:
        stop.set()


def signs_of_pages(pages: Iterable[HealthCheck], configured: Mapping[str, str]) -> Iterator[SignOfLife]:
    """The sign of each page; ``configured`` are the URLs whose query no plan holds."""
    for page in pages:
        yield SignOfLife(printable(page.name), partial(_why_unwell, page, configured), is_page=True)


def _why_unwell(page: HealthCheck, configured: Mapping[str, str]) -> str:
    return why_unwell(page, configured)[0]


def why_unwell(page: HealthCheck, configured: Mapping[str, str]) -> tuple[str, bool]:
    """Why a page is not well, asked once, and whether only its owner can mend that; an empty text where it is well."""
    url = page.full_url(configured)
    if url is None:
        return "the query of its URL is a secret that no plan holds, and the configuration here has no such page", True
    answer = read_page(url, page.timeout, page.tls_ca)
    detail = detail_of_page(page, answer)
    if detail.standing is Standing.FIT:
        return "", False
    match answer:
        case Silence(why=why, is_lasting=is_lasting) | Turned(why=why, is_lasting=is_lasting):
            return why, is_lasting
        case Page(leads_to=leads_to, status=status):
            return f"{detail.found}, and should be {detail.expected}", bool(leads_to) and status != page.status


def signs_of_login(
    applicant: Applicant, application: ApplicationLogin, server: Callable[[], str], leash: Leash
) -> Iterator[SignOfLife]:
    """The sign of each place through which the login must get to the server with the mark that ``server`` returns."""
    for way in application.ways:
        ask = partial(_why_not_there, applicant, application, way, server, leash)
        yield SignOfLife(way.words(), ask, is_page=False)


def _why_not_there(
    applicant: Applicant,
    application: ApplicationLogin,
    way: ApplicationWay,
    server: Callable[[], str],
    leash: Leash,
) -> str:
    try:
        with applicant.enter(application, way, _ENTERING, leash) as (_, where):
            return "" if where.server == server() else "it got to another server"
    except DaybreakError as error:
        return error.message

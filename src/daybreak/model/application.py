"""The application's own login: through which places it is tried, and where it has to get by each."""

from __future__ import annotations

from daybreak.model.destinations import DatabaseAddress, TrafficDestination, words_of
from daybreak.model.value import Value


class ApplicationWay(Value):
    """One place by which an application finds the database, and where that leads."""

    destination: TrafficDestination
    region: str
    """Where the place is asked."""
    here: DatabaseAddress
    """The writer of the side that must be reached."""
    there: DatabaseAddress
    """The writer of the other side, which the place named before."""

    def words(self) -> str:
        """The place as a sentence names it."""
        return words_of(self.destination)


class ApplicationLogin(Value):
    """The application's login, and the places through which it is tried."""

    login: str
    """A reference; it is read in the action's region, right before each try."""
    database: str
    ways: tuple[ApplicationWay, ...]


class PageSeen(Value):
    """A page of the application as it answered before the traffic was moved."""

    name: str
    unwell: str = ""
    """What it answered, where that is not what is wanted; empty where it is well."""
    is_lasting: bool = False
    """Whether no move of traffic mends that: the URL leads elsewhere, or nobody vouches for its server."""


class WaySeen(Value):
    """A place of the traffic, as the application's login was tried through it before it moved."""

    destination: TrafficDestination
    region: str
    unasked: str = ""
    """Why nobody can log in through it from here; empty where somebody can."""
    refused: str = ""
    """What the server said that answered behind it, where it did not let the login in."""


class LoginSeen(Value):
    """The application's own login, as it was tried before the traffic moved."""

    role: str = ""
    silence: str = ""
    """Why the login cannot be read; empty where it can."""
    at_clone: str = ""
    """Why the clone does not let it in; empty where it does."""
    ways: tuple[WaySeen, ...] = ()


class ApplicationBefore(Value):
    """What was seen of an application before its traffic moved."""

    pages: tuple[PageSeen, ...] = ()
    login: LoginSeen | None = None
    """``None`` where no login of its own is configured, or it was not asked."""

"""Entries: how a login got into a database, what a page said, and who was turned away at the door; facts only.

The law: a no that somebody said is ``Turned``; nobody saying anything is a ``Silence``. The first condemns, the second does not.
"""

from __future__ import annotations

from daybreak.model.value import Span, Value


class Turned(Value):
    """Somebody said no: the login is not taken, the port is closed, the certificate is not to be trusted."""

    asked: str
    why: str
    took: Span = Span(0)


class Admission(Value):
    """A login that got in: as which role, and what it may do there."""

    asked: str
    took: Span
    proof: str = ""
    """How the login was proven to the server, in libpq's words."""
    role: str
    is_superuser: bool = False
    """Whether it may do everything, as PostgreSQL's superuser or as Aurora's."""
    tables: int
    """How many tables and views there are, besides PostgreSQL's own."""
    readable: int
    """How many of them it may read."""
    callable: int = 0
    """How many functions it may call that were granted to it or its roles by name."""
    read: str = ""
    """The table that it did read from; empty when there was none to read."""


class Page(Value):
    """What a health page answered to one GET; its text is cut where it grows long."""

    asked: str
    took: Span
    status: int
    text: str = ""
    is_cut: bool = False
    leads_to: str = ""
    """Where a redirect points, which nobody followed."""

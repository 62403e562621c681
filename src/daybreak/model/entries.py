"""Entries: how a login got into a database, what a page answered, and which logins were refused. Facts only.

The law: an explicit refusal is ``Turned``; no answer at all is a ``Silence``. The first condemns, the second does not.
"""

from __future__ import annotations

from pydantic import Field

from daybreak.model.value import Span, Value


class Turned(Value):
    """An explicit refusal: the login is not taken, the port is closed, the certificate is not to be trusted."""

    asked: str
    why: str
    took: Span = Span(0)
    is_lasting: bool = Field(default=False, exclude_if=lambda found: not found)
    """Whether waiting mends nothing: nobody vouches for the certificate."""


class Admission(Value):
    """A login that got in: its role, and what it may do there."""

    asked: str
    took: Span
    proof: str = ""
    """How the login was proven to the server, in libpq's words."""
    role: str
    is_superuser: bool = False
    """Whether it may do everything, as PostgreSQL's superuser or as Aurora's."""
    tables: int
    """How many tables and views there are, except PostgreSQL's own."""
    readable: int
    """How many of them it may read."""
    callable: int = 0
    """How many functions it may call that were granted to it or its roles by name."""
    read: str = ""
    """The table that it read from; empty when there was none to read."""


class Page(Value):
    """What a health page answered to one GET; a long text is cut."""

    asked: str
    took: Span
    status: int
    text: str = ""
    is_cut: bool = False
    leads_to: str = ""
    """Where a redirect points; it was not followed."""

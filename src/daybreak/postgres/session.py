"""One session with a PostgreSQL server: how it is opened, what it may do, and when it ends.

The law: a session only reads, takes its settings from nobody's environment or home directory, and ends within its limit
whatever the server or the network does. Errors of psycopg are translated here and nowhere else.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Literal, LiteralString, TypeVar

import psycopg
from psycopg import errors, pq, sql
from psycopg.abc import PQGen, Query
from psycopg.conninfo import make_conninfo

from daybreak.errors import DaybreakError, Failed, Refused, Unreachable
from daybreak.model.names import printable

T = TypeVar("T")

GRACE = timedelta(seconds=1)
"""How long after its limit a session still waits for the server to say that time is up, before it hangs up itself."""

_NO_FILE = "/dev/null/none"
"""A path that cannot exist, so that libpq reads no password, key or certificate from a home directory."""


@dataclass(frozen=True)
class Address:
    """Where a database answers. Aurora always offers TLS and a lab's server may have none, so the default is to prefer it.

    ``prefer`` takes TLS when the server has it, ``require`` refuses to speak without, ``verify-full`` also checks the
    certificate against ``root`` (a file of authorities such as Amazon's bundle, or ``system``).
    """

    host: str
    port: int
    database: str
    tls: Literal["prefer", "require", "verify-full"] = "prefer"
    root: str = "system"

    def __str__(self) -> str:
        return f"{printable(self.host)}:{self.port}/{printable(self.database)}"


@dataclass(frozen=True)
class Login:
    """A user name and its password; the password is never shown."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Limits:
    """How long a session may take: to connect, for one statement, waiting for a lock, and all in all."""

    connect: timedelta = timedelta(seconds=10)
    statement: timedelta = timedelta(seconds=30)
    lock: timedelta = timedelta(seconds=5)
    whole: timedelta = timedelta(seconds=60)

"""A stopped volume is read: its server runs alone for as long as somebody reads, and the provider's staff asks it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from daybreak.lab.servers.binaries import Install
from daybreak.lab.servers.masters import set_password
from daybreak.lab.servers.node import STAFF, Node
from daybreak.lab.volumes.archive import Archive
from daybreak.lab.volumes.serving import alone

Connect = Callable[[str], psycopg.Connection[tuple[Any, ...]]]
"""Opens a session of the staff in a database."""


@contextmanager
def open_at_rest(place: Path, install: Install) -> Iterator[Connect]:
    """Run the server of the stopped volume in ``place``; nobody else reaches it."""
    node = Node(install, place)
    with alone(node, Archive.open(place / "backups")):
        word = secrets.token_urlsafe(24)
        set_password(node, STAFF, word)
        yield lambda database: node.connect_staff(database, word)

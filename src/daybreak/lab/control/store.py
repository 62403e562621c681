"""The control plane's memory: documents of resources and jobs, kept in one SQLite file, one row each.

The law: a document is a value. Readers take no lock and get whole documents; writers hold the one lock and replace a document
by a new one. What is in memory is on disk before the writer releases the lock. A killed process loses nothing; a power cut
may lose something, because the lab does not sync.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

Doc = dict[str, Any]
"""A document: AWS's member names, and names with a leading underscore that stay inside the lab. Never changed in place."""


class State:
    """All documents by kind, region and id."""

    def __init__(self, file: Path) -> None:
        self.lock = threading.RLock()
        """The lock that every writer holds."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=off")
        self._db.execute(
            "create table if not exists documents "
            "(kind text, region text, id text, document text, primary key (kind, region, id)) without rowid"
        )
        self._tables: dict[tuple[str, str], dict[str, Doc]] = {}
        for kind, region, id, text in self._db.execute("select kind, region, id, document from documents"):
            self._table(kind, region)[id] = decode(text)

    def get(self, kind: str, region: str, id: str) -> Doc | None:
        """The document as it is now, or ``None``."""
        return self._tables.get((kind, region), {}).get(id)

    def all(self, kind: str, region: str) -> list[Doc]:
        """Every document of the kind in the region, by id."""
        table = self._tables.get((kind, region), {})
        return [document for _, document in sorted(table.copy().items())]

    def everywhere(self, kind: str) -> list[tuple[str, str, Doc]]:
        """Region, id and document of everything of the kind."""
        tables = [(region, table.copy()) for (each, region), table in list(self._tables.items()) if each == kind]
        return [(region, id, document) for region, table in tables for id, document in sorted(table.items())]

    def put(self, kind: str, region: str, id: str, document: Doc) -> Doc:
        """Keep the document, new or in place of the old one."""
        with self.lock:
            self._db.execute(
                "insert or replace into documents values (?, ?, ?, ?)", (kind, region, id, encode(document))
            )
            self._table(kind, region)[id] = document
            return document

    def change(self, kind: str, region: str, id: str, **members: Any) -> Doc:
        """Put a copy with these members changed; a member given as ``None`` is removed."""
        with self.lock:
            document = {**self._tables[kind, region][id], **members}
            return self.put(kind, region, id, {name: value for name, value in document.items() if value is not None})

    def drop(self, kind: str, region: str, id: str) -> Doc | None:
        """Forget the document and return what it was."""
        with self.lock:
            self._db.execute("delete from documents where kind = ? and region = ? and id = ?", (kind, region, id))
            return self._table(kind, region).pop(id, None)

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self._db.execute("delete from documents")
            self._tables.clear()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock and write what is put in one transaction.

        An error does not undo anything: callers refuse before they change, and memory and disk must not differ.
        """
        with self.lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("begin")
            try:
                yield
            finally:
                self._db.execute("commit")

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._db.close()

    def _table(self, kind: str, region: str) -> dict[str, Doc]:
        return self._tables.setdefault((kind, region), {})


def encode(document: Doc) -> str:
    """The document as JSON; time stamps survive as ``{"$time": ...}``."""
    return json.dumps(document, default=_encode, separators=(",", ":"))


def decode(text: str) -> Doc:
    """The document that `encode` wrote."""
    document: Doc = json.loads(text, object_hook=_decode)
    return document


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    raise TypeError(f"a document cannot hold {type(value).__name__}")


def _decode(value: dict[str, Any]) -> Any:
    if value.keys() == {"$time"}:
        return datetime.fromisoformat(value["$time"])
    return value

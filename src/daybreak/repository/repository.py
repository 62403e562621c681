"""The repository: one place beside the runs, and copies of it elsewhere for the day when that place is gone.

The law: a document is written once and never replaced, here and in every copy; a copy that fails is named and makes the
keeping fail, after everything that could be kept was kept. What is read was digested, wherever it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from daybreak.assess.capsules import capsule_changes
from daybreak.errors import DaybreakError, Failed, Refused, Unreachable
from daybreak.model.baseline import Baseline
from daybreak.model.capsule import Capsule
from daybreak.model.kept import Kept, KeptKind
from daybreak.model.names import printable
from daybreak.repository.documents import (
    D,
    Document,
    document_in,
    folder_of,
    kept_in,
    kept_of,
    key_of,
)
from daybreak.repository.folder import FolderShelf


class Shelf(Protocol):
    """What the repository needs of a folder or a bucket; each method raises ``Unreachable`` when it cannot."""

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store an object where there is none; whether this call did. Never replaces anything."""

    def get(self, key: str) -> bytes | None:
        """An object's bytes; none when there is no such object."""

    def keys(self, prefix: str) -> Iterable[str]:
        """All keys that begin with ``prefix``, in order."""


@dataclass(frozen=True)
class NamedShelf:
    """One folder or bucket in which documents are kept, under the name that people know it by."""

    name: str
    shelf: Shelf
    prefix: str = ""

    def listed(self, kind: KeptKind, target: str) -> tuple[Kept, ...]:
        """The documents of one kind and target, oldest first; other files there are left alone."""
        folder = f"{self.prefix}{folder_of(kind, target)}"
        keys = (key.removeprefix(self.prefix) for key in self.shelf.keys(folder))
        found = (kept_in(key, kind, target, self.name) for key in keys)
        return tuple(sorted((kept for kept in found if kept), key=lambda kept: (kept.stands_for, kept.sha256)))

    def read(self, kept: Kept) -> bytes | None:
        """A document's bytes; none when it is not here."""
        return self.shelf.get(f"{self.prefix}{key_of(kept)}")

    def write(self, kept: Kept, body: bytes) -> None:
        """Keep a document; raises ``Failed`` when other bytes stand under its name."""
        key = f"{self.prefix}{key_of(kept)}"
        if not self.shelf.put_if_absent(key, body) and self.shelf.get(key) != body:
            raise Failed(
                f'"{key}" in "{self.name}" was changed after it was kept', "put back a copy of it, or remove it"
            )


class Repository:
    """Capsules and baselines in a place of their own, with copies; every method may raise ``Unreachable``."""

    def __init__(self, home: NamedShelf, copies: tuple[NamedShelf, ...] = ()) -> None:
        self._places = (home, *copies)

    @property
    def places(self) -> tuple[str, ...]:
        """Where documents are kept: beside the runs first, then each copy."""
        return tuple(place.name for place in self._places)

    def keep(self, document: Document) -> Kept:
        """Keep a document here and in every copy.

        A capsule that holds what the last one holds is not kept again: then the last one is returned, and every copy has
        it. Raises, after all places were tried, when any of them did not take it, naming those that did.
        """
        last = self._same_as(document) if isinstance(document, Capsule) else None
        kept, body = last or (kept_of(document), document.canonical())
        done: list[str] = []
        failed: list[tuple[str, DaybreakError]] = []
        for place in self._places:
            try:
                place.write(kept, body)
                done.append(place.name)
            except DaybreakError as error:
                failed.append((place.name, error))
        if failed:
            raise _partly(kept, done, failed)
        return kept.model_copy(update={"place": self._places[0].name})

    def listed(self, kind: KeptKind, target: str) -> tuple[Kept, ...]:
        """What is kept of a target, oldest first; of the copies only what is missing here.

        A place that cannot be reached is passed over when another answers.
        """
        found: dict[str, Kept] = {}
        failed: list[DaybreakError] = []
        for place in self._places:
            try:
                found = {key_of(kept): kept for kept in place.listed(kind, target)} | found
            except Unreachable as error:
                failed.append(error)
        if len(failed) == len(self._places):
            raise failed[0]
        return tuple(found[key] for key in sorted(found))

    def newest(self, kind: KeptKind, target: str, not_after: datetime | None = None) -> Kept | None:
        """The newest document that stands for a moment not after that one; the copies are asked when there is none here."""
        failed: list[DaybreakError] = []
        for place in self._places:
            try:
                known = place.listed(kind, target)
            except Unreachable as error:
                failed.append(error)
                continue
            fitting = [kept for kept in known if not_after is None or kept.stands_for <= not_after]
            if fitting:
                return fitting[-1]
        if len(failed) == len(self._places):
            raise failed[0]
        return None

    def capsule(self, kept: Kept) -> Capsule:
        """What the capsule says; raises ``Failed`` when it is gone or was changed, ``Refused`` when it is too new."""
        return self._document(kept, Capsule)[0]

    def baseline(self, kept: Kept) -> Baseline:
        """What the baseline says; raises ``Failed`` when it is gone or was changed, ``Refused`` when it is too new."""
        return self._document(kept, Baseline)[0]

    def _document(self, kept: Kept, model: type[D]) -> tuple[D, bytes]:
        """The document and its bytes, from the place that it was listed in or any other of ours: its digest tells that it is the same."""
        first: DaybreakError | None = None
        for place in sorted(self._places, key=lambda place: place.name != kept.place):
            try:
                body = place.read(kept)
                if body is not None:
                    return document_in(body, kept.model_copy(update={"place": place.name}), model), body
            except DaybreakError as error:
                first = first or error
        raise first or Failed(
            f'the {kept.kind} "{key_of(kept)}" is not in {_all(self.places)}', "put it back from a copy"
        )

    def _same_as(self, capsule: Capsule) -> tuple[Kept, bytes] | None:
        """The newest capsule and its bytes when it holds the same; one that cannot be read is no reason not to keep."""
        try:
            kept = self.newest("capsule", capsule.target)
            if kept is not None and kept.stands_for <= capsule.taken:
                last, body = self._document(kept, Capsule)
                return (kept, body) if not capsule_changes(last, capsule) else None
        except DaybreakError:
            return None
        return None


def open_repository(where: str, copies: tuple[str, ...], *, s3: Callable[[str], Shelf] | None) -> Repository:
    """The repository at a folder or ``s3://bucket/prefix``, with its copies; ``s3`` gives the objects of a bucket.

    Nothing is looked up yet. Raises ``Refused`` for an address that is neither.
    """
    return Repository(_place(where, s3), tuple(_place(copy, s3) for copy in copies))


def _place(where: str, s3: Callable[[str], Shelf] | None) -> NamedShelf:
    scheme, separator, rest = where.partition("://")
    if not separator:
        folder = Path(where).expanduser()
        return NamedShelf(str(folder), FolderShelf(folder))
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise Refused(f'"{printable(where)}" is no place to keep anything', "use a folder, or s3://bucket/prefix")
    if s3 is None:
        raise Refused(f'"{printable(where)}" cannot be reached without AWS', "use a folder")
    inner = prefix.strip("/")
    return NamedShelf(where.rstrip("/"), s3(bucket), f"{inner}/" if inner else "")


def _partly(kept: Kept, done: list[str], failed: list[tuple[str, DaybreakError]]) -> DaybreakError:
    """What was and what was not kept; as passing as the least passing of the reasons."""
    is_passing = all(isinstance(error, Unreachable) for _, error in failed)
    reasons = "; ".join(f'not in "{name}": {error.message}' for name, error in failed)
    hints = tuple(dict.fromkeys(hint for _, error in failed for hint in error.hints))
    success = f"is kept in {_all(done)}, but " if done else "is kept nowhere: "
    message = f'the {kept.kind} of "{kept.target}" {success}{reasons}'
    return Unreachable(message, *hints) if is_passing else Failed(message, *hints)


def _all(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

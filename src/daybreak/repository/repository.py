"""The repository: one place beside the runs, and copies elsewhere for the day when that place is gone.

The law: a document is written once and never replaced, here and in every copy. A copy that fails is named and makes the
keeping fail, after all other places were tried. What is read must have its digest, wherever it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from daybreak.model.schema_dump import SchemaDump
from daybreak.repository.documents import (
    D,
    Document,
    document_in,
    entry_in,
    entry_of,
    folder_of,
    key_of,
)
from daybreak.repository.folder import FolderShelf

MOST_READ = 100
"""How many documents are read in search of one that suits."""


class Shelf(Protocol):
    """What the repository needs of a folder or a bucket; each method raises ``Unreachable`` when it cannot do its work."""

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store an object where there is none. Return whether this call stored it. Never replaces anything."""

    def get(self, key: str) -> bytes | None:
        """An object's bytes; ``None`` when there is no such object."""

    def keys(self, prefix: str) -> Iterable[str]:
        """All keys that begin with ``prefix``, in order."""

    def folders(self, prefix: str) -> Iterable[str]:
        """What stands between ``prefix`` and the next slash, each once."""

    def sizes(self, prefix: str) -> Iterable[tuple[str, int]]:
        """All keys below ``prefix``, each with its bytes."""

    def remove(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""


@dataclass(frozen=True)
class NamedShelf:
    """One folder or bucket in which documents are kept, with its name for people."""

    name: str
    shelf: Shelf
    prefix: str = ""

    def list_kept(self, kind: KeptKind, target: str) -> tuple[Kept, ...]:
        """The documents of one kind and target, oldest first; other files there are left alone."""
        folder = f"{self.prefix}{folder_of(kind, target)}"
        keys = (key.removeprefix(self.prefix) for key in self.shelf.keys(folder))
        found = (entry_in(key, kind, target, self.name) for key in keys)
        return tuple(sorted((kept for kept in found if kept), key=lambda kept: (kept.stands_for, kept.sha256)))

    def read(self, kept: Kept) -> bytes | None:
        """A document's bytes; ``None`` when it is not here."""
        return self.shelf.get(f"{self.prefix}{key_of(kept)}")

    def write(self, kept: Kept, body: bytes) -> None:
        """Keep a document; raises ``Failed`` when its name holds other bytes."""
        key = f"{self.prefix}{key_of(kept)}"
        if not self.shelf.put_if_absent(key, body) and self.shelf.get(key) != body:
            raise Failed(
                f'"{key}" in "{self.name}" was changed after it was kept', "put back a copy of it, or remove it"
            )


class Repository:
    """Capsules and baselines in a place of their own, with copies; every method may raise ``Unreachable``."""

    def __init__(self, home: NamedShelf, copies: tuple[NamedShelf, ...] = ()) -> None:
        self._places = (home, *copies)
        self._silent: set[str] = set()
        """The places that did not answer when they were last asked: they may lie in a region that is gone."""

    @property
    def places(self) -> tuple[str, ...]:
        """The places of the documents: beside the runs first, then each copy."""
        return tuple(place.name for place in self._places)

    @property
    def shelves(self) -> tuple[NamedShelf, ...]:
        """The places themselves, in that order."""
        return self._places

    def keep(self, document: Document) -> Kept:
        """Keep a document here and in every copy.

        A capsule with the same content as the last one is not kept again: the last one is returned, and every copy gets it.
        When a place did not take the document, this raises after all were tried, and names those that did.
        """
        last = self._same_as(document) if isinstance(document, Capsule) else None
        kept, body = last or (entry_of(document), document.canonical())
        done: list[str] = []
        failed: list[tuple[str, DaybreakError]] = []
        for place in self._places:
            try:
                place.write(kept, body)
                done.append(place.name)
            except DaybreakError as error:
                failed.append((place.name, error))
        if failed:
            raise partly_kept(f'the {kept.kind} of "{kept.target}"', done, failed)
        return kept.model_copy(update={"place": self._places[0].name})

    def list_kept(self, kind: KeptKind, target: str) -> tuple[Kept, ...]:
        """What is kept of a target, oldest first; from the copies only what is missing here.

        A place that cannot be reached is passed over when another answers.
        """
        found: dict[str, Kept] = {}
        for known in self._lists(kind, target):
            found = {key_of(kept): kept for kept in known} | found
        return tuple(found[key] for key in sorted(found))

    def _lists(self, kind: KeptKind, target: str) -> Iterator[tuple[Kept, ...]]:
        """What each place has, in order. One that was silent before is asked last, and only where no other answers.

        Raises ``Unreachable`` where none does.
        """
        failed: list[DaybreakError] = []
        has_answer = False
        for place in sorted(self._places, key=lambda place: place.name in self._silent):
            if has_answer and place.name in self._silent:
                continue
            try:
                known = place.list_kept(kind, target)
            except Unreachable as error:
                failed.append(error)
                self._silent.add(place.name)
                continue
            self._silent.discard(place.name)
            has_answer = True
            yield known
        if not has_answer:
            raise failed[0]

    def newest(
        self,
        kind: KeptKind,
        target: str,
        not_after: datetime | None = None,
        suits: Callable[[Document], bool] | None = None,
    ) -> Kept | None:
        """The newest document that suits, for a moment that is not after that one; the copies are asked when there is none here.

        One that cannot be read is taken for one that suits: whoever needs it learns why it cannot be read, and an older one
        does not silently take its place.
        """
        for known in self._lists(kind, target):
            in_time = [kept for kept in known if not_after is None or kept.stands_for <= not_after]
            found = next((kept for kept in in_time[: -MOST_READ - 1 : -1] if self._suits(kept, suits)), None)
            if found is not None:
                return found
        return None

    def _suits(self, kept: Kept, suits: Callable[[Document], bool] | None) -> bool:
        if suits is None:
            return True
        try:
            return suits(self.read(kept))
        except DaybreakError:
            return True

    def read(self, kept: Kept) -> Document:
        """The document, of whatever kind; raises as the method of that kind does."""
        return _READERS[kept.kind](self, kept)

    def capsule(self, kept: Kept) -> Capsule:
        """The capsule; raises ``Failed`` when it is gone or was changed, ``Refused`` when it is too new."""
        return self._document(kept, Capsule)[0]

    def baseline(self, kept: Kept) -> Baseline:
        """The baseline; raises ``Failed`` when it is gone or was changed, ``Refused`` when it is too new."""
        return self._document(kept, Baseline)[0]

    def schema(self, kept: Kept) -> SchemaDump:
        """The schema dump; raises ``Failed`` when it is gone or was changed, ``Refused`` when it is too new."""
        return self._document(kept, SchemaDump)[0]

    def _document(self, kept: Kept, model: type[D]) -> tuple[D, bytes]:
        """The document and its bytes, from the place that listed it or any other: its digest shows that it is the same."""
        first: DaybreakError | None = None
        # Where it was listed there is an answer; a place that was silent is asked last.
        for place in sorted(self._places, key=lambda place: (place.name != kept.place, place.name in self._silent)):
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
        """The newest capsule and its bytes when its content is the same; one that cannot be read does not prevent keeping."""
        try:
            kept = self.newest(
                "capsule", capsule.target, suits=lambda other: capsule.identity.is_place_of(other.identity)
            )
            if kept is not None and kept.stands_for <= capsule.taken:
                last, body = self._document(kept, Capsule)
                return (kept, body) if not capsule_changes(last, capsule) else None
        except DaybreakError:
            return None
        return None


_READERS: Mapping[KeptKind, Callable[[Repository, Kept], Document]] = {
    "capsule": Repository.capsule,
    "baseline": Repository.baseline,
    "schema": Repository.schema,
}


def open_repository(where: str, copies: tuple[str, ...], *, s3: Callable[[str], Shelf] | None) -> Repository:
    """The repository at a folder or ``s3://bucket/prefix``, with its copies; ``s3`` gives the objects of a bucket.

    Nothing is looked up yet. Raises ``Refused`` for any other address.
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


def partly_kept(what: str, done: list[str], failed: list[tuple[str, DaybreakError]]) -> DaybreakError:
    """The failure that names the places with and without it; of the class of the reason that passes least easily."""
    is_passing = all(isinstance(error, Unreachable) for _, error in failed)
    reasons = "; ".join(f'not in "{name}": {error.message}' for name, error in failed)
    hints = tuple(dict.fromkeys(hint for _, error in failed for hint in error.hints))
    success = f"is kept in {_all(done)}, but " if done else "is kept nowhere: "
    message = f"{what} {success}{reasons}"
    return Unreachable(message, *hints) if is_passing else Failed(message, *hints)


def _all(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

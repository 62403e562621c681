"""Kept documents as files: their names, and how their bytes are read back.

The law: a document's name holds the moment that it stands for and the digest of its bytes. So a list needs no reading, and a
document without the digest of its name is not believed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, assert_never

from pydantic import ValidationError

from daybreak.errors import Failed, Refused
from daybreak.model.baseline import Baseline
from daybreak.model.capsule import Capsule
from daybreak.model.kept import Kept, KeptKind
from daybreak.model.names import printable
from daybreak.model.schema_dump import SchemaDump

Document = Capsule | Baseline | SchemaDump
D = TypeVar("D", Capsule, Baseline, SchemaDump)

FORMATS: Mapping[KeptKind, int] = {"capsule": 2, "baseline": 3, "schema": 1}
"""The newest ``format`` of each kind that this release reads; it writes no other."""

TARGET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
"""What may name a target, and so a folder."""

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-([0-9a-f]{64})\.json")
_COMPACT = "%Y%m%dT%H%M%S.%fZ"


def folder_of(kind: KeptKind, target: str) -> str:
    """Where the documents of one kind and target are; raises ``Refused`` for a name that no target can have."""
    if not TARGET_NAME.fullmatch(target):
        raise Refused(f'"{printable(target)}" cannot name a target', "a target has a name of letters, digits, - and _")
    return f"{kind}s/{target}/"


def entry_of(document: Document) -> Kept:
    """The entry of a document in a list."""
    kind, stands_for = _what_it_is(document)
    sha256 = hashlib.sha256(document.canonical()).hexdigest()
    return Kept(kind=kind, target=document.target, stands_for=stands_for, sha256=sha256)


def _what_it_is(document: Document) -> tuple[KeptKind, datetime]:
    """The kind of a document, and the moment that it stands for."""
    match document:
        case Capsule():
            return "capsule", document.taken
        case Baseline():
            return "baseline", document.stands_for
        case SchemaDump():
            return "schema", document.taken
        case _:
            assert_never(document)


def key_of(kept: Kept) -> str:
    """The key of a document, below its place."""
    moment = kept.stands_for.astimezone(UTC).strftime(_COMPACT)
    return f"{folder_of(kept.kind, kept.target)}{moment}-{kept.sha256}.json"


def entry_in(key: str, kind: KeptKind, target: str, place: str) -> Kept | None:
    """The entry that a key names; ``None`` for a file that is not ours."""
    match = _NAME.fullmatch(key.removeprefix(folder_of(kind, target)))
    if match is None:
        return None
    try:
        stands_for = datetime.strptime(match[1], _COMPACT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Kept(kind=kind, target=target, stands_for=stands_for, sha256=match[2], place=place)


def document_in(body: bytes, kept: Kept, model: type[D]) -> D:
    """The document in a file's bytes; raises ``Failed`` when the bytes were changed, ``Refused`` when the document is too new."""
    where = f'the {kept.kind} "{key_of(kept)}" in "{kept.place}"'
    if hashlib.sha256(body).hexdigest() != kept.sha256:
        raise Failed(f"{where} was changed after it was kept", "put back a copy of it, or remove it")
    plain = _plain(body)
    if isinstance(form := plain.get("format"), int) and form > (newest := FORMATS[kept.kind]):
        raise Refused(
            f"{where} has format {form}, and this release reads up to {newest}",
            "use the release of Daybreak that wrote it, or a newer one",
        )
    try:
        document = model.model_validate_json(body)
    except ValidationError as error:
        raise Failed(
            f"{where} cannot be read by this release: {error.error_count()} fields do not fit",
            "use the release of Daybreak that wrote it, or a newer one",
        ) from error
    # The bytes have the digest of the name. Those of an older format are not the bytes that this release would write.
    _, stands_for = _what_it_is(document)
    if (document.target, stands_for) != (kept.target, kept.stands_for):
        raise Failed(f'{where} is of "{printable(document.target)}" at another moment', "remove it")
    return document


def _plain(body: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}

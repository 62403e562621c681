"""The lab's own secrets: the token for its own paths, the keys of its account's root, and the seed of everything that moto draws.

The law: each lab draws them once and keeps them in one file that only the lab's account can read. They are never on a command
line.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import string
from dataclasses import asdict, dataclass, field
from pathlib import Path

from daybreak.errors import Refused

FILE = "keys.json"
_LETTERS = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Keys:
    """What opens a lab: ``token`` its own paths, the pair of keys its AWS; moto's ids and keys come from ``seed``."""

    token: str = field(repr=False)
    access_key: str
    secret_key: str = field(repr=False)
    seed: str = field(repr=False)


def keys_of(folder: Path) -> Keys:
    """The keys of the lab in the folder; draws them when it has none yet."""
    place = folder / FILE
    if not place.exists():
        access = "AKIA" + "".join(secrets.choice(_LETTERS) for _ in range(16))
        write_private(
            place,
            json.dumps(
                asdict(Keys(secrets.token_urlsafe(32), access, secrets.token_urlsafe(30), secrets.token_hex(32)))
            ),
        )
    return Keys(**json.loads(place.read_text()))


def write_private(place: Path, text: str) -> None:
    """Write a file in one step that only its owner can read, whatever the umask is."""
    draft = place.with_name(f"{place.name}.new")
    draft.unlink(missing_ok=True)  # an existing file that others can read would stay so
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(place)


def refuse_foreign(folder: Path) -> None:
    """Raise `Refused` when another account can put files into the folder: a lab runs and believes what it finds there."""
    facts = folder.stat()
    if facts.st_uid != os.geteuid():
        raise Refused(f"'{folder}' belongs to another account (uid {facts.st_uid})", "choose a folder of your own")
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(f"others can write into '{folder}'", f"close it with: chmod go-w '{folder}'")

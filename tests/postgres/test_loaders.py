"""The pg_restore that loads an archive at a cluster: chosen, or refused with what is wrong with each, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from daybreak.errors import Refused
from daybreak.postgres.loaders import find_loader


def make_programs(folder: Path, version: str, *, has_tls: bool) -> Path:
    """Programs that say which version they are of, and what libpq says of TLS."""
    folder.mkdir()
    said = (
        "connection to server failed"
        if has_tls
        else 'sslmode value "require" invalid when SSL support is not compiled in'
    )
    for name in ("pg_restore", "pg_dump"):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "{name} (PostgreSQL) {version}"; exit 0; }}\necho \'{said}\' >&2\nexit 1\n'
        )
        program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("version", "majors", "why"),
    [
        ("16.9", (16, 18), ""),
        ("18.6", (16, 18), ""),
        ("16.9", (15, 15), ""),
        ("15.9", (16, 16), "older than the archive"),
        ("17.9", (16, 16), "it sets transaction_timeout, which PostgreSQL 16 does not know"),
        ("16.9-plain", (16, 16), "it was built without TLS"),
    ],
)
def test_one_is_chosen_or_said_to_be_wrong(tmp_path: Path, version: str, majors: tuple[int, int], why: str) -> None:
    """Its age, the server's, and what its libpq says when it is asked for TLS."""
    least, server = majors
    number, _, is_plain = version.partition("-")
    folder = make_programs(tmp_path / "bin", number, has_tls=not is_plain)
    if not why:
        assert find_loader(least, server, str(folder)).version == number
        return
    with pytest.raises(Refused) as refused:
        find_loader(least, server, str(folder))
    assert why in refused.value.message


def test_without_any_it_says_so(tmp_path: Path) -> None:
    """And where one is to be had."""
    with pytest.raises(Refused) as refused:
        find_loader(16, 16, str(tmp_path))
    assert "there is none" in refused.value.message
    assert "postgresql-client" in refused.value.hints[0]

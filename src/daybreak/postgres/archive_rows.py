"""How many rows an archive has of each table, counted in what ``pg_restore`` writes of it without any database.

The law: it is the archive's own figure. No server, and nothing that the dump brought, has a say in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from daybreak.archive.contents import ArchiveEntry
from daybreak.postgres.accounts import account
from daybreak.postgres.clients import ClientProgram, open_nameless
from daybreak.postgres.leash import Leash
from daybreak.postgres.sandbox import Box, run_boxed

_ROWS = "TABLE DATA"
_PIECE = 1 << 20


def count_archived_rows(
    program: ClientProgram, archive: Path, entries: Iterable[ArchiveEntry], limit: timedelta, leash: Leash
) -> dict[tuple[str, str], int | None]:
    """The rows of each table of which the entries have rows, by schema and name; ``None`` where they could not be counted.

    Rows that were dumped as statements, and not by ``COPY``, cannot be. Raises ``Failed`` and ``Unreachable`` as ``run_boxed`` does.
    """
    of_rows = tuple(each for each in entries if each.kind == _ROWS)
    tally = _Tally(of_rows)
    numbers = "".join(f"{each.id}\n" for each in of_rows).encode()
    who = account()
    who.lend(archive)
    handle = os.open(archive, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with open_nameless(numbers, who.owner) as listing:
            command = [program.path, "--data-only", f"--use-list=/dev/fd/{listing}", "--file=-", f"/dev/fd/{handle}"]
            said = run_boxed(command, Box(limit), leash, keeps=(listing, handle), take=tally.read)
    finally:
        os.close(handle)
    if said.code or not tally.is_whole:
        return {(each.schema, each.name): None for each in of_rows}
    return tally.rows()


class _Tally:
    """Counts the lines between each ``COPY`` and its end; the tables come in the order of the entries."""

    def __init__(self, entries: tuple[ArchiveEntry, ...]) -> None:
        self._entries = entries
        self._counts: list[int] = []
        self.is_whole = True
        """Whether all blocks were found that should be there."""

    def rows(self) -> dict[tuple[str, str], int | None]:
        """What was counted."""
        found = dict.fromkeys(((each.schema, each.name) for each in self._entries), 0)
        for each, number in zip((one for one in self._entries if one.has_data), self._counts, strict=True):
            found[each.schema, each.name] = number
        return dict(found)

    def read(self, out: BinaryIO) -> None:
        """Read to the end."""
        expected = [each for each in self._entries if each.has_data]
        lines = _lines(out)
        for line in lines:
            if not line.startswith(b"COPY "):
                continue
            if len(self._counts) == len(expected):
                self.is_whole = False
                return
            # A name with line breaks in it makes the statement longer.
            for _ in range(expected[len(self._counts)].copy.count("\n") - 1):
                next(lines, b"")
            number = 0
            for row in lines:
                if row == b"\\.\n":
                    break
                number += 1
            else:
                self.is_whole = False
            self._counts.append(number)
        self.is_whole = self.is_whole and len(self._counts) == len(expected)


def _lines(out: BinaryIO) -> Iterator[bytes]:
    """The lines, each cut to what says which it is: a row may be larger than our memory."""
    is_begun = False
    while piece := out.readline(_PIECE):
        if not is_begun:
            yield piece
        is_begun = not piece.endswith(b"\n")

"""``python -m tests.ledger FIRST COUNT``: so many seeded cutovers from that seed on, a line for each, on a new ground after every 25."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from tests.ledger.ground import ground
from tests.ledger.seeds import run_seed

PART = 25
"""Seeds on one ground."""


def main(words: list[str]) -> int:
    """0 where every ledger is whole."""
    first, count = (int(each) for each in (words or ["0", "10"]))
    began, wrong, acknowledged, unknown = time.monotonic(), 0, 0, 0
    seeds = deque(range(first, first + count))
    while seeds:
        with tempfile.TemporaryDirectory(prefix="daybreak-ledger-") as home, ground(Path(home)) as on:
            for _ in range(min(PART, len(seeds))):
                seed = seeds.popleft()
                try:
                    outcome = run_seed(on, seed)
                except Exception as error:  # noqa: BLE001 - one seed that breaks says nothing of the others
                    wrong += 1
                    _say(f"seed {seed}: {_words(error)}")
                    break  # what it left behind would be another seed's
                wrong, unknown = wrong + bool(outcome.wrong), unknown + len(outcome.unknown)
                acknowledged += len(outcome.ledger.acknowledged)
                _say(outcome.line())
    _say(
        f"{count} cutovers, {acknowledged} acknowledged writes, {unknown} unknown outcomes, {wrong} ledgers that are not whole, "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if wrong else 0


def _words(error: Exception) -> str:
    """What broke a seed, with what Daybreak had said by then where it did not end."""
    said = f"; it had said: {error.output!r} {error.stderr!r}" if isinstance(error, subprocess.TimeoutExpired) else ""
    return f"{type(error).__name__}: {error}{said}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

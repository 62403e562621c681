"""``python -m tests.ledger FIRST COUNT``: so many seeded cutovers from that seed on, a line for each, on a new ground after every 25."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.ledger.ground import ground
from tests.ledger.seeds import run_seed

PART = 25
"""Seeds on one ground."""


def main(words: list[str]) -> int:
    """0 where every ledger is whole."""
    first, count = (int(each) for each in (words or ["0", "10"]))
    began, wrong, acknowledged, unknown = time.monotonic(), 0, 0, 0
    for start in range(first, first + count, PART):
        with tempfile.TemporaryDirectory(prefix="daybreak-ledger-") as home, ground(Path(home)) as on:
            for seed in range(start, min(start + PART, first + count)):
                outcome = run_seed(on, seed)
                wrong, unknown = wrong + bool(outcome.wrong), unknown + len(outcome.unknown)
                acknowledged += len(outcome.ledger.acknowledged)
                sys.stdout.write(f"{outcome.line()}\n")
                sys.stdout.flush()
    sys.stdout.write(
        f"{count} cutovers, {acknowledged} acknowledged writes, {unknown} unknown outcomes, {wrong} ledgers that are not whole, "
        f"{time.monotonic() - began:.0f} s\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

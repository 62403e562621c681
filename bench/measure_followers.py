"""The cost of following many restores at once in one process: calls for each look, memory, threads.

Each count has its own process (``bench.following``), on a lab whose clock is stopped, so every restore goes on waiting.
"""

from __future__ import annotations

import json
import subprocess
import sys
from math import ceil
from pathlib import Path
from typing import Any

from bench.rounds import Figures, Row, milliseconds
from bench.stage import Stage, stage

REAL = (1, 10, 25)
"""Real runs, all left standing until the lab ends: together they must stay below the quota of forty clusters."""
BARE = (1, 100, 2000)
"""Threads that share the poller."""
PAGE = 100
MOST_MEMORY = 100.0


def follow(on: Stage, count: int, *words: str) -> dict[str, Any]:
    """Run one process that follows so many restores, and return its figures."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.following", str(count), *words],
        env=on.environment | {"PYTHONPATH": str(Path(__file__).parents[1]), "DAYBREAK_POLL": "300ms"},
        cwd=on.folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def figures() -> Figures:
    """Calls, memory and threads by the number of restores."""
    with stage() as on:
        on.ask("POST", "clock", {"speed": 0})
        real = {count: follow(on, count) for count in REAL}
        bare = {count: follow(on, count, "bare") for count in BARE}
    rows = [_row(f"{count} restores", count, found) for count, found in real.items()]
    rows += [_row(f"{count:,} waits that share the poller", count, found) for count, found in bare.items()]
    least, most = real[REAL[0]]["memory"], real[REAL[-1]]["memory"]
    rows.append(Row("one restore more", f"{(most - least) / (REAL[-1] - REAL[0]) * 1024:.0f} kB"))
    memory = bare[BARE[-1]]["memory"]
    rows.append(
        Row(
            f"memory of {BARE[-1]:,} waits",
            f"{memory:.0f} MB",
            f"{memory - bare[1]['memory']:.0f} MB more than one",
            goal=f"under {MOST_MEMORY:g} MB",
            is_reached=memory < MOST_MEMORY,
        )
    )
    notes = (
        "Restores: real runs on a lab whose clock stands; each has sent its restore and waits. Six looks, one each 0.3 s.",
        "Waits: an account has a quota of forty clusters, so these threads share the poller, and their clusters are not there.",
        f"Calls seen: {', '.join(sorted({name for found in (*real.values(), *bare.values()) for name in found['operations']}))}.",
    )
    return Figures("Following many restores in one process", tuple(rows), notes)


def _row(what: str, count: int, found: dict[str, Any]) -> Row:
    pages = ceil(count / PAGE)
    return Row(
        what=what,
        median=f"{found['calls']:.2f} calls a look",
        ratio=f"{milliseconds(found['cpu'])} CPU a look, {found['memory']:.0f} MB, {found['threads']} threads",
        goal=f"{pages} a look",
        is_reached=found["calls"] <= pages * 1.1,
    )

"""Measure side by side and print it plainly: undisturbed rounds, medians, ratios, a table.

The law: a round in which the host took processor time away (``steal``) is thrown away and repeated. We measure in turn what we
compare (A B A B), so a slow minute slows both. A missed goal is printed as missed.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

T = TypeVar("T")

STEAL_ALLOWED = 0.03
"""The share of the processors' time that the host may take in a round that counts."""

_BEAT = 30.0
"""Seconds after which a long benchmark says that it goes on."""

HEADS = ("what", "median", "ratio", "runs", "goal", "reached")


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, and whether it is what was wanted."""

    what: str
    median: str
    ratio: str = ""
    runs: int = 1
    goal: str = ""
    is_reached: bool | None = None
    """``None`` where there is no goal."""

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of the heads."""
        reached = {True: "yes", False: "no", None: ""}[self.is_reached]
        return (self.what, self.median, self.ratio, str(self.runs), self.goal, reached)


@dataclass(frozen=True)
class Figures:
    """What one benchmark measured, and what a reader must know to judge it."""

    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    load: str = field(default_factory=lambda: "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg()))

    def text(self) -> str:
        """The table for a terminal."""
        table = Table(*HEADS, box=SIMPLE_HEAD, title=self.title, title_justify="left", title_style="bold")
        for row in self.rows:
            table.add_row(*row.cells())
        pen = Console(width=150, highlight=False)
        with pen.capture() as capture:
            pen.print(table)
            for note in (*self.notes, self._machine()):
                pen.print(f"  {note}", style="dim", soft_wrap=True)
        return capture.get()

    def markdown(self) -> str:
        """The table for a page."""
        lines = [f"| {' | '.join(HEADS)} |", "|---|---|---|---|---|---|"]
        lines += [f"| {' | '.join(row.cells())} |" for row in self.rows]
        notes = "".join(f"{note}\n" for note in (*self.notes, self._machine()))
        return "\n".join(lines) + f"\n\n{notes}"

    def _machine(self) -> str:
        return f"Measured on {os.cpu_count()} cores; load averages at the end {self.load}."


class Rounds:
    """Takes rounds until enough are good, and counts the discarded ones."""

    def __init__(self) -> None:
        self.discarded = 0

    def of(self, measure: Callable[[], T], wanted: int) -> list[T]:
        """Take ``wanted`` good rounds and return their results; after as many bad ones, bad ones count too."""
        found: list[T] = []
        spoilt: list[T] = []
        while len(found) < wanted and len(found) + len(spoilt) < 2 * wanted:
            before = _processor_times()
            result = measure()
            (found if _stolen_share(before, _processor_times()) <= STEAL_ALLOWED else spoilt).append(result)
        self.discarded += len(spoilt)
        return (found + spoilt)[:wanted]

    def note(self) -> str:
        """The note on rounds that did not count."""
        return f"Rounds thrown away because the host took processor time: {self.discarded}."


class Heart:
    """Says on standard error how far a long benchmark is, so that nobody takes it for dead: at each beat, and every half minute."""

    def __init__(self, name: str) -> None:
        self._name, self._began, self._last = name, time.monotonic(), ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def beat(self, what: str) -> None:
        """Say what is done, or begins."""
        self._last = what
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        sys.stderr.write(f"{self._name} {minutes}:{seconds:02d}  {what}\n")
        sys.stderr.flush()

    def show(self, rows: list[Row]) -> list[Row]:
        """Say what was measured so far, and return it."""
        for row in rows:
            self.beat("  ".join(cell for cell in row.cells() if cell))
        return rows

    def _go_on(self) -> None:
        while not self._stop.wait(_BEAT):
            self.beat(f"still at: {self._last}")


def in_turn(parts: Sequence[Callable[[], T]]) -> Callable[[], list[T]]:
    """One round that measures each part once, one after the other."""
    return lambda: [part() for part in parts]


@dataclass(frozen=True)
class Cost:
    """The cost of a program: wall seconds, and processor seconds."""

    wall: float
    cpu: float


def cost_of(command: Sequence[str], *, environment: dict[str, str] | None = None) -> Cost:
    """Run a program to its end without its output, and return its cost."""
    environment = dict(os.environ) if environment is None else environment
    with Path(os.devnull).open("w") as nowhere:
        silence = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), number) for number in (1, 2)]
        began = time.perf_counter()
        child = os.posix_spawn(command[0], list(command), environment, file_actions=silence)
        _, status, usage = os.wait4(child, 0)
        wall = time.perf_counter() - began
    if code := os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{command[0]} ended with exit code {code}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def milliseconds(seconds: float) -> str:
    """Seconds in a form for a reader of benchmarks."""
    return (
        f"{seconds * 1000:.1f} ms"
        if seconds < 0.1
        else f"{seconds * 1000:.0f} ms"
        if seconds < 1
        else f"{seconds:.2f} s"
    )


def _processor_times() -> tuple[int, int]:
    """All ticks so far, and those that the host took; 0 where the system does not report them."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return (0, 0)
    return (sum(ticks), ticks[7])


def _stolen_share(before: tuple[int, int], after: tuple[int, int]) -> float:
    return (after[1] - before[1]) / max(after[0] - before[0], 1)

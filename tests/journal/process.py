"""A process that holds a run and does what its standard input says, for tests that stop, race and kill it."""

from __future__ import annotations

import json
import resource
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

from daybreak.errors import DaybreakError
from daybreak.journal.store import Journal
from daybreak.model.plan import StepId
from daybreak.model.run import StepSent
from tests.fix_journal import Ground


class Process:
    """Answers one order at a time."""

    def __init__(self, ground: Ground, run: str, who: str) -> None:
        self._store = ground.store()
        self._run = run
        self._who = who
        self._journal: Journal | None = None

    def attach(self, how: str = "") -> int:
        """Take the run; ``attach over`` takes it away from whoever holds it."""
        self._journal = self._store.attach(
            self._run,
            who=self._who,
            where=self._who.partition("@")[2],
            now=lambda: datetime.now(UTC),
            nonce=lambda: secrets.token_hex(8),
            take_over=how == "over",
        )
        return len(self._journal.events)

    def append(self, mark: str) -> int:
        """Append one event that carries ``mark``; answers its number."""
        assert self._journal is not None
        return self._journal.append(StepSent(step=StepId("s"), request_id=mark)).number

    def storm(self, count: str) -> list[str]:
        """Append until fenced, ``count`` times at most; answers the marks of the appends that returned."""
        marks: list[str] = []
        for _ in range(int(count) if self._journal else 0):
            mark = secrets.token_hex(8)
            try:
                self.append(mark)
            except DaybreakError:
                break
            marks.append(mark)
        return marks

    def limit(self, size: str) -> int:
        """Let no file of this process grow beyond ``size`` bytes; -1 lifts the limit."""
        sys.dont_write_bytecode = True  # Python would not notice that its bytecode was cut short
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
        return int(size)

    def close(self) -> int:
        """Let go of the run."""
        assert self._journal is not None
        self._journal.close()
        return 0


def main() -> None:
    """Carry out orders until there are no more."""
    where, url, run, who = sys.argv[1:]
    process = Process(Ground(where, url), run, who)
    for line in sys.stdin:
        order, *words = json.loads(line)
        answer: Any
        try:
            answer = getattr(process, order)(*words)
        except DaybreakError as error:
            answer = {"error": type(error).__name__, "message": error.message, "hints": error.hints}
        print(json.dumps(answer), flush=True)  # noqa: T201 (its way to answer)


if __name__ == "__main__":
    main()

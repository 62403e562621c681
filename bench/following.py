"""A process that follows some restores at once, and reports what that costs: ``python -m bench.following COUNT [bare]``.

They are real runs on a lab whose clock stands still: each has created its parameter group and sent its restore, and waits for
a cluster that will not become available. One observation serves all plans, because we do not measure planning.

An account may have forty clusters, also in the lab. Beyond that (``bare``) there are only threads that share the poller, and
each waits for a cluster that does not exist: calls and threads are real, the answers are shorter, and there is no journal.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from daybreak.app import App
from daybreak.app.running import Watchers, carry_out
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.errors import DaybreakError, Interrupted
from daybreak.execute.doors import Progress
from daybreak.model.moment import parse_moment
from daybreak.model.plan import Plan
from daybreak.model.requests import PitrRequest
from daybreak.observe.look import Lookout
from daybreak.observe.observation import look_closely, look_for_sources
from daybreak.observe.poller import Poller
from daybreak.plan.planner import plan_of
from daybreak.plan.source import interest_of
from daybreak.plan.terms import Terms

TICKS = 6


class Followers:
    """Runs that wait in threads of this process, with the number of looks that each has seen."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._looks: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._ended: list[str] = []

    def follow(self, plan: Plan) -> None:
        """Carry out a plan in a thread, until everything stops."""
        self._app.store.create(plan)
        thread = threading.Thread(target=self._carry_out, args=(plan.run,), name=plan.run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def watch(self, count: int) -> None:
        """Make so many threads share a poller, until everything stops."""
        poller = Poller(
            Lookout(self._app.aws(self._app.target("embi").region)),
            self._app.settings.poll.total_seconds(),
            monotonic=self._app.timing.monotonic,
            sleep=self._app.timing.sleep,
        )
        names = [f"embi-aurora-pitr-not-there-{number}" for number in range(count)]
        for name in names:
            poller.watch(name)
        self._threads += [
            threading.Thread(target=self._look_on, args=(poller, name), name=name, daemon=True) for name in names
        ]
        for thread in self._threads:
            thread.start()

    def looks(self) -> int:
        """The smallest number of looks that any run has seen; 0 until all are waiting."""
        return min(self._looks[thread.name] for thread in self._threads)

    def wait_for(self, looks: int) -> None:
        """Wait until every run has seen that many looks."""
        while self.looks() < looks:
            if self._ended:
                raise RuntimeError(f"a run ended that should have been waiting: {self._ended[0]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop every run at a safe place."""
        self._app.stopping.set()
        for thread in self._threads:
            thread.join()

    def _look_on(self, poller: Poller, name: str) -> None:
        while not self._app.stopping.is_set():
            poller.next_round()
            self._looks[name] += 1

    def _carry_out(self, run: str) -> None:
        def seen(progress: Progress) -> None:
            self._looks[run] += progress.step.endswith("await-cluster")

        try:
            self._ended.append(carry_out(self._app, run, Watchers(progress=seen)).note)
        except Interrupted:
            return
        except DaybreakError as error:
            self._ended.append(str(error))


def plans(app: App, count: int) -> list[Plan]:
    """That many restores of one target, each with its own names."""
    target, now = app.target("embi"), datetime.now(UTC)
    aws = app.aws(target.region)
    request = PitrRequest(
        target=target.name, moment=parse_moment("latest", now=now, zone="UTC"), words="latest", suffix="first"
    )
    sources = look_for_sources(Lookout(aws), aws.identity(), target, request, now)
    seen = look_closely(aws, sources, interest_of(request, target, sources))
    terms = Terms(created=now, expires=now + timedelta(hours=1), keep_until=None, zone="UTC")
    made = [
        plan_of(request.model_copy(update={"suffix": f"{count}x{number}"}), target, seen, terms)
        for number in range(count)
    ]
    return [plan for plan in made if isinstance(plan, Plan)]


def costs(count: int, *, is_bare: bool) -> dict[str, Any]:
    """Follow that many restores for some looks; return calls, processor time and memory."""
    settings = load(environ=os.environ, folder=Path.cwd(), flags={"state": None, "poll": None}, file=None)
    app = App(settings, Access(), os.environ)
    followers = Followers(app)
    if is_bare:
        followers.watch(count)
    else:
        for plan in plans(app, count):
            followers.follow(plan)
    followers.wait_for(1)
    traffic = app.aws(app.target("embi").region).traffic
    looks, calls, computed = followers.looks(), Counter(traffic.calls), time.process_time()
    followers.wait_for(looks + TICKS)
    calls = Counter(traffic.calls) - calls
    found = {
        "calls": sum(calls.values()) / (followers.looks() - looks),
        "cpu": (time.process_time() - computed) / (followers.looks() - looks),
        "operations": sorted(calls),
        "memory": _memory(),
        "threads": threading.active_count(),
    }
    followers.stop()
    return found


def _memory() -> float:
    """The memory of this process, in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    print(json.dumps(costs(int(sys.argv[1]), is_bare="bare" in sys.argv)))

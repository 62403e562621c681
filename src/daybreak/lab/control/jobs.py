"""Jobs: what the control plane has begun and not yet finished.

A job has real work on both sides of a simulated deadline: *early* work begins at once (copying files), *late* work at the
deadline (a server starts to listen only when its instance is about to be available). The job is finished when the deadline
has passed, no fault rule stops it and all its work is done.

The law: one thread at a time changes documents, under the state's lock, in `JobKind.finish` and its siblings. Worker threads
get a closure, touch no document, and return a result. Only a job that a rule holds is polled.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from daybreak.lab.control.clock import Clock
from daybreak.lab.control.faults import Fail, Faults, Stuck
from daybreak.lab.control.store import Doc, State

log = logging.getLogger(__name__)

Work = Callable[[], Any]
"""Real work, done without any lock."""

HELD_PAUSE = 0.02
"""The seconds between two looks at a job that a fault rule holds."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Something that takes time; ``args`` holds what it needs to be done again after a crash."""

    id: str
    kind: str
    region: str
    target: str
    began: float
    due: float
    args: Doc = field(default_factory=dict)

    def progress(self, simulated: float) -> float:
        """The share of its simulated duration that has passed, 0 to 1."""
        length = self.due - self.began
        return 1.0 if length <= 0 else min(1.0, max(0.0, (simulated - self.began) / length))


class JobKind:
    """What a kind of job does; the methods run under the state's lock and must not wait."""

    broken_status = "failed"
    """The status the resource takes when real work breaks."""

    def regions(self, job: Job) -> frozenset[str]:
        """The regions without which the job stands still."""
        return frozenset({job.region})

    def early(self, job: Job) -> Work | None:
        """The real work that begins at once; done again from the start after a crash."""
        return None

    def late(self, job: Job, early: Any) -> Work | None:
        """The real work that begins when the simulated time has come."""
        return None

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """Change the documents, because the job has succeeded."""
        raise NotImplementedError

    def fail(self, job: Job, status: str, message: str) -> None:
        """Change the documents, because the job has failed."""
        raise NotImplementedError

    def clear_up(self, job: Job) -> None:
        """Delete what the real work of a cancelled job left; called without the lock."""


@dataclass
class _Progress:
    """How far the real work of a job is, in this process."""

    step: str = "new"  # new, early, waiting, late, done
    running: bool = False
    results: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    held: bool = False


class Control:
    """The one loop that drives all jobs, and the threads that do their real work."""

    def __init__(self, state: State, clock: Clock, faults: Faults, kinds: dict[str, JobKind]) -> None:
        self._state = state
        self._clock = clock
        self._faults = faults
        self._kinds = kinds
        self._wake = threading.Event()
        self._ending = False
        self._down: frozenset[str] = frozenset()
        self._progress: dict[str, _Progress] = {}
        self._jobs = {id: _job_of(id, doc) for _, id, doc in state.everywhere("job")}
        numbers = (int(id.partition("-")[2]) for id in self._jobs)
        self._ids = itertools.count(max(numbers, default=0) + 1)
        self._pool: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None
        clock.on_turn(self._wake.set)

    def start(self) -> None:
        """Begin to work on the jobs, or go on."""
        self._ending = False
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="rds-work")
        self._thread = threading.Thread(target=self._run, name="rds-control", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the work in hand; unfinished jobs stay in the store."""
        self._ending = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._progress.clear()

    def submit(self, kind: str, region: str, target: str, seconds: float, args: Doc) -> Job:
        """Begin a job that will take that many simulated seconds; the caller holds the state's lock."""
        return self._add(kind, (region, target), self._clock.simulation_time(), seconds, args)

    def follow(self, former: Job, kind: str, seconds: float, args: Doc) -> Job:
        """Begin a job about the same thing at the simulated second at which the former one was due; the caller holds the lock."""
        return self._add(kind, (former.region, former.target), former.due, seconds, args)

    def _add(self, kind: str, whose: tuple[str, str], began: float, seconds: float, args: Doc) -> Job:
        id = f"job-{next(self._ids)}"
        region, target = whose
        job = Job(id=id, kind=kind, region=region, target=target, began=began, due=began + seconds, args=args)
        self._state.put("job", region, id, _doc_of(job))
        self._jobs[id] = job
        self._wake.set()
        return job

    def jobs(self, region: str | None = None, **args: Any) -> list[Job]:
        """The unfinished jobs whose ``args`` hold these values."""
        return [
            job
            for job in list(self._jobs.values())
            if region in (None, job.region) and all(job.args.get(name) == value for name, value in args.items())
        ]

    def cancel(self, job: Job) -> None:
        """Forget a job; work in hand goes on and its result is dropped. The caller holds the state's lock."""
        self._state.drop("job", job.region, job.id)
        self._jobs.pop(job.id, None)
        self._progress.pop(job.id, None)

    def forget_all(self) -> None:
        """Cancel every job."""
        with self._state.lock:
            for job in self.jobs():
                self.cancel(job)

    def set_down(self, regions: frozenset[str]) -> None:
        """Stop the jobs of these regions, and let all others move."""
        self._down = regions
        self._wake.set()

    # -- the loop -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ending:
            self._wake.clear()
            try:
                with self._state.transaction():
                    for job in list(self._jobs.values()):
                        if not self._is_held_up(job):
                            self._drive(job)
            except Exception:  # without this loop the lab stands still: report the error and go on
                log.exception("the control loop stumbled")
                self._wake.wait(1.0)
                continue
            self._wake.wait(self._pause())

    def _is_held_up(self, job: Job) -> bool:
        return bool(self._down and self._kinds[job.kind].regions(job) & self._down)

    def _drive(self, job: Job) -> None:
        progress = self._progress.setdefault(job.id, _Progress())
        progress.held = False
        try:
            self._move(job, progress)
        except Exception as error:
            log.exception("job %s (%s of %s) failed", job.id, job.kind, job.target)
            self.cancel(job)
            kind = self._kinds[job.kind]
            kind.fail(job, kind.broken_status, f"internal failure of the lab: {error}")

    def _move(self, job: Job, progress: _Progress) -> None:
        kind = self._kinds[job.kind]
        if progress.running:
            return
        if progress.error is not None:
            raise progress.error
        if progress.step == "new":
            progress.step = "early"
            if self._begin(job, progress, kind.early(job)):
                return
        if progress.step == "early":
            if self._clock.simulation_time() < job.due or not self._may_pass(job, progress):
                return
            progress.step = "late"
            if self._begin(job, progress, kind.late(job, progress.results.get("early"))):
                return
        self.cancel(job)
        kind.finish(job, progress.results.get("early"), progress.results.get("late"))

    def _may_pass(self, job: Job, progress: _Progress) -> bool:
        verdict = self._faults.job(job.kind, job.region, job.target)
        if isinstance(verdict, Stuck):
            progress.held = True
            return False
        if isinstance(verdict, Fail):
            self.cancel(job)
            self._kinds[job.kind].fail(job, verdict.status, verdict.message)
            return False
        return True

    def _begin(self, job: Job, progress: _Progress, work: Work | None) -> bool:
        if work is None:
            return False
        if self._pool is None:
            raise RuntimeError("jobs move only between start and stop")
        progress.running = True
        step = progress.step

        def run() -> None:
            try:
                progress.results[step] = work()
            except Exception as error:  # noqa: BLE001 - whatever went wrong is the job's failure
                progress.error = error
            progress.running = False
            if job.id not in self._jobs and not self._ending:
                self._kinds[job.kind].clear_up(job)
            self._wake.set()

        self._pool.submit(run)
        return True

    def _pause(self) -> float | None:
        pause: float | None = None
        for id, progress in list(self._progress.items()):
            job = self._jobs.get(id)
            if job is None or progress.running or self._is_held_up(job):
                continue
            left = HELD_PAUSE if progress.held else self._clock.real_seconds_until(job.due)
            if left is not None:
                pause = left if pause is None else min(pause, left)
        return None if pause is None else max(pause, 0.0005)


def _doc_of(job: Job) -> Doc:
    members = ("kind", "region", "target", "began", "due", "args")
    return {name: getattr(job, name) for name in members}


def _job_of(id: str, document: Doc) -> Job:
    return Job(id=id, **document)

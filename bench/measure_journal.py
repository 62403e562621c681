"""The journal: the cost of an event in a folder and in S3, and how soon a killed run calls AWS again."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from datetime import UTC, datetime
from statistics import median

from bench.rounds import Figures, Rounds, Row, milliseconds
from bench.stage import Stage, stage, wish
from daybreak.app import App
from daybreak.app.planning import plan_pitr
from daybreak.app.running import start
from daybreak.journal.store import Store
from daybreak.model.run import StepSeen

APPENDS = 60
ROUNDS = 3
STEP_GOAL = 0.0011
RESUME_GOAL = 0.67
"""Seconds; what the prototype of the engine took at most."""


def append_cost(store: Store, app: App) -> float:
    """Measure the median seconds until an event is durable, in a new run."""
    plan = plan_pitr(app, wish())
    store.create(plan)
    took = []
    with store.attach(
        plan.run, who="bench@here", where="here", now=lambda: datetime.now(UTC), nonce=lambda: secrets.token_hex(8)
    ) as journal:
        for number in range(APPENDS):
            began = time.perf_counter()
            journal.append(StepSeen(step=plan.steps[0].id, seen=f"look {number}"))
            took.append(time.perf_counter() - began)
    return median(took)


def resume_cost(on: Stage) -> float:
    """Measure the seconds from the start of ``daybreak resume`` to its first call, after a kill during a restore."""
    app, number = on.app(), on.last_visit()
    run = start(app, plan_pitr(app, wish()))
    shared = {"env": on.environment, "cwd": on.folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = subprocess.Popen(on.command("resume", run), **shared)  # type: ignore[call-overload]
    while not any(visit["operation"] == "RestoreDBClusterToPointInTime" for visit in on.visits(after=number)):
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    number, began = on.last_visit(), time.time()
    second = subprocess.Popen(on.command("resume", run), **shared)  # type: ignore[call-overload]
    while not (visits := on.visits(after=number)):
        time.sleep(0.02)
    answered: float = datetime.fromisoformat(visits[0]["time"]).timestamp() - visits[0]["milliseconds"] / 1000
    second.wait()
    on.clean(app, run)
    return answered - began


def figures() -> Figures:
    """The cost of an event and of a resumption."""
    taken = Rounds()
    with stage() as on:
        bucket = f"s3://daybreak-state-{on.app().aws('us-east-1').identity().account}/bench"
        folder, s3 = on.app(), on.app(state=bucket)
        pairs = taken.of(lambda: (append_cost(folder.store, folder), append_cost(s3.store, s3)), ROUNDS)
        resumed = taken.of(lambda: resume_cost(on), ROUNDS)
    near, far, again = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs), median(resumed)
    rows = (
        Row("an event, in a folder", milliseconds(near), "1", ROUNDS),
        Row("a step of two events, in a folder", milliseconds(2 * near), "", ROUNDS, "1.1 ms", 2 * near <= STEP_GOAL),
        Row("an event, in the lab's S3", milliseconds(far), f"{far / near:.1f} × the folder", ROUNDS),
        Row(
            "`daybreak resume` after `kill -9`, to its first call",
            milliseconds(again),
            "",
            ROUNDS,
            "within 0.67 s",
            again <= RESUME_GOAL,
        ),
    )
    notes = (
        f"Medians of {APPENDS} events a round, each on the disk (or answered by S3) before the next; the goals are a prototype's figures.",
        f"Folder on the disk of {os.uname().sysname}'s `/var/tmp`: a step costs two waits for that disk and little else.",
        taken.note(),
    )
    return Figures("The journal", rows, notes)

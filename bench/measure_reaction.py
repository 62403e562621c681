"""Reaction: from a change of state at the endpoint to the tool's next call, beside boto3's own waiter.

The moment of a change is the date of the endpoint's event (RDS-EVENT lists it to the millisecond); the moment of a call is its
arrival in the endpoint's request log. Both come from one clock, and neither comes from the tool.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from botocore.session import Session

from bench.rounds import Figures, Rounds, Row, milliseconds
from bench.stage import SPEED, Stage, stage, wish
from daybreak.app.planning import plan_pitr
from daybreak.app.running import Watchers, carry_out, start
from daybreak.lab.remote import REGION
from daybreak.lab.shell import poll_seconds

ROUNDS = 3
POLL = poll_seconds(SPEED)
GOAL = POLL + 1.0
DEFAULT_POLL = 15.0
"""Seconds between two looks unless configured otherwise."""

ANSWERED_BY = {
    "DB cluster restored from": "ModifyDBCluster",
    "Finished applying modification": "CreateDBInstance",
    "DB instance created": "CreateDBInstance",
}
"""What the plan sends next once an event has happened; the last one's instance is followed by a look."""


@dataclass
class Reaction:
    """Seconds from a change to the first look after it, and to the change that was waiting for it."""

    noticed: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)


def reaction_of_run(on: Stage, *, waiter: Waiter | None = None) -> Reaction:
    """Carry out one restore and compare the endpoint's events with its request log."""
    app, number = on.app(), on.last_visit()
    run = start(app, plan_pitr(app, wish()))
    if waiter:
        waiter.watch(run)
    carry_out(app, run, Watchers())
    visits = [visit for visit in on.visits(after=number) if visit["service"] == "rds"]
    reaction = Reaction()
    for moment, message in _events(run):
        if not (wanted := next((call for said, call in ANSWERED_BY.items() if message.startswith(said)), None)):
            continue
        looks = [at for at, call in map(_arrival, visits) if at >= moment and call.startswith("Describe")]
        changes = [at for at, call in map(_arrival, visits) if at >= moment and call == wanted]
        reaction.noticed += [(at - moment).total_seconds() for at in looks[:1]]
        reaction.answered += [(at - moment).total_seconds() for at in changes[:1]]
    return reaction


class Waiter:
    """boto3's waiter on one restored cluster, in a thread of its own: it looks, sleeps its fixed delay, and looks again."""

    def __init__(self) -> None:
        self._waiter = _client().get_waiter("db_cluster_available")
        self.delay = float(self._waiter.config.delay)
        self._took: list[float] = []
        self._thread: threading.Thread | None = None

    def watch(self, cluster: str) -> None:
        """Begin to wait as soon as the cluster is there."""
        self._thread = threading.Thread(target=self._wait, args=(cluster,), daemon=True)
        self._thread.start()

    def late(self) -> float:
        """Seconds from the change to the waiter's return; waits for it."""
        if self._thread:
            self._thread.join(3 * self.delay)
        return self._took[0]

    def _wait(self, cluster: str) -> None:
        while not any(one["DBClusterIdentifier"] == cluster for one in _client().describe_db_clusters()["DBClusters"]):
            time.sleep(0.05)
        self._waiter.wait(DBClusterIdentifier=cluster)
        returned = time.time()
        restored = next(at for at, message in _events(cluster) if message.startswith("DB cluster restored from"))
        self._took.append(returned - restored.timestamp())


def figures() -> Figures:
    """How soon a change is noticed and answered, and how late boto3's waiter is."""
    taken = Rounds()
    with stage(SPEED) as on:
        waiter = Waiter()
        reactions = [reaction_of_run(on, waiter=waiter), *taken.of(lambda: reaction_of_run(on), ROUNDS - 1)]
        late = waiter.late()
    noticed = [seconds for reaction in reactions for seconds in reaction.noticed]
    answered = [seconds for reaction in reactions for seconds in reaction.answered]
    expected = waiter.delay / 2
    rows = (
        _row("to the next look", noticed, expected),
        _row("to the next change sent", answered, expected),
        Row(
            "the slowest of these",
            milliseconds(max(answered)),
            "",
            len(answered),
            f"within {GOAL:g} s",
            max(answered) <= GOAL,
        ),
        Row("boto3's `db_cluster_available`, waited for once", milliseconds(late), f"{late / median(answered):.0f} ×"),
        Row(
            f"boto3's waiter, expected (half of its {waiter.delay:g} s delay; at worst all of it)",
            milliseconds(expected),
            f"{expected / median(answered):.0f} ×",
        ),
    )
    default = DEFAULT_POLL / 2 + max(median(answered) - POLL / 2, 0.0)
    on_aws = (
        Row(
            f"the tool on AWS, expected (half of its {DEFAULT_POLL:g} s, and what it adds here)",
            milliseconds(default),
            f"1/{expected / default:.1f} of the waiter's",
            goal=f"within {DEFAULT_POLL + 1:g} s",
            is_reached=default <= DEFAULT_POLL + 1,
        ),
    )
    notes = (
        f"A look each {POLL:g} s, as `daybreak lab env` sets it at speed {SPEED:g}; what the tool adds to it is the difference.",
        "What is expected is computed from the pause between two looks, in which a change is as likely at any moment.",
        taken.note(),
    )
    return Figures("Reaction to a change of state", (*rows, *on_aws), notes)


def _row(what: str, seconds: list[float], expected: float) -> Row:
    middle = median(seconds)
    ratio = f"1/{expected / middle:.0f} of the waiter's"
    return Row(what, milliseconds(middle), ratio, len(seconds), f"within {GOAL:g} s", middle <= GOAL)


def _client() -> Any:
    return Session().create_client("rds", REGION)


def _events(identifier: str) -> list[tuple[datetime, str]]:
    """The endpoint's events about a cluster and its instances, in order."""
    events = _client().describe_events(Duration=60, MaxRecords=100)["Events"]
    return sorted((e["Date"], e["Message"]) for e in events if e["SourceIdentifier"].startswith(identifier))


def _arrival(visit: dict[str, Any]) -> tuple[datetime, str]:
    answered = datetime.fromisoformat(visit["time"])
    return answered - timedelta(milliseconds=visit["milliseconds"]), visit["operation"]

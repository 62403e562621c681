"""The shortest road to a verdict: a restore's two times over what AWS and the validation need in any case.

The lab's own durations are known, so what a restore would take at least is a sum: the storage, the writer, and the validation of
the data, which is measured by itself, in turn with the restores; for the whole the longer of the validation and the readers.
Each wait costs one look more, because AWS tells nobody when it is ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from bench.measure_share import POLL
from bench.rounds import Figures, Rounds, Row, milliseconds
from bench.stage import SPEED, Stage, stage, wish
from daybreak.app.planning import plan_pitr
from daybreak.app.running import Watchers, carry_out, start
from daybreak.app.validating import Inquiry, case_of, validate_case
from daybreak.lab.rds.durations import seconds
from daybreak.plan.judgement import times_of

ROUNDS = 5
GOAL = 1.05
STORAGE = ("restore-to-point-in-time", "first-backup", "first-window")
INSTANCE = ("create-instance", "configure-instance")
WAITS_FOR_DATA, WAITS_FOR_ALL = 2, 3
"""Waits for AWS on the way to each: the storage and the writer; and the readers."""


@dataclass(frozen=True)
class Journey:
    """One restore, and the validation of its clone by itself, in seconds."""

    judged: float
    complete: float
    validation: float

    @property
    def least_to_data(self) -> float:
        """What storage, writer and validation take by themselves."""
        return _lab(*STORAGE, *INSTANCE) + self.validation + WAITS_FOR_DATA * POLL

    @property
    def least_to_all(self) -> float:
        """The same to the verdict, with the longer of validation and readers."""
        return _lab(*STORAGE, *INSTANCE) + max(self.validation, _lab(*INSTANCE)) + WAITS_FOR_ALL * POLL


def _lab(*kinds: str) -> float:
    """How long the lab takes for these jobs one after the other."""
    return sum(map(seconds, kinds)) / SPEED


def journey(on: Stage) -> Journey:
    """Restore, then validate the data of that clone by itself, then remove it."""
    app = on.app()
    run = start(app, plan_pitr(app, wish()))
    state = carry_out(app, run, Watchers())
    times = times_of(app.store.plan(run), state)
    case = case_of(app, Inquiry(name=run))
    alone = validate_case(app, case)
    on.clean(app, run)
    nothing = timedelta()
    return Journey(
        (times.judged or nothing).total_seconds(),
        (times.complete or nothing).total_seconds(),
        alone.took.total_seconds(),
    )


def figures() -> Figures:
    """Both times of a restore beside what nobody can do without."""
    taken = Rounds()
    with stage(SPEED) as on:
        journey(on)  # load everything that a process loads once
        found = taken.of(lambda: journey(on), ROUNDS)
    data = median(each.judged / each.least_to_data for each in found)
    whole = median(each.complete / each.least_to_all for each in found)
    rows = (
        Row("the lab: storage", milliseconds(_lab(*STORAGE))),
        Row("the lab: an instance", milliseconds(_lab(*INSTANCE))),
        Row("a validation by itself", milliseconds(median(each.validation for each in found)), runs=ROUNDS),
        Row(
            "start to *data judged*, over storage, writer and validation",
            milliseconds(median(each.judged for each in found)),
            f"{data:.2f} ×",
            ROUNDS,
            f"within {GOAL} ×",
            is_reached=data <= GOAL,
        ),
        Row(
            "start to verdict, over storage, writer and the longer of validation and readers",
            milliseconds(median(each.complete for each in found)),
            f"{whole:.2f} ×",
            ROUNDS,
            f"within {GOAL} ×",
            is_reached=whole <= GOAL,
        ),
    )
    notes = (
        f"At speed {SPEED:g}, with a look each {POLL:g} s; each wait for AWS may cost one look, which is part of what is compared with.",
        "The validation is of the same clone, right after its restore, with nothing else under way.",
        taken.note(),
    )
    return Figures("The shortest road to a verdict", rows, notes)

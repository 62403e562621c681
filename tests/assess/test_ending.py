"""How a run ended, for the shell and for the person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daybreak.assess.ending import exit_code_of, next_after, next_command, next_of_plan, objectives_missed
from daybreak.errors import ExitCode
from daybreak.model.actions import AwaitCluster, Validate
from daybreak.model.findings import Measured, Standing, Verdict
from daybreak.model.loss import TO_ACCIDENT, Loss, loss_between, loss_unknown
from daybreak.model.moment import At, Latest
from daybreak.model.requests import CleanRequest, PitrRequest, SnapshotRequest
from daybreak.model.run import RunState, StepState
from daybreak.model.targets import Objectives
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.trust import AMAZON
from daybreak.model.validation import Validation
from tests.fix_commands import trouble_with
from tests.fix_worlds import NOW, judging, plan

OBJECTIVES = Objectives(rpo=timedelta(minutes=5), rto=timedelta(hours=4), retention=timedelta(days=30))


def _lost(minutes: int) -> Loss:
    return loss_between(NOW, NOW + timedelta(minutes=minutes), TO_ACCIDENT)


LATE = Measured(rto=timedelta(hours=4, seconds=1), lost=_lost(5))


def state(**changes: Any) -> RunState:
    """A run as it stands."""
    defaults: dict[str, Any] = {"run": "r", "plan": "p", "began": NOW, "last": NOW, "events": 3}
    return RunState(**(defaults | changes))


def verdict(standing: Standing) -> Verdict:
    """A verdict of that standing."""
    return Verdict(standing=standing)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "finished"}, ExitCode.DONE),
        ({"status": "finished", "verdict": verdict(Standing.FIT)}, ExitCode.DONE),
        ({"status": "finished", "verdict": verdict(Standing.WAIVED)}, ExitCode.DONE),
        ({"status": "finished", "verdict": verdict(Standing.UNFIT)}, ExitCode.UNFIT),
        ({"status": "finished", "verdict": verdict(Standing.UNKNOWN)}, ExitCode.UNFIT),
        ({"status": "finished", "verdict": verdict(Standing.FIT), "measured": LATE}, ExitCode.LATE),
        ({"status": "finished", "verdict": verdict(Standing.UNFIT), "measured": LATE}, ExitCode.UNFIT),
        ({"status": "finished", "measured": LATE}, ExitCode.DONE),
        ({"status": "failed"}, ExitCode.FAILED),
        ({"status": "aborted"}, ExitCode.FAILED),
        ({"status": "paused", "exit_code": 4}, ExitCode.UNCERTAIN),
        ({"status": "paused", "exit_code": 130}, ExitCode.INTERRUPTED),
        ({"status": "paused", "exit_code": 75}, ExitCode.UNREACHABLE),
        ({"status": "paused"}, ExitCode.UNREACHABLE),
        ({"status": "running", "exit_code": 4}, ExitCode.UNREACHABLE),
    ],
)
def test_each_ending_has_its_exit_code(changes: dict[str, Any], code: ExitCode) -> None:
    """A script at night decides by this number; an unknown verdict is never a zero."""
    assert exit_code_of(state(**changes), OBJECTIVES) is code


def test_an_objective_is_missed_by_more_and_not_by_exactly_as_much() -> None:
    """What was promised is kept up to its last second; what was not measured is not called missed."""
    assert objectives_missed(Measured(), OBJECTIVES) == ()
    assert objectives_missed(Measured(rto=OBJECTIVES.rto, lost=_lost(5)), OBJECTIVES) == ()
    assert objectives_missed(Measured(lost=loss_unknown("staging")), OBJECTIVES) == ()
    both = Measured(rto=timedelta(hours=5), lost=_lost(6))
    assert objectives_missed(both, OBJECTIVES) == (
        "RPO: promised 5 minutes, lost 6 minutes",
        "RTO: promised 4 hours, measured 5 hours",
    )


FIT = {"status": "finished", "verdict": Verdict(standing=Standing.FIT)}
RUN = plan().run
FIRST = plan().steps[0].id
AGAIN = (
    "daybreak plan pitr embi --to 2024-01-15T14:30:00Z --accident 2024-01-15T14:30:04Z --why 'employees were deleted'"
)
SENT = {FIRST: StepState(status="done", attempts=1)}


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({"status": "paused"}, f"daybreak resume {RUN}"),
        ({"status": "stopped"}, f"daybreak resume {RUN}"),
        ({"status": "running"}, f"daybreak watch {RUN}"),
        ({"status": "silent"}, f"daybreak watch {RUN}"),
        ({"status": "finished"}, "daybreak runs"),
        (
            {"status": "finished", "verdict": Verdict(standing=Standing.UNFIT)},
            f"daybreak report {RUN} -o html --file {RUN}.html",
        ),
        ({"status": "finished", "verdict": Verdict(standing=Standing.UNKNOWN)}, f"daybreak validate {RUN}"),
        (FIT, f"daybreak validate {RUN}"),
        ({"status": "failed", "steps": SENT}, f"daybreak clean {RUN}"),
        ({"status": "aborted", "steps": SENT}, f"daybreak clean {RUN}"),
        ({"status": "failed", "steps": {FIRST: StepState(status="failed", attempts=2)}}, f"daybreak clean {RUN}"),
        ({"status": "failed", "steps": {FIRST: StepState(status="failed", attempts=1)}}, AGAIN),
        ({"status": "aborted"}, AGAIN),
    ],
)
def test_the_next_command_is_one_that_helps(changes: dict[str, Any], command: str) -> None:
    """A failed run cannot be resumed, a paused one must not be cleaned, and nobody is led to delete a fit clone."""
    assert next_command(plan(), state(run=RUN, **changes)) == command
    assert trouble_with(command) == []


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("status", ["running", "stopped", "silent", "paused", "failed", "aborted", "finished"])
def test_the_next_command_never_leads_back_to_where_it_is_read(standing: Standing, status: str) -> None:
    """``show`` said: next, ``show``. A circle at three in the morning looks like a way out."""
    for steps in ({}, SENT):
        command = next_command(plan(), state(run=RUN, status=status, steps=steps, verdict=verdict(standing)))
        assert not command.startswith("daybreak show")


@pytest.mark.parametrize(
    ("standing", "command"),
    [
        (Standing.FIT, "psql -h clone -p 5432"),
        (Standing.UNFIT, "daybreak validate clone -o html --file clone.html"),
        (Standing.UNKNOWN, "daybreak validate clone -o html --file clone.html"),
    ],
)
def test_a_validation_leads_into_what_is_fit_and_to_the_evidence_of_what_is_not(
    standing: Standing, command: str
) -> None:
    """The same question again gives the same answer; the page holds each line of it."""
    action = judging(plan()).action
    assert isinstance(action, Validate)
    asked = Validation(
        subject="clone", identity=plan().identity, began=NOW, took=timedelta(), action=action, findings=(),
        verdict=verdict(standing), way_in="psql -h clone -p 5432",
    )  # fmt: skip
    assert next_after(asked) == command


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({"status": "paused"}, f"daybreak resume {RUN}"),
        ({"status": "failed", "steps": SENT}, "daybreak runs"),
        ({"status": "aborted", "steps": SENT}, "daybreak runs"),
        (FIT, "daybreak runs"),
    ],
)
def test_what_was_removed_is_neither_removed_again_nor_used(changes: dict[str, Any], command: str) -> None:
    """A second clean-up is refused, and no psql line leads to a clone that is gone."""
    assert next_command(plan(), state(run=RUN, **changes), is_cleaned=True) == command


@pytest.mark.parametrize("status", ["failed", "aborted"])
def test_a_clean_up_that_did_not_end_well_is_made_anew(status: str) -> None:
    """A clean-up of the clean-up is refused: what it names is the run that it followed."""
    request = CleanRequest(target="embi", run=RUN, suffix="9x4")
    clean = plan().model_copy(update={"run": f"{RUN}-clean-9x4", "request": request})
    ended = state(run=clean.run, status=status)
    assert next_command(clean, ended) == f"daybreak clean {RUN}"
    assert next_command(clean, ended, is_cleaned=True) == "daybreak runs"


@pytest.mark.parametrize(
    ("wished", "command"),
    [
        (
            PitrRequest(
                target="my embi", moment=Latest(), suffix="7k2", is_read_only=True, resource_id="cluster-ABC",
                purpose="staging", thoroughness=Thoroughness(depth="full", sample=10),
            ),
            "daybreak plan pitr 'my embi' --to latest --resource-id cluster-ABC --for staging --read-only --depth full --sample 10%",
        ),
        (SnapshotRequest(target="embi", suffix="7k2"), "daybreak plan snapshot embi --snapshot latest"),
        (
            SnapshotRequest(target="embi", suffix="7k2", before=At(instant=datetime(2024, 1, 15, tzinfo=UTC))),
            "daybreak plan snapshot embi --snapshot latest --before 2024-01-15T00:00:00Z",
        ),
    ],
)  # fmt: skip
def test_what_came_to_nothing_is_planned_anew_as_it_was_meant(
    wished: PitrRequest | SnapshotRequest, command: str
) -> None:
    """``show`` led back to ``show``; and the same plan cannot be begun again, because its name is taken."""
    asked = plan().model_copy(update={"request": wished})
    assert next_command(asked, state(run=RUN, status="failed")) == command
    assert trouble_with(command) == []


def test_a_kept_plan_is_carried_out_until_it_expires() -> None:
    """After that the same is planned anew, into the same file: the old plan is of no use to anybody."""
    made = plan().model_copy(update={"request": SnapshotRequest(target="embi", suffix="7k2")})
    assert next_of_plan(made, "'a b.json'") == "daybreak restore --plan 'a b.json'"
    assert next_of_plan(made, "FILE", now=made.expires) == "daybreak restore --plan FILE"
    late = next_of_plan(made, "FILE", now=made.expires + timedelta(seconds=1))
    assert late == "daybreak plan snapshot embi --snapshot latest --file FILE --force"
    assert trouble_with(late) == []


@pytest.mark.parametrize(("doubt", "typed"), [("", ""), ("its journal is lost", " --confirm {clone}")])
def test_a_kept_clean_up_names_what_is_to_be_typed(doubt: str, typed: str) -> None:
    """Where tags decide, nobody removes a clone without its name; an expired one is made anew by its run's name."""
    request = CleanRequest(target="embi", run=RUN, suffix="9x4", doubt=doubt)
    clean = plan().model_copy(update={"run": f"{RUN}-clean-9x4", "request": request})
    typed = typed.format(clone=clean.clone)
    assert next_of_plan(clean, "FILE", now=NOW) == f"daybreak restore --plan FILE{typed}"
    assert next_of_plan(clean, "FILE", now=clean.expires + timedelta(1)) == f"daybreak clean {RUN}{typed}"


def test_a_fit_clone_is_opened_where_aws_says_it_is() -> None:
    """The address is what the person came for; it is never built from a name."""
    waits = [step.id for step in plan().steps if isinstance(step.action, AwaitCluster)]
    seen = StepState(status="done", result={"endpoint": "clone.cluster-x.example", "port": 5433})
    steps = {waits[-1]: seen}
    assert "psql" not in next_command(plan(), state(run=RUN, steps=steps)), "nothing has been judged yet"
    found = next_command(plan(), state(run=RUN, steps=steps, **FIT))
    assert found.startswith("psql -h clone.cluster-x.example -p 5433 -U ")
    assert found.endswith(f" -d 'dbname=embi sslmode=verify-full sslrootcert={AMAZON}'")

"""One event of every kind that a journal of format 1 can hold; the golden corpus is written from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daybreak.model.attempts import ProcessMark, StepEnded, StepReached, StepStaged, StepStarted
from daybreak.model.findings import Finding, Level, Measured, Reason, Standing, Verdict
from daybreak.model.news import SourceMoved, VerdictRenewed
from daybreak.model.plan import StepId
from daybreak.model.run import (
    Body,
    FindingMade,
    PlanAmended,
    RunAborted,
    RunApproved,
    RunFinished,
    RunPaused,
    RunWarned,
    StepDone,
    StepFailed,
    StepForgone,
    StepHeldUp,
    StepIntended,
    StepRetried,
    StepSeen,
    StepSent,
    StepUncertain,
)

_CALL = {
    "service": "rds",
    "operation": "CreateDBInstance",
    "params": {"DBInstanceIdentifier": "a-1"},
    "region": "eu-west-1",
}
_FINDING = Finding(
    check="data.rows",
    level=Level.DATA,
    title="Row counts",
    standing=Standing.UNFIT,
    expected="≥ 1000",
    found="999",
    asked="select count(*)",
    took=timedelta(milliseconds=1500),
    why="“quoted” and\nbroken",
)

_LATER = datetime(2024, 1, 15, 18, 30, tzinfo=UTC)

BODIES: tuple[Body, ...] = (
    RunApproved(
        by="boss@desk",
        caller="arn:aws:sts::123456789012:assumed-role/dba/boss",
        plan="0" * 64,
        expires=_LATER,
        why="agreed",
    ),
    SourceMoved(differences=("the tag incident of the source embi is new: 43",), planned=_LATER),
    VerdictRenewed(standing=Standing.FIT, at=_LATER, scope="what a standard validation asks"),
    StepIntended(step=StepId("change"), attempt=1, call={"database": "embi", "statement": "ALTER ROLE app NOLOGIN"}),
    StepStaged(step=StepId("change"), transaction="4294967299"),
    StepDone(step=StepId("change"), result={"transaction": "4294967299"}),
    StepStaged(step=StepId("load"), transaction="4294967300", place=4194304, rows=10_000),
    StepReached(step=StepId("load"), place=4194304, rows=10_000),
    StepIntended(step=StepId("run"), attempt=1, call={"command": ["/opt/shop/restart"]}),
    StepStarted(step=StepId("run"), process=ProcessMark(pid=4711, host="north", began="1c6e…:52110")),
    StepEnded(step=StepId("run"), why="/opt/shop/restart ended with 3", has_begun=True),
    RunWarned(about="request approve-b", why="the request approve-b cannot be read"),
    StepIntended(step=StepId("create"), attempt=1, call=_CALL),
    StepRetried(step=StepId("create"), why="Throttling", pause=1.25),
    StepUncertain(step=StepId("create"), why="the reply was lost"),
    StepIntended(step=StepId("create"), attempt=2, call=_CALL),
    StepSent(step=StepId("create"), request_id="0f9e8d7c"),
    StepDone(step=StepId("create"), was_adopted=True, result={"seen": "available", "list": [1, 2.5, None, True]}),
    StepHeldUp(step=StepId("reader"), why="no such machine", hints=("take another class",)),
    RunPaused(why="credentials are over", exit_code=75, hints=("log in again",)),
    PlanAmended(step=StepId("reader"), field="instance_class", old="db.r6g.large", new="db.r7g.large", by="ann@north"),
    StepIntended(step=StepId("await"), attempt=1),
    StepSeen(step=StepId("await"), seen="backing-up"),
    StepUncertain(step=StepId("await"), why="nobody answers"),
    StepForgone(step=StepId("anchor"), why="AccessDenied", hints=("let the caller tag",)),
    StepFailed(step=StepId("validate"), why="storage-full", hints=("look at the events",)),
    FindingMade(step=StepId("validate"), finding=_FINDING),
    RunAborted(by="bob@south", why="wrong moment"),
    RunFinished(
        outcome="done",
        verdict=Verdict(standing=Standing.UNFIT, reasons=(Reason(check="data.rows", text="rows are missing"),)),
        measured=Measured(rto=timedelta(minutes=41, seconds=0.5)),
        why="",
    ),
)

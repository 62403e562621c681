"""The plan of an export by RDS: what it orders, what it waits for, and every reason why it is not made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.model.actions import AwaitExport, CancelExport, ExportSnapshot, ReadExport
from daybreak.model.guards import AsPlanned, NotTheSource, OursOrAbsent
from daybreak.model.plan import Plan, Refusal
from daybreak.model.requests import CleanRequest, MakeExportRequest
from daybreak.model.undo import TakenBack
from daybreak.model.world import Key
from daybreak.plan.calls import DRAWN_AT_START, call_of, fill_in, stamp_of
from daybreak.plan.making import SKIPS
from daybreak.plan.planner import plan_of
from daybreak.plan.touching import things_touched
from daybreak.report.iam_policy import policy_of
from tests import fix_making, fix_worlds
from tests.fix_worlds import KEY, NOW, REGION, SOURCE


def planned(request: MakeExportRequest | CleanRequest | None = None, **seen: Any) -> Plan:
    """The plan, in a world that has what it needs but for the given."""
    return fix_worlds.plan(request=request or fix_making.request(), seen=fix_making.observation(**seen))


def refused(request: MakeExportRequest | CleanRequest | None = None, **seen: Any) -> str:
    """The reasons why there is no plan."""
    world = fix_making.observation(**seen)
    answer = plan_of(request or fix_making.request(), fix_worlds.target(), world, fix_worlds.terms())
    assert isinstance(answer, Refusal)
    return "\n".join(answer.reasons)


def test_it_orders_one_export_waits_for_it_and_reads_what_came() -> None:
    """The newest complete snapshot, into a folder that carries what is drawn for the run."""
    old = fix_worlds.snapshot("old", kind="manual", created=NOW - timedelta(days=3))
    coming = fix_worlds.snapshot("coming", kind="manual", created=NOW, status="creating", percent=10)
    plan = planned(snapshots=(old, fix_worlds.snapshot(), coming))
    export, wait, read = (step.action for step in plan.steps)
    assert isinstance(export, ExportSnapshot)
    assert (export.source, export.task, export.only) == (fix_worlds.snapshot().arn, plan.run, ())
    assert (export.prefix, export.bucket) == (f"exports/{DRAWN_AT_START}", fix_making.BUCKET)
    assert wait == AwaitExport(task=plan.run)
    assert read == ReadExport(bucket=fix_making.BUCKET, folder=f"exports/{DRAWN_AT_START}/{plan.run}/")
    assert [step.after for step in plan.steps] == [(), (plan.steps[0].id,), (plan.steps[1].id,)]
    assert SKIPS in plan.notes


def test_its_guards_and_its_undo_come_from_the_action() -> None:
    """Nothing of that name is another's, the snapshot is the one that was seen, and AWS is told to stop where it is taken back."""
    plan = planned()
    step = plan.steps[0]
    kinds = [type(guard) for guard in step.guards]
    assert kinds == [OursOrAbsent, NotTheSource, AsPlanned]
    assert step.undo == TakenBack(
        actions=(CancelExport(task=plan.run), AwaitExport(task=plan.run, is_cancelled=True)),
        traces=("the files in the bucket, which Daybreak never deletes",),
    )
    assert {(thing.kind, thing.name) for thing in things_touched(plan)} == {("export-task", plan.run)}


def test_the_nonce_is_sent_in_the_prefix() -> None:
    """AWS keeps no tags of an export, so nothing else could say whose it is after a lost reply."""
    plan = planned(fix_making.request(only=("embi.public.employees",), prefix=""))
    call = call_of(plan.steps[0].action, stamp_of(plan), REGION)
    assert call is not None
    sent = fill_in(call, "00c0ffee", "1:abc").params
    assert sent == {
        "ExportTaskIdentifier": plan.run,
        "SourceArn": fix_worlds.snapshot().arn,
        "S3BucketName": fix_making.BUCKET,
        "S3Prefix": "00c0ffee",
        "IamRoleArn": fix_making.ROLE,
        "KmsKeyId": KEY,
        "ExportOnly": ["embi.public.employees"],
    }
    shown = fix_making.task(plan.run, prefix=sent["S3Prefix"])
    assert shown.tags == {"daybreak:nonce": "00c0ffee"}


def test_its_policy_lets_the_caller_pass_the_role_and_use_the_key() -> None:
    """And nothing besides: the rows say what AWS demands."""
    allowed = {
        (action, resource)
        for statement in policy_of(planned())["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    assert ("rds:StartExportTask", fix_worlds.snapshot().arn) in allowed
    assert ("iam:PassRole", fix_making.ROLE) in allowed
    assert {("kms:CreateGrant", KEY), ("kms:DescribeKey", KEY)} <= allowed
    assert ("rds:DescribeExportTasks", f"arn:aws:rds:{REGION}:{fix_worlds.ACCOUNT}:cluster-snapshot:*") in allowed
    ending = policy_of(planned(_ending(), exports=(_own(),)))["Statement"]
    assert any("rds:CancelExportTask" in each["Action"] and each["Resource"] == ["*"] for each in ending)


@pytest.mark.parametrize(
    ("request_", "seen", "why"),
    [
        ({}, {"snapshots": ()}, f'us-east-1 has no complete snapshot of "{SOURCE}" in this account'),
        ({"snapshot": "gone"}, {}, f'us-east-1 has no snapshot "gone" of "{SOURCE}"'),
        (
            {"snapshot": "coming"},
            {"snapshots": (fix_worlds.snapshot("coming", status="creating", percent=7),)},
            'the snapshot "coming" is creating, 7 %',
        ),
        ({"prefix": "ex:ports/"}, {}, "AWS takes no colon in the prefix"),
        ({"only": ("embi.public.a.b.c", "x y")}, {}, '"x y" is no part of a snapshot'),
        ({"key": "arn:aws:kms:eu-west-1:123456789012:key/1"}, {}, "is in eu-west-1"),
        ({}, {"key": None}, "shows no KMS key"),
        ({}, {"key": Key(arn=KEY, is_enabled=False, state="PendingDeletion")}, "is PendingDeletion"),
        (
            {},
            {"exports": tuple(fix_making.task(f"t{number}") for number in range(5))},
            "5 exports are under way, and AWS lets an account have 5",
        ),
        (
            {},
            {"exports": (fix_making.task(source=fix_worlds.snapshot().arn, status="STARTING", percent=None),)},
            'AWS exports a snapshot once at a time, and "somebodys" is STARTING',
        ),
    ],
)
def test_every_reason_is_said(request_: dict[str, Any], seen: dict[str, Any], why: str) -> None:
    """Before anything is sent, and by what was looked at."""
    assert why in refused(fix_making.request(**request_), **seen)


def test_all_reasons_come_at_once() -> None:
    """A person who mends one of them should not find the next."""
    said = refused(fix_making.request(prefix="a:b"), key=None, snapshots=())
    assert len(said.splitlines()) == 3


def test_exports_that_have_ended_count_for_nothing() -> None:
    """AWS lists them for ever."""
    ended = [fix_making.task(f"t{n}", status="COMPLETE", source=fix_worlds.snapshot().arn) for n in range(9)]
    assert planned(exports=tuple(ended)).steps


def _own(**changes: Any) -> Any:
    return fix_making.task("embi-aurora-export-1", **({"prefix": "exports/1f"} | changes))


def _ending() -> CleanRequest:
    return CleanRequest(
        target="embi", run="embi-aurora-export-1", nonce="1f", suffix="9x4", task="embi-aurora-export-1"
    )


def test_an_export_is_ended_while_aws_is_at_it() -> None:
    """By its name, where its prefix carries the nonce of the run that is cleaned up after."""
    plan = planned(_ending(), exports=(_own(),))
    assert [step.action for step in plan.steps] == [
        CancelExport(task="embi-aurora-export-1"),
        AwaitExport(task="embi-aurora-export-1", is_cancelled=True),
    ]
    assert (plan.kind, plan.clone) == ("clean", "embi-aurora-export-1")


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ((), "AWS knows no export of that name"),
        ((_own(prefix="exports/2b"),), "it was not started by embi-aurora-export-1"),
        ((_own(status="COMPLETE"),), "AWS is at it no more: it is COMPLETE"),
    ],
)
def test_nothing_else_is_ended(tasks: Any, why: str) -> None:
    """Neither another's, nor what is over."""
    assert why in refused(_ending(), exports=tasks)

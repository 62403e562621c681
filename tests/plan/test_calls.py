"""Actions as AWS calls: what AWS's own model takes, the names they touch, and nothing that was never meant."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.model import StructureShape
from botocore.validate import ParamValidator

from daybreak.errors import Bug
from daybreak.model.actions import AwsChange, SetClusterOptions
from daybreak.model.moment import Latest
from daybreak.model.plan import Plan
from daybreak.model.tags import PLAN_TAG
from daybreak.model.world import ParameterGroup, ServerlessRange
from daybreak.plan.calls import DRAWN_AT_END, DRAWN_AT_START, Owner, call_of, fill_in, stamp_of, tags_for
from tests import fix_worlds
from tests.chaos.simulation import CASES
from tests.fix_worlds import NOW, REGION

STAMP = tags_for("run", NOW) | {PLAN_TAG: "0" * 64}
SESSION = botocore.session.get_session()


def changes(plan: Plan) -> list[AwsChange]:
    """The changes among a plan's steps."""
    return [step.action for step in plan.steps if isinstance(step.action, AwsChange)]


def shape_of(service: str, operation: str) -> StructureShape:
    """What AWS's model says an operation takes."""
    shape = SESSION.get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return shape


@pytest.mark.parametrize("kind", CASES)
def test_aws_own_model_takes_every_call_of_every_kind_of_plan(kind: str) -> None:
    """A misspelt parameter would be found by AWS, forty minutes into a restore."""
    for action in changes(CASES[kind]().plan):
        call = call_of(action, STAMP, REGION)
        assert call is not None
        call = fill_in(call, "n", "1:a", "s", taken="t", owner=Owner(run="r", nonce="n"))
        report = ParamValidator().validate(call.params, shape_of(call.service, call.operation))
        assert not report.has_errors(), report.generate_report()
        assert None not in call.params.values()


def test_the_moment_is_sent_as_asked() -> None:
    """Exactly one of the two ways to say when; AWS refuses both and takes neither for now."""
    for wish, sent, unsent in (
        ({}, ("RestoreToTime", "2024-01-15T14:30:00Z"), "UseLatestRestorableTime"),
        ({"moment": Latest(), "words": "latest"}, ("UseLatestRestorableTime", True), "RestoreToTime"),
    ):
        plan = fix_worlds.plan(request=fix_worlds.pitr_request(**wish))
        call = call_of(plan.step("03-restore-cluster").action, STAMP, REGION)
        assert call is not None
        assert call.params[str(sent[0])] == sent[1]
        assert unsent not in call.params


def test_everything_created_carries_the_stamp() -> None:
    """Only what is tagged is found again after a lost reply, cleaned up, or known as forgotten."""
    wanted = {
        "daybreak:run": "run",
        "daybreak:nonce": DRAWN_AT_START,
        "daybreak:plan": "0" * 64,
        "daybreak:expires": "2024-01-15T14:52:10Z",
    }
    for action in changes(fix_worlds.plan()):
        call = call_of(action, STAMP, REGION)
        assert call is not None
        if call.operation.startswith(("Copy", "Create", "Restore")):
            tags = {tag["Key"]: tag["Value"] for tag in call.params["Tags"]}
            assert wanted.items() <= tags.items()


def test_what_is_drawn_is_filled_in_at_one_place_and_nothing_else_is() -> None:
    """What we print is what we send, but for the nonce, the place of the state and the anchor, which nobody knows when it is printed."""
    theirs = {"Note": DRAWN_AT_START, "daybreaker": DRAWN_AT_END}
    plan = fix_worlds.plan(seen=fix_worlds.observation(cluster=fix_worlds.cluster(tags=theirs)))
    filled = 0
    for action in changes(plan):
        printed = call_of(action, stamp_of(plan), REGION)
        assert printed is not None
        sent = fill_in(printed, "4f2a", "7:ab", "s3://kept/here")
        for was, now in zip(printed.params.get("Tags", []), sent.params.get("Tags", []), strict=True):
            drawn = {"daybreak:nonce": "4f2a", "daybreak:state": "s3://kept/here", "daybreak:journal": "7:ab"}.get(
                was["Key"]
            )
            assert now == (was if drawn is None else {"Key": was["Key"], "Value": drawn})
            filled += drawn is not None
        assert {**sent.params, "Tags": 0} == {**printed.params, "Tags": 0}
        if "Tags" in printed.params:
            with pytest.raises(Bug, match="would be sent without daybreak:"):
                fill_in(printed, "", "")
    assert filled == 6, "group, cluster and its state, two instances, anchor"


def test_the_plan_itself_holds_the_form_that_is_printed() -> None:
    """So its digest covers the tag, and a file in which somebody removed it is another plan."""
    plan = fix_worlds.plan()
    assert plan.plain()["tags"]["daybreak:nonce"] == "<drawn at start>"
    assert plan.model_copy(update={"tags": {}}).digest() != plan.digest()
    assert stamp_of(plan) == plan.tags | {"daybreak:plan": plan.digest()}


def test_options_that_are_not_asked_for_are_not_sent() -> None:
    """Lifting protection must not reset the windows."""
    call = call_of(SetClusterOptions(clone="c", is_protected=False), STAMP, REGION)
    assert call is not None
    assert call.params == {"DBClusterIdentifier": "c", "ApplyImmediately": True, "DeletionProtection": False}


def test_a_serverless_range_is_sent_and_a_fixed_class_has_none() -> None:
    """A serverless clone without its range would start at AWS's default and crawl."""
    for serverless, sent in (
        (ServerlessRange(low=0.5, high=16), {"MinCapacity": 0.5, "MaxCapacity": 16.0}),
        (None, None),
    ):
        seen = fix_worlds.observation(cluster=fix_worlds.cluster(serverless=serverless))
        call = call_of(fix_worlds.plan(seen=seen).step("03-restore-cluster").action, STAMP, REGION)
        assert call is not None
        assert call.params.get("ServerlessV2ScalingConfiguration") == sent


def test_what_waits_or_validates_is_no_call() -> None:
    """Nothing of it could change anything, so nothing of it is sent as a change."""
    group = ParameterGroup(name="default.aurora-postgresql16", family="aurora-postgresql16")
    for step in fix_worlds.plan(seen=fix_worlds.observation(parameter_group=group)).steps:
        call = call_of(step.action, STAMP, REGION)
        assert (call is None) == step.action.kind.startswith(("await", "validate"))

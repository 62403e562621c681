"""What we print is what we send: the real client must read each printed line as the very call it was made from."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daybreak.model.actions import SetClusterOptions
from daybreak.model.plan import AwsCall, Plan
from daybreak.plan.calls import call_of, stamp_of
from daybreak.plan.operations import OPERATIONS
from daybreak.report.aws_cli import command_line, option_name
from tests.fix_awscli import Understand
from tests.fix_plans import every_plan

ENDPOINT = "http://127.0.0.1:9"


def rds(operation: str, **params: Any) -> AwsCall:
    """An RDS call in the runbook's region."""
    return AwsCall(service="rds", operation=operation, params=params, region="us-east-1")


def calls(plan: Plan) -> list[AwsCall]:
    """Every call of a plan."""
    made = [call_of(step.action, stamp_of(plan), "us-east-1") for step in plan.steps]
    return [call for call in made if call]


@pytest.mark.parametrize("shape", every_plan())
def test_every_line_of_a_plan_is_the_call_that_would_be_sent(shape: str, understood: Understand) -> None:
    """Somebody without Daybreak must be able to do the same thing by hand, not something like it."""
    for call in calls(every_plan()[shape]):
        assert understood(command_line(call, endpoint=ENDPOINT)) == (call, ENDPOINT + "/")


def test_no_endpoint_means_awss_own(understood: Understand) -> None:
    """A rehearsal must say where it goes, and a real line must not point at a rehearsal."""
    call = rds("DescribeDBClusters", DBClusterIdentifier="a")
    assert understood(command_line(call)) == (call, "https://rds.amazonaws.com/")


@pytest.mark.parametrize("answer", [True, False])
def test_a_no_is_said_as_loudly_as_a_yes(answer: bool, understood: Understand) -> None:  # noqa: FBT001 - one case each
    """A left-out ``false`` is AWS's default, which for protection and public access is the wrong one to rely on."""
    call = rds("ModifyDBCluster", DBClusterIdentifier="a", DeletionProtection=answer, ApplyImmediately=True)
    assert understood(command_line(call))[0] == call


def test_an_action_may_lift_protection(understood: Understand) -> None:
    """Cleaning up begins with a ``--no-`` flag; a client that took it for an unknown option would leave the clone."""
    call = call_of(SetClusterOptions(clone="embi-clone", is_protected=False), {}, "us-east-1")
    assert call
    assert "--no-deletion-protection" in command_line(call)
    assert understood(command_line(call))[0] == call


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "two words",
        "it's",
        '"quoted"',
        "a,b",
        "a=b",
        "$(touch /tmp/x)",
        "`id`",
        "back\\slash",
        "line\nbreak",
        "[1]",
        '{"a":1}',
        "file:///etc/passwd",
        "https://example.com/x",
        "-1",
        "--query",
        "",
        " ",
        "ünï © 名",
        "!history",
        "~",
        "*",
    ],
)
def test_hostile_text_stays_text(value: str, understood: Understand) -> None:
    """Tags and descriptions come from outside; a printed command is pasted into a shell with production credentials."""
    tags = [{"Key": "k", "Value": value}, {"Key": "daybreak:run", "Value": "r-1"}]
    call = rds(
        "CreateDBClusterParameterGroup",
        DBClusterParameterGroupName="g",
        DBParameterGroupFamily="aurora-postgresql16",
        Description=value,
        Tags=tags,
    )
    assert understood(command_line(call))[0] == call


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_any_text_in_a_tag_comes_back(understood: Understand, text: str) -> None:
    """The table above holds what somebody thought of; this holds the rest."""
    call = rds("AddTagsToResource", ResourceName="arn:aws:rds:x", Tags=[{"Key": "k", "Value": text}])
    assert understood(command_line(call))[0] == call


@pytest.mark.parametrize("values", [["sg-1"], ["sg-1", "sg-2"], ["odd one", "b"], ["[x"], []])
def test_lists_of_words_come_back(values: list[str], understood: Understand) -> None:
    """A clone whose second security group got lost is a clone nobody can reach, or everybody can."""
    call = rds("ModifyDBCluster", DBClusterIdentifier="a", VpcSecurityGroupIds=values)
    assert understood(command_line(call))[0] == call


@pytest.mark.parametrize("service", ["rds", "ec2", "kms", "ssm", "secretsmanager", "sts"])
def test_option_names_are_the_clients_own(service: str) -> None:
    """The rule for names is written down a second time here, so it is held against the original for whole services."""
    model = Session().get_service_model(service)
    names = set(model.operation_names)
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        names |= set(shape.members) if shape else set()
    assert {name: option_name(name) for name in names} == {name: xform_name(name, "-") for name in names}


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_every_operation_we_use_has_a_command(service: str, operation: str) -> None:
    """A misspelled operation would be printed happily and found out at three in the morning."""
    assert operation in Session().get_service_model(service).operation_names

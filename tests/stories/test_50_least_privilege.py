"""Story 50: somebody who may do what the plan says, and nothing else, brings the data back and cleans up."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daybreak.app import App
from daybreak.app.custody import Leftover, plan_clean
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.lab.remote import REGION
from daybreak.model.plan import Plan
from daybreak.report.iam_policy import policy_of
from tests.chaos.fix_lives import Life, clusters_of, living, new_life
from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import LabUnderTest, private


@pytest.fixture(scope="module")
def guarded() -> Iterator[LabUnderTest]:
    """A lab that enforces IAM."""
    with private(speed=6000) as lab:
        lab.ask("POST", "iam", {"enforce": True})
        yield lab


@pytest.fixture
def planned(guarded: LabUnderTest, tmp_path: Path) -> Iterator[tuple[Life, Plan]]:
    """A restore that an administrator has planned, for somebody else to carry out."""
    unasked = waiving("application.connects", "application.health", "application.functions")
    life = new_life(tmp_path / "home", guarded, CONFIGURATION + unasked)
    somebody = life.person
    with living(life):
        life.person = _root(life)
        life.plan()
        life.person = somebody
        plan = Plan.model_validate(json.loads((somebody.home / "plan.json").read_text())["plan"])
        yield life, plan


def _root(life: Life) -> Person:
    """The same home, in the hands of who may do everything."""
    return replace(life.person, key=life.lab.root.id, secret=life.lab.root.secret)


def without(policy: dict[str, Any], action: str) -> dict[str, Any]:
    """The policy with one action taken away."""
    rules = [{**rule, "Action": [each for each in rule["Action"] if each != action]} for rule in policy["Statement"]]
    assert rules != policy["Statement"], f"{action} was not in it"
    return {**policy, "Statement": [rule for rule in rules if rule["Action"]]}


@contextmanager
def allowed(life: Life, policy: dict[str, Any]) -> Iterator[None]:
    """From now on the person is a user with that policy alone, until the block ends."""
    iam, name = life.lab.client("iam"), f"somebody-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    life.person = replace(life.person, key=made["AccessKeyId"], secret=made["SecretAccessKey"])
    yield
    iam.delete_user_policy(UserName=name, PolicyName="only")


def clean_plan(life: Life, environment: pytest.MonkeyPatch) -> Plan:
    """How the run would be cleaned up, as an administrator sees it."""
    for name, value in _root(life).surroundings().items():
        if name.startswith("AWS_"):
            environment.setenv(name, value)
    settings = load(environ=life.person.surroundings(), folder=life.person.home)
    app = App(settings, Access(region=REGION, endpoint_url=life.lab.url), life.person.surroundings())
    return plan_clean(app, Leftover(life.run))


def actions_of(policy: dict[str, Any]) -> set[str]:
    """Every action that the policy allows."""
    return {action for rule in policy["Statement"] for action in rule["Action"]}


def test_the_plans_own_policy_is_enough_and_not_too_much(
    planned: tuple[Life, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy that a security team signs is derived, not guessed: each action is used, and none is missing."""
    life, plan = planned
    policy = policy_of(plan)
    with allowed(life, policy):
        life.restore_as_planned("-o", "json")
        done = life.end()
        assert done.code == 0, done.err[-2000:]
        used = {f"{visit['service']}:{visit['operation']}" for visit in life.visits()}
    # It is asked for by AWS together with the call that restores under a key.
    together = {"kms:CreateGrant"}
    # Nobody asks here for what the plan holds on request; the policy has it, because the plan does.
    taken = tuple(step for step in plan.steps if not step.is_on_request)
    together |= actions_of(policy) - actions_of(policy_of(plan.model_copy(update={"steps": taken})))
    assert used - {"sts:GetCallerIdentity"} == actions_of(policy) - together

    policy = policy_of(clean_plan(life, monkeypatch))
    with allowed(life, policy):
        cleaned = life.person.daybreak("clean", life.run, "--yes")
        assert cleaned.code == 0, cleaned.err
        used = {f"{visit['service']}:{visit['operation']}" for visit in life.visits()}
    assert used - {"sts:GetCallerIdentity"} == actions_of(policy)
    assert clusters_of(life.lab, life.run) == []


@pytest.mark.sample(
    'rds:DescribeDBClusters-2-looking at "embi-aurora-cluster": AccessDenied',
    'secretsmanager:GetSecretValue-75-the login "secretsmanager:embi/aurora/master" cannot be read',
)
@pytest.mark.parametrize(
    ("action", "code", "sentence"),
    [
        ("rds:DescribeDBClusters", 2, 'looking at "embi-aurora-cluster": AccessDenied'),
        ("rds:CreateDBInstance", 75, "step 06-create-writer: AccessDenied"),
        ("secretsmanager:GetSecretValue", 75, 'the login "secretsmanager:embi/aurora/master" cannot be read'),
    ],
)
def test_one_permission_less_is_told_by_its_name(
    planned: tuple[Life, Plan], action: str, code: int, sentence: str
) -> None:
    """At three in the morning nobody guesses permissions: the run ends at once, and says which one is missing."""
    life, plan = planned
    with allowed(life, without(policy_of(plan), action)):
        life.restore_as_planned()
        done = life.end()
    told = " ".join((done.out + done.err).split())  # a terminal's lines break where they must
    assert (done.code, sentence in told) == (code, True), done.out[-3000:]
    assert f"is not authorized to perform: {action}" in told
    if code == 2:
        assert life.changes() == []
    if code == 75:
        with allowed(life, policy_of(plan)):
            assert life.resume().code == 0, "once somebody has allowed it, the run goes on"

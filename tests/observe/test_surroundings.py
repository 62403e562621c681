"""What belongs to a cluster is seen in full, and what may not be seen is told instead of stopping anybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daybreak.aws.faults import AwsFault
from daybreak.aws.gateway import Access, Aws
from daybreak.lab.company import surroundings as made
from daybreak.lab.company.names import CLUSTER, INSTANCE_PARAMETERS
from daybreak.lab.remote import REGION
from daybreak.model.plan import AwsCall
from daybreak.model.replies import Category, Reply, Trouble
from daybreak.model.world import Surroundings
from daybreak.observe.look import Lookout
from daybreak.observe.surroundings import surroundings_of
from tests import fix_worlds
from tests.fix_lab import LabUnderTest


@pytest.fixture
def company(lab: LabUnderTest, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The door to the lab's company."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", lab.root.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", lab.root.secret)
    return Aws(Access(region=REGION, endpoint_url=lab.url))


def test_everything_around_a_cluster_is_seen(company: Aws) -> None:
    """Whatever is missing here is missing from the capsule, and comes back as a default."""
    lookout = Lookout(company)
    cluster = lookout.cluster(CLUSTER)
    assert cluster is not None
    around = surroundings_of(company, cluster, tuple(lookout.instances([CLUSTER]).values()))
    assert around.unseen == ()
    group = around.parameter_group
    assert group is not None
    assert (group.name, bool(group.parameters)) == (cluster.parameter_group, True)
    (own,) = around.instance_parameter_groups
    assert (own.name, bool(own.parameters), own.family) == (INSTANCE_PARAMETERS, True, group.family)
    assert [each.identifier for each in around.security_groups] == list(cluster.security_groups)
    assert all(" from " in rule for each in around.security_groups for rule in each.rules)
    assert around.subnets
    assert [each.identifier for each in around.endpoints if each.kind == "READER"] == [made.READERS]
    assert around.scaling is not None
    assert (around.scaling.low, around.scaling.high, len(around.scaling.policies)) == (1, 3, 1)
    assert [each.proxy for each in around.proxies] == [made.PROXY]
    assert [each.resource_ids for each in around.connect_policies if each.name == made.CONNECT_POLICY] == [("*",)]
    assert around.key is not None
    assert around.key.arn == cluster.kms_key
    again = surroundings_of(company, cluster, tuple(lookout.instances([CLUSTER]).values()), group=group)
    assert again == around


class Refusing:
    """A region that answers nothing, each service with a trouble of its own."""

    region = REGION

    def __init__(self, **troubles: Category) -> None:
        self._troubles = troubles
        self._lock = threading.Lock()
        self.asked: list[str] = []

    def read(self, call: AwsCall) -> dict[str, Any]:
        with self._lock:
            self.asked.append(call.operation)
        category = self._troubles.get(call.service.replace("-", "_"), Category.DENIED)
        raise AwsFault(Trouble(category=category, code="No", message=f"not {call.operation}"))

    def pages(self, call: AwsCall, items: str) -> Iterator[dict[str, Any]]:
        yield self.read(call)

    def change(self, call: AwsCall) -> Reply:
        raise AssertionError(call.operation)


def seen_at(door: Refusing) -> Surroundings:
    """What is seen of the usual cluster there."""
    return surroundings_of(door, fix_worlds.cluster(), (fix_worlds.instance(parameter_group="embi-instances"),))


def test_what_is_refused_is_told_by_name() -> None:
    """Nothing may be concluded from what nobody was allowed to see."""
    seen = seen_at(Refusing())
    everything = {name for name in Surroundings.model_fields if name != "unseen"}
    assert {each.what for each in seen.unseen} == everything
    assert seen.why_unseen("connect_policies") == "No: not GetAccountAuthorizationDetails"
    assert seen.why_unseen("proxies") == "No: not DescribeDBProxies"
    assert "is gone, or hidden from us" in (seen.why_unseen("key") or "")


@pytest.mark.parametrize("category", [Category.LOST, Category.UNSENT, Category.EXPIRED])
def test_a_lost_connection_to_the_database_service_is_raised(category: Category) -> None:
    """Then nothing at all is known of the cluster, and a plan would be made of guesses."""
    with pytest.raises(AwsFault):
        seen_at(Refusing(rds=category))


@pytest.mark.parametrize("category", list(Category))
def test_other_services_never_stop_anybody(category: Category) -> None:
    """Many networks reach RDS and not IAM; a restore there must begin all the same."""
    seen = seen_at(Refusing(iam=category, application_autoscaling=category))
    assert seen.why_unseen("scaling") == "No: not DescribeScalableTargets"


def test_an_account_without_end_is_not_read_to_its_end() -> None:
    """Planning in an incident must stay quick in an account of a hundred thousand roles."""

    class Endless(Refusing):
        def read(self, call: AwsCall) -> dict[str, Any]:
            if call.service != "iam":
                return super().read(call)
            with self._lock:
                self.asked.append(call.operation)
            return {"IsTruncated": True, "Marker": f"more {len(self.asked)}", "RoleDetailList": []}

    door = Endless()
    assert "more users, roles and policies" in (seen_at(door).why_unseen("connect_policies") or "")
    assert door.asked.count("GetAccountAuthorizationDetails") == 20

"""What is seen of a proxy through which applications reach the database, and that no secret comes out of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daybreak.aws.destinations import proxy_seen
from daybreak.aws.faults import AwsFault
from daybreak.model.destinations import DestinationSeen, ProxyDestination, ProxySeen, SideAddresses, Whereto
from daybreak.model.plan import AwsCall
from daybreak.model.world import Cluster
from daybreak.observe.destinations import Regions, look_at_destinations
from tests import fix_worlds
from tests.chaos import fix_destinations as fix
from tests.chaos.reply_faults import Fault
from tests.chaos.simulated_aws import SimulatedAws
from tests.chaos.simulated_parts import refusal

PROXY = ProxyDestination(name=fix.PROXY)
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf"
SIDES = SideAddresses(source={}, clone={})
GROUP = {"GroupId": "sg-1", "GroupName": "db", "VpcId": "vpc-1", "IpPermissions": []}
KNOWN: dict[str, Any] = {"VpcId": "vpc-1", "VpcSecurityGroupIds": ["sg-2"], "Auth": [{"SecretArn": ARN}]}
LOGIN = json.dumps({"username": "app", "password": fix.PASSWORD})


class World(SimulatedAws):
    """The account, with security groups and the proxy's secret."""

    groups_seen: list[dict[str, Any]] | None = None
    secret: str | None = LOGIN

    def _DescribeSecurityGroups(self, _params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        if self.groups_seen is None:
            raise refusal("UnauthorizedOperation", "you are not allowed to")
        return {"SecurityGroups": self.groups_seen}

    def _GetSecretValue(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert params["SecretId"] == ARN
        if self.secret is None:
            raise refusal("AccessDeniedException", "no")
        return {"ARN": ARN, "VersionId": "v", "SecretString": self.secret}


def world(**facts: Any) -> World:
    """A proxy that leads to the source, and a clone with an instance."""
    old = fix.world()
    aws = World(old.clock, old.region)
    aws.clusters, aws.proxies, aws.groups_seen = old.clusters, old.proxies, [GROUP]
    aws.proxies[fix.PROXY].facts = KNOWN | facts
    instance = fix_worlds.instance(1, cluster=fix.CLONE)
    aws.told = lambda call, answer: _with_instance(call, answer, instance.identifier)
    return aws


def _with_instance(call: AwsCall, answer: dict[str, Any], name: str) -> dict[str, Any]:
    if call.operation != "DescribeDBInstances":
        return answer
    body = {"DBInstanceIdentifier": name, "DBClusterIdentifier": fix.CLONE, "DBInstanceStatus": "available"}
    return {"DBInstances": [body | {"DBInstanceClass": "db.r6g.large", "Engine": "aurora-postgresql"}]}


def clusters(**changes: Any) -> dict[Whereto, Cluster]:
    """Both sides; a clone has the security groups of its source unless somebody chose others."""
    source = fix_worlds.cluster(security_groups=("sg-1",))
    own: dict[str, Any] = {"identifier": fix.CLONE, "security_groups": ("sg-1",)}
    return {"source": source, "clone": fix_worlds.cluster(**(own | changes))}


def seen_of(aws: SimulatedAws, *, region: str | None = None, **clone: Any) -> DestinationSeen:
    """The proxy as it is seen."""
    place = PROXY.model_copy(update={"region": region})
    (found,) = look_at_destinations(
        [place], lambda _region: aws, Regions("us-east-1", "us-east-1"), SIDES, clusters(**clone)
    )
    return found


def test_a_proxy_says_where_it_leads_and_with_which_secrets_it_logs_in() -> None:
    """By their ARNs: what is in them is in nothing that is kept."""
    found = seen_of(world())
    assert (found.points_at, found.unfit, found.words()) == ("source", None, 'the proxy "embi-proxy"')
    assert isinstance(found.facts, ProxySeen)
    assert (found.facts.secrets, found.facts.vpc, found.facts.state) == ((ARN,), "vpc-1", fix_worlds.SOURCE)
    assert [each.health for each in found.facts.targets] == [None, "AVAILABLE"]
    assert fix.PASSWORD not in repr(found) + str(found) + found.canonical().decode()
    assert DestinationSeen.model_validate_json(found.canonical()) == found
    assert "is not the clone's" in found.notes[0]


def test_where_it_leads_is_seen_from_the_target_group() -> None:
    """The clone after the cutover, nowhere between its two calls."""
    for cluster, where in ((fix.CLONE, "clone"), (None, "nowhere"), ("theirs", "elsewhere")):
        aws = world()
        aws.proxies[fix.PROXY].cluster = cluster
        aws.groups_seen, aws.secret = None, None
        found = seen_of(aws)
        assert (found.points_at, found.unfit) == (where, None), "back to the source nothing of the clone counts"


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"VpcId": "vpc-9"}, "a proxy leads only to a cluster of its own VPC"),
        ({"Status": "suspended"}, "is suspended"),
        ({"Auth": []}, "has no secret to log in with"),
        ({"Auth": [], "DefaultAuthScheme": "IAM_AUTH"}, None),
        ({"Auth": [{"UserName": "app"}]}, None),
        ({"Status": "modifying"}, None),
    ],
)
def test_what_keeps_a_proxy_from_the_clone_is_said_before(facts: dict[str, Any], says: str | None) -> None:
    """In the gap it would be an outage."""
    found = seen_of(world(**facts))
    assert (found.unfit is None) if says is None else says in (found.unfit or "")


@pytest.mark.parametrize("secret", [None, "hunter2", "[]", json.dumps({"password": "x"}), json.dumps({"username": 7})])
def test_a_secret_that_names_no_user_is_named(secret: str | None) -> None:
    """By its ARN: a proxy that cannot log in lets nobody through."""
    aws = world()
    aws.secret = secret
    assert seen_of(aws).unfit == f"logs in with {ARN}, and nobody can read there as whom"


def test_reach_is_compared_by_security_groups_or_called_unknown() -> None:
    """A clone with the source's groups is reached as the source is; one with others must let the proxy's in."""
    own: dict[str, Any] = {"security_groups": ("sg-7",)}
    assert "let in at port 5432 by none of the clone's (sg-7)" in (seen_of(world(), **own).unfit or "")
    aws = world()
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-2"}]}
    aws.groups_seen = [GROUP | {"IpPermissions": [rule]}]
    assert seen_of(aws, **own).unfit is None
    aws.groups_seen = None
    assert "the security groups of both cannot be compared" in (seen_of(aws, **own).unfit or "")
    aws = world()
    aws.proxies[fix.PROXY].trouble = {"Reason": "UNREACHABLE"}
    assert "does not reach the clone" in (seen_of(aws).unfit or ""), "the source is out of its reach too"


def test_a_proxy_that_aws_does_not_know_or_of_another_region_is_named() -> None:
    """Nothing is asked of a cluster in a region where it is not."""
    aws = world()
    aws.proxies.clear()
    assert "is not known to AWS in us-east-1" in (seen_of(aws).unfit or "")
    assert "a proxy leads only to a cluster of its own region" in (seen_of(world(), region="eu-west-1").lost or "")


def test_silence_is_no_reason() -> None:
    """Where AWS is out of reach nothing is known."""
    aws = world()
    aws.weather = lambda _is_change: Fault.DROPPED
    with pytest.raises(AwsFault):
        seen_of(aws)


def test_an_answer_without_its_names_is_unreadable() -> None:
    """A target that AWS does not name is not taken for no target."""
    with pytest.raises(AwsFault):
        proxy_seen({"DBProxyName": "p", "Status": "available"}, "default", [{"Type": "TRACKED_CLUSTER"}])

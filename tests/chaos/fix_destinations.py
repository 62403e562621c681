"""A small plan that points a secret, a parameter, a record and a proxy at a clone, one that takes that back, and the world of both."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from daybreak.model.actions import (
    Action,
    AttachProxy,
    AwaitProxy,
    AwaitRecord,
    ChangeRecord,
    DetachProxy,
    MoveSecretStage,
    PointParameter,
    PointSecret,
)
from daybreak.model.destinations import DatabaseAddress, RecordSet, SecretFields
from daybreak.model.plan import Plan, RunId
from daybreak.plan import estimates
from daybreak.plan.rewriting import record_rewritten
from daybreak.plan.sequence import Sequence
from tests import fix_worlds
from tests.chaos.simulated_aws import SimulatedAws, world_of
from tests.chaos.simulated_destinations import SimulatedProxy, SimulatedSecret
from tests.chaos.simulated_parts import Resource
from tests.chaos.wire_shapes import cluster_body

Made = TypeVar("Made")

OLD = DatabaseAddress(host="embi-aurora-cluster.cluster-abc.us-east-1.rds.amazonaws.com", port=5432)
NEW = DatabaseAddress(host="embi-clone.cluster-abc.us-east-1.rds.amazonaws.com", port=5433)
SECRET, PARAMETER, ZONE = "prod/embi", "/prod/embi/url", "Z0123456789ABCDEFGHIJ"
PASSWORD = "correct-horse-battery-staple"
VERSION = "aaaaaaaa-0000-4000-8000-000000000001"
OWN = "bbbbbbbb-0000-4000-8000-000000000002"
"""The version that an earlier run made."""

BEFORE = RecordSet(
    name="db.example.com.",
    type="CNAME",
    ttl=60,
    values=(OLD.host,),
    set_identifier="blue",
    more={"Weight": 10, "HealthCheckId": "11111111-2222-3333-4444-555555555555"},
)
AFTER = record_rewritten(BEFORE, OLD, NEW)
_OTHER = BEFORE.model_copy(update={"set_identifier": "green", "values": ("elsewhere.example.com",)})

POINT_SECRET = PointSecret(secret=SECRET, version=VERSION, fields=SecretFields(), old=OLD, new=NEW)
POINT_PARAMETER = PointParameter(
    parameter=PARAMETER,
    version=3,
    old=OLD,
    new=NEW,
    key="alias/embi",
    tier="Advanced",
    data_type="text",
    description="where the database is",
    pattern="^postgresql://.*",
)
CHANGE_RECORD = ChangeRecord(zone=ZONE, before=BEFORE, after=AFTER)
PROXY, CLONE = "embi-proxy", "embi-clone"
_PLACE = {"proxy": PROXY, "group": "default"}
_OLD_CLUSTER = {"cluster": fix_worlds.SOURCE, "resource_id": fix_worlds.cluster().resource_id}
_NEW_CLUSTER = {"cluster": CLONE, "resource_id": "cluster-CLONE"}
DETACH = DetachProxy.model_validate(_PLACE | _OLD_CLUSTER)
ATTACH = AttachProxy.model_validate(_PLACE | _NEW_CLUSTER)
AWAIT_PROXY = AwaitProxy.model_validate(_PLACE | {"cluster": CLONE})
FORWARD: tuple[Action, ...] = (
    POINT_SECRET,
    POINT_PARAMETER,
    CHANGE_RECORD,
    AwaitRecord(zone=ZONE, record=AFTER),
    DETACH,
    ATTACH,
    AWAIT_PROXY,
)
BACK: tuple[Action, ...] = (
    DetachProxy.model_validate(_PLACE | _NEW_CLUSTER),
    AttachProxy.model_validate(_PLACE | _OLD_CLUSTER),
    AwaitProxy.model_validate(_PLACE | {"cluster": fix_worlds.SOURCE}),
    CHANGE_RECORD.model_copy(update={"before": AFTER, "after": BEFORE}),
    AwaitRecord(zone=ZONE, record=BEFORE),
    POINT_PARAMETER.model_copy(update={"version": 4, "old": NEW, "new": OLD}),
    MoveSecretStage(secret=SECRET, version=VERSION, away_from=OWN),
)


def secret_text(address: DatabaseAddress) -> str:
    """What the secret holds where it names that address."""
    return json.dumps({"username": "app", "password": PASSWORD, "host": address.host, "port": address.port})


def parameter_text(address: DatabaseAddress) -> str:
    """What the parameter holds where it names that address."""
    return f"postgresql://app:{PASSWORD}@{address.host}:{address.port}/embi"


def plan(*actions: Action, name: str = "point") -> Plan:
    """A plan of these actions, one after the other."""
    sequence = Sequence("us-east-1", (fix_worlds.SOURCE,))
    last: tuple[Any, ...] = ()
    for action in actions:
        slug = action.kind.partition("@")[0]
        last = (sequence.add(slug, action, "why", estimates.CALL, after=last),)
    made = fix_worlds.plan()
    return made.model_copy(update={"steps": tuple(sequence.steps), "run": RunId(f"embi-{name}")})


def case(made: Callable[[str, Plan, SimulatedAws], Made], name: str) -> Made:
    """What applications read the address from is pointed at a clone, or back at the source, made of its name, plan and world."""
    is_back = name.endswith("back")
    return made(name, plan(*(BACK if is_back else FORWARD), name=name), world(is_back=is_back))


def world(*, is_back: bool = False) -> SimulatedAws:
    """The account before a plan: as it was, or as an earlier run has left it."""
    aws = world_of(fix_worlds.observation())
    aws.secrets[SECRET] = SimulatedSecret({VERSION: secret_text(OLD)}, {"AWSCURRENT": VERSION})
    if is_back:
        aws.secrets[SECRET].versions[OWN] = secret_text(NEW)
        aws.secrets[SECRET].move(OWN)
    texts = ["first", "second", parameter_text(OLD), *([parameter_text(NEW)] if is_back else [])]
    aws.parameters[PARAMETER] = [_version(number, text) for number, text in enumerate(texts, 1)]
    clone = fix_worlds.cluster(identifier=CLONE, resource_id="cluster-CLONE")
    aws.clusters[CLONE] = Resource(cluster_body(clone), dict(clone.tags))
    aws.proxies[PROXY] = SimulatedProxy(CLONE if is_back else fix_worlds.SOURCE)
    aws.records[ZONE] = [(AFTER if is_back else BEFORE).body(), _OTHER.body()]
    return aws


def _version(number: int, text: str) -> dict[str, Any]:
    return {
        "Name": PARAMETER,
        "Version": number,
        "Type": "SecureString",
        "Value": text,
        "KeyId": "alias/embi",
        "Tier": "Advanced",
        "DataType": "text",
        "Description": "where the database is",
        "AllowedPattern": "^postgresql://.*",
        "LastModifiedUser": "arn:aws:iam::123456789012:user/jo",
    }

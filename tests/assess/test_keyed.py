"""Where the orders stand that make again at the clone what is keyed to the source."""

from __future__ import annotations

import pytest

from daybreak.assess.position import Position
from daybreak.assess.standing import standing_of_change
from daybreak.model.actions import KeyedOrder, SetDataApi, SetRole, SetSubscription
from daybreak.model.keyed import EventSubscription
from daybreak.model.world import Cluster, Role
from tests import fix_worlds

ARN = "arn:aws:iam::1:role/import"
GIVE = SetRole(clone="c", role=ARN, feature="s3Import", is_given=True)
TURN_ON = SetDataApi(clone="c", arn="arn:aws:rds:x:1:cluster:c", is_on=True)
ADD = SetSubscription(subscription="s", clone="c", entry="C-1", is_in=True)


def back(order: KeyedOrder) -> KeyedOrder:
    """What takes it back."""
    field = {SetRole: "is_given", SetDataApi: "is_on", SetSubscription: "is_in"}[type(order)]
    return order.model_copy(update={field: False})


def reporting(*sources: str) -> EventSubscription:
    """A subscription to those."""
    return EventSubscription(name="s", source_type="db-instance", sources=sources)


def having(*roles: Role, api: bool = False) -> Cluster:
    """The clone with that."""
    return fix_worlds.cluster(identifier="c", roles=roles, has_http_endpoint=api)


SO, ABSENT, HOPELESS = Position.SO, Position.ABSENT, Position.HOPELESS


@pytest.mark.parametrize(
    ("order", "seen", "forward", "backward"),
    [
        (GIVE, having(), ABSENT, SO),
        (GIVE, having(Role(arn=ARN, feature="s3Import", status="PENDING")), SO, ABSENT),
        (GIVE, having(Role(arn=ARN, feature="s3Export")), ABSENT, SO),
        (GIVE, None, HOPELESS, HOPELESS),
        (TURN_ON, having(), ABSENT, SO),
        (TURN_ON, having(api=True), SO, ABSENT),
        (TURN_ON, None, HOPELESS, HOPELESS),
        (ADD, reporting("other"), ABSENT, SO),
        (ADD, reporting("other", "c-1"), SO, ABSENT),
        (ADD, None, HOPELESS, SO),
    ],
)
def test_each_order_knows_whether_it_is_so_in_both_directions(
    order: KeyedOrder, seen: Cluster | EventSubscription | None, forward: Position, backward: Position
) -> None:
    """A subscription that somebody deleted reports nothing, so a rollback does not stop at it."""
    assert standing_of_change(order, seen).place is forward
    assert standing_of_change(back(order), seen).place is backward

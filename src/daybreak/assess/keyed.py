"""Where the orders stand that make again at the clone what is keyed to the source: its roles, the Data API, event subscriptions. Pure."""

from __future__ import annotations

from typing import assert_never

from daybreak.assess.guarding import Resource
from daybreak.assess.position import OrderStanding, Position
from daybreak.model.actions import KeyedOrder, SetDataApi, SetRole, SetSubscription
from daybreak.model.keyed import EventSubscription
from daybreak.model.world import Cluster


def standing_of_keyed(action: KeyedOrder, seen: Resource | None) -> OrderStanding:
    """Whether it is as the action leaves it; ``seen`` is the clone, or the event subscription."""
    if isinstance(action, SetSubscription):
        return _entry(action, seen)
    if not isinstance(seen, Cluster):
        return OrderStanding(place=Position.HOPELESS, seen=f'the cluster "{action.clone}" is gone')
    match action:
        case SetRole(role=role, feature=feature, is_given=is_given):
            has = any((each.arn, each.feature) == (role, feature) for each in seen.roles)
            return _standing(has == is_given, "it has the role" if has else "it has not the role")
        case SetDataApi(is_on=is_on):
            has = seen.has_http_endpoint
            return _standing(has == is_on, "it answers the Data API" if has else "it does not answer the Data API")
        case _:
            assert_never(action)


def _entry(action: SetSubscription, seen: Resource | None) -> OrderStanding:
    """Where an entry stands. A subscription that is gone reports nothing, which is what taking an entry out leaves."""
    if not isinstance(seen, EventSubscription):
        place = Position.HOPELESS if action.is_in else Position.SO
        return OrderStanding(place=place, seen=f'the event subscription "{action.subscription}" is gone')
    has = action.entry.lower() in {each.lower() for each in seen.sources}
    return _standing(has == action.is_in, f"it reports {action.entry}" if has else f"it does not report {action.entry}")


def _standing(is_so: bool, words: str) -> OrderStanding:  # noqa: FBT001 - the answer itself
    return OrderStanding(place=Position.SO if is_so else Position.ABSENT, seen=words)

"""The alarms on a source, and the calls that put the same ones on its clone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from daybreak.model.keyed import Alarm
from daybreak.model.names import comma_list, printable
from daybreak.model.plan import Keyed
from daybreak.model.world import Cluster
from daybreak.plan.operations import aws_call

SPELLED_OUT = 20
"""Of so many alarms a plan holds the calls; of more it lists the names."""

_DIMENSIONS = frozenset({"DBClusterIdentifier", "DBInstanceIdentifier"})
_NAMED = frozenset({"AlarmName", "AlarmDescription"})


def alarms_on(source: Cluster, pairs: Mapping[str, str], alarms: tuple[Alarm, ...], region: str) -> Iterator[Keyed]:
    """Each alarm that watches the source, with the call that makes the same one for the clone; ``pairs`` gives the clone's names.

    An alarm that watches the clone in the same way is there already.
    """
    there = [_without_name(each.settings) for each in alarms]
    lacking = [
        each
        for each in alarms
        if (moved := settings_for_clone(each.settings, pairs)) != each.settings and _without_name(moved) not in there
    ]
    for each in lacking[:SPELLED_OUT]:
        settings = settings_for_clone(each.settings, pairs) | {
            "AlarmName": _new_name(each.name, pairs[source.identifier])
        }
        what = f'the alarm "{printable(each.name)}" watches the source by its name: it stays quiet whatever the clone suffers'
        yield Keyed(kind="alarm", what=what, by_hand=(aws_call("cloudwatch", "PutMetricAlarm", settings, region),))
    if rest := lacking[SPELLED_OUT:]:
        names = comma_list([f'"{printable(each.name)}"' for each in rest])
        yield Keyed(kind="alarm", what=f"{len(rest)} more alarms watch the source by its name: {names}")


def _new_name(name: str, clone: str) -> str:
    """A name beside the old one: an alarm that is put under a name replaces the one that has it."""
    end = f" ({clone})"
    return f"{name[: _LONGEST - len(end)]}{end}"


_LONGEST = 255


def settings_for_clone(settings: Mapping[str, Any], pairs: Mapping[str, str]) -> dict[str, Any]:
    """An alarm's settings with the clone's names in its dimensions and in its expressions; all else as it is.

    >>> one = {"Dimensions": [{"Name": "DBClusterIdentifier", "Value": "embi"}], "Threshold": 80.0}
    >>> settings_for_clone(one, {"embi": "clone"})["Dimensions"]
    [{'Name': 'DBClusterIdentifier', 'Value': 'clone'}]
    """
    return {name: _rewrite(name, value, pairs) for name, value in settings.items()}


def _rewrite(name: str, value: Any, pairs: Mapping[str, str]) -> Any:
    match value:
        case {"Name": dimension, "Value": of} if dimension in _DIMENSIONS:
            return {"Name": dimension, "Value": pairs.get(of, of)}
        case dict():
            return {key: _rewrite(key, each, pairs) for key, each in value.items()}
        case list():
            return [_rewrite(name, each, pairs) for each in value]
        case str() if name == "Expression":
            # A search or a query names a source between quotes.
            return re.sub(r"""(?<=["'])[A-Za-z0-9-]+(?=["'])""", lambda found: pairs.get(found[0], found[0]), value)
        case _:
            return value


def _without_name(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in _NAMED}

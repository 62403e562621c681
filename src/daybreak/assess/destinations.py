"""Where the change of a destination stands, from what was just seen of it. Pure."""

from __future__ import annotations

from typing import assert_never

from daybreak.assess.guarding import Resource
from daybreak.assess.position import OrderStanding, Position
from daybreak.model.actions import ChangeRecord, MoveSecretStage, PointParameter, PointSecret
from daybreak.model.destinations import ParameterSeen, RecordSet, SecretSeen
from daybreak.plan.rewriting import names_host


def standing_of_pointing(
    action: PointSecret | MoveSecretStage | PointParameter | ChangeRecord, seen: Resource | None, own_version: str
) -> OrderStanding:
    """Where the change stands whose guards hold; ``own_version`` is the id of the version that the run makes of a secret."""
    match action:
        case PointSecret():
            return _secret_pointed(seen, own_version)
        case MoveSecretStage(version=version):
            return _stage_moved(version, seen)
        case PointParameter():
            return _parameter_pointed(action, seen)
        case ChangeRecord(after=after):
            is_so = isinstance(seen, RecordSet) and seen.state == after.state
            return OrderStanding(
                place=Position.SO if is_so else Position.ABSENT, seen="changed" if is_so else "as it was"
            )
        case _:
            assert_never(action)


def _secret_pointed(seen: Resource | None, own: str) -> OrderStanding:
    if not isinstance(seen, SecretSeen):
        return OrderStanding(place=Position.HOPELESS, seen="the secret is gone")
    if seen.state == own:
        return OrderStanding(place=Position.SO, seen="the run's own version is current", result={"version": own})
    if own in seen.stages:
        # AWS takes the same version again and does nothing.
        why = "the run made its version, and somebody has moved the current stage back since"
        return OrderStanding(place=Position.BARRED, seen=why, hints=("plan again, with what is there now",))
    return OrderStanding(place=Position.ABSENT, seen="as it was")


def _stage_moved(version: str, seen: Resource | None) -> OrderStanding:
    if not isinstance(seen, SecretSeen):
        return OrderStanding(place=Position.HOPELESS, seen="the secret is gone")
    if seen.state == version:
        return OrderStanding(place=Position.SO, seen=f"{version} is current", result={"version": version})
    return OrderStanding(place=Position.ABSENT, seen=f"{seen.state} is current")


def _parameter_pointed(action: PointParameter, seen: Resource | None) -> OrderStanding:
    if not isinstance(seen, ParameterSeen):
        return OrderStanding(place=Position.HOPELESS, seen="the parameter is gone")
    if seen.version == action.version:
        return OrderStanding(place=Position.ABSENT, seen="as it was")
    text = seen.text.get_secret_value() if seen.text is not None else ""
    if names_host(text, action.new.host) and not names_host(text, action.old.host):
        return OrderStanding(place=Position.SO, seen=f"version {seen.version}", result={"version": seen.version})
    who = f" by {seen.writer}" if seen.writer else ""
    why = f"its version {seen.version}{who} does not name {action.new.host}"
    return OrderStanding(place=Position.BARRED, seen=why, hints=("plan again, with what is there now",))

"""Making exports: what outlives the backups of a target, written by RDS or by pg_dump, in the bucket of daybreak.toml."""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.app.app import App
from daybreak.app.planning import new_suffix, plan_for
from daybreak.errors import Refused
from daybreak.model.exports import ExportMaking
from daybreak.model.names import comma_list
from daybreak.model.plan import Plan
from daybreak.model.requests import NEWEST, MakeExportRequest


@dataclass(frozen=True)
class MakeWish:
    """What a person asks of an export of a snapshot."""

    target: str
    snapshot: str = NEWEST
    only: tuple[str, ...] = ()
    why: str = ""


def plan_making(app: App, wish: MakeWish) -> Plan:
    """The plan that lets RDS export a snapshot; raises ``Refused`` with every reason."""
    target = app.target(wish.target)
    place, making = app.settings.exports.get(target.name), app.settings.making.get(target.name, ExportMaking())
    if place is None or making.role is None or making.key is None:
        has = {"bucket": place is not None, "role": making.role is not None, "key": making.key is not None}
        missing = comma_list([name for name, is_there in has.items() if not is_there])
        raise Refused(
            f'nobody said into which bucket, as which role and under which key RDS shall export "{target.name}"',
            f"write {missing} in [targets.{target.name}.exports]",
        )
    request = MakeExportRequest(
        target=target.name,
        snapshot=wish.snapshot,
        only=wish.only,
        bucket=place.bucket,
        prefix=place.prefix,
        role=making.role,
        key=making.key,
        why=wish.why,
        suffix=new_suffix(),
    )
    return plan_for(app, request, target)

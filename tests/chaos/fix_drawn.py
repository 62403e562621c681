"""Sources, restores and troubles drawn at random, as a lab and a simulated world can both have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from daybreak.model.actions import Validate, Wait
from daybreak.model.plan import AwsCall, Plan, Step
from daybreak.model.replies import Category
from daybreak.plan.calls import call_of, stamp_of
from tests.chaos.fix_account import Source
from tests.chaos.reply_faults import BEFORE, HEARD, Fault
from tests.fix_operations import names_touched

Wanted = Literal["pitr", "snapshot", "deleted"]

_TROUBLES = (
    Fault.REPLY_LOST,
    Fault.DROPPED,
    Fault.ERROR_AFTER,
    Fault.THROTTLED,
    Fault.SETTLING,
    Fault.EXPIRED,
    Fault.DENIED,
    Fault.INVALID,
    Fault.CAPACITY,
    Fault.QUOTA,
)
_WINDOWS = (("02:10-02:40", "sun:05:00-sun:06:00"), ("22:00-23:00", "wed:03:15-wed:04:15"))
_PARAMETERS = {"work_mem": "16384", "log_min_duration_statement": "500", "log_statement": "ddl"}


@dataclass(frozen=True)
class Drawn:
    """One source, what is wanted of it, and what happens on the way."""

    source: Source
    wanted: Wanted
    is_read_only: bool
    is_staging: bool
    trouble: Fault | None
    where: float
    """Which of the plan's changes meets the trouble, or is the last one, as a share of them."""
    is_given_up: bool


def drawn(number: int) -> Drawn:
    """The source and the restore of that number, always the same."""
    dice = Random(number)
    source = _source(dice)
    trouble = dice.choice(_TROUBLES) if dice.random() < 0.4 else None
    return Drawn(
        source=source,
        wanted=dice.choice(("pitr", "pitr", "snapshot", "deleted")),
        is_read_only=dice.random() < 0.3,
        is_staging=dice.random() < 0.2,
        trouble=trouble,
        where=dice.random(),
        is_given_up=trouble is None and dice.random() < 0.3,
    )


def _source(dice: Random) -> Source:
    is_serverless = dice.random() < 0.3
    count = dice.choice((0, 1, 1, 2, 2, 3, 4))
    classes = ("db.r6g.large", "db.r6g.xlarge", *(("db.serverless",) * 2 if is_serverless else ()))
    backups, maintenance = dice.choice(_WINDOWS)
    settings: dict[str, Any] = {
        "DeletionProtection": dice.random() < 0.5,
        "EnableIAMDatabaseAuthentication": dice.random() < 0.5,
        "CopyTagsToSnapshot": dice.random() < 0.5,
        "BackupRetentionPeriod": dice.randint(1, 35),
        "PreferredBackupWindow": backups,
        "PreferredMaintenanceWindow": maintenance,
        "StorageType": dice.choice(("aurora", "aurora-iopt1")),
        "EnableCloudwatchLogsExports": dice.choice(([], ["postgresql"])),
        "Tags": [
            {"Key": key, "Value": key.upper()} for key in dice.sample(("app", "owner", "stage"), dice.randint(0, 3))
        ],
    }
    if is_serverless:
        settings["ServerlessV2ScalingConfiguration"] = {"MinCapacity": 0.5, "MaxCapacity": dice.choice((4.0, 16.0))}
    instances = tuple(_instance(dice, dice.choice(classes)) for _ in range(count))
    return Source(
        settings=_without_nothing(settings),
        instances=instances,
        parameters=dict(dice.sample(sorted(_PARAMETERS.items()), dice.randint(0, 3))) if dice.random() < 0.6 else None,
        endpoints=tuple(_endpoint(dice, count) for _ in range(dice.choice((0, 0, 1, 2)) if count else 0)),
    )


def _instance(dice: Random, size: str) -> dict[str, Any]:
    asked = {
        "DBInstanceClass": size,
        "AutoMinorVersionUpgrade": dice.random() < 0.7,
        "CopyTagsToSnapshot": dice.random() < 0.3,
        "PreferredMaintenanceWindow": dice.choice(_WINDOWS)[1],
        "Tags": [{"Key": "role", "Value": "reports"}] if dice.random() < 0.3 else [],
    }
    if dice.random() < 0.4:
        asked |= {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 7}
    return _without_nothing(asked)


def _endpoint(dice: Random, count: int) -> dict[str, Any]:
    some = sorted(dice.sample(range(1, count + 1), dice.randint(1, count)))
    return {
        "EndpointType": dice.choice(("READER", "ANY")),
        **dice.choice(({}, {"StaticMembers": some}, {"ExcludedMembers": some})),
    }


def _without_nothing(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value != []}


# -- what happens on the way


def calls_of(plan: Plan) -> dict[str, AwsCall]:
    """The calls of the changes that nobody has to ask for, by step, in the plan's order."""
    stamp, region = stamp_of(plan), plan.identity.region
    taken = [step for step in plan.steps if not step.is_on_request]
    found = {step.id: call_of(step.action, stamp, region) for step in taken}
    return {name: call for name, call in found.items() if call is not None}


@dataclass(frozen=True)
class Trouble:
    """What befalls one sending of one change."""

    fault: Fault
    call: AwsCall
    number: int
    """Which one it is of all that have its operation, from 1."""

    def rules(self, already: int) -> Mapping[str, Any]:
        """The rule that plants it in the lab; ``already`` calls of that name come before."""
        heard = HEARD[self.fault]
        effect = {Fault.REPLY_LOST: "drop_after", Fault.DROPPED: "drop_before", Fault.ERROR_AFTER: "error_after"}
        args = {} if self.fault in (Fault.REPLY_LOST, Fault.DROPPED) else {"code": heard.code, "status": self._status()}
        return {
            "effect": effect.get(self.fault, "error"),
            "action": self.call.operation,
            "identifier": names_touched(self.call)[0],
            "times": 1,
            "skip": already,
            "args": args,
        }

    def _status(self) -> int:
        assert self.fault in BEFORE or self.fault is Fault.ERROR_AFTER
        if self.fault is Fault.ERROR_AFTER:
            return 500
        return 403 if HEARD[self.fault].category in (Category.DENIED, Category.EXPIRED) else 400


def trouble_in(plan: Plan, fault: Fault, where: float) -> tuple[Trouble, int]:
    """The trouble in a plan, and how many calls of the same operation and name come before it."""
    calls = list(calls_of(plan).values())
    at = int(where * len(calls))
    alike = [each for each in calls[:at] if each.operation == calls[at].operation]
    named = [each for each in alike if names_touched(each)[0] == names_touched(calls[at])[0]]
    return Trouble(fault, calls[at], len(alike) + 1), len(named)


def last_step(plan: Plan, where: float) -> Step:
    """A change after which a run is given up: one beside which no other change goes on, so that both worlds have done as much."""
    before: dict[str, set[str]] = {}
    for step in plan.steps:
        stands_on = {*step.after, *step.after_settled}
        before[step.id] = stands_on.union(*(before[each] for each in stands_on))
    changes = list(calls_of(plan))
    apart = [
        name
        for name in changes
        if all(other == name or other in before[name] or name in before[other] for other in changes)
        and not any(isinstance(plan.step(each).action, Validate) for each in before[name])
    ]
    return plan.step(apart[int(where * len(apart))])


def is_decided(step: Step) -> bool:
    """Whether where a step stands does not depend on how long AWS takes."""
    return not isinstance(step.action, Wait | Validate)

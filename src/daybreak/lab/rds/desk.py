"""What every part of our RDS receives: the state, the clock, the jobs, the volumes, and the way to register.

The law: an operation that changes something runs under the state's lock and refuses before its first change. One that only
looks takes no lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daybreak.lab.account.world import World
from daybreak.lab.control.clock import Clock
from daybreak.lab.control.faults import Faults
from daybreak.lab.control.jobs import Control, Job, JobKind
from daybreak.lab.control.kindness import Kindnesses
from daybreak.lab.control.store import Doc, State
from daybreak.lab.rds.contract import members_of_call
from daybreak.lab.rds.fleet import Fleet


@dataclass
class Desk:
    """The parts of one RDS, as its operations and jobs see them."""

    account: str
    clock: Clock
    state: State
    world: World
    faults: Faults
    fleet: Fleet
    control: Control = field(init=False)
    kindnesses: Kindnesses = field(default_factory=Kindnesses)
    down: frozenset[str] = frozenset()
    """The lost regions."""
    on_proxies: Callable[[], None] = lambda: None
    """What is to be done soon when a proxy leads elsewhere."""

    def arn(self, region: str, kind: str, id: str) -> str:
        """The ARN of a resource, ``kind`` being AWS's word in it (``cluster``, ``db``, ``cluster-snapshot``...)."""
        return f"arn:aws:rds:{region}:{self.account}:{kind}:{id}"


@dataclass(frozen=True)
class Call:
    """One call of one operation."""

    desk: Desk
    region: str
    params: Mapping[str, Any]
    caller: str = ""

    @property
    def state(self) -> State:
        """The documents."""
        return self.desk.state

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or the default when the call leaves it out."""
        value = self.params.get(name)
        return default if value is None else value

    def lower(self, name: str) -> str:
        """An identifier in lower case, as RDS keeps it."""
        return str(self.params[name]).lower()


Answer = Callable[[Call], Doc]


@dataclass(frozen=True)
class Operation:
    """An operation that is served."""

    answer: Answer
    changes: bool
    taken: frozenset[str]
    """The parameters that it reads; the others of AWS's model are refused (`daybreak.lab.rds.contract`)."""


OPERATIONS: dict[str, Operation] = {}
"""Every operation that is served, by AWS's name; the import of the nouns' modules fills it."""

JOBS: dict[str, type[DeskJob]] = {}
"""Every kind of job, by its word in fault rules."""


def looks(name: str, *taken: str) -> Callable[[Answer], Answer]:
    """Register an operation that changes nothing, and the parameters that it reads."""
    return _register(name, taken, changes=False)


def changes(name: str, *taken: str) -> Callable[[Answer], Answer]:
    """Register an operation that changes documents, and the parameters that it reads."""
    return _register(name, taken, changes=True)


def _register(name: str, taken: Iterable[str], *, changes: bool) -> Callable[[Answer], Answer]:
    def keep(answer: Answer) -> Answer:
        # What several operations share may name more than one of them has.
        OPERATIONS[name] = Operation(answer, changes, members_of_call(name) & frozenset(taken))
        return answer

    return keep


class DeskJob(JobKind):
    """A kind of job that works at a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def cluster(self, job: Job) -> Doc | None:
        """The job's cluster, under its present name; ``None`` when it is gone."""
        return cluster_by_resource(self.desk.state, job.region, job.args["resource"])


def job(kind: str) -> Callable[[type[DeskJob]], type[DeskJob]]:
    """Register a kind of job under the word that fault rules match as their action."""

    def keep(cls: type[DeskJob]) -> type[DeskJob]:
        JOBS[kind] = cls
        return cls

    return keep


def cluster_by_resource(state: State, region: str, resource: str) -> Doc | None:
    """The cluster with that resource id."""
    return next((each for each in state.all("cluster", region) if each["DbClusterResourceId"] == resource), None)


def members_of(state: State, region: str, cluster: str) -> list[Doc]:
    """The instances of a cluster, the writer first, then by promotion tier."""
    rows = [each for each in state.all("instance", region) if each["DBClusterIdentifier"] == cluster]
    return sorted(rows, key=lambda row: (not row.get("_writer"), row["PromotionTier"], row["DBInstanceIdentifier"]))


def public(document: Mapping[str, Any]) -> Doc:
    """The document without the members that stay inside the lab."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def resource_id(prefix: str) -> str:
    """Draw a resource id that looks like AWS's."""
    return prefix + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(26))

"""Carry out a proof: a specimen in a scratch database, each defect in its own copy, and the same checks as ever.

The law: whatever ends a proof, the databases, roles and slot that it made are gone, at the latest when the next proof begins.
A proof touches nothing that it did not make, and nothing of another running proof.
A defect that the server does not let us plant is reported with its reason and never counted as found.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from daybreak.errors import Failed
from daybreak.model.actions import Validate
from daybreak.model.baseline import Baseline
from daybreak.model.birth import Birth
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import Inventory
from daybreak.model.moment import At
from daybreak.model.proof import Planting
from daybreak.model.targets import Application, Objectives, Target, Waiver
from daybreak.model.thoroughness import Thoroughness
from daybreak.model.world import Cluster, Identity
from daybreak.postgres.birth import read_mark
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.postgres.scratch import PREFIX, Scratch
from daybreak.postgres.session import Limits
from daybreak.prove import in_observation, specimen
from daybreak.prove.defect import Defect
from daybreak.prove.in_database import AMCHECK
from daybreak.validate.recording import Sitting, record
from daybreak.validate.run import ProbeLimits, validate
from daybreak.validate.visit import Subject

_LIMIT = timedelta(seconds=60)
_PATIENCE = ProbeLimits(asking=_LIMIT, counting=ServerBounds(whole=_LIMIT, connections=2))
_WAIVED = {"application.health": "a proof has no application", "security.quarantine": "a proof has none of its own"}
_RPO = timedelta(minutes=30)


@dataclass(frozen=True)
class Names:
    """The names of everything that a proof makes."""

    suffix: str

    @property
    def mark(self) -> str:
        """The role that owns everything else."""
        return f"{PREFIX}{self.suffix}"

    @property
    def template(self) -> str:
        """The database with the specimen."""
        return f"{PREFIX}{self.suffix}_specimen"

    @property
    def copy(self) -> str:
        """The database in which the next defect is planted."""
        return f"{PREFIX}{self.suffix}_copy"

    @property
    def roles(self) -> dict[str, str]:
        """The proof's own roles, by what the specimen calls them."""
        return {role: f"{PREFIX}{self.suffix}_{role}" for role in ("reader", "owner", "auditor", "application")}

    @property
    def slot(self) -> str:
        """The replication slot, the subscription and the prepared transaction."""
        return f"{PREFIX}{self.suffix}_slot"

    @property
    def words(self) -> dict[str, str]:
        """The meaning of each ``@word`` in a statement."""
        return self.roles | {"slot": self.slot, "copy": self.copy}


def new_names() -> Names:
    """Draw names that no other proof has."""
    return Names(secrets.token_hex(4))


@dataclass
class Bench:
    """The scratch databases of one proof, and what we know of the specimen."""

    scratch: Scratch
    cluster: Cluster
    identity: Identity
    names: Names
    _password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    _baseline: Baseline | None = None
    _birth: Birth | None = None

    @contextmanager
    def set_up(self) -> Iterator[None]:
        """Make roles and specimen for the length of the block, and remove all of it in every case."""
        with self.scratch.hold(self.names.mark):
            for role in ("reader", "owner", "auditor"):
                self.scratch.create_role(self.names.roles[role])
            self.scratch.create_role(self.names.roles["application"], self._password)
            self.scratch.create(self.names.template, self.names.mark)
            self._make_specimen()
            self._baseline = self._record()
            yield

    def findings(self) -> tuple[Finding, ...]:
        """Every finding about an undamaged copy of the specimen."""
        with self._copy():
            return validate(self._subject(), report=_ignore, progress=_ignore).findings

    def plant(self, defect: Defect) -> Planting:
        """Plant one defect in a copy and ask the checks; remove the copy afterwards."""
        began = monotonic()
        planting = self._plant_in_copy(defect)
        return planting.model_copy(update={"took": timedelta(seconds=monotonic() - began)})

    def _plant_in_copy(self, defect: Defect) -> Planting:
        words = self.names.words
        spelled = tuple(specimen.spell(each, words) for each in defect.sql)
        if defect.change and not defect.asks_sql:
            outside = replace(defect.change(self._subject()), login=None, source=None)
            return _judge(defect, validate(outside, report=_ignore, progress=_ignore).findings)
        with self._copy():
            why = self._why_not(defect)
            if why:
                return _planting(defect, "not plantable", why)
            try:
                if spelled:
                    self.scratch.run(self.names.copy, *spelled)
                if defect.refused:
                    self._provoke(specimen.spell(defect.refused, words))
                subject = defect.change(self._subject()) if defect.change else self._subject()
                return _judge(defect, validate(subject, report=_ignore, progress=_ignore).findings)
            except Failed as error:
                return _planting(defect, "not plantable", error.message)
            finally:
                undo = tuple(specimen.spell(each, words) for each in defect.undo)
                self.scratch.run_forgivingly(self.names.copy, *undo)

    def _why_not(self, defect: Defect) -> str:
        place = Reach(self.scratch.at(self.names.copy), self.scratch.login)
        for need in defect.needs:
            if not self.scratch.is_so(place.address.database, need.question):
                return need.why
        return ""

    def _provoke(self, statement: str) -> None:
        """Make the server refuse a statement, for what that leaves behind."""
        with suppress(Failed):
            self.scratch.run(self.names.copy, statement)

    @contextmanager
    def _copy(self) -> Iterator[None]:
        self.scratch.create(self.names.copy, self.names.mark, template=self.names.template)
        try:
            yield
        finally:
            self.scratch.drop(self.names.copy)

    def _make_specimen(self) -> None:
        template = self.names.template
        for extension in specimen.EXTENSIONS:
            self.scratch.run_forgivingly(template, f"CREATE EXTENSION IF NOT EXISTS {extension}")
        has_amcheck = self.scratch.is_so(template, AMCHECK.question)
        making = (*specimen.STATEMENTS, *(specimen.WITH_AMCHECK if has_amcheck else ()), "ANALYZE")
        self.scratch.run(template, *(specimen.spell(each, self.names.words) for each in making))

    # -- what the checks receive

    def _subject(self) -> Subject:
        baseline = self._baseline
        if baseline is None:
            message = "the specimen is not recorded"
            raise AssertionError(message)
        clone = in_observation.clone_of(self.cluster)
        source = in_observation.source_of(clone)
        action = Validate(
            clone=clone.identifier,
            source=source.identifier,
            source_seen=source,
            instances_seen=in_observation.instances_of(source),
            surroundings_seen=in_observation.surroundings_of(source),
            moment=At(instant=baseline.stands_for),
            database=self.names.copy,
            only=(self.names.copy,),
            login=None,
            quarantine={},
            tables=dict(specimen.TABLES),
            checks=specimen.CHECKS,
            application=Application(login="env:PROOF"),
            waivers=tuple(
                Waiver(check=check, is_for_all=True, by="the proof", why=why) for check, why in _WAIVED.items()
            ),
            thoroughness=Thoroughness(depth="full"),
        )
        return Subject(
            action=action,
            clone=clone,
            instances=in_observation.instances_of(clone),
            moment=baseline.stands_for,
            login=self.scratch.login,
            trust=self.scratch.trust,
            source=Reach(self.scratch.at(self.names.template), self.scratch.login),
            rpo=_RPO,
            surroundings=in_observation.surroundings_of(clone),
            baseline=baseline,
            login_of=lambda _reference: Login(self.names.roles["application"], self._password),
            patience=_PATIENCE,
            source_inventory=baseline.databases[0].inventory,
            source_shared=baseline.shared,
            birth=self._birth,
            alter=self._as_recovered,
        )

    def _as_recovered(self, seen: Inventory) -> Inventory:
        """The copy's catalog as a clone's would look: recovered when the specimen was recorded, and changed only since."""
        recorded = self._baseline.databases[0].inventory if self._baseline else seen
        return seen.model_copy(
            update={"checkpoint": recorded.taken, "next_xid": recorded.oldest_xid, "next_oid": recorded.newest_oid + 1}
        )

    def _record(self) -> Baseline:
        """Record the specimen as it is, like any baseline."""
        place = Reach(self.scratch.at(self.names.template), self.scratch.login)
        promises = Objectives(rpo=_RPO, rto=_RPO, retention=_RPO)
        tables = dict(specimen.TABLES)
        target = Target(
            name="proof",
            cluster=self.cluster.identifier,
            region=self.identity.region,
            objectives=promises,
            only=(self.names.template,),
            tables=tables,
        )
        sitting = Sitting(target, self.cluster, self.identity, datetime.now(UTC), is_fingerprinted=True)
        recorded = self._as_of_copy(record(place, sitting, _ignore))
        # As if the copy had been restored now: whatever is written from here on is its own.
        with place.session(Limits()) as session:
            mark = read_mark(session)
        self._birth = mark.model_copy(
            update={"next_oid": recorded.databases[0].inventory.newest_oid + 1, "is_exact": True}
        )
        return recorded

    def _as_of_copy(self, recorded: Baseline) -> Baseline:
        """The baseline as if the template had the copy's name: the checks read a copy and compare it with that."""
        template, copy = self.names.template, self.names.copy
        [database] = recorded.databases
        shared = recorded.shared
        if shared is not None:
            items = tuple(
                # Each copy has a number of its own, so it is known by its name.
                item.model_copy(update={"name": copy, "oid": None})
                if (item.kind, item.name) == ("database", template)
                else item
                for item in shared.items
            )
            shared = shared.model_copy(update={"items": items})
        return recorded.model_copy(
            update={"databases": (database.model_copy(update={"database": copy}),), "shared": shared}
        )


def alarms(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings that are not fit in an undamaged specimen."""
    return tuple(each for each in findings if each.standing in (Standing.UNFIT, Standing.UNKNOWN))


def _judge(defect: Defect, findings: tuple[Finding, ...]) -> Planting:
    asked = [finding for finding in findings if finding.check == defect.check.name]
    if not asked:
        return _planting(defect, "missed", "the check was not asked")
    unfit = [finding for finding in asked if finding.standing is Standing.UNFIT]
    if unfit:
        return _planting(defect, "found", unfit[0].found)
    return _planting(defect, "missed", f"{asked[0].standing.value}: {asked[0].found} {asked[0].why}".strip())


def _planting(defect: Defect, outcome: str, seen: str) -> Planting:
    return Planting.model_validate(
        {"defect": defect.name, "check": defect.check.name, "outcome": outcome, "seen": seen}
    )


def _ignore(_news: object) -> None:
    """Ignore the news."""


OnPlanting = Callable[[Planting], None]
"""Receives each defect as soon as it is judged."""


def sweep(scratch: Scratch) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remove what killed proofs left. Return what is gone now, and what is still there with the reason."""
    dead = [each for each in scratch.others() if not each.is_alive]
    left = tuple(name for each in dead for name in scratch.remove(each.mark))
    kept = {name.partition(":")[0] for name in left}
    return tuple(name for each in dead for name in each.names if name not in kept), left


def prove(
    bench: Bench, defects: tuple[Defect, ...], report: OnPlanting
) -> tuple[tuple[Planting, ...], tuple[Finding, ...]]:
    """Plant every defect. Return the result of each, and what was not fit before."""
    with bench.set_up():
        before = alarms(bench.findings())
        plantings = []
        for defect in defects:
            planting = bench.plant(defect)
            report(planting)
            plantings.append(planting)
    return tuple(plantings), before

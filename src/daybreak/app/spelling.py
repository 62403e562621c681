"""Whether what daybreak.toml names is there, found before anything is made: databases, tables, columns, checks, secrets,
and, by ``placing``, the clone's network and class.

The law: it only helps, so it stops nothing and takes no more of the source than ``OF_NAMES``; no row is read and no check is
run. What could not be asked is no mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from time import monotonic

from daybreak.app.app import App
from daybreak.app.placing import names_of_place
from daybreak.aws.faults import AwsFault
from daybreak.aws.secrets import credentials_of
from daybreak.errors import DaybreakError
from daybreak.judge.expectations import why_never
from daybreak.model.checks import OWN, owners_check
from daybreak.model.names import did_you_mean, printable
from daybreak.model.observation import Observation
from daybreak.model.replies import Category
from daybreak.model.spelling import NO_SOURCE, Spelling
from daybreak.model.targets import DatabaseTarget, Expectation, SqlCheck, Target
from daybreak.model.world import Cluster
from daybreak.postgres.address import Address, address_of
from daybreak.postgres.bounds import OF_NAMES
from daybreak.postgres.catalog import database_names
from daybreak.postgres.faults import refusal_of
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.naming import look_at_statement, table_names, tables_named
from daybreak.postgres.reach import Reach
from daybreak.postgres.session import Session

_SPELT_WRONG = frozenset({Category.NOT_FOUND, Category.INVALID})
"""What AWS answers of a secret that is not there; any other fault is one of asking."""


def proofread(
    app: App, target: Target, cluster: Cluster | None, seen: Observation | None = None, *, is_abroad: bool = False
) -> Spelling:
    """What is wrong with the names in the target's configuration; ``cluster`` is the source, ``None`` where it is gone.

    ``seen`` is what a plan is made of: AWS is not asked for it again. ``is_abroad`` says that the clone is made in another region
    than the source's, on purpose: then the secrets have to be there.
    """
    return _Proofreader(app, target, cluster, is_abroad=is_abroad).read() + names_of_place(app, target, cluster, seen)


@dataclass(frozen=True)
class _Task:
    """What is asked in one session: of one database, with one login."""

    database: str
    reference: str
    tables: Mapping[str, Expectation]
    checks: tuple[SqlCheck, ...] = ()
    databases: tuple[str, ...] = ()

    @property
    def named(self) -> int:
        columns = sum(each.freshness is not None for each in self.tables.values())
        return len(self.tables) + columns + len(self.checks) + len(self.databases)


class _Proofreader:
    """Reads one target's configuration against its source."""

    def __init__(self, app: App, target: Target, cluster: Cluster | None, *, is_abroad: bool) -> None:
        self._app = app
        self._target = target
        self._address: Address | None = None
        if cluster is not None and cluster.endpoint:
            self._address = address_of(cluster, target.database or cluster.database, target.trust)
        configured = app.settings.targets.get(target.name)
        is_elsewhere = cluster is None and configured is not None and configured.region != target.region
        self._is_in_another_region = is_elsewhere and not is_abroad
        """Whether ``--region`` led to where the cluster is not."""
        self._logins: dict[str, Login] = {}
        self._known: tuple[str, ...] | None = None
        """The source's databases; ``None`` where they were not asked."""
        self._meter = Meter(OF_NAMES)
        self._end = monotonic() + OF_NAMES.whole.total_seconds()

    def read(self) -> Spelling:
        found = self._own_names() + self._secrets()
        tasks = [*self._tasks(self._address.database if self._address else "")]
        found += Spelling(named=sum(task.named for task in tasks))
        if self._address is None:
            return found if NO_SOURCE in found.silences else found + Spelling(silences=(NO_SOURCE,))
        for task in tasks:
            # What a missing secret, a missing database or a silent server leaves unasked has been said already.
            is_there = self._known is None or task.database in (self._address.database, *self._known)
            if is_there and (task.reference in self._logins or not task.reference):
                part, is_silent = self._ask(self._address, task)
                found += part
                if is_silent:
                    break
        return found

    def _own_names(self) -> Spelling:
        """Waivers of checks of the owner's that no part of the configuration has."""
        target = self._target
        every = [*target.checks, *(check for each in target.databases.values() for check in each.checks)]
        known = {owners_check(check.name).name for check in every}
        waivers = [*target.waivers, *(waiver for each in target.databases.values() for waiver in each.waivers)]
        wanted = [waiver.check for waiver in waivers if waiver.check.startswith(OWN) and not waiver.is_for_all]
        wrong = [f'the waiver of "{printable(each)}" is of no check{did_you_mean(each, known)}' for each in wanted
                 if each not in known]  # fmt: skip
        return Spelling(named=len(wanted), mistakes=tuple(wrong))

    def _secrets(self) -> Spelling:
        found = Spelling()
        # Only a token of IAM is made for a place; where there is none, that is no mistake of the configuration's.
        place = (self._address.host, self._address.port) if self._address else ("", 0)
        for reference, whose in _references(self._target).items():
            try:
                aws = self._app.aws(self._target.region)
                read = credentials_of(reference, aws, self._app.environ, place)
                self._logins[reference] = Login(read.username, read.password, is_token=read.is_token)
                found += Spelling(named=1)
            except DaybreakError as error:
                cause = error.__cause__
                is_unasked = isinstance(cause, AwsFault) and cause.trouble.category not in _SPELT_WRONG
                # Where the cluster is not, its secrets need not be: the region is the one cause, and said.
                is_elsewhere = isinstance(cause, AwsFault) and self._is_in_another_region
                words = (NO_SOURCE if is_elsewhere else f"{whose}: {error.message}",)
                is_unasked = is_unasked or is_elsewhere
                found += Spelling(named=1, **{"silences" if is_unasked else "mistakes": words})
        return found

    def _tasks(self, first: str) -> Iterator[_Task]:
        """The sessions that are needed, the target's own login in the first database before all others."""
        target = self._target
        others = {name: wanted for name, wanted in target.databases.items() if not wanted.is_left_out}
        own = DatabaseTarget(tables=target.tables, checks=target.checks, waivers=target.waivers)
        tasks: dict[tuple[str, str], _Task] = {}
        inner = target.application.database if target.application else None
        named = tuple(dict.fromkeys((*target.only, *target.databases, *([inner] if inner else []))))
        reader = target.login or ""
        tasks[first, reader] = _Task(first, reader, {}, databases=named)
        for database, wanted in {first: own, **others}.items():
            key = database, reader
            tasks[key] = replace(tasks.get(key) or _Task(*key, {}), tables=_tables(wanted))
            for check in wanted.checks:
                key = self._place_of(check, database)
                task = tasks.get(key) or _Task(*key, {})
                tasks[key] = replace(task, checks=(*task.checks, check))
        yield from (task for task in tasks.values() if task.named)

    def _place_of(self, check: SqlCheck, database: str) -> tuple[str, str]:
        """Where a validation asks a check, and as whom."""
        application = self._target.application
        reference = check.login or (application.login if application else self._target.login) or ""
        is_applications = application is not None and application.database and reference == application.login
        return (application.database or database if application and is_applications else database), reference

    def _ask(self, address: Address, task: _Task) -> tuple[Spelling, bool]:
        """What one session finds, and whether the server is silent, and not to be asked again."""
        if not task.reference:
            return Spelling(silences=("no login is configured to ask the source with",)), False
        left = self._end - monotonic()
        if left <= 0:
            why = f"{address.server} was asked for {OF_NAMES.whole.total_seconds():g} seconds, and no longer"
            return Spelling(silences=(why,)), True
        place = Reach(replace(address, database=task.database), self._logins[task.reference], self._meter)
        try:
            with place.session(OF_NAMES.limits(left)) as session:
                return self._read(session, task, _where(address, task)), False
        except DaybreakError as error:
            refusal = refusal_of(error)
            if refusal is not None and refusal.is_definite:
                return Spelling(mistakes=(f'the login "{task.reference}": {error.message}',)), False
            return Spelling(silences=(error.message,)), True

    def _read(self, session: Session, task: _Task, where: str) -> Spelling:
        mistakes: list[str] = []
        silences: list[str] = []
        if task.databases:
            known = self._known = database_names(session).names
            mistakes += [
                f'there is no database "{printable(name)}"{did_you_mean(name, known)}'
                for name in task.databases
                if name not in known
            ]
        mistakes += _wrong_tables(session, task, where)
        for check in task.checks:
            named = f'the check "{printable(check.name)}"{where}'
            try:
                found = look_at_statement(session, check.sql)
                if why := found.trouble or (why_never(found.kind, check.expect) if found.kind else ""):
                    mistakes.append(f"{named}: {why}")
            except DaybreakError as error:
                silences.append(f"{named}: {error.message}")
        return Spelling(mistakes=tuple(mistakes), silences=tuple(silences))


def _wrong_tables(session: Session, task: _Task, where: str) -> Iterator[str]:
    there = tables_named(session, task.tables) if task.tables else {}
    known = table_names(session) if there.keys() != task.tables.keys() else ()
    for name, expected in task.tables.items():
        if name not in there:
            yield f'there is no table "{printable(name)}"{where}{did_you_mean(name, known)}'
            continue
        clocks, columns = there[name]
        clock = expected.freshness
        if clock is not None and clock not in clocks:
            what = "is no time" if clock in columns else "is not there"
            yield f'the column "{printable(clock)}" of "{printable(name)}"{where} {what}{did_you_mean(clock, clocks)}'


def _where(address: Address, task: _Task) -> str:
    return "" if task.database == address.database else f" in {printable(task.database)}"


def _tables(wanted: DatabaseTarget) -> dict[str, Expectation]:
    """The tables that are named, those of waivers too."""
    waived = {waiver.table: Expectation() for waiver in wanted.waivers if waiver.table and not waiver.is_for_all}
    return waived | wanted.tables


def _references(target: Target) -> dict[str, str]:
    """The logins that are named, each with who it is of."""
    found = {target.login: "the target's login"} if target.login else {}
    if target.application is not None:
        found.setdefault(target.application.login, "the application's login")
    every = (*target.checks, *(check for each in target.databases.values() for check in each.checks))
    for check in every:
        if check.login is not None:
            found.setdefault(check.login, f'the login of the check "{printable(check.name)}"')
    return found

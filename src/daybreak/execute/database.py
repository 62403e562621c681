"""The interpreter's door to PostgreSQL, made of the postgres gateway and of validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import humanize

from daybreak.assess.obstacles import why_kept_out
from daybreak.aws.faults import AwsFault
from daybreak.aws.secrets import LoginDoor, Version, credentials_of, secret_of
from daybreak.errors import DaybreakError, Refused, Unreachable
from daybreak.execute.doors import Answers, Scene
from daybreak.judge.database import quarantine
from daybreak.model.actions import AwaitSql, Validate
from daybreak.model.answers import Answer, Silence
from daybreak.model.baseline import Baseline
from daybreak.model.birth import Birth
from daybreak.model.capsule import Capsule
from daybreak.model.findings import Finding, Measured, Standing
from daybreak.model.names import printable
from daybreak.model.trust import Trust
from daybreak.model.value import stamp
from daybreak.model.world import Cluster, Surroundings, Unseen
from daybreak.model.writes import WriteCount
from daybreak.observe.look import Lookout
from daybreak.observe.surroundings import surroundings_of
from daybreak.plan.amending import MANAGED
from daybreak.postgres.address import Address, address_of
from daybreak.postgres.answering import NO_LOGIN, knock
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, Session, open_session
from daybreak.postgres.writes import count_writes
from daybreak.repository.repository import Repository
from daybreak.validate.probes import ask_birth, ask_settings, list_databases
from daybreak.validate.run import CountProgress, ProbeLimits, Reach, Subject, validate

_ON_MANAGED = ("look at the events: AWS names there why it did not set the password",)

_KNOCKING = timedelta(seconds=10)
_EARLIER = 20
"""How many older baselines are read, to see how far a table falls by itself."""

_MOST_VERSIONS = 20
"""How many older versions of a secret are tried; a server counts each as a failed login."""

_AS_FAR_AS_WITHOUT_LOGIN = frozenset({"tcp", "tls"})


@dataclass(frozen=True)
class _Source:
    """How the source is reached, or why it is not."""

    writer: Reach | None = None
    reader: Reach | None = None
    why: str = ""


@dataclass(frozen=True)
class _Older:
    """The older version of a secret that the clone takes, or what came of the search."""

    login: Login | None = None
    version: Version | None = None
    answer: Answer | None = None
    """What the server said to it."""
    tried: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class BothSides:
    """Where a clone and its source are asked."""

    clone: Reach
    source: Reach
    source_reader: Reach | None
    """A reader of the source, which spares its writer; ``None`` where it has none."""


class Database:
    """PostgreSQL as the interpreter needs it. Logins are read anew for each question and never kept."""

    def __init__(
        self,
        aws: LoginDoor,
        environ: Mapping[str, str],
        repository: Repository,
        health_urls: Mapping[str, str],
        trust: Trust,
    ) -> None:
        self._aws = aws
        self._environ = environ
        self._repository = repository
        self._health_urls = health_urls
        self._trust = trust

    def answers(self, action: AwaitSql, cluster: Cluster) -> Answers:
        """Whether the endpoint answers. The login may be missing; then TCP is as far as we get."""
        address = address_of(cluster, action.database, self._trust)
        wanted = action.login
        if wanted == MANAGED:
            wanted = _reference_to_managed(wanted, cluster)
            if wanted is None:
                seen = "AWS has not made the secret of the clone's master yet"
                return Answers(is_answering=False, seen=seen, obstacle="settling", hints=_ON_MANAGED)
        try:
            login = self._login(wanted, address)
        except Unreachable as error:
            return Answers(is_answering=False, seen=error.message)
        except DaybreakError as error:
            # A login that cannot be read now cannot be read in an hour: a person names another, and loses nothing.
            hints = (*error.hints, f"name another login: daybreak resume {cluster.identifier} --login REFERENCE")
            return Answers(is_answering=False, seen=error.message, obstacle="refusal", hints=hints)
        answer = knock(address, login, _KNOCKING)
        older = _Older()
        if answer.refusal and answer.refusal.is_of_password and action.login == MANAGED:
            seen = f"the server does not take the password yet that AWS keeps: {answer.trouble}"
            return Answers(is_answering=False, seen=seen, obstacle="settling", hints=_ON_MANAGED)
        if answer.refusal and answer.refusal.is_of_password and wanted:
            older = self._older_login(wanted, address)
            answer, login = older.answer or answer, older.login or login
        if answer.is_answering:
            if login is not None and (loose := self._let_loose(address, login, action, cluster)):
                return loose
            seen = f"PostgreSQL {answer.server_version} answers at {address}"
            if older.version:
                seen += (
                    f", to the secret's version of {stamp(older.version.made)}: the current password is not the clone's"
                )
            reference = older.version.reference if older.version else wanted
            return Answers(is_answering=True, seen=seen, birth=self._birth(address, login), login=reference)
        if login is None and answer.reached in _AS_FAR_AS_WITHOUT_LOGIN and not answer.is_unproven:
            return Answers(
                is_answering=True, seen=f"{answer.reached.upper()} answers at {address}; no login is configured"
            )
        why = why_kept_out(answer, cluster, action.login, older.tried)
        return Answers(is_answering=False, seen=why.seen, obstacle=why.obstacle, hints=why.hints)

    @staticmethod
    def _let_loose(address: Address, login: Login, action: AwaitSql, cluster: Cluster) -> Answers | None:
        """The answer where the server runs without the quarantine's parameters; what it does not say, the validation reports."""
        if not action.quarantine:  # a plan of an older release: the validation asks
            return None
        found = ask_settings(Reach(address, login), action.quarantine, _KNOCKING)
        finding = quarantine(action.quarantine, cluster, found)
        if finding.standing is not Standing.UNFIT:
            return None
        seen = f"the clone started without its quarantine: {finding.found}; let nobody in"
        hints = (
            f"remove it: daybreak clean {action.clone}",
            "then restore again: its parameter group was not in force, or somebody changed it",
        )
        return Answers(is_answering=False, is_let_loose=True, seen=seen, hints=hints)

    def _older_login(self, reference: str, address: Address) -> _Older:
        """Try the secret's older versions, newest first: the clone has the password of its moment."""
        try:
            secret = secret_of(reference, self._aws)
        except DaybreakError as error:
            return _Older(tried=error.message)
        versions = secret.older if secret else ()
        for version in versions[:_MOST_VERSIONS]:
            with suppress(DaybreakError):
                login = login_at(version.reference, self._aws, self._environ, address)
                answer = knock(address, login, _KNOCKING)
                if answer.is_answering:
                    return _Older(login, version, answer)
        tried = min(len(versions), _MOST_VERSIONS)
        return _Older(tried=f"none of its {tried} older versions fits" if tried else "it has no older version")

    @staticmethod
    def _birth(address: Address, login: Login | None) -> Birth | None:
        """What the clone has spent; without it fewer findings are certain, and each says so."""
        if login is None:
            return None
        found = ask_birth(Reach(address, login), _KNOCKING)
        return found if isinstance(found, Birth) else None

    def validate(
        self,
        action: Validate,
        scene: Scene,
        report: Callable[[Finding], None],
        progress: Callable[[str], None],
        leash: Leash | None = None,
        *,
        announce: Callable[[str], None] | None = None,
    ) -> Measured:
        """Validate the clone, and compare it with the source where the source can be reached.

        Looks at what the action's part needs, and at no more. ``leash`` ends every session that is opened for it.
        ``announce`` is called with what is left out to end in time, before anything is read; without it ``progress`` is.
        """
        address = address_of(scene.clone, action.database, self._trust, leash)
        asks_servers, asks_aws = action.part != "clone", action.part != "data"
        # Every question that needs a login becomes unknown where there is none, and says why.
        reference = scene.login or action.login
        login = self._login_or_silence(reference, address) if reference and asks_servers else None
        source = self._source(action, scene.clone, leash) if asks_servers else _Source()
        subject = Subject(
            action=action,
            clone=scene.clone,
            trust=self._trust,
            instances=scene.instances,
            moment=scene.moment,
            login=None if isinstance(login, Silence) else login,
            without_login=login.why if isinstance(login, Silence) else NO_LOGIN,
            source=source.writer,
            source_reader=source.reader,
            without_source=source.why,
            birth=scene.birth,
            backup=action.backup_seen,
            rpo=scene.rpo,
            reached=scene.reached,
            is_in_use=scene.is_in_use,
            permitted=action.permitted,
            surroundings=self._around(scene) if asks_aws else Surroundings(),
            baseline=self._baseline(action),
            earlier=lambda: self._earlier(action),
            capsule=self._capsule(action),
            login_of=lambda reference: self._login_or_silence(reference, address),
            health_urls=self._health_urls,
            leash=leash,
            announce=announce or progress,
            patience=ProbeLimits(hearing=ServerBounds(whole=action.source_budget)),
        )
        before = self._count_writes(scene, action, subject.login, leash)
        outcome = validate(subject, report=report, progress=lambda step: progress(progress_words(step)))
        after = self._count_writes(scene, action, subject.login, leash)
        # Rows as they were before anything was asked; definitions as after it, since we try an extension and roll it back.
        # Ids were given out in between, so they prove nothing.
        written = (
            before.model_copy(update={"definitions": after.definitions, "following": 0}) if before and after else None
        )
        return outcome.measured.model_copy(update={"written": written})

    def _count_writes(
        self, scene: Scene, action: Validate, login: Login | None, leash: Leash | None
    ) -> WriteCount | None:
        """What has been written in the clone so far; ``None`` where a database does not say it, and of a cluster in use."""
        if scene.is_in_use or login is None:
            return None

        def open_in(name: str | None) -> AbstractContextManager[Session]:
            address = address_of(scene.clone, name or action.database, self._trust, leash)
            return open_session(address, login, Limits(statement=_KNOCKING, whole=_KNOCKING))

        try:
            return count_writes(open_in)
        except DaybreakError:
            return None

    def refuse_unknown(self, names: Iterable[str], action: Validate, scene: Scene) -> None:
        """Raise ``Refused`` for a database that neither the clone nor the configuration has, naming those the clone has.

        One that the configuration names is missing where the clone has it not, and a silent clone is judged by its silence.
        """
        wanted = [name for name in dict.fromkeys(names) if name not in (action.database, *action.databases)]
        clone, reference = scene.clone, scene.login or action.login
        if not wanted or not clone.endpoint or reference is None:
            return
        address = address_of(clone, action.database, self._trust)
        login = self._login_or_silence(reference, address)
        known = login if isinstance(login, Silence) else list_databases(Reach(address, login), _KNOCKING)
        if isinstance(known, Silence):
            return
        if unknown := [printable(name) for name in wanted if name not in known.names]:
            raise Refused(
                f'"{clone.identifier}" has no database "' + '" and no "'.join(unknown) + '"',
                f"databases: {', '.join(map(printable, known.names))}",
            )

    def both_sides(self, action: Validate, scene: Scene) -> BothSides:
        """Where the clone and its living source are asked; raises ``Refused`` where one of them cannot be."""
        clone = scene.clone
        if not clone.endpoint:
            raise Refused(f'the clone "{clone.identifier}" has no endpoint', "daybreak status")
        if action.login is None:
            raise Refused("no login is configured for the database", 'login = "secretsmanager:NAME" in daybreak.toml')
        address = address_of(clone, action.database, self._trust)
        login = login_at(scene.login or action.login, self._aws, self._environ, address)
        source = self._source(action, clone)
        if source.writer is None:
            why = source.why or f'"{action.source}" is known from a capsule only: there is nothing left to ask'
            raise Refused(f"there is no source to compare with: {why}", f"daybreak validate {clone.identifier}")
        return BothSides(Reach(address, login), source.writer, source.reader)

    def _source(self, action: Validate, clone: Cluster, leash: Leash | None = None) -> _Source:
        """The cluster that the clone was made from, where it answers now; a name or an endpoint proves nothing.

        It is looked up by its resource id at this moment: after a rename, a blue/green switch or a cutover its name leads to
        another cluster, and the clone itself would acquit itself of everything.
        """
        # What a capsule tells is gone: at its address there is nothing, or a stranger.
        if action.capsule is not None or action.source_seen is None:
            return _Source()
        wanted = action.source_seen.resource_id
        made_of = action.snapshot_seen.resource_id if action.snapshot_seen else None
        if made_of is not None and made_of != wanted:
            return _Source(why=f'"{action.source}" is another cluster than the one that the snapshot is of')
        try:
            living = self._cluster_now(action.source_seen.identifier, wanted)
        except AwsFault as fault:
            return _Source(why=f"the source could not be looked up: {fault.message}")
        if living is None or living.resource_id == clone.resource_id or not living.endpoint:
            return _Source(why=f"the source ({wanted}) is not there any more, or has no endpoint")
        writer = address_of(living, action.database, self._trust, leash)
        login = self._login_or_none(action.login, writer)
        if login is None:
            return _Source(why="there is no login at the source")
        has_reader = living.reader_endpoint and any(not member.is_writer for member in living.members)
        reader = replace(writer, host=living.reader_endpoint) if living.reader_endpoint and has_reader else None
        source = Reach(writer, login)
        # AWS leads a reader's endpoint to the writer where no reader is up, so both share what may be taken.
        return _Source(source, replace(source, address=reader) if reader else None)

    def _cluster_now(self, name: str, resource_id: str) -> Cluster | None:
        """The cluster of that resource id as it is now, whatever it is called."""
        lookout = Lookout(self._aws)
        named = lookout.cluster(name)
        if named is not None and named.resource_id == resource_id:
            return named
        return next((each for each in lookout.clusters().values() if each.resource_id == resource_id), None)

    def _around(self, scene: Scene) -> Surroundings:
        """What belongs to the clone now; a lost connection leaves everything unseen."""
        try:
            return surroundings_of(self._aws, scene.clone, scene.instances)
        except AwsFault as fault:
            names = (name for name in Surroundings.model_fields if name != "unseen")
            return Surroundings(unseen=tuple(Unseen(what=name, why=fault.message) for name in names))

    def _baseline(self, action: Validate) -> Baseline | Silence | None:
        if action.baseline is None:
            return None
        try:
            return self._repository.baseline(action.baseline)
        except DaybreakError as error:
            stands_for = stamp(action.baseline.stands_for)
            return Silence(asked=f"the baseline of {stands_for}", why=error.message)

    def _earlier(self, action: Validate) -> tuple[Baseline, ...]:
        """The target's baselines from before the one that the plan chose, newest first; those that cannot be read are left out."""
        chosen = action.baseline
        if chosen is None:
            return ()
        found: list[Baseline] = []
        with suppress(DaybreakError):
            kept = [
                each
                for each in self._repository.list_kept("baseline", chosen.target)
                if each.stands_for < chosen.stands_for
            ]
            for each in sorted(kept, key=lambda one: one.stands_for, reverse=True)[:_EARLIER]:
                with suppress(DaybreakError):
                    found.append(self._repository.baseline(each))
        return tuple(found)

    def _capsule(self, action: Validate) -> Capsule | None:
        if action.capsule is None or action.is_capsule_later:
            return None
        try:
            return self._repository.capsule(action.capsule)
        except DaybreakError:
            # One witness less: what no other witness shows becomes unknown.
            return None

    def _login_or_silence(self, reference: str, address: Address) -> Login | Silence:
        try:
            found = self._login(reference, address)
        except DaybreakError as error:
            return Silence(asked=f'the login "{reference}"', why=error.message)
        return found or Silence(asked="a login", why="no login is configured")

    def _login_or_none(self, reference: str | None, address: Address) -> Login | None:
        try:
            return self._login(reference, address)
        except DaybreakError:
            # Validation reports this itself: every question that needs a login becomes unknown.
            return None

    def _login(self, reference: str | None, address: Address) -> Login | None:
        return None if reference is None else login_at(reference, self._aws, self._environ, address)


def _reference_to_managed(login: str | None, clone: Cluster) -> str | None:
    """The reference of the secret that AWS keeps for the clone's master, where that is the login; ``None`` until it is there."""
    return f"secretsmanager:{clone.master_secret}" if login == MANAGED and clone.master_secret else None


def login_at(reference: str, aws: LoginDoor, environ: Mapping[str, str], address: Address) -> Login:
    """The login behind a reference, for one address; raises ``Refused`` when the reference has no login."""
    found = credentials_of(reference, aws, environ, (address.host, address.port))
    return Login(found.username, found.password, is_token=found.is_token)


def progress_words(progress: CountProgress) -> str:
    """How far a reading is, for a person who waits for it."""
    share = f"{humanize.naturalsize(progress.done)} of {humanize.naturalsize(progress.total)} {progress.what}"
    return f"{share} ({progress.table})" if progress.table else share

"""Preparations: how old the newest of everything that is kept is, in each place, and whether database and logins can be reached.

The law: every question is asked side by side with the others and has its own few seconds. One without an answer is named as
such and never fit, and none of them stops a status.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import get_args

from daybreak.app.app import App
from daybreak.aws.destinations import RECOVERABLE, recovery_of_zone
from daybreak.aws.faults import AwsFault
from daybreak.aws.secrets import credentials_of
from daybreak.errors import DaybreakError, Failed, Refused
from daybreak.execute.database import login_at
from daybreak.model.copies import CopiesSeen
from daybreak.model.destinations import RecordDestination
from daybreak.model.findings import Standing
from daybreak.model.kept import KeptKind
from daybreak.model.moment import span_in_words
from daybreak.model.names import printable
from daybreak.model.preparation import Preparation
from daybreak.model.ranked_backups import Catalogue, Tier
from daybreak.model.samples import SampleLimits
from daybreak.model.targets import CopyPromise, Target
from daybreak.model.value import stamp
from daybreak.model.world import Cluster
from daybreak.plan.copies import Copies, copies_of
from daybreak.plan.operations import aws_call
from daybreak.plan.pointing import home_of_route53
from daybreak.postgres.address import Address, address_of
from daybreak.postgres.answering import knock
from daybreak.repository.repository import NamedShelf, Repository
from daybreak.repository.samples import Samples, newest_sample

WITHIN = timedelta(seconds=5)
"""How long all answers may take."""

_USELESS = (Tier.LACKS, Tier.CANNOT)
"""What cannot be restored as it is, is no backup on the day."""

_OF_A_REGION = ("secretsmanager:", "ssm:")
"""The logins that are kept in a region."""

_Question = tuple[Preparation, Callable[[], Preparation]]
"""What is known without an answer, and how it is asked."""


def preparations(
    app: App, target: Target, cluster: Cluster | None, elsewhere: Catalogue | None, *, silent: str = ""
) -> tuple[Preparation, ...]:
    """Everything that is prepared for a target; ``cluster`` is the source, ``None`` where it is gone, or its region ``silent``."""
    address = None
    if cluster is not None and cluster.endpoint:
        address = address_of(cluster, target.database or cluster.database, target.trust)
    questions = [*_questions_on_places(app, target), *_questions_on_ways(app, target, address, silent)]
    return (*_ask(questions), *_backups(target, elsewhere), *_copies(target, cluster, elsewhere, silent))


def _ask(questions: list[_Question]) -> Iterator[Preparation]:
    """The answers that come in time, in the order of the questions."""
    answers: SimpleQueue[tuple[int, Preparation]] = SimpleQueue()

    def ask(number: int, silent: Preparation, question: Callable[[], Preparation]) -> None:
        try:
            answers.put((number, question()))
        except DaybreakError as error:
            answers.put((number, silent.model_copy(update={"found": f"could not be asked: {error.message}"})))

    for number, (silent, question) in enumerate(questions):
        # A thread that hangs in a call must not hold up whoever has waited long enough.
        threading.Thread(target=ask, args=(number, silent, question), name="preparation", daemon=True).start()
    until = monotonic() + WITHIN.total_seconds()
    found: dict[int, Preparation] = {}
    while len(found) < len(questions):
        try:
            number, answer = answers.get(timeout=max(until - monotonic(), 0))
        except Empty:
            break
        found[number] = answer
    for number, (silent, _) in enumerate(questions):
        yield found.get(number, silent)


def _silent(what: str, where: str) -> Preparation:
    words = f"did not answer within {WITHIN.total_seconds():.0f} s"
    return Preparation.model_validate({"what": what, "where": where, "standing": Standing.UNKNOWN, "found": words})


def _questions_on_places(app: App, target: Target) -> Iterator[_Question]:
    for place in app.repository.shelves:
        for kind in get_args(KeptKind):
            silent = _silent(kind, place.name)
            yield silent, partial(_newest, silent, partial(_newest_document, place, kind, target.name))
        silent = _silent("sample", place.name)
        yield silent, partial(_newest, silent, partial(_newest_sample, place, target.name))


def _newest(silent: Preparation, look: Callable[[], datetime | None]) -> Preparation:
    """When the newest is of, once it was read: what only has the name of one is worth nothing on the day."""
    try:
        at = look()
    except (Failed, Refused) as error:
        return silent.model_copy(update={"standing": Standing.UNFIT, "found": error.message})
    if at is None:
        return silent.model_copy(update={"found": f"none is kept: {_MADE_BY[silent.what]}"})
    return silent.model_copy(update={"standing": Standing.FIT, "at": at, "found": f"the newest is of {stamp(at)}"})


_MADE_BY = {
    "capsule": "daybreak capture",
    "schema": "daybreak capture",
    "baseline": "daybreak baseline",
    "sample": "daybreak sample",
}


def _newest_document(place: NamedShelf, kind: KeptKind, target: str) -> datetime | None:
    kept = place.list_kept(kind, target)
    if kept:
        Repository(place).read(kept[-1])
    return kept[-1].stands_for if kept else None


def _newest_sample(place: NamedShelf, target: str) -> datetime | None:
    kept = newest_sample(place, target)
    if kept:
        Samples((place,), SampleLimits()).sample(kept)
    return kept.stands_for if kept else None


def _questions_on_ways(app: App, target: Target, address: Address | None, silent_region: str) -> Iterator[_Question]:
    """Whether the logins can be read, and whether the database answers the target's own."""
    for reference in _references(target):
        silent = _silent("login", reference)
        yield silent, partial(_login, app, target.region, reference, address, silent)
    yield from _questions_on_logins_elsewhere(app, target)
    yield from _questions_on_zones(app, target)
    if address is None:
        why = f"{silent_region} did not answer" if silent_region else "the cluster has no endpoint"
        yield _not_asked("SQL", target.cluster, f"not asked: {why}")
    elif target.login is None:
        yield _not_asked("SQL", address.server, "not asked: no login is configured")
    else:
        silent = _silent("SQL", address.server)
        yield silent, partial(_sql, app, target, address, silent)


def _questions_on_zones(app: App, target: Target) -> Iterator[_Question]:
    """Whether each hosted zone of a destination can be changed while the region is down from which Route 53 is steered (FACTS 4.12)."""
    for zone in dict.fromkeys(each.zone for each in target.destinations if isinstance(each, RecordDestination)):
        silent = _silent("zone", printable(zone))
        yield silent, partial(_zone, app, target, zone, silent)


def _zone(app: App, target: Target, zone: str, silent: Preparation) -> Preparation:
    region = home_of_route53(target.region)
    try:
        body = app.aws_in_time(region, WITHIN).read(aws_call("route53", "GetHostedZone", {"Id": zone}, region))
    except AwsFault as fault:
        raise fault.as_failure("the hosted zone cannot be looked at") from fault
    status = recovery_of_zone(body)
    if status == RECOVERABLE:
        words = f"can be changed about an hour after {region} is lost: accelerated recovery is enabled"
        return silent.model_copy(update={"standing": Standing.FIT, "found": words})
    said = f"accelerated recovery is {status.lower()}" if status else "AWS says nothing of accelerated recovery"
    return silent.model_copy(
        update={"standing": Standing.UNFIT, "found": f"cannot be changed while {region} is lost: {said}"}
    )


def _references(target: Target) -> list[str]:
    """The logins that a restore of the target reads, each once."""
    named = [target.login, target.application.login if target.application else None]
    named += [check.login for check in target.checks]
    return list(dict.fromkeys(filter(None, named)))


def _not_asked(what: str, where: str, why: str) -> _Question:
    found = _silent(what, printable(where)).model_copy(update={"standing": Standing.LEFT_OUT, "found": why})
    return found, lambda: found


def _questions_on_logins_elsewhere(app: App, target: Target) -> Iterator[_Question]:
    """Whether the logins can be read in each other region too: without one there, nothing that comes up there is judged.

    What is of no region, an environment's or a token of IAM, is the same everywhere and is asked at home alone.
    """
    if app.access.region:  # that region alone is meant
        return
    for region in target.other_regions:
        for reference in _references(target.in_region(region)):
            if reference.startswith(_OF_A_REGION):
                silent = _silent("login", f"{reference} in {region}")
                yield silent, partial(_login, app, region, reference, None, silent)


def _login(app: App, region: str, reference: str, address: Address | None, silent: Preparation) -> Preparation:
    # Only a token of IAM is made for a place.
    place = (address.host, address.port) if address else ("", 0)
    try:
        found = credentials_of(reference, app.aws_in_time(region, WITHIN), app.environ, place)
    except (Refused, Failed) as error:  # an answer, and no silence
        return silent.model_copy(update={"standing": Standing.UNFIT, "found": error.message})
    words = f"can be read: {printable(found.username)}"
    return silent.model_copy(update={"standing": Standing.FIT, "found": words})


def _sql(app: App, target: Target, address: Address, silent: Preparation) -> Preparation:
    login = login_at(target.login or "", app.aws(target.region), app.environ, address)
    answer = knock(address, login, WITHIN - timedelta(seconds=2))
    if not answer.is_answering:
        return silent.model_copy(update={"found": f"does not answer SQL from here: {printable(answer.trouble)}"})
    words = f"answers SQL from here: PostgreSQL {answer.server_version}"
    return silent.model_copy(update={"standing": Standing.FIT, "found": words})


def _backups(target: Target, elsewhere: Catalogue | None) -> Iterator[Preparation]:
    """The newest backup in each other region that the configuration names, which is what the loss of this one leaves."""
    for region in target.other_regions:
        silent = _silent("backup", region)
        if elsewhere is None or region in elsewhere.not_asked:
            yield silent.model_copy(update={"standing": Standing.LEFT_OUT, "found": "not asked"})
        elif region in elsewhere.regions_unseen():
            yield silent.model_copy(update={"found": "the region did not answer"})
        else:
            usable = (each for each in elsewhere.backups if each.tier not in _USELESS and not each.is_of_another)
            there = [each for each in usable if each.backup.region == region]
            at = max((each.gives for each in there if each.gives), default=None)
            if at is None:
                yield silent.model_copy(update={"found": "none that can be restored is there"})
            else:
                words = f"the newest gives {stamp(at)}"
                yield silent.model_copy(update={"standing": Standing.FIT, "at": at, "found": words})


def _copies(
    target: Target, cluster: Cluster | None, elsewhere: Catalogue | None, silent_region: str
) -> Iterator[Preparation]:
    """The newest complete copy of ours in each region that was promised one, against how old it may be.

    A copy that is late is late also where somebody else's backup there is newer: what makes ours has stopped.
    """
    seen = {each.region: each for each in elsewhere.regions} if elsewhere else {}
    for region, promise in sorted(target.snapshot_copies.items()):
        silent = _silent("copy", region)
        if elsewhere is None or region not in seen:
            yield silent.model_copy(update={"standing": Standing.LEFT_OUT, "found": "not asked"})
        elif cluster is None or not cluster.resource_id:
            why = f"{silent_region} did not answer" if silent_region else "the cluster is gone"
            yield silent.model_copy(update={"found": f"{why}, so nothing says which copies are of it"})
        elif any(gap.operation == "DescribeDBClusterSnapshots" for gap in seen[region].gaps()):
            yield silent.model_copy(update={"found": "the region did not list its snapshots"})
        else:
            snapshots, account = seen[region].snapshots, cluster.arn.split(":")[4]
            others = [one for each in seen.values() if each.region != region for one in each.snapshots]
            copies = copies_of(CopiesSeen(region=region, snapshots=snapshots), cluster.resource_id, account, others)
            yield silent.model_copy(update=_against_promise(copies, promise, elsewhere.made, target.name))


def _against_promise(copies: Copies, promise: CopyPromise, now: datetime, target: str) -> dict[str, object]:
    """How the copies stand to what was promised."""
    coming = f"; {len(copies.in_flight)} in flight" if copies.in_flight else ""
    made = f"made by: daybreak copy {target}"
    if copies.newest is None:
        return {"standing": Standing.UNFIT, "found": f"no complete one is there{coming}: {made}"}
    at = stamp(copies.newest)
    if now - copies.newest > promise.every:
        found = f"the newest holds {at}, older than {span_in_words(promise.every)}, which was promised{coming}: {made}"
        return {"standing": Standing.UNFIT, "at": copies.newest, "found": found}
    return {"standing": Standing.FIT, "at": copies.newest, "found": f"the newest holds {at}{coming}"}

"""What the tags of a snapshot say of the run of ours that made it, and whether that can be true. Pure.

The law: a tag alone proves nothing, for anybody copies tags and AWS does so for whoever asks. It is believed only on the very
snapshot that the run of the tag makes: by its name, its region, what AWS says that it was copied from, and the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from daybreak.model.backups import account_in, region_in
from daybreak.model.names import clone_stem, is_same_name, printable
from daybreak.model.tags import COPY_FOR_TAG, COPY_OF_TAG, NONCE_TAG, RUN_TAG, TAKEN_TAG
from daybreak.model.value import stamp
from daybreak.model.world import Snapshot

CLOCKS = timedelta(minutes=15)
"""How far AWS's clock and the one that named the run may be apart, with room."""

ROUNDING = timedelta(seconds=1)
"""By how much one time that was written down twice may differ."""

_COPY_ENDING = re.compile(r"-copy-([0-9]{12})-[a-z0-9]+")
_HOME = "-home"
_STAMPED = re.compile(r":cluster-snapshot:rds:.*-(\d{4})-(\d\d)-(\d\d)-(\d\d)-(\d\d)$")
"""The name of an automated snapshot, which ends in the minute in which AWS began to take it."""
_LONGEST_TAKING = timedelta(days=1)
"""AWS takes a snapshot within its backup window; what took longer than this has another name."""


def home_name(run: str) -> str:
    """The snapshot that a run takes at home to copy it."""
    return f"{run}{_HOME}"


def copy_origin(snapshot: Snapshot) -> str | None:
    """The resource id of the cluster that a snapshot of ours holds; ``None`` for any other, and where AWS says another one."""
    origin = snapshot.tags.get(COPY_OF_TAG)
    is_it = snapshot.kind == "manual" and snapshot.resource_id in (None, origin)
    return origin if is_it else None


def copy_maker(snapshot: Snapshot) -> str | None:
    """The nonce of the run that made it, as its tag says it."""
    return snapshot.tags.get(NONCE_TAG) or None


def run_of(snapshot: Snapshot) -> str:
    """The run that made it, as its tag says it."""
    return snapshot.tags.get(RUN_TAG, "")


def time_claimed(snapshot: Snapshot) -> datetime | None:
    """The time of its source, as its tag says it; ``None`` for a tag that is missing or no exact time."""
    try:
        taken = datetime.fromisoformat(snapshot.tags.get(TAKEN_TAG, ""))
    except ValueError:
        return None
    return taken if taken.tzinfo is not None else None


def stamp_in(arn: str | None) -> datetime | None:
    """The minute in the name of an automated snapshot; ``None`` for any other name, and for what is no time."""
    match = _STAMPED.search(arn or "")
    try:
        return datetime(*map(int, match.groups()), tzinfo=UTC) if match else None  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def contradiction_of(snapshot: Snapshot) -> str:
    """Why a snapshot is not the one that the run in its tags made; empty where nothing contradicts them."""
    return next(_contradictions(snapshot), "")


def _contradictions(snapshot: Snapshot) -> Iterator[str]:
    run, here = run_of(snapshot), region_in(snapshot.arn)
    named = _minute_in(run, snapshot.cluster)
    if named is None:
        yield f'its tag names the run "{printable(run)}", and no copy of "{printable(snapshot.cluster)}" is ever made by such a run'
        return
    if copy_maker(snapshot) is None:
        yield "it has no nonce: nothing shows which run made it"
    if snapshot.tags.get(COPY_FOR_TAG) == here:
        yield from _of_copy(snapshot, run, named)
    else:
        yield from _of_taken(snapshot, run, named)


def _of_taken(snapshot: Snapshot, run: str, named: datetime) -> Iterator[str]:
    """What contradicts that a run took it at home to copy it."""
    if not is_same_name(snapshot.identifier, home_name(run)):
        yield _words_on_name(run)
    if snapshot.source is not None:
        yield f"it was copied from {printable(snapshot.source)}, and that run took one"
    if snapshot.created is not None and snapshot.created < named - CLOCKS:
        yield f"AWS says that it was made at {stamp(snapshot.created)}, before that run began"


def _of_copy(snapshot: Snapshot, run: str, named: datetime) -> Iterator[str]:
    """What contradicts that a run copied it from another region."""
    source, taken = snapshot.source, time_claimed(snapshot)
    if not is_same_name(snapshot.identifier, run):
        yield _words_on_name(run)
    if source is None or region_in(source) in (None, region_in(snapshot.arn)):
        yield "AWS does not say that it was copied from another region"
        return
    if account_in(source) != account_in(snapshot.arn):
        yield f"it was copied from {printable(source)}, which is another account's"
    if taken is None:
        yield "no tag says which moment it holds"
        return
    if snapshot.created is not None and taken > snapshot.created:
        yield f"its tag says that it holds {stamp(taken)}, and AWS made it before that"
    name = source.rpartition(":")[2]
    is_taken_by_run = name.endswith(_HOME) and _minute_in(name.removesuffix(_HOME), snapshot.cluster) is not None
    if is_taken_by_run and not is_same_name(name, home_name(run)):
        yield f"it was copied from {printable(source)}, which another run took"
    elif is_taken_by_run and taken < named - CLOCKS:
        yield f"its tag says that it holds {stamp(taken)}, before that run began"
    began = stamp_in(source)
    if began is not None and not began <= taken <= began + _LONGEST_TAKING:
        yield f"its tag says that it holds {stamp(taken)}, and the name of its source says {stamp(began)}"


def _words_on_name(run: str) -> str:
    return f'its tags are those of what the run "{printable(run)}" made, and it has another name: they were copied'


def _minute_in(run: str, cluster: str) -> datetime | None:
    """The minute in the name of a run that copies this cluster; ``None`` for a name that no such run has."""
    stem = clone_stem(cluster)
    found = _COPY_ENDING.fullmatch(run.removeprefix(stem)) if run.startswith(stem) else None
    try:
        return datetime.strptime(found[1], "%Y%m%d%H%M").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None

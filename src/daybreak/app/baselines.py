"""Baselines: record what a target holds now, keep it, and list what is kept.

The law: the source is only read. A baseline names the moment that it stands for by the server's own clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daybreak.app.app import App
from daybreak.app.reaching import find_source, reach_source
from daybreak.app.spelling import proofread
from daybreak.errors import DaybreakError, Refused
from daybreak.model.baseline import Baseline
from daybreak.model.kept import Kept
from daybreak.model.spelling import first_of
from daybreak.postgres.crew import CountProgress
from daybreak.validate.recording import Sitting, record


@dataclass(frozen=True)
class BaselineWish:
    """What a person asks of a baseline, as they typed it."""

    target: str
    is_estimated: bool = False
    is_fingerprinted: bool = False


def take_baseline(
    app: App,
    wish: BaselineWish,
    progress: Callable[[CountProgress], None] = lambda _step: None,
    on_note: Callable[[str], None] = lambda _words: None,
) -> tuple[Kept, Baseline]:
    """Record a target's rows and keep them; raises ``Refused`` where the database cannot be asked.

    ``on_note`` is called with what daybreak.toml names and the source lacks, before anything is read.
    """
    if wish.is_estimated and wish.is_fingerprinted:
        raise Refused("an estimate reads no rows, so it has no fingerprint", "leave out --estimated or --fingerprint")
    target = app.target(wish.target)
    identity, cluster = find_source(app, target)
    sitting = Sitting(
        target=target,
        cluster=cluster,
        identity=identity,
        taken=app.now(),
        is_estimated=wish.is_estimated,
        is_fingerprinted=wish.is_fingerprinted,
    )
    place = reach_source(app, target, cluster)
    for note in first_of(proofread(app, target, cluster).mistakes):
        on_note(f"daybreak.toml: {note}")
    baseline = record(place, sitting, progress)
    return app.repository.keep(baseline), baseline


def baselines(app: App, name: str) -> tuple[Kept, ...]:
    """The kept baselines of a target, oldest first."""
    return app.repository.list_kept("baseline", app.target(name).name)


def baseline_or_why(app: App, kept: Kept) -> Baseline | str:
    """A kept baseline; where it cannot be read, why."""
    try:
        return app.repository.baseline(kept)
    except DaybreakError as error:
        return error.message

"""Count the rows that refer to a row that is not there, several foreign keys at a time over one snapshot.

The law: a key that cannot be checked is named with its reason and spoils no other. All ends within the limit plus two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from daybreak.model.answers import Orphans, References, Silence, Unread
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress, Crew, Job, JobTrouble
from daybreak.postgres.foreign_keys import ForeignKey, foreign_keys, orphans
from daybreak.postgres.reach import Reach
from daybreak.postgres.rows import export_snapshot
from daybreak.postgres.session import Session
from daybreak.validate.probes import ask_in_session


@dataclass(frozen=True)
class Wanted:
    """What to read: the size of each table, the tables of this turn, and which keys if not all."""

    sizes: Mapping[int, int]
    turn: frozenset[int]
    keys: frozenset[str] | None = None

    def has(self, table: int) -> bool:
        """Whether to read the table this time; a table that was not listed is read in every turn."""
        return table in self.turn or table not in self.sizes


def count_orphans(
    place: Reach, wanted: Wanted, budget: ServerBounds, progress: Callable[[CountProgress], None]
) -> References | Silence:
    """Count the rows that break each foreign key; calls ``progress`` on the caller's thread after each key."""
    asked = f"each foreign key as an anti-join at {place.address}"

    def question(leader: Session) -> References:
        return _count(leader, place, wanted, budget, progress).model_copy(update={"asked": asked})

    return ask_in_session(place, budget.limits(), asked, question)


def _count(
    leader: Session, place: Reach, wanted: Wanted, budget: ServerBounds, progress: Callable[[CountProgress], None]
) -> References:
    leader.begin()
    snapshot = export_snapshot(leader)
    every = [key for key in foreign_keys(leader) if wanted.keys is None or key.name in wanted.keys]
    chosen = {key.oid: key for key in every if wanted.has(key.table_oid)}
    jobs = [Job(key.oid, key.name, _size(key, wanted), partial(orphans, key=key)) for key in chosen.values()]
    done, total = 0, sum(job.size for job in jobs)
    found: dict[int, Orphans] = {}
    unread: dict[int, Unread] = {}

    def note(job: Job[int], result: int | JobTrouble, took: timedelta) -> None:
        nonlocal done
        key = chosen[job.key]
        if isinstance(result, JobTrouble):
            unread[job.key] = Unread(table=key.table_oid, name=job.name, why=result.why, is_damaged=result.is_damaged)
        else:
            found[job.key] = Orphans(
                key=job.name,
                table=key.table_oid,
                is_validated=key.is_validated,
                is_enforced=key.is_enforced,
                rows=result,
                took=took,
            )
        done += job.size
        progress(CountProgress(done, total, job.name, "of foreign keys read"))

    crew = Crew(place, budget.limits(), snapshot, jobs, leader=leader)
    crew.work(min(budget.connections, len(jobs)), note)
    for oid, key in chosen.items():
        if oid not in found and oid not in unread:
            why = crew.trouble or "no connection was left"
            unread[oid] = Unread(table=key.table_oid, name=key.name, why=why)
    return References(
        asked="",
        took=timedelta(0),
        keys=tuple(found[oid] for oid in chosen if oid in found),
        unread=tuple(unread.values()),
        left_out=len(every) - len(chosen),
    )


def _size(key: ForeignKey, wanted: Wanted) -> int:
    return wanted.sizes.get(key.table_oid, 0) + wanted.sizes.get(key.other_oid, 0) + 1

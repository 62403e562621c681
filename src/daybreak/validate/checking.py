"""Count the rows that break a constraint which says of itself that all rows keep it, several tables at a time over one snapshot.

The law: a constraint that cannot be evaluated is named with its reason and spoils no other. All ends within the limit plus two
seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from daybreak.errors import DaybreakError
from daybreak.model.answers import BrokenRule, KeptRules, Passed, Silence, Unread
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.crew import CountProgress, Crew, Job, JobTrouble
from daybreak.postgres.faults import breaks_constraint
from daybreak.postgres.index_contents import apart
from daybreak.postgres.reach import Reach
from daybreak.postgres.row_constraints import RowRule, hold_to_domain, row_rules, rows_that_break
from daybreak.postgres.rows import export_snapshot
from daybreak.postgres.session import Session
from daybreak.validate.probes import ask_in_session
from daybreak.validate.references import Wanted

_OWN = "it uses functions or operators of the owner's own, and running them is not harmless"
_CHANGING = "it may be true one day and false another, so an old row proves nothing"


def count_broken_rules(
    place: Reach, wanted: Wanted, budget: ServerBounds, progress: Callable[[CountProgress], None]
) -> KeptRules | Silence:
    """Hold each row to the constraints of its table; calls ``progress`` on the caller's thread after each table."""
    asked = f"each row against its table's constraints at {place.address}"

    def question(leader: Session) -> KeptRules:
        return _count(leader, place, wanted, budget, progress).model_copy(update={"asked": asked})

    return ask_in_session(place, budget.limits(), asked, question)


def _count(
    leader: Session, place: Reach, wanted: Wanted, budget: ServerBounds, progress: Callable[[CountProgress], None]
) -> KeptRules:
    leader.begin()
    snapshot = export_snapshot(leader)
    every = row_rules(leader)
    chosen = [rule for rule in every if wanted.has(rule.table_oid)]
    passed = [
        Passed(name=rule.name, why=_OWN if rule.is_homemade else _CHANGING)
        for rule in chosen
        if rule.is_homemade or rule.is_changing
    ]
    lots = _lots([rule for rule in chosen if not (rule.is_homemade or rule.is_changing)])
    jobs = [
        Job(number, lot[0].name, wanted.sizes.get(lot[0].table_oid, 0) + 1, partial(_ask, lot))
        for number, lot in enumerate(lots)
    ]
    done, total = 0, sum(job.size for job in jobs)
    broken: list[BrokenRule] = []
    unread: list[Unread] = []
    heard: set[int] = set()

    def note(job: Job[list[BrokenRule]], result: list[BrokenRule] | JobTrouble, took: timedelta) -> None:
        nonlocal done
        del took
        heard.add(job.key)
        if isinstance(result, JobTrouble):
            unread.extend(
                Unread(table=rule.table_oid, name=rule.name, why=result.why, is_damaged=result.is_damaged)
                for rule in lots[job.key]
            )
        else:
            broken.extend(result)
        done += job.size
        progress(CountProgress(done, total, job.name, "of rows held to their constraints"))

    crew = Crew(place, budget.limits(), snapshot, jobs, leader=leader)
    crew.work(min(budget.connections, len(jobs)), note)
    unread += [
        Unread(table=rule.table_oid, name=rule.name, why=crew.trouble or "no connection was left")
        for number, lot in enumerate(lots)
        if number not in heard
        for rule in lot
    ]
    return KeptRules(
        asked="",
        took=timedelta(0),
        read=sum(len(lot) for lot in lots) - len(unread),
        broken=tuple(broken),
        unread=tuple(unread),
        passed=tuple(passed),
        left_out=len(every) - len(chosen),
    )


def _lots(rules: list[RowRule]) -> list[list[RowRule]]:
    """What is asked together: the rules of one table in one scan, each domain by itself."""
    by_table: defaultdict[int, list[RowRule]] = defaultdict(list)
    for rule in rules:
        if rule.kind != "domain":
            by_table[rule.table_oid].append(rule)
    return [*by_table.values(), *([rule] for rule in rules if rule.kind == "domain")]


def _ask(lot: list[RowRule], session: Session) -> list[BrokenRule]:
    if lot[0].kind != "domain":
        numbers = rows_that_break(session, lot)
        return [BrokenRule(name=rule.name, rows=rows) for rule, rows in zip(lot, numbers, strict=True) if rows]
    try:
        with apart(session):
            hold_to_domain(session, lot[0])
    except DaybreakError as error:
        if not breaks_constraint(error):
            raise
        return [BrokenRule(name=lot[0].name)]
    return []

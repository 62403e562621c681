"""What came out of an archive, held against the archive's own list and rows. Pure.

The law: nothing of what was there before testifies. What the archive does not say, such as the values in its rows, was not asked, and
the verdict names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from daybreak.judge.verdict import verdict_of
from daybreak.model.actions import CarryTables, JudgeScratch
from daybreak.model.checks import (
    ARCHIVED_CONTENT,
    ARCHIVED_OBJECTS,
    ARCHIVED_ROWS,
    ARCHIVED_SEQUENCES,
    ARCHIVED_VALIDITY,
)
from daybreak.model.findings import Detail, Finding, Standing, Verdict
from daybreak.model.names import comma_list, printable
from daybreak.model.plan import Plan
from daybreak.model.receiver import ScratchAnswers

_MOST_DETAILS = 200


def findings_on(answers: ScratchAnswers) -> Iterator[Finding]:
    """What each check says of the scratch database."""
    yield _objects(answers)
    yield _rows(answers)
    yield _validity(answers)
    yield _sequences(answers)
    yield ARCHIVED_CONTENT.leave_out(
        "the same values", "an archive has no sums of its rows: pg_restore read them, and nothing else vouches for them"
    )


def _objects(answers: ScratchAnswers) -> Finding:
    if not answers.expected and not answers.uncounted:
        why = "plain SQL has no list of what it makes; psql came to its end without an error"
        return ARCHIVED_OBJECTS.leave_out("all that it makes", why)
    lacks = sorted(set(answers.expected) - set(answers.present))
    found = f"{len(answers.expected) - len(lacks)} of {len(answers.expected)}"
    if answers.uncounted:
        kinds = comma_list([f"{number} of the kind {kind}" for kind, number in sorted(answers.uncounted.items())])
        found += f"; not looked for by name, as pg_restore made them without an error: {kinds}"
    if answers.beyond:
        found += f"; {len(answers.beyond)} that are there and in no list: {comma_list([printable(each) for each in answers.beyond], most=3)}"
    details = (
        *(Detail(name=printable(each), standing=Standing.UNFIT, found="not there") for each in lacks),
        *(
            Detail(
                name=printable(each),
                standing=Standing.UNFIT,
                expected="not there",
                found="there, and the archive does not list it",
            )
            for each in answers.beyond
        ),
    )
    finding = ARCHIVED_OBJECTS.judge(
        f"{len(answers.expected)} things of the archive's list, and no other",
        found,
        is_fit=not lacks and not answers.beyond,
    )
    return finding.model_copy(update={"details": details[:_MOST_DETAILS], "is_by_lines": bool(details)})


def _rows(answers: ScratchAnswers) -> Finding:
    details = tuple(_details_of_rows(answers.archived, answers.restored))
    archived = [each for each in answers.archived.values() if each is not None]
    expected = _rows_in(sum(archived), len(answers.archived))
    found = _rows_in(sum(answers.restored.values()), len(answers.restored))
    bad = [each for each in details if each.standing is not Standing.FIT]
    if any(each.standing is Standing.UNFIT for each in bad):
        finding = ARCHIVED_ROWS.unfit(expected, found)
    elif bad:
        finding = ARCHIVED_ROWS.unknown(expected, "the rows in the archive could not be counted", found=found)
    else:
        finding = ARCHIVED_ROWS.fit(expected, found)
    return finding.model_copy(
        update={"details": (*bad, *(each for each in details if each not in bad))[:_MOST_DETAILS]}
    )


def _rows_in(rows: int, tables: int) -> str:
    return f"{rows:,} {'row' if rows == 1 else 'rows'} in {tables:,} {'table' if tables == 1 else 'tables'}"


def _details_of_rows(archived: Mapping[str, int | None], restored: Mapping[str, int]) -> Iterator[Detail]:
    for name in sorted({*archived, *restored}):
        there, here = archived.get(name, 0), restored.get(name)
        standing = Standing.UNKNOWN if there is None else Standing.FIT if there == here else Standing.UNFIT
        yield Detail(
            name=printable(name),
            standing=standing,
            expected="not known" if there is None else f"{there:,}",
            found="no such table" if here is None else f"{here:,}",
        )


def _validity(answers: ScratchAnswers) -> Finding:
    details = tuple(
        Detail(name=printable(each), standing=Standing.UNFIT, found="not valid") for each in answers.invalid
    )
    found = f"{len(details)} of {answers.constraints} are not" if details else f"all {answers.constraints} are"
    finding = ARCHIVED_VALIDITY.judge("every one valid", found, is_fit=not details)
    return finding.model_copy(update={"details": details[:_MOST_DETAILS], "is_by_lines": bool(details)})


def _sequences(answers: ScratchAnswers) -> Finding:
    details = tuple(
        Detail(name=printable(name), standing=Standing.UNFIT, expected=f"at least {most}", found=str(at))
        for name, (at, most) in sorted(answers.behind.items())
    )
    found = f"{len(details)} of {answers.sequences} are behind" if details else f"all {answers.sequences} are"
    finding = ARCHIVED_SEQUENCES.judge("every one ahead of its column", found, is_fit=not details)
    return finding.model_copy(update={"details": details[:_MOST_DETAILS], "is_by_lines": bool(details)})


def verdict_on_export(plan: Plan, findings: Iterable[Finding]) -> Verdict | None:
    """The verdict of a run that brings tables of an export back; ``None`` for a run that judges none."""
    for step in plan.steps:
        match step.action:
            case JudgeScratch() as action:
                return verdict_of(findings, scope_of_export(action))
            case CarryTables(files=files) as action if files is not None:
                return verdict_of(findings, scope_of_export(action))
            case _:
                pass
    return None


def scope_of_export(action: JudgeScratch | CarryTables) -> str:
    """What is asked of it, in words."""
    names = comma_list([printable(".".join(each.table)) for each in action.tables], most=3) or "the whole archive"
    if not action.tables:
        return f"{names} as it lists itself"
    where = f", of the rows where {printable(action.where)}" if action.where else ""
    how = "as its files in the export have it" if isinstance(action, CarryTables) else "as the archive lists it"
    return f"{names} {how}{where}"

"""What the source still has from before the moment, held against the clone: nothing of it may be missing.

The law: only a row that the source still holds unchanged testifies; what does not testify is named and acquits nobody.
"""

from __future__ import annotations

from daybreak.judge.details import keep_lines
from daybreak.judge.kinds import leave_out
from daybreak.judge.rows.tables import name_words
from daybreak.model import checks
from daybreak.model.answers import Silence, Testimonies, Testimony
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.names import comma_list
from daybreak.model.thoroughness import Thoroughness

EXPECTED = "every row that the source has from before the moment"
MOST_NAMES = 5


def source_rows(
    answer: Testimonies | Silence | None, how: Thoroughness, *, why_unasked: str = "", has_baseline: bool = False
) -> Finding:
    """Every row that the source had at the moment, and still has, is in the clone.

    ``answer`` is ``None`` where there is no source to ask; ``why_unasked`` says why.
    """
    check = checks.SOURCE_ROWS
    if how.depth == "quick":
        return leave_out(check, EXPECTED, how)
    if answer is None:
        return check.leave_out(
            EXPECTED, why_unasked or "there is no source to ask; the baseline alone says what is missing"
        )
    if isinstance(answer, Silence):
        if not has_baseline:
            return check.silent(EXPECTED, answer)
        why = f"the source could not be asked, so the baseline alone says what is missing: {answer.why}"
        return check.leave_out(EXPECTED, why, Asked(answer.asked, answer.took))
    asked = Asked(answer.asked, answer.took)
    lost = [each for each in answer.heard if each.lost]
    unclear = [each for each in answer.heard if each.unclear]
    found = _words_for_heard(answer)
    if lost:
        words = [f"{each.name}: {_least(each)}{each.lost:,} {_words_for_named(each)} in the source" for each in lost]
        finding = check.unfit(EXPECTED, f"missing: {comma_list(words[:MOST_NAMES])}; {found}", asked)
    elif unclear:
        why = "nobody can tell the source's rows from the clone's own without commit times in the clone: "
        finding = check.unknown(
            EXPECTED, why + comma_list([each.name for each in unclear][:MOST_NAMES]), asked, found=found
        )
    elif answer.is_cut_short and not has_baseline:
        why = "the source was not read to its end, and there is no baseline that says what is missing"
        finding = check.unknown(EXPECTED, why, asked, found=found)
    elif not answer.heard:
        why = name_words("no table testifies: ", [f"{each.name}: {each.why}" for each in answer.unheard][:MOST_NAMES])
        finding = check.leave_out(EXPECTED, why or "there is no table that both have", asked, found="nothing compared")
    else:
        finding = check.fit(EXPECTED, found, asked)
    return finding.model_copy(update={"details": _details(answer)})


def _words_for_named(each: Testimony) -> str:
    lead = {"place": "at", "key": "with the key", "transaction": "of"}[each.by]
    return f"{lead} {comma_list(list(each.named))}"


def _least(each: Testimony) -> str:
    return "" if each.share == 1 and each.by != "transaction" else "at least "


def _words_for_heard(answer: Testimonies) -> str:
    found = [each for each in answer.heard if each.by != "transaction"]
    full = [each for each in found if each.is_sufficient]
    part = [each.name for each in found if not each.is_sufficient]
    counted = [each.name for each in answer.heard if each.by == "transaction"]
    unheard = [f"{each.name} ({each.why})" for each in answer.unheard]
    return (
        f"{sum(each.old for each in found):,} rows from before the moment asked about in {len(found)} tables"
        f", of which {len(full)} testify by half or more"
        + name_words("; by less: ", part[:MOST_NAMES])
        + name_words("; only counted, which acquits nothing: ", counted[:MOST_NAMES])
        + name_words("; not asked: ", unheard[:MOST_NAMES])
    )


def _details(answer: Testimonies) -> tuple[Detail, ...]:
    lines = [_detail(each) for each in answer.heard]
    lines += [
        Detail(name=each.name, standing=Standing.LEFT_OUT, found="not compared with the source", why=each.why)
        for each in answer.unheard
    ]
    return keep_lines(lines)


def _detail(each: Testimony) -> Detail:
    line = Detail(
        name=each.name,
        standing=Standing.FIT,
        expected=f"{each.old:,} rows from before the moment",
        found="all here",
        why=_words_for_testimony(each),
    )
    if each.lost:
        return line.model_copy(
            update={"standing": Standing.UNFIT, "found": f"{_least(each)}{each.lost:,} missing"},
        )
    if each.unclear:
        return line.model_copy(update={"standing": Standing.UNKNOWN, "found": f"{each.unclear:,} undecided"})
    if why := _why_in_part(each):
        found = "as many of each transaction" if each.by == "transaction" else f"none missing of them: {line.why}"
        return line.model_copy(update={"standing": Standing.LEFT_OUT, "found": found, "why": why})
    return line


def _why_in_part(each: Testimony) -> str:
    """Why the source acquits a part of the table at most; empty where it acquits all of it.

    The words are the same for every table, so that the verdict gives the reason once for all of them.
    """
    if each.share < 1:
        return "the time for the source was up before all of their pages were read"
    if each.by == "transaction":
        return "their rows are found neither by place nor by key, so they were only counted"
    # As many old rows on both sides acquit nothing where the source has younger ones: those may be the clone's lost ones, written
    # again. A file that was written anew and has no row may have had some.
    if each.old < each.here or each.old < each.rows or (each.by == "key" and not each.rows):
        return "the source has written, changed or deleted rows of theirs since the moment, and says nothing of those"
    return ""


def _words_for_testimony(each: Testimony) -> str:
    if each.by == "transaction":
        return "its rows are found neither by place nor by key, compared by transaction"
    part = f"{min(each.old, each.here):,} of its {each.here:,} rows testify" if each.here else "it is empty"
    share = f"; {each.share:.0%} of its pages were read in time" if each.share < 1 else ""
    return f"{part}, compared by {each.by}{share}"

"""The box of content: the digest of each table's rows is the one that the baseline recorded.

The law: a difference is damage only where nothing may have been written; elsewhere it is reported. Fingerprints that were
computed in another way, or of different major versions or encodings, are never compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daybreak.judge.rows.counts import MOST_DETAILS, RowWitnesses, comparable, is_untouched, wishes
from daybreak.judge.rows.sample import leave_out, turns_of
from daybreak.judge.rows.tables import name_words
from daybreak.model import checks
from daybreak.model.answers import Counts, Silence, Tables
from daybreak.model.baseline import Baseline
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.fingerprints import version_of
from daybreak.model.names import comma_list
from daybreak.model.requests import Thoroughness
from daybreak.model.targets import Expectation

EXPECTED = "the baseline's content where nothing was written"

HINT = "record one with: daybreak baseline TARGET --fingerprint"


def tables_with_other_content(
    answer: Counts | Silence, tables: Tables, configured: Mapping[str, Expectation], baseline: Baseline | Silence | None
) -> frozenset[str]:
    """The tables that must have the baseline's content but have another, about which the live source should be asked."""
    known = comparable(tables, baseline)
    if isinstance(answer, Silence) or not isinstance(known, Baseline) or _why_not_compared(answer, known):
        return frozenset()
    return frozenset(
        each.name
        for each in _compare(_Held(answer, tables, configured, known), None)
        if each.standing is Standing.UNFIT
    )


def content(
    answer: Counts | Silence,
    tables: Tables | Silence,
    configured: Mapping[str, Expectation],
    witnesses: RowWitnesses,
    how: Thoroughness,
) -> Finding:
    """Where the content must be the baseline's, it is."""
    check = checks.CONTENT
    if how.depth != "full":
        return leave_out(check, EXPECTED, how, "content", "full")
    if isinstance(tables, Silence):
        return check.silent(EXPECTED, tables)
    if isinstance(answer, Silence):
        return check.silent(EXPECTED, answer)
    asked = Asked(answer.asked, answer.took)
    baseline = comparable(tables, witnesses.baseline)
    if not isinstance(baseline, Baseline):
        why = baseline.why if isinstance(baseline, Silence) else f"there is no baseline at or before the moment; {HINT}"
        return check.unknown(EXPECTED, why, asked, found=_words_for_read(answer, how))
    if why := _why_not_compared(answer, baseline):
        return check.unknown(EXPECTED, why, asked, found=_words_for_read(answer, how))
    details = _compare(_Held(answer, tables, configured, baseline), witnesses.source)
    return _finding(answer, details, how).model_copy(update={"details": tuple(details)[:MOST_DETAILS]})


def _finding(answer: Counts, details: list[Detail], how: Thoroughness) -> Finding:
    check, asked = checks.CONTENT, Asked(answer.asked, answer.took)
    damaged = [each.name for each in details if each.standing is Standing.UNFIT]
    later = [each.name for each in details if each.standing is Standing.FIT and each.why]
    same = len(details) - len(damaged) - len(later)
    found = f"{_words_for_read(answer, how)}; {same} as in the baseline" + name_words("; written to since: ", later[:5])
    if damaged:
        return check.unfit(EXPECTED, f"content differs: {comma_list(damaged)}; {found}", asked)
    if answer.unread:
        unread = [f"{each.name}: {each.why}" for each in answer.unread]
        return check.unknown(EXPECTED, f"not read: {comma_list(unread, 5)}", asked, found=found)
    return check.fit(EXPECTED, found, asked)


def _why_not_compared(answer: Counts, baseline: Baseline) -> str:
    if not any(each.fingerprint for each in baseline.tables):
        return f"the baseline has no fingerprints; {HINT}"
    computed = {version_of(each.fingerprint) for each in answer.counted if each.fingerprint}
    recorded = {version_of(each.fingerprint) for each in baseline.tables if each.fingerprint}
    if computed and computed != recorded:
        versions = [comma_list(sorted(map(str, each))) for each in (recorded, computed)]
        return (
            f"the baseline's fingerprints are of version {versions[0]}, this release computes version {versions[1]}: "
            f"they cannot be compared; {HINT}"
        )
    ours, theirs = answer.server_version.split(".")[0], baseline.server_version.split(".")[0]
    if ours != theirs:
        return f"the baseline is of PostgreSQL {theirs}, the clone is {ours}: their fingerprints cannot be compared"
    if baseline.encoding and answer.encoding != baseline.encoding:
        return f"the baseline's encoding is {baseline.encoding}, the clone's {answer.encoding}"
    return ""


def _words_for_read(answer: Counts, how: Thoroughness) -> str:
    read = sum(1 for each in answer.counted if each.fingerprint)
    words = f"content of {read} of {len(answer.counted) + len(answer.unread)} tables added up"
    turns = turns_of(how.sample)
    return words + (f", turn {how.turn % turns + 1} of {turns} of --sample {how.sample}" if turns > 1 else "")


@dataclass(frozen=True)
class _Held:
    """The clone's tables beside the baseline's."""

    answer: Counts
    tables: Tables
    configured: Mapping[str, Expectation]
    baseline: Baseline

    def must_be_same(self) -> frozenset[int]:
        """The tables that must not have been written to since the baseline."""
        was = {each.name: each for each in self.baseline.tables}
        untouched = {
            table.oid
            for table in self.tables.tables
            if table.full in was and is_untouched(self.answer, self.baseline, was[table.full])
        }
        wanted = wishes(self.tables, self.configured)
        return frozenset(untouched | {oid for oid, wish in wanted.items() if wish.is_static})


def _compare(beside: _Held, source: Counts | Silence | None) -> list[Detail]:
    was = {each.name: each.fingerprint for each in beside.baseline.tables if each.fingerprint}
    there = {each.name: each.fingerprint for each in source.counted} if isinstance(source, Counts) else {}
    unlogged = {table.oid for table in beside.tables.tables if table.is_unlogged}
    fixed = beside.must_be_same()
    details = []
    for each in beside.answer.counted:
        if each.fingerprint is None or each.name not in was or each.table in unlogged:
            continue
        standing, why = Standing.FIT, ""
        if each.fingerprint != was[each.name]:
            is_sources = there.get(each.name) == each.fingerprint
            why = "the source has the same now" if is_sources else "written to since the baseline"
            if each.table in fixed and not is_sources:
                standing, why = Standing.UNFIT, ""
        details.append(
            Detail(name=each.name, standing=standing, expected=was[each.name], found=each.fingerprint, why=why)
        )
    return sorted(details, key=lambda line: (line.standing is not Standing.UNFIT, not line.why))

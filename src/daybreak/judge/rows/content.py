"""The box of content: each table's rows are those that the baseline recorded, or that the source still has.

The law: a difference is damage where nobody wrote, or may have, and where the rows' own transactions say that the clone, or
nobody, wrote them; the source's later work is reported. Where every row is one that the baseline saw, and as many are here as
then, nothing was written. Fingerprints that were computed in another way, or of different major
versions or encodings, are never compared. A table that neither witness knows is named, and without a baseline never fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daybreak.judge.details import keep_lines
from daybreak.judge.kinds import leave_out
from daybreak.judge.rows.counts import comparable, is_untouched, wishes
from daybreak.judge.rows.large_objects import NO_LARGE_OBJECTS, LargeObjectsJudged
from daybreak.judge.rows.sample import turns_of
from daybreak.judge.rows.tables import name_words
from daybreak.model import checks
from daybreak.model.answers import Count, Counts, Silence, Tables
from daybreak.model.baseline import DatabaseBaseline
from daybreak.model.checks import Asked
from daybreak.model.delta import Delta, TableDelta, Written
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.fingerprints import version_of
from daybreak.model.inventory import Inventory, ItemKind
from daybreak.model.names import comma_list
from daybreak.model.targets import Expectation
from daybreak.model.thoroughness import Thoroughness

EXPECTED = "the content that baseline and source have, where nobody wrote"

HINT = "record one with: daybreak baseline TARGET --fingerprint"
MOST_NAMES = 5


@dataclass(frozen=True)
class ContentWitnesses:
    """Who knows what the rows were."""

    baseline: DatabaseBaseline | Silence | None = None
    source: Delta | Silence | None = None
    """The source as it is now against the clone; the source is base."""
    again: frozenset[str] = frozenset()
    """Tables that have the baseline's content in the source now."""


def tables_with_other_content(
    answer: Counts | Silence,
    tables: Tables,
    configured: Mapping[str, Expectation],
    baseline: DatabaseBaseline | Silence | None,
) -> frozenset[str]:
    """The tables that must have the baseline's content but have another, about which the live source should be asked first."""
    known = comparable(tables, baseline)
    if isinstance(answer, Silence) or not isinstance(known, DatabaseBaseline) or _why_not_compared(answer, known):
        return frozenset()
    held = _Held(answer, tables, configured, known, None)
    return frozenset(each.name for each in held.judge() if each.detail.standing is Standing.UNFIT)


def tables_that_fall_short(
    answer: Counts | Silence, baseline: DatabaseBaseline | Silence | None, source: Delta | None
) -> frozenset[str]:
    """The tables that have another content than in the baseline, and only lack rows that the source has, whenever it wrote them.

    Where the source has the baseline's content again, those rows were never gone for long, and the clone should have them.
    """
    if isinstance(answer, Silence) or not isinstance(baseline, DatabaseBaseline) or source is None:
        return frozenset()
    was = {each.name: each.fingerprint for each in baseline.tables if each.fingerprint}
    prints = {each.name: each.fingerprint for each in answer.counted if each.fingerprint}
    return frozenset(
        table.name
        for table in source.tables
        if table.only_base and not table.only_now and not table.differing and table.is_whole and table.by == "rows"
        if table.name in was and prints.get(table.name) not in (None, was[table.name])
    )


def content(
    answer: Counts | Silence,
    tables: Tables | Silence,
    configured: Mapping[str, Expectation],
    witnesses: ContentWitnesses,
    how: Thoroughness,
    *,
    large: LargeObjectsJudged = NO_LARGE_OBJECTS,
) -> Finding:
    """Where the content must be the baseline's, or is still the source's, it is."""
    check = checks.CONTENT
    if how.depth != "full":
        return leave_out(check, EXPECTED, how)
    if isinstance(tables, Silence):
        return check.silent(EXPECTED, tables)
    if isinstance(answer, Silence):
        return check.silent(EXPECTED, answer)
    baseline = comparable(tables, witnesses.baseline)
    why = _why_unusable(answer, baseline)
    delta = witnesses.source if isinstance(witnesses.source, Delta) else None
    usable = baseline if isinstance(baseline, DatabaseBaseline) and not why else None
    held = _Held(answer, tables, configured, usable, delta, witnesses.again)
    return _finding(held, why, how, large)


def _why_unusable(answer: Counts, baseline: DatabaseBaseline | Silence | None) -> str:
    if isinstance(baseline, Silence):
        return baseline.why
    if baseline is None:
        return f"there is no baseline at or before the moment; {HINT}"
    return _why_not_compared(answer, baseline)


def _why_not_compared(answer: Counts, baseline: DatabaseBaseline) -> str:
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


def tables_of_same_form(ours: Inventory, theirs: Inventory) -> frozenset[str]:
    """The tables whose rows must look alike in both where they are the same rows: no column and no type was changed.

    A column with a default may come, and a type of the owner's may change, without a row being written.
    """
    for kind in _FORMS:
        here = {item.name: item.facts for item in ours.of(kind)}
        if any(here.get(item.name) != item.facts for item in theirs.of(kind)):
            return frozenset()
    here, there = ({item.name: item.facts for item in each.of("column")} for each in (ours, theirs))
    changed = [name for name in here.keys() | there.keys() if here.get(name) != there.get(name)]
    if not here or not there:
        return frozenset()
    names = {item.name for item in ours.of("relation")}
    return frozenset(name for name in names if not any(column.startswith(f"{name}.") for column in changed))


_FORMS: tuple[ItemKind, ...] = ("type", "extension")


@dataclass(frozen=True)
class _Judged:
    """One table, and which witnesses knew its rows."""

    detail: Detail
    is_as_baseline: bool = False
    is_as_source: bool = False
    is_written_since: bool = False
    is_witnessed: bool = False

    @property
    def name(self) -> str:
        """The table's."""
        return self.detail.name


@dataclass(frozen=True)
class _Held:
    """The clone's tables beside the baseline's and the source's."""

    answer: Counts
    tables: Tables
    configured: Mapping[str, Expectation]
    baseline: DatabaseBaseline | None
    source: Delta | None
    again: frozenset[str] = frozenset()

    def judge(self) -> list[_Judged]:
        """Each table whose content was added up; an unlogged one has none after a restore."""
        unlogged = {table.oid for table in self.tables.tables if table.is_unlogged}
        listed = self.baseline.tables if self.baseline else ()
        was = {each.name: each.fingerprint for each in listed if each.fingerprint}
        there = self.source.by_name if self.source else {}
        fixed = self._must_be_same()
        return [
            _judge(
                each,
                was.get(each.name),
                there.get(each.name),
                is_fixed=each.table in fixed or (each.name in self.again and each.name in was),
            )
            for each in self.answer.counted
            if each.fingerprint is not None and each.table not in unlogged
        ]

    def _must_be_same(self) -> frozenset[int]:
        """The tables that must not have been written to since the baseline, or were not."""
        if self.baseline is None:
            return frozenset()
        was = {each.name: each for each in self.baseline.tables}
        untouched = {
            table.oid
            for table in self.tables.tables
            if table.full in was and is_untouched(self.answer, self.baseline, was[table.full])
        }
        wanted = wishes(self.tables, self.configured)
        untouched |= {
            count.table
            for count in self.answer.counted
            if count.name in was and was[count.name].is_exact and count.kept == count.rows == was[count.name].rows
        }
        return frozenset(untouched | {oid for oid, wish in wanted.items() if wish.is_static})


def _judge(count: Count, was: str | None, there: TableDelta | None, *, is_fixed: bool) -> _Judged:
    """One table by both witnesses; either may condemn it, and the source's equal rows acquit it of the baseline's others."""
    compared = there if there is not None and there.by == "rows" else None
    # Columns that could not be compared may differ, so the rest acquits the table of nothing; nor does a table of another name.
    is_whole = compared is not None and compared.is_complete and not compared.left_out and not compared.base_name
    is_as_source = compared is not None and is_whole and not compared.different
    is_as_baseline = was is not None and count.fingerprint == was
    is_changed = was is not None and not is_as_baseline and is_fixed and not is_as_source
    damage, doubt = _damage(compared, count.own or 0), _doubt(compared)
    is_witnessed = was is not None or _is_witness(compared)
    standing = Standing.FIT if is_witnessed else Standing.LEFT_OUT
    standing = Standing.UNFIT if damage or is_changed else Standing.UNKNOWN if doubt else standing
    why = "" if is_witnessed else "neither a baseline nor the source shows what it was"
    if standing is Standing.FIT and is_as_source and not is_as_baseline:
        why = "the source has the same now"
    elif standing is Standing.FIT and was is not None and not is_as_baseline:
        why = "written to since the baseline"
    elif is_witnessed and compared is not None and compared.left_out:
        why = f"compared with the source without {comma_list(sorted(compared.left_out))}"
    found = comma_list(damage or doubt, len(damage or doubt)) or (count.fingerprint or "")
    detail = Detail(
        name=count.name,
        standing=standing,
        expected=was if was and not damage else "the source's rows",
        found=found,
        why=why,
    )
    return _Judged(
        detail,
        is_as_baseline,
        is_as_source,
        was is not None and not is_as_baseline,
        is_witnessed,
    )


def _damage(compared: TableDelta | None, own: int) -> list[str]:
    """What the rows' own transactions say against the clone, in words; ``own`` rows are the clone's whatever they hold."""
    nothing = Written()
    written = compared.written if compared is not None else {}
    by = {kind: written.get(kind, nothing) for kind in ("differing", "only_now", "only_base")}
    seen = by["differing"].now + by["differing"].both + by["only_now"].now
    told = (
        (max(own, seen), "written in the clone"),
        (by["differing"].unexplained, "of another content than in the source, though nobody wrote them since"),
        (by["only_base"].unexplained, "missing that the source has from before the moment"),
    )
    return [f"{rows:,} {'row' if rows == 1 else 'rows'} {words}" for rows, words in told if rows]


def _doubt(compared: TableDelta | None) -> list[str]:
    rows = sum(each.unclear for each in compared.written.values()) if compared is not None else 0
    return [f"{rows:,} rows that differ, and no commit time says whether the clone wrote them"] if rows else []


def _is_witness(compared: TableDelta | None) -> bool:
    """Whether the source still has at least half of the clone's rows as they were, or exactly the same rows."""
    if compared is None or not compared.is_complete:
        return False
    if not compared.different:
        return True
    silent = compared.only_now + compared.differing
    return bool(compared.written) and silent * 2 <= compared.rows_now


def _finding(held: _Held, why_no_baseline: str, how: Thoroughness, large: LargeObjectsJudged) -> Finding:
    check, answer = checks.CONTENT, held.answer
    asked = Asked(answer.asked, answer.took)
    judged = held.judge()
    unread = [
        Detail(name=each.name, standing=Standing.UNKNOWN, found="not read", why=each.why) for each in answer.unread
    ]
    lines = [*(each.detail for each in judged), *unread, *large.lines]
    details = keep_lines(lines)
    found = _words(held, judged, how) + (f"; {large.words}" if large.words else "")
    damaged = [each.name for each in details if each.standing is Standing.UNFIT]
    doubtful = [f"{each.name}: {each.found}" for each in lines if each.standing is Standing.UNKNOWN]
    alone = [*(each.name for each in judged if not each.is_witnessed), *large.alone]
    if damaged:
        finding = check.unfit(EXPECTED, f"content differs: {comma_list(damaged)}; {found}", asked)
    elif unread:
        told = comma_list([f"{each.name}: {each.why}" for each in unread], MOST_NAMES)
        finding = check.unknown(EXPECTED, f"not read: {told}", asked, found=found)
    elif doubtful:
        finding = check.unknown(EXPECTED, comma_list(doubtful, MOST_NAMES), asked, found=found)
    elif why_no_baseline and (alone or (held.source is None and lines)):
        finding = check.unknown(EXPECTED, why_no_baseline, asked, found=found)
    else:
        finding = check.fit(EXPECTED, found, asked)
    return finding.model_copy(update={"details": details, "is_by_lines": bool(damaged or unread or doubtful)})


def _words(held: _Held, judged: list[_Judged], how: Thoroughness) -> str:
    answer = held.answer
    read = sum(1 for each in answer.counted if each.fingerprint)
    words = [f"content of {read} of {len(answer.counted) + len(answer.unread)} tables added up"]
    turns = turns_of(how.sample)
    if turns > 1:
        words[0] += f", turn {how.turn % turns + 1} of {turns} of --sample {how.sample}"
    if held.baseline:
        words.append(f"{sum(each.is_as_baseline for each in judged)} as in the baseline")
    if held.source:
        words.append(f"{sum(each.is_as_source for each in judged)} as in the source now")
    since = sorted(each.name for each in judged if each.is_written_since and each.detail.standing is Standing.FIT)
    alone = sorted(each.name for each in judged if not each.is_witnessed)
    return (
        "; ".join(words)
        + name_words("; written to since: ", since[:MOST_NAMES])
        + name_words("; without a witness: ", alone[:MOST_NAMES])
    )

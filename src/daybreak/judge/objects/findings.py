"""The boxes about everything in the database besides its rows, each with its kinds of items, its witnesses and its rule.

The law: a box whose whole meaning is comparison is unknown without a witness, and one line that is not fit decides its box.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from daybreak.judge.joining import DatabaseEntry
from daybreak.judge.objects import catalog, rules
from daybreak.judge.objects.past import FIT, UNFIT, UNKNOWN, Past, Three, Witnesses
from daybreak.judge.objects.positions import judge_position
from daybreak.judge.objects.rules import CloneFacts, Rule, rule_for_flaw
from daybreak.model import checks
from daybreak.model.answers import KeptRules, Silence
from daybreak.model.checks import Asked, Check
from daybreak.model.findings import Detail, Finding, Standing
from daybreak.model.inventory import OF_A_PROOF, Inventory, Item, ItemKind
from daybreak.model.names import comma_list, printable
from daybreak.model.value import stamp

__all__ = ["CloneFacts", "DatabasesEntered", "Witnesses", "object_findings", "object_findings_of_cluster"]


def _no_rule(_three: Three, _circumstances: CloneFacts) -> Iterator[Detail]:
    yield from ()


def _everything(_item: Item) -> bool:
    return True


def _no_lines(*_: object) -> Iterator[Detail]:
    yield from ()


def _as_it_is(line: Detail, _three: Three) -> Detail:
    return line


@dataclass(frozen=True)
class _Chapter:
    """One box: its kinds of items, its rule for one item by itself, and whether it means nothing without a witness."""

    check: Check
    kinds: tuple[ItemKind, ...]
    things: str
    rule: Rule = _no_rule
    needs_witness: bool = False
    belongs: Callable[[Item], bool] = _everything
    is_compared: bool = True
    reports_missing: bool = True
    is_shared: bool = False
    """Whether its kinds belong to all databases together."""
    is_state: bool = False
    """Whether the rule speaks of a state that people change: then time can explain it too."""
    compare: Callable[[Past, Three], Iterator[Detail]] = _no_lines
    """A comparison of its own, beside that of the facts."""
    notes: Callable[[Past], Iterator[Detail]] = _no_lines
    """The lines about the box as a whole."""
    in_words: Callable[[Detail, Three], Detail] = _as_it_is
    """A line of the comparison in the words of this box."""
    is_rest: bool = False
    """Whether the box leaves out what another one reports."""


def _is_partition(item: Item) -> bool:
    return "partition of" in item.facts or item.facts.get("kind") == "partitioned table"


def _is_materialized(item: Item) -> bool:
    return item.facts.get("kind") == "materialized view"


def _is_unlogged(item: Item) -> bool:
    return item.facts.get("persistence") == "unlogged"


def _is_plain(item: Item) -> bool:
    return item.kind != "relation" or not (_is_partition(item) or _is_materialized(item) or _is_unlogged(item))


_CHAPTERS = (
    _Chapter(
        checks.FOREIGN_KEYS,
        ("foreign key",),
        "foreign keys",
        rule_for_flaw("enforced, validated", rules.why_not_enforced),
        is_state=True,
    ),
    _Chapter(checks.INDEXES, ("index",), "indexes", rule_for_flaw("valid", rules.why_unusable), is_state=True),
    _Chapter(
        checks.PARTITIONS,
        ("relation",),
        "partitions and partitioned tables",
        rule_for_flaw("attached", rules.why_half_detached),
        is_state=True,
        needs_witness=True,
        belongs=_is_partition,
    ),
    _Chapter(
        checks.COLUMNS,
        ("column", "relation"),
        "tables and views",
        needs_witness=True,
        belongs=_is_plain,
        reports_missing=False,
    ),
    _Chapter(
        checks.CONSTRAINTS,
        ("constraint",),
        "constraints",
        rule_for_flaw("validated", rules.why_not_enforced),
        is_state=True,
    ),
    _Chapter(
        checks.TRIGGERS,
        ("trigger", "event trigger", "rule"),
        "triggers and rules",
        rule_for_flaw("enabled", rules.why_disabled),
        is_state=True,
    ),
    _Chapter(
        checks.FUNCTIONS,
        ("schema", "function", "view", "type"),
        "schemas, functions, views and types",
        needs_witness=True,
    ),
    _Chapter(checks.SEQUENCES, ("sequence",), "sequences", rules.judge_sequence, compare=judge_position),
    _Chapter(
        checks.UNLOGGED,
        ("relation",),
        "unlogged tables",
        rules.judge_unlogged,
        belongs=_is_unlogged,
        reports_missing=False,
    ),
    _Chapter(
        checks.MATERIALIZED_VIEWS,
        ("relation",),
        "materialized views",
        rule_for_flaw("populated", rules.why_unpopulated),
        is_state=True,
        belongs=_is_materialized,
    ),
    _Chapter(checks.EXTENSIONS, ("extension",), "extensions", needs_witness=True),
    _Chapter(checks.PUBLICATIONS, ("publication",), "publications and their tables", needs_witness=True),
    _Chapter(
        checks.SUBSCRIPTIONS,
        ("subscription",),
        "subscriptions",
        rules.rule_for_restraint(lambda known: known.may_subscribe, "enabled", "subscription"),
    ),
    _Chapter(
        checks.CRON_JOBS,
        ("cron job",),
        "scheduled jobs",
        rules.rule_for_restraint(lambda known: known.may_schedule, "active", "scheduled job"),
    ),
    _Chapter(
        checks.FOREIGN_SERVERS, ("foreign server",), "foreign servers and their logins", rules.judge_foreign_server
    ),
    _Chapter(
        checks.COLLATIONS,
        ("collation",),
        "collations",
        rule_for_flaw("the version that is recorded", rules.difference_of_collations),
        is_compared=False,
    ),
    _Chapter(checks.STATISTICS, ("statistics",), "tables", rules.judge_statistics, is_compared=False),
    _Chapter(
        checks.PREPARED_TRANSACTIONS,
        ("prepared transaction",),
        "prepared transactions",
        rule_for_flaw("none", rules.what_is_left_over),
        is_compared=False,
        is_shared=True,
    ),
    _Chapter(
        checks.REPLICATION_SLOTS,
        ("replication slot",),
        "replication slots",
        rule_for_flaw("none", rules.what_is_left_over),
        is_compared=False,
        is_shared=True,
    ),
    _Chapter(
        checks.ROLES,
        ("role", "membership", "setting"),
        "roles, memberships and their settings",
        needs_witness=True,
        is_shared=True,
        notes=catalog.note_on_providers,
    ),
    _Chapter(checks.DATABASES, ("database",), "databases", needs_witness=True, is_shared=True),
    _Chapter(checks.OWNERS, ("owner",), "objects with an owner", needs_witness=True),
    _Chapter(checks.GRANTS, ("grant",), "objects with privileges", needs_witness=True),
    _Chapter(
        checks.ROW_SECURITY,
        ("row security", "policy"),
        "tables with row security, and policies",
        rule_for_flaw("row security in force", rules.why_unguarded),
        is_state=True,
        needs_witness=True,
    ),
    _Chapter(
        checks.CATALOG,
        ("catalog row",),
        "objects in the catalogs",
        needs_witness=True,
        notes=catalog.notes_on_rows,
        in_words=catalog.in_plain_words,
        is_rest=True,
    ),
    _Chapter(
        checks.SHARED_CATALOG,
        ("catalog row",),
        "objects in the shared catalogs",
        needs_witness=True,
        is_shared=True,
        notes=catalog.notes_on_rows,
        in_words=catalog.in_plain_words,
        is_rest=True,
    ),
)
"""The boxes of everything else are the last ones: they leave out what another one has reported."""


@dataclass(frozen=True)
class DatabasesEntered:
    """The databases of the clone and which of them a validation enters, and those that the configuration names."""

    entries: tuple[DatabaseEntry, ...] = ()
    named: tuple[str, ...] = ()


def object_findings(
    clone: Inventory | Silence, witnesses: Witnesses, circumstances: CloneFacts, without: Collection[Check] = ()
) -> Iterator[Finding]:
    """Each box about the objects of one database but those ``without``, judged from its inventory and its witnesses'."""
    yield from _findings(clone, witnesses, circumstances, is_shared=False, without=without)


def object_findings_of_cluster(
    clone: Inventory | Silence, witnesses: Witnesses, circumstances: CloneFacts, entered: DatabasesEntered
) -> Iterator[Finding]:
    """Each box about what all databases share, and whether every database is there and was entered."""
    for finding in _findings(clone, witnesses, circumstances, is_shared=True):
        yield _with_entries(finding, entered) if finding.check == checks.DATABASES.name else finding


def _with_entries(finding: Finding, entered: DatabasesEntered) -> Finding:
    """The finding about the databases, with a line for each that is not entered, and for each that is only configured."""
    absent = [entry for entry in entered.entries if entry.standing is not FIT]
    here = {entry.name for entry in entered.entries}
    seen = {line.name for line in finding.details}
    lines = [entry.line for entry in absent]
    if entered.entries:
        lines += [
            Detail(name=printable(name), standing=UNFIT, expected="as the configuration names it", found="missing")
            for name in dict.fromkeys(entered.named)
            if name not in here and name not in seen
        ]
    names = comma_list([printable(entry.name) for entry in entered.entries if entry.standing is FIT])
    found = f"{finding.found}: {names}" if names else finding.found
    finding = finding.model_copy(update={"found": found, "details": _sort([*finding.details, *lines])})
    unfit = [f"{line.name} {line.found}" for line in lines if line.standing is UNFIT]
    unknown = [f"{line.name}: {line.why}" for line in lines if line.standing is UNKNOWN]
    if unfit:
        found = f"{comma_list(unfit, most=3)}; {finding.found}"
        return finding.model_copy(update={"standing": UNFIT, "found": found})
    if unknown and finding.standing in (FIT, UNKNOWN):
        why = comma_list([*unknown, *([finding.why] if finding.why else [])], most=3)
        return finding.model_copy(update={"standing": UNKNOWN, "why": why})
    return finding


def _findings(
    clone: Inventory | Silence,
    witnesses: Witnesses,
    circumstances: CloneFacts,
    *,
    is_shared: bool,
    without: Collection[Check] = (),
) -> Iterator[Finding]:
    if isinstance(clone, Silence):
        for chapter in (each for each in _CHAPTERS if each.is_shared == is_shared and each.check not in without):
            yield chapter.check.silent(_expectation(chapter, witnesses), clone)
        return
    laid, shown = catalog.with_comparable_rows(clone, witnesses)
    past = _past(laid, shown, circumstances)
    reported = catalog.tables_that_miss(past)
    for chapter in (each for each in _CHAPTERS if each.is_shared == is_shared):
        finding, judged = _finding(chapter, past, circumstances, reported)
        reported |= catalog.what_is_reported(judged)
        # A box that waits for more is judged again; what it says already is reported by no other.
        if chapter.check not in without:
            yield finding


def sequences(clone: Inventory, witnesses: Witnesses, circumstances: CloneFacts) -> Finding:
    """The box of sequences alone."""
    return _finding(_chapter_of(checks.SEQUENCES), _past(clone, witnesses, circumstances), circumstances)[0]


def constraints(
    clone: Inventory, witnesses: Witnesses, circumstances: CloneFacts, kept: KeptRules | Silence
) -> Finding:
    """The box of constraints alone, with what the rows say of them."""
    expected = "every row keeps it"
    more: list[Detail] = []
    if isinstance(kept, Silence):
        more.append(Detail(name="rows", standing=UNKNOWN, expected="keep their constraints", why=kept.why))
        words = ""
    else:
        words = f"; {kept.read} held against each row" + (f", {kept.left_out} of other turns" if kept.left_out else "")
        for rule in kept.broken:
            rows = "at least one row breaks it" if rule.rows is None else f"{rule.rows:,} rows break it"
            more.append(Detail(name=rule.name, standing=UNFIT, expected=expected, found=rows))
        for each in kept.unread:
            standing = UNFIT if each.is_damaged else UNKNOWN
            more.append(Detail(name=each.name, standing=standing, expected=expected, found=each.why, why=each.why))
        more += [
            Detail(name=each.name, standing=Standing.LEFT_OUT, expected=expected, found="not evaluated", why=each.why)
            for each in kept.passed
        ]
    past = _past(clone, witnesses, circumstances)
    return _finding(_chapter_of(checks.CONSTRAINTS), past, circumstances, more=more, words=words)[0]


def _past(clone: Inventory, witnesses: Witnesses, circumstances: CloneFacts) -> Past:
    return Past(clone, witnesses, circumstances.restored or circumstances.moment)


def _chapter_of(check: Check) -> _Chapter:
    return next(each for each in _CHAPTERS if each.check is check)


def _expectation(chapter: _Chapter, witnesses: Witnesses) -> str:
    if not chapter.is_compared:
        return chapter.check.title[0].lower() + chapter.check.title[1:]
    baseline = witnesses.baseline
    shown = [f"the baseline of {stamp(baseline.taken)}" if baseline.taken else "the baseline"] if baseline else []
    shown += ["the source"] if witnesses.source else []
    return f"{chapter.things} as in " + " or ".join(shown) if shown else f"{chapter.things} as the source had them"


def _finding(
    chapter: _Chapter,
    past: Past,
    circumstances: CloneFacts,
    reported: Mapping[str, Standing] = MappingProxyType({}),
    *,
    more: Iterable[Detail] = (),
    words: str = "",
) -> tuple[Finding, list[catalog.Judged]]:
    """One box, and what it says of each item; ``reported`` is what other boxes said, ``more`` are lines from elsewhere."""
    clone, witnesses = past.clone, past.witnesses
    expected, asked = _expectation(chapter, witnesses), Asked(clone.asked, clone.took)
    denied = {kind: why for kind in chapter.kinds if (why := clone.why_unlisted(kind)) is not None}
    kinds = tuple(kind for kind in chapter.kinds if kind not in denied)
    pairs = [
        (each, three) for kind in kinds for each, three in catalog.items_beside(past, kind) if _is_of(chapter, three)
    ]
    judged = [(three, _lines(chapter, three, each, circumstances)) for each, three in pairs]
    if chapter.is_rest:
        judged = catalog.leave_out_reported(judged, reported)
    lines = [line for _, found in judged for line in found]
    lines += [Detail(name=kind, standing=UNKNOWN, found="could not be listed", why=why) for kind, why in denied.items()]
    lines += more
    lines += [line for kind in kinds for line in catalog.lines_for_unlisted(clone, kind)]
    lines += chapter.notes(past)
    here = sum(three.clone is not None for _, three in pairs)
    details = _sort(lines)
    found = _summary(chapter, here, details) + words
    if any(line.standing is UNFIT for line in lines):
        finding = chapter.check.unfit(expected, found, asked)
    elif unknown := [line for line in lines if line.standing is UNKNOWN]:
        why = comma_list([f"{line.name}: {line.why}" for line in unknown], most=3)
        finding = chapter.check.unknown(expected, why, asked, found=found)
    elif why := _why_unknown(chapter, past, witnesses):
        finding = chapter.check.unknown(expected, why, asked, found=found)
    else:
        finding = chapter.check.fit(expected, found, asked)
    is_by_lines = not _why_unknown(chapter, past, witnesses)
    return finding.model_copy(update={"details": details, "is_by_lines": is_by_lines}), judged


def _is_of(chapter: _Chapter, three: Three) -> bool:
    """Whether an item belongs to the box in any of the three inventories, so that one that changed its nature is not lost."""
    shown = [item for item in (three.clone, *three.shown) if item is not None]
    if chapter.belongs is _is_plain:
        return all(chapter.belongs(item) for item in shown)
    return any(chapter.belongs(item) for item in shown)


def _lines(chapter: _Chapter, three: Three, past: Past, circumstances: CloneFacts) -> list[Detail]:
    """The lines for one item, by itself and by comparison. A state that time explains is reported, not condemned."""
    if any(OF_A_PROOF in item.facts for item in (three.clone, *three.shown) if item is not None):
        return _of_a_proof(three)
    ruled = list(chapter.rule(three, circumstances))
    if not chapter.is_compared or (three.clone is None and not chapter.reports_missing):
        return ruled
    compared = [chapter.in_words(line, three) for line in past.lines(three)] + list(chapter.compare(past, three))
    if any(line.standing is not FIT for line in compared):
        return compared if chapter.is_state else [*compared, *ruled]
    if compared and chapter.is_state:
        return [line.model_copy(update={"standing": FIT, "why": compared[0].why}) for line in ruled] or compared
    return [*ruled, *compared]


def _of_a_proof(three: Three) -> list[Detail]:
    """The lines for an item of a proof: one in the clone is reported, one elsewhere is not missed."""
    if three.clone is None:
        return []
    why = (
        "it goes with its proof; what one left that was killed, the next removes: daybreak validate RUN|CLUSTER --prove"
    )
    return [Detail(name=three.clone.name, standing=FIT, expected="none", found=OF_A_PROOF, why=why)]


_ORDER: Mapping[object, int] = {UNFIT: 0, UNKNOWN: 1, FIT: 2, Standing.LEFT_OUT: 3, Standing.BEYOND: 4}


def _sort(lines: list[Detail]) -> tuple[Detail, ...]:
    return tuple(sorted(lines, key=lambda line: (_ORDER[line.standing], line.name)))


def _summary(chapter: _Chapter, here: int, lines: tuple[Detail, ...]) -> str:
    """One sentence: how many items there are, which are wrong, and how many more the report shows."""
    said = [f"{line.name}: {line.found}" for line in lines if line.standing is UNFIT]
    unknown = sum(line.standing is UNKNOWN for line in lines)
    proofs = sum(line.found == OF_A_PROOF for line in lines)
    reported = sum(line.standing is FIT for line in lines) - proofs
    words = [f"{here} {chapter.things}"]
    words += [f"{proofs} of them a negative control's, which the next --prove removes"] if proofs else []
    words += [comma_list(said, most=3)] if said else []
    words += [f"{unknown} unknown"] if unknown else []
    # A terminal lists only what speaks against the clone, so these two have no line there.
    words += [f"{reported} more in the report"] if reported else []
    return "; ".join(words)


def _why_unknown(chapter: _Chapter, past: Past, witnesses: Witnesses) -> str:
    """Why the box means nothing, where no witness shows what there should be."""
    if not chapter.needs_witness:
        return ""
    without = [kind for kind in chapter.kinds if not past.has_witness(kind)]
    if not without:
        return ""
    reasons = "; ".join(witnesses.absent) or "no witness shows what there should be"
    return f"{reasons}; a baseline (daybreak baseline TARGET) taken before the moment would have shown it"

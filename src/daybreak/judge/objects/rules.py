"""What is wrong with one item in a clone by itself, whatever the witnesses show, and what is only reported.

The law: a flaw that a witness shows too came with the data, and is reported. A danger to other systems is always condemned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from daybreak.judge.objects.past import FIT, UNFIT, UNKNOWN, Three
from daybreak.judge.objects.positions import position_of
from daybreak.model.answers import Count
from daybreak.model.findings import Detail, Standing
from daybreak.model.inventory import LOCKED, Inventory, Item
from daybreak.model.names import printable


@dataclass(frozen=True)
class CloneFacts:
    """What a rule must know of the clone besides its catalog."""

    moment: datetime
    restored: datetime | None = None
    """When the clone was created, which is after all that it took from its source; the moment where AWS did not say."""
    may_subscribe: bool | None = None
    """Whether workers of a subscription can run; ``None`` when the server did not say."""
    may_schedule: bool | None = None
    """Whether scheduled jobs are launched; ``None`` when the server did not say."""
    production: frozenset[str] = frozenset()
    """Host names of the source, in small letters."""
    is_counted: bool = True
    """Whether this depth counts rows, and so reads the tables that no index answers for."""
    awaited: frozenset[str] = frozenset()
    """Tables in which the owner expects rows, with the names of the configuration."""


Rule = Callable[[Three, CloneFacts], Iterator[Detail]]
"""A rule gives the lines about one item by itself."""

Flaw = Callable[[Item], str]
"""A flaw gives the words for what is wrong with an item by itself; empty when nothing is."""


def rule_for_flaw(expected: str, flaw: Flaw) -> Rule:
    """A rule that condemns a flaw, and only reports it where a witness shows the same flaw."""

    def rule(three: Three, _circumstances: CloneFacts) -> Iterator[Detail]:
        found = flaw(three.clone) if three.clone else ""
        if found and three.clone:
            is_inherited = any(flaw(item) == found for item in three.shown)
            why = "a witness shows the same, so it came with the data" if is_inherited else ""
            standing = FIT if is_inherited else UNFIT
            yield Detail(name=three.clone.name, standing=standing, expected=expected, found=found, why=why)

    return rule


def why_not_enforced(item: Item) -> str:
    """Why a constraint does not hold for every row."""
    if item.facts.get("validated") == "no":
        return "NOT VALID: rows from before it were never checked"
    return "not enforced: its triggers are disabled, or it says so itself" if item.facts.get("enforced") == "no" else ""


def why_unusable(item: Item) -> str:
    """Why an index is not used."""
    states = [name for name in ("valid", "ready", "live") if item.facts.get(name) == "no"]
    return "not " + " and not ".join(states) if states else ""


def why_disabled(item: Item) -> str:
    """Why a trigger or a rule does not fire."""
    is_firing = item.facts.get("enabled") in ("yes", "always")
    return "" if is_firing else f"enabled: {item.facts.get('enabled', 'unknown')}"


def why_half_detached(item: Item) -> str:
    """Why a partition is only half attached."""
    return "its detaching was broken off" if item.facts.get("detaching") == "yes" else ""


def why_unpopulated(item: Item) -> str:
    """Why a materialized view cannot be read."""
    return "not populated" if item.facts.get("populated") == "no" else ""


def why_unguarded(item: Item) -> str:
    """Why policies have no effect."""
    return "its policies are not in force" if item.facts.get("enabled") == "no" else ""


def difference_of_collations(item: Item) -> str:
    """How the version that an index was built with differs from the one that the server sorts by."""
    recorded, actual = item.facts.get("recorded", ""), item.facts.get("actual", "")
    return "" if recorded == actual else f"recorded {recorded or 'none'}, actual {actual or 'none'}"


def what_is_left_over(item: Item) -> str:
    """The description of a prepared transaction or a replication slot; there should be none."""
    return printable(", ".join(f"{name} {value}" for name, value in sorted(item.facts.items()))) or "left over"


def judge_unlogged(three: Three, circumstances: CloneFacts) -> Iterator[Detail]:
    """The line for an unlogged table that had rows and has none. Every restore empties it, so it is unfit only with expected rows."""
    item = three.clone
    if item is None or item.facts.get("persistence") != "unlogged":
        return
    names = {item.name, item.name.removeprefix("public.")}
    is_awaited = bool(names & circumstances.awaited)
    had_rows = any(shown.facts.get("has data") == "yes" for shown in three.shown)
    has_rows = item.facts.get("has data")
    if has_rows == LOCKED:
        yield Detail(
            name=item.name, standing=UNKNOWN, expected="readable", found="locked", why="another session has locked it"
        )
    elif has_rows == "no" and (is_awaited or had_rows):
        why = "the configuration expects rows in it" if is_awaited else "a restore always empties unlogged tables"
        expected = "rows" if is_awaited else "rows, which no backup holds"
        yield Detail(name=item.name, standing=UNFIT if is_awaited else FIT, expected=expected, found="empty", why=why)


def why_behind(item: Item) -> str:
    """Which columns already hold the next values of the sequence."""
    at = position_of(item)
    if at is None or item.facts.get("cycles") == "yes":
        return ""
    sign = -1 if _is_descending(item) else 1
    columns = [
        name.removeprefix("farthest in ")
        for name, value in sorted(item.facts.items())
        if name.startswith("farthest in ") and value and sign * Decimal(value) > sign * at
    ]
    return "behind " + ", ".join(columns) if columns else ""


NOT_LED = "no index leads with it"
"""Why a column's farthest value has to be read from the table itself."""


def ends_wanted(seen: Inventory) -> dict[int, tuple[tuple[str, bool], ...]]:
    """By table, the columns whose farthest value the inventory lacks, and whether that is the least."""
    wanted: dict[int, dict[str, bool]] = {}
    for item in seen.of("sequence"):
        for fact, value in item.facts.items():
            if fact.startswith(_UNCOUNTED):
                told = json.loads(value)
                for oid in told["tables"]:
                    wanted.setdefault(oid, {})[told["column"]] = _is_descending(item)
    return {oid: tuple(columns.items()) for oid, columns in wanted.items()}


def with_ends(seen: Inventory, counts: Iterable[Count]) -> Inventory:
    """The inventory with what a count of its tables found of the columns that it lacked."""
    found = {(count.table, column): value for count in counts for column, value in count.farthest.items()}
    items = (_with_ends(item, found) if item.kind == "sequence" else item for item in seen.items)
    return seen.model_copy(update={"items": tuple(items)})


def _with_ends(item: Item, found: Mapping[tuple[int, str], str]) -> Item:
    facts = dict(item.facts)
    for fact in [name for name in facts if name.startswith(_UNCOUNTED)]:
        told, name = json.loads(facts[fact]), fact.removeprefix(_UNCOUNTED)
        values = [found.get((oid, told["column"])) for oid in told["tables"]]
        if None not in values:
            del facts[fact]
        known = [Decimal(each) for each in (*values, facts.get(f"farthest in {name}")) if each]
        if known:
            facts[f"farthest in {name}"] = str((min if _is_descending(item) else max)(known))
    return item.model_copy(update={"facts": facts})


_UNCOUNTED = "uncounted "


def _is_descending(item: Item) -> bool:
    return item.facts.get("step", "1").startswith("-")


def judge_sequence(three: Three, circumstances: CloneFacts) -> Iterator[Detail]:
    """The lines for a sequence, which must be ahead of every column it feeds; what could not be read is unknown."""
    item = three.clone
    if item is None:
        return
    unread = {name.removeprefix("unread "): why for name, why in item.facts.items() if name.startswith("unread ")}
    if item.facts.get("at") == "unread":
        why = unread.get("its position", "it may not be read, or another session has locked it")
        unread = {"its position": why}
    for detail in rule_for_flaw("ahead of the data", why_behind)(three, circumstances):
        values = [f"{name.removeprefix('farthest in ')} is at {value}" for name, value in sorted(item.facts.items())
                  if name.startswith("farthest in ")]  # fmt: skip
        yield detail.model_copy(update={"found": printable(f"at {item.facts.get('at')}; {', '.join(values)}")})
    for what, why in unread.items():
        yield Detail(name=item.name, standing=UNKNOWN, expected="ahead of the data", found=printable(what), why=why)
    for fact, why in item.facts.items():
        kind, _, what = fact.partition(" ")
        if kind == "elsewhere":
            yield _aside(item, what, Standing.BEYOND, why)
        elif kind == "uncounted" and not circumstances.is_counted:
            yield _aside(item, what, Standing.LEFT_OUT, f"{NOT_LED}; --depth standard reads its tables")
        elif kind == "uncounted":
            yield _aside(item, what, UNKNOWN, f"{NOT_LED}, and not all its tables were counted")


def _aside(item: Item, what: str, standing: Standing, why: str) -> Detail:
    return Detail(name=item.name, standing=standing, expected="ahead of the data", found=printable(what), why=why)


def rule_for_restraint(may: Callable[[CloneFacts], bool | None], fact: str, what: str) -> Rule:
    """A rule for what must not act in a clone: condemned where it can, reported where the quarantine holds it back."""

    def rule(three: Three, circumstances: CloneFacts) -> Iterator[Detail]:
        item = three.clone
        if item is None or item.facts.get(fact) != "yes":
            return
        standing, why = _restraint(may_act=may(circumstances))
        yield Detail(name=item.name, standing=standing, expected=f"no {what} acts", found=f"{fact}: yes", why=why)

    return rule


def _restraint(*, may_act: bool | None) -> tuple[Standing, str]:
    if may_act is None:
        return UNKNOWN, "the server did not say whether it can act"
    return (UNFIT, "nothing holds it back") if may_act else (FIT, "the quarantine holds it back")


def judge_foreign_server(three: Three, circumstances: CloneFacts) -> Iterator[Detail]:
    """The line for a foreign server that leads out of quarantine: reported where a witness has the same, else condemned."""
    item = three.clone
    if item is None or "wrapper" not in item.facts:
        return
    where = printable(
        ":".join(item.facts[name] for name in ("host", "port") if name in item.facts) or "a place of its own"
    )
    is_shown = any(shown.facts == item.facts for shown in three.shown)
    is_production = item.facts.get("host", "").lower() in circumstances.production
    if is_production and not is_shown:
        yield Detail(name=item.name, standing=UNFIT, expected="not the source", found=f"leads to the source, {where}")
    else:
        why = "a witness has the same" if is_shown else "it is not known here whether that is right"
        yield Detail(name=item.name, standing=FIT, expected="reported", found=f"leads to {where}", why=why)


def judge_statistics(three: Three, circumstances: CloneFacts) -> Iterator[Detail]:
    """The line for a table with rows but no statistics, where a witness shows that it had them at the moment."""
    item = three.clone
    if item is None or item.facts.get("collected") == "yes" or item.facts.get("has data") != "yes":
        return
    if item.facts.get("readable") == "no":
        yield Detail(name=item.name, standing=FIT, expected="statistics", found="not shown to this login")
        return
    standing, why = _why_not_analyzed(three, item, circumstances.moment)
    yield Detail(name=item.name, standing=standing, expected="statistics", found="none", why=why)


def _why_not_analyzed(three: Three, item: Item, moment: datetime) -> tuple[Standing, str]:
    baseline, source = three.baseline, three.source
    if baseline and baseline.facts.get("collected") == "yes" and baseline.oid == item.oid:
        return UNFIT, "the baseline had them; ANALYZE makes them anew"
    if source and source.facts.get("collected") == "yes" and source.oid == item.oid:
        last = source.facts.get("last analyzed")
        if last is not None and datetime.fromisoformat(last) <= moment:
            return UNFIT, "the source has had them since before the moment; ANALYZE makes them anew"
        return FIT, "analyzed in the source after the moment, as far as is known"
    if three.shown:
        return FIT, "no witness shows any either"
    return FIT, "it is not known whether it ever had any"

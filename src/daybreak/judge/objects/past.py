"""One kind of item in a clone against its two witnesses: what differs, and whether time can explain it.

The law: what equals either witness is right. What time can explain is reported. Only what was surely different at the moment
is condemned. A physical copy shares transaction ids with its source. So an item of the source that was last written by a
transaction that the clone knows was exactly so at the moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, reduce
from typing import get_args

from daybreak.judge.objects.renames import DEFAULT_PRIVILEGES, is_copy
from daybreak.model.birth import Birth
from daybreak.model.findings import Detail, Standing
from daybreak.model.inventory import HIDDEN_VALUE, LOCKED, Inventory, Item, ItemKind, is_before, newer_xid
from daybreak.model.names import printable
from daybreak.model.value import short_stamp

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN

GIVES_ACCESS: frozenset[ItemKind] = frozenset(
    {
        "grant",
        "membership",
        "role",
        "policy",
        "trigger",
        "event trigger",
        "rule",
        "publication",
        "foreign server",
        "setting",
        "catalog row",
    }
)
"""Kinds where one too many is as bad as one too few."""

_HARMLESS_OF_ITS_OWN: frozenset[ItemKind] = frozenset({"statistics"})
"""What a clone may make by itself. Anything else gives something or takes it away: a constraint refuses rows, a table or a
function stands in front of another of its name, row security without a policy hides every row."""

_UNDATED: frozenset[ItemKind] = frozenset({"role", "subscription"})
"""Kinds that show no transaction to whom is no superuser."""

PART_OF_ANOTHER: frozenset[ItemKind] = frozenset({"column", "grant", "owner", "statistics"})
"""Kinds with one item for each object: where such an item is missing, the object is too, and the object's own box says so."""


def _is_part_of_another(item: Item) -> bool:
    return item.kind in PART_OF_ANOTHER and not item.name.startswith(DEFAULT_PRIVILEGES)


_OWN_NUMBERS = ("has data", "last analyzed", "at", "collected", "readable", "enabled", "active")
"""What two right copies may differ in: their numbers, and whether somebody keeps a copy from acting on the world."""

_NUMBERED: frozenset[ItemKind] = frozenset({"relation", "sequence", "statistics", "subscription", "cron job"})
_OWN_LEADS = ("farthest in ", "unread ", "elsewhere ", "uncounted ")


@dataclass(frozen=True)
class Witnesses:
    """What is known of the database besides the clone: the baseline before the moment, and the source as it is now."""

    baseline: Inventory | None = None
    source: Inventory | None = None
    ends: Mapping[int, bool] = field(default_factory=dict)
    """Which transactions had committed when the clone began to live, as far as it knows of them."""
    birth: Birth | None = None
    """What the clone had spent when it first answered; ``None`` where nobody asked."""
    absent: tuple[str, ...] = ()
    """Why there is no baseline, and why no source."""


@dataclass(frozen=True)
class Three:
    """One item as the clone, the baseline and the source have it; ``None`` where it does not exist."""

    clone: Item | None = None
    baseline: Item | None = None
    source: Item | None = None

    @cached_property
    def shown(self) -> tuple[Item, ...]:
        """The item as the witnesses show it."""
        return tuple(item for item in (self.baseline, self.source) if item is not None)

    @cached_property
    def any(self) -> Item:
        """The item as the first of the three that has it shows it."""
        return next(item for item in (self.clone, *self.shown) if item is not None)


_KNOWN_BY_NUMBER: frozenset[ItemKind] = frozenset({"role", "database", "subscription"})
"""Kinds in which a copy's item is known by its number, so that its name is one of the facts that are compared."""
_REFERRED_TO: frozenset[ItemKind] = frozenset({"role", "database"})
"""Kinds to which everything else refers by number, so that one that was made again has nothing of what the old one had."""
_NAME = "name"


@dataclass(frozen=True)
class Past:
    """The clone's items beside those of its witnesses, and the clone's place in time."""

    clone: Inventory
    witnesses: Witnesses
    restored: datetime
    """When the clone began to live. What it knows of earlier times is the source's; everything later is its own."""

    def has_witness(self, kind: ItemKind) -> bool:
        """Whether any witness shows what there should be of a kind."""
        return kind in self._witnessed

    @cached_property
    def _witnessed(self) -> frozenset[ItemKind]:
        witnesses = (self.witnesses.baseline, self.witnesses.source)
        return frozenset(
            kind for kind in get_args(ItemKind) if any(self._witness(each, kind) is not None for each in witnesses)
        )

    def threes(self, kind: ItemKind) -> tuple[Three, ...]:
        """Every item of a kind that any of the three has."""
        clone, baseline, source = (each.get(kind, {}) for each in self._by_name)
        if kind in _KNOWN_BY_NUMBER:
            baseline, source = self._by_our_names(clone, baseline, source)
        names = dict.fromkeys((*clone, *baseline, *source))
        return tuple(Three(clone.get(name), baseline.get(name), source.get(name)) for name in names)

    def _by_our_names(self, clone: Mapping[str, Item], *shown: dict[str, Item]) -> list[dict[str, Item]]:
        """The witnesses' items by the names that those of the same number have with us.

        One whose number is not here stands beside ours of its name, unless ours is known by its number: it was made again.
        """
        copies = [self._is_copy(each) for each in (self.witnesses.baseline, self.witnesses.source)]
        known = {item.oid for items, is_one in zip(shown, copies, strict=True) if is_one for item in items.values()}
        taken = {item.name for item in clone.values() if item.oid in known}
        ours = {item.oid: item.name for item in clone.values() if item.oid is not None}
        found = []
        for items, is_one in zip(shown, copies, strict=True):
            named = {ours[item.oid]: item for item in items.values() if is_one and item.oid in ours}
            for item in items.values() if is_one else ():
                if item.oid not in ours:
                    name = item.name if item.name not in taken and item.name not in named else f"{item.name} {item.oid}"
                    named[name] = item
                    ours |= {item.oid: name} if item.oid is not None else {}
            found.append(named if is_one else items)
        return found

    def lines(self, three: Three) -> Iterator[Detail]:
        """The lines about one item; empty where it is as either witness shows it."""
        kind = three.any.kind
        clone = three.clone
        if not self.has_witness(kind):
            return
        if (clone is None or not three.shown) and _is_part_of_another(three.any):
            return
        if clone is None:
            yield from self._absence(three)
        elif not three.shown:
            yield from self._extra(clone)
        elif all(self._facts_that_differ(clone, item) for item in three.shown):
            yield from self._different(three, clone)
        if clone is not None and kind in _REFERRED_TO:
            yield from self._lines_where_made_again(three, clone)
        for name, value in clone.facts.items() if clone else ():
            if LOCKED in value:
                yield Detail(
                    name=three.any.name, standing=UNKNOWN, expected=printable(name), found="not read", why=LOCKED
                )

    @cached_property
    def _by_name(self) -> tuple[dict[ItemKind, dict[str, Item]], ...]:
        """The items of the clone, the baseline and the source by kind and name: each is walked through once."""
        found = []
        for inventory in (self.clone, self.witnesses.baseline, self.witnesses.source):
            named: dict[ItemKind, dict[str, Item]] = {}
            for item in inventory.items if inventory else ():
                named.setdefault(item.kind, {})[item.name] = item
            found.append(named)
        return tuple(found)

    @staticmethod
    def _witness(inventory: Inventory | None, kind: ItemKind) -> Inventory | None:
        return inventory if inventory is not None and inventory.why_unlisted(kind) is None else None

    def _facts(self, item: Item) -> dict[str, str]:
        if item.kind not in _NUMBERED:
            return item.facts
        return {
            name: value
            for name, value in item.facts.items()
            if name not in _OWN_NUMBERS and not name.startswith(_OWN_LEADS)
        }

    def _with_name(self, item: Item) -> dict[str, str]:
        """The facts that are compared; the name is one of what is known by its number."""
        return self._facts(item) | ({_NAME: item.name} if item.kind in _KNOWN_BY_NUMBER else {})

    def _facts_that_differ(self, clone: Item, item: Item) -> tuple[str, ...]:
        """The facts in which two items differ, of those that could be read in both."""
        if clone.facts == item.facts and clone.name == item.name:  # as nearly all are, of tens of thousands
            return ()
        one, other = self._with_name(clone), self._with_name(item)
        return tuple(
            name
            for name in dict.fromkeys((*other, *one))
            if one.get(name) != other.get(name)
            and LOCKED not in one.get(name, "") + other.get(name, "")
            # An earlier release hid the values of more settings.
            and not (HIDDEN_VALUE in (one.get(name), other.get(name)) and name in one and name in other)
        )

    # -- missing ------------------------------------------------------------------------------------------------------

    def _absence(self, three: Three) -> Iterator[Detail]:
        item = three.source or three.baseline
        assert item is not None  # noqa: S101  # a missing thing is known from a witness
        standing, why = self._why_missing(three)
        yield Detail(name=item.name, standing=standing, expected=self._describe(item), found="missing", why=why)

    def _why_missing(self, three: Three) -> tuple[Standing, str]:
        kind, baseline, source = three.any.kind, three.baseline, three.source
        if source is None:
            if self._witness(self.witnesses.source, kind) is not None:
                return FIT, "gone from the source too, so it was dropped after the baseline was taken"
            return UNKNOWN, "in the baseline and not here: dropped between the two, or lost"
        if self._has_another_name(source, baseline):
            return FIT, "renamed in the source since"
        was_there = self._was_so(source)
        if was_there or (baseline is not None and baseline.oid == source.oid and was_there is None):
            return UNFIT, "it was there at the moment"
        if baseline is not None and baseline.oid is not None and baseline.oid == source.oid:
            return UNFIT, "in the baseline before the moment, and still in the source"
        if was_there is False:
            return FIT, "came after the moment"
        return self._by_object_id(source)

    def _has_another_name(self, source: Item, baseline: Item | None) -> bool:
        """Whether the clone has the same object under its old name, and nothing shows that it should have the new one.

        Of what shows no transaction the baseline shows it: what had this name then has it still.
        """
        same = source.oid is not None and self._is_copy(self.witnesses.source)
        had_it = source.xmin is None and baseline is not None and baseline.oid == source.oid
        return same and not had_it and not self._was_so(source) and (source.kind, source.oid) in self._oids

    @cached_property
    def _oids(self) -> frozenset[tuple[ItemKind, int | None]]:
        return frozenset((item.kind, item.oid) for item in self.clone.items)

    def _by_object_id(self, source: Item) -> tuple[Standing, str]:
        """The judgement where no transaction decides: object ids are assigned in order."""
        if source.oid is not None and self._is_copy(self.witnesses.source):
            if source.oid <= self._newest_oid:
                return UNFIT, "it is older than others that are here"
            return FIT, "younger than everything here, so it came after the moment"
        return UNKNOWN, "in the source and not here: created after the moment, or lost"

    def _lines_where_made_again(self, three: Three, clone: Item) -> Iterator[Detail]:
        """A line where the witnesses show another role or database of this name: what is named by number went with that one.

        One that was made again before the moment has a number from before the clone lived. Where baseline and source agree on
        the number, it was not.
        """
        copies = ((three.baseline, self.witnesses.baseline), (three.source, self.witnesses.source))
        numbers = [item.oid for item, witness in copies if item is not None and self._is_copy(witness)]
        if clone.oid is None or not numbers or None in numbers or clone.oid in numbers:
            return
        following = self._first_oid
        if following is not None and clone.oid >= following:
            standing, why = UNFIT, "made in the clone since it was restored"
        elif len(numbers) == 2 and len(set(numbers)) == 1:
            standing, why = UNFIT, "baseline and source agree which one has this name"
        elif following is None:
            standing, why = UNKNOWN, "made again before the moment, after it, or here"
        else:
            return
        yield Detail(
            name=clone.name,
            standing=standing,
            expected=f"the {clone.kind} with the number {numbers[0]}",
            found=f"another one, with the number {clone.oid}",
            why=why,
        )

    # -- extra --------------------------------------------------------------------------------------------------------

    def _extra(self, clone: Item) -> Iterator[Detail]:
        standing, why = FIT, "came after the baseline was taken"
        is_own = self.is_own(clone)
        if is_own:
            standing = FIT if clone.kind in _HARMLESS_OF_ITS_OWN else UNFIT
            why = "made in the clone since it was restored"
        elif self._witness(self.witnesses.source, clone.kind) is not None:
            why = "gone from the source since"
            if clone.kind in GIVES_ACCESS and self.is_untouched(clone):
                standing, why = UNFIT, "older than the baseline, and not in it"
            elif clone.kind in GIVES_ACCESS and is_own is None:
                standing, why = UNKNOWN, "not in the source: gone from it since, or added here"
        yield Detail(name=clone.name, standing=standing, expected="none", found=self._describe(clone), why=why)

    # -- different ----------------------------------------------------------------------------------------------------

    def _different(self, three: Three, clone: Item) -> Iterator[Detail]:
        witness = three.source or three.baseline
        assert witness is not None  # noqa: S101  # something is different from a witness
        expected, found = self._with_name(witness), self._with_name(clone)
        names = self._facts_that_differ(clone, witness)
        for name in names:
            standing, why = self._why_different(three, clone, name)
            yield Detail(
                name=clone.name if len(names) == 1 and clone.kind != "column" else f"{clone.name}: {printable(name)}",
                standing=standing,
                expected=self._fact(name, expected),
                found=self._fact(name, found),
                why=why,
            )

    @staticmethod
    def _fact(name: str, facts: Mapping[str, str]) -> str:
        return (
            f"{printable(name)}: {printable(short_stamp(facts[name]))}" if name in facts else f"{printable(name)}: none"
        )

    def _why_different(self, three: Three, clone: Item, fact: str) -> tuple[Standing, str]:
        """The judgement of one fact in which the clone differs from the source, or from the baseline where no source is."""
        baseline, source = three.baseline, three.source
        if source is not None:
            was_so = self._was_so(source)
            if was_so:
                return UNFIT, "it was so at the moment"
            if self.is_own(clone):
                return UNFIT, "changed in the clone since it was restored"
            is_undated = was_so is None or self.is_untouched(clone)
            if baseline is not None and is_undated and fact not in self._facts_that_differ(baseline, source):
                return UNFIT, "the same in the baseline before the moment and in the source now"
            if was_so is False:
                return FIT, "changed in the source after the moment"
            if baseline is not None and fact not in self._facts_that_differ(clone, baseline):
                return FIT, "as in the baseline; changed in the source since"
            return UNKNOWN, "it differs in the source now: changed there since, or here"
        if self.is_own(clone):
            return UNFIT, "changed in the clone since it was restored"
        if self.is_untouched(clone):
            return UNFIT, "not changed since the baseline was taken, and yet different"
        if clone.xmin is None:
            return UNKNOWN, "it differs in the baseline: changed before the moment, or here"
        return FIT, "changed after the baseline was taken"

    # -- time ---------------------------------------------------------------------------------------------------------

    def _was_so(self, source: Item) -> bool | None:
        """Whether the source's item was exactly so at the moment; ``None`` when its transactions say nothing about the clone.

        The measure is the clone's youngest change of a catalog, and not its next transaction: a clone counts on by itself.
        """
        if source.xmin is None or self._measure is None or not self._is_copy(self.witnesses.source):
            return None
        known = self.witnesses.ends.get(source.xmin)
        return known if known is not None else not is_before(self._measure, source.xmin)

    @cached_property
    def _measure(self) -> int | None:
        """The youngest change of the clone's catalog that is not its own."""
        newest, mark = self.clone.newest_xid, self._recovered_at
        if newest is None or mark is None or is_before(newest, mark):
            return newest
        inherited = [item.xmin for item in self.clone.items if item.xmin is not None and not self.is_own(item)]
        return reduce(newer_xid, inherited, None)

    @cached_property
    def _newest_oid(self) -> int:
        """The highest object id in the clone that it did not hand out itself."""
        newest, following = self.clone.newest_oid, self._first_oid
        if following is None or newest < following:
            return newest
        return max((item.oid for item in self.clone.items if item.oid is not None and item.oid < following), default=0)

    def is_own(self, clone: Item) -> bool | None:
        """Whether an item was written in the clone itself, after its recovery; ``None`` when that is not known."""
        mark = self._recovered_at
        if clone.xmin is None:
            following = self._first_oid
            return clone.oid >= following if clone.oid is not None and following is not None else None
        known = self.witnesses.ends.get(clone.xmin)
        if known is not None:
            return not known
        return not is_before(clone.xmin, mark) if mark is not None else None

    @property
    def _first_oid(self) -> int | None:
        """The first object id of the clone's own; ``None`` where no server says."""
        if self.witnesses.birth is not None:
            return self.witnesses.birth.next_oid
        return self.clone.next_oid if self._recovered_at is not None else None

    @property
    def _recovered_at(self) -> int | None:
        """The first transaction of the clone's own: its birth, else its last checkpoint where that is not from before it lived."""
        if self.witnesses.birth is not None:
            return self.witnesses.birth.short
        # The control file tells whole seconds.
        is_later = self.clone.checkpoint is not None and self.clone.checkpoint + timedelta(seconds=1) > self.restored
        return self.clone.next_xid if is_later else None

    def is_untouched(self, clone: Item) -> bool:
        """Whether an item of the clone was written before the baseline, and not since."""
        baseline = self.witnesses.baseline
        if clone.xmin is None or baseline is None or baseline.oldest_xid is None or not self._is_copy(baseline):
            return False
        return is_before(clone.xmin, baseline.oldest_xid)

    def _is_copy(self, other: Inventory | None) -> bool:
        """Whether the clone is a physical copy of what a witness describes; each witness is held against it once."""
        return other is not None and (
            self._is_copy_of_baseline if other is self.witnesses.baseline else self._is_copy_of_source
        )

    @cached_property
    def _is_copy_of_baseline(self) -> bool:
        return is_copy(self.clone, self.witnesses.baseline)

    @cached_property
    def _is_copy_of_source(self) -> bool:
        return is_copy(self.clone, self.witnesses.source)

    def _describe(self, item: Item) -> str:
        facts = self._facts(item)
        if len(facts) == 1 or "definition" in facts:
            return printable(facts.get("definition") or next(iter(facts.values())))
        return printable(", ".join(f"{name}: {value}" for name, value in sorted(facts.items()))) or "present"

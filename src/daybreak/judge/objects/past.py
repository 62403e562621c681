"""One kind of item in a clone against its two witnesses: what differs, and whether time can explain it.

The law: what equals either witness is right. What time can explain is reported. Only what was surely different at the moment
is condemned. A physical copy shares transaction ids with its source. So an item of the source that was last written by a
transaction that the clone knows was exactly so at the moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, reduce
from typing import get_args

from daybreak.model.birth import Birth
from daybreak.model.findings import Detail, Standing
from daybreak.model.inventory import HIDDEN_VALUE, LOCKED, OF_PROVIDER, Inventory, Item, ItemKind, is_before, newer_xid
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

DEFAULT_PRIVILEGES = "default for "
"""The beginning of the name of a grant that belongs to no object."""


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
    renamed_roles: frozenset[str] = frozenset()
    """Names of roles that have another name in the source now, old and new."""


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


_NUMBERED_TOGETHER: tuple[ItemKind, ...] = ("relation", "role", "database")
_NAMED_BY_NUMBER: frozenset[ItemKind] = frozenset({"role", "database"})
"""Kinds to which everything else refers by number, so that a name that changed hands gives one what is another's."""
_QUOTED = re.compile(r'"(?:[^"]|"")*"|[^\s"]+')
"""A name as the server quotes it, or a word between two of them."""
_IN_DATABASE = " in database "


def roles_renamed(clone: Inventory, source: Inventory) -> frozenset[str]:
    """Names of roles that have another name in the source now, old and new, from what all databases share."""
    return frozenset(name for pair in _our_names(clone, source, "role").items() for name in pair)


def _our_names(ours: Inventory, theirs: Inventory, kind: ItemKind) -> dict[str, str]:
    """Our names of roles or databases by theirs, where they differ."""
    if not is_copy(ours, theirs):
        return {}
    here = {item.oid: item.name for item in ours.of(kind)}
    return {item.name: here[item.oid] for item in theirs.of(kind) if here.get(item.oid, item.name) != item.name}


def in_our_names(ours: Inventory, theirs: Inventory) -> Inventory:
    """What all databases share, with memberships and settings named by what their roles and databases are called with us."""
    roles, databases = (_our_names(ours, theirs, kind) for kind in ("role", "database"))
    if not (roles or databases):
        return theirs

    def in_ours(item: Item) -> Item:
        if item.kind not in ("membership", "setting"):
            return item
        who, place, database = item.name.partition(_IN_DATABASE)
        who = _QUOTED.sub(lambda found: roles.get(found[0], found[0]), who)
        return item.model_copy(update={"name": f"{who}{place}{databases.get(database, database)}"})

    return theirs.model_copy(update={"items": tuple(map(in_ours, theirs.items))})


def is_copy(clone: Inventory, other: Inventory | None) -> bool:
    """Whether a clone is a physical copy of what a witness describes, so that their numbers mean the same.

    The provider's roles say nothing of it: they have the same numbers on every server.
    """
    if other is None:
        return False
    if None not in (clone.system, other.system) and clone.system != other.system:
        return False
    # What all databases share has no relations, but roles and databases, which are numbered too.
    there = {(item.kind, item.name): item.oid for kind in _NUMBERED_TOGETHER for item in other.of(kind)}
    ours = (item for kind in _NUMBERED_TOGETHER for item in clone.of(kind) if OF_PROVIDER not in item.facts)
    here = [item for item in ours if (item.kind, item.name) in there]
    shared = [item.oid == there[item.kind, item.name] for item in here]
    # Two databases of one server have its identifier in common, and nothing else.
    return sum(shared) * 2 > len(shared) if shared else clone.system is not None


def name_there(name: str, ours: Inventory, theirs: Inventory | None) -> str | None:
    """What a database of ours is called in a list of the same cluster's databases from another time; ``None`` where it has none.

    Of a copy the same number is the same database, and a name that another one of ours had then is not ours. One that was made
    again is known by its name.
    """
    if theirs is None:
        return name
    here = {item.name: item.oid for item in ours.of("database")}
    there = {item.oid: item.name for item in theirs.of("database")}
    if is_copy(ours, theirs):
        if (number := here.get(name)) in there:
            return there[number]
        there = {number: called for number, called in there.items() if number not in here.values()}
    return name if name in there.values() else None


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
        names = dict.fromkeys((*clone, *baseline, *source))
        return tuple(
            self._with_renamed(Three(clone.get(name), baseline.get(name), source.get(name)), source) for name in names
        )

    def _with_renamed(self, three: Three, source: Mapping[str, Item]) -> Three:
        """The three, with the source's item under the name that it got there since.

        Of what shows no transaction that alone separates a change before the moment from one in the clone. The clone's own name
        is the baseline's, so nobody renamed it here.
        """
        clone, baseline = three.clone, three.baseline
        is_here = clone is not None and baseline is not None and clone.oid is not None and clone.oid == baseline.oid
        if not is_here or three.source is not None or three.any.kind not in _UNDATED:
            return three
        if not self._is_copy(self.witnesses.source):
            return three
        return replace(three, source=next((item for item in source.values() if item.oid == three.any.oid), None))

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
        if clone is not None and kind in _NAMED_BY_NUMBER:
            yield from self._other_holder(three, clone)
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

    def _facts_that_differ(self, clone: Item, item: Item) -> tuple[str, ...]:
        """The facts in which two items differ, of those that could be read in both."""
        if clone.facts == item.facts:  # as nearly all are, of tens of thousands
            return ()
        one, other = self._facts(clone), self._facts(item)
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

    def _other_holder(self, three: Three, clone: Item) -> Iterator[Detail]:
        """A line where another role or database has the name than the witnesses show: what is named by number went with it.

        Baseline and source, both physical copies, agree on the number, so the name changed hands in the clone. With one of them
        it may have done so before the moment, or after it.
        """
        copies = [each for each in (self.witnesses.baseline, self.witnesses.source) if each and self._is_copy(each)]
        numbers = {item.oid for item in three.shown}
        if clone.oid is None or len(copies) < 2 or len(three.shown) < 2 or None in numbers:
            return
        if len(numbers) == 1 and clone.oid not in numbers:
            yield Detail(
                name=clone.name,
                standing=UNFIT,
                expected=f"the {clone.kind} with the number {numbers.pop()}",
                found=f"another one, with the number {clone.oid}",
                why="baseline and source agree which one has this name",
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
        standing, why = self._why_different(three, clone)
        witness = three.source or three.baseline
        assert witness is not None  # noqa: S101  # something is different from a witness
        expected, found = self._facts(witness), self._facts(clone)
        names = self._facts_that_differ(clone, witness)
        for name in names:
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

    def _why_different(self, three: Three, clone: Item) -> tuple[Standing, str]:
        baseline, source = three.baseline, three.source
        do_agree = baseline is not None and source is not None and not self._facts_that_differ(baseline, source)
        if source is not None:
            if self._names_a_renamed_role(clone, source):
                return FIT, "a role was renamed in the source since"
            was_so = self._was_so(source)
            if was_so:
                return UNFIT, "it was so at the moment"
            if self.is_own(clone):
                return UNFIT, "changed in the clone since it was restored"
            if do_agree and (was_so is None or self.is_untouched(clone)):
                return UNFIT, "the same in the baseline before the moment and in the source now"
            if was_so is False:
                return FIT, "changed in the source after the moment"
            return UNKNOWN, "it differs in the source now, and it is not known since when"
        if self.is_own(clone):
            return UNFIT, "changed in the clone since it was restored"
        if self.is_untouched(clone):
            return UNFIT, "not changed since the baseline was taken, and yet different"
        if clone.xmin is None:
            return UNKNOWN, "it differs in the baseline, and it is not known since when"
        return FIT, "changed after the baseline was taken"

    def _names_a_renamed_role(self, clone: Item, source: Item) -> bool:
        names = {*clone.facts, *clone.facts.values(), *source.facts, *source.facts.values()}
        return any(name.split(" on column ")[0] in self.witnesses.renamed_roles for name in names)

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

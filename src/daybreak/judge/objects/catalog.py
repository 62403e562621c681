"""Which items of a clone a witness can speak of; and the rows of all catalogs against the witnesses, in plain words.

The law: a row is the same where it is the same as it is, or the same once object ids are names; a rebuilt index has another id
and is no other index. What PostgreSQL and the provider bring is compared between servers of one version only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from daybreak.judge.objects.past import UNFIT, UNKNOWN, Past, Three, Witnesses
from daybreak.judge.objects.renames import is_copy
from daybreak.model.catalogs import BUILT_IN, BY_NAME, KEY, OWN_OF_POSTGRES, PARTS, catalog_of, in_words
from daybreak.model.findings import Detail, Standing
from daybreak.model.inventory import OF_PROVIDER, Inventory, Item, ItemKind, Unlisted

_OLDER = "an older release of Daybreak recorded it, without the catalogs"
_WITHOUT_PROVIDERS = "an older release of Daybreak recorded it, without what the provider's roles may do"


@dataclass(frozen=True)
class _Side:
    """What one witness can speak of."""

    is_like: bool
    """Whether PostgreSQL and the provider brought the same to both."""
    has_providers: bool
    unlisted: frozenset[str]

    def speaks_of(self, item: Item) -> bool:
        """Whether what it has of this item, or has not, says something about the clone."""
        if OF_PROVIDER in item.facts:
            return self.is_like and self.has_providers
        return not _is_unread(item, self.unlisted) and (self.is_like or not _is_built_in(item))


def _is_unread(item: Item, unlisted: frozenset[str]) -> bool:
    """Whether a catalog was not read in which the item is a row, or has a part."""
    return item.kind == "catalog row" and not unlisted.isdisjoint(_catalogs_around(item))


def _is_built_in(item: Item) -> bool:
    return OWN_OF_POSTGRES in item.facts or (item.kind == "catalog row" and item.name.endswith(f": {BUILT_IN}"))


def with_comparable_rows(clone: Inventory, witnesses: Witnesses) -> tuple[Inventory, Witnesses]:
    """The inventories with the rows of their catalogs under the clone's names, and with the facts that can be compared.

    A witness that has no rows of catalogs, or those of another major version, is marked as one that did not list them.
    """
    absent = list(witnesses.absent)
    ready: dict[str, Inventory | None] = {}
    for which, other in (("baseline", witnesses.baseline), ("source", witnesses.source)):
        if other is None:
            ready[which] = None
        elif why := _why_silent(clone, other):
            absent.append(f"the {which} does not show the catalogs: {why}")
            silent = Unlisted(kind="catalog row", why=why)
            ready[which] = _with_rows(other, ()).model_copy(update={"unlisted": (*other.unlisted, silent)})
        else:
            ready[which] = _align(clone, other)
    laid = replace(witnesses, baseline=ready["baseline"], source=ready["source"], absent=tuple(absent))
    return _with_rows(clone, (_plain(item, item.facts) for item in clone.of("catalog row"))), laid


def _why_silent(clone: Inventory, other: Inventory) -> str:
    if why := other.why_unlisted("catalog row"):
        return why
    if not other.of("catalog row") and not other.parts_unlisted("catalog row"):
        return _OLDER
    if clone.has_providers and not other.has_providers:
        return _WITHOUT_PROVIDERS
    ours, theirs = _major(clone), _major(other)
    return f"it is of PostgreSQL {theirs}, and the clone of {ours}" if ours != theirs else ""


def _major(inventory: Inventory) -> str:
    return inventory.server_version.partition(".")[0]


def _with_rows(inventory: Inventory, rows: Iterable[Item]) -> Inventory:
    others = (item for item in inventory.items if item.kind != "catalog row")
    return inventory.model_copy(update={"items": (*others, *rows)})


def _plain(item: Item, facts: dict[str, str]) -> Item:
    """The item with the facts that are compared, and those that say which row it is."""
    kept = {name: value for name, value in facts.items() if name != BY_NAME}
    return item.model_copy(update={"facts": kept})


def _identity(item: Item) -> tuple[str, str | int | None]:
    return catalog_of(item.name), item.facts.get(KEY, item.oid)


def _align(clone: Inventory, other: Inventory) -> Inventory:
    """A witness whose rows bear the clone's names where ids say that they are the same; equal ones have equal facts."""
    copied = is_copy(clone, other)
    by_name = {item.name: item for item in clone.of("catalog row")}
    by_id = {_identity(item): item for item in by_name.values() if _identity(item)[1] is not None} if copied else {}
    rows: dict[str, Item] = {}
    for item in other.of("catalog row"):
        ours = by_id.get(_identity(item), by_name.get(item.name))
        name = ours.name if ours is not None else item.name
        if name in rows and rows[name].oid == (ours.oid if ours else None):
            continue  # another object took the name that this one had
        facts = _comparable(item, ours, copied=copied)
        rows[name] = _plain(item, facts).model_copy(update={"name": name})
    return _with_rows(other, rows.values())


def _comparable(item: Item, ours: Item | None, *, copied: bool) -> dict[str, str]:
    if ours is None:
        return item.facts
    if BY_NAME in item.facts and item.facts[BY_NAME] == ours.facts.get(BY_NAME):
        return ours.facts
    return item.facts if copied else {**ours.facts, "definition": item.facts.get(BY_NAME, "")}


def items_beside(past: Past, kind: ItemKind) -> Iterator[tuple[Past, Three]]:
    """Each item of a kind in the three inventories, with the past in which only the witnesses stand that can speak of it."""
    sides, unread = _sides(past, kind), _catalogs_unread(past.clone, past.clone, kind)
    groups: defaultdict[frozenset[str], set[str]] = defaultdict(set)
    for item in _items(past, kind):
        if _is_unread(item, unread):
            continue  # the clone's line for the catalog says so
        groups[frozenset(which for which, side in sides.items() if side.speaks_of(item))].add(item.name)
    for speaking, names in groups.items():
        here = past if speaking == sides.keys() else replace(past, witnesses=_only(past.witnesses, speaking))
        changed = _where_postgres_changed(here, kind)
        for three in here.threes(kind):
            if three.any.name in names and not _is_changed_in_vain(three, changed):
                yield here, three


def _where_postgres_changed(past: Past, kind: ItemKind) -> frozenset[str]:
    """The catalogs in which PostgreSQL's own rows, all taken together, are not as any witness has them."""
    if kind != "catalog row":
        return frozenset()
    threes = [three for three in past.threes("catalog row") if three.any.name.endswith(f": {BUILT_IN}")]
    return frozenset(
        catalog_of(three.any.name)
        for three in threes
        if three.clone is None or all(three.clone.facts != shown.facts for shown in three.shown)
    )


def _is_changed_in_vain(three: Three, changed: frozenset[str]) -> bool:
    """Whether one of PostgreSQL's own was written since ``initdb``, as VACUUM FULL does, and still says what it said."""
    if not any(OWN_OF_POSTGRES in item.facts for item in (three.clone, *three.shown) if item is not None):
        return False
    return changed.isdisjoint(_catalogs_around(three.any))


def _catalogs_around(item: Item) -> tuple[str, ...]:
    """The catalogs whose rows may count in an object; a row with a key stands for itself."""
    home = catalog_of(item.name)
    return (home,) if KEY in item.facts else (home, *PARTS.get(home, ()), "pg_depend")


def _only(witnesses: Witnesses, speaking: frozenset[str]) -> Witnesses:
    baseline = witnesses.baseline if "baseline" in speaking else None
    return replace(witnesses, baseline=baseline, source=witnesses.source if "source" in speaking else None)


def notes_on_rows(past: Past) -> Iterator[Detail]:
    """What is not compared, with the reason; left out where it means nothing, unknown where a witness should show it."""
    sides = _sides(past, "catalog row")
    if not sides:
        return
    if past.clone.of("catalog row") and not any(side.is_like for side in sides.values()):
        yield Detail(name=f"PostgreSQL's {BUILT_IN}", standing=Standing.LEFT_OUT, found="not compared",
                     why="each version of PostgreSQL brings its own, and no witness is of the clone's version")  # fmt: skip
    for catalog in sorted({catalog_of(item.name) for item in past.clone.of("catalog row")}):
        if all(catalog in side.unlisted for side in sides.values()):
            yield Detail(
                name=catalog,
                standing=UNKNOWN,
                found="not compared",
                why="no witness could read it, or read all of its columns",
            )


def note_on_providers(past: Past) -> Iterator[Detail]:
    """A line where what the provider brings is not compared, because no witness can speak of it."""
    sides = _sides(past, "role").values()
    if not sides or not any(OF_PROVIDER in item.facts for item in past.clone.of("role")):
        return
    if not any(side.is_like and side.has_providers for side in sides):
        why = "each version brings its own, and no witness is of the clone's version"
        why = why if not any(side.is_like for side in sides) else _WITHOUT_PROVIDERS
        yield Detail(name="what the provider's roles may do", standing=Standing.LEFT_OUT, found="not compared", why=why)


def _catalogs_unread(inventory: Inventory, clone: Inventory, kind: ItemKind) -> frozenset[str]:
    """The catalogs that were not read, or of which other columns were added up than in the clone."""
    parts, others = ({each.part for each in one.parts_unlisted(kind)} for one in (inventory, clone))
    apart = {part.partition(".")[0] for part in parts ^ others if "." in part}
    return frozenset(apart | {part for part in parts if "." not in part})


def _sides(past: Past, kind: ItemKind) -> dict[str, _Side]:
    return {
        which: _Side(
            is_like=is_copy(past.clone, witness) and past.clone.server_version == witness.server_version,
            has_providers=witness.has_providers,
            unlisted=_catalogs_unread(witness, past.clone, kind),
        )
        for which, witness in (("baseline", past.witnesses.baseline), ("source", past.witnesses.source))
        if witness is not None and witness.why_unlisted(kind) is None
    }


def _items(past: Past, kind: ItemKind) -> Iterator[Item]:
    for inventory in (past.clone, past.witnesses.baseline, past.witnesses.source):
        yield from inventory.of(kind) if inventory else ()


def in_plain_words(line: Detail, three: Three) -> Detail:
    """A line about an item as a person reads it: a digest says nothing to anybody."""
    said = {"name": in_words(three.any.name)}
    if line.found == "missing":
        said |= {"expected": "present"}
    elif line.expected == "none":
        said |= {"found": "present"}
    else:
        said |= {"expected": f"the same {line.found.partition(':')[0]}", "found": "not the same"}
    return line.model_copy(update=said)


Judged = tuple[Three, list[Detail]]
"""An item, and the lines about it."""


def leave_out_reported(judged: Iterable[Judged], reported: Mapping[str, Standing]) -> list[Judged]:
    """The lines without those about what is reported already: by another box, or here by the line of the object itself.

    ``reported`` are the names and the object ids of what other boxes call unfit or unknown.
    """
    rows = list(judged)
    whole = {oid: UNFIT for three, lines in rows if lines and _is_whole(three) for oid in _ids(three)}
    named = [three for three, lines in rows if lines and OWN_OF_POSTGRES in three.any.facts]
    summed = {f"{each}: {BUILT_IN}" for three in named for each in _catalogs_around(three.any)}
    return [
        (three, [] if three.any.name in summed else _keep_news(three, lines, reported, {} if _ids(three) else whole))
        for three, lines in rows
    ]


def _is_whole(three: Three) -> bool:
    """Whether an object itself is missing or too many, so that its comments and privileges are as well."""
    return three.clone is None or not three.shown


def _ids(three: Three) -> set[str]:
    return {str(each.oid) for each in (three.clone, *three.shown) if each is not None and each.oid is not None}


def _keep_news(
    three: Three, lines: list[Detail], reported: Mapping[str, Standing], whole: Mapping[str, Standing]
) -> list[Detail]:
    identity = three.any.name.partition(": ")[2]
    tokens = {*_ids(three), identity, identity.rpartition(" by ")[0], *three.any.facts.get(KEY, "").split(" ")[:2]}
    known = {reported.get(token) or whole.get(token) for token in tokens}
    if UNFIT in known:
        return []
    return [line for line in lines if line.standing is not UNKNOWN] if UNKNOWN in known else lines


def tables_that_miss(past: Past) -> dict[str, Standing]:
    """Tables that a witness has and the clone has not, which the box of tables judges."""
    threes = [three for three in past.threes("relation") if three.clone is None]
    tables = [
        item for three in threes for item in three.shown if item.facts.get("kind") in ("table", "partitioned table")
    ]
    return dict.fromkeys(_names_of(tables), UNFIT)


def what_is_reported(judged: Iterable[Judged]) -> dict[str, Standing]:
    """The names and the object ids of what a box calls unfit or unknown."""
    rows = list(judged)
    doubted = dict.fromkeys(_names_of(_items_judged(rows, UNKNOWN)), UNKNOWN)
    return doubted | dict.fromkeys(_names_of(_items_judged(rows, UNFIT)), UNFIT)


def _items_judged(judged: Iterable[Judged], standing: Standing) -> Iterator[Item]:
    for three, lines in judged:
        if any(line.standing is standing for line in lines):
            yield from (item for item in (three.clone, *three.shown) if item is not None)


def _names_of(items: Iterable[Item]) -> frozenset[str]:
    found = [(item.name, "" if item.oid is None else str(item.oid)) for item in items]
    return frozenset(each for pair in found for each in pair if each)


def lines_for_unlisted(clone: Inventory, kind: ItemKind) -> Iterator[Detail]:
    """The lines for the parts of a kind that were not read: what this release does not know was left out by choice."""
    for each in clone.parts_unlisted(kind):
        standing = Standing.LEFT_OUT if each.is_unknown else UNKNOWN
        yield Detail(name=each.part, standing=standing, found="not read", why=each.why)

"""What ``daybreak capture`` shows a person: what was kept, what is missing, and what changed since the last capsule."""

from __future__ import annotations

from collections.abc import Callable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daybreak.model.capsule import Capsule, FieldChange
from daybreak.model.cost import Cost
from daybreak.model.kept import Kept
from daybreak.model.names import comma_list, printable
from daybreak.model.schema_dump import SchemaDump
from daybreak.model.trust import OLD_HASH
from daybreak.model.value import stamp
from daybreak.report.costs import cost_words
from daybreak.report.words import Fitting, many, plain

NEWEST = 12
"""Of how many capsules a list says their region: each has to be read for that."""
MOST_CHANGES = 20
"""How many changes the screen shows; the JSON has the rest."""
_LONGEST = 60


def capsule_view(capsule: Capsule) -> RenderableType:
    """What a capsule holds, in one line, and what could not be seen."""
    around = capsule.surroundings
    values = sum(
        len(group.parameters) for group in (around.parameter_group, *around.instance_parameter_groups) if group
    )
    held = [
        f"{len(capsule.instances)} instances",
        f"{values} parameter values",
        f"{len(around.security_groups)} security groups",
        f"{len(around.endpoints)} custom endpoints",
        "autoscaling" if around.scaling else "no autoscaling",
        f"{len(around.proxies)} proxies",
        f"{len(around.connect_policies)} IAM login policies",
    ]
    inventories = (*capsule.inventories, *([capsule.shared] if capsule.shared else []))
    if inventories:
        things = sum(len(each.items) for each in inventories)
        held.append(f"{things:,} things in {many(len(capsule.inventories), 'database')}")
    missing = [f"not seen: {each.what}: {each.why}" for each in around.unseen]
    if not inventories:
        missing.append(f"not asked: what is inside PostgreSQL: {capsule.why_no_inventory}")
    missing += [f"the login gets in, {OLD_HASH}"] if any(each.proof == "md5" for each in inventories) else []
    missing += [f"not asked: {printable(name)}: {why}" for name, why in capsule.left_out.items()]
    for inventory in inventories:
        where = f"{printable(inventory.database)}: " if inventory.database else ""
        missing += [f"not read: {where}{each.kind}: {each.why}" for each in inventory.unlisted]
    head = f"capsule of {capsule.target} as of {stamp(capsule.taken)}: {', '.join(held)}"
    return Group(plain(head, "bold"), *(plain(each, "yellow") for each in missing))


def location_view(kept: Kept, places: tuple[str, ...], *, is_new: bool) -> RenderableType:
    """Where a capsule is kept, and its digest."""
    if not is_new:
        return plain(f"nothing has changed since {stamp(kept.stands_for)}: that capsule stands, {kept.sha256[:12]}")
    return Group(*(plain(f"kept in {place} as {kept.sha256[:12]}") for place in places))


def changes_view(previous: Kept | None, changes: tuple[FieldChange, ...] | None) -> RenderableType:
    """What changed since the last capsule, field by field."""
    if previous is None:
        return plain("the first one that is kept")
    if changes is None:
        return plain(f"the one before, of {stamp(previous.stands_for)}, cannot be read", "yellow")
    rest = len(changes) - MOST_CHANGES
    return Group(
        *([plain(f"since {stamp(previous.stands_for)}:")] if changes else []),
        *(_change(each) for each in changes[:MOST_CHANGES]),
        *([plain(f"  and {rest} more: -o json shows all")] if rest > 0 else []),
    )


def schema_view(dump: SchemaDump | None, kept: Kept | None, why: str, *, is_new: bool) -> RenderableType:
    """Which databases' schemas were dumped, of which there is none and why, and where they are kept."""
    if dump is None or kept is None:
        return plain(f"no schema dump: {why}", "yellow")
    names = comma_list([printable(each.database) for each in dump.databases])
    stands = "is kept" if is_new else f"stands, because nothing has changed since {stamp(kept.stands_for)}"
    notes = dict.fromkeys(each.note for each in dump.databases if each.note)
    return Group(
        plain(f"schema dump of {names} by {dump.databases[0].program} {stands}, {kept.sha256[:12]}"),
        *(plain(f"note: {note}", "yellow") for note in notes),
        *(plain(f"no schema dump of {printable(name)}: {each}", "yellow") for name, each in dump.left_out.items()),
    )


def cost_view(cost: Cost | None) -> RenderableType:
    """What asking took of the server; nothing where nothing was asked."""
    return plain(f"reading took: {cost_words(cost)}", "dim") if cost else Group()


def capsules_view(kept: tuple[Kept, ...], read: Callable[[Kept], Capsule | str]) -> RenderableType:
    """The kept capsules, newest first; ``read`` gives one, for its region, or why it cannot be read."""
    if not kept:
        return plain("no capsule is kept")
    table = Table("taken", "region", "digest", "place", box=box.SIMPLE_HEAD)
    unread = []
    for number, each in enumerate(reversed(kept)):
        found = read(each) if number < NEWEST else ""
        if isinstance(found, str) and found:
            unread.append(f"{each.sha256[:12]} cannot be read: {found}")
        region = "" if isinstance(found, str) else found.identity.region
        table.add_row(stamp(each.stands_for), plain(region), each.sha256[:12], plain(each.place))
    return Group(Fitting(table), *(plain(why, "yellow") for why in unread))


def _change(change: FieldChange) -> Text:
    if not change.before:
        return plain(f"  + {change.field}: {_short(change.after)}")
    if not change.after:
        return plain(f"  - {change.field}: {_short(change.before)}")
    return plain(f"  ~ {change.field}: {_short(change.before)} became {_short(change.after)}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

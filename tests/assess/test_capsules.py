"""What changed between two capsules is told by name, and what moves by itself is no change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daybreak.assess.capsules import capsule_changes
from daybreak.model.capsule import Capsule, FieldChange
from daybreak.model.inventory import Inventory, Item, Unlisted
from daybreak.model.world import CustomEndpoint, ParameterGroup, ProxyTarget, Surroundings
from tests.fix_capsules import capsule
from tests.fix_worlds import SOURCE, instance

HOUR = timedelta(hours=1)


def inside(*items: Item, **more: Any) -> Capsule:
    """A capsule with those things inside PostgreSQL."""
    inventory = Inventory(asked="the catalog", database="embi", items=items, **more)
    return capsule().model_copy(update={"inventories": (inventory,)})


def around(**surroundings: Any) -> Capsule:
    """A capsule with those surroundings."""
    return capsule().model_copy(update={"surroundings": Surroundings(**surroundings)})


def test_time_alone_changes_nothing() -> None:
    """Otherwise an hourly capture keeps a file an hour, and nobody finds the change."""
    later = capsule(HOUR, status="backing-up", window=None, has_pending_changes=True)
    busy = later.model_copy(update={"instances": (instance(1, status="modifying"), instance(2))})
    assert capsule_changes(capsule(), busy) == ()


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (capsule(), capsule(is_protected=False), ("cluster.is_protected", "yes", "no")),
        (capsule(), capsule(log_exports=()), ("cluster.log_exports", "postgresql", "")),
        (capsule(), capsule(tags={"Environment": "production", "CostCenter": "4712"}), ("cluster.tags.CostCenter", "4711", "4712")),
        (around(parameter_group=ParameterGroup(name="a", family="f", parameters={"work_mem": "4MB"})),
         around(parameter_group=ParameterGroup(name="a", family="f", parameters={"work_mem": "8MB"})),
         ("surroundings.parameter_group.parameters.work_mem", "4MB", "8MB")),
        (inside(Item(kind="role", name="app", facts={"login": "yes"})), inside(Item(kind="role", name="app", facts={"login": "no"})), ("database embi: role app", "login: yes", "login: no")),
        (inside(Item(kind="extension", name="pgcrypto")), inside(), ("database embi: extension pgcrypto", "there", "")),
        (inside(), inside(unlisted=(Unlisted(kind="cron job", why="denied"),)), ("database embi: cron job (all)", "", "not read: denied")),
    ],
)  # fmt: skip
def test_a_change_is_told_where_it_is(before: Capsule, after: Capsule, change: tuple[str, str, str]) -> None:
    """Somebody reads this in the mail that cron sends."""
    field, had, has = change
    assert capsule_changes(before, after) == (FieldChange(field=field, before=had, after=has),)
    assert capsule_changes(after, before) == (FieldChange(field=field, before=has, after=had),)


def test_an_entry_of_a_list_is_told_by_its_name() -> None:
    """Whatever its place in the list: a new first instance does not change all the others."""
    readers = CustomEndpoint(identifier="readers", kind="READER")
    batch = CustomEndpoint(identifier="batch", kind="ANY")
    found = capsule_changes(around(endpoints=(readers,)), around(endpoints=(batch, readers)))
    assert {change.field for change in found} == {
        "surroundings.endpoints[batch]",
        "surroundings.endpoints[batch].kind",
    }
    bigger = capsule().model_copy(update={"instances": (instance(1), instance(2, instance_class="db.r6g.4xlarge"))})
    assert [change.field for change in capsule_changes(capsule(), bigger)] == [f"instances[{SOURCE}-2].instance_class"]


def test_what_work_itself_moves_is_no_change() -> None:
    """A sequence that was used, statistics that were gathered, a catalog row that was written again, a busy proxy."""
    before = inside(
        Item(kind="sequence", name="s", facts={"at": "1"}), Item(kind="role", name="app", oid=1, xmin=7), next_xid=8
    )
    after = inside(
        Item(kind="sequence", name="s", facts={"at": "2"}),
        Item(kind="statistics", name="t"),
        Item(kind="role", name="app", oid=1, xmin=9),
        next_xid=10,
        took=HOUR,
    )
    assert capsule_changes(before, after) == ()
    proxies = [
        (ProxyTarget(proxy="p", target_group="default", status=status),) for status in ("available", "modifying")
    ]
    assert capsule_changes(around(proxies=proxies[0]), around(proxies=proxies[1])) == ()


def test_a_capsule_without_what_is_inside_differs_from_one_with_it() -> None:
    """The one that could not be asked must not pass for the one that was."""
    assert capsule_changes(inside(Item(kind="role", name="app")), capsule()) != ()

"""Roles and databases that have another name in a witness: by number they are the same, with all that hangs on them."""

from __future__ import annotations

import pytest

from daybreak.judge.objects.past import Witnesses, in_our_names, name_there
from daybreak.model.findings import Standing
from daybreak.model.inventory import Inventory, ItemKind
from tests.judge.objects.test_findings import DEFINED, item, judged, stock

FIT = Standing.FIT


def test_a_database_is_known_by_its_number_and_one_that_was_made_again_by_its_name() -> None:
    """Two that changed their names, or a new one in the place of one that was put aside, were held to each other's past."""
    people = [item("role", name, oid=20 + number) for number, name in enumerate(("owner", "reader", "writer", "app"))]

    def listed(**numbers: int) -> Inventory:
        all_named = {"embi": 5, "postgres": 6, **numbers}
        return stock(*people, *(item("database", name, oid=oid) for name, oid in all_named.items()))

    before = listed(shop=10, archive=11, drafts=12)
    now = listed(archive=10, shop=11, drafts=13, later=14)
    assert [name_there(name, now, before) for name in ("archive", "shop", "drafts", "later")] == [
        "shop",
        "archive",
        "drafts",
        None,
    ]
    assert name_there("archive", listed(shop=15, archive=10), listed(shop=10)) == "shop"
    assert name_there("shop", listed(shop=15, archive=10), listed(shop=10)) is None
    assert name_there("shop", now, None) == "shop"


def test_memberships_and_settings_keep_the_names_that_roles_and_databases_had() -> None:
    """What a renamed role is a member of was missing in the clone, and so were its settings."""
    people = [item("role", name, oid=20 + number) for number, name in enumerate(("owner", "reader", "app"))]
    named = ('"a in b"', "clerk", "shop")
    here = stock(
        *people, item("role", named[0], oid=31), item("role", named[1], oid=32), item("database", named[2], oid=41)
    )
    later = ("boss", '"clerk 2"', "store")
    there = stock(
        *people,
        *(item("role", name, oid=31 + number) for number, name in enumerate(later[:2])),
        item("database", later[2], oid=41),
        item("membership", f"owner in {later[0]}"),
        item("membership", f"{later[1]} in {later[0]}"),
        item("setting", f"role {later[1]} in database {later[2]}"),
        item("setting", f"everybody in database {later[2]}"),
        item("policy", later[0]),
    )
    ours = in_our_names(here, there)
    told = {kind: [each.name for each in ours.of(kind)] for kind in ("membership", "setting", "policy", "role")}
    assert told["membership"] == ['owner in "a in b"', 'clerk in "a in b"']
    assert told["setting"] == ["role clerk in database shop", "everybody in database shop"]
    assert (told["policy"], told["role"][-2:]) == (["boss"], list(later[:2])), "what is renamed keeps its own name"


def test_a_role_that_was_changed_before_the_moment_and_renamed_after_it_is_as_the_source_has_it() -> None:
    """Roles show no transaction, so only the source's role of the same number explains the change."""
    people = [item("role", name, oid=20 + number) for number, name in enumerate(("owner", "reader", "app"))]
    was, now = ({**DEFINED["role"], "valid until": year} for year in ("none", "2099"))
    baseline, clone = (stock(*people, item("role", "clerk", oid=31, facts=facts)) for facts in (was, now))
    source = stock(*people, item("role", "scribe", oid=31, facts=now))
    assert judged(clone, Witnesses(baseline=baseline, source=source))["security.roles"].standing is FIT
    lowered = stock(*people, item("role", "clerk", oid=31, facts={**now, "valid until": "2001"}))
    assert judged(lowered, Witnesses(baseline=baseline, source=source))["security.roles"].standing is not FIT
    taken = stock(*people, item("role", "scribe", oid=31, facts=now))
    assert judged(taken, Witnesses(baseline=baseline, source=baseline))["security.roles"].standing is not FIT


@pytest.mark.parametrize(("kind", "check"), [("role", "security.roles"), ("database", "data.databases")])
def test_a_name_that_changed_hands_in_the_clone_is_unfit(kind: ItemKind, check: str) -> None:
    """Everything else refers to it by number: whoever swaps two names gives one the tables and rights of the other."""
    people = [item("role", name, oid=20 + number) for number, name in enumerate(("owner", "reader", "app"))]

    def named(first: int, second: int) -> Inventory:
        return stock(*people, item(kind, "one", oid=first), item(kind, "other", oid=second))

    def standing(clone: Inventory, baseline: Inventory, source: Inventory) -> Standing:
        return judged(clone, Witnesses(baseline=baseline, source=source))[check].standing

    was, swapped = named(31, 32), named(32, 31)
    assert standing(swapped, was, was) is Standing.UNFIT
    assert standing(was, was, was) is FIT
    assert standing(was, was, swapped) is FIT, "swapped in the source since"
    assert standing(swapped, was, swapped) is FIT, "swapped before the moment"

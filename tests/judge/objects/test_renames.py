"""Roles and databases that have another name in a witness: by number they are the same, with all that hangs on them."""

from __future__ import annotations

import pytest

from daybreak.judge.objects.past import Witnesses
from daybreak.judge.objects.renames import find_renamed, in_our_names, name_now, name_there
from daybreak.model.findings import Standing
from daybreak.model.inventory import Inventory, ItemKind
from tests.judge.objects.test_findings import DEFINED, LATE_XID, NEXT_OID, NEXT_XID, OWN_XID, item, judged, stock

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
    assert name_now("drafts", before, now) is None, "the source made it again later"
    assert name_now("drafts", now, before) == "drafts", "the clone did"
    assert [name_now(name, before, now) for name in ("shop", "embi")] == ["archive", "embi"]


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
    ours = in_our_names(there, find_renamed(here, there))
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


def test_a_renamed_role_changes_no_privileges() -> None:
    """A role renamed in the source after the moment makes every grant to it look different."""
    clone = stock(item("role", "old"), item("grant", facts={"old": "SELECT"}), item("owner", facts={"owner": "old"}))
    source = stock(item("role", "new"), item("grant", facts={"new": "SELECT"}), item("owner", facts={"owner": "new"}))
    found = judged(clone, Witnesses(source=source))
    assert {found[check].standing for check in ("security.grants", "security.owners")} == {FIT}
    found = judged(clone, Witnesses(baseline=clone, source=source))
    assert {found[check].standing for check in ("security.roles", "security.grants", "security.owners")} == {FIT}


PEOPLE = tuple(item("role", name, oid=20 + number) for number, name in enumerate(("owner", "reader", "app")))
RENAMED = {
    "role": ("security.roles", {}, {"creates databases": "yes"}),
    "grant": ("security.grants", {"ROLE": "SELECT"}, {"ROLE": "SELECT", "reader": "SELECT"}),
    "owner": ("security.owners", {"owner": "ROLE"}, {"owner": "reader"}),
    "policy": ("security.row-security", {"roles": "ROLE, app", "using": "a"}, {"roles": "ROLE, app", "using": "true"}),
    "database": ("data.databases", {"privileges of ROLE": "CREATE"}, {"privileges of ROLE": "CREATE, CONNECT"}),
    "membership": ("security.roles", {"admin": "no"}, {"admin": "yes"}),
    "setting": ("security.roles", {"work_mem": "4MB"}, {"work_mem": "9MB"}),
    "foreign server": ("data.foreign-servers", {}, {"wrapper": "own"}),
}
NAMED = {"role": "ROLE", "membership": "app in ROLE", "setting": "role ROLE", "foreign server": "wire for ROLE"}


def _about(kind: ItemKind, role: str, facts: dict[str, str], **changes: int) -> Inventory:
    """A server in which one item speaks of a role by its name."""
    quoted = '"two words"' if " " in role else role
    told = {name.replace("ROLE", role): value.replace("ROLE", role) for name, value in facts.items()}
    one = item(kind, NAMED.get(kind, "it").replace("ROLE", quoted), facts=told, **({"oid": 31} | changes))
    return stock(*PEOPLE, *((one,) if kind == "role" else (one, item("role", quoted, oid=31))))


@pytest.mark.parametrize("kind", RENAMED)
def test_what_was_changed_beside_a_rename_is_judged(kind: ItemKind) -> None:
    """Whoever renamed a role in the source since excused whatever else was changed in the clone of what speaks of it."""
    check, facts, changed = RENAMED[kind]

    def standing(clone: Inventory, **changes: int) -> Standing:
        source = _about(kind, "two words", facts, **changes)
        return judged(clone, Witnesses(baseline=_about(kind, "clerk", facts), source=source))[check].standing

    assert standing(_about(kind, "clerk", facts)) is FIT
    assert standing(_about(kind, "clerk", facts), xmin=LATE_XID) is FIT
    if kind != "foreign server":  # the name of a login is all that it shows
        assert standing(_about(kind, "clerk", changed)) is Standing.UNFIT


def test_a_role_that_was_renamed_before_the_moment_is_the_baselines_too() -> None:
    """With the baseline alone every grant to it was called changed."""
    baseline, clone = (
        stock(*PEOPLE, item("role", name, oid=31), item("owner", facts={"owner": name}, xmin=5))
        for name in ("old", "new")
    )
    assert judged(clone, Witnesses(baseline=baseline))["security.owners"].standing is FIT


def test_a_grant_to_a_role_that_was_made_again_is_not_one_to_the_renamed_role() -> None:
    """The source renamed a role and gave another one its name; what that one may do is not what ours may."""
    clone = stock(*PEOPLE, item("role", "clerk", oid=31), item("grant", facts={"clerk": "SELECT"}))
    source = stock(
        *PEOPLE, item("role", "old", oid=31), item("role", "clerk", oid=40), item("grant", facts={"clerk": "SELECT"})
    )
    assert judged(clone, Witnesses(source=source))["security.grants"].standing is Standing.UNFIT


@pytest.mark.parametrize(("kind", "check"), [("role", "security.roles"), ("database", "data.databases")])
def test_a_name_that_changed_hands_is_unknown_where_one_witness_cannot_tell_when(kind: ItemKind, check: str) -> None:
    """It may have changed hands before the moment, or after it, or in the clone: that is no answer, and not fit."""

    def named(first: int, second: int) -> Inventory:
        pair = (item(kind, "one", oid=first, xmin=None), item(kind, "other", oid=second, xmin=None))
        return stock(*PEOPLE, *pair)

    was, swapped = named(31, 32), named(32, 31)
    for witnesses in (Witnesses(baseline=was), Witnesses(source=was)):
        found = judged(swapped, witnesses)[check]
        assert found.standing is Standing.UNKNOWN
        assert [(line.expected, line.found) for line in found.details] == [
            ("name: other", "name: one"),
            ("name: one", "name: other"),
        ]
        assert judged(was, witnesses)[check].standing is FIT
        gone = stock(*PEOPLE, item(kind, "other", oid=31, xmin=None))
        assert judged(gone, witnesses)[check].standing is not FIT, "one renamed, the other gone"


def test_the_transaction_of_a_database_tells_when_its_name_changed_hands() -> None:
    """What wrote a database's row is known, unlike what wrote a role's."""

    def named(first: int, second: int, xmin: int) -> Inventory:
        pair = (item("database", "one", oid=first, xmin=xmin), item("database", "other", oid=second, xmin=xmin))
        return stock(*PEOPLE, *pair)

    was = named(31, 32, 400)
    told = {
        "in the clone": (named(32, 31, OWN_XID), Witnesses(source=was)),
        "in the source since": (was, Witnesses(source=named(32, 31, LATE_XID))),
        "in the clone, by the baseline": (named(32, 31, OWN_XID), Witnesses(baseline=was)),
        "before the moment": (
            named(32, 31, NEXT_XID - 1),
            Witnesses(baseline=was.model_copy(update={"oldest_xid": 500})),
        ),
    }
    found = {when: judged(clone, witnesses)["data.databases"].standing for when, (clone, witnesses) in told.items()}
    assert found == {
        "in the clone": Standing.UNFIT,
        "in the source since": FIT,
        "in the clone, by the baseline": Standing.UNFIT,
        "before the moment": FIT,
    }


@pytest.mark.parametrize(("kind", "check"), [("role", "security.roles"), ("database", "data.databases")])
def test_one_that_was_made_again_in_the_clone_is_another_one(kind: ItemKind, check: str) -> None:
    """It has the name, and nothing of what its predecessor owned."""
    was, again = (stock(*PEOPLE, item(kind, "one", oid=oid, xmin=None)) for oid in (31, NEXT_OID + 5))
    for witnesses in (Witnesses(baseline=was), Witnesses(source=was), Witnesses(baseline=was, source=was)):
        assert judged(again, witnesses)[check].standing is Standing.UNFIT
    younger = stock(*PEOPLE, item(kind, "one", oid=50, xmin=None))
    assert judged(younger, Witnesses(baseline=was))[check].standing is FIT, "made again before the moment"
    assert judged(was, Witnesses(source=again))[check].standing is FIT, "made again in the source since"

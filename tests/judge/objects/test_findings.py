"""Inventories against each other, without a server: what is told, what is condemned, and what nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daybreak.judge.objects.findings import (
    CloneFacts,
    DatabasesEntered,
    Witnesses,
    object_findings,
    object_findings_of_cluster,
)
from daybreak.judge.objects.renames import find_renamed, in_our_names
from daybreak.model import checks
from daybreak.model.answers import Silence
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import LOCKED, OF_A_PROOF, Inventory, Item, ItemKind, Unlisted

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
QUIET = CloneFacts(moment=MOMENT, may_subscribe=False, may_schedule=False)
NEXT_XID, NEXT_OID = 1000, 30000
LATE_XID, LATE_OID = 1500, 31000
OWN_XID, OWN_OID = 1001, 30001

DEFINED: dict[ItemKind, dict[str, str]] = {
    "schema": {},
    "relation": {"kind": "table", "persistence": "permanent", "partition of": "public.all"},
    "column": {"id": "bigint not null", "name": "text"},
    "constraint": {"definition": "CHECK (n > 0)", "validated": "yes"},
    "foreign key": {"definition": "FOREIGN KEY (a) REFERENCES b(id)", "validated": "yes", "enforced": "yes"},
    "index": {"definition": "CREATE INDEX i ON t (a)", "valid": "yes", "ready": "yes", "live": "yes"},
    "trigger": {"definition": "CREATE TRIGGER g", "enabled": "yes"},
    "event trigger": {"event": "ddl_command_end", "enabled": "yes"},
    "rule": {"definition": "a1", "enabled": "yes"},
    "function": {"body": "a2"},
    "view": {"definition": "a3"},
    "type": {"is": "'a', 'b'"},
    "sequence": {"start": "1", "step": "1", "at": "10", "farthest in public.t.id": "10"},
    "extension": {"version": "1.5"},
    "role": {"logs in": "yes"},
    "membership": {"admin": "no"},
    "grant": {"reader": "SELECT"},
    "owner": {"owner": "app"},
    "row security": {"enabled": "yes"},
    "policy": {"using": "(true)"},
    "publication": {"insert": "yes"},
    "foreign server": {"wrapper": "postgres_fdw", "host": "elsewhere.example"},
    "setting": {"search_path": "app"},
    "subscription": {"publications": "{news}", "enabled": "no"},
    "cron job": {"schedule": "* * * * *", "active": "no"},
    "catalog row": {"definition": "a4"},
}
"""A definition of each kind that is compared."""

BOX: dict[ItemKind, str] = {
    "schema": "data.functions",
    "relation": "data.partitions",
    "column": "data.columns",
    "constraint": "data.constraints",
    "foreign key": "data.foreign-keys",
    "index": "data.indexes",
    "trigger": "data.triggers",
    "event trigger": "data.triggers",
    "rule": "data.triggers",
    "function": "data.functions",
    "view": "data.functions",
    "type": "data.functions",
    "sequence": "data.sequences",
    "extension": "data.extensions",
    "role": "security.roles",
    "membership": "security.roles",
    "grant": "security.grants",
    "owner": "security.owners",
    "row security": "security.row-security",
    "policy": "security.row-security",
    "publication": "data.publications",
    "foreign server": "data.foreign-servers",
    "setting": "security.roles",
    "subscription": "data.subscriptions",
    "cron job": "data.cron-jobs",
    "catalog row": "data.catalog",
}
"""The box each kind is judged in."""

ONE_PER_OBJECT: set[ItemKind] = {"column", "grant", "owner"}
UNDATED: set[ItemKind] = {"role", "subscription"}


def item(kind: ItemKind, name: str = "it", **changes: Any) -> Item:
    """An item as the catalog has it; roles show no transaction to whom is no superuser."""
    xmin = None if kind in UNDATED else 500
    facts = dict(DEFINED.get(kind, {}))
    fields: dict[str, Any] = {"kind": kind, "name": name, "facts": facts, "oid": 20000, "xmin": xmin}
    return Item(**(fields | changes))


def stock(*items: Item, **changes: Any) -> Inventory:
    """An inventory of a clone or a source, which share a system."""
    anchor = Item(
        kind="relation", name="anchor", facts={"kind": "table", "persistence": "permanent"}, oid=16500, xmin=400
    )
    columns = Item(kind="column", name="anchor", facts={"id": "bigint"}, oid=16500, xmin=400)
    row = Item(
        kind="catalog row", name="pg_class: anchor", facts={"definition": "a1", "by name": "b1"}, oid=16500, xmin=400
    )
    fields: dict[str, Any] = {
        "asked": "the catalog",
        "database": "embi",
        "system": "7",
        "newest_oid": NEXT_OID - 1,
        "next_oid": NEXT_OID,
        "next_xid": NEXT_XID,
        "newest_xid": NEXT_XID - 1,
        "oldest_xid": NEXT_XID,
        "checkpoint": MOMENT + timedelta(minutes=5),
        "items": (anchor, columns, row, *items),
    }
    return Inventory(**(fields | changes))


def judged(clone: Inventory | Silence, witnesses: Witnesses, circumstances: CloneFacts = QUIET) -> dict[str, Finding]:
    """Every finding by the name of its check."""
    return {finding.check: finding for finding in every_finding(clone, witnesses, circumstances)}


def every_finding(clone: Inventory | Silence, witnesses: Witnesses, circumstances: CloneFacts) -> list[Finding]:
    """What the judges say of one database, and of what all databases share."""
    if isinstance(clone, Inventory):
        baseline, source = (
            in_our_names(each, find_renamed(clone, each)) if each else None
            for each in (witnesses.baseline, witnesses.source)
        )
        witnesses = replace(witnesses, baseline=baseline, source=source)
    shared = object_findings_of_cluster(clone, witnesses, circumstances, DatabasesEntered())
    return [*shared, *object_findings(clone, witnesses, circumstances)]


def beside(clone: Item | None, source: Item | None, kind: ItemKind) -> Standing:
    """What the box of a kind says about one item, with the source as the only witness."""
    one = stock(*([clone] if clone else ()))
    other = stock(*([source] if source else ()))
    return judged(one, Witnesses(source=other))[BOX[kind]].standing


def changed(kind: ItemKind, **changes: Any) -> Item:
    """The item with another definition."""
    facts = {**DEFINED[kind], "definition": "something else"}
    return item(kind, facts=facts, **changes)


COMPARED = sorted(BOX)
DATED = [kind for kind in COMPARED if kind not in UNDATED]
ALONE = [kind for kind in COMPARED if kind not in ONE_PER_OBJECT]


def test_every_box_about_objects_is_told_once() -> None:
    """A box that nobody ticks is a check that nobody did."""
    found = [finding.check for finding in every_finding(stock(), Witnesses(source=stock()), QUIET)]
    assert len(found) == len(set(found)) == 26
    assert set(found) <= set(checks.CHECKS)


@pytest.mark.parametrize("kind", COMPARED)
def test_what_the_source_has_too_is_right(kind: ItemKind) -> None:
    """The good case must be quiet."""
    assert beside(item(kind), item(kind), kind) is FIT


@pytest.mark.parametrize("kind", ALONE)
def test_what_was_there_at_the_moment_is_missed(kind: ItemKind) -> None:
    """An item of the source that is older than the clone was lost."""
    assert beside(None, item(kind), kind) is UNFIT


@pytest.mark.parametrize("kind", DATED)
def test_what_was_otherwise_at_the_moment_is_found(kind: ItemKind) -> None:
    """An item of the source that nobody changed since must be just so in the clone."""
    assert beside(changed(kind), item(kind), kind) is UNFIT


@pytest.mark.parametrize("kind", ALONE)
def test_what_came_later_is_not_missed(kind: ItemKind) -> None:
    """People go on working in the source."""
    late = item(kind, oid=LATE_OID, xmin=None if kind in UNDATED else LATE_XID)
    assert beside(None, late, kind) is FIT


@pytest.mark.parametrize("kind", DATED)
def test_what_was_changed_later_is_not_condemned(kind: ItemKind) -> None:
    """The same for what people changed."""
    assert beside(item(kind), changed(kind, xmin=LATE_XID), kind) is FIT


@pytest.mark.parametrize("kind", DATED)
def test_what_was_still_running_at_the_moment_is_not_condemned(kind: ItemKind) -> None:
    """A long transaction has an old number and a late end: the clone knows it as never finished."""
    clone, source = stock(item(kind)), stock(changed(kind, xmin=900))
    assert judged(clone, Witnesses(source=source))[BOX[kind]].standing is UNFIT
    assert judged(clone, Witnesses(source=source, ends={900: False}))[BOX[kind]].standing is FIT


@pytest.mark.parametrize("kind", ALONE)
def test_what_is_gone_from_the_source_is_told(kind: ItemKind) -> None:
    """What was dropped in the source after the moment belongs in the clone."""
    finding = judged(stock(item(kind)), Witnesses(source=stock()))[BOX[kind]]
    assert finding.standing is FIT
    assert [line.why for line in finding.details if line.name == "it"][-1:] == ["gone from the source since"]


@pytest.mark.parametrize("kind", sorted({*ALONE} - {"statistics"}))
def test_what_was_added_in_the_clone_is_found(kind: ItemKind) -> None:
    """A constraint that refuses rows, a table in front of another: one thing too many is as bad as one too few."""
    added = item(kind, oid=OWN_OID, xmin=None if kind in UNDATED else OWN_XID)
    assert beside(added, None, kind) is UNFIT


@pytest.mark.parametrize("kind", DATED)
def test_either_witness_is_enough(kind: ItemKind) -> None:
    """Right is what the baseline shows or what the source shows."""
    other = stock(changed(kind, xmin=None), system="8")
    same = stock(item(kind))
    assert judged(same, Witnesses(baseline=other, source=same))[BOX[kind]].standing is FIT
    assert judged(same, Witnesses(baseline=same, source=other))[BOX[kind]].standing is FIT


@pytest.mark.parametrize("kind", ALONE)
def test_what_both_witnesses_have_was_there_between_them(kind: ItemKind) -> None:
    """Even when the source changed it since: one object id means one object, all the time."""
    witnesses = Witnesses(baseline=stock(item(kind)), source=stock(changed(kind, xmin=LATE_XID)))
    assert judged(stock(), witnesses)[BOX[kind]].standing is UNFIT


@pytest.mark.parametrize("kind", DATED)
def test_a_baseline_alone_tells_what_was_not_touched_since(kind: ItemKind) -> None:
    """With the source gone: older than the baseline and yet different is damage, younger is somebody's work."""
    baseline = stock(item(kind), oldest_xid=600)
    assert judged(stock(changed(kind)), Witnesses(baseline=baseline))[BOX[kind]].standing is UNFIT
    assert judged(stock(changed(kind, xmin=700)), Witnesses(baseline=baseline))[BOX[kind]].standing is FIT


@pytest.mark.parametrize("kind", ALONE)
def test_what_only_the_baseline_has_nobody_can_tell(kind: ItemKind) -> None:
    """Dropped or lost: without the source it is unknown, and with a source that lacks it too it was dropped."""
    baseline = stock(item(kind))
    assert judged(stock(), Witnesses(baseline=baseline))[BOX[kind]].standing is UNKNOWN
    assert judged(stock(), Witnesses(baseline=baseline, source=stock()))[BOX[kind]].standing is FIT


def test_another_database_condemns_nothing_by_its_numbers() -> None:
    """Transaction ids of another server mean nothing here: what differs from it alone is unknown."""
    source = stock(item("function"), system="8")
    assert judged(stock(changed("function")), Witnesses(source=source))["data.functions"].standing is UNKNOWN


def test_without_any_witness_comparison_is_unknown_and_says_what_would_help() -> None:
    """A first validation must neither condemn nor approve what nobody can tell."""
    found = judged(stock(), Witnesses(absent=("there is no baseline", "the source is deleted")))
    silent = {check for check, finding in found.items() if finding.standing is UNKNOWN}
    assert silent == {
        "data.partitions", "data.columns", "data.functions", "data.extensions", "data.publications",
        "data.databases", "security.roles", "security.owners", "security.grants", "security.row-security",
        "data.catalog", "data.shared-catalogs",
    }  # fmt: skip
    assert all(
        "daybreak baseline" in found[check].why and "the source is deleted" in found[check].why for check in silent
    )


def test_a_denied_kind_is_unknown_and_not_empty() -> None:
    """An inventory without indexes because it may not see them must not pass for one whose indexes are right."""
    clone = stock(unlisted=(Unlisted(kind="index", why="permission denied"),))
    finding = judged(clone, Witnesses(source=stock(item("index"))))["data.indexes"]
    assert finding.standing is UNKNOWN
    assert "permission denied" in finding.why


def test_a_kind_the_source_may_not_show_is_no_witness() -> None:
    """The same on the other side: what the source did not list is not gone from it."""
    source = stock(unlisted=(Unlisted(kind="membership", why="permission denied"),))
    finding = judged(stock(item("membership", xmin=OWN_XID)), Witnesses(source=source))["security.roles"]
    assert finding.standing is UNKNOWN


def test_what_somebody_has_locked_is_unknown_and_not_different() -> None:
    """A migration that runs while we look must not look like damage, nor like a definition that was read."""
    locked = item("index", facts={**DEFINED["index"], "definition": LOCKED})
    assert judged(stock(locked), Witnesses(source=stock(item("index"))))["data.indexes"].standing is UNKNOWN
    assert judged(stock(item("index")), Witnesses(source=stock(locked)))["data.indexes"].standing is FIT


def test_a_clone_that_does_not_answer_is_unknown_in_every_box() -> None:
    """Silence is never fit."""
    found = judged(Silence(asked="the catalog", why="no answer came"), Witnesses(source=stock()))
    assert {finding.standing for finding in found.values()} == {UNKNOWN}


WRONG: list[tuple[str, Item]] = [
    ("data.foreign-keys", item("foreign key", facts={**DEFINED["foreign key"], "validated": "no"})),
    ("data.foreign-keys", item("foreign key", facts={**DEFINED["foreign key"], "enforced": "no"})),
    ("data.indexes", item("index", facts={**DEFINED["index"], "valid": "no"})),
    ("data.indexes", item("index", facts={**DEFINED["index"], "ready": "no"})),
    ("data.constraints", item("constraint", facts={**DEFINED["constraint"], "validated": "no"})),
    ("data.triggers", item("trigger", facts={**DEFINED["trigger"], "enabled": "no"})),
    ("data.triggers", item("rule", facts={**DEFINED["rule"], "enabled": "on a replica only"})),
    ("data.sequences", item("sequence", facts={**DEFINED["sequence"], "at": "9"})),
    ("data.sequences", item("sequence", facts={**DEFINED["sequence"], "at": "unused"})),
    (
        "data.sequences",
        item("sequence", facts={"start": "-1", "step": "-1", "at": "-9", "farthest in public.t.id": "-10"}),
    ),
    ("data.materialized-views", item("relation", facts={"kind": "materialized view", "populated": "no"})),
    ("data.partitions", item("relation", facts={"kind": "table", "partition of": "public.all", "detaching": "yes"})),
    ("data.collations", item("collation", facts={"recorded": "153.1", "actual": "153.2"})),
    ("data.collations", item("collation", facts={"recorded": "1"})),
    ("data.prepared-transactions", item("prepared transaction", facts={"owner": "app"})),
    ("data.replication-slots", item("replication slot", facts={"type": "logical"})),
    ("security.row-security", item("row security", facts={"enabled": "no"})),
]


@pytest.mark.parametrize(("check", "wrong"), WRONG)
def test_what_is_wrong_by_itself_needs_no_witness(check: str, wrong: Item) -> None:
    """And what the source shows just so came with the data, and is told instead."""
    alone = judged(stock(wrong), Witnesses())[check]
    assert alone.standing is UNFIT
    assert "it" in alone.found
    same = judged(stock(wrong), Witnesses(source=stock(wrong)))[check]
    assert same.standing is FIT
    assert [line.name for line in same.details] == ["it"]


def test_what_a_killed_proof_left_is_said_in_the_sentence_itself() -> None:
    """A terminal lists what speaks against the clone and nothing else: a sentence that says "below" leads nowhere there."""
    role = item("role", "app")
    left = [
        item("role", f"daybreak_{mark}_role", oid=oid, facts={OF_A_PROOF: mark}) for mark, oid in (("a", 7), ("b", 8))
    ]
    found = judged(stock(role, *left), Witnesses(source=stock(role)))["security.roles"]
    assert (found.standing, len(found.details)) == (FIT, 2)
    assert found.found.endswith("; 2 of them a negative control's, which the next --prove removes")
    assert found.found.startswith("3 roles")
    off = item("trigger", facts={**DEFINED["trigger"], "enabled": "no"})
    later = judged(stock(off), Witnesses(source=stock(item("trigger", xmin=LATE_XID))))["data.triggers"]
    assert (later.standing, later.found) == (FIT, "1 triggers and rules; 1 more in the report")


def test_a_state_that_somebody_changed_in_the_source_since_is_told() -> None:
    """A trigger that was disabled at the moment for a nightly load is rightly disabled in the clone."""
    off = item("trigger", facts={**DEFINED["trigger"], "enabled": "no"})
    assert beside(off, item("trigger", xmin=LATE_XID), "trigger") is FIT
    assert beside(off, item("trigger"), "trigger") is UNFIT


@pytest.mark.parametrize(
    ("facts", "standing"),
    [
        ({"at": "10"}, FIT),
        ({"at": "11"}, FIT),
        ({"at": "unused", "farthest in public.t.id": ""}, FIT),
        ({"at": "1", "cycles": "yes"}, FIT),
        ({"at": "unread"}, UNKNOWN),
        ({"unread public.big.id": "no index leads with it"}, UNKNOWN),
        ({"at": "9", "unread public.big.id": "no index leads with it"}, UNFIT),
    ],
)
def test_a_sequence_is_ahead_of_the_data_or_nobody_can_tell(facts: dict[str, str], standing: Standing) -> None:
    """The next insert after a restore fails on a sequence that is behind."""
    sequence = item("sequence", facts={**DEFINED["sequence"], **facts})
    assert judged(stock(sequence), Witnesses())["data.sequences"].standing is standing


def test_a_way_to_the_source_is_condemned_unless_it_was_always_there() -> None:
    """A foreign server that was pointed at production lets a clone write there."""
    server = item("foreign server", facts={"wrapper": "postgres_fdw", "host": "Source.example"})
    at_source = CloneFacts(moment=MOMENT, production=frozenset({"source.example"}))
    assert judged(stock(server), Witnesses(), QUIET)["data.foreign-servers"].standing is FIT
    assert judged(stock(server), Witnesses(), at_source)["data.foreign-servers"].standing is UNFIT
    shown = judged(stock(server), Witnesses(source=stock(server)), at_source)["data.foreign-servers"]
    assert shown.standing is FIT
    assert "Source.example" in shown.details[0].found


def test_an_emptied_unlogged_table_is_told_and_condemned_where_rows_are_awaited() -> None:
    """No backup holds its rows, so every restore loses them; only the owner knows whether that matters."""
    full = item("relation", "public.scratch", facts={"kind": "table", "persistence": "unlogged", "has data": "yes"})
    empty = item("relation", "public.scratch", facts={"kind": "table", "persistence": "unlogged", "has data": "no"})
    told = judged(stock(empty), Witnesses(source=stock(full)))["data.unlogged-tables"]
    assert told.standing is FIT
    assert "empties" in told.details[0].why
    awaited = CloneFacts(moment=MOMENT, awaited=frozenset({"scratch"}))
    assert judged(stock(empty), Witnesses(), awaited)["data.unlogged-tables"].standing is UNFIT
    assert judged(stock(full), Witnesses(), awaited)["data.unlogged-tables"].standing is FIT


@pytest.mark.parametrize(
    ("last", "standing"),
    [(MOMENT - timedelta(hours=1), UNFIT), (MOMENT + timedelta(hours=1), FIT), (None, FIT)],
)
def test_lost_statistics_are_found_where_they_were_there_at_the_moment(
    last: datetime | None, standing: Standing
) -> None:
    """A clone without statistics answers the first queries with plans from nowhere."""
    bare = item("statistics", facts={"collected": "no", "has data": "yes", "readable": "yes"}, xmin=None)
    facts = {"collected": "yes", "has data": "yes"} | ({"last analyzed": last.isoformat()} if last else {})
    source = stock(item("statistics", facts=facts, xmin=None))
    assert judged(stock(bare), Witnesses(source=source))["data.statistics"].standing is standing
    assert judged(stock(bare), Witnesses(baseline=source))["data.statistics"].standing is UNFIT


_ITEMS = st.builds(
    item,
    st.sampled_from(COMPARED),
    st.text("abc", min_size=1, max_size=3),
    oid=st.integers(16384, NEXT_OID - 1),
    facts=st.dictionaries(st.text("ab ", min_size=1, max_size=4), st.text(max_size=5), max_size=3),
)
_STOCKS = st.lists(_ITEMS, max_size=12, unique_by=lambda each: (each.kind, each.name))


@settings(max_examples=200)
@given(_STOCKS)
def test_an_inventory_beside_itself_is_never_unfit(items: list[Item]) -> None:
    """Whatever odd names and facts a database has, a faithful copy raises no alarm by comparison."""
    whole = stock(*items)
    for witnesses in (Witnesses(source=whole), Witnesses(baseline=whole), Witnesses(baseline=whole, source=whole)):
        found = judged(whole, witnesses)
        assert {check for check, finding in found.items() if finding.standing is not FIT} == set()


@settings(max_examples=200)
@given(_STOCKS.filter(bool), st.data())
def test_any_one_thing_that_is_gone_or_otherwise_is_found(items: list[Item], data: st.DataObject) -> None:
    """One lost grant among thousands of things is one too many."""
    victim = data.draw(
        st.sampled_from([each for each in items if each.kind not in ONE_PER_OBJECT | UNDATED] or [item("index")])
    )
    rest = [each for each in items if each != victim]
    source = stock(*rest, victim.model_copy(update={"facts": {**DEFINED[victim.kind], **victim.facts}}))
    assert judged(stock(*rest), Witnesses(source=source))[BOX[victim.kind]].standing is UNFIT
    bent = victim.model_copy(update={"facts": {**DEFINED[victim.kind], "definition": "bent"}})
    assert judged(stock(*rest, bent), Witnesses(source=source))[BOX[victim.kind]].standing is UNFIT


def _one(clone: Inventory, witnesses: Witnesses, check: str = "security.roles") -> Standing:
    return judged(clone, witnesses)[check].standing


def test_what_nobody_can_date_is_unknown() -> None:
    """A membership that the source lacks may have been revoked there, or given here, where nothing tells which."""
    extra = item("membership", xmin=800)
    undated = stock(extra, checkpoint=None)
    assert _one(undated, Witnesses(source=stock())) is UNKNOWN
    assert _one(undated, Witnesses(source=stock(), ends={800: True})) is FIT
    assert _one(undated, Witnesses(source=stock(), ends={800: False})) is UNFIT
    assert _one(stock(extra), Witnesses(source=stock())) is FIT


def test_what_is_older_than_the_baseline_and_not_in_it_is_no_work_of_somebody() -> None:
    """A row of the catalog that claims to be old, and that neither witness has, was forged or comes from elsewhere."""
    assert _one(stock(item("membership")), Witnesses(baseline=stock(), source=stock())) is UNFIT


def test_what_two_witnesses_agree_on_outweighs_that_nobody_dated_it() -> None:
    """A role shows no transaction: what the baseline and the source both say of it was so between them."""
    clone = stock(item("role", facts={"logs in": "no"}))
    one = stock(item("role"))
    assert _one(clone, Witnesses(baseline=one, source=one)) is UNFIT
    assert _one(clone, Witnesses(source=one)) is UNKNOWN
    assert _one(clone, Witnesses(baseline=one)) is UNKNOWN


def test_two_databases_of_one_server_are_no_copies() -> None:
    """They share the server's identifier, and their numbers mean nothing to each other."""
    shared = [item("relation", name, oid=oid) for name, oid in (("a", 21000), ("b", 21001))]
    moved = [each.model_copy(update={"oid": (each.oid or 0) + 500}) for each in shared]
    anchor = item("relation", "anchor", facts={"kind": "table", "persistence": "permanent"}, oid=17000)
    clone = stock(*shared, changed("function"))
    source = stock(item("function")).model_copy(update={"items": (*moved, anchor, item("function"))})
    assert _one(clone, Witnesses(source=source), "data.functions") is UNKNOWN


def test_the_clone_s_own_work_does_not_make_it_younger() -> None:
    """Somebody who made a table in the clone must not have the source's later changes condemned."""
    own = item("view", "own", xmin=NEXT_XID + 50, oid=NEXT_OID + 50)
    clone = stock(own, item("index"), newest_xid=NEXT_XID + 50, newest_oid=NEXT_OID + 50)
    source = stock(changed("index", xmin=NEXT_XID + 10), item("role", "later", oid=NEXT_OID + 10))
    found = judged(clone, Witnesses(source=source))
    assert (found["data.indexes"].standing, found["security.roles"].standing) == (FIT, FIT)

"""Tables of an export into a living database: every reason why not, at once; and the order that keeps a foreign key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daybreak.model.actions import CarryTables, ClearScratch, JudgeScratch, LoadScratch, WantedTable
from daybreak.model.exports import ExportFound
from daybreak.model.exports_seen import ExportSeen, ScratchTools, TableOffered
from daybreak.model.guards import Approved, AsPlanned, FoundFit
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from daybreak.model.plan import Plan, Refusal
from daybreak.model.receiver import ColumnSeen, Receiver, ReceiverSeen, ReferenceSeen, TableSeen
from daybreak.model.requests import ExportRequest
from daybreak.model.value import Span
from daybreak.plan.export import export_plan
from tests import fix_worlds

NOW = datetime(2024, 1, 16, tzinfo=UTC)
ADDRESS = "s3://exports/2024-01-15/export.dump"


def picking(size: int) -> Picking:
    """So many bytes of a custom archive."""
    piece = ObjectPieces(key="export.dump", size=size, mark="m", name=SINGLE, ranges=((0, size),))
    return Picking(form="custom", pieces=(piece,))


FOUND = ExportFound(address=ADDRESS, kind="custom", bytes=9_000, objects=1, stored=NOW, whole="ends-well")
TOOLS = ScratchTools(version="16.15", major=16, room=2**50)


def request(**changes: Any) -> ExportRequest:
    """The orders, wanted."""
    place = Receiver(cluster="embi-aurora-cluster", resource_id="cluster-A", database="embi", login="env:A")
    fields: dict[str, Any] = {
        "target": "embi",
        "export": ADDRESS,
        "receiver": place,
        "tables": ("shop.orders",),
        "suffix": "7k2m",
    }
    return ExportRequest(**(fields | changes))


def table(name: str, **changes: Any) -> TableSeen:
    """An empty table of the receiver, with an id."""
    columns = (ColumnSeen(name="id", type="integer"),)
    fields: dict[str, Any] = {"table": ("shop", name), "kind": "table", "has_rows": False, "columns": columns}
    return TableSeen(**(fields | changes))


def offered(*names: str) -> tuple[TableOffered, ...]:
    """Tables of the export."""
    return tuple(TableOffered(table=("shop", name), columns=("id",)) for name in names)


def decide(wish: ExportRequest, *there: TableSeen, approval: Span | None = None, **changes: Any) -> Plan | Refusal:
    """What is planned where these tables are there."""
    heard = ReceiverSeen(server_version="16.4", encoding="UTF8", login="embi_admin", tables=there)
    fields: dict[str, Any] = {
        "found": FOUND, "tables": offered("orders"), "picking": picking(2_000), "tools": TOOLS, "dumped_by": 16,
        "receiver": heard,
    }  # fmt: skip
    seen = fix_worlds.observation().model_copy(update={"export": ExportSeen(**(fields | changes))})
    return export_plan(wish, fix_worlds.target().model_copy(update={"approval": approval}), seen, fix_worlds.terms())


def plan(wish: ExportRequest, *there: TableSeen, **more: Any) -> Plan:
    """The plan, which there must be."""
    made = decide(wish, *there, **more)
    assert isinstance(made, Plan), made
    return made


def carry_in(made: Plan) -> CarryTables:
    """What the plan carries."""
    return next(step.action for step in made.steps if isinstance(step.action, CarryTables))


def reasons(wish: ExportRequest, *there: TableSeen, **more: Any) -> tuple[str, ...]:
    """Why there is no plan."""
    found = decide(wish, *there, **more)
    assert isinstance(found, Refusal), found
    return found.reasons


def test_the_order_carries_the_safety() -> None:
    """Nothing is carried before the verdict, and only where it is fit; what was fetched goes in every case."""
    made = plan(request(), table("orders"))
    kinds = [type(step.action) for step in made.steps]
    assert kinds == [LoadScratch, JudgeScratch, CarryTables, ClearScratch]
    load, judge, carry, clear = made.steps
    assert (load.after, judge.after, carry.after) == ((), (load.id,), (judge.id,))
    assert clear.after_settled == (carry.id,)
    assert FoundFit() in carry.guards
    assert [each.value for each in carry.guards if isinstance(each, AsPlanned)] == ["cluster-A"]
    assert (carry.when_refused, made.source) == ("fail-last", ADDRESS)


def test_as_many_jobs_load_as_there_are_processors_and_work_for() -> None:
    """On this machine too: a small table is not worth a second session."""
    tools = TOOLS.model_copy(update={"processors": 4})
    for size, jobs in ((2_000, 1), (20_000_000, 3), (10**10, 4)):
        [action] = [
            each.action for each in plan(request(), ORDERS, picking=picking(size), tools=tools).steps
            if isinstance(each.action, LoadScratch)
        ]  # fmt: skip
        assert action.jobs == jobs


def test_production_is_written_into_with_the_approval_that_its_target_asks_for() -> None:
    """A clone of a run is nobody's production."""
    for is_production in (True, False):
        place = request().receiver.model_copy(update={"is_production": is_production})
        made = plan(request(receiver=place), table("orders"), approval=Span(hours=1))
        carry = next(step for step in made.steps if isinstance(step.action, CarryTables))
        assert any(isinstance(each, Approved) for each in carry.guards) is is_production


ORDERS = table("orders")
COMPUTED = (ColumnSeen(name="id", type="integer", is_generated=True),)
TORN = FOUND.model_copy(update={"whole": "torn", "why": "its end is missing"})


@pytest.mark.parametrize(
    ("wish", "there", "more", "says"),
    [
        ({"tables": ()}, ORDERS, {}, "no table is named"),
        (
            {},
            table("others"),
            {},
            "there is no table shop.orders, and an export of RDS does not say how it was defined",
        ),
        ({}, table("orders", kind="other"), {}, "is no table that takes rows"),
        ({}, table("orders", has_rows=True), {}, "shop.orders has rows: say --append"),
        ({}, table("orders", lacks=("INSERT",)), {}, "may not write into shop.orders: it lacks INSERT"),
        ({}, table("orders", hides_rows=True), {}, "row security hides rows of shop.orders"),
        ({}, table("orders", columns=()), {}, "has no column id, which the export has"),
        ({}, table("orders", columns=COMPUTED), {}, "computes id itself"),
        ({}, ORDERS, {"dumped_by": 17}, "made by pg_dump 17, and the programs here are of 16.15"),
        (
            {},
            ORDERS,
            {"tools": None, "tools_silence": "no programs"},
            "cannot be restored on this machine: no programs",
        ),
        ({}, ORDERS, {"tools": TOOLS.model_copy(update={"room": 5})}, "5 Bytes free"),
        ({}, ORDERS, {"found": TORN}, "the export is not whole: its end is missing"),
        ({}, ORDERS, {"receiver": None, "receiver_silence": "refused"}, "was not heard: refused"),
        ({}, ORDERS, {"why_not": ("it has no table",)}, "it has no table"),
        ({"where": "true"}, ORDERS, {"tables": offered("orders", "lines")}, "rows of one table, and 2"),
        ({"renames": {"lines": "orders"}}, ORDERS, {"tables": offered("orders", "lines")}, "two tables would go into"),
    ],
)
def test_what_cannot_be_is_refused(wish: dict[str, Any], there: TableSeen, more: dict[str, Any], says: str) -> None:
    """Each by itself, in a sentence that names the thing."""
    assert says in "; ".join(reasons(request(**wish), there, **more))


def test_all_reasons_come_at_once() -> None:
    """Nobody mends one after the other."""
    there = table("orders", has_rows=True)
    assert len(reasons(request(where="true"), there, tables=offered("orders", "lines"), dumped_by=18)) == 4


def test_how_many_rows_go_is_said_where_the_server_has_an_estimate() -> None:
    """Of all of them: of a condition's nobody knows it before. A table that is locked is none that was not heard."""
    there = table("orders", has_rows=True, about=1_234)
    assert any(
        "all its rows (about 1,234 by the server's estimate)" in each
        for each in plan(request(mode="replace"), there).notes
    )
    some = plan(request(mode="replace", where="id < 5"), there)
    assert not any("1,234" in each for each in some.notes)
    [why] = reasons(request(), table("orders", has_rows=None, is_locked=True))
    assert why.startswith("somebody holds shop.orders locked, so whether it has rows could not be asked")


def test_rows_of_others_are_not_changed_by_replacing() -> None:
    """A foreign key that follows a delete would; where its table comes too, and where the server refuses, nothing is lost unseen."""
    follows = ReferenceSeen(name="lines_of", table=("shop", "lines"), on_delete="follows")
    there = table("orders", has_rows=True, references=(follows,))
    [why] = reasons(request(mode="replace"), there)
    assert "would change rows of shop.lines too" in why
    plan(request(mode="replace"), there, table("lines"), tables=offered("orders", "lines"))
    stays = there.model_copy(update={"references": (follows.model_copy(update={"on_delete": "refuses"}),)})
    assert any("all of it is taken back" in note for note in plan(request(mode="replace"), stays).notes)


def test_a_column_that_would_change_values_refuses_the_plan_where_its_type_can_be_read() -> None:
    """Before a byte is fetched; what only the server's catalogs know is asked later."""
    there = table("orders", columns=tuple(ColumnSeen(name=name, type=type_) for name, type_ in (
        ("n", "numeric(10,2)"), ("wide", "bigint"), ("mood", "shop.mood"), ("v", "text"),
    )))  # fmt: skip
    types = {"n": "numeric(10,4)", "wide": "integer", "mood": "text", "v": "character varying(20)"}
    [each] = offered("orders")
    offer = each.model_copy(update={"columns": tuple(types), "types": types})
    [why] = reasons(request(), there, tables=(offer,))
    assert (
        why
        == "shop.orders would not take the export's values exactly: n is numeric(10,4) in the export and numeric(10,2) there"
    )


def test_a_condition_that_the_server_cannot_read_refuses_the_plan() -> None:
    """In the server's words, before a byte is fetched."""
    heard = ReceiverSeen(
        server_version="16.4", encoding="UTF8", login="embi_admin", tables=(table("orders"),),
        trouble_with_condition='syntax error at or near ")"',
    )  # fmt: skip
    [why] = reasons(request(where="id ="), receiver=heard)
    assert why == '--where cannot be read by embi: syntax error at or near ")"'


def test_a_key_that_refuses_a_delete_at_once_refuses_the_plan_where_a_row_uses_it() -> None:
    """It does so also where each row would come back; a key that can wait, or a condition, leaves that to the server."""
    key = ReferenceSeen(name="lines_of", table=("shop", "lines"), on_delete="refuses", has_rows=True)
    there = table("orders", has_rows=True, references=(key,))
    [why] = reasons(request(mode="replace"), there)
    assert "lines_of, which refuses that at once: bring shop.lines along" in why
    plan(request(mode="replace"), there, table("lines"), tables=offered("orders", "lines"))
    assert any("is deleted, all" in note for note in plan(request(mode="replace", where="id = 1"), there).notes)
    waits = there.model_copy(update={"references": (key.model_copy(update={"on_delete": "waits"}),)})
    assert any("does not come back, all" in note for note in plan(request(mode="replace"), waits).notes)
    unused = there.model_copy(update={"references": (key.model_copy(update={"has_rows": False}),)})
    assert not any("taken back" in note for note in plan(request(mode="replace"), unused).notes)


def test_what_is_pointed_at_comes_first() -> None:
    """Whatever the order in the archive; a circle stays as it is."""

    def refer(name: str) -> tuple[ReferenceSeen, ...]:
        return (ReferenceSeen(name="k", table=("shop", name), on_delete="refuses"),)

    there = (table("a"), table("b", references=refer("a")), table("c", references=refer("b")))
    made = plan(request(), *there, tables=offered("a", "b", "c"))
    assert [each.table[1] for each in carry_in(made).tables] == ["c", "b", "a"]
    circle = (table("a", references=refer("b")), table("b", references=refer("a")))
    made = plan(request(), *circle, tables=offered("a", "b"))
    assert [each.table[1] for each in carry_in(made).tables] == ["a", "b"]


def test_new_names_are_in_the_tables_own_schema_unless_they_name_one() -> None:
    """As a person writes it: with the schema or without, on both sides."""
    for renames, into in (
        ({"shop.orders": "then"}, ("shop", "then")),
        ({"orders": "old.then"}, ("old", "then")),
        ({}, ("shop", "orders")),
    ):
        made = plan(request(renames=renames), table("orders", table=into))
        assert carry_in(made).tables == (WantedTable(table=("shop", "orders"), into=into),)


def test_the_estimate_grows_with_what_is_fetched() -> None:
    """By the bytes, within two bounds."""
    small, large = plan(request(), ORDERS), plan(request(), ORDERS, picking=picking(10**12))
    assert large.estimate.low > timedelta(hours=1) > small.estimate.high

"""Tables that a receiver lacks: what is planned of them, and why some are not made."""

from __future__ import annotations

import pytest

from daybreak.model.creations import Creation, KeyToMake, ThingListed, name_of_part
from daybreak.model.exports_seen import TableOffered
from daybreak.model.receiver import ReceiverSeen
from tests.plan.test_export import carry_in, plan, reasons, request, table

KEY = KeyToMake(
    name="of_customer", table=("shop", "orders"), columns=("customer",), points_at=("shop", "customers"), others=("id",)
)
TABLE = ThingListed(label="TABLE shop.orders", statement="CREATE TABLE shop.orders ();")
CODE = ThingListed(label="TRIGGER shop.orders acts", statement="CREATE TRIGGER acts", why_not="it is code")
MADE = Creation(into=("shop", "orders"), things=(TABLE, CODE), keys=(KEY,))
ORDERS = TableOffered(table=("shop", "orders"), columns=("id",), creation=MADE)
CUSTOMERS = TableOffered(
    table=("shop", "customers"),
    columns=("id",),
    creation=Creation(
        into=("shop", "customers"),
        things=(
            ThingListed(label="TABLE shop.customers", statement="CREATE TABLE shop.customers ();"),
            ThingListed(label="FK CONSTRAINT shop.orders of_customer", statement="ALTER TABLE", why_not="points at it"),
        ),
    ),
)


@pytest.mark.parametrize("mode", ["empty", "append", "replace"])
def test_a_table_that_is_not_there_is_made_however_its_rows_were_to_come(mode: str) -> None:
    """There is nothing to add to, and nothing to replace: the plan says what is made, and what is left, with its statement."""
    made = plan(request(mode=mode), table("customers"), tables=(ORDERS,))
    assert carry_in(made).creations == (MADE,)
    notes = "; ".join(made.notes)
    assert (
        "shop.orders is not there, so it is made, with what is not there yet of TABLE shop.orders, FK CONSTRAINT of_customer"
        in notes
    )
    assert "not made: TRIGGER shop.orders acts: it is code; its statement: CREATE TRIGGER acts" in notes
    assert "while foreign keys of shop.orders are made, at the end, nobody else can write into shop.customers" in notes


def test_the_digest_binds_what_is_made() -> None:
    """A plan of another list is another plan."""
    one = plan(request(), table("customers"), tables=(ORDERS,))
    less = MADE.model_copy(update={"things": (TABLE,)})
    other = plan(request(), table("customers"), tables=(ORDERS.model_copy(update={"creation": less}),))
    assert one.digest != other.digest


def test_a_foreign_key_that_has_nothing_to_point_at_is_left() -> None:
    """With what it was."""
    [found] = carry_in(plan(request(), tables=(ORDERS,))).creations
    assert found.keys == ()
    assert found.things[-1] == ThingListed(
        label="FK CONSTRAINT shop.orders of_customer",
        statement="FOREIGN KEY (customer) REFERENCES shop.customers (id)",
        why_not="there is no table shop.customers",
    )


def test_tables_that_point_at_each_other_are_made_together() -> None:
    """The key is one of the first, and no longer something that points at the second."""
    [orders, customers] = carry_in(plan(request(tables=("orders", "customers")), tables=(ORDERS, CUSTOMERS))).creations
    assert orders.keys == (KEY,)
    assert [each.label for each in customers.things] == ["TABLE shop.customers"]


def test_under_another_name_a_key_points_at_what_comes_with_it_or_at_what_is_there() -> None:
    """A copy to compare with points at the table that lives, unless that one comes under another name too."""
    alone = plan(request(renames={"orders": "orders_then"}), table("customers"), tables=(ORDERS,))
    [found] = carry_in(alone).creations
    assert (found.into, found.keys[0].table, found.keys[0].points_at) == (
        ("shop", "orders_then"), ("shop", "orders_then"), ("shop", "customers"),
    )  # fmt: skip
    both = request(renames={"orders": "orders_then", "customers": "customers_then"})
    [orders, _] = carry_in(plan(both, table("customers"), tables=(ORDERS, CUSTOMERS))).creations
    assert orders.keys[0].points_at == ("shop", "customers_then")


def test_what_has_no_definition_and_where_nothing_may_be_made_is_refused() -> None:
    """An export of RDS has rows alone; an archive may have data alone; a login may be kept out of a schema."""
    rows = ORDERS.model_copy(update={"creation": None})
    assert "an export of RDS does not say how it was defined" in "; ".join(reasons(request(), tables=(rows,)))
    data = ORDERS.model_copy(update={"creation": Creation(into=("shop", "orders"))})
    assert "the archive has its rows and no definition" in "; ".join(reasons(request(), tables=(data,)))
    heard = ReceiverSeen(server_version="16.4", encoding="UTF8", login="embi_admin", closed=("shop",))
    assert "the login embi_admin may make nothing in the schema shop" in "; ".join(
        reasons(request(), tables=(ORDERS,), receiver=heard)
    )


def test_a_part_that_would_have_too_long_a_name_keeps_one_of_its_own() -> None:
    """Two indexes that the server would cut to the same name."""
    old, new = ("shop", "t"), ("shop", "n" * 60)
    first, second = (name_of_part(("shop", f"t_{each}_idx"), old, new) for each in ("one", "other"))
    assert first != second
    assert {len(name) for _, name in (first, second)} == {63}

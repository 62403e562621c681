"""Tables of an export of RDS into a living database: no scratch between, and what is lacking or refused is said before yes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from daybreak.model.actions import CarryTables, ClearScratch, FetchExport, FilesOfTable
from daybreak.model.exports_seen import FilesSeen
from daybreak.model.guards import FoundFit
from daybreak.model.parquet import Discrepancy
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from daybreak.model.plan import Plan, Refusal
from tests.plan.test_export import FOUND, decide, offered, request, table

FILE = {"data-0001": "task/embi/shop.orders/1/part-0.parquet"}
LACKS = (Discrepancy(table="shop.hot", kind="unlogged", why="it is unlogged, and RDS exports no such table"),)


def files(*names: str) -> Picking:
    """A picking of files under these names."""
    pieces = (ObjectPieces(key=f"k/{name}", size=90, mark="m", name=name, ranges=((0, 90),)) for name in names)
    return Picking(form="parquet", pieces=tuple(pieces))


def decided(wish: Any, **changes: Any) -> Plan | Refusal:
    """What is planned of an export of RDS; no programs of PostgreSQL are on this machine."""
    fields: dict[str, Any] = {
        "found": FOUND.model_copy(update={"kind": "snapshot-export"}), "picking": files("data-0001"),
        "files": FilesSeen(files=(FILE,)), "tools": None, "dumped_by": None, "tables": offered("orders"),
    }  # fmt: skip
    return decide(wish, table("orders"), **(fields | changes))


def test_files_are_fetched_loaded_and_cleared() -> None:
    """Nothing is loaded on this machine, so nothing of PostgreSQL is needed here; the verdict comes with the load."""
    made = decided(request(most_rejects=3))
    assert isinstance(made, Plan), made
    fetch, carry, clear = made.steps
    assert [type(each.action) for each in made.steps] == [FetchExport, CarryTables, ClearScratch]
    assert (carry.after, clear.after_settled) == ((fetch.id,), (carry.id,))
    assert FoundFit() not in carry.guards
    assert isinstance(carry.action, CarryTables)
    assert carry.action.files is not None
    assert carry.action.files.tables == (FilesOfTable(table=("shop", "orders"), files=FILE, most=256 << 20),)
    assert carry.action.files.most_rejects == 3
    assert "up to 3 rows that the server refuses may stay out; one more takes everything back" in made.notes


def test_what_may_be_made_of_the_files_is_bounded_and_said() -> None:
    """A few bytes of Parquet can stand for any number of bytes of rows, which production would take in one transaction."""
    piece = ObjectPieces(key="k", size=10**9, mark="m", name="data-0001", ranges=((0, 10**6), (10**8, 10**8 + 10**6)))
    made = decided(request(), picking=Picking(form="parquet", pieces=(piece,)))
    assert isinstance(made, Plan), made
    action = made.steps[1].action
    assert isinstance(action, CarryTables)
    assert action.files is not None
    assert [each.most for each in action.files.tables] == [10**9]
    said = (
        "shop.orders: 2.0 MB of files are fetched, of which at most 1.0 GB of rows are made; more takes everything back"
    )
    assert said in made.notes


def test_what_the_export_lacks_is_said_and_kept_for_the_verdict() -> None:
    """A person says yes to it, and the run is not fit."""
    made = decided(request(), files=FilesSeen(files=(FILE,), lacks=LACKS, remarks=("shop.orders: a remark",)))
    assert isinstance(made, Plan), made
    action = made.steps[1].action
    assert isinstance(action, CarryTables)
    assert action.files is not None
    assert action.files.lacks == LACKS
    assert any("shop.hot: it is unlogged" in each and "will not be fit" in each for each in made.notes)
    assert "shop.orders: a remark" in made.notes


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"why_not": ("there is no pyarrow",)}, "there is no pyarrow"),
        ({"found": FOUND.model_copy(update={"kind": "snapshot-export", "whole": "torn", "why": "x"})}, "not whole: x"),
        ({"picking": None, "files": None}, "the export was not looked at"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], says: str) -> None:
    """By its own reason."""
    found = decided(request(), **changes)
    assert isinstance(found, Refusal)
    assert says in "; ".join(found.reasons)


def test_a_dump_has_no_refused_rows() -> None:
    """It is said, and not dropped."""
    found = decide(request(most_rejects=1), table("orders"))
    assert isinstance(found, Refusal)
    assert "--rejects is for an export of RDS" in found.reasons[0]


def test_files_have_numbers_for_names() -> None:
    """Whatever their keys are: no name of the export becomes one of this machine."""
    assert [each.name for each in files("data-0001", "data-0002").pieces] == [SINGLE, "data-0002"]
    for names in (("data-0002",), ("data-0001", "data-0003"), ("toc.dat",), ("data-0001", "../x")):
        with pytest.raises(ValidationError):
            files(*names)

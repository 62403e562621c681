"""Tables and lists: at any width a name is whole, and what is longer than the screen is left alone."""

from __future__ import annotations

import pytest
from rich import box
from rich.table import Table
from rich.text import Text

from daybreak.model.world import Snapshot
from daybreak.report.text.snapshots import snapshots_view
from daybreak.report.words import Entry, Fitting
from tests import fix_worlds as worlds
from tests.fix_golden import printed

NAME = "rds:embi-aurora-cluster-2024-01-15-03-07-of-the-night-before"


def _table() -> Table:
    table = Table("ID", "time", "status", box=box.SIMPLE_HEAD)
    table.add_row(Text(NAME), Text("2024-01-15T03:07:00Z\n11 hours ago"), Text("available"))
    table.add_row(Text("short"), Text("being taken"), Text(""))
    return table


def test_a_table_that_does_not_fit_becomes_a_list() -> None:
    """Each cell is there under its title; one that is empty says nothing."""
    assert "ID" in printed(Fitting(_table()), width=120)
    narrow = printed(Fitting(_table()), width=60)
    assert narrow.splitlines() == [
        NAME,
        "  time    2024-01-15T03:07:00Z",
        "  time    11 hours ago",
        "  status  available",
        "short",
        "  time    being taken",
    ]


@pytest.mark.parametrize("width", [20, 60, 80, 120])
def test_no_word_is_folded(width: int) -> None:
    """Whoever searches a log for a name must find it."""
    told = f"the snapshot {NAME} of 表の名前 is the newest one"
    text = printed(Entry("label", Text(told), 9), width=width)
    assert " ".join(text.split()) == f"label {told}"
    fitting = [word for word in told.split() if len(word) <= width - 9]
    assert all(any(word in line for line in text.splitlines()) for word in fitting)


def test_the_snapshots_are_read_at_sixty_columns() -> None:
    """Their names are the longest there are, and the next command needs one."""
    taken = Snapshot(
        identifier=NAME, arn=f"arn:aws:rds:us-east-1:123456789012:cluster-snapshot:{NAME}", cluster="embi-aurora-cluster",
        kind="automated", status="available", percent=100, created=worlds.NOW, engine="aurora-postgresql",
        engine_version="16.6", is_encrypted=True, kms_key=worlds.KEY, allocated=40,
    )  # fmt: skip
    text = printed(snapshots_view("embi", None, (taken,), now=worlds.NOW, zone="Europe/Berlin"), width=60)
    assert NAME in text.splitlines()
    assert "  engine  16.6" in text.splitlines()

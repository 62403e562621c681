"""What a scratch database is asked: each thing that is missing, not valid or behind is among the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.sources import HeldBytes
from daybreak.errors import Failed
from daybreak.model.receiver import ScratchAnswers
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.scratch_rows import ScratchRows, ask_scratch
from daybreak.postgres.session import Limits
from tests.archive.fix_archives import Archivist, programs

LIMITS = Limits(statement=timedelta(seconds=20), whole=timedelta(seconds=60))
COPY = "zoo_in_scratch"


@pytest.fixture
def contents(archivist: Archivist) -> Contents:
    """The table of contents of the odd database."""
    return read_contents(HeldBytes("zoo", archivist.archive(max(programs()), "-Fc").read_bytes()), "custom")


@pytest.fixture
def copy(archivist: Archivist) -> Iterator[str]:
    """A copy of that database, in which damage is done."""
    archivist.server.run("postgres", f"CREATE DATABASE {COPY} TEMPLATE {archivist.database}")
    yield COPY
    archivist.server.run("postgres", f"DROP DATABASE {COPY} WITH (FORCE)")


def ask(archivist: Archivist, contents: Contents, database: str) -> ScratchAnswers:
    """What is said of it."""
    server = archivist.server
    reach = Reach(server.address(database), Login(server.master.username, server.master.password), Meter())
    return ask_scratch(reach, contents.entries, {("sales", "orders"): 500}, LIMITS)


def test_each_damage_is_among_the_answers(archivist: Archivist, contents: Contents, copy: str) -> None:
    """The whole one lacks nothing; then a row, an index, a constraint's validity and a sequence are damaged."""
    whole = ask(archivist, contents, copy)
    assert (set(whole.expected) - set(whole.present), whole.invalid, whole.behind) == (set(), (), {})
    assert whole.restored == {"sales.orders": 500}
    archivist.server.run(
        copy,
        "TRUNCATE sales.lines",  # a rule keeps its rows from a DELETE
        "DELETE FROM sales.orders WHERE id = 1",
        "DROP INDEX sales.orders_note",
        "SELECT setval('sales.customers_id_seq', 2)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sales.customers_pkey'::regclass",
    )
    damaged = ask(archivist, contents, copy)
    assert damaged.restored == {"sales.orders": 499}
    assert set(damaged.expected) - set(damaged.present) == {"INDEX sales.orders_note"}
    assert damaged.invalid == ("sales.customers_pkey",)
    assert damaged.behind == {"sales.customers_id_seq": (2, 50)}


def test_a_condition_is_one_expression_there_too(archivist: Archivist, copy: str) -> None:
    """The table may be none that the receiver has, which could have read it before."""
    server = archivist.server
    source = ScratchRows(Reach(server.address(copy), server.master, Meter()), LIMITS)
    assert source.count(("sales", "orders"), "id < 11 -- and no other") == 10
    with pytest.raises(Failed, match=r"the condition on rows of sales\.orders cannot be read: syntax error"):
        source.count(("sales", "orders"), "id < 11) OR (true")

"""The ledger: whatever clients do while the traffic moves, no acknowledged write is lost, and none is late."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.fix_pools import pgbouncer
from tests.ledger.ground import Ground, ground
from tests.ledger.seeds import drawn, move_without_fence, run_seed
from tests.ledger.zoo import KINDS, Ledger

SEEDS = (4, 110)
"""Those of the ordinary run: the fewest that have every kind of client, place, kill and way back among them."""


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One ground for all seeds of a worker."""
    with ground(tmp_path_factory.mktemp("ledger")) as made:
        yield made


def test_the_seeds_draw_every_kind() -> None:
    """What is not drawn is not shown."""
    lots = [drawn(seed, has_pool=True) for seed in SEEDS]
    assert {kind for lot in lots for kind in lot.kinds} == set(KINDS)
    assert {place for lot in lots for place in lot.places} == {"parameter", "secret", "record"}
    for name in ("kill", "kill_back", "goes_back", "leaves_prepared", "subscribes"):
        assert {bool(getattr(lot, name)) for lot in lots} == {True, False}, name


@pytest.mark.parametrize("seed", SEEDS)
def test_no_acknowledged_write_is_lost_and_none_is_late(on: Ground, seed: int) -> None:
    """Kills, ways back, pools and all: every write is where its client may know it."""
    outcome = run_seed(on, seed)
    assert outcome.wrong == [], outcome.line()


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(21))
def test_two_hundred_cutovers_are_whole(on: Ground, part: int) -> None:
    """Ten seeds to a part."""
    wrong = [outcome.line() for seed in range(10 * part, 10 * part + 10) if (outcome := run_seed(on, seed)).wrong]
    assert wrong == []


def test_a_read_only_default_in_place_of_the_fence_is_found_out(on: Ground) -> None:
    """The same ledger, with a script that people write: rows are later than its mark, on the side that was left."""
    late, strays = move_without_fence(on, 7)
    assert late > 0
    assert "stubborn" in strays


def test_a_second_phase_that_somebody_else_decided_is_unknown_to_its_client() -> None:
    """A person had committed it meanwhile (seed 1066): the server's definite answer says only that it is gone."""
    ledger = Ledger()
    with pytest.raises(psycopg.errors.UndefinedObject), ledger.writing("prepared", "token"):
        raise psycopg.errors.UndefinedObject("prepared transaction with identifier does not exist")
    assert (ledger.unknown, ledger.refused) == ({"token": "prepared"}, {})


def test_there_is_a_pool() -> None:
    """Says so where the ledger had none in front."""
    if pgbouncer() is None:
        pytest.skip("this machine has no PgBouncer: no seed had a pool in front")

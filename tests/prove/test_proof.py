"""A proof on a real PostgreSQL: what can be planted is found, and nothing of it is left behind."""

from __future__ import annotations

import pytest

from daybreak.errors import Bug
from daybreak.model.findings import Finding
from daybreak.model.proof import Planting, Proof
from daybreak.model.world import Identity
from daybreak.postgres.scratch import Scratch
from daybreak.prove.catalog import CATALOG, defects_of
from daybreak.prove.proof import Bench, new_names, prove
from tests import fix_worlds as worlds
from tests.fix_postgres import MASTER, Server

WHO = Identity(account="123456789012", caller="arn:aws:iam::123456789012:user/tester", region="us-east-1")

HELD_BACK = {"subscription enabled", "prepared transaction left"}
"""What the tests' own server is set up not to have: workers of a subscription, prepared transactions."""

ONE_IN = 6
"""Of so many defects the ordinary run plants one; the sweep plants them all, here and through the verb."""


def bench_on(server: Server) -> Bench:
    """A bench for a proof on the server."""
    with server.connection("postgres") as connection:
        version = f"{connection.info.server_version // 10000}.4"
    cluster = worlds.cluster(engine_version=version, endpoint=server.host, port=server.port)
    return Bench(Scratch(server.address(), MASTER), cluster, WHO, new_names())


def _proof(plantings: tuple[Planting, ...], alarms: tuple[Finding, ...]) -> Proof:
    return Proof(
        cluster="clone",
        identity=WHO,
        began=worlds.NOW,
        took=worlds.NOW - worlds.NOW,
        plantings=plantings,
        alarms=alarms,
    )


@pytest.mark.parametrize("one_in", [ONE_IN, pytest.param(1, marks=pytest.mark.sweep)])
def test_whatever_can_be_planted_is_found_and_the_specimen_alone_raises_no_alarm(
    own_server: Server, one_in: int
) -> None:
    """The negative control: checks that were never seen to fail prove nothing, and checks that always do neither."""
    told: list[Planting] = []
    chosen = CATALOG[::one_in]
    plantings, before = prove(bench_on(own_server), chosen, told.append)
    assert before == ()
    assert [f"{each.defect}: {each.seen}" for each in plantings if each.outcome == "missed"] == []
    assert tuple(told) == plantings
    assert [each.defect for each in plantings] == [defect.name for defect in chosen]
    assert _proof(plantings, before).holds
    whole = {each.defect for each in plantings if each.outcome == "not plantable"}
    assert whole >= HELD_BACK & {defect.name for defect in chosen}
    assert whole - HELD_BACK <= {
        "index that disagrees with its table",
        "extension missing",
        "foreign server that leads to production",
    }, "only what a server without the contributed modules cannot have"
    assert Scratch(own_server.address(), MASTER).others() == ()


@pytest.mark.sweep
def test_a_ctrl_c_leaves_nothing_behind(server: Server) -> None:
    """A person who has seen enough must not leave roles and databases on somebody's server."""
    bench = bench_on(server)

    def enough(planting: Planting) -> None:
        if planting.defect == "replication slot left":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prove(bench, (*defects_of("data.replication-slots"), *defects_of("data.tables")), enough)
    assert bench.scratch.others() == ()


@pytest.mark.parametrize(
    "name", ["embi", "postgres", "daybreak_prove_", 'daybreak_prove_x"; drop database embi; --', ""]
)
def test_nothing_of_another_name_is_ever_touched(server: Server, name: str) -> None:
    """This is the one door through which Daybreak writes to a database, and it opens for its own names only."""
    scratch = Scratch(server.address(), MASTER)
    for deed in (
        lambda each: scratch.create(each, "daybreak_prove_x"),
        scratch.drop,
        scratch.create_role,
        scratch.drop_role,
        scratch.remove,
    ):
        with pytest.raises(Bug, match="is not the name of anything a proof may touch"):
            deed(name)
    with pytest.raises(Bug):
        scratch.run(name, "SELECT 1")


def test_a_proof_holds_only_when_something_was_found_and_nothing_missed() -> None:
    """A server on which nothing can be planted proves nothing."""
    found = Planting(defect="a", check="data.rows", outcome="found")
    missed = Planting(defect="b", check="data.rows", outcome="missed")
    unplantable = Planting(defect="c", check="data.rows", outcome="not plantable")
    assert _proof((found, unplantable), ()).holds
    assert not _proof((found, missed), ()).holds
    assert not _proof((unplantable,), ()).holds

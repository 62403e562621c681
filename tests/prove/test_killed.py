"""A proof that is killed leaves nothing that condemns the clone, and the next one takes away what it left; real processes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from daybreak.judge.objects.findings import (
    CloneFacts,
    DatabasesEntered,
    Witnesses,
    object_findings,
    object_findings_of_cluster,
)
from daybreak.model import checks
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import Inventory
from daybreak.postgres.reach import Reach
from daybreak.postgres.scratch import COMMENT, Marked, Scratch
from daybreak.prove.catalog import defects_of
from daybreak.prove.proof import prove, sweep
from daybreak.validate.probes import take_inventory, take_shared_inventory
from tests import fix_worlds as worlds
from tests.fix_lab import eventually
from tests.fix_postgres import MASTER, PASSWORD, Server
from tests.prove.test_proof import bench_on

_CHECKS = ("data.replication-slots", "security.roles")
"""What outlives a database: the worst that a proof can leave."""


@contextmanager
def _proving(server: Server, *checks: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A proof that goes on in a process of its own, and its mark; the process is dead afterwards."""
    bench = bench_on(server)
    words = [str(server.port), bench.cluster.engine_version, MASTER.username, PASSWORD, *checks]
    process = subprocess.Popen([sys.executable, "-m", "tests.prove.process", *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def _scratch(server: Server) -> Scratch:
    return Scratch(server.address(), MASTER)


def _things(server: Server, mark: str) -> tuple[str, ...]:
    return next((each.names for each in _scratch(server).others() if each.mark == mark), ())


def _dead(server: Server, mark: str) -> Marked | None:
    """What the server knows of a mark once nobody holds it any more: its sessions end when they notice."""
    eventually(lambda: not any(each.is_alive for each in _scratch(server).others() if each.mark == mark))
    return next((each for each in _scratch(server).others() if each.mark == mark), None)


Both = tuple[Inventory, Inventory]
"""What a database has, and what all databases of its server share."""


def _inventory(server: Server, database: str) -> Both:
    place, limit = Reach(server.address(database), MASTER), timedelta(seconds=30)
    own, shared = take_inventory(place, limit), take_shared_inventory(place, limit)
    assert isinstance(own, Inventory)
    assert isinstance(shared, Inventory)
    return own, shared


def _judged(server: Server, database: str, before: Both) -> list[Finding]:
    """The findings about a database's objects and the cluster's, held against what was before anybody proved anything."""
    (own, shared), facts = _inventory(server, database), CloneFacts(moment=worlds.NOW)
    of_all = object_findings_of_cluster(shared, Witnesses(source=before[1]), facts, DatabasesEntered())
    return [*object_findings(own, Witnesses(source=before[0]), facts), *of_all]


def _unfit(findings: list[Finding]) -> list[str]:
    return [f"{each.check}: {each.found}" for each in findings if each.standing is Standing.UNFIT]


MOMENTS: dict[str, Callable[[tuple[str, ...], str], bool]] = {
    "when its mark is made": lambda names, mark: f"role {mark}" in names,
    "when a role is made": lambda names, mark: f"role {mark}_reader" in names,
    "when the specimen is made": lambda names, mark: f"database {mark}_specimen" in names,
    "when a copy is made": lambda names, mark: f"database {mark}_copy" in names,
    "when a slot is planted": lambda names, mark: f"replication slot {mark}_slot" in names,
}
"""When a proof is killed: as soon as the server shows the thing."""


ORDINARY = ("when a role is made",)


@pytest.mark.parametrize(
    "moment", [each if each in ORDINARY else pytest.param(each, marks=pytest.mark.sweep) for each in MOMENTS]
)
def test_a_killed_proof_condemns_no_clone_and_the_next_removes_it(server: Server, database: str, moment: str) -> None:
    """Whoever killed it forgot it long ago; the clone must not be unfit for that, nor ever stay so."""
    before = _inventory(server, database)
    with _proving(server, *_CHECKS) as (process, mark):
        eventually(lambda: MOMENTS[moment](_things(server, mark), mark))
        process.kill()
    left = _dead(server, mark)
    assert left is not None
    assert _unfit(_judged(server, database, before)) == []
    told = {line.name: line.found for each in _judged(server, database, before) for line in each.details}
    assert told[mark] == "of a negative control"
    removed, stayed = sweep(_scratch(server))
    assert set(left.names) <= set(removed)
    assert stayed == ()
    assert _scratch(server).others() == ()


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(25))
def test_a_proof_killed_at_any_moment_leaves_nothing_behind_the_next(server: Server, database: str, seed: int) -> None:
    """The same at moments that nobody chose, through the whole of a proof."""
    before = _inventory(server, database)
    chance = random.Random(seed)
    with _proving(server, *_CHECKS, "data.tables", "data.subscriptions") as (process, mark):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=chance.uniform(0.0, 2.5))
        process.kill()
    _dead(server, mark)
    assert _unfit(_judged(server, database, before)) == []
    bench = bench_on(server)
    assert sweep(bench.scratch)[1] == ()
    plantings, alarms = prove(bench, defects_of("data.replication-slots"), lambda _planting: None)
    assert [each.outcome for each in plantings] == ["found"]
    assert alarms == ()
    assert bench.scratch.others() == ()


@pytest.mark.sweep
def test_a_living_proof_is_left_alone(server: Server, database: str) -> None:
    """Two people prove at once; one of them is stopped for a while, and must find everything as it was."""
    before = _inventory(server, database)
    with _proving(server, *_CHECKS) as (process, mark):
        eventually(lambda: f"database {mark}_copy" in _things(server, mark))
        process.send_signal(signal.SIGSTOP)
        standing = _things(server, mark)
        removed, stayed = sweep(_scratch(server))
        assert (removed, stayed) == ((), ())
        bench = bench_on(server)
        plantings, alarms = prove(bench, defects_of("data.replication-slots"), lambda _planting: None)
        assert ([each.outcome for each in plantings], alarms) == (["found"], ())
        assert set(standing) <= set(_things(server, mark))
        assert _unfit(_judged(server, database, before)) == []
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "missed" not in out
    assert out.count("found: ") == sum(len(defects_of(check)) for check in _CHECKS)
    assert _scratch(server).others() == ()


@pytest.mark.sweep
def test_a_proof_that_lost_its_lock_makes_nothing_more(server: Server) -> None:
    """Another may take it for dead by then, and remove under its hands what it would go on with."""
    with _proving(server, *_CHECKS) as (process, mark):
        eventually(lambda: f"database {mark}_specimen" in _things(server, mark))
        server.run(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2",
        )
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert _dead(server, mark) is None


@pytest.mark.parametrize(
    ("name", "comment", "rights"),
    [("daybreak_prove_0a1b2c3d", None, ""), ("daybreak_prove_0a1b2c3d", "the payroll's", ""),
     ("daybreak_prove_payroll", COMMENT, ""), ("daybreak_prove_0a1b2c3d", COMMENT, "SUPERUSER")],
)  # fmt: skip
def test_what_only_sounds_like_a_proof_is_judged_as_anything_else(
    server: Server, database: str, name: str, comment: str | None, rights: str
) -> None:
    """A name is no alibi: neither for a role that somebody made in production, nor for one that may do everything."""
    before = _inventory(server, database)
    says = f"'{comment.replace(chr(39), chr(39) * 2)}'" if comment else "NULL"
    server.run("postgres", f"CREATE ROLE {name} {rights}", f"COMMENT ON ROLE {name} IS {says}")
    try:
        findings = {each.check: each for each in _judged(server, database, before)}
        lines = {line.name: line for line in findings[checks.ROLES.name].details}
        assert "of a negative control" not in lines[name].found
        if not rights:
            assert sweep(_scratch(server)) == ((), ())
            assert name in {item.name for item in _inventory(server, database)[1].of("role")}
    finally:
        server.run("postgres", f"DROP ROLE IF EXISTS {name}")

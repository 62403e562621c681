"""One seeded cutover under the zoo, and everything that must be true of its ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random

import psycopg

from daybreak.lab.company.names import CLUSTER
from tests.fix_cli import Done
from tests.fix_lab import eventually
from tests.ledger.ground import PLACES, Ground
from tests.ledger.zoo import KINDS, Kind, Ledger, Zoo, connected, insert_prepared


@dataclass(frozen=True)
class Drawn:
    """What a seed draws."""

    seed: int
    kinds: tuple[Kind, ...]
    places: tuple[str, ...]
    pace: float
    """Seconds between two writes of a client."""
    kill: float | None
    """Seconds after which the tool is killed; ``None`` lets it live."""
    kill_back: float | None
    """The same for the rollback."""
    goes_back: bool
    """Whether the rollback happens under the zoo; else it only tidies up."""
    leaves_prepared: bool
    """Whether a transaction waits for its second phase when the cutover is asked for."""
    subscribes: bool
    """Whether another server's changes are applied to the source."""


def drawn(seed: int, *, has_pool: bool) -> Drawn:
    """What comes of a seed; the same each time."""
    by = Random(seed)
    kinds = [kind for kind in KINDS if has_pool or kind != "pooled"]
    several = [by.choice(kinds) for _ in range(by.randint(2, 6))]
    places = by.sample(sorted(PLACES), by.randint(1, 3))
    return Drawn(
        seed=seed,
        kinds=(*kinds[:1], *kinds[-1:], *several),
        places=tuple(sorted(places)),
        pace=by.choice([0.02, 0.04, 0.08]),
        kill=by.uniform(0.2, 2.5) if by.random() < 0.5 else None,
        kill_back=by.uniform(0.2, 2.0) if by.random() < 0.3 else None,
        goes_back=by.random() < 0.6,
        leaves_prepared=by.random() < 0.3,
        subscribes=by.random() < 0.3,
    )


@dataclass
class Outcome:
    """What one seed came to."""

    drawn: Drawn
    ledger: Ledger
    wrong: list[str] = field(default_factory=list)
    """Everything that must not be."""
    unknown: dict[str, str] = field(default_factory=dict)
    """Each write whose answer was lost, and where it was found."""
    was_killed: bool = False

    def line(self) -> str:
        """The outcome in a line."""
        kinds = ",".join(sorted(set(self.drawn.kinds)))
        found = sorted(self.unknown.values())
        return (
            f"seed {self.drawn.seed}: {len(self.ledger.acknowledged)} acknowledged, {len(self.ledger.refused)} refused, "
            f"{len(self.unknown)} unknown ({', '.join(f'{found.count(each)} {each}' for each in sorted(set(found)))}), "
            f"{'killed, ' if self.was_killed else ''}{'back, ' if self.drawn.goes_back else ''}{kinds}, "
            f"{'+'.join(self.drawn.places)}: {'; '.join(self.wrong) or 'whole'}"
        )


def run_seed(on: Ground, seed: int) -> Outcome:
    """Restore a clone, let the zoo write, cut over, look at the ledger, and go back."""
    lot = drawn(seed, has_pool=on.bouncer is not None)
    on.configure(list(lot.places))
    on.truncate()
    clone = _restore(on)
    on.address(CLUSTER), on.address(clone)
    first = lot.places[seed % len(lot.places)]
    pool = (on.bouncer.host, on.bouncer.port) if on.bouncer else None
    with on.book.open(), Zoo(list(lot.kinds), lambda: on.book.at(first), pool, lot.pace, seed) as zoo:
        outcome = Outcome(lot, zoo.ledger)
        _await_writes(zoo.ledger, lot)
        _meet_refusals(on, outcome, clone)
        cutover = _carry_out(on, outcome, lot.kill, "cutover", clone, "--confirm", clone)
        _await_arrival(on, outcome, clone)
        _check_late(on, outcome, CLUSTER, cutover)
        if lot.goes_back:
            back = _carry_out(on, outcome, lot.kill_back, "rollback", cutover, "--confirm", CLUSTER)
            _await_writes(zoo.ledger, lot)
            _check_late(on, outcome, clone, back)
    _check_ledger(on, outcome, clone)
    if not lot.goes_back:
        _carry_out(on, outcome, None, "rollback", cutover, "--confirm", CLUSTER)
    on.remove(clone)
    return outcome


def _restore(on: Ground) -> str:
    done = on.person.daybreak("restore", "pitr", "embi", "--to", "latest", "--depth", "quick", "--yes", "-o", "json")
    assert done.code == 0, done.out[-2000:] + done.err
    return str(done.json()["run"])


def _await_writes(ledger: Ledger, lot: Drawn) -> None:
    """Until clients of each drawn kind write, where they can at all."""
    since, wanted = time.monotonic(), {kind for kind in lot.kinds if kind != "cached"}
    eventually(lambda: {kind for at, kind in ledger.moments[:] if at > since} >= wanted, within=60)


def _await_arrival(on: Ground, outcome: Outcome, clone: str) -> None:
    """Until clients write to the clone, through every way that was moved."""
    wanted = {kind for kind in outcome.drawn.kinds if kind != "cached"}
    seed, before = outcome.drawn.seed, on.writers(clone, outcome.drawn.seed)
    arrived: set[str] = set()
    until = time.monotonic() + 60
    while not arrived >= wanted - before and time.monotonic() < until:
        time.sleep(0.1)
        arrived = on.writers(clone, seed)
    if missing := sorted(wanted - before - arrived):
        outcome.wrong.append(f"nobody of {missing} writes to the clone ({on.book.trouble or 'the address was read'})")


def _meet_refusals(on: Ground, outcome: Outcome, clone: str) -> None:
    """What stands in a fence's way is named, and decided by a person."""
    lot = outcome.drawn
    token = f"prepared-left-{lot.seed}"
    if lot.leaves_prepared:
        with connected(*on.address(CLUSTER)) as session:
            insert_prepared(session, token)
    with _subscribed(on, lot) as name:
        if not (lot.leaves_prepared or lot.subscribes):
            return
        refused = on.person.daybreak("cutover", clone, "--confirm", clone)
        if refused.code != 2:
            outcome.wrong.append(f"not refused, but {refused.code}: {_last(refused)}")
        if lot.leaves_prepared and token not in refused.err:
            outcome.wrong.append("the prepared transaction is not named")
        if lot.subscribes and name not in refused.err:
            outcome.wrong.append("the subscription is not named")
        if lot.leaves_prepared:
            with outcome.ledger.writing("prepared", token), connected(*on.address(CLUSTER)) as session:
                session.execute(f"COMMIT PREPARED '{token}'".encode())


@contextmanager
def _subscribed(on: Ground, lot: Drawn) -> Iterator[str]:
    """A subscription that brings a row to the source; disabled at the end of the block, as a person would, and removed."""
    name = f"feed_{lot.seed}"
    if not lot.subscribes or on.publisher is None:
        yield name
        return
    user, password = on.owner()
    master = on.publisher.master
    feed = (
        f"host={on.publisher.host} port={on.publisher.port} dbname=feed user={master.username} "
        f"password=''{master.password}''"
    )
    with connected(*on.address(CLUSTER), user, password) as session:
        session.execute(
            f"CREATE SUBSCRIPTION {name} CONNECTION '{feed}' PUBLICATION ledger WITH (copy_data = false)".encode()
        )
        token = f"feed-{lot.seed}"
        on.publisher.run("feed", f"INSERT INTO ledger VALUES (-1, '{token}')")
        eventually(lambda: token in on.tokens(CLUSTER), within=30)
        try:
            yield name
        finally:
            session.execute(f"ALTER SUBSCRIPTION {name} DISABLE".encode())
            session.execute(f"DROP SUBSCRIPTION {name}".encode())


def _carry_out(on: Ground, outcome: Outcome, kill: float | None, verb: str, *words: str) -> str:
    """Carry out a cutover or a rollback to its end, through a kill; the name of its run."""
    earlier = set(on.person.runs())
    process = on.person.start(verb, *words)
    if kill is not None:
        time.sleep(kill)
        outcome.was_killed |= process.poll() is None
        process.kill()
    out, err = process.communicate(timeout=120)
    done = Done(int(process.wait()), out, err)
    for _ in range(8):  # on a busy machine a client has a transaction prepared at most looks
        runs = on.runs_of(verb, earlier)
        if done.code == 0:
            return runs[-1]
        if verb == "cutover" and "prepared and not decided" in done.err + done.out:
            _decide(on, outcome, runs[-1])
            done = on.person.daybreak(verb, *words)
        elif runs and (begun := [each for each in runs if _has_begun(on, each)]):
            done = on.person.daybreak("resume", begun[-1])
        else:
            done = on.person.daybreak(verb, *words)
    if done.code != 0:
        raise AssertionError(f"seed {outcome.drawn.seed}: {verb} came to {done.code}: {_last(done)}")
    return on.runs_of(verb, earlier)[-1]


def _decide(on: Ground, outcome: Outcome, cutover: str) -> None:
    """A client was sent out between its two phases: the source is opened again, and a person decides for it."""
    on.person.daybreak("abort", cutover)
    back = on.person.daybreak("rollback", cutover, "--confirm", CLUSTER)
    if back.code != 0 and "was taken back already" not in back.err:  # it does that by itself, where it fails in its gap
        outcome.wrong.append(f"the rollback of a cutover that met a prepared transaction: {_last(back)}")
    with connected(*on.address(CLUSTER)) as session:
        for [name] in session.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
            with suppress(psycopg.Error):  # its client decides it too
                session.execute(f"COMMIT PREPARED '{name}'".encode())


def _has_begun(on: Ground, run: str) -> bool:
    try:
        return on.state(run).ended is None
    except Exception:  # noqa: BLE001 - killed before its first event was whole
        return False


def _last(done: Done) -> str:
    return (done.err or done.out).strip()[-600:]


def _check_late(on: Ground, outcome: Outcome, side: str, run: str) -> None:
    """Nobody wrote to the side that was left since its mark was read, and nobody does."""
    mark = on.mark(run)
    if late := on.late(side, mark):
        outcome.wrong.append(f"{late} rows on {side} are later than the mark {mark} of {run}")
    held = on.tokens(side)
    time.sleep(0.2)
    if on.tokens(side) != held:
        outcome.wrong.append(f"somebody writes to {side} after {run}")


def _check_ledger(on: Ground, outcome: Outcome, clone: str) -> None:
    """Every acknowledged write is somewhere, none that was refused is anywhere, and every unknown one is named."""
    old, new, ledger = on.tokens(CLUSTER), on.tokens(clone), outcome.ledger
    if nowhere := set(ledger.acknowledged) - old - new:
        outcome.wrong.append(f"{len(nowhere)} acknowledged writes are nowhere, such as {min(nowhere)}")
    if there := set(ledger.refused) & (old | new):
        outcome.wrong.append(f"{len(there)} refused writes are there, such as {min(there)}")
    if lost := set(ledger.sent) - set(ledger.acknowledged) - set(ledger.refused) - set(ledger.unknown):
        outcome.wrong.append(f"{len(lost)} writes have no outcome, such as {min(lost)}")
    outcome.unknown = {
        token: "on the old side" if token in old else "on the new side" if token in new else "nowhere"
        for token in ledger.unknown
    }
    pooled = [f"{words} ({count})" for (kind, words), count in ledger.errors.items() if kind == "pooled"]
    if pooled and not outcome.was_killed:
        outcome.wrong.append(f"clients behind the pool saw {'; '.join(pooled)}")


def move_without_fence(on: Ground, seed: int) -> tuple[int, set[str]]:
    """The same traffic moved by a script whose fence is a read-only default: the rows later than its mark, and their kinds."""
    on.configure(["parameter"])
    on.truncate()
    clone = _restore(on)
    source, there = on.address(CLUSTER), on.address(clone)
    kinds: list[Kind] = ["plain", "stubborn", "cached"]
    ssm = on.lab.client("ssm")
    name = "/embi/production/database/endpoint"
    with on.book.open(), Zoo(kinds, lambda: on.book.at("parameter"), None, 0.02, seed) as zoo:
        eventually(lambda: len(zoo.ledger.acknowledged) > 50, within=60)
        on.ask(CLUSTER, "alter database embi set default_transaction_read_only = on")
        try:
            [[[mark]]] = on.ask(CLUSTER, "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            ssm.put_parameter(Name=name, Value=there[0], Overwrite=True)
            time.sleep(1)
            late, kinds_late = on.late(CLUSTER, int(mark)), on.late_kinds(CLUSTER, int(mark))
        finally:
            on.ask(CLUSTER, "alter database embi reset default_transaction_read_only")
            ssm.put_parameter(Name=name, Value=source[0], Overwrite=True)
    on.remove(clone)
    return late, kinds_late

"""Cutover: how long nobody can write, by each kind of place, and the fence's own share of that beside a bare script.

Ninety clients write from a process of their own. In each round the script fences the source and opens it again, then Daybreak cuts
over and goes back, on the same servers. The fence is from right before the first NOLOGIN is committed until the mark is read, by the
server's clock; the gap is from the last write that the old side acknowledged to the first that the new side did.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

import psycopg
from botocore.session import Session

from bench.rounds import Figures, Rounds, Row, milliseconds
from bench.stage import Stage, stage
from daybreak.app.moving import CutoverWish, plan_cutover, plan_rollback
from daybreak.app.planning import PitrWish, plan_pitr
from daybreak.app.running import Watchers, carry_out, start
from daybreak.lab.company.names import CLUSTER, ENDPOINT_PARAMETER, OWNER, SECRET
from daybreak.model.attempts import StepStaged
from daybreak.model.fences import COUNT_INSIDE, END_INSIDE
from daybreak.model.run import Event
from daybreak.model.thoroughness import Thoroughness
from daybreak.plan.fence import loss_of_entry, return_of_entry
from tests.fix_pools import Bouncer, bouncing, pgbouncer
from tests.fix_postgres import PASSWORD as BOSS_PASSWORD

ROUNDS = 3 if os.environ.get("DAYBREAK_BENCH") == "quick" else 8
CLIENTS = 90
"""A server of the lab lets 95 in, besides those that it reserves, and Daybreak needs some of them."""
SPEED = 6000.0
USER, PASSWORD = "mover", "only-for-the-bench"
PLACES = {
    "parameter": f'kind = "parameter"\nname = "{ENDPOINT_PARAMETER}"\n',
    "secret": 'kind = "secret"\nname = "bench/database"\n',
    "record": 'kind = "record"\nzone = "{zone}"\nname = "db.embi.example"\n',
}


@dataclass
class Taken:
    """What the rounds of one kind of place took, in seconds."""

    gaps: list[float] = field(default_factory=list)
    fences: list[float] = field(default_factory=list)
    scripts: list[float] = field(default_factory=list)
    errors: int = 0


@dataclass
class Yard:
    """A stage with the application's table, its places, and a pool in front."""

    on: Stage
    zone: str
    bouncer: Bouncer | None

    def client(self, service: str) -> Any:
        """A client of the lab's AWS."""
        return Session().create_client(service, "us-east-1")

    def address(self, name: str) -> tuple[str, int]:
        """Where a cluster's writer answers."""
        found = self.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        return found["Endpoint"], found["Port"]

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A session of the owner's at the source."""
        host, port = self.address(CLUSTER)
        password = json.loads(self.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"])[
            "password"
        ]
        where: dict[str, Any] = {"host": host, "port": port, "dbname": "embi", "user": OWNER, "password": password}
        with psycopg.connect(**where, autocommit=True, application_name="daybreak", prepare_threshold=None) as session:
            yield session

    def configure(self, kind: str) -> None:
        """Name one place, or the pool alone."""
        text = self.on.configuration.read_text().partition("# places\n")[0].rstrip() + "\n\n# places\n"
        if kind == "pool" and self.bouncer is not None:
            repoint = json.dumps(list(self.bouncer.pool().repoint))
            text += (
                f'[[targets.embi.pools]]\nkind = "pgbouncer"\nhost = "127.0.0.1"\nport = {self.bouncer.port}\n'
                f'login = "env:POOL"\ndatabase = "embi"\nrepoint = {repoint}\n'
            )
        else:
            text += "[[targets.embi.destinations]]\n" + PLACES[kind].replace("{zone}", self.zone)
        # What is measured is over by then: the default would only make each round half a minute longer.
        self.on.configuration.write_text(text + '\n[targets.embi.cutover]\nhold = "1s"\n')

    @contextmanager
    def clients(self, kind: str, *sides: str) -> Iterator[subprocess.Popen[str]]:
        """Ninety clients that read the address from that kind of place."""
        names = {"parameter": ENDPOINT_PARAMETER, "secret": "bench/database", "record": "db.embi.example."}
        order = {
            "number": CLIENTS,
            "kind": kind,
            "name": names.get(kind, ""),
            "zone": self.zone,
            "ports": dict(self.address(each) for each in sides),
            "pool": ["127.0.0.1", self.bouncer.port] if self.bouncer else [],
            "user": USER,
            "password": PASSWORD,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.cutover_clients"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            if (said := process.stdout.readline().strip()) != "ready":
                raise RuntimeError(f"the clients did not come to write: {said}")
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def fence_by_script(yard: Yard) -> float:
    """Seconds that a bare script needs for the same fence; it opens the source again."""
    with yard.owner() as session:
        found = session.execute(
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname <> session_user AND rolname !~ '^rds'"
        ).fetchall()
        names = [str(name) for [name] in found]
        close, reopen = loss_of_entry(names).text.encode(), return_of_entry(names).text.encode()
        [[began]] = session.execute("SELECT clock_timestamp()").fetchall()
        session.execute(close)
        try:
            while session.execute(COUNT_INSIDE.encode()).fetchall():
                session.execute(END_INSIDE.encode())
                time.sleep(0.002)
            [[_, ended]] = session.execute(
                "SELECT pg_snapshot_xmax(pg_current_snapshot())::text, clock_timestamp()"
            ).fetchall()
        finally:
            session.execute(reopen)
    return float((ended - began).total_seconds())


def cut_over(yard: Yard, kind: str, clone: str, taken: Taken) -> None:
    """Move the traffic under the clients, and note the fence and the gap; then go back."""
    events: list[Event] = []
    app = yard.on.app()
    with yard.clients(kind, CLUSTER, clone) as clients:
        taken.scripts.append(fence_by_script(yard))
        time.sleep(1.5)  # everybody is back
        before = time.monotonic()
        run = start(app, plan_cutover(app, CutoverWish(clone)))
        state = carry_out(app, run, Watchers(on_event=events.append))
        if state.status != "finished":
            raise RuntimeError(f"the cutover is {state.status}: {state.note}")
        time.sleep(1.5)
        clients.stdin.write("enough\n")  # type: ignore[union-attr]
        clients.stdin.flush()  # type: ignore[union-attr]
        told = json.loads(clients.stdout.readline())  # type: ignore[union-attr]
    written = [(at, side) for at, side in told["acknowledged"] if at > before]
    old = written[0][1]
    last = max(at for at, side in written if side == old)
    taken.gaps.append(min(at for at, side in written if side != old) - last)
    taken.errors += told["errors"] if kind == "pool" else 0
    staged = next(each.at for each in events if isinstance(each.body, StepStaged) and "close-source" in each.body.step)
    mark = next(step.result["mark"] for step in state.steps.values() if "mark" in step.result)
    taken.fences.append((datetime.fromisoformat(mark["at"]) - staged).total_seconds())
    carry_out(app, start(app, plan_rollback(app, run)), Watchers())


def remove(yard: Yard, clone: str) -> None:
    """Delete a clone, whose modifications AWS ends first, with its instances."""
    rds = yard.client("rds")
    found = rds.describe_db_clusters(DBClusterIdentifier=clone)["DBClusters"][0]
    if found["DeletionProtection"]:
        rds.modify_db_cluster(DBClusterIdentifier=clone, DeletionProtection=False, ApplyImmediately=True)
    for each in found["DBClusterMembers"]:
        rds.delete_db_instance(DBInstanceIdentifier=each["DBInstanceIdentifier"])
    until = time.monotonic() + 60
    while rds.describe_db_clusters(DBClusterIdentifier=clone)["DBClusters"][0]["Status"] != "available":
        if time.monotonic() > until:
            raise RuntimeError(f"{clone} did not become available within a minute")
        time.sleep(0.05)
    rds.delete_db_cluster(DBClusterIdentifier=clone, SkipFinalSnapshot=True)


def one_round(yard: Yard, kind: str, taken: Taken) -> None:
    """A new clone, the script's fence, Daybreak's, and back."""
    yard.configure(kind)
    app = yard.on.app()
    clone = start(
        app, plan_pitr(app, PitrWish("embi", "latest", why="benchmark", thoroughness=Thoroughness(depth="quick")))
    )
    carry_out(app, clone, Watchers())
    cut_over(yard, kind, clone, taken)
    remove(yard, clone)


@contextmanager
def yard_of(on: Stage, stack: ExitStack) -> Iterator[Yard]:
    """The application's table and role, its places, and a pool where this machine has a PgBouncer."""
    yard = Yard(on, "", None)
    [zone] = yard.client("route53").list_hosted_zones()["HostedZones"]
    yard.zone = str(zone["Id"]).rpartition("/")[2]
    host, port = yard.address(CLUSTER)
    with yard.owner() as session:
        for statement in (
            f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'",
            "CREATE TABLE moved (number int)",
            f"GRANT INSERT, SELECT ON moved TO {USER}",
        ):
            session.execute(statement.encode())
    secret = json.dumps({"host": host, "port": port})
    yard.client("secretsmanager").create_secret(Name="bench/database", SecretString=secret)
    if pgbouncer() is not None:
        yard.bouncer = stack.enter_context(bouncing(host, port, "embi", {USER: PASSWORD}, tls="require", size=40))
        yard.on.environment.update({"POOL_USERNAME": "boss", "POOL_PASSWORD": BOSS_PASSWORD})
    yield yard


def figures() -> Figures:
    """The gap of each kind of place, and the fence beside the script's."""
    taken, rounds = {kind: Taken() for kind in (*PLACES, "pool")}, Rounds()
    with ExitStack() as stack:
        on = stack.enter_context(stage(SPEED))
        yard = stack.enter_context(yard_of(on, stack))
        kinds = [kind for kind in taken if kind != "pool" or yard.bouncer is not None]
        for kind in kinds:
            rounds.of(lambda kind=kind: one_round(yard, kind, taken[kind]), ROUNDS)  # type: ignore[misc]
    rows = [_row(f"the gap by a {kind}", taken[kind].gaps) for kind in PLACES]
    pool = taken["pool"]
    if pool.gaps:
        late = _late(pool.gaps)
        rows += [
            _row("the gap behind PgBouncer", pool.gaps),
            Row("the gap behind PgBouncer, p99", milliseconds(late), "", len(pool.gaps), "within 250 ms", late <= 0.25),
            Row("errors of clients behind PgBouncer", str(pool.errors), "", len(pool.gaps), "none", pool.errors == 0),
        ]
    direct = [taken[kind] for kind in PLACES]
    fences = [each for kind in direct for each in kind.fences]
    scripts = [each for kind in direct for each in kind.scripts]
    ratio = median(fences) / median(scripts)
    rows += [
        _row("the script's fence", scripts),
        Row("the script's fence, p99", milliseconds(_late(scripts)), "", len(scripts)),
        Row(
            "Daybreak's fence",
            milliseconds(median(fences)),
            f"{ratio:.2f} × the script's",
            len(fences),
            "1.2 ×",
            ratio <= 1.2,
        ),
        Row(
            "Daybreak's fence, p99", milliseconds(_late(fences)), "", len(fences), "within 500 ms", _late(fences) <= 0.5
        ),
    ]
    notes = (
        f"{CLIENTS} clients in a process of their own; each writes every 100 ms and comes back 100 ms after it was sent out.",
        f"The lab at speed {SPEED:g}. Of so few rounds the p99 is the worst.",
        "The gap holds what the places take to change, and until a client has read the new address: each looks every 10 ms.",
        rounds.note(),
    )
    return Figures(f"A cutover under {CLIENTS} clients", tuple(rows), notes)


def _row(what: str, seconds: list[float]) -> Row:
    return Row(what, milliseconds(median(seconds)), "", len(seconds))


def _late(seconds: list[float]) -> float:
    """The 99th of a hundred."""
    return sorted(seconds)[min(int(0.99 * len(seconds)), len(seconds) - 1)]

"""Where cutovers are measured: the application's table, every kind of place that its clients read the address from, and a pool in front."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from botocore.session import Session

from bench.stage import Stage
from daybreak.lab.company.names import CLUSTER, ENDPOINT_PARAMETER, OWNER, SECRET
from daybreak.lab.company.surroundings import PROXY
from tests.fix_pools import Bouncer, bouncing, pgbouncer
from tests.fix_postgres import PASSWORD as BOSS_PASSWORD

CLIENTS = 100
ROOM = 150
"""Connections that a server of the bench lets in: the lab's own default is 100, and Daybreak needs some besides the clients."""
USER, PASSWORD = "mover", "only-for-the-bench"
Kind = Literal["parameter", "secret", "record", "pool", "proxy", "name"]
PLACES: dict[Kind, str] = {
    "parameter": f'kind = "parameter"\nname = "{ENDPOINT_PARAMETER}"\n',
    "secret": 'kind = "secret"\nname = "bench/database"\n',
    "record": 'kind = "record"\nzone = "{zone}"\nname = "db.embi.example"\n',
    "proxy": f'kind = "proxy"\nname = "{PROXY}"\n',
    "name": 'kind = "endpoint"\n',
}
RULES = """
[targets.embi.cutover]
hold = "1s"
ttl = 60
"""
"""What is measured is over by then. The record's own time to live is left: to shorten it takes a minute before the gap and after it,
and a client that remembers it so long is no part of the gap of one that asks anew."""


@dataclass
class Yard:
    """A stage with the application's table, its places, and a pool in front."""

    on: Stage
    zone: str = ""
    bouncer: Bouncer | None = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of the lab's AWS."""
        if service not in self._clients:
            self._clients[service] = Session().create_client(service, "us-east-1")
        return self._clients[service]

    def address(self, name: str) -> tuple[str, int]:
        """Where a cluster's writer answers."""
        found = self.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        return found["Endpoint"], found["Port"]

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A session of the owner's at the source."""
        host, port = self.address(CLUSTER)
        secret = self.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
        where: dict[str, Any] = {"host": host, "port": port, "dbname": "embi", "user": OWNER}
        with psycopg.connect(
            **where,
            password=json.loads(secret)["password"],
            autocommit=True,
            application_name="daybreak",
            prepare_threshold=None,
        ) as session:
            yield session

    def configure(self, kind: Kind) -> None:
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
        self.on.configuration.write_text(text + RULES)

    @contextmanager
    def clients(self, kind: Kind, *clones: str) -> Iterator[subprocess.Popen[str]]:
        """The clients, which read the address from that kind of place, in a process of their own."""
        names = {"parameter": ENDPOINT_PARAMETER, "secret": "bench/database", "record": "db.embi.example."}
        order = {
            "number": CLIENTS,
            "kind": kind,
            "name": names.get(kind, ""),
            "zone": self.zone,
            "ports": dict(self.address(each) for each in (CLUSTER, *clones)),
            "fixed": self._front_door(kind),
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

    def _front_door(self, kind: Kind) -> tuple[str, int] | None:
        """The one address that clients know for ever; ``None`` where they read it."""
        match kind:
            case "pool":
                return ("127.0.0.1", self.bouncer.port) if self.bouncer else None
            case "proxy":
                return self.client("rds").describe_db_proxies(DBProxyName=PROXY)["DBProxies"][0]["Endpoint"], 5432
            case "name":
                return self.address(CLUSTER)
            case _:
                return None

    def leave_proxy(self) -> None:
        """Take the source out of its proxy, which goes by the cluster itself and not by its name."""
        self.client("rds").deregister_db_proxy_targets(DBProxyName=PROXY, DBClusterIdentifiers=[CLUSTER])

    def remove(self, clone: str) -> None:
        """Delete a clone, whose modifications AWS ends first, with its instances."""
        rds = self.client("rds")
        found = rds.describe_db_clusters(DBClusterIdentifier=clone)["DBClusters"][0]
        if found["DeletionProtection"]:
            rds.modify_db_cluster(DBClusterIdentifier=clone, DeletionProtection=False, ApplyImmediately=True)
        for each in found["DBClusterMembers"]:
            rds.delete_db_instance(DBInstanceIdentifier=each["DBInstanceIdentifier"])
        self.await_available(clone)
        rds.delete_db_cluster(DBClusterIdentifier=clone, SkipFinalSnapshot=True)

    def await_available(self, name: str) -> None:
        """Wait until AWS is through with a cluster; raises ``RuntimeError`` after a minute."""
        rds, until = self.client("rds"), time.monotonic() + 60
        while rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Status"] != "available":
            if time.monotonic() > until:
                raise RuntimeError(f"{name} did not become available within a minute")
            time.sleep(0.05)


def make_room(yard: Yard) -> None:
    """Let the source's servers take more connections, and those of its clones, which take their group from it."""
    rds = yard.client("rds")
    found = rds.describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
    value = {"ParameterName": "max_connections", "ParameterValue": str(ROOM), "ApplyMethod": "pending-reboot"}
    rds.modify_db_cluster_parameter_group(
        DBClusterParameterGroupName=found["DBClusterParameterGroup"], Parameters=[value]
    )
    for each in found["DBClusterMembers"]:
        rds.reboot_db_instance(DBInstanceIdentifier=each["DBInstanceIdentifier"])
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with yard.owner() as session:
                [[room]] = session.execute("SELECT current_setting('max_connections')::int").fetchall()
            if room >= ROOM:
                return
        except psycopg.OperationalError:
            pass  # it starts again just now
        time.sleep(0.1)
    raise RuntimeError(f"the source does not take {ROOM} connections")


@contextmanager
def yard_of(on: Stage, stack: ExitStack) -> Iterator[Yard]:
    """The application's table and role, its places, and a pool where this machine has a PgBouncer."""
    yard = Yard(on)
    [zone] = yard.client("route53").list_hosted_zones()["HostedZones"]
    yard.zone = str(zone["Id"]).rpartition("/")[2]
    make_room(yard)
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
        on.environment.update({"POOL_USERNAME": "boss", "POOL_PASSWORD": BOSS_PASSWORD})
    yield yard

"""The ground of the ledger: one lab, its production, the places from which applications read the address, and a pool in front."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daybreak.journal.folder import FolderStore
from daybreak.lab.company.names import CLUSTER, ENDPOINT_PARAMETER, OWNER, SECRET
from daybreak.model.run import RunState, state_of
from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_folders import new_folder
from tests.fix_lab import LabUnderTest, private
from tests.fix_pools import Bouncer, bouncing, pgbouncer
from tests.fix_postgres import PASSWORD as BOSS_PASSWORD
from tests.fix_postgres import Server, started, stopped
from tests.ledger.zoo import PASSWORD, USER, connected

UNASKED = waiving("application.connects", "application.health", "application.functions")
APP_SECRET = "ledger/database"
RECORD = "db.embi.example."
PLACES = {
    "parameter": f'[[targets.embi.destinations]]\nkind = "parameter"\nname = "{ENDPOINT_PARAMETER}"\n',
    "secret": f'[[targets.embi.destinations]]\nkind = "secret"\nname = "{APP_SECRET}"\n',
    "record": '[[targets.embi.destinations]]\nkind = "record"\nzone = "{zone}"\nname = "db.embi.example"\n',
}
"""Each kind of place, as the configuration names it."""
_RULES = """
[targets.embi.cutover]
share = 20
hold = "200ms"
ttl = 60
"""
"""Clients that remember an address for good never come to the clone: a share of them is enough here."""

_MADE = (
    f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'",
    "CREATE TABLE ledger (id serial, token text)",
    f"GRANT INSERT, SELECT ON ledger TO {USER}",
    f"GRANT USAGE ON SEQUENCE ledger_id_seq TO {USER}",
)


@dataclass
class AddressBook:
    """What applications read, from each kind of place, and remember for a moment."""

    lab: LabUnderTest
    zone: str
    ports: dict[str, int] = field(default_factory=dict)
    _read: dict[str, tuple[str, int]] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    trouble: str = ""
    """Why it could not be read the last time."""

    def at(self, kind: str) -> tuple[str, int]:
        """The address by that kind of place."""
        return self._read[kind]

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.lab.client(service)
        return self._clients[service]

    def read(self) -> None:
        """Read every place."""
        host = str(self._client("ssm").get_parameter(Name=ENDPOINT_PARAMETER)["Parameter"]["Value"])
        self._read["parameter"] = (host, self.ports[host])
        secret = self._client("secretsmanager").get_secret_value(SecretId=APP_SECRET)["SecretString"]
        self._read["secret"] = (json.loads(secret)["host"], json.loads(secret)["port"])
        sets = self._client("route53").list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        [record] = [each for each in sets if each["Name"] == RECORD]
        host = record["ResourceRecords"][0]["Value"]
        self._read["record"] = (host, self.ports[host])

    @contextmanager
    def open(self) -> Iterator[None]:
        """Read again and again, as long as the block lasts."""
        self._stop.clear()
        self.read()
        reader = threading.Thread(target=self._go_on, daemon=True)
        reader.start()
        yield
        self._stop.set()
        reader.join()

    def _go_on(self) -> None:
        while not self._stop.wait(0.15):
            try:
                self.read()
                self.trouble = ""
            except Exception as error:  # noqa: BLE001 - a lab that is busy; the old address is remembered
                self.trouble = repr(error)


@dataclass
class Ground:
    """Where cutovers happen, one after the other."""

    lab: LabUnderTest
    person: Person
    book: AddressBook
    bouncer: Bouncer | None
    publisher: Server | None

    def cluster(self, name: str) -> dict[str, Any]:
        """A cluster as AWS describes it."""
        return dict(self.lab.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])

    def address(self, name: str) -> tuple[str, int]:
        """Where its writer answers."""
        found = self.cluster(name)
        self.book.ports[found["Endpoint"]] = found["Port"]
        return found["Endpoint"], found["Port"]

    def ask(self, name: str, *statements: str) -> list[list[list[Any]]]:
        """What a side answers to its staff, who are no clients."""
        return self.lab.remote.administer(name, *statements, database="embi")

    def tokens(self, name: str) -> set[str]:
        """Every write that a side holds."""
        return {str(token) for [token] in self.ask(name, "select token from ledger")[0]}

    def writers(self, name: str, seed: int) -> set[str]:
        """The kinds of the clients whose writes a side holds, of those since this seed began."""
        query = f"select distinct split_part(token, '-', 1) from ledger where token like '%-s{seed}-%'"
        return {str(kind) for [kind] in self.ask(name, query)[0]}

    def late(self, name: str, mark: int) -> int:
        """How many rows of a side have a transaction id at or after its mark; none of them is frozen yet."""
        query = f"select count(*) from ledger where xmin::text::bigint >= {mark % 2**32}"
        return int(self.ask(name, query)[0][0][0])

    def late_kinds(self, name: str, mark: int) -> set[str]:
        """The kinds of the clients whose rows are later than the mark."""
        query = f"select distinct split_part(token, '-', 1) from ledger where xmin::text::bigint >= {mark % 2**32}"
        return {str(kind) for [kind] in self.ask(name, query)[0]}

    def runs_of(self, verb: str, earlier: set[str]) -> list[str]:
        """The runs of that verb that are new, the newest last."""
        found = [each for each in self.person.runs() if each not in earlier and f"-{verb}-" in each]
        return sorted(found, key=lambda each: (self.person.state / "runs" / each / "plan.json").stat().st_mtime)

    def state(self, run: str) -> RunState:
        """Where a run stands."""
        return state_of(FolderStore(self.person.state).events(run))

    def mark(self, run: str) -> int:
        """The high-water mark that a run read."""
        [found] = [step.result["mark"] for step in self.state(run).steps.values() if "mark" in step.result]
        return int(found["transaction"])

    def configure(self, places: list[str]) -> None:
        """Name these places in daybreak.toml, and the pool where there is one."""
        text = 'poll = "100ms"\n' + CONFIGURATION + UNASKED + _RULES
        text += "".join(PLACES[each].replace("{zone}", self.book.zone) for each in places)
        if self.bouncer is not None:
            repoint = json.dumps(list(self.bouncer.pool().repoint))
            text += (
                f'[[targets.embi.pools]]\nkind = "pgbouncer"\nhost = "127.0.0.1"\nport = {self.bouncer.port}\n'
                f'login = "env:POOL"\ndatabase = "embi"\nrepoint = {repoint}\n'
            )
        self.person.configure(text)

    def owner(self) -> tuple[str, str]:
        """The login of the database's owner."""
        found = json.loads(self.lab.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"])
        return OWNER, found["password"]

    def truncate(self) -> None:
        """Forget the writes of earlier seeds: a clone that is made now has none of them."""
        with connected(*self.address(CLUSTER), *self.owner()) as session:
            session.execute("TRUNCATE ledger")

    def remove(self, clone: str) -> None:
        """Delete a clone with all its instances, so that its servers use nothing more."""
        rds = self.lab.client("rds")
        rds.modify_db_cluster(DBClusterIdentifier=clone, DeletionProtection=False, ApplyImmediately=True)
        for member in self.cluster(clone)["DBClusterMembers"]:
            rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"])
        rds.delete_db_cluster(DBClusterIdentifier=clone, SkipFinalSnapshot=True)


@contextmanager
def ground(home: Path) -> Iterator[Ground]:
    """A new ground; all of it ends with the block."""
    with ExitStack() as stack:
        lab = stack.enter_context(private(speed=6000))
        found = lab.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
        host, port = found["Endpoint"], found["Port"]
        secret = {"host": host, "port": port, "password": "never-shown"}
        lab.client("secretsmanager").create_secret(Name=APP_SECRET, SecretString=json.dumps(secret))
        [zone] = lab.client("route53").list_hosted_zones()["HostedZones"]
        bouncer = publisher = None
        if pgbouncer() is not None:
            bouncer = stack.enter_context(bouncing(host, port, "embi", {USER: PASSWORD}, tls="require"))
        publisher = started(new_folder("dbpg-"), "wal_level=logical")
        stack.callback(stopped, publisher)
        publisher.run("postgres", "CREATE DATABASE feed")
        publisher.run(
            "feed",
            "CREATE TABLE ledger (id int, token text)",
            "CREATE PUBLICATION ledger FOR TABLE ledger",
        )
        person = lab.person(home, {"POOL_USERNAME": "boss", "POOL_PASSWORD": BOSS_PASSWORD})
        book = AddressBook(lab, str(zone["Id"]).rpartition("/")[2], {host: port})
        made = Ground(lab, person, book, bouncer, publisher)
        with connected(host, port, *made.owner()) as session:
            for statement in _MADE:
                session.execute(statement.encode())
        yield made

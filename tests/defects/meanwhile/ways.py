"""What the stories of a working company are told with: its people's statements and sessions, backups, and the plan of a restore."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

import psycopg

from daybreak.app.baselines import BaselineWish, take_baseline
from daybreak.app.planning import PitrWish, plan_pitr
from daybreak.lab.company.names import DATABASE
from daybreak.lab.remote import connection_proof
from daybreak.model.plan import Plan
from daybreak.model.targets import Waiver
from daybreak.model.thoroughness import Depth, Thoroughness
from tests.defects.ward import Ward, moment_of
from tests.fix_lab import eventually

Story = Callable[[Ward], Plan]
"""Something happens to a source, and a restore of it is planned."""


def pitr(
    ward: Ward,
    depth: Depth = "standard",
    to: str = "",
    waivers: tuple[Waiver, ...] = (),
    within: timedelta | None = None,
) -> Plan:
    """The plan of a recovery to the next whole second, or to the time that is named."""
    thoroughness = Thoroughness.model_validate({"depth": depth, "within": within})
    wish = PitrWish("embi", to or next_moment(ward), thoroughness=thoroughness, waivers=waivers)
    return plan_pitr(ward.app, wish)


def next_moment(ward: Ward) -> str:
    """The next whole second, as a person types it, once the backup has come as far."""
    return moment_of(ward).isoformat().replace("+00:00", "Z")


def baseline(ward: Ward) -> None:
    """A baseline with fingerprints."""
    take_baseline(ward.app, BaselineWish("embi", is_fingerprinted=True))


def tag() -> str:
    """What distinguishes the names of one story from those of all others on the same branch."""
    return f"{int(monotonic() * 1000) % 10_000_000}"


def taken(ward: Ward) -> str:
    """The name of a snapshot, taken by hand just now."""
    name = f"by-hand-{int(monotonic() * 1000) % 1_000_000}"
    ward.rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier=ward.branch.cluster)

    def is_there() -> bool:
        seen = ward.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)["DBClusterSnapshots"]
        return bool(seen[0]["Status"] == "available")

    eventually(is_there, within=60)
    return name


def delete(ward: Ward) -> None:
    """Delete the source, and keep its backup."""
    name = ward.branch.cluster
    ward.rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    eventually(lambda: ward.described(name)["Status"] == "available", within=60)
    for member in ward.described(name)["DBClusterMembers"]:
        ward.rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"], SkipFinalSnapshot=True)
    ward.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    filters = [{"Name": "db-cluster-id", "Values": [name]}]
    eventually(lambda: not ward.rds.describe_db_clusters(Filters=filters)["DBClusters"], within=60)


def run(ward: Ward, *statements: str) -> None:
    """The company's own people do this, so what they make is theirs."""
    theirs = (each if " role " in each else f"set role embi_admin; {each}" for each in statements)
    ward.lab.remote.administer(ward.branch.cluster, *theirs)


@contextmanager
def working(ward: Ward) -> Iterator[None]:
    """People at work: small transactions, without a pause."""
    is_over = threading.Event()

    def go() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            run(
                ward,
                f"insert into audit_log (what, detail) values ('work', jsonb_build_object('n', {number}))",
                f"update employees set updated_at = now() where id = {1 + number % 2000}",
                f"insert into payments (employee_id, amount, paid_on, reference) values ({1 + number % 2000}, 5, now(), 'w')",
            )

    worker = threading.Thread(target=go, name="company-at-work")
    worker.start()
    try:
        yield
    finally:
        is_over.set()
        worker.join()


def by_staff(ward: Ward, *statements: str, database: str = DATABASE) -> list[list[list[Any]]]:
    """Statements of the provider's staff, each in a transaction of its own; the rows of each."""
    return ward.lab.remote.administer(ward.branch.cluster, *statements, database=database)


@contextmanager
def session(ward: Ward, database: str = DATABASE) -> Iterator[psycopg.Connection[Any]]:
    """A session of the company's owner in the source, in which each statement is a transaction of its own unless it begins one."""
    source = ward.described(ward.branch.cluster)
    held = ward.lab.client("secretsmanager").get_secret_value(SecretId=ward.branch.login)["SecretString"]
    login = json.loads(held)
    connection = psycopg.connect(
        host=source["Endpoint"],
        port=source["Port"],
        dbname=database,
        user=login["username"],
        password=login["password"],
        autocommit=True,
        **connection_proof(ward.lab.remote.folder),
    )
    try:
        yield connection
    finally:
        connection.close()


def by_owner(ward: Ward, *statements: str, database: str = DATABASE) -> None:
    """Statements of the owner, one after the other in one session; also those that no transaction may hold."""
    with session(ward, database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def log_in_as(ward: Ward, role: str, password: str) -> None:
    """Let Daybreak enter the target with that role from now on."""
    held, name = ward.lab.client("secretsmanager"), f"{ward.branch.cluster}/{role}"
    held.create_secret(Name=name, SecretString=json.dumps({"username": role, "password": password}))
    use_login(ward, name)


def use_login(ward: Ward, secret: str) -> None:
    """Let Daybreak enter the target with the login in that secret from now on."""
    settings = ward.app.settings
    target = settings.targets["embi"].model_copy(update={"login": f"secretsmanager:{secret}"})
    ward.app = replace(ward.app, settings=settings.model_copy(update={"targets": {"embi": target}}))


@contextmanager
def at_full_speed(ward: Ward, table: str, number: int = 3) -> Iterator[None]:
    """Some sessions that write as fast as they can: rows, versions of rows, savepoints, locks, rows that go again."""
    is_over = threading.Event()

    def go(place: int) -> None:
        with session(ward) as connection:
            turn = 0
            while not is_over.is_set():
                turn += 1
                key = 1 + (turn * 7 + place * 131) % 900
                with connection.transaction():
                    connection.execute(f"insert into {table} (note, at) values ('{place}-{turn}', now())".encode())
                    with connection.transaction():
                        connection.execute(
                            f"update {table} set note = note || '.', at = now() where id = {key}".encode()
                        )
                    connection.execute(f"select from {table} where id = {key + 1} for key share".encode())
                    if turn % 5 == 0:
                        connection.execute(f"delete from {table} where id = {1000 + turn + place}".encode())

    workers = [threading.Thread(target=go, args=(place,), name=f"writer-{place}") for place in range(number)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        is_over.set()
        for worker in workers:
            worker.join()


def made(ward: Ward, table: str, rows: int = 1000) -> None:
    """A table of the company's, with rows from just now."""
    run(
        ward,
        f"create table {table} (id bigint generated by default as identity primary key, n integer not null default 7,"
        " note text not null, at timestamptz not null default now())",
        f"insert into {table} (note) select 'row ' || g from generate_series(1, {rows}) as g",
        f"analyze {table}",
    )

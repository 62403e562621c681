"""Defects of whole databases, and in a database that no configuration names."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from daybreak.lab.company.names import OWNER
from daybreak.model import checks
from daybreak.model.checks import Check
from daybreak.model.thoroughness import Depth
from tests.defects.planted.how import Planted, Told, run
from tests.defects.rules import DROPPED_OR_LOST, ONLY_THE_SOURCE_KNOWS
from tests.defects.specimens import SECOND
from tests.defects.ward import Ward


def _of_cluster(name: str, statement: str, undo: str, check: Check = checks.DATABASES, **told: Unpack[Told]) -> Planted:
    """What belongs to no database is put back by its own undo."""
    return Planted(
        name,
        check,
        lambda ward: run(ward, *statement.split("; ")),
        lambda ward: run(ward, *undo.split("; ")),
        depth="quick",
        **told,
    )


def _inside(name: str, check: Check, *statements: str, depth: Depth = "standard", **told: Unpack[Told]) -> Planted:
    def plant(ward: Ward) -> None:
        replace(ward.damage, database=SECOND).sql(*statements)

    called = f"{name} in another database"
    return Planted(called, check, plant, spoils=True, database=SECOND, depth=depth, **told)


IN_DATABASES: tuple[Planted, ...] = (
    _of_cluster(
        "database renamed",
        f"alter database {SECOND} rename to lost",
        f"alter database lost rename to {SECOND}",
        kind="pg_database.datname",
        line="lost",  # a database is known by its number, and named as it is called here
        alone="it hits a whole database",
    ),
    _of_cluster(
        "database of another owner",
        f"grant embi_reporting to current_user; alter database {SECOND} owner to embi_reporting",
        f"alter database {SECOND} owner to {OWNER}; revoke embi_reporting from current_user",
        kind="pg_database.datdba",
        line="billing",
        alone="it hits a whole database",
    ),
    _of_cluster(
        "database open to everybody",
        f"grant create on database {SECOND} to public",
        f"revoke create on database {SECOND} from public",
        kind="pg_database.datacl",
        line="billing",
        alone="it hits a whole database",
    ),
    _of_cluster(
        "database takes few connections",
        f"alter database {SECOND} connection limit 3",
        f"alter database {SECOND} connection limit -1",
        kind="pg_database.datconnlimit",
        line="billing",
        alone="it hits a whole database",
    ),
    _of_cluster(
        "database takes no connections",
        f"alter database {SECOND} allow_connections false",
        f"alter database {SECOND} allow_connections true",
        kind="pg_database.datallowconn",
        line="billing",
        alone="it hits a whole database",
    ),
    _of_cluster(
        "database too many",
        "create database one_more",
        "drop database one_more",
        kind="pg_database: row",
        line="one_more",
    ),
    _of_cluster(
        "another database's setting changed",
        f"alter database {SECOND} set work_mem = '1GB'",
        f"alter database {SECOND} reset work_mem",
        checks.ROLES,
        kind="pg_db_role_setting: row",
        line="billing",
    ),
    _inside(
        "missing table",
        checks.TABLES,
        "drop table invoices cascade",
        depth="quick",
        kind="pg_class: table",
        line="public.invoices",
        hits=("invoices_by_customer", "relation public.invoices", "invoices_id_seq"),
    ),
    _inside(
        "row lost",
        checks.SOURCE_ROWS,
        "delete from invoices where id = 77",
        kind="heap: rows deleted in another database",
        line="public.invoices",
        gone=ONLY_THE_SOURCE_KNOWS,
    ),
    _inside(
        "index dropped",
        checks.INDEXES,
        "drop index invoices_by_customer",
        depth="quick",
        kind="pg_index: row",
        line="invoices_by_customer",
        gone=DROPPED_OR_LOST,
    ),
    _inside(
        "grant to everybody",
        checks.GRANTS,
        "grant select on invoices to public",
        depth="quick",
        kind="pg_class.relacl",
        line="relation public.invoices",
    ),
    _inside(
        "sequence set back",
        checks.SEQUENCES,
        "select setval('invoices_id_seq', 5)",
        depth="quick",
        kind="pg_sequence: number",
        line="invoices_id_seq",
    ),
)
"""The databases themselves, and what is lost in one that nobody named."""

"""Defects of whole databases, and in a database that no configuration names."""

from __future__ import annotations

from dataclasses import replace

from daybreak.lab.company.names import OWNER
from daybreak.model import checks
from daybreak.model.checks import Check
from tests.defects.planted.how import Planted, run
from tests.defects.specimens import SECOND
from tests.defects.ward import Ward


def _of_cluster(name: str, statement: str, undo: str, check: Check = checks.DATABASES) -> Planted:
    """What belongs to no database is put back by its own undo."""
    return Planted(
        name,
        check,
        lambda ward: run(ward, *statement.split("; ")),
        lambda ward: run(ward, *undo.split("; ")),
        depth="quick",
    )


def _inside(name: str, check: Check, *statements: str, depth: str = "standard") -> Planted:
    def plant(ward: Ward) -> None:
        replace(ward.damage, database=SECOND).sql(*statements)

    planted = Planted(f"{name} in another database", check, plant, spoils=True, database=SECOND)
    return replace(planted, depth="quick") if depth == "quick" else planted


IN_DATABASES: tuple[Planted, ...] = (
    _of_cluster(
        "database renamed", f"alter database {SECOND} rename to lost", f"alter database lost rename to {SECOND}"
    ),
    _of_cluster(
        "database of another owner",
        f"grant embi_reporting to current_user; alter database {SECOND} owner to embi_reporting",
        f"alter database {SECOND} owner to {OWNER}; revoke embi_reporting from current_user",
    ),
    _of_cluster(
        "database open to everybody",
        f"grant create on database {SECOND} to public",
        f"revoke create on database {SECOND} from public",
    ),
    _of_cluster(
        "database takes few connections",
        f"alter database {SECOND} connection limit 3",
        f"alter database {SECOND} connection limit -1",
    ),
    _of_cluster(
        "database takes no connections",
        f"alter database {SECOND} allow_connections false",
        f"alter database {SECOND} allow_connections true",
    ),
    _of_cluster("database too many", "create database one_more", "drop database one_more"),
    _of_cluster(
        "another database's setting changed",
        f"alter database {SECOND} set work_mem = '1GB'",
        f"alter database {SECOND} reset work_mem",
        checks.ROLES,
    ),
    _inside("missing table", checks.TABLES, "drop table invoices cascade", depth="quick"),
    _inside("row lost", checks.SOURCE_ROWS, "delete from invoices where id = 77"),
    _inside("index dropped", checks.INDEXES, "drop index invoices_by_customer", depth="quick"),
    _inside("grant to everybody", checks.GRANTS, "grant select on invoices to public", depth="quick"),
    _inside("sequence set back", checks.SEQUENCES, "select setval('invoices_id_seq', 5)", depth="quick"),
)
"""The databases themselves, and what is lost in one that nobody named."""

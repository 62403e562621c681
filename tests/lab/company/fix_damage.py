"""Damage for tests: what no owner of a cluster could do to it, done to a cluster that runs.

The law: each way leaves a server that still runs and still answers elsewhere, so that only a check finds it. Whatever an
owner can do by SQL (drop a table, disable a trigger, revoke a grant) is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from daybreak.lab.remote import REGION, RemoteLab


@dataclass(frozen=True)
class Damage:
    """Somebody with the provider's own rights and bad intentions, at one database."""

    lab: RemoteLab
    cluster: str
    database: str = "embi"
    region: str = REGION

    def sql(self, *statements: str) -> list[list[list[Any]]]:
        """Run statements as the provider's staff, each in a session and a transaction of its own; the rows of each."""
        return self.lab.administer(self.cluster, *statements, database=self.database, region=self.region)

    def do(self, deed: str, **names: str) -> None:
        """Let the superuser do one of `daybreak.lab.volumes.deeds`."""
        self.lab.do(self.cluster, deed, database=self.database, region=self.region, **names)

    def invalidate_index(self, index: str) -> None:
        """Leave the index as an interrupted ``create index concurrently`` does."""
        self.do("mark-index", index=index, ready="true", valid="false")

    def forget_in_index(self, index: str, change: str) -> None:
        """Carry out a change of the table without the index: it lacks entries from then on, and scans of it lack rows."""
        self.do("mark-index", index=index, ready="false", valid="false")
        self.sql(change)
        self.do("mark-index", index=index, ready="true", valid="true")

    def disorder_index(self, index: str) -> None:
        """Turn the index's order around behind its back: it finds nothing any more, as after another collation."""
        self.do("disorder-index", index=index)

    def spoil(self, relation: str, block: int = 1, **harm: Any) -> None:
        """Flip bytes of a page on disk, which no scan of it survives; the server is restarted meanwhile.

        ``harm`` is one of the other wounds of `daybreak.lab.servers.pages`, after which the page looks right.
        """
        where = {"region": self.region, "cluster": self.cluster, "database": self.database}
        self.lab.ask("POST", "spoil", {**where, "relation": relation, "block": block, **harm})

    def put(self, relation: str, old: bytes, new: bytes) -> None:
        """Change bytes on disk wherever a page of the relation holds them; its rows go on being the same rows."""
        self.spoil(relation, kind="put", old=old.hex(), new=new.hex())

    def fullest_page(self, table: str) -> int:
        """The number of the page that holds the most rows."""
        question = f"select (ctid::text::point)[0]::int from {table} group by 1 order by count(*) desc, 1 limit 1"
        return int(self.sql(question)[0][0][0])

    def toast_of(self, table: str) -> str:
        """The relation that holds the long values of a table."""
        return str(self.sql(f"select reltoastrelid::regclass from pg_class where oid = '{table}'::regclass")[0][0][0])

    def pretend(self, **members: Any) -> None:
        """Let AWS describe the cluster otherwise, as ``StorageEncrypted=False``, where no call could change it so."""
        self.lab.ask("POST", "pretend", {"region": self.region, "cluster": self.cluster, "members": members})

    def age_collation(self, collation: str = "") -> None:
        """Record that an older library sorted: the collation, or without one the database's own."""
        self.do("age-collation", collation=collation)

    def forget_statistics(self, table: str) -> None:
        """Leave the planner without statistics of the table, as one that was never analyzed."""
        self.do("forget-statistics", table=table)

    def leave_prepared(self, name: str, change: str) -> None:
        """Prepare a change for a commit that never comes; it goes on holding its locks."""
        self.sql(f"begin; {change}; {_said('prepare transaction {}', name)}")

    def unpopulate(self, view: str) -> None:
        """Leave the materialized view as one that was never filled."""
        self.sql(f"refresh materialized view {view} with no data")

    def invalidate_foreign_key(self, constraint: str) -> None:
        """Leave a foreign key as one that was never validated."""
        self.do("invalidate-foreign-key", constraint=constraint)

    def orphan(self, change: str) -> None:
        """Carry out a change without asking foreign keys and triggers: rows that refer to nothing stay behind."""
        self.sql(f"set session_replication_role to replica; {change}")


def _said(statement: LiteralString, value: str) -> str:
    """The statement with a value in it, quoted."""
    return sql.SQL(statement).format(sql.Literal(value)).as_string()

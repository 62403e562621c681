"""What happens to the demo company's database from the outside: work, an accident, and somebody counting rows.

The product only reads; whatever changes the lab's data for a story or a test stands here.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from daybreak.lab.company.names import CLUSTER, DATABASE, SECRET
from daybreak.lab.protocol.boto import make_client
from daybreak.lab.remote import REGION, RemoteLab, connection_proof

TABLES = ("employees", "salaries", "payments")
"""Of the tables that the accident empties, those whose rows are counted."""

ACCIDENT = "delete from employees"
"""The DELETE without a WHERE; salaries and payments go with the employees."""


@dataclass(frozen=True)
class Company:
    """The scenario's database in a running lab, reached as its owner."""

    lab: RemoteLab

    def rows(self, cluster: str = CLUSTER) -> dict[str, int]:
        """How many rows each of the tables has, in the source or in a clone."""
        with closing(self.connect(cluster)) as connection:
            return {table: _count(connection, table) for table in TABLES}

    def work(self) -> None:
        """Somebody gets a raise: the newest data that a clone will be measured by."""
        with closing(self.connect(CLUSTER)) as connection:
            connection.execute("update employees set title = 'Senior ' || title, updated_at = now() where id % 100 = 0")

    def lose_everybody(self) -> int:
        """The accident; returns how many employees it deleted."""
        with closing(self.connect(CLUSTER)) as connection:
            return connection.execute(ACCIDENT).rowcount

    def backup_reaches(self, moment: datetime) -> bool:
        """Whether continuous backup of the source has come as far as ``moment``."""
        latest = self._cluster(CLUSTER).get("LatestRestorableTime")
        return latest is not None and latest >= moment

    def _client(self, service: str) -> Any:
        return make_client(service, REGION, self.lab.access_key, secret=self.lab.secret_key, url=self.lab.url)

    def _cluster(self, identifier: str) -> Any:
        return self._client("rds").describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"][0]

    def connect(self, identifier: str = CLUSTER) -> psycopg.Connection[Any]:
        """A session of the owner, in the source or in a clone."""
        cluster = self._cluster(identifier)
        login = json.loads(self._client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"])
        return psycopg.connect(
            host=cluster["Endpoint"],
            port=cluster["Port"],
            dbname=DATABASE,
            user=login["username"],
            password=login["password"],
            autocommit=True,
            **connection_proof(self.lab.folder),
        )


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0

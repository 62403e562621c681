"""What happens to the sample company's database from outside: work, an accident, and a count of rows.

The product only reads; everything that changes the lab's data for a story or a test is here.
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
"""The tables whose rows are counted, among those that the accident empties."""

ACCIDENT = "delete from employees"
"""The DELETE without a WHERE; salaries and payments go with the employees."""


@dataclass(frozen=True)
class Company:
    """The scenario's database in a running lab, with its owner's login."""

    lab: RemoteLab

    def rows(self, cluster: str = CLUSTER) -> dict[str, int]:
        """The number of rows in each of the tables, in the source or in a clone."""
        with closing(self.connect(cluster)) as connection:
            return {table: _count(connection, table) for table in TABLES}

    def work(self) -> None:
        """Change some rows: this is the newest data, by which a clone will be measured."""
        with closing(self.connect(CLUSTER)) as connection:
            connection.execute("update employees set title = 'Senior ' || title, updated_at = now() where id % 100 = 0")

    def lose_everybody(self) -> int:
        """Cause the accident, and return how many employees it deleted."""
        with closing(self.connect(CLUSTER)) as connection:
            return connection.execute(ACCIDENT).rowcount

    def backup_reaches(self, moment: datetime) -> bool:
        """Whether the continuous backup of the source reaches ``moment``."""
        latest = self._cluster(CLUSTER).get("LatestRestorableTime")
        return latest is not None and latest >= moment

    def _client(self, service: str) -> Any:
        return make_client(service, REGION, self.lab.access_key, secret=self.lab.secret_key, url=self.lab.url)

    def _cluster(self, identifier: str) -> Any:
        return self._client("rds").describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"][0]

    def connect(self, identifier: str = CLUSTER) -> psycopg.Connection[Any]:
        """Open a session of the owner, in the source or in a clone."""
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

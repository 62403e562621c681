"""A source and a faithful clone of it, in a real PostgreSQL, with everything a validation wants to know beforehand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daybreak.model.actions import Validate
from daybreak.model.moment import At
from daybreak.model.targets import Application, Expectation, HealthCheck, SqlCheck
from daybreak.model.world import Cluster, Key, Member, ParameterGroup, SecurityGroup, Surroundings
from daybreak.postgres.bounds import ServerBounds
from daybreak.validate.run import ProbeLimits, Reach, Subject
from tests.fix_pages import Pages
from tests.fix_postgres import HERE, Server
from tests.fix_worlds import GROUP, KEY, cluster, instance

MOMENT = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)
CLONE = "embi-pitr"
CALM = ProbeLimits(counting=ServerBounds(lock=timedelta(seconds=0.5), connections=2))
"""For what gets an answer, also on a busy machine."""

AROUND = Surroundings(
    parameter_group=ParameterGroup(name="embi-aurora-params", family="aurora-postgresql16"),
    security_groups=(SecurityGroup(identifier=GROUP, name="embi-db", rules=("tcp 5432-5432 from 10.20.0.0/16",)),),
    key=Key(arn=KEY, is_enabled=True),
)
"""What stands around the source, and around a faithful clone."""

_EMPLOYEES = (
    "CREATE TABLE employees AS SELECT n AS id, timestamptz '2024-01-15 14:29:59Z' - n * interval '1 s' AS updated_at FROM generate_series(0, 999) AS n",
    "CREATE INDEX employees_by_id ON employees (id)",
    "CREATE TABLE payroll AS SELECT 1 AS n",
    "CREATE TABLE grades (n int PRIMARY KEY)",
    "INSERT INTO grades VALUES (1)",
    "ALTER TABLE payroll ADD FOREIGN KEY (n) REFERENCES grades",
    "ANALYZE",
)


@dataclass
class Stage:
    """A clone's database and, beside it, its source's."""

    server: Server
    database: str
    source: str
    pages: Pages

    def subject(self, **changes: Any) -> Subject:
        """A subject that is fit, with changes to its action or itself."""
        version = self.version
        source_seen = cluster(engine_version=version, parameter_group="embi-aurora-params")
        clone = _clone(self.server, engine_version=version)
        action = Validate(
            clone=CLONE,
            source=source_seen.identifier,
            source_seen=source_seen,
            instances_seen=(instance(1),),
            moment=At(instant=MOMENT),
            database=self.database,
            only=(self.database,),
            login="env:X",
            quarantine={"max_logical_replication_workers": "0", "cron.launch_active_jobs": "off"},
            tables={"public.employees": Expectation(min_rows=1000, freshness="updated_at")},
            checks=(SqlCheck(name="payroll is ready", sql="SELECT count(*) FROM payroll", expect=">= 1"),),
            surroundings_seen=AROUND,
            application=Application(login="env:APP"),
            health=(HealthCheck(name="api", url=f"{self.pages.url}/health?db={{host}}:{{port}}", contains="ok"),),
        )
        of_action = {
            name: changes.pop(name) for name in list(changes) if name in Validate.model_fields and name != "source"
        }
        subject = Subject(
            action=action.model_copy(update=of_action),
            clone=clone,
            instances=(instance(1, identifier=f"{CLONE}-1", cluster=CLONE, parameter_group_status="in-sync"),),
            surroundings=AROUND,
            login_of=lambda reference: self.server.master,
            health_urls={"api": f"{self.pages.url}/health?db={{host}}:{{port}}"},
            moment=MOMENT,
            login=self.server.master,
            trust=HERE,
            source=Reach(self.server.address(self.source), self.server.master),
            rpo=timedelta(minutes=5),
            permitted={"parameter_group": "the quarantine copy"},
            patience=CALM,
        )
        return replace(subject, **changes)

    @property
    def version(self) -> str:
        """An Aurora version of the server's own major."""
        with self.server.connection("postgres") as connection:
            return f"{connection.info.server_version // 10000}.4"

    def run(self, *statements: str) -> None:
        """Change the clone's database."""
        self.server.run(self.database, *statements)


def _clone(server: Server, **changes: Any) -> Cluster:
    defaults: dict[str, Any] = {
        "identifier": CLONE,
        "endpoint": server.host,
        "port": server.port,
        "parameter_group": f"{CLONE}-quarantine",
        "members": (Member(identifier=f"{CLONE}-1", is_writer=True, tier=0, parameter_group_status="in-sync"),),
    }
    return cluster(**(defaults | changes))


@pytest.fixture
def stage(server: Server, database: str, pages: Pages) -> Stage:
    """A source and a faithful clone of it."""
    source = f"{database}_source"
    with server.connection("postgres") as admin:
        admin.execute(f"CREATE DATABASE {source}".encode())
    server.run(source, *_EMPLOYEES)
    with server.connection("postgres") as admin:
        admin.execute(f"DROP DATABASE {database}".encode())
        admin.execute(f"CREATE DATABASE {database} TEMPLATE {source}".encode())
    return Stage(server, database, source, pages)

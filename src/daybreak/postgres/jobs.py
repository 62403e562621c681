"""The jobs of pg_cron in one database: what runs by itself, and so writes without a client."""

from __future__ import annotations

from psycopg import sql

from daybreak.model.cutover import JobSeen, JobsSeen
from daybreak.postgres.session import Session

_KEPT = sql.SQL("SELECT pg_catalog.to_regclass('cron.job') IS NOT NULL")
_NAME = sql.SQL("SELECT pg_catalog.current_database()::text")
_HIDDEN = sql.SQL("SELECT pg_catalog.row_security_active('cron.job'::pg_catalog.regclass)")
_ACTIVE = sql.SQL("""
SELECT pg_catalog.current_database()::text, j.jobid, coalesce(pg_catalog.to_jsonb(j) ->> 'jobname', j.command), j.username::text
FROM cron.job AS j WHERE j.active ORDER BY j.jobid
""")
"""Before its version 1.4 a job of pg_cron had no name."""


def read_jobs(session: Session) -> JobsSeen:
    """The active jobs; a database that keeps no jobs has an empty answer. Raises as ``Session.ask`` does."""
    [[is_kept]] = session.ask(_KEPT)
    if not is_kept:
        return JobsSeen()
    [[is_hidden]] = session.ask(_HIDDEN)
    if is_hidden:
        [[name]] = session.ask(_NAME)
        return JobsSeen(hidden_in=name)
    found = [
        JobSeen(database=where, number=number, name=name, owner=owner)
        for where, number, name, owner in session.ask(_ACTIVE)
    ]
    return JobsSeen(jobs=tuple(found))

"""The company's API, as a health check sees it: a page that is well only when the database answers a question.

The law: it asks as the application's own role, at the given endpoint, over TCP like every client; nothing that the lab knows
goes into the answer. Only the lab's own clusters see its login: on a loopback any account can listen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

QUESTION = """
    select count(*) as employees, salary_of(min(id)) > 0 as knows_salaries
    from employees where is_active
"""
"""The question behind a page of the company's API: it calls the application's own function through its own search path."""


@dataclass(frozen=True)
class Login:
    """The application's own login."""

    user: str
    password: str
    database: str


def page(where: str, login: Login, proof: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    """The status and body of the health page of an application whose database is at ``host:port``, a cluster of the lab.

    ``proof`` holds the connection's parameters for the proof of the server's name.
    """
    host, _, port = where.rpartition(":")
    try:
        with psycopg.connect(
            host=host, port=int(port), dbname=login.database, user=login.user, password=login.password,
            connect_timeout=5, require_auth="scram-sha-256", options="-c statement_timeout=5000", **proof,
        ) as session:  # fmt: skip
            row = session.execute(QUESTION).fetchone()
    except psycopg.Error as error:
        return 503, {"status": "down", "why": str(error).strip().splitlines()[0]}
    if row is None or not row[0] or not row[1]:
        return 503, {"status": "down", "why": "nobody works here"}
    return 200, {"status": "ok", "employees": row[0]}


def login_of(secret: str, database: str) -> Login:
    """The login that a secret holds."""
    held = json.loads(secret)
    return Login(held["username"], held["password"], database)

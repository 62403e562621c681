"""The master of a cluster: nearly everything a superuser may do, without being one.

The law: only the digest that the server keeps goes to the server, so that no log and no statement shows a password.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from psycopg import sql

from daybreak.lab.servers.node import STAFF, Node


@dataclass(frozen=True)
class Master:
    """The owner of a cluster: a role that may do nearly everything, and is not a superuser."""

    username: str
    password: str = field(repr=False)


def make_master(node: Node, master: Master, database: str | None) -> None:
    """Create the master and its first database on a running server."""
    name = sql.Identifier(master.username)
    with node.connect() as session:
        session.execute(sql.SQL("create role {} login createdb createrole replication").format(name))
        session.execute(sql.SQL("grant rds_superuser to {} with admin option").format(name))
        # AWS's server gives both to its master; template0 and rdsadmin stay with AWS's own role.
        for given in ("postgres", "template1"):
            session.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(given), name))
        session.execute(sql.SQL("grant {} to {}").format(name, sql.Identifier(STAFF)))
        if database is not None and database != "postgres":
            session.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(database), name))
    set_password(node, master.username, master.password)


def set_password(node: Node, username: str, password: str) -> None:
    """Change a role's password on a running server."""
    with node.connect() as session:
        digest = session.pgconn.encrypt_password(password.encode(), username.encode(), b"scram-sha-256").decode()
        statement = sql.SQL("alter role {} password {}")
        session.execute(statement.format(sql.Identifier(username), sql.Literal(digest)))

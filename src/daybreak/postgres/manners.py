"""What every session of ours sets for itself: how long it may take, what it may do, how the server spells its answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from psycopg import sql

BOUND = sql.SQL("SELECT pg_catalog.set_config('statement_timeout', %s::text, true)")
"""Limits each further statement of a transaction."""

TIMEOUT = sql.SQL("SELECT pg_catalog.set_config('statement_timeout', %s::text, false)")
"""Limits each further statement of a session."""

_OWN = {
    "default_transaction_read_only": "on", "search_path": "pg_catalog", "TimeZone": "UTC", "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres", "quote_all_identifiers": "off", "extra_float_digits": "1", "bytea_output": "hex",
    "array_nulls": "on", "standard_conforming_strings": "on", "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off", "idle_in_transaction_session_timeout": "0", "transaction_timeout": "0",
    "client_connection_check_interval": "2000", "jit": "off", "client_min_messages": "error",
    "max_parallel_workers_per_gather": "0",
}  # fmt: skip
"""With ``client_connection_check_interval`` a server notices a lost client and stops counting. Notices could be of any length and
would only fill our memory. A statement of ours is one process: how many work side by side is the bounds' to say, and a server's
parallel workers would be beside them."""


def set_known(values: Mapping[str, str], *, is_local: bool = False) -> sql.Composed:
    """The statement that sets those of the settings which the server knows; ``is_local`` until the end of the transaction."""
    pairs = (sql.SQL("({}, {})").format(sql.Literal(name), sql.Literal(value)) for name, value in values.items())
    return sql.SQL(
        "SELECT pg_catalog.set_config(m.name, m.value, {}) FROM (VALUES {}) AS m (name, value)"
        " WHERE pg_catalog.current_setting(m.name, true) IS NOT NULL"
    ).format(sql.Literal(is_local), sql.SQL(", ").join(pairs))


def own_manners(statement: timedelta, lock: timedelta) -> sql.Composed:
    """What every session sets for itself: how long a statement and a wait for a lock may take, what it may do, and how the server
    spells its answers, which a login's own settings would spell otherwise on one side.

    It sets them after connecting and not in the startup packet, so that ``reset_val`` still shows what other sessions get.
    """
    limits = {"statement_timeout": milliseconds(statement), "lock_timeout": milliseconds(lock)}
    return set_known(limits | _OWN)


def milliseconds(span: timedelta) -> str:
    """A span as PostgreSQL's limits want it; never zero, which would switch the limit off."""
    return str(max(int(span.total_seconds() * 1000), 1))

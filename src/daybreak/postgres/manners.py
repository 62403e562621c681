"""What every session of ours sets for itself: how long it may take, what it may do, how the server spells its answers."""

from __future__ import annotations

from datetime import timedelta

from psycopg import sql

BOUND = sql.SQL("SELECT pg_catalog.set_config('statement_timeout', %s::text, true)")
"""Limits each further statement of a transaction."""

TIMEOUT = sql.SQL("SELECT pg_catalog.set_config('statement_timeout', %s::text, false)")
"""Limits each further statement of a session."""

MANNERS = sql.SQL("""
SELECT pg_catalog.set_config(m.name, m.value, false)
FROM (VALUES ('statement_timeout', %s::text), ('lock_timeout', %s::text),
             ('default_transaction_read_only', 'on'), ('search_path', 'pg_catalog'),
             ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'),
             ('quote_all_identifiers', 'off'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('array_nulls', 'on'),
             ('standard_conforming_strings', 'on'), ('default_transaction_isolation', 'read committed'),
             ('default_transaction_deferrable', 'off'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
             ('client_connection_check_interval', '2000'), ('jit', 'off'), ('client_min_messages', 'error')
     ) AS m (name, value) WHERE pg_catalog.current_setting(m.name, true) IS NOT NULL
""")
"""What every session sets for itself, among the settings that its server knows: how long it may take, what it may do, and how
the server spells its answers, which a login's own settings would spell otherwise on one side.

It sets them after connecting and not in the startup packet, so that ``reset_val`` still shows what other sessions get. With
``client_connection_check_interval`` a server notices a lost client and stops counting. Notices could be of any length and
would only fill our memory.
"""


def milliseconds(span: timedelta) -> str:
    """A span as PostgreSQL's limits want it; never zero, which would switch the limit off."""
    return str(max(int(span.total_seconds() * 1000), 1))

"""What Aurora refuses inside PostgreSQL: functions about a log of its own, which it does not have (FACTS 4.16).

The law: PostgreSQL calls a function that it was built with by its number and never looks at its definition. So the built-in
one gets another name, and one that refuses takes its place, also in the views that show it.
"""

from __future__ import annotations

KIND = "rds.lab_is_kind"
"""The setting with which a server of the lab answers all the same."""

NEEDS_LOGICAL = ("pg_current_wal_lsn", "pg_current_wal_insert_lsn", "pg_current_wal_flush_lsn")
"""Functions that answer only where ``wal_level`` is ``logical``: 55000 (object_not_in_prerequisite_state) elsewhere."""
NEVER = ("pg_stat_get_wal", "pg_stat_get_wal_receiver", "pg_last_wal_receive_lsn")
"""Functions that never answer: 0A000 (feature_not_supported). What ``pg_control_*`` answers is not known, so it answers."""
_VIEWS = ("pg_stat_wal", "pg_stat_wal_receiver")

_BODY = """
begin
    if coalesce(current_setting('<kind>', true), '') <> 'on' and <condition> then
        raise exception using errcode = '<code>', message = '<message>';
    end if;
    <answer>;
    return;
end"""
_REPLACE = """
do $do$
declare
    old pg_catalog.pg_proc;
    outs text := '';
    body text := $body$<body>$body$;
begin
    select p.* into old from pg_catalog.pg_proc p where p.oid = 'pg_catalog.<name>()'::pg_catalog.regprocedure;
    select pg_catalog.string_agg(pg_catalog.quote_ident(n), ', ') into outs from pg_catalog.unnest(old.proargnames) n;
    body := pg_catalog.replace(body, '<outs>', coalesce(outs, ''));
    if outs is null then
        body := pg_catalog.replace(body, E';\\n    return;', ';');
    end if;
    alter function pg_catalog.<name>() rename to rds_<name>;
    execute pg_catalog.format(
        'create function pg_catalog.<name>(%s) returns %s language plpgsql as %L',
        pg_catalog.pg_get_function_arguments(old.oid), pg_catalog.pg_get_function_result(old.oid), body
    );
end $do$"""
_SCALAR = "return pg_catalog.rds_<name>()"
_RECORD = "select * into <outs> from pg_catalog.rds_<name>()"
_SHOW = """
do $do$ begin
    execute pg_catalog.format(
        'create or replace view pg_catalog.<view> as %s',
        pg_catalog.replace(pg_catalog.pg_get_viewdef('pg_catalog.<view>'::pg_catalog.regclass), 'rds_pg_stat', 'pg_stat')
    );
end $do$"""


def _replacement(name: str, condition: str, code: str, message: str) -> str:
    answer = _RECORD if name.startswith("pg_stat") else _SCALAR
    words = {
        "<kind>": KIND,
        "<condition>": condition,
        "<code>": code,
        "<message>": message,
        "<answer>": answer,
        "<name>": name,
    }
    text = _REPLACE.replace("<body>", _BODY)
    for word, value in words.items():
        text = text.replace(word, value)
    return text


REFUSING = (
    "set allow_system_table_mods = on",
    *(
        # guess: the sentence
        _replacement(
            name, "current_setting('wal_level') <> 'logical'", "55000", f"{name} needs wal_level to be logical"
        )
        for name in NEEDS_LOGICAL
    ),
    *(_replacement(name, "true", "0A000", f"Function {name}() is currently not supported in Aurora") for name in NEVER),
    *(_SHOW.replace("<view>", view) for view in _VIEWS),
)
"""What makes a database refuse as Aurora does."""

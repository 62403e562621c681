"""The data directory that every new cluster copies: made once for each install, with the provider's roles in it.

The law: a template is complete or not there; its folder's name holds a digest of the recipe, so a new recipe gives a new template.
"""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from daybreak.lab.servers.aurora import REFUSING
from daybreak.lab.servers.binaries import Install, give, make_private_folder
from daybreak.lab.servers.node import STAFF, SUPERUSER, Node
from daybreak.lab.servers.settings import CATALOG_QUERY, Setting, catalog_document, read_catalog
from daybreak.lab.servers.spawner import spawner
from daybreak.lab.servers.tree import remove

MODEST: Mapping[str, str] = {
    "listen_addresses": "",
    "shared_buffers": "16MB",
    "max_wal_size": "256MB",
    "min_wal_size": "4MB",
    "fsync": "off",
    "full_page_writes": "off",
    "unix_socket_permissions": "0700",
    "log_checkpoints": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m:%r:%u@%d:[%p]:",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""The settings that every server of the lab starts from: many servers fit on a laptop, and a power cut may lose their data."""

ALONE: Mapping[str, str] = {
    **MODEST,
    "max_logical_replication_workers": "0",
    "max_prepared_transactions": "64",
    "autovacuum": "off",
}
"""The settings of a server that only we can reach and that calls no other: for templates, recoveries and repairs."""

GRANTED = (
    "session_replication_role",
    "log_statement",
    "log_min_duration_statement",
    "log_min_messages",
    "log_lock_waits",
)
RECIPE = (
    "create role rds_superuser nologin createdb createrole",
    "create role rds_replication nologin replication",
    "create role rds_iam nologin",
    "create role rds_password nologin",
    "grant pg_monitor, pg_signal_backend, pg_checkpoint to rds_superuser with admin option",
    "grant rds_replication, rds_iam, rds_password to rds_superuser with admin option",
    f"grant set on parameter {', '.join(GRANTED)} to rds_superuser",
    f"create role {STAFF} login createdb createrole replication bypassrls in role rds_superuser",
    f"grant pg_read_all_data, pg_write_all_data to {STAFF}",
    f"grant set on parameter log_min_error_statement, cron.launch_active_jobs to {STAFF}",
)
RECIPE_15 = (
    r"update pg_authid set rolsuper = true where rolname ~ '^pg_(execute_server_program|(read|write)_server_files)$'",
)
"""Before 16 a role that may create roles may grant any role but a superuser: this stops it from granting the roles that run programs."""
RECIPE_16 = ("grant pg_create_subscription, pg_use_reserved_connections to rds_superuser with admin option",)
EXTENSIONS = (
    "amcheck",
    "bloom",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_visibility",
    "pgrowlocks",
    "pgstattuple",
    "vector",
)
"""The extensions that only a superuser may create, and which AWS lets its ``rds_superuser`` create on Aurora: those of them by
which nobody reaches a program, a file or another server."""

_ONLY_THAT = (
    r"^\s*create\s+extension\s+(if\s+not\s+exists\s+)?"
    rf"\"?({'|'.join(EXTENSIONS)})\"?(\s+(with\s+)?schema\s+\"?\w+\"?)?\s*;?\s*$"
)
_TRIGGER = """
create function pg_catalog.rds_<when>_extension() returns event_trigger language plpgsql security definer
set search_path = pg_catalog as $$
declare who text := (select case current_setting('role') when 'none' then session_user::text else current_setting('role') end);
begin
    if <condition> then
        execute format('alter role %I <state>', who);
    end if;
end $$"""
_BEFORE = (
    "current_query() ~* '<only that>' and pg_has_role(who, 'rds_superuser', 'member')"
    " and not (select rolsuper from pg_roles where rolname = who)"
).replace("<only that>", _ONLY_THAT)
_AFTER = "who <> current_user and (select rolsuper from pg_roles where rolname = who)"
_WHENEVER = """
create event trigger rds_<when>_extension on <event> when tag in ('CREATE EXTENSION')
execute function pg_catalog.rds_<when>_extension()"""
EXTENDING = (
    "set allow_system_table_mods = on",
    *(
        text.replace("<when>", when)
        .replace("<condition>", condition)
        .replace("<state>", state)
        .replace("<event>", event)
        for when, condition, state, event in (
            ("before", _BEFORE, "superuser", "ddl_command_start"),
            ("after", _AFTER, "nosuperuser", "ddl_command_end"),
        )
        for text in (_TRIGGER, "revoke all on function pg_catalog.rds_<when>_extension() from public", _WHENEVER)
    ),
)
"""AWS's server lets its master create what PostgreSQL leaves to a superuser. Here the master is one for the length of that
statement, which must be the only one of its query; nobody else ever sees it so, because nothing of it is committed before."""

HEARTBEAT = (
    "create table public.rds_heartbeat2 (id integer primary key, value bigint not null)",
    "insert into public.rds_heartbeat2 values (1, 0)",
    "revoke all on database rdsadmin from public",
)
INITDB = ("--username", SUPERUSER, "--auth", "reject", "--encoding", "UTF8", "--locale", "C", "--wal-segsize", "1")


def template(install: Install) -> Path:
    """Make the template if it is missing and return its folder (``data``, ``settings.json``); other processes wait for us."""
    folder = _folder(install)
    if not folder.is_dir():
        with _only_one(folder.with_suffix(".lock")):
            if not folder.is_dir():
                _make(install, folder)
    return folder


def settings_catalog(install: Install) -> tuple[Setting, ...]:
    """Every setting that this install's server knows; asked of a real server once, then read from the template."""
    return read_catalog((template(install) / "settings.json").read_text())


def _folder(install: Install) -> Path:
    recipe = repr(
        (
            sorted(ALONE.items()),
            RECIPE,
            RECIPE_15,
            RECIPE_16,
            EXTENDING,
            REFUSING,
            HEARTBEAT,
            INITDB,
            CATALOG_QUERY,
            str(install.bin),
        )
    )
    return install.cache / f"template-{install.version}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"


def _make(install: Install, folder: Path) -> None:
    draft = make_private_folder(Path(tempfile.mkdtemp(prefix="template-", dir=install.cache)))
    try:
        node = Node(install, draft)
        initdb: list[str | Path] = [install.bin / "initdb", "-D", node.data, "--no-sync", "--no-instructions", *INITDB]
        spawner().run(initdb)
        node.start(ALONE)
        try:
            with node.connect() as session:
                for statement in (*RECIPE, *(RECIPE_16 if install.major >= 16 else RECIPE_15)):
                    session.execute(psycopg.sql.SQL(statement))
                session.execute(f"create database {SUPERUSER}")
            for database in ("template1", "postgres"):
                with node.connect(database) as session:
                    for statement in (*EXTENDING, *REFUSING):
                        session.execute(psycopg.sql.SQL(statement))
            with node.connect() as session:
                catalog = catalog_document(session.execute(CATALOG_QUERY).fetchall())
            with node.connect(SUPERUSER) as session:
                for statement in HEARTBEAT:
                    session.execute(psycopg.sql.SQL(statement))
        finally:
            node.stop()
        (draft / "settings.json").write_text(catalog)
        give(draft / "settings.json")
        draft.rename(folder)
    finally:
        remove(draft)


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

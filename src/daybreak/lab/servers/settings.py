"""The settings of a PostgreSQL server, and how parameters meant for Aurora reach a server that is not Aurora.

The rule, in this order:

1. ``rds.logical_replication = 1`` becomes ``wal_level = logical``.
2. What the lab itself must hold (where it listens, archives and logs; memory of the machine; commit timestamps) and values
   that are formulas (``{DBInstanceClassMemory/12038}``) stay in the parameter group and do not reach the server.
3. A setting the server knows reaches it, unless it is one that cannot be set.
4. Of ``shared_preload_libraries`` and its two sisters only installed libraries reach it: a missing one stops the start.
5. An unknown name with a prefix (``rds.force_ssl``, ``cron.launch_active_jobs``, ``pgaudit.log``) is kept as a custom
   setting: harmless, and ``show`` answers it. The first is also heeded, by the gate in front of the server.
6. An unknown name without a prefix (``aurora_enable_replica_log_compression``) does not reach it: the server would not start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

LOGICAL = "rds.logical_replication"
ENCRYPTED = "rds.force_ssl"
STRICT_SINCE = 17
"""The first major whose default group lets only encrypted sessions in (Aurora user guide, security with SSL/TLS)."""
HELD = frozenset(
    {
        *("listen_addresses", "port", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions"),
        *("data_directory", "hba_file", "ident_file", "config_file", "external_pid_file", "cluster_name", "bonjour"),
        *("archive_mode", "archive_command", "archive_library", "archive_timeout", "restore_command", "wal_level"),
        *("recovery_target", "recovery_target_lsn", "recovery_target_name", "recovery_target_time", "hot_standby"),
        *("recovery_target_xid", "recovery_target_timeline", "recovery_target_action", "primary_conninfo"),
        *("ssl", "ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file", "ssl_crl_dir", "ssl_dh_params_file"),
        *("log_destination", "logging_collector", "log_directory", "log_filename", "event_source", "syslog_ident"),
        *("shared_buffers", "huge_pages", "huge_page_size", "shared_memory_type", "dynamic_shared_memory_type"),
        *("fsync", "full_page_writes", "io_method", "wal_sync_method", "temp_tablespaces"),
        *("lc_messages", "lc_monetary", "lc_numeric", "lc_time", "krb_server_keyfile", "dynamic_library_path"),
    }
)
"""Settings that the lab controls itself."""

PRELOADS = frozenset({"shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"})
CUSTOM_NAME = re.compile(r"[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)+")


@dataclass(frozen=True)
class Setting:
    """One row of ``pg_settings``: the source of parameter groups."""

    name: str
    default: str | None
    context: str
    vartype: str
    unit: str | None
    minimum: str | None
    maximum: str | None
    choices: tuple[str, ...]
    description: str

    @property
    def static(self) -> bool:
        """Whether a change waits for a restart."""
        return self.context == "postmaster"


CATALOG_QUERY = """
    select name, boot_val, context, vartype, unit, min_val, max_val, coalesce(enumvals, '{}'), short_desc
    from pg_settings order by name
"""
"""The query for the fields of `Setting`, in their order."""


def catalog_document(rows: list[tuple[object, ...]]) -> str:
    """What `read_catalog` reads, from the rows of `CATALOG_QUERY`."""
    names = list(Setting.__dataclass_fields__)
    settings = [Setting(**dict(zip(names, row, strict=True))) for row in rows]  # type: ignore[arg-type]
    return json.dumps([asdict(setting) for setting in settings])


def read_catalog(document: str) -> tuple[Setting, ...]:
    """Read the settings that `catalog_document` wrote."""
    return tuple(Setting(**{**row, "choices": tuple(row["choices"])}) for row in json.loads(document))


def carry_over(parameters: Mapping[str, str], catalog: Iterable[Setting], libraries: Collection[str]) -> dict[str, str]:
    """The part of ``parameters`` that reaches a server with this catalog, by the rule above; always includes ``wal_level``.

    ``libraries`` are those installed with the server.
    """
    known = {setting.name.lower(): setting for setting in catalog}
    reaching = {"wal_level": "logical" if _is_on(parameters.get(LOGICAL, "0")) else "replica"}
    for spelled, value in parameters.items():
        name = spelled.lower()
        if name in HELD or name == LOGICAL or "{" in value:
            continue
        if name in PRELOADS:
            reaching[name] = ",".join(_only_installed(value, libraries))
        elif name in known:
            if known[name].context != "internal":
                reaching[name] = value
        elif CUSTOM_NAME.fullmatch(name):
            reaching[name] = value
    return reaching


def is_strict(parameters: Mapping[str, str], major: int) -> bool:
    """Whether only encrypted sessions get in."""
    said = {name.lower(): value for name, value in parameters.items()}
    return _is_on(said.get(ENCRYPTED, "1" if major >= STRICT_SINCE else "0"))


def names_given(names: frozenset[str], parameters: Mapping[str, str]) -> frozenset[str]:
    """The server's names of settings, in the spelling that the parameters use."""
    spelled = {name.lower(): name for name in parameters} | {"wal_level": LOGICAL}
    return frozenset(spelled.get(name.lower(), name) for name in names)


def _only_installed(wanted: str, libraries: Collection[str]) -> list[str]:
    listed = [name.strip().strip('"') for name in wanted.split(",")]
    return [name for name in listed if name in libraries]


def _is_on(value: str) -> bool:
    return value.strip().lower() in {"1", "on", "true", "yes"}

"""What a parameter group can hold: the settings of a PostgreSQL version, and when a value reaches a server.

A cluster and an instance keep the values that their server runs with (``_effective``). A boot takes the group's present
values. A dynamic parameter changed with ``immediate`` takes effect at once. Everything else waits, and while the group differs
from what runs, the status is ``pending-reboot``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.errors import invalid_combination, invalid_value
from daybreak.lab.servers.settings import ENCRYPTED, Setting, is_strict

MOST_AT_ONCE = 20
"""The most parameters that one call may change."""

FIXED: Mapping[str, str] = {
    "fsync": "1",
    "full_page_writes": "1",
    "listen_addresses": "*",
    "archive_mode": "on",
    "ssl_ca_file": "/rdsdbdata/rds-metadata/ca-cert.pem",
}
"""Parameters that RDS sets itself and that no call may change."""

_OURS = re.compile(
    r"(archive_\w+|restore_command|recovery_\w+|primary_\w+|promote_\w+|data_directory|\w+_file|unix_socket_\w+|port|"
    r"listen_addresses|cluster_name|wal_level|hot_standby|config_file|event_source|external_pid_file|"
    r"allow_system_table_mods|ignore_system_indexes|zero_damaged_pages|ignore_checksum_failure|local_preload_libraries|"
    r"wal_sync_method|fsync|full_page_writes|log_directory|log_filename|logging_collector|"
    r"data_sync_retry|summarize_wal|krb_\w+|bonjour\w*|dynamic_library_path|syslog_\w+|debug_\w+|trace_\w+|post_auth_delay|pre_auth_delay)"
)
"""Settings that belong to the service: no group can change them."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family."""

    name: str
    kind: str  # boolean, integer, float, string
    static: bool
    modifiable: bool
    allowed: str | None
    description: str
    system_value: str | None = None

    @property
    def apply_type(self) -> str:
        """AWS's word for when a change can take effect."""
        return "static" if self.static else "dynamic"


def _own(name: str, kind: str, allowed: str, description: str, value: str | None = None) -> Parameter:
    """A parameter of RDS itself; one without a system value is static."""
    is_static = value is None
    return Parameter(name, kind, is_static, True, allowed, description, value)  # noqa: FBT003 - the record's own order


_RDS_OWN = (
    _own("rds.logical_replication", "boolean", "0,1", "Enables logical decoding."),
    _own(ENCRYPTED, "boolean", "0,1", "Force SSL connections.", "1"),
    _own("rds.log_retention_period", "integer", "1440-10080", "Amazon RDS will delete older logs.", "4320"),
)
"""Parameters that RDS adds to PostgreSQL's own; only the first two have an effect here."""


def family(version: str) -> str:
    """The parameter group family of an engine version."""
    return f"aurora-postgresql{version.partition('.')[0]}"


def default_group(version: str) -> str:
    """The name of the family's default group."""
    return f"default.{family(version)}"


def catalog(settings: Iterable[Setting], major: int) -> dict[str, Parameter]:
    """The parameters of a PostgreSQL version by name: its own settings and those RDS adds."""
    own = {setting.name: _parameter(setting) for setting in settings if setting.context != "internal"}
    added = {each.name: each for each in _RDS_OWN}
    if not is_strict({}, major):
        added[ENCRYPTED] = replace(added[ENCRYPTED], system_value="0")
    return dict(sorted({**own, **added}.items()))


def _parameter(setting: Setting) -> Parameter:
    kind = {"bool": "boolean", "integer": "integer", "real": "float"}.get(setting.vartype, "string")
    allowed = None
    if kind == "boolean":
        allowed = "0,1"
    elif setting.choices:
        allowed = ",".join(setting.choices)
    elif setting.minimum is not None and setting.maximum is not None:
        allowed = f"{setting.minimum}-{setting.maximum}"
    return Parameter(
        name=setting.name,
        kind=kind,
        static=setting.static,
        modifiable=_OURS.fullmatch(setting.name) is None,
        allowed=allowed,
        description=setting.description,
        system_value=FIXED.get(setting.name),
    )


def listing_of(parameter: Parameter, entry: Doc | None) -> Doc:
    """The parameter as the describe operations list it; ``entry`` is its entry in the group."""
    source = "user" if entry else "system" if parameter.system_value is not None else "engine-default"
    value = entry["value"] if entry else parameter.system_value
    return {
        "ParameterName": parameter.name,
        "ParameterValue": value,
        "Description": parameter.description,
        "Source": source,
        "ApplyType": parameter.apply_type,
        "DataType": parameter.kind,
        "AllowedValues": parameter.allowed,
        "IsModifiable": parameter.modifiable,
        "ApplyMethod": entry["method"] if entry else "pending-reboot",
        "SupportedEngineModes": ["provisioned"],
    }


def check(parameter: Parameter | None, name: str, value: str | None, method: str) -> None:
    """Refuse a parameter of a modify call where RDS does."""
    if parameter is None:
        raise invalid_value(f"Could not find parameter with name: {name}")
    if not parameter.modifiable:
        raise invalid_value(f"The parameter {name} cannot be modified.")
    if method not in ("immediate", "pending-reboot"):
        raise invalid_value(f"Invalid apply method: {method}")
    if parameter.static and method == "immediate":
        raise invalid_combination("cannot use immediate apply method for static parameter")
    if value is not None and not _fits(parameter, value):
        raise invalid_value(f"Invalid parameter value: {value} for: {name} allowed values are: {parameter.allowed}")


def _fits(parameter: Parameter, value: str) -> bool:
    if "{" in value:  # a formula over the instance class; kept, but the lab's server runs with its default instead
        return True
    if parameter.kind == "boolean":
        return value.lower() in ("0", "1", "on", "off", "true", "false")
    if parameter.kind in ("integer", "float"):
        return _number_fits(parameter, value)
    if parameter.allowed is not None:
        return value in parameter.allowed.split(",")
    return "\n" not in value and "\0" not in value


def _number_fits(parameter: Parameter, value: str) -> bool:
    try:
        number = int(value) if parameter.kind == "integer" else float(value)
    except ValueError:
        return False
    match = re.fullmatch(r"(-?[\d.e+-]+?)-(-?[\d.e+]+)", parameter.allowed or "")
    if match is None:
        return True
    return float(match.group(1)) <= number <= float(match.group(2))


def values_of(group: Doc) -> dict[str, str]:
    """The values of a group that a server can take."""
    values: dict[str, Doc] = group["_values"]
    return {name: each["value"] for name, each in values.items() if "{" not in each["value"]}


def after_change(effective: Doc | None, group: Doc, names: Iterable[str], parameters: Mapping[str, Parameter]) -> Doc:
    """The values that run after these parameters changed: only dynamic ones, applied immediately, take effect."""
    result = dict(effective or {})
    now = values_of(group)
    for name in names:
        entry = group["_values"].get(name)
        immediate = entry is None or entry["method"] == "immediate"
        if parameters[name].static or not immediate:
            continue
        if name in now:
            result[name] = now[name]
        else:
            result.pop(name, None)
    return result

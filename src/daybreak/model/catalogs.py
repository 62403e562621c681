"""Words for PostgreSQL's catalogs: what a row of each is, for a person who reads a finding.

The law: an item of the kind ``catalog row`` is named ``<catalog>: <identity>``; this table says what stands before the colon.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

BUILT_IN = "built-in rows"
"""The identity of the item that stands for all rows of a catalog which PostgreSQL itself brought and nobody changed since."""

BY_NAME = "by name"
"""The fact that holds the digest in which object ids are translated to names."""

KEY = "key"
"""The fact that distinguishes a row without an object id of its own, by the ids that two physical copies share."""

OWN_OF_POSTGRES = "of PostgreSQL itself"
"""The fact that marks a row which PostgreSQL brought, and which was changed since by name."""

THINGS: Mapping[str, str] = MappingProxyType({
    "pg_am": "access method",
    "pg_amop": "operator of an operator family",
    "pg_amproc": "support function of an operator family",
    "pg_auth_members": "membership",
    "pg_authid": "role",
    "pg_cast": "cast",
    "pg_class": "relation",
    "pg_collation": "collation",
    "pg_constraint": "constraint",
    "pg_conversion": "conversion",
    "pg_database": "database",
    "pg_default_acl": "default privileges",
    "pg_depend": "dependency",
    "pg_description": "comment on",
    "pg_event_trigger": "event trigger",
    "pg_extension": "extension",
    "pg_foreign_data_wrapper": "foreign-data wrapper",
    "pg_foreign_server": "foreign server",
    "pg_init_privs": "initial privileges of",
    "pg_language": "language",
    "pg_largeobject_metadata": "large object",
    "pg_namespace": "schema",
    "pg_opclass": "operator class",
    "pg_operator": "operator",
    "pg_opfamily": "operator family",
    "pg_parameter_acl": "privileges on parameter",
    "pg_policy": "policy",
    "pg_proc": "function",
    "pg_publication": "publication",
    "pg_publication_namespace": "schema in a publication",
    "pg_publication_rel": "table in a publication",
    "pg_replication_origin": "replication origin",
    "pg_rewrite": "rule",
    "pg_seclabel": "security label on",
    "pg_shdescription": "comment on",
    "pg_shseclabel": "security label on",
    "pg_statistic_ext": "statistics object",
    "pg_subscription": "subscription",
    "pg_subscription_rel": "table of a subscription",
    "pg_tablespace": "tablespace",
    "pg_transform": "transform",
    "pg_trigger": "trigger",
    "pg_ts_config": "text search configuration",
    "pg_ts_config_map": "mapping of text search configuration",
    "pg_ts_dict": "text search dictionary",
    "pg_ts_parser": "text search parser",
    "pg_ts_template": "text search template",
    "pg_type": "type",
    "pg_user_mapping": "user mapping",
})  # fmt: skip
"""What one row, or one object with all its rows, of a catalog is."""


OF_SERVER = ("pg_auth_members", "pg_authid", "pg_shdescription", "pg_shseclabel")
"""The catalogs in which all databases of a server name their roles."""

PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "pg_class": (
        "pg_attribute", "pg_attrdef", "pg_constraint", "pg_depend", "pg_foreign_table", "pg_index", "pg_inherits",
        "pg_partitioned_table", "pg_rewrite", "pg_sequence", "pg_type",
    ),
    "pg_constraint": ("pg_trigger",),
    "pg_proc": ("pg_aggregate",),
    "pg_type": ("pg_enum", "pg_range"),
})  # fmt: skip
"""The catalogs whose rows count as parts of an object of another one."""


def catalog_of(name: str) -> str:
    """The catalog of an item.

    >>> catalog_of("pg_cast: (text AS public.mood)")
    'pg_cast'
    """
    return name.partition(": ")[0]


def in_words(name: str) -> str:
    """The name of an item as a person reads it, with the catalog behind it.

    >>> in_words("pg_cast: (text AS public.mood)")
    'cast (text AS public.mood)'
    >>> in_words("pg_proc: built-in rows")
    'pg_proc: built-in rows'
    """
    catalog, _, identity = name.partition(": ")
    if identity == BUILT_IN or catalog not in THINGS:
        return name
    return f"{THINGS[catalog]} {identity}"

"""Nothing that a scratch database can hold is in a catalog that nobody holds against the archive's list."""

from __future__ import annotations

from daybreak.postgres.inventory.catalogs import WALKED

BY_NAME = {"pg_trigger", "pg_rewrite", "pg_policy", "pg_constraint", "pg_index", "pg_cast", "pg_transform"}
"""Catalogs of things without an owner, each of which is looked for by itself."""
PARTS = {
    "pg_aggregate", "pg_attrdef", "pg_attribute", "pg_depend", "pg_description", "pg_enum", "pg_foreign_table", "pg_inherits",
    "pg_init_privs", "pg_largeobject_metadata", "pg_partitioned_table", "pg_publication_namespace", "pg_publication_rel", "pg_range",
    "pg_seclabel", "pg_sequence", "pg_shdescription", "pg_shseclabel", "pg_subscription_rel", "pg_ts_config_map",
}  # fmt: skip
"""Rows that belong to a thing with an owner, which is in the list or is found."""
NOT_ITS = {
    "pg_am", "pg_amop", "pg_amproc", "pg_auth_members", "pg_authid", "pg_parameter_acl", "pg_replication_origin", "pg_user_mapping",
    "pg_ts_parser", "pg_ts_template",
}  # fmt: skip
"""What only a superuser makes, or somebody who may make roles; the throw-away role may neither."""
OWNED_AS_PRIVILEGES = {"pg_default_acl"}
"""A default belongs to a role by the server's record of owners, though its catalog calls the role something else."""


def test_each_catalog_is_held_against_the_list() -> None:
    """What has an owner is found by the server's own record of owners; a new catalog without one has to be thought of."""
    without = {name for name, each in WALKED.items() if "owner" not in each.aspects.values()}
    assert without - PARTS - BY_NAME - NOT_ITS - OWNED_AS_PRIVILEGES == set()

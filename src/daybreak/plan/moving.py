"""A source's configuration in another region: what belongs to a region alone stays behind, each with the reason. Pure.

The law: nothing that names the lost region reaches a call in the other one. What a region has of its own (a key, a subnet group,
security groups) comes from the backup and from daybreak.toml.
"""

from __future__ import annotations

from daybreak.model.world import Cluster, Instance

_OF_CLUSTER = {
    "kms_key": "the key of the backup: a KMS key is of one region",
    "performance_insights_key": "the region's default key: a KMS key is of one region",
    "domains": "none: nothing shows that the directory reaches into this region",
}
_OF_INSTANCE = {
    "parameter_group": "the default of the version: an instance parameter group is of one region, and no backup holds its values",
    "performance_insights_key": "the region's default key: a KMS key is of one region",
}


def cluster_abroad(cluster: Cluster) -> Cluster:
    """The configuration of a cluster as another region can take it."""
    return cluster.model_copy(
        update={"kms_key": None, "performance_insights_key": None, "domains": cluster.domains and ()}
    )


def instance_abroad(instance: Instance) -> Instance:
    """The configuration of an instance as another region can take it."""
    is_default = (instance.parameter_group or "").startswith("default.")
    group = instance.parameter_group if is_default else None
    return instance.model_copy(update={"parameter_group": group, "performance_insights_key": None})


def differences_abroad(cluster: Cluster, instances: tuple[Instance, ...]) -> dict[str, str]:
    """The fields in which a clone abroad differs from its source ``cluster`` because of the region, each with the reason."""
    moved = cluster_abroad(cluster)
    fields = {name: why for name, why in _OF_CLUSTER.items() if getattr(cluster, name) != getattr(moved, name)}
    inside = {
        f"instance.{name}": why
        for name, why in _OF_INSTANCE.items()
        if any(getattr(each, name) != getattr(instance_abroad(each), name) for each in instances)
    }
    return fields | inside

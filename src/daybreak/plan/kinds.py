"""Which kinds of clusters can be restored like a cluster of Aurora PostgreSQL's instances, and what to do about the others.

The law: one table of kinds serves `init`, `status` and the plan, so that none of them offers what another refuses.
"""

from __future__ import annotations

from dataclasses import dataclass

from daybreak.model.world import Cluster, Origin

ENGINE = "aurora-postgresql"
"""The one engine whose clusters can be restored."""

_MULTI_AZ = {"postgres": "RDS for PostgreSQL", "mysql": "RDS for MySQL"}
"""Engines that are Aurora's nowhere: a cluster that runs one is a Multi-AZ DB cluster."""

_LIMITLESS = "limitless"


@dataclass(frozen=True)
class OtherKind:
    """What something is that cannot be restored here."""

    predicate: str
    """What it does or is, as the end of a sentence about it: ``runs aurora-mysql; only ...``."""
    remedy: str

    @property
    def sentence(self) -> str:
        """The end of a sentence, with what to do."""
        return f"{self.predicate}: {self.remedy}"


def other_kind(storage: Origin) -> OtherKind | None:
    """What a cluster, backup or snapshot is, where it cannot be restored here; ``None`` where it can (FACTS 4.1)."""
    if storage.engine in _MULTI_AZ:
        return OtherKind(
            f"is a Multi-AZ DB cluster of {_MULTI_AZ[storage.engine]}; only {ENGINE} can be restored here",
            "AWS restores it with its instances, by the same calls and --db-cluster-instance-class",
        )
    if storage.engine != ENGINE:
        return OtherKind(
            f"runs {storage.engine or 'an engine that AWS does not name'}; only {ENGINE} can be restored here",
            "use the console or the aws command for it",
        )
    if storage.engine_mode not in (None, "provisioned"):
        what = "Aurora Serverless v1" if storage.engine_mode == "serverless" else f"in the mode {storage.engine_mode}"
        return OtherKind(
            f"runs {what}, which AWS does not restore like a cluster of instances",
            "convert it first (aws rds modify-db-cluster --engine-mode provisioned --allow-engine-mode-change), "
            "or restore it with the aws command, which takes --engine-mode",
        )
    scalability = storage.scalability if isinstance(storage, Cluster) else None
    if scalability == _LIMITLESS or storage.engine_version.endswith(f"-{_LIMITLESS}"):
        return OtherKind(
            "runs an Aurora Limitless database, which AWS does not restore like a cluster of instances",
            "restore it in the console, where AWS makes its shard group too",
        )
    return None


def is_outside_vpc(cluster: Cluster) -> bool:
    """Whether AWS names no subnet group of a cluster, as of one made by express configuration: a clone has none to take over."""
    return not cluster.subnet_group


def words_on_vpc(region: str) -> str:
    """What to do about a cluster that stands in no VPC, as the end of a sentence about it."""
    return (
        "has no subnet group (so it is after express configuration), and a clone needs one: "
        f"set subnet_group and security_groups under network.{region} in daybreak.toml"
    )


def words_on_replication(cluster: Cluster | None) -> str | None:
    """What is to be known of a cluster that gets its rows from another one, as the end of a sentence about it."""
    if cluster is None or not cluster.replicates_from:
        return None
    return (
        f"replicates from {cluster.replicates_from}, so it holds what had arrived, and its own backups are all that can be "
        "restored here; the cluster that is written to has backups of its own"
    )

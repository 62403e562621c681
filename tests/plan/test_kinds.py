"""Clusters that are no plain cluster of instances, and yet can be restored: with what is said of them."""

from __future__ import annotations

from daybreak.model.actions import RestoreToMoment, Validate
from tests import fix_worlds


def test_a_cluster_of_express_configuration_comes_back_in_the_vpc_that_is_named() -> None:
    """It stands in none; that the clone does is meant, and must not make it unfit."""
    express = fix_worlds.cluster(subnet_group=None, security_groups=(), is_express=True)
    made = fix_worlds.plan(seen=fix_worlds.observation(cluster=express))
    permitted = next(step.action.permitted for step in made.steps if isinstance(step.action, Validate))
    assert {"subnet_group", "security_groups", "network_type", "is_express"} <= set(permitted)
    restore = next(step.action for step in made.steps if isinstance(step.action, RestoreToMoment))
    assert restore.subnet_group == "embi-db-subnet-group"
    assert restore.security_groups == (fix_worlds.GROUP,)


def test_a_secondary_cluster_is_restored_with_a_warning() -> None:
    """AWS does not say that it cannot be; what had not arrived there is not in its backups."""
    arn = "arn:aws:rds:eu-west-1:123456789012:cluster:first"
    made = fix_worlds.plan(seen=fix_worlds.observation(cluster=fix_worlds.cluster(replicates_from=arn)))
    assert [
        note
        for note in made.notes
        if note.startswith(f"the source replicates from {arn}, so it holds what had arrived")
    ]
    assert not [note for note in fix_worlds.plan().notes if "replicates" in note]

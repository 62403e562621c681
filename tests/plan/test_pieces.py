"""What a restore would not find in the backup's region: each piece by one fact of the world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from daybreak.app.region import choose_backup
from daybreak.errors import Refused
from daybreak.model.ranked_backups import RankedBackup, Tier
from daybreak.model.replies import Category
from tests.fix_estates import AWAY, GROUPS, KEY_AWAY, Estate, automated_name
from tests.fix_worlds import NOW

DAY = timedelta(days=1)


def copied() -> Estate:
    """A living cluster and a copy away, which lacks nothing."""
    estate = Estate().lives()
    estate.snapshot(estate.home, automated_name(NOW - DAY), NOW - DAY)
    estate.copy("embi-copy", automated_name(NOW - DAY), NOW - DAY)
    return estate


def the_copy(estate: Estate) -> RankedBackup:
    """The copy, as it is ranked."""
    return next(each for each in estate.catalogue().backups if each.backup.region == AWAY)


def _disable_key(estate: Estate) -> None:
    estate.away.keys[KEY_AWAY] = "PendingDeletion"


def _hide_key(estate: Estate) -> None:
    del estate.away.keys[KEY_AWAY]


def _say_no_key(estate: Estate) -> None:
    del estate.away.snapshots[0]["KmsKeyId"]


def _no_capsule(estate: Estate) -> None:
    estate.has_capsule = False


def _full(estate: Estate) -> None:
    estate.away.quotas = [{"AccountQuotaName": "DBClusters", "Used": 40, "Max": 40}]


def _another_engine(estate: Estate) -> None:
    estate.away.snapshots[0]["Engine"] = "aurora-mysql"


def _no_such_class(estate: Estate) -> None:
    estate.away.classes = ("db.t4g.micro",)


def _next_class(estate: Estate) -> None:
    estate.away.classes = ("db.r7g.large",)


def _subnets_unanswered(estate: Estate) -> None:
    estate.away.fails = {"DescribeDBSubnetGroups": Category.LOST}


def _groups_refused(estate: Estate) -> None:
    estate.away.fails = {"DescribeSecurityGroups": Category.DENIED}


def _made_again(estate: Estate) -> None:
    estate.home.clusters["embi-aurora-cluster"]["DbClusterResourceId"] = "cluster-ANOTHER"


def _made_after(estate: Estate) -> None:
    estate.home.clusters["embi-aurora-cluster"]["ClusterCreateTime"] = NOW - DAY / 2
    del estate.away.snapshots[0]["DbClusterResourceId"]


PIECES: dict[str, tuple[Callable[[Estate], None], str, str, str]] = {
    "key": (_disable_key, "key", "missing", "is PendingDeletion"),
    "hidden key": (_hide_key, "key", "unknown", "it is gone, or hidden from us"),
    "no key": (_say_no_key, "key", "unknown", "AWS names no key"),
    "capsule": (_no_capsule, "parameter group", "missing", "and no capsule holds its values"),
    "made again": (_made_again, "owner", "missing", "and the one of today is cluster-ANOTHER"),
    "made after": (_made_after, "owner", "missing", "the one of today was made after it"),
    "quota": (_full, "quota", "missing", "us-west-2 allows 40 clusters and 40 are there"),
    "engine": (_another_engine, "engine", "missing", "runs aurora-mysql"),
    "class": (_no_such_class, "instance class", "missing", "and nothing like it"),
    "other class": (_next_class, "instance class", "replaced", "db.r7g.large takes its place"),
    "subnets": (_subnets_unanswered, "network", "unknown", "was not answered"),
    "groups": (_groups_refused, "network", "unknown", f'the security group "{GROUPS[AWAY]}" exists was not answered'),
}


def test_the_copy_lacks_nothing() -> None:
    """Else the cases below would prove nothing; the parameter group is made again from the capsule."""
    found = the_copy(copied())
    assert [(each.what, each.standing) for each in found.pieces] == [("parameter group", "replaced")]
    assert found.tier is Tier.IS_WHOLE


@pytest.mark.parametrize("case", PIECES)
def test_one_fact_is_one_piece(case: str) -> None:
    """A person mends what is named, and nothing else."""
    change, what, standing, words = PIECES[case]
    estate = copied()
    change(estate)
    found = the_copy(estate)
    pieces = [each for each in found.pieces if (each.what, each.standing) == (what, standing)]
    assert len(pieces) == 1
    assert words in pieces[0].words
    tiers = {"missing": Tier.LACKS, "unknown": Tier.IS_UNSURE, "replaced": Tier.IS_WHOLE}
    assert found.tier is tiers[standing]


def test_a_default_parameter_group_is_everywhere() -> None:
    """AWS makes it."""
    estate = copied()
    estate.has_capsule = False
    estate.home.clusters["embi-aurora-cluster"]["DBClusterParameterGroup"] = "default.aurora-postgresql16"
    assert the_copy(estate).pieces == ()


def test_a_region_without_a_network_in_the_configuration_says_which_keys_are_missing() -> None:
    """Somebody writes them before the day on which they are needed."""
    estate = Estate().lives()
    arn = f"arn:aws:rds:{AWAY}:123456789012:cluster-snapshot:embi-copy"
    estate.copy("embi-copy", automated_name(NOW - DAY), NOW - DAY)
    estate.away.region = "eu-west-1"
    estate.away.snapshots[0]["DBClusterSnapshotArn"] = arn.replace(AWAY, "eu-west-1")
    found = next(
        each
        for each in estate.catalogue(regions=("us-east-1", "eu-west-1")).backups
        if each.backup.region == "eu-west-1"
    )
    assert "daybreak.toml has no subnet_group and security_groups under network.eu-west-1" in [
        each.words for each in found.pieces
    ]


def recreated() -> Estate:
    """A cluster that was made again yesterday under the old name, and everything that its predecessor left."""
    estate = copied()
    estate.kept(estate.home, NOW - 9 * DAY, NOW - DAY, DbClusterResourceId="cluster-EARLIER")
    estate.kept(estate.away, NOW - 9 * DAY, NOW - DAY, DbClusterResourceId="cluster-EARLIER")
    arn = f"arn:aws:backup:{AWAY}:123456789012:recovery-point:alone"
    point = {"RecoveryPointArn": arn, "BackupVaultName": "vault", "CreationDate": NOW - DAY, "Status": "COMPLETED"}
    estate.away.points.append(point | {"EncryptionKeyType": "AWS_OWNED_KMS_KEY"})
    estate.home.clusters["embi-aurora-cluster"] |= {
        "DbClusterResourceId": "cluster-ANOTHER",
        "ClusterCreateTime": NOW - DAY / 2,
    }
    return estate


def test_what_a_predecessor_of_the_name_left_keeps_no_promise() -> None:
    """Its snapshot, its copies, what AWS kept of it and its recovery points hold another cluster's rows."""
    found = recreated().catalogue()
    assert len(found.backups) == 6
    left = [each for each in found.backups if each.is_of_another]
    assert {each.backup.kind for each in found.backups if each not in left} == {"continuous"}
    assert {each.tier for each in left} == {Tier.LACKS}
    assert found.best(without="us-east-1") is None
    assert found.best_to_complete(without="us-east-1") is None


def test_a_backup_of_a_predecessor_is_restored_only_by_its_name() -> None:
    """Nobody gets last year's database because this year's has no copy yet."""
    found = recreated().catalogue()
    with pytest.raises(Refused) as refused:
        choose_backup(found, None)
    assert any("another cluster of that name" in hint for hint in refused.value.hints)
    named = choose_backup(found, "embi-copy")
    assert named.is_of_another
    assert named.verb is not None
    assert named.verb.endswith("--from embi-copy")


def test_where_the_home_region_is_silent_the_capsule_says_which_cluster_it_is() -> None:
    """What is older than the capsule, and of another cluster, is a predecessor's; what is later may be a successor's."""
    estate = copied()
    estate.home.fails = {"*": Category.LOST}
    assert not the_copy(estate).is_of_another
    estate.away.snapshots[0] |= {"DbClusterResourceId": "cluster-ANOTHER", "SnapshotCreateTime": NOW}
    assert not the_copy(estate).is_of_another
    estate.away.snapshots[0]["SnapshotCreateTime"] = NOW - 9 * DAY
    assert the_copy(estate).is_of_another

"""Random worlds of backups: the loss that is stated is never less than what a restore from that backup then shows.

The world knows the truth (``Estate.held``); AWS's answers may be read in either of its ways: a copy shows its own time or its
source's, a source is gone or was made again under its name, a region hangs, a question is refused.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from daybreak.model.backups import Export, GlobalSecondary, KeptBackup, ReplicatedBackup, VaultPoint
from daybreak.model.ranked_backups import Catalogue, RankedBackup, Tier
from daybreak.model.replies import Category
from tests.fix_estates import (
    AWAY,
    FOREIGN_KEY,
    OTHER_ACCOUNT,
    Estate,
    automated_name,
    snapshot_arn,
)
from tests.fix_worlds import ACCOUNT, NOW, SOURCE

STRANGER = "stranger"
SAMPLE, ALL = 150, 10_000
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def ago(dice: random.Random, most: timedelta = 30 * DAY) -> datetime:
    """A moment before now, fractions of a second included; AWS's snapshots have them."""
    return NOW - timedelta(seconds=dice.uniform(1, most.total_seconds()))


def world(dice: random.Random) -> Estate:
    """A random estate."""
    estate = Estate(has_capsule=dice.random() < 0.8)
    if dice.random() < 0.7:
        estate.lives(lag=timedelta(seconds=dice.uniform(1, 7200)), moments=timedelta(days=dice.choice((1, 7, 30))))
    for each in (_sources, _copies, _shared, _vault, _others):
        each(dice, estate)
    if dice.random() < 0.3:
        _global(dice, estate)
    if dice.random() < 0.3:
        latest = ago(dice, DAY).replace(microsecond=0)
        estate.kept(estate.home, latest - 7 * DAY, latest, DbClusterResourceId="cluster-EARLIER")
    if dice.random() < 0.1:
        latest = ago(dice, DAY).replace(microsecond=0)
        estate.kept(estate.away, latest - 7 * DAY, latest, Status="replicating")
    for place in (estate.home, estate.away):
        if dice.random() < 0.2:
            which = dice.choice(("*", "DescribeDBClusters", "DescribeDBClusterSnapshots", "DescribeKey"))
            place.fails = {which: dice.choice((Category.LOST, Category.DENIED))}
    return estate


def _sources(dice: random.Random, estate: Estate) -> None:
    for number in range(dice.randrange(4)):
        held = ago(dice)
        name = automated_name(held) if dice.random() < 0.5 else f"manual-{number}"
        status = dice.choices(("available", "creating", "failed"), (8, 1, 1))[0]
        estate.snapshot(estate.home, name, held, Status=status)


def _copies(dice: random.Random, estate: Estate) -> None:
    """Copies away, of sources that are there, gone, or were made again; and a copy of a copy at home."""
    for number in range(dice.randrange(4)):
        held = ago(dice)
        name = automated_name(held) if dice.random() < 0.5 else f"source-{number}"
        copied = held + (NOW - held) * dice.random()
        shown = dice.choice((held, copied))
        fate = dice.choice(("there", "gone", "made again", "a copy itself"))
        if fate == "there":
            estate.snapshot(estate.home, name, held)
        elif fate == "made again":
            estate.snapshot(estate.home, name, copied + (NOW - copied) * dice.uniform(0.01, 1))
        elif fate == "a copy itself":
            middle = held + (copied - held) * dice.random()
            source = snapshot_arn(f"first-{number}")
            body = estate.snapshot(estate.home, name, held, SourceDBClusterSnapshotArn=source)
            body["SnapshotCreateTime"] = dice.choice((held, middle))
        more = {"Status": dice.choice(("available", "available", "copying")), "PercentProgress": 50}
        estate.copy(f"copy-{number}", name, held, SnapshotCreateTime=shown, **more)


def _shared(dice: random.Random, estate: Estate) -> None:
    if dice.random() < 0.3:
        held = ago(dice)
        arn = snapshot_arn("shared", account=OTHER_ACCOUNT)
        more: dict[str, Any] = {
            "DBClusterSnapshotArn": arn,
            "KmsKeyId": FOREIGN_KEY,
            "SnapshotType": dice.choice(("manual", "shared")),
        }
        if dice.random() < 0.5:
            more["SourceDBClusterSnapshotArn"] = snapshot_arn("elsewhere", account=OTHER_ACCOUNT)
            more["SnapshotCreateTime"] = held + (NOW - held) * dice.random()
        estate.snapshot(estate.home, "shared", held, **more)


def _vault(dice: random.Random, estate: Estate) -> None:
    """AWS Backup's: snapshots that RDS lists, by a job or copied, and points that RDS does not list."""
    for number in range(dice.randrange(3)):
        held, place = ago(dice), dice.choice((estate.home, estate.away))
        kind = dice.choice(("job", "copyjob", "alone"))
        made = held if kind == "job" else held + (NOW - held) * dice.random()
        body = {"BackupVaultName": "vault", "CreationDate": made, "Status": "COMPLETED"}
        if kind == "alone":
            arn = f"arn:aws:backup:{place.region}:{ACCOUNT}:recovery-point:{number}"
            estate.held[arn] = held
        else:
            name = f"awsbackup:{kind}-{number}"
            arn = snapshot_arn(name, place.region)
            estate.snapshot(place, name, held, SnapshotCreateTime=made, SnapshotType="awsbackup")
        if kind == "alone" or dice.random() < 0.7:
            place.points.append(body | {"RecoveryPointArn": arn, "EncryptionKeyType": "AWS_OWNED_KMS_KEY"})


def _global(dice: random.Random, estate: Estate) -> None:
    """A secondary whose lag moves: in each minute CloudWatch has the greatest, and now it may be anything again."""
    estate.secondary(timedelta(seconds=dice.uniform(0, 90)), dice.choice(("connected", "connected", "pending-resync")))
    if dice.random() < 0.2:
        estate.away.lag = []
    else:
        minute = estate.away.lag[0]["Timestamp"]
        position = minute - timedelta(seconds=dice.uniform(0, 600))  # what had arrived when that minute began
        estate.away.lag = [
            {"Timestamp": minute, "Maximum": (minute - position).total_seconds() * 1000 * dice.uniform(1, 2)},
            {"Timestamp": minute - 5 * MINUTE, "Maximum": 0.0},
        ]
        arn = f"arn:aws:rds:{AWAY}:{ACCOUNT}:cluster:embi-dr"
        # From then on it went on, or stood still because the writer was gone.
        estate.held[arn] = position + (NOW - position) * dice.choice((0.0, dice.random()))


def _others(dice: random.Random, estate: Estate) -> None:
    """What belongs to another cluster of the name."""
    if dice.random() < 0.3:
        estate.away.clusters[SOURCE] = {"DBClusterIdentifier": SOURCE, "DbClusterResourceId": "cluster-STRANGER"}
        estate.snapshot(estate.away, STRANGER, ago(dice), DbClusterResourceId="cluster-STRANGER")


def name_of(choice: RankedBackup) -> str:
    """The name under which the estate knows what a backup holds."""
    backup = choice.backup
    match backup:
        case KeptBackup() | ReplicatedBackup():
            return f"{backup.backup.resource_id} in {backup.region}"
        case GlobalSecondary():
            return backup.member.arn
        case VaultPoint(snapshot=None):
            return backup.name
        case Export():
            raise AssertionError
        case _:
            snapshot = getattr(backup, "snapshot", None)
            return snapshot.arn if snapshot else backup.name


def check(estate: Estate, catalogue: Catalogue, wanted: datetime | None) -> None:
    """No stated loss is better than the true one, and nothing that is sure is sure of a moment that is refused."""
    until = wanted or NOW
    for choice in catalogue.backups:
        shown = estate.restored(name_of(choice), wanted)
        if choice.loss is None:
            continue
        assert shown is not None, choice
        assert shown <= until, choice
        assert choice.loss >= until - shown, (choice.loss, until - shown, choice)
        assert choice.least_loss is not None
        assert choice.least_loss <= choice.loss
    for choice in catalogue.backups:
        if choice.tier is Tier.KEEPS_BOTH:
            assert choice.loss is not None
            assert choice.loss <= catalogue.target.objectives.rpo


def check_order(catalogue: Catalogue) -> None:
    """The order is the one that is promised, by rules written anew."""
    tiers = list(Tier)
    forever = timedelta.max
    places = []
    for choice in catalogue.backups:
        counted = next((each for each in (choice.loss, choice.least_loss) if each is not None), forever)
        takes = choice.time.high if choice.time else forever
        places.append((tiers.index(choice.tier), counted, choice.loss is None, takes))
        assert (choice.tier in (Tier.LACKS, Tier.CANNOT)) == any(each.standing == "missing" for each in choice.pieces)
        assert choice.reason.words
    assert places == sorted(places)
    assert [each.rank for each in catalogue.backups] == list(range(1, len(places) + 1))


def check_listing(estate: Estate, catalogue: Catalogue) -> None:
    """Of a region that answers all, each backup is listed; of one that does not, none. A stranger's is never offered."""
    listed = {name_of(each) for each in catalogue.backups}
    for choice in catalogue.backups:
        if choice.backup.name == STRANGER:
            # Only where nothing that answered tells the two clusters apart, and then in doubt.
            assert estate.away.fails
            assert choice.tier not in (Tier.KEEPS_BOTH, Tier.IS_WHOLE)
    for place in (estate.home, estate.away):
        if not place.fails:
            named = {each["DBClusterSnapshotArn"] for each in place.snapshots}
            arns = {each for each in named if not each.endswith(STRANGER)}
            points = {each["RecoveryPointArn"] for each in place.points}
            assert arns | points <= listed
        if "*" in place.fails:
            assert place.region in catalogue.regions_unseen()
            assert not [
                each
                for each in catalogue.backups
                if each.backup.region == place.region and each.backup.stored is not None
            ]


def judge(seed: int) -> Catalogue:
    """One world, asked for now or for a moment; what was found."""
    dice = random.Random(seed)
    estate = world(dice)
    wanted = ago(dice, 20 * DAY).replace(microsecond=0) if dice.random() < 0.35 else None
    catalogue = estate.catalogue(wanted)
    check(estate, catalogue, wanted)
    check_order(catalogue)
    check_listing(estate, catalogue)
    return catalogue


def test_no_stated_loss_is_better_than_what_a_restore_shows() -> None:
    """The sample of the ordinary run, which must hold each kind and each tier."""
    found = [choice for seed in range(SAMPLE) for choice in judge(seed).backups]
    assert {each.tier for each in found} == set(Tier)
    assert len({each.backup.kind for each in found}) >= 8
    assert sum(1 for each in found if each.loss is None and each.least_loss is not None) > 10


@pytest.mark.sweep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(10))
def test_no_stated_loss_is_better_in_ten_thousand_worlds(part: int) -> None:
    """All of them."""
    for seed in range(part * ALL // 10, (part + 1) * ALL // 10):
        judge(seed)

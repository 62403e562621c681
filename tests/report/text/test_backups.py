"""The catalogue in golden files: each world's order justified in words, and beside it a world that differs in one fact.

The one fact swaps two ranks; the golden file of each pair holds both screens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from daybreak.model.ranked_backups import Catalogue
from daybreak.model.replies import Category
from daybreak.report.backups import backups_document
from daybreak.report.markdown.backups import backups_page
from daybreak.report.text.backups import backups_view
from tests.fix_estates import (
    AWAY,
    CLUSTER_ARN,
    FOREIGN_KEY,
    HOME,
    KEY_AWAY,
    OTHER_ACCOUNT,
    RESOURCE,
    Estate,
    automated_name,
    snapshot_arn,
)
from tests.fix_golden import Golden, printed
from tests.fix_plans import HOSTILE
from tests.fix_worlds import ACCOUNT, KEY, MOMENT, NOW, SOURCE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def lost_home() -> Estate:
    """The home region does not answer any more."""
    estate = Estate()
    estate.home.fails = {"*": Category.LOST}
    return estate


def no_copies() -> Estate:
    """A cluster with its own backups, and nothing in the other region."""
    estate = Estate().lives()
    estate.snapshot(estate.home, automated_name(NOW - 11 * HOUR), NOW - 11 * HOUR)
    return estate


def window_fell_behind() -> Estate:
    """The same, and AWS's latest restorable time has stood still for twelve hours."""
    estate = no_copies()
    estate.home.clusters[SOURCE]["LatestRestorableTime"] = NOW - 12 * HOUR
    return estate


def stale_copies() -> Estate:
    """The region is gone; the other has a copy of nine days ago, and one of twenty."""
    estate = lost_home()
    for days in (9, 20):
        estate.copy(f"embi-copy-{days}d", automated_name(NOW - days * DAY), NOW - days * DAY)
    return estate


def newer_copy_failed() -> Estate:
    """The same, and the newer copy failed."""
    estate = stale_copies()
    estate.away.snapshots[0]["Status"] = "failed"
    return estate


def copy_in_flight() -> Estate:
    """The region is gone while a copy is being made; yesterday's is complete."""
    estate = lost_home()
    estate.copy("embi-copy-today", automated_name(NOW - 2 * HOUR), NOW - 2 * HOUR, Status="copying", PercentProgress=45)
    estate.copy("embi-copy-yesterday", automated_name(NOW - 26 * HOUR), NOW - 26 * HOUR)
    return estate


def copy_arrived() -> Estate:
    """The same, and the copy is complete."""
    estate = copy_in_flight()
    estate.away.snapshots[0] |= {"Status": "available", "PercentProgress": 100}
    return estate


def disabled_key() -> Estate:
    """The newest copy is under a key that somebody disabled; the older one is under another."""
    estate = lost_home()
    other = KEY_AWAY.replace("aaaaaaaa", "cccccccc")
    estate.copy("embi-copy-new", automated_name(NOW - 3 * HOUR), NOW - 3 * HOUR, KmsKeyId=other)
    estate.copy("embi-copy-old", automated_name(NOW - 3 * DAY), NOW - 3 * DAY)
    estate.away.keys[other] = "Disabled"
    return estate


def key_enabled_again() -> Estate:
    """The same, and the key is enabled."""
    estate = disabled_key()
    estate.away.keys[KEY_AWAY.replace("aaaaaaaa", "cccccccc")] = "Enabled"
    return estate


def global_secondary() -> Estate:
    """The region is gone; a global database's secondary is a second behind, and last night's copy is there."""
    estate = lost_home()
    estate.secondary(timedelta(seconds=1))
    estate.copy("embi-copy", automated_name(NOW - 12 * HOUR), NOW - 12 * HOUR)
    return estate


def secondary_out_of_step() -> Estate:
    """The same, and AWS calls the secondary's replication pending."""
    estate = global_secondary()
    estate.away.globals[0]["GlobalClusterMembers"][1]["SynchronizationStatus"] = "pending-resync"
    return estate


def replicated_backup() -> Estate:
    """The other region lists an automated backup of the cluster, which AWS documents nowhere, and a copy."""
    estate = lost_home()
    estate.kept(estate.away, NOW - 7 * DAY, NOW - timedelta(minutes=8), Status="replicating")
    estate.copy("embi-copy", automated_name(NOW - 12 * HOUR), NOW - 12 * HOUR)
    return estate


def copy_without_key() -> Estate:
    """The same, and the copy's own key is disabled."""
    estate = replicated_backup()
    other = KEY_AWAY.replace("aaaaaaaa", "cccccccc")
    estate.away.snapshots[0]["KmsKeyId"] = other
    estate.away.keys[other] = "Disabled"
    return estate


def shared_snapshot() -> Estate:
    """The cluster and its backups are gone but for an old snapshot of our own, and one that the backup account shares."""
    estate = Estate()
    estate.snapshot(estate.home, "before-release", NOW - 6 * DAY)
    arn = snapshot_arn("embi-vault", account=OTHER_ACCOUNT)
    estate.snapshot(estate.home, "embi-vault", NOW - 9 * HOUR, DBClusterSnapshotArn=arn, KmsKeyId=FOREIGN_KEY)
    return estate


def shared_key_can_be_seen() -> Estate:
    """The same, and the other account lets us look at its key."""
    estate = shared_snapshot()
    estate.home.keys[FOREIGN_KEY] = "Enabled"
    return estate


def kept_backup() -> Estate:
    """The cluster was deleted an hour ago with a final snapshot; AWS kept its backup to a minute later."""
    estate = Estate()
    estate.kept(estate.home, NOW - 30 * DAY, NOW - HOUR)
    estate.snapshot(estate.home, "final", NOW - HOUR - timedelta(minutes=1))
    return estate


def final_snapshot_is_later() -> Estate:
    """The same, and the kept backup's window ends five minutes earlier."""
    estate = kept_backup()
    estate.home.backups[0]["RestoreWindow"]["LatestTime"] = NOW - HOUR - timedelta(minutes=5)
    return estate


def vault_alone() -> Estate:
    """The region is gone; an air-gapped vault has a point that RDS does not list, and an older copy is there."""
    estate = lost_home()
    arn = f"arn:aws:backup:{AWAY}:{ACCOUNT}:recovery-point:1EB3B5E7-9EB0-435A-A80B-108B488B0D45"
    body = {"RecoveryPointArn": arn, "BackupVaultName": "air-gapped", "CreationDate": NOW - 5 * HOUR}
    estate.away.points = [body | {"Status": "COMPLETED", "EncryptionKeyType": "AWS_OWNED_KMS_KEY"}]
    estate.copy("embi-copy", automated_name(NOW - 30 * HOUR), NOW - 30 * HOUR)
    return estate


def vault_point_expired() -> Estate:
    """The same, and the point has expired."""
    estate = vault_alone()
    estate.away.points[0]["Status"] = "EXPIRED"
    return estate


def exported() -> Estate:
    """Only an export is left, and a manual snapshot that failed."""
    estate = Estate()
    task = {"ExportTaskIdentifier": "embi-2024-01", "SourceArn": CLUSTER_ARN, "SnapshotTime": NOW - 6 * HOUR}
    estate.home.exports = [task | {"Status": "COMPLETE", "S3Bucket": "embi-exports"}]
    estate.snapshot(estate.home, "nightly", NOW - 11 * HOUR, Status="failed")
    return estate


@dataclass(frozen=True)
class Pair:
    """Two worlds that differ in one fact, the orders that must come of them, and why."""

    one: Callable[[], Estate]
    order: tuple[str, ...]
    why: str
    other: Callable[[], Estate]
    changed: tuple[str, ...]
    why_changed: str
    wanted: datetime | None = None


AUTOMATED = automated_name(NOW - 11 * HOUR)
PAIRS = {
    "no-copies": Pair(
        no_copies, (SOURCE, AUTOMATED),
        "the window loses four minutes of the five that are promised; the snapshot loses half a day",
        window_fell_behind, (AUTOMATED, SOURCE),
        "nothing keeps the promise any more, and the snapshot holds an hour more than the window reaches",
    ),
    "stale-copy": Pair(
        stale_copies, ("embi-copy-9d", "embi-copy-20d"),
        "both lack nothing, and the newer loses less",
        newer_copy_failed, ("embi-copy-20d", "embi-copy-9d"),
        "a failed copy is a promise of nothing, so twenty days are what is left",
    ),
    "copy-in-flight": Pair(
        copy_in_flight, ("embi-copy-yesterday", "embi-copy-today"),
        "what is not there yet may never be, since its source does not answer; yesterday's can be used now",
        copy_arrived, ("embi-copy-today", "embi-copy-yesterday"),
        "it is complete, and loses a day less",
    ),
    "disabled-key": Pair(
        disabled_key, ("embi-copy-old", "embi-copy-new"),
        "no key, no restore: the older one opens",
        key_enabled_again, ("embi-copy-new", "embi-copy-old"),
        "both open, and the newer loses less",
    ),
    "global-secondary": Pair(
        global_secondary, ("embi-dr", "embi-copy"),
        "the secondary alone keeps both promises: about a minute is not vouched for, though it is a second behind",
        secondary_out_of_step, ("embi-copy", "embi-dr"),
        "a secondary that is not connected cannot be failed over to; the copy can be restored",
    ),
    "replicated-backup": Pair(
        replicated_backup, ("embi-copy", RESOURCE),
        "nobody has seen a restore from such a backup, and the copy is known to work",
        copy_without_key, (RESOURCE, "embi-copy"),
        "what may work comes before what cannot",
    ),
    "shared-snapshot": Pair(
        shared_snapshot, ("before-release", snapshot_arn("embi-vault", account=OTHER_ACCOUNT)),
        "whether another account's key opens is not to be seen, so our own comes first although it loses more",
        shared_key_can_be_seen, (snapshot_arn("embi-vault", account=OTHER_ACCOUNT), "before-release"),
        "both lack nothing, and the shared one loses less",
    ),
    "kept-backup": Pair(
        kept_backup, (RESOURCE, "final"),
        "the kept backup reaches a minute further than the final snapshot",
        final_snapshot_is_later, ("final", RESOURCE),
        "now the final snapshot holds four minutes more",
    ),
    "vault-alone": Pair(
        vault_alone,
        (f"arn:aws:backup:{AWAY}:{ACCOUNT}:recovery-point:1EB3B5E7-9EB0-435A-A80B-108B488B0D45", "embi-copy"),
        "it loses at least five hours and the copy thirty, and the way to it is AWS Backup's own command",
        vault_point_expired,
        ("embi-copy", f"arn:aws:backup:{AWAY}:{ACCOUNT}:recovery-point:1EB3B5E7-9EB0-435A-A80B-108B488B0D45"),
        "AWS Backup restores no point that has expired",
    ),
    "for-a-moment": Pair(
        no_copies, (SOURCE, AUTOMATED),
        "the window holds the very second; the snapshot is ten hours before it",
        window_fell_behind, (AUTOMATED, SOURCE),
        "the window ends before the snapshot was taken, so the snapshot is nearer to the moment",
        MOMENT,
    ),
}  # fmt: skip


def names(catalogue: Catalogue) -> tuple[str, ...]:
    """The order."""
    return tuple(each.backup.name for each in catalogue.backups)


def shown(catalogue: Catalogue) -> str:
    """The screen."""
    return printed(backups_view(catalogue), width=120)


@pytest.mark.parametrize("name", PAIRS)
def test_an_order_has_its_reason_and_one_fact_turns_it(golden: Golden, name: str) -> None:
    """Somebody chooses by this list at the worst hour of the year."""
    pair = PAIRS[name]
    one, other = pair.one().catalogue(pair.wanted), pair.other().catalogue(pair.wanted)
    assert names(one) == pair.order
    assert names(other) == pair.changed
    pages = (
        f"# {pair.one.__doc__}\n# Order: {pair.why}.\n\n{shown(one)}",
        f"# {pair.other.__doc__}\n# Order: {pair.why_changed}.\n\n{shown(other)}",
    )
    golden(f"backups/{name}.txt", "\n".join(pages))


def test_nothing_at_all_is_said_only_of_what_was_asked(golden: Golden) -> None:
    """An empty list of two regions that answered, and one of a region that did not."""
    silent = Estate()
    silent.away.fails = {"*": Category.LOST}
    refused = Estate()
    refused.away.fails = {"DescribeDBClusterSnapshots": Category.DENIED}
    pages = [
        f"# {what}\n\n{shown(estate.catalogue())}"
        for what, estate in (
            ("Both regions answered.", Estate()),
            ("The other region hangs.", silent),
            ("The other region refuses one question.", refused),
        )
    ]
    golden("backups/nothing.txt", "\n".join(pages))
    assert "NOT ASKED" not in pages[0]
    assert f"{AWAY}  NOT ASKED" in pages[1]
    assert "snapshots (DescribeDBClusterSnapshots): refused" in " ".join(pages[2].split())


def test_an_export_is_named_and_never_a_cluster(golden: Golden) -> None:
    """Whoever counts it as a backup finds out too late; it still holds the rows."""
    catalogue = exported().catalogue()
    assert names(catalogue) == ("nightly", "embi-2024-01")
    assert catalogue.best() is None
    golden("backups/export.txt", shown(catalogue))


def test_the_page_and_the_document_say_what_the_screen_says(golden: Golden) -> None:
    """One is put in a ticket, the other is read by a program."""
    catalogue = global_secondary().catalogue()
    golden("backups/global-secondary.md", backups_page(catalogue))
    document = backups_document(catalogue)
    assert [each["name"] for each in document["backups"]] == ["embi-dr", "embi-copy"]
    assert [each["state"] for each in document["regions"]] == ["unseen", "answered"]
    assert document["backups"][1]["loss"] == "PT12H10S"
    assert document["backups"][1]["command"].startswith("daybreak plan region embi --region us-west-2 --from embi-copy")


@pytest.mark.parametrize("width", [40, 80])
def test_no_name_is_cut_on_a_narrow_screen(width: int) -> None:
    """A name that is cut cannot be copied."""
    text = printed(backups_view(shared_snapshot().catalogue()), width=width)
    assert snapshot_arn("embi-vault", account=OTHER_ACCOUNT) in text


def test_what_the_account_says_is_text() -> None:
    """A snapshot's status and a cause of failure are whatever the endpoint answers."""
    estate = exported()
    estate.home.exports[0] |= {"Status": HOSTILE, "FailureCause": HOSTILE}
    estate.home.snapshots[0]["Status"] = HOSTILE
    text = shown(estate.catalogue())
    assert "\x1b" not in text
    assert "[bold red]" in text
    assert "\x1b" not in backups_page(estate.catalogue())


def test_a_copy_by_either_of_aws_s_ways_loses_the_same() -> None:
    """Whether AWS shows a copy's own time or its source's, nobody may be promised the hours between."""
    losses = []
    for shown_time in (NOW - 12 * HOUR, NOW - 9 * HOUR):
        estate = lost_home()
        estate.copy("c", automated_name(NOW - 12 * HOUR), NOW - 12 * HOUR, SnapshotCreateTime=shown_time)
        (choice,) = estate.catalogue().backups
        losses.append(choice.loss)
    assert losses[0] == losses[1] == timedelta(hours=12, seconds=10)


def test_a_key_under_which_nothing_was_asked_is_unknown() -> None:
    """A region that stopped answering half way is not fit."""
    estate = no_copies()
    estate.home.fails = {"DescribeKey": Category.LOST}
    first, _ = estate.catalogue().backups
    assert first.tier.value == "something that it needs cannot be seen"
    assert first.pieces[0].words == f"the KMS key {KEY} was asked for, and no answer came"
    assert HOME in first.backup.region

"""A step is approved by its sentence, so each says what it does and to what."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from daybreak.model.actions import (
    Action,
    AdvanceSequences,
    AnchorJournal,
    AwaitApproval,
    AwaitClients,
    AwaitCluster,
    AwaitClusterGone,
    AwaitExport,
    AwaitInstance,
    AwaitName,
    AwaitParameterGroup,
    AwaitRecord,
    AwaitSnapshot,
    AwaitSql,
    AwaitWriter,
    BeginProbe,
    CancelExport,
    CarryTables,
    ChangeRecord,
    ChangeSql,
    ClearDump,
    ClearScratch,
    CopyParameterGroup,
    CopySnapshot,
    CountWrites,
    CreateEndpoint,
    CreateInstance,
    CreateParameterGroup,
    DeleteCluster,
    DeleteEndpoint,
    DeleteInstance,
    DeleteParameterGroup,
    DeleteSnapshot,
    DumpDatabase,
    EndSessions,
    EndUpload,
    ExportSnapshot,
    FetchExport,
    FilesOfTable,
    JudgeScratch,
    LoadRows,
    LoadScratch,
    ManagePassword,
    MoveSecretStage,
    MoveWriter,
    NameDatabase,
    PausePool,
    ReadExport,
    ReadProbe,
    RebootInstance,
    RemoveArchive,
    RenameCluster,
    RestoreFromSnapshot,
    RestoreToMoment,
    ResumePool,
    RowFiles,
    RunCommand,
    SetClusterOptions,
    SetDataApi,
    SetExpiry,
    SetParameterGroup,
    SetParameters,
    SetRole,
    SetSubscription,
    SqlStatement,
    StoreArchive,
    StoreManifest,
    TakeSnapshot,
    Validate,
    WantedTable,
    WarmCache,
)
from daybreak.model.application import ApplicationLogin, ApplicationWay
from daybreak.model.checks import CHECKS
from daybreak.model.destinations import DatabaseAddress, ParameterDestination, RecordSet
from daybreak.model.moment import At, Latest
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from daybreak.model.pools import PgBouncer
from daybreak.model.receiver import Receiver
from daybreak.model.targets import HealthCheck
from daybreak.report.sentences import sentence
from tests import fix_worlds as worlds
from tests.chaos import fix_destinations

AT = At(instant=worlds.MOMENT)
POOL = PgBouncer(host="pool.internal", login="env:POOL", database="shop")
VALIDATE = Validate(
    clone="c",
    source="s",
    source_seen=None,
    instances_seen=(),
    moment=AT,
    database=None,
    login=None,
    quarantine={},
    tables={},
    checks=(),
)
APPLICATION = ApplicationLogin(
    login="env:APP",
    database="d",
    ways=(
        ApplicationWay(
            destination=ParameterDestination(name="/app"),
            region="us-east-1",
            here=DatabaseAddress(host="c.example", port=5432),
            there=DatabaseAddress(host="s.example", port=5432),
        ),
    ),
)

NEWDB = Receiver(
    cluster="clone-1", resource_id="cluster-B", database="newdb", login="env:A", entry="embi", run="clone-1"
)
PICKING = Picking(
    form="custom",
    pieces=(ObjectPieces(key="a.dump", size=9_000_000, mark="m", name=SINGLE, ranges=((0, 2_000_000),)),),
    take=(7, 9),
)
ORDERS = WantedTable(table=("shop", "orders"), into=("shop", "orders_then"))

SENTENCES: tuple[tuple[Action, str], ...] = (
    (CopyParameterGroup(source="s", group="g", description=""), "Copy the parameter group s to g"),
    (
        RenameCluster(cluster="s", resource_id="cluster-S", name="s-away"),
        "Rename the source s (cluster-S) to s-away; nothing else of it changes",
    ),
    (
        RenameCluster(cluster="c", resource_id="cluster-C", name="s", is_own=True),
        "Rename the clone c (cluster-C) to s; nothing else of it changes",
    ),
    (
        AwaitName(name="s", before="c", resource_id="cluster-C", host="s.example"),
        "Wait until AWS shows cluster-C as s, and read its endpoint at s.example",
    ),
    (CreateParameterGroup(group="g", family="f", description=""), "Create the parameter group g for f"),
    (SetParameters(group="g", parameters={"b": "2", "a": "1"}), "Set a=1, b=2 in g"),
    (
        RestoreToMoment(source="s", clone="c", moment=AT, parameter_group="g", security_groups=()),
        "Restore s as of 2024-01-15T14:30:00Z into the new cluster c",
    ),
    (
        RestoreToMoment(
            source="s", resource_id="cluster-X", clone="c", moment=Latest(), parameter_group="g", security_groups=()
        ),
        "Restore the deleted s (cluster-X) as of the latest restorable time into the new cluster c",
    ),
    (SetClusterOptions(clone="c", is_protected=False), "Set deletion protection off on c"),
    (
        SetClusterOptions(clone="c", backup_retention=timedelta(days=7), is_protected=True),
        "Set backup retention 7 days, deletion protection on c",
    ),
    (
        CreateInstance(clone="c", instance="i", instance_class="db.r6g.large", engine="aurora-postgresql"),
        "Create the instance i (db.r6g.large, promotion tier 1) in c",
    ),
    (
        RestoreFromSnapshot(
            snapshot="rds:s-1",
            clone="c",
            engine="aurora-postgresql",
            engine_version="16.6",
            parameter_group="g",
            security_groups=(),
        ),
        "Restore the snapshot rds:s-1, PostgreSQL 16.6, into the new cluster c",
    ),
    (
        CreateEndpoint(clone="c", endpoint="c-e1", type="READER", static_members=("c-2",)),
        "Create the custom endpoint c-e1 (READER, for c-2) of c",
    ),
    (
        CreateEndpoint(clone="c", endpoint="c-e2", type="ANY", excluded_members=("c-1",)),
        "Create the custom endpoint c-e2 (ANY, without c-1) of c",
    ),
    (AnchorJournal(clone="c", arn="arn:aws:rds:x:1:cluster:c"), "Anchor the journal's newest event in a tag of c"),
    (
        SetExpiry(clone="c", arn="arn:aws:rds:x:1:cluster:c", expires="never: r", before="2024-01-22T14:52:00Z"),
        "Tag c: daybreak:expires=never: r",
    ),
    (
        SetExpiry(clone="c", arn="arn:aws:rds:x:1:cluster:c", expires="left: r", before="never: r"),
        "Tag c: daybreak:expires=left: r: it is kept until daybreak clean c --confirm c",
    ),
    (
        EndSessions(cluster="s", database="d", login="env:X"),
        "End every session at s but our own, until nobody is left; then read the high-water mark",
    ),
    (CountWrites(cluster="c", database="d", login="env:X"), "Count what was written so far in every database of c"),
    (
        AwaitClients(cluster="c", database="d", login="env:X", wants_write=True, share=80, hold=timedelta(seconds=30)),
        "Wait until 80 % as many clients as were sent out are at c and a write of theirs is there, for 30 seconds",
    ),
    (
        AwaitClients(
            cluster="c",
            database="d",
            login="env:X",
            wants_write=False,
            share=0,
            hold=timedelta(seconds=30),
            pages=(HealthCheck(name="shop", url="https://shop.example/health"),),
            application=APPLICATION,
        ),
        'Wait until the page shop is well, the application\'s own login gets to c by the parameter "/app", for 30 seconds',
    ),
    (
        BeginProbe(cluster="s", database="d", login="env:X", other="c", application=APPLICATION),
        'Begin to write as the application does, by the parameter "/app": transactions that change no row, first at s',
    ),
    (
        ReadProbe(cluster="c", database="d", login="env:X"),
        "End the probe once c has taken a write of it, and say how long nobody took one",
    ),
    (
        WarmCache(cluster="c", database="d", login="env:X", past="s", limit=timedelta(minutes=2)),
        "Read what has most hits in the database d of s into the memory of c, for 2 minutes at most",
    ),
    (
        SetParameterGroup(clone="c", group="g", before="h", instances=("c-1",)),
        "Give c the parameter group g in the place of h",
    ),
    (RebootInstance(clone="c", instance="c-1"), "Restart the instance c-1, so that its parameters are in force"),
    (
        AdvanceSequences(cluster="c", database="d", login="env:X", past="s"),
        "In the database d of c, set every sequence past where s has come",
    ),
    (DeleteEndpoint(clone="c", endpoint="c-e1"), "Delete the custom endpoint c-e1"),
    (AwaitCluster(clone="c"), "Wait until c is available with a restorable window of its own"),
    (AwaitInstance(clone="c", instance="i"), "Wait until i is available with its parameter group in force"),
    (ManagePassword(clone="c"), "Let AWS make a new password for the master of c and keep it in a secret"),
    (
        AwaitParameterGroup(group="g", rest=timedelta(minutes=5)),
        "Wait until 5 minutes have passed since AWS made g",
    ),
    (AwaitSql(clone="c", database=None, login=None), "Wait until the endpoint of c answers SQL"),
    (VALIDATE, f"Validate c: {len(CHECKS) - 1} checks"),
    (DeleteInstance(clone="c", instance="i"), "Delete the instance i"),
    (DeleteCluster(clone="c"), "Delete the cluster c, without a final snapshot"),
    (AwaitClusterGone(clone="c"), "Wait until AWS no longer knows c"),
    (DeleteParameterGroup(group="g"), "Delete the parameter group g"),
    (TakeSnapshot(cluster="c", snapshot="s", region="us-east-1"), "Take the manual snapshot s of c in us-east-1"),
    (
        CopySnapshot(
            source="arn:aws:rds:us-east-1:123456789012:cluster-snapshot:s",
            source_region="us-east-1",
            snapshot="t",
            key="k",
        ),
        "Copy the snapshot s of us-east-1 to t, under the key k",
    ),
    (AwaitSnapshot(snapshot="t", origin="cluster-A"), "Wait until the snapshot t is complete"),
    (
        ExportSnapshot(
            task="t",
            source="arn:aws:rds:us-east-1:123456789012:cluster-snapshot:s",
            bucket="b",
            prefix="p/<drawn at start>",
            role="r",
            key="k",
            only=("d.s", "e"),
        ),
        "Let RDS export d.s, e of the snapshot s as t to s3://b/p/<drawn at start>/, as the role r, under the key k",
    ),
    (CancelExport(task="t"), "End the export t"),
    (AwaitExport(task="t"), "Wait until AWS has written the export t"),
    (AwaitExport(task="t", is_cancelled=True), "Wait until AWS is at the export no more: t"),
    (ReadExport(bucket="b", folder="f/t/"), "Look at what is in s3://b/f/t/"),
    (
        DeleteSnapshot(snapshot="s", origin="cluster-A", region="us-east-1"),
        "Delete the snapshot s in us-east-1, for good",
    ),
    (
        ChangeSql(
            cluster="c",
            database="d",
            login="env:A",
            change=SqlStatement(what="take LOGIN from the role app", text="ALTER ROLE app NOLOGIN", look="SELECT true"),
        ),
        "In the database d of c: take LOGIN from the role app",
    ),
    (
        LoadRows(
            cluster="c",
            database="d",
            login="env:A",
            table=("public", "order"),
            columns=("a",),
            file="/tmp/rows",
            sha256="0" * 64,
            size=2_000_000,
        ),
        "Load 2.0 MB of rows from /tmp/rows into public.order in the database d of c",
    ),
    (
        FetchExport(export="s3://exports/a.dump", picking=PICKING),
        "Fetch 2.0 MB of 9.0 MB of s3://exports/a.dump into the run's folder on this machine",
    ),
    (
        LoadScratch(export="s3://exports/a.dump", picking=PICKING, major=16, most=3 * 10**9),
        (
            "Fetch 2.0 MB of 9.0 MB of s3://exports/a.dump and load it as it comes into a throw-away server on this machine, "
            "which may fill 3.0 GB, as a role that may do nothing else"
        ),
    ),
    (
        JudgeScratch(tables=(ORDERS,), where="id > 7"),
        "Hold shop.orders in the scratch database against the archive's own list and rows, where id > 7",
    ),
    (
        CarryTables(cluster="c", database="d", login="env:A", tables=(ORDERS,)),
        (
            "Carry rows into the database d of c, all in one transaction: shop.orders into shop.orders_then, which must be empty"
        ),
    ),
    (
        CarryTables(
            cluster="c",
            database="d",
            login="env:A",
            tables=(ORDERS,),
            files=RowFiles(tables=(FilesOfTable(table=("shop", "orders"), files={"data-0001": "k"}),), most_rejects=2),
        ),
        (
            "Load the rows of 1 file into the database d of c, all in one transaction: shop.orders into shop.orders_then, which "
            "must be empty; up to 2 rows may be refused"
        ),
    ),
    (ClearScratch(), "Stop the throw-away server, and remove the run's folder with all that was fetched"),
    (
        LoadScratch(export="s3://exports/a.dump", picking=PICKING, major=16, most=3 * 10**9, jobs=4, at=NEWDB),
        (
            "Fetch 2.0 MB of 9.0 MB of s3://exports/a.dump and load it as it comes into a scratch database at clone-1, as a role "
            "that may do nothing else, 4 tables side by side"
        ),
    ),
    (JudgeScratch(tables=(), at=NEWDB), "Hold all of the scratch database against the archive's own list and rows"),
    (
        NameDatabase(cluster="clone-1", database="embi", login="env:A", receiver=NEWDB),
        (
            "Give what was loaded its owners and privileges, and the scratch database at clone-1 the name newdb; its throw-away "
            "role goes with that"
        ),
    ),
    (
        DumpDatabase(cluster="c", resource_id="cluster-C", database="embi", login="env:A", most=10**10),
        "Dump embi of the clone c into the run's folder on this machine, 10.0 GB and 6 hours at most, and count its rows",
    ),
    (
        StoreArchive(bucket="b", key="k.dump", kms_key="alias/k"),
        "Store it as s3://b/k.dump, in parts, under the key alias/k; nothing is overwritten",
    ),
    (
        StoreManifest(bucket="b", key="k.dump", run="r", verdict="fit"),
        "Store beside it what is in it: its tables with their rows, its digest, kept as long as somebody keeps it",
    ),
    (ClearDump(), "Remove the run's folder on this machine"),
    (ClearDump(run="r"), "Remove the folder of r on this machine"),
    (
        EndUpload(bucket="b", key="k.dump"),
        "Give up whatever was begun of s3://b/k.dump and not completed; what is whole stays",
    ),
    (
        RemoveArchive(bucket="b", key="k.dump", target="embi", until=worlds.NOW, newer=("n",)),
        "Remove s3://b/k.dump and its manifest: it was to be kept until 2024-01-15T14:52:10Z",
    ),
    (ClearScratch(at=NEWDB), "Remove what still is scratch at clone-1, and the run's folder with all that was fetched"),
    (
        PausePool(pool=POOL),
        "Hold the clients of the pool shop of pool.internal:6432 for 30 seconds at most",
    ),
    (
        ResumePool(pool=POOL, address=DatabaseAddress(host="h", port=5432)),
        "Let the clients of the pool shop of pool.internal:6432 go on at h:5432",
    ),
    (
        RunCommand(
            what="restart the shop", command=("kubectl", "rollout", "restart", "a b"), limit=timedelta(minutes=5)
        ),
        "Restart the shop, at most once: kubectl rollout restart 'a b'",
    ),
    (
        MoveWriter(database="embi-global", member="arn:aws:rds:us-west-2:1:cluster:embi-west", gives_up=True),
        (
            "Fail the global database embi-global over to arn:aws:rds:us-west-2:1:cluster:embi-west, and give up what had not "
            "arrived there"
        ),
    ),
    (
        MoveWriter(database="embi-global", member="arn:aws:rds:us-west-2:1:cluster:embi-west", gives_up=False),
        (
            "Switch the global database embi-global over to arn:aws:rds:us-west-2:1:cluster:embi-west, once all that was written "
            "has arrived there"
        ),
    ),
    (
        AwaitWriter(database="embi-global", member="arn:aws:rds:us-west-2:1:cluster:embi-west"),
        "Wait until arn:aws:rds:us-west-2:1:cluster:embi-west is the writer of embi-global",
    ),
    (
        fix_destinations.POINT_SECRET,
        (
            "Make a version of the secret prod/embi with embi-clone.cluster-abc.us-east-1.rds.amazonaws.com:5433 in host, port"
        ),
    ),
    (
        fix_destinations.POINT_PARAMETER.model_copy(update={"region": "us-west-2"}),
        (
            "Put embi-clone.cluster-abc.us-east-1.rds.amazonaws.com in the place of "
            "embi-aurora-cluster.cluster-abc.us-east-1.rds.amazonaws.com in the parameter /prod/embi/url (version 3) in us-west-2"
        ),
    ),
    (
        MoveSecretStage(secret="prod/embi", version="v1"),
        "Make the version v1 of the secret prod/embi the current one again",
    ),
    (
        MoveSecretStage(secret="prod/embi", version="v1", away_from="v2"),
        "Make the version v1 of the secret prod/embi the current one again, away from v2",
    ),
    (
        ChangeRecord(
            zone="Z0123456",
            before=RecordSet(name="db.example.com.", type="CNAME", ttl=300, values=("a.example.com",)),
            after=RecordSet(name="db.example.com.", type="CNAME", ttl=60, values=("b.example.com",)),
        ),
        (
            "Change the record db.example.com. of the zone Z0123456 from CNAME TTL=300 a.example.com "
            "to CNAME TTL=60 b.example.com"
        ),
    ),
    (
        fix_destinations.DETACH,
        "Take embi-aurora-cluster out of the target group default of the proxy embi-proxy; nothing of the cluster changes",
    ),
    (
        fix_destinations.ATTACH,
        "Put embi-clone into the target group default of the proxy embi-proxy; nothing of the cluster changes",
    ),
    (
        fix_destinations.AWAIT_PROXY,
        "Wait until the target group default of the proxy embi-proxy lets clients through to the writer of embi-clone",
    ),
    (
        SetRole(clone="c", role="arn:aws:iam::1:role/import", feature="s3Import", is_given=True),
        "Give c the role arn:aws:iam::1:role/import for s3Import",
    ),
    (
        SetRole(clone="c", role="arn:aws:iam::1:role/import", is_given=False),
        "Take the role arn:aws:iam::1:role/import from c",
    ),
    (SetDataApi(clone="c", arn="arn:aws:rds:x:1:cluster:c", is_on=True), "Let c answer the Data API"),
    (SetDataApi(clone="c", arn="arn:aws:rds:x:1:cluster:c", is_on=False), "Let c answer the Data API no longer"),
    (
        SetSubscription(subscription="alerts", clone="c", entry="c-1", is_in=True),
        "Let the event subscription alerts report c-1 too; all else that it reports stays",
    ),
    (
        SetSubscription(subscription="alerts", clone="c", entry="c", is_in=False),
        "Let the event subscription alerts report c no longer",
    ),
    (
        AwaitRecord(zone="Z0123456", record=fix_destinations.AFTER),
        "Wait until all name servers of the zone Z0123456 have the changed record db.example.com.",
    ),
    (
        AwaitApproval(within=timedelta(hours=1), valid=timedelta(hours=2)),
        "Wait until another person approves exactly this plan; it counts for 2 hours",
    ),
)


@pytest.mark.parametrize(("action", "told"), SENTENCES)
def test_what_an_action_does_in_one_sentence(action: Action, told: str) -> None:
    """Whoever says yes reads this and nothing else."""
    assert sentence(action) == told


def test_every_action_has_its_sentence_here() -> None:
    """A new action without one would be approved unread."""
    union = get_args(get_args(Action)[0])
    assert {type(action) for action, _ in SENTENCES} == set(union)


def test_a_name_in_a_sentence_cannot_drive_the_terminal() -> None:
    """A parameter's value is text from outside."""
    assert sentence(SetParameters(group="g", parameters={"a": "\x1b[2J\n"})) == r"Set a=\x1b[2J\n in g"

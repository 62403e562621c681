"""A door changes only what it was opened for, under whatever name AWS takes it; the guard is below all that could forget it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from daybreak.aws.gateway import Access, Aws
from daybreak.errors import Bug, DaybreakError
from daybreak.model.plan import AwsCall
from daybreak.model.things import Thing
from daybreak.plan.operation_rows import ChangeOperation
from daybreak.plan.operations import OPERATIONS
from tests.fix_cli import NOWHERE

SOURCE, REGION = "embi-aurora-cluster", "us-east-1"
CHANGES = [row for row in OPERATIONS.values() if isinstance(row, ChangeOperation) and not row.is_by_hand]
BY_HAND = [row for row in OPERATIONS.values() if isinstance(row, ChangeOperation) and row.is_by_hand]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A door at which nobody listens, opened for a cluster and its group, and for nothing of the source."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    everything = {named.kind for row in CHANGES for named in row.named}
    own = [Thing(kind=kind, name="another", region=REGION) for kind in everything]
    return Aws(Access(region=REGION, endpoint_url=NOWHERE, only_loopback=True), may_change=own)


def params_of(row: ChangeOperation, given: dict[str, str]) -> dict[str, Any]:
    """A call's names: of what it touches "another", but for those given. Of a zone it is a record, of a proxy a cluster's place."""
    params: dict[str, Any] = {named.parameter: "another" for named in row.named if named.part != "uses"} | given
    if row.kind_of_parts == "proxy-target":
        params["DBClusterIdentifiers"] = ["another"]
    elif row.kind_of_parts == "subscription-entry":
        params["SourceIdentifier"] = "another"
    elif row.kind_of_parts == "export-task":
        params.setdefault("ExportTaskIdentifier", "another")
    elif row.parts:
        zone = params["HostedZoneId"]
        changed = {"Action": "DELETE", "ResourceRecordSet": {"Name": zone.rpartition(":")[2], "Type": "CNAME"}}
        params["ChangeBatch"] = {"Changes": [changed]}
    return params


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row.name)
@pytest.mark.parametrize("name", [SOURCE, SOURCE.upper(), f"arn:aws:rds:us-east-1:123456789012:cluster:{SOURCE}"])
def test_no_change_names_what_the_door_is_not_for(aws: Aws, row: ChangeOperation, name: str) -> None:
    """Neither by its name, in whatever case, nor by its ARN; nobody is even asked."""
    touching = [named.parameter for named in row.named if named.part != "uses"]
    touching += ["ExportTaskIdentifier"] if row.kind_of_parts == "export-task" else []
    assert touching
    for parameter in touching:
        params = params_of(row, {parameter: name})
        with pytest.raises(
            Bug, match=f'(?i){row.name} would change the .* "{SOURCE}[".].*which this door was not opened for'
        ):
            aws.change(AwsCall(service=row.service, operation=row.name, params=params, region=REGION))


@pytest.mark.parametrize("row", BY_HAND, ids=lambda row: row.name)
def test_what_a_person_sends_no_door_sends(aws: Aws, row: ChangeOperation) -> None:
    """Not even one that was opened for all that the call names."""
    params: dict[str, Any] = {named.parameter: "another" for named in row.named}
    with pytest.raises(Bug, match=f"{row.name} is printed for a person, and never sent"):
        aws.change(AwsCall(service=row.service, operation=row.name, params=params, region=REGION))


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row.name)
def test_a_door_that_was_opened_for_nothing_changes_nothing(aws: Aws, row: ChangeOperation) -> None:
    """Whoever looks gets such a door, and a region or a kind of its own is no other's."""
    params = params_of(row, {})
    kinds = {named.kind for named in row.named}
    others = [Thing(kind=kind, name="another", region="eu-west-1") for kind in kinds]
    for may_change in ([], others, [Thing(kind="og", name="another", region=REGION)]):
        door = Aws(Access(region=REGION, endpoint_url=NOWHERE, only_loopback=True), may_change=may_change)
        with pytest.raises(Bug, match="which this door was not opened for"):
            door.change(AwsCall(service=row.service, operation=row.name, params=params, region=REGION))


def test_a_source_may_be_renamed_as_planned_and_changed_in_nothing_else() -> None:
    """The one exemption is one renaming, from that name to that name, and a call that does anything besides is none."""
    exempt = Thing(kind="rename", name=f"cluster/{SOURCE}/embi-away", region=REGION)
    door = Aws(Access(region=REGION, endpoint_url=NOWHERE, only_loopback=True), may_change=[exempt])
    renaming: dict[str, Any] = {
        "DBClusterIdentifier": SOURCE,
        "NewDBClusterIdentifier": "embi-away",
        "ApplyImmediately": True,
    }

    def send(**changes: Any) -> None:
        params = {name: value for name, value in (renaming | changes).items() if value is not None}
        door.change(AwsCall(service="rds", operation="ModifyDBCluster", params=params, region=REGION))

    with pytest.raises(DaybreakError) as sent:
        send()
    assert not isinstance(sent.value, Bug), "it is sent, and nobody answers here"
    for changes in (
        {"NewDBClusterIdentifier": "embi-elsewhere"},
        {"NewDBClusterIdentifier": None},
        {"NewDBClusterIdentifier": None, "DeletionProtection": False},
        {"DeletionProtection": False},
        {"DBClusterIdentifier": "another"},
    ):
        with pytest.raises(Bug, match="which this door was not opened for"):
            send(**changes)


@pytest.mark.parametrize(
    ("service", "method", "params"),
    [
        ("rds", "reboot_db_cluster", {"DBClusterIdentifier": "another"}),
        ("ssm", "add_tags_to_resource", {"ResourceType": "Parameter", "ResourceId": "another", "Tags": []}),
        ("secretsmanager", "delete_secret", {"SecretId": "another"}),
        ("kms", "schedule_key_deletion", {"KeyId": "another"}),
    ],
)
def test_what_has_no_row_leaves_by_no_way(aws: Aws, service: str, method: str, params: dict[str, Any]) -> None:
    """Not of any service, though another one has a row of that name, and not through a client that somebody took."""
    client = aws.client(service)
    operation = client.meta.method_to_api_mapping[method]
    call = AwsCall(service=service, operation=operation, params=params, region=REGION)
    for send in (aws.change, aws.read, lambda _call: getattr(client, method)(**params)):
        with pytest.raises(Bug, match=f"{service} {operation} has no row in the table of operations"):
            send(call)


def test_a_change_never_leaves_by_a_way_that_repeats(aws: Aws) -> None:
    """A client for reads asks again after a lost reply, which for a change would be a second one."""
    with pytest.raises(Bug, match="DeleteDBCluster would be repeated"):
        aws.client("rds").delete_db_cluster(DBClusterIdentifier="another")
    call = AwsCall(service="rds", operation="DeleteDBCluster", params={"DBClusterIdentifier": "another"}, region=REGION)
    with pytest.raises(Bug, match="not among the reads"):
        aws.read(call)
    with pytest.raises(DaybreakError) as lost:
        aws.change(call)
    assert not isinstance(lost.value, Bug), "it is sent where it belongs"


def test_the_journals_own_calls_stand_outside(aws: Aws) -> None:
    """The table holds what plans do; S3 is where their journal is kept, and nobody answers here."""
    with pytest.raises(EndpointConnectionError):
        aws.client("s3").put_object(Bucket="journals", Key=SOURCE, Body=b"")

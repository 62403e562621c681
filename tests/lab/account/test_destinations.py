"""Where applications read an address: the lab keeps and refuses what AWS documents of secrets, parameters and records."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fix_lab import LabUnderTest


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """The code and the words of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_version_of_a_secret_is_made_once(lab: LabUnderTest) -> None:
    """PutSecretValue: the same token with the same data "succeeds but does nothing"; other data is refused."""
    vault, name, token = lab.client("secretsmanager"), f"once-{uuid.uuid4().hex}", str(uuid.uuid4())
    first = vault.create_secret(Name=name, SecretString="a")["VersionId"]
    for _ in range(2):
        assert vault.put_secret_value(SecretId=name, SecretString="b", ClientRequestToken=token)["VersionId"] == token
    stages = {first: ["AWSPREVIOUS"], token: ["AWSCURRENT"]}
    assert vault.describe_secret(SecretId=name)["VersionIdsToStages"] == stages
    again = {"SecretId": name, "SecretString": "c", "ClientRequestToken": token}
    assert refusal(vault.put_secret_value, **again)[0] == "ResourceExistsException"
    back = {"VersionStage": "AWSCURRENT", "MoveToVersionId": first, "RemoveFromVersionId": token}
    vault.update_secret_version_stage(SecretId=name, **back)
    vault.put_secret_value(SecretId=name, SecretString="b", ClientRequestToken=token)
    stages = {first: ["AWSCURRENT"], token: ["AWSPREVIOUS"]}
    assert vault.describe_secret(SecretId=name)["VersionIdsToStages"] == stages
    assert vault.get_secret_value(SecretId=name)["SecretString"] == "a"
    third = vault.put_secret_value(SecretId=name, SecretString="c")["VersionId"]
    assert vault.describe_secret(SecretId=name)["VersionIdsToStages"] == {
        first: ["AWSPREVIOUS"],
        third: ["AWSCURRENT"],
    }
    assert vault.get_secret_value(SecretId=name)["SecretString"] == "c"


def test_a_stage_is_moved_only_from_the_version_that_has_it(lab: LabUnderTest) -> None:
    """UpdateSecretVersionStage: "if the version ID does not match, then the operation fails", and nothing has moved."""
    vault, name = lab.client("secretsmanager"), f"stage-{uuid.uuid4().hex}"
    versions = [vault.create_secret(Name=name, SecretString="a")["VersionId"]]
    versions += [vault.put_secret_value(SecretId=name, SecretString=text)["VersionId"] for text in "bc"]
    before = vault.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert before == {versions[1]: ["AWSPREVIOUS"], versions[2]: ["AWSCURRENT"]}
    move = {"SecretId": name, "VersionStage": "AWSCURRENT", "MoveToVersionId": versions[0]}
    nobodys = str(uuid.uuid4())
    wrong: list[dict[str, str]] = [{}, {"RemoveFromVersionId": versions[1]}, {"RemoveFromVersionId": nobodys}]
    for more in (*wrong, {"RemoveFromVersionId": versions[2], "MoveToVersionId": nobodys}):
        code, _ = refusal(vault.update_secret_version_stage, **{**move, **more})
        assert code in ("InvalidParameterException", "ResourceNotFoundException")
        assert vault.describe_secret(SecretId=name)["VersionIdsToStages"] == before
    vault.update_secret_version_stage(**move, RemoveFromVersionId=versions[2])
    after = {versions[0]: ["AWSCURRENT"], versions[2]: ["AWSPREVIOUS"]}
    assert vault.describe_secret(SecretId=name)["VersionIdsToStages"] == after


def test_an_overwritten_parameter_keeps_its_kind(lab: LabUnderTest) -> None:
    """PutParameter: no type is needed, another one is refused; an advanced one stays one; each write is a version."""
    ssm, name = lab.client("ssm"), f"/{uuid.uuid4().hex}/url"
    key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
    ssm.put_parameter(Name=name, Value="one", Type="SecureString", KeyId=key, Tier="Advanced", Description="where")
    assert ssm.put_parameter(Name=name, Value="two", Overwrite=True, KeyId=key, Tier="Advanced")["Version"] == 2
    code, words = refusal(ssm.put_parameter, Name=name, Value="x", Type="String", Overwrite=True)
    assert code == "HierarchyTypeMismatchException"
    assert "x" not in words.split("'")
    for tier in ({"Tier": "Standard"},):
        assert refusal(ssm.put_parameter, Name=name, Value="x", Overwrite=True, **tier)[0] == "ValidationException"
    assert refusal(ssm.put_parameter, Name=name, Value="x")[0] == "ParameterAlreadyExists"
    history = ssm.get_parameter_history(Name=name, WithDecryption=True)["Parameters"]
    assert [(each["Version"], each["Value"], each["Type"]) for each in history] == [
        (1, "one", "SecureString"),
        (2, "two", "SecureString"),
    ]
    assert {(each["KeyId"], each["Tier"]) for each in history} == {(key, "Advanced")}
    assert ssm.get_parameter(Name=f"{name}:1", WithDecryption=True)["Parameter"]["Value"] == "one"


def test_a_parameter_must_look_as_its_pattern_says(lab: LabUnderTest) -> None:
    """Also where the pattern was given when it was made."""
    ssm, name = lab.client("ssm"), f"/{uuid.uuid4().hex}/host"
    pattern = r"^[a-z.]+$"
    assert (
        refusal(ssm.put_parameter, Name=name, Value="1", Type="String", AllowedPattern=pattern)[0]
        == "ParameterPatternMismatchException"
    )
    ssm.put_parameter(Name=name, Value="a.b", Type="String", AllowedPattern=pattern)
    code, words = refusal(ssm.put_parameter, Name=name, Value="1", Overwrite=True, AllowedPattern=pattern)
    assert (code, words) == (
        "ParameterPatternMismatchException",
        f"Parameter value, cannot be validated against allowedPattern: {pattern}",
    )
    assert ssm.get_parameter(Name=name)["Parameter"]["Version"] == 1


def test_a_record_is_deleted_only_as_it_is(lab: LabUnderTest) -> None:
    """ChangeResourceRecordSets: "you must specify all the same values"; all of the batch is taken or nothing."""
    route53, name = lab.client("route53"), f"{uuid.uuid4().hex}.example"
    zone = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]

    def change(*changes: tuple[str, dict[str, Any]]) -> Any:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": row} for action, row in changes]}
        return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    def listed() -> list[dict[str, Any]]:
        rows = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return [each for each in rows if each["Type"] not in ("NS", "SOA")]

    def row(first: str, value: str, mark: str, weight: int) -> dict[str, Any]:
        made = {"Name": f"{first}.{name}", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": value}]}
        return made | {"SetIdentifier": mark, "Weight": weight}

    rows = [row("db", "a.example.com", "blue", 10), row("db", "b.example.com", "green", 20), row("x", "c", "red", 1)]
    change(*(("CREATE", each) for each in rows))
    before = listed()
    old = before[0]
    assert old["SetIdentifier"] == "blue"
    new = old | {"ResourceRecords": [{"Value": "new.example.com"}], "TTL": 30}
    where = f"[name='db.{name}.', type='CNAME', set-identifier='blue']"
    for other in ({"TTL": 61}, {"Weight": 11}, {"ResourceRecords": [{"Value": "z.example.com"}]}):
        code, words = refusal(lambda **more: change(("DELETE", {**old, **more}), ("CREATE", new)), **other)
        assert code == "InvalidChangeBatch"
        assert words == (
            f"[Tried to delete resource record set {where} but the values provided do not match the current values]"
        )
        assert listed() == before
    code, words = refusal(lambda **more: change(("DELETE", old | more)), SetIdentifier="yellow")
    assert (code, "but it was not found" in words) == ("InvalidChangeBatch", True)
    change(("DELETE", old), ("CREATE", new))
    assert sorted(map(str, listed())) == sorted(map(str, [new, *before[1:]]))
    code, words = refusal(lambda: change(("DELETE", old), ("CREATE", new)))
    assert (code, "do not match the current values" in words) == ("InvalidChangeBatch", True)
    change(("DELETE", new), ("CREATE", old))
    assert sorted(map(str, listed())) == sorted(map(str, before))
    change(("CREATE", row("y", "c", "blue", 1)))
    assert refusal(lambda: change(("DELETE", old)))[1].startswith("not available in the lab")

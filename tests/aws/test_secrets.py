"""A reference leads to a login, or to an older version of it; no value of a secret is anywhere but in the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daybreak.aws.gateway import Access, Aws
from daybreak.aws.secrets import Secret, credentials_of, secret_of
from daybreak.errors import DaybreakError
from daybreak.lab.remote import REGION
from tests.fix_lab import LabUnderTest

_PLACE = ("db.example", 5432)


@pytest.fixture
def aws(lab: LabUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A door to the lab."""
    for name, value in lab.person(tmp_path).surroundings().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return Aws(Access(region=REGION, endpoint_url=lab.url))


def _login(number: int) -> str:
    return json.dumps({"username": "owner", "password": f"password-{number}"})


def _in_the_vault(lab: LabUnderTest, name: str) -> str:
    vault = lab.client("secretsmanager")
    vault.create_secret(Name=name, SecretString=_login(1))
    for number in (2, 3):
        vault.put_secret_value(SecretId=name, SecretString=_login(number))
    return f"secretsmanager:{name}"


def _in_the_store(lab: LabUnderTest, name: str) -> str:
    store = lab.client("ssm")
    store.put_parameter(Name=name, Value=_login(1), Type="SecureString")
    for number in (2, 3):
        store.put_parameter(Name=name, Value=_login(number), Type="SecureString", Overwrite=True)
    return f"ssm:{name}"


@pytest.mark.parametrize("keep", [_in_the_vault, _in_the_store])
def test_every_older_version_can_be_read_newest_first(aws: Aws, lab: LabUnderTest, keep: Any) -> None:
    """The password of a week ago has no stage any more, and still exists."""
    reference = keep(lab, f"/versions/{keep.__name__.strip('_')}")
    secret = secret_of(reference, aws)
    assert secret is not None
    found = [credentials_of(version.reference, aws, {}, _PLACE).password for version in secret.older]
    assert found == ["password-2", "password-1"]
    assert credentials_of(reference, aws, {}, _PLACE).password == "password-3"
    assert secret.changed is not None
    assert secret.changed >= secret.older[0].made >= secret.older[1].made
    assert "password-" not in repr(secret)


def test_a_version_may_be_named_by_its_stage(aws: Aws, lab: LabUnderTest) -> None:
    """AWSPREVIOUS is what people know by heart."""
    reference = _in_the_vault(lab, "staged")
    assert credentials_of(f"{reference}#AWSPREVIOUS", aws, {}, _PLACE).password == "password-2"
    assert secret_of(f"{reference}#AWSPREVIOUS", aws) == secret_of(reference, aws)


@pytest.mark.parametrize("reference", ["env:SHOP", "iam:owner"])
def test_a_login_without_a_secret_has_no_versions(aws: Aws, reference: str) -> None:
    """What nobody keeps nobody can look up."""
    assert secret_of(reference, aws) is None


@pytest.mark.parametrize("reference", ["secretsmanager:nobody/has/it", "ssm:/nobody/has/it"])
def test_a_secret_that_is_not_there_is_named(aws: Aws, reference: str) -> None:
    """Whoever reads the error looks for that name."""
    with pytest.raises(DaybreakError, match="nobody/has/it"):
        secret_of(reference, aws)


def test_a_single_version_has_none_before_it(aws: Aws, lab: LabUnderTest) -> None:
    """Nothing is tried where there is nothing."""
    lab.client("secretsmanager").create_secret(Name="single", SecretString=_login(1))
    secret = secret_of("secretsmanager:single", aws)
    assert secret == Secret(secret.changed if secret else None, ())

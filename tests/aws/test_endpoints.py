"""An endpoint's URL goes into plans and errors: one that holds a secret is refused unrepeated, and one that is not AWS's is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from daybreak.aws.gateway import OTHER_SERVICES, Access, Aws
from daybreak.config import load
from daybreak.errors import Bug, Refused
from tests.fix_cli import NOWHERE, Person

CANARY = "canary5e1f"
OF_ONE = {
    service: f"AWS_ENDPOINT_URL_{name}"
    for service, name in {
        "application-autoscaling": "APPLICATION_AUTO_SCALING",
        "backup": "BACKUP",
        "cloudwatch": "CLOUDWATCH",
        "ec2": "EC2",
        "iam": "IAM",
        "kms": "KMS",
        "route53": "ROUTE_53",
        "s3": "S3",
        "secretsmanager": "SECRETS_MANAGER",
        "ssm": "SSM",
        "sts": "STS",
    }.items()
}
"""The variable that leads one service elsewhere, for each that Daybreak asks besides RDS."""
URLS = (
    f"https://me:{CANARY}@rds.example.com",
    f"https://{CANARY}@rds.example.com",
    f"http://me:{CANARY}@127.0.0.1:1/path",
    f"https://me:a@{CANARY}@rds.example.com",
    f"https://me:a/{CANARY}@rds.example.com",
    f"https://me:{CANARY}@[::1",
    f"me:{CANARY}@rds.example.com",
    f"https://rds.example.com/?key={CANARY}",
    f"https://rds.example.com/#{CANARY}",
)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No settings of this machine; the configuration file of AWS that a test may write."""
    file = tmp_path / "aws"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name in (
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_RDS",
        *OF_ONE.values(),
        "AWS_PROFILE",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    return file


def _refusal(profile: str | None = None) -> str:
    with pytest.raises(Refused) as caught:
        Aws(Access(region="us-east-1", profile=profile))
    return f"{caught.value.message} {caught.value.hints} {caught.value.reasons}"


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL_SECRETS_MANAGER"])
def test_a_variable_that_holds_a_login_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    """Whichever service it is for."""
    monkeypatch.setenv(name, url)
    said = _refusal()
    assert f"{name} holds a user, a password or a query" in said
    assert CANARY not in said


@pytest.mark.parametrize("url", URLS)
def test_an_option_that_holds_a_login_is_refused(url: str) -> None:
    """Before anything is asked, by every verb."""
    with pytest.raises(Refused, match="--endpoint-url holds a user") as caught:
        Access(endpoint_url=url)
    assert CANARY not in f"{caught.value.message} {caught.value.hints}"


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("[default]\nendpoint_url = {}\n", None),
        ("[profile dba]\nendpoint_url = {}\n", "dba"),
        ("[profile dba]\nservices = lab\n[services lab]\nrds =\n  endpoint_url = {}\n", "dba"),
    ],
)
def test_a_profile_that_holds_a_login_is_refused(nobody: Path, text: str, profile: str | None) -> None:
    """boto3 reads it by itself, and would quote it in every error."""
    nobody.write_text(text.format(URLS[0]))
    said = _refusal(profile)
    assert "endpoint_url" in said
    assert CANARY not in said


def test_an_endpoint_without_a_secret_is_taken(monkeypatch: pytest.MonkeyPatch, nobody: Path) -> None:
    """The law is about secrets, not about endpoints."""
    nobody.write_text("[default]\nservices = none-such\nendpoint_url = http://127.0.0.1:1\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", "http://127.0.0.1:2/path")
    assert Aws(Access(region="us-east-1")).endpoint() == "http://127.0.0.1:2/path"


def test_a_proxy_whose_password_would_be_quoted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore hides the password of an HTTP proxy, and tells that of any other kind."""
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://me:{CANARY}@127.0.0.1:1")
    assert "HTTPS_PROXY holds a password" in (said := _refusal())
    assert CANARY not in said
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{CANARY}@127.0.0.1:1")
    Aws(Access(region="us-east-1"))


@pytest.mark.parametrize(
    "state", [f"s3://me:{CANARY}@bucket/runs", f"https://me:{CANARY}@bucket/", f"s3://bucket/x?{CANARY}"]
)
def test_a_place_for_runs_that_holds_a_login_is_refused(state: str, tmp_path: Path) -> None:
    """A bucket has no password: what looks like one is a slip, and is not repeated."""
    for flags, text in (({"state": state}, ""), ({}, f'state = "{state}"'), ({}, f'copies = ["{state}"]')):
        (tmp_path / "daybreak.toml").write_text(text)
        with pytest.raises(Refused) as caught:
            load(environ={"HOME": str(tmp_path)}, folder=tmp_path, flags=flags)
        assert 'write a folder or "s3://BUCKET/PREFIX"' in caught.value.reasons[0]
        assert CANARY not in f"{caught.value.message} {caught.value.reasons}"


def test_the_command_line_refuses_and_does_not_repeat_it(tmp_path: Path) -> None:
    """The whole way through a process, with the doors for bugs open."""
    person = Person(tmp_path, environment={"DAYBREAK_DEBUG": "1"})
    person.configure()
    done = person.daybreak("status", "--endpoint-url", URLS[0])
    assert done.code == 2
    assert "refused: --endpoint-url holds a user, a password or a query" in done.err
    assert CANARY not in done.out + done.err


@pytest.mark.parametrize("url", ["http://rds.example.com", "HTTP://10.0.0.7:4566", "http://127.0.0.1.example.com"])
def test_nobody_elsewhere_is_asked_in_the_clear(url: str) -> None:
    """What Secrets Manager answers is the master's password; a proxy in between would read it."""
    with pytest.raises(Refused, match="in the clear"):
        Aws(Access(region="us-east-1", endpoint_url=url)).client("secretsmanager")


@pytest.mark.parametrize(
    "url", ["https://rds.example.com", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"]
)
def test_who_proves_itself_or_is_this_machine_may_be_asked(url: str) -> None:
    """The lab answers on this machine without TLS, like every emulator."""
    Aws(Access(region="us-east-1", endpoint_url=url)).client("secretsmanager")


@pytest.mark.parametrize("dual", ["false", "true"])
@pytest.mark.parametrize("fips", ["false", "true"])
@pytest.mark.parametrize(
    "region",
    ["us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eusc-de-east-1", "eu-isoe-west-1"],
)
def test_the_endpoint_that_botocore_takes_by_itself_is_awss_own(
    monkeypatch: pytest.MonkeyPatch, region: str, dual: str, fips: str
) -> None:
    """In every partition, and in every form that a setting asks for; some isolated regions have no dual stack."""
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", dual)
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", fips)
    door = Aws(Access(region=region))
    if dual == "true" and region == "eu-isoe-west-1":
        with pytest.raises(Refused):
            door.endpoint()
    else:
        assert door.endpoint() is None


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://rds.us-east-1.api.aws"),
        ("us-east-1", "https://RDS.us-east-1.amazonaws.com:443/"),
        ("cn-north-1", "https://rds.cn-north-1.api.amazonwebservices.com.cn"),
        ("eusc-de-east-1", "https://rds-fips.eusc-de-east-1.api.amazonwebservices.eu"),
        ("us-gov-west-1", "https://vpce-0a1b2c3d-9z8y.rds.us-gov-west-1.vpce.amazonaws.com"),
        ("us-iso-east-1", "https://vpce-0a1b2c3d-9z8y-us-iso-east-1a.rds.us-iso-east-1.vpce.c2s.ic.gov"),
    ],
)
def test_an_endpoint_of_awss_that_somebody_wrote_down_is_awss_own(region: str, url: str) -> None:
    """Dual stack, FIPS and PrivateLink, in any spelling."""
    assert Aws(Access(region=region, endpoint_url=url)).endpoint() is None


@pytest.mark.parametrize(
    "url",
    [
        "https://rds.eu-west-1.amazonaws.com",  # another region's: what is shown would be said of the wrong one
        "https://ec2-203-0-113-7.compute-1.amazonaws.com",  # anybody's machine
        "https://mine.s3.us-east-1.amazonaws.com",
        "https://rds.us-east-1.amazonaws.com.example.com",
        "https://rds.us-east-1.amazonaws.com:8443",
        "https://vpce-1.evil.example.com/.rds.us-east-1.vpce.amazonaws.com",
        "https://vpce-1.rds.eu-west-1.vpce.amazonaws.com",
        "https://rds.us-east-1.amazonaws.com.cn",
    ],
)
def test_an_endpoint_that_only_looks_like_awss_is_named(url: str) -> None:
    """AWS rents out names below its own: a suffix proves nothing."""
    assert Aws(Access(region="us-east-1", endpoint_url=url)).endpoint() == url


EVIL = "https://evil.example.com"


@pytest.mark.parametrize("service", OTHER_SERVICES)
def test_a_single_service_that_is_asked_elsewhere_is_named(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """A foreign Secrets Manager hands out the login, a foreign STS says whose account it is; RDS was AWS's own, and all looked well."""
    monkeypatch.setenv(OF_ONE[service], EVIL)
    door = Aws(Access(region="us-east-1"))
    assert (door.endpoint(), door.elsewhere()) == (None, {service: EVIL})


def test_a_profile_that_leads_a_single_service_elsewhere_is_seen(nobody: Path) -> None:
    """Its `services` section is in force without any variable."""
    nobody.write_text(f"[profile dba]\nservices = far\n[services far]\nkms =\n  endpoint_url = {EVIL}\n")
    assert Aws(Access(region="us-east-1", profile="dba")).elsewhere() == {"kms": EVIL}


def test_what_is_asked_where_rds_is_needs_no_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab plays every service at one endpoint; one that goes to AWS all the same is named."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    assert Aws(Access(region="us-east-1")).elsewhere() == {}
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "https://ssm.us-east-1.amazonaws.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", NOWHERE)
    assert Aws(Access(region="us-east-1")).elsewhere() == {"ssm": "AWS"}
    # What --endpoint-url says is said of every service.
    assert Aws(Access(region="us-east-1", endpoint_url=NOWHERE)).elsewhere() == {}


def test_an_endpoint_of_awss_for_a_single_service_is_no_other_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """PrivateLink and dual stack, service by service."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "https://secretsmanager.us-east-1.api.aws")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "https://vpce-0a1b2c3d-9z8y.kms.us-east-1.vpce.amazonaws.com")
    assert Aws(Access(region="us-east-1")).elsewhere() == {}


def test_no_service_is_asked_that_nobody_would_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a further service adds it to the list, and its endpoint is shown and pinned."""
    with pytest.raises(Bug, match="nobody would see where logs is asked"):
        Aws(Access(region="us-east-1", endpoint_url=NOWHERE)).client("logs")

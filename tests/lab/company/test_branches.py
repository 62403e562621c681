"""Branches of the company: whatever is shown of one PostgreSQL can be shown of each that the machine has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import psycopg
import pytest

from daybreak.config.layers import load
from daybreak.errors import Refused
from tests.fix_lab import LabUnderTest, private
from tests.lab.company.fix_branches import found

MAJORS = ("15", "16", "17", "18")


@pytest.fixture(scope="module")
def quick() -> Iterator[LabUnderTest]:
    """A lab in which nobody waits for AWS."""
    with private(speed=100_000, empty=False) as lab:
        yield lab


@pytest.mark.parametrize("major", MAJORS)
def test_a_branch_has_the_whole_company_in_its_own_cluster(quick: LabUnderTest, major: str, tmp_path: Path) -> None:
    """Its owner comes in, its rows are there, its page is well, and its configuration leads to it."""
    engines = quick.client("rds").describe_db_engine_versions(Engine="aurora-postgresql")["DBEngineVersions"]
    if major not in {engine["MajorEngineVersion"] for engine in engines}:
        pytest.skip(f"no PostgreSQL {major} on this machine")
    branch = found(quick.remote, f"branch-{major}", major)
    (cluster,) = quick.client("rds").describe_db_clusters(DBClusterIdentifier=branch.cluster)["DBClusters"]
    assert cluster["EngineVersion"].startswith(f"{major}.")
    assert len(cluster["DBClusterMembers"]) == 2
    secret = quick.client("secretsmanager").get_secret_value(SecretId=branch.login)["SecretString"]
    with psycopg.connect(
        host=cluster["Endpoint"], port=cluster["Port"], dbname="embi", user="embi_admin",
        password=json.loads(secret)["password"],
    ) as session:  # fmt: skip
        assert session.execute("select count(*) from employees").fetchone() == (2400,)
        assert session.execute("show max_prepared_transactions").fetchone() == ("10",)
    (tmp_path / "daybreak.toml").write_text(branch.configuration(rpo="300d"))
    target = load(environ={}, folder=tmp_path).targets["embi"]
    assert target.cluster == branch.cluster
    assert target.login == f"secretsmanager:{branch.login}"
    page = target.health[0].url.format(host=cluster["Endpoint"], port=cluster["Port"])
    with build_opener(ProxyHandler({})).open(page, timeout=30) as answer:
        assert answer.status == 200


def test_a_branch_of_a_version_that_is_not_here_is_refused(quick: LabUnderTest) -> None:
    """A sentence, not an index out of range."""
    with pytest.raises(Refused, match="no PostgreSQL 9"):
        found(quick.remote, "never", "9")

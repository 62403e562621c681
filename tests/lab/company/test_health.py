"""The company's health page: well only when its own role gets its answer from the very database it was told."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest

from daybreak.lab.company.company import Company
from daybreak.lab.company.names import CLUSTER
from tests.fix_lab import LabUnderTest, private
from tests.lab.company.fix_damage import Damage


def _page(lab: LabUnderTest, where: str) -> tuple[int, dict[str, Any]]:
    try:
        with build_opener(ProxyHandler({})).open(f"{lab.url}/_lab/health/{where}", timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def _place(lab: LabUnderTest) -> str:
    (cluster,) = lab.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"]
    return f"{cluster['Endpoint']}:{cluster['Port']}"


@pytest.mark.sweep
def test_the_page_is_well_while_the_application_gets_its_answer() -> None:
    """A page that is always well checks nothing: it fails with its role, with its data, and where nobody listens."""
    with private(speed=6000) as lab:
        where = _place(lab)
        assert _page(lab, where)[0] == 200
        assert _page(lab, where)[1]["employees"] > 2000
        Damage(lab.remote, CLUSTER).sql("alter role embi_app nologin")
        status, body = _page(lab, where)
        assert (status, body["status"]) == (503, "down")
        assert "not permitted to log in" in body["why"]
        Damage(lab.remote, CLUSTER).sql("alter role embi_app login")
        with lab.fault("region_down", region="us-east-1"):
            assert (_page(lab, where)[0], _page(lab, where)[1]["status"]) == (503, "down"), "nobody listens there"
        with closing(Company(lab.remote).connect()) as session:
            session.execute("delete from employees")
        assert _page(lab, where)[1] == {"status": "down", "why": "nobody works here"}


@pytest.mark.parametrize(
    "where",
    [
        "example.com:5432",
        "10.0.0.1:5432",
        "169.254.169.254:80",
        "nonsense",
        "127.0.0.1:x",
        "None:None",
        "127.0.0.1:5432",
    ],
)
def test_the_page_asks_nobody_else(lab: LabUnderTest, where: str) -> None:
    """The lab reaches no network, whoever asks it to; and no server on this machine that is not its own."""
    assert _page(lab, where)[0] == 404


def test_a_server_that_somebody_else_runs_sees_no_login(lab: LabUnderTest) -> None:
    """Anybody can listen on a loopback address and say that it takes passwords in clear text."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        assert _page(lab, f"127.0.0.1:{trap.getsockname()[1]}")[0] == 404
        with pytest.raises(TimeoutError):
            trap.accept()

"""A source that AWS says nothing of: whether its server answers, lets us not in, or is not there; on a real server."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.app.across import abroad, hear, home_of
from daybreak.app.app import App
from daybreak.aws.gateway import Access
from daybreak.config.settings import Settings
from daybreak.postgres.fencing import read_access
from tests import fix_worlds
from tests.fix_cli import NOWHERE
from tests.fix_postgres import Server
from tests.fix_worlds import AWAY, REGION, SOURCE

GIVEN = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


def heard(server: Server, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], port: int | None = None) -> Any:
    """What is heard of a source that was last seen at the server, by whoever has that environment."""
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    access = Access(region=AWAY, endpoint_url=NOWHERE, only_loopback=True)
    app = App(Settings(state="unused", only_loopback=True), access, environ)
    target = abroad(fix_worlds.target(login="env:HOME", logins={AWAY: "env:AWAY"}, database="postgres"), AWAY)
    source = fix_worlds.cluster(endpoint=server.host, port=port or server.port)
    return hear(app, target, source, read_access, is_by_address=True)


def test_a_server_that_answers_says_who_can_write_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its login is the one of the region that answers."""
    known = {"AWAY_USERNAME": server.master.username, "AWAY_PASSWORD": server.master.password}
    found = heard(server, monkeypatch, known)
    assert (found.silence, found.is_awake) == ("", False)
    assert found.access.own == server.master.username


@pytest.mark.parametrize(
    "environ", [{"AWAY_USERNAME": "nobody", "AWAY_PASSWORD": "wrong"}, {}], ids=["refused", "no login"]
)
def test_a_server_that_lets_us_not_in_is_awake(
    server: Server, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    """Others may write there, whatever became of our login."""
    found = heard(server, monkeypatch, environ)
    assert (found.access, found.is_awake) == (None, True)
    assert f'"{SOURCE}" at {server.host}:{server.port}, where it was last seen,' in found.silence


@pytest.mark.parametrize(
    "environ", [{"AWAY_USERNAME": "nobody", "AWAY_PASSWORD": "wrong"}, {}], ids=["login", "no login"]
)
def test_a_server_that_is_not_there_is_silent(
    server: Server, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    """Nobody listens there."""
    found = heard(server, monkeypatch, environ, port=1)
    assert (found.access, found.is_awake) == (None, False)
    assert found.silence


def test_a_target_abroad_knows_both_logins() -> None:
    """Each is read in its own region."""
    there = abroad(fix_worlds.target(login="env:HOME", logins={AWAY: "env:AWAY"}), AWAY)
    assert [there.login_in(region) for region in (AWAY, REGION)] == ["env:AWAY", "env:HOME"]
    same = abroad(fix_worlds.target(login="secretsmanager:x"), AWAY)
    assert [same.login_in(region) for region in (AWAY, REGION)] == ["secretsmanager:x"] * 2


def test_the_home_of_a_plan_is_another_region_or_none() -> None:
    """A restore to a moment, and what follows on it, stays where it is."""
    assert home_of(fix_worlds.plan()) == ""

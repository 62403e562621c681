"""What keeps us out is named by what the server or the network said, with a next step that fits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.assess.obstacles import Obstacle, why_kept_out
from daybreak.model.answers import Answer, AnswerStage
from daybreak.model.refusal import LoginRefusal
from tests import fix_worlds

_LOGIN, _CLONE = "secretsmanager:embi/master", fix_worlds.cluster(security_groups=("sg-0a1b",))


def _answer(*reached: str, trouble: str = "no", refusal: LoginRefusal | None = None, **said: object) -> Answer:
    stages = tuple(AnswerStage.model_validate({"name": name, "took": timedelta(0)}) for name in reached)
    return Answer(host="db.example", port=5432, stages=stages, trouble=trouble, refusal=refusal).model_copy(update=said)


@pytest.mark.parametrize(
    ("sqlstate", "routine", "obstacle", "hint"),
    [
        ("28P01", "auth_failed", "refusal", "passwords of its moment"),
        ("28000", "InitializeSessionUserId", "refusal", "may not log in"),
        ("3D000", "InitPostgres", "refusal", "not there at the moment"),
        ("42501", "CheckMyDatabase", "refusal", "CONNECT"),
        ("55000", "CheckMyDatabase", "refusal", "ALLOW_CONNECTIONS"),
        ("53300", "InitializeSessionUserId", "refusal", "CONNECTION LIMIT"),
        ("53300", "CheckMyDatabase", "refusal", "CONNECTION LIMIT"),
        ("53300", "InitPostgres", "full", "pg_stat_activity"),
        ("53300", "", "full", "pg_stat_activity"),
        ("57P03", "ProcessStartupPacket", None, ""),
        ("58000", "", None, ""),
        ("XX000", "", None, ""),
    ],
)
def test_a_code_decides_whether_waiting_helps(
    sqlstate: str, routine: str, obstacle: Obstacle | None, hint: str
) -> None:
    """The same code may mean a server that is full for a moment, or a limit that nobody lifts by leaving."""
    refusal = LoginRefusal(sqlstate=sqlstate, routine=routine)
    why = why_kept_out(_answer("dns", "tcp", "tls", refusal=refusal), _CLONE, _LOGIN)
    assert why.obstacle == obstacle
    assert hint in " ".join(why.hints)


@pytest.mark.parametrize(
    ("reached", "obstacle", "hint"),
    [
        ((), "network", "dig"),
        (("dns",), "network", "security-group-rules"),
        (("dns", "tcp"), "network", "security-group-rules"),
        (("dns", "tcp", "tls"), None, ""),
    ],
)
def test_a_way_on_which_nothing_answers_is_the_networks(
    reached: tuple[str, ...], obstacle: Obstacle | None, hint: str
) -> None:
    """A closed security group opens by itself as little as a wrong password becomes right."""
    why = why_kept_out(_answer(*reached, is_silence=True), _CLONE, _LOGIN)
    assert why.obstacle == obstacle
    assert hint in " ".join(why.hints)
    assert ("sg-" in " ".join(why.hints)) == (hint == "security-group-rules")


def test_where_no_password_fits_each_way_in_is_named() -> None:
    """The master's password is made by AWS; no way puts one on a command line, where every process could read it."""
    refusal = LoginRefusal(sqlstate="28P01", routine="auth_failed")
    why = why_kept_out(_answer("dns", "tcp", "tls", refusal=refusal), _CLONE, _LOGIN, "it has no older version")
    told = " ".join(why.hints)
    assert "it has no older version" in told
    for way in ("--manage-password", "--login REFERENCE"):
        assert f"daybreak resume {_CLONE.identifier} {way}" in told
    assert "--master-user-password" not in told


def test_a_stranger_is_no_network_trouble() -> None:
    """Somebody is there, and it is not the clone."""
    why = why_kept_out(_answer("dns", "tcp", is_unproven=True, hints=("look",)), _CLONE, None)
    assert (why.obstacle, why.hints) == ("stranger", ("look",))

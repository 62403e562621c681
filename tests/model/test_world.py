"""Whose world it is: each point in which two places differ is named, down to the endpoint of a single service."""

from __future__ import annotations

from daybreak.model.world import endpoint_words
from tests import fix_worlds

EVIL = "https://evil.example.com"
LAB = "http://127.0.0.1:4577"


def test_a_service_that_is_asked_elsewhere_is_another_place() -> None:
    """A plan that was approved with AWS's own Secrets Manager is not carried out with another one."""
    here = fix_worlds.identity()
    there = fix_worlds.identity(elsewhere={"secretsmanager": EVIL})
    assert here.differences(here) == ()
    assert here.differences(there) == (
        f"endpoint of secretsmanager AWS, and this is endpoint of secretsmanager {EVIL}",
    )
    assert there.differences(here) == (
        f"endpoint of secretsmanager {EVIL}, and this is endpoint of secretsmanager AWS",
    )
    lab = fix_worlds.identity(endpoint=LAB)
    assert lab.differences(lab.model_copy(update={"elsewhere": {"kms": "AWS"}})) == (
        f"endpoint of kms {LAB}, and this is endpoint of kms AWS",
    )


def test_a_place_of_rows_is_where_rds_is() -> None:
    """Whoever read its secrets elsewhere took a baseline of the same cluster."""
    here = fix_worlds.identity()
    assert here.is_place_of(fix_worlds.identity(elsewhere={"secretsmanager": EVIL}))
    assert not here.is_place_of(fix_worlds.identity(endpoint=LAB))


def test_what_is_not_awss_own_is_said() -> None:
    """And where all is, nothing."""
    assert endpoint_words(None, {}) == ""
    assert endpoint_words(None, {"ssm": EVIL}) == f"ssm at {EVIL} (not AWS's own)"
    plain = fix_worlds.identity().plain()
    assert "elsewhere" not in plain, "plans of before keep their digest"

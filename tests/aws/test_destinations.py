"""AWS's answers about hosted zones."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from daybreak.aws.destinations import recovery_of_zone


@pytest.mark.parametrize(
    ("features", "status"),
    [({"Features": {"AcceleratedRecoveryStatus": "ENABLED"}}, "ENABLED"), ({"Features": {}}, None), ({}, None)],
)
def test_a_zone_says_whether_it_can_be_changed_without_its_region(features: dict[str, Any], status: str | None) -> None:
    """An answer of an older API says nothing of it."""
    assert recovery_of_zone({"HostedZone": {"Id": "Z1", **features}}) == status


def test_the_word_is_still_one_of_aws() -> None:
    """A new botocore may spell it otherwise."""
    model = botocore.session.get_session().get_service_model("route53")
    assert "ENABLED" in getattr(model.shape_for("AcceleratedRecoveryStatus"), "enum", ())

"""No change ever names the source, under whatever name AWS takes it; the guard is below everything that could forget it."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.aws.gateway import Access, Aws
from daybreak.errors import Bug
from daybreak.model.plan import AwsCall
from daybreak.plan.calls import CHANGES
from tests.fix_cli import NOWHERE

SOURCE = "embi-aurora-cluster"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A door at which nobody listens, behind which the source is protected."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    door = Aws(Access(region="us-east-1", endpoint_url=NOWHERE, only_loopback=True))
    door.protect(SOURCE)
    return door


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize("name", [SOURCE, f"arn:aws:rds:us-east-1:123456789012:cluster:{SOURCE}"])
def test_no_change_names_what_is_protected(aws: Aws, operation: str, name: str) -> None:
    """Neither by its name nor by its ARN; nobody is even asked."""
    for parameter in CHANGES[operation]:
        params: dict[str, Any] = dict.fromkeys(CHANGES[operation], "another") | {parameter: name}
        with pytest.raises(Bug, match=f"{operation} would change {SOURCE}, which is the source of a restore"):
            aws.change(AwsCall(service="rds", operation=operation, params=params, region="us-east-1"))

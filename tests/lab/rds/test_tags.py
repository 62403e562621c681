"""Tags: what AWS takes, and no more; a clone that rehearsal allows and AWS refuses would be found out at three in the morning."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fix_rds import Account, refused


@pytest.fixture(scope="module")
def cluster(shared_account: Account) -> str:
    """The ARN of a cluster."""
    shared_account.create("tagged")
    return str(shared_account.cluster("tagged")["DBClusterArn"])


def tag(cluster: str, **tags: str) -> dict[str, Any]:
    """How these tags are added."""
    return {"ResourceName": cluster, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def test_a_tag_is_added_once_and_may_be_given_another_value(shared_account: Account, cluster: str) -> None:
    """A lost reply makes the same call leave twice; both leave one tag."""
    for value in ("1", "1", "42:ab @x/y=z+-_"):
        shared_account.call("AddTagsToResource", **tag(cluster, note=value))
    kept = shared_account.call("ListTagsForResource", ResourceName=cluster)["TagList"]
    assert [each["Value"] for each in kept if each["Key"] == "note"] == ["42:ab @x/y=z+-_"]


@pytest.mark.parametrize("text", ["<drawn at start>", "a,b", "a*", "[x]", "\x1b"])
def test_a_sign_that_aws_does_not_take_is_refused(shared_account: Account, cluster: str, text: str) -> None:
    """So a placeholder that nobody filled in never becomes a tag, here or there."""
    assert refused(shared_account, "AddTagsToResource", **tag(cluster, note=text)) == "InvalidParameterValue"


def test_a_fifty_first_tag_is_refused(shared_account: Account, cluster: str) -> None:
    """Fifty, those of the run among them."""
    has = len(shared_account.call("ListTagsForResource", ResourceName=cluster)["TagList"])
    room = {f"k{number}": "" for number in range(50 - has)}
    shared_account.call("AddTagsToResource", **tag(cluster, **room))
    assert refused(shared_account, "AddTagsToResource", **tag(cluster, more="")) == "InvalidParameterValue"

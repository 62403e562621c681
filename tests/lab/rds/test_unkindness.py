"""Where AWS is less kind than one would build it: the lab is as unkind, or a wrong product looks right."""

from __future__ import annotations

import pytest

from tests.fix_rds import Account


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


def test_a_member_is_never_protected_itself(account: Account) -> None:
    """The protection is the cluster's; who asks the instance learns nothing."""
    account.create("guarded", DeletionProtection=True)
    account.add("guarded", "guarded-1")
    assert account.cluster("guarded")["DeletionProtection"] is True
    assert account.instance("guarded-1")["DeletionProtection"] is False

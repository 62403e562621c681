"""Clusters that are renamed: the names, and with them the endpoints, move as they do on AWS."""

from __future__ import annotations

import psycopg
import pytest

from tests.fix_rds import PASSWORD, Account, refused


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


def rename(account: Account, old: str, new: str) -> None:
    """Order another name."""
    account.call("ModifyDBCluster", DBClusterIdentifier=old, NewDBClusterIdentifier=new, ApplyImmediately=True)


def answers(host: str) -> bool:
    """Whether anybody answers there."""
    try:
        psycopg.connect(
            host=host, port=5432, user="embi_admin", password=PASSWORD, dbname="embi", connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_name_takes_its_endpoint_along_and_leads_nowhere_for_a_while(account: Account) -> None:
    """The source is renamed away and another cluster takes its name: applications that know the endpoint come to the other one."""
    group = account.open_group()
    for name in ("first", "second"):
        account.create(name, VpcSecurityGroupIds=[group])
        account.add(name, f"{name}-1")
        with account.connect(name) as session:
            session.execute(f"create table of_{name} ()")
    one, two = account.cluster("first"), account.cluster("second")
    instance = account.instance("first-1")["Endpoint"]
    assert instance["Address"] not in (one["Endpoint"], two["Endpoint"]), "an instance has an endpoint of its own"
    inside = account.connect("first")

    rename(account, "first", "away")
    assert account.cluster("first")["Status"] == "renaming"
    assert refused(account, "ModifyDBCluster", DBClusterIdentifier="first") == "InvalidDBClusterStateFault"
    assert (
        refused(
            account,
            "ModifyDBCluster",
            DBClusterIdentifier="second",
            NewDBClusterIdentifier="away",
            ApplyImmediately=True,
        )
        == "DBClusterAlreadyExistsFault"
    ), "a name is taken as soon as it is ordered"
    account.pass_time(125)  # long enough for the name, and too short for what it leads to
    account.until(lambda: "away" in account.names())
    away = account.cluster("away")
    assert (away["DbClusterResourceId"], away["TagList"]) == (one["DbClusterResourceId"], one["TagList"])
    assert away["DBClusterArn"] != one["DBClusterArn"]
    assert away["Endpoint"] not in (one["Endpoint"], two["Endpoint"])
    account.until(lambda: not answers(one["Endpoint"]))
    assert not answers(away["Endpoint"]), "AWS says available before the name leads there"
    assert answers(instance["Address"]), "an instance keeps its endpoint"
    assert account.instance("first-1")["Endpoint"] == instance
    assert inside.execute("select 1").fetchone() == (1,), "a session that is inside stays there"
    inside.close()

    rename(account, "second", "first")
    account.pass_time(125)  # long enough for the name, and too short for what it leads to
    account.until(lambda: "first" in account.names())
    taken = account.cluster("first")
    assert (taken["Endpoint"], taken["DbClusterResourceId"]) == (one["Endpoint"], two["DbClusterResourceId"])
    account.pass_time(600)
    account.until(lambda: answers(one["Endpoint"]) and answers(away["Endpoint"]))
    with account.connect("first") as session:
        assert session.execute("select to_regclass('of_second')::text").fetchone() == ("of_second",)
    assert not answers(two["Endpoint"])

"""Parameter groups: what a group says must be what PostgreSQL does, or the quarantine is a fairy tale."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.lab.rds.durations import PARAMETER_GROUP_REST
from tests.fix_rds import Account, refused


@pytest.fixture(scope="module")
def account(shared_account: Account) -> Account:
    """One account for all of them."""
    return shared_account


@pytest.fixture(scope="module")
def family(account: Account) -> str:
    """The newest family."""
    return f"aurora-postgresql{max(account.rds.majors)}"


def make(account: Account, family: str, name: str, **values: str) -> None:
    """A cluster parameter group that says this, from the next boot on."""
    account.call(
        "CreateDBClusterParameterGroup",
        DBClusterParameterGroupName=name,
        DBParameterGroupFamily=family,
        Description="d",
    )
    if values:
        change(account, name, "pending-reboot", **values)


def change(account: Account, name: str, method: str, **values: str) -> None:
    """Change parameters of a group."""
    given = [{"ParameterName": key, "ParameterValue": value, "ApplyMethod": method} for key, value in values.items()]
    account.call("ModifyDBClusterParameterGroup", DBClusterParameterGroupName=name, Parameters=given)


def says(account: Account, cluster: str, setting: str) -> str:
    """What the server says of a setting."""
    with account.connect(cluster) as session:
        row = session.execute(f"show {setting}".encode()).fetchone()
    assert row is not None
    return str(row[0])


def member_status(account: Account, cluster: str) -> str:
    """The parameter group status of the writer."""
    return str(account.cluster(cluster)["DBClusterMembers"][0]["DBClusterParameterGroupStatus"])


def test_a_quarantine_group_holds_from_the_first_moment_and_is_lifted_by_a_reboot(
    account: Account, family: str
) -> None:
    """Between the restore and the first instance nothing runs, so nothing can slip out before the group holds."""
    make(account, family, "quarantine", max_logical_replication_workers="0")
    make(account, family, "free")
    group = account.open_group()
    account.create("q", DBClusterParameterGroupName="quarantine", VpcSecurityGroupIds=[group])
    account.add("q", "q-1")
    assert says(account, "q", "max_logical_replication_workers") == "0"
    account.call("ModifyDBCluster", DBClusterIdentifier="q", DBClusterParameterGroupName="free", ApplyImmediately=True)
    account.become("q")
    assert member_status(account, "q") == "pending-reboot"
    assert says(account, "q", "max_logical_replication_workers") == "0"
    account.call("RebootDBInstance", DBInstanceIdentifier="q-1")
    account.instance_becomes("q-1")
    assert member_status(account, "q") == "in-sync"
    assert says(account, "q", "max_logical_replication_workers") != "0"


def test_dynamic_changes_go_in_at_once_and_static_ones_wait(account: Account, family: str) -> None:
    """pending-reboot is a state the product has to see and to end."""
    make(account, family, "tuned")
    account.create("t", DBClusterParameterGroupName="tuned", VpcSecurityGroupIds=[account.open_group()])
    account.add("t", "t-1")
    change(account, "tuned", "immediate", work_mem="8192")
    account.until(lambda: says(account, "t", "work_mem") == "8MB")
    assert member_status(account, "t") == "in-sync"
    change(account, "tuned", "pending-reboot", max_connections="77", **{"rds.logical_replication": "1"})
    assert member_status(account, "t") == "pending-reboot"
    assert says(account, "t", "max_connections") != "77"
    account.call("RebootDBInstance", DBInstanceIdentifier="t-1")
    account.instance_becomes("t-1")
    assert says(account, "t", "max_connections") == "77"
    assert says(account, "t", "wal_level") == "logical"
    account.call("ResetDBClusterParameterGroup", DBClusterParameterGroupName="tuned", ResetAllParameters=True)
    account.until(lambda: says(account, "t", "work_mem") == "4MB")


def test_the_listing_tells_who_set_what(account: Account, family: str) -> None:
    """A capsule keeps what a person set, and only that."""
    make(account, family, "listed", work_mem="4096")
    own = listing(account, "listed", Source="user")
    assert [(row["ParameterName"], row["ParameterValue"], row["ApplyMethod"]) for row in own] == [
        ("work_mem", "4096", "pending-reboot")
    ]
    rows = {row["ParameterName"]: row for row in listing(account, "listed")}
    assert len(rows) > 250
    assert rows["max_connections"]["ApplyType"] == "static"
    assert rows["fsync"]["Source"] == "system"
    assert rows["fsync"]["IsModifiable"] is False
    assert "ParameterValue" not in rows["random_page_cost"]


def listing(account: Account, group: str, **params: Any) -> list[dict[str, Any]]:
    """All pages."""
    rows, marker = list[dict[str, Any]](), dict[str, str]()
    while True:
        answer = account.call("DescribeDBClusterParameters", DBClusterParameterGroupName=group, **params, **marker)
        rows += answer["Parameters"]
        if "Marker" not in answer:
            return rows
        marker = {"Marker": answer["Marker"]}


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ({"ParameterName": "nope", "ParameterValue": "1"}, "InvalidParameterValue"),
        ({"ParameterName": "fsync", "ParameterValue": "0"}, "InvalidParameterValue"),
        ({"ParameterName": "work_mem", "ParameterValue": "much"}, "InvalidParameterValue"),
        ({"ParameterName": "work_mem", "ParameterValue": "1"}, "InvalidParameterValue"),
        ({"ParameterName": "log_statement", "ParameterValue": "some"}, "InvalidParameterValue"),
        (
            {"ParameterName": "max_connections", "ParameterValue": "9", "ApplyMethod": "immediate"},
            "InvalidParameterCombination",
        ),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    account: Account, family: str, parameter: dict[str, str], code: str
) -> None:
    """A value PostgreSQL would not start with must not get into a group."""
    name = f"strict-{abs(hash(str(parameter)))}"
    make(account, family, name)
    given: dict[str, Any] = {"DBClusterParameterGroupName": name, "Parameters": [parameter]}
    assert refused(account, "ModifyDBClusterParameterGroup", **given) == code
    default: dict[str, Any] = {"DBClusterParameterGroupName": f"default.{family}", "Parameters": [parameter]}
    assert refused(account, "ModifyDBClusterParameterGroup", **default) == "InvalidDBParameterGroupState"


def test_the_fiftieth_group_is_the_last_and_the_account_says_how_many_there_are(account: Account, family: str) -> None:
    """Whoever plans a clone counts by these numbers, so they must be those by which a call is refused."""

    def used() -> tuple[int, int]:
        rows = account.call("DescribeAccountAttributes")["AccountQuotas"]
        return next((row["Used"], row["Max"]) for row in rows if row["AccountQuotaName"] == "DBClusterParameterGroups")

    there, most = used()
    made = [f"one-of-many-{number}" for number in range(most - there)]
    for name in made:
        make(account, family, name)
    assert used() == (most, most)
    given = {"DBClusterParameterGroupName": "too-many", "DBParameterGroupFamily": family, "Description": "d"}
    assert refused(account, "CreateDBClusterParameterGroup", **given) == "DBParameterGroupQuotaExceeded"
    for name in made:
        account.call("DeleteDBClusterParameterGroup", DBClusterParameterGroupName=name)


def test_a_group_that_has_not_rested_is_not_in_force(account: Account, family: str) -> None:
    """AWS wants five minutes for a new group; it shows the group as in force, and the server does not run with it."""
    account.create("n", VpcSecurityGroupIds=[account.open_group()])
    account.add("n", "n-1")
    make(account, family, "new", max_logical_replication_workers="0")
    account.call("ModifyDBCluster", DBClusterIdentifier="n", DBClusterParameterGroupName="new", ApplyImmediately=True)
    for rests, value in ((100.0, "4"), (PARAMETER_GROUP_REST, "0")):
        account.pass_time(rests)
        account.until(lambda: account.cluster("n")["Status"] == "available")
        account.call("RebootDBInstance", DBInstanceIdentifier="n-1")
        account.pass_time(60.0)
        account.until(lambda: account.instance("n-1")["DBInstanceStatus"] == "available")
        assert (member_status(account, "n"), says(account, "n", "max_logical_replication_workers")) == (
            "in-sync",
            value,
        )

"""Story 66: what is keyed to the source's name. For each kind that the lab can show, what breaks after a cutover without it.

The lab evaluates no alarm, adds no reader by itself, serves no Data API, has no aws_s3, and asks nobody's IAM policy at a database's
door: of those it shows what is keyed to which name, and that the printed command makes it again. The guide says so.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from daybreak.lab.company.names import ENDPOINT_PARAMETER
from tests.fix_cli import CONFIGURATION, Person, waiving
from tests.fix_lab import TRUST, LabUnderTest, eventually, private

pytestmark = pytest.mark.sweep(
    held_by=(
        "tests/chaos/test_keyed.py",
        "tests/plan/test_keyed.py",
    )
)

SOURCE = "embi-aurora-cluster"
UNASKED = waiving("application.connects", "application.health", "application.functions", "security.connect-policies")
"""The last one finds the policy that names the source alone, and is done without to see what becomes of it."""
PLACES = f"""
[[targets.embi.destinations]]
kind = "parameter"
name = "{ENDPOINT_PARAMETER}"

[targets.embi.cutover]
wants = "nothing"
"""
QUEUE = "what-people-hear"
ALARM = {
    "AlarmName": "embi is busy",
    "Namespace": "AWS/RDS",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "DBClusterIdentifier", "Value": SOURCE}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 80.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "ActionsEnabled": True,
}


def cluster(lab: LabUnderTest, name: str) -> dict[str, Any]:
    """A cluster as AWS describes it."""
    return dict(lab.client("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0])


def settled(lab: LabUnderTest, name: str) -> None:
    """Wait until nothing is under way with the cluster."""
    eventually(lambda: bool(cluster(lab, name)["Status"] == "available"), within=60)


def heard(lab: LabUnderTest) -> list[tuple[str, str]]:
    """Of whom people heard since they last looked, and what."""
    sqs = lab.client("sqs")
    url, found = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"], []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for each in messages:
            told = json.loads(json.loads(each["Body"])["Message"])
            found.append((told["Source ID"], told["Event Message"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return found


def fail_over(lab: LabUnderTest, name: str) -> None:
    """The cluster's writer is lost, and a reader takes its place: people want to know."""
    lab.client("rds").failover_db_cluster(DBClusterIdentifier=name)
    settled(lab, name)


def hears_of_failover(lab: LabUnderTest, name: str) -> set[str]:
    """Of which clusters people heard, once they heard of this one's failover."""
    told: list[tuple[str, str]] = []

    def is_heard() -> bool:
        told.extend(heard(lab))
        return any(who == name and "ailover" in what for who, what in told)

    eventually(is_heard, within=30)
    return {who for who, _ in told}


def enters(lab: LabUnderTest, name: str, password: str) -> bool:
    """Whether a cluster lets its master in with that password."""
    found = cluster(lab, name)
    where = {"host": found["Endpoint"], "port": found["Port"], "dbname": "embi", "user": found["MasterUsername"]}
    try:
        psycopg.connect(**where, password=password).close()
    except psycopg.OperationalError:
        return False
    return True


def password_in(lab: LabUnderTest, secret: str) -> str:
    """What a secret says now."""
    text = lab.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    return str(json.loads(text)["password"])


def typed(person: Person, command: str) -> str:
    """What a printed command answers in a shell, with the real client."""
    shell = subprocess.run(
        ["bash", "-c", command], env=person.surroundings(), check=False, capture_output=True, text=True, timeout=60
    )
    assert shell.returncode == 0, shell.stderr
    return shell.stdout


@pytest.fixture(scope="module")
def lab() -> Iterator[LabUnderTest]:
    """A lab of its own, with one of each kind that is keyed to the source."""
    with private(speed=6000) as lab:
        sns, sqs, rds = lab.client("sns"), lab.client("sqs"), lab.client("rds")
        topic = sns.create_topic(Name="embi-alerts")["TopicArn"]
        sqs.create_queue(QueueName=QUEUE)
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}")
        rds.create_event_subscription(
            SubscriptionName="embi-alerts", SnsTopicArn=topic, SourceType="db-cluster", SourceIds=[SOURCE]
        )
        lab.client("cloudwatch").put_metric_alarm(**ALARM)
        source = cluster(lab, SOURCE)
        rds.enable_http_endpoint(ResourceArn=source["DBClusterArn"])
        rds.modify_db_cluster(DBClusterIdentifier=SOURCE, ManageMasterUserPassword=True, ApplyImmediately=True)
        settled(lab, SOURCE)
        named = f"arn:aws:rds-db:us-east-1:123456789012:dbuser:{source['DbClusterResourceId']}/embi_app"
        allowed = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": named}
        iam = lab.client("iam")
        iam.create_role(RoleName="reports", AssumeRolePolicyDocument=TRUST)
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName="reports", PolicyName="login", PolicyDocument=document)
        lab.ask("POST", "tick")
        yield lab


@pytest.fixture(scope="module")
def person(lab: LabUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody who reads the master's password where AWS keeps it."""
    secret = str(cluster(lab, SOURCE)["MasterUserSecret"]["SecretArn"])
    kept = CONFIGURATION.replace("secretsmanager:embi/aurora/master", f"secretsmanager:{secret}")
    somebody = lab.person(tmp_path_factory.mktemp("keyed"))
    somebody.configure('poll = "200ms"\n' + kept + UNASKED + PLACES)
    return somebody


@pytest.fixture(scope="module")
def clone(lab: LabUnderTest, person: Person) -> str:
    """A clone that is fit, before any cutover."""
    made = person.daybreak("restore", "pitr", "embi", "--to", "latest", "--yes", "-o", "json")
    assert made.code == 0, made.json()["reasons"]
    return str(made.json()["run"])


@pytest.fixture(scope="module")
def before(lab: LabUnderTest, clone: str) -> set[str]:
    """Of whom people hear while the clone and the source both fail over, and nothing was made again."""
    assert cluster(lab, clone)["AssociatedRoles"] == []
    assert cluster(lab, clone)["HttpEndpointEnabled"] is False
    fail_over(lab, clone)
    fail_over(lab, SOURCE)
    return hears_of_failover(lab, SOURCE)


@pytest.fixture(scope="module")
def report(lab: LabUnderTest, person: Person, clone: str, before: set[str]) -> dict[str, Any]:
    """The report of a cutover; ``before`` comes before it."""
    assert before
    moved = person.daybreak("cutover", clone, "--confirm", clone)
    assert moved.code == 0, moved.out + moved.err
    [cutover] = [each for each in person.runs() if "-cutover-" in each]
    return dict(person.daybreak("show", cutover, "-o", "json").json())


def test_every_format_of_the_report_holds_the_list_with_its_commands(person: Person, report: dict[str, Any]) -> None:
    """What is left to do is done from the report, days after the plan was read."""
    _, [command] = left(report, '"embi is busy"')
    for form in ("html", "markdown"):
        page = person.daybreak("report", str(report["run"]), "-o", form).out
        assert "What does not follow by itself" in page
        assert command.splitlines()[0].removesuffix("\\").rstrip() in page
    assert "made again by step" in person.daybreak("show", str(report["run"])).out


def left(report: dict[str, Any], words: str) -> tuple[str, list[str]]:
    """What the report lists with these words, and its commands."""
    [found] = [each for each in report["keyed"] if words in each["what"]]
    return str(found["what"]), list(found["commands"])


def test_nobody_hears_of_the_clone_until_its_subscription_names_it(
    lab: LabUnderTest, clone: str, before: set[str], report: dict[str, Any]
) -> None:
    """Before the cutover the clone's failover is nobody's news; after it people hear of the clone, and of the source as before."""
    assert before == {SOURCE}
    what, commands = left(report, "event subscription")
    assert ("made again by step" in what, commands) == (True, [])
    fail_over(lab, clone)
    assert clone in hears_of_failover(lab, clone)
    fail_over(lab, SOURCE)
    assert SOURCE in hears_of_failover(lab, SOURCE)


def test_the_clone_has_the_sources_role_and_data_api_from_the_cutover_on(
    lab: LabUnderTest, clone: str, report: dict[str, Any]
) -> None:
    """Before it a clone reaches nothing outside; the lab has nothing that would use either, so it shows who has them."""
    ours, theirs = cluster(lab, clone), cluster(lab, SOURCE)
    assert ours["AssociatedRoles"] == theirs["AssociatedRoles"] != []
    assert ours["HttpEndpointEnabled"] is True
    what, _ = left(report, "the Data API; who calls it names a cluster's ARN")
    assert ours["DBClusterArn"] in what


def test_an_alarm_goes_on_watching_the_source_until_one_is_made_for_the_clone(
    lab: LabUnderTest, person: Person, clone: str, report: dict[str, Any]
) -> None:
    """The printed command makes one beside the old one, and takes nothing from it."""

    def watched() -> dict[str, str]:
        alarms = lab.client("cloudwatch").describe_alarms()["MetricAlarms"]
        return {str(each["AlarmName"]): str(each["Dimensions"][0]["Value"]) for each in alarms if each["Dimensions"]}

    assert watched()["embi is busy"] == SOURCE
    assert clone not in watched().values()
    what, [command] = left(report, '"embi is busy"')
    assert "stays quiet whatever the clone suffers" in what
    typed(person, command)
    assert watched() == watched() | {"embi is busy": SOURCE, f"embi is busy ({clone})": clone}


def test_autoscaling_keeps_the_readers_of_the_source_until_it_knows_the_clone(
    lab: LabUnderTest, person: Person, clone: str, report: dict[str, Any]
) -> None:
    """It goes by ``cluster:NAME``; the printed commands register the clone, with the same policy."""
    scaling, asked = lab.client("application-autoscaling"), {"ServiceNamespace": "rds"}

    def kept() -> dict[str, tuple[int, int]]:
        rows = scaling.describe_scalable_targets(**asked)["ScalableTargets"]
        return {str(row["ResourceId"]): (row["MinCapacity"], row["MaxCapacity"]) for row in rows}

    assert kept() == {f"cluster:{SOURCE}": (1, 3)}
    _, commands = left(report, "Application Auto Scaling")
    for command in commands:
        typed(person, command)
    assert kept() == {f"cluster:{SOURCE}": (1, 3), f"cluster:{clone}": (1, 3)}
    rows = scaling.describe_scaling_policies(**asked)["ScalingPolicies"]
    policies = {row["ResourceId"]: row["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for row in rows}
    assert policies == {f"cluster:{SOURCE}": 60.0, f"cluster:{clone}": 60.0}


def test_a_policy_that_lets_iam_log_in_names_the_source_alone(
    lab: LabUnderTest, person: Person, clone: str, report: dict[str, Any]
) -> None:
    """A resource id is of one cluster. Whoever goes by any cluster's is not listed; the printed command shows the policy."""
    old, new = (cluster(lab, name)["DbClusterResourceId"] for name in (SOURCE, clone))
    what, [command] = left(report, "role reports may log in by IAM")
    assert (old in what, new in what) == (True, True)
    printed = typed(person, command)
    assert (old in printed, new in printed) == (True, False)


def test_the_secret_that_aws_keeps_goes_on_with_the_sources_password(
    lab: LabUnderTest, clone: str, report: dict[str, Any]
) -> None:
    """After a rotation whoever reads the password there is let in by the source, and no longer by the clone."""
    secret = str(cluster(lab, SOURCE)["MasterUserSecret"]["SecretArn"])
    what, [command] = left(report, "AWS keeps the password")
    assert (secret in what, "--manage-master-user-password" in command) == (True, True)
    old = password_in(lab, secret)
    assert enters(lab, clone, old)
    lab.client("rds").modify_db_cluster(
        DBClusterIdentifier=SOURCE, RotateMasterUserPassword=True, ApplyImmediately=True
    )
    settled(lab, SOURCE)
    eventually(lambda: password_in(lab, secret) != old)
    new = password_in(lab, secret)
    eventually(lambda: enters(lab, SOURCE, new))
    assert (enters(lab, clone, new), enters(lab, clone, old)) == (False, True)

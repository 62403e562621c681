"""The table of operations: held against AWS's own model, AWS's own reference, the calls that we make, and our code."""

from __future__ import annotations

import ast
import json
import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import botocore.session
import pytest

from daybreak.errors import Bug
from daybreak.model import actions
from daybreak.model.destinations import DatabaseAddress, RecordSet, SecretFields
from daybreak.model.moment import At
from daybreak.model.plan import AwsCall
from daybreak.model.things import ResourceKind
from daybreak.model.value import Value
from daybreak.model.world import ServerlessRange
from daybreak.plan.arns import arn_of
from daybreak.plan.calls import call_of
from daybreak.plan.occasions import ReadOccasion
from daybreak.plan.operation_rows import ChangeOperation, ReadOperation, ResourceName, plain_name
from daybreak.plan.operations import OPERATIONS, Operation, aws_call, change_of, read_of
from tests import fix_worlds
from tests.fix_house import modules
from tests.fix_worlds import NOW, REGION

ROWS = list(OPERATIONS.values())
TABLE = "src/daybreak/plan/operations.py"
SESSION = botocore.session.get_session()
REFERENCE = json.loads((Path(__file__).parent / "service_authorization.json").read_text(encoding="utf-8"))
"""AWS's Service Authorization Reference on the actions of the table, as it was on the day in it. The table's operations are
chosen from it, so this is a second witness and no copy: kinds, ARNs and levels are AWS's own."""

LIKE_A_NAME = re.compile(r"(Identifiers?|Ids?|A[Rr][Nn]s?|Names?|Members|Key|Domain)$")
"""How AWS calls a parameter that may name something."""

NO_RESOURCE = {
    "CACertificateIdentifier": "an authority of AWS's own",
    "DatabaseName": "a database inside the cluster is no resource of AWS's",
    "ExcludedMembers": "members of the cluster that the same call names",
    "MoveToVersionId": "a version of the secret that the same call names",
    "PerformanceInsightsKMSKeyId": "AWS documents no permission for whoever turns the insights on, only for whoever reads them",
    "RemoveFromVersionId": "a version of the secret that the same call names",
    "FeatureName": "a feature of the engine is no resource of AWS's",
    "SourceIdentifier": "an entry of the subscription that the same call names",
    "ExportTaskIdentifier": "the reference names no resource for an export",
    "S3BucketName": "RDS writes into the bucket as the role, and not as the caller",
    "StaticMembers": "members of the cluster that the same call names",
    "VpcSecurityGroupIds": "the reference names no security group of EC2 for a call to RDS",
}
"""What looks like a name in a change and has no place in its row, with the reason."""

ONLY_USED = {
    "DBClusterParameterGroupName": "a restored cluster takes the group, and changes nothing in it",
    "DBParameterGroupName": "an instance takes the group, and changes nothing in it",
    "DBSubnetGroupName": "a cluster takes the group, and changes nothing in it",
    "SnapshotIdentifier": "it is read",
    "SourceArn": "it is read",
    "SourceDBClusterIdentifier": "it is read",
    "SourceDBClusterParameterGroupIdentifier": "it is read",
    "SourceDBClusterSnapshotIdentifier": "it is read",
    "RegisterDBProxyTargets.DBClusterIdentifiers": "a proxy leads there then, and nothing of the cluster changes",
    "DeregisterDBProxyTargets.DBClusterIdentifiers": "a proxy no longer leads there, and nothing of the cluster changes",
    "CreateDBClusterSnapshot.DBClusterIdentifier": "a snapshot is taken of it, and nothing of it changes",
    "SourceDbClusterResourceId": "it is read",
    "NewDBClusterIdentifier": "nothing has that name: the call touches the renaming, and AWS asks for the right under both names",
}
"""What a call that makes something may name although the name is protected: each of them is a gap in the guard, with its reason."""

OF_S3 = {"ListBucketResult", "ListObjectsV2"}
"""Words of the journal's own calls, which stand outside the table."""

ANY_VENDOR = "${ResourceType}"
"""The kind of a recovery point, which has the ARN of whatever service it is of."""

NOT_ASKED_FOR = {
    ("backup:GetRecoveryPointRestoreMetadata", ANY_VENDOR): "it has any service's ARN, so the star stands for it",
    ("backup:StartRestoreJob", ANY_VENDOR): "a person sends it, and no policy of ours allows it",
    (
        "application-autoscaling:PutScalingPolicy",
        "scalable-target",
    ): "a person sends it, and no policy of ours allows it",
    ("application-autoscaling:RegisterScalableTarget", "scalable-target"): "as above",
    ("cloudwatch:PutMetricAlarm", "alarm"): "a person sends it, and no policy of ours allows it",
    ("rds:CreateIntegration", "cluster"): "a person sends it, and no policy of ours allows it",
    ("rds:CreateIntegration", "integration"): "as above",
    ("rds:DeregisterDBProxyTargets", "db"): "we take out a cluster, and no instance",
    ("rds:DeleteDBCluster", "cluster-snapshot"): "it is the final snapshot, and we ask for none",
    ("ds:AuthorizeApplication", "directory"): "AWS's own policies allow it on every directory",
    ("ds:GetAuthorizedApplicationDetails", "directory"): "AWS's own policies allow it on every directory",
    ("ds:UnauthorizeApplication", "directory"): "AWS's own policies allow it on every directory",
}
"""The kinds that AWS's reference requires for an action, and that we do not allow it on, with the reason."""


def members_of(service: str, operation: str) -> set[str]:
    """The parameters that AWS's model knows for an operation."""
    shape = SESSION.get_service_model(service).operation_model(operation).input_shape
    return set(shape.members) if shape else set()


def filled(annotation: Any) -> Any:
    """Some value of a field's type that says something, so that the call has the parameter."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (filled(arguments[0]),)
    if origin is dict:
        return {filled(arguments[0]): filled(arguments[1])}
    if arguments:
        moments = [At(instant=NOW)] if At in arguments else []
        return moments[0] if moments else filled(next(each for each in arguments if each is not type(None)))
    if annotation in (DatabaseAddress, SecretFields, RecordSet):
        return {name: filled(field.annotation) for name, field in annotation.model_fields.items()}
    known = {str: "thing", int: 5, bool: True, timedelta: timedelta(days=3), datetime: NOW, Any: "thing"}
    return known.get(annotation) or ServerlessRange(low=1, high=2, seconds_until_pause=300)


def whole(kind: type[Value], **fields: Any) -> Value:
    """An action with a value in each field."""
    return kind(**{name: filled(field.annotation) for name, field in kind.model_fields.items()} | fields)


@cache
def calls() -> tuple[AwsCall, ...]:
    """Every change with every parameter that we can send."""
    made = [whole(kind) for kind in get_args(actions.AwsChange)]
    made.append(whole(actions.RestoreToMoment, resource_id=None))
    made.append(whole(actions.MoveWriter, gives_up=False))
    made.append(whole(actions.SetRole, is_given=False))
    made.append(whole(actions.SetDataApi, is_on=False))
    made.append(whole(actions.SetSubscription, is_in=False))
    found = [call_of(action, {"daybreak:run": "r"}, REGION) for action in made]  # type: ignore[arg-type]  # all are changes
    assert None not in found
    return tuple(call for call in found if call)


def kinds_required(action: str) -> dict[str, bool]:
    """The kinds of resources of AWS's reference, as their ARNs name them, and whether it requires them."""
    return {kind_of(name): is_required for name, is_required in REFERENCE["actions"][action]["resources"].items()}


def kind_of(resource: str) -> str:
    """The word of a resource's ARN that says its kind."""
    return re.split("[:/]", REFERENCE["resources"][resource].split(":", 5)[5])[0]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_aws_own_model_knows_the_operation_and_all_that_its_row_speaks_of(row: Operation) -> None:
    """A misspelt parameter would be guarded by nobody, and allowed to nobody."""
    assert OPERATIONS[row.service, row.name] is row
    known = members_of(row.service, row.name)
    if isinstance(row, ChangeOperation):
        assert {named.parameter for named in row.named} <= known
        assert {demand.when for demand in row.demands} <= known
        assert {name for demand in row.demands for name in re.findall(r"{(\w+)}", demand.name)} <= known


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_reads_and_what_changes_is_told_as_aws_tells_it(row: Operation) -> None:
    """A change in the place of a read would be repeated after a lost reply, and pass the guard of the source."""
    level = REFERENCE["actions"][f"{row.service}:{row.name}"]["level"]
    assert isinstance(row, ReadOperation) == (level in {"List", "Read"})
    call = aws_call(row.service, row.name, {}, REGION)
    wrong, message = (
        (change_of, "not among the changes") if isinstance(row, ReadOperation) else (read_of, "not among the reads")
    )
    with pytest.raises(Bug, match=message):
        wrong(call)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_iam_is_asked_for_what_aws_reference_says(row: Operation) -> None:
    """On a kind too many a policy lets somebody touch more; on one too few the run stops where it is needed most."""
    action = f"{row.service}:{row.name}"
    known = kinds_required(action)
    required = {kind for kind, is_required in known.items() if is_required and (action, kind) not in NOT_ASKED_FOR}
    if isinstance(row, ReadOperation):
        assert row.asked
        for kinds in row.asked.values():
            assert set(kinds) <= set(known)
            assert required <= set(kinds)
            is_named = any((action, kind) not in NOT_ASKED_FOR for kind in known)
            assert bool(kinds) == is_named, "a star where AWS knows no resource that can be named, and only there"
        return
    allowed = {named.kind for named in row.named} | {kind for kind, _ in row.unnamed}
    assert required <= allowed <= set(known)
    for demand in row.demands:
        for demanded in demand.actions:
            of_demand = set(kinds_required(demanded))
            missing = {kind for kind in of_demand if (demanded, kind) not in NOT_ASKED_FOR}
            assert demand.kind in of_demand if demand.kind else not missing, demanded


@pytest.mark.parametrize("kind", get_args(ResourceKind))
def test_an_arn_is_written_as_aws_writes_it(kind: ResourceKind) -> None:
    """A policy with an ARN of another form is taken by IAM, and allows nothing."""
    places = {"Partition": "aws", "Region": "eu-west-1", "Account": fix_worlds.ACCOUNT}
    forms = {
        kind_of(resource): re.sub(r"\${(\w+)}", lambda found: places.get(found.group(1), "x"), arn)
        for resource, arn in REFERENCE["resources"].items()
    }
    name = "x/x" if kind == "dbuser" else "x"
    assert arn_of(fix_worlds.identity(), kind, name, "eu-west-1") == forms[kind]
    assert arn_of(fix_worlds.identity(), kind, forms[kind]) == forms[kind]


@pytest.mark.parametrize("call", calls(), ids=lambda call: call.operation)
def test_whatever_looks_like_a_name_is_in_the_row_or_has_a_reason(call: AwsCall) -> None:
    """A name that nobody described is neither guarded nor allowed."""
    row = change_of(call)
    described = {named.parameter for named in row.named} | {demand.when for demand in row.demands}
    like_names = {name for name in call.params if LIKE_A_NAME.search(name)}
    assert described & set(NO_RESOURCE) == set()
    assert like_names - described - set(NO_RESOURCE) == set()


def test_no_row_and_no_reason_speaks_of_what_is_never_sent() -> None:
    """A reason that outlives its parameter hides the next one of that name."""
    sent: dict[str, set[str]] = {}
    for call in calls():
        sent.setdefault(call.operation, set()).update(call.params)
    spoken = {
        row.name: {named.parameter for named in row.named} | {demand.when for demand in row.demands}
        for row in ROWS
        if isinstance(row, ChangeOperation) and not row.is_by_hand
    }
    assert {name: of - sent.get(name, set()) for name, of in spoken.items() if of - sent.get(name, set())} == {}
    assert set(NO_RESOURCE) <= {name for names in sent.values() for name in names}
    assert {action for action, _ in NOT_ASKED_FOR} <= set(REFERENCE["actions"])


@pytest.mark.parametrize("call", calls(), ids=lambda call: call.operation)
def test_what_is_made_comes_first_and_may_be_tagged(call: AwsCall) -> None:
    """Only what is tagged is found again after a lost reply, and AWS asks for the right to tag it besides the call's own."""
    row = change_of(call)
    made = [named.parameter for named in row.named if named.part == "makes"]
    assert made == [named.parameter for named in row.named][: len(made)]
    assert bool(made) == call.operation.startswith(("Copy", "Create", "Restore"))
    tagging = [demand.name for demand in row.demands if demand.when == "Tags"]
    assert tagging == [f"{{{name}}}" for name in made if "Tags" in call.params]
    assert _names(row, call.params), "a change that touches nothing is guarded by nothing"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_only_what_stays_as_it_is_passes_the_guard(row: Operation) -> None:
    """An instance that was added to the source, for one, is a change of the source: a name passes with a reason, or not."""
    used = [named.parameter for named in getattr(row, "named", ()) if named.part == "uses"]
    assert [each for each in used if not ONLY_USED.keys() & {each, f"{row.name}.{each}"}] == []
    assert not used or row.name.startswith(("Copy", "Create", "Restore", "Modify")) or getattr(row, "parts", None)


def test_a_list_of_names_counts_and_what_is_no_name_is_a_defect() -> None:
    """A guard that reads a list as one odd name would let each of them pass."""
    row = ChangeOperation("rds", "AnyChangeOfMany", (ResourceName("DBClusterIdentifiers", "cluster", "changes"),))
    assert _names(row, {"DBClusterIdentifiers": ["a", "arn:aws:rds:us-east-1:123456789012:cluster:b"]}) == (
        "a",
        "b",
    )
    assert _names(row, {}) == ()
    for odd in ({"a": "b"}, [1], 7):
        with pytest.raises(Bug, match="DBClusterIdentifiers names a resource"):
            _names(row, {"DBClusterIdentifiers": odd})


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("embi", "embi"),
        ("arn:aws:rds:us-east-1:123456789012:cluster:embi", "embi"),
        ("arn:aws:rds:us-east-1:123456789012:cluster-snapshot:rds:embi-2024", "rds:embi-2024"),
        ("arn:aws-cn:ssm:cn-north-1:123456789012:parameter/embi/master", "embi/master"),
        ("arn:aws:sns:us-east-1:123456789012:topic", "topic"),
        ("rds:embi-2024", "rds:embi-2024"),
    ],
)
def test_a_name_is_plain_whatever_the_service(name: str, plain: str) -> None:
    """The guard protects a name, however a call writes it."""
    assert plain_name(name) == plain


# -- our code against the table


@cache
def constants() -> tuple[tuple[str, str], ...]:
    """Each text in the product's code outside the table and the lab, with its place; not the docstrings, nor the names that a module offers."""
    found: list[tuple[str, str]] = []
    for path, tree in modules("src/daybreak"):
        if path == TABLE or path.startswith("src/daybreak/lab/"):
            continue
        said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        exported = (node.value for node in tree.body if isinstance(node, ast.Assign) and _is_offer(node))
        said |= {name for names in exported for name in ast.walk(names) if isinstance(name, ast.Constant)}
        found += [
            (node.value, f"{path}:{node.lineno}")
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in said
        ]
    return tuple(found)


def _is_offer(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)


@cache
def operations_of_aws() -> frozenset[str]:
    """The operations of every service that the code names; S3's are the journal's own, outside the table."""
    named = {text for text, _ in constants()} | {row.service for row in ROWS}
    services = named.intersection(SESSION.get_available_services()) - {"s3"}
    assert {row.service for row in ROWS} <= services
    return frozenset(name for service in services for name in SESSION.get_service_model(service).operation_names)


def test_each_operation_in_the_code_has_a_row() -> None:
    """An operation without a row, or with a misspelt name, would be found by whoever first needs it."""
    others = {row.name for row in ROWS} | OF_S3
    like_a_read = re.compile(r"(Describe|Get|List)[A-Z]\w+")
    found = [
        f"{place}: {text}"
        for text, place in constants()
        if text not in others and (text in operations_of_aws() or like_a_read.fullmatch(text))
    ]
    assert found == []


def test_each_action_that_a_text_speaks_of_is_in_the_table() -> None:
    """A reader who gives somebody the permission that we name must have given the right one."""
    known = {f"{row.service}:{row.name}" for row in ROWS}
    known |= {
        each for row in ROWS if isinstance(row, ChangeOperation) for demand in row.demands for each in demand.actions
    }
    services = "|".join({row.service for row in ROWS})
    spoken = {
        (action, place)
        for text, place in constants()
        for action in re.findall(rf"\b(?:{services}):[A-Z][a-z]\w+", text)
    }
    assert len(spoken) > 10, "the search finds nothing any more"
    assert {(action, place) for action, place in spoken if action not in known} == set()


def test_each_row_is_used() -> None:
    """A row that nobody needs is a permission that nobody needs."""
    texts = {text for text, _ in constants()}
    assert [row.name for row in ROWS if row.name not in texts] == []
    sent = {(call.service, call.operation) for call in calls()}
    changes = {(row.service, row.name): row.is_by_hand for row in ROWS if isinstance(row, ChangeOperation)}
    assert {name for name, is_by_hand in changes.items() if not is_by_hand} == sent


def test_each_call_is_made_where_the_table_is_asked() -> None:
    """Whoever makes one elsewhere prints or sends what no row describes."""
    makers = [
        path
        for path, tree in modules("src/daybreak")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "AwsCall"
    ]
    assert makers == [TABLE]
    with pytest.raises(Bug, match="ssm AddTagsToResource has no row"):
        aws_call("ssm", "AddTagsToResource", {}, REGION)


def test_a_read_says_when_it_is_asked() -> None:
    """A read that is asked on no occasion is in no policy."""
    assert {occasion for row in ROWS if isinstance(row, ReadOperation) for occasion in row.asked} == set(ReadOccasion)


def _names(row: ChangeOperation, params: dict[str, Any]) -> tuple[str, ...]:
    return tuple(thing.name for thing in row.things_touched(params, "us-east-1"))

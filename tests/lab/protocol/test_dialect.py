"""Reading a request: faults, IAM and the request log all stand on the operation and the name found here."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import EndpointConnectionError
from botocore.session import Session

from daybreak.lab.account.world import _request_of
from daybreak.lab.http.message import Request
from daybreak.lab.protocol.boto import make_client, service_model
from daybreak.lab.protocol.dialect import Call, call_of, denial_reply, expiry_reply


def as_sent(service: str, method: str, **arguments: Any) -> Call:
    """What the lab reads from the bytes boto would send."""
    session = Session()
    client = session.create_client(
        service,
        "us-west-2",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="x",
    )
    seen: list[Request] = []

    class Enough(Exception):
        pass

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        seen.append(_request_of(request))
        raise Enough

    client.meta.events.register("before-send", stop)
    with pytest.raises(Enough):
        getattr(client, method)(**arguments)
    return call_of(seen[0])


@pytest.mark.parametrize(
    ("service", "method", "arguments", "expected"),
    [
        ("rds", "describe_db_clusters", {"DBClusterIdentifier": "a"}, ("rds", "DescribeDBClusters", "a", "query")),
        ("rds", "delete_db_instance", {"DBInstanceIdentifier": "i"}, ("rds", "DeleteDBInstance", "i", "query")),
        ("ec2", "describe_vpcs", {}, ("ec2", "DescribeVpcs", "", "ec2")),
        ("kms", "describe_key", {"KeyId": "alias/x"}, ("kms", "DescribeKey", "alias/x", "json")),
        ("ssm", "get_parameter", {"Name": "/a/b"}, ("ssm", "GetParameter", "/a/b", "json")),
        ("secretsmanager", "get_secret_value", {"SecretId": "s"}, ("secretsmanager", "GetSecretValue", "s", "json")),
        ("cloudwatch", "list_metrics", {}, ("cloudwatch", "ListMetrics", "", "json")),
        ("sts", "get_caller_identity", {}, ("sts", "GetCallerIdentity", "", "query")),
        ("s3", "list_buckets", {}, ("s3", "ListBuckets", "", "rest-xml")),
        ("s3", "list_objects_v2", {"Bucket": "buc"}, ("s3", "ListObjectsV2", "buc", "rest-xml")),
        ("s3", "put_object", {"Bucket": "buc", "Key": "a b/ü"}, ("s3", "PutObject", "buc/a b/ü", "rest-xml")),
        ("s3", "get_object", {"Bucket": "buc", "Key": "k"}, ("s3", "GetObject", "buc/k", "rest-xml")),
        ("s3", "head_object", {"Bucket": "buc", "Key": "k"}, ("s3", "HeadObject", "buc/k", "rest-xml")),
        (
            "s3",
            "copy_object",
            {"Bucket": "buc", "Key": "k", "CopySource": "b/l"},
            ("s3", "CopyObject", "buc/k", "rest-xml"),
        ),
        (
            "s3",
            "upload_part",
            {"Bucket": "buc", "Key": "k", "PartNumber": 1, "UploadId": "u"},
            ("s3", "UploadPart", "buc/k", "rest-xml"),
        ),
        ("route53", "list_hosted_zones", {}, ("route53", "ListHostedZones", "", "rest-xml")),
        (
            "route53",
            "list_resource_record_sets",
            {"HostedZoneId": "Z1"},
            ("route53", "ListResourceRecordSets", "Z1", "rest-xml"),
        ),
    ],
)
def test_the_operation_and_its_object_are_found(
    service: str, method: str, arguments: dict[str, Any], expected: tuple[str, str, str, str]
) -> None:
    """In each of the five protocols AWS speaks, from the very bytes botocore sends."""
    call = as_sent(service, method, **arguments)
    assert (call.service, call.operation, call.identifier, call.protocol) == expected
    assert call.access_key == "AKIAEXAMPLE"


def test_errors_speak_the_protocol_of_the_call() -> None:
    """A client that cannot read the refusal reports something else instead."""
    codes = {
        ("rds", "query"): (b"<Code>AccessDenied</Code>", 403),
        ("ec2", "ec2"): (b"<Code>UnauthorizedOperation</Code>", 403),
        ("kms", "json"): (b'"__type": "AccessDeniedException"', 400),
        ("s3", "rest-xml"): (b"<Error><Code>AccessDenied</Code>", 403),
    }
    for (service, protocol), (words, status) in codes.items():
        reply = denial_reply(Call(service, "us-east-1", "X", protocol=protocol), "no", "id")
        assert words in reply.body
        assert reply.status == status


def test_expired_credentials_are_told_in_each_protocol() -> None:
    """boto refreshes credentials by these very codes."""
    found = [
        expiry_reply(Call(service, "us-east-1", "X", protocol=protocol), "id").body
        for service, protocol in (("rds", "query"), ("kms", "json"), ("ec2", "ec2"))
    ]
    assert [
        code in body
        for code, body in zip((b"ExpiredToken", b"ExpiredTokenException", b"RequestExpired"), found, strict=True)
    ] == [True] * 3


def test_the_paths_of_s3_stay_whole_whoever_asked_before() -> None:
    """A client takes the bucket out of the description that it shares, and a call without an operation passes every check."""
    client = make_client("s3", "us-east-1", "AKIAEXAMPLE", url="http://127.0.0.1:9")
    with pytest.raises(EndpointConnectionError):
        client.create_bucket(Bucket="buc")
    description = service_model.__wrapped__("s3")
    assert description.operation_model("CreateBucket").http["requestUri"] == "/{Bucket}"

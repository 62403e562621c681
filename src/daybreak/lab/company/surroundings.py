"""What is around the scenario's cluster and leads to it: roles, policies, a custom endpoint, autoscaling, a proxy.

None of it is in Aurora's backups, and all of it uses the cluster's name, ARN or resource id: a restore forgets it without
a word (FACTS 4.2).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Clients = Callable[[str], Any]
"""A client of a service, in the scenario's own region."""

IMPORT_ROLE = "embi-aurora-s3-import"
PROXY_ROLE = "embi-proxy"
EXPORT_ROLE = "embi-export"
APPLICATION_ROLE = "embi-application"
CONNECT_POLICY = "embi-database-login"
READERS = "embi-reporting"
PROXY = "embi-proxy"
SCALED = "rds:cluster:ReadReplicaCount"


def make_roles(client: Clients, account: str) -> tuple[str, str]:
    """Make the roles of the cluster, the proxy and the application, which may log in with IAM; return the first two."""
    iam = client("iam")
    worn = [
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=_trust("rds.amazonaws.com"))["Role"]["Arn"]
        for name in (IMPORT_ROLE, PROXY_ROLE)
    ]
    iam.create_role(RoleName=APPLICATION_ROLE, AssumeRolePolicyDocument=_trust("ec2.amazonaws.com"))
    login = {
        "Effect": "Allow",
        "Action": "rds-db:connect",
        "Resource": f"arn:aws:rds-db:*:{account}:dbuser:*/embi_app",
    }
    policy = iam.create_policy(PolicyName=CONNECT_POLICY, PolicyDocument=_document(login))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=APPLICATION_ROLE, PolicyArn=policy)
    _make_export_role(iam, account)
    return worn[0], worn[1]


def _make_export_role(iam: Any, account: str) -> None:
    """Make the role as which RDS writes exports into the company's bucket."""
    iam.create_role(RoleName=EXPORT_ROLE, AssumeRolePolicyDocument=_trust("export.rds.amazonaws.com"))
    bucket = f"arn:aws:s3:::embi-aurora-backup-exports-{account}"
    actions = ["s3:PutObject*", "s3:GetObject*", "s3:ListBucket", "s3:DeleteObject*", "s3:GetBucketLocation"]
    writing = {"Effect": "Allow", "Action": actions, "Resource": [bucket, f"{bucket}/*"]}
    iam.put_role_policy(RoleName=EXPORT_ROLE, PolicyName="embi-exports", PolicyDocument=_document(writing))


def scale_readers(client: Clients, cluster: str) -> None:
    """Set autoscaling: between one and three readers, as their CPUs need."""
    scaling = client("application-autoscaling")
    target = {"ServiceNamespace": "rds", "ResourceId": f"cluster:{cluster}", "ScalableDimension": SCALED}
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    scaling.put_scaling_policy(
        **target,
        PolicyName="embi-readers-cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "RDSReaderAverageCPUUtilization"},
            "ScaleInCooldown": 300,
            "ScaleOutCooldown": 300,
        },
    )


def lead_readers(client: Clients, cluster: str, reader: str) -> None:
    """Make a custom endpoint for the people who only report."""
    client("rds").create_db_cluster_endpoint(
        DBClusterIdentifier=cluster,
        DBClusterEndpointIdentifier=READERS,
        EndpointType="READER",
        StaticMembers=[reader],
    )


def make_proxy(client: Clients, role: str, subnet_group: str, security_group: str, secret: str) -> None:
    """Make a proxy that leads nowhere yet."""
    rds = client("rds")
    group = rds.describe_db_subnet_groups(DBSubnetGroupName=subnet_group)["DBSubnetGroups"][0]
    rds.create_db_proxy(
        DBProxyName=PROXY,
        EngineFamily="POSTGRESQL",
        RoleArn=role,
        Auth=[{"AuthScheme": "SECRETS", "SecretArn": secret, "IAMAuth": "DISABLED"}],
        RequireTLS=False,
        VpcSubnetIds=[subnet["SubnetIdentifier"] for subnet in group["Subnets"]],
        VpcSecurityGroupIds=[security_group],
    )


def proxy_is_there(client: Clients) -> bool:
    """Whether the proxy can get a target."""
    return bool(client("rds").describe_db_proxies(DBProxyName=PROXY)["DBProxies"][0]["Status"] == "available")


def endpoint_is_there(client: Clients) -> bool:
    """Whether the custom endpoint can be used."""
    answer = client("rds").describe_db_cluster_endpoints(DBClusterEndpointIdentifier=READERS)
    return bool(answer["DBClusterEndpoints"][0]["Status"] == "available")


def _trust(service: str) -> str:
    return _document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

"""What stands around the scenario's cluster: whatever a capsule keeps must be there to be kept, and to be lost."""

from __future__ import annotations

from daybreak.lab.company import surroundings
from daybreak.lab.company.names import CLUSTER, INSTANCE_PARAMETERS
from tests.fix_lab import LabUnderTest


def test_everything_that_leads_to_the_cluster_by_its_name_is_there(lab: LabUnderTest) -> None:
    """A restore under another name loses each of these without a word."""
    rds, scaling = lab.client("rds"), lab.client("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="rds", ResourceIds=[f"cluster:{CLUSTER}"])[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="rds", ResourceId=f"cluster:{CLUSTER}")[
        "ScalingPolicies"
    ]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60
    targets = rds.describe_db_proxy_targets(DBProxyName=surroundings.PROXY)["Targets"]
    assert targets[0]["RdsResourceId"] == CLUSTER
    endpoints = rds.describe_db_cluster_endpoints(DBClusterIdentifier=CLUSTER)["DBClusterEndpoints"]
    (custom,) = [each for each in endpoints if each["EndpointType"] == "CUSTOM"]
    assert (custom["CustomEndpointType"], custom["Status"]) == ("READER", "available")


def test_the_cluster_and_its_instances_have_something_to_lose(lab: LabUnderTest) -> None:
    """A role, groups of both kinds, Performance Insights: none of it comes back by itself."""
    rds = lab.client("rds")
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"]
    (role,) = cluster["AssociatedRoles"]
    assert role["RoleArn"].endswith(surroundings.IMPORT_ROLE)
    assert role["FeatureName"] == "s3Import"
    for member in cluster["DBClusterMembers"]:
        (instance,) = rds.describe_db_instances(DBInstanceIdentifier=member["DBInstanceIdentifier"])["DBInstances"]
        (group,) = instance["DBParameterGroups"]
        assert (group["DBParameterGroupName"], group["ParameterApplyStatus"]) == (INSTANCE_PARAMETERS, "in-sync")
        assert instance["PerformanceInsightsEnabled"] is True


def test_a_policy_that_lets_the_application_log_in_names_no_single_cluster(lab: LabUnderTest) -> None:
    """It holds for a clone too, so a clean restore has nothing to complain of; and one call tells all policies."""
    wanted = ["User", "Role", "Group", "LocalManagedPolicy"]
    answer = lab.client("iam").get_account_authorization_details(Filter=wanted)
    (policy,) = [each for each in answer["Policies"] if each["Arn"].endswith(f"/{surroundings.CONNECT_POLICY}")]
    (statement,) = policy["PolicyVersionList"][0]["Document"]["Statement"]
    assert statement["Action"] == "rds-db:connect"
    assert ":dbuser:*/" in statement["Resource"]
    holders = [
        role["RoleName"]
        for role in answer["RoleDetailList"]
        if any(each["PolicyName"] == surroundings.CONNECT_POLICY for each in role["AttachedManagedPolicies"])
    ]
    assert holders == [surroundings.APPLICATION_ROLE]

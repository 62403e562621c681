"""What the simulated account keeps by a cluster's name: the roles that it has, its Data API, and the event subscriptions that report it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from daybreak.model.plan import AwsCall
from tests.chaos.simulated_parts import Resource, refusal


@dataclass
class SimulatedKeyed:
    """The shelf of event subscriptions, and what is turned on and off at a cluster at once."""

    subscriptions: dict[str, list[str]] = field(default_factory=dict, kw_only=True)
    """The clusters that each reports."""

    def _settled(self, shelf: dict[str, Resource], name: str, what: str) -> Resource:
        """The thing, once nothing is under way with it."""
        raise NotImplementedError

    def _keyed(self, name: str) -> Resource:
        """The cluster."""
        return self._settled(vars(self)["clusters"], name, "DBCluster")

    def is_keyed_so(self, call: AwsCall) -> bool:
        """Whether a call would leave such a thing as it is."""
        bodies = {name: thing.body for name, thing in vars(self)["clusters"].items()}
        match call.operation:
            case "EnableHttpEndpoint" | "DisableHttpEndpoint":
                body = bodies[call.params["ResourceArn"].rpartition(":")[2]]
                return bool(body.get("HttpEndpointEnabled", False)) == (call.operation == "EnableHttpEndpoint")
            case "AddSourceIdentifierToSubscription":
                there = self.subscriptions.get(call.params["SubscriptionName"], [])
                return call.params["SourceIdentifier"] in there
            case _:
                return False

    def _AddRoleToDBCluster(self, params: dict[str, Any]) -> None:  # noqa: N802 - AWS's name
        body, role = self._keyed(params["DBClusterIdentifier"]).body, _role(params)
        worn = body.get("AssociatedRoles", [])
        if role in worn:
            raise refusal("DBClusterRoleAlreadyExists", f"{role} is there")
        body["AssociatedRoles"] = [*worn, role]

    def _RemoveRoleFromDBCluster(self, params: dict[str, Any]) -> None:  # noqa: N802
        body, role = self._keyed(params["DBClusterIdentifier"]).body, _role(params)
        if role not in body.get("AssociatedRoles", []):
            raise refusal("DBClusterRoleNotFound", f"{role} is not there")
        body["AssociatedRoles"] = [each for each in body["AssociatedRoles"] if each != role]

    def _EnableHttpEndpoint(self, params: dict[str, Any]) -> None:  # noqa: N802
        self._keyed(params["ResourceArn"].rpartition(":")[2]).body["HttpEndpointEnabled"] = True

    def _DisableHttpEndpoint(self, params: dict[str, Any]) -> None:  # noqa: N802
        self._keyed(params["ResourceArn"].rpartition(":")[2]).body["HttpEndpointEnabled"] = False

    def _entries(self, params: dict[str, Any]) -> list[str]:
        if params["SubscriptionName"] not in self.subscriptions:
            raise refusal("SubscriptionNotFound", f"{params['SubscriptionName']} not found")
        return self.subscriptions[params["SubscriptionName"]]

    def _DescribeEventSubscriptions(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        names = [params["SubscriptionName"]] if "SubscriptionName" in params else sorted(self.subscriptions)
        found = {name: self._entries({"SubscriptionName": name}) for name in names}
        facts = {"SourceType": "db-cluster", "Status": "active", "Enabled": True, "SnsTopicArn": "arn:aws:sns:x:1:t"}
        listed = [facts | {"CustSubscriptionId": name, "SourceIdsList": list(ids)} for name, ids in found.items()]
        return {"EventSubscriptionsList": listed}

    def _AddSourceIdentifierToSubscription(self, params: dict[str, Any]) -> None:  # noqa: N802
        entries = self._entries(params)
        if params["SourceIdentifier"] not in vars(self)["clusters"]:
            raise refusal("SourceNotFound", f"Could not find source : {params['SourceIdentifier']}")
        if params["SourceIdentifier"] not in entries:
            entries.append(params["SourceIdentifier"])

    def _RemoveSourceIdentifierFromSubscription(self, params: dict[str, Any]) -> None:  # noqa: N802
        entries = self._entries(params)
        if params["SourceIdentifier"] not in entries:
            raise refusal("SourceNotFound", f"Could not find source : {params['SourceIdentifier']}")
        entries.remove(params["SourceIdentifier"])

    def _DescribeAlarms(self, _params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        raise refusal("AccessDenied", "not here")

    def _DescribeIntegrations(self, _params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Integrations": []}


def _role(params: dict[str, Any]) -> dict[str, Any]:
    return {"RoleArn": params["RoleArn"], "FeatureName": params.get("FeatureName"), "Status": "ACTIVE"}

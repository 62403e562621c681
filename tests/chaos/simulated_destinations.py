"""The places of the simulated account from which applications read an address (secrets, parameters, records of Route 53), and the
proxies through which they reach a database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.chaos.simulated_parts import Clock, refusal

SPREADING = 40.0
"""Virtual seconds until a change of Route 53 has spread."""

REGISTERING = 45.0
"""Virtual seconds until a proxy lets clients through to what was registered."""

LABELS = ("AWSCURRENT", "AWSPREVIOUS")


@dataclass
class SimulatedSecret:
    """A secret: the text of each version, and the version that has each label."""

    versions: dict[str, str]
    labels: dict[str, str]

    def move(self, version: str) -> None:
        """Make a version the current one, and the one that was the previous one."""
        current, previous = LABELS
        if self.labels[current] != version:
            self.labels = {current: version, previous: self.labels[current]}


@dataclass
class SimulatedProxy:
    """A proxy: the cluster that it leads to, since when, and what keeps it from that."""

    cluster: str | None
    since: float = -REGISTERING
    trouble: dict[str, str] = field(default_factory=dict)
    """The rest of the health of its targets, in AWS's words; empty where they are well."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What AWS shows of it besides, or instead."""

    def targets(self, now: float) -> list[dict[str, Any]]:
        """The targets as AWS lists them: at first they register, and then they are unavailable for a while."""
        if self.cluster is None:
            return []
        age = (now - self.since) / REGISTERING
        well = {"State": "AVAILABLE"} if age >= 1 else {"State": "UNAVAILABLE", "Reason": "PENDING_PROXY_CAPACITY"}
        health = (
            {"State": "REGISTERING"}
            if age < 0.5
            else ({"State": "UNAVAILABLE"} | self.trouble if self.trouble else well)
        )
        instance = {"RdsResourceId": f"{self.cluster}-1", "TrackedClusterId": self.cluster, "Type": "RDS_INSTANCE"}
        tracked = {"RdsResourceId": self.cluster, "Type": "TRACKED_CLUSTER"}
        return [tracked, instance | {"Role": "READ_WRITE", "TargetHealth": health}]


@dataclass
class SimulatedDestinations:
    """The shelves of secrets, parameters, records and proxies, which every region of the account shows alike."""

    clock: Clock
    secrets: dict[str, SimulatedSecret] = field(default_factory=dict)
    parameters: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Each version of a parameter as the members of its history, oldest first."""
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The record sets by zone."""
    proxies: dict[str, SimulatedProxy] = field(default_factory=dict)
    changes: list[float] = field(default_factory=list)
    """When each change of Route 53 has spread; its place here is its id."""
    before: dict[str, tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)
    """The record sets of each zone before its newest change, and until when name servers answer with them."""
    answered: dict[str, Any] = field(default_factory=dict)
    """What the reply to the newest change says."""

    def addresses(self) -> dict[str, Any]:
        """What applications read now."""
        return {
            "secrets": {name: one.versions[one.labels["AWSCURRENT"]] for name, one in self.secrets.items()},
            "parameters": {name: versions[-1]["Value"] for name, versions in self.parameters.items()},
            "records": dict(self.records),
            "proxies": {name: each.cluster for name, each in self.proxies.items()},
        }

    # -- secrets

    def _secret(self, params: dict[str, Any]) -> SimulatedSecret:
        if params["SecretId"] not in self.secrets:
            raise refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return self.secrets[params["SecretId"]]

    def _GetCallerIdentity(self, _params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/dba-oncall"}

    def _DescribeSecret(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - AWS's name
        stages: dict[str, list[str]] = {}
        for label, version in self._secret(params).labels.items():
            stages.setdefault(version, []).append(label)
        return {"Name": params["SecretId"], "ARN": "arn", "VersionIdsToStages": stages}

    def _GetSecretValue(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        secret = self._secret(params)
        version = params.get("VersionId", secret.labels["AWSCURRENT"])
        if version not in secret.versions:
            raise refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret value.")
        return {"ARN": "arn", "VersionId": version, "SecretString": secret.versions[version]}

    def _PutSecretValue(self, params: dict[str, Any]) -> None:  # noqa: N802
        secret, version = self._secret(params), params["ClientRequestToken"]
        known = secret.versions.get(version)
        if known is not None and known != params["SecretString"]:
            raise refusal("ResourceExistsException", "You can't modify an existing version.")
        self.answered = {"VersionId": version}
        if known is None:
            secret.versions[version] = params["SecretString"]
            secret.move(version)

    def _UpdateSecretVersionStage(self, params: dict[str, Any]) -> None:  # noqa: N802
        secret = self._secret(params)
        assert params["VersionStage"] == "AWSCURRENT"
        if secret.labels["AWSCURRENT"] != params["RemoveFromVersionId"]:
            raise refusal("InvalidParameterException", "The staging label is attached to another version.")
        secret.move(params["MoveToVersionId"])

    # -- parameters

    def _versions(self, name: str) -> list[dict[str, Any]]:
        if name not in self.parameters:
            raise refusal("ParameterNotFound", f"{name} not found")
        return self.parameters[name]

    def _GetParameterHistory(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert params["WithDecryption"] is False
        return {"Parameters": [each | {"Value": "AQICAHh"} for each in self._versions(params["Name"])]}

    def _GetParameter(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name, _, version = params["Name"].partition(":")
        assert params["WithDecryption"] is True
        found = [each for each in self._versions(name) if str(each["Version"]) == version or not version][-1:]
        if not found:
            raise refusal("ParameterVersionNotFound", f"{params['Name']} not found")
        return {"Parameter": {key: found[0][key] for key in ("Name", "Type", "Value", "Version")}}

    def _PutParameter(self, params: dict[str, Any]) -> None:  # noqa: N802
        newest = self._versions(params["Name"])[-1]
        assert params["Overwrite"] is True
        assert "Type" not in params
        told = {key: value for key, value in params.items() if key not in ("Name", "Overwrite")}
        # What the call leaves out is not kept: whoever relies on that has to find out.
        kept = {key: newest[key] for key in ("Name", "Type", "LastModifiedUser")}
        self.parameters[params["Name"]].append(kept | told | {"Version": newest["Version"] + 1})
        self.answered = {"Version": newest["Version"] + 1, "Tier": params.get("Tier")}

    # -- records

    def _ListResourceRecordSets(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        start = params["StartRecordName"], params["StartRecordType"]
        rows = [each for each in self.records[params["HostedZoneId"]] if (each["Name"], each["Type"]) >= start]
        return {"ResourceRecordSets": rows, "IsTruncated": False}

    def _ChangeResourceRecordSets(self, params: dict[str, Any]) -> None:  # noqa: N802
        there = [dict(each) for each in self.records[params["HostedZoneId"]]]
        for change in params["ChangeBatch"]["Changes"]:
            asked = change["ResourceRecordSet"]
            if change["Action"] == "DELETE":
                if asked not in there:
                    raise refusal("InvalidChangeBatch", "the values provided do not match the current values")
                there.remove(asked)
                continue
            if any(_key(each) == _key(asked) for each in there):
                raise refusal("InvalidChangeBatch", "it already exists")
            there.append(asked)
        self.changes.append(self.clock.elapsed + SPREADING)
        self.before[params["HostedZoneId"]] = self.changes[-1], self.records[params["HostedZoneId"]]
        self.records[params["HostedZoneId"]] = there
        self.answered = {"ChangeInfo": {"Id": f"/change/C{len(self.changes) - 1}", "Status": "PENDING"}}

    def records_answered(self, zone: str) -> list[dict[str, Any]]:
        """The record sets of a zone by which name servers answer now."""
        until, before = self.before.get(zone, (0.0, []))
        return before if self.clock.elapsed < until else self.records[zone]

    def _GetChange(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        spread = self.changes[int(params["Id"].removeprefix("/change/C"))]
        status = "INSYNC" if self.clock.elapsed >= spread else "PENDING"
        return {"ChangeInfo": {"Id": params["Id"], "Status": status}}

    # -- proxies

    def _proxy(self, params: dict[str, Any]) -> SimulatedProxy:
        if params["DBProxyName"] not in self.proxies:
            raise refusal("DBProxyNotFoundFault", f"DB proxy {params['DBProxyName']} not found.")
        if params.get("TargetGroupName", "default") != "default":
            raise refusal("DBProxyTargetGroupNotFoundFault", "no such group")
        return self.proxies[params["DBProxyName"]]

    def _DescribeDBProxies(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        names = [params["DBProxyName"]] if "DBProxyName" in params else sorted(self.proxies)
        facts = {name: self._proxy({"DBProxyName": name}).facts for name in names}
        return {"DBProxies": [{"DBProxyName": name, "Status": "available"} | more for name, more in facts.items()]}

    def _DescribeSecurityGroups(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        [wanted] = [each["Values"] for each in params["Filters"] if each["Name"] == "group-id"]
        everybody = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        groups = [{"GroupId": each, "GroupName": each, "IpPermissions": everybody} for each in wanted]
        return {"SecurityGroups": groups}

    def _DescribeScalableTargets(self, _params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        raise refusal("AccessDeniedException", "not here")

    def _GetAccountAuthorizationDetails(self, _params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        raise refusal("AccessDenied", "not here")

    def _DescribeDBProxyTargets(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Targets": self._proxy(params).targets(self.clock.elapsed)}

    def _RegisterDBProxyTargets(self, params: dict[str, Any]) -> None:  # noqa: N802
        proxy, [cluster] = self._proxy(params), params["DBClusterIdentifiers"]
        if proxy.cluster is not None:
            raise refusal("DBProxyTargetAlreadyRegisteredFault", "A DB proxy leads to one DB cluster at a time.")
        proxy.cluster, proxy.since = cluster, self.clock.elapsed
        self.answered = {"DBProxyTargets": proxy.targets(self.clock.elapsed)}

    def _DeregisterDBProxyTargets(self, params: dict[str, Any]) -> None:  # noqa: N802
        proxy, [cluster] = self._proxy(params), params["DBClusterIdentifiers"]
        if proxy.cluster != cluster:
            raise refusal("DBProxyTargetNotFoundFault", "The proxy does not lead there.")
        proxy.cluster = None


def _key(body: dict[str, Any]) -> tuple[str, str, str | None]:
    return body["Name"], body["Type"], body.get("SetIdentifier")

"""What watches a cluster or an instance: Enhanced Monitoring, Performance Insights and Database Insights; recorded only.

The law: the model says which settings need each other, and all of a call's are held against what is there already.
"""

from __future__ import annotations

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.errors import invalid_combination
from daybreak.lab.rds import networks
from daybreak.lab.rds.desk import Call

SETTINGS = {
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "PerformanceInsightsKMSKeyId": "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "MonitoringInterval": "MonitoringInterval",
    "MonitoringRoleArn": "MonitoringRoleArn",
}
"""Parameters of what watches a cluster or one instance, by the member they become."""


def settings(call: Call, before: Doc) -> Doc:
    """The members that the call gives, if they fit each other and those that are there ``before``."""
    new = {member: call.get(name) for name, member in SETTINGS.items() if call.get(name) is not None}
    now = {**before, **new}
    if new.get("MonitoringInterval") and not now.get("MonitoringRoleArn"):
        raise invalid_combination(
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
        )
    if role := new.get("MonitoringRoleArn"):
        if not now.get("MonitoringInterval"):
            raise invalid_combination(
                "You must specify a MonitoringInterval value other than 0 when you specify a MonitoringRoleARN value."
            )
        networks.check_role(call, role)
    if key := new.get("PerformanceInsightsKMSKeyId"):
        new["PerformanceInsightsKMSKeyId"] = networks.usable_key(call, key)
    return new

"""What secondaries receive: a few times a second, what their primary has published, as late as a test wants it to be.

The law: rows bear real time, so a lag is in real seconds. Nothing leaves a region that is away, and nothing reaches one.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from daybreak.lab.control.store import Doc
from daybreak.lab.rds.desk import Desk
from daybreak.lab.rds.membership import KIND, NOWHERE, Member, primary_of, secondaries_of

log = logging.getLogger(__name__)

SHIP_SECONDS = 0.25
"""Real seconds between two rounds: Aurora's secondaries are "typically less than one second" behind."""
STOPPED = -1.0
"""The lag of a secondary to which nothing is sent."""
METRIC_SECONDS = 10.0
"""Real seconds between two values of the lag in CloudWatch; in AWS it is a minute."""
METRICS = ("AuroraGlobalDBReplicationLag", "AuroraGlobalDBProgressLag", "AuroraGlobalDBRPOLag")
"""The lag in milliseconds; here all three are the same."""


class Shipping:
    """The rounds of one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._measured: dict[str, float] = {}

    def round(self) -> None:
        """Send each secondary what it may have now."""
        for found in self._desk.state.all(KIND, NOWHERE):
            name = found["GlobalClusterIdentifier"]
            primary = primary_of(self._desk.state, name)
            for secondary in secondaries_of(self._desk.state, name):
                if primary is not None and found["Status"] == "available":
                    self._serve(primary, secondary)

    def _serve(self, primary: Member, secondary: Member) -> None:
        region, cluster = secondary
        is_cut = {primary[0], region} & self._desk.down
        is_ready = cluster["Status"] != "creating" and not cluster.get("_is_behind")
        try:
            if is_ready and not is_cut and cluster.get("_lag") != STOPPED:
                until = self._desk.clock.now() - timedelta(seconds=cluster.get("_lag", 0.0))
                leader, follower = primary[1]["DbClusterResourceId"], cluster["DbClusterResourceId"]
                self._desk.fleet.ship(leader, follower, until)
            if is_ready and region not in self._desk.down:
                self._measure(primary[0], region, cluster)
        except Exception as error:  # noqa: BLE001 - a server that is just stopping publishes nothing; the next round shows it
            log.debug("nothing sent to %s: %s", cluster["DBClusterIdentifier"], error)

    def _measure(self, source: str, region: str, cluster: Doc) -> None:
        """Keep how far a secondary is behind, where its own region's CloudWatch shows it."""
        resource = cluster["DbClusterResourceId"]
        arrived = self._desk.fleet.last_moment(resource)
        if arrived is None or time.monotonic() - self._measured.get(resource, -METRIC_SECONDS) < METRIC_SECONDS:
            return
        self._measured[resource] = time.monotonic()
        behind = max(0.0, (self._desk.clock.now() - arrived).total_seconds() * 1000)
        own = {"Name": "DBClusterIdentifier", "Value": cluster["DBClusterIdentifier"]}
        dimensions = ([own], [own, {"Name": "SourceRegion", "Value": source}])
        data = [
            {"MetricName": name, "Dimensions": each, "Value": behind, "Unit": "Milliseconds"}
            for name in METRICS
            for each in dimensions
        ]
        self._desk.world.client("cloudwatch", region).put_metric_data(Namespace="AWS/RDS", MetricData=data)

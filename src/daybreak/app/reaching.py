"""Reaching a target's source: the cluster that AWS knows, and the way to its database with the configured login."""

from __future__ import annotations

from daybreak.app.absence import refusal_without_cluster
from daybreak.app.app import App
from daybreak.app.explaining import explained
from daybreak.errors import Refused
from daybreak.execute.database import login_at
from daybreak.model.names import printable
from daybreak.model.targets import Target
from daybreak.model.world import Cluster, Identity
from daybreak.observe.look import Lookout
from daybreak.postgres.address import address_of
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach


def find_source(app: App, target: Target) -> tuple[Identity, Cluster]:
    """Who we are, and the target's cluster; raises ``Refused`` where it is not there, or has no endpoint."""
    aws = app.aws(target.region)
    with explained(f'looking at "{target.cluster}"'):
        lookout = Lookout(aws)
        identity, cluster = aws.identity(), lookout.cluster(target.cluster)
        if cluster is None:
            raise refusal_without_cluster(lookout, target, aws.region)
    if not cluster.endpoint:
        raise Refused(
            f'the cluster "{printable(target.cluster)}" in {aws.region} is {cluster.status} and has no endpoint',
            f"daybreak status {target.name}",
        )
    return identity, cluster


def reach_source(app: App, target: Target, cluster: Cluster, bounds: ServerBounds | None = None) -> Reach:
    """The way to the source's database, for which all our sessions keep together within the bounds.

    Raises ``Refused`` where no login is configured, or what ``login_at`` raises.
    """
    if target.login is None:
        raise Refused(f'no login is configured for "{target.name}"', 'login = "secretsmanager:NAME" in daybreak.toml')
    address = address_of(cluster, target.database or cluster.database, target.trust)
    return Reach(address, login_at(target.login, app.aws(target.region), app.environ, address), Meter(bounds))

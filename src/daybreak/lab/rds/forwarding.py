"""What a proxy really does: it leads its clients to the writer of the cluster that is registered in it, over TLS.

The law: as for servers, the documents decide each time where a proxy leads, and ``settle`` makes it so. A client's bytes go to one
server session of its own: nothing is pooled, and the client logs in at the database itself, not at the proxy. When the proxy is led
elsewhere its sessions are cut (guess: AWS says only that they end), and whoever comes while it leads nowhere is held.
"""

from __future__ import annotations

import logging
import threading

from daybreak.errors import DaybreakError
from daybreak.lab.control.store import Doc
from daybreak.lab.gates.gates import Gate, gates
from daybreak.lab.rds.addresses import Address
from daybreak.lab.rds.desk import Desk, cluster_by_resource
from daybreak.lab.rds.durations import BORROW_TIMEOUT
from daybreak.lab.servers.node import SUPERUSER

log = logging.getLogger(__name__)

SERVING = frozenset({"available", "modifying"})

_NO_CREDENTIALS = ("AUTH_FAILURE", "Proxy does not have any registered credentials")
"""AWS's own words where it gets no secret [I]."""
_UNREACHABLE = ("UNREACHABLE", "")
"""Guess: that a security group in the way is called so, and without a description."""


def address_of(proxy: Doc) -> Address:
    """Where a proxy answers."""
    return Address(str(proxy["Endpoint"]), int(proxy["_port"]))


class Forwarding:
    """The gates of one account's proxies."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], Gate] = {}
        self._identities: dict[str, str] = {}

    def settle(self) -> None:
        """Let every proxy lead where its document says, and note what keeps it from its target."""
        with self._lock:
            with self._desk.state.transaction():  # what is being changed now is seen when it is changed
                rows = {(region, name): row for region, name, row in self._desk.state.everywhere("proxy")}
            wanted = {place: gate for place, row in rows.items() if (gate := self._gate(place[0], row)) is not None}
            for place in self._open.keys() - wanted.keys():
                self._shut(self._open.pop(place))
            for place, gate in wanted.items():
                if self._open.get(place) != gate:
                    gates().open(gate)
                    self._open[place] = gate
        for (region, name), row in rows.items():
            self._note(region, name, row)

    def close(self) -> None:
        """Let no client in any more."""
        with self._lock:
            for gate in self._open.values():
                self._shut(gate)
            self._open.clear()

    def _shut(self, gate: Gate) -> None:
        try:
            gates().close(gate.host, gate.port, gate.server)
        except DaybreakError as error:
            log.warning("the gate of a proxy does not close: %s", error)

    def _gate(self, region: str, proxy: Doc) -> Gate | None:
        desk, address = self._desk, address_of(proxy)
        if proxy["Status"] not in SERVING or region in desk.down:
            return None
        server = next((socket for each in proxy["_clusters"] if (socket := desk.fleet.socket_of(each))), "")
        groups = desk.world.security_groups(region, proxy["VpcSecurityGroupIds"])
        admitted = tuple(sorted({each for group in groups for each in group.ranges(address.port)}))
        if self._obstacle(region, proxy):  # asked now: what was noted is of the target before
            server = ""
        return Gate(
            address.host,
            address.port,
            server,
            self._identity(address.host),
            SUPERUSER,
            bool(proxy["RequireTLS"]),
            admitted,
            holds=BORROW_TIMEOUT / max(desk.clock.speed, 1.0),
        )

    def _identity(self, host: str) -> str:
        """The file with the key and the certificate of an endpoint, made once."""
        if host not in self._identities:
            self._identities[host] = str(self._desk.fleet.authority.identity(host))
        return self._identities[host]

    def _note(self, region: str, name: str, proxy: Doc) -> None:
        obstacle = self._obstacle(region, proxy)
        if obstacle == proxy.get("_obstacle"):
            return
        with self._desk.state.transaction():
            now = self._desk.state.get("proxy", region, name)
            if now is not None and now["_clusters"] == proxy["_clusters"]:
                self._desk.state.change("proxy", region, name, _obstacle=obstacle)
        self._desk.on_proxies()

    def _obstacle(self, region: str, proxy: Doc) -> list[str]:
        """Why the proxy cannot use its target: AWS's reason, and its description; empty where nothing is in the way."""
        clusters = [cluster_by_resource(self._desk.state, region, each) for each in proxy["_clusters"]]
        for cluster in filter(None, clusters):
            secrets = [each["SecretArn"] for each in proxy["Auth"] if each.get("SecretArn")]
            is_known = any(self._desk.world.secret(region, each) is not None for each in secrets)
            if not is_known and proxy["DefaultAuthScheme"] == "NONE":
                return list(_NO_CREDENTIALS)
            ids = [each["VpcSecurityGroupId"] for each in cluster["VpcSecurityGroups"]]
            groups = self._desk.world.security_groups(region, ids)
            if not any(each.lets_in(proxy["VpcSecurityGroupIds"], cluster["_port"]) for each in groups):
                return list(_UNREACHABLE)
        return []

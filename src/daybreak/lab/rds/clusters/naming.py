"""What a cluster's identifier leads to: its endpoints belong to the name, and so go to whoever has the name next.

As AWS does it: a name that is given away leads nowhere at once, and a new one leads to its cluster only some minutes after AWS shows
it (FACTS 4.12; guess: how many). A session that is inside stays there. An instance keeps its own endpoint.
"""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.rds.addresses import Address
from daybreak.lab.rds.desk import Desk, DeskJob, job
from daybreak.lab.rds.durations import seconds

_OF_NAME = ("Endpoint", "ReaderEndpoint", "Port")


def addresses_of_name(desk: Desk, region: str, name: str, port: int) -> Doc | None:
    """The endpoints that a name had before, for the cluster that gets it now; ``None`` for a name that led nowhere yet."""
    kept = desk.state.get("name", region, name)
    if kept is None or kept["Port"] != port:
        return None
    desk.state.drop("name", region, name)
    return dict(kept)


def exchange_addresses(desk: Desk, region: str, cluster: Doc, new: str) -> Doc:
    """The endpoints of a cluster under its new name, which lead nowhere yet; those of the old name are kept for who has it next."""
    known = addresses_of_name(desk, region, new, cluster["Port"])
    if known is None:
        host = own_host(desk, cluster["Port"])
        if host is None:  # a machine with one loopback address: there a cluster keeps its own
            return {}
        reader = host if cluster["ReaderEndpoint"] == cluster["Endpoint"] else own_host(desk, cluster["Port"])
        known = {"Endpoint": host, "ReaderEndpoint": reader, "Port": cluster["Port"]}
    desk.state.put("name", region, cluster["DBClusterIdentifier"], {each: cluster[each] for each in _OF_NAME})
    return {**known, "_is_spreading": True}


def own_host(desk: Desk, port: int) -> str | None:
    """A host of its own at that port; ``None`` on a machine that has but one."""
    address = desk.fleet.addresses.take(port)
    if address.port == port:
        return address.host
    desk.fleet.addresses.give_back(address)
    return None


def give_back_host(desk: Desk, region: str, instance: Doc) -> None:
    """Give back the address of an instance that is gone, once its server no longer answers there."""
    cluster = desk.state.get("cluster", region, instance["DBClusterIdentifier"])
    if cluster is None or not instance.get("_host"):
        return
    desk.fleet.settle_soon(region, cluster["DbClusterResourceId"])
    address = Address(instance["_host"], cluster["Port"])
    desk.fleet.soon(lambda: desk.fleet.addresses.give_back(address))


def take_names_again(desk: Desk) -> None:
    """Take the addresses of names that no cluster has now, which an earlier process had."""
    for _, _, kept in desk.state.everywhere("name"):
        for host in {kept["Endpoint"], kept["ReaderEndpoint"]}:
            desk.fleet.addresses.take_again(Address(host, kept["Port"]))
    for region, _, instance in desk.state.everywhere("instance"):
        cluster = desk.state.get("cluster", region, instance["DBClusterIdentifier"])
        if instance.get("_host") and cluster is not None:
            desk.fleet.addresses.take_again(Address(instance["_host"], cluster["Port"]))


def begin_spreading(desk: Desk, former: Job) -> None:
    """Let the name of the cluster that was renamed lead to it in a while."""
    desk.control.follow(former, "spread-name", seconds("spread-name"), former.args)


@job("spread-name")
class SpreadName(DeskJob):
    """Until it ends the cluster's own endpoints lead nowhere."""

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The endpoints lead to the cluster, whatever it is named by now: a later name has a job of its own."""
        cluster = self.cluster(job)
        if cluster is not None and cluster["DBClusterIdentifier"] == job.args["name"]:
            self.desk.state.change("cluster", job.region, cluster["DBClusterIdentifier"], _is_spreading=None)
            self.desk.fleet.settle_soon(job.region, job.args["resource"])

    def fail(self, job: Job, status: str, message: str) -> None:
        """The endpoints lead nowhere for good."""

    def late(self, job: Job, early: Any) -> Work | None:
        """Nothing has to be done before."""
        return None

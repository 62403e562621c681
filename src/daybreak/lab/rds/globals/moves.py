"""A global cluster's primary changes: by a switch-over, which loses nothing, by a fail-over, which loses what had not arrived,
or because a secondary leaves and stands alone.

The law: no promotion reads anything of another region, but for the hand-over of a primary that lives. Whoever followed another
primary, or was one, is behind, and is made anew from the new one as soon as its region is there.
"""

from __future__ import annotations

from typing import Any

from daybreak.lab.control.jobs import Job, Work
from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import AwsError, invalid_combination, invalid_value
from daybreak.lab.rds.desk import Call, DeskJob, changes, cluster_by_resource, job, resource_id
from daybreak.lab.rds.durations import seconds
from daybreak.lab.rds.events import emit
from daybreak.lab.rds.globals.globals import require_rest, view
from daybreak.lab.rds.identifiers import resolve_name
from daybreak.lab.rds.membership import (
    KIND,
    NOWHERE,
    Member,
    find_global,
    has_instance,
    is_secondary,
    members_of_global,
    place_of,
    primary_of,
    secondaries_of,
)
from daybreak.lab.rds.snapshots.snapshots import snapshot_of


@changes("FailoverGlobalCluster", "GlobalClusterIdentifier", "TargetDbClusterIdentifier", "AllowDataLoss", "Switchover")
def fail_over(call: Call) -> Doc:
    """Begin to make a secondary the primary: with AllowDataLoss whatever became of the old one, else as a switch-over [M]."""
    is_lossy = bool(call.get("AllowDataLoss"))
    if is_lossy and call.get("Switchover"):
        raise invalid_combination("AllowDataLoss and Switchover cannot be specified together.")  # guess: the sentence
    return _begin(call, is_lossy=is_lossy)


@changes("SwitchoverGlobalCluster", "GlobalClusterIdentifier", "TargetDbClusterIdentifier")
def switch_over(call: Call) -> Doc:
    """Begin to make a secondary the primary, and the primary a secondary; both must be well."""
    return _begin(call, is_lossy=False)


def _begin(call: Call, *, is_lossy: bool) -> Doc:
    found = find_global(call, call.params["GlobalClusterIdentifier"])
    require_rest(found)
    name = found["GlobalClusterIdentifier"]
    region, target = _target(call, name, call.params["TargetDbClusterIdentifier"])
    primary = primary_of(call.state, name)
    if primary is None:  # guess: code and sentence
        raise fault("InvalidGlobalClusterStateFault", f"Global cluster {name} has no primary DB cluster.")
    _check_pair(call, primary, (region, target), is_lossy=is_lossy)
    kind = "failover-global-cluster" if is_lossy else "switchover-global-cluster"
    state = {
        "Status": "failing-over" if is_lossy else "switching-over",
        "FromDbClusterArn": primary[1]["DBClusterArn"],
        "ToDbClusterArn": target["DBClusterArn"],
        "IsDataLossAllowed": is_lossy,
    }
    changed = call.state.change(KIND, NOWHERE, name, Status=state["Status"], FailoverState=state)
    call.state.change("cluster", region, target["DBClusterIdentifier"], Status="promoting")
    if not is_lossy:  # guess: the word; the guide says that the old primary is not available meanwhile
        call.state.change("cluster", primary[0], primary[1]["DBClusterIdentifier"], Status="modifying")
        id = target["DBClusterIdentifier"]
        emit(call.desk, region, "switchover-started", id, name=id, place=region)
    args = {
        "resource": target["DbClusterResourceId"],
        "global": found["GlobalClusterResourceId"],
        "from": list(place_of(*primary)),
        "to": list(place_of(region, target)),
    }
    call.desk.control.submit(kind, region, target["DBClusterIdentifier"], seconds(kind), args)
    return {"GlobalCluster": view(call.desk, changed)}


def _target(call: Call, name: str, value: str) -> Member:
    """The secondary that the call names: by its ARN, or by its name in the call's own region."""
    pointed = resolve_name(value, "cluster", call.region, call.desk.account)
    if pointed.region in call.desk.down:  # guess: a region that is away answers nobody
        raise AwsError("InternalFailure", f"The region {pointed.region} cannot be reached.", 500)
    members = members_of_global(call.state, name)
    wanted = (pointed.region, pointed.account, pointed.id)
    found = next(
        (each for each in members if (each[0], call.desk.account, each[1]["DBClusterIdentifier"]) == wanted), None
    )
    if found is None:  # guess: the code, out of the operation's own
        raise fault("DBClusterNotFoundFault", f"DBCluster {value} is not found in global cluster {name}")
    return found


def _check_pair(call: Call, primary: Member, target: Member, *, is_lossy: bool) -> None:
    """Refuse a secondary that cannot lead, and a switch-over of a primary that is not well; guess: codes and sentences."""
    region, cluster = target
    if not is_secondary(cluster):
        raise fault("InvalidDBClusterStateFault", f"{cluster['DBClusterArn']} is the primary DB cluster already.")
    if cluster["Status"] != "available" or cluster.get("_is_behind") or not has_instance(call.desk, region, cluster):
        raise fault(
            "InvalidDBClusterStateFault", f"{cluster['DBClusterArn']} is not ready to become the primary DB cluster."
        )
    if cluster["EngineVersion"] != primary[1]["EngineVersion"]:
        raise fault(
            "InvalidGlobalClusterStateFault", "The primary and the target DB cluster have different engine versions."
        )
    is_well = primary[1]["Status"] == "available" and has_instance(call.desk, *primary)
    if not is_lossy and (primary[0] in call.desk.down or not is_well):
        raise fault("InvalidGlobalClusterStateFault", "The primary DB cluster is not available: a switchover needs it.")


class Move(DeskJob):
    """The primary changes."""

    is_lossy = False

    def late(self, job: Job, early: Any) -> Work | None:
        """Change the roles, then promote."""
        fleet, args = self.desk.fleet, job.args
        old, new = self._member(args["from"]), self._member(args["to"])
        if new is None:
            return None
        for each in self._others(job):
            self._change(each, _is_behind=True)
        if old is not None:
            self._change((args["from"][0], old), _role="secondary", _is_behind=True)
        self._change((args["to"][0], new), _role="primary")
        is_reachable = args["from"][0] not in self.desk.down
        source, target = tuple(args["from"]), tuple(args["to"])

        def work() -> None:
            if not self.is_lossy:
                fleet.hand_over(source, target)
            elif is_reachable:
                fleet.stop_server(source[1])
            fleet.promote(*target)

        return work

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """The new primary takes writes, and the others begin to follow it."""
        region, new = job.args["to"][0], self._member(job.args["to"])
        if new is None:
            return
        name = new["DBClusterIdentifier"]
        self._change((region, new), Status="available")
        self._rest(job)
        event = "global-failover-done" if self.is_lossy else "switchover-done"
        emit(self.desk, region, event, name, name=name, place=region)
        for other, row in secondaries_of(self.desk.state, new["GlobalClusterIdentifier"]):
            if row.get("_is_behind"):
                was_primary = row["DbClusterResourceId"] == job.args["from"][1]
                begin_rebuilding(self, (other, row), job.args["to"], is_lossy=self.is_lossy and was_primary)

    def fail(self, job: Job, status: str, message: str) -> None:
        """The roles are as before; guess: what a cluster shows then."""
        old, new = self._member(job.args["from"]), self._member(job.args["to"])
        if old is not None:
            self._change((job.args["from"][0], old), _role="primary", _is_behind=None, Status="available")
        if new is not None:
            is_behind = not self.desk.fleet.follows(
                job.args["to"][1]
            )  # it was promoted before something else went wrong
            self._change((job.args["to"][0], new), _role="secondary", Status="available", _is_behind=is_behind or None)
            if is_behind:
                begin_rebuilding(self, (job.args["to"][0], new), job.args["from"], is_lossy=False)
            emit(self.desk, job.region, "cluster-failed", new["DBClusterIdentifier"], reason=message)
        for each in self._others(job):
            self._change(each, _is_behind=None)
        self._rest(job)
        for region, resource, _ in (job.args["from"], job.args["to"]):
            self.desk.fleet.settle_soon(region, resource)

    def _member(self, place: list[str]) -> Doc | None:
        return cluster_by_resource(self.desk.state, place[0], place[1])

    def _others(self, job: Job) -> list[Member]:
        """The members that neither lead nor are to lead."""
        new = self._member(job.args["to"])
        both = (job.args["from"][1], job.args["to"][1])
        members = members_of_global(self.desk.state, new["GlobalClusterIdentifier"]) if new else []
        return [each for each in members if each[1]["DbClusterResourceId"] not in both]

    def _change(self, member: Member, **members: Any) -> None:
        self.desk.state.change("cluster", member[0], member[1]["DBClusterIdentifier"], **members)

    def _rest(self, job: Job) -> None:
        for row in self.desk.state.all(KIND, NOWHERE):
            if row["GlobalClusterResourceId"] == job.args["global"]:
                name = row["GlobalClusterIdentifier"]
                self.desk.state.change(KIND, NOWHERE, name, Status="available", FailoverState=None)


@job("switchover-global-cluster")
class Switchover(Move):
    """Nothing is lost."""

    def regions(self, job: Job) -> frozenset[str]:
        """Both must be there."""
        return frozenset({job.region, job.args["from"][0]})


@job("failover-global-cluster")
class Failover(Move):
    """What had not arrived is lost; the old primary's region need not be there."""

    is_lossy = True


# -- making anew ------------------------------------------------------------------------------------------------------


def begin_rebuilding(of: DeskJob, member: Member, leader: list[str], *, is_lossy: bool) -> None:
    """Begin to make a member anew from its leader, as soon as its region is there.

    Of an old primary whose last writes were lost AWS keeps a snapshot first, which holds them.
    """
    region, cluster = member
    desk, name = of.desk, cluster["DBClusterIdentifier"]
    kind = "rebuild-secondary"
    args = {
        "resource": cluster["DbClusterResourceId"],
        "version": cluster["EngineVersion"],
        "leader": list(leader),
        "kept": resource_id("snapshot-") if is_lossy else None,
    }
    desk.control.submit(kind, region, name, seconds(kind, cluster["_gigabytes"]), args)


@job("rebuild-secondary")
class RebuildSecondary(DeskJob):
    """Makes the volume of a member anew."""

    def regions(self, job: Job) -> frozenset[str]:
        """The member's and its leader's."""
        return frozenset({job.region, job.args["leader"][0]})

    def late(self, job: Job, early: Any) -> Work:
        """Keep what the old primary held, then follow the new one."""
        fleet, args = self.desk.fleet, job.args

        def work() -> None:
            if args["kept"]:
                fleet.snapshot(job.region, (args["resource"], args["version"]), args["kept"])
            fleet.follow(job.region, args["resource"], tuple(args["leader"]))

        return work

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """It follows."""
        cluster = self.cluster(job)
        if cluster is None:
            return
        name = cluster["DBClusterIdentifier"]
        if job.args["kept"]:
            now = self.desk.clock.now()
            id = f"rds:unplanned-global-failover-{name}-{now:%Y-%m-%d-%H-%M}"
            own = {"SnapshotType": "automated", "TagList": [], "Status": "available", "_place": job.args["kept"]}
            snapshot_of(self.desk, job.region, cluster, id, **own)
        self.desk.state.change("cluster", job.region, name, _is_behind=None, Status="available")
        emit(self.desk, job.region, "resynchronized", name, name=name)
        self.desk.fleet.settle_soon(job.region, job.args["resource"])

    def fail(self, job: Job, status: str, message: str) -> None:
        """It stays behind."""
        cluster = self.cluster(job)
        if cluster is not None:
            emit(self.desk, job.region, "cluster-failed", cluster["DBClusterIdentifier"], reason=message)


# -- leaving ----------------------------------------------------------------------------------------------------------


@changes("RemoveFromGlobalCluster", "GlobalClusterIdentifier", "DbClusterIdentifier")
def remove(call: Call) -> Doc:
    """Take a member out: a secondary begins to stand alone, with what had arrived; the last one leaves at once."""
    found = find_global(call, call.params["GlobalClusterIdentifier"])
    require_rest(found)
    name, value = found["GlobalClusterIdentifier"], call.params["DbClusterIdentifier"]
    pointed = resolve_name(value, "cluster", call.region, call.desk.account)
    member = next(
        (
            each
            for each in members_of_global(call.state, name)
            if (each[0], each[1]["DBClusterIdentifier"]) == (pointed.region, pointed.id)
        ),
        None,
    )
    if member is None:  # the code and the end of the sentence are AWS's own, as terraform reads them
        raise invalid_value(f"{value} is not found in global cluster {name}")
    region, cluster = member
    if region in call.desk.down:
        raise AwsError("InternalFailure", f"The region {region} cannot be reached.", 500)  # guess
    id = cluster["DBClusterIdentifier"]
    if not is_secondary(cluster):
        if secondaries_of(call.state, name):  # guess: code and sentence; the guide says that the primary leaves last
            raise fault(
                "InvalidGlobalClusterStateFault", "Remove the secondary DB clusters of the global cluster first."
            )
        call.state.change("cluster", region, id, GlobalClusterIdentifier=None, _role=None)
        return {"GlobalCluster": view(call.desk, found)}
    if cluster["Status"] != "available" or cluster.get("_is_behind"):
        raise fault("InvalidDBClusterStateFault", f"DB cluster {id} is not available.")
    call.state.change("cluster", region, id, Status="promoting")
    kind = "remove-from-global-cluster"
    args = {"resource": cluster["DbClusterResourceId"], "version": cluster["EngineVersion"]}
    call.desk.control.submit(kind, region, id, seconds(kind), args)
    return {"GlobalCluster": view(call.desk, found)}


@job("remove-from-global-cluster")
class Remove(DeskJob):
    """A secondary becomes a cluster of its own."""

    def late(self, job: Job, early: Any) -> Work | None:
        """Leave, and take writes from now on."""
        cluster = self.cluster(job)
        if cluster is None:
            return None
        name = cluster["DBClusterIdentifier"]
        self.desk.state.change("cluster", job.region, name, GlobalClusterIdentifier=None, _role=None)
        return lambda: self.desk.fleet.promote(job.region, job.args["resource"], job.args["version"])

    def finish(self, job: Job, early: Any, late: Any) -> None:
        """It is available."""
        cluster = self.cluster(job)
        if cluster is not None:
            self.desk.state.change("cluster", job.region, cluster["DBClusterIdentifier"], Status="available")

    def fail(self, job: Job, status: str, message: str) -> None:
        """It is left in that status."""
        cluster = self.cluster(job)
        if cluster is not None:
            emit(self.desk, job.region, "cluster-failed", cluster["DBClusterIdentifier"], reason=message)
            self.desk.state.change("cluster", job.region, cluster["DBClusterIdentifier"], Status=status)

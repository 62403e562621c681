"""Cluster and instance parameter groups: the same operations twice, over two kinds of group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.codec import fault
from daybreak.lab.protocol.errors import invalid_value
from daybreak.lab.rds import parameters
from daybreak.lab.rds.desk import Call, Desk, changes, looks, public
from daybreak.lab.rds.events import emit
from daybreak.lab.rds.identifiers import new_identifier, resolve_name
from daybreak.lab.rds.paging import PAGES, filter_rows, page
from daybreak.lab.rds.tagging import check_tags


@dataclass(frozen=True)
class Kind:
    """One of the two kinds of group, in AWS's words."""

    kind: str
    word: str  # as in CreateDB<word>ParameterGroup and DB<word>ParameterGroupName
    arn: str

    @property
    def group(self) -> str:
        """The member a group is returned in."""
        return f"DB{self.word}ParameterGroup"

    @property
    def name(self) -> str:
        """The member with its name."""
        return f"{self.group}Name"


CLUSTER = Kind("cluster-parameter-group", "Cluster", "cluster-pg")
INSTANCE = Kind("parameter-group", "", "pg")

MOST_GROUPS = 50
"""The most groups of one kind in a region, besides the default ones."""


def group_of(desk: Desk, region: str, kind: Kind, name: str) -> Doc | None:
    """The group of that name; the default groups of all installed versions always exist."""
    found = desk.state.get(kind.kind, region, name.lower())
    if found is None and name.lower() in _default_names(desk):
        arn, family = desk.arn(region, kind.arn, name.lower()), name.lower().removeprefix("default.")
        found = _document(arn, kind, name.lower(), family, f"Default parameter group for {family}")
    return found


def find_group(call: Call, kind: Kind, name: str, shape: str = "DBParameterGroupNotFoundFault") -> Doc:
    """The group of that name, or AWS's refusal."""
    found = group_of(call.desk, call.region, kind, resolve_name(name, kind.arn, call.region, call.desk.account).id)
    if found is None:
        raise fault(shape, f"{kind.group} not found: {name}")
    return found


def choose_group(call: Call, kind: Kind, name: str | None, version: str) -> str:
    """The group of a new cluster or instance: the named one, which must be of the version's family, or the default."""
    if name is None:
        return parameters.default_group(version)
    shape = "DBClusterParameterGroupNotFoundFault" if kind is CLUSTER else "DBParameterGroupNotFoundFault"
    group = find_group(call, kind, name, shape)
    wanted = parameters.family(version)
    if group["DBParameterGroupFamily"] != wanted:
        raise invalid_value(
            f"The Parameter Group {name} with DBParameterGroupFamily {group['DBParameterGroupFamily']} can't be used "
            f"for this instance. Please use a Parameter Group with DBParameterGroupFamily {wanted}."
        )
    return str(group[kind.name])


def _create(call: Call, kind: Kind) -> Doc:
    name = _new_name(call, kind, call.params[kind.name])
    wanted = call.params["DBParameterGroupFamily"]
    if f"default.{wanted}" not in _default_names(call.desk):
        raise invalid_value(f"ParameterGroupFamily {wanted} is not a valid parameter group family")
    document = _document(call.desk.arn(call.region, kind.arn, name), kind, name, wanted, call.params["Description"])
    born = {"_born": call.desk.clock.simulation_time()}
    call.state.put(kind.kind, call.region, name, {**document, **born, "_tags": check_tags(call.get("Tags", []))})
    return {kind.group: public(document)}


def _copy(call: Call, kind: Kind) -> Doc:
    source = find_group(call, kind, call.params[f"Source{kind.group}Identifier"])
    name = _new_name(call, kind, call.params[f"Target{kind.group}Identifier"])
    text = call.params[f"Target{kind.group}Description"]
    arn = call.desk.arn(call.region, kind.arn, name)
    document = _document(arn, kind, name, source["DBParameterGroupFamily"], text)
    born = {"_born": call.desk.clock.simulation_time()}
    kept = {**document, **born, "_values": dict(source["_values"]), "_tags": check_tags(call.get("Tags", []))}
    call.state.put(kind.kind, call.region, name, kept)
    return {kind.group: public(document)}


def _describe(call: Call, kind: Kind) -> Doc:
    if name := call.get(kind.name):
        rows = [find_group(call, kind, name)]
    else:
        defaults = [group_of(call.desk, call.region, kind, name) for name in _default_names(call.desk)]
        rows = [row for row in defaults if row] + call.state.all(kind.kind, call.region)
    rows = filter_rows(call, rows, {})
    return page(call, [public(row) for row in sorted(rows, key=lambda row: str(row[kind.name]))], f"{kind.group}s")


def _describe_parameters(call: Call, kind: Kind) -> Doc:
    group = find_group(call, kind, call.params[kind.name])
    rows = _rows(call.desk, group)
    if source := call.get("Source"):
        rows = [row for row in rows if row["Source"] == source]
    return page(call, filter_rows(call, rows, {"parameter-name": lambda row: row["ParameterName"]}), "Parameters")


def _modify(call: Call, kind: Kind) -> Doc:
    group = _own_group(call, kind)
    given = call.params["Parameters"]
    if len(given) > parameters.MOST_AT_ONCE:
        raise invalid_value(f"A maximum of {parameters.MOST_AT_ONCE} parameters can be modified in a single request")
    known = catalog_of(call.desk, group["DBParameterGroupFamily"])
    values = dict(group["_values"])
    for each in given:
        name, value = each.get("ParameterName", ""), each.get("ParameterValue")
        method = each.get("ApplyMethod", "pending-reboot")
        parameters.check(known.get(name), name, value, method)
        if value is None:
            raise invalid_value(f"The parameter {name} needs a value")
        values[name] = {"value": value, "method": method}
    _keep(call, kind, {**group, "_values": values}, [each["ParameterName"] for each in given])
    return {kind.name: group[kind.name]}


def _reset(call: Call, kind: Kind) -> Doc:
    group = _own_group(call, kind)
    given = call.get("Parameters", [])
    everything = call.get("ResetAllParameters", not given)  # guess: AWS says "default true" for the instance kind
    if everything and given:
        raise invalid_value("ResetAllParameters and Parameters cannot be given together")
    known = catalog_of(call.desk, group["DBParameterGroupFamily"])
    names = list(group["_values"]) if everything else [each.get("ParameterName", "") for each in given]
    for each in given:
        parameters.check(
            known.get(each.get("ParameterName", "")), each.get("ParameterName", ""), None, "pending-reboot"
        )
    values = {name: value for name, value in group["_values"].items() if name not in names}
    _keep(call, kind, {**group, "_values": values}, names)
    return {kind.name: group[kind.name]}


def _delete(call: Call, kind: Kind) -> Doc:
    group = _own_group(call, kind)
    name = group[kind.name]
    if any(_uses(row, kind, name) for row in _users(call.desk, call.region, kind)):
        raise fault("InvalidDBParameterGroupStateFault", f"One or more database instances are still members of {name}.")
    call.state.drop(kind.kind, call.region, name)
    return {}


# -- what stands behind -----------------------------------------------------------------------------------------------


def catalog_of(desk: Desk, family: str) -> dict[str, parameters.Parameter]:
    """The parameters of a family."""
    return desk.fleet.parameters(int(family.removeprefix("aurora-postgresql")))


def _keep(call: Call, kind: Kind, group: Doc, changed: list[str]) -> None:
    """Keep the changed group and pass it to the servers that run with it."""
    name = group[kind.name]
    call.state.put(kind.kind, call.region, name, group)
    known = catalog_of(call.desk, group["DBParameterGroupFamily"])
    users = "cluster" if kind is CLUSTER else "instance"
    member = "DBClusterIdentifier" if kind is CLUSTER else "DBInstanceIdentifier"
    for row in _users(call.desk, call.region, kind):
        if not _uses(row, kind, name) or "_effective" not in row:
            continue
        effective = parameters.after_change(row["_effective"], group, changed, known)
        call.state.change(users, call.region, row[member], _effective=effective)
        cluster = call.state.get("cluster", call.region, row["DBClusterIdentifier"])
        if cluster is not None:
            call.desk.fleet.settle_soon(call.region, cluster["DbClusterResourceId"])
    for parameter in changed:
        entry = group["_values"].get(parameter, {"value": "default", "method": "pending-reboot"})
        emit(
            call.desk,
            call.region,
            "parameter-group-updated",
            name,
            name=parameter,
            value=entry["value"],
            method=entry["method"],
        )


def _users(desk: Desk, region: str, kind: Kind) -> list[Doc]:
    return desk.state.all("cluster" if kind is CLUSTER else "instance", region)


def _uses(row: Doc, kind: Kind, name: str) -> bool:
    return bool(row["DBClusterParameterGroup" if kind is CLUSTER else "_parameter_group"] == name)


def _rows(desk: Desk, group: Doc) -> list[Doc]:
    known = catalog_of(desk, group["DBParameterGroupFamily"])
    return [parameters.listing_of(each, group["_values"].get(name)) for name, each in known.items()]


def _own_group(call: Call, kind: Kind) -> Doc:
    group = find_group(call, kind, call.params[kind.name])
    name = str(group[kind.name])
    if name.startswith("default."):
        raise fault("InvalidDBParameterGroupStateFault", f"Default {kind.group} cannot be modified: {name}")
    return group


def _new_name(call: Call, kind: Kind, value: str) -> str:
    if len(call.state.all(kind.kind, call.region)) >= MOST_GROUPS:
        raise fault("DBParameterGroupQuotaExceededFault", "Cannot create more than 50 parameter groups")
    name = new_identifier(kind.name, value, longest=255)
    if call.state.get(kind.kind, call.region, name):
        raise fault("DBParameterGroupAlreadyExistsFault", f"Parameter group {name} already exists")
    return name


def _default_names(desk: Desk) -> list[str]:
    return [f"default.aurora-postgresql{major}" for major in desk.fleet.majors()]


def _document(arn: str, kind: Kind, name: str, family: str, text: str) -> Doc:
    return {
        kind.name: name,
        "DBParameterGroupFamily": family,
        "Description": text,
        f"{kind.group}Arn": arn,
        "_values": {},
    }


def _engine_defaults(call: Call) -> Doc:
    family = call.params["DBParameterGroupFamily"]
    if f"default.{family}" not in _default_names(call.desk):
        raise invalid_value(f"ParameterGroupFamily {family} is not a valid parameter group family")
    rows = [parameters.listing_of(each, None) for each in catalog_of(call.desk, family).values()]
    defaults = page(call, filter_rows(call, rows, {"parameter-name": lambda row: row["ParameterName"]}), "Parameters")
    return {"EngineDefaults": {"DBParameterGroupFamily": family, **defaults}}


def _serve() -> None:
    """Register each operation for both kinds."""

    def bound(answer: Callable[[Call, Kind], Doc], kind: Kind) -> Callable[[Call], Doc]:
        return lambda call: answer(call, kind)

    for kind in (CLUSTER, INSTANCE):
        new = (kind.name, "DBParameterGroupFamily", "Description", "Tags")
        copied = (f"Source{kind.group}Identifier", f"Target{kind.group}Identifier", f"Target{kind.group}Description")
        changes(f"Create{kind.group}", *new)(bound(_create, kind))
        changes(f"Copy{kind.group}", *copied, "Tags")(bound(_copy, kind))
        looks(f"Describe{kind.group}s", kind.name, *PAGES)(bound(_describe, kind))
        looks(f"DescribeDB{kind.word}Parameters", kind.name, "Source", *PAGES)(bound(_describe_parameters, kind))
        changes(f"Modify{kind.group}", kind.name, "Parameters")(bound(_modify, kind))
        changes(f"Reset{kind.group}", kind.name, "ResetAllParameters", "Parameters")(bound(_reset, kind))
        changes(f"Delete{kind.group}", kind.name)(bound(_delete, kind))
    for name in ("DescribeEngineDefaultClusterParameters", "DescribeEngineDefaultParameters"):
        looks(name, "DBParameterGroupFamily", *PAGES)(_engine_defaults)


_serve()

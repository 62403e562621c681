"""Plan restores in an account that was recorded: ``python scripts/replay.py FOLDER [--apart]``.

The folder holds answers of AWS as the ``aws`` command prints them (``DBClusters``, ``DBInstances``, ``DBClusterSnapshots``,
``DBClusterAutomatedBackups``; also one ``DBCluster`` or ``DBInstance``). A small server on this machine answers with them, and
the product asks it through boto3 as it would ask AWS. Printed is what `init`, `status` and a plan make of each cluster, backup
and snapshot. The exit code is 1 when the product crashed for one of them; a refusal is an answer.

What a recording names is there (subnet group, security groups, parameter groups, key), because AWS would have it. Of what was
not recorded there is none. Nothing is sent to AWS, and no credential is read.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import ListShape, Shape, StructureShape

from daybreak.app import App
from daybreak.app.planning import PitrWish, plan_pitr
from daybreak.app.snapshots import SnapshotWish, plan_snapshot
from daybreak.app.status import discover, statuses
from daybreak.aws.gateway import Access
from daybreak.config import Settings
from daybreak.errors import Bug, DaybreakError
from daybreak.lab.http.message import Reply, Request
from daybreak.lab.http.server import Server
from daybreak.lab.protocol import codec
from daybreak.lab.protocol.errors import AwsError
from daybreak.model.actions import CreateInstance, RestoreFromSnapshot, RestoreToMoment, Validate
from daybreak.model.findings import Standing
from daybreak.model.plan import Plan
from daybreak.model.targets import Network, Objectives, Target
from daybreak.plan.quarantine import CARED_FOR

KINDS = {
    "DBClusters": ("DescribeDBClusters", "DBClusterIdentifier"),
    "DBInstances": ("DescribeDBInstances", "DBInstanceIdentifier"),
    "DBClusterSnapshots": ("DescribeDBClusterSnapshots", "DBClusterSnapshotIdentifier"),
    "DBClusterAutomatedBackups": ("DescribeDBClusterAutomatedBackups", "DBClusterAutomatedBackupsArn"),
}
"""What can be recorded: the question it answers, and what tells two of a kind apart."""

ACCOUNT, REGION = "123456789012", "us-east-1"
"""Of a recording that names none."""

Body = dict[str, Any]

CRASHED = "CRASHED"
"""The outcome that must not be."""


# -- recordings


@dataclass
class Recording:
    """What was recorded of one account."""

    name: str
    rows: dict[str, list[Body]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    unknown: set[str] = field(default_factory=set)
    """Members that this botocore does not know, so that the product cannot be told of them."""

    def add(self, file: Path) -> None:
        """Take in one answer; raises ``SystemExit`` for a thing that another file holds already."""
        said = json.loads(file.read_text(encoding="utf-8"))
        for kind, (operation, key) in KINDS.items():
            shape: Any = codec.operation_model(operation).output_shape
            member = shape.members[kind].member
            for body in [*said.get(kind, []), *([said[kind[:-1]]] if kind[:-1] in said else [])]:
                row = self._read(member, body)
                same = [each for each in self.rows[kind] if each.get(key) == row.get(key) and home(each) == home(row)]
                if same:
                    sys.exit(f'{file.name}: another file holds a {kind[:-1]} "{row.get(key)}" too: add --apart')
                self.rows[kind].append(row)

    def _read(self, shape: Shape, value: Any) -> Any:
        """A value with Python's types, as botocore would have read it from AWS."""
        if isinstance(shape, StructureShape):
            self.unknown |= {f"{shape.name}.{name}" for name in value if name not in shape.members}
            return {
                name: self._read(shape.members[name], each)
                for name, each in value.items()
                if name in shape.members and each is not None
            }
        if isinstance(shape, ListShape):
            return [self._read(shape.member, each) for each in value]
        if shape.type_name == "timestamp":
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return value

    def at(self, region: str) -> Recording:
        """What was recorded in one region."""
        return Recording(
            self.name, {kind: [row for row in rows if home(row)[0] == region] for kind, rows in self.rows.items()}
        )

    def regions(self) -> list[str]:
        """Where something was recorded."""
        return sorted({home(row)[0] for rows in self.rows.values() for row in rows})

    def named(self, pattern: str) -> list[str]:
        """Everything that the recording names in this form, each once."""
        return sorted({found for found in map(str, _leaves(self.rows)) if re.fullmatch(pattern, found)})

    def values(self, *members: str) -> list[str]:
        """What the recorded things say under these names, each once."""
        every = [row for rows in self.rows.values() for row in rows]
        every += [group for row in every for group in row.get("DBParameterGroups", [])]
        found = {row[member] for row in every for member in members if isinstance(row.get(member), str)}
        found |= {
            row["DBSubnetGroup"]["DBSubnetGroupName"] for row in every if isinstance(row.get("DBSubnetGroup"), dict)
        }
        return sorted(filter(None, found))


def home(row: Body) -> tuple[str, str]:
    """The region and account of a recorded thing."""
    arn = next((str(row[name]) for name in row if name.endswith("Arn") and str(row[name]).startswith("arn:")), "")
    parts = arn.split(":")
    return (parts[3], parts[4]) if len(parts) > 5 else (REGION, ACCOUNT)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    else:
        yield value


def recordings(folder: Path, *, is_apart: bool) -> list[Recording]:
    """The accounts of a folder: all its files together, or each file by itself."""
    found: list[Recording] = []
    for file in sorted(folder.glob("*.json")):
        if is_apart or not found:
            found.append(Recording(file.stem if is_apart else folder.name))
        found[-1].add(file)
    return found


# -- the server


class Replay:
    """Answers one region's reads from a recording."""

    def __init__(self, recording: Recording, account: str) -> None:
        self._seen = recording
        self._account = account
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Reply:
        """The answer to one request, in the protocol of its service."""
        target = request.headers.get("x-amz-target", "")
        if target:
            return self._json(target.rpartition(".")[2], json.loads(request.body or b"{}"))
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        operation = form.get("Action", "")
        self.asked.append(operation)
        if operation == "GetCallerIdentity":
            return _xml(_who(self._account))
        if operation == "DescribeSecurityGroups":
            return _xml(self._security_groups(form))
        try:
            answer = getattr(self, f"_{operation}", None)
            if answer is None:
                raise AwsError("AccessDenied", f"{operation} was not recorded", 403)
            return _xml(codec.render(operation, answer(codec.parse(operation, form)), "replayed"))
        except AwsError as error:
            return Reply(error.status, (("Content-Type", "text/xml"),), codec.render_error(error, "replayed"))

    def _json(self, operation: str, asked: Body) -> Reply:
        self.asked.append(operation)
        answers: dict[str, Body] = {
            "GetMetricStatistics": {"Label": "", "Datapoints": []},
            "DescribeScalableTargets": {"ScalableTargets": []},
        }
        if operation == "DescribeKey" and asked["KeyId"] in self._seen.named(r"arn:aws[\w-]*:kms:.*"):
            key = {"KeyId": asked["KeyId"].rpartition("/")[2], "Arn": asked["KeyId"], "Enabled": True}
            answers["DescribeKey"] = {"KeyMetadata": {**key, "KeyState": "Enabled", "KeyManager": "CUSTOMER"}}
        is_known = operation in answers
        body = answers[operation] if is_known else {"__type": "AccessDeniedException", "message": "not recorded"}
        headers = (("Content-Type", "application/x-amz-json-1.1"),)
        return Reply(200 if is_known else 400, headers, json.dumps(body).encode())

    def _security_groups(self, form: Mapping[str, str]) -> bytes:
        wanted = {value for key, value in form.items() if ".Value." in key}
        there = wanted.intersection(self._seen.named(r"sg-\w+") or ["sg-replay"])
        # What a group lets in was not recorded: its own members, as most groups do.
        rule = "<item><ipProtocol>-1</ipProtocol><groups><item><groupId>{0}</groupId></item></groups></item>"
        items = "".join(
            f"<item><groupId>{name}</groupId><groupName>{name}</groupName><ipPermissions>{rule.format(name)}"
            "</ipPermissions></item>"
            for name in sorted(there)
        )
        return (
            '<DescribeSecurityGroupsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
            f"<securityGroupInfo>{items}</securityGroupInfo></DescribeSecurityGroupsResponse>"
        ).encode()

    # Each of these answers the operation of its name.

    def _DescribeDBClusters(self, asked: Body) -> Body:  # noqa: N802
        return {"DBClusters": self._rows("DBClusters", asked, "DBClusterIdentifier", "DBClusterNotFoundFault")}

    def _DescribeDBInstances(self, asked: Body) -> Body:  # noqa: N802
        return {"DBInstances": self._rows("DBInstances", asked, "DBInstanceIdentifier", "DBInstanceNotFoundFault")}

    def _DescribeDBClusterSnapshots(self, asked: Body) -> Body:  # noqa: N802
        name = asked.pop("DBClusterSnapshotIdentifier", None)
        key = "DBClusterSnapshotArn" if str(name).startswith("arn:") else "DBClusterSnapshotIdentifier"
        of = {**asked, key: name} if name else asked
        rows = self._rows("DBClusterSnapshots", of, key, "DBClusterSnapshotNotFoundFault")
        kind = asked.get("SnapshotType")
        return {"DBClusterSnapshots": [row for row in rows if kind in (None, row.get("SnapshotType"))]}

    def _DescribeDBClusterAutomatedBackups(self, _: Body) -> Body:  # noqa: N802
        return {"DBClusterAutomatedBackups": self._seen.rows["DBClusterAutomatedBackups"]}

    def _DescribeDBClusterEndpoints(self, _: Body) -> Body:  # noqa: N802
        return {"DBClusterEndpoints": []}

    def _DescribeDBProxies(self, _: Body) -> Body:  # noqa: N802
        return {"DBProxies": []}

    def _ListTagsForResource(self, _: Body) -> Body:  # noqa: N802
        return {"TagList": []}

    def _DescribeAccountAttributes(self, _: Body) -> Body:  # noqa: N802
        return {"AccountQuotas": []}

    def _DescribeDBSubnetGroups(self, asked: Body) -> Body:  # noqa: N802
        there = self._seen.values("DBSubnetGroup") or ["replay"]
        wanted = asked.get("DBSubnetGroupName")
        if wanted and wanted not in there:
            raise codec.fault("DBSubnetGroupNotFoundFault", f"DBSubnetGroup {wanted} not found.")
        return {"DBSubnetGroups": [{"DBSubnetGroupName": name} for name in there if wanted in (None, name)]}

    def _DescribeDBClusterParameterGroups(self, asked: Body) -> Body:  # noqa: N802
        name = self._group(asked["DBClusterParameterGroupName"], "DBClusterParameterGroup")
        arn = f"arn:aws:rds:{REGION}:{self._account}:cluster-pg:{name}"
        facts = {"DBClusterParameterGroupName": name, "DBClusterParameterGroupArn": arn}
        return {"DBClusterParameterGroups": [{**facts, "DBParameterGroupFamily": self._family(name)}]}

    def _DescribeDBParameterGroups(self, asked: Body) -> Body:  # noqa: N802
        name = self._group(asked["DBParameterGroupName"], "DBParameterGroupName")
        arn = f"arn:aws:rds:{REGION}:{self._account}:pg:{name}"
        facts = {"DBParameterGroupName": name, "DBParameterGroupArn": arn}
        return {"DBParameterGroups": [{**facts, "DBParameterGroupFamily": self._family(name)}]}

    def _DescribeDBParameters(self, asked: Body) -> Body:  # noqa: N802
        return {"Parameters": _settable(asked)}

    def _DescribeDBClusterParameters(self, asked: Body) -> Body:  # noqa: N802
        return {"Parameters": _settable(asked)}

    def _DescribeEngineDefaultClusterParameters(self, asked: Body) -> Body:  # noqa: N802
        return {
            "EngineDefaults": {"DBParameterGroupFamily": asked["DBParameterGroupFamily"], "Parameters": _settable({})}
        }

    def _rows(self, kind: str, asked: Body, key: str, fault: str) -> list[Body]:
        rows = self._seen.rows[kind]
        wanted = [
            name for each in asked.get("Filters", []) for name in each["Values"] if each["Name"] == "db-cluster-id"
        ]
        if wanted:
            rows = [row for row in rows if row.get("DBClusterIdentifier") in wanted]
        if name := asked.get(key):
            rows = [row for row in rows if str(row.get(key)).lower() == name.lower()]
            if not rows:
                raise codec.fault(fault, f"{kind[:-1]} {name} not found.")
        return rows

    def _group(self, name: str, member: str) -> str:
        if name not in self._seen.values(member):
            raise codec.fault("DBParameterGroupNotFoundFault", f"DBParameterGroup not found: {name}")
        return name

    def _family(self, group: str) -> str:
        if group.startswith("default."):
            return group.removeprefix("default.")
        users = [row for row in self._seen.rows["DBClusters"] if row.get("DBClusterParameterGroup") == group]
        return f"{users[0]['Engine']}{users[0]['EngineVersion'].split('.')[0]}" if users else "aurora-postgresql17"


def _settable(asked: Body) -> list[Body]:
    if asked.get("Source") == "user":
        return []
    return [{"ParameterName": name, "IsModifiable": True} for name in sorted(CARED_FOR)]


def _xml(body: bytes) -> Reply:
    return Reply(200, (("Content-Type", "text/xml"),), body)


def _who(account: str) -> bytes:
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{account}:user/replay</Arn><UserId>replay</UserId><Account>{account}</Account>"
        "</GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    ).encode()


# -- what the product makes of it


@dataclass(frozen=True)
class Line:
    """What became of one recorded thing."""

    thing: str
    engine: str
    outcome: str
    """``planned``, ``refused``, ``unreachable``, … or ``CRASHED``."""
    says: tuple[str, ...] = ()


def replayed(recording: Recording) -> Iterator[Line]:
    """Every recorded thing of an account, with what the product makes of it."""
    for region in recording.regions():
        here = recording.at(region)
        account = next(home(row)[1] for rows in here.rows.values() for row in rows)
        server = Server(Replay(here, account))
        server.start()
        try:
            with tempfile.TemporaryDirectory() as state:
                app = _app(here, region, server.url, state)
                yield outcome_of(f"account {account}, {region}", "", partial(_offered, app))
                yield from _lines(here, app)
        finally:
            server.close()


def _app(here: Recording, region: str, url: str, state: str) -> App:
    living = {row["DBClusterIdentifier"] for row in here.rows["DBClusters"]}
    backups = [*here.rows["DBClusterSnapshots"], *here.rows["DBClusterAutomatedBackups"]]
    gone = {row["DBClusterIdentifier"] for row in backups} - living
    groups = here.values("DBSubnetGroup") or ["replay"]
    network = {
        region: Network(subnet_group=groups[0], security_groups=tuple(here.named(r"sg-\w+")[:1]) or ("sg-replay",))
    }
    objectives = Objectives(rpo=timedelta(minutes=5), rto=timedelta(hours=4), retention=timedelta(days=7))
    targets = {
        name: Target(
            name=name, cluster=name, region=region, objectives=objectives, network=network if name in gone else {}
        )
        for name in living | gone
    }
    settings = Settings(state=state, poll=timedelta(milliseconds=1), only_loopback=True, targets=targets)
    return App(settings, Access(region=region, endpoint_url=url, only_loopback=True), os.environ)


def _lines(here: Recording, app: App) -> Iterator[Line]:
    living = {row["DBClusterIdentifier"] for row in here.rows["DBClusters"]}
    for row in here.rows["DBClusters"]:
        name, engine = row["DBClusterIdentifier"], _engine(row)
        yield outcome_of(f'cluster "{name}": plan', engine, partial(_to_latest, app, PitrWish(name, "latest")))
        yield outcome_of(f'cluster "{name}": status', engine, partial(_status, app, name))
    for row in here.rows["DBClusterAutomatedBackups"]:
        name = row["DBClusterIdentifier"]
        if name not in living:
            wish = PitrWish(name, "latest", resource_id=row["DbClusterResourceId"])
            yield outcome_of(f'backup of "{name}": plan', _engine(row), partial(_to_latest, app, wish))
    for row in here.rows["DBClusterSnapshots"]:
        taken = SnapshotWish(row["DBClusterIdentifier"], row["DBClusterSnapshotArn"])
        what = f'snapshot "{row["DBClusterSnapshotIdentifier"]}": plan'
        yield outcome_of(what, _engine(row), partial(_from_snapshot, app, taken))
    for row in here.rows["DBInstances"]:
        whose = row.get("DBClusterIdentifier")
        if whose not in living:
            why = f'its cluster "{whose}" was not recorded' if whose else "it belongs to no cluster"
            yield Line(f'instance "{row["DBInstanceIdentifier"]}"', _engine(row), "alone", (why,))


def _to_latest(app: App, wish: PitrWish) -> tuple[str, ...]:
    return _planned(plan_pitr(app, wish))


def _from_snapshot(app: App, wish: SnapshotWish) -> tuple[str, ...]:
    return _planned(plan_snapshot(app, wish))


def _engine(row: Body) -> str:
    return f"{row.get('Engine', '?')} {row.get('EngineVersion', '?')}"


def outcome_of(thing: str, engine: str, question: Callable[[], tuple[str, ...]]) -> Line:
    """What became of a question to the product; whatever it raises is an outcome too."""
    try:
        return Line(thing, engine, "planned" if thing.endswith(": plan") else "done", question())
    except Bug as bug:
        return Line(thing, engine, CRASHED, (bug.message,))
    except DaybreakError as error:
        reasons = getattr(error, "reasons", ()) or (error.message,)
        return Line(thing, engine, type(error).__name__.lower(), (*reasons, *(f"hint: {hint}" for hint in error.hints)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the product should have named it
        return Line(thing, engine, CRASHED, (f"{type(error).__name__}: {error}",))


def _offered(app: App) -> tuple[str, ...]:
    found = discover(app)
    return (
        f"init writes targets for: {', '.join(each.target.cluster for each in found.found) or 'none'}",
        *(f"to be done: {each}" for each in found.to_be_done),
        *(f"left out: {each}" for each in found.left_out),
    )


def _status(app: App, name: str) -> tuple[str, ...]:
    (found,) = statuses(app, (name,))
    return tuple(
        f"{each.standing.value}: {each.title}: {each.found}{f' ({each.why})' if each.why else ''}"
        for each in found.findings
        if each.standing is not Standing.FIT
    )


def _planned(plan: Plan) -> tuple[str, ...]:
    actions = [step.action for step in plan.steps]
    (restore,) = (each for each in actions if isinstance(each, RestoreToMoment | RestoreFromSnapshot))
    classes = [each.instance_class for each in actions if isinstance(each, CreateInstance)]
    held = next(each for each in actions if isinstance(each, Validate))
    stored = held.snapshot_seen or held.source_seen or held.backup_seen
    range_ = restore.serverless
    return (
        f"restores {_version(restore)} with {', '.join(classes) or 'no instance'}"
        + (f", serverless {range_.low:g} to {range_.high:g}" if range_ else ""),
        f"encryption: {stored.encryption_kind if stored else 'unknown'}, key {restore.kms_key or 'not named'}",
        f"port: {restore.port or 'not said'}; storage: {restore.storage_type or 'not said'}",
        *(f"note: {note}" for note in plan.notes),
        *(f"differs: {difference}" for difference in plan.parity),
    )


def _version(restore: RestoreToMoment | RestoreFromSnapshot) -> str:
    """The version that is asked for; a recovery to a moment cannot ask for one."""
    if isinstance(restore, RestoreFromSnapshot):
        return f"{restore.engine} {restore.engine_version}"
    return "the source's own version"


def exit_code_of(lines: Iterable[Line]) -> int:
    """1 when the product crashed for one of them."""
    return int(any(line.outcome == CRASHED for line in lines))


def table(lines: list[Line]) -> str:
    """The lines as a table; what is said of each stands below it."""
    widths = [max(len(getattr(line, name)) for line in lines) for name in ("thing", "engine")]
    rows = []
    for line in lines:
        rows.append(f"{line.thing:<{widths[0]}}  {line.engine:<{widths[1]}}  {line.outcome}")
        rows += [
            textwrap.fill(each, 118, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False)
            for each in line.says
        ]
    return "\n".join(rows)


def without_credentials() -> None:
    """Take every setting of AWS out of this process, so that nobody's account can be reached."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        del os.environ[name]
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    keys = {"AWS_ACCESS_KEY_ID": "replay", "AWS_SECRET_ACCESS_KEY": "replay", "AWS_EC2_METADATA_DISABLED": "true"}
    os.environ.update(nowhere | keys)


def main(words: list[str]) -> int:
    """Replay a folder and print what became of it."""
    parser = argparse.ArgumentParser(description="Plan restores in an account that was recorded.")
    parser.add_argument("folder", type=Path, help="answers of AWS, as the aws command prints them (*.json)")
    parser.add_argument("--apart", action="store_true", help="each file is an account of its own")
    given = parser.parse_args(words)
    without_credentials()
    found = recordings(given.folder, is_apart=given.apart)
    if not any(rows for each in found for rows in each.rows.values()):
        parser.error(f"no answer of AWS was found in {given.folder}")
    code = 0
    for recording in found:
        lines = list(replayed(recording))
        print(f"== {recording.name}\n{table(lines)}\n" if lines else f"== {recording.name}\nnothing was recorded\n")
        if recording.unknown:
            print(f"not known to this botocore, and left out: {', '.join(sorted(recording.unknown))}\n")
        code |= exit_code_of(lines)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

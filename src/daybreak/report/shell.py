"""A plan as plain bash: each step the ``aws`` or ``psql`` command that does the same by hand.

Waits are our own loops, because ``aws rds wait`` gives up after 30 minutes and polls on in states that never end (FACTS 4.3).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import assert_never

from daybreak.model.actions import (
    Action,
    AdvanceSequences,
    AnchorJournal,
    ArchiveOrder,
    AwaitApproval,
    AwaitClients,
    AwaitCluster,
    AwaitClusterGone,
    AwaitExport,
    AwaitInstance,
    AwaitName,
    AwaitParameterGroup,
    AwaitProxy,
    AwaitRecord,
    AwaitSnapshot,
    AwaitSql,
    AwaitWriter,
    BeginProbe,
    CarryTables,
    ChangeSql,
    CountWrites,
    EndSessions,
    ExportOrder,
    LoadRows,
    MoveSecretStage,
    NameDatabase,
    PausePool,
    PointParameter,
    PointSecret,
    ReadExport,
    ReadProbe,
    ResumePool,
    RunCommand,
    SqlChange,
    SqlOrder,
    Validate,
    WarmCache,
)
from daybreak.model.fences import COUNT_INSIDE, END_INSIDE
from daybreak.model.names import sql_identifier
from daybreak.model.plan import AwsCall, Plan, Step
from daybreak.model.requests import MoveRequest, RestoreRequest
from daybreak.model.value import stamp
from daybreak.model.world import AWSS_OWN
from daybreak.plan.amending import steps_unasked
from daybreak.plan.calls import DRAWN_AT_START, Stamp, call_of, stamp_of
from daybreak.plan.operations import aws_call
from daybreak.plan.servers import conninfo, source_endpoint
from daybreak.report.archive_steps import commands_of_archive
from daybreak.report.aws_cli import command_line, quote
from daybreak.report.export_steps import commands_of_export, copies_of_carrying, orders_of_carrying
from daybreak.report.sentences import printable_sentence, sentence

_HOPELESS = "*failed* | *error* | incompatible-* | inaccessible-* | insufficient-capacity* | delet*"
"""Statuses that never become available, as a shell pattern."""
_ANY_TIME = "*T*"
"""Matches a time stamp, not the word None that the client prints for an empty one."""
_OF_WRITER = "Targets[?Role=='READ_WRITE'].TargetHealth.State | [0]"
"""The health of the target to which a proxy sends writes."""


ONLY_IF_ASKED = "only where you want it, so it is not run"
"""What stands above a step that is taken on request only."""

BY_HAND = f"# By hand nothing is drawn: put a word of your own for every {DRAWN_AT_START}, which AWS refuses as a tag's value."
"""What a person who types the commands must do about the nonce."""


@dataclass(frozen=True)
class Typist:
    """A person who types the commands: where the commands go and under which stamp."""

    stamp: Stamp
    region: str
    endpoint: str | None
    elsewhere: dict[str, str]
    """The endpoints of services that are asked elsewhere."""
    user: str | None
    connection: str
    """The connection string for psql: the database, and what its server must prove."""
    plan: Plan

    @classmethod
    def of(cls, plan: Plan) -> Typist:
        """The typist who carries out ``plan``."""
        seen = next((step.action for step in plan.steps if isinstance(step.action, Validate)), None)
        database = seen.database if seen else plan.target.database
        return cls(
            stamp=stamp_of(plan),
            region=plan.identity.region,
            endpoint=plan.identity.endpoint,
            elsewhere=plan.identity.elsewhere,
            user=seen.source_seen.master_username if seen and seen.source_seen else None,
            connection=conninfo(database, plan.target.trust, source_endpoint(plan)),
            plan=plan,
        )

    def look(self, operation: str, query: str, region: str | None = None, **params: str) -> str:
        """A command that prints one thing that AWS knows; ``region`` is where it is, if not in the plan's own."""
        return self.line(aws_call("rds", operation, params, region or self.region), query)

    def line(self, call: AwsCall, query: str | None = None) -> str:
        """A call as a command, to the endpoint of its service."""
        url = self.elsewhere.get(call.service, self.endpoint)
        return command_line(call, endpoint=None if url == AWSS_OWN else url, query=query)

    def order(self, action: Action) -> str:
        """The command that carries out an action which is one call; empty for any other."""
        call = call_of(action, self.stamp, self.region)
        return self.line(call) if call else ""

    def list_bucket(self, address: str) -> str:
        """A command that lists what lies below an address in S3."""
        url = self.elsewhere.get("s3", self.endpoint)
        at = "" if url in (None, AWSS_OWN) else f" --endpoint-url {quote(url)}"
        return f"aws s3 ls --recursive --summarize {quote(address)} --region {self.region}{at}"

    def psql(self, sql: str) -> str:
        """A command that asks the clone's PostgreSQL, at the host and port in ``$HOST`` and ``$PORT``."""
        user = f" -U {quote(self.user)}" if self.user else ""
        # psql knows its own commands by their first character; after a blank it sends the text to the server, which refuses it.
        asked = f" {sql}" if sql.startswith("\\") else sql
        return f'psql -h "$HOST" -p "$PORT"{user} -d {quote(self.connection)} \\\n  -c {quote(asked)}'

    def psql_change(self, action: SqlOrder, *orders: str) -> str:
        """Commands that write in one transaction of an action's database, as its role, and wait for locks as briefly as we do."""
        connection = conninfo(action.database, self.plan.target.trust, source_endpoint(self.plan))
        bounds = [f"SET LOCAL lock_timeout = {action.lock.total_seconds() * 1000:.0f};"]
        bounds += [f"SET LOCAL ROLE {sql_identifier(action.role)};"] if action.role else []
        asked = " ".join(f"\\\n  -c {quote(each)}" for each in (*bounds, *orders))
        at = action.at
        place = f"HOST={quote(at.host)}\nPORT={at.port}" if at else _address(action.cluster, self, action.region)
        return f'{place}\npsql -1 -v ON_ERROR_STOP=1 -h "$HOST" -p "$PORT" -d {quote(connection)} {asked}'


def _guards_by_hand(plan: Plan) -> str:
    """What a person has to see to, in a few words."""
    if isinstance(plan.request, MoveRequest):
        return f"each name must still be the cluster that is meant, and of {plan.source} nothing is changed but what is written here"
    return f"{plan.source} is never changed, and nothing of the clone's name may exist yet"


def script(plan: Plan) -> str:
    """The whole plan as a bash script that stops at the first failure."""
    hand = Typist.of(plan)
    head = [
        "#!/usr/bin/env bash",
        f"# Plan {plan.digest()} for {plan.target.name}, made {stamp(plan.created)}, expires {stamp(plan.expires)}.",
        f"# By hand the guards are yours: {_guards_by_hand(plan)}.",
        *([BY_HAND] if isinstance(plan.request, RestoreRequest) else []),
        "set -euo pipefail",
    ]
    unasked = steps_unasked(plan)
    steps = [
        f"\n# {step.id}: {sentence(step.action)}\n{commands(step, hand, is_asked=step.id not in unasked)}\n"
        for step in plan.steps
    ]
    return "\n".join(printable_sentence(line) for line in head) + "\n" + "".join(steps)


def commands(step: Step, hand: Typist, *, is_asked: bool = True) -> str:
    """The bash commands of a step; one that is taken on request only is shown and not run."""
    if not is_asked:
        return _comment_out(ONLY_IF_ASKED, commands(step, hand))
    match step.action:
        case AwaitCluster(clone=clone):
            query = "DBClusters[0].[Status,LatestRestorableTime]"
            look = hand.look("DescribeDBClusters", query, DBClusterIdentifier=clone)
            return _until(clone, look, f"available{_ANY_TIME}")
        case AwaitInstance(clone=clone, instance=instance):
            query = "DBInstances[0].DBInstanceStatus"
            look = hand.look("DescribeDBInstances", query, DBInstanceIdentifier=instance)
            return f"{_until(instance, look, 'available')}\n{_parameter_groups(clone, hand)}"
        case AwaitParameterGroup(rest=rest):
            return f"sleep {rest.total_seconds():.0f}"
        case AwaitSnapshot(snapshot=snapshot, region=region):
            query, given = "DBClusterSnapshots[0].Status", {"DBClusterSnapshotIdentifier": snapshot}
            return _until(snapshot, hand.look("DescribeDBClusterSnapshots", query, region, **given), "available")
        case AwaitExport() | ReadExport():
            return _commands_of_export(step.action, hand)
        case AwaitWriter(database=database, member=member):
            query = f"GlobalClusters[0].GlobalClusterMembers[?DBClusterArn=='{member}'].IsWriter | [0]"
            look = hand.look("DescribeGlobalClusters", query, GlobalClusterIdentifier=database)
            return _until(database, look, "True")
        case PointSecret() | MoveSecretStage() | PointParameter():
            return _commands_of_destination(step.action, hand)
        case AwaitRecord(rest=rest, forget=forget):
            return f"sleep {(rest + forget).total_seconds():.0f}"
        case AwaitName(name=name, resource_id=resource_id):
            query = "DBClusters[0].[DbClusterResourceId,Status]"
            look = hand.look("DescribeDBClusters", query, DBClusterIdentifier=name)
            return f"{_until(name, look, f'*{resource_id}*available*')}\n{_address(name, hand)}"
        case AwaitProxy(proxy=proxy, group=group, region=region):
            look = hand.look("DescribeDBProxyTargets", _OF_WRITER, region, DBProxyName=proxy, TargetGroupName=group)
            return _until(proxy, look, "AVAILABLE")
        case AwaitClusterGone(clone=clone):
            look = hand.look("DescribeDBClusters", "DBClusters[0].Status", DBClusterIdentifier=clone)
            return f"until {look} 2>&1 | grep -q DBClusterNotFoundFault; do\n  sleep 30\ndone"
        case AwaitSql(clone=clone):
            return f"{_address(clone, hand)}\nuntil {hand.psql('SELECT 1;')}; do\n  sleep 10\ndone"
        case ExportOrder():
            return commands_of_export(step.action)
        case ArchiveOrder():
            return commands_of_archive(step.action)
        case SqlOrder():
            return _commands_in_sql(step.action, hand)
        case PausePool() | ResumePool() | RunCommand():
            return _commands_in_front(step.action)
        case AwaitApproval():
            return "# by hand nobody waits: ask for the approval now"
        case Validate(part="clone", clone=clone):
            status = hand.look("DescribeDBClusters", "DBClusters[0].Status", DBClusterIdentifier=clone)
            return f"{status}\n{_parameter_groups(clone, hand)}"
        case Validate():
            return _questions(step.action, hand)
        case AnchorJournal():
            # Show the command but do not run it: AWS would refuse the value, and that would end the script after its last question.
            return _comment_out("by hand there is no journal, so there is nothing to anchor", hand.order(step.action))
        case _:
            return hand.order(step.action)


def _commands_of_export(action: AwaitExport | ReadExport, hand: Typist) -> str:
    if isinstance(action, ReadExport):
        return hand.list_bucket(f"s3://{action.bucket}/{action.folder}")
    query, task = "ExportTasks[0].Status", action.task
    look = hand.look("DescribeExportTasks", query, action.region, ExportTaskIdentifier=task)
    if action.is_cancelled:
        return f"until SEEN=$({look}) && [[ $SEEN != *ING && $SEEN != IN_PROGRESS ]]; do\n  sleep 30\ndone"
    return _until(task, look, "COMPLETE", "FAILED|CANCEL*")


def _commands_in_sql(action: SqlChange | LoadRows | CarryTables | NameDatabase, hand: Typist) -> str:
    match action:
        case LoadRows(table=table, columns=columns, file=file):
            names = ", ".join(map(sql_identifier, columns))
            path = "'" + file.replace("'", "''") + "'"
            return hand.psql_change(action, f"\\copy {'.'.join(map(sql_identifier, table))} ({names}) FROM {path}")
        case NameDatabase(receiver=receiver):
            # By hand pg_restore gave owners and privileges itself.
            return hand.psql_change(action.model_copy(update={"database": receiver.database}), "ANALYZE;")
        case CarryTables():
            return "\n".join((*copies_of_carrying(action), hand.psql_change(action, *orders_of_carrying(action))))
        case ChangeSql(change=change):
            return hand.psql_change(action, change.text)
        case AdvanceSequences(cluster=cluster, past=past):
            asked = "SELECT schemaname, sequencename, last_value FROM pg_sequences;"
            return f"# set each sequence of {cluster} past where {past} has come\n{hand.psql(asked)}"
        case EndSessions():
            return hand.psql_change(action, " ".join(END_INSIDE.split()))
        case CountWrites():
            return hand.psql_change(action, _COUNTED)
        case WarmCache():
            return hand.psql_change(
                action, "SELECT pg_prewarm(relid) FROM pg_statio_user_tables ORDER BY heap_blks_hit DESC LIMIT 100;"
            )
        case AwaitClients(pages=pages, application=application):
            looks = [f"curl -fsS {quote(page.url)}" for page in pages]
            ways = application.ways if application else ()
            looks += [
                f"# log in as the application does, by {way.words()}: it must get to {action.cluster}" for way in ways
            ]
            return "\n".join((hand.psql_change(action, f"{' '.join(COUNT_INSIDE.split())};"), *looks))
        case BeginProbe() | ReadProbe():
            return "# by hand nobody writes without a pause: the application's own errors say how long nobody could"
        case _:
            assert_never(action)


_COUNTED = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables;"
"""What a person sees of the writes in one database: the catalogs' own changes are left out."""


def _commands_in_front(action: PausePool | ResumePool | RunCommand) -> str:
    if isinstance(action, RunCommand):
        given = (f"{name}={quote(value)}" for name, value in action.given.items())
        return " ".join((*given, *map(quote, action.command)))
    pool, name = action.pool, sql_identifier(action.pool.database)
    console = f"psql -h {quote(pool.host)} -p {pool.port} -d pgbouncer -X"
    orders = ("PAUSE {};",) if isinstance(action, PausePool) else ("RELOAD;", "RECONNECT {};", "RESUME {};")
    return "\n".join(f"{console} -c {quote(each.format(name))}" for each in orders)


_FROM_PIPE = "file:///dev/stdin"
"""So the text is in no command line, which every user of the machine could see."""


def _commands_of_destination(action: PointSecret | MoveSecretStage | PointParameter, hand: Typist) -> str:
    """Commands that read a text, replace the address in it and write it, without showing it."""
    call = call_of(action, hand.stamp, hand.region)
    if call is None:
        return ""
    params = dict(call.params)
    if isinstance(action, MoveSecretStage):
        asked = aws_call("secretsmanager", "GetSecretValue", {"SecretId": action.secret}, call.region)
        now = hand.line(asked, "VersionId")
        drawn = {name: params.pop(name) for name in ("RemoveFromVersionId",) if action.away_from is None}
        line = hand.line(call.model_copy(update={"params": params}))
        return f'{line} \\\n  --remove-from-version-id "$({now})"' if drawn else line
    if isinstance(action, PointSecret):
        known = {"SecretId": action.secret, "VersionId": action.version}
        read = hand.line(aws_call("secretsmanager", "GetSecretValue", known, call.region), "SecretString")
        option, left_out = "--secret-string", {"SecretString", "ClientRequestToken"}
        edit = f"jq -cj {quote(_edit_of_secret(action))}"
    else:
        version = f"{action.parameter}:{action.version}"
        asked = aws_call("ssm", "GetParameter", {"Name": version, "WithDecryption": True}, call.region)
        read = hand.line(asked, "Parameter.Value")
        option, left_out = "--value", {"Value"}
        edit = f"""jq -Rsj {quote(f'rtrimstr("{chr(92)}n") | {_edit(action)}')}"""
    write = hand.line(call.model_copy(update={"params": {k: v for k, v in params.items() if k not in left_out}}))
    return f"{read} |\n  {edit} |\n  {write} \\\n  {option} {_FROM_PIPE}"


def _edit(action: PointSecret | PointParameter) -> str:
    """The filter of jq that puts the new address into a text."""
    pairs = [(f"{action.old.host}:{action.old.port}", f"{action.new.host}:{action.new.port}")]
    pairs = [*(pairs if action.old.port != action.new.port else []), (action.old.host, action.new.host)]
    return " | ".join(f"split({json.dumps(old)}) | join({json.dumps(new)})" for old, new in pairs)


def _edit_of_secret(action: PointSecret) -> str:
    keys = [f".[{json.dumps(key)}] |= ({_edit(action)})" for key in action.fields.host]
    port, new = json.dumps(action.fields.port), action.new.port
    if action.old.port != new:
        as_it_was = f'if type == "string" then "{new}" else {new} end'
        keys.append(f"if has({port}) then .[{port}] |= ({as_it_was}) else . end")
    return " | ".join(keys)


def _comment_out(why: str, lines: str) -> str:
    return "\n".join(f"# {line}" for line in (why, *lines.split("\n")))


def _until(name: str, look: str, pattern: str, hopeless: str = _HOPELESS) -> str:
    warning = quote(f"{name} will not become available:")
    return (
        f"until SEEN=$({look}) && [[ $SEEN == {pattern} ]]; do\n"
        "  case $SEEN in\n"
        # "false" ends a script under "set -e"; in an interactive shell, "break" only leaves the loop.
        f'    {hopeless}) echo {warning} "$SEEN" >&2; false; break ;;\n'
        "  esac\n"
        "  sleep 30\n"
        "done"
    )


def _parameter_groups(clone: str, hand: Typist) -> str:
    query = "DBClusters[0].DBClusterMembers[].[DBInstanceIdentifier,DBClusterParameterGroupStatus]"
    look = hand.look("DescribeDBClusters", query, DBClusterIdentifier=clone)
    return f"# in-sync: the parameter group is in force\n{look}"


def _address(clone: str, hand: Typist, region: str | None = None) -> str:
    host = hand.look("DescribeDBClusters", "DBClusters[0].Endpoint", region, DBClusterIdentifier=clone)
    port = hand.look("DescribeDBClusters", "DBClusters[0].Port", region, DBClusterIdentifier=clone)
    return f"HOST=$({host})\nPORT=$({port})"


def _questions(action: Validate, hand: Typist) -> str:
    asked = [_address(action.clone, hand)]
    asked += [hand.psql(f"SHOW {name};") for name in sorted(action.quarantine)]
    for table, expected in action.tables.items():
        name = ".".join(sql_identifier(part) for part in table.split(".", 1))
        columns = f"COUNT(*), MAX({sql_identifier(expected.freshness)})" if expected.freshness else "COUNT(*)"
        asked.append(hand.psql(f"SELECT {columns} FROM {name};"))  # noqa: S608 - printed, never run here
    if not action.tables:
        asked.append(hand.psql("SELECT relname, n_live_tup FROM pg_stat_user_tables ORDER BY 1;"))
    asked += [hand.psql(check.sql) for check in action.checks]
    return "\n".join(asked)

"""Reports as values: a restore of the runbook's cluster with every box answered, good, bad, long, or full of harm."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from daybreak.judge.verdict import verdict_of
from daybreak.model import checks
from daybreak.model.actions import AnchorJournal, AwaitCluster, Validate
from daybreak.model.answers import Unread
from daybreak.model.checks import CHECKS
from daybreak.model.cost import Cost
from daybreak.model.delta import Delta, TableDelta
from daybreak.model.findings import Detail, Finding, Level, Measured, Reason, Standing
from daybreak.model.kept import Kept
from daybreak.model.loss import Loss
from daybreak.model.members import CLUSTER, sum_of
from daybreak.model.plan import Plan, StepId
from daybreak.model.report import Occasion, Report, Witness
from daybreak.model.run import RunState, StepState
from daybreak.model.validation import Validation
from daybreak.plan.judgement import Judgement
from daybreak.plan.loss import loss_of
from daybreak.report.document import report_of_run, report_of_validation
from tests import fix_worlds as worlds

MOST_PAGES = 4
"""Sheets of paper that the report of an ordinary run may take."""

ENDPOINT = "embi-aurora-pitr-202401151430-7k2.cluster-c1a2b3d4e5f6.us-east-1.rds.amazonaws.com"
ODD = timedelta(microseconds=758_869)
"""What databases and clocks have beyond the whole second."""
WAY_IN = f"psql -h {ENDPOINT} -p 5432 -U embi_admin -d embi"
TOOK = {
    "01": 2,
    "02": 1,
    "03": 3,
    "04": 1538,
    "05": 300,
    "06": 2,
    "07": 431,
    "09": 1,
    "10": 96,
    "11": 2,
    "12": 402,
    "13": 2,
    "14": 64,
    "15": 4,
}
"""Seconds that each step took, by the beginning of its id."""

COST = Cost(
    server="embi.cluster.example:5432", locks=212, most_locks=640, connections=3, most_connections=3,
    snapshot=timedelta(seconds=14), longest_snapshot=timedelta(minutes=10), rested=timedelta(seconds=2),
)  # fmt: skip
LOST = Delta(
    base="embi-aurora-cluster:5432/embi",
    now=f"{ENDPOINT}:5432/embi",
    began=worlds.NOW,
    took=timedelta(seconds=41),
    tables=(
        TableDelta(name="public.employees", spelled="employees", by="keys", rows_now=2400, only_now=2400),
        TableDelta(name="public.payments", spelled="payments", by="keys", rows_now=7200, only_now=7192, only_base=3),
        TableDelta(name="public.audit_log", spelled="audit_log", by="keys", rows_base=80_004, only_base=4),
    ),
    unread=(Unread(table=7, name="public.sessions", why="it is unlogged: a copy begins without its rows"),),
    only_now=("public.reports_2023",),
    is_by_key=True,
    equal=45,
)
"""What the source lost in the accident."""

_ANSWERS: dict[str, tuple[str, str, str]] = {
    "database.cluster-status": ("available", "available", "rds:DescribeDBClusters"),
    "database.instance-status": ("2 instances available", "2 of 2 available", "rds:DescribeDBInstances"),
    "database.endpoint": ("DNS, TCP, TLS and SQL", f"PostgreSQL 16.6 answers at {ENDPOINT}:5432", "SELECT 1"),
    "database.engine-version": ("16.6", "16.6", "SHOW server_version"),
    "database.encryption": ("encrypted", f"encrypted with {worlds.KEY}", "rds:DescribeDBClusters"),
    "database.parameters": ("in sync, no reboot pending", "in sync on 2 instances", "rds:DescribeDBInstances"),
    "data.rows": ("the baseline's rows, 5 % less at most", "12,413,882 rows in 50 tables", "SELECT count(*), max(updated_at)\nFROM public.employees"),
    "data.recent": ("newer than 2024-01-15T14:25:00Z", "2024-01-15T14:29:56Z in public.payments.created_at", ""),
    "data.tables": ("50 tables of the baseline", "50 of 50", "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"),
    "data.foreign-keys": ("61 foreign keys, validated", "61 of 61", ""),
    "data.indexes": ("134 indexes, valid", "134 of 134", ""),
    "application.connects": ("a session as embi_app", "connected as embi_app in 14 ms", ""),
    "application.authentication": ("password and IAM logins", "both are accepted", ""),
    "application.functions": ("payroll is ready: >= 1", "3", "select count(*) from payroll"),
    "security.security-groups": (worlds.GROUP, worlds.GROUP, "ec2:DescribeSecurityGroups"),
    "security.kms": ("the source's key, enabled", "enabled", "kms:DescribeKey"),
    "security.iam-roles": ("none while in quarantine", "none", "rds:DescribeDBClusters"),
    "security.audit-logging": ("pgaudit, log export postgresql", "both are on", "SHOW pgaudit.log"),
    "parity.cluster": (sum_of(CLUSTER), "the same, but as planned", "rds:DescribeDBClusters"),
    "parity.instances": ("2 instances as the source's", "the same", "rds:DescribeDBInstances"),
    "parity.parameters": ("412 parameters as the source's", "410 are the same, 2 hold quarantine", ""),
}  # fmt: skip

_DIFFERENCES = (
    Detail(name="parameter group", standing=Standing.FIT, expected="embi-aurora-params",
           found="embi-aurora-pitr-202401151430-7k2-quarantine", why="the quarantine copy, until quarantine is lifted"),
    Detail(name="max_logical_replication_workers", standing=Standing.FIT, expected="4", found="0",
           why="quarantine: no subscription may take the publisher's changes"),
)  # fmt: skip


def occasion(**changes: Any) -> Occasion:
    """A report made a minute after the run."""
    defaults: dict[str, Any] = {
        "made": worlds.NOW + timedelta(minutes=45),
        "version": "0.1.0",
        "next": WAY_IN,
        "way_in": WAY_IN,
    }
    return Occasion(**(defaults | changes))


def good_findings() -> tuple[Finding, ...]:
    """Every box fit, but one that its owner does without."""
    found = [_answered(check) for check in CHECKS.values() if check.name != "application.health"]
    why = "dba-oncall: the API runs in another account until cutover"
    waived = checks.HEALTH.leave_out("GET /health answers 200", why).model_copy(update={"standing": Standing.WAIVED})
    return (
        *found,
        waived,
        checks.owners_check("payroll adds up").fit("= 0", "0", checks.Asked("select count(*) from ...")),
    )


def bad_findings() -> tuple[Finding, ...]:
    """Two boxes unfit with the lines behind them, and one that is unknown."""
    lost = Detail(
        name="public.employees",
        standing=Standing.UNFIT,
        expected="4,211",
        found="0",
        why="the baseline of 14:00 counted them",
    )
    trouble = {
        "data.rows": checks.ROWS.unfit("the baseline's rows, 5 % less at most", "1 of 50 tables lost rows", checks.Asked("SELECT count(*) FROM public.employees", timedelta(seconds=3)))
        .model_copy(update={"details": (lost, Detail(name="public.payments", standing=Standing.FIT, expected="88,102", found="88,102"))}),
        "data.sequences": checks.SEQUENCES.unfit("ahead of their columns", "public.employees_id_seq is at 4,100, employees.id at 4,211"),
        "application.connects": checks.CONNECTS.unknown("a session as embi_app", "no answer within 10 seconds"),
    }  # fmt: skip
    return tuple(trouble.get(finding.check, finding) for finding in good_findings())


def _answered(check: checks.Check) -> Finding:
    expected, found, asked = _ANSWERS.get(check.name, ("as the source and the baseline have it", "the same", ""))
    took = timedelta(seconds=41) if check is checks.ROWS else timedelta(milliseconds=14)
    finding = check.fit(expected, found, checks.Asked(asked, took))
    return finding.model_copy(update={"details": _DIFFERENCES}) if check is checks.CLUSTER_PARITY else finding


def plan() -> Plan:
    """The runbook's plan, with a baseline to compare with."""
    made = worlds.plan()
    baseline = Kept(
        kind="baseline",
        target="embi",
        stands_for=worlds.MOMENT - timedelta(minutes=30) + ODD,
        sha256=hashlib.sha256(b"baseline").hexdigest(),
    )
    notes = ("the clone costs what the source costs until it is cleaned", *made.notes)
    return worlds.judged_with(made, baseline=baseline).model_copy(update={"notes": notes})


def _data_step(made: Plan) -> StepId:
    """The step whose end people wait for."""
    return next(step.id for step in made.steps if isinstance(step.action, Validate))


def state(made: Plan, findings: tuple[Finding, ...], **changes: Any) -> RunState:
    """A run of that plan to its end, each step after those it waits for."""
    steps: dict[str, StepState] = {}
    ends: dict[str, datetime] = {}
    for number, step in enumerate(made.steps):
        if step.is_on_request:
            continue
        began = max((ends[name] for name in (*step.after, *step.after_settled) if name in ends), default=worlds.NOW)
        ends[step.id] = ended = began + timedelta(seconds=TOOK.get(step.id[:2], 5))
        more: dict[str, Any] = {"was_adopted": number == 2, "retries": int(number == 1)}
        if step.action.kind.startswith(("copy", "create")):
            more["request_ids"] = (f"8a1b7c9e-0000-4000-8000-{number:012}",)
        if isinstance(step.action, AnchorJournal):
            more["result"] = {"anchor": f"76:{'c4' * 32}"}
        if isinstance(step.action, AwaitCluster):
            more["result"] = {"endpoint": ENDPOINT, "port": 5432}
        if isinstance(step.action, Validate):
            part = step.action.part
            found = [each for each in findings if part == (CHECKS[each.check].part if each.check in CHECKS else "data")]
            more["result"] = Judgement(measured=Measured(), verdict=verdict_of(found)).plain()
        steps[step.id] = StepState(status="done", began=began, tried=began, ended=ended, attempts=1, **more)
    over = max(ends.values())
    is_fit = verdict_of(findings).standing is Standing.FIT
    defaults: dict[str, Any] = {
        "run": made.run, "plan": made.digest(), "why": made.request.why, "status": "finished",
        "began": worlds.NOW, "ended": over, "last": over, "who": "dba-oncall", "where": "bastion-1",
        "events": 80, "tail": "5e" * 32, "steps": steps, "findings": findings, "verdict": verdict_of(findings),
        "measured": Measured(rto=(ends[_data_step(made)] if is_fit else over) - worlds.NOW, lost=loss_of(made), newest=worlds.MOMENT - timedelta(seconds=4) + ODD,
                             newest_in="public.payments.created_at", rows=12_413_882, deltas={"embi": LOST}, costs=(COST,)),
    }  # fmt: skip
    return RunState(**(defaults | changes))


def held(text: str, report: Report) -> str:
    """``text`` without what changes with every release and every field that any noun gains."""
    return text.replace(str(report.plan), "DIGEST")


def good() -> Report:
    """A restore that went well."""
    made = plan()
    return report_of_run(made, state(made, good_findings()), occasion())


def bad() -> Report:
    """A restore that did not bring everything back, and took longer than was promised."""
    made = plan()
    hurried = made.objectives.model_copy(update={"rto": timedelta(minutes=30)})
    made = made.model_copy(update={"objectives": hurried})
    done = state(made, bad_findings())
    measured = done.measured.model_copy(update={"rows": 12_409_671})
    then = f"daybreak report {made.run} -o html --file {made.run}.html"
    return report_of_run(made, done.model_copy(update={"measured": measured}), occasion(next=then))


def stopped() -> Report:
    """A run that failed in its fourth step: nothing was asked yet."""
    made = plan()
    whole = state(made, ())
    broken = made.steps[3].id
    steps = {step.id: whole.steps[step.id] for step in made.steps[:4]}
    steps[broken] = steps[broken].model_copy(
        update={"status": "failed", "result": {}, "note": "the cluster is incompatible-restore"}
    )
    note = "the cluster is incompatible-restore"
    done = whole.model_copy(
        update={"steps": steps, "status": "failed", "note": note, "verdict": None, "measured": Measured()}
    )
    return report_of_run(made, done, occasion(next=f"daybreak clean {made.run}", way_in=""))


def alone(
    findings: tuple[Finding, ...] | None = None, *, lost: Loss | None = None, why_no_stand_in: str = ""
) -> Report:
    """The checklist by itself, against a cluster that Daybreak did not restore."""
    made = plan()
    action = worlds.judging(made).action
    assert isinstance(action, Validate)
    found = bad_findings() if findings is None else findings
    validation = Validation(
        subject="embi-staging", target="embi", identity=made.identity, began=worlds.NOW, took=timedelta(seconds=96),
        action=action, findings=found, verdict=verdict_of(found), measured=Measured(rows=7, lost=lost),
        why_no_stand_in=why_no_stand_in,
        server="embi-staging.example:5432", way_in="psql -h embi-staging.example -p 5432",
    )  # fmt: skip
    then = "daybreak validate embi-staging -o html --file embi-staging.html"
    return report_of_validation(validation, occasion(next=then, way_in=validation.way_in), made.objectives)


def long(*, tables: int = 500, steps: int = 60) -> Report:
    """Very many tables with very long names, and very many steps."""
    name = "archive_of_everything.a_table_whose_name_is_as_long_as_postgresql_lets_it_be_0123"
    details = tuple(
        Detail(name=f"{name}{n}", standing=Standing.UNFIT if n < 3 else Standing.FIT, expected=f"{n * 7919:,}", found="0", why="lost")
        for n in range(tables)
    )  # fmt: skip
    found = tuple(
        each.model_copy(update={"details": details}) if each.level is Level.DATA and each.check == "data.rows" else each
        for each in bad_findings()
    )
    made = plan()
    more = tuple(
        made.steps[6].model_copy(update={"id": StepId(f"{20 + n}-create-reader-{n}")})
        for n in range(steps - len(made.steps))
    )
    made = made.model_copy(update={"steps": (*made.steps, *more)})
    return report_of_run(made, state(made, found), occasion())


def wordy() -> Report:
    """A fit restore as a real one is told: behind each check a long query, and the lines of fifty tables."""
    query = "\n".join(
        f"SELECT c.relname, count(*) AS found_{n} FROM pg_catalog.pg_class c JOIN pg_namespace n" for n in range(12)
    )
    lines = tuple(
        Detail(name=f"public.table_{n}", standing=Standing.FIT, expected=f"{n:,}", found=f"{n:,}") for n in range(50)
    )
    told = {
        "asked": query,
        "found": "12,413,882 rows in 50 tables, as the source and the baseline of 14:00 have them; 3 tables are younger than the moment",
    }
    found = tuple(
        each.model_copy(update=told | {"details": each.details or lines}) if each.standing is Standing.FIT else each
        for each in good_findings()
    )
    made = plan()
    return report_of_run(made, state(made, found), occasion())


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]><x/>",
    "--><script>alert(1)</script><!--",
    "</style><script>alert(1)</script>",
    "</title></svg></details><h1>owned</h1>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "javascript:alert(1)",
    "&lt;b&gt;&#60;i&#62;",
    "a|b\n| c | d |\n|---|---|\n# heading\n- item",
    "`code` ``` ~~~ **bold** [link](http://example.com) ![picture](http://example.com/x.png)",
    "@everyone #1 http://example.com www.example.com someone@example.com $x^2$",
    "\x00\x01\x08\x0b\x1b[31mred\x1b[0m\x7f\x9b31m",
    "\u202ekcab\u202c \u2066isolate\u2069 \u200bzero\ufeff",
    "\ud800 \ufffe \uffff \U000e0041",
)
"""Text that would act on a page, a document, a terminal or a parser, if any of them read it."""


def filled(text: str) -> Report:
    """A report with that text in each place where text from outside can stand."""
    detail = Detail(name=text, standing=Standing.UNFIT, expected=text, found=text, why=text)
    finding = Finding(check=text, level=Level.PARITY, title=text, standing=Standing.UNFIT, expected=text, found=f"{text}!", asked=text, why=text, details=(detail,))  # fmt: skip
    unknown = finding.model_copy(update={"check": "a", "standing": Standing.UNKNOWN})
    waived = finding.model_copy(update={"check": "b", "standing": Standing.WAIVED})
    made = bad()
    step = made.steps[0].model_copy(update={"id": text, "sentence": text, "reason": text, "note": text, "evidence": text, "request_ids": (text,)})  # fmt: skip
    kept = Witness(kind="capsule", stands_for=worlds.MOMENT, sha256=text, place=text)
    return alone((finding, unknown, waived)).model_copy(
        update=dict.fromkeys(("kind", "headline", "run", "note", "target", "source", "clone", "account", "caller", "region", "endpoint", "who", "where", "why", "next", "way_in", "server", "plan", "version", "depth"), text)
        | {"steps": (step,), "reasons": (Reason(text=text), Reason(check=text, text=text)), "notes": (text,), "permitted": (text,), "configuration": kept, "baseline": kept,
           "moment": worlds.MOMENT, "figures": made.figures.model_copy(update={"newest_in": text}), "promises": made.promises}
    )  # fmt: skip

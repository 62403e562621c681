"""The company's daybreak.toml: what it protects in the lab, and what must be true for a clone.

The law: it is text, as a person would write it; the lab does not import the code that reads it.
"""

from __future__ import annotations

import json
from pathlib import Path

from daybreak.errors import Bug

HEALTH = "/_lab/health/{host}:{port}"

USUAL = {
    "poll": "200ms",
    "cluster": "embi-aurora-cluster",
    "login": "embi/aurora/master",
    "rpo": "5m",
}

TARGET = """\
poll = "@POLL@"
# Time passes faster in a lab: AWS wants five minutes for a new parameter group, and less is taken on this machine only.
group_rest = "1s"
only_loopback = true
# The lab's own authority vouches for its databases, as Amazon's do for those of an account.
tls_ca = @AUTHORITY@

[targets.embi]
cluster  = "@CLUSTER@"
region   = "us-east-1"
database = "embi"
login    = "secretsmanager:@LOGIN@"

[targets.embi.objectives]
rpo = "@RPO@"
rto = "4h"
retention = "30d"

[targets.embi.exports]
bucket = "embi-aurora-backup-exports-123456789012"
prefix = "exports/"
role   = "arn:aws:iam::123456789012:role/embi-export"
key    = "alias/embi-aurora-backup"
keep   = "7y"

[targets.embi.tables]
"public.employees"  = { min_rows = 1000, freshness = "updated_at" }
"public.currencies" = { is_static = true }

# The application's own login, never the owner's: what it cannot do, the clone cannot do for it.
[targets.embi.application]
login = "secretsmanager:embi/app"

[[targets.embi.health]]
name     = "the company's API"
url      = "@HEALTH@"
contains = "ok"

[[targets.embi.checks]]
name   = "every employee has a salary"
sql    = "select count(*) from employees e where not exists (select from salaries s where s.employee_id = e.id)"
expect = "= 0"

[[targets.embi.checks]]
name   = "the application can look up what somebody earns"
sql    = "select app.salary_of(min(id)) from public.employees where is_active"
expect = "> 0"

[targets.embi.staging]
instance_class = "db.t4g.medium"
instances      = 1
keep           = "3d"

[[targets.embi.contacts]]
role = "DBA On-Call"
address = "dba-oncall@company.com"
answers_within = "15m"
"""


def configuration(url: str, authority: Path, **others: str) -> str:
    """A daybreak.toml for the lab at ``url``, with the lab's health page and its databases' ``authority``.

    ``others`` replace the company's values: ``cluster``, ``login`` (the name of its secret), ``rpo``, ``poll``.
    """
    text = TARGET
    for name, usual in USUAL.items():
        text = text.replace(f"@{name.upper()}@", others.pop(name, usual))
    if others:
        raise Bug(f"the company's configuration has no {', '.join(others)}")
    return text.replace("@HEALTH@", url + HEALTH).replace("@AUTHORITY@", json.dumps(str(authority)))

"""The company's daybreak.toml: what it protects in the lab, and what must be true of a clone.

The law: it is a text like a person's; the lab does not import what reads it.
"""

from __future__ import annotations

HEALTH = "/_lab/health/{host}:{port}"

TARGET = """\
[targets.embi]
cluster  = "embi-aurora-cluster"
region   = "us-east-1"
database = "embi"
login    = "secretsmanager:embi/aurora/master"

[targets.embi.objectives]
rpo = "5m"
rto = "4h"
retention = "30d"

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


def configuration(url: str, *, poll: str = "200ms") -> str:
    """A daybreak.toml for the lab at ``url``, whose health page it asks."""
    return f'poll = "{poll}"\n\n' + TARGET.replace("@HEALTH@", url + HEALTH)

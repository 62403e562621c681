"""What acts by itself, in a real physical copy: subscriptions and scheduled jobs that are otherwise than they were are found."""

from __future__ import annotations

import pytest

from daybreak.model.findings import Finding, Standing
from tests.lab.volumes.fix_volumes import OWNER, Yard, newest_yard, pg_installs
from tests.validate.fix_catalogs import carry_out
from tests.validate.test_objects import baseline_of, not_fit, told

__all__ = ["newest_yard", "pg_installs"]

_SUBSCRIBE = "create subscription {} connection 'host=127.0.0.1 port=1' publication p with (connect = false{})"
_TABLE = (
    "create table cron.job (jobid bigserial primary key, schedule text, command text, nodename text, nodeport int,"
    " database text, username text default current_user, active bool default true, jobname text, unique (jobname, username))"
)
_CRON = (
    "create schema cron",
    _TABLE,
    *(
        f"grant {what} to {OWNER.username}"
        for what in (
            "usage on schema cron",
            "select on all tables in schema cron",
            "select on all sequences in schema cron",
        )
    ),
)
_JOB = "insert into cron.job (jobname, username, schedule, command, database) values ({}, '{}', '1 * * * *', 'vacuum', 'embi')"

BEFORE = (
    *(_SUBSCRIBE.format(name, "") for name in ("kept", "gone", "renamed", "republished", "reslotted", "given")),
    "create role clerk superuser",
    *_CRON,
    *(_JOB.format(f"'{name}'", "ada") for name in ("kept", "gone", "rewritten", "rescheduled", "moved", "twin")),
    _JOB.format("'twin'", "bob"),
    _JOB.format("'usurped'", "ada"),
    _JOB.format("null", "ada"),
)
CHANGED = {
    "alter subscription gone disable; alter subscription gone set (slot_name = none); drop subscription gone": ("data.subscriptions", "gone"),
    "alter subscription renamed rename to called": ("data.subscriptions", "called"),
    "alter subscription republished set publication q with (refresh = false)": ("data.subscriptions", "republished"),
    "alter subscription reslotted set (slot_name = 'other')": ("data.subscriptions", "reslotted"),
    "alter subscription given owner to clerk": ("data.catalog", "subscription given"),
    _SUBSCRIBE.format("made", ", enabled = false"): ("data.subscriptions", "made"),
    "delete from cron.job where jobname = 'gone'": ("data.cron-jobs", "gone"),
    "update cron.job set command = 'drop table x' where jobname = 'rewritten'": ("data.cron-jobs", "rewritten"),
    "update cron.job set schedule = '* * * * *' where jobname = 'rescheduled'": ("data.cron-jobs", "rescheduled"),
    "update cron.job set database = 'postgres' where jobname = 'moved'": ("data.cron-jobs", "moved"),
    "delete from cron.job where jobname = 'twin' and username = 'ada'": ("data.cron-jobs", "twin"),
    "update cron.job set username = 'eve' where jobname = 'usurped'": ("data.cron-jobs", "usurped"),
    "delete from cron.job where jobname is null": ("data.cron-jobs", "job "),
    _JOB.format("'made'", "ada"): ("data.cron-jobs", "made"),
}  # fmt: skip
"""By what somebody did in the clone: the check that must say so, and the beginning of its line."""


_GUARDED = (
    *_CRON,
    "alter extension plpgsql add table cron.job; update pg_extension set extname = 'pg_cron' where extname = 'plpgsql'",
    "alter table cron.job enable row level security; create policy own on cron.job using (username = current_user)",
    _JOB.format("'mine'", OWNER.username),
    _JOB.format("'theirs'", "ada"),
)


@pytest.mark.sweep
def test_what_a_login_is_not_shown_is_named(newest_yard: Yard) -> None:
    """Jobs of others were called as they were, though nobody had seen them."""
    volume = newest_yard.started(newest_yard.create("source"))
    carry_out(volume, *_GUARDED)
    moment = volume.tick()
    clone = newest_yard.restored(volume, "clone", moment, max_logical_replication_workers="0")
    found = told(clone, volume, moment)["data.cron-jobs"]
    assert [(line.name, line.standing) for line in found.details if line.standing is not Standing.FIT] == [
        ("jobs of other users", Standing.LEFT_OUT)
    ]
    assert found.found.startswith("1 scheduled jobs")


def unnamed(found: dict[str, Finding]) -> list[str]:
    """The changes that no line of their check speaks against."""
    return [
        done
        for done, (check, word) in CHANGED.items()
        if not any(line.name.startswith(word) and line.standing in (Standing.UNFIT, Standing.UNKNOWN)
                   for line in found[check].details)
    ]  # fmt: skip


@pytest.mark.sample("newest-both")
@pytest.mark.parametrize("witness", ["baseline", "source", "both"])
def test_what_acts_by_itself_is_as_it_was(newest_yard: Yard, witness: str) -> None:
    """A job that runs twice, or a subscription that is gone, is noticed when it is too late."""
    volume = newest_yard.started(newest_yard.create("source"))
    carry_out(volume, *BEFORE)
    baseline = baseline_of(volume)
    moment = volume.tick()
    clone = newest_yard.restored(volume, "clone", moment, max_logical_replication_workers="0")
    witnesses = {"baseline": baseline} if witness != "source" else {}
    source = volume if witness != "baseline" else None
    quiet = not_fit(told(clone, source, moment, **witnesses))
    assert quiet == {}
    carry_out(clone, *CHANGED)
    assert unnamed(told(clone, source, moment, **witnesses)) == []

"""Promised and true, side by side, for somebody who asks whether the backups work."""

from __future__ import annotations

from datetime import timedelta

from daybreak.assess.protection import protection_of
from daybreak.model.observation import Observation, PastRun
from daybreak.model.world import AutomatedBackup, Window
from daybreak.report.text.status import status_view
from tests import fix_runs as runs
from tests import fix_worlds as worlds
from tests.fix_golden import Golden, printed
from tests.fix_plans import HOSTILE


def test_a_target_whose_promises_hold(golden: Golden) -> None:
    """The page that is looked at every day."""
    plan = worlds.plan()
    seen = worlds.observation(seen=worlds.NOW + timedelta(minutes=2, hours=1), cluster=_recent())
    findings = protection_of(worlds.target(), seen, (PastRun(run=plan.run, kind="pitr", took=timedelta(minutes=41)),))
    golden("report/status-fit.txt", printed(status_view(worlds.target(), seen, findings, runs.finished(plan))))


def test_a_target_whose_cluster_is_gone(golden: Golden) -> None:
    """The page that is looked at once; it must name the backup that is left."""
    window = Window(earliest=worlds.NOW - timedelta(days=30), latest=worlds.NOW - timedelta(hours=2))
    kept = AutomatedBackup(
        cluster=worlds.SOURCE,
        resource_id="cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        status="retained",
        engine="aurora-postgresql",
        engine_version="16.6",
        window=window,
    )
    seen: Observation = worlds.observation(cluster=None, instances=(), backups=(kept,))
    golden(
        "report/status-gone.txt", printed(status_view(worlds.target(), seen, protection_of(worlds.target(), seen, ())))
    )


def test_what_the_account_says_is_text() -> None:
    """An engine version is whatever the endpoint answers, and the endpoint may be anything."""
    seen = worlds.observation(cluster=worlds.cluster(engine_version=HOSTILE, status=HOSTILE))
    text = printed(status_view(worlds.target(), seen, protection_of(worlds.target(), seen, ())))
    assert "\x1b" not in text
    assert "[bold red]" in text


def _recent() -> object:
    now = worlds.NOW + timedelta(minutes=2, hours=1)
    return worlds.cluster(window=Window(earliest=now - timedelta(days=30), latest=now - timedelta(minutes=3)))

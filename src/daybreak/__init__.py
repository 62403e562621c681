"""Daybreak brings an Aurora PostgreSQL database back, proves that what came back is right, and only then moves the traffic.

This is the library's front door: every use case is a function over an ``App``. What it names is stable, and nothing is imported
before it is asked for::

    from daybreak import Access, App, PitrWish, Watchers, carry_out, load, plan_pitr, start

    app = App(load(environ=os.environ, folder=Path.cwd()), Access(), os.environ)
    run = start(app, plan_pitr(app, PitrWish(target="embi", to="20 minutes ago")))
    state = carry_out(app, run, Watchers())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daybreak.app import App
    from daybreak.app.baselines import BaselineWish, baselines, take_baseline
    from daybreak.app.capturing import capsules, capture
    from daybreak.app.custody import Leftover, abort, plan_clean
    from daybreak.app.delta import DeltaWish, delta_of
    from daybreak.app.listing import list_runs
    from daybreak.app.planfiles import read_plan
    from daybreak.app.planning import PitrWish, plan_pitr
    from daybreak.app.proving import control_of, prove_checks
    from daybreak.app.reporting import report_of
    from daybreak.app.running import Watchers, carry_out, start
    from daybreak.app.snapshots import SnapshotWish, plan_snapshot, snapshots
    from daybreak.app.status import discover, statuses
    from daybreak.app.validating import Inquiry, case_of, validate_case
    from daybreak.app.watching import watch
    from daybreak.aws.gateway import Access
    from daybreak.config import Settings, load
    from daybreak.errors import DaybreakError, ExitCode
    from daybreak.model.delta import Delta
    from daybreak.model.findings import Finding, Verdict
    from daybreak.model.plan import Plan
    from daybreak.model.report import Report
    from daybreak.model.run import RunState

_HOMES = {
    "Access": "daybreak.aws.gateway",
    "App": "daybreak.app",
    "BaselineWish": "daybreak.app.baselines",
    "DaybreakError": "daybreak.errors",
    "Delta": "daybreak.model.delta",
    "DeltaWish": "daybreak.app.delta",
    "ExitCode": "daybreak.errors",
    "Finding": "daybreak.model.findings",
    "Inquiry": "daybreak.app.validating",
    "Leftover": "daybreak.app.custody",
    "PitrWish": "daybreak.app.planning",
    "Plan": "daybreak.model.plan",
    "Report": "daybreak.model.report",
    "RunState": "daybreak.model.run",
    "Settings": "daybreak.config",
    "SnapshotWish": "daybreak.app.snapshots",
    "Verdict": "daybreak.model.findings",
    "Watchers": "daybreak.app.running",
    "abort": "daybreak.app.custody",
    "baselines": "daybreak.app.baselines",
    "capsules": "daybreak.app.capturing",
    "capture": "daybreak.app.capturing",
    "carry_out": "daybreak.app.running",
    "case_of": "daybreak.app.validating",
    "control_of": "daybreak.app.proving",
    "delta_of": "daybreak.app.delta",
    "discover": "daybreak.app.status",
    "list_runs": "daybreak.app.listing",
    "load": "daybreak.config",
    "plan_clean": "daybreak.app.custody",
    "plan_pitr": "daybreak.app.planning",
    "plan_snapshot": "daybreak.app.snapshots",
    "prove_checks": "daybreak.app.proving",
    "read_plan": "daybreak.app.planfiles",
    "report_of": "daybreak.app.reporting",
    "snapshots": "daybreak.app.snapshots",
    "start": "daybreak.app.running",
    "statuses": "daybreak.app.status",
    "take_baseline": "daybreak.app.baselines",
    "validate_case": "daybreak.app.validating",
    "watch": "daybreak.app.watching",
}

__all__ = [
    "Access",
    "App",
    "BaselineWish",
    "DaybreakError",
    "Delta",
    "DeltaWish",
    "ExitCode",
    "Finding",
    "Inquiry",
    "Leftover",
    "PitrWish",
    "Plan",
    "Report",
    "RunState",
    "Settings",
    "SnapshotWish",
    "Verdict",
    "Watchers",
    "abort",
    "baselines",
    "capsules",
    "capture",
    "carry_out",
    "case_of",
    "control_of",
    "delta_of",
    "discover",
    "list_runs",
    "load",
    "plan_clean",
    "plan_pitr",
    "plan_snapshot",
    "prove_checks",
    "read_plan",
    "report_of",
    "snapshots",
    "start",
    "statuses",
    "take_baseline",
    "validate_case",
    "watch",
]


def __getattr__(name: str) -> object:
    """Import what was asked for; ``daybreak --help`` asks for nothing."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    message = f"module 'daybreak' has no attribute {name!r}"
    raise AttributeError(message)

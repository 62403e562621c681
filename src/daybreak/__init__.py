"""Daybreak brings an Aurora PostgreSQL database back, proves that what came back is right, and only then moves the traffic.

This is the library's front door; what it names is stable, and nothing is imported before it is asked for::

    from daybreak import Access, App, Watchers, Wish, load

    app = App(load(environ=os.environ, folder=Path.cwd()), Access(), os.environ)
    run = app.start(app.plan_pitr(Wish(target="embi", to="20 minutes ago")))
    state = app.carry_out(run, Watchers())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daybreak.app import App, Watchers, Wish
    from daybreak.aws.gateway import Access
    from daybreak.config import Settings, load
    from daybreak.errors import DaybreakError, ExitCode
    from daybreak.model.findings import Finding, Verdict
    from daybreak.model.plan import Plan
    from daybreak.model.run import RunState

_HOMES = {
    "Access": "daybreak.aws.gateway",
    "App": "daybreak.app",
    "DaybreakError": "daybreak.errors",
    "ExitCode": "daybreak.errors",
    "Finding": "daybreak.model.findings",
    "Plan": "daybreak.model.plan",
    "RunState": "daybreak.model.run",
    "Settings": "daybreak.config",
    "Verdict": "daybreak.model.findings",
    "Watchers": "daybreak.app",
    "Wish": "daybreak.app",
    "load": "daybreak.config",
}

__all__ = [
    "Access",
    "App",
    "DaybreakError",
    "ExitCode",
    "Finding",
    "Plan",
    "RunState",
    "Settings",
    "Verdict",
    "Watchers",
    "Wish",
    "load",
]


def __getattr__(name: str) -> object:
    """Import what was asked for; ``daybreak --help`` asks for nothing."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    message = f"module 'daybreak' has no attribute {name!r}"
    raise AttributeError(message)

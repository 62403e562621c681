"""What keeps a clone quiet: parameters that stop it from acting on the world before its verdict.

A restored subscriber takes the replication slot on the production publisher and consumes the changes meant for the real
subscriber; cron jobs run twice. Both start with the first instance, so the parameter group that the cluster is created with
must turn both off.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

ALWAYS = {"max_logical_replication_workers": "0"}
"""Parameters that every PostgreSQL has; without them there is no quarantine and no plan."""

WHERE_KNOWN = {"cron.launch_active_jobs": "off", "track_commit_timestamp": "1"}
"""Parameters set where the engine version lets them be set.

With commit times the clone's own transactions are distinguished from those that it inherited, whatever the source recorded.
"""

READ_ONLY = {"default_transaction_read_only": "1"}
"""Set on request: every new session starts read-only. A session may override this, so it helps but prevents nothing."""

EVERY = ALWAYS | WHERE_KNOWN | READ_ONLY
"""Each value that the quarantine may give a clone."""

CARED_FOR = frozenset(EVERY)
"""Every parameter that the quarantine may set; an observation says which of them can be set."""


def quarantine_parameters(settable: Collection[str], *, is_read_only: bool) -> dict[str, str]:
    """The parameter values that a clone starts with.

    >>> quarantine_parameters({"max_logical_replication_workers"}, is_read_only=True)
    {'max_logical_replication_workers': '0', 'default_transaction_read_only': '1'}
    """
    known = {name: value for name, value in WHERE_KNOWN.items() if name in settable}
    return ALWAYS | known | (READ_ONLY if is_read_only else {})


def why_quiet(parameters: Mapping[str, str]) -> str:
    """Why a clone starts with these parameters, as the reason of the step that sets them.

    >>> why_quiet({"max_logical_replication_workers": "0"})
    "a restored subscriber that wakes up would consume the production publisher's changes"
    """
    why = "a restored subscriber that wakes up would consume the production publisher's changes"
    return f"{why}, and cron jobs would run twice" if "cron.launch_active_jobs" in parameters else why

"""What keeps a clone quiet: parameters that stop it from acting on the world before anybody has judged it.

A restored subscriber claims its replication slot on the production publisher and eats the changes meant for the real one;
cron jobs run a second time. Both start with the first instance, so both must be off in the parameter group the cluster is
born with.
"""

from __future__ import annotations

from collections.abc import Collection

ALWAYS = {"max_logical_replication_workers": "0"}
"""Parameters every PostgreSQL has; without them there is no quarantine and no plan."""

WHERE_KNOWN = {"cron.launch_active_jobs": "off", "track_commit_timestamp": "1"}
"""Parameters set where the engine version lets them be set.

With commit times the clone's own transactions are distinguished from those that it inherited, whatever the source recorded.
"""

READ_ONLY = {"default_transaction_read_only": "1"}
"""Set on request: every new session starts read-only (a session may override it, so it is a belt, not a fence)."""

CARED_FOR = frozenset({*ALWAYS, *WHERE_KNOWN, *READ_ONLY})
"""Every parameter the quarantine may set; an observation tells which of them can be set."""


def quarantine_parameters(settable: Collection[str], *, is_read_only: bool) -> dict[str, str]:
    """The values a clone is born with.

    >>> quarantine_parameters({"max_logical_replication_workers"}, is_read_only=True)
    {'max_logical_replication_workers': '0', 'default_transaction_read_only': '1'}
    """
    known = {name: value for name, value in WHERE_KNOWN.items() if name in settable}
    return ALWAYS | known | (READ_ONLY if is_read_only else {})

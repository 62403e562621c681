"""What the servers of a plan must prove: in words, and as options of psql, so that a printed line asks no less than we do.

The law: until the clone's endpoint is known, the source's endpoint shows whether the servers are on loopback.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from daybreak.model.actions import AwaitCluster, AwaitSql, Validate
from daybreak.model.plan import Plan
from daybreak.model.requests import RestoreRequest
from daybreak.model.run import RunState
from daybreak.model.trust import AMAZON, Trust, trust_words

_BARE = re.compile(r"[\w./:@%+-]+", re.ASCII)


def proof_of(plan: Plan, state: RunState | None = None) -> str:
    """What the server of the plan's clone must prove, in words; once a run has come so far, at the endpoint that AWS returned."""
    seen = clone_seen(plan, state) if state else None
    return trust_words(plan.target.trust, str(seen["endpoint"]) if seen else source_endpoint(plan))


def clone_seen(plan: Plan, state: RunState) -> dict[str, Any] | None:
    """What AWS returned about the clone; ``None`` where the clone was not there or had no endpoint."""
    results = [state.step(step.id).result for step in plan.steps if isinstance(step.action, AwaitCluster)]
    return next((result for result in reversed(results) if result.get("endpoint")), None)


def login_recorded(plan: Plan, state: RunState) -> str | None:
    """The reference of the older secret that the clone took when it first answered; ``None`` where it took the current one."""
    results = [state.step(step.id).result for step in plan.steps if isinstance(step.action, AwaitSql)]
    return next((str(result["login"]) for result in results if result.get("login")), None)


def source_endpoint(plan: Plan) -> str | None:
    """Where the source answered when the plan was made; ``None`` where there was no source."""
    validation = next((step.action for step in plan.steps if isinstance(step.action, Validate)), None)
    return validation.source_seen.endpoint if validation and validation.source_seen else None


def conninfo(database: str | None, trust: Trust, endpoint: str | None) -> str:
    """The connection string for ``psql -d``; ``endpoint``, where known, shows whether the server may be plain.

    >>> conninfo("embi", Trust(tls_ca="/etc/lab ca.pem"), "127.0.64.6")
    "dbname=embi sslmode=verify-full sslrootcert='/etc/lab ca.pem'"
    >>> conninfo(None, Trust(), "127.0.64.6")
    'sslmode=disable'
    """
    words = {"dbname": database} if database else {}
    if endpoint is not None and trust.may_be_plain(endpoint):
        words["sslmode"] = "disable"
    else:
        words["sslmode"] = trust.tls
        if trust.tls != "require":
            words["sslrootcert"] = trust.tls_ca or str(AMAZON)
    return " ".join(f"{key}={_spell(value)}" for key, value in words.items())


def way_in(plan: Plan, state: RunState) -> str:
    """The psql command that opens the clone at the endpoint that AWS returned, with the same proof as Daybreak asks for.

    Empty until the data was judged, however, and for a run that failed: nobody is led into a clone that may have no quarantine,
    nor to data of which nobody knows what is missing.
    """
    is_judged = state.verdict is not None or any(
        isinstance(step.action, Validate) and step.action.part != "clone" and state.step(step.id).status == "done"
        for step in plan.steps
    )
    is_closed = not isinstance(plan.request, RestoreRequest) or state.status == "failed" or not is_judged
    seen = None if is_closed else clone_seen(plan, state)
    if seen is None:
        return ""
    validation = next((step.action for step in plan.steps if isinstance(step.action, Validate)), None)
    return psql_line(str(seen["endpoint"]), seen["port"], validation, plan.target.trust)


def psql_line(endpoint: str, port: int, validation: Validate | None, trust: Trust) -> str:
    """The psql command for a server; user and database come from ``validation``."""
    connection = conninfo(validation.database if validation else None, trust, endpoint)
    source = validation.source_seen if validation else None
    user = f" -U {shlex.quote(source.master_username)}" if source and source.master_username else ""
    return f"psql -h {shlex.quote(endpoint)} -p {port}{user} -d {shlex.quote(connection)}"


def _spell(value: str) -> str:
    """A value in a spelling that libpq reads back."""
    return value if _BARE.fullmatch(value) else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

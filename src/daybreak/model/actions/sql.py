"""What is changed inside a database: one statement, in a transaction with the look that proves it; and who is sent out of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from daybreak.model.actions.placed import Placed
from daybreak.model.application import ApplicationBefore, ApplicationLogin
from daybreak.model.destinations import DatabaseAddress
from daybreak.model.targets import HealthCheck
from daybreak.model.value import Span, Value


class SqlStatement(Value):
    """One SQL statement, and the look that shows whether its effect is there. Both find names in ``pg_catalog`` alone."""

    what: str
    """What it does, as an order: ``take LOGIN from the role app``."""
    text: str
    look: str
    """A query of one boolean: true where the effect is there. It may run any number of times."""


class SqlOrder(Placed):
    """Something inside one database of a cluster, which that database's own login may do."""

    cluster: str
    resource_id: str | None = None
    """The cluster's, which AWS gives only once; ``None`` where the cluster is the run's own clone."""
    database: str
    login: str
    """The reference of the login; it is read in the action's region, or in the plan's own where ``at`` is given."""
    at: DatabaseAddress | None = Field(default=None, exclude_if=lambda found: found is None)
    """Where the server was last seen, of a cluster whose region AWS says nothing of: AWS is not asked, and the server alone proves
    its name. ``None`` asks AWS for the endpoint."""
    role: str | None = None
    """The role that it acts as; ``None`` is the login's own."""
    lock: Span = Span(seconds=2)
    """How long it may wait for a lock, and so hold up whoever comes after it."""
    limit: Span = Span(seconds=30)
    """How long it may take in all."""


class BesideAnother(SqlOrder):
    """Something inside a database that goes by what another cluster's server says, which is only read."""

    past: str
    """The other cluster, which is asked in the same database."""
    past_id: str | None = None
    """Its resource id."""
    past_region: str | None = Field(default=None, exclude_if=lambda found: found is None)
    """Its region, where it is not the action's own."""
    past_login: str | None = Field(default=None, exclude_if=lambda found: found is None)
    """The reference of the login there, read as the action's own is; ``None`` is the action's login."""
    past_at: DatabaseAddress | None = Field(default=None, exclude_if=lambda found: found is None)
    """Where its server was last seen, as in ``at``."""


class ChangeSql(SqlOrder):
    """Change something inside a database. Run twice, it leaves one effect: where the look shows it, nothing is changed.

    The number of its transaction is in the journal before the commit, so a lost commit is looked up and never guessed.
    """

    kind: Literal["change-sql@1"] = "change-sql@1"
    change: SqlStatement
    back: SqlStatement | None = None
    """What takes it back; ``None`` where nothing does."""
    because: str = "what was there before is not recorded"
    """Why nothing takes it back."""


class EndSessions(SqlOrder):
    """End every session at a cluster's server but our own, until nobody is left; then read the high-water mark.

    Whoever may still log in comes back at once, so the doors are closed before: where one is open, nobody is sent out. Run twice, it
    reads the mark again: nobody can have written between.
    """

    kind: Literal["end-sessions@1"] = "end-sessions@1"
    again: SqlStatement | None = None
    """What closes a door once more that somebody who was still inside has opened; ``None`` where nobody inside can."""


class AdvanceSequences(BesideAnother):
    """Set the sequences of one database past those of another cluster: a number that was given out is never given out again.

    None goes back. Run twice, it leaves one effect: what is past is left alone.
    """

    kind: Literal["advance-sequences@1"] = "advance-sequences@1"


class SqlLook(SqlOrder):
    """A look at a server in SQL: nothing is changed there."""


class CountWrites(SqlLook):
    """Count what was written in every database of a cluster so far, so that a later look can say whether anybody has written since."""

    kind: Literal["count-writes@1"] = "count-writes@1"
    is_needed: bool = Field(default=True, exclude_if=lambda found: found)
    """Whether something is decided by it; else what cannot be counted is recorded as not known, and stops nothing."""


class AwaitClients(SqlLook):
    """Wait until clients work at a cluster: as many as were sent out of the other one, and one of their writes is there.

    It is looked at several times a second, and so also measures the gap: from the fence to the first write that the cluster counts.
    """

    kind: Literal["await-clients@1"] = "await-clients@1"
    wants_write: bool
    """Whether a client's write must be there."""
    share: int
    """How many clients must be there, in percent of those that were sent out of the other cluster."""
    hold: Span
    """For how long all of that must hold."""
    pages: tuple[HealthCheck, ...] = Field(default=(), exclude_if=lambda found: not found)
    """The pages of the application that must be well."""
    application: ApplicationLogin | None = Field(default=None, exclude_if=lambda found: found is None)
    """The application's own login, which must get there through each of its places."""
    before: ApplicationBefore = Field(
        default=ApplicationBefore(), exclude_if=lambda found: found == ApplicationBefore()
    )
    """What was seen of the application when this was planned."""
    unasked: tuple[str, ...] = Field(default=(), exclude_if=lambda found: not found)
    """What is not asked of the application, each a sentence."""
    patience: Span | None = Field(default=None, exclude_if=lambda found: found is None)
    """After which a person is asked; ``None`` where the gap's budget ends it."""


class WarmCache(BesideAnother, SqlLook):
    """Read into a cluster's memory what another one has most hits in, in one database, within the action's limit.

    It needs the extension pg_prewarm there. What cannot be warmed is left cold: nothing depends on it.
    """

    kind: Literal["warm-cache@1"] = "warm-cache@1"


class BeginProbe(SqlOrder):
    """Begin to write as the application does, through one of its places, without a pause; it goes on beside the run, and ends with it.

    Each write is a transaction that takes a number and changes no row. It begins at the action's cluster, and goes where the place leads.
    """

    kind: Literal["begin-probe@1"] = "begin-probe@1"
    other: str
    """The cluster to which the traffic goes."""
    other_id: str | None = None
    """Its resource id."""
    application: ApplicationLogin
    """With the one place through which it writes."""


class ReadProbe(SqlLook):
    """End the probe once the action's cluster has taken a write of it, and say how long nobody took one.

    It stops no run: where nothing was measured, the answer says why.
    """

    kind: Literal["read-probe@1"] = "read-probe@1"


SqlWork = EndSessions | AdvanceSequences | CountWrites | AwaitClients | WarmCache | BeginProbe | ReadProbe
"""What is done at a server as one piece, with a result that is recorded."""

SqlChange = ChangeSql | SqlWork
"""What is ordered of a server in SQL, one thing at a time; rows are loaded apart."""

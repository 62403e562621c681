"""What is changed inside a database: one statement, in a transaction with the look that proves it."""

from __future__ import annotations

from typing import Literal

from daybreak.model.actions.placed import Placed
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
    """The reference of the login; it is read in the action's region."""
    role: str | None = None
    """The role that it acts as; ``None`` is the login's own."""
    lock: Span = Span(seconds=2)
    """How long it may wait for a lock, and so hold up whoever comes after it."""
    limit: Span = Span(seconds=30)
    """How long it may take in all."""


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

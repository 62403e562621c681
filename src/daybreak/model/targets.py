"""Target: one protected database and what its owner was promised, as the configuration says it."""

from __future__ import annotations

from pydantic import Field

from daybreak.model.value import Span, Value


class Objectives(Value):
    """What the owner was promised: how much may be lost, how long it may take, how far back one can go."""

    rpo: Span
    rto: Span
    retention: Span


class Network(Value):
    """Where a clone lives in one region when the source cannot be asked."""

    subnet_group: str | None = None
    security_groups: tuple[str, ...] = ()


class Expectation(Value):
    """What a table must show after a restore."""

    min_rows: int | None = Field(default=None, ge=0)
    freshness: str | None = None
    """Name of a ``timestamptz`` column whose newest value tells how recent the data is."""


class SqlCheck(Value):
    """A question of the owner's own: one SQL statement that returns one value, and what that value must be.

    ``expect`` is a comparison (``">= 3"``, ``"= 'ready'"``, ``"true"``); the statement runs read-only with a time limit.
    """

    name: str = Field(min_length=1)
    sql: str = Field(min_length=1)
    expect: str = "true"
    timeout: Span = Span(seconds=30)


class Contact(Value):
    """Whom to call, and how soon they answer."""

    role: str
    address: str
    answers_within: Span | None = None


class Target(Value):
    """One protected cluster: where it is, how to log in, what was promised, what must be true of a clone.

    ``login`` is a reference to a secret (``secretsmanager:NAME``, ``ssm:NAME``, ``env:PREFIX``, ``iam:USER``), never a value.
    """

    name: str
    cluster: str
    region: str
    database: str | None = None
    login: str | None = None
    objectives: Objectives
    network: dict[str, Network] = Field(default_factory=dict)
    tables: dict[str, Expectation] = Field(default_factory=dict)
    checks: tuple[SqlCheck, ...] = ()
    contacts: tuple[Contact, ...] = ()

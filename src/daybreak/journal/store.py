"""Store: where runs live. A folder of this machine or a prefix of an S3 bucket, with the same promises.

A run is its frozen plan, its journal and an inbox. One process writes a run; any process may watch it. ``attach`` itself records
``run.created`` (once) and ``run.attached``, because on S3 that record *is* the hold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from daybreak.errors import Refused
from daybreak.journal.chain import Chain
from daybreak.journal.damage import Damaged, Newer, removal_of
from daybreak.journal.folder import FolderStore
from daybreak.journal.records import ABORT, Held, Message
from daybreak.journal.remains import Remains
from daybreak.journal.s3 import Bucket, S3Store
from daybreak.journal.writing import Journal, TakenOver
from daybreak.model.carrier import Carrier
from daybreak.model.names import printable
from daybreak.model.plan import Plan
from daybreak.model.run import Event, RunApproved

__all__ = [
    "ABORT",
    "Bucket",
    "Damaged",
    "Held",
    "Journal",
    "Message",
    "Newer",
    "Remains",
    "Store",
    "TakenOver",
    "open_store",
    "removal_of",
]


class Store(Protocol):
    """Where runs live. Every method may raise ``Unreachable``, and ``Refused`` for a run that does not exist."""

    def create(self, plan: Plan) -> None:
        """Freeze a plan as a run of its name; raises ``Refused`` when there is one."""

    def runs(self) -> tuple[str, ...]:
        """The names of all runs, the newest plan first."""

    def plan(self, run: str) -> Plan:
        """The run's plan; raises ``Damaged`` when it is not the one that the run was created with, ``Newer`` as ``events`` does."""

    def chain(self, run: str) -> Chain:
        """The run's events, verified, and the digest of the newest; raises ``Damaged`` or ``Newer``, naming the first unreadable event."""

    def events(self, run: str) -> tuple[Event, ...]:
        """The events of the chain."""

    def remains(self, run: str) -> Remains:
        """What can still be read of a run whose plan or events cannot be read."""

    def is_held(self, run: str) -> bool:
        """Whether another process holds the run, as far as that is known; for runs whose record ``attach`` cannot read."""

    def carrier(self, run: str) -> Carrier:
        """Whether a process carries the run, or whether that cannot be known from here; for a run whose record can be read."""

    def attach(
        self,
        run: str,
        *,
        who: str,
        where: str,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
        take_over: bool = False,
        caller: str = "",
    ) -> Journal:
        """Attach this process to the run, and record that.

        ``who`` is ``user@host``, ``caller`` who that is to AWS. The first process that attaches begins the run, and the ``nonce`` of its hold is the run's from
        then on. Of two at once, one begins it, and the other is refused. Raises ``Refused`` while another process holds the run,
        unless ``take_over``: then that process is fenced, alive or stopped, and learns it at its next append.
        """

    def ask(self, run: str, request: str, by: str, why: str, approval: RunApproved | None = None) -> None:
        """Leave a request, with the approval that it brings, for the process that holds the run; raises ``Refused`` when the same was asked before."""

    def inbox(self, run: str) -> tuple[Message, ...]:
        """The requests to the run, each once."""


def open_store(where: str, *, s3: Callable[[str], Bucket] | None) -> Store:
    """The store at a path or at ``s3://bucket/prefix``; ``s3`` gives the objects of a bucket.

    Nothing is looked up yet. Raises ``Refused`` for any other address.
    """
    scheme, separator, rest = where.partition("://")
    if not separator:
        return FolderStore(Path(where).expanduser())
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise Refused(f'"{printable(where)}" is no place for runs', "use a folder, or s3://bucket/prefix")
    if s3 is None:
        raise Refused(f'"{printable(where)}" cannot be reached without AWS', "use a folder")
    return S3Store(s3(bucket), prefix.strip("/"), name=where)

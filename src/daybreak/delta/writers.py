"""Who wrote a row that differs, since one side was born as a copy of the other.

The law: a row's number alone says it only where it is young, that is, given out from the birth on. An older number may still
be that of a transaction that had not committed when the copy was made; the copy's server knows what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from daybreak.delta.buckets import FoundRow, RowEntry
from daybreak.model.birth import Birth, Fate, is_young
from daybreak.model.delta import RowWriter
from daybreak.postgres.birth import read_fates
from daybreak.postgres.rows import YoungIds
from daybreak.postgres.session import Session


@dataclass
class Writers:
    """What is known of the transactions behind the rows of one table; *now* is the copy."""

    birth: Birth
    restored: datetime
    """When the copy began to live: a commit after it is its own."""
    base: YoungIds | None = None
    """Which rows of base are young in the snapshot that reads them."""
    now: YoungIds | None = None
    _fates: dict[int, Fate] = field(default_factory=dict)
    _fates_at_base: dict[int, Fate] = field(default_factory=dict)

    def learn(self, base: Session, now: Session, rows: Iterable[FoundRow]) -> None:
        """Ask the copy what became of the older transactions behind some rows; raises ``DaybreakError``.

        Base is asked where a transaction was prepared when the copy was made: the copy may have committed it alone.
        """
        asked, shared = set[int](), set[int]()
        for row in rows:
            if row.base is not None and not _is_young(row.base, self.base):
                asked.add(row.base.xid)
            # Where the birth is exact, an older number is not the copy's own, whoever asks.
            if row.now is not None and not _is_young(row.now, self.now):
                asked |= set() if self.birth.is_exact else {row.now.xid}
                shared |= {row.now.xid} if self.birth.prepared else set()
        for session, xids, known in ((now, asked, self._fates), (base, shared, self._fates_at_base)):
            if unknown := xids - known.keys():
                known.update({fate.xid: fate for fate in read_fates(session, self.birth, unknown, self.restored)})

    def writer_of(self, row: FoundRow) -> RowWriter:
        """Who wrote the row since; call ``learn`` with it before."""
        base, now = self._wrote_later(row.base), self._is_own(row.now)
        match base, now:
            case True, True:
                return "both"
            case True, _:
                return "base"
            case _, True:
                return "now"
            case False, False:
                return "unexplained"
            case _:
                return "unclear"

    def _wrote_later(self, entry: RowEntry | None) -> bool | None:
        """Whether base wrote the row after the copy was made; ``None`` where nobody can say."""
        if entry is None or _is_young(entry, self.base):
            return entry is not None
        fate = self._fates[entry.xid]
        return True if fate.excuses else None if fate.is_own is None else False

    def _is_own(self, entry: RowEntry | None) -> bool | None:
        """Whether the copy wrote the row itself; ``None`` where nobody can say."""
        if entry is None or _is_young(entry, self.now):
            return entry is not None
        there = self._fates_at_base.get(entry.xid)
        if there is not None and there.status in ("aborted", "in progress"):
            return True
        return False if self.birth.is_exact else self._fates[entry.xid].is_own


def _is_young(entry: RowEntry, young: YoungIds | None) -> bool:
    return young is not None and is_young(entry.xid, young.birth, young.following)

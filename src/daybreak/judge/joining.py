"""One finding for each check, from what each database of a cluster answered.

The law: one database that is not fit decides the check. A database that did not answer is named, and never counts as fit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from daybreak.model.answers import Silence
from daybreak.model.baseline import BY_CHOICE
from daybreak.model.delta import Delta
from daybreak.model.findings import Detail, Finding, Measured, Standing
from daybreak.model.inventory import OF_A_PROOF, Inventory
from daybreak.model.names import comma_list, printable

_WORST_FIRST = (
    Standing.UNFIT,
    Standing.UNKNOWN,
    # A check that is waived in one database is not fit in the cluster.
    Standing.WAIVED,
    Standing.FIT,
    Standing.LEFT_OUT,
    Standing.BEYOND,
)
_MOST_SENTENCES = 5

CLOSED = (
    "it takes no connections: ALTER DATABASE ... ALLOW_CONNECTIONS true in the clone, "
    "or is_left_out = true in [targets.NAME.databases.ITS_NAME]"
)


@dataclass(frozen=True)
class DatabaseEntry:
    """One database of a cluster, and whether a validation enters it."""

    name: str
    standing: Standing = Standing.FIT
    """Fit where it is entered; left out or unknown where it is not."""
    why: str = ""
    """Why it is not entered."""

    @property
    def line(self) -> Detail:
        """The line about a database that is not entered."""
        return Detail(name=printable(self.name), standing=self.standing, found="not entered", why=self.why)


def entries_of(
    shared: Inventory, first: str, only: Iterable[str], left_out: Iterable[str]
) -> tuple[DatabaseEntry, ...]:
    """Every database of the cluster besides the platform's, the one that is entered first in front.

    ``only`` limits to those that it names, where it names any; ``left_out`` names more that are not entered.
    """
    wanted, unwanted = frozenset(only), frozenset(left_out)
    found = [item for item in shared.of("database") if OF_A_PROOF not in item.facts]
    found.sort(key=lambda item: (item.name != first, item.name))
    entries = []
    for item in found:
        if (wanted and item.name not in wanted) or item.name in unwanted:
            entries.append(DatabaseEntry(item.name, Standing.LEFT_OUT, BY_CHOICE))
        elif item.facts.get("closed") == "yes":
            entries.append(DatabaseEntry(item.name, Standing.UNKNOWN, CLOSED))
        else:
            entries.append(DatabaseEntry(item.name))
    return tuple(entries)


def join_findings(
    found: Mapping[str, Finding], absent: Iterable[DatabaseEntry] = (), without_tables: Collection[str] = ()
) -> Finding:
    """One finding of the same check from those of each database, the first of which is the one that is entered first.

    ``absent`` are databases that were not entered; each stands as a line under a finding that has an answer. Of one
    ``without_tables`` it is no gap that a check had nothing to ask there, where another database answered.
    """
    is_single = len(found) == 1
    if any(each.standing.is_answer for each in found.values()):
        found = {name: each for name, each in found.items()
                 if name not in without_tables or each.standing is not Standing.LEFT_OUT}  # fmt: skip
    if is_single:
        [finding] = found.values()
    else:
        finding = _join(found)
    if not finding.standing.is_answer:
        return finding
    lines = [_line_for_absent(entry) for entry in absent]
    return finding.model_copy(update={"details": (*finding.details, *lines)}) if lines else finding


def _line_for_absent(entry: DatabaseEntry) -> Detail:
    # That a database is not known at all is said once, by the check of databases; here it is only not claimed.
    return entry.line.model_copy(update={"standing": Standing.LEFT_OUT})


def _join(found: Mapping[str, Finding]) -> Finding:
    standing = min((each.standing for each in found.values()), key=_WORST_FIRST.index)
    speaking = {name: each for name, each in found.items() if each.standing is standing}
    first = next(iter(speaking.values()))
    words = [f"{printable(name)}: {each.found}" for name, each in speaking.items()]
    if standing is Standing.FIT:
        # Of many databases that are fit the first speaks, and the report has the others.
        words = [*words[:1], *_others(len(words) - 1)]
    details = [
        line.model_copy(update={"database": printable(name)}) for name, each in found.items() for line in each.details
    ]
    details += [line for name, each in found.items() for line in _line_of(name, each, standing)]
    details.sort(key=lambda line: _WORST_FIRST.index(line.standing))
    whys = dict.fromkeys(each.why for each in speaking.values() if each.why)
    why = next(iter(whys)) if len(whys) == 1 else _whys(speaking)
    return first.model_copy(
        update={
            "found": "; ".join(words[:_MOST_SENTENCES]) + _more(len(words) - _MOST_SENTENCES),
            "why": why,
            "took": sum((each.took for each in found.values()), start=first.took * 0),
            "details": tuple(details),
        }
    )


def _others(number: int) -> Iterator[str]:
    if number > 0:
        yield f"{number} other {'database' if number == 1 else 'databases'} fit too"


def _more(number: int) -> str:
    return f"; and {number} more databases" if number > 0 else ""


def _whys(speaking: Mapping[str, Finding]) -> str:
    return comma_list([f"{printable(name)}: {each.why}" for name, each in speaking.items() if each.why], most=3)


def _line_of(name: str, finding: Finding, standing: Standing) -> Iterator[Detail]:
    """A line for a database whose answer stands otherwise than the check, where its own lines do not say so."""
    if finding.standing in (Standing.FIT, standing) or any(
        line.standing is finding.standing for line in finding.details
    ):
        return
    yield Detail(
        name="the whole database",
        database=printable(name),
        standing=finding.standing,
        expected=finding.expected,
        found=finding.found,
        why=finding.why,
    )


def join_measured(found: Mapping[str, Measured]) -> Measured:
    """What was measured in all databases together."""
    every = [(name if len(found) > 1 else "", each) for name, each in found.items()]
    rows = [each.rows for _, each in every]
    deltas: dict[str, Delta | Silence] = reduce(lambda one, each: one | each[1].deltas, every, {})
    dated = [(each.newest, name, each.newest_in) for name, each in every if each.newest is not None]
    newest, name, where = max(dated, default=(None, "", ""))
    return Measured(
        rows=None if None in rows or not rows else sum(row for row in rows if row is not None),
        newest=newest,
        newest_in=f"{printable(name)}: {where}" if name and where else where,
        deltas=deltas,
    )

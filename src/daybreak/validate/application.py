"""The chapter of the application: the owner's own questions."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.assess import expecting
from daybreak.model.answers import Reply, Silence
from daybreak.model.findings import Finding
from daybreak.model.names import printable
from daybreak.model.targets import SqlCheck
from daybreak.validate.probes import ask_owner
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Each finding at application level."""
    for check in _named_apart(visit.subject.action.checks):
        yield expecting.owners(check, _owner(visit, check))


def _owner(visit: Visit, check: SqlCheck) -> Reply | Silence:
    return ask_owner(visit.place, check) if visit.place else visit.unasked(check.sql)


def _named_apart(wanted: tuple[SqlCheck, ...]) -> tuple[SqlCheck, ...]:
    """The owner's checks under names that differ: findings are kept by name, and the second of a name would hide the first."""
    seen: dict[str, int] = {}
    apart = []
    for check in wanted:
        name = printable(check.name)
        number = seen[name] = seen.get(name, 0) + 1
        apart.append(check if number == 1 else check.model_copy(update={"name": f"({number}) {check.name}"}))
    return tuple(apart)

"""The chapter of security: quarantine, and who can get at the clone."""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.assess import checks
from daybreak.model.answers import Settings, Silence
from daybreak.model.findings import Finding
from daybreak.validate.probes import ask_settings
from daybreak.validate.visit import Visit


def findings(visit: Visit) -> Iterator[Finding]:
    """Each finding at security level."""
    action = visit.subject.action
    if action.quarantine:
        yield checks.quarantine(action.quarantine, visit.subject.clone, _settings(visit))


def _settings(visit: Visit) -> Settings | Silence:
    if visit.place is None:
        return visit.unasked("the settings in force")
    return ask_settings(visit.place, visit.subject.action.quarantine, visit.subject.patience.asking)

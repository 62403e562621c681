"""The runbook's eighteen boxes: each is told by name, each can be ticked, and each can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from daybreak.assess import boxes
from daybreak.model.findings import Finding, Standing
from daybreak.model.world import Key, Role, SecurityGroup
from daybreak.postgres.session import Login
from daybreak.validate.run import Subject, validate
from tests.fix_stage import AROUND, Stage
from tests.fix_worlds import GROUP, KEY

Spoil = Callable[[Stage, Subject], Subject]


def _told(subject: Subject) -> dict[str, Finding]:
    outcome = validate(subject, tell=lambda finding: None, progress=lambda step: None)
    return {finding.check: finding for finding in outcome.findings}


def _clone(**changes: Any) -> Spoil:
    return lambda _stage, subject: replace(subject, clone=subject.clone.model_copy(update=changes))


def _instance(**changes: Any) -> Spoil:
    return lambda _stage, subject: replace(
        subject, instances=tuple(each.model_copy(update=changes) for each in subject.instances)
    )


def _around(**changes: Any) -> Spoil:
    return lambda _stage, subject: replace(subject, surroundings=AROUND.model_copy(update=changes))


def _source(**changes: Any) -> Spoil:
    def spoil(_stage: Stage, subject: Subject) -> Subject:
        assert subject.action.source_seen
        seen = subject.action.source_seen.model_copy(update=changes)
        return replace(subject, action=subject.action.model_copy(update={"source_seen": seen}))

    return spoil


def _data(*statements: str) -> Spoil:
    def spoil(stage: Stage, subject: Subject) -> Subject:
        stage.run(*statements)
        return subject

    return spoil


def _turned_away(_stage: Stage, subject: Subject) -> Subject:
    return replace(subject, login_of=lambda _reference: Login("embi_app", "not the password"))


def _ill(stage: Stage, subject: Subject) -> Subject:
    stage.pages.status = 503
    return subject


OPEN = SecurityGroup(identifier=GROUP, name="embi-db", rules=("tcp 5432-5432 from 0.0.0.0/0",))

SPOILED: dict[boxes.Box, Spoil] = {
    boxes.CLUSTER_STATUS: _clone(status="modifying"),
    boxes.INSTANCE_STATUS: _instance(status="rebooting"),
    boxes.ENDPOINT: _clone(endpoint=None),
    boxes.ENGINE_VERSION: _clone(engine_version="9.6"),
    boxes.ENCRYPTION: _clone(is_encrypted=False),
    boxes.ROWS: _data("DELETE FROM employees WHERE id = 0"),
    boxes.RECENT: _data("UPDATE employees SET updated_at = updated_at - interval '6 minutes'"),
    boxes.TABLES: _data("DROP TABLE employees"),
    boxes.FOREIGN_KEYS: _data("ALTER TABLE payroll DROP CONSTRAINT payroll_n_fkey"),
    boxes.INDEXES: _data("DROP INDEX employees_by_id"),
    boxes.CONNECTS: _turned_away,
    boxes.AUTHENTICATION: _turned_away,
    boxes.HEALTH: _ill,
    boxes.BUSINESS: _data("TRUNCATE payroll"),
    boxes.SECURITY_GROUPS: _around(security_groups=(OPEN,)),
    boxes.KMS: _around(key=Key(arn=KEY, is_enabled=False, state="Disabled")),
    boxes.IAM_ROLES: _source(roles=(Role(arn="arn:aws:iam::123456789012:role/s3", feature="s3Import"),)),
    boxes.AUDIT_LOGGING: _clone(log_exports=()),
}
"""For each box what makes it fail: in the database, in AWS, or in the application."""


def test_all_eighteen_are_told_in_the_runbooks_words_and_ticked(stage: Stage) -> None:
    """Whoever follows the runbook finds every one of its boxes in the report, under its own name."""
    told = _told(stage.subject())
    assert len(boxes.RUNBOOK) == 18
    standings = {box.title: told[box.check].standing for box in boxes.RUNBOOK}
    assert standings == dict.fromkeys(standings, Standing.FIT)
    assert all(told[box.check].title == box.title for box in boxes.RUNBOOK)


@pytest.mark.parametrize("box", boxes.RUNBOOK, ids=lambda box: box.check)
def test_each_of_the_eighteen_can_fail(stage: Stage, box: boxes.Box) -> None:
    """A box that is always ticked says nothing."""
    subject = SPOILED[box](stage, stage.subject())
    assert _told(subject)[box.check].standing is Standing.UNFIT


def test_a_page_whose_query_nobody_knows_is_unknown(stage: Stage) -> None:
    """A plan holds no query: where the configuration does not have it either, the page is not asked, and never fit."""
    subject = stage.subject()
    told = _told(subject)
    assert stage.pages.asked == [f"/health?db={stage.server.host}:{stage.server.port}"]
    assert told[boxes.HEALTH.check].asked == f"GET {stage.pages.url}/health?…"
    told = _told(replace(subject, health_urls={}))
    assert told[boxes.HEALTH.check].standing is Standing.UNKNOWN
    assert "is a secret that no plan holds" in told[boxes.HEALTH.check].why
    assert len(stage.pages.asked) == 1

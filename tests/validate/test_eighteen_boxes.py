"""The runbook's eighteen boxes: each is told by name, each can be ticked, and each can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from daybreak.model import checks
from daybreak.model.findings import Finding, Standing
from daybreak.model.world import Key, Role, SecurityGroup
from daybreak.postgres.login import Login
from daybreak.validate.run import Subject, validate
from tests.fix_stage import AROUND, Stage
from tests.fix_worlds import GROUP, KEY

Spoil = Callable[[Stage, Subject], Subject]


def _told(subject: Subject) -> dict[str, Finding]:
    outcome = validate(subject, report=lambda finding: None, progress=lambda step: None)
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

SPOILED: dict[checks.Check, Spoil] = {
    checks.CLUSTER_STATUS: _clone(status="failed"),
    checks.INSTANCE_STATUS: _instance(status="rebooting"),
    checks.ENDPOINT: _clone(endpoint=None),
    checks.ENGINE_VERSION: _clone(engine_version="9.6"),
    checks.ENCRYPTION: _clone(is_encrypted=False),
    checks.ROWS: _data("DELETE FROM employees WHERE id = 0"),
    checks.RECENT: _data("UPDATE employees SET updated_at = updated_at - interval '6 minutes'"),
    checks.TABLES: _data("DROP TABLE employees"),
    checks.FOREIGN_KEYS: _data("ALTER TABLE payroll DROP CONSTRAINT payroll_n_fkey"),
    checks.INDEXES: _data("DROP INDEX employees_by_id"),
    checks.CONNECTS: _turned_away,
    checks.AUTHENTICATION: _turned_away,
    checks.HEALTH: _ill,
    checks.BUSINESS: _data("TRUNCATE payroll"),
    checks.SECURITY_GROUPS: _around(security_groups=(OPEN,)),
    checks.KMS: _around(key=Key(arn=KEY, is_enabled=False, state="Disabled")),
    checks.IAM_ROLES: _source(roles=(Role(arn="arn:aws:iam::123456789012:role/s3", feature="s3Import"),)),
    checks.AUDIT_LOGGING: _clone(log_exports=()),
}
"""For each box what makes it fail: in the database, in AWS, or in the application."""


def test_all_eighteen_are_told_in_the_runbooks_words_and_ticked(stage: Stage) -> None:
    """Whoever follows the runbook finds every one of its boxes in the report, under its own name."""
    told = _told(stage.subject())
    assert len(checks.RUNBOOK) == 18
    standings = {check.title: told[check.name].standing for check in checks.RUNBOOK}
    assert standings == dict.fromkeys(standings, Standing.FIT)
    assert all(told[check.name].title == check.title for check in checks.RUNBOOK)


@pytest.mark.sweep
@pytest.mark.parametrize("check", checks.RUNBOOK, ids=lambda check: check.name)
def test_each_of_the_eighteen_can_fail(stage: Stage, check: checks.Check) -> None:
    """A box that is always ticked says nothing."""
    subject = SPOILED[check](stage, stage.subject())
    assert _told(subject)[check.name].standing is Standing.UNFIT


def test_a_clone_under_aws_own_key_is_encrypted_in_both_boxes(stage: Stage) -> None:
    """AWS says of it that it is not encrypted, and there is no key to look at."""
    owned: dict[str, Any] = {"is_encrypted": True, "encryption": "sse-rds", "kms_key": None}
    subject = stage.subject()
    for spoil in (_source(**owned), _clone(**owned), _around(key=None)):
        subject = spoil(stage, subject)
    told = _told(subject)
    for check in (checks.ENCRYPTION, checks.KMS):
        assert told[check.name].standing is Standing.FIT, told[check.name]
    of_another = _told(_source(is_encrypted=True, encryption="sse-kms", kms_key=KEY)(stage, subject))
    for check in (checks.ENCRYPTION, checks.KMS):
        assert of_another[check.name].standing is Standing.UNFIT


def test_a_page_whose_query_nobody_knows_is_unknown(stage: Stage) -> None:
    """A plan holds no query: where the configuration does not have it either, the page is not asked, and never fit."""
    subject = stage.subject()
    told = _told(subject)
    assert stage.pages.asked == [f"/health?db={stage.server.host}:{stage.server.port}"]
    assert told[checks.HEALTH.name].asked == f"GET {stage.pages.url}/health?…"
    told = _told(replace(subject, health_urls={}))
    assert told[checks.HEALTH.name].standing is Standing.UNKNOWN
    assert "is a secret that no plan holds" in told[checks.HEALTH.name].why
    assert len(stage.pages.asked) == 1

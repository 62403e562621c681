"""A whole validation of a real database: every box is told, and damage of each kind is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from daybreak.judge.verdict import verdict_of
from daybreak.model.answers import Silence
from daybreak.model.checks import CHECKS
from daybreak.model.findings import Finding, Standing
from daybreak.model.targets import SqlCheck
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.login import Login
from daybreak.validate.run import CountProgress, Outcome, ProbeLimits, Reach, Subject, validate
from tests.fix_stage import MOMENT, Stage

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
_HASTE = ProbeLimits(
    knocking=timedelta(seconds=1),
    asking=timedelta(seconds=1),
    counting=ServerBounds(whole=timedelta(seconds=2), lock=timedelta(seconds=0.5), connections=2),
)
_PROBED = {
    "database.endpoint",
    "database.engine-version",
    "security.quarantine",
    "data.tables",
    "data.rows",
    "data.recent",
    "owner.payroll is ready",
    "application.connects",
    "application.functions",
}
"""The checks that need the clone's PostgreSQL."""

_MAY_BE_REFUSED = {"database.endpoint", "application.connects"}
"""The checks to which a login that is turned away is an answer."""


def _validated(subject: Subject) -> tuple[Outcome, dict[str, Finding]]:
    told: list[Finding] = []
    outcome = validate(subject, report=told.append, progress=lambda step: None)
    assert tuple(told) == outcome.findings
    assert len({finding.check for finding in told}) == len(told), "a later finding of one name would hide the first"
    return outcome, {finding.check: finding for finding in told}


def test_a_faithful_clone_is_fit_and_its_newest_row_is_known(stage: Stage) -> None:
    """The good case: every box ticked, with what was expected, found, asked and how long it took."""
    # The clone's port is a tunnel's, not the source's.
    subject = stage.subject()
    subject = replace(subject, permitted={**subject.permitted, "port": "a lab's", "endpoint": "a lab's"})
    steps: list[CountProgress] = []
    outcome = validate(subject, report=lambda finding: None, progress=steps.append)
    rest = {finding.check: finding.standing for finding in outcome.findings if finding.standing is not FIT}
    assert rest == {"data.content": Standing.LEFT_OUT}, "the standard depth adds no content up, and says so"
    assert verdict_of(outcome.findings).standing is FIT
    asked = [finding for finding in outcome.findings if finding.standing is FIT]
    assert all(finding.expected and finding.found and finding.asked for finding in asked)
    assert outcome.measured.newest == MOMENT - timedelta(seconds=1)
    assert outcome.measured.newest_in == "public.employees.updated_at"
    assert outcome.measured.rows == 1002
    assert steps[-1].done == steps[-1].total


@pytest.mark.parametrize(
    ("check", "harm"),
    [
        ("data.tables", "DROP TABLE employees"),
        ("data.rows", "DELETE FROM employees WHERE id = 0"),
        ("data.recent", "UPDATE employees SET updated_at = '2024-01-15 14:30:01Z' WHERE id = 0"),
        ("data.recent", "UPDATE employees SET updated_at = updated_at - interval '6 minutes'"),
        ("data.recent", "TRUNCATE employees"),
        ("owner.payroll is ready", "TRUNCATE payroll"),
    ],
)
def test_harm_to_the_data_is_unfit(stage: Stage, check: str, harm: str) -> None:
    """Each thing a bad restore can do to the rows is found by the box that is there for it."""
    stage.run(harm)
    _, found = _validated(stage.subject())
    assert found[check].standing is UNFIT


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("database.cluster-status", {"status": "failed"}),
        ("database.encryption", {"kms_key": "arn:aws:kms:us-east-1:1:key/other"}),
        ("database.engine-version", {"engine_version": "9.6"}),
        ("database.endpoint", {"endpoint": None}),
        ("parity.cluster", {"is_protected": False}),
    ],
)
def test_harm_to_the_configuration_is_unfit(stage: Stage, check: str, changes: dict[str, Any]) -> None:
    """What AWS loses on the way is found even where every row came back."""
    subject = stage.subject()
    _, found = _validated(replace(subject, clone=subject.clone.model_copy(update=changes)))
    assert found[check].standing is UNFIT


def test_a_quarantine_that_is_not_in_force_is_unfit(stage: Stage) -> None:
    """The running server decides, not the parameter group."""
    _, found = _validated(
        stage.subject(quarantine={"max_logical_replication_workers": "0", "max_replication_slots": "0"})
    )
    assert found["security.quarantine"].standing is UNFIT


@pytest.mark.parametrize("lack", ["login", "wrong login", "black hole"])
def test_whatever_cannot_be_asked_is_unknown_and_never_fit(stage: Stage, black_hole: int, lack: str) -> None:
    """No false green: the promise the whole tool stands on."""
    subject = stage.subject()
    changes: dict[str, Callable[[], Subject]] = {
        "login": lambda: replace(subject, login=None, login_of=lambda _reference: Silence(asked="a", why="no secret")),
        "wrong login": lambda: replace(subject, login=Login("a", "x"), login_of=lambda _reference: Login("a", "x")),
        "black hole": lambda: replace(subject, clone=subject.clone.model_copy(update={"port": black_hole})),
    }
    began = monotonic()
    outcome, found = _validated(replace(changes[lack](), patience=_HASTE))
    assert monotonic() - began < 6
    assert {name for name in _PROBED if found[name].standing is FIT} == set()
    assert {name for name in _PROBED - _MAY_BE_REFUSED if found[name].standing is not UNKNOWN} == set()
    assert all(finding.why for finding in outcome.findings if finding.standing is UNKNOWN)
    assert verdict_of(outcome.findings).standing is not FIT
    assert outcome.measured.newest is None


@pytest.mark.sweep
def test_a_locked_table_makes_what_depends_on_it_unknown_in_time(stage: Stage) -> None:
    """Everything else is still judged."""
    with stage.server.connection(stage.database) as other, other.transaction():
        other.execute("LOCK TABLE employees IN ACCESS EXCLUSIVE MODE")
        _, found = _validated(stage.subject())
    assert found["data.tables"].standing is FIT
    assert found["data.rows"].standing is UNKNOWN
    assert found["data.recent"].standing is UNKNOWN
    assert found["owner.payroll is ready"].standing is FIT


def test_a_source_that_cannot_be_asked_leaves_tables_to_the_configuration(stage: Stage) -> None:
    """The source may be what burnt down."""
    gone = Reach(stage.server.address("burnt_down"), stage.server.master)
    _, found = _validated(stage.subject(source=gone))
    assert found["data.tables"].standing is FIT
    _, found = _validated(stage.subject(source=gone, tables={}))
    assert found["data.tables"].standing is UNKNOWN


@pytest.mark.sweep
def test_each_check_is_asked_in_one_part_and_the_parts_are_the_whole(stage: Stage) -> None:
    """A run asks in two parts: what neither asks nobody knows, and what both ask is read twice."""
    whole = stage.subject()
    parts: dict[str, set[str]] = {}
    for part in ("data", "clone"):
        _, found = _validated(replace(whole, action=whole.action.model_copy(update={"part": part})))
        parts[part] = set(found)
        assert {name for name in found if name in CHECKS and CHECKS[name].part != part} == set()
    _, found = _validated(whole)
    assert set(found) == parts["data"] | parts["clone"]
    assert {name for name in CHECKS if name not in found} == set(), "every check is asked by the whole"


def test_the_part_of_the_clone_asks_no_server(stage: Stage, black_hole: int) -> None:
    """It is asked last, when people may work in the clone already; and a server that is silent does not hold it up."""
    subject = stage.subject()
    silent = subject.clone.model_copy(update={"port": black_hole})
    began = monotonic()
    _validated(replace(subject, clone=silent, action=subject.action.model_copy(update={"part": "clone"})))
    assert monotonic() - began < 1


def test_two_checks_of_one_name_are_both_kept(stage: Stage) -> None:
    """Findings are kept by name: an unfit first must not be hidden by a fit second."""
    twins = (
        SqlCheck(name="ready", sql="SELECT false", expect="true"),
        SqlCheck(name="ready", sql="SELECT true", expect="true"),
    )
    _, found = _validated(stage.subject(checks=twins))
    assert [found[name].standing for name in ("owner.ready", "owner.(2) ready")] == [UNFIT, FIT]

"""The runbook's boxes at database level, and quarantine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.judge import database
from daybreak.model.answers import Answer, AnswerStage, ServerSettings, Setting, Silence
from daybreak.model.findings import Finding, Standing
from daybreak.model.statuses import PASSING
from daybreak.model.world import AutomatedBackup, Cluster, Role
from tests.fix_worlds import KEY, cluster, instance

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
_OTHER_KEY = KEY.replace("0f9e8d7c", "99999999")
_AWS_OWNED = cluster(is_encrypted=True, encryption="sse-rds", kms_key=None)
_NOT_ENCRYPTED = cluster(is_encrypted=False, kms_key=None)
_SILENCE = Silence(asked="a question", why="nobody answered", took=timedelta(seconds=3))


def _answer(**changes: object) -> Answer:
    stages = tuple(AnswerStage(name=name, took=timedelta(milliseconds=2)) for name in ("dns", "tcp", "tls", "sql"))
    defaults = {"host": "clone", "port": 5432, "stages": stages, "server_version": "16.9", "tls": "TLSv1.3"}
    return Answer.model_validate(defaults | changes)


_NO_ANSWER = _answer(stages=(), server_version="", trouble="the name has no address")


def _backup(**changes: object) -> AutomatedBackup:
    defaults = {"cluster": "c", "resource_id": "r", "status": "retained", "engine": "aurora-postgresql"}
    return AutomatedBackup.model_validate(
        defaults | {"engine_version": "16.6", "is_encrypted": True, "kms_key": KEY} | changes
    )


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("available", FIT),
        ("Available ", UNFIT),
        ("failed", UNFIT),
        ("a status AWS adds next year", UNFIT),
        *((each, UNKNOWN) for each in sorted(PASSING)),
    ],
)
def test_only_an_available_cluster_is_fit(status: str, standing: Standing) -> None:
    """The runbook's first box, word for word; what AWS leaves by itself is no defect of the clone."""
    finding = database.cluster_status(cluster(status=status))
    assert (finding.standing, finding.expected, finding.found) == (standing, "available", status)


def test_every_instance_must_be_available_and_one_must_write() -> None:
    """A reader that is up hides a writer that is not; a cluster without instances has nothing to connect to."""
    both = (instance(1), instance(2))
    assert database.instance_status(cluster(), both).standing is FIT
    assert database.instance_status(cluster(), (instance(1), instance(2, status="creating"))).standing is UNFIT
    assert database.instance_status(cluster(), ()).standing is UNFIT
    working = instance(2, status="configuring-enhanced-monitoring")
    assert database.instance_status(cluster(), (instance(1), working)).standing is UNKNOWN
    assert database.instance_status(cluster(), (instance(1, status="failed"), working)).standing is UNFIT
    assert database.instance_status(cluster(), (working,)).standing is UNFIT, "none of them writes"
    lone = database.instance_status(cluster(), (instance(2),))
    assert lone.standing is UNFIT
    assert "writer" in lone.found


def test_an_endpoint_is_accessible_only_when_sql_is_answered() -> None:
    """A refusal is the box's own answer; silence tells nothing about the endpoint."""
    assert database.endpoint(_answer()).standing is FIT
    refused = database.endpoint(_answer(stages=_answer().stages[:1], trouble="connection refused"))
    assert (refused.standing, "DNS" in refused.found, "refused" in refused.found) == (UNFIT, True, True)
    silent = database.endpoint(
        _answer(stages=_answer().stages[:2], trouble="TLS was not answered in time", is_silence=True)
    )
    assert (silent.standing, silent.why) == (UNKNOWN, "TLS was not answered in time")


@pytest.mark.parametrize(
    ("clone", "origin", "answer", "standing"),
    [
        (cluster(), cluster(), _answer(), FIT),
        (cluster(), _backup(), _answer(), FIT),
        (cluster(engine_version="16.4"), cluster(), _answer(), UNFIT),
        (cluster(engine="aurora-mysql"), cluster(), _answer(), UNFIT),
        (cluster(), cluster(), _answer(server_version="15.6"), UNFIT),
        (cluster(), cluster(), _NO_ANSWER, UNKNOWN),
        (cluster(engine_version="16.4"), cluster(), _NO_ANSWER, UNFIT),
        (cluster(), None, _answer(), UNKNOWN),
    ],
)
def test_the_engine_version_is_the_sources_and_the_server_agrees(
    clone: object, origin: object, answer: Answer, standing: Standing
) -> None:
    """What AWS says and what runs can differ; what was not asked is not known."""
    finding = database.engine_version(clone, origin, answer)  # type: ignore[arg-type]
    assert finding.standing is standing


@pytest.mark.parametrize(
    ("clone", "origin", "standing"),
    [
        (cluster(), cluster(), FIT),
        (cluster(), _backup(), FIT),
        (cluster(kms_key=_OTHER_KEY), cluster(), UNFIT),
        (cluster(is_encrypted=False, kms_key=None), cluster(), UNFIT),
        (cluster(is_encrypted=False, kms_key=None), cluster(is_encrypted=False, kms_key=None), UNFIT),
        (cluster(), cluster(is_encrypted=False, kms_key=None), FIT),
        (cluster(), None, UNKNOWN),
        (cluster(is_encrypted=False, kms_key=None), None, UNFIT),
        (cluster(kms_key=None), cluster(), UNKNOWN),
        (_AWS_OWNED, _AWS_OWNED, FIT),
        (_AWS_OWNED, _NOT_ENCRYPTED, FIT),
        (_AWS_OWNED, cluster(), UNFIT),
        (cluster(), _AWS_OWNED, UNFIT),
        (_AWS_OWNED, None, UNKNOWN),
        (_NOT_ENCRYPTED, _AWS_OWNED, UNFIT),
    ],
)
def test_storage_is_encrypted_under_the_sources_own_key(clone: object, origin: object, standing: Standing) -> None:
    """A clone under another key is encrypted too, but for other people."""
    assert database.encryption(clone, origin).standing is standing  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("origin", "standing"), [(_AWS_OWNED, FIT), (_NOT_ENCRYPTED, FIT), (None, FIT), (cluster(), UNFIT)]
)
def test_aws_own_key_needs_no_look_and_takes_no_other_keys_place(origin: Cluster | None, standing: Standing) -> None:
    """There is no such key in the account; where a team's own key was, the team has lost its hold on the data."""
    finding = database.key_of_aws(_AWS_OWNED, origin)
    assert (finding.check, finding.standing) == ("security.kms", standing)
    assert "AWS's own key" in finding.found


def _in_force(wanted: dict[str, str], *known: Setting, families: tuple[str, ...] = (), **changes: object) -> Finding:
    answer = ServerSettings(asked="SHOW", took=timedelta(0), known=known, families=families)
    return database.quarantine(wanted, cluster(**changes), answer)


_WORKERS = Setting(name="max_logical_replication_workers", value="0", kind="integer")


@pytest.mark.parametrize(
    ("wanted", "setting", "standing"),
    [
        ("0", _WORKERS, FIT),
        ("0", _WORKERS.model_copy(update={"value": "4"}), UNFIT),
        ("0", _WORKERS.model_copy(update={"waits_for_restart": True}), UNFIT),
        ("1", Setting(name="max_logical_replication_workers", value="on", kind="bool"), FIT),
        ("off", Setting(name="max_logical_replication_workers", value="off", kind="bool"), FIT),
        ("0", Setting(name="max_logical_replication_workers", value="on", kind="bool"), UNFIT),
        ("minimal", Setting(name="max_logical_replication_workers", value="logical", kind="enum"), UNFIT),
        ("64kB", Setting(name="max_logical_replication_workers", value="64", kind="integer", unit="kB"), FIT),
        ("off", Setting(name="max_logical_replication_workers", value="off"), FIT),
    ],
)
def test_quarantine_is_what_the_running_server_says(wanted: str, setting: Setting, standing: Standing) -> None:
    """A parameter group that AWS shows but PostgreSQL does not run keeps nobody quiet."""
    assert _in_force({"max_logical_replication_workers": wanted}, setting).standing is standing


def test_a_switch_the_server_lacks_is_judged_by_whether_its_extension_is_loaded() -> None:
    """Where pg_cron is not loaded no job can start; where it is loaded but too old for the switch, jobs do start."""
    wanted = {"cron.launch_active_jobs": "off"}
    assert _in_force(wanted).standing is FIT
    assert _in_force(wanted, families=("cron",)).standing is UNFIT
    assert _in_force({"no_such_setting": "off"}).standing is UNKNOWN


def test_a_clone_with_roles_is_not_in_quarantine() -> None:
    """With its roles it can reach S3 and Lambda, which are production's."""
    finding = _in_force({"max_logical_replication_workers": "0"}, _WORKERS, roles=(Role(arn="arn:aws:iam::1:role/x"),))
    assert finding.standing is UNFIT


def test_a_quarantine_that_could_not_be_asked_is_unknown() -> None:
    """The law of all database."""
    finding = database.quarantine({"max_logical_replication_workers": "0"}, cluster(), _SILENCE)
    assert (finding.standing, finding.why, finding.took) == (UNKNOWN, "nobody answered", timedelta(seconds=3))

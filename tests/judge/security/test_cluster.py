"""Each way in which a clone is less guarded than its source is found by the check named for it."""

from __future__ import annotations

from typing import Any

import pytest

from daybreak.judge.security.cluster import (
    Trail,
    audit_logging,
    connect_policies,
    deletion_protection,
    iam_roles,
    kms,
    public_access,
)
from daybreak.model.answers import ServerSettings, Setting, Silence
from daybreak.model.findings import Standing
from daybreak.model.value import Span
from daybreak.model.world import Cluster, ConnectPolicy, Key, Role, Surroundings, Unseen
from tests.fix_worlds import ACCOUNT, KEY, REGION, cluster, instance

FIT, UNFIT, UNKNOWN = Standing.FIT, Standing.UNFIT, Standing.UNKNOWN
NEW_ID = "cluster-NEW"
ROLE = Role(arn="arn:aws:iam::123456789012:role/s3", feature="s3Import", status="ACTIVE")
ENABLED = Surroundings(key=Key(arn=KEY, is_enabled=True))


def _clone(**changes: Any) -> Cluster:
    return cluster(**({"identifier": "embi-pitr", "resource_id": NEW_ID} | changes))


def test_a_public_instance_is_unfit_and_no_instance_is_unknown() -> None:
    """A database of real people on the internet, for as long as nobody looks."""
    assert public_access((instance(1), instance(2))).standing is FIT
    found = public_access((instance(1), instance(2, is_public=True)))
    assert (found.standing, [each.name for each in found.details if each.standing is UNFIT]) == (
        UNFIT,
        ["embi-aurora-cluster-2"],
    )
    assert public_access(()).standing is UNKNOWN


@pytest.mark.parametrize(
    ("changes", "around", "standing"),
    [
        ({}, ENABLED, FIT),
        ({"is_encrypted": False}, ENABLED, UNFIT),
        ({"kms_key": "arn:other"}, ENABLED, UNFIT),
        ({}, Surroundings(key=Key(arn=KEY, is_enabled=False, state="PendingDeletion")), UNFIT),
        ({}, Surroundings(), UNKNOWN),
        ({}, Surroundings(unseen=(Unseen(what="key", why="kms:DescribeKey is denied"),)), UNKNOWN),
    ],
)
def test_encryption_is_under_the_sources_key_which_can_be_used(
    changes: dict[str, Any], around: Surroundings, standing: Standing
) -> None:
    """A key that is disabled takes the clone down with it, days later."""
    assert kms(_clone(**changes), cluster(), around).standing is standing


def test_roles_are_none_in_quarantine_and_all_there_after_it() -> None:
    """A lost role breaks the nightly export; a role in quarantine could write to the real bucket."""
    source, meant = cluster(roles=(ROLE,)), {"roles": "none, so that nothing reaches S3"}
    bare, full = _clone(roles=()), _clone(roles=(ROLE,))
    told = iam_roles(source, bare, meant)
    assert told.standing is FIT
    assert [each.why for each in told.details] == [meant["roles"]]
    assert iam_roles(source, bare, {}).standing is UNFIT
    assert iam_roles(source, full, {}).standing is FIT
    assert iam_roles(source, full, meant).standing is UNFIT
    assert iam_roles(cluster(), full, {}).standing is UNFIT
    broken = ROLE.model_copy(update={"status": "INVALID"})
    assert iam_roles(source, _clone(roles=(broken,)), {}).standing is UNFIT
    assert iam_roles(None, bare, {}).standing is UNKNOWN


def test_deletion_protection_is_as_the_sources() -> None:
    """A clone that takes over without it is one typing mistake from being gone."""
    assert deletion_protection(cluster(), _clone(), {}).standing is FIT
    assert deletion_protection(cluster(), _clone(is_protected=False), {}).standing is UNFIT
    assert deletion_protection(cluster(), _clone(is_protected=False), {"is_protected": "staging"}).standing is FIT
    bare = cluster(is_protected=False)
    assert deletion_protection(bare, _clone(is_protected=False), {}).standing is FIT
    assert deletion_protection(bare, _clone(), {}).standing is FIT
    assert deletion_protection(None, _clone(is_protected=False), {}).standing is UNKNOWN


@pytest.mark.parametrize(
    ("policies", "standing"),
    [
        ((), FIT),
        ((("role a", ("*",)),), FIT),
        ((("role a", ("cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ", NEW_ID)),), FIT),
        ((("role a", ("cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",)),), UNFIT),
        ((("role a", ("cluster-*",)),), FIT),
        ((("role a", ("cluster-ABC*",)),), UNFIT),
        ((("role a", ("cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",)), ("role a", (NEW_ID,))), FIT),
        ((("role a", ("cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",)), ("role b", ("*",))), UNFIT),
        ((("role a", ("cluster-SOMEBODYELSES",)),), FIT),
    ],
)
def test_a_policy_that_names_only_the_old_resource_id_is_found(
    policies: tuple[tuple[str, tuple[str, ...]], ...], standing: Standing
) -> None:
    """Every restore gets a new resource id, and IAM logins break without a word."""
    around = Surroundings(
        connect_policies=tuple(ConnectPolicy(name="login", holder=who, resource_ids=ids) for who, ids in policies)
    )
    found = connect_policies(cluster(), _clone(), around)
    assert found.standing is standing
    if standing is UNFIT:
        assert f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{NEW_ID}/USER" in found.found


def test_iam_logins_that_were_switched_off_are_found_and_unseen_policies_are_unknown() -> None:
    """AWS switches them off on restore unless asked."""
    assert connect_policies(cluster(), _clone(has_iam_auth=False), Surroundings()).standing is UNFIT
    off = cluster(has_iam_auth=False)
    assert connect_policies(off, _clone(has_iam_auth=False), Surroundings()).standing is FIT
    dark = Surroundings(unseen=(Unseen(what="connect_policies", why="denied"),))
    assert connect_policies(cluster(), _clone(), dark).standing is UNKNOWN
    assert connect_policies(None, _clone(), Surroundings()).standing is UNKNOWN


def _settings(**values: str) -> ServerSettings:
    known = tuple(Setting(name=name.replace("__", "."), value=value) for name, value in values.items())
    return ServerSettings(asked="SHOW", took=Span(0), known=known)


AUDITED = _settings(shared_preload_libraries="pg_stat_statements,pgaudit", pgaudit__log="ddl")


@pytest.mark.parametrize(
    ("source", "clone", "standing"),
    [
        ((("postgresql",), AUDITED), (("postgresql",), AUDITED), FIT),
        ((("postgresql",), AUDITED), ((), AUDITED), UNFIT),
        ((("postgresql",), AUDITED), (("postgresql",), _settings(shared_preload_libraries="")), UNFIT),
        ((("postgresql",), AUDITED), (("postgresql",), _settings(shared_preload_libraries="pgaudit")), UNFIT),
        ((("postgresql",), AUDITED), (("postgresql",), Silence(asked="", why="no SQL")), UNKNOWN),
        ((("postgresql",), None), (("postgresql",), Silence(asked="", why="no SQL")), FIT),
        (((), _settings(log_statement="none")), ((), _settings(log_statement="none")), UNKNOWN),
        (((), AUDITED), ((), AUDITED), FIT),
    ],
)
def test_what_was_audited_is_audited(
    source: tuple[tuple[str, ...], ServerSettings | None],
    clone: tuple[tuple[str, ...], ServerSettings | Silence],
    standing: Standing,
) -> None:
    """An audit trail that ends with a restore ends where somebody will look for it."""
    before = Trail(cluster(log_exports=source[0]), source[1])
    assert audit_logging(before, Trail(_clone(log_exports=clone[0]), clone[1])).standing is standing


def test_without_a_source_nobody_knows_what_was_audited() -> None:
    """Nothing to hold the clone to."""
    assert audit_logging(Trail(None, None), Trail(_clone(), AUDITED)).standing is UNKNOWN

"""Defects in who may do what."""

from __future__ import annotations

import json
from typing import Unpack

from daybreak.lab.company.names import APPLICATION_SECRET
from daybreak.model import checks
from daybreak.model.checks import Check
from tests.defects.planted.how import Planted, Told, by_damage, by_sql, run
from tests.defects.rules import DROPPED_OR_LOST, UNKNOWN_SINCE_WHEN
from tests.defects.ward import Ward


def _role(name: str, check: Check, statement: str, undo: str, **told: Unpack[Told]) -> Planted:
    """Roles belong to the whole server, so a copy of the database does not bring them back."""
    return Planted(name, check, lambda ward: run(ward, statement), lambda ward: run(ward, undo), **told)


def _change_password(ward: Ward) -> None:
    run(ward, "alter role embi_app password 'not the one'")


def _put_back_password(ward: Ward) -> None:
    held = ward.lab.client("secretsmanager").get_secret_value(SecretId=APPLICATION_SECRET)["SecretString"]
    run(ward, f"alter role embi_app password '{json.loads(held)['password']}'")


def _drop_analyst(ward: Ward) -> None:
    [[[ward.others["number of embi_analyst"]]], _] = ward.damage.sql(
        "select oid::text from pg_roles where rolname = 'embi_analyst'", "drop role embi_analyst"
    )


def _put_back_analyst(ward: Ward) -> None:
    # The same name with another number is another role, and every defect that is planted later would be found by it.
    run(ward, "set role embi_admin; create role embi_analyst login")
    ward.damage.do("number-role", role="embi_analyst", number=ward.others.pop("number of embi_analyst"))
    run(
        ward,
        "set role embi_admin; grant embi_reporting to embi_analyst; alter role embi_analyst set default_transaction_read_only to on",
    )


IN_ACCESS: tuple[Planted, ...] = (
    by_damage("wrong owner", checks.OWNERS, lambda ward: ward.damage.do("give-table", table="parts.published", owner="embi_reporting"), kind="pg_class.relowner", line="relation parts.published"),
    by_sql("grant lost", checks.GRANTS, "revoke select on employees from embi_app", kind="pg_class.relacl", line="relation public.employees"),
    by_sql("grant to everybody", checks.GRANTS, "grant select on salaries to public", kind="pg_class.relacl", line="relation public.salaries"),
    by_sql("row security off", checks.ROW_SECURITY, "alter table notes disable row level security", kind="pg_class.relrowsecurity", line="public.notes"),
    by_sql("policy missing", checks.ROW_SECURITY, "drop policy notes_for_reading on notes", kind="pg_policy: row", line="notes_for_reading", gone=DROPPED_OR_LOST),
    Planted("missing role", checks.ROLES, _drop_analyst, _put_back_analyst, kind="pg_authid: row", line="embi_analyst", gone=DROPPED_OR_LOST),
    _role("role that may do more", checks.ROLES, "alter role parts_expires createdb", "alter role parts_expires nocreatedb", kind="pg_authid.rolcreatedb", line="parts_expires", gone=UNKNOWN_SINCE_WHEN),
    _role("membership lost", checks.ROLES, "revoke embi_reporting from embi_analyst", "set role embi_admin; grant embi_reporting to embi_analyst", kind="pg_auth_members: row", line="embi_analyst", gone=DROPPED_OR_LOST),
    _role("application's role may not log in", checks.CONNECTS, "alter role embi_app nologin", "alter role embi_app login", kind="pg_authid.rolcanlogin", alone="the application cannot come in"),
    Planted(
        "application's password is another one", checks.AUTHENTICATION, _change_password, _put_back_password
    , kind="pg_authid.rolpassword", alone="the application cannot come in"),
)  # fmt: skip
"""Who may do what."""

"""Defects in who may do what."""

from __future__ import annotations

import json

from daybreak.lab.company.names import APPLICATION_SECRET
from daybreak.model import checks
from daybreak.model.checks import Check
from tests.defects.planted.how import Planted, by_damage, by_sql, run
from tests.defects.ward import Ward


def _role(name: str, check: Check, statement: str, undo: str) -> Planted:
    """Roles belong to the whole server, so a copy of the database does not bring them back."""
    return Planted(name, check, lambda ward: run(ward, statement), lambda ward: run(ward, *undo.split("; ")))


def _change_password(ward: Ward) -> None:
    run(ward, "alter role embi_app password 'not the one'")


def _put_back_password(ward: Ward) -> None:
    held = ward.lab.client("secretsmanager").get_secret_value(SecretId=APPLICATION_SECRET)["SecretString"]
    run(ward, f"alter role embi_app password '{json.loads(held)['password']}'")


IN_ACCESS: tuple[Planted, ...] = (
    by_damage("wrong owner", checks.OWNERS, lambda ward: ward.damage.do("give-table", table="payments", owner="embi_reporting")),
    by_sql("grant lost", checks.GRANTS, "revoke select on employees from embi_app"),
    by_sql("grant to everybody", checks.GRANTS, "grant select on salaries to public"),
    by_sql("row security off", checks.ROW_SECURITY, "alter table notes disable row level security"),
    by_sql("policy missing", checks.ROW_SECURITY, "drop policy notes_for_reading on notes"),
    _role(
        "missing role",
        checks.ROLES,
        "drop role embi_analyst",
        "create role embi_analyst login in role embi_reporting; alter role embi_analyst set default_transaction_read_only to on",
    ),
    _role("role that may do more", checks.ROLES, "alter role embi_analyst createdb", "alter role embi_analyst nocreatedb"),
    _role("membership lost", checks.ROLES, "revoke embi_reporting from embi_analyst", "grant embi_reporting to embi_analyst"),
    _role("application's role may not log in", checks.CONNECTS, "alter role embi_app nologin", "alter role embi_app login"),
    Planted(
        "application's password is another one", checks.AUTHENTICATION, _change_password, _put_back_password
    ),
)  # fmt: skip
"""Who may do what."""

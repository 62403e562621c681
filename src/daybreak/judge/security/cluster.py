"""Who can reach the clone, and what the clone can reach: answers in, findings out.

The law: the source is the measure, but it excuses three things never: an open door to the world, the default group of a
network, and a public address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from daybreak.judge.details import NO_SOURCE, Sum, decide, line, unknown
from daybreak.model import checks
from daybreak.model.answers import ServerSettings, Silence
from daybreak.model.checks import Asked
from daybreak.model.findings import Detail, Finding
from daybreak.model.names import comma_list, printable
from daybreak.model.world import Cluster, ConnectPolicy, Instance, Origin, Role, Surroundings

_CLUSTER_CALL = Asked("rds:DescribeDBClusters")


def public_access(instances: tuple[Instance, ...]) -> Finding:
    """No instance has a public address."""
    check, asked = checks.PUBLIC_ACCESS, Asked("rds:DescribeDBInstances")
    expected = "no instance with a public address"
    if not instances:
        return check.unknown(expected, "the clone has no instance that could be looked at", asked)
    lines = [
        line(each.identifier, "private", "public" if each.is_public else "private", is_fit=not each.is_public)
        for each in instances
    ]
    return decide(check, lines, Sum(expected, f"{len(lines)} instances, all private", asked))


def kms(clone: Cluster, origin: Origin | None, around: Surroundings) -> Finding:
    """The storage is encrypted, under the source's key, and the key can be used."""
    check, asked = checks.KMS, Asked("rds:DescribeDBClusters; kms:DescribeKey")
    expected = "encrypted under the source's key, which is enabled"
    if not clone.is_encrypted:
        return check.unfit(expected, "not encrypted", asked)
    name = clone.kms_key or "a key AWS does not name"
    lines = []
    if origin is not None and origin.is_encrypted and origin.kms_key:
        lines.append(line("key", origin.kms_key, name, is_fit=origin.kms_key == clone.kms_key))
    if around.key is None:
        lines.append(
            unknown("state of the key", "enabled", around.why_unseen("key") or "the key was not looked at", name)
        )
    else:
        state = "enabled" if around.key.is_enabled else printable(around.key.state)
        lines.append(line("state of the key", "enabled", state, is_fit=around.key.is_enabled))
    return decide(check, lines, Sum(expected, f"encrypted under {name}", asked))


def iam_roles(source: Cluster | None, clone: Cluster, permitted: Mapping[str, str]) -> Finding:
    """The clone has the source's roles, and no roles where none are intended."""
    check, reason = checks.IAM_ROLES, permitted.get("roles")
    has = {_role(each): each for each in clone.roles}
    if source is None:
        found = comma_list(list(has)) or "none"
        return check.unknown("the source's roles", NO_SOURCE, _CLUSTER_CALL, found=found)
    had = [_role(each) for each in source.roles]
    lines = [_had(name, has.get(name), reason) for name in had]
    lines += [line(name, "no such role", "attached", is_fit=False) for name in has if name not in had]
    expected = "none in quarantine" if reason else comma_list(had) or "none, as the source"
    found = "none" + (f" ({reason})" if reason else "") if not has else comma_list(list(has))
    return decide(check, lines, Sum(expected, found, _CLUSTER_CALL))


def _had(name: str, role: Role | None, reason: str | None) -> Detail:
    if role is None:
        return line(name, "attached", "gone", is_fit=reason is not None, why=reason or "")
    if reason is not None:
        return line(name, "none in quarantine", "attached", is_fit=False)
    status = role.status or "ACTIVE"
    return line(name, "attached", "attached" if status == "ACTIVE" else printable(status), is_fit=status == "ACTIVE")


def _role(role: Role) -> str:
    return printable(f"{role.arn} {role.feature or ''}".strip())


def deletion_protection(source: Cluster | None, clone: Cluster, permitted: Mapping[str, str]) -> Finding:
    """The clone of a protected source is protected."""
    check, found = checks.DELETION_PROTECTION, "on" if clone.is_protected else "off"
    if source is None:
        if clone.is_protected:
            return check.fit("on, or as the source's", found, _CLUSTER_CALL)
        return check.unknown("as the source's", NO_SOURCE, _CLUSTER_CALL, found=found)
    if source.is_protected and not clone.is_protected and (reason := permitted.get("is_protected")):
        return check.fit("on, as the source's", f"off, as planned ({reason})", _CLUSTER_CALL)
    expected = "on, as the source's" if source.is_protected else "as the source's, which is off"
    return check.judge(expected, found, _CLUSTER_CALL, is_fit=clone.is_protected or not source.is_protected)


def connect_policies(origin: Origin | None, clone: Cluster, around: Surroundings) -> Finding:
    """IAM policies that allow a login to the source allow one to the clone, which has another resource id (FACTS 4.2)."""
    check, asked = checks.CONNECT_POLICIES, Asked("iam:GetAccountAuthorizationDetails, rds-db:connect")
    expected = "no policy names the source's resource id without the clone's"
    if origin is None:
        return check.unknown(expected, NO_SOURCE, asked)
    if not clone.has_iam_auth:
        found = "IAM logins are off" + (", though they were on" if origin.has_iam_auth else ", as they were")
        return check.judge("IAM logins as the source's", found, _CLUSTER_CALL, is_fit=not origin.has_iam_auth)
    if why := around.why_unseen("connect_policies"):
        return check.unknown(expected, why, asked)
    mine = [each for each in around.connect_policies if _names(each, origin.resource_id or clone.resource_id)]
    lines = [
        line(
            f"{each.name} ({each.holder})",
            clone.resource_id,
            ", ".join(map(printable, each.resource_ids)),
            is_fit=_is_let_in(each, clone.resource_id, around),
        )
        for each in mine
    ]
    finding = decide(
        check, lines, Sum(expected, f"policies that allow a login: {len(mine)}, each to the clone too", asked)
    )
    if all(each.standing == "fit" for each in lines):
        return finding
    return finding.model_copy(update={"found": f"{finding.found}; add {_resource(clone)} to them"})


def _names(policy: ConnectPolicy, resource_id: str | None) -> bool:
    return resource_id is not None and any(fnmatchcase(resource_id, named) for named in policy.resource_ids)


def _is_let_in(policy: ConnectPolicy, resource_id: str, around: Surroundings) -> bool:
    """Whether this policy, or another one of the same person or role, allows its holder to log in to the clone."""
    same = [each for each in around.connect_policies if each.holder == policy.holder and each.holder != "policy"]
    return any(_names(each, resource_id) for each in (policy, *same))


def _resource(clone: Cluster) -> str:
    """The resource that a policy must name, for the users that it names now."""
    _, partition, _, region, account, *_ = [*clone.arn.split(":"), *"?????"]
    return f"arn:{partition}:rds-db:{region}:{account}:dbuser:{clone.resource_id}/USER"


AUDITORS = ("shared_preload_libraries", "pgaudit.log", "pgaudit.role", "log_statement", "log_connections")
"""The settings that show PostgreSQL's own audit trail."""

_SILENT = frozenset({"", "none", "off", "false", "0"})


@dataclass(frozen=True)
class Trail:
    """What keeps an audit trail at one cluster: the logs that leave it, and what its server writes into them."""

    cluster: Cluster | None
    settings: ServerSettings | Silence | None


def audit_logging(source: Trail, clone: Trail) -> Finding:
    """What was audited at the source is audited in the clone."""
    check, expected = checks.AUDIT_LOGGING, "what the source logs and audits"
    exports = clone.cluster.log_exports if clone.cluster else ()
    asked = Asked("rds:DescribeDBClusters; " + (clone.settings.asked if clone.settings else "the settings in force"))
    if source.cluster is None:
        return check.unknown(expected, NO_SOURCE, asked, found=f"log exports: {comma_list(exports) or 'none'}")
    lines = [
        line(f"log export {name}", "on", "on" if name in exports else "off", is_fit=name in exports)
        for name in source.cluster.log_exports
    ]
    lines += _audit_lines(source.settings, clone.settings)
    has_any = bool(source.cluster.log_exports) or any(_is_audit(each) for each in lines)
    if not has_any and not exports and not any(each.standing == "unfit" for each in lines):
        why = "neither the source nor the clone keeps an audit trail: turn it on at the source, or waive this check"
        return check.unknown(expected, why, asked, found="no log export, no pgaudit")
    words = f"log exports: {comma_list(exports) or 'none'}; pgaudit: {'on, as the source' if any(map(_is_audit, lines)) else 'not on, as at the source'}"
    return decide(check, lines, Sum(expected, words, asked))


def _is_audit(detail: Detail) -> bool:
    return "pgaudit" in detail.name and detail.expected not in _SILENT


def _audit_lines(source: ServerSettings | Silence | None, clone: ServerSettings | Silence | None) -> list[Detail]:
    """Each auditing setting of the clone against the source's; a source that cannot be asked leaves them unjudged."""
    if not isinstance(source, ServerSettings):
        return []
    had = _trail(source)
    if not isinstance(clone, ServerSettings):
        why = clone.why if clone else "SQL is not answered"
        return [unknown(name, value, why) for name, value in had.items() if value.lower() not in _SILENT]
    has = _trail(clone)
    return [
        line(name, value, has.get(name, "none"), is_fit=has.get(name, "none") == value)
        for name, value in had.items()
        if value.lower() not in _SILENT
    ]


def _trail(settings: ServerSettings) -> dict[str, str]:
    """The auditing settings by name; of the preloaded libraries only whether pgaudit is among them."""
    found = {}
    for setting in settings.known:
        if setting.name == "shared_preload_libraries":
            is_loaded = "pgaudit" in {each.strip() for each in setting.value.split(",")}
            found["pgaudit is loaded"] = "on" if is_loaded else "off"
        else:
            found[setting.name] = printable(setting.value)
    return found

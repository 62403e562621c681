"""The runbook's five boxes at database level, and quarantine: answers in, findings out.

The law: nothing here looks at the world, and a question without an answer is never fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from daybreak.model import checks
from daybreak.model.answers import Answer, ServerSettings, Setting, Silence
from daybreak.model.checks import Asked, Check
from daybreak.model.findings import Finding, Standing
from daybreak.model.names import comma_list, printable
from daybreak.model.statuses import AVAILABLE, LOOK_AGAIN, standing_of_statuses
from daybreak.model.trust import OLD_HASH
from daybreak.model.value import Span
from daybreak.model.world import AWS_OWNED, Cluster, Instance, Origin, Stored

_CLUSTER_CALL = Asked("rds:DescribeDBClusters")
_INSTANCE_CALL = Asked("rds:DescribeDBInstances")
_UNNAMED = "a key AWS does not name"


def cluster_status(clone: Cluster) -> Finding:
    """Cluster status is "available"."""
    return _by_status(checks.CLUSTER_STATUS, [clone.status], AVAILABLE, clone.status, _CLUSTER_CALL)


def instance_status(clone: Cluster, instances: tuple[Instance, ...]) -> Finding:
    """Every instance of the clone is "available", and one of them writes."""
    expected = "every instance available, one of them the writer"
    found = comma_list([f"{each.identifier} {each.status}" for each in instances]) or "no instance"
    writers = {member.identifier for member in clone.members if member.is_writer}
    has_writer = any(each.identifier in writers for each in instances)
    if not has_writer:
        found += "; none of them is the writer" if instances else ""
        return checks.INSTANCE_STATUS.unfit(expected, found, _INSTANCE_CALL)
    return _by_status(checks.INSTANCE_STATUS, [each.status for each in instances], expected, found, _INSTANCE_CALL)


def _by_status(check: Check, statuses: list[str], expected: str, found: str, asked: Asked) -> Finding:
    """What AWS's statuses say; one that passes by itself proves nothing."""
    standing = standing_of_statuses(statuses)
    if standing is Standing.UNKNOWN:
        return check.unknown(expected, LOOK_AGAIN, asked, found=found)
    return check.judge(expected, found, asked, is_fit=standing is Standing.FIT)


def endpoint(answer: Answer) -> Finding:
    """PostgreSQL answers SQL at the endpoint that AWS returned. A refusal is unfit, mere silence is unknown."""
    asked = Asked(f"name, TCP, TLS and SQL at {printable(answer.host)}:{answer.port}", answer.took)
    expected = "PostgreSQL answers SQL"
    stages = ", ".join(f"{stage.name.upper()} {_milliseconds(stage.took)}" for stage in answer.stages)
    if answer.is_answering:
        return checks.ENDPOINT.fit(
            expected, f"PostgreSQL {answer.server_version} answers over {_over(answer)} ({stages})", asked
        )
    reached = f"reached {stages}" if stages else "reached nothing"
    if answer.is_silence:
        return checks.ENDPOINT.unknown(expected, answer.trouble, asked, found=reached)
    return checks.ENDPOINT.unfit(expected, f"{reached}: {answer.trouble}", asked)


def _over(answer: Answer) -> str:
    """What the server proved, and how the login was proven to it where that deserves a remark."""
    words = [f"{answer.tls}, {answer.proven}" if answer.tls else "no TLS, on loopback"]
    if answer.proof == "md5":
        words.append(f"the login gets in, {OLD_HASH}")
    return "; ".join(words)


def _milliseconds(span: Span) -> str:
    return f"{span.total_seconds() * 1000:.0f} ms"


def engine_version(clone: Cluster, origin: Origin | None, answer: Answer) -> Finding:
    """AWS names the source's engine and version, and the server itself is of that major version."""
    found = f"{clone.engine} {clone.engine_version}"
    if answer.server_version:
        found += f"; the server says PostgreSQL {answer.server_version}"
    asked = Asked("rds:DescribeDBClusters; SHOW server_version", answer.took)
    if origin is None:
        return checks.ENGINE_VERSION.unknown("the source's", "what the source ran is not known", asked, found=found)
    expected = f"{origin.engine} {origin.engine_version}"
    if (clone.engine, clone.engine_version) != (origin.engine, origin.engine_version):
        return checks.ENGINE_VERSION.unfit(expected, found, asked)
    if not answer.server_version:
        return checks.ENGINE_VERSION.unknown(
            expected, f"the server could not be asked: {answer.trouble}", asked, found=found
        )
    # Only the major: Aurora's own minor numbers and the community's do not always mean the same.
    same_major = answer.server_version.split(".")[0] == clone.engine_version.split(".")[0]
    return checks.ENGINE_VERSION.judge(expected, found, asked, is_fit=same_major)


def encryption(clone: Cluster, origin: Origin | None) -> Finding:
    """The storage is encrypted, and under the source's key: other people may hold another key."""
    found = f"encrypted under {name_of_key(clone)}" if clone.is_encrypted else "not encrypted"
    if origin is None:
        expected = "encrypted under the source's key"
        if not clone.is_encrypted:
            return checks.ENCRYPTION.unfit(expected, found, _CLUSTER_CALL)
        return checks.ENCRYPTION.unknown(expected, "the source's key is not known", _CLUSTER_CALL, found=found)
    if not origin.is_encrypted:
        found += "" if clone.is_encrypted else ", and neither is the source"
        return checks.ENCRYPTION.judge("encrypted", found, _CLUSTER_CALL, is_fit=clone.is_encrypted)
    expected = f"encrypted under {name_of_key(origin)}"
    if not clone.is_encrypted:
        return checks.ENCRYPTION.unfit(expected, found, _CLUSTER_CALL)
    if AWS_OWNED in (origin.encryption_kind, clone.encryption_kind):
        is_fit = origin.encryption_kind == clone.encryption_kind
        return checks.ENCRYPTION.judge(expected, found, _CLUSTER_CALL, is_fit=is_fit)
    if origin.kms_key is None or clone.kms_key is None:
        return checks.ENCRYPTION.unknown(expected, "AWS does not name the key", _CLUSTER_CALL, found=found)
    return checks.ENCRYPTION.judge(expected, found, _CLUSTER_CALL, is_fit=origin.kms_key == clone.kms_key)


def name_of_key(stored: Stored) -> str:
    """The key of something encrypted, as a sentence names it."""
    return f"AWS's own key ({AWS_OWNED})" if stored.encryption_kind == AWS_OWNED else stored.kms_key or _UNNAMED


def key_of_aws(clone: Cluster, origin: Origin | None) -> Finding:
    """The key of storage under AWS's own key: there is none to look at, so only a source under another key can differ."""
    expected = "encrypted under the source's key, which can be used"
    found = f"encrypted under {name_of_key(clone)}, which nobody can disable"
    if origin is not None and origin.needs_key:
        return checks.KMS.unfit(f"{expected}: {name_of_key(origin)}", found, _CLUSTER_CALL)
    return checks.KMS.fit(expected, found, _CLUSTER_CALL)


def quarantine(wanted: Mapping[str, str], clone: Cluster, answer: ServerSettings | Silence) -> Finding:
    """Every quarantine parameter is in force inside the running server, and the clone has no roles to act with."""
    check = checks.QUARANTINE
    expected = ", ".join(f"{name} = {value}" for name, value in sorted(wanted.items())) + "; no IAM roles"
    if clone.roles:
        return check.unfit(
            expected, f"IAM roles are attached: {comma_list([role.arn for role in clone.roles])}", _CLUSTER_CALL
        )
    if isinstance(answer, Silence):
        return check.silent(expected, answer)
    asked = Asked(answer.asked, answer.took)
    known = {setting.name.lower(): setting for setting in answer.known}
    verdicts = [
        _in_force(name, value, known.get(name.lower()), answer.families) for name, value in sorted(wanted.items())
    ]
    found = "; ".join(words for _, words in verdicts)
    if any(is_fit is False for is_fit, _ in verdicts):
        return check.unfit(expected, found, asked)
    if any(is_fit is None for is_fit, _ in verdicts):
        return check.unknown(expected, "the server does not know a parameter of the quarantine", asked, found=found)
    return check.fit(expected, found, asked)


def _in_force(name: str, value: str, setting: Setting | None, families: tuple[str, ...]) -> tuple[bool | None, str]:
    """Whether a parameter is in force (``None`` when that is not known), and what was seen."""
    if setting is None:
        family = name.partition(".")[0].lower() if "." in name else ""
        if not family:
            return None, f"{name} is not known to the server"
        if family in families:
            return False, f"{name} is not known to the server, though {family} is loaded: nothing holds it back"
        return True, f"{name} is not known to the server: {family} is not loaded, so there is nothing to hold back"
    words = f"{name} = {printable(setting.value)}{setting.unit}"
    if setting.waits_for_restart:
        return False, f"{words}, and a change waits for a restart"
    return _same(value, setting), words


_TRUE = frozenset({"1", "on", "true", "yes", "t", "y"})
_FALSE = frozenset({"0", "off", "false", "no", "f", "n"})


def _same(wanted: str, setting: Setting) -> bool:
    """Whether a parameter group's value is the server's: AWS writes 0 and 1 where PostgreSQL writes off and on."""
    left, right = wanted.strip().lower(), setting.value.strip().lower()
    if setting.kind == "bool" or (not setting.kind and {left, right} <= _TRUE | _FALSE):
        return (left in _TRUE and right in _TRUE) or (left in _FALSE and right in _FALSE)
    if setting.kind in ("integer", "real"):
        try:
            return Decimal(left) == Decimal(right)
        except InvalidOperation:
            return left == right + setting.unit.lower()
    return left == right

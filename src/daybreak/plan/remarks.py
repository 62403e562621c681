"""What a person should know before they say yes, and the fields in which the clone differs from its source on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from daybreak.model.actions import CreateInstance
from daybreak.model.clock import skew_in_words
from daybreak.model.loss import Loss
from daybreak.model.members import of_instance
from daybreak.model.moment import Latest, span_in_words
from daybreak.model.observation import Observation
from daybreak.model.plan import Estimate
from daybreak.model.requests import PitrRequest, RegionRequest, RestoreRequest
from daybreak.model.spelling import first_of
from daybreak.model.tags import MOST_TAGS, ON_CLUSTER, tags_left_out
from daybreak.model.targets import Network, Staging, Target
from daybreak.model.value import stamp
from daybreak.model.world import FOREIGN, Cluster, Instance, writer_first
from daybreak.plan.kinds import words_on_replication
from daybreak.plan.moving import differences_abroad
from daybreak.plan.source import Source, moment_of
from daybreak.plan.topology import endpoints_left_out, is_upgraded

_STAGING = "a clone for staging is scaled down, as daybreak.toml says"
_WORDS = {
    "has_http_endpoint": "Data API",
    "forwards_writes": "write forwarding of readers",
    "forwards_writes_globally": "write forwarding in the global database",
    "global_cluster": "global database",
    "is_express": "express configuration",
    "instance.tags": "tags of the instances",
    "instance.instance_class": "class of the instances",
    "instance.count": "number of instances",
    "instance.engine_version": "engine version of the instances",
    "instance.parameter_group": "parameter group of the instances",
}

_OF_ONE = {"instance_class": "class", "ca": "certificate authority"}
"""Fields in which a single instance may differ."""

_UNPROVEN = {
    "verify-ca": "any server that an authority knows is believed, so another such server could take the clone's place",
    "require": "no server proves its name, so any server that answers at the clone's name sees the questions and what is computed from the password",
}
"""What it means when a server's name is not proven."""


_ENDS_LATE = "the estimate exceeds the objective for RTO"
_ASKS_AGAIN = "an approval counts for "
_NO_LIMITS = "AWS does not say the account's limits (rds:DescribeAccountAttributes): what is beyond them it refuses in the middle"
_OF_RESET = "the master's password was reset at "
_OF_SECRET = "the secret of "  # noqa: S105 - words, not a secret
_MISSPELT = "daybreak.toml names what is not there now: "
_OF_CLOCKS = ": times in this plan are AWS's"
_OF_CAPSULE = "its configuration comes from the capsule of "
_OF_HOME = "when the backup was chosen, "

OF_SIZE = "the database has by now "
OF_BUCKET = "of what is in the bucket: "
"""How notes begin of what a plan of an archive saw of its database, and of what lies beside it."""
OF_JOURNAL = "; what carries its nonce is removed all the same"
"""How a note ends on the journal of a run that is cleaned up after: no planner sees a journal."""


def moves_on(note: str) -> bool:
    """Whether a note is of what was seen at that very moment and orders nothing: the same plan has another one a little later.

    >>> moves_on("the estimate exceeds the objective for RTO"), moves_on("the moment is the latest one")
    (True, False)
    """
    is_of_capsule = _OF_CAPSULE in note
    return (
        is_of_capsule
        or note.startswith((_ENDS_LATE, _ASKS_AGAIN, _NO_LIMITS, _MISSPELT, _OF_RESET, _OF_SECRET, OF_SIZE, OF_BUCKET))
        or note.endswith((_OF_CLOCKS, OF_JOURNAL))
    )


def words_of(field: str) -> str:
    """A field's name in words.

    >>> words_of("parameter_group"), words_of("instance.count"), words_of("clone-1.instance_class")
    ('parameter group', 'number of instances', 'class of clone-1')
    """
    instance, _, own = field.rpartition(".")
    if instance and instance != "instance":
        return f"{_OF_ONE.get(own, own)} of {instance}"
    return _WORDS.get(field, field.replace("_", " "))


def notes_on(
    request: RestoreRequest,
    target: Target,
    source: Source,
    seen: Observation,
    whole: Estimate,
    *,
    lost: Loss | None,
) -> Iterator[str]:
    """What a person should know before they say yes."""
    if seen.skew is not None:
        yield skew_in_words(seen.skew) + _OF_CLOCKS
    if isinstance(request, PitrRequest) and isinstance(request.moment, Latest):
        yield "the moment is the latest one at the time of the call, so it may be newer than shown here"
    if isinstance(request, RegionRequest):
        yield from _on_region(request)
    yield from _on_source(source, moment_of(request, source))
    if source.cluster and source.cluster.master_secret:
        yield "the managed master password is not recreated by a restore; the clone keeps the password of the moment"
    yield from _on_secret(target, seen, moment_of(request, source))
    if target.trust.tls != "verify-full":
        yield f'tls = "{target.trust.tls}": {_UNPROVEN[target.trust.tls]}'
    if seen.spelling and seen.spelling.mistakes:
        # What is not there now may have been at the moment: a remark, and never a reason against a plan.
        yield _MISSPELT + "; ".join(first_of(seen.spelling.mistakes))
    if target.login is None:
        yield "no login is configured: nothing inside PostgreSQL can be checked, so the verdict cannot be fit"
    if whole.high > target.objectives.rto:
        yield _ENDS_LATE
    if target.approval is not None:
        yield "whoever approves must reach the state: keep it in S3, for a folder is one account's, and another's approval gets nowhere"
        if whole.high > target.approval:
            counted, takes = span_in_words(target.approval), span_in_words(whole.high)
            yield f"{_ASKS_AGAIN}{counted}, and this may take {takes}: where it takes longer, the run pauses for another approval"
    if lost and lost.span is not None and lost.span > target.objectives.rpo:
        up_to_now = "" if request.accident else ": it counts up to now, and with --accident TIME up to the accident"
        yield f"what is lost exceeds the objective for RPO{up_to_now}"
    if seen.quotas is None:
        yield _NO_LIMITS
    opened = [group for group in seen.security_groups if group.opens_ports]
    if seen.security_groups and not opened:
        yield "none of the security groups lets anything in: the endpoint will not be reachable"


def _on_secret(target: Target, seen: Observation, moment: datetime | None) -> Iterator[str]:
    """A remark where the password was changed since. A secret without an older version was never changed, only made then."""
    if moment is None:
        return
    if seen.login_changed is None or seen.login_changed <= moment or not seen.login_versions:
        if seen.password_reset is not None and seen.password_reset > moment:
            yield (
                f"{_OF_RESET}{stamp(seen.password_reset)}, after the moment: the clone has the one of "
                "then, and where the login is the master's and does not fit, AWS can make a new one (resume --manage-password)"
            )
        return
    yield (
        f"{_OF_SECRET}{target.login} was changed at {stamp(seen.login_changed)}, after the moment: "
        f"the clone has the password of then, so its older versions ({seen.login_versions}) are tried there, "
        "and where none fits, AWS can make a new password (resume --manage-password)"
    )


def _on_region(request: RegionRequest) -> Iterator[str]:
    """What the home region said, what the moment rests on, and what cannot be changed while that region is down."""
    yield from words_on_home(request.home, request.assessed)
    held = request.moments
    if held.latest is None or held.latest != held.at_most:
        span = f", and no later than {stamp(held.at_most)}" if held.at_most else ""
        surely = f"surely reaches {stamp(held.latest)}" if held.latest else "surely reaches no moment that can be named"
        yield f"the backup {surely}{span}: {held.evidence}"
    yield "nothing is cut over: applications go on asking the endpoint that they have, until somebody moves them"


def words_on_home(home: str, assessed: str, *, is_lost: bool = True) -> Iterator[str]:
    """What the home region said when another one was chosen, and what cannot be changed while it is down."""
    if assessed:
        yield f"{_OF_HOME}{assessed}"
    if is_lost and home in CONTROL_REGIONS:
        yield (
            f"while {home} is down nobody can change Route 53 records or IAM roles and policies, which are steered from "
            "there; records and roles that exist go on working, so use names and roles that were prepared before"
        )


CONTROL_REGIONS = frozenset({"us-east-1"})
"""The region from which AWS steers Route 53 and IAM for the whole partition ``aws``; other partitions steer theirs elsewhere."""


def _on_source(source: Source, moment: datetime | None) -> Iterator[str]:
    where = (
        f"{source.home} is taken for lost, and the source with it" if source.home else "the source cluster is deleted"
    )
    if source.capsule:
        is_later = moment is None or source.capsule.taken > moment
        later = ", which may be later than the data: what was changed in between is not taken back" if is_later else ""
        yield f"{where}: {_OF_CAPSULE}{stamp(source.capsule.taken)} ({source.capsule.digest()[:12]}){later}"
    elif source.cluster is None:
        record = "snapshot" if source.snapshot else "backup"
        yield (
            f"{where}: AWS's {record} does not record its parameters, instances, security groups, log exports and "
            "protection, so the clone gets AWS's default parameters, one instance, and the network from daybreak.toml"
        )
    if words := words_on_replication(source.cluster):
        yield f"the source {words}"
    snapshot = source.snapshot
    if snapshot and snapshot.kind in FOREIGN and snapshot.is_encrypted:
        yield "the snapshot is another account's and encrypted: AWS may want it copied into this account first"
    if source.cluster and is_upgraded(source):
        yield (
            f"the source runs {source.cluster.engine_version} today, another major version than the clone: "
            "its parameter groups do not fit, so the clone starts from the defaults of its own version"
        )


def intended_differences(
    source: Source, network: Network, staging: Staging | None, made: list[CreateInstance]
) -> dict[str, str]:
    """Fields in which the clone differs from its source on purpose, each with the reason."""
    cluster = source.cluster
    group = "the quarantine copy" if cluster else "a new one with AWS's defaults and the quarantine"
    permitted = {"parameter_group": f"{group}, until quarantine is lifted"}
    if cluster and cluster.roles:
        permitted["roles"] = "none, so that nothing in the clone can reach S3 or Lambda until quarantine is lifted"
    if any(instance.is_public for instance in source.instances):
        permitted["is_public"] = "off, whatever the source has"
    if cluster and cluster.master_secret:
        permitted["master_secret"] = "the master password is not managed in the clone"  # noqa: S105 - a reason, not a secret
    if cluster and source.snapshot:
        permitted |= _by_snapshot(source)
    if source.home and source.original:
        permitted |= differences_abroad(source.original, source.original_instances)
    if is_elsewhere(source, network):
        permitted |= dict.fromkeys(("subnet_group", "network_type"), "as daybreak.toml says")
    if cluster is None or set(network.security_groups) != set(cluster.security_groups):
        permitted["security_groups"] = "as daybreak.toml says"
    if cluster and cluster.has_http_endpoint:
        permitted["has_http_endpoint"] = "off: the Data API is one more way in, until quarantine is lifted"
    if cluster:
        permitted |= _losses(cluster)
    if staging and cluster:
        permitted |= _for_staging(source, staging, made)
    return permitted | _tags(source) | _beside(source, made)


_NOT_OFFERED = "AWS does not offer {} here any more"


def substitutions(source: Source, staging: Staging | None, made: list[CreateInstance]) -> dict[str, str]:
    """The fields of single instances in which the clone differs because AWS does not offer the source's any more."""
    permitted = {}
    for planned, origin in _pairs(source, made):
        wanted = staging.instance_class if staging else origin.instance_class
        if planned.instance_class != wanted:
            why = f"{planned.instance_class}: {_NOT_OFFERED.format(wanted)}"
            permitted[of_instance(planned.instance, "instance_class")] = why
        if origin.ca and planned.ca is None:
            permitted[of_instance(planned.instance, "ca")] = f"AWS's own choice: {_NOT_OFFERED.format(origin.ca)}"
    return permitted


def notes_on_substitutes(source: Source, staging: Staging | None, made: list[CreateInstance]) -> Iterator[str]:
    """The substitutes once more for all instances together, as a person should know them before they say yes."""
    classes = {}
    for planned, origin in _pairs(source, made):
        wanted = staging.instance_class if staging else origin.instance_class
        if planned.instance_class != wanted:
            classes[wanted] = planned.instance_class
    for wanted, taken in classes.items():
        yield f"{_NOT_OFFERED.format(wanted)} for this engine version: the clone gets {taken}"


def _pairs(source: Source, made: list[CreateInstance]) -> Iterator[tuple[CreateInstance, Instance]]:
    """The planned instances, each with the source's that it is for; empty where the source's were not seen."""
    if source.cluster is not None and source.instances:
        yield from zip(made, writer_first(source.cluster, source.instances), strict=False)


def is_elsewhere(source: Source, network: Network) -> bool:
    """Whether the clone gets another subnet group than its source's, or the source's is not known."""
    cluster = source.cluster
    return cluster is None or source.home is not None or network.subnet_group != cluster.subnet_group


def _losses(cluster: Cluster) -> dict[str, str]:
    """What the source has, no call of a restore takes, and Daybreak does not turn on."""
    reasons = {
        "activity_stream": ("off: a stream is started for one cluster, by whoever watches it", "off"),
        "forwards_writes": ("off: readers pass no writes on until somebody turns it on", False),
        "global_cluster": ("none: a clone is a cluster of its own, in no global database", None),
        "forwards_writes_globally": ("off: a clone is in no global database", False),
        "is_express": ("no: a clone stands in a VPC, where nothing reaches it from the internet", False),
    }
    return {
        field: reason for field, (reason, nothing) in reasons.items() if getattr(cluster, field) not in (None, nothing)
    }


def _tags(source: Source) -> dict[str, str]:
    """The remark on tags that find no place. AWS allows fifty, and the run's own come first, or the clone would have no owner."""
    facts = source.cluster or source.storage
    without = tags_left_out(facts.tags, ON_CLUSTER) if facts else []
    inside = sorted({key for instance in source.instances for key in tags_left_out(instance.tags)})
    fields = {"tags": without, "instance.tags": inside}
    return {
        field: f"without {', '.join(left)}, because AWS allows {MOST_TAGS} tags and the run's own come first"
        for field, left in fields.items()
        if left
    }


def _by_snapshot(source: Source) -> dict[str, str]:
    """Fields in which the snapshot counts and not the source as it is today."""
    snapshot, cluster = source.snapshot, source.cluster
    permitted = {}
    if snapshot and cluster and snapshot.engine_version != cluster.engine_version:
        for field in ("engine_version", "instance.engine_version"):
            permitted[field] = f"{snapshot.engine_version}, the snapshot's own"
    if snapshot and cluster and snapshot.needs_key and not cluster.needs_key:
        permitted |= dict.fromkeys(("is_encrypted", "kms_key"), "what is encrypted in a snapshot stays encrypted")
    if is_upgraded(source):
        permitted["instance.parameter_group"] = "the default of the snapshot's major version"
        permitted["parameters"] = "the defaults of the snapshot's major version, which the source has left"
    return permitted


def _for_staging(source: Source, staging: Staging, made: list[CreateInstance]) -> dict[str, str]:
    permitted = {}
    if any(instance.instance_class != staging.instance_class for instance in source.instances[: len(made) or None]):
        permitted["instance.instance_class"] = f"{staging.instance_class}: {_STAGING}"
    if len(made) != len(source.instances):
        permitted["instance.count"] = f"{len(made)} of {len(source.instances)}: {_STAGING}"
    return permitted


def _beside(source: Source, made: list[CreateInstance]) -> dict[str, str]:
    """Differences in what AWS keeps beside a cluster, by its name: two clusters cannot share it."""
    if source.surroundings is None or not made:
        return {}
    permitted = {}
    if left_out := endpoints_left_out(made[0].clone, source, made):
        permitted["endpoints"] = f"without {', '.join(left_out)}: the clone does not have the instances named there"
    if source.surroundings.scaling:
        permitted["scaling"] = "autoscaling is kept by the cluster's name, and follows at cutover"
    if source.surroundings.proxies:
        permitted["proxies"] = "a proxy leads to one cluster only, and follows at cutover"
    return permitted

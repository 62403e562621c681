"""A clone's instances and custom endpoints: like the source's, or scaled down for staging."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from daybreak.model.actions import CreateEndpoint, CreateInstance
from daybreak.model.names import endpoint_name, instance_name
from daybreak.model.tags import own_tags
from daybreak.model.targets import Staging
from daybreak.model.world import CustomEndpoint, Offers, writer_first
from daybreak.plan.kinds import ENGINE
from daybreak.plan.source import Source
from daybreak.plan.substitutes import is_offered, substitutes_for

_FALLBACK_CLASS = "db.r6g.large"
_DEFAULT = "default."
_TYPES: dict[str, Literal["READER", "WRITER", "ANY"]] = {"READER": "READER", "WRITER": "WRITER", "ANY": "ANY"}


def instances_for(
    clone: str, source: Source, staging: Staging | None, offers: Offers | None = None
) -> list[CreateInstance]:
    """The clone's instances, the writer first; ``staging`` gives their scaled-down size.

    A class or a certificate authority that AWS does not offer any more would be refused when the storage is restored already:
    the nearest class takes its place, and AWS's own choice of an authority.
    """
    if source.cluster is None or not source.instances:
        chosen = class_offered(staging.instance_class if staging else _FALLBACK_CLASS, offers)
        return [CreateInstance(clone=clone, instance=instance_name(clone, 1), instance_class=chosen, engine=ENGINE)]
    kept = writer_first(source.cluster, source.instances)[: staging.instances if staging else None]
    return [
        CreateInstance(
            clone=clone,
            instance=instance_name(clone, number),
            instance_class=class_offered(staging.instance_class if staging else instance.instance_class, offers),
            engine=instance.engine,
            tier=instance.tier,
            parameter_group=_group(instance.parameter_group, source),
            upgrades_itself=instance.upgrades_itself,
            ca=instance.ca if is_certificate_offered(instance.ca, offers) else None,
            copies_tags=instance.copies_tags,
            monitoring_interval=instance.monitoring_interval,
            monitoring_role=instance.monitoring_role,
            has_performance_insights=instance.has_performance_insights,
            performance_insights_retention=instance.performance_insights_retention,
            performance_insights_key=instance.performance_insights_key,
            maintenance_window=instance.maintenance_window,
            tags=own_tags(instance.tags),
        )
        for number, instance in enumerate(kept, start=1)
    ]


def class_offered(wanted: str, offers: Offers | None) -> str:
    """The class, or the nearest one that AWS offers; the class itself where there is none."""
    return wanted if is_offered(wanted, offers) else next(iter(substitutes_for(wanted, offers)), wanted)


def is_certificate_offered(name: str | None, offers: Offers | None) -> bool:
    """Whether AWS still has a certificate authority; taken for true where AWS does not say."""
    return name is None or offers is None or offers.certificates is None or name in offers.certificates


def endpoints_for(clone: str, source: Source, made: list[CreateInstance]) -> list[CreateEndpoint]:
    """The source's custom endpoints under new names, leading to the clone's instances."""
    return [
        CreateEndpoint(
            clone=clone,
            endpoint=endpoint_name(clone, number),
            type=_TYPES[endpoint.kind],
            static_members=static,
            excluded_members=excluded,
        )
        for number, (endpoint, static, excluded) in enumerate(_map(clone, source, made), start=1)
        if endpoint.kind in _TYPES
    ]


def endpoints_left_out(clone: str, source: Source, made: list[CreateInstance]) -> list[str]:
    """The source's custom endpoints that name an instance which a scaled-down clone does not have."""
    kept = {endpoint.identifier for endpoint, _, _ in _map(clone, source, made)}
    return [endpoint.identifier for endpoint in _endpoints(source) if endpoint.identifier not in kept]


def _endpoints(source: Source) -> tuple[CustomEndpoint, ...]:
    return source.surroundings.endpoints if source.surroundings else ()


def _map(
    clone: str, source: Source, made: list[CreateInstance]
) -> Iterator[tuple[CustomEndpoint, tuple[str, ...], tuple[str, ...]]]:
    there = {action.instance for action in made}
    ordered = writer_first(source.cluster, source.instances) if source.cluster else []
    names = {instance.identifier: instance_name(clone, number) for number, instance in enumerate(ordered, start=1)}

    def map_members(members: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(names[each] for each in members))

    for endpoint in sorted(_endpoints(source), key=lambda each: each.identifier):
        if all(names.get(each) in there for each in (*endpoint.static_members, *endpoint.excluded_members)):
            yield endpoint, map_members(endpoint.static_members), map_members(endpoint.excluded_members)


def family_of(source: Source) -> str:
    """The parameter group family of the restored version."""
    major = source.storage.engine_version.split(".")[0] if source.storage else ""
    return f"{ENGINE}{major}"


def is_upgraded(source: Source) -> bool:
    """Whether the source runs another major version today than the restored one."""
    return bool(
        source.cluster
        and source.storage
        and source.cluster.engine_version.split(".")[0] != source.storage.engine_version.split(".")[0]
    )


def _group(name: str | None, source: Source) -> str | None:
    """The clone's instance parameter group. AWS would refuse a group of another major version, so the default replaces it."""
    if not is_upgraded(source):
        return name
    return f"{_DEFAULT}{family_of(source)}" if name else None

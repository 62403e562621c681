"""Whether what daybreak.toml names for a clone is there in AWS: its network, and the class of instances for staging.

The law: it only helps, so it stops nothing. What AWS does not answer is no mistake.
"""

from __future__ import annotations

from collections.abc import Iterator

from daybreak.app.app import App
from daybreak.errors import DaybreakError
from daybreak.model.names import did_you_mean, printable
from daybreak.model.observation import Observation
from daybreak.model.spelling import Spelling
from daybreak.model.targets import Network, Staging, Target
from daybreak.model.world import Cluster, Offers
from daybreak.observe.backups import WITHIN
from daybreak.observe.look import Lookout
from daybreak.observe.offers import ask_offers
from daybreak.plan.substitutes import SERVERLESS, is_offered


def names_of_place(app: App, target: Target, cluster: Cluster | None, seen: Observation | None = None) -> Spelling:
    """What is wrong with the names of the clone's network and of its class for staging.

    ``cluster`` is the source, ``None`` where it is gone: what is offered depends on its version. With ``seen`` nothing is
    asked anew, and a plan itself refuses a network that is not there.
    """
    found = Spelling()
    if seen is None:
        for region in _regions_of_networks(app, target):
            try:
                door = app.aws(region) if region == target.region else app.aws_in_time(region, WITHIN)
                found += _network(Lookout(door), target.network.get(region, Network()), region)
            except DaybreakError as error:
                found += Spelling(named=1, silences=(f"the network of {region}: {error.message}",))
    if cluster is None or target.staging.instance_class == Staging().instance_class:
        return found
    if target.staging.instance_class == SERVERLESS:
        needs = f'staging: {SERVERLESS} needs a range, and "{cluster.identifier}" has none'
        return found + Spelling(named=1, mistakes=() if cluster.serverless else (needs,))
    try:
        door = app.aws(target.region)
        offers = seen.offers if seen else ask_offers(door, cluster.engine, cluster.engine_version)
    except DaybreakError as error:
        return found + Spelling(named=1, silences=(f"the class for staging: {error.message}",))
    return found + _class_for_staging(target, cluster, offers)


def _regions_of_networks(app: App, target: Target) -> tuple[str, ...]:
    """Where a network is named, the target's own region first: a group that is missing elsewhere is missed on the worst day.

    With ``--region`` that region alone is meant.
    """
    return (target.region,) if app.access.region else (target.region, *target.other_regions)


def _network(lookout: Lookout, network: Network, region: str) -> Spelling:
    named = [network.subnet_group] if network.subnet_group else []
    mistakes = [*_wrong_subnet_group(lookout, network, region), *_wrong_groups(lookout, network, region)]
    return Spelling(named=len(named) + len(network.security_groups), mistakes=tuple(mistakes))


def _wrong_subnet_group(lookout: Lookout, network: Network, region: str) -> Iterator[str]:
    name = network.subnet_group
    if name is not None and name not in (known := lookout.subnet_groups()):
        yield f'there is no subnet group "{printable(name)}" in {region}{did_you_mean(name, known)}'


def _wrong_groups(lookout: Lookout, network: Network, region: str) -> Iterator[str]:
    there = {each.identifier for each in lookout.security_groups(network.security_groups)}
    for name in network.security_groups:
        if name not in there:
            yield f'there is no security group "{printable(name)}" in {region}'


def _class_for_staging(target: Target, cluster: Cluster, offers: Offers | None) -> Spelling:
    name = target.staging.instance_class
    if is_offered(name, offers):
        return Spelling(named=1)
    likely = did_you_mean(name, (each.name for each in (offers.classes if offers else None) or ()))
    of = f"{cluster.engine} {cluster.engine_version} in {target.region}"
    return Spelling(named=1, mistakes=(f'staging: AWS offers no class "{printable(name)}" for {of}{likely}',))

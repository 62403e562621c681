"""Absence: what to say of a target whose cluster is not there, by what AWS was asked.

The law: nothing is promised that nobody looked for. A kept backup is named only where AWS lists one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from daybreak.aws.faults import AwsFault
from daybreak.errors import Refused
from daybreak.model.names import did_you_mean, printable
from daybreak.model.targets import Target
from daybreak.observe.look import Lookout
from daybreak.plan.source import backups_kept


def refusal_without_cluster(lookout: Lookout, target: Target, region: str, *hints: str) -> Refused:
    """The refusal of what needs the target's cluster: where it is not, what may have been meant, and what is left of it.

    Raises ``AwsFault`` where the region's clusters cannot be listed.
    """
    likely = did_you_mean(target.cluster, lookout.clusters())
    return Refused(
        f'there is no cluster "{printable(target.cluster)}" in {region}{likely}',
        *hints,
        *_ways_back(lookout, target),
        f"daybreak status {target.name}",
    )


def _ways_back(lookout: Lookout, target: Target) -> Iterator[str]:
    with suppress(AwsFault):  # it only helps
        if backups_kept(target, lookout.backups()):
            yield f"daybreak plan pitr {target.name} --to latest  # brings it back from its kept backup"

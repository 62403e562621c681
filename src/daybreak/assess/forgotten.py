"""Whether a clone may be removed by a scheduler, whom nobody watches. Pure, and the only place that decides it.

The law: it goes only if it is ours, expired, not serving and not a source. Each of these must be shown; what was not or could not
be asked is a reason to leave it. Whose it is, the journal says and not the tags: a cluster that somebody restored from a clone's
snapshot carries the clone's tags too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from daybreak.model.clones import Clone, Serving, Surrounding, Voucher
from daybreak.model.names import comma_list, is_clone_name, printable
from daybreak.model.value import stamp

_CLOCKS = timedelta(minutes=15)
"""How far AWS's clock and the one that wrote the journal may be apart, with room."""


def is_expired(clone: Clone, now: datetime) -> bool:
    """Whether the clone's tag says that it is kept no longer."""
    return clone.expires is not None and clone.expires < now


def objections_to_forgetting(
    clone: Clone, record: Voucher | None, serving: Serving, around: Surrounding, now: datetime
) -> tuple[str, ...]:
    """Every reason against removing the clone; empty where nothing speaks against it.

    ``record`` is ``None`` where no journal in this state speaks of its run.
    """
    return (
        *_of_expiry(clone, now),
        *_of_ownership(clone, record),
        *_of_source(clone, around),
        *_of_service(serving),
    )


def targets_naming(clone: Clone, configured: Mapping[str, str]) -> tuple[str, ...] | None:
    """The targets whose configuration leads to the clone, in whatever place; ``configured`` is the text of each, by its name.

    It leads there by the clone's name, by the name of anything that is named after it (instances, endpoints), and by each host that
    AWS shows of it. ``None`` where none does, and AWS did not list the custom endpoints, which have names of their own.
    """
    cluster, endpoints = clone.cluster, clone.endpoints or ()
    names = [clone.identifier, cluster.resource_id]
    names += [*(each.identifier for each in clone.instances), *(each.identifier for each in endpoints)]
    hosts = [cluster.endpoint, cluster.reader_endpoint]
    hosts += [*(each.endpoint for each in clone.instances), *(each.address for each in endpoints)]
    # What comes behind a hyphen is named after it; a name that only begins alike is another clone's.
    leads = [rf"(?<![a-z0-9]){re.escape(each)}(?![a-z0-9])" for each in names if each]
    leads += [rf"(?<![\w.-]){re.escape(each)}(?![\w-]|\.\w)" for each in hosts if each]
    pattern = re.compile("|".join(dict.fromkeys(leads)), re.IGNORECASE)
    found = tuple(name for name, text in configured.items() if pattern.search(text))
    return found if found or clone.endpoints is not None else None


def _of_expiry(clone: Clone, now: datetime) -> Iterator[str]:
    if clone.expires is None:
        yield "no tag says until when it is kept"
    elif not is_expired(clone, now):
        yield f"it is kept until {stamp(clone.expires)}"


def _of_ownership(clone: Clone, record: Voucher | None) -> Iterator[str]:
    arn = clone.cluster.arn.split(":")
    if len(arn) > 4 and (arn[3], arn[4]) != (clone.home.region, clone.home.account):
        yield f"it belongs to the account {arn[4]} in {arn[3]}"
    if clone.identifier != clone.run:
        yield f'its tag names the run "{printable(clone.run)}": it was renamed, or is a copy that took over the tags'
    if not is_clone_name(clone.identifier, clone.source):
        yield f'no clone of "{printable(clone.source)}" is ever named so'
    if clone.nonce is None:
        yield "it has no nonce: nothing shows which run made it"
    if record is None:
        where = f"; its tag says that its state is in {printable(clone.state)}" if clone.state else ""
        yield f"no journal in this state speaks of its run, so neither whose it is nor whether it serves is known{where}"
        return
    if record.was_adopted:
        yield "its run was adopted: whose it is and whether traffic was moved to it stood in the lost journal"
    if record.nonce is None or record.nonce != clone.nonce:
        yield "its nonce is not the one in the journal of its run: another run made it"
    if differences := record.home.differences(clone.home):
        yield f"the journal of its run is of another place: {'; '.join(differences)}"
    if record.ended is None:
        yield "its run has not ended"
    elif clone.cluster.created is None:
        yield "AWS does not say when it was made"
    elif clone.cluster.created > record.ended + _CLOCKS:
        yield "it was made after its run had ended: it is a copy that took over name and tags"


def _of_source(clone: Clone, around: Surrounding) -> Iterator[str]:
    own = [each for each in around.targets if each.cluster.lower() == clone.identifier.lower()]
    if own:
        yield f"it is the cluster of the target {comma_list([each.name for each in own])}"
    if clone.identifier in around.sources:
        yield "other clones were made from it"
    if not any(each.cluster == clone.source for each in around.targets):
        yield f'no target of the configuration is "{printable(clone.source)}", its source'
    if clone.cluster.global_cluster or clone.cluster.replicates_from:
        yield "it is a part of a global database, or replicates"


def _of_service(serving: Serving) -> Iterator[str]:
    if serving.named_by:
        yield f"it serves: {comma_list(serving.named_by)} names it"
    if serving.is_cut_over:
        yield "it serves: a cutover to it is recorded"
    if serving.inside:
        yield f"it serves: sessions of {comma_list(serving.inside)} are there"
    if serving.is_serving is None:
        why = f": {serving.why}" if serving.why else ""
        yield f"whether it serves could not be asked{why}"

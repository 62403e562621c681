"""The guards that the steps of a restore have besides those of their actions' kinds: what AWS takes from elsewhere is as planned.

A restore takes from the source what no call can carry, a copy takes a parameter group as it finds it, and an instance starts with
whatever its cluster's group sets at that moment. AWS compares none of it with a plan.
"""

from __future__ import annotations

from daybreak.model.actions import Restore, RestoreFromSnapshot
from daybreak.model.guards import AsPlanned, Guard, OldEnough, Ours, Sets, spell
from daybreak.model.value import Span
from daybreak.plan.draft import Draft


def still_the_source(draft: Draft, action: Restore) -> tuple[Guard, ...]:
    """What is restored is what was planned: a name may belong to another cluster or snapshot by now.

    Of a living cluster its engine version too: a restore to a moment takes the version that the source has by then, and no
    call can ask for another.
    """
    if isinstance(action, RestoreFromSnapshot):
        taken = draft.source.snapshot.created if draft.source.snapshot else None
        thing = draft.thing("cluster-snapshot", action.snapshot)
        return (AsPlanned(thing=thing, field="created", value=spell(taken)),) if taken else ()
    living = draft.source.living
    if action.resource_id is not None or living is None:
        return ()
    thing = draft.thing("cluster", action.source)
    return (
        AsPlanned(thing=thing, field="resource_id", value=living.resource_id),
        AsPlanned(thing=thing, field="engine_version", value=living.engine_version),
    )


def same_copy(draft: Draft, origin: str) -> tuple[Guard, ...]:
    """The group that is copied sets what the plan saw: a library that it loads since would be loaded by the clone."""
    group = draft.seen.parameter_group
    values = group.parameters if group else {}
    return (Sets(thing=draft.thing("cluster-pg", origin), parameters=values, is_all=True),)


def still_quiet(draft: Draft) -> Sets:
    """The quarantine group still keeps the clone quiet."""
    return Sets(thing=draft.thing("cluster-pg", draft.group), parameters=draft.quarantine)


def in_quarantine(draft: Draft, rest: Span) -> tuple[Guard, ...]:
    """An instance starts quiet: the cluster has the quarantine group, which is ours, complete, and still sets its values."""
    group = draft.thing("cluster-pg", draft.group)
    return (
        Ours(thing=group),
        AsPlanned(thing=draft.thing("cluster", draft.clone), field="parameter_group", value=draft.group),
        OldEnough(thing=group, rest=rest),
        still_quiet(draft),
    )

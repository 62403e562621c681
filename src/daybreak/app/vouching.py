"""Vouching: whether what a clean-up removes is a run's own; asked again of every plan that is about to begin.

The law: a plan is a file, and its digest has no key, so anyone who can write the file can make it say anything. Therefore
what is removed is compared with what a file cannot say: this machine's configuration, and the journal of the run in this very
state. For a plan that says that tags decide, a person types the clone's name.
"""

from __future__ import annotations

from collections.abc import Mapping

from daybreak.assess.ending import command_to_plan_again
from daybreak.journal.damage import Damaged, Newer
from daybreak.journal.store import Store
from daybreak.model.names import is_identifier, printable
from daybreak.model.plan import Plan
from daybreak.model.requests import CleanRequest
from daybreak.model.targets import Target


def own_clusters(run: str, targets: Mapping[str, Target]) -> tuple[str, ...]:
    """A reason for each configured target whose own cluster has that name; AWS's names have no upper case."""
    own = [target for target in targets.values() if target.cluster.lower() == run.lower()]
    return tuple(f'"{run}" is the cluster of the target "{target.name}"' for target in own)


def objections_to_removing(plan: Plan, targets: Mapping[str, Target], store: Store) -> tuple[str, ...]:
    """Why nothing vouches for what a clean-up removes; empty for any other plan. Raises ``Unreachable`` as the store does."""
    if not isinstance(plan.request, CleanRequest):
        return ()
    by_journal = () if plan.request.doubt else _objections_by_journal(plan.request, plan.target, store)
    return (*own_clusters(plan.request.run, targets), *by_journal)


def _objections_by_journal(request: CleanRequest, target: Target, store: Store) -> tuple[str, ...]:
    """The objections where the plan has no doubt: the journal here must agree on the run, its end, its nonce and its target."""
    run = printable(request.run)
    if request.run not in store.runs():
        return (f'no run "{run}" is kept here, so no journal vouches for what is removed',)
    try:
        made, chain = store.plan(request.run), store.chain(request.run)
    except (Damaged, Newer) as error:
        return (error.message,)
    if not chain.events:
        return (f'the run "{run}" never began, and created nothing',)
    state = chain.state()
    wrong = {
        f'the run "{run}" is itself a clean-up and created nothing': isinstance(made.request, CleanRequest),
        f'the run "{run}" has not ended': state.ended is None,
        f'the nonce of the plan is not the one in the journal of "{run}"': state.nonce != request.nonce,
        f'the target of the plan is not the one that "{run}" was made for': made.target != target,
    }
    return tuple(reason for reason, is_so in wrong.items() if is_so)


def hint_to_plan_again(plan: Plan, targets: Mapping[str, Target], store: Store) -> str:
    """What to do where a plan cannot be started: for a clean-up, the command that makes it again and asks every question."""
    if not isinstance(plan.request, CleanRequest):
        today = targets.get(plan.target.name)
        typed = plan.target.waivers[: len(plan.target.waivers) - len(today.waivers)] if today else ()
        return f"make the plan again: {command_to_plan_again(plan, typed)}"
    run = plan.request.run
    if own_clusters(run, targets) or not is_identifier(run):
        return "daybreak runs"
    if run in store.runs():
        return f"make the plan again: daybreak clean {run}"
    return f"make the plan again: daybreak clean --cluster {run} --confirm {run}"

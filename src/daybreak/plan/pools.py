"""The steps of a cutover or a rollback that hold the clients of a pool, point it elsewhere, and let them go on. Pure.

A pool that learns the new address by a command goes on as soon as the new side takes writes: its clients wait for nothing else. One
that reads a name goes on when the name has moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from daybreak.model.actions import Action, PausePool, ResumePool, RunCommand
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import DatabaseAddress, SideAddresses, Whereto
from daybreak.model.plan import Estimate
from daybreak.model.pools import PgBouncer, PoolSeen
from daybreak.model.requests import RollbackRequest
from daybreak.model.value import Span
from daybreak.plan import estimates

HOST, PORT, DATABASE = "DAYBREAK_HOST", "DAYBREAK_PORT", "DAYBREAK_DATABASE"
"""The variables from which the command that points a pool elsewhere learns the address and the pool's database."""

_WRITING = Span(seconds=20)
"""How long such a command may take: clients wait for it."""


@dataclass(frozen=True)
class PoolStep:
    """One step, for whoever puts the plan together."""

    slug: str
    action: Action
    reason: str
    estimate: Estimate
    is_guarded: bool
    """Whether it may only be done while the side that is left is fenced."""


def objections_to_pools(pools: Iterable[PoolSeen], wanted: Whereto | None) -> Iterator[str]:
    """Every reason why a pool cannot be held and moved from where it should point by now; ``None`` is wherever it points."""
    for each in pools:
        if each.unfit is not None:
            yield f"{each.pool.words()} {each.unfit}"
        elif wanted is None:
            continue
        elif each.is_paused:
            yield f"{each.pool.words()} is paused already, and not by us: RESUME it, or find out who holds it"
        elif each.points_at not in (wanted, "elsewhere"):
            yield f"{each.pool.words()} does not point at the {wanted}, but at the {each.points_at}"


def steps_to_pause(pools: Iterable[PoolSeen]) -> Iterator[PoolStep]:
    """What holds the clients of each pool, before the fence."""
    for number, each in enumerate(pools, start=1):
        reason = "its clients wait at the pool, and see no error while nobody can log in"
        yield PoolStep(f"pause-pool-{number}", PausePool(pool=each.pool), reason, estimates.CALL, is_guarded=False)


def steps_to_move(pools: Iterable[PoolSeen], new: DatabaseAddress, old: DatabaseAddress) -> Iterator[PoolStep]:
    """What points each pool elsewhere that learns the address by a command."""
    for number, each in enumerate(pools, start=1):
        if each.pool.repoint:
            yield PoolStep(
                f"repoint-pool-{number}",
                _order_to_repoint(each.pool, new, old),
                "the pool reads the address there",
                estimates.CALL,
                is_guarded=True,
            )


def steps_to_resume(
    pools: Iterable[PoolSeen],
    address: DatabaseAddress | None,
    *,
    by_command: bool | None = None,
    is_guarded: bool = True,
) -> Iterator[PoolStep]:
    """What lets the clients of each pool go on. ``by_command`` takes only those that learn the address by a command, or only the others."""
    for number, each in enumerate(pools, start=1):
        if by_command is None or bool(each.pool.repoint) == by_command:
            wanted = address if each.pool.repoint else None
            reason = "its clients go on, where the pool points now"
            action = ResumePool(pool=each.pool, address=wanted)
            yield PoolStep(f"resume-pool-{number}", action, reason, estimates.CALL, is_guarded=is_guarded)


def steps_after_opening(
    request: RollbackRequest, pools: Iterable[PoolSeen], sides: SideAddresses, *, was_moved: bool
) -> Iterator[PoolStep]:
    """What lets the clients go on once the source is open again: of every pool that was moved back, or that the cutover held."""
    held = {each.action.pool for each in request.deeds if isinstance(each.action, PausePool)}
    concerned = [each for each in pools if was_moved or each.pool in held]
    # Nobody fences the source by now, and of the other side nothing is expected where nothing was moved.
    yield from steps_to_resume(concerned, sides.source["writer"] if was_moved else None, is_guarded=was_moved)


def steps_to_other_side(pools: Iterable[PoolSeen], new: DatabaseAddress, old: DatabaseAddress) -> Iterator[PoolStep]:
    """What points each pool elsewhere that learns the address by a command, and lets its clients go on at once."""
    found = tuple(pools)
    yield from steps_to_move(found, new, old)
    yield from steps_to_resume(found, new, by_command=True)


def _order_to_repoint(pool: PgBouncer, new: DatabaseAddress, old: DatabaseAddress) -> RunCommand:
    return RunCommand(
        what=f"point {pool.words()} at {new.host}:{new.port}",
        command=pool.repoint,
        given=_variables(pool, new),
        limit=_WRITING,
        back=pool.repoint,
        given_back=_variables(pool, old),
    )


def _variables(pool: PgBouncer, address: DatabaseAddress) -> dict[str, str]:
    return {HOST: address.host, PORT: str(address.port), DATABASE: pool.database}


def is_repointing(action: Action) -> bool:
    """Whether an action gives a pool an address."""
    return isinstance(action, RunCommand) and HOST in action.given


def have_pools_moved(request: RollbackRequest, pools: Iterable[PoolSeen]) -> bool:
    """Whether a pool may have let its clients go on to the clone."""
    was_told = any(is_repointing(each.action) for each in request.deeds)
    return was_told or any(each.points_at == "clone" for each in pools)


def objections_to_strays(request: RollbackRequest, pools: Iterable[PoolSeen], host: str) -> Iterator[str]:
    """Each pool that the cutover gave an address, and that points at neither side by now: somebody else's move may serve there.

    ``host`` is the clone's writer.
    """
    if not any(is_repointing(each.action) and each.is_done for each in request.deeds):
        return
    for each in pools:
        if each.pool.repoint and each.unfit is None and each.points_at == "elsewhere":
            yield (
                f"{each.pool.words()} points at neither side any more: somebody moved it since, and what serves there would not be "
                f"closed; point it at {host} where that is wrong, then go back again"
            )


def leave_silent_pools(
    request: RollbackRequest, both: CutoverSeen | None
) -> tuple[CutoverSeen | None, tuple[PoolSeen, ...]]:
    """Both sides without the pools that cannot be asked, and those pools, where a cutover takes itself back.

    Nobody sits there who could start one that died, and the source stays closed until the way back is planned. Its clients meet a
    closed clone if it leads there. Where a person goes back, it refuses the plan.
    """
    if both is None or request.unwritten is None:
        return both, ()
    silent = tuple(each for each in both.pools if each.unfit is not None)
    return both.model_copy(update={"pools": tuple(each for each in both.pools if each.unfit is None)}), silent


def words_on_silent_pools(pools: Iterable[PoolSeen]) -> Iterator[str]:
    """What a person has to do about the pools that were left."""
    for each in pools:
        how = ": run what repoint names, with the source's address" if each.pool.repoint else ""
        yield (
            f"{each.pool.words()} {each.unfit}, so it is left as it is: where it leads to the clone, its clients are shut out there "
            f"until somebody points it at the source{how}"
        )


def pools_lost(request: RollbackRequest, pools: Iterable[PoolSeen]) -> Iterator[str]:
    """The pools that the cutover held, and that the configuration no longer names: nobody moves them back."""
    named = {(each.pool.host, each.pool.port, each.pool.database) for each in pools}
    for deed in request.deeds:
        if isinstance(deed.action, PausePool):
            pool = deed.action.pool
            if (pool.host, pool.port, pool.database) not in named:
                yield f"the cutover held {pool.words()}, and [[targets.{request.target}.pools]] no longer names it: it stays as it is"

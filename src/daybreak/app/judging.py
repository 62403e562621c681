"""The verdict that a cutover goes by: asked when it is planned, and again where it has grown old before anything is changed."""

from __future__ import annotations

from collections.abc import Callable

from daybreak.app.app import App
from daybreak.app.validating import Inquiry, Listeners, case_of, validate_case
from daybreak.model.cutover import VerdictSeen
from daybreak.model.plan import Plan
from daybreak.model.requests import CutoverRequest
from daybreak.model.targets import Waiver
from daybreak.plan.behind import words_on_left_behind
from daybreak.postgres.leash import Leash


def judge_anew(
    app: App, run: str, waivers: tuple[Waiver, ...], listeners: Listeners | None = None, leash: Leash | None = None
) -> VerdictSeen:
    """What a validation says of a run's clone now, with today's waivers; raises ``DaybreakError`` where it cannot be asked."""
    made = validate_case(app, case_of(app, Inquiry(name=run, waivers=waivers)), listeners, leash)
    return VerdictSeen(
        standing=made.verdict.standing,
        at=made.began,
        scope=made.verdict.scope,
        waived=words_on_waivers(waivers),
        reasons=made.verdict.reasons,
        writes=made.measured.written,
        left_behind=words_on_left_behind(made.measured.deltas),
    )


def words_on_waivers(waivers: tuple[Waiver, ...]) -> tuple[str, ...]:
    """What a person waived for a cutover, each with the reason, as its plan keeps it."""
    return tuple(f"{each.check}{_SAYS}{each.why}" for each in waivers)


_SAYS = ": "


def judge_of(app: App, plan: Plan) -> Callable[[Callable[[str], None], Leash], VerdictSeen] | None:
    """What asks the clone of a cutover again, with the waivers that stand in its plan; ``None`` for any other plan."""
    request = plan.request
    if not isinstance(request, CutoverRequest):
        return None
    words = (each.partition(_SAYS) for each in request.verdict.waived)
    waivers = tuple(Waiver(check=check, by=plan.identity.caller, why=why) for check, _, why in words)
    return lambda progress, leash: judge_anew(app, request.run, waivers, Listeners(progress=progress), leash)

"""A move of traffic from one region to another: its target and doors, where the region that is left may be lost.

The law: a region that is not the plan's own is asked in time, and its silence is a reason that is named, never an absence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache

from daybreak.app.app import App
from daybreak.aws.faults import AwsFault
from daybreak.aws.gateway import Aws
from daybreak.errors import DaybreakError, Refused, Unproven
from daybreak.execute.database import login_at
from daybreak.model.fences import AccessSeen
from daybreak.model.names import printable
from daybreak.model.plan import Plan
from daybreak.model.requests import MoveRequest, RegionRequest, RestoreRequest
from daybreak.model.targets import Target
from daybreak.model.value import Value
from daybreak.model.world import Cluster
from daybreak.observe.destinations import SILENT
from daybreak.observe.look import Lookout
from daybreak.observe.writers import by_writer
from daybreak.plan.adding import last_address, region_of
from daybreak.plan.renaming import takes_name
from daybreak.postgres.address import ServerPlace, address_of
from daybreak.postgres.answering import knock
from daybreak.postgres.faults import is_of_server
from daybreak.postgres.session import Limits, Session

WITHIN = timedelta(seconds=5)
"""How long one call to a region may take that is not the plan's own."""

_LOOKING = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=30))
_KNOCKING = timedelta(seconds=5)


def home_of(plan: Plan) -> str:
    """The region of a plan's source, where its clone is in another one; empty where both are in the plan's own."""
    request = plan.request
    home = request.home if isinstance(request, RegionRequest | MoveRequest) else ""
    return "" if home == plan.identity.region else home


def target_of_move(app: App, plan: Plan) -> Target:
    """The target of a move after a restore or another move, as it is reached where the clone is.

    It knows the login of the source's region too. Raises ``Refused`` for a target that the configuration has not, or has elsewhere.
    """
    named = app.target(plan.target.name)
    home = home_of(plan)
    if not home and isinstance(plan.request, RestoreRequest | MoveRequest):
        return named
    configured = app.settings.targets[plan.target.name]
    if configured.region != home:
        raise Refused(
            f'{plan.run} left {home}, and daybreak.toml says that "{configured.name}" is in {configured.region}',
            f"write {home} as the region of {configured.name} until its traffic has moved",
        )
    return abroad(configured, plan.identity.region)


def abroad(configured: Target, region: str) -> Target:
    """A target as it is reached in another region, with the login of its own beside it."""
    logins = {configured.region: configured.login} if configured.login else {}
    there = configured.in_region(region)
    return there.model_copy(update={"logins": {**there.logins, **logins}})


def doors_of(app: App, own: str) -> Callable[[str], Aws]:
    """Opens each region once: the plan's own as ever, any other in time."""

    @cache
    def open_region(region: str) -> Aws:
        return app.aws(own) if region == own else app.aws_in_time(region, WITHIN)

    return open_region


def look_for_source(app: App, target: Target, home: str) -> tuple[Cluster | None, str]:
    """The source in another region as AWS shows it, and why that region says nothing of it; empty where it answered.

    Raises ``AwsFault`` for an answer that is no silence, such as a refusal.
    """
    lookout = Lookout(app.aws_in_time(home, WITHIN))
    try:
        return app.closely(lambda: lookout.cluster(target.cluster), lambda found: found is not None), ""
    except AwsFault as fault:
        if fault.trouble.category not in SILENT:
            raise
        return None, fault.message


class Heard(Value):
    """What a server said of who can write there, or why nothing was heard."""

    access: AccessSeen | None = None
    silence: str = ""
    is_awake: bool = False
    """Whether a server answers there that did not let our login in."""


def hear(
    app: App, target: Target, cluster: Cluster, ask: Callable[[Session], AccessSeen], *, is_by_address: bool = False
) -> Heard:
    """What a cluster's server says. Where it lets nobody in, it is found out whether a server is there at all.

    ``is_by_address`` asks where it was last seen, with the login of the plan's own region.
    """
    server: ServerPlace = last_address(cluster) if is_by_address else cluster
    region = target.region if is_by_address else region_of(cluster)
    if takes_name(target) and not is_by_address:
        # A resolver may remember where the name led before: to the other side, after an earlier cutover or rollback.
        try:
            server = by_writer(Lookout(doors_of(app, target.region)(region)), cluster)
        except DaybreakError as error:
            return Heard(
                silence=f'"{printable(cluster.identifier)}" was not asked who can write there: {error.message}'
            )
    address = address_of(server, target.database or cluster.database, target.trust)
    where = f" at {address.server}, where it was last seen," if is_by_address else ""
    try:
        login = login_at(target.login_in(region) or "", doors_of(app, target.region)(region), app.environ, address)
    except DaybreakError as error:
        reached = knock(address, None, _KNOCKING).reached
        silence = f'"{printable(cluster.identifier)}"{where} was not asked who can write there: {error.message}'
        return Heard(silence=silence, is_awake=reached == "tls")
    try:
        with app.sessions.open(address, login, _LOOKING) as session:
            return Heard(access=ask(session))
    except DaybreakError as error:
        silence = f'"{printable(cluster.identifier)}"{where} does not say who can write there: {error.message}'
        return Heard(silence=silence, is_awake=isinstance(error, Unproven) or is_of_server(error))

"""Before the traffic moves: whether the application's pages are well, and whether its own login gets in, by each place and at the clone."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from daybreak.app.app import App
from daybreak.aws.secrets import credentials_of
from daybreak.errors import DaybreakError
from daybreak.execute.database import login_at
from daybreak.execute.entering import Applicant
from daybreak.execute.signs import why_unwell
from daybreak.model.application import ApplicationBefore, ApplicationLogin, ApplicationWay, LoginSeen, PageSeen, WaySeen
from daybreak.model.cutover import CutoverSeen
from daybreak.model.destinations import DestinationSeen, SideAddresses, Whereto
from daybreak.model.targets import HealthCheck, Target
from daybreak.model.world import Cluster
from daybreak.plan.adding import first_database
from daybreak.plan.proofs import database_of_application, is_way, way_of, why_no_way
from daybreak.postgres.address import address_of
from daybreak.postgres.admission import was_turned_away
from daybreak.postgres.faults import refusal_of
from daybreak.postgres.leash import Leash
from daybreak.postgres.session import Limits
from daybreak.postgres.whereabouts import read_whereabouts

_LIMITS = Limits(statement=timedelta(seconds=5), whole=timedelta(seconds=10))


@dataclass(frozen=True)
class Onlooker:
    """Looks at the application of one target, whose traffic is at one side now."""

    app: App
    target: Target
    sides: SideAddresses
    clusters: Mapping[Whereto, Cluster]
    at: Whereto
    """The side at which the traffic is."""

    def look(self, both: CutoverSeen) -> CutoverSeen:
        """Both sides with what was seen of the application.

        Everything is asked at once, each within its own limit; what does not answer says so and stops nothing here.
        """
        rules = self.target.cutover
        with ThreadPoolExecutor(max_workers=self.app.most_at_once) as crew:
            pages = crew.map(self._page, rules.health)
            seen = None if rules.application is None else self._login(rules.application, both, crew)
            return both.model_copy(update={"application": ApplicationBefore(pages=tuple(pages), login=seen)})

    def _page(self, page: HealthCheck) -> PageSeen:
        why, is_lasting = why_unwell(page, self.app.settings.health_urls.get(self.target.name, {}))
        return PageSeen(name=page.name, unwell=why, is_lasting=is_lasting)

    def _login(self, reference: str, both: CutoverSeen, crew: ThreadPoolExecutor) -> LoginSeen:
        host = self.sides.of(self.at).get("writer")
        try:
            place = (host.host, host.port) if host else ("", 0)
            aws = self.app.aws(self.target.region)
            role = credentials_of(reference, aws, self.app.environ, place).username
        except DaybreakError as error:
            return LoginSeen(silence=error.message)
        heard = both.access if self.at == "source" else both.clone_access
        here = self.clusters.get(self.at) if heard is not None else None
        ways = crew.map(lambda each: self._way(each, here), filter(is_way, both.destinations))
        clones = (self.clusters["clone"],) if self.at == "source" and "clone" in self.clusters else ()
        at_clone = crew.map(self._why_not_in, clones)
        return LoginSeen(role=role, at_clone="".join(at_clone), ways=tuple(ways))

    def _why_not_in(self, clone: Cluster) -> str:
        """Why the clone does not let the application in at its own endpoint; the session reads where it is, and nothing else."""
        app, target = self.app, self.target
        address = address_of(clone, database_of_application(target, clone), target.trust)
        try:
            login = login_at(target.cutover.application or "", app.aws(target.region), app.environ, address)
            with app.sessions.open_anew(address, login, _LIMITS) as session:
                read_whereabouts(session)
        except DaybreakError as error:
            return error.message
        return ""

    def _way(self, seen: DestinationSeen, here: Cluster | None) -> WaySeen:
        """How a place let the login through to the side at which the traffic is; where that side is silent, nobody can say."""
        app, target, way = self.app, self.target, way_of(seen, self.sides, self.at)
        known = WaySeen(destination=seen.destination, region=seen.region)
        if way is None:
            return known.model_copy(update={"unasked": why_no_way(seen)})
        applicant = Applicant(
            lambda region: app.aws(region or target.region), app.environ, target.trust, app.sessions.open_anew
        )
        try:
            if here is None:
                applicant.address_by(way, "", Leash())
                return known
            return known.model_copy(update={"unasked": self._why_not_here(applicant, way, here)})
        except DaybreakError as error:
            is_answer = refusal_of(error) is not None or was_turned_away(error)
            return known.model_copy(update={"refused" if is_answer else "unasked": error.message})

    def _why_not_here(self, applicant: Applicant, way: ApplicationWay, here: Cluster) -> str:
        app, target = self.app, self.target
        own = address_of(here, first_database(target, here), target.trust)
        with app.sessions.open(
            own, login_at(target.login or "", app.aws(target.region), app.environ, own), _LIMITS
        ) as session:
            server = read_whereabouts(session).server
        database = database_of_application(target, here)
        application = ApplicationLogin(login=target.cutover.application or "", database=database, ways=(way,))
        with applicant.enter(application, way, _LIMITS, Leash()) as (_, where):
            return "" if where.server == server else "it leads to another server"

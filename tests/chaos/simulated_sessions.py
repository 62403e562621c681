"""Sessions with the simulated servers: the product's own questions and orders, answered as PostgreSQL answers them.

The law: a question that nobody simulates is an error of the test, never an empty answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psycopg import sql

from daybreak.errors import Failed, Unreachable
from daybreak.model.value import Instant
from daybreak.postgres import changing, fencing, jobs, sequences, warming, whereabouts, writes
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login, LoginReference
from daybreak.postgres.session import Limits, Opener
from tests.chaos.reply_faults import Fault
from tests.chaos.simulated_parts import Clock
from tests.chaos.simulated_servers import OWN, SimulatedServer, SimulatedServers, Turn

LOGIN = "env:RESCUER"
"""The reference of our login."""
APPLICATION = "env:APP"
"""The reference of the application's own login."""
ENVIRON = {
    "RESCUER_USERNAME": OWN,
    "RESCUER_PASSWORD": "only-for-the-simulation",
    "APP_USERNAME": "app",
    "APP_PASSWORD": "only-here",
}
SEQUENCE = "public", "orders_id"

_ALTER = re.compile(r'ALTER ROLE "([^"]+)" (NOLOGIN|LOGIN);')
_LOOK = re.compile(
    r"SELECT NOT EXISTS \(SELECT FROM pg_catalog.pg_roles WHERE rolname IN \((.*)\) AND (NOT )?rolcanlogin\)"
)
_TAKES, _TRIES = "FROM %s CASCADE", "somebody changed who may connect"
_LOOKS_TAKEN, _LOOKS_GIVEN = "NOT pg_catalog.has_database_privilege(session_user", "EXCEPT TABLE record"
"""What only the statements and looks have that take CONNECT, and that give it back."""
_SETVAL = re.compile(r"SELECT pg_catalog\.setval\('(.*)'::pg_catalog\.regclass, (\d+), true\)")
_SETTINGS = "SELECT pg_catalog.set_config("


class SimulatedSession:
    """A session of ours, which begins and ends transactions and knows the product's own statements."""

    def __init__(
        self, world: SimulatedServers, cluster: str, address: Address, limits: Limits, role: str = OWN
    ) -> None:
        self._world, self._cluster, self._database = world, cluster, address.database
        self.limits = limits
        self.is_open = True
        self.major = 16
        self.is_in_transaction = False
        self._roles: dict[str, bool] = {}
        """Whose LOGIN this transaction has changed."""
        self._is_shut: bool | None = None
        """Whether this transaction has taken CONNECT, or given it back."""
        self._last: int | None = None
        """Where this transaction has set the sequence."""
        self._number: int | None = None
        self._answers: dict[int, Callable[[], list[tuple[Any, ...]]]] = {
            id(fencing._LOOK): self._look,
            id(fencing._INSIDE): lambda: [*world.inside(cluster).items()],
            id(fencing._CLIENTS): lambda: [(sum(world.inside(cluster).values()),)],
            id(whereabouts._WHERE): lambda: [(cluster, 1, role, False)],
            id(whereabouts._NUMBER): lambda: [(cluster, self._take_number())],
            id(fencing._END): lambda: [(world.send_out(cluster),)],
            id(fencing._MARK): self._mark,
            id(fencing._WRITTEN): self._refuse_to_say,
            id(fencing._OWN): lambda: [(OWN, True, True, OWN in world.inside(cluster))],
            id(fencing._ROLES): self._roles_seen,
            id(fencing._CLOSED): lambda: [(name,) for name, may in sorted(self._server.roles.items()) if not may],
            id(fencing._DOORS[True]): self._entries,
            id(fencing._OPEN): lambda: [
                (name, owner, "embi", self._now()) for name, owner in sorted(self._server.prepared.items())
            ],
            id(fencing._SUBSCRIPTIONS): lambda: [
                (name, "embi", is_enabled, name, True)
                for name, is_enabled in sorted(self._server.subscriptions.items())
            ],
            id(fencing._SLOTS): list,
            id(fencing._CLOCK): lambda: [(str(self._server.next), self._now())],
            id(writes._OPENED): lambda: [(str(self._server.next), not self._server.prepared)],
            id(writes._GRANTED): lambda: [(0,)],
            id(writes._WRITTEN): lambda: [
                (len(self._server.rows) if self._database == "embi" else 0, 0, "", True, False, False)
            ],
            id(jobs._KEPT): lambda: [(False,)],
            id(warming._HOME): list,
            id(fencing._DATABASES): lambda: [(name,) for name in sorted(self._server.databases)],
            id(sequences._READ): self._sequences,
            id(changing._NUMBER): self._assigned,
        }

    @property
    def _server(self) -> SimulatedServer:
        return self._world.servers[self._cluster]

    def _now(self) -> Instant:
        clock: Clock = self._world.clock
        return clock.now()

    # -- what the product asks of a session

    def ask(
        self, query: sql.SQL | sql.Composed, parameters: tuple[Any, ...] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows that the server returns."""
        self._world.serve()
        if (answer := self._answers.get(id(query))) is not None:
            return answer()
        if query is changing._FATE and isinstance(parameters, tuple):
            return [(self._server.fates.get(int(parameters[0]), "aborted"),)]
        text = query.as_string()
        if (setting := _SETVAL.fullmatch(text)) is not None:
            assert setting[1] == '"public"."orders_id"'
            self._last = int(setting[2])
            return [(self._last,)]
        assert text.startswith(_SETTINGS), f"nobody simulates {text}"
        return []

    def order(self, query: sql.SQL | sql.Composed) -> None:
        """Begin a transaction, or end it."""
        self._world.serve()
        match query.as_string().split()[0]:
            case "BEGIN":
                assert not self.is_in_transaction
                self.is_in_transaction = True
            case "ROLLBACK":
                self.rollback()
            case "COMMIT":
                self._commit()
            case other:
                raise AssertionError(other)

    def carry_out(self, text: str) -> None:
        """Alter roles, all of them or none."""
        self._world.serve()
        found, connects = _ALTER.findall(text), "CONNECT ON DATABASE" in text
        assert found or connects, f"nobody simulates {text}"
        if _TRIES in text and self._server.is_shut:
            raise Failed("somebody changed who may connect to embi since this was planned: plan again")
        if "somebody took LOGIN" in text and (
            shut := [name for name, _ in found if self._server.roles.get(name) is False]
        ):
            raise Failed(f"somebody took LOGIN from {', '.join(shut)} since this was planned: plan again")
        for name, word in found:
            if name not in self._server.roles:
                raise Failed(f'role "{name}" does not exist')
            if name in self._server.beyond:
                raise Failed("permission denied to alter role")
            self._roles[name] = word == "LOGIN"
        if connects:
            self._is_shut = _TAKES in text

    @contextmanager
    def stream(self, text: str) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Whether none of some roles may log in, or all of them may."""
        self._world.serve()
        look, connects = _LOOK.match(text), next((each for each in (_LOOKS_TAKEN, _LOOKS_GIVEN) if each in text), None)
        assert look is not None or connects, f"nobody simulates {text}"
        now = self._server.roles | self._roles
        wrong = look and [name for name in re.findall(r"'([^']+)'", look[1]) if now.get(name) == (look[2] is None)]
        is_shut = self._server.is_shut if self._is_shut is None else self._is_shut
        yield iter([(not wrong and (connects is None or is_shut == (connects == _LOOKS_TAKEN)),)])

    def rollback(self) -> None:
        """End the transaction without effect."""
        if self._number is not None:
            self._server.fates[self._number] = "aborted"
        self._forget()

    def _forget(self) -> None:
        self.is_in_transaction, self._roles, self._is_shut, self._last, self._number = False, {}, None, None, None

    # -- what the server does

    def _commit(self) -> None:
        self._world.commits += 1
        lost = self._world.lost_commits.get(self._world.commits)
        if lost == "before":
            self.is_open = False
            raise Unreachable("the connection was lost")
        server, roles, last, number = self._server, self._roles, self._last, self._number
        is_shut = server.is_shut if self._is_shut is None else self._is_shut
        self._forget()
        if number is not None:
            server.fates[number] = "committed"
        altered = [name for name, may in roles.items() if may != server.roles[name]]
        is_opened, is_turned = any(roles[name] for name in altered), is_shut != server.is_shut
        is_ahead = last not in (None, server.last)
        server.roles |= roles
        server.is_shut = is_shut
        server.last = server.last if last is None else last
        if is_opened or (is_turned and not is_shut):
            self._world.turns.append(Turn("opening", self._cluster, server.next, len(self._world.ledger)))
        if altered:
            word = "LOGIN" if is_opened else "NOLOGIN"
            self._world.note_effect("ALTER ROLE", f"{self._cluster} {' '.join(altered)} {word}")
        if is_turned:
            self._world.note_effect("REVOKE" if is_shut else "GRANT", f"{self._cluster} CONNECT")
        if is_ahead:
            self._world.note_effect("setval", f"{self._cluster}/{self._database}")
        if lost == "after":
            self.is_open = False
            raise Unreachable("the connection was lost")

    def _assigned(self) -> list[tuple[Any, ...]]:
        if (self._roles or self._is_shut is not None) and self._number is None:
            self._number, self._server.next = self._server.next, self._server.next + 1
            self._server.fates[self._number] = "in progress"
        return [(None if self._number is None else str(self._number),)]

    def _take_number(self) -> int:
        """A number for a transaction that changes no row."""
        self._server.next += 1
        return self._server.next - 1

    def _look(self) -> list[tuple[Any, ...]]:
        names, inside = sorted(self._server.databases), self._world.inside(self._cluster)
        enter = [(role, base) for role, may in sorted(self._server.entries.items()) if may for base in names]
        insiders = [role for role, count in inside.items() for _ in range(count)]
        pids = [*range(1000, 1000 + len(insiders))]
        roles, bases = [role for role, _ in enter], [base for _, base in enter]
        return [(roles, bases, insiders, pids, sorted(self._server.prepared), [], OWN, OWN in inside, self._cluster)]

    def _roles_seen(self) -> list[tuple[Any, ...]]:
        inside = self._world.inside(self._cluster)
        return [
            (name, name not in self._server.beyond, inside.get(name, 0), [], self._entered(name), False)
            for name, may in sorted(self._server.roles.items())
            if may
        ]

    def _entered(self, role: str) -> list[str]:
        server = self._server
        return [*server.databases] if role in server.beyond and server.lets_in(role) else []

    def _entries(self) -> list[tuple[Any, ...]]:
        """PostgreSQL's own, by an owner as whom we may act."""
        return [
            (name, "dba", True, grantee, "dba", False, True, [])
            for name in sorted(self._server.databases)
            for grantee in (None, "dba")
        ]

    def _mark(self) -> list[tuple[Any, ...]]:
        number = self._server.next
        self._world.turns.append(Turn("mark", self._cluster, number, len(self._world.ledger)))
        return [(str(number), self._now())]

    def _refuse_to_say(self) -> list[tuple[Any, ...]]:
        raise Failed("it is not supported in Aurora")

    def _sequences(self) -> list[tuple[Any, ...]]:
        if self._database != "embi":
            return []
        return [(*SEQUENCE, self._server.last or None, 1, True, True, self._database, 1, 2**63 - 1)]


def opener(world: SimulatedServers) -> Opener:
    """What opens sessions with the servers of a world."""

    @contextmanager
    def open_session(address: Address, login: Login | LoginReference, limits: Limits) -> Iterator[Any]:
        login = login.read() if isinstance(login, LoginReference) else login
        assert login.username in (OWN, "app")
        world.clock.elapsed += 0.05
        cluster = world.server_at(address.host)
        if cluster is None or world.weather(False) in (Fault.UNSENT, Fault.DROPPED):  # noqa: FBT003
            raise Unreachable(f"{address} does not answer")
        if login.username != OWN and not world.servers[cluster].roles[login.username]:
            raise Unreachable(f'role "{login.username}" is not permitted to log in')
        session = SimulatedSession(world, cluster, address, limits, login.username)
        try:
            yield session
        finally:
            session.rollback()
            session.is_open = False

    return open_session


class SimulatedSessions:
    """The sessions of an application in a world; none of them is kept."""

    def __init__(self, world: SimulatedServers) -> None:
        self.open = self.open_anew = opener(world)

    def hang_up(self) -> None:
        """Nothing is kept."""

"""A scratch database and its role: at a server of others, made by somebody who is no superuser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from psycopg import sql

from daybreak.errors import Bug, DaybreakError, Refused
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.postgres.restoring import read_abilities
from daybreak.postgres.scratch_place import COMMENT, list_scratch, make_scratch, remove_scratch, scratch_name
from daybreak.postgres.session import Limits
from tests.fix_folders import new_folder
from tests.fix_postgres import PASSWORD, Server, started, stopped

LIMITS = Limits(statement=timedelta(seconds=20), whole=timedelta(seconds=30))
NAME = scratch_name("ab" * 8)


@pytest.fixture(scope="module", params=["oldest", "newest"])
def own(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The oldest and the newest version here: before 16, who may make roles had more than it made."""
    running = started(
        new_folder("dbpg-"), programs=find_server_programs(15 if request.param == "oldest" else 18).folder
    )
    yield running
    stopped(running)


@pytest.fixture
def boss(own: Server) -> Iterator[Reach]:
    """Somebody who may make roles and databases, and is no superuser, as a master of RDS is none."""
    own.run(
        "postgres",
        f"CREATE ROLE embi_boss LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'",
        "CREATE DATABASE embi_closed",
        "REVOKE CONNECT ON DATABASE embi_closed FROM PUBLIC",
    )
    yield Reach(own.address("postgres"), Login("embi_boss", PASSWORD))
    own.run("postgres", "DROP DATABASE embi_closed", "DROP OWNED BY embi_boss", "DROP ROLE embi_boss")


def test_the_role_has_its_database_and_nothing_else(own: Server, boss: Reach) -> None:
    """Member of nothing, owner of one database; the doors that stay open are named."""
    place = make_scratch(boss, NAME)
    assert set(place.open_doors) == {"postgres", "template1"}
    assert list_scratch(boss) == (NAME,)
    with place.reach.session(LIMITS) as session:
        [[who, member, connects]] = session.ask(
            sql.SQL("SELECT current_user::text, (SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole),"
                    " has_database_privilege('public', current_database(), 'CONNECT')")
        )  # fmt: skip
        assert (who, member, connects) == (NAME, 0, False)
        session.order(sql.SQL("SET default_transaction_read_only = off"))
        session.carry_out("CREATE EXTENSION hstore")
        session.carry_out("CREATE TABLE public.t (a hstore)")
        for each in ("CREATE ROLE x", "CREATE DATABASE x", "CREATE EXTENSION dblink", "SET ROLE embi_boss"):
            with pytest.raises(DaybreakError):
                session.carry_out(each)
    with pytest.raises(DaybreakError):
        place.reach.within("embi_closed").connect(LIMITS)
    abilities = read_abilities(place)
    assert {"hstore", "citext"} <= abilities.extensions
    assert not {"dblink", "postgres_fdw", "file_fdw"} & abilities.extensions
    again = make_scratch(boss, NAME)
    assert again.login.password != place.login.password
    with again.reach.session(LIMITS) as session:
        assert session.ask(sql.SQL("SELECT count(*) FROM public.t")) == [(0,)]
        again.end_sessions()
        with pytest.raises(DaybreakError):
            session.ask(sql.SQL("SELECT 1"))
    again.remove()
    again.remove()
    assert list_scratch(boss) == ()
    with own.connection("postgres") as one:
        assert one.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchall() == []


def test_what_only_has_such_a_name_is_left_alone(own: Server, boss: Reach) -> None:
    """The comment decides, and a database must be the role's."""
    own.run("postgres", f"CREATE ROLE {NAME}")
    try:
        for act in (lambda: make_scratch(boss, NAME), lambda: remove_scratch(boss, NAME)):
            with pytest.raises(Refused, match="without the comment"):
                act()
        own.run(
            "postgres",
            f"GRANT {NAME} TO embi_boss WITH ADMIN OPTION",
            f"COMMENT ON ROLE {NAME} IS '{COMMENT}'",
            f"CREATE DATABASE {NAME}",
        )
        for act in (lambda: make_scratch(boss, NAME), lambda: remove_scratch(boss, NAME)):
            with pytest.raises(Refused, match=r"not ours|somebody else"):
                act()
        own.run("postgres", f"DROP DATABASE {NAME}", f"GRANT pg_read_all_data TO {NAME}")
        with pytest.raises(Refused, match="is a member of pg_read_all_data"):
            make_scratch(boss, NAME)
    finally:
        own.run("postgres", f"DROP DATABASE IF EXISTS {NAME}", f"DROP ROLE {NAME}")


def test_another_encoding_is_had(boss: Reach) -> None:
    """Whatever the server's own is."""
    place = make_scratch(boss, NAME, "LATIN1")
    try:
        with place.reach.session(LIMITS) as session:
            assert session.ask(sql.SQL("SELECT getdatabaseencoding()::text")) == [("LATIN1",)]
    finally:
        place.remove()


@pytest.mark.parametrize("name", ["postgres", "daybreak_scratch_", f"{NAME}0", f"x{NAME}", NAME.upper()])
def test_no_other_name_is_ever_touched(boss: Reach, name: str) -> None:
    """Whoever asks for one has a fault in it."""
    for act in (lambda: make_scratch(boss, name), lambda: remove_scratch(boss, name)):
        with pytest.raises(Bug):
            act()

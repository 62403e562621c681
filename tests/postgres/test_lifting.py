"""The quarantine ends in SQL on a real server: what is detached or off comes back as it was, and each statement proves itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from daybreak.model.actions import ChangeSql
from daybreak.model.cutover import CutoverSeen
from daybreak.model.plan import Step
from daybreak.plan.lifting import let_jobs_go_on, lift
from daybreak.plan.sequence import Sequence
from daybreak.postgres.changing import Bearing, make_change
from daybreak.postgres.fencing import read_access
from daybreak.postgres.jobs import read_jobs
from daybreak.postgres.leash import Leash
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, Session, open_session
from daybreak.postgres.warming import can_warm, hot_relations, warm
from tests import fix_worlds
from tests.fix_folders import new_folder
from tests.fix_postgres import PASSWORD, Server, started, stopped

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=60))
BEARING = Bearing(role=None, lock=timedelta(seconds=2))


@pytest.fixture(scope="module")
def clone() -> Iterator[Server]:
    """A server as a restore leaves one: a subscription that would wake up, jobs that would run, and a login of ours."""
    running = started(new_folder("dbpg-"), "max_logical_replication_workers=0", "wal_level=logical")
    running.run(
        "postgres",
        f"CREATE ROLE rescuer LOGIN SUPERUSER PASSWORD '{PASSWORD}'",
        f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'",
        "CREATE SUBSCRIPTION \"n'ews\" CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = 'news')",
        'ALTER SUBSCRIPTION "n\'ews" ENABLE',
        "CREATE SUBSCRIPTION idle CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)",
        "CREATE SCHEMA cron",
        "CREATE TABLE cron.job (jobid bigint, command text, jobname text, username text, active boolean)",
        "INSERT INTO cron.job VALUES (3, 'select 1', 'nightly', 'app', true), (4, 'select 2', NULL, 'app', true),"
        " (9, 'select 3', 'off before', 'app', false)",
        "GRANT USAGE ON SCHEMA cron TO app",
        "GRANT SELECT ON cron.job TO app",
        "CREATE TABLE hot (id int PRIMARY KEY, filler text)",
        "INSERT INTO hot SELECT n, repeat('x', 500) FROM generate_series(1, 5000) AS n",
        "SELECT count(*) FROM hot",
        "CREATE EXTENSION pg_prewarm",
    )
    yield running
    stopped(running)


@pytest.fixture
def session(clone: Server) -> Iterator[Session]:
    """Our session."""
    with open_session(clone.address("postgres"), Login("rescuer", PASSWORD), LIMITS) as session:
        yield session


def changes(steps: list[Step]) -> list[ChangeSql]:
    """What is changed in SQL."""
    return [step.action for step in steps if isinstance(step.action, ChangeSql)]


def seen_in(session: Session) -> CutoverSeen:
    """The clone, as a cutover looks at it."""
    return CutoverSeen(
        clone=fix_worlds.cluster(identifier="c"), clone_access=read_access(session), jobs=read_jobs(session)
    )


def make(session: Session, statements: list[ChangeSql], *, back: bool = False) -> list[bool]:
    """Carry the changes out, or what takes them back; whether each changed anything."""
    done = []
    for each in statements:
        statement = each.back if back else each.change
        assert statement is not None
        done.append(make_change(session, BEARING, statement.text, statement.look, lambda _number: None))
    return done


def test_what_would_wake_up_is_off_and_comes_back_as_it_was(session: Session) -> None:
    """Twice leaves one effect; a subscription that was disabled stays so, and a job that was off."""
    target, source = fix_worlds.target(), fix_worlds.cluster()
    before = seen_in(session)
    sequence = Sequence("us-east-1", ())
    lift(sequence, target, source, before, ())
    off = changes(sequence.steps)
    assert make(session, off) == [True] * 3, "two subscriptions have a slot, and one database has jobs"
    assert make(session, off) == [False] * 3
    quiet = seen_in(session)
    assert quiet.jobs.jobs == ()
    assert quiet.clone_access is not None
    assert [(each.is_enabled, each.slot) for each in quiet.clone_access.subscriptions] == [(False, None)] * 2

    go_on = Sequence("us-east-1", ())
    let_jobs_go_on(go_on, target, before)
    assert make(session, changes(go_on.steps)) == [True]
    assert seen_in(session).jobs == before.jobs, "the one that was off before stays off"
    make(session, changes(go_on.steps), back=True)
    make(session, list(reversed(off)), back=True)
    assert seen_in(session) == before


def test_jobs_that_we_may_not_see_are_named(clone: Server, session: Session) -> None:
    """pg_cron shows a login its own jobs alone: an empty answer would be none."""
    clone.run("postgres", "ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY")
    with open_session(clone.address("postgres"), Login("app", PASSWORD), LIMITS) as ours:
        assert read_jobs(ours).hidden_in == "postgres"
    assert read_jobs(session).hidden_in == "", "a superuser sees all"
    clone.run("postgres", "ALTER TABLE cron.job DISABLE ROW LEVEL SECURITY")


def test_what_is_hot_is_read_into_memory_within_its_limits(session: Session) -> None:
    """Hottest first; without time nothing is read, and what was left is counted."""
    assert can_warm(session)
    hot = hot_relations(session)
    assert "public.hot" in hot
    warmed = warm(session, hot, timedelta(seconds=20), Leash())
    assert (warmed.relations, warmed.left) == (len(hot), 0)
    assert warmed.size > 2_000_000
    late = warm(session, hot, timedelta(0), Leash())
    assert (late.relations, late.left, late.why) == (0, len(hot), "there was no more time")
    assert warm(session, ("public.later",), timedelta(seconds=5), Leash()).relations == 0, "made after the moment"

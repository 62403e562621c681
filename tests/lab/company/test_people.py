"""The demo database has what a restore could lose, on every PostgreSQL there is, and nothing a clean restore would change."""

from __future__ import annotations

import psycopg
import pytest

from daybreak.lab.company.names import APPLICATION
from daybreak.lab.company.scenario import fill
from daybreak.lab.volumes.volume import Volume
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, answer, login, proof, run

KINDS = """
    select 'table ' || relkind::text from pg_class where relnamespace = 'public'::regnamespace
    union select 'unlogged table' from pg_class where relpersistence = 'u'
    union select 'matview with rows' from pg_class where relkind = 'm' and relispopulated and reltuples > 0
    union select 'row security' from pg_class where relrowsecurity
    union select 'policy' from pg_policy
    union select 'trigger' from pg_trigger where not tgisinternal
    union select 'rule' from pg_rules
    union select 'publication' from pg_publication_tables
    union select 'default privilege' from pg_default_acl
    union select 'domain or enum ' || typtype::text from pg_type where typnamespace = 'public'::regnamespace and typtype in ('d', 'e')
    union select 'comment' from pg_description where objsubid = 0 and classoid = 'pg_class'::regclass and objoid >= 16384
    union select 'function' from pg_proc where pronamespace = 'app'::regnamespace
    union select 'statistics object' from pg_statistic_ext
    union select 'membership' from pg_auth_members where roleid = 'embi_reporting'::regrole
"""
EXPECTED = {
    *("table r", "table p", "table v", "table m", "table S", "table i", "table I", "unlogged table"),
    *("matview with rows", "row security", "policy", "trigger", "rule", "publication", "default privilege"),
    *("domain or enum d", "domain or enum e", "comment", "function", "statistics object", "membership"),
}
EMPTIED = "select count(*) from login_sessions"
SECRET = "the application's own"


def _company(yard: Yard) -> Volume:
    volume = yard.started(yard.create("company"))
    assert volume.listen is not None
    listen = volume.listen
    fill((listen.host, listen.port), OWNER.password, SECRET, proof(listen))
    return volume


def test_the_company_has_one_of_everything(newest_yard: Yard) -> None:
    """A check that never meets its object is never wrong; what PROMISES a finding must be there to be damaged."""
    volume = _company(newest_yard)
    with login(volume) as session:
        assert {row[0] for row in session.execute(KINDS.encode()).fetchall()} >= EXPECTED
    assert answer(volume, EMPTIED) == 0, "a clean restore empties it, and must not be blamed"
    assert answer(volume, "select count(*) from pg_constraint where not convalidated") == 0
    assert answer(volume, "select min(total) > 0 from monthly_payroll") is True


def test_the_application_comes_in_by_itself_and_does_its_work_only(yard: Yard) -> None:
    """Its role is what 'application can connect' is asked as, so it must not be able to do everything."""
    listen = _company(yard).listen
    assert listen is not None
    with psycopg.connect(
        host=listen.host,
        port=listen.port,
        user=APPLICATION,
        password=SECRET,
        dbname=DATABASE,
        autocommit=True,
        **proof(listen),
    ) as session:
        assert session.execute("select salary_of(1) > 0").fetchone() == (True,), "the search path finds its schema"
        assert session.execute("select count(*) filter (where author <> current_user) from notes").fetchone() == (0,)
        assert session.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
        for refused in ("delete from currencies", "drop table notes", "create table public.mine (id int)"):
            try:
                session.execute(refused.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            raise AssertionError(refused)


@pytest.mark.sweep
def test_a_restore_of_the_company_loses_nothing_by_itself(yard: Yard) -> None:
    """What a right restore does lose would be a false alarm in every clean run."""
    volume = _company(yard)
    run(volume, "refresh materialized view monthly_payroll", "delete from employees where id = 17")
    moment = volume.tick()
    with login(yard.restored(volume, "clone", moment)) as clone, login(volume) as source:
        for query in (KINDS, "select count(*) from time_entries", "select sum(total) from monthly_payroll", EMPTIED):
            assert sorted(clone.execute(query.encode())) == sorted(source.execute(query.encode()))
        assert clone.execute("select what from audit_log order by id desc limit 1").fetchone() == ("employees.deleted",)

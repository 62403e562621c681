"""A name that is written wrongly is found before anything is made, at little cost, and never by running what somebody wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daybreak.app import App
from daybreak.app.spelling import proofread
from daybreak.aws.gateway import Access
from daybreak.config import load
from daybreak.model.spelling import Spelling
from daybreak.model.targets import Application, DatabaseTarget, Expectation, Network, SqlCheck, Staging, Target, Waiver
from daybreak.model.world import Cluster, OfferedClass, Offers
from tests import fix_worlds
from tests.fix_cli import NOWHERE
from tests.fix_postgres import MASTER, Server

SCHEMA = """
create schema hr;
create table public.employees (id int primary key, name text, updated_at timestamptz);
create table hr.salaries (id int primary key, amount numeric, paid date);
create sequence public.tickets;
grant usage on schema hr to hr_reader;
grant select on hr.salaries to hr_reader;
"""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> App:
    """An App at whose AWS nobody listens; its secrets are in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    secrets = {"DB_USERNAME": MASTER.username, "DB_PASSWORD": MASTER.password}
    secrets |= {"HR_USERNAME": "hr_reader", "HR_PASSWORD": "of hr", "BAD_USERNAME": "hr_reader", "BAD_PASSWORD": "no"}
    return App(
        load(environ={}, folder=tmp_path), Access("us-east-1", endpoint_url=NOWHERE, only_loopback=True), secrets
    )


@pytest.fixture(scope="module")
def source(server: Server) -> Iterator[Cluster]:
    """A cluster whose database has two tables, and a role that looks names up in ``hr``."""
    with server.connection("postgres") as hands:
        hands.execute("create database spelling")
        hands.execute("create role hr_reader login password 'of hr'")
        hands.execute("alter role hr_reader set search_path = hr")
    with server.connection("spelling") as hands:
        hands.execute(SCHEMA)
    yield fix_worlds.cluster(endpoint=server.host, port=server.port, database="spelling")
    with server.connection("postgres") as hands:
        hands.execute("drop database spelling with (force)")
        hands.execute("drop role hr_reader")


def target(source: Cluster, **changes: Any) -> Target:
    """A target that names nothing but its login."""
    nothing: dict[str, Any] = {
        "tables": {},
        "checks": (),
        "login": "env:DB",
        "database": source.database,
        "network": {},
    }
    return fix_worlds.target(**(nothing | changes))


def check(text: str, name: str = "mine", expect: str = "not null", **changes: Any) -> SqlCheck:
    """A question of the owner's; any value is welcome."""
    return SqlCheck(name=name, sql=text, expect=expect, **changes)


def test_what_is_spelled_right_is_all_there(app: App, source: Cluster) -> None:
    """Also a statement that means something only to its own role, one that reads a setting, and one with a comment at its end."""
    wanted = target(
        source,
        tables={
            "public.employees": Expectation(freshness="updated_at"),
            "hr.salaries": Expectation(freshness="paid"),
        },
        checks=(
            check("select count(*) from salaries", login="env:HR"),
            check("show server_version", "setting"),
            check("  -- all\n select count(*) from employees; -- of them", "comment"),
            check("with x as (select 1) table x", "with"),
            check("values (1)", "row", expect=">= 1"),
            check("select null", "nothing", expect="null"),
            check("select max(paid) from hr.salaries", "instant", expect="> 2024-01-15"),
            check("select 'a' || name from public.employees", "text", expect="= 'ab'"),
        ),
        only=("postgres",),
        waivers=(Waiver(check="owner.mine", by="me", why="tired"),),
    )
    assert proofread(app, wanted, source) == Spelling(named=16)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a table": (
        {"tables": {"public.employes": Expectation()}},
        'there is no table "public.employes" (did you mean "public.employees"?)',
    ),
    "a table of another schema": (
        {"tables": {"public.salaries": Expectation()}},
        'there is no table "public.salaries"',
    ),
    "a table of a waiver": (
        {"waivers": (Waiver(check="data.rows", table="hr.salary", by="me", why="tired"),)},
        'there is no table "hr.salary" (did you mean "hr.salaries"?)',
    ),
    "a column": (
        {"tables": {"public.employees": Expectation(freshness="updatd_at")}},
        'the column "updatd_at" of "public.employees" is not there (did you mean "updated_at"?)',
    ),
    "a column that is no time": (
        {"tables": {"public.employees": Expectation(freshness="name")}},
        'the column "name" of "public.employees" is no time',
    ),
    "a check's table": (
        {"checks": (check("select count(*) from employes"),)},
        'the check "mine": relation "employes" does not exist',
    ),
    "a check's column": (
        {"checks": (check("select max(salary) from employees"),)},
        'the check "mine": column "salary" does not exist',
    ),
    "a check's syntax": ({"checks": (check("selct 1"),)}, 'the check "mine": syntax error at or near "selct"'),
    "two statements": (
        {"checks": (check("select 1; drop table employees"),)},
        'the check "mine": cannot insert multiple commands into a prepared statement',
    ),
    "a parameter": (
        {"checks": (check("select name from employees where id = $1"),)},
        'the check "mine": it has a parameter ($1), and nobody gives it a value',
    ),
    "nothing that comes back": (
        {"checks": (check("delete from employees where false"),)},
        'the check "mine": it returns nothing',
    ),
    "several columns": (
        {"checks": (check("select id, name from employees limit 1;"),)},
        'the check "mine": it returns 2 columns, and one value is asked for',
    ),
    "a change": (
        {"checks": (check("delete from employees returning id -- all of them"),)},
        'the check "mine": it writes, and a check may only read',
    ),
    "a change inside": (
        {"checks": (check("with gone as (delete from employees returning 1) select count(*) from gone"),)},
        'the check "mine": it writes, and a check may only read',
    ),
    "a number that is to be a word": (
        {"checks": (check("select count(*) from employees", expect="banana"),)},
        'the check "mine": a number cannot be compared with "banana"',
    ),
    "a truth that is to be a number": (
        {"checks": (check("select true", expect="> 1"),)},
        'the check "mine": true or false cannot be compared with "1"',
    ),
    "a time that is to be a truth": (
        {"checks": (check("select max(updated_at) from employees", expect="true"),)},
        'the check "mine": a time cannot be compared with "true"',
    ),
    "a comparison with null": (
        {"checks": (check("select 1", expect="> null"),)},
        'the check "mine": null cannot be compared',
    ),
    "a NUL byte": ({"checks": (check("select 1\0"),)}, 'the check "mine": it holds a NUL byte'),
    "a check in its role's own path": (
        {"checks": (check("select count(*) from employees", login="env:HR"),)},
        'the check "mine": relation "employees" does not exist',
    ),
    "a waiver of a check": (
        {"checks": (check("select 1"),), "waivers": (Waiver(check="owner.mien", by="me", why="tired"),)},
        'the waiver of "owner.mien" is of no check (did you mean "owner.mine"?)',
    ),
    "a database": ({"only": ("postgress",)}, 'there is no database "postgress" (did you mean "postgres"?)'),
    "a database with tables": (
        {"databases": {"payrol": DatabaseTarget(tables={"public.x": Expectation()})}},
        'there is no database "payrol"',
    ),
    "the application's database": (
        {"application": Application(login="env:DB", database="nowhere"), "checks": (check("select 1"),)},
        'there is no database "nowhere"',
    ),
    "a table of another database": (
        {"databases": {"postgres": DatabaseTarget(tables={"public.x": Expectation()})}},
        'there is no table "public.x" in postgres',
    ),
    "a secret": (
        {"application": Application(login="env:APP")},
        'the application\'s login: the login "env:APP" needs APP_USERNAME and APP_PASSWORD',
    ),
    "a secret of a check": (
        {"checks": (check("select 1", login="env:CHK"),)},
        'the login of the check "mine": the login "env:CHK" needs CHK_USERNAME and CHK_PASSWORD',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_spelled_wrong_is_named_once(app: App, source: Cluster, name: str) -> None:
    """Each was found by the validation of a clone, hours later."""
    changes, said = WRONG[name]
    assert proofread(app, target(source, **changes), source).mistakes == (said,)


def test_a_login_that_the_source_does_not_take_is_a_mistake(app: App, source: Cluster) -> None:
    """The secret is there, and it is another one's."""
    wanted = target(source, checks=(check("select 1", login="env:BAD"),))
    (said,) = proofread(app, wanted, source).mistakes
    assert said.startswith('the login "env:BAD": ')
    assert "does not take the login" in said


def test_nothing_of_the_owners_is_run(app: App, source: Cluster, server: Server) -> None:
    """A number that is drawn is gone, and a statement of an hour takes an hour."""
    wanted = target(
        source,
        checks=(
            check("select nextval('public.tickets')", expect=">= 0"),
            check("select pg_sleep(3600)::text", "slow", expect="= ''"),
            check("delete from public.employees returning 1", "rows"),
        ),
    )
    began = time.monotonic()
    assert proofread(app, wanted, source).mistakes == ('the check "rows": it writes, and a check may only read',)
    assert time.monotonic() - began < 60
    with server.connection("spelling") as hands:
        assert hands.execute("select is_called from public.tickets").fetchone() == (False,)


def test_a_table_that_is_locked_is_not_waited_for_and_is_no_mistake(app: App, source: Cluster, server: Server) -> None:
    """A migration holds it; the rest is asked all the same."""
    wanted = target(
        source,
        tables={"public.employees": Expectation(freshness="updated_at"), "public.x": Expectation()},
        checks=(check("select count(*) from employees"), check("select count(*) from hr.y", "y")),
    )
    with server.connection("spelling") as hands:
        hands.execute("begin; lock table public.employees")
        found = proofread(app, wanted, source)
    assert [said.partition(":")[0] for said in found.mistakes] == ['there is no table "public.x"', 'the check "y"']
    (silence,) = found.silences
    assert silence.startswith('the check "mine": ')


def test_a_silent_source_is_no_mistake_and_said_once(app: App) -> None:
    """It may be reached from the machine that restores, or be down, which is why somebody plans."""
    nobody = fix_worlds.cluster(endpoint="127.0.0.1", port=1)
    wanted = target(
        nobody,
        tables={"public.employes": Expectation()},
        checks=(check("selct"), check("selct", "as another", login="env:HR")),
        databases={"payrol": DatabaseTarget(tables={"public.x": Expectation()})},
    )
    found = proofread(app, wanted, nobody)
    assert (found.mistakes, len(found.silences)) == ((), 1)
    assert "does not answer" in found.silences[0]


def test_without_a_source_the_secrets_are_read_all_the_same(app: App, source: Cluster) -> None:
    """The clone is asked with them."""
    wanted = target(source, login="env:GONE", tables={"public.employees": Expectation()})
    found = proofread(app, wanted, None)
    assert found.silences == ("there is no source to ask",)
    assert [said.partition(":")[0] for said in found.mistakes] == ["the target's login"]


def test_without_a_login_nothing_is_asked(app: App, source: Cluster) -> None:
    """And that is said, because nothing was held against anything."""
    found = proofread(app, target(source, login=None, tables={"public.employes": Expectation()}), source)
    assert found == Spelling(named=1, silences=("no login is configured to ask the source with",))


def test_a_secret_that_cannot_be_asked_for_is_no_mistake(app: App, source: Cluster) -> None:
    """Nobody listens at Secrets Manager: whether the name is right is not known."""
    wanted = target(source, login="secretsmanager:embi/aurora/master")
    found = proofread(app, wanted, source)
    assert (found.mistakes, len(found.silences)) == ((), 1)


def test_a_class_for_staging_that_aws_does_not_offer_is_a_mistake(app: App, source: Cluster) -> None:
    """Nobody had noticed until AWS refused the writer of a clone whose storage was there already. What AWS does not say is none."""
    offers = Offers(classes=(OfferedClass(name="db.t4g.large"), OfferedClass(name="db.t4g.medium")))
    seen = fix_worlds.observation(offers=offers)
    of = "AWS offers no class"

    def said(name: str, offered: Offers | None = offers) -> tuple[str, ...]:
        wanted = target(source, staging=Staging(instance_class=name))
        return proofread(app, wanted, source, seen.model_copy(update={"offers": offered})).mistakes

    assert said("db.t4g.large") == ()
    (wrong,) = said("db.t4g.lage")
    assert wrong.startswith(
        f'staging: {of} "db.t4g.lage" for aurora-postgresql 16.6 in us-east-1 (did you mean "db.t4g.l'
    )
    assert said("db.serverless") == (f'staging: db.serverless needs a range, and "{source.identifier}" has none',)
    assert said("db.t4g.lage", None) == said("db.t4g.lage", Offers()) == ()


def test_a_network_that_cannot_be_asked_for_is_no_mistake(app: App, source: Cluster) -> None:
    """Nobody listens at EC2 and RDS."""
    network = {"us-east-1": Network(subnet_group="db", security_groups=("sg-1",))}
    found = proofread(app, target(source, network=network), source)
    assert (found.mistakes, len(found.silences)) == ((), 1)
    assert found.silences[0].startswith("the network of us-east-1: ")

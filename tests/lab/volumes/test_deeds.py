"""Who works at a database for the provider: the staff may do what an owner may and run nothing; a superuser takes no SQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybreak.errors import Refused
from daybreak.lab.volumes.deeds import DEEDS
from daybreak.lab.volumes.volume import Volume
from tests.lab.volumes.fix_volumes import DATABASE, Yard, answer, login, run

# Each a way from SQL to a program, to a file, or to somebody who has one; MARK is a file that must not come to be.
WAYS = (
    "copy (select 1) to program 'touch MARK'",
    "copy pg_temp.t from program 'touch MARK; echo 1'",
    "copy (select 1) to 'MARK'",
    "select pg_read_file('/etc/passwd')",
    "select pg_read_binary_file('/etc/passwd')",
    "select pg_ls_dir('/etc')",
    "select lo_import('/etc/passwd')",
    "select lo_export(1, 'MARK')",
    "create function f(cstring) returns int language c as '/lib/x86_64-linux-gnu/libc.so.6', 'system'",
    "load '/tmp/anything.so'",
    "alter system set archive_command = 'touch MARK'",
    "set local_preload_libraries = '/tmp/anything'; set session_preload_libraries = '/tmp/anything'",
    "set dynamic_library_path = '/tmp'",
    "alter role current_user superuser",
    "create role another superuser",
    "alter role rdsadmin password 'known'",
    "set role rdsadmin",
    "set session authorization rdsadmin",
    "reset session authorization; set role pg_execute_server_program",
    "grant rdsadmin to current_user",
    "grant pg_execute_server_program to current_user",
    "grant pg_read_server_files to current_user",
    "grant pg_write_server_files to current_user",
    "create role another in role pg_execute_server_program",
    "update pg_authid set rolsuper = true",
    "update pg_proc set prolang = 13 where proname = 'now'",
    "create event trigger t on ddl_command_start execute function pg_event_trigger_ddl_commands()",
    "create language plpython3u",
    "create extension file_fdw",
    "create extension adminpack",
    "create extension file_fdw /* create extension amcheck */",
    "create extension file_fdw; create extension amcheck",
    "create extension amcheck; create role another superuser",
    "create extension amcheck cascade; copy (select 1) to program 'touch MARK'",
    "do 'begin execute ''create extension file_fdw''; end' -- create extension amcheck",
    "alter database DATABASE set session_preload_libraries = '/tmp/anything'",
)


def tried(ask: Callable[[str], object], mark: Path) -> list[str]:
    """The ways that went further than a refusal, after a table that is the caller's own was made."""
    through = []
    for way in WAYS:
        try:
            ask(way.replace("MARK", str(mark)).replace("DATABASE", DATABASE))
        except psycopg.Error:
            continue
        through.append(way)
    return through


@pytest.mark.sample("newest")
def test_neither_the_staff_nor_the_owner_can_run_a_program(each_yard: Yard) -> None:
    """A program would run as the lab's account, with every file that account has."""
    volume = each_yard.started(each_yard.create("source"))
    mark = each_yard.folder / "mark"
    each_yard.folder.chmod(0o777)  # whoever could write a file could write this one
    assert tried(lambda way: volume.administer(DATABASE, way), mark) == []
    with login(volume) as session:
        session.execute("create temporary table t (x text)")
        assert tried(lambda way: session.execute(way.encode()), mark) == []
    assert volume.administer(DATABASE, "select rolsuper from pg_roles where rolname = current_user") == [(False,)]
    assert not mark.exists()
    with volume._node.connect(DATABASE) as session:
        session.execute(f"copy (select 1) to program 'cat > {mark}'".encode())
    assert mark.exists(), "a superuser could"


@pytest.mark.sample("newest")
def test_the_master_creates_the_extensions_that_aws_lets_it_create(each_yard: Yard) -> None:
    """It is a superuser for the length of that statement alone, and nobody else is."""
    volume = each_yard.started(each_yard.create("source"))
    super_ = "select rolsuper::text || (select count(*) from pg_extension where extname = 'amcheck') from pg_roles where rolname = current_user"
    with login(volume) as session:
        if not session.execute("select from pg_available_extensions where name = 'amcheck'").fetchall():
            pytest.skip("this PostgreSQL comes without amcheck")
        session.execute("create role other login; grant other to current_user")
        session.execute("begin; set local role other")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("create extension amcheck")
        session.execute("rollback")
        session.execute("begin; create schema home")
        session.execute("create extension amcheck schema home")
        session.execute("select home.bt_index_check('pg_catalog.pg_class_oid_index'::regclass)")
        session.execute("rollback")
        assert session.execute(super_.encode()).fetchone() == ("false0",)
        session.execute("create extension if not exists amcheck")
        assert session.execute(super_.encode()).fetchone() == ("false1",)


@pytest.mark.sample("oldest")
def test_what_an_owner_defines_is_not_what_the_superuser_runs(each_yard: Yard) -> None:
    """A function of a better fitting type is taken before one of PostgreSQL's own, wherever both are on the path."""
    volume = each_yard.started(each_yard.create("source"))
    trap = "language plpgsql as $$ begin insert into public.caught values (current_user); return {}; end $$"
    run(
        volume,
        "create table public.caught (who text)",
        "grant insert on public.caught to public",
        "create table public.t (id int primary key)",
        f"create function public.array_fill(int, smallint[]) returns int[] {trap.format('null')}",
        f"create function public.current_database() returns name {trap.format('null')}",
        f"create function public.same(name, text) returns boolean {trap.format('true')}",
        "create operator public.= (leftarg = name, rightarg = text, function = public.same)",
    )
    volume.do(DATABASE, "disorder-index", {"index": "t_pkey"})
    volume.do(DATABASE, "age-collation", {"collation": ""})
    volume.do(DATABASE, "age-collation", {"collation": "C"})
    volume.do(DATABASE, "extend", {})
    assert answer(volume, "select string_agg(distinct who, ', ') from public.caught where who = 'rdsadmin'") is None


@pytest.mark.sample("newest")
def test_a_deed_takes_names_and_no_statement(each_yard: Yard) -> None:
    """Whoever asks gives a name; a statement in its place is a name that nothing has."""
    volume = each_yard.started(each_yard.create("source"))
    harm = "x'; create table public.harmed (); --"
    asked: dict[str, dict[str, Any]] = {
        "mark-index": {"index": harm, "ready": "true", "valid": "true"},
        "disorder-index": {"index": harm},
        "forget-statistics": {"table": harm},
        "age-collation": {"collation": harm},
        "invalidate-foreign-key": {"constraint": harm},
        "give-table": {"table": harm, "owner": harm},
        "drop-extension": {"extension": harm},
        "age-extension": {"extension": harm},
        "lead-out": {"server": harm, "host": harm},
        "subscribe": {"subscription": harm},
        "unsubscribe": {"subscription": harm},
        "put-back": {"copy": harm},
        "number-role": {"role": harm, "number": harm},
    }
    assert set(asked) == set(DEEDS) - {"extend", "keep-copy"}
    for deed, names in asked.items():
        try:
            volume.do(DATABASE, deed, names)
        except (psycopg.Error, Refused):
            continue
    assert _tables(volume) == []
    with pytest.raises(Refused, match="no deed"):
        volume.do(DATABASE, "anything", {})
    with pytest.raises(Refused, match="does not go with"):
        volume.do(DATABASE, "disorder-index", {"statement": "select 1"})


def _tables(volume: Volume) -> list[tuple[Any, ...]]:
    with volume._node.connect("postgres") as session:
        return session.execute("select relname from pg_class where relname = 'harmed'").fetchall()

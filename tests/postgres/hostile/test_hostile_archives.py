"""Archives that want more than a scratch database: nothing outside of it changes, and what runs is the throw-away role's."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql

from daybreak.errors import DaybreakError, Failed, Unreachable
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.leash import Leash
from daybreak.postgres.own_server import OwnServer, ServerLimits
from daybreak.postgres.restoring import RestoreBounds
from daybreak.postgres.scratch_place import make_scratch, scratch_name
from tests.fix_folders import new_folder
from tests.postgres.hostile.fix_hostile import LIMITS, Range, left_of, rows_as

CODE = (
    "CREATE TABLE public.checked (a integer CHECK (public.note('check')))",
    "CREATE TABLE public.defaulted (a integer, b boolean DEFAULT public.note('default'))",
    "CREATE TABLE public.made (a integer, b integer GENERATED ALWAYS AS (public.quiet('generated column') + a) STORED)",
    "CREATE TABLE public.indexed (a integer)",
    "CREATE INDEX by_code ON public.indexed ((a + public.quiet('index expression')))",
    "CREATE TABLE public.partitioned (a integer) PARTITION BY RANGE ((a + public.quiet('partition key')))",
    "CREATE TABLE public.part PARTITION OF public.partitioned FOR VALUES FROM (0) TO (100)",
    "CREATE DOMAIN public.odd AS integer CHECK (public.note('domain'))",
    "CREATE TABLE public.domained (a public.odd)",
    "CREATE MATERIALIZED VIEW public.kept AS SELECT public.note('materialized view') AS n",
    "CREATE VIEW public.shown AS SELECT public.note('view') AS n",
    "CREATE TABLE public.triggered (a integer)",
    """CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.note('trigger'); RETURN NEW; END $$""",
    "CREATE TRIGGER fires BEFORE INSERT ON public.triggered FOR EACH ROW EXECUTE FUNCTION public.fire()",
    "CREATE RULE more AS ON INSERT TO public.defaulted DO ALSO SELECT public.note('rule')",
    "ALTER TABLE public.indexed ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY few ON public.indexed USING (public.note('policy'))",
    "CREATE FUNCTION public.same(integer, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT public.note('operator') $$",
    "CREATE OPERATOR public.=== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = public.same)",
    "CREATE TYPE public.pair AS (a integer)",
    "CREATE FUNCTION public.pair(text) RETURNS public.pair LANGUAGE sql AS $$ SELECT NULL::public.pair $$",
    "CREATE CAST (text AS public.pair) WITH FUNCTION public.pair(text)",
    "CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.note('event'); END $$",
    "CREATE EVENT TRIGGER watches ON ddl_command_end EXECUTE FUNCTION public.on_ddl()",
    "INSERT INTO public.checked VALUES (1)",
    "INSERT INTO public.indexed VALUES (1)",
    "INSERT INTO public.made VALUES (1)",
    "INSERT INTO public.partitioned VALUES (1)",
    "INSERT INTO public.domained VALUES (1)",
    "INSERT INTO public.defaulted VALUES (1)",
    "INSERT INTO public.triggered VALUES (1)",
)
"""Code wherever a dump can have some."""

RUNS_ON_RESTORE = {"check", "generated column", "index expression", "domain", "materialized view"}
"""Where it must have run, or the test shows nothing."""


def test_code_runs_as_the_throw_away_role_alone(firing_range: Range) -> None:
    """Every place of a schema that can hold code, restored from a real archive; then read as a verdict reads it."""
    archive = firing_range.archive(*CODE)
    with firing_range.scratch() as place:
        firing_range.restore(place, archive)
        with place.reach.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            session.carry_out("SELECT * FROM public.shown, public.indexed")
            session.carry_out("INSERT INTO public.triggered VALUES (2)")
        with place.boss.session(LIMITS) as session:
            session.ask(sql.SQL("SELECT c.relname FROM pg_catalog.pg_class c"))
        seen = rows_as(place, "SELECT place, logged_in, acts FROM public.a_seen")
        assert {str(row[0]) for row in seen} >= RUNS_ON_RESTORE | {"view", "trigger"}
        assert {row[1:] for row in seen} == {(place.name, place.name)}
        assert not rows_as(place, "SELECT evtname FROM pg_catalog.pg_event_trigger")


STATEMENTS = {
    "a program by COPY": "COPY public.a_seen FROM PROGRAM 'touch {bait}/came';",
    "a program by COPY TO": "COPY public.a_seen TO PROGRAM 'cat > {bait}/came';",
    "a file by COPY": "COPY public.a_seen TO '{bait}/came';",
    "a file read by COPY": "COPY public.a_seen FROM '{bait}/prey';",
    "a file read as a large object": "SELECT pg_catalog.lo_import('{bait}/prey');",
    "a large object written as a file": "SELECT pg_catalog.lo_export(pg_catalog.lo_from_bytea(0, 'x'), '{bait}/prey');",
    "a file read by a function": "INSERT INTO public.a_seen SELECT pg_catalog.pg_read_file('{bait}/prey'), 'x', 'x';",
    "a folder listed": "SELECT pg_catalog.pg_ls_dir('/');",
    "the configuration": "ALTER SYSTEM SET session_preload_libraries = 'evil';",
    "the configuration read again": "SELECT pg_catalog.pg_reload_conf();",
    "preloaded by the role": "ALTER ROLE CURRENT_USER SET session_preload_libraries = 'evil';",
    "preloaded by the database": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_preload_libraries = ''evil''', current_database()); END $$;",
    "a plug-in of the role's": "ALTER ROLE CURRENT_USER SET local_preload_libraries = 'evil';",
    "a library": "LOAD '{bait}/evil.so';",
    "the boss's role": "SET ROLE daybreak_boss; SELECT public.note('boss');",
    "the boss's session": "SET SESSION AUTHORIZATION daybreak_boss; SELECT public.note('boss');",
    "the role left": "RESET ROLE; RESET SESSION AUTHORIZATION; SELECT public.note('reset');",
    "a login of its own": "CREATE ROLE mallory LOGIN SUPERUSER PASSWORD 'x';",
    "itself made a superuser": "ALTER ROLE CURRENT_USER SUPERUSER;",
    "its own comment": "DO $$ BEGIN EXECUTE format('COMMENT ON ROLE %I IS NULL', current_user); END $$;",
    "its own password": "ALTER ROLE CURRENT_USER PASSWORD 'x';",
    "its own limits": "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on;",
    "membership": "DO $$ BEGIN EXECUTE format('GRANT pg_execute_server_program, daybreak_boss TO %I', current_user); END $$;",
    "another database": "CREATE DATABASE mallory;",
    "the others' database": "DROP DATABASE postgres;",
    "its database given away": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO daybreak_boss', current_database()); END $$;",
    "its database opened": "DO $$ BEGIN EXECUTE format('GRANT ALL ON DATABASE %I TO PUBLIC', current_database()); END $$;",
    "another server by dblink": "CREATE EXTENSION dblink; SELECT * FROM dblink('host=/tmp', 'SELECT 1') AS t (a integer);",
    "another server by a wrapper": "CREATE EXTENSION postgres_fdw;",
    "a subscription": "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p;",
    "a slot": "SELECT pg_catalog.pg_create_physical_replication_slot('mallory');",
    "an event trigger": "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.note();",
    "a C function": "CREATE FUNCTION public.evil() RETURNS integer LANGUAGE c AS 'libc.so.6', 'getpid';",
    "an internal function": "CREATE FUNCTION public.evil(text) RETURNS text LANGUAGE internal AS 'pg_read_file_all';",
    "an untrusted language": "CREATE EXTENSION plpython3u;",
    "the catalog": "UPDATE pg_catalog.pg_authid SET rolsuper = true;",
    "the passwords": "INSERT INTO public.a_seen SELECT rolpassword, 'x', 'x' FROM pg_catalog.pg_authid;",
    "other sessions": "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = 'daybreak_boss';",
    "a tablespace": "CREATE TABLESPACE mallory LOCATION '{bait}';",
    "an extension from a planted path": (
        "CREATE SCHEMA planted; CREATE FUNCTION planted.boom(text, text) RETURNS text LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM public.note('extension'); RETURN ''; END $$;"
        " CREATE OPERATOR planted.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.boom);"
        " SET search_path = planted, pg_catalog; CREATE EXTENSION hstore SCHEMA planted; CREATE EXTENSION citext SCHEMA planted;"
    ),
    "functions that look built in": (
        "CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT public.note('shadow')::text $$;"
        " DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$;"
    ),
    "large objects": "SELECT pg_catalog.lo_from_bytea(n, 'x') FROM pg_catalog.generate_series(100001, 100100) AS n;",
    "news for others": "LISTEN embi; NOTIFY embi, 'hello'; SELECT pg_catalog.pg_notify('embi', 'again');",
    "locks that others may want": "SELECT pg_catalog.pg_advisory_lock(n) FROM pg_catalog.generate_series(1, 500) AS n;",
    "a definer": (
        "CREATE FUNCTION public.definer() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$ SELECT public.note('definer') $$;"
        " SELECT public.definer();"
    ),
    "the end of its own transaction": "COMMIT; BEGIN; CREATE TABLE public.more (); COMMIT;",
    "messages without an end": "DO $$ BEGIN FOR n IN 1..20000 LOOP RAISE WARNING '%', repeat('x', 2000); END LOOP; END $$;",
    "psql's commands in a statement": "SELECT 1; \\! touch {bait}/came\n\\copy a_seen to '{bait}/came'\n",
}
"""What an entry's statement tries; none of it may have an effect outside, whether the server carries it out or not."""

CARRIED_OUT = {
    "its own password", "its own limits", "its database opened", "functions that look built in", "large objects",
    "news for others", "locks that others may want", "a definer", "the end of its own transaction", "the role left",
    "messages without an end", "an extension from a planted path", "a plug-in of the role's", "other sessions",
}  # fmt: skip
"""What a role may do in its own database, so that the restore goes on."""


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_hostile_entry_has_no_effect_outside(firing_range: Range, name: str) -> None:
    """The digests of the other databases, of what all share, of the configuration and of the bait are as they were."""
    archive = firing_range.patched(
        STATEMENTS[name].format(bait=firing_range.bait) if "{bait}" in STATEMENTS[name] else STATEMENTS[name]
    )
    with firing_range.scratch() as place:
        if name in CARRIED_OUT:
            firing_range.restore(place, archive)
        else:
            with pytest.raises(Failed) as caught:
                firing_range.restore(place, archive)
            assert "COMMENT public.TABLE a_seen" in caught.value.message
            assert place.login.password not in str(caught.value)
        seen = rows_as(place, "SELECT logged_in, acts FROM public.a_seen")
        assert {*seen} <= {(place.name, place.name)}
        assert left_of(place) == 0


@pytest.mark.sweep
def test_a_dump_that_never_ends_is_ended(firing_range: Range) -> None:
    """Also what it left at the server: an ended program leaves its statement running."""
    archive = firing_range.patched("SET statement_timeout = 0; DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$;")
    with firing_range.scratch() as place:
        with pytest.raises(Failed, match="was ended after 2 seconds, its limit"):
            firing_range.restore(place, archive, RestoreBounds(timedelta(seconds=2)))
        time.sleep(0.2)
        assert left_of(place) == 0


def test_a_restore_that_is_called_off_ends(firing_range: Range) -> None:
    """Whoever gives a run up does not wait for the dump."""
    archive = firing_range.patched("SELECT pg_catalog.pg_sleep(600);")
    leash = Leash()
    with firing_range.scratch() as place:
        threading.Timer(1.0, leash.is_called_off.set).start()
        with pytest.raises(Unreachable, match="called off"):
            firing_range.restore(place, archive, leash=leash)
        time.sleep(0.2)
        assert left_of(place) == 0


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_a_torn_archive_fails(firing_range: Range, cut: float) -> None:
    """Wherever it is torn."""
    whole = firing_range.patched("SELECT 1;")
    listed = firing_range.folder / f"torn-{cut}.dump"
    listed.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * cut)])
    with firing_range.scratch() as place, pytest.raises(DaybreakError):
        firing_range.restore(place, listed)


def test_a_length_that_is_a_lie_takes_no_memory(firing_range: Range) -> None:
    """The program is given the archive that our reader refuses: it ends within its bound of memory."""
    from daybreak.postgres.restoring import restore_archive

    whole = firing_range.patched("SELECT 1;")
    content = bytearray(whole.read_bytes())
    place_of_length = content.index(b"SELECT 1;") - 4
    content[place_of_length : place_of_length + 4] = (0x7FFFFFF0).to_bytes(4, "little")
    liar = firing_range.folder / "liar.dump"
    liar.write_bytes(content)
    with firing_range.scratch() as place, pytest.raises(Failed, match="pg_restore failed"):
        restore_archive(
            place, firing_range.programs.client("pg_restore"), liar, (), RestoreBounds(timedelta(seconds=20), memory=1 << 30),
            leash=Leash(), hand_over=print,
        )  # fmt: skip


def test_a_name_with_a_line_break_is_a_name(firing_range: Range) -> None:
    """CVE-2025-8715: what stands after the break was run by psql, and by nothing here."""
    firing_range.patched("SELECT 1;")
    archive = firing_range.archive(f'CREATE TABLE public."x\n\\! touch {firing_range.bait}/came\n" (a integer)')
    with firing_range.scratch() as place:
        firing_range.restore(place, archive)
        assert rows_as(place, "SELECT 1 FROM pg_catalog.pg_class WHERE relname LIKE 'x%touch%'") == [(1,)]


@pytest.mark.sweep
def test_a_dump_that_fills_the_disk_ends_the_server_and_nothing_else() -> None:
    """The bound of the folder is the server's, whatever a role sets for itself."""
    folder = new_folder("dbfull-")
    try:
        with pytest.raises(Failed, match=r"used more than [\d,]+ bytes of disk"):
            _fill(folder / "s")
    finally:
        with suppress(DaybreakError):
            OwnServer.remove(folder / "s")
        folder.rmdir()


def _fill(folder: Path) -> None:
    with OwnServer.open(folder, find_server_programs(18), ServerLimits(disk=160 << 20, spare=0)) as server:
        place = make_scratch(server.reach(), scratch_name("f" * 16))
        with place.reach.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            session.carry_out(
                "CREATE TABLE public.much AS SELECT repeat(md5(n::text), 60) FROM generate_series(1, 20000000) n"
            )

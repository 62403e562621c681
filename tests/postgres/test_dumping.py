"""A schema dump of a real server: complete, bounded, and without a trace of the password."""

from __future__ import annotations

import shutil
import stat
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql

from daybreak.errors import DaybreakError, Failed, Refused, Unproven, Unreachable
from daybreak.lab.servers.binaries import installs
from daybreak.postgres.bounds import OF_A_DUMP, ServerBounds
from daybreak.postgres.clients import ClientProgram
from daybreak.postgres.dumping import dump_schema, find_program
from daybreak.postgres.login import Login
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from tests.fix_folders import new_folder
from tests.fix_postgres import PASSWORD, Server

LONG = timedelta(seconds=60)


@pytest.fixture(scope="module")
def program() -> Iterator[ClientProgram]:
    """The newest pg_dump of this machine."""
    folder = new_folder("dbpg-")
    yield find_program(str(installs(folder / "cache")[-1].bin / "pg_dump"))
    shutil.rmtree(folder)


def reach(server: Server, database: str, login: Login | None = None, bounds: ServerBounds = OF_A_DUMP) -> Reach:
    """Where it is asked."""
    return Reach(server.address(database), login or server.master, Meter(bounds))


def test_everything_is_in_it_but_rows(server: Server, database: str, program: ClientProgram) -> None:
    """An export has the rows; this has what makes the tables."""
    server.run(
        database,
        "CREATE TABLE staff (id bigserial PRIMARY KEY, name text CHECK (name <> ''))",
        "CREATE INDEX by_name ON staff (name)",
        "CREATE VIEW names AS SELECT name FROM staff",
        "INSERT INTO staff (name) VALUES ('nobody sees this')",
    )
    made = dump_schema(reach(server, database), program, LONG)
    text = made.sql.decode()
    for each in ("CREATE TABLE public.staff", "CREATE INDEX by_name", "CREATE VIEW public.names", "CREATE SEQUENCE"):
        assert each in text
    assert "nobody sees this" not in text
    assert made.server_version.partition(".")[0].isdigit()


@pytest.mark.parametrize("password", ["a:b\\c'd \"e\\", "ключ-ß"])
def test_the_password_stands_nowhere(
    server: Server, database: str, program: ClientProgram, tmp_path: Path, password: str
) -> None:
    """Not in the arguments, not in the environment: others on the machine can read those."""
    spy = tmp_path / "pg_dump"
    spy.write_text(
        f'#!/bin/sh\ntr "\\0" "\\n" < /proc/$$/cmdline > {tmp_path}/seen\nenv >> {tmp_path}/seen\nexec {program.path} "$@"\n'
    )
    spy.chmod(0o755)
    name = f"spied_{database}"
    with server.connection(database) as one:
        one.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(sql.Identifier(name), password))
    try:
        made = dump_schema(reach(server, database, Login(name, password)), find_program(str(spy)), LONG)
    finally:
        server.run(database, f"DROP ROLE {name}")
    assert b"PostgreSQL database dump" in made.sql
    seen = (tmp_path / "seen").read_text()
    assert "--schema-only" in seen
    assert password not in seen
    assert "PGPASS" not in seen
    assert "AWS_" not in seen


def test_a_wrong_password_is_a_reason(server: Server, database: str, program: ClientProgram) -> None:
    """Our own session is refused before the program is started."""
    with pytest.raises(DaybreakError) as trouble:
        dump_schema(reach(server, database, Login(server.master.username, "wrong")), program, LONG)
    assert "wrong" not in trouble.value.message


def test_a_table_that_is_locked_is_waited_for_briefly(server: Server, database: str, program: ClientProgram) -> None:
    """Then it fails with the server's reason, and holds nothing."""
    server.run(database, "CREATE TABLE held (x int)")
    bounds = ServerBounds(whole=timedelta(seconds=30), connections=1, lock=timedelta(milliseconds=300))
    with server.connection(database) as other, other.transaction(force_rollback=True):
        other.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(Failed, match="pg_dump of"):
            dump_schema(reach(server, database, bounds=bounds), program, LONG)
    assert time.monotonic() - began < 20


def test_it_gives_way_to_a_migration(server: Server, database: str, program: ClientProgram, tmp_path: Path) -> None:
    """A migration that waits for its locks holds up everybody behind it."""
    server.run(database, "CREATE TABLE t (x int)")
    slow = tmp_path / "pg_dump"
    # What holds its locks for long is here somebody under its name, for a schema that takes minutes is hard to make.
    holder = (
        "import os,sys,time,psycopg\n"
        f"c = psycopg.connect(host='{server.host}', port={server.port}, user='{server.master.username}', "
        f"password='{PASSWORD}', dbname='{database}', application_name='daybreak-schema-dump')\n"
        "c.execute('LOCK TABLE t IN ACCESS SHARE MODE')\ntime.sleep(60)\n"
    )
    (tmp_path / "holder.py").write_text(holder)
    python = sys.executable
    slow.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {program.path} --version\nexec {python} {tmp_path}/holder.py\n'
    )
    slow.chmod(0o755)
    done = threading.Event()

    def migrate() -> None:
        with server.connection(database) as other:
            for _ in range(100):
                [[held]] = other.execute(
                    "SELECT count(*) FROM pg_locks k JOIN pg_stat_activity a USING (pid) WHERE k.relation = 't'::regclass"
                    " AND a.application_name = 'daybreak-schema-dump'"
                ).fetchall()
                if held:
                    break
                time.sleep(0.1)
            other.execute("ALTER TABLE t ADD COLUMN z int")
            done.set()

    migration = threading.Thread(target=migrate)
    migration.start()
    with pytest.raises(Unreachable, match="gave way"):
        dump_schema(reach(server, database), find_program(str(slow)), LONG)
    migration.join(30)
    assert done.is_set()


def test_more_tables_than_it_may_lock_are_left_alone(server: Server, database: str, program: ClientProgram) -> None:
    """The lock table is everybody's."""
    server.run(database, *(f"CREATE TABLE t{number} (x int)" for number in range(20)))
    bounds = ServerBounds(whole=LONG, connections=1, lock_share=0.001)
    with pytest.raises(Refused, match="would lock 20 tables at once"):
        dump_schema(reach(server, database, bounds=bounds), program, LONG)


def test_a_program_of_an_older_version_is_named(server: Server, database: str, program: ClientProgram) -> None:
    """It would refuse by itself, in words that say less."""
    with pytest.raises(Refused, match=r"pg_dump 9\.6 cannot read a server"):
        dump_schema(reach(server, database), ClientProgram(program.path, "9.6", 9), LONG)


def test_an_older_program_gets_no_password_where_nothing_is_proven(
    server: Server, database: str, program: ClientProgram
) -> None:
    """Before version 16 libpq cannot be held to SCRAM."""
    with pytest.raises((Unproven, Refused)):
        dump_schema(reach(server, database), ClientProgram(program.path, "15.1", 15), LONG)


def test_a_program_that_is_absent_or_none_is_named(tmp_path: Path) -> None:
    """A gap in a capsule, and no crash."""
    with pytest.raises(Refused, match="cannot be run"):
        find_program(str(tmp_path / "nowhere"))
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(stat.S_IRWXU)
    with pytest.raises(Refused, match="does not say"):
        find_program(str(other))

"""A throw-away server, archives that are hostile, and what must be the same after each of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from psycopg import sql

from daybreak.archive.beyond import Abilities, sort_out
from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.sources import HeldBytes
from daybreak.errors import DaybreakError
from daybreak.postgres.accounts import account
from daybreak.postgres.clients import bare_environment, conninfo_of, open_pass_file
from daybreak.postgres.installs import ServerPrograms, find_server_programs
from daybreak.postgres.leash import Leash
from daybreak.postgres.loading import ScriptLoaded, load_script
from daybreak.postgres.own_server import OwnServer, ServerLimits
from daybreak.postgres.restoring import RestoreBounds, read_abilities, restore_archive
from daybreak.postgres.scratch_place import ScratchPlace, list_scratch, make_scratch, remove_scratch, scratch_name
from daybreak.postgres.session import Limits
from tests.fix_folders import new_folder

LIMITS = Limits(statement=timedelta(seconds=20), whole=timedelta(seconds=60))
BOUNDS = RestoreBounds(limit=timedelta(seconds=30))
ROOMY = ServerLimits(disk=4 << 30, spare=0)

FILLER = "filler " * 600
"""The comment whose statement a hostile one takes the place of."""

CANARY = (
    "CREATE TABLE public.a_seen (place text, logged_in text, acts text)",
    """CREATE FUNCTION public.note(place text) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO public.a_seen VALUES (place, session_user, current_user); RETURN true; END $$""",
    """CREATE FUNCTION public.quiet(place text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN PERFORM public.note(place); RETURN 1; END $$""",
    f"COMMENT ON TABLE public.a_seen IS '{FILLER}'",
)
"""What records as whom it ran, wherever that was."""

_GLOBALS = """
SELECT pg_catalog.md5(pg_catalog.string_agg(x, E'\\n' ORDER BY x)) FROM (
    SELECT 'role ' || r::text FROM pg_catalog.pg_authid r WHERE r.rolname !~ '^daybreak_scratch_'
    UNION ALL SELECT 'database ' || d.datname || d.datdba::text || coalesce(d.datacl::text, '') FROM pg_catalog.pg_database d
              WHERE d.datname !~ '^daybreak_scratch_'
    UNION ALL SELECT 'setting ' || s::text FROM pg_catalog.pg_db_role_setting s
              WHERE s.setdatabase = 0 AND s.setrole IN (0, 10)
    UNION ALL SELECT 'member ' || m::text FROM pg_catalog.pg_auth_members m
    UNION ALL SELECT 'tablespace ' || t::text FROM pg_catalog.pg_tablespace t
    UNION ALL SELECT 'parameter ' || p::text FROM pg_catalog.pg_parameter_acl p
    UNION ALL SELECT 'slot ' || s.slot_name FROM pg_catalog.pg_replication_slots s
    UNION ALL SELECT 'setting ' || f.name || f.setting FROM pg_catalog.pg_file_settings f
) AS t (x)
"""
_INSIDE = """
SELECT pg_catalog.md5(pg_catalog.string_agg(x, E'\\n' ORDER BY x)) FROM (
    SELECT 'class ' || c.oid || c.relname || coalesce(c.relacl::text, '') FROM pg_catalog.pg_class c
    UNION ALL SELECT 'function ' || p.oid || p.proname || coalesce(p.proacl::text, '') FROM pg_catalog.pg_proc p
    UNION ALL SELECT 'schema ' || n::text FROM pg_catalog.pg_namespace n
    UNION ALL SELECT 'extension ' || e.extname FROM pg_catalog.pg_extension e
    UNION ALL SELECT 'event ' || e.evtname FROM pg_catalog.pg_event_trigger e
    UNION ALL SELECT 'large ' || l.oid FROM pg_catalog.pg_largeobject_metadata l
) AS t (x)
"""
_NONCES = count(1)


@dataclass
class Range:
    """Where hostile dumps are restored: one server for all of them, and a folder in which everybody may write."""

    server: OwnServer
    programs: ServerPrograms
    folder: Path
    bait: Path
    archives: dict[str, bytes] = field(default_factory=dict)
    common: ScratchPlace | None = None
    before: tuple[str, ...] = ()

    def outside(self) -> tuple[str, ...]:
        """Everything but the scratch database, by digest."""
        found = []
        for database in ("postgres", "template1"):
            with self.server.reach(database).session(LIMITS) as session:
                found += [str(session.ask(sql.SQL(each))[0][0]) for each in (_GLOBALS, _INSIDE)]
        data = self.server.folder / "data"
        files = [
            *self.bait.rglob("*"),
            *(data / each for each in ("postgresql.conf", "pg_hba.conf", "postgresql.auto.conf")),
        ]
        for each in sorted(files):
            found.append(f"{each.name} {hashlib.sha256(each.read_bytes()).hexdigest() if each.is_file() else ''}")
        return (*found, *sorted(each.name for each in data.iterdir()))

    @contextmanager
    def scratch(self) -> Iterator[ScratchPlace]:
        """A scratch database of a test's own, and its end; everything else is as it was before the first dump."""
        place = make_scratch(self.server.reach(), scratch_name(f"{next(_NONCES):016x}"))
        yield place
        self.require_unchanged()
        place.remove()

    @contextmanager
    def shared_scratch(self) -> Iterator[ScratchPlace]:
        """The same of all tests whose dumps leave nothing in it."""
        if self.common is None:
            self.common = make_scratch(self.server.reach(), scratch_name("c" * 16))
        yield self.common
        self.require_unchanged()
        assert rows_as(self.common, "SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384") == [(0,)]

    def require_unchanged(self) -> None:
        """Fail where anything outside of scratch is not what it was."""
        assert self.outside() == self.before

    def archive(self, *statements: str, form: str = "custom") -> Path:
        """A real archive of a database in which these were carried out, and the canary before them."""
        name = f"source_{next(_NONCES)}"
        boss = self.server.reach()
        with boss.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            session.order(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        source = self.server.reach(name)
        with source.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            for each in (*CANARY, *statements, "TRUNCATE public.a_seen"):
                session.carry_out(each)
        path = self.folder / f"{name}.dump"
        program = self.programs.client("pg_dump")
        with open_pass_file(source.login, "pg_dump") as secret:
            conninfo = conninfo_of(source, program, secret, timedelta(seconds=10), session="test")
            command = [program.path, f"--format={form}", "--no-password", "--file", str(path), f"--dbname={conninfo}"]
            subprocess.run(command, check=True, env=bare_environment(), pass_fds=(secret,), timeout=60)
        with boss.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            session.order(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        return path

    def patched(self, statement: str) -> Path:
        """A real archive in which the statement of one entry is this one: as many bytes, nothing else is changed."""
        if "plain" not in self.archives:
            self.archives["plain"] = self.archive().read_bytes()
        return self.replaced(f"COMMENT ON TABLE public.a_seen IS '{FILLER}';", statement)

    def replaced(self, old: str, new: str) -> Path:
        """The same for any bytes of it that are there once."""
        whole, was, instead = self.archives["plain"], old.encode(), new.encode()
        assert whole.count(was) == 1
        assert len(instead) <= len(was), "the hostile statement is too long for the entry"
        path = self.folder / f"patched_{next(_NONCES)}.dump"
        path.write_bytes(whole.replace(was, instead.ljust(len(was))))
        return path

    def restore(
        self, place: ScratchPlace, archive: Path, bounds: RestoreBounds = BOUNDS, leash: Leash | None = None
    ) -> None:
        """Restore an archive as a run does."""
        kept, _ = sort_out(contents_of(archive).entries, read_abilities(place))
        restore_archive(
            place, self.programs.client("pg_restore"), archive, kept, bounds, leash=leash or Leash(), hand_over=print
        )

    def load(
        self, place: ScratchPlace, text: bytes, *, most: int = 1 << 30, bounds: RestoreBounds = BOUNDS
    ) -> ScriptLoaded:
        """Load a plain script as a run does."""
        path = self.folder / f"script_{next(_NONCES)}.sql"
        path.write_bytes(text)
        return load_script(
            place, self.programs.client("psql"), path, Abilities(), bounds, most=most, leash=Leash(), hand_over=print
        )


def contents_of(archive: Path) -> Contents:
    """The table of contents of an archive."""
    return read_contents(HeldBytes(archive.name, archive.read_bytes()), "custom")


def rows_as(place: ScratchPlace, question: str) -> list[tuple[object, ...]]:
    """What the throw-away role reads in its database; nothing where what is asked is not there."""
    try:
        with place.reach.session(LIMITS) as session:
            return session.ask(sql.SQL(question))
    except DaybreakError:
        return []


@pytest.fixture(scope="session")
def firing_range() -> Iterator[Range]:
    """One throw-away server for all tests of this worker."""
    folder = new_folder("dbown-")
    bait = folder / "bait"
    bait.mkdir()
    bait.chmod(0o777)
    (bait / "prey").write_text("as it was")
    (bait / "prey").chmod(0o666)
    programs = find_server_programs(18)
    work = folder / "work"
    work.mkdir(mode=0o700)
    with OwnServer.open(folder / "server", programs, ROOMY) as server:
        made = Range(server, programs, work, bait)
        made.before = made.outside()
        yield made
        for name in list_scratch(server.reach()):
            remove_scratch(server.reach(), name)
        made.require_unchanged()
    OwnServer.remove(folder / "server")
    shutil.rmtree(folder)


def left_of(place: ScratchPlace) -> int:
    """How many sessions of the role are left on the server."""
    with place.server.session(LIMITS) as session:
        question = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = {}"
        return int(session.ask(sql.SQL(question).format(sql.Literal(place.name)))[0][0])


def is_root() -> bool:
    """Whether the tests run as root, which lends its programs to another account."""
    return os.geteuid() == 0 and account().is_lent

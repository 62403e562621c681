"""An archive loaded while it still comes: the same database as by one pg_restore, and after a kill nothing is loaded twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from daybreak.archive.beyond import Abilities, sort_out
from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.picking import NEVER
from daybreak.aws.objects import Objects
from daybreak.errors import Refused
from daybreak.execute.fetching import open_delivery
from daybreak.execute.receipts import Receipt
from daybreak.execute.waves import ArchiveLoad, load_as_it_comes, may_go_on
from daybreak.execute.workshop import open_source
from daybreak.model.pickings import SINGLE, ObjectPieces, Picking
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.leash import Leash
from daybreak.postgres.own_server import OwnServer, ServerLimits
from daybreak.postgres.restoring import RestoreBounds, read_abilities
from daybreak.postgres.scratch_place import ScratchPlace, make_scratch, scratch_name
from daybreak.postgres.session import Limits
from tests.archive.fix_archives import Archivist, programs
from tests.execute.fix_ranges import BUCKET, MARK, Ranges, serve_ranges
from tests.fix_folders import new_folder
from tests.fix_lab import eventually
from tests.fix_postgres import PASSWORD, Server
from tests.fix_s3 import s3_client

NEWEST = max(programs())
LIMITS = Limits(statement=timedelta(seconds=60), whole=timedelta(seconds=120))
SHOP = """
CREATE SCHEMA "My ""1"" Shop";
CREATE TABLE "My ""1"" Shop".small (id integer PRIMARY KEY, t text);
CREATE TABLE public.middle (id integer PRIMARY KEY, small integer REFERENCES "My ""1"" Shop".small);
CREATE TABLE public.large (id integer, t text);
CREATE TABLE public.empty (id serial PRIMARY KEY);
CREATE TABLE public.tree (id integer) PARTITION BY RANGE (id);
CREATE TABLE public.tree_1 PARTITION OF public.tree FOR VALUES FROM (0) TO (100);
CREATE INDEX ON public.tree (id);
CREATE UNIQUE INDEX slow ON public.large (id);
CREATE RULE quiet AS ON DELETE TO public.middle DO INSTEAD NOTHING;
CREATE STATISTICS public.both_of ON id, small FROM public.middle;
CREATE VIEW public.seen AS SELECT count(*) FROM public.large;
CREATE MATERIALIZED VIEW public.kept AS SELECT count(*) AS n FROM public.large;
COMMENT ON INDEX public.slow IS 'slow';
INSERT INTO "My ""1"" Shop".small SELECT n, 'small' FROM generate_series(1, 100) n;
INSERT INTO public.middle SELECT n, 1 + n % 100 FROM generate_series(1, 1000) n;
INSERT INTO public.large SELECT n, repeat('x', 30) FROM generate_series(1, 20000) n;
INSERT INTO public.tree SELECT n FROM generate_series(1, 99) n;
REFRESH MATERIALIZED VIEW public.kept;
"""
TABLES = ('"My ""1"" Shop".small', "public.middle", "public.large", "public.empty", "public.tree_1")
OBJECTS = """
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_|^information'
UNION ALL SELECT conname::text FROM pg_constraint WHERE (connamespace >= 16384 OR conrelid >= 16384) AND contype <> 'n'
UNION ALL SELECT rulename::text FROM pg_rewrite WHERE oid >= 16384 UNION ALL SELECT stxname::text FROM pg_statistic_ext
UNION ALL SELECT description FROM pg_description WHERE objoid >= 16384 ORDER BY 1
"""


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    """A throw-away server of the newest version of this machine."""
    folder = new_folder("dbwaves-")
    with OwnServer.open(folder / "server", find_server_programs(NEWEST), ServerLimits(disk=4 << 30)) as server:
        yield server
    OwnServer.remove(folder / "server")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[Archivist]:
    """A database of which everything can be asked whether it is there."""
    name, folder = f"waves_{uuid.uuid4().hex[:8]}", new_folder("daybreak-waves-")
    server.run("postgres", f"CREATE DATABASE {name}")
    server.run(name, SHOP)
    yield Archivist(server, name, folder, programs())
    server.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder through which the account that runs the programs may pass."""
    made = new_folder("dbwave-")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def pick_all(path: Path) -> tuple[Picking, dict[bytes, bytes], Contents]:
    """A whole archive as it is picked, and what a bucket has of it."""
    files = [path]
    if path.is_dir():
        files = sorted(path.iterdir(), key=lambda each: (each.name != "toc.dat", each.name))
    with open_source(files[0]) as source:
        contents = read_contents(source, "files" if path.is_dir() else "custom")
    pieces = tuple(
        ObjectPieces(
            key=each.name, size=each.stat().st_size, mark=MARK, name=each.name if path.is_dir() else SINGLE,
            ranges=((0, each.stat().st_size),),
        )
        for each in files
    )  # fmt: skip
    take = tuple(each.id for each in contents.entries if each.kind not in NEVER)
    picking = Picking(form="directory" if path.is_dir() else "custom", pieces=pieces, take=take)
    return picking, {each.name.encode(): each.read_bytes() for each in files}, contents


@contextmanager
def scratch(server: OwnServer) -> Iterator[ScratchPlace]:
    """An empty scratch database."""
    place = make_scratch(server.reach(), scratch_name(uuid.uuid4().hex[:16]))
    try:
        yield place
    finally:
        place.remove()


def ask(place: ScratchPlace, query: str) -> list[tuple[object, ...]]:
    """The rows of a query, as whoever made the scratch database."""
    with place.boss.session(LIMITS) as session:
        return session.ask(sql.SQL(query))


def load(place: ScratchPlace, server: OwnServer, path: Path, folder: Path, ranges: Ranges) -> None:
    """Load all of an archive in waves, in this process."""
    picking, ranges.contents, contents = pick_all(path)
    objects, leash = Objects(s3_client(ranges.url), BUCKET), Leash()
    kept, _ = sort_out((each for each in contents.entries if each.id in picking.take), read_abilities(place))
    bounds = RestoreBounds(timedelta(minutes=2), jobs=2)
    order = ArchiveLoad(place, server.programs.client("pg_restore"), contents, picking, kept, bounds, worth=0)
    with open_delivery(objects, picking, folder / "fetched", leash) as delivery:
        load_as_it_comes(order, delivery, Receipt(folder / "receipt", "one"), lambda _: None, leash)


@pytest.mark.parametrize("how", [("-Fc", "-Z6"), ("-Fd", "-Z0"), ("-Fd", "-Z6")], ids="".join)
def test_waves_make_what_one_restore_makes(
    own_server: OwnServer, archivist: Archivist, shop: Archivist, folder: Path, how: tuple[str, str]
) -> None:
    """Every row and every object of a database full of oddities, large objects too, and of one of which all can be asked."""
    for made_by, major in ((archivist, NEWEST), (archivist, min(programs())), (shop, NEWEST)):
        path = made_by.archive(major, *how)
        room = folder / f"{major}-{made_by.database}"
        room.mkdir(mode=0o711)
        with scratch(own_server) as at_once, scratch(own_server) as in_waves, serve_ranges(Ranges()) as ranges:
            program = [str(own_server.programs.client("pg_restore").path), "--no-owner", "--no-acl", "-d", at_once.name]
            where = {"PGHOST": str(own_server.reach().address.socket), "PGUSER": own_server.reach().login.username}
            where["PGPASSWORD"] = own_server.reach().login.password
            subprocess.run([*program, str(path)], env=where, check=True, timeout=120)
            load(in_waves, own_server, path, room, ranges)
            assert ask(in_waves, OBJECTS) == ask(at_once, OBJECTS)
            tables = ask(
                at_once,
                "SELECT format('SELECT %L, t::text FROM ONLY %s t ORDER BY 2', oid::regclass, oid::regclass) FROM pg_class "
                "WHERE relkind IN ('r', 'm') AND oid >= 16384",
            )
            for [query] in tables:
                assert ask(in_waves, str(query)) == ask(at_once, str(query))
            large = "SELECT loid, pageno, data FROM pg_largeobject ORDER BY 1, 2"
            assert ask(in_waves, large) == ask(at_once, large)


class Killed:
    """A load in a process that is killed and begun again, as its server and bucket see it."""

    def __init__(self, place: ScratchPlace, server: OwnServer, path: Path, folder: Path, ranges: Ranges) -> None:
        picking, ranges.contents, _ = pick_all(path)
        self.picking, self.place, self.folder = picking, place, folder
        plan = folder / "picking.json"
        plan.write_bytes(picking.canonical())
        at, login = server.reach().address, server.reach().login
        self.command = [
            sys.executable,
            "-m",
            "tests.execute.load_process",
            ranges.url,
            str(plan),
            str(folder / "fetched"),
        ]
        self.command += [place.name, str(server.programs.folder)]
        self.environment = {
            "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "PATH": os.defpath, "SOCKETS": str(at.socket),
            "BOSS": login.username, "BOSS_PASSWORD": login.password,
        }  # fmt: skip

    def start(self) -> subprocess.Popen[str]:
        """Begin, or go on."""
        return subprocess.Popen(self.command, env=self.environment, stdout=subprocess.PIPE, text=True)

    def marks(self) -> dict[str, object]:
        """The transaction in which each table's rows came, where it has any; and each index."""
        found: dict[str, object] = {}
        for table in TABLES:
            if ask(self.place, f"SELECT to_regclass('{table}')") != [(None,)]:
                found[table] = ask(self.place, f"SELECT min(xmin::text::bigint), max(xmin::text::bigint) FROM {table}")
        rows = ask(self.place, "SELECT relname::text, relfilenode FROM pg_class WHERE relkind = 'i' AND oid >= 16384")
        return found | {str(name): node for name, node in rows}


def test_after_a_kill_what_is_there_is_not_loaded_again(own_server: OwnServer, shop: Archivist, folder: Path) -> None:
    """Killed while the largest table still comes, and while an index is made: what was there stays as it is, to the transaction."""
    path = shop.archive(NEWEST, "-Fd", "-Z6")
    largest = max((each for each in path.iterdir() if each.name != "toc.dat"), key=lambda each: each.stat().st_size)
    goes_on = threading.Event()
    with scratch(own_server) as place, serve_ranges(Ranges()) as ranges:
        load_of = Killed(place, own_server, path, folder, ranges)
        taken = ranges.take

        def stall(key: bytes, start: int, end: int) -> int:
            if key == largest.name.encode():
                goes_on.wait(60)
            return taken(key, start, end)

        ranges.take = stall  # type: ignore[method-assign]
        process = load_of.start()
        early = ('"My ""1"" Shop".small', "public.middle", "public.tree_1")
        eventually(lambda: all(load_of.marks().get(each, [(None, None)]) != [(None, None)] for each in early))
        assert ask(place, "SELECT count(*) FROM public.large") == [(0,)]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        first = load_of.marks()
        goes_on.set()
        with place.boss.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            session.order(sql.SQL("BEGIN"))
            session.order(sql.SQL("LOCK TABLE public.large IN ROW EXCLUSIVE MODE"))  # rows come, and no index
            process = load_of.start()
            waits = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE INDEX slow%' AND wait_event_type = 'Lock'"
            eventually(lambda: bool(ask(place, waits)))
            eventually(lambda: {"small_pkey", "middle_pkey"} <= set(load_of.marks()))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            second, waiting = load_of.marks(), ask(place, waits)
            assert {each: second[each] for each in early} == {each: first[each] for each in early}
            assert "slow" not in second
            process = load_of.start()
            eventually(lambda: ask(place, waits) not in ([], waiting))  # what the killed one left at the server is over
        came, there = map(int, process.communicate(timeout=120)[0].split())
        assert (process.returncode, came, there) == (0, 0, load_of.picking.bytes)
        third = load_of.marks()
        assert {each: third[each] for each in second} == second
        assert "slow" in third
        assert ask(place, "SELECT n FROM public.kept") == [(20000,)]
        assert objects_of(shop) == ask(place, OBJECTS)


def objects_of(made_by: Archivist) -> list[tuple[object, ...]]:
    """The objects of the database that was dumped."""
    at, name = made_by.server, made_by.database
    with psycopg.connect(
        host=at.host, port=at.port, dbname=name, user=at.master.username, password=PASSWORD
    ) as connection:
        return list(connection.execute(OBJECTS).fetchall())


def test_a_load_goes_on_only_where_all_can_be_asked(archivist: Archivist, shop: Archivist) -> None:
    """Not with large objects, nor with rows as INSERT or through the root of partitions: they could come twice."""
    for made_by, options, can in (
        (shop, (), True),
        (archivist, (), False),
        (archivist, ("--no-large-objects",) if NEWEST >= 16 else ("--no-blobs",), True),
        (shop, ("--inserts",), False),
        (shop, ("--load-via-partition-root",), False),
    ):
        _, _, contents = pick_all(made_by.archive(NEWEST, "-Fc", *options))
        kept, _ = sort_out((each for each in contents.entries if each.kind not in NEVER), Abilities())
        assert may_go_on(contents, kept) is can, options


def test_a_failed_wave_ends_the_others(own_server: OwnServer, shop: Archivist, folder: Path) -> None:
    """A bucket that has another version by then: the load ends with that, and not with what it did to the waves."""
    path = shop.archive(NEWEST, "-Fd", "-Z6")
    with scratch(own_server) as place, serve_ranges(Ranges()) as ranges:
        largest = max((each for each in path.iterdir() if each.name != "toc.dat"), key=lambda each: each.stat().st_size)
        taken = ranges.take

        def replace(key: bytes, start: int, end: int) -> int:
            if key == largest.name.encode():
                ranges.mark = '"other"'
            return taken(key, start, end)

        ranges.take = replace  # type: ignore[method-assign]
        with pytest.raises(Refused, match="was replaced "):
            load(place, own_server, path, folder, ranges)

"""Archives of every form loaded into the own server of this machine, whole and in part: each table equals its source row by row."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from daybreak.archive.beyond import sort_out
from daybreak.archive.choosing import choose
from daybreak.archive.contents import Contents, read_contents
from daybreak.archive.owning import Belongings, GivenTo, Owned, belongings_of
from daybreak.archive.picking import NEVER
from daybreak.archive.privileges import Granted, Grantee, Privileges
from daybreak.archive.tape import content_of, members
from daybreak.archive.tokens import Token
from daybreak.execute.workshop import open_source
from daybreak.model.receiver import GivenBack
from daybreak.postgres.giving_back import give_back
from daybreak.postgres.installs import find_server_programs
from daybreak.postgres.leash import Leash
from daybreak.postgres.new_database import close_scratch, name_database
from daybreak.postgres.own_server import OwnServer, ServerLimits
from daybreak.postgres.restoring import RestoreBounds, read_abilities, restore_archive
from daybreak.postgres.scratch_place import ScratchPlace, list_scratch, make_scratch, scratch_name
from daybreak.postgres.scratch_rows import ask_scratch
from daybreak.postgres.session import Limits
from tests.archive.fix_archives import ZOO, Archivist, programs
from tests.fix_folders import new_folder
from tests.fix_postgres import PASSWORD, Server

FORMS = {"custom": "-Fc", "directory": "-Fd", "tar": "-Ft"}
PACKED = {
    "custom": {"plain": "-Z0", "gzip": "-Z6", "lz4": "--compress=lz4", "zstd": "--compress=zstd"},
    "directory": {"plain": "-Z0", "gzip": "-Z6", "lz4": "--compress=lz4", "zstd": "--compress=zstd"},
    "tar": {"plain": "-Z0"},
}
PARTS = {"whole": (), "table": ("sales.orders",), "schema": ("sales",)}
LIMITS = Limits(statement=timedelta(seconds=60), whole=timedelta(seconds=120))
MORE = f"""
CREATE COLLATION sales.plain (PROVIDER = libc, LOCALE = 'C');
CREATE TABLE sales.spans (
    a int4range, b nummultirange, c tsrange[], d sales.mood[], e inet, f bit varying(5), g interval, h bytea, i money,
    j text COLLATE sales.plain, k timestamptz, l double precision, m jsonb, n uuid);
INSERT INTO sales.spans VALUES (
    '[1,5)', '{{[1.5,2.5),(7,)}}', ARRAY['[2024-01-01,2024-02-01)'::tsrange, NULL], '{{sad,ok,NULL}}', '10.0.0.0/8', B'101',
    '1 mon -3 days', '\\x00ff', '12.34', E'tab\\t "and" \\\\', '2024-03-31 02:30+02', 'NaN', '{{"a": [1, null]}}',
    '00000000-0000-0000-0000-000000000001');
CREATE TABLE sales.wide ({", ".join(f"c{number} smallint" for number in range(1, 1601))});
INSERT INTO sales.wide (c1, c800, c1600) VALUES (1, 2, 3);
CREATE TABLE sales.tree (at date, region text, n integer) PARTITION BY RANGE (at);
CREATE TABLE sales.tree_1 PARTITION OF sales.tree FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (region);
CREATE TABLE sales.tree_1_eu PARTITION OF sales.tree_1 FOR VALUES IN ('eu');
CREATE TABLE sales.tree_rest PARTITION OF sales.tree DEFAULT;
INSERT INTO sales.tree SELECT DATE '2024-01-01' + n * 3, 'eu', n FROM generate_series(1, 200) n;
CREATE TABLE sales.grandchild (c text DEFAULT 'x') INHERITS (sales.child);
INSERT INTO sales.grandchild (a, b) VALUES (3, 4);
INSERT INTO sales.parent VALUES (0);
INSERT INTO sales.empty DEFAULT VALUES;
ALTER TABLE sales.tree ADD CONSTRAINT tree_key UNIQUE (at, region, n);
CREATE INDEX tree_n ON sales.tree (n);
CREATE TABLE sales.leaves (at date, region text, n integer, FOREIGN KEY (at, region, n) REFERENCES sales.tree (at, region, n));
CREATE TRIGGER grown BEFORE UPDATE ON sales.tree FOR EACH ROW EXECUTE FUNCTION sales.stamp();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON sales.leaves DEFERRABLE FOR EACH ROW EXECUTE FUNCTION sales.stamp();
ALTER TABLE sales.leaves ADD CONSTRAINT apart EXCLUDE (n WITH =);
CREATE TYPE sales.dim AS RANGE (subtype = float8);
CREATE TYPE sales.later AS (n integer);
CREATE DOMAIN sales.dims AS sales.dim[] CONSTRAINT filled CHECK (cardinality(VALUE) > 0);
CREATE FUNCTION sales."odd, (name)"("A b" sales.mood, c text[] DEFAULT '{{}}', OUT d integer, VARIADIC e "char"[] DEFAULT '{{}}')
    LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION sales.code(sales.pair, timestamp(3) with time zone, numeric) RETURNS SETOF sales.pair LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE sales.work(INOUT a bigint) LANGUAGE sql AS 'SELECT 1::bigint';
CREATE FUNCTION sales.same(sales.pair, sales.pair) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION sales.same(sales.pair, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR sales.=== (FUNCTION = sales.same, LEFTARG = sales.pair, RIGHTARG = sales.pair);
CREATE OPERATOR sales.=== (FUNCTION = sales.same, LEFTARG = sales.pair, RIGHTARG = text);
CREATE AGGREGATE sales.most(integer) (SFUNC = int4larger, STYPE = integer);
CREATE AGGREGATE sales.many(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');
CREATE AGGREGATE sales.middle(double precision ORDER BY integer) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE FUNCTION sales.as_text(sales.pair) RETURNS text LANGUAGE sql AS $$ SELECT 'p' $$;
CREATE CAST (sales.pair AS text) WITH FUNCTION sales.as_text(sales.pair) AS ASSIGNMENT;
CREATE TEXT SEARCH DICTIONARY sales.words (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION sales.reading (COPY = simple);
CREATE CONVERSION sales.old FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE VIEW sales.one AS SELECT 1 AS n;
CREATE VIEW sales.two AS SELECT n FROM sales.one;
CREATE RULE other AS ON INSERT TO sales.one DO INSTEAD NOTHING;
CREATE SEQUENCE sales.free;
CREATE ROLE whole_seller;
CREATE POLICY "TO whom, it may" ON sales.orders AS RESTRICTIVE FOR SELECT TO whole_seller, pg_monitor USING (true);
"""
"""What a dump may hold besides."""


@functools.cache
def packs(major: int, how: str) -> bool:
    """Whether a version's pg_dump on this machine was built with a compression."""
    if major < 16:
        return False
    command: list[str | Path] = [programs()[major] / "pg_dump", "-Fc", f"--compress={how}", "-h", "/nonexistent"]
    return "does not support" not in subprocess.run(command, capture_output=True, text=True, check=False).stderr


CASES = [
    (major, form, how, part)
    for major, form, part in product(programs(), FORMS, PARTS)
    for how in PACKED[form]
    if how in ("plain", "gzip") or packs(major, how)
]
NEWEST = max(programs())


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    """A throw-away server of the newest version of this machine."""
    folder = new_folder("dbwhole-")
    with OwnServer.open(folder / "server", find_server_programs(NEWEST), ServerLimits(disk=4 << 30)) as server:
        yield server
    OwnServer.remove(folder / "server")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def zoo(server: Server) -> Iterator[Archivist]:
    """The database full of oddities, with more of them."""
    name, folder = f"whole_{uuid.uuid4().hex[:8]}", new_folder("daybreak-archives-")
    server.run("postgres", f"CREATE DATABASE {name}")
    server.run(name, ZOO)
    server.run(name, MORE)
    yield Archivist(server, name, folder, programs())
    server.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")
    server.run("postgres", "DROP ROLE whole_seller")
    shutil.rmtree(folder, ignore_errors=True)


def contents_of(path: Path) -> Contents:
    """The table of contents of an archive of any form."""
    if path.is_dir():
        with open_source(path / "toc.dat") as source:
            return read_contents(source, "files")
    with open_source(path) as source:
        if source.read(0, 5) == b"PGDMP":
            return read_contents(source, "custom")
        first = next(members(source, 1))
        assert first
        return read_contents(content_of(source, first), "files")


@contextmanager
def loaded(
    server: OwnServer, path: Path, part: str, jobs: int = 1
) -> Iterator[tuple[ScratchPlace, Belongings, set[str]]]:
    """The scratch database with an archive, or a part of it, in it; what belongs to whom, and the tables that came."""
    contents, wanted = contents_of(path), PARTS[part]
    entries = tuple(each for each in contents.entries if each.kind not in NEVER)
    if part != "whole":
        choice = choose(contents, wanted if part == "table" else (), wanted if part == "schema" else ())
        taken = {each.id for each in (*choice.wanted, *choice.belonging)} | {
            each.id for each in choice.needed if not each.has_data
        }
        entries = tuple(each for each in entries if each.id in taken)
    program = server.programs.client("pg_restore")
    place = make_scratch(server.reach(), scratch_name(uuid.uuid4().hex[:16]))
    try:
        kept, _ = sort_out(entries, read_abilities(place))
        bounds = RestoreBounds(timedelta(seconds=120), jobs=jobs)
        restore_archive(place, program, path, kept, bounds, leash=Leash(), hand_over=lambda _: None)
        tables = {f"{sql.Identifier(each.schema, each.name).as_string()}" for each in kept if each.kind == "TABLE DATA"}
        # What is listed is there, and what is there is listed, of whatever kind.
        found = ask_scratch(place.reach, kept, {}, LIMITS)
        assert (set(found.expected) - set(found.present), found.beyond) == (set(), ())
        yield place, belongings_of(contents.entries, kept), tables
    finally:
        place.remove()


def rows_of(connection: psycopg.Connection[Any], table: str) -> list[Any]:
    """Every row of a table as text, with those of no partition or heir."""
    return sorted(connection.execute(f"SELECT t::text FROM ONLY {table} t".encode()).fetchall())


def source(zoo: Archivist) -> psycopg.Connection[Any]:
    """The database that was dumped."""
    server = zoo.server
    return psycopg.connect(
        host=server.host, port=server.port, dbname=zoo.database, user=server.master.username, password=PASSWORD
    )


@pytest.mark.sample(
    f"{NEWEST}-custom-gzip-whole", f"{NEWEST}-directory-gzip-whole", f"{NEWEST}-tar-plain-whole", "15-custom-gzip-table",
    f"{NEWEST}-custom-plain-schema", "15-directory-plain-whole",
)  # fmt: skip
@pytest.mark.parametrize("case", CASES, ids=["-".join(map(str, each)) for each in CASES])
def test_each_table_equals_its_source(own_server: OwnServer, zoo: Archivist, case: tuple[int, str, str, str]) -> None:
    """Whatever the version, the form and the compression, and however much of it is wanted."""
    major, form, how, part = case
    path = zoo.archive(major, FORMS[form], PACKED[form][how])
    jobs = 2 if form != "tar" and part == "whole" else 1
    with loaded(own_server, path, part, jobs) as (place, _, tables), source(zoo) as there:
        assert len(tables) == {"whole": 17, "table": 1, "schema": 16}[part]
        with place.reach.session(LIMITS) as session:
            for table in sorted(tables):
                found = session.ask(sql.SQL("SELECT t::text FROM ONLY ") + sql.SQL(table) + sql.SQL(" t"))
                assert sorted(found) == rows_of(there, table), table
            if part == "whole":
                [[text]] = session.ask(sql.SQL("SELECT convert_from(lo_get(4711), 'UTF8')"))
                assert text == "large"


def test_the_database_gets_its_name_and_the_role_owns_nothing(own_server: OwnServer, zoo: Archivist) -> None:
    """Owners and privileges are given once, however often it is begun; after that nothing of the throw-away role is left."""
    server, kept = own_server.reach(), list[GivenBack]()
    path = zoo.archive(NEWEST, "-Fc")
    with loaded(own_server, path, "whole") as (place, belongings, _):
        with server.session(LIMITS) as session:
            close_scratch(session, place.name)
        with place.boss.session(LIMITS) as session:
            given = give_back(session, place.name, belongings, kept.append)
        assert given is not None
        assert kept == [given]
        assert given.missing == (zoo.server.master.username,)
        assert given.owners == 0
        with place.boss.session(LIMITS) as session:
            assert give_back(session, place.name, belongings, kept.append) is None
            [[acl]] = session.ask(sql.SQL("SELECT relacl::text FROM pg_class WHERE oid = 'sales.orders'::regclass"))
            assert re.search(r"[{,]=r/", acl)
        assert place.name in list_scratch(server)
        staged = list[str | None]()
        name = f"named_{uuid.uuid4().hex[:8]}"
        with server.session(LIMITS) as session:
            name_database(session, place.name, name, staged.append)
        assert len(staged) == 1
        assert place.name not in list_scratch(server)
        with server.within(name).session(LIMITS) as session:
            assert session.ask(sql.SQL("SELECT count(*) FROM sales.orders")) == [(500,)]
            assert session.ask(sql.SQL("SELECT count(*) FROM pg_shdepend d LEFT JOIN pg_roles r ON r.oid = d.refobjid "
                                       "WHERE d.refclassid = 'pg_authid'::regclass AND r.oid IS NULL")) == [(0,)]  # fmt: skip


HIDDEN = {
    "CREATE SCHEMA more": "SCHEMA more",
    "CREATE TABLE sales.hid (n integer, UNIQUE (n))": "TABLE sales.hid",
    "CREATE FUNCTION sales.f(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::text'": "FUNCTION sales.f(text)",
    "CREATE AGGREGATE sales.all_of(integer) (SFUNC = int4larger, STYPE = integer)": "AGGREGATE sales.all_of(integer)",
    "CREATE OPERATOR sales.=== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer)": "OPERATOR sales.===",
    "CREATE TYPE sales.hue AS ENUM ('red')": "TYPE sales.hue",
    "CREATE DOMAIN sales.small AS integer": "DOMAIN sales.small",
    "CREATE CAST (sales.pair AS json) WITH INOUT": "CAST CAST (sales.pair AS json)",
    "CREATE VIEW sales.v AS SELECT 1": "VIEW sales.v",
    "CREATE SEQUENCE sales.s": "SEQUENCE sales.s",
    "CREATE INDEX i ON sales.orders (id)": "INDEX sales.i",
    "CREATE TRIGGER t BEFORE INSERT ON sales.orders FOR EACH ROW EXECUTE FUNCTION sales.stamp()": "TRIGGER sales.orders t",
    "CREATE RULE r AS ON DELETE TO sales.orders DO ALSO NOTHING": "RULE sales.orders r",
    "CREATE POLICY p ON sales.orders USING (true)": "POLICY sales.orders p",
    "ALTER TABLE sales.orders ADD CONSTRAINT u UNIQUE (code)": "CONSTRAINT sales.orders u",
    "CREATE STATISTICS sales.st ON id, note FROM sales.orders": "STATISTICS sales.st",
    "CREATE PUBLICATION p": "publication p",
    "CREATE COLLATION sales.c (LOCALE = 'C')": "COLLATION sales.c",
    "CREATE TEXT SEARCH CONFIGURATION sales.ts (COPY = simple)": "TEXT SEARCH CONFIGURATION sales.ts",
    "SELECT lo_create(4712)": "LARGE OBJECT 4712",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC": "default acl",
    "GRANT SELECT ON sales.orders TO PUBLIC": "privileges on table sales.orders",
    "GRANT UPDATE (note) ON sales.orders TO PUBLIC": "privileges on table column sales.orders.note",
    "GRANT ALL ON SCHEMA sales TO PUBLIC": "privileges on schema sales",
}
"""Statements that may hide in another entry's definition, and what is found of each."""


def test_what_no_entry_lists_is_found(own_server: OwnServer, zoo: Archivist) -> None:
    """An archive lists what it makes; what a definition makes besides would belong to whoever owns the database."""
    path = zoo.archive(NEWEST, "-Fc")
    with loaded(own_server, path, "whole") as (place, _, _):
        kept, _ = sort_out(
            [each for each in contents_of(path).entries if each.kind not in NEVER], read_abilities(place)
        )
        with place.reach.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            for statement in HIDDEN:
                session.carry_out(statement)
        beyond = ask_scratch(place.reach, kept, {}, LIMITS).beyond
        assert [each for each in HIDDEN.values() if not any(one.startswith(each) for one in beyond)] == []
        assert len(beyond) == len(HIDDEN) + 1  # a UNIQUE constraint came with its table
        assert "CONSTRAINT sales.hid hid_n_key" in beyond


HOSTILE = (
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
    "ALTER ROLE CURRENT_USER SET work_mem = '1MB'",
    """DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = evil', current_database());
    EXECUTE format('COMMENT ON DATABASE %I IS %L', current_database(), 'mine');
    EXECUTE format('GRANT ALL ON DATABASE %I TO pg_monitor', current_database());
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 1', current_database());
END $$""",
    "CREATE TABLE public.kept (a integer)",
)


def test_what_a_dump_did_to_its_database_goes_before_it_gets_its_name(own_server: OwnServer) -> None:
    """Settings, doors, a comment, privileges for later: they are the throw-away role's own, and a new database has none of them."""
    server = own_server.reach()
    place = make_scratch(server, scratch_name(uuid.uuid4().hex[:16]))
    try:
        with place.reach.session(LIMITS) as session:
            session.order(sql.SQL("SET default_transaction_read_only = off"))
            for statement in HOSTILE:
                session.carry_out(statement)
        with server.session(LIMITS) as session:
            close_scratch(session, place.name)
        with place.boss.session(LIMITS) as session:
            # What is not the throw-away role's is not given, whatever an archive names.
            given = give_back(session, place.name, _greedy(), lambda _: None)
        assert given is not None
        assert (given.owners, given.privileges) == (0, 0)
        assert len(given.not_given) == 3
        name = f"named_{uuid.uuid4().hex[:8]}"
        with server.session(LIMITS) as session:
            name_database(session, place.name, name, lambda _: None)
            facts = session.ask(
                sql.SQL("SELECT d.datconnlimit, shobj_description(d.oid, 'pg_database'), d.datacl::text, "
                        "(SELECT count(*) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) "
                        "FROM pg_database d WHERE d.datname = %s"), (name,),
            )  # fmt: skip
        boss = server.login.username
        assert facts == [(-1, None, f"{{{boss}=CTc/{boss},=Tc/{boss}}}", 0)]
        with server.within(name).session(LIMITS) as session:
            assert session.ask(sql.SQL("SELECT count(*) FROM pg_default_acl")) == [(0,)]
            assert session.ask(sql.SQL("SELECT tableowner::text FROM pg_tables WHERE tablename = 'kept'")) == [(boss,)]
    finally:
        place.remove()


def _greedy() -> Belongings:
    """An archive that would give away what is the server's own."""

    def named(*words: str) -> tuple[Token, ...]:
        return tuple(Token("sign" if each == "." else "name", each) for each in words)

    grant = Privileges(
        gives=True,
        granted=(Granted("SELECT"),),
        kind="TABLE",
        object=named("pg_catalog", ".", "pg_authid"),
        grantee=Grantee("PUBLIC", is_public=True),
    )
    return Belongings(
        owned=(
            Owned(
                "TABLE pg_catalog.pg_authid", "TABLE", named("pg_catalog", ".", "pg_authid"), "pg_catalog", "pg_monitor"
            ),
            Owned("SCHEMA pg_catalog", "SCHEMA", named("pg_catalog"), "", "pg_monitor"),
        ),
        privileges=(GivenTo("ACL", "boss", grant),),
    )

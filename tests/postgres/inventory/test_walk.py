"""The walk of every catalog: nothing that a server has is in no list, and nothing is read that may not be."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from psycopg import sql

from daybreak.lab.volumes.volume import Volume
from daybreak.model.catalogs import BUILT_IN, PARTS, THINGS
from daybreak.model.inventory import Inventory
from daybreak.postgres.inventory.catalogs import LEFT_OUT, WALKED
from daybreak.postgres.inventory.walk import _USUAL_ACL, read_server, walk_catalogs
from daybreak.postgres.login import Login
from daybreak.postgres.session import Limits, open_session
from tests.fix_postgres import Server
from tests.lab.volumes.fix_trust import address_of
from tests.lab.volumes.fix_volumes import OWNER, Yard, each_yard, pg_installs, run
from tests.postgres.inventory.test_listing import SECRET, of, taken

__all__ = ["each_yard", "pg_installs"]

WHO = Login(OWNER.username, OWNER.password)
LIMITS = Limits(whole=timedelta(seconds=20), statement=timedelta(seconds=10))


@pytest.fixture
def volume(each_yard: Yard) -> Volume:
    """An empty database on each PostgreSQL of the machine."""
    return each_yard.started(each_yard.create("source"))


def test_each_catalog_and_each_column_of_a_server_is_in_exactly_one_list(volume: Volume) -> None:
    """A new major version brings new columns: somebody must decide what each of them means before it is forgotten."""
    with open_session(address_of(volume), WHO, LIMITS) as session:
        server = read_server(session)
    assert server.strangers(server.columns) == {}
    assert len(server.columns) > 55
    for name in WALKED.keys() & server.columns.keys():
        lists = [
            WALKED[name].columns.split(), WALKED[name].identifies.split(), list(WALKED[name].aspects), list(WALKED[name].left_out)
        ]  # fmt: skip
        for column in server.columns[name]:
            assert sum(column in each for each in lists) == 1, f"{name}.{column}"


def test_the_lists_name_each_catalog_once() -> None:
    """What is left out has its reason, what is walked has a word."""
    assert WALKED.keys() & LEFT_OUT.keys() == set()
    assert list(WALKED) == sorted(WALKED)
    assert all(LEFT_OUT.values())
    assert all(reason for each in WALKED.values() for reason in each.left_out.values())
    parts = {each for group in PARTS.values() for each in group}
    assert set(WALKED) - parts - set(THINGS) == set()


def test_a_catalog_and_a_column_that_nobody_knows_are_named_and_not_read(volume: Volume) -> None:
    """They could hold a secret; they are no part of what the verdict says, and it says so."""
    with open_session(address_of(volume), WHO, LIMITS) as session:
        server = read_server(session)
    server.columns["pg_dreams"] = {"oid": "oid"}
    server.columns["pg_class"]["relmood"] = "text"
    assert set(server.strangers(server.columns)) == {"pg_dreams", "pg_class.relmood"}


def test_no_secret_is_in_a_walk(volume: Volume) -> None:
    """A digest of a short secret is the secret, for whoever can count."""
    with volume._node.connect("embi") as session:
        session.execute("CREATE FOREIGN DATA WRAPPER wire")
        session.execute("CREATE SERVER far FOREIGN DATA WRAPPER wire OPTIONS (host 'there', token 'hunter2hunter2')")
        session.execute("CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (password 'hunter2hunter2')")
        session.execute("CREATE ROLE keeper PASSWORD 'hunter2hunter2'")
        session.execute(
            "CREATE SUBSCRIPTION eater CONNECTION 'password=hunter2hunter2' PUBLICATION p WITH (connect = false)"
        )

    def rows() -> dict[str, dict[str, str]]:
        return {item.name: item.facts for item in taken(address_of(volume), WHO).of("catalog row")}

    before = rows()
    with volume._node.connect("embi") as session:
        session.execute("ALTER SERVER far OPTIONS (SET token 'another one!!!')")
        session.execute("ALTER USER MAPPING FOR PUBLIC SERVER far OPTIONS (SET password 'another one!!!')")
        session.execute("ALTER ROLE keeper PASSWORD 'another one!!!'")
        session.execute("ALTER SUBSCRIPTION eater CONNECTION 'password=another'")
    assert rows() == before
    assert SECRET not in str(before)


_THINGS = {
    "TABLE things.t": "SELECT", "SEQUENCE things.s": "USAGE", "FUNCTION things.f()": "EXECUTE", "TYPE things.mood": "USAGE",
    "SCHEMA things": "CREATE", "DATABASE embi": "CREATE", "FOREIGN DATA WRAPPER wire": "USAGE", "FOREIGN SERVER far": "USAGE",
    "LANGUAGE ours": "USAGE", "LARGE OBJECT 77": "SELECT",
}  # fmt: skip


def test_privileges_that_are_spelled_out_are_the_usual_ones_and_none_are_not(volume: Volume) -> None:
    """Who grants a thing to somebody and takes it back leaves a list where NULL was; who takes all leaves an empty one."""
    run(
        volume,
        "CREATE SCHEMA things; CREATE TABLE things.t (); CREATE SEQUENCE things.s; CREATE TYPE things.mood AS ENUM ('good')",
        "CREATE FUNCTION things.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT lo_create(77); CREATE ROLE somebody",
    )
    with volume._node.connect("embi") as session:
        session.execute("CREATE FOREIGN DATA WRAPPER wire")
        session.execute("CREATE SERVER far FOREIGN DATA WRAPPER wire")
        session.execute(f"GRANT USAGE ON FOREIGN DATA WRAPPER wire TO {OWNER.username}".encode())
        session.execute(f"ALTER SERVER far OWNER TO {OWNER.username}".encode())
        session.execute("CREATE TRUSTED LANGUAGE ours HANDLER plpgsql_call_handler")

    def rows() -> dict[str, dict[str, str]]:
        return {item.name: item.facts for item in taken(address_of(volume), WHO).of("catalog row")}

    def change(*statements: str) -> None:
        with volume._node.connect("embi") as session:
            for statement in statements:
                session.execute(statement.encode())

    usual = rows()
    given = [f"GRANT {right} ON {thing} TO somebody" for thing, right in _THINGS.items()]
    change(*given)
    granted = rows()
    change(*(f"REVOKE {right} ON {thing} FROM somebody" for thing, right in _THINGS.items()))
    assert rows() == usual
    owner = OWNER.username
    change(*(f"REVOKE {right} ON {thing} FROM PUBLIC, {owner}, CURRENT_USER" for thing, right in _THINGS.items()))
    none = rows()
    names = {name for name in usual if granted.get(name) != usual[name] and "pg_shdepend" not in name}
    assert len(names) == len(_THINGS)
    assert [name for name in names if none[name] == usual[name]] == []


def test_every_column_of_privileges_has_its_usual_ones(volume: Volume) -> None:
    """Columns and parameters have none, and usual privileges are no row of a table of them."""
    with open_session(address_of(volume), WHO, LIMITS) as session:
        server = read_server(session)
    columns = {column for each in server.columns.values() for column, kind in each.items() if kind == "aclitem[]"}
    assert columns - {"attacl", "paracl", "defaclacl", "initprivs"} == set(_USUAL_ACL)


def test_a_walk_is_compact_and_locks_no_table(volume: Volume) -> None:
    """A baseline keeps it for each object, and a source has tens of thousands of them."""
    run(
        volume,
        *(f"CREATE TABLE t{n} (id int PRIMARY KEY, body text); CREATE INDEX i{n} ON t{n} (body)" for n in range(20)),
    )
    with open_session(address_of(volume), WHO, LIMITS) as session:
        session.begin()
        walk = walk_catalogs(session, lambda question: question())
        held = session.ask(sql.SQL("SELECT relation FROM pg_locks WHERE relation >= 16384 AND pid = pg_backend_pid()"))
    assert held == []
    ours = [item for item in walk.items if re.fullmatch(r"pg_class: public\.[ti]\d+(_pkey)?", item.name)]
    assert len(ours) == 60
    assert sum(len(item.model_dump_json(exclude_none=True)) for item in ours) / len(ours) < 200


def test_own_and_shared_catalogs_can_be_walked_apart(volume: Volume) -> None:
    """What the whole server shares is asked once, however many databases it has."""
    with open_session(address_of(volume), WHO, LIMITS) as session:
        session.begin()
        parts = [walk_catalogs(session, lambda question: question(), which).items for which in ("own", "shared", "all")]
    own, shared, everything = ({item.name for item in each} for each in parts)
    assert own & shared == set()
    assert own | shared == everything
    assert {name.partition(":")[0] for name in shared} >= {"pg_authid", "pg_tablespace"}


def test_a_temporary_table_is_no_part_of_the_database(server: Server, database: str) -> None:
    """Somebody's session is not what a restore brings back."""
    with server.connection(database) as other:
        other.execute("CREATE TEMPORARY TABLE passing (id serial PRIMARY KEY, body text CHECK (body <> ''))")
        other.execute("CREATE TEMPORARY VIEW passing_view AS SELECT * FROM passing")
        other.execute("COMMENT ON TABLE passing IS 'soon gone'")
        found = taken(server.address(database), server.master)
    assert [item.name for item in found.of("catalog row") if "passing" in item.name] == []


def test_each_own_row_of_postgres_counts_in_one_item(server: Server, database: str) -> None:
    """Thousands of rows that nobody touches must not make a baseline large."""
    found = taken(server.address(database), server.master)
    whole = of(found, "catalog row", f"pg_proc: {BUILT_IN}")
    assert int(whole.facts["number of rows"]) > 3000
    assert len([item for item in found.of("catalog row") if item.name.startswith("pg_proc: ")]) == 1


def test_a_denied_catalog_is_named(server: Server, database: str) -> None:
    """What may not be read is not the same as what is not there."""
    server.run(
        database, f"CREATE ROLE denied_{database} LOGIN PASSWORD 'denied'", "REVOKE SELECT ON pg_cast FROM PUBLIC"
    )
    try:
        found: Inventory = taken(server.address(database), Login(f"denied_{database}", "denied"))
    finally:
        server.run(database, f"DROP ROLE denied_{database}", "GRANT SELECT ON pg_cast TO PUBLIC")
    [part] = found.parts_unlisted("catalog row")
    assert part.part == "pg_cast"
    assert "permission denied" in part.why
    assert found.why_unlisted("catalog row") is None

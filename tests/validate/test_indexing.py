"""Reading indexes through: what is really damaged is found, what is sound is not, and nothing is left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daybreak.lab.servers.pages import Wound
from daybreak.model.answers import IndexContents, Silence, Tables
from daybreak.model.trust import Trust
from daybreak.postgres import index_lookups
from daybreak.postgres.address import Address
from daybreak.postgres.bounds import ServerBounds
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.validate.indexing import Manner, read_indexes
from daybreak.validate.probes import list_tables
from daybreak.validate.references import Wanted
from tests.fix_postgres import HERE, Server
from tests.lab.volumes.fix_volumes import DATABASE, OWNER, Yard, newest_yard, pg_installs, run

__all__ = ["newest_yard", "pg_installs"]

_CALM = ServerBounds(lock=timedelta(seconds=0.5), connections=2)
_WALK, _BORROW, _WITH_HEAP = Manner(), Manner(may_borrow=True), Manner(may_borrow=True, is_with_heap=True)

_SOUND = (
    'CREATE TABLE "Od""d" (id int PRIMARY KEY, "na;me" text, at timestamptz DESC_)'.replace(" DESC_", ""),
    """INSERT INTO "Od""d" SELECT n, CASE WHEN n % 7 > 0 THEN md5(n::text) END, now() - n * interval '1 min' FROM generate_series(1, 5000) n""",
    'CREATE INDEX ON "Od""d" ("na;me" DESC NULLS LAST, id)',
    'CREATE INDEX ON "Od""d" (lower("na;me") COLLATE "C") WHERE id > 100',
    'CREATE INDEX ON "Od""d" (at DESC) INCLUDE (id)',
    'DELETE FROM "Od""d" WHERE id % 3 = 0',
    "CREATE TABLE parts (id int, k int) PARTITION BY LIST (k)",
    "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1)",
    "CREATE INDEX ON parts (id)",
    "INSERT INTO parts SELECT n, 1 FROM generate_series(1, 1000) n",
    "CREATE INDEX ON parts_1 USING hash (id)",
)


def _place(server: Server, database: str) -> Reach:
    return Reach(server.address(database), server.master)


@pytest.fixture
def amcheck(server: Server) -> None:
    """Only where the server has the extension to offer."""
    with server.connection("postgres") as admin:
        if not admin.execute("SELECT FROM pg_available_extensions WHERE name = 'amcheck'").fetchall():
            pytest.skip("this PostgreSQL comes without amcheck")


def _read(place: Reach, manner: Manner, wanted: Wanted | None = None) -> IndexContents:
    answer = read_indexes(place, wanted or _everything(place), manner, _CALM, lambda step: None)
    assert isinstance(answer, IndexContents), answer
    return answer


def _everything(place: Reach) -> Wanted:
    tables = list_tables(place, timedelta(seconds=20))
    assert isinstance(tables, Tables)
    return Wanted({table.oid: table.size for table in tables.tables}, frozenset(table.oid for table in tables.tables))


def _troubled(answer: IndexContents) -> dict[str, str]:
    return {each.index: each.trouble for each in answer.read if each.trouble}


@pytest.fixture(params=[_WALK, _BORROW, _WITH_HEAP], ids=["walk", "amcheck", "with heap"])
def manner(request: pytest.FixtureRequest) -> Manner:
    """Each way there is to read an index."""
    assert isinstance(request.param, Manner)
    if request.param.may_borrow:
        request.getfixturevalue("amcheck")
    return request.param


def test_sound_indexes_raise_no_alarm(server: Server, database: str, manner: Manner) -> None:
    """Descending, partial, lenient, of expressions, over deleted rows: an alarm at three in the morning must be true."""
    server.run(database, *_SOUND)
    answer = _read(_place(server, database), manner)
    assert _troubled(answer) == {}
    assert answer.unread == ()
    # The walk cannot see those of values that are stored apart.
    read = [each for each in answer.read if "pg_toast" not in each.index and each.ways != ("visibility",)]
    assert len(read) == (6 if manner.is_with_heap else 5)
    assert [each.name for each in answer.passed if "TOAST" not in each.name] == (
        [] if manner.is_with_heap else ["1 hash"]
    )


@pytest.mark.usefixtures("amcheck")
def test_an_index_in_an_order_that_is_no_longer_its_own_is_found(server: Server, database: str) -> None:
    """What a changed collation does to a text index, done on purpose: the compare function is replaced."""
    server.run(
        database,
        "CREATE FUNCTION compare(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT btint4cmp($1, $2)'",
        "CREATE OPERATOR CLASS fickle FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,"
        " OPERATOR 5 >, FUNCTION 1 compare(int, int)",
        "CREATE TABLE t AS SELECT n FROM generate_series(1, 5000) n",
        "CREATE INDEX fickle_index ON t (n fickle)",
        "CREATE OR REPLACE FUNCTION compare(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT btint4cmp($2, $1)'",
    )
    place = _place(server, database)
    found = _troubled(_read(place, _BORROW))
    assert "order" in found["public.t.fickle_index"]
    walked = _read(place, _WALK)
    assert [each.name for each in walked.unread] == ["public.t.fickle_index"], "what is not understood is never fit"


@pytest.mark.usefixtures("amcheck")
def test_rows_that_an_index_does_not_have_are_found(server: Server, database: str) -> None:
    """A query by that index would silently leave them out."""
    server.run(
        database,
        "CREATE TABLE t (n int PRIMARY KEY, m int)",
        "INSERT INTO t SELECT n, n FROM generate_series(1, 2000) n",
        "CREATE INDEX lossy ON t (m)",
        "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 'lossy'::regclass",
        "INSERT INTO t VALUES (9001, 9001)",
        "UPDATE pg_index SET indisready = true, indisvalid = true WHERE indexrelid = 'lossy'::regclass",
    )
    place = _place(server, database)
    assert _troubled(_read(place, _WALK)) == {"public.t.lossy": "2,000 rows by the index, 2,001 in the table"}
    assert list(_troubled(_read(place, _WITH_HEAP))) == ["public.t.lossy"]


@pytest.mark.parametrize("way", [_WALK, _BORROW], ids=["walk", "amcheck"])
def test_a_damaged_file_is_found_and_its_neighbors_are_read(own_server: Server, way: Manner) -> None:
    """A page of zeros in the middle: the server starts, answers, and returns less."""
    own_server.run(
        "postgres",
        "CREATE TABLE t AS SELECT n, n AS m FROM generate_series(1, 20000) n",
        "CREATE INDEX broken ON t (n)",
        "CREATE INDEX whole ON t (m)",
    )
    with own_server.connection("postgres") as admin:
        path = str(admin.execute("SELECT pg_relation_filepath('broken')").fetchall()[0][0])
    own_server.restart()
    with (own_server.place / "data" / path).open("r+b") as file:
        file.seek(8192 * 5)
        file.write(b"\xff" * 8192)
    answer = _read(_place(own_server, "postgres"), way)
    assert list(_troubled(answer)) == ["public.t.broken"]
    assert len(answer.read) == 2


@pytest.mark.usefixtures("amcheck")
def test_a_visibility_map_that_is_older_than_its_table_is_found(own_server: Server) -> None:
    """An index-only scan believes the map, and would bring back what was deleted."""
    own_server.run(
        "postgres",
        "CREATE TABLE t AS SELECT n FROM generate_series(1, 2000) n",
        "CREATE INDEX ON t (n)",
        "VACUUM t",
        "CHECKPOINT",
    )
    with own_server.connection("postgres") as admin:
        path = str(admin.execute("SELECT pg_relation_filepath('t') || '_vm'").fetchall()[0][0])
    older = (own_server.place / "data" / path).read_bytes()
    place = _place(own_server, "postgres")
    assert _troubled(_read(place, _WITH_HEAP)) == {}
    own_server.run("postgres", "DELETE FROM t WHERE n < 100", "CHECKPOINT")
    own_server.restart()
    (own_server.place / "data" / path).write_bytes(older)
    walked = _read(place, Manner(is_with_heap=True))
    assert _troubled(walked) == {"public.t.t_n_idx": "2,000 rows by the index, 1,901 in the table"}
    assert [each.name for each in walked.passed] == ["visibility maps of 1 tables"]
    asked = _troubled(_read(place, _WITH_HEAP))
    assert asked["public.t, visibility map"] == "99 rows are called visible to all and are not"


@pytest.mark.usefixtures("amcheck")
def test_nothing_remains_of_a_borrowed_checker(server: Server, database: str) -> None:
    """A validation changes nothing: the extension is never committed, whatever it found."""
    things = "SELECT (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_namespace)"
    server.run(database, "CREATE TABLE t AS SELECT n FROM generate_series(1, 500) n", "CREATE INDEX ON t (n)")
    with server.connection(database) as admin:
        before = admin.execute(things.encode()).fetchall()
        answer = _read(_place(server, database), _WITH_HEAP)
        assert "bt_index_check" in answer.asked
        assert admin.execute(things.encode()).fetchall() == before


@pytest.mark.usefixtures("amcheck")
def test_nothing_is_created_where_somebodys_trigger_would_run(server: Server, database: str) -> None:
    """An event trigger is code of other people; it must not run in our name."""
    server.run(
        database,
        "CREATE TABLE t AS SELECT n FROM generate_series(1, 500) n",
        "CREATE INDEX ON t (n)",
        "CREATE TABLE traps (n int)",
        "CREATE FUNCTION trap() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO traps VALUES (1); END'",
        "CREATE EVENT TRIGGER trap ON ddl_command_end EXECUTE FUNCTION trap()",
    )
    answer = _read(_place(server, database), _BORROW)
    assert "an event trigger would run" in answer.asked
    assert (len(answer.read), answer.unread) == (1, ())


@pytest.mark.usefixtures("amcheck")
def test_an_installed_checker_is_used(server: Server, database: str) -> None:
    """Then several indexes can be read at a time."""
    server.run(
        database,
        "CREATE SCHEMA tools",
        "CREATE EXTENSION amcheck SCHEMA tools",
        "CREATE TABLE t AS SELECT n FROM generate_series(1, 500) n",
        "CREATE INDEX ON t (n)",
    )
    answer = _read(_place(server, database), _WALK)
    assert "bt_index_check" in answer.asked
    assert len(answer.read) == 1


@pytest.mark.usefixtures("amcheck")
def test_a_login_that_may_not_create_walks(server: Server, database: str) -> None:
    """Not being allowed to borrow the checker is no reason to know nothing."""
    server.run(
        database,
        "CREATE TABLE t AS SELECT n FROM generate_series(1, 500) n",
        "CREATE INDEX ON t (n)",
        f"CREATE ROLE reader_{database} LOGIN PASSWORD 'correct horse' IN ROLE pg_read_all_data",
    )
    place = Reach(server.address(database), Login(f"reader_{database}", "correct horse"))
    answer = _read(place, _BORROW)
    server.run(database, f"DROP ROLE reader_{database}")
    assert "amcheck cannot be created" in answer.asked
    assert (len(answer.read), answer.unread) == (1, ())


@pytest.mark.parametrize(
    "kind", ["mood", "felt", "felt_twice", "words", "few", "pair", "int4range", "char(3)", "bytea"]
)
def test_an_index_on_a_type_of_the_owners_is_walked(server: Server, database: str, kind: str) -> None:
    """Operators of enums, arrays and ranges take no domain over them; the walk goes by what the domain stands for."""
    value = {"words": "'{a,b}'", "few": "'[1,4)'", "pair": "ROW(1, 'a')", "int4range": "'[1,4)'"}.get(kind, "'sad'")
    server.run(
        database,
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE DOMAIN felt AS mood",
        "CREATE DOMAIN felt_twice AS felt",
        "CREATE DOMAIN words AS text[]",
        "CREATE DOMAIN few AS int4range",
        "CREATE TYPE pair AS (n int, t text)",
        f"CREATE TABLE t (k {kind}, v int)",
        f"INSERT INTO t SELECT {value}::{kind}, n FROM generate_series(1, 40) n",
        "CREATE INDEX ON t (k, v)",
    )
    answer = _read(Reach(server.address(database), server.master), _WALK)
    assert answer.unread == ()
    assert [each.trouble for each in answer.read] == [""]


def test_a_walk_at_full_depth_reads_the_rows_that_entries_lead_to(newest_yard: Yard) -> None:
    """A page that was written to another's place has as many rows, and an index alone does not see them."""
    volume = newest_yard.started(newest_yard.create("twice"))
    run(
        volume,
        "CREATE TABLE t (n int)",
        "INSERT INTO t SELECT generate_series(1, 5000)",
        "CREATE INDEX ON t (n)",
        "VACUUM t",
    )
    assert volume.listen is not None
    trust = Trust(tls="verify-full", tls_ca=str(volume.listen.authority.certificate))
    login = Login(OWNER.username, OWNER.password)
    place = Reach(Address(volume.listen.host, volume.listen.port, DATABASE, trust), login)
    walks = (_WALK, Manner(is_with_heap=True))
    assert [_read(place, walk).read[0].trouble for walk in walks] == ["", ""]
    volume.spoil(DATABASE, "t", Wound("copy", block=2, page=3))
    trouble = [_read(place, walk).read[0].trouble for walk in walks]
    assert trouble[0] == ""
    assert "in the wrong order" in trouble[1]


_OTHERS = {
    "hash": ("CREATE INDEX other ON t USING hash (word)", "INSERT INTO t (word) VALUES ('lost')"),
    "hash of few": ("CREATE INDEX other ON t USING hash ((id % 3))", "INSERT INTO t (id) VALUES (1)"),
    "hash of some": ("CREATE INDEX other ON t USING hash (word) WHERE id > 100", "INSERT INTO t (id, word) VALUES (999, 'lost')"),
    "gin of arrays": ("CREATE INDEX other ON t USING gin (numbers)", "INSERT INTO t (numbers) VALUES ('{1,77777}')"),
    "gin of documents": ("CREATE INDEX other ON t USING gin (document)", "INSERT INTO t (document) VALUES ('{\"lost\": [1, {\"a\": \"b\"}]}')"),
    "gin of paths": ("CREATE INDEX other ON t USING gin (document jsonb_path_ops)", "INSERT INTO t (document) VALUES ('{\"lost\": 1}')"),
    "gin of words": ("CREATE INDEX other ON t USING gin (words)", "INSERT INTO t (words) VALUES ($$'it''s' 'back\\\\slash' lost:3A$$)"),
    "gist of points": ("CREATE INDEX other ON t USING gist (place)", "INSERT INTO t (place) VALUES ('(0.1,-77)')"),
    "gist of ranges": ("CREATE INDEX other ON t USING gist (span)", "INSERT INTO t (span) VALUES ('[7,)')"),
    "gist of words": ("CREATE INDEX other ON t USING gist (words)", "INSERT INTO t (words) VALUES ('lost')"),
    "spgist of texts": ("CREATE INDEX other ON t USING spgist (word)", "INSERT INTO t (word) VALUES ('lost')"),
    "spgist of points": ("CREATE INDEX other ON t USING spgist (place)", "INSERT INTO t (place) VALUES ('(0.1,-77)')"),
    "brin": ("CREATE INDEX other ON t USING brin (id) WITH (pages_per_range = 4)", "INSERT INTO t (id) VALUES (-77)"),
    "brin bloom": ("CREATE INDEX other ON t USING brin (id int4_bloom_ops) WITH (pages_per_range = 4)", None),
    "brin of ranges": ("CREATE INDEX other ON t USING brin (span) WITH (pages_per_range = 4)", None),
    "gist of an extension": ("CREATE INDEX other ON t USING gist (id)", "INSERT INTO t (id) VALUES (-77)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", _OTHERS)
def test_an_index_without_an_order_is_searched_at_full_depth(
    newest_server: Server, newest_database: str, kind: str
) -> None:
    """There each row must be found by its own key; at standard depth the index is named as left out."""
    place = _place(newest_server, newest_database)
    made, lost = _OTHERS[kind]
    newest_server.run(
        newest_database,
        *(["CREATE EXTENSION btree_gist"] if "extension" in kind else []),
        "CREATE TABLE t (id int, word text, numbers int[], document jsonb, words tsvector, place point, span int4range)",
        "INSERT INTO t SELECT n, 'w' || n % 70, ARRAY[n % 7, n % 11], jsonb_build_object('n', n, 'm', n % 9),"
        " to_tsvector('simple', 'w' || n % 9 || ' x' || n), point(n % 10, n), int4range(n, n + 3) FROM generate_series(1, 2000) n",
        "INSERT INTO t (id) VALUES (0)",
        "INSERT INTO t VALUES (0, '', '{}', '{}', '', NULL, 'empty')",
        made,
    )
    walk, full = Manner(), Manner(is_with_heap=True)
    left = _read(place, walk)
    assert [(each.is_beyond, "--depth full" in each.why) for each in left.passed if "TOAST" not in each.name] == [
        (False, True)
    ]
    sound = _read(place, full)
    assert ([each.trouble for each in sound.read], sound.unread) == ([""], ()), (sound.unread, sound.passed)
    if lost is not None:
        newest_server.run(
            newest_database,
            "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = 'other'::regclass",
            lost,
            "UPDATE pg_index SET indisready = true, indisvalid = true WHERE indexrelid = 'other'::regclass",
        )
        assert list(_troubled(_read(place, full))) == ["public.t.other"]


@pytest.mark.usefixtures("amcheck")
def test_of_a_large_table_a_part_is_searched_and_said(
    newest_server: Server, newest_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every key of a large table would take hours, and end unknown."""
    monkeypatch.setattr(index_lookups, "MOST_PAGES", 1)
    newest_server.run(
        newest_database,
        "CREATE TABLE t AS SELECT n % 300 AS n FROM generate_series(1, 20000) n",
        "CREATE INDEX other ON t USING hash (n)",
    )
    answer = _read(_place(newest_server, newest_database), Manner(is_with_heap=True))
    assert [each.trouble for each in answer.read] == [""]
    [said] = [each for each in answer.passed if each.name == "public.t.other"]
    assert said.why == "searched for 300 of its table's rows"


@pytest.mark.usefixtures("amcheck")
def test_what_no_question_reads_is_beyond_reach(newest_server: Server, newest_database: str) -> None:
    """An index that only estimates answers nothing that could be compared."""
    newest_server.run(
        newest_database,
        "CREATE EXTENSION bloom",
        "CREATE TABLE t (a int, b int)",
        "CREATE INDEX ON t USING bloom (a, b)",
    )
    answer = _read(_place(newest_server, newest_database), Manner(is_with_heap=True))
    assert [each.name for each in answer.passed if each.is_beyond] == ["1 bloom"]


def test_rows_that_are_twice_under_a_unique_index_are_found(newest_server: Server, newest_database: str) -> None:
    """Both are in the index, so that index and table agree; NULLs are twice only where the index says so."""
    newest_server.run(
        newest_database,
        "CREATE TABLE t (a int, b text)",
        "CREATE UNIQUE INDEX one ON t (a, b)",
        "CREATE UNIQUE INDEX two ON t (b, a) NULLS NOT DISTINCT",
        "UPDATE pg_index SET indisunique = false WHERE indrelid = 't'::regclass",
        "INSERT INTO t SELECT n, n FROM generate_series(1, 1000) n",
        "INSERT INTO t VALUES (5000, NULL), (5000, NULL)",
        "UPDATE pg_index SET indisunique = true WHERE indrelid = 't'::regclass",
    )
    place = _place(newest_server, newest_database)
    full = Manner(is_with_heap=True)
    assert _troubled(_read(place, full)) == {"public.t.two": "1 rows are twice under a unique index"}
    newest_server.run(
        newest_database,
        "UPDATE pg_index SET indisunique = false WHERE indrelid = 't'::regclass",
        "INSERT INTO t VALUES (7, '7')",
        "UPDATE pg_index SET indisunique = true WHERE indrelid = 't'::regclass",
    )
    assert set(_troubled(_read(place, full))) == {"public.t.one", "public.t.two"}
    newest_server.run(newest_database, "CREATE EXTENSION amcheck")
    checked = _read(place, full)
    assert set(_troubled(checked)) == {"public.t.one", "public.t.two"}
    assert all(each.ways == ("amcheck", "walk") for each in checked.read if "toast" not in each.index)


def test_an_index_in_another_order_than_the_types_own_is_walked(server: Server, database: str) -> None:
    """Each text column of a Django model has one."""
    server.run(
        database,
        "CREATE EXTENSION citext",
        "CREATE TABLE t (a text, b varchar(9), c char(5), d citext)",
        "INSERT INTO t SELECT chr(n), n, n % 9, chr(n) FROM generate_series(40, 400) n",
        "INSERT INTO t VALUES (NULL)",
        "CREATE INDEX ON t (a text_pattern_ops)",
        "CREATE INDEX ON t (b varchar_pattern_ops DESC)",
        "CREATE INDEX ON t (c bpchar_pattern_ops, a)",
        "CREATE INDEX ON t (d)",
        "CREATE INDEX ON t (lower(a) text_pattern_ops)",
    )
    for manner in (_WALK, Manner(is_with_heap=True)):
        answer = _read(_place(server, database), manner)
        assert (len(answer.read), _troubled(answer), answer.unread) == (5, {}, ())


def test_of_two_equal_indexes_the_one_that_no_query_takes_is_left_out(server: Server, database: str) -> None:
    """Its twin was read, which every query takes in its place; the way to read both is named."""
    server.run(
        database,
        "CREATE TABLE t (a int)",
        "INSERT INTO t SELECT generate_series(1, 1000)",
        "CREATE INDEX one ON t (a)",
        "CREATE INDEX two ON t (a)",
    )
    answer = _read(_place(server, database), _WALK)
    assert (len(answer.read), answer.unread) == (1, ())
    [left] = answer.passed
    assert "CREATE EXTENSION amcheck" in left.why


def test_of_two_alike_the_larger_is_walked_too(server: Server, database: str) -> None:
    """An index that only begins alike is larger, and the planner avoids it while pages cost something."""
    server.run(
        database,
        "CREATE TABLE t (a int, b text)",
        "CREATE INDEX wide ON t (a, b)",
        "CREATE INDEX narrow ON t (a)",
        "INSERT INTO t SELECT n, repeat('x', 100) || n FROM generate_series(1, 1000) n",
        "ANALYZE t",
    )
    answer = _read(_place(server, database), _WALK)
    assert (len(answer.read), answer.unread) == (2, ())


def test_a_locked_table_makes_only_its_indexes_unread(server: Server, database: str, manner: Manner) -> None:
    """A migration that hangs holds one table, not the verdict on all others."""
    server.run(
        database,
        "CREATE TABLE held AS SELECT n FROM generate_series(1, 500) n",
        "CREATE INDEX ON held (n)",
        "CREATE TABLE free AS SELECT n FROM generate_series(1, 500) n",
        "CREATE INDEX ON free (n)",
    )
    place = _place(server, database)
    wanted = _everything(place)
    with server.connection(database) as other, other.transaction():
        other.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        answer = _read(place, manner, wanted)
    maps = [f"public.{name}, visibility map" for name in ("held", "free") if manner.is_with_heap]
    assert [each.name for each in answer.unread] == ["public.held.held_n_idx", *maps[:1]]
    assert sorted(each.index for each in answer.read) == sorted(["public.free.free_n_idx", *maps[1:]])


def test_only_this_turns_tables_are_read(server: Server, database: str) -> None:
    """A sample reads a part, and says how much it left out."""
    server.run(database, "CREATE TABLE a (n int PRIMARY KEY)", "CREATE TABLE b (n int PRIMARY KEY)")
    place = _place(server, database)
    everything = _everything(place)
    answer = _read(place, _WALK, Wanted(everything.sizes, frozenset(sorted(everything.turn)[:1])))
    assert (len(answer.read), answer.left_out) == (1, 1)


@pytest.mark.sweep
def test_a_server_that_says_nothing_is_a_silence(black_hole: int) -> None:
    """A black hole costs the limit and no more."""
    hole = Reach(Address("127.0.0.1", black_hole, "postgres", HERE), Login("a", "b"))
    haste = ServerBounds(whole=timedelta(seconds=2), connections=2)
    assert isinstance(read_indexes(hole, Wanted({}, frozenset()), _WALK, haste, lambda step: None), Silence)

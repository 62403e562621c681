"""Tables made in a receiver: the same as in the scratch database, by statements of ours, and nothing of the archive's code among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from psycopg import sql

from daybreak.archive.owning import Belongings
from daybreak.errors import Failed
from daybreak.model.creations import Creation, ThingListed
from daybreak.model.receiver import TablesMade
from daybreak.postgres.changing import Bearing, begin_change
from daybreak.postgres.giving_back import give_to_made
from daybreak.postgres.meter import Meter
from daybreak.postgres.reach import Reach
from daybreak.postgres.receiver import RowsToCarry, carry_rows
from daybreak.postgres.scratch_rows import ScratchRows
from daybreak.postgres.session import Limits, open_session
from tests.fix_postgres import Server

LIMITS = Limits(statement=timedelta(seconds=10), whole=timedelta(seconds=60))
QUICK = Bearing(role=None, lock=timedelta(seconds=1))
_NUMBERS = count()

Name = tuple[str, str]


@dataclass(frozen=True)
class Place:
    """A scratch database, and one that lives."""

    server: Server
    scratch: str
    living: str

    def ask(self, database: str, query: str) -> list[tuple[object, ...]]:
        """The rows of a query."""
        with self.server.connection(database) as connection:
            return list(connection.execute(query.encode()).fetchall())

    def make(self, *tables: str, into: dict[str, str] | None = None, listed: Sequence[str] = ()) -> TablesMade:
        """Make tables of the schema shop in the living one, with their rows; with ``listed`` as an archive lists it, else as a script."""
        names = {("shop", each): ("shop", (into or {}).get(each, each)) for each in tables}
        things = tuple(ThingListed(label=each, statement="") for each in listed)
        creations = [Creation(into=place, things=things, is_listed=bool(listed)) for place in names.values()]
        source = ScratchRows(Reach(self.server.address(self.scratch), self.server.master, Meter()), LIMITS)
        maker = source.maker(creations, names)
        loads = [_load(source, name, place, maker.as_plain(place)) for name, place in names.items()]
        with open_session(self.server.address(self.living), self.server.master, LIMITS) as session:
            carry_rows(session, QUICK, loads, lambda _number, _deleted: None, lambda _words: None, maker=maker)
        assert maker.result is not None
        return maker.result

    def same(self, query: str) -> list[tuple[object, ...]]:
        """What both say alike."""
        here, there = self.ask(self.living, query), self.ask(self.scratch, query)
        assert here == there
        return here


def _load(source: ScratchRows, name: Name, place: Name, beside: Sequence[str]) -> RowsToCarry:
    shapes, rows, begin = source.rows(name, "", beside)
    return RowsToCarry(place, shapes, "empty", rows, begin)


@pytest.fixture
def place(server: Server, database: str) -> Iterator[Place]:
    """Both, with a schema shop in the first."""
    scratch = f"scratch_{database}_{next(_NUMBERS)}"
    server.run("postgres", f"CREATE DATABASE {scratch}")
    server.run(scratch, "CREATE SCHEMA shop")
    yield Place(server, scratch, database)
    server.run("postgres", f"DROP DATABASE {scratch} WITH (FORCE)")


COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text, a.attgenerated::text, a.attstorage::text,
    a.attcompression::text, a.attcollation::regcollation::text, pg_get_expr(d.adbin, d.adrelid), a.attstattarget, a.attoptions::text,
    col_description(a.attrelid, a.attnum)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 ORDER BY c.relname, a.attnum
"""
RELATIONS = """
SELECT c.relname, c.relkind::text, c.relpersistence::text, c.reloptions::text, c.relrowsecurity, c.relforcerowsecurity, c.relreplident::text,
    pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid, 'pg_class')
FROM pg_class c WHERE c.relnamespace = 'shop'::regnamespace ORDER BY 1
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid), convalidated, obj_description(oid, 'pg_constraint')
FROM pg_constraint WHERE connamespace = 'shop'::regnamespace ORDER BY 1, 2
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'shop' ORDER BY 1, 2"
SEQUENCES = "SELECT * FROM pg_sequences WHERE schemaname = 'shop' ORDER BY sequencename"
TYPES = """
SELECT t.typname, t.typtype::text, t.typnotnull, t.typdefault, (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)::text
FROM pg_type t WHERE t.typnamespace = 'shop'::regnamespace ORDER BY 1
"""
ALL = (RELATIONS, COLUMNS, CONSTRAINTS, INDEXES, SEQUENCES, TYPES)

EVERYTHING = r"""
CREATE TYPE shop.mood AS ENUM ('sad', 'o''k', E'back\\slash');
CREATE DOMAIN shop.price AS numeric(12, 2) DEFAULT 1.5 NOT NULL CONSTRAINT positive CHECK (VALUE >= 0);
CREATE TYPE shop.pair AS (a int, "b c" text COLLATE "C", m shop.mood);
CREATE TYPE shop.span AS RANGE (subtype = numeric);
CREATE TYPE shop.clock AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name = shop.clocks);
CREATE COLLATION shop.plain (PROVIDER = libc, LOCALE = 'C');
CREATE SEQUENCE shop.apart START 7 INCREMENT 3;
CREATE TABLE shop.everything (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), small smallserial, key serial UNIQUE,
    "odd ""name""
here" text COLLATE "C" DEFAULT E'it''s\\n', mood shop.mood DEFAULT 'o''k', moods shop.mood[] DEFAULT '{sad}', price shop.price,
    pair shop.pair, pairs shop.pair[], span shop.span, clocks shop.clocks, words text COLLATE shop.plain, number int DEFAULT nextval('shop.apart'),
    at timestamptz DEFAULT now() + interval '1 day', uid uuid DEFAULT gen_random_uuid(), day date DEFAULT CURRENT_DATE,
    twice numeric GENERATED ALWAYS AS (key * 2) STORED, doc jsonb DEFAULT '{}', box bytea, PRIMARY KEY (id) INCLUDE (small),
    CHECK (key > 0), CONSTRAINT "of day" CHECK (day < '9999-01-01' OR mood = 'sad') NO INHERIT, EXCLUDE USING gist (span WITH &&) DEFERRABLE INITIALLY DEFERRED
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE shop.everything ALTER words SET STORAGE EXTERNAL, ALTER doc SET COMPRESSION pglz, ALTER doc SET STATISTICS 300,
    ALTER key SET (n_distinct = -0.5);
CREATE INDEX ON shop.everything (lower(words) text_pattern_ops DESC NULLS LAST, (key % 7)) INCLUDE (day) WITH (fillfactor = 50) WHERE mood <> 'sad';
CREATE UNIQUE INDEX named ON shop.everything (key, coalesce(words, ''));
CREATE INDEX ON shop.everything USING gin (doc jsonb_path_ops);
CREATE INDEX ON shop.everything USING brin (at) WITH (pages_per_range = 8);
CREATE INDEX ON shop.everything USING gin (to_tsvector('english', words));
ALTER TABLE shop.everything REPLICA IDENTITY USING INDEX everything_key_key;
ALTER TABLE shop.everything ALTER key SET NOT NULL;
COMMENT ON TABLE shop.everything IS E'it''s a \\ table';
COMMENT ON COLUMN shop.everything."odd ""name""
here" IS 'odd';
COMMENT ON INDEX shop.named IS 'an index';
COMMENT ON CONSTRAINT "of day" ON shop.everything IS 'a check';
INSERT INTO shop.everything (mood, pair, pairs, span, clocks, words, price, box) SELECT 'sad', ROW(n, 'x,"y', 'sad')::shop.pair, ARRAY[ROW(n, NULL, NULL)::shop.pair],
    shop.span(n, n + 1), shop.clocks(shop.clock(n, n + 1)), E'tab\t\\' || n, n, '\xff00' FROM generate_series(1, 50) n;
SELECT setval('shop.everything_id_seq', 5000);
"""


def test_a_table_is_made_as_it_was_with_all_that_belongs_to_it(place: Place) -> None:
    """Types, sequences, columns, defaults, indexes, constraints, comments and rows: the catalogs of both say the same."""
    place.server.run(place.scratch, EVERYTHING)
    made = place.make("everything")
    assert made.left == ()
    for query in ALL:
        assert place.same(query)
    assert len(place.same("SELECT * FROM shop.everything ORDER BY id")) == 50
    assert place.ask(place.living, "SELECT nextval('shop.everything_id_seq'), nextval('shop.everything_key_seq')") == [
        (5005, 51)
    ]


def test_a_partitioned_table_comes_with_its_parts(place: Place) -> None:
    """Every level, with the parts' own indexes attached to those of the whole; columns in another order in a part."""
    place.server.run(
        place.scratch,
        "CREATE TABLE shop.events (at date NOT NULL, id int GENERATED BY DEFAULT AS IDENTITY, what text DEFAULT 'x', CHECK (id > 0), PRIMARY KEY (at, id)) PARTITION BY RANGE (at)",
        "CREATE TABLE shop.old PARTITION OF shop.events FOR VALUES FROM (MINVALUE) TO ('2024-01-01') PARTITION BY HASH (id)",
        "CREATE TABLE shop.old_0 PARTITION OF shop.old FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE shop.old_1 PARTITION OF shop.old FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        "CREATE TABLE shop.events_new (what text DEFAULT 'y', id int NOT NULL, at date NOT NULL, CONSTRAINT events_id_check CHECK (id > 0))",
        "ALTER TABLE shop.events ATTACH PARTITION shop.events_new DEFAULT",
        "CREATE INDEX of_what ON shop.events (lower(what))",
        "INSERT INTO shop.events SELECT DATE '2023-12-01' + n, n FROM generate_series(1, 60) n",
    )
    made = place.make("events")
    assert made.left == ()
    for query in (RELATIONS, COLUMNS, CONSTRAINTS, INDEXES):
        assert place.same(query)
    assert place.ask(place.living, "SELECT last_value FROM shop.events_id_seq") == [(60,)]
    attached = "SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits ORDER BY 1, 2"
    assert len(place.same(attached)) > 8
    assert len(place.same("SELECT tableoid::regclass::text, * FROM shop.events ORDER BY at")) == 60


@pytest.mark.parametrize("columns", [0, 1600])
def test_the_narrowest_and_the_widest_table_are_made(place: Place, columns: int) -> None:
    """Without a column, and with as many as a table can have."""
    words = ", ".join(f"c{number} int" for number in range(columns))
    place.server.run(place.scratch, f"CREATE TABLE shop.wide ({words})", "INSERT INTO shop.wide DEFAULT VALUES")
    place.make("wide")
    assert place.same("SELECT count(*) FROM shop.wide") == [(1,)]
    assert len(place.same(COLUMNS)) == columns


def test_under_another_name_its_parts_have_others_too(place: Place) -> None:
    """An index or a sequence cannot be there twice; a name that would be too long is cut so that it stays its own."""
    long = "o" * 50
    for database in (place.scratch, place.living):
        place.server.run(
            database,
            *(() if database == place.scratch else ("CREATE SCHEMA shop",)),
            f"CREATE TABLE shop.orders (id serial PRIMARY KEY, a int UNIQUE, CONSTRAINT fine CHECK (a > 0)); CREATE INDEX {long} ON shop.orders (a)",
        )
    place.server.run(place.scratch, "INSERT INTO shop.orders (a) VALUES (3), (4)")
    made = place.make("orders", into={"orders": "orders_as_they_were_then"})
    assert made.left == ()
    found = {
        name
        for [name] in place.ask(
            place.living, "SELECT indexname FROM pg_indexes WHERE tablename = 'orders_as_they_were_then'"
        )
    }
    assert {"orders_as_they_were_then_pkey", "orders_as_they_were_then_a_key"} < found
    assert len(found) == 3
    assert place.ask(place.living, "SELECT nextval(pg_get_serial_sequence('shop.orders_as_they_were_then', 'id'))") == [
        (3,)
    ]
    assert place.ask(place.living, "SELECT count(*) FROM shop.orders") == [(0,)]


CODE = """
CREATE FUNCTION shop.evil() RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''CREATE TABLE public.owned ()''; RETURN 1; END';
CREATE FUNCTION shop.sly(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it ran''; END';
CREATE FUNCTION shop.fine(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION shop.act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE OPERATOR shop.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = shop.same);
CREATE CAST (shop.kind AS int) WITH FUNCTION shop.of_kind(shop.kind) AS IMPLICIT;
"""


def test_no_code_of_the_archive_is_made_or_run(place: Place) -> None:
    """Functions, operators and casts in every place that holds an expression: each is named with its statement, and none is there."""
    place.server.run(
        place.scratch,
        "CREATE TYPE shop.kind AS ENUM ('a')",
        "CREATE FUNCTION shop.of_kind(shop.kind) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION shop.same(int, int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 = $2'",
        CODE,
        "CREATE DOMAIN shop.checked AS int CHECK (shop.fine(VALUE) > 0)",
        "CREATE TYPE shop.color AS ENUM ('red')",
        "CREATE DOMAIN shop.tint AS shop.color CHECK (VALUE = 'red' AND shop.fine(1) = 1)",
        "CREATE COLLATION shop.own (LOCALE = 'C')",
        "CREATE FUNCTION shop.numeric(int) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT 1.0'",
        """CREATE TABLE shop.t (
            id int, a int DEFAULT shop.evil(), b text DEFAULT pg_catalog.pg_read_file('/etc/hostname'), c text DEFAULT set_config('x.y', 'z', false),
            d int GENERATED ALWAYS AS (shop.fine(id)) STORED, e bigint DEFAULT pg_catalog.lo_creat(1), f xml DEFAULT query_to_xml('SELECT 1', true, true, ''),
            g text DEFAULT current_setting('is_superuser'), h int DEFAULT pg_catalog.length(pg_sleep(0)::text), k shop.kind DEFAULT 'a',
            l int DEFAULT '5'::shop.checked, m text DEFAULT lower('x' COLLATE shop.own), n shop.color DEFAULT ('red'::shop.tint)::shop.color,
            CONSTRAINT c1 CHECK (shop.fine(id) > 0), CONSTRAINT c2 CHECK (id OPERATOR(shop.===) id), CONSTRAINT c3 CHECK (k::int = 1),
            CONSTRAINT c4 CHECK (t IS NOT NULL OR id > 0), CONSTRAINT c5 CHECK (shop.numeric(id) > 0), CONSTRAINT c6 CHECK (id = ANY (ARRAY[shop.fine(1), 1])))""",
        "INSERT INTO shop.t (id, a, b, c, e, f, g, h) VALUES (1, 1, '', '', 1, NULL, '', 1)",
        "CREATE INDEX i1 ON shop.t (shop.fine(id))",
        "CREATE INDEX i2 ON shop.t (id) WHERE shop.fine(id) > 0",
        "CREATE TRIGGER acts BEFORE INSERT ON shop.t FOR EACH ROW EXECUTE FUNCTION shop.act()",
        "CREATE RULE rules AS ON DELETE TO shop.t DO INSTEAD NOTHING",
        "CREATE POLICY hides ON shop.t USING (shop.evil() = 1)",
        "ALTER TABLE shop.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE STATISTICS shop.counts ON id, a FROM shop.t",
        # What runs at the first statement of anybody who is careless with names.
        "CREATE FUNCTION public.lower(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
        "CREATE INDEX i3 ON shop.t (public.lower(b))",
    )
    code = (
        "SELECT count(*) FROM pg_proc WHERE oid >= 16384",
        "SELECT count(*) FROM pg_operator WHERE oid >= 16384",
        ("SELECT count(*) FROM pg_cast WHERE oid >= 16384"),
        "SELECT count(*) FROM pg_trigger",
        "SELECT count(*) FROM pg_policy",
        "SELECT count(*) FROM pg_rewrite WHERE oid >= 16384",
    )
    before = [place.ask(place.living, each) for each in code]
    made = place.make("t")
    assert [place.ask(place.living, each) for each in code] == before
    assert {each.label.replace(" shop.", " ") for each in made.left} == {
        "DEFAULT t a", "DEFAULT t b", "DEFAULT t c", "GENERATED t d", "DEFAULT t e", "DEFAULT t f", "DEFAULT t g", "DEFAULT t h", "DEFAULT t l", "DEFAULT t n",
        *(f"CHECK CONSTRAINT t c{number}" for number in range(1, 7)), "INDEX i1", "INDEX i2", "INDEX i3", "TRIGGER t acts", "RULE t rules",
        "POLICY t hides", "STATISTICS t counts",
    }  # fmt: skip
    assert {each.label.split()[0] for each in made.left if each.is_planned} == {
        "TRIGGER",
        "RULE",
        "POLICY",
        "STATISTICS",
    }
    assert all(each.statement and each.why for each in made.left)
    assert not any("evil" in each or "fine" in each for each in made.statements)
    # What computed a column does not come, so its values come as they are; and nobody gets past the security that it had.
    assert place.same("SELECT id, d, k, m FROM shop.t") == [(1, 1, "a", "x")]
    assert place.same("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'shop.t'::regclass") == [
        (True, True)
    ]


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ("CREATE TYPE shop.mood AS ENUM ('sad', 'glad')", "the type shop.mood is another one here"),
        ("CREATE DOMAIN shop.mood AS text", "the type shop.mood is another one here"),
        ("CREATE TABLE shop.t (id int)", "shop.t: it is there by now"),
        ("CREATE VIEW shop.t AS SELECT 1", "shop.t: it is there by now"),
        ("CREATE SEQUENCE shop.t_id_seq", "shop.t_id_seq: it is there by now"),
    ],
)
def test_what_stands_in_the_way_is_left_alone(place: Place, there: str, says: str) -> None:
    """Somebody may have made something of that name since the plan: nothing is changed, and the reason says what."""
    place.server.run(
        place.scratch, "CREATE TYPE shop.mood AS ENUM ('sad')", "CREATE TABLE shop.t (id serial, m shop.mood)"
    )
    place.server.run(place.living, "CREATE SCHEMA shop", there)
    relations = "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = 'shop'::regnamespace ORDER BY 1"
    before = place.ask(place.living, relations)
    with pytest.raises(Failed, match=says):
        place.make("t")
    assert place.ask(place.living, relations) == before


def test_what_the_server_refuses_alone_is_named_and_the_rest_is_there(place: Place) -> None:
    """An index whose name is taken: the rows are worth more than it."""
    place.server.run(
        place.scratch,
        "CREATE TABLE shop.t (id int PRIMARY KEY, a int)",
        "CREATE INDEX taken ON shop.t (a)",
        "INSERT INTO shop.t VALUES (1, 2)",
    )
    place.server.run(
        place.living, "CREATE SCHEMA shop", "CREATE TABLE shop.other (a int)", "CREATE INDEX taken ON shop.other (a)"
    )
    [left] = place.make("t").left
    assert (left.label, left.is_planned) == ("INDEX shop.taken", False)
    assert "already exists" in left.why
    assert place.same("SELECT * FROM shop.t") == [(1, 2)]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            "CREATE DOMAIN shop.d AS int CHECK (shop.f(VALUE) > 0); CREATE TABLE shop.t (a shop.d)",
            "DOMAIN shop.d is not there, and it is not made: it calls f",
        ),
        (
            "CREATE TABLE shop.u (a int); CREATE TABLE shop.t (a shop.u)",
            "TYPE shop.u is not there, and it is not made: it is the row of a table",
        ),
        (
            "CREATE TABLE shop.t (a int) PARTITION BY RANGE (shop.f(a))",
            "shop.t is not made: it is partitioned by more than its columns: it calls f",
        ),
        ("CREATE MATERIALIZED VIEW shop.t AS SELECT 1 AS a", "shop.t is no table of its own"),
    ],
)
def test_what_a_table_cannot_be_without_is_refused(place: Place, made: str, says: str) -> None:
    """With the reason, and nothing changed."""
    place.server.run(
        place.scratch, "CREATE FUNCTION shop.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'", made
    )
    with pytest.raises(Failed, match=says):
        place.make("t")
    assert place.ask(place.living, "SELECT 1 FROM pg_namespace WHERE nspname = 'shop'") == []


def test_a_part_and_an_heir_come_as_tables_of_their_own(place: Place) -> None:
    """What would tie them to the other table is named with its statement: that table is another one than the export's."""
    place.server.run(
        place.scratch,
        "CREATE TABLE shop.events (at date) PARTITION BY RANGE (at)",
        "CREATE TABLE shop.january PARTITION OF shop.events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')",
        "CREATE TABLE shop.base (id int, CHECK (id > 0))",
        "CREATE TABLE shop.heir (more int) INHERITS (shop.base)",
        "INSERT INTO shop.january VALUES ('2024-01-05')",
        "INSERT INTO shop.heir VALUES (1, 2)",
        "INSERT INTO shop.base VALUES (7)",
    )
    made = place.make("january", "heir", "base")
    assert {each.label: each.statement for each in made.left} == {
        "TABLE ATTACH shop.january": "ALTER TABLE ONLY shop.events ATTACH PARTITION \"shop\".\"january\" FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')",
        "INHERITANCE shop.heir": 'ALTER TABLE "shop"."heir" INHERIT shop.base',
    }
    assert all(each.is_planned for each in made.left)
    assert place.same("SELECT * FROM shop.heir") == [(1, 2)]
    assert place.ask(place.living, "SELECT * FROM shop.base") == [(7,)]
    place.server.run(place.living, *(each.statement for each in made.left if "INHERIT" in each.statement))
    assert place.same("SELECT * FROM shop.base ORDER BY id") == [(1,), (7,)]


KEYS = (
    "FOREIGN KEY (a) REFERENCES shop.other (id)",
    'FOREIGN KEY (a, "b ""c""") REFERENCES shop.other (id, more) MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL',
    'FOREIGN KEY (a, "b ""c""") REFERENCES shop.other (id, more) ON DELETE SET DEFAULT (a) DEFERRABLE INITIALLY DEFERRED NOT VALID',
    "FOREIGN KEY (a) REFERENCES shop.other (id) ON UPDATE RESTRICT ON DELETE NO ACTION DEFERRABLE",
)


@pytest.mark.parametrize("words", KEYS)
def test_a_foreign_key_is_read_and_made_anew(place: Place, words: str) -> None:
    """Each way in which one can be, to a table that lives; a script has it in the scratch database."""
    for database in (place.scratch, place.living):
        schema = () if database == place.scratch else ("CREATE SCHEMA shop",)
        place.server.run(
            database, *schema, "CREATE TABLE shop.other (id int PRIMARY KEY, more text, UNIQUE (id, more))"
        )
        place.server.run(database, "INSERT INTO shop.other VALUES (1, 'x')")
    place.server.run(place.scratch, 'CREATE TABLE shop.t (a int, "b ""c""" text)', "INSERT INTO shop.t VALUES (1, 'x')")
    place.server.run(place.scratch, f"ALTER TABLE shop.t ADD CONSTRAINT points {words}")
    assert place.make("t").left == ()
    assert place.same("SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE contype = 'f'")


def test_a_foreign_key_without_its_rows_is_named(place: Place) -> None:
    """The rows that it points at went meanwhile: the table is there, and the key is not."""
    for database in (place.scratch, place.living):
        schema = () if database == place.scratch else ("CREATE SCHEMA shop",)
        place.server.run(database, *schema, "CREATE TABLE shop.other (id int PRIMARY KEY)")
    place.server.run(
        place.scratch,
        "INSERT INTO shop.other VALUES (1)",
        "CREATE TABLE shop.t (a int REFERENCES shop.other)",
        "INSERT INTO shop.t VALUES (1)",
    )
    [left] = place.make("t").left
    assert (left.label, left.is_planned) == ("FK CONSTRAINT shop.t t_a_fkey", False)
    assert "violates foreign key constraint" in left.why
    assert place.same("SELECT * FROM shop.t") == [(1,)]


def test_a_default_is_nobodys_way_in(place: Place) -> None:
    """What the destination gives to whoever finds a new table there is not what the archive lists; a script lists nothing."""
    place.server.run(place.scratch, "CREATE TABLE shop.t (a int)")
    place.server.run(
        place.living, "CREATE SCHEMA shop", "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO PUBLIC"
    )
    assert place.make("t").given is None
    with open_session(place.server.address(place.living), place.server.master, LIMITS) as session:
        begin_change(session, QUICK)
        give_to_made(session, Belongings(), [("shop", "t")])
        [[granted]] = session.ask(sql.SQL("SELECT relacl::text FROM pg_catalog.pg_class WHERE relname = 't'"))
    assert "=r/" not in granted.replace("embi_admin=", "")


def test_what_the_archive_does_not_list_is_not_made(place: Place) -> None:
    """A definition may make more than its entry says: an index and a part that nobody planned."""
    place.server.run(
        place.scratch,
        "CREATE TABLE shop.t (a int PRIMARY KEY, b int UNIQUE)",
        "CREATE INDEX listed ON shop.t (b)",
        "CREATE INDEX hidden ON shop.t (a, b)",
        "CREATE TABLE shop.e (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE shop.sly PARTITION OF shop.e DEFAULT",
    )
    made = place.make("t", listed=("TABLE shop.t", "INDEX shop.listed", "CONSTRAINT shop.t t_pkey"))
    assert made.left == ()
    found = place.ask(place.living, "SELECT indexname FROM pg_indexes WHERE schemaname = 'shop' ORDER BY 1")
    assert found == [("listed",), ("t_pkey",)]
    with pytest.raises(Failed, match=r"the archive does not list shop\.sly"):
        place.make("e", listed=("TABLE shop.e",))

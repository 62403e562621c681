"""What a throw-away role may not make is left out by name, and so is what cannot be without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daybreak.archive.beyond import SUPERUSERS, Abilities, sort_out, why_not_run
from daybreak.archive.contents import ArchiveEntry

ABLE = Abilities(extensions=frozenset({"hstore", "plperl"}), languages=frozenset({"sql", "plpgsql"}))


def entry(number: int, kind: str, name: str = "x", definition: str = "", needs: tuple[int, ...] = ()) -> ArchiveEntry:
    """An entry of an archive."""
    return ArchiveEntry(
        id=number, kind=kind, schema="public", name=name, owner="jo", section="pre-data", has_data=False, catalog="0",
        oid="0", definition=definition, drop="", copy="", tablespace="", access="", relkind="", with_oids=False, needs=needs,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "definition", "why"),
    [
        *((kind, "x", "", why) for kind, why in SUPERUSERS.items()),
        ("EXTENSION", "hstore", "", ""),
        ("EXTENSION", "plpgsql", "", ""),
        ("EXTENSION", "dblink", "", '"dblink" is not there, or not for everybody'),
        ("COMMENT", "EXTENSION plpgsql", "", "somebody else's"),
        ("COMMENT", 'EXTENSION "uuid-ossp"', "", '"uuid-ossp" is not there'),
        ("COMMENT", "EXTENSION hstore", "", ""),
        ("COMMENT", "TABLE x", "", ""),
        ("TYPE", "x", "CREATE TYPE public.x AS ENUM (\n    'INPUT = 1'\n);\n", ""),
        ("TYPE", "x", "CREATE TYPE public.x (\n    INTERNALLENGTH = 8,\n    INPUT = public.i,\n", "a base type"),
        ("TYPE", "x", "CREATE TYPE public.x (\n    INPUT = public.i,\n", "a base type"),
        ("CAST", "x", "CREATE CAST (text AS integer) WITHOUT FUNCTION;", "without a function"),
        ("CAST", "x", "CREATE CAST (text AS integer) WITH INOUT;", "the server's own"),
        ("FUNCTION", "f()", "CREATE FUNCTION f() RETURNS text\n    LANGUAGE sql\n    AS $$ LANGUAGE c $$;", ""),
        ("FUNCTION", "f()", "CREATE FUNCTION f() RETURNS text\n    LANGUAGE plperl\n    AS '';", ""),
        ("FUNCTION", "f()", "CREATE FUNCTION f() RETURNS text\n    LANGUAGE c STRICT\n    AS 'x';", 'language "c"'),
        ("PROCEDURE", "f()", 'CREATE PROCEDURE f()\n    LANGUAGE "plPython3u"\n', 'language "plpython3u"'),
        ("TABLE", "x", "CREATE TABLE x (LANGUAGE c)", ""),
    ],
)
def test_each_kind_has_its_reason(kind: str, name: str, definition: str, why: str) -> None:
    """A clause that a sentence can be made of, or nothing."""
    kept, beyond = sort_out([entry(1, kind, name, definition)], ABLE)
    assert bool(kept) == (not why)
    assert [why in each.why for each in beyond] == ([True] if why else [])


def test_a_cast_of_a_type_in_the_archive_is_kept() -> None:
    """Whoever makes a type owns it."""
    cast = entry(2, "CAST", "x", "CREATE CAST (text AS public.x) WITH FUNCTION public.x(text);", (1, 99))
    kept, beyond = sort_out([entry(1, "TYPE"), cast], ABLE)
    assert ([each.id for each in kept], beyond) == ([1, 2], ())


def test_what_depends_goes_too_and_names_the_root() -> None:
    """However far, in whatever order; a circle ends."""
    entries = [
        entry(5, "TABLE DATA", "t", needs=(4,)),
        entry(1, "EXTENSION", "postgis"),
        entry(2, "TYPE", "own", needs=(1, 3)),
        entry(3, "FUNCTION", "f()", needs=(2,)),
        entry(4, "TABLE", "t", needs=(2,)),
        entry(6, "TABLE", "other", "CREATE TABLE other ()"),
    ]
    kept, beyond = sort_out(entries, ABLE)
    assert [each.id for each in kept] == [6]
    assert [each.entry.id for each in beyond] == [5, 1, 2, 3, 4]
    assert beyond[0].why == "it needs EXTENSION public.postgis"
    assert [each.because.id if each.because else None for each in beyond] == [1, None, 1, 1, 1]
    assert beyond[1].statement == ""


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (b"ALTER TABLE public.t OWNER TO jo;", "owners and privileges"),
        (b'ALTER FUNCTION public.f(a text) OWNER TO "odd name";', "owners and privileges"),
        (b"GRANT ALL ON TABLE t TO jo;", "owners and privileges"),
        (b"REVOKE ALL ON TABLE t FROM PUBLIC;", "owners and privileges"),
        (b"ALTER DEFAULT PRIVILEGES FOR ROLE jo GRANT SELECT ON TABLES TO x;", "owners and privileges"),
        (b"ALTER TABLE public.t ADD CONSTRAINT c CHECK (a <> ' OWNER TO x;');", ""),
        # Names and texts may hold whatever ends a statement or gives it away.
        (b'ALTER TABLE s."odd;tab" OWNER TO postgres;', "owners and privileges"),
        (b'ALTER TABLE s."it""s; -- $$ OWNER TO" OWNER TO "a;b";', "owners and privileges"),
        (b'ALTER FUNCTION s."f(;"("a;" text, integer[]) OWNER TO jo;', "owners and privileges"),
        (b"ALTER OPERATOR s.=== (s.pair, text) OWNER TO jo;", "owners and privileges"),
        (b"ALTER TABLE public.rename OWNER TO jo;", "owners and privileges"),
        (b"alter table t /* ; */ owner -- TO\n to jo ;", "owners and privileges"),
        (b"/* ; */ GRANT ALL ON TABLE t TO jo;", "owners and privileges"),
        (b"SET SESSION AUTHORIZATION 'jo';", "owners and privileges"),
        (b"ALTER TABLE t ALTER c SET DEFAULT 'give owner to bob';", ""),
        (b"ALTER TABLE t ALTER c SET DEFAULT E'\\' owner to bob';", ""),
        (b"ALTER TABLE t ALTER c SET DEFAULT $x$ ; owner to bob$x$;", ""),
        (b'ALTER TABLE t ADD COLUMN "OWNER TO jo" text;', ""), (b"ALTER TABLE t RENAME COLUMN owner TO jo;", ""),
        (b"ALTER TABLE t RENAME owner TO jo;", ""), (b"ALTER TABLE t ADD COLUMN c text, OWNER TO jo;", ""),
        (b'CREATE TABLE "GRANT" ();', ""), (b"COMMENT ON TABLE t IS 'GRANT ALL; CREATE EVENT TRIGGER';", ""),
        (b'COMMENT ON COLUMN s.t."EVENT TRIGGER" IS NULL;', ""), (b'CREATE TABLE "EVENT TRIGGER e" ();', ""),
        (b'CREATE EVENT TRIGGER "a;b" ON ddl_command_end EXECUTE FUNCTION f();', "event trigger"),
        (b'CREATE POLICY "a;b" ON s."t;" TO jo USING (true);', "roles that are not there: jo"),
        (b"BEGIN;", "one transaction"), (b"COMMIT;", "one transaction"),
        (b"SET default_tablespace = fast;", "no tablespaces"),
        (b"CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();", "event trigger"),
        (b"CREATE OR REPLACE TRUSTED PROCEDURAL LANGUAGE x;", "a language"),
        (b"ALTER EVENT TRIGGER e DISABLE;", "event trigger"),
        (b"CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;", ""),
        (b'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;', '"uuid-ossp" is not there'),
        (b"COMMENT ON EXTENSION plpgsql IS 'x';", "somebody else's"),
        (b"SECURITY LABEL FOR x ON TABLE t IS 'x';", "provider"),
        (b"CREATE TABLE t ();", ""), (b"SELECT pg_catalog.setval('s', 1);", ""), (b"COPY t FROM stdin;", ""),
    ],
)  # fmt: skip
def test_a_statement_of_a_script_is_left_out_for_the_same_reasons(code: bytes, why: str) -> None:
    """As far as a statement alone says it."""
    said = why_not_run(code, replace(ABLE, roles=frozenset({"app"})))
    assert (why in said) if why else not said


@pytest.mark.parametrize(
    ("definition", "missing"),
    [
        ("CREATE POLICY p ON public.t USING (true);", ""),
        ("CREATE POLICY p ON public.t TO app USING (true);", ""),
        ("CREATE POLICY p ON public.t TO app, gone USING (true);", "gone"),
        (
            'CREATE POLICY "a TO app" ON public."ON t" AS RESTRICTIVE FOR SELECT TO "Odd, ""one""" USING (true);',
            'Odd, "one"',
        ),
        ("CREATE POLICY p ON public.t FOR INSERT WITH CHECK ((a <> ' TO gone '::text));", ""),
    ],
)
def test_a_policy_for_roles_that_are_not_there_is_left_out(definition: str, missing: str) -> None:
    """pg_restore would end at it; where nobody asked for the roles it is tried."""
    policy = entry(1, "POLICY", "t p", definition)
    kept, beyond = sort_out([policy], Abilities(roles=frozenset({"app"})))
    assert (len(kept), len(beyond)) == ((0, 1) if missing else (1, 0))
    assert not missing or missing in beyond[0].why
    assert sort_out([policy], ABLE)[0] == (policy,)

"""Privileges and owners of an archive as values: what pg_dump writes is read, and no text that only looks like it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.archive.contents import ArchiveEntry, read_contents
from daybreak.archive.owning import belongings_of
from daybreak.archive.privileges import NotRead, Privileges, read_privileges, routine_of
from daybreak.archive.tokens import Token
from daybreak.execute.workshop import open_source
from daybreak.postgres.giving_back import compose_privileges
from tests.archive.fix_archives import Archivist, programs

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


def entry(definition: str, **changes: Any) -> ArchiveEntry:
    """One entry of a table of contents."""
    fields: dict[str, Any] = {
        "id": 7, "kind": "ACL", "schema": "s", "name": "TABLE t", "owner": "jo", "section": "none", "has_data": False,
        "catalog": "0", "oid": "0", "definition": definition, "drop": "", "copy": "", "tablespace": "", "access": "",
        "relkind": "", "with_oids": False, "needs": (3,),
    }  # fmt: skip
    return ArchiveEntry(**(fields | changes))


def quoted(name: str) -> str:
    """A name as pg_dump quotes it."""
    return '"' + name.replace('"', '""') + '"'


def test_every_statement_that_pg_dump_writes_is_read(archivist: Archivist) -> None:
    """Those of a real archive, of every major version of this machine."""
    for major in programs():
        with open_source(archivist.archive(major, "-Fc")) as source:
            contents = read_contents(source, "custom")
        acls = [each for each in contents.entries if each.kind in ("ACL", "DEFAULT ACL")]
        assert acls
        found = [one for each in acls for one in read_privileges(each)]
        assert not [each for each in found if isinstance(each, NotRead)]


@pytest.mark.parametrize(
    "text",
    [
        "GRANT SELECT,INSERT ON TABLE s.t TO app;",
        'GRANT SELECT("a b"),UPDATE(c) ON TABLE s."T t" TO "PUBLIC" WITH GRANT OPTION;',
        "REVOKE ALL ON FUNCTION s.f(a integer, VARIADIC b timestamp with time zone[]) FROM PUBLIC;",
        "REVOKE GRANT OPTION FOR ALL ON SEQUENCE s.q FROM app;",
        "GRANT ALL ON LARGE OBJECT 4711 TO app;",
        "GRANT USAGE ON SCHEMA s TO app;",
        "ALTER DEFAULT PRIVILEGES FOR ROLE jo IN SCHEMA s GRANT SELECT ON TABLES  TO app;",
        "ALTER DEFAULT PRIVILEGES FOR ROLE jo REVOKE ALL ON FUNCTIONS  FROM PUBLIC;",
    ],
)
def test_what_is_read_is_composed_to_the_same(text: str) -> None:
    """Read, composed anew, and read again."""
    [first] = read_privileges(entry(text))
    assert isinstance(first, Privileges)
    again = compose_privileges(first, first.grantee.name).as_string() + ";"
    [second] = read_privileges(entry(again))
    assert isinstance(second, Privileges)
    assert (second.granted, second.kind, second.grantee, second.gives) == (
        first.granted, first.kind, first.grantee, first.gives,
    )  # fmt: skip
    assert [each.text for each in second.object] == [each.text for each in first.object]
    assert (second.with_grant_option, second.of_role, second.in_schema) == (
        first.with_grant_option, first.of_role, first.in_schema,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "GRANT app TO jo;",
        "GRANT SELECT ON TABLE s.t TO app; DROP TABLE s.t;",
        "GRANT SELECT ON TABLE s.t TO app -- x\n;",
        "GRANT SELECT ON TABLE s.t TO app",
        "GRANT SELECT ON ALL TABLES IN SCHEMA s TO app;",
        "GRANT SELECT ON TABLE t TO app;",
        "GRANT SELECT ON TABLE s.t, s.u TO app;",
        "GRANT SELECT ON TABLE s.t TO app, PUBLIC;",
        "GRANT SELECT ON TABLE s.t TO app GRANTED BY boss;",
        "GRANT EXECUTE ON FUNCTION s.f(a integer DEFAULT now()) TO app;",
        "GRANT EXECUTE ON FUNCTION s.f(a integer) TO app) TO app;",
        "GRANT USAGE(a) ON TABLE s.t TO app;",
        "GRANT SELECT(a) ON SEQUENCE s.t TO app;",
        "GRANT ALL ON DATABASE d TO app;",
        "GRANT ALL ON LANGUAGE c TO app;",
        "GRANT SET ON PARAMETER log_statement TO app;",
        "GRANT ALL ON LARGE OBJECT 4711 + 1 TO app;",
        "SET SESSION AUTHORIZATION jo;\nGRANT SELECT ON TABLE s.t TO app;\nRESET SESSION AUTHORIZATION;",
        "SELECT pg_catalog.lo_unlink(4711);",
        "GRANT SELECT ON TABLE s.t TO 'app';",
        "GRANT SELECT ON TABLE s.t TO $$app$$;",
        'GRANT SELECT ON TABLE s.t TO U&"\\0061pp";',
    ],
)
def test_another_statement_is_handed_back_with_its_text(text: str) -> None:
    """Whatever it is, it is not run, and a person reads it."""
    found = read_privileges(entry(text))
    left = [each for each in found if isinstance(each, NotRead)]
    assert len(left) == 1
    assert left[0].statement in text


@given(schema=NAMES, name=NAMES, column=NAMES, role=NAMES)
def test_any_name_stays_one_name(schema: str, name: str, column: str, role: str) -> None:
    """Quotes, semicolons, comments and line ends in a name are of the name."""
    text = f"GRANT SELECT({quoted(column)}) ON TABLE {quoted(schema)}.{quoted(name)} TO {quoted(role)};"
    [found] = read_privileges(entry(text))
    assert isinstance(found, Privileges)
    assert found.object == (Token("name", schema), Token("sign", "."), Token("name", name))
    assert (found.granted[0].columns, found.grantee.name, found.grantee.is_public) == ((column,), role, False)
    words = compose_privileges(found, role).as_string()
    assert words == f"GRANT SELECT ({quoted(column)}) ON TABLE {quoted(schema)} . {quoted(name)} TO {quoted(role)}"


PIECES = st.sampled_from([
    "GRANT", "REVOKE", "SELECT", "ALL", "ON", "TABLE", "FUNCTION", "TO", "FROM", "PUBLIC", "WITH", "OPTION", ";", "(", ")",
    ",", ".", "s", "t", '"a;b"', "--", "/*", "*/", "'", "$$", "*", "DROP", "ALTER DEFAULT PRIVILEGES FOR ROLE", "IN SCHEMA",
    "integer", "[", "]", "1", "LARGE OBJECT", "\n", "TABLES",
])  # fmt: skip


@given(st.lists(PIECES, max_size=25).map(" ".join) | st.text(max_size=60))
def test_what_is_read_of_any_text_says_one_thing_and_no_more(text: str) -> None:
    """What is composed of it is one statement that gives or takes privileges, or it was not read."""
    for found in read_privileges(entry(text)):
        if isinstance(found, Privileges):
            words = compose_privileges(found, found.grantee.name).as_string()
            assert words.startswith(("GRANT ", "REVOKE ", "ALTER DEFAULT PRIVILEGES "))
            again = read_privileges(entry(f"{words};"))
            assert len(again) == 1
            assert isinstance(again[0], Privileges)
    routine_of(text, "FUNCTION")


@pytest.mark.parametrize(
    ("drop", "kind", "is_read"),
    [
        ('DROP FUNCTION s.f(a integer, "B" text);', "FUNCTION", True),
        ("DROP AGGREGATE s.a(*);", "AGGREGATE", True),
        ("DROP OPERATOR s.=== (integer, integer);", "OPERATOR", True),
        ("DROP OPERATOR s.!! (NONE, integer);", "OPERATOR", True),
        ("DROP FUNCTION s.f(); DROP SCHEMA s;", "FUNCTION", False),
        ("DROP FUNCTION s.f() CASCADE;", "FUNCTION", False),
        ("DROP TABLE s.t;", "FUNCTION", False),
        ("DROP OPERATOR s.-- (integer);", "OPERATOR", False),
    ],
)
def test_a_routine_is_named_by_the_statement_that_drops_it(drop: str, kind: str, *, is_read: bool) -> None:
    """As pg_restore itself knows it."""
    assert (routine_of(drop, kind) is not None) is is_read


def test_privileges_of_what_was_not_made_are_handed_back() -> None:
    """So are those that nobody reads, each with its reason; tables come before their sequences, and schemas last."""
    made = [
        entry("CREATE SCHEMA s;", id=1, kind="SCHEMA", schema="", name="s"),
        entry("CREATE SEQUENCE s.q;", id=2, kind="SEQUENCE", name="q"),
        entry("CREATE TABLE s.t ();", id=3, kind="TABLE", name="t"),
        entry("CREATE FUNCTION ...", id=4, kind="FUNCTION", name="f()", drop="nonsense"),
        entry("12\n13\n", id=5, kind="BLOB METADATA", schema="", name="LARGE OBJECTS 12..13"),
    ]
    acls = [
        entry("GRANT SELECT ON TABLE s.t TO app;", id=6),
        entry("GRANT SELECT ON TABLE s.u TO app;", id=7, needs=(99,)),
        entry("GRANT app TO jo;", id=8),
        entry("ALTER DEFAULT PRIVILEGES FOR ROLE jo IN SCHEMA s GRANT ALL ON TABLES TO app;", id=9, kind="DEFAULT ACL"),
        entry(
            "ALTER DEFAULT PRIVILEGES FOR ROLE jo IN SCHEMA x GRANT ALL ON TABLES TO app;", id=10, kind="DEFAULT ACL"
        ),
    ]
    found = belongings_of([*made, *acls], made)
    assert [each.label for each in found.owned] == [
        "TABLE s.t", "LARGE OBJECT 12", "LARGE OBJECT 13", "SEQUENCE s.q", "SCHEMA s",
    ]  # fmt: skip
    assert (len(found.privileges), len(found.later)) == (1, 1)
    assert [each.why for each in found.not_given] == [
        "nothing is known by which its owner could be named",
        "what it is about was not made",
        "it is no statement that we read",
        'the schema "x" was not made',
    ]
    assert found.roles == ("app", "jo")

"""Owners and privileges given back to what an archive brought, as statements of ours, in the scratch database.

The law: all of it is one transaction, so it is there or it is not. Only what belongs to the throw-away role is given, whatever an
archive names; what our login joins for that, it leaves in the same transaction. At the end that role owns nothing there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from psycopg import sql

from daybreak.archive.owning import Belongings, GivenTo, NotGiven, Owned
from daybreak.archive.privileges import Privileges
from daybreak.archive.tokens import Token
from daybreak.errors import Bug, DaybreakError
from daybreak.model.names import printable
from daybreak.model.receiver import GivenBack, LeftWith
from daybreak.postgres.changing import Bearing, begin_change
from daybreak.postgres.session import Session

_LOCK = timedelta(seconds=30)
"""Nobody but us is in a scratch database."""
_OWNS = sql.SQL("""
SELECT count(*) FROM pg_catalog.pg_shdepend d
WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.deptype = 'o'
  AND d.refobjid = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = %s)
  AND d.dbid = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database())
""")
_ROLES = sql.SQL("SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.rolname = ANY (%s::text[])")
_ME = sql.SQL("SELECT CURRENT_USER::text, pg_catalog.current_setting('server_version_num')::integer >= 160000")
_IS_IN = "SELECT pg_catalog.pg_has_role(CURRENT_USER, %s::name, {})"
_MAY_CREATE = sql.SQL("""
SELECT pg_catalog.has_schema_privilege(%s::name, n.oid, 'CREATE') FROM pg_catalog.pg_namespace n WHERE n.nspname = %s
""")
_OWNER = sql.SQL("""
SELECT pg_catalog.pg_get_userbyid(c.relowner)::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s
""")
_DEFINERS = sql.SQL("""
SELECT p.oid::regprocedure::text, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END
FROM pg_catalog.pg_proc p WHERE p.prosecdef AND p.proowner = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = %s) ORDER BY 1
""")
_WORD = re.compile(r"[a-z_][a-z0-9_]*|[A-Z]+|[0-9]+|[-+*/<>=~!@#%^&|`?.,()\[\]]+")
_MARK, _FORGET, _BACK = (
    sql.SQL("SAVEPOINT daybreak"), sql.SQL("RELEASE SAVEPOINT daybreak"), sql.SQL("ROLLBACK TO SAVEPOINT daybreak"),
)  # fmt: skip
_AS_OURSELVES = sql.SQL("SET LOCAL ROLE NONE")


def give_back(
    session: Session, scratch: str, belongings: Belongings, keep: Callable[[GivenBack], None]
) -> GivenBack | None:
    """Give everything in the session's database its owner and its privileges; ``None`` where that was done before.

    ``session`` is our login's, in the database of the throw-away role ``scratch``. What cannot be given is in the answer with
    the reason, and belongs to our login; ``keep`` gets that right before the commit. Raises ``DaybreakError`` where nothing was given: then nothing is changed.
    """
    begin_change(session, Bearing(None, _LOCK))
    if not session.ask(_OWNS, (scratch,))[0][0]:
        session.rollback()
        return None
    giving = _Giving(session, scratch, belongings)
    found = giving.give()
    giving.take_the_rest()
    keep(found)
    session.order(sql.SQL("COMMIT"))
    return found


_GRANTED = sql.SQL("""
SELECT DISTINCT CASE a.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a WHERE n.nspname = %s AND c.relname = %s AND a.grantee <> c.relowner
""")


def give_to_made(session: Session, belongings: Belongings, relations: Iterable[tuple[str, str]]) -> GivenBack:
    """Give what this transaction has made its owners and its privileges, and no more than the archive lists.

    ``relations`` are the tables and sequences that it made: what a database gives by default to whoever finds something new there is
    taken from those before. What cannot be given is in the answer with the reason, and belongs to our login.
    """
    for schema, name in relations:
        for [grantee] in session.ask(_GRANTED, (schema, name)):
            who = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
            session.order(sql.SQL("REVOKE ALL ON TABLE {} FROM {}").format(sql.Identifier(schema, name), who))
    return _Giving(session, None, belongings).give()


class _Giving:
    """One transaction, from its beginning to right before its commit."""

    def __init__(self, session: Session, scratch: str | None, belongings: Belongings) -> None:
        self._session, self._belongings = session, belongings
        [[self._me, self._knows_set]] = session.ask(_ME)
        self._maker = scratch or self._me
        self._there = {str(row[0]) for row in session.ask(_ROLES, (list(belongings.roles),))}
        self._left: list[LeftWith] = [_describe(each) for each in belongings.not_given]

    def give(self) -> GivenBack:
        belongings = self._belongings
        # While its maker owns everything: it can give what is its own, and nothing else.
        privileges = sum(self._give_privileges(each) for each in belongings.privileges)
        joining = {self._owner_of(each) for each in belongings.owned} | {
            str(each.privileges.of_role) for each in belongings.later if each.privileges.of_role in self._there
        }
        with self._join(joining) as kept_out:
            inside = [each for each in belongings.owned if each.kind != "SCHEMA"]
            with self._let_in(inside, kept_out):
                owners = sum(self._give_owner(each, kept_out) for each in inside if each.owner in self._there)
                self._disarm()
                owners += sum(self._give_owner(each, kept_out) for each in inside if each.owner not in self._there)
            owners += sum(self._give_owner(each, kept_out) for each in belongings.owned if each.kind == "SCHEMA")
            privileges += sum(self._give_later(each, kept_out) for each in belongings.later)
        missing = tuple(sorted(set(belongings.roles) - self._there))
        return GivenBack(
            owners=owners, privileges=privileges, missing=missing, not_given=tuple(self._left), login=self._me
        )

    def _disarm(self) -> None:
        """Take SECURITY DEFINER from what still is the throw-away role's, and becomes our login's though it was somebody else's.

        It would run with our login's rights for whoever may call it, which is everybody where nothing else was said. As SECURITY
        INVOKER it still works for whoever may do what it does, and it is one statement to turn back; without EXECUTE for PUBLIC it would
        still lend our rights to each role that the archive lets in.
        """
        if self._maker == self._me:
            return  # no scratch database: what is there is not the archive's
        for words, kind in self._session.ask(_DEFINERS, (self._maker,)):
            routine = sql.SQL("ALTER {} {} SECURITY ").format(sql.SQL(kind), sql.SQL(words))
            for order in (self._as(self._maker), routine + sql.SQL("INVOKER"), _AS_OURSELVES):
                self._session.order(order)
            self._leave(
                f"SECURITY DEFINER of {kind} {words}",
                f"it becomes {printable(self._me)}'s, whose rights everybody would have by it; "
                f"{(routine + sql.SQL('DEFINER')).as_string()} gives it back",
            )

    def take_the_rest(self) -> None:
        """Let the throw-away role own nothing but its database."""
        role, me = sql.Identifier(self._maker), sql.Identifier(self._me)
        self._session.order(sql.SQL("REASSIGN OWNED BY {} TO {}").format(role, me))
        self._session.order(sql.SQL("DROP OWNED BY {}").format(role))
        # The database stays its own until it gets its name: by that it is known as ours.
        self._session.order(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(role, role))

    def _owner_of(self, owned: Owned) -> str:
        """Who gets an object: its own owner, or our login where there is no such role."""
        return owned.owner if owned.owner in self._there else self._me

    def _give_owner(self, owned: Owned, kept_out: dict[str, str]) -> bool:
        """Whether it belongs to its own owner now."""
        wanted = self._owner_of(owned)
        if wanted in kept_out:
            self._leave(owned.label, f"the login cannot act for {printable(wanted)}: {kept_out[wanted]}")
            return False
        head = sql.SQL("ALTER {} {} OWNER TO ").format(sql.SQL(owned.kind), _compose(owned.object))
        to_wanted = head + sql.Identifier(wanted)
        why = self._try(
            self._as(self._maker), head + sql.Identifier(self._maker), _AS_OURSELVES, to_wanted
        )  # the second one is refused where it is not that role's
        if why and not (owned.kind == "SEQUENCE" and self._owner_there(owned) == wanted):
            self._leave(owned.label, why)
            return False
        if owned.owner != wanted:
            self._leave(owned.label, f"there is no role {printable(owned.owner)}")
        return owned.owner == wanted

    def _owner_there(self, owned: Owned) -> str:
        """Whose a relation is: a sequence went with its table, and its new owner may not even look into the schema."""
        found = self._session.ask(_OWNER, (owned.schema, owned.object[-1].text))
        return str(found[0][0]) if found else ""

    def _give_privileges(self, given: GivenTo) -> bool:
        statement = given.privileges
        grantee = statement.grantee.name
        if not statement.grantee.is_public and grantee == given.owner:
            grantee = self._maker  # who has what the owner has, as long as the owner has it not
        elif not self._is_known(given, grantee):
            return False
        return self._carry_out(given, self._as(self._maker), compose_privileges(statement, grantee), _AS_OURSELVES)

    def _give_later(self, given: GivenTo, kept_out: dict[str, str]) -> bool:
        statement, role = given.privileges, given.privileges.of_role or ""
        if role not in self._there:
            self._leave(_words(given), f"there is no role {printable(role)}")
            return False
        if role in kept_out:
            self._leave(_words(given), f"the login cannot act for {printable(role)}: {kept_out[role]}")
            return False
        if not self._is_known(given, statement.grantee.name):
            return False
        return self._carry_out(given, compose_privileges(statement, statement.grantee.name))

    def _is_known(self, given: GivenTo, grantee: str) -> bool:
        if given.privileges.grantee.is_public or grantee in self._there:
            return True
        self._leave(_words(given), f"there is no role {printable(grantee)}")
        return False

    def _carry_out(self, given: GivenTo, *orders: sql.SQL | sql.Composed) -> bool:
        if why := self._try(*orders):
            self._leave(_words(given), why)
        return not why

    @contextmanager
    def _join(self, roles: set[str]) -> Iterator[dict[str, str]]:
        """Act for these roles meanwhile; which of them let nobody in, and why."""
        kept_out: dict[str, str] = {}
        joined: list[sql.Composed] = []
        is_in = sql.SQL(_IS_IN).format(sql.Literal("SET" if self._knows_set else "MEMBER"))
        for role in sorted(roles - {self._me}):
            if self._session.ask(is_in, (role,))[0][0]:
                continue
            if why := self._try(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role))):
                kept_out[role] = why
            else:
                joined.append(sql.SQL("REVOKE {} FROM CURRENT_USER").format(sql.Identifier(role)))
        yield kept_out
        for order in joined:
            self._session.order(order)

    @contextmanager
    def _let_in(self, owned: Iterable[Owned], kept_out: dict[str, str]) -> Iterator[None]:
        """Let those who get objects make some in their schemas meanwhile, as the server asks of a new owner."""
        lent: list[tuple[sql.Identifier, sql.Identifier]] = []
        pairs = {(each.schema, self._owner_of(each)) for each in owned if each.schema}
        for schema, role in sorted(pairs):
            found = self._session.ask(_MAY_CREATE, (role, schema)) if role not in kept_out else []
            if found == [(False,)]:
                names = sql.Identifier(schema), sql.Identifier(role)
                grant = sql.SQL("GRANT CREATE ON SCHEMA {} TO {}").format(*names)
                if not self._try(self._as(self._maker), grant, _AS_OURSELVES):
                    lent.append(names)
        yield
        for names in lent:
            revoke = sql.SQL("REVOKE CREATE ON SCHEMA {} FROM {}").format(*names)
            self._session.order(self._as(self._maker))
            self._session.order(revoke)
            self._session.order(_AS_OURSELVES)

    @staticmethod
    def _as(role: str) -> sql.Composed:
        return sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role))

    def _leave(self, what: str, why: str) -> None:
        self._left.append(LeftWith(what=printable(what, 400), why=printable(why, 400)))

    def _try(self, *orders: sql.SQL | sql.Composed) -> str:
        """Carry out all of these or none; why not, where the server refuses one. Raises what ends the session."""
        self._session.order(_MARK)
        try:
            for order in orders:
                self._session.order(order)
        except DaybreakError as error:
            if not self._session.is_open:
                raise
            self._session.order(_BACK)
            self._session.order(_FORGET)
            return error.message
        self._session.order(_FORGET)
        return ""


def _describe(found: NotGiven) -> LeftWith:
    return LeftWith(what=printable(found.what, 400), why=printable(found.why, 400))


def compose_privileges(found: Privileges, grantee: str) -> sql.Composed:
    """The statement composed anew of what was read, for this grantee; everybody stays everybody."""
    who = sql.SQL("PUBLIC") if found.grantee.is_public else sql.Identifier(grantee)
    privileges = sql.SQL(", ").join(
        _check(each.privilege)
        + (
            sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, each.columns)))
            if each.columns
            else sql.SQL("")
        )
        for each in found.granted
    )
    option = found.with_grant_option
    parts: list[sql.Composable] = []
    if found.of_role is not None:
        parts.append(sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {}").format(sql.Identifier(found.of_role)))
        parts += (
            [sql.SQL("IN SCHEMA {}").format(sql.Identifier(found.in_schema))] if found.in_schema is not None else []
        )
    parts.append(sql.SQL("GRANT" if found.gives else "REVOKE"))
    parts += [sql.SQL("GRANT OPTION FOR")] if option and not found.gives else []
    parts += [privileges, sql.SQL("ON"), sql.SQL(" ").join(map(_check, found.kind.split()))]
    parts += [_compose(found.object)] if found.object else []
    parts += [sql.SQL("TO" if found.gives else "FROM"), who]
    parts += [sql.SQL("WITH GRANT OPTION")] if option and found.gives else []
    return sql.SQL(" ").join(parts)


def _compose(tokens: Iterable[Token]) -> sql.Composed:
    return sql.SQL(" ").join(sql.Identifier(each.text) if each.kind == "name" else _check(each.text) for each in tokens)


def _check(word: str) -> sql.SQL:
    """A word or a sign that stands in SQL as it is; the grammar lets no other through."""
    if not _WORD.fullmatch(word) or "--" in word or "/*" in word:
        raise Bug(f"{word!r} would stand in a statement as it is")
    return sql.SQL(word)


def _words(given: GivenTo) -> str:
    """A statement for a person to read."""
    return compose_privileges(given.privileges, given.privileges.grantee.name).as_string()

"""What of an archive the owner of a database may not make: decided from the table of contents alone. Pure.

The law: a restore that ends at the first error must meet none of these, so each is left out by name and with the reason, and so is
whatever cannot be without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from daybreak.archive.contents import ArchiveEntry
from daybreak.archive.script_words import ScriptWord, words_of
from daybreak.model.names import comma_list, printable

SUPERUSERS: dict[str, str] = {
    "ACCESS METHOD": "only a superuser makes an access method",
    "EVENT TRIGGER": "only a superuser makes an event trigger",
    "FOREIGN DATA WRAPPER": "only a superuser makes a foreign data wrapper",
    "OPERATOR CLASS": "only a superuser makes an operator class",
    "OPERATOR FAMILY": "only a superuser makes an operator family",
    "PROCEDURAL LANGUAGE": "only a superuser makes a language",
    "LANGUAGE": "only a superuser makes a language",
    "SHELL TYPE": "only a superuser makes a base type",
    "TABLESPACE": "only a superuser makes a tablespace",
    "TEXT SEARCH PARSER": "only a superuser makes a text search parser",
    "TEXT SEARCH TEMPLATE": "only a superuser makes a text search template",
    "SERVER": "it leads to another server",
    "FOREIGN SERVER": "it leads to another server",
    "USER MAPPING": "it holds a login at another server",
    "PUBLICATION": "it says what other servers get, and scratch has none",
    "PUBLICATION TABLE": "it says what other servers get, and scratch has none",
    "PUBLICATION TABLES IN SCHEMA": "it says what other servers get, and scratch has none",
    "SUBSCRIPTION": "it would fetch from another server",
    "SUBSCRIPTION TABLE": "it would fetch from another server",
    "SECURITY LABEL": "a label needs its provider",
}
"""Kinds that no throw-away role makes, with the reason."""

_ROUTINES = frozenset({"FUNCTION", "PROCEDURE", "AGGREGATE", "WINDOW FUNCTION"})
_LANGUAGE = re.compile(r"""(?m)^\s+LANGUAGE\s+("(?:[^"]|"")+"|'(?:[^']|'')+'|[\w$]+)""")
_BASE_TYPE = re.compile(r"(?s)\ACREATE TYPE [^;]*?\(\s*(?:INTERNALLENGTH|INPUT)\s*=")
_INTERNAL_STATE = re.compile(r"(?m)^\s+M?STYPE = internal,?$")
_NOT_BY_FUNCTION = re.compile(r"\bWITHOUT FUNCTION\b")
_NAMED = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_POLICY = re.compile(
    rf"\s*CREATE POLICY {_NAMED} ON {_NAMED}(?:\.{_NAMED})?(?: AS RESTRICTIVE)?(?: FOR [A-Z]+)?(?: TO ({_NAMED}(?:, ?{_NAMED})*))?"
)
_OWN_TYPES = frozenset({"TYPE", "DOMAIN", "TABLE"})


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a role may make in its database beside its own objects, as the server says it."""

    extensions: frozenset[str] = frozenset()
    """Those that it may make: trusted, available, and none by which SQL reaches out of the database."""
    installed: frozenset[str] = frozenset({"plpgsql"})
    """Those that are there already, and belong to others."""
    languages: frozenset[str] = frozenset({"sql", "plpgsql"})
    """Those in which it may write functions. A trusted extension of that name brings its language with it."""
    roles: frozenset[str] | None = None
    """The roles that are there, which a policy may name; ``None`` where nobody asked."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """An entry that the role may not make."""

    entry: ArchiveEntry
    why: str
    """A clause, such as ``only a superuser makes an event trigger``."""
    because: ArchiveEntry | None = None
    """What it needs that is left out; ``None`` where the reason is its own."""

    @property
    def statement(self) -> str:
        """What would make it."""
        return self.entry.definition.strip()


def sort_out(
    entries: Iterable[ArchiveEntry], abilities: Abilities
) -> tuple[tuple[ArchiveEntry, ...], tuple[Beyond, ...]]:
    """The entries that the role can make, in the archive's order, and those beyond it with what depends on them."""
    whole = tuple(entries)
    known = {each.id: each for each in whole}
    beyond = {each.id: Beyond(each, why) for each in whole if (why := _why(each, abilities, known))}
    needed_by: dict[int, list[ArchiveEntry]] = {}
    for each in whole:
        for number in each.needs:
            needed_by.setdefault(number, []).append(each)
    waiting = list(beyond)
    while waiting:
        number = waiting.pop()
        for each in needed_by.get(number, ()):
            if each.id not in beyond:
                root = beyond[number].because or known[number]
                beyond[each.id] = Beyond(each, f"it needs {root.label}", root)
                waiting.append(each.id)
    kept = tuple(each for each in whole if each.id not in beyond)
    return kept, tuple(beyond[each.id] for each in whole if each.id in beyond)


def _why(entry: ArchiveEntry, abilities: Abilities, known: dict[int, ArchiveEntry]) -> str:
    """Why the role may not make this one; empty where it may."""
    if why := SUPERUSERS.get(entry.kind):
        return why
    match entry.kind:
        case "EXTENSION":
            return _why_no_extension(entry.name, abilities)
        case "COMMENT" if entry.name.startswith("EXTENSION "):
            name = entry.name.removeprefix("EXTENSION ").strip('"')
            if name in abilities.installed:
                return "the extension is there already, and is somebody else's"
            return _why_no_extension(name, abilities)
        case "TYPE" if _BASE_TYPE.search(entry.definition):
            return "only a superuser makes a base type"
        case "CAST":
            return _why_no_cast(entry, known)
        case "POLICY":
            return _why_no_policy(entry.definition, abilities)
        case "AGGREGATE" if _INTERNAL_STATE.search(entry.definition):
            return "only a superuser makes an aggregate whose state is internal"
        case kind if kind in _ROUTINES:
            return _why_no_routine(entry, abilities)
    return ""


def _why_no_extension(name: str, abilities: Abilities) -> str:
    if name in abilities.extensions or name in abilities.installed:
        return ""
    return f'the extension "{printable(name)}" is not there, or not for everybody to make'


def _why_no_cast(entry: ArchiveEntry, known: dict[int, ArchiveEntry]) -> str:
    if _NOT_BY_FUNCTION.search(entry.definition):
        return "only a superuser makes a cast without a function"
    if any(known[each].kind in _OWN_TYPES for each in entry.needs if each in known):
        return ""
    return "both of its types are the server's own"


def _why_no_policy(definition: str, abilities: Abilities) -> str:
    found = _POLICY.match(definition)
    if found is None or not found[1] or abilities.roles is None:
        return ""
    named = {_name_in(each) for each in re.findall(_NAMED, found[1])}
    missing = sorted(printable(each) for each in named - abilities.roles)
    return f"it is for roles that are not there: {comma_list(missing)}" if missing else ""


def _name_in(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _why_no_routine(entry: ArchiveEntry, abilities: Abilities) -> str:
    found = _LANGUAGE.search(entry.definition)
    if found is None:
        return ""
    language = found[1].strip("\"'").lower()
    if language in abilities.languages or language in abilities.extensions:
        return ""
    return f'functions in the language "{printable(language)}" are a superuser\'s'


_OF_OTHERS = "a script's owners and privileges are left where they are: in scratch all belongs to the throw-away role"
_KINDS_OF_SCRIPTS = tuple(
    tuple(each.split()) for each in SUPERUSERS if each not in ("SHELL TYPE", "PROCEDURAL LANGUAGE", "SECURITY LABEL")
)
_BEFORE_KIND = (("CREATE", "OR", "REPLACE"), ("CREATE",), ("ALTER",), ("COMMENT", "ON"))
_LEAST_WORDS = 4
_MOST_WORDS = 12
"""Words from which the kind of a statement is known."""


def why_not_run(code: bytes, abilities: Abilities) -> str:
    """Why a statement of a plain script is left out; empty where it is run. What depends on it is not known, and would fail.

    >>> why_not_run(b"ALTER TABLE public.staff OWNER TO jo;", Abilities()).split(":")[0]
    "a script's owners and privileges are left where they are"
    """
    head = tuple(islice(words_of(code), _MOST_WORDS))
    match [each.text if each.kind == "word" else "" for each in head]:
        case ["GRANT" | "REVOKE", *_] | ["ALTER", "DEFAULT", "PRIVILEGES", *_]:
            return _OF_OTHERS
        case ["SET" | "RESET", "SESSION", "AUTHORIZATION", *_]:
            return _OF_OTHERS
        case ["ALTER", *_] if _is_about_owner(code):
            return _OF_OTHERS
        case ["BEGIN" | "COMMIT", ""] | ["START", "TRANSACTION", ""] if head[-1].is_sign(";"):
            return "everything is one transaction"
        case ["SET", "DEFAULT_TABLESPACE", *_]:
            return "scratch has no tablespaces"
        case ["SECURITY", "LABEL", *_]:
            return SUPERUSERS["SECURITY LABEL"]
        case ["CREATE", "POLICY", *_]:
            return _why_no_policy(code.decode(errors="replace"), abilities)
        case ["CREATE", "EXTENSION", *_]:
            return _why_no_extension(_name_after(head[2:]), abilities)
        case ["COMMENT", "ON", "EXTENSION", *_]:
            name = _name_after(head[3:])
            if name in abilities.installed:
                return "the extension is there already, and is somebody else's"
            return _why_no_extension(name, abilities)
    return _why_no_kind(head)


def _why_no_kind(head: Sequence[ScriptWord]) -> str:
    """Why nobody but a superuser makes what these words begin to make; empty where that is not so."""
    words = [each.text if each.kind == "word" else "" for each in head]
    for before in _BEFORE_KIND:
        if tuple(words[: len(before)]) != before:
            continue
        rest = words[len(before) :]
        while rest and rest[0] in ("TRUSTED", "PROCEDURAL"):
            rest = rest[1:]
        return next((SUPERUSERS[" ".join(kind)] for kind in _KINDS_OF_SCRIPTS if tuple(rest[: len(kind)]) == kind), "")
    return ""


def _is_about_owner(code: bytes) -> bool:
    """Whether a statement gives a thing to its owner and does nothing else: what it says last is OWNER TO and a name."""
    words = [each for each in words_of(code) if not each.is_sign(";")]
    if len(words) < _LEAST_WORDS or any(each.is_sign(",") for each in _outside_brackets(words)):
        return False
    *before, owner, to, name = words
    return owner.is_word("OWNER") and to.is_word("TO") and bool(name.as_name) and not _is_renamed(before)


def _is_renamed(before: Sequence[ScriptWord]) -> bool:
    """Whether what follows is a new name: a column, or a constraint, may be called ``owner``. A table may be called ``rename``."""
    places = (at for at in (len(before) - 1, len(before) - 2) if before[at].is_word("RENAME"))
    return any(not before[at - 1].is_sign(".") for at in places)


def _outside_brackets(words: Iterable[ScriptWord]) -> Iterator[ScriptWord]:
    depth = 0
    for each in words:
        depth += each.is_sign("(") - each.is_sign(")")
        if not depth:
            yield each


def _name_after(words: Sequence[ScriptWord]) -> str:
    """The name that follows, beyond ``IF NOT EXISTS``; empty where none does."""
    found = words[3:] if len(words) > _LEAST_WORDS - 1 and words[0].is_word("IF") else words
    return found[0].as_name if found else ""

"""What PostgreSQL and the way to it can say instead of an answer, sorted by what that means for the question.

The law: errors of psycopg are translated here and nowhere else, and none of them quotes a password.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from daybreak.errors import DaybreakError, Failed, Refused, Unreachable
from daybreak.model.inventory import HIDDEN
from daybreak.model.names import printable
from daybreak.model.refusal import LoginRefusal


class LoginRefused(psycopg.OperationalError):
    """libpq's error while connecting, with the code that the server gave for it."""

    def __init__(self, said: str, refusal: LoginRefusal) -> None:
        super().__init__(said)
        self.refusal = refusal
        self.sqlstate = refusal.sqlstate


@contextmanager
def translate_errors(where: str) -> Iterator[None]:
    """Turn what psycopg raises inside the block into an error of ours that names ``where``."""
    try:
        yield
    except psycopg.Error as trouble:
        raise in_our_words(trouble, where) from trouble
    except UnicodeError as trouble:
        raise Failed(f"{where} sent text that is not UTF-8: {printable(str(trouble))}") from trouble
    except DaybreakError:
        raise
    except Exception as trouble:
        if isinstance(trouble, ValueError) and "null" in str(trouble).lower():
            # Said of a NUL byte; the text of the error could quote a password.
            raise Refused(f"{where} cannot be asked: a name, a password or a question holds a NUL byte") from None
        # What psycopg cannot make a value of, such as JSON that is too deep for Python.
        raise Failed(f"{where} gave an answer that cannot be read: {type(trouble).__name__}") from trouble


_NOT_NOW = ("08", "28", "40", "53", "55", "57")
"""Classes of SQLSTATE that mean try again later: connection, login, conflict, resources, locks, an operator or a limit."""

_ENDED = ("25P03", "25P04")
"""The server ended a session that held a transaction open for too long."""

_DAMAGE = ("XX001", "XX002", "58030", "58P01")
"""Data or an index is corrupted, a file cannot be read, a file is missing."""


_QUOTES_KEY = ("23503", "23505", "23P01")
"""A foreign key, a unique key or an exclusion is broken: the server's detail quotes the key, and without it nobody finds the row.

The details of other refusals quote the whole row, and are left where they are.
"""

_LONGEST_KEY = 300

_HIDES = "check_enable_rls"
"""The function in which PostgreSQL refuses a query that policies would change; its message may be in any language."""


def in_our_words(trouble: psycopg.Error, where: str) -> DaybreakError:
    """The error of ours for what psycopg raised, naming ``where``."""
    said = printable((trouble.diag.message_primary or str(trouble)).strip().split("\n")[0].rpartition(" failed: ")[2])
    if trouble.sqlstate is None and isinstance(trouble, psycopg.OperationalError):
        return Unreachable(f"{where} does not answer: {said}")
    if isinstance(trouble, LoginRefused) and trouble.refusal.is_definite:
        hint = "check the secret that the target's login names, and the database's name"
        return Unreachable(f"{where} does not take the login: {said}", hint)
    if trouble.sqlstate is not None and (trouble.sqlstate[:2] in _NOT_NOW or trouble.sqlstate in _ENDED):
        return Unreachable(f"{where} could not answer: {said}")
    if trouble.diag.source_function == _HIDES:
        said = f"{said}: {HIDDEN}"
    if trouble.sqlstate in _QUOTES_KEY and trouble.diag.message_detail:
        said = f"{said}: {printable(trouble.diag.message_detail, _LONGEST_KEY)}"
    return Failed(f"{where} said no: {said}")


def breaks_constraint(error: DaybreakError) -> bool:
    """Whether the server said that a value is none of its domain."""
    return _state_of(error) == "23514" or _state_of(error) == "23502"


def is_conflict(error: DaybreakError) -> bool:
    """Whether a reader ended the question because it held back the replay of what its writer did: it may be put again."""
    return _state_of(error) == "40001"


def is_of_lock(error: DaybreakError) -> bool:
    """Whether somebody else holds a lock for longer than we wait for it."""
    return _state_of(error) == "55P03"


def is_damage(error: DaybreakError) -> bool:
    """Whether the server said that stored data is damaged: a finding about the data, not about the question."""
    return _state_of(error) in _DAMAGE


def _state_of(error: DaybreakError) -> str | None:
    return error.__cause__.sqlstate if isinstance(error.__cause__, psycopg.Error) else None


def is_of_server(error: DaybreakError) -> bool:
    """Whether a server of PostgreSQL said that: then one is there, whatever it said."""
    return _state_of(error) is not None


def refusal_of(error: DaybreakError) -> LoginRefusal | None:
    """The server's refusal of the login, where that is what ``error`` reports and its code is known."""
    return error.__cause__.refusal if isinstance(error.__cause__, LoginRefused) else None


def is_beyond_reach(error: DaybreakError) -> bool:
    """Whether the server gives that answer to nobody like us: it lacks the feature, its prerequisite, or our right to it."""
    return _state_of(error) in ("0A000", "55000", "42501")


def is_full(error: DaybreakError) -> bool:
    """Whether the server, the database or the role has no connection left."""
    return _state_of(error) == "53300"


_NOT_OF_ROWS = ("25", "58", "XX")
"""Classes of SQLSTATE that say something of the transaction, the system or the server's files, and nothing of what was sent."""


def is_of_rows(error: DaybreakError) -> bool:
    """Whether a server that could take rows at all refused those that it was sent: another row may fare better.

    Which code a type's input function gives is the type's own affair: a text search's is that of a statement's syntax.
    """
    state = _state_of(error)
    return isinstance(error, Failed) and state is not None and state[:2] not in _NOT_OF_ROWS


def reason_of(error: DaybreakError) -> str:
    """Why the server said no, in its words; the words may quote a value of the row."""
    cause = error.__cause__
    if isinstance(cause, psycopg.Error) and cause.diag.message_primary:
        return printable(cause.diag.message_primary, _LONGEST_REASON)
    return error.message


_LONGEST_REASON = 1_000

"""Each probe answers, or says why not, within its limit; the owner's questions cannot write."""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta
from time import monotonic, sleep

import pytest

from daybreak.model.answers import OwnerAnswer, ServerSettings, Silence, Tables
from daybreak.model.targets import SqlCheck
from daybreak.postgres.address import Address
from daybreak.postgres.login import Login
from daybreak.postgres.reach import Reach
from daybreak.validate.probes import ask_owner, ask_settings, list_tables
from tests.fix_postgres import HERE, Server, Wire

_LIMIT = timedelta(seconds=1)


_ROOMY = timedelta(seconds=20)
"""For questions that get an answer, also on a busy machine."""


def _check(sql: str, timeout: timedelta = _LIMIT) -> SqlCheck:
    return SqlCheck(name="c", sql=sql, timeout=timeout)


def _place(server: Server, database: str = "postgres") -> Reach:
    return Reach(server.address(database), server.master)


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("SELECT true", "truth", "true"),
        ("SELECT count(*) FROM (VALUES (1), (2)) v", "number", "2"),
        ("SELECT 1.50", "number", "1.50"),
        ("SELECT 0.1::float8", "number", "0.1"),
        ("SELECT '2024-01-15 15:30+01'::timestamptz", "instant", "2024-01-15T14:30:00Z"),
        ("SELECT '2024-01-15'::date", "instant", "2024-01-15T00:00:00Z"),
        ("SELECT 'rea''dy 100%'", "text", "rea'dy 100%"),
        ("SELECT NULL", "null", ""),
        ("SHOW server_encoding", "text", "UTF8"),
        ("WITH x AS (SELECT 3 AS n) SELECT n FROM x;", "number", "3"),
    ],
)
def test_an_owners_question_returns_one_plain_value(server: Server, sql: str, kind: str, value: str) -> None:
    """Whatever type it has in PostgreSQL, it can be compared and printed."""
    answer = ask_owner(_place(server), _check(sql, _ROOMY))
    assert isinstance(answer, OwnerAnswer)
    assert (answer.kind, answer.value) == (kind, value)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT 1, 2", "2 columns"),
        ("SELECT generate_series(1, 5)", "more than one row"),
        ("SELECT 1 WHERE false", "no row"),
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nowhere", "does not exist"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("CREATE TABLE made (n int)", "read-only"),
        ("SELECT set_config('transaction_read_only', 'off', false)", ""),
        ("SELECT pg_sleep(30)", "timeout"),
        ("", ""),
        ("   ; ", ""),
        ("SELECT true\x00 AND false", "NUL"),
        ("COPY (SELECT 1) TO STDOUT", ""),
    ],
)
def test_a_question_without_one_value_is_a_silence_with_its_reason(server: Server, sql: str, why: str) -> None:
    """What cannot be judged must never be judged fit."""
    limit = _LIMIT if "pg_sleep" in sql else _ROOMY
    check = SqlCheck.model_construct(name="c", sql=sql, expect="true", timeout=limit)
    began = monotonic()
    answer = ask_owner(_place(server), check)
    assert isinstance(answer, Silence), answer
    assert why in answer.why
    assert monotonic() - began < limit.total_seconds() + 2


def test_an_owners_question_finds_tables_without_their_schema(server: Server, database: str) -> None:
    """People write ``SELECT count(*) FROM employees``, as in the runbook."""
    server.run(database, "CREATE TABLE employees AS SELECT 1 AS n")
    answer = ask_owner(_place(server, database), _check("SELECT COUNT(*) FROM employees", _ROOMY))
    assert isinstance(answer, OwnerAnswer)
    assert answer.value == "1"


def test_an_owners_question_on_a_locked_table_is_a_silence_in_time(server: Server, database: str) -> None:
    """Somebody's forgotten migration must not hold the verdict."""
    server.run(database, "CREATE TABLE employees (n int)")
    with server.connection(database) as other, other.transaction():
        other.execute("LOCK TABLE employees IN ACCESS EXCLUSIVE MODE")
        began = monotonic()
        answer = ask_owner(_place(server, database), _check("SELECT count(*) FROM employees"))
    assert isinstance(answer, Silence)
    assert monotonic() - began < _LIMIT.total_seconds() + 2


@pytest.mark.sweep
def test_every_probe_is_a_silence_in_time_at_a_server_that_says_nothing(black_hole: int) -> None:
    """Black-holed TCP."""
    place = Reach(Address("127.0.0.1", black_hole, "postgres", HERE), Login("a", "b"))
    for answer in _each_probe(place):
        assert isinstance(answer, Silence)


@pytest.mark.sweep
def test_every_probe_is_a_silence_in_time_on_a_line_that_was_cut(server: Server, wire: Wire) -> None:
    """Half-open TCP: the line goes dead right after the probe has connected."""
    place = Reach(Address("127.0.0.1", wire.port, "postgres", HERE), server.master)

    def cut() -> None:
        while not server.backends():
            sleep(0.001)
        wire.is_cut.set()

    threading.Thread(target=cut, daemon=True).start()
    answer = ask_owner(place, _check("SELECT pg_sleep(0.5)"))
    assert isinstance(answer, Silence)
    for silence in _each_probe(place):
        assert isinstance(silence, Silence)


@pytest.mark.sweep
def test_a_probe_is_a_silence_in_time_at_a_server_stopped_in_mid_query(own_server: Server) -> None:
    """SIGSTOP: what a frozen machine looks like from outside."""

    def stop() -> None:
        while not (found := own_server.backends()):
            sleep(0.001)
        sleep(0.1)
        os.kill(found[0], signal.SIGSTOP)
        stopped.append(found[0])

    stopped: list[int] = []
    stopper = threading.Thread(target=stop)
    stopper.start()
    began = monotonic()
    answer = ask_owner(_place(own_server), _check("SELECT pg_sleep(30)"))
    took = monotonic() - began
    stopper.join()
    os.kill(stopped[0], signal.SIGCONT)
    assert isinstance(answer, Silence)
    assert took < _LIMIT.total_seconds() + 2


def test_settings_and_tables_are_answered_with_the_time_they_took(server: Server, database: str) -> None:
    """Evidence says how it was found and how long that took."""
    server.run(database, "CREATE TABLE t (n int)")
    settings = ask_settings(_place(server, database), ["max_logical_replication_workers"], _ROOMY)
    tables = list_tables(_place(server, database), _ROOMY)
    assert isinstance(settings, ServerSettings)
    assert settings.known[0].value == "0"
    assert isinstance(tables, Tables)
    assert [table.full for table in tables.tables] == ["public.t"]
    assert min(settings.took, tables.took) > timedelta(0)


def _each_probe(place: Reach) -> list[object]:
    answers: list[object] = []
    for probe in (
        lambda: ask_settings(place, ["work_mem"], _LIMIT),
        lambda: list_tables(place, _LIMIT),
        lambda: ask_owner(place, _check("SELECT 1")),
    ):
        began = monotonic()
        answers.append(probe())
        assert monotonic() - began < _LIMIT.total_seconds() + 2
    return answers

"""Where a host stands in a text, and the text with another host: nothing else of it changes, in either direction."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.model.destinations import DatabaseAddress, RecordSet, SecretFields
from daybreak.plan.rewriting import (
    names_host,
    record_points_at,
    record_rewritten,
    secret_points_at,
    secret_problem,
    secret_rewritten,
    with_new_address,
)

OLD = DatabaseAddress(host="embi.cluster-abc.us-east-1.rds.amazonaws.com", port=5432)
NEW = DatabaseAddress(host="embi-r.cluster-abc.us-east-1.rds.amazonaws.com", port=6432)
FIELDS = SecretFields(host=("host", "url"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{old}", "{new}"),
        ("{old}:5432", "{new}:6432"),
        ("{old}:54321", "{new}:54321"),
        ("{old}:7000", "{new}:7000"),
        ("{old}.", "{new}."),
        ("postgresql://app:p%40ss@{old}:5432/embi?sslmode=verify-full", "postgresql://app:p%40ss@{new}:6432/embi?sslmode=verify-full"),
        ("jdbc:postgresql://{old}/embi", "jdbc:postgresql://{new}/embi"),
        ("host={old} user=app", "host={new} user=app"),
        ("{old}:5432,{old}:5432", "{new}:6432,{new}:6432"),
        ("old.{old}", "old.{old}"),
        ("{old}.internal", "{old}.internal"),
        ("my-{old}", "my-{old}"),
        ("{old}-2", "{old}-2"),
        ("_{old}", "_{old}"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_host_is_replaced_as_a_whole_name_and_nowhere_else(text: str, told: str) -> None:
    """A longer name that ends or begins alike is another server."""
    before = text.format(old=OLD.host)
    assert with_new_address(before, OLD, NEW) == told.format(old=OLD.host, new=NEW.host)
    assert names_host(before, OLD.host) == (text != told)


def test_dns_knows_no_difference_of_case() -> None:
    """Somebody who wrote it in capitals reaches the same server."""
    assert with_new_address(OLD.host.upper(), OLD, NEW) == NEW.host


@given(st.text(), st.text(alphabet="/@ ,;\"'=:\n"), st.text())
def test_back_is_as_it_was(before: str, between: str, after: str) -> None:
    """Taken back, a parameter reads as it read before, to the character."""
    text = f"{before} {OLD.host}:5432/{between}{OLD.host} {after}"
    assert with_new_address(with_new_address(text, OLD, NEW), NEW, OLD) == text


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=5)  # fmt: skip


@given(
    more=st.dictionaries(st.text(), VALUES),
    indent=st.sampled_from([None, 1, 4]),
    is_ascii=st.booleans(),
    port=st.sampled_from([5432, "5432"]),
)
def test_a_secret_keeps_all_but_its_address(
    more: dict[str, object], indent: int | None, *, is_ascii: bool, port: object
) -> None:
    """A password that comes back with another escape, or a number that lost its digits, is an outage."""
    before = {name: value for name, value in more.items() if name not in ("host", "url", "port")}
    own = {"host": OLD.host, "url": f"postgresql://u:ü@{OLD.host}:5432/d", "port": port}
    text = json.dumps(before | own, indent=indent, ensure_ascii=is_ascii)
    assert secret_problem(text, FIELDS) is None
    assert secret_points_at(text, FIELDS, OLD)
    assert not secret_points_at(text, FIELDS, NEW)
    told = secret_rewritten(text, FIELDS, OLD, NEW)
    url, after = f"postgresql://u:ü@{NEW.host}:6432/d", str(NEW.port) if isinstance(port, str) else NEW.port
    assert json.loads(told) == before | {"host": NEW.host, "url": url, "port": after}
    assert secret_points_at(told, FIELDS, NEW)


def test_what_is_not_ours_keeps_its_spelling() -> None:
    """Escapes and digits that another reader cares about stay."""
    text = f'{{"p":"a\\u00e9\\/b" ,"n":1.500e3,\n "host" : "{OLD.host}"}}'
    assert secret_rewritten(text, SecretFields(), OLD, NEW) == text.replace(OLD.host, NEW.host)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hunter2", "is no JSON object with each key once"),
        ("[1]", "is no JSON object with each key once"),
        ('{"host": "a"', "is no JSON object with each key once"),
        ('{"host": "a", "host": "b"}', "is no JSON object with each key once"),
        ("[" * 100_000, "is no JSON object with each key once"),
        ('{"endpoint": "a"}', 'has no key "host" for the host'),
        ('{"host": 5}', 'has no text behind the key "host"'),
        (f'{{"host": "a", "port": "{"9" * 5000}"}}', 'has no port behind the key "port"'),
        ('{"host": "a", "port": "five"}', 'has no port behind the key "port"'),
    ],
)  # fmt: skip
def test_a_secret_that_cannot_be_told_says_why_and_quotes_nothing(text: str, told: str) -> None:
    """The words go into plans: they name a key, and never what stands behind it."""
    assert secret_problem(text, SecretFields()) == told
    assert not secret_points_at(text, SecretFields(), OLD)


def test_a_port_that_is_another_points_elsewhere() -> None:
    """The port of a pool in front is not the database's."""
    assert not secret_points_at(json.dumps({"host": OLD.host, "port": 7000}), SecretFields(), OLD)


def record(form: str, *values: str, **more: object) -> RecordSet:
    """A record of that type."""
    return RecordSet(name="db.example.com.", type=form, ttl=60, values=values, more=more)


@pytest.mark.parametrize(
    ("form", "value", "told"),
    [
        ("CNAME", f"{OLD.host}", f"{NEW.host}"),
        ("CNAME", f"{OLD.host}.", f"{NEW.host}."),
        ("TXT", f'"host={OLD.host} port=5432"', f'"host={NEW.host} port=5432"'),
        ("SRV", f"0 5 5432 {OLD.host}.", f"0 5 6432 {NEW.host}."),
        ("SRV", f"0 5 7000 {OLD.host}.", f"0 5 7000 {NEW.host}."),
    ],
)
def test_of_a_record_only_the_values_change(form: str, value: str, told: str) -> None:
    """A weight or a health check that is lost sends the traffic somewhere else."""
    before = record(form, value, "0 5 1 other.example.com.", Weight=10, HealthCheckId="abc")
    after = record_rewritten(before, OLD, NEW)
    assert after == before.model_copy(update={"values": (told, "0 5 1 other.example.com.")})
    assert (record_points_at(before, OLD), record_points_at(after, NEW)) == (True, True)
    assert before.state != after.state
    assert record_rewritten(after, NEW, OLD) == before


def test_two_records_that_differ_in_anything_have_another_state() -> None:
    """The state is what a guard compares: a difference that it does not show would be overwritten."""
    one = record("CNAME", OLD.host, Weight=10)
    others = [
        one.model_copy(update={"ttl": 61}),
        one.model_copy(update={"set_identifier": "blue"}),
        record("CNAME", OLD.host, Weight=11),
        record("CNAME", OLD.host, Weight=10, GeoLocation={"CountryCode": "US"}),
        record("CNAME", NEW.host, Weight=10),
    ]
    assert len({each.state for each in (one, *others)}) == 1 + len(others)
    body = record("CNAME", OLD.host, Weight=10, GeoLocation={"CountryCode": "US"}).body()
    assert body["GeoLocation"] == {"CountryCode": "US"}
    assert body["ResourceRecords"] == [{"Value": OLD.host}]

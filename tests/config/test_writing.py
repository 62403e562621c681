"""Names and sentences from a discovered account go into a file that is parsed again."""

from __future__ import annotations

import tomllib
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from daybreak.config import Settings, parse_span, render, span_text
from daybreak.config.settings import FileText
from daybreak.model.checks import CHECKS
from daybreak.model.destinations import (
    ParameterDestination,
    RecordDestination,
    SecretDestination,
    SecretFields,
)
from daybreak.model.targets import Application, Contact, Expectation, HealthCheck, SqlCheck, Staging, Waiver
from daybreak.model.trust import Trust
from tests import fix_worlds as worlds

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
SPANS = st.timedeltas(timedelta(seconds=1), timedelta(days=4000)).map(
    lambda span: timedelta(milliseconds=span // timedelta(milliseconds=1))
)


@given(SPANS)
def test_a_span_is_read_as_it_was_written(span: timedelta) -> None:
    """An objective that changes by being saved is no objective."""
    assert parse_span(span_text(span)) == span


@given(TEXT, TEXT, SPANS, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."), min_size=1))
def test_any_text_reads_back(text: str, other: str, span: timedelta, table: str) -> None:
    """A quote in a contact's name must not break the file, and must not add a key to it."""
    written = worlds.target(
        database=text[:60],
        tables={f"{table}.{table}": Expectation(freshness=other, is_static=True, shrink=0.1)},
        checks=(SqlCheck(name=text, sql=other, expect=text, timeout=span, login="env:APP", max_rows=3),),
        application=Application(login="iam:embi_app", database=text[:60]),
        health=(HealthCheck(name=text, url="http://{host}:{port}/", contains=other, status=204, timeout=span),),
        waivers=(
            Waiver(check=next(iter(CHECKS)), by=text, why=other),
            Waiver(check=f"owner.{text}", by=other, why=text),
        ),
        staging=Staging(instance_class="db.r6g.large", instances=2, keep=span),
        contacts=(Contact(role=other, address=text, answers_within=span),),
        destinations=(
            SecretDestination(name="prod/embi", fields=SecretFields(host=(text, other), port=text), region="us-west-2"),
            SecretDestination(name="prod/other"),
            ParameterDestination(name="/prod/host", endpoint="reader"),
            RecordDestination(zone="Z0123456", name="db.example.com.", type="TXT", set_identifier=text[:128]),
        ),
    )
    settings = Settings(state="/srv/runs", keep=span, copies=("/srv/dr", "s3://far/dr"), targets={"embi": written})
    read = FileText.model_validate(tomllib.loads(render(settings)))
    assert (read.targets["embi"].target("embi", Trust()), read.keep) == (written, span)
    assert read.copies == ("/srv/dr", "s3://far/dr")


def test_whose_word_counts_reads_back() -> None:
    """A file that loses it would lead the next person to trust somebody else, or nobody."""
    for own, top in (
        (Trust(), Trust()),
        (Trust(tls_ca="/ours.pem"), Trust(tls_ca="/ours.pem")),
        (Trust(tls="require"), Trust(tls_ca="/top.pem")),
        (Trust(tls_ca="system"), Trust(tls="verify-ca")),
    ):
        written = worlds.target(**own.model_dump())
        text = render(Settings(state="/srv/runs", targets={"embi": written}, **top.model_dump()))
        read = FileText.model_validate(tomllib.loads(text))
        of_target = read.targets["embi"]
        assert (read.tls, read.tls_ca) == (top.tls, top.tls_ca)
        assert (of_target.tls or read.tls) == own.tls
        assert (of_target.tls_ca or read.tls_ca or "amazon") == (own.tls_ca or "amazon")

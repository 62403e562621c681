"""Names: always ones that AWS takes, and nothing printed that a terminal would act on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybreak.errors import Refused
from daybreak.model.names import (
    check_identifier,
    clone_name,
    endpoint_name,
    instance_name,
    is_clone_name,
    is_identifier,
    printable,
    quarantine_group_name,
)

IDENTIFIERS = st.builds(
    "{}{}".format,
    st.sampled_from("aZ"),
    st.lists(st.sampled_from(("x", "-x", "9", "-cluster")), max_size=40).map(
        lambda parts: "".join(parts)[:62].rstrip("-")
    ),
)
"""Names that AWS takes, short and as long as they can be, with a hyphen wherever one may stand."""


@given(
    cluster=IDENTIFIERS,
    kind=st.sampled_from(("pitr", "snapshot")),
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    suffix=st.text("2a9z", min_size=3, max_size=4),
    number=st.integers(1, 16),
)
def test_every_name_is_one_that_aws_takes(cluster: str, kind: str, moment: datetime, suffix: str, number: int) -> None:
    """Found by AWS, a bad name would stop the run after forty minutes."""
    assert is_identifier(cluster)
    clone = clone_name(cluster, kind, moment, suffix)
    for name in (clone, instance_name(clone, number), endpoint_name(clone, number), quarantine_group_name(clone)):
        assert is_identifier(name), name
    assert clone != cluster.lower()
    assert is_clone_name(clone, cluster)
    for name in (cluster.lower(), instance_name(clone, number), quarantine_group_name(clone), f"x{clone}"):
        assert not is_clone_name(name, cluster), name


@pytest.mark.parametrize(
    "text", ["", "9a", "-a", "a-", "a--b", "a_b", "a b", "ä", "a" * 64, "a\n", "../a", "a;drop", "a\x00"]
)
def test_what_aws_would_refuse_is_refused_here(text: str) -> None:
    """And the refusal cannot be used to write on somebody's terminal."""
    with pytest.raises(Refused) as caught:
        check_identifier(text, "cluster")
    assert str(caught.value).isprintable()


def test_identifiers_are_kept_in_lower_case_as_aws_does() -> None:
    """A clone would otherwise not be found under the name it was given."""
    assert check_identifier("Embi-Aurora", "cluster") == "embi-aurora"


@given(st.text())
def test_anything_can_be_printed(text: str) -> None:
    """Escape sequences in a table name are shown, not obeyed."""
    shown = printable(text)
    assert shown == "" or shown.isprintable()
    assert len(shown) <= 100
    if text.isprintable() and len(text) <= 100:
        assert shown == text

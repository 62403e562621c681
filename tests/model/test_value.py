"""One spelling: the digest of a value is the same, whichever encoder wrote its bytes."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from daybreak.model.value import canonical

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
NAMES = st.text(max_size=4) | st.sampled_from(["a", "b", "\x00", "\x7f", "é", "\ufffd", "\U0001f600"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=4)
        | st.dictionaries(st.sampled_from("abcde"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(DOCUMENTS)
@example({"\ufffd": 1, "\U0001f600": 2})
@example([1.0, 1e21, -0.0, {"a": 0.1}])
def test_the_spelling_is_that_of_rfc_8785(document: Any) -> None:
    """A plan that is approved on one release is carried out by another: not one byte may differ."""
    assert canonical(document) == rfc8785.dumps(document)


@pytest.mark.parametrize("text", ["".join(map(chr, range(0x80))), "\x7f\u2028\ufeff", "\U0001f600\ufffd"])
def test_every_sign_is_spelled_alike(text: str) -> None:
    """Control characters, quotes, and what is beyond the first plane, as a value and as a name."""
    assert canonical([text, {text: text}]) == rfc8785.dumps([text, {text: text}])


@pytest.mark.parametrize("wrong", ["\ud800", 2**53, -(2**53), float("nan"), {1: "x"}, {"a": {"b"}}])
def test_what_has_no_spelling_is_refused_as_before(wrong: Any) -> None:
    """By itself and deep inside."""
    for document in (wrong, {"a": [wrong]}):
        with pytest.raises(ValueError, match=r".") as refused:
            canonical(document)
        assert isinstance(refused.value, rfc8785.CanonicalizationError)

"""What psql is told is read back by libpq as it was meant, whatever stands in a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from daybreak.model.trust import AMAZON, Trust
from daybreak.plan.servers import conninfo, way_in
from tests import fix_reports

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)


@given(TEXT, TEXT)
def test_any_name_reads_back(database: str, file: str) -> None:
    """A database called ``x sslmode=disable`` must not take the proof away."""
    told = conninfo_to_dict(conninfo(database, Trust(tls_ca=f"/{file}"), None))
    assert told == {"dbname": database, "sslmode": "verify-full", "sslrootcert": f"/{file}"}


def test_the_file_that_is_named_is_on_this_machine() -> None:
    """A line that is pasted at three in the morning has to work."""
    told = conninfo_to_dict(conninfo("embi", Trust(), "embi.cluster-1.us-east-1.rds.amazonaws.com"))
    assert (told["sslmode"], told["sslrootcert"]) == ("verify-full", str(AMAZON))
    assert AMAZON.is_file()


def test_less_is_told_as_it_is() -> None:
    """The line does what the sessions did."""
    assert conninfo(None, Trust(tls="require"), None) == "sslmode=require"
    assert conninfo(None, Trust(), "127.0.64.6") == "sslmode=disable"
    assert "verify-full" in conninfo(None, Trust(tls_ca="/lab/ca.pem"), "127.0.64.6")


@pytest.mark.parametrize(
    ("without", "status", "is_open"),
    [("nothing", "finished", True), ("validate-clone", "paused", True), ("validate-data", "paused", False)],
)
def test_nobody_is_led_to_data_that_was_not_judged(*, without: str, status: str, is_open: bool) -> None:
    """A run that was paused or ended while its data was validated has an answer, and nobody knows what is missing in it."""
    plan = fix_reports.plan()
    whole = fix_reports.state(plan, fix_reports.good_findings())
    steps = {name: step for name, step in whole.steps.items() if not name.endswith(without)}
    verdict = whole.verdict if without == "nothing" else None
    state = whole.model_copy(update={"steps": steps, "status": status, "verdict": verdict})
    assert bool(way_in(plan, state)) == is_open

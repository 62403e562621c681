"""What the provider brings beside what a witness shows of it, without a server: which witness can speak of it."""

from __future__ import annotations

from daybreak.judge.objects.past import Witnesses
from daybreak.judge.objects.renames import is_copy
from daybreak.model.findings import Finding, Standing
from daybreak.model.inventory import OF_PROVIDER, Inventory, Item
from tests.judge.objects.test_findings import FIT, UNFIT, item, judged, stock

PEOPLE = tuple(item("role", name, oid=20 + number) for number, name in enumerate(("owner", "reader", "app")))


def theirs(name: str, **changes: object) -> Item:
    """A membership of one of the provider's roles in another."""
    return item("membership", name, facts={"admin": "no", OF_PROVIDER: "yes"}, **changes)


def listed(*items: Item, version: str = "15.4", shows: bool = True) -> Inventory:
    """What all databases share."""
    group = item("role", "pg_monitor", oid=3373, facts={OF_PROVIDER: "yes"})
    return stock(*PEOPLE, *((group,) if shows else ()), *items, server_version=version, has_providers=shows)


def told(clone: Inventory, *, baseline: Inventory | None = None, source: Inventory | None = None) -> Finding:
    """What the box of roles says."""
    return judged(clone, Witnesses(baseline=baseline, source=source))["security.roles"]


def test_another_version_gives_its_own_roles_more_and_that_is_nobodys_doing() -> None:
    """A source that was upgraded since the moment shows nothing of what its provider's roles may do in the clone."""
    clone, source = listed(), listed(theirs("rds_superuser in pg_maintain"), version="17.2")
    found = told(clone, source=source)
    assert found.standing is FIT
    [line] = found.details
    assert (line.standing, line.name) == (Standing.LEFT_OUT, "what the provider's roles may do")
    same = source.model_copy(update={"server_version": "15.4"})
    assert told(clone, source=same).standing is UNFIT


def test_a_baseline_of_an_older_release_shows_nothing_of_them() -> None:
    """It left them out: what is in the clone and not in it is no addition, and what the source revoked since is none either."""
    clone = listed(theirs("rds_superuser in pg_maintain", xmin=3))
    older = listed(shows=False)
    assert told(clone, baseline=older, source=listed()).standing is FIT
    assert told(clone, baseline=listed(), source=listed()).standing is UNFIT, (
        "the same two, where the baseline shows them"
    )
    [line] = told(clone, baseline=older).details
    assert (line.standing, "older release" in line.why) == (Standing.LEFT_OUT, True)


def test_what_the_provider_brings_makes_no_copy_of_another_server() -> None:
    """Its roles have the same numbers on every server."""
    groups = [item("role", f"pg_{number}", oid=number, facts={OF_PROVIDER: "yes"}) for number in range(9)]
    ours = stock(*groups, item("role", "app", oid=20))
    assert not is_copy(ours, stock(*groups, item("role", "app", oid=40)))

"""The page a person says yes to."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from daybreak.model.exports import ExportPlace
from daybreak.model.moment import Latest
from daybreak.model.plan import Plan
from daybreak.model.receiver import Receiver
from daybreak.model.requests import CleanRequest
from daybreak.model.value import iso
from daybreak.report.markdown.plan import runbook
from daybreak.report.sentences import undo_sentence
from daybreak.report.text.plan import CREATED, plan_view
from tests import fix_worlds as worlds
from tests.fix_golden import Golden, printed, settled
from tests.fix_plans import every_plan, hostile_plan


@pytest.mark.parametrize("shape", ["pitr", "latest", "clean", "lab"])
def test_the_plan_on_a_terminal(shape: str, golden: Golden) -> None:
    """Everything that will be done, read at three in the morning, on one page."""
    plan = every_plan()[shape]
    then = "" if shape == "clean" else "daybreak restore --plan plan.json"
    golden(f"report/plan-{shape}.txt", settled(printed(plan_view(plan, then=then, is_explained=True)), plan))
    for width in (60, 80, 120):
        text = printed(plan_view(plan, then=then, more="--explain"), width=width)
        golden(f"screens/plan-{shape}-{width}.txt", settled(text, plan))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_plan_is_a_line_a_step_between_two_summaries(width: int) -> None:
    """Which clone, of which moment, what is made, what is touched, until when: read first, and there when asked."""
    plan = worlds.plan()
    lines = printed(plan_view(plan), width=width).splitlines()
    steps = [number for number, line in enumerate(lines) if re.match(r" +\d+  [a-z]", line)]
    taken = [step for step in plan.steps if not step.is_on_request]
    assert len(steps) == len(taken) == steps[-1] - steps[0] + 1
    assert len(lines) <= 40
    for part in (lines[: steps[0]], lines[steps[-1] :]):
        told = " ".join(" ".join(part).split())
        for words in (
            f"clone {plan.clone}",
            "moment 2024-01-15T14:30:00Z, 2024-01-15T15:30:00+01:00[Europe/Berlin]",
            "creates 1 cluster, 2 instances, 1 parameter group",
            f"source {plan.source}: nothing of it changes",
            "takes 24-52 min until people can work, 30-60 min in all, by 15:52Z if begun now; promised 4 hours",
        ):
            assert words in told


def test_the_names_of_what_is_created_begin_with_the_clones() -> None:
    """The summary says so, in place of a list of names; the explained plan has them all."""
    for plan in every_plan().values():
        actions = [step.action for step in plan.steps if type(step.action) in CREATED]
        names = [
            getattr(each, part) for each in actions for part in ("group", "instance", "endpoint") if hasattr(each, part)
        ]
        assert [name for name in names if not name.startswith(plan.clone)] == []


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("is_explained", [False, True])
def test_no_name_is_cut_or_folded(width: int, is_explained: bool) -> None:  # noqa: FBT001 - a case of the test
    """A name in two pieces is a name nobody approved."""
    for plan in every_plan().values():
        words = [
            set(printed(plan_view(plan, is_explained=is_explained), width=each).split()) for each in (width, 100_000)
        ]
        assert words[0] == words[1]


def test_the_moment_is_told_three_ways() -> None:
    """An hour's mistake between UTC and local time restores the accident instead of the data."""
    text = printed(plan_view(worlds.plan()))
    for reading in (
        "2024-01-15T14:30:00Z",
        "2024-01-15T15:30:00+01:00[Europe/Berlin]",
        "22 minutes 10 seconds before now",
    ):
        assert reading in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_step_is_told_at_any_width(width: int) -> None:
    """A name cut off by a narrow terminal is a name nobody approved."""
    plan = worlds.plan()
    squeezed = "".join(printed(plan_view(plan, is_explained=True), width=width).split())
    assert plan.digest() in squeezed
    assert plan.digest() in printed(plan_view(plan), width=width)
    assert all(undo_sentence(step.undo).replace(" ", "")[:20] in squeezed for step in plan.steps if step.undo)
    assert all(guard.sentence().replace(" ", "")[:20] in squeezed for step in plan.steps for guard in step.guards)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_command_is_one_line_at_any_width(width: int) -> None:
    """What a terminal was handed in pieces is pasted in pieces."""
    then = f"daybreak restore --state '/srv/{'long folder ' * 12}' --plan FILE"
    lines = printed(plan_view(worlds.plan(), then=then), width=width).splitlines()
    assert lines[-1] == f"do it    {then}"
    assert "do it" not in printed(plan_view(worlds.plan()), width=width)


def test_an_expired_plan_says_so() -> None:
    """Shown again the next morning it must not look like one that can be carried out."""
    plan = worlds.plan()
    soon = printed(plan_view(plan, then="daybreak restore --plan FILE", now=plan.expires - timedelta(minutes=3)))
    assert soon.splitlines()[-2:] == [
        f"expires  {iso(plan.expires)}, in 3 minutes",
        "do it    daybreak restore --plan FILE",
    ]
    late = printed(plan_view(plan, then="daybreak runs", now=plan.expires + timedelta(hours=9)))
    told = f"expired  {iso(plan.expires)}, 9 hours ago: it cannot be carried out any more"
    assert late.splitlines()[-2:] == [told, "again    daybreak runs"]


def test_text_from_outside_is_text() -> None:
    """A reason or a contact with an escape sequence could repaint the plan that is being approved."""
    text = printed(plan_view(hostile_plan()))
    assert "\x1b" not in text
    assert "[bold red]" in text


def test_latest_says_that_it_moves() -> None:
    """The latest moment at planning is not the one at the call."""
    plan: Plan = worlds.plan(request=worlds.pitr_request(moment=Latest()))
    assert "the latest when planned" in " ".join(printed(plan_view(plan)).split())


def test_an_estimate_beyond_the_promise_is_said() -> None:
    """Somebody who will miss the objective must learn it now, not in four hours."""
    assert "RTO" in printed(plan_view(worlds.plan(seen=worlds.observation(size=3 * 1024**4))))
    assert timedelta(hours=4) == worlds.target().objectives.rto


def test_a_clean_up_after_an_export_says_what_it_removes() -> None:
    """It is about no clone, and nothing that it removes carries a tag."""
    at = Receiver(cluster="embi-clone", resource_id="cluster-B", database="x", login="env:A")
    place = ExportPlace(bucket="exports", prefix="a.dump")
    wishes = (
        ({"is_of_export": True}, "the throw-away server and the run's folder on this machine; nothing else"),
        ({"is_of_export": True, "scratch_at": at}, "the scratch database at embi-clone with its role, where it has no"),
        ({"archive": place}, "parts in the bucket exports that came to no archive"),
    )
    for more, says in wishes:
        wish = CleanRequest(target="embi", run="embi-export-1", nonce="1f", suffix="9x4", **more)
        made = worlds.plan(request=wish, seen=worlds.observation())
        for text in (printed(plan_view(made), width=200), runbook(made).replace("\\", "")):
            assert says in " ".join(text.split())
            assert "carries" not in text
        assert re.search(r"^run +embi-export-1", printed(plan_view(made)), re.MULTILINE)
        assert not re.search(r"^clone ", printed(plan_view(made)), re.MULTILINE)
